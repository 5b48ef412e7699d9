"""How one request has gone so far, and what may be done next: :class:`Course`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tenacity import RetryCallState, Retrying

from llmrouter_integrations.dispatch.steps import Broke, Wait
from llmrouter_integrations.errors import (
    AllTargetsFailed,
    DeadlineExceeded,
    StreamInterrupted,
)
from llmrouter_integrations.messages import Attempt
from llmrouter_integrations.state.base import Outcome
from llmrouter_integrations.transport import Limits

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from llmrouter_integrations.dispatch.plan import DispatchSettings, Plan, PlanTarget
    from llmrouter_integrations.dispatch.steps import Answered, Failed
    from llmrouter_integrations.errors import AttemptError
    from llmrouter_integrations.messages import Response
    from llmrouter_integrations.state.base import Permit, StateStore

__all__ = ["Course"]

SHARE_WHILE_OTHERS_REMAIN = 2 / 3
"""While another target could take over in time, one call may take at most this part of the time
left (a stream: until its first content), so that a target that hangs leaves time for the next."""

LEAST_CALL_S = 0.05
"""A wait that leaves less time than this for the call after it is not worth waiting."""

PROBE_POLL_S = 0.2
"""How often to ask whether somebody else's probe has come back, at most."""

_RETRYING = Retrying()
"""What tenacity's wait strategies expect a call's state to belong to."""


