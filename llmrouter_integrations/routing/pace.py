"""How dear money is while it has to last until a budget's period ends: :func:`price_of_money`.

A budget that is spent as if it had no end is gone by noon, and the rest of the day goes without.
What is best in hindsight is one price of money for the whole period, at which the budget is just
used up: whoever is still worth it then, is asked. Nobody knows that price beforehand, so it is
found as one goes: a multiplier on every cost that rises while spend is ahead of time and falls
while it is behind. Such adaptive pacing multipliers come near the price of hindsight whatever the
traffic is like (Balseiro and Gur, "Learning in Repeated Auctions with Budgets", Management
Science 65(9), 2019); theirs is a step of dual gradient descent at each auction, which adds up to a
function of how far spend is ahead of a straight line.

Here it is taken straight from what is left, as a power of a ratio:

    price = (share of the time left / share of the money left) ** GAIN, at least 1

On a straight line both shares are the same, and a dollar is a dollar. With half of the day and 45%
of the money left it counts 8 times. Nothing has to be remembered but the spend itself, so that
processes that share a budget share its price, and a restart changes nothing. What is left counts,
not what was planned: a price that is held leads the spend to the limit just at the period's end,
money that was saved in the morning is there for the afternoon, and a line that is missed near the
end weighs more than in the beginning.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

__all__ = ["GAIN", "KEPT_BACK", "MOST", "Pace", "price_of_money"]

GAIN: Final = 20.0
"""How sharply the price answers. A price that has to be high is reached only when spend is ahead of
time by so much: the lower the gain, the more of a scarce budget is gone by then. Of 5, 10, 15, 20,
30 and 50, on days of 100 and of 1,000 requests and limits from 60% down to 10% of what would be
spent without one, 5 lost most; 20 was within 0.006 of the best score at the limits that leave a
choice, and above 20 little was won at the others (benchmarks/pacing.py)."""

MOST: Final = 1000.0
"""Where the price ends: an answer worth a dollar is then worth a tenth of a cent."""


KEPT_BACK: Final = 0.02
"""Share of a budget that its pace does not plan with: one dear answer shortly before the end must
not take what the cheap ones after it need."""


class Pace(NamedTuple):
    """Why money has the price it has.

    Attributes:
        budget: The name of the budget that has to last.
        price_of_money: How many times every dollar of cost counts; at least 1.
        money_left: Share of what it plans with that is left, 0..1.
        time_left: Share of its period that is left, 0..1.
    """

    budget: str
    price_of_money: float
    money_left: float
    time_left: float

    def __str__(self) -> str:
        price = self.price_of_money
        counts = f"{price:.3g} times" if price > 1 else "as one"
        return (
            f"a dollar counts {counts}: budget {self.budget!r} has "
            f"{self.money_left:.0%} of its money and {self.time_left:.0%} of its time left"
        )


def price_of_money(money_left: float, time_left: float) -> float:
    """Say how many times a dollar counts.

    Args:
        money_left: Share of the money that is left; under 0 where it is overspent.
        time_left: Share of its period that is left, 0..1.

    Returns:
        1 where spend is not ahead of time, else more, up to :data:`MOST`.
    """
    if money_left >= time_left:
        return 1.0
    if time_left >= money_left * _MOST_RATIO:
        return MOST
    return math.pow(time_left / money_left, GAIN)


_MOST_RATIO: Final = MOST ** (1 / GAIN)
