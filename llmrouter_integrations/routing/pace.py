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
of the money left it counts 2.9 times. Nothing has to be remembered but the spend itself, so that
processes that share a budget share its price, and a restart changes nothing. What is left counts,
not what was planned: a price that is held leads the spend to the limit just at the period's end,
money that was saved in the morning is there for the afternoon, and a line that is missed near the
end weighs more than in the beginning.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

__all__ = ["GAIN", "KEPT_BACK", "MOST", "Pace", "price_of_money"]

GAIN: Final = 10.0
"""How sharply the price answers: a budget that is a tenth ahead of time at half-time counts
every dollar about nine times. With 2, half of a budget that has to be stretched far is gone before
the price has risen; with 20, a day of a hundred requests swings with each dear one. At 10, days of
100 and of 1,000 requests end within their limits, and near the score of the price of hindsight
(benchmarks/pacing.py)."""

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
        return (
            f"a dollar counts {self.price_of_money:.3g} times: budget {self.budget!r} has "
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
