"""The calls of one request that are under way: :class:`Flights`.

What each holds of the state (a place, money set aside) is taken before it begins and given back,
with what the call has taught, when it ends: once, whatever becomes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmrouter_integrations.dispatch.patience import says_nothing
from llmrouter_integrations.dispatch.steps import Answered, Failed, Unjudged
from llmrouter_integrations.state.base import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmrouter_integrations.dispatch.ledger import Ledger
    from llmrouter_integrations.dispatch.plan import DispatchSettings, Plan, PlanTarget
    from llmrouter_integrations.dispatch.steps import Broke, CallTarget, Committed
    from llmrouter_integrations.errors import AttemptError
    from llmrouter_integrations.messages import Response
    from llmrouter_integrations.state.base import CutOff, Permit, StateStore, Ticket

__all__ = ["Flight", "Flights"]


@dataclass(slots=True)
class Flight:
    """A call under way.

    Attributes:
        call: What was asked for.
        permit: What the state gave for it.
        began: When.
        first_token_s: How long its first content took, in seconds, once that has come.
        so_far: Gives what has come of a committed stream.
    """

    call: CallTarget
    permit: Permit
    began: float
    first_token_s: float | None = None
    so_far: Callable[[], Response] | None = None


class Flights:
    """Calls under way, by the name of their target.

    Args:
        plan: The request's plan.
        state: Gives places, and learns what came of them.
        settings: Of the dispatcher.
        ledger: Told of calls that lose a race.
        streamed: Whether the answer is streamed.
    """

    __slots__ = ("_ledger", "_plan", "_settings", "_state", "_streamed", "_under_way")

    def __init__(
        self,
        plan: Plan,
        state: StateStore,
        settings: DispatchSettings,
        ledger: Ledger,
        *,
        streamed: bool,
    ) -> None:
        self._plan = plan
        self._state = state
        self._settings = settings
        self._ledger = ledger
        self._streamed = streamed
        self._under_way: dict[str, Flight] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    @property
    def first(self) -> CallTarget:
        """The call that began first."""
        return next(iter(self._under_way.values())).call

    @property
    def endpoints(self) -> set[str]:
        """Where they go."""
        return {flight.call.target.endpoint for flight in self._under_way.values()}

    # -- before a call ---------------------------------------------------------------------------

    def affords(self, target: PlanTarget) -> bool:
        """Whether a call more keeps to what the request may cost."""
        return self._ledger.affords(target, [f.call.target for f in self._under_way.values()])

    def admit(self, target: PlanTarget, now: float, ticket: Ticket | None) -> Permit | None:
        """Take what a call needs of the state; None where that is not to be had now."""
        holds = self._plan.holds
        if holds is not None and not holds.take(target):
            return None
        permit = self._state.admit(
            target.endpoint, target.quota_group, now, target.max_concurrency, ticket
        )
        if permit is None and holds is not None:
            holds.put_back(target)
        return permit

    def put_back(self, target: PlanTarget, permit: Permit) -> None:
        """Give back what was taken for a call that is not made."""
        self._state.release(permit)
        if self._plan.holds is not None:
            self._plan.holds.put_back(target)

    def take_off(self, call: CallTarget, permit: Permit, now: float) -> None:
        """Begin a call."""
        self._under_way[call.target.name] = Flight(call, permit, now)

    # -- after it --------------------------------------------------------------------------------

    def land(self, name: str) -> Flight:
        """Give a call that is over; without a name, the only one."""
        if name:
            return self._under_way.pop(name)
        return self._under_way.popitem()[1]

    def commit(self, event: Committed) -> tuple[Flight, list[tuple[PlanTarget, AttemptError]]]:
        """Keep one stream, and lose the others; gives those that had failed by then, too."""
        flight = self.land(event.target)
        failed = self.lose_others(event)
        self._under_way[flight.call.target.name] = flight
        flight.so_far = event.so_far
        if self._plan.verify is None:  # else it was held until its end, and nobody knows
            flight.first_token_s = event.now - flight.began
        self._state.alive(flight.permit, event.now)
        return flight, failed

    def lose_others(self, won: Answered | Committed) -> list[tuple[PlanTarget, AttemptError]]:
        """Book the calls that another was faster than; gives those that had failed by then."""
        now = won.now
        failed: list[tuple[PlanTarget, AttemptError]] = []
        came = {event.target: event for event in won.beside}
        while self._under_way:
            name, lost = self._under_way.popitem()
            target, duration_s = lost.call.target, now - lost.began
            event = came.get(name)
            if isinstance(event, Failed):
                self.teach(lost, event)
                self._ledger.failed(target, event, None, duration_s, lost.first_token_s)
                failed.append((target, event.error))
            elif isinstance(event, (Answered, Unjudged)):
                self.praise(lost, event)
                self._ledger.lost(target, duration_s, event)
            else:
                self._state.record(
                    lost.permit,
                    Outcome(
                        ok=False,
                        cut_off="first_token" if self._streamed else "end",
                        duration_s=duration_s,
                        input_tokens=self._plan.input_tokens,
                        timed_as=target.name,
                    ),
                    now,
                )
                self._ledger.lost(target, duration_s)
        return failed

    def praise(self, flight: Flight, event: Answered | Unjudged) -> None:
        """Tell the state that a call was answered."""
        self._state.record(
            flight.permit,
            Outcome(
                ok=True,
                duration_s=event.now - flight.began,
                first_token_s=flight.first_token_s,
                input_tokens=self._plan.input_tokens,
                output_tokens=event.response.usage.output_tokens or None,
                timed_as=flight.call.target.name,
            ),
            event.now,
        )

    def teach(self, flight: Flight, event: Failed | Broke) -> None:
        """Tell the state what went wrong, if that says anything of the target."""
        error, now = event.error, event.now
        limits, too_late = flight.call.limits, now >= flight.call.deadline
        if says_nothing(error, limits, self._plan, self._settings, too_late=too_late):
            self._state.release(flight.permit)
            return
        self._state.record(
            flight.permit,
            Outcome(
                ok=False,
                cools=error.cools,
                trips_after=error.trips_after,
                retry_after_s=error.retry_after_s,
                least_cooldown_s=error.least_cooldown_s,
                reason=type(error).__name__,
                duration_s=now - flight.began,
                first_token_s=flight.first_token_s,
                input_tokens=self._plan.input_tokens,
                cut_off=self._cut_off(flight, error),
                timed_as=flight.call.target.name,
            ),
            now,
        )

    def leave(self) -> None:
        """Leave every call, and give back what is held for them."""
        while self._under_way:
            _, flight = self._under_way.popitem()
            self._state.release(flight.permit)
            if self._plan.holds is not None:
                self._plan.holds.leave(flight.call.target, flight.so_far)

    def _cut_off(self, flight: Flight, error: AttemptError) -> CutOff | None:
        if error.phase is None:
            return None
        return "first_token" if self._streamed and flight.first_token_s is None else "end"