class Course:
    """One request's attempts so far, and the time, calls and targets it has left."""

    __slots__ = (
        "attempts",
        "barred_models",
        "deadline",
        "errors",
        "last",
        "outgrown_window",
        "plan",
        "ready_at",
        "retries_left",
        "rng",
        "settings",
        "state",
    )

    def __init__(
        self,
        plan: Plan,
        state: StateStore,
        settings: DispatchSettings,
        rng: random.Random,
        now: float,
    ) -> None:
        self.plan = plan
        self.state = state
        self.settings = settings
        self.rng = rng
        self.deadline = now + plan.timeout_s
        self.attempts: list[Attempt] = []
        self.retries_left = settings.max_retries
        self.errors: dict[str, AttemptError] = {}
        """Target name to what its last call came to: whoever is not in it is yet to be asked."""
        self.ready_at: dict[str, float] = {}
        """Target name to when it may be asked again, if it may."""
        self.barred_models: set[str] = set()
        self.outgrown_window = 0
        self.last: AttemptError | None = None

    def admit(self, now: float) -> tuple[PlanTarget, Permit] | None:
        """Pick whom to ask now, if the state lets anyone through."""
        if now >= self.deadline:
            raise DeadlineExceeded(self.attempts, self.plan.timeout_s) from self.last
        if len(self.attempts) >= self.settings.max_calls:
            return None
        for target in self._unasked():
            permit = self.state.admit(target.name, target.quota_group, now)
            if permit is not None:
                return target, permit
        for target in self._repeatable():
            if self.ready_at[target.name] <= now:
                permit = self.state.admit(target.name, target.quota_group, now)
                if permit is not None:
                    self.retries_left -= 1
                    return target, permit
        return None

    def limits(self, target: PlanTarget, now: float, *, streamed: bool) -> Limits:
        """Say how long a call may take that starts now."""
        left_s = self.deadline - now
        share_s = left_s * SHARE_WHILE_OTHERS_REMAIN
        if not self._others_ready_by(now + share_s, target):
            share_s = left_s
        if streamed:
            first_s = min(self.plan.first_token_timeout_s, share_s)
            return Limits(left_s, first_s, self.plan.idle_timeout_s)
        return Limits(share_s, share_s, self.plan.idle_timeout_s)

    def answered(
        self,
        target: PlanTarget,
        permit: Permit,
        event: Answered,
        duration_s: float,
        first_token_s: float | None,
    ) -> Response:
        """Take note of an answer, and say in it who gave it."""
        response = event.response
        usage = response.usage
        self.state.record(
            permit,
            Outcome(
                ok=True,
                duration_s=duration_s,
                first_token_s=first_token_s,
                output_tokens=usage.output_tokens or None,
            ),
            event.now,
        )
        self.attempts.append(
            Attempt(
                target.name,
                target.provider,
                target.model,
                "ok",
                duration_s=duration_s,
                first_token_s=first_token_s,
                adjustments=event.adjustments,
                usage=usage,
            )
        )
        return self._signed(response, target)

    def failed(
        self,
        target: PlanTarget,
        permit: Permit,
        event: Failed | Broke,
        duration_s: float,
        first_token_s: float | None,
    ) -> None:
        """Take note of a failure.

        Raises:
            StreamInterrupted: It was a committed stream: nobody else can continue it.
            AttemptError: No other target can mend it.
        """
        error = event.error
        if error.target is None:
            error.target = target.name
        partial = event.partial if isinstance(event, Broke) else None
        self.attempts.append(
            Attempt(
                target.name,
                target.provider,
                target.model,
                "error" if partial is None else "interrupted",
                _told(error),
                type(error).__name__,
                duration_s,
                first_token_s,
                event.adjustments,
                None if partial is None else partial.usage,
            )
        )
        self._teach(permit, event, duration_s, first_token_s)
        self.last = error
        if partial is not None:
            raise StreamInterrupted(self._signed(partial, target), error, self.attempts) from error
        self._weigh(target, error, event.now)

    def wait(self, now: float) -> Wait:
        """Say how long to wait, now that nobody can be asked.

        Raises:
            AllTargetsFailed: Nobody will be ready in time.
            AttemptError: Only the request was ever at fault.
        """
        resting = self._resting(now)
        if resting:
            when, why = min(resting)
            if when <= self.deadline - LEAST_CALL_S:
                return Wait(when - now, why)
            reason = "no target is ready in time: " + "; ".join(why for _, why in resting)
        elif len(self.attempts) >= self.settings.max_calls:
            reason = f"gave up after {len(self.attempts)} calls"
        elif self.last is not None and all(e.elsewhere != "yes" for e in self.errors.values()):
            raise self._blamed(self.last)
        else:
            reason = ""
        raise AllTargetsFailed(self.attempts, reason) from self.last

    def _teach(
        self, permit: Permit, event: Failed | Broke, duration_s: float, first_token_s: float | None
    ) -> None:
        """Tell the state what went wrong, unless it was only the caller's own deadline."""
        error = event.error
        if error.status is None and event.now >= self.deadline:
            self.state.release(permit)
            return
        self.state.record(
            permit,
            Outcome(
                ok=False,
                cools=error.cools,
                trips_after=error.trips_after,
                retry_after_s=error.retry_after_s,
                least_cooldown_s=error.least_cooldown_s,
                reason=type(error).__name__,
                duration_s=duration_s,
                first_token_s=first_token_s,
            ),
            event.now,
        )

    def _weigh(self, target: PlanTarget, error: AttemptError, now: float) -> None:
        """Work out who may still be asked after an error, and when its target may be."""
        if error.elsewhere == "no":
            raise self._blamed(error)
        if error.elsewhere != "yes":
            self.barred_models.add(target.model)
            if error.elsewhere == "bigger_window" and target.context_window is not None:
                self.outgrown_window = max(self.outgrown_window, target.context_window)
        self.errors[target.name] = error
        self.ready_at.pop(target.name, None)
        if error.retry_same:
            failures = sum(a.target == target.name for a in self.attempts)
            self.ready_at[target.name] = now + self._backoff_s(error, failures)

    def _others_ready_by(self, when: float, target: PlanTarget) -> bool:
        snapshot = None
        for other in self._unasked():
            if other is target:
                continue
            snapshot = snapshot or self.state.snapshot()
            if snapshot.cooling_until(other.name, other.quota_group) <= when:
                return True
        return False

    def _unasked(self) -> Iterator[PlanTarget]:
        errors = self.errors
        if not errors:
            return iter(self.plan.targets)
        return (t for t in self.plan.targets if t.name not in errors and self._may_serve(t))

    def _repeatable(self) -> Iterator[PlanTarget]:
        if not self.ready_at or self.retries_left <= 0:
            return iter(())
        return (t for t in self.plan.targets if t.name in self.ready_at and self._may_serve(t))

    def _may_serve(self, target: PlanTarget) -> bool:
        if target.model in self.barred_models:
            return False
        return target.context_window is None or target.context_window > self.outgrown_window

    def _resting(self, now: float) -> list[tuple[float, str]]:
        """Say when each target that may still be asked is ready, and what it waits for."""
        if len(self.attempts) >= self.settings.max_calls:
            return []
        snapshot = self.state.snapshot()
        found: list[tuple[float, str]] = []
        for target in (*self._unasked(), *self._repeatable()):
            rested_at = snapshot.cooling_until(target.name, target.quota_group)
            ready_at = max(rested_at, self.ready_at.get(target.name, 0.0))
            if ready_at <= now:
                poll_s = PROBE_POLL_S * self.rng.uniform(0.5, 1.0)
                found.append((now + poll_s, f"{target.name} is being probed"))
                continue
            why = snapshot.reason(target.name, target.quota_group)
            if rested_at < ready_at:
                why = type(self.errors[target.name]).__name__
            found.append((ready_at, f"{target.name} rests for {ready_at - now:.1f} s ({why})"))
        return found

    def _backoff_s(self, error: AttemptError, failures: int) -> float:
        if error.retry_after_s is not None:
            return max(error.retry_after_s, 0.0)
        so_far = RetryCallState(_RETRYING, None, (), {})
        so_far.attempt_number = failures
        so_far.set_exception((type(error), error, error.__traceback__))
        return self.settings.wait(so_far) * self.rng.uniform(0.5, 1.0)

    def _blamed(self, error: AttemptError) -> AttemptError:
        error.attempts = tuple(self.attempts)
        return error

    def _signed(self, response: Response, target: PlanTarget) -> Response:
        return replace(
            response,
            target=target.name,
            provider=target.provider,
            model=response.model or target.model,
            attempts=tuple(self.attempts),
        )


def _told(error: AttemptError) -> str:
    said = " ".join(str(part) for part in (error.status, error.code) if part)
    return f"{type(error).__name__}: {error.message}" + (f" [{said}]" if said else "")
