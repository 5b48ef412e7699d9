"""How one request has gone so far, and what may be done next: :class:`Course`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

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
    from collections.abc import Iterator, Mapping

    from llmrouter_integrations.dispatch.plan import (
        DispatchSettings,
        Plan,
        PlanTarget,
        Settle,
        Settlement,
    )
    from llmrouter_integrations.dispatch.steps import Answered, CallTarget, Failed
    from llmrouter_integrations.errors import AttemptError, TimeoutPhase
    from llmrouter_integrations.messages import Response
    from llmrouter_integrations.state.base import Permit, StateStore

__all__ = ["Course"]

TIMES_EXPECTED = 3.0
"""How many times as long as expected a whole answer may take, beyond the wait for a first token,
while another target could still be asked."""

SHARE_WHILE_OTHERS_REMAIN = 2 / 3
"""While another target could take over in time, one call may take at most this part of the time
left (a stream: until its first content), so that a target that hangs leaves time for the next."""

LEAST_CALL_S = 0.05
"""A wait that leaves less time than this for the call after it is not worth waiting."""

PROBE_POLL_S = 0.2
"""How often to ask whether somebody else's probe has come back, at most."""

SLOT_POLL_S = 0.02
"""How often to ask whether a target with as many calls under way as it may have has a place free,
at most."""

PATIENT_FROM = 0.5
"""A limit that ran out is held against the target where it was at least this part of the configured
one: the share leaves a first call 2/3, and a caller in a hurry nothing like it."""

_BOUNDED_BY: Final[Mapping[TimeoutPhase, str]] = {
    "connect": "connect_s",
    "pool": "pool_s",
    "write": "idle_s",
}
"""Phases before the first token with a limit of their own, which the attempt's may shorten."""

_RETRYING = Retrying()
"""What tenacity's wait strategies expect a call's state to belong to."""


