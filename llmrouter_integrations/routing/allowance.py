"""What one request may still spend, and how dear money is meanwhile: :class:`Allowance`."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from llmrouter_integrations.errors import BudgetExceeded
from llmrouter_integrations.routing.pace import KEPT_BACK, Pace, price_of_money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmrouter_integrations.routing.decision import Scored

__all__ = ["Allowance", "Balance"]

_COST_USD = attrgetter("cost_usd")
_EVEN = 1 + 1e-9
"""What fits but for rounding fits."""


class Balance(NamedTuple):
    """How one budget stands, for one request.

    Attributes:
        budget: Its name.
        limit_usd: What may be spent in its present period, in dollars.
        spent_usd: What was; what calls under way may cost is not in it.
        begins_at: Unix time at which the period began, in seconds; 0 where it never did.
        resets_at: Unix time at which the next begins; None where it never does.
        targets: Names of the targets whose calls it pays for; None: all.
        refuses: Whether a request that nothing is left for is refused; else the cheapest target
            serves it all the same.
        pace: Whether its money is to last until the period's end.
    """

    budget: str
    limit_usd: float
    spent_usd: float
    begins_at: float = 0.0
    resets_at: float | None = None
    targets: frozenset[str] | None = None
    refuses: bool = True
    pace: bool = False

    @property
    def remaining_usd(self) -> float:
        """What is left, in dollars; never under 0."""
        return max(0.0, self.limit_usd - self.spent_usd)

    def pace_at(self, now: float) -> Pace | None:
        """Say how dear its money is; None where it need not last.

        Args:
            now: Unix time, in seconds.
        """
        if not self.pace or self.resets_at is None:
            return None
        left = max(0.0, 1 - self.spent_usd / (self.limit_usd * (1 - KEPT_BACK)))
        time_left = (self.resets_at - now) / (self.resets_at - self.begins_at)
        return Pace(self.budget, price_of_money(left, time_left), left, time_left)

    def exceeded(self, needed_usd: float | None = None) -> BudgetExceeded:
        """Make the error of a request that this budget has too little for."""
        return BudgetExceeded(
            self.budget, self.remaining_usd, self.resets_at, needed_usd=needed_usd
        )


class Allowance:
    """The budgets that one request counts against, as they stand now.

    Args:
        balances: Them.
        now: Unix time, in seconds.

    Attributes:
        balances: Them.
        pace: The one of them whose money is dearest now; None where none is paced.
        price_of_money: How many times every dollar of cost counts.
    """

    __slots__ = ("_least_usd", "balances", "pace", "price_of_money")

    def __init__(self, balances: Sequence[Balance], now: float) -> None:
        self.balances = balances
        self.pace: Pace | None = None
        self._least_usd = min([balance.remaining_usd for balance in balances]) * _EVEN
        for balance in balances:
            pace = balance.pace_at(now) if balance.pace else None
            if pace and (self.pace is None or pace.price_of_money > self.pace.price_of_money):
                self.pace = pace
        self.price_of_money = self.pace.price_of_money if self.pace is not None else 1.0

    def sift(self, kept: Sequence[list[Scored]], rejected: dict[str, str]) -> None:
        """Leave out those that are expected to cost more than is left.

        Args:
            kept: Lists of candidates, not all of them empty; those too dear are taken out.
            rejected: Target name to the reason it is left out; they are added.

        Raises:
            BudgetExceeded: All that could serve the request cost too much.
        """
        least_usd = self._least_usd
        if max([max(map(_COST_USD, scoreds)) for scoreds in kept if scoreds]) <= least_usd:
            return
        refused: list[_Refused] = []
        for scoreds in kept:
            able: list[Scored] = []
            for scored in scoreds:
                balance = self._short(scored)
                if balance is None:
                    able.append(scored)
                else:
                    refused.append(_Refused(scored, balance, scoreds))
            scoreds[:] = able
        if not any(kept):
            spared = [one for one in refused if not one.balance.refuses]
            if not spared:
                cheapest = min(refused, key=_expected_usd)
                raise cheapest.balance.exceeded(cheapest.scored.cost_usd)
            last = min(spared, key=_expected_usd)
            last.stood_in.append(last.scored)
            refused.remove(last)
        for scored, balance, _ in refused:
            rejected[scored.target.name] = (
                f"expected to cost ${scored.cost_usd:.6f}, "
                f"and budget {balance.budget!r} has ${balance.remaining_usd:.6f} left"
            )

    def _short(self, scored: Scored) -> Balance | None:
        """Give the budget that a candidate is too dear for; of several, one that refuses."""
        found: Balance | None = None
        for balance in self.balances:
            if balance.targets is not None and scored.target.name not in balance.targets:
                continue
            too_dear = scored.cost_usd > balance.remaining_usd * _EVEN
            if too_dear and (found is None or not found.refuses):
                found = balance
        return found


class _Refused(NamedTuple):
    scored: Scored
    balance: Balance
    stood_in: list[Scored]


def _expected_usd(refused: _Refused) -> float:
    return refused.scored.cost_usd
