"""How one request has gone so far, and what may be done next: :class:`Course`."""

from __future__ import annotations

from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, NoReturn

from tenacity import RetryCallState, Retrying

from llmrouter_integrations.dispatch.flights import Flights
from llmrouter_integrations.dispatch.ledger import Ledger
from llmrouter_integrations.dispatch.patience import (
    SHARE_WHILE_OTHERS_REMAIN,
    call_limits,
)
from llmrouter_integrations.dispatch.steps import (
    Answered,
    Bell,
    Broke,
    CallTarget,
    Continue,
    Done,
    Failed,
    Relay,
    Repair,
    Wait,
)
from llmrouter_integrations.errors import (
    AllTargetsFailed,
    DeadlineExceeded,
    RejectedAnswerError,
    StreamInterrupted,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from llmrouter_integrations.dispatch.plan import DispatchSettings, Plan, PlanTarget, Settle
    from llmrouter_integrations.dispatch.steps import Committed, Unjudged
    from llmrouter_integrations.errors import AttemptError, RouterError
    from llmrouter_integrations.messages import Response
    from llmrouter_integrations.state.base import Permit, StateStore, Ticket

    _Resting = tuple[float, str, PlanTarget | None]
    """When a target may be asked, what it waits for, and itself if that is only a free place."""

__all__ = ["Course"]

LEAST_CALL_S = 0.05
"""A wait that leaves less time than this for the call after it is not worth waiting."""

PROBE_POLL_S = 0.2
"""How often to ask whether somebody else's probe has come back, at most."""

PLACE_POLL_S = 1.0
"""How often to look again at a target whose places are all taken, should nobody ring."""

MONEY_POLL_S = 0.1
"""How often to look whether calls under way have left something of the budget, at most."""

PATIENCE_WITH_ANSWER_S = 2.0
"""How long a better answer may be waited for, where one is at hand that only lacks in something."""

_WHEN = itemgetter(0)
_RETRYING = Retrying()
"""What tenacity's wait strategies expect a call's state to belong to."""


class Course:
    """One request's attempts so far, and the time, calls and targets it has left."""

    __slots__ = (
        "_at_hand",
        "_barred",
        "_bell",
        "_broken",
        "_deadline",
        "_down",
        "_errors",
        "_flights",
        "_last",
        "_ledger",
        "_outgrown_window",
        "_plan",
        "_ready_at",
        "_repair",
        "_retries_left",
        "_rng",
        "_settings",
        "_state",
        "_streamed",
        "_ticket",
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
        streamed: bool,
    ) -> None:
        self._plan = plan
        self._state = state
        self._settings = settings
        self._rng = rng
        self._streamed = streamed
        self._deadline = now + plan.timeout_s
        self._ledger = Ledger(plan, settle)
        self._retries_left = settings.max_retries
        self._flights = Flights(plan, state, settings, self._ledger, streamed=streamed)
        self._errors: dict[str, AttemptError] = {}
        """Target name to what its last call came to: whoever is not in it is yet to be asked."""
        self._ready_at: dict[str, float] = {}
        """Target name to when it may be asked again, if it may."""
        self._barred: set[tuple[str, str]] = set()
        """Provider and model: what refused the request would do so at its other targets too."""
        self._down: set[str] = set()
        """Endpoints that failed, and would at another effort too."""
        self._outgrown_window = 0
        self._last: AttemptError | None = None
        self._at_hand: Response | None = None
        """A finished answer that lacks in something, for want of a better one."""
        self._repair: tuple[PlanTarget, Repair] | None = None
        self._broken: StreamInterrupted | None = None
        """What the caller has already seen of an answer that broke off, and why it did."""
        self._ticket: Ticket | None = None
        self._bell: Bell | None = None

    # -- whom to ask -----------------------------------------------------------------------------

    @property
    def in_flight(self) -> bool:
        """Whether a call is under way."""
        return bool(self._flights)

    def next_call(self, now: float) -> CallTarget | None:
        """Say whom to ask now, if the state lets anyone through.

        Raises:
            DeadlineExceeded: Time is up.
            StreamInterrupted: It is, and nobody could go on with what the caller has seen.
        """
        if now >= self._deadline:
            if self._at_hand is not None and self._broken is None:
                return None
            self._end(
                DeadlineExceeded(
                    self._ledger.attempts,
                    self._plan.timeout_s,
                    retry_after_s=self._rested_in_s(now),
                )
            )
        if self._repair is not None and self._retries_left > 0:
            target, repair = self._repair
            if (permit := self._admit(target, now)) is not None:
                self._repair = None
                self._retries_left -= 1
                return self._take_off(target, permit, now, repair)
        amend = None if self._broken is None else self._going_on(self._broken)
        for target in self._unasked():
            if (permit := self._admit(target, now)) is not None:
                return self._take_off(target, permit, now, amend)
        for target in self._repeatable():
            if self._repair is not None and target is self._repair[0]:
                continue
            if (
                self._ready_at[target.name] <= now
                and (permit := self._admit(target, now)) is not None
            ):
                self._retries_left -= 1
                return self._take_off(target, permit, now, amend)
        return None

    def hedge(self, now: float) -> CallTarget | None:
        """Say whom to ask beside a call that is slow, if that is wanted and can be paid."""
        hedge, expect = self._plan.hedge, self._plan.expect
        if hedge is None or len(self._flights) != 1 or now >= self._deadline - LEAST_CALL_S:
            return None
        for target in self._unasked():
            if target.endpoint in self._flights.endpoints:
                continue
            if (permit := self._admit(target, now)) is None:
                continue
            cost_usd = (expect(target).cost_usd if expect else None) or 0.0
            if not hedge.pays(cost_usd):
                self._flights.put_back(target, permit)
                return None
            call = self._flights.first
            amend = None if isinstance(call.amend, Repair) else call.amend
            return self._take_off(target, permit, now, amend)
        return None

    def wait(self, now: float) -> Wait | Done:
        """Say how long to wait, now that nobody can be asked; or give what is at hand.

        Raises:
            AllTargetsFailed: Nobody will be ready in time.
            AttemptError: Only the request was ever at fault.
            StreamInterrupted: Nobody could go on with what the caller has seen.
        """
        resting = self._resting(now) if now < self._deadline else []
        if resting:
            when, why, _ = min(resting, key=_WHEN)
            until = self._deadline - LEAST_CALL_S
            if self._at_hand is not None:
                until = min(until, now + PATIENCE_WITH_ANSWER_S)
            if when <= until:
                full = [target for _, _, target in resting if target is not None]
                bell = self._queue(full) if full else None
                if bell is not None or len(full) < len(resting):
                    return Wait(when - now, why, bell)
                resting = [(when, f"too many wait for {t.name}", t) for t in full]
        if self._at_hand is not None and self._broken is None:
            if self._plan.handed_on is not None and self._at_hand.target is not None:
                self._plan.handed_on(self._at_hand.target)
            return Done(replace(self._at_hand, attempts=tuple(self._ledger.attempts)))
        if resting:
            reason = "no target is ready in time: " + "; ".join(why for _, why, _ in resting)
        elif self._last is not None and all(e.elsewhere != "yes" for e in self._errors.values()):
            self._end(self._blamed(self._last))
        else:
            reason = self._too_dear()
            holds = self._plan.holds
            exceeded = holds.exceeded() if holds is not None else None
            if exceeded is not None:
                if not self._ledger.attempts:
                    self._end(exceeded)
                reason = str(exceeded)
        return self._end(
            AllTargetsFailed(self._ledger.attempts, reason, retry_after_s=self._rested_in_s(now))
        )

    # -- what came of it -------------------------------------------------------------------------

    def answered(self, event: Answered) -> Response:
        """Take note of an answer, and say in it who gave it."""
        flights = self._flights
        flight = flights.land(event.target)
        flights.lose_others(event)
        flights.praise(flight, event)
        duration_s = event.now - flight.began
        return self._ledger.answered(flight.call.target, event, duration_s, flight.first_token_s)

    def committed(self, event: Committed) -> Relay:
        """Take note of a stream's first content: this one is handed on, and no other."""
        flight, failed = self._flights.commit(event)
        call = flight.call
        for target, error in failed:  # if this stream breaks, they are no longer yet to be asked
            self._weigh(target, error, event.now)
        broken = self._broken
        replaced = broken is not None and not isinstance(call.amend, Continue)
        return Relay(call.target, broken.partial if replaced and broken is not None else None)

    def failed(self, event: Failed | Broke) -> None:
        """Take note of a failure.

        Raises:
            StreamInterrupted: It was a committed stream that nobody else can continue.
            AttemptError: No other target can mend it.
        """
        flight = self._flights.land(event.target)
        error, target = event.error, flight.call.target
        if error.target is None:
            error.target = target.name
        duration_s = event.now - flight.began
        self._flights.teach(flight, event)
        self._last = error
        partial = event.partial if isinstance(event, Broke) else None
        settlement = self._ledger.failed(target, event, partial, duration_s, flight.first_token_s)
        if partial is not None and settlement is not None:
            partial = self._ledger.signed(partial, target, settlement)
            self._broken = StreamInterrupted(partial, error, self._ledger.attempts)
            if not self._may_go_on(self._broken):
                raise self._broken from error
        elif error.answer is not None and settlement is not None and not self._plan.strict:
            at_hand = self._ledger.signed(error.answer, target, settlement)
            if self._at_hand is None or at_hand.message.parts:
                self._at_hand = at_hand
        self._weigh(target, error, event.now)

    def unjudged(self, event: Unjudged) -> None:
        """Take note of an answer that is billed, and that nobody will see."""
        flight = self._flights.land(event.target)
        self._flights.praise(flight, event)
        problem = f"it raised {type(event.fault).__name__}"
        rejected = RejectedAnswerError(problem, answer=event.response)
        failed = Failed(event.now, rejected, event.adjustments)
        duration_s = event.now - flight.began
        self._ledger.failed(flight.call.target, failed, None, duration_s, flight.first_token_s)

    def close(self) -> None:
        """Give back what is held of the state."""
        self._flights.leave()
        self._leave_queue()

    # -- inside ----------------------------------------------------------------------------------

    def _admit(self, target: PlanTarget, now: float) -> Permit | None:
        if not self._flights.affords(target):
            return None
        permit = self._flights.admit(target, now, self._ticket)
        if permit is not None:
            self._leave_queue()
        elif self._ticket is not None and self._ticket.target == target.endpoint:
            holds = self._plan.holds
            if holds is not None and holds.short_of(target) is not None:
                self._leave_queue()  # a place is of no use there without the money
        return permit

    def _take_off(
        self, target: PlanTarget, permit: Permit, now: float, amend: Repair | Continue | None
    ) -> CallTarget:
        left_s = self._deadline - now
        share_s = left_s * SHARE_WHILE_OTHERS_REMAIN
        if not self._others_ready_by(now + share_s, target):
            share_s = left_s
        hedge = self._plan.hedge
        slow_after_s = None
        if hedge is not None and not self._flights:
            slow_after_s = hedge.after_s(target)
        limits = call_limits(self._plan, left_s, share_s, streamed=self._streamed)
        call = CallTarget(target, limits, self._deadline, amend, slow_after_s)
        self._flights.take_off(call, permit, now)
        return call

    def _weigh(self, target: PlanTarget, error: AttemptError, now: float) -> None:
        """Work out who may still be asked after an error, and when its target may be."""
        if error.elsewhere == "no" and not self._flights:
            self._end(self._blamed(error))
        if error.elsewhere != "yes":
            if error.sent:
                self._barred.add((target.provider, target.model))
            if error.elsewhere == "bigger_window" and target.context_window is not None:
                self._outgrown_window = max(self._outgrown_window, target.context_window)
        if error.cools != "nothing":
            self._down.add(target.endpoint)
        asked_before = target.name in self._errors
        self._errors[target.name] = error
        self._ready_at.pop(target.name, None)
        if isinstance(error, RejectedAnswerError):
            if error.answer is not None and not asked_before and self._retries_left > 0:
                self._repair = target, Repair(error.answer, error.problem)
                self._ready_at[target.name] = now
        elif error.retry_same:
            failures = sum(a.target == target.name for a in self._ledger.attempts)
            self._ready_at[target.name] = now + self._backoff_s(error, failures)

    def _may_go_on(self, broken: StreamInterrupted) -> bool:
        """Whether somebody may take over from a stream of which something was handed on."""
        wanted = self._plan.on_interrupt
        if wanted == "continue":
            parts = broken.partial.message.parts
            return len(parts) == 1 and bool(broken.partial.text)
        return wanted == "restart"

    def _going_on(self, broken: StreamInterrupted) -> Continue | None:
        return Continue(broken.partial) if self._plan.on_interrupt == "continue" else None

    def _others_ready_by(self, when: float, target: PlanTarget) -> bool:
        taken = {target.endpoint, *self._flights.endpoints}
        snapshot = None
        for other in self._unasked():
            if other.endpoint in taken:
                continue
            snapshot = snapshot or self._state.snapshot()
            if snapshot.cooling_until(other.endpoint, other.quota_group) <= when:
                return True
        return False

    def _unasked(self) -> Iterator[PlanTarget]:
        errors = self._errors
        if not errors:
            return iter(self._plan.targets)
        return (
            t
            for t in self._plan.targets
            if t.name not in errors and t.endpoint not in self._down and self._may_serve(t)
        )

    def _repeatable(self) -> Iterator[PlanTarget]:
        if not self._ready_at or self._retries_left <= 0:
            return iter(())
        return (t for t in self._plan.targets if t.name in self._ready_at and self._may_serve(t))

    def _may_serve(self, target: PlanTarget) -> bool:
        if self._barred and (target.provider, target.model) in self._barred:
            return False
        continuing = self._broken is not None and self._plan.on_interrupt == "continue"
        if continuing and not target.prefills:
            return False
        return target.context_window is None or target.context_window > self._outgrown_window

    # -- waiting ---------------------------------------------------------------------------------

    def _resting(self, now: float) -> list[_Resting]:
        """Say when each target that may still be asked is ready, and what it waits for."""
        snapshot, holds = self._state.snapshot(), self._plan.holds
        found: list[_Resting] = []
        for target in (*self._unasked(), *self._repeatable()):
            if not self._flights.affords(target):
                continue
            short = None if holds is None else holds.short_of(target)
            if short is not None and not short.passing:
                continue
            rested_at = snapshot.cooling_until(target.endpoint, target.quota_group)
            ready_at = max(rested_at, self._ready_at.get(target.name, 0.0))
            if ready_at > now:
                why = snapshot.reason(target.endpoint, target.quota_group)
                if rested_at < ready_at:
                    why = type(self._errors[target.name]).__name__
                told = f"{target.name} rests for {ready_at - now:.1f} s ({why})"
                found.append((ready_at, told, None))
                continue
            if short is not None:
                told = f"{target.name} waits for what calls leave of {short.account.budget!r}"
                found.append((now + MONEY_POLL_S * self._rng.uniform(0.5, 1.0), told, None))
                continue
            full = None
            poll_s, why = PROBE_POLL_S, "is being probed"
            limited = target.max_concurrency is not None
            if limited and not snapshot.is_probed(target.endpoint, target.quota_group):
                poll_s, why, full = PLACE_POLL_S, "has as many calls under way as it may", target
            when = now + poll_s * self._rng.uniform(0.5, 1.0)
            found.append((when, f"{target.name} {why}", full))
        return found

    def _queue(self, full: list[PlanTarget]) -> Bell | None:
        """Stand in line at targets whose places are all taken, if there is room in the line."""
        if self._bell is not None and not self._bell.has_rung:
            return self._bell
        self._leave_queue()
        bell = Bell()
        self._ticket = self._state.queue(
            list({t.endpoint: t.max_concurrency for t in full if t.max_concurrency}.items()),
            priority=self._plan.priority,
            flow=self._plan.flow,
            wake=bell.ring,
        )
        if self._ticket is not None:
            self._bell = bell
        return self._bell

    def _too_dear(self) -> str:
        """Say so if somebody could be asked but for what the request may cost."""
        if all(map(self._flights.affords, (*self._unasked(), *self._repeatable()))):
            return ""
        return f"a further call would cost more than is left of ${self._plan.max_cost_usd:g}"

    def _leave_queue(self) -> None:
        if self._ticket is not None:
            self._state.leave(self._ticket)
            self._ticket = self._bell = None

    def _rested_in_s(self, now: float) -> float | None:
        """How long it takes until the first target is ready, where none is now."""
        snapshot = self._state.snapshot()
        first = min(
            max(snapshot.cooling_until(t.endpoint, t.quota_group), self._ready_at.get(t.name, 0.0))
            for t in self._plan.targets
        )
        return first - now if first > now else None

    def _backoff_s(self, error: AttemptError, failures: int) -> float:
        if error.retry_after_s is not None:
            return max(error.retry_after_s, 0.0)
        so_far = RetryCallState(_RETRYING, None, (), {})
        so_far.attempt_number = failures
        so_far.set_exception((type(error), error, error.__traceback__))
        return self._settings.wait(so_far) * self._rng.uniform(0.5, 1.0)

    def _blamed(self, error: AttemptError) -> AttemptError:
        error.attempts = tuple(self._ledger.attempts)
        return error

    def _end(self, error: RouterError) -> NoReturn:
        """Give up, with the error that says most: what the caller has seen comes first."""
        if self._broken is not None:
            broken = self._broken
            raise StreamInterrupted(
                broken.partial, broken.cause, self._ledger.attempts
            ) from self._last
        if error is self._last:
            raise error
        raise error from self._last
