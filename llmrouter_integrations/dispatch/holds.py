"""The money of one request, set aside call by call: :class:`Holds`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from llmrouter_integrations.errors import BudgetExceeded
from llmrouter_integrations.state.base import Shortage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmrouter_integrations.dispatch.plan import PlanTarget
    from llmrouter_integrations.messages import Attempt, Response
    from llmrouter_integrations.state.base import Account, Reservation, StateStore

    Accounts = Callable[[str, float], Sequence[Account]]
    Expect = Callable[[str], "Expected"]
    CostOf = Callable[[str, Response], float | None]

__all__ = ["Expected", "Holds"]


class Expected(NamedTuple):
    """What a call may cost.

    Attributes:
        usd: What it is expected to, in dollars.
        most_usd: What it may come to, in dollars.
    """

    usd: float
    most_usd: float


class Holds:
    """Sets money aside before each call of one request, and books what the call came to.

    Args:
        state: Who keeps the accounts.
        accounts: Gives those that a call counts against, by the name of its target and Unix time.
        expect: Says what a call may cost, by the name of its target.
        cost_of: Works out the dollars of an answer that was not finished, by the name of who gave
            it; None where there is no price.
        clock: Unix time, in seconds.
    """

    __slots__ = ("_accounts", "_clock", "_cost_of", "_expect", "_held", "_short", "_state")

    def __init__(
        self,
        state: StateStore,
        accounts: Accounts,
        expect: Expect,
        cost_of: CostOf,
        clock: Callable[[], float],
    ) -> None:
        self._state = state
        self._accounts = accounts
        self._expect = expect
        self._cost_of = cost_of
        self._clock = clock
        self._held: dict[str, tuple[Reservation, float]] = {}
        self._short: dict[str, Shortage] = {}

    def take(self, target: PlanTarget) -> bool:
        """Set aside what a call may cost; say whether there was so much.

        What is taken must be given back by :meth:`book`, :meth:`leave` or :meth:`put_back`.
        """
        now = self._clock()
        accounts = self._accounts(target.name, now)
        if not accounts:
            return True
        expected = self._expect(target.name)
        got = self._state.reserve(accounts, expected.usd, expected.most_usd, now)
        if isinstance(got, Shortage):
            self._short[target.name] = got
            return False
        self._short.pop(target.name, None)
        self._held[target.name] = got, expected.usd
        return True

    def put_back(self, target: PlanTarget) -> None:
        """Hold nothing any more for a call that was not made."""
        self._book(target.name, 0.0)

    def book(self, attempt: Attempt) -> None:
        """Book a call that is over: its cost, or the expected one of an answer without a price."""
        nothing_came = attempt.outcome == "error" and attempt.usage is None
        self._book(attempt.target, 0.0 if nothing_came else attempt.cost_usd)

    def leave(self, target: PlanTarget, so_far: Callable[[], Response] | None) -> None:
        """Book a call that was left before its end.

        What its provider bills nobody tells: what had come of an answer, or, where nothing had,
        the expected cost.
        """
        self._book(target.name, None if so_far is None else self._cost_of(target.name, so_far()))

    def short_of(self, target: PlanTarget) -> Shortage | None:
        """Say why nothing was left for a call to a target when it was last asked for."""
        return self._short.get(target.name)

    def exceeded(self) -> BudgetExceeded | None:
        """Make the error of a request that too little was left for; None where nothing was."""
        if not self._short:
            return None
        account, spent_usd, _ = next(iter(self._short.values()))
        return BudgetExceeded(
            account.budget,
            max(0.0, account.limit_usd - spent_usd),
            None if math.isinf(account.expires_at) else account.expires_at,
        )

    def _book(self, name: str, usd: float | None) -> None:
        held = self._held.pop(name, None)
        if held is not None:
            reservation, expected_usd = held
            self._state.book(reservation, expected_usd if usd is None else usd)