class Course:
    """One request's attempts so far, and the time, calls and targets it has left."""

    __slots__ = (
        "attempts",
        "barred",
        "deadline",
        "errors",
        "last",
        "outgrown_window",
        "plan",
        "ready_at",
        "retries_left",
        "rng",
        "settings",
        "settle",
        "state",
    )

    def __init__(
        self,
        plan: Plan,
        *,
        state: StateStore,
        settings: DispatchSettings,
        settle: Settle,
        rng: random.Random,
        now: float,
    ) -> None:
        self.plan = plan
        self.state = state
        self.settings = settings
        self.settle = settle
        self.rng = rng
        self.deadline = now + plan.timeout_s
        self.attempts: list[Attempt] = []
        self.retries_left = settings.max_retries
        self.errors: dict[str, AttemptError] = {}
        """Target name to what its last call came to: whoever is not in it is yet to be asked."""
        self.ready_at: dict[str, float] = {}
        """Target name to when it may be asked again, if it may."""
        self.barred: set[tuple[str, str]] = set()
        """Provider and model: what refused the request would do so at its other targets too."""
        self.outgrown_window = 0
        self.last: AttemptError | None = None

    def admit(self, now: float) -> tuple[PlanTarget, Permit] | None:
        """Pick whom to ask now, if the state lets anyone through."""
        if now >= self.deadline:
            raise DeadlineExceeded(
                self.attempts, self.plan.timeout_s, retry_after_s=self._rested_in_s(now)
            ) from self.last
        admit = self.state.admit
        for target in self._unasked():
            permit = admit(target.name, target.quota_group, now, target.max_concurrency)
            if permit is not None:
                return target, permit
        for target in self._repeatable():
            if self.ready_at[target.name] <= now:
                permit = admit(target.name, target.quota_group, now, target.max_concurrency)
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
        first_s = self.plan.first_token_timeout_s
        if streamed:
            return Limits(left_s, min(first_s, share_s), self.plan.idle_timeout_s)
        if share_s < left_s:
            share_s = min(share_s, first_s + TIMES_EXPECTED * self.plan.expected_s)
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
        settlement = self.settle(target, response)
        self.attempts.append(
            Attempt(
                target.name,
                target.provider,
                target.model,
                "ok",
                duration_s=duration_s,
                first_token_s=first_token_s,
                adjustments=event.adjustments,
                usage=settlement.usage,
                cost_usd=settlement.cost_usd,
            )
        )
        return self._signed(response, target, settlement)

    def failed(
        self,
        call: CallTarget,
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
        error, target = event.error, call.target
        if error.target is None:
            error.target = target.name
        self._teach(call, permit, event, duration_s, first_token_s)
        self.last = error
        partial = event.partial if isinstance(event, Broke) else None
        settlement = None if partial is None else self.settle(target, partial)
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
                settlement and settlement.usage,
                settlement and settlement.cost_usd,
            )
        )
        if partial is not None and settlement is not None:
            partial = self._signed(partial, target, settlement)
            raise StreamInterrupted(partial, error, self.attempts) from error
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
        elif self.last is not None and all(e.elsewhere != "yes" for e in self.errors.values()):
            raise self._blamed(self.last)
        else:
            reason = ""
        raise AllTargetsFailed(
            self.attempts, reason, retry_after_s=self._rested_in_s(now)
        ) from self.last

    def _teach(
        self,
        call: CallTarget,
        permit: Permit,
        event: Failed | Broke,
        duration_s: float,
        first_token_s: float | None,
    ) -> None:
        """Tell the state what went wrong, if that says anything of the target."""
        error = event.error
        if self._says_nothing(error, call.limits, event.now):
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

    def _says_nothing(self, error: AttemptError, limits: Limits, now: float) -> bool:
        """Whether the target was not asked at all, or the caller had no patience with it."""
        if error.cools == "nothing":
            return not error.sent
        if error.status is not None and error.status >= 300:
            return False
        return now >= self.deadline or (
            error.phase is not None and self._was_impatient(error.phase, limits)
        )

    def _was_impatient(self, phase: TimeoutPhase, limits: Limits) -> bool:
        usual = self.settings
        if phase == "idle":  # a silence has the configured limit, or the deadline
            return False
        if phase == "total":
            whole_s = usual.first_token_timeout_s + TIMES_EXPECTED * self.plan.expected_s
            return limits.total_s < PATIENT_FROM * min(usual.timeout_s, whole_s)
        usual_s = min(usual.first_token_timeout_s, usual.timeout_s)
        if bound := _BOUNDED_BY.get(phase):
            usual_s = min(usual_s, getattr(limits, bound))
        return limits.first_token_s < PATIENT_FROM * usual_s

    def _weigh(self, target: PlanTarget, error: AttemptError, now: float) -> None:
        """Work out who may still be asked after an error, and when its target may be."""
        if error.elsewhere == "no":
            raise self._blamed(error)
        if error.elsewhere != "yes":
            if error.sent:
                self.barred.add((target.provider, target.model))
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
        if self.barred and (target.provider, target.model) in self.barred:
            return False
        return target.context_window is None or target.context_window > self.outgrown_window

    def _resting(self, now: float) -> list[tuple[float, str]]:
        """Say when each target that may still be asked is ready, and what it waits for."""
        snapshot = self.state.snapshot()
        found: list[tuple[float, str]] = []
        for target in (*self._unasked(), *self._repeatable()):
            rested_at = snapshot.cooling_until(target.name, target.quota_group)
            ready_at = max(rested_at, self.ready_at.get(target.name, 0.0))
            if ready_at <= now:
                poll_s, why = SLOT_POLL_S, "has as many calls under way as it may"
                if snapshot.is_probed(target.name, target.quota_group):
                    poll_s, why = PROBE_POLL_S, "is being probed"
                found.append((now + poll_s * self.rng.uniform(0.5, 1.0), f"{target.name} {why}"))
                continue
            why = snapshot.reason(target.name, target.quota_group)
            if rested_at < ready_at:
                why = type(self.errors[target.name]).__name__
            found.append((ready_at, f"{target.name} rests for {ready_at - now:.1f} s ({why})"))
        return found

    def _rested_in_s(self, now: float) -> float | None:
        """How long it takes until the first target is ready, where none is now."""
        snapshot = self.state.snapshot()
        first = min(
            max(snapshot.cooling_until(t.name, t.quota_group), self.ready_at.get(t.name, 0.0))
            for t in self.plan.targets
        )
        return first - now if first > now else None

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

    def _signed(self, response: Response, target: PlanTarget, settlement: Settlement) -> Response:
        return replace(
            response,
            target=target.name,
            provider=target.provider,
            model=response.model or target.model,
            usage=settlement.usage,
            cost_usd=settlement.cost_usd,
            decision=settlement.decision,
            attempts=tuple(self.attempts),
        )


def _told(error: AttemptError) -> str:
    said = " ".join(str(part) for part in (error.status, error.code) if part)
    return f"{type(error).__name__}: {error.message}" + (f" [{said}]" if said else "")
