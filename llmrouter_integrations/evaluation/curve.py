"""Metrics of a router's cost and quality: the hull of its curve, AIQ, C@98 and the arena score.

Sources: AIQ and the hull, RouterBench (arXiv 2403.12031), section 3; the arena score, RouterArena
(arXiv 2510.00202).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "ARENA_CHEAPEST_USD",
    "ARENA_DEAREST_USD",
    "aiq",
    "along",
    "arena_score",
    "cost_to_reach",
    "hull",
]

ARENA_CHEAPEST_USD = 0.0044
ARENA_DEAREST_USD = 200.0
"""Dollars per 1,000 queries at which RouterArena's cost score is 1 and 0."""
_ARENA_BETA = 0.1


def hull(
    cost: NDArray[np.float64], quality: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the non-decreasing hull over points: what mixing between them by coin can reach.

    Args:
        cost: Of each point, in any unit.
        quality: Of each point.

    Returns:
        Costs, rising, and qualities, rising at a falling rate; beyond the dearest point the
        quality stays as it is.
    """
    kept: list[tuple[float, float]] = []
    for place in np.lexsort((-quality, cost)):
        x, y = float(cost[place]), float(quality[place])
        if kept and y <= kept[-1][1]:
            continue
        while len(kept) > 1:
            (x0, y0), (x1, y1) = kept[-2:]
            if (y1 - y0) * (x - x1) > (y - y1) * (x1 - x0):
                break
            kept.pop()
        kept.append((x, y))
    xs, ys = zip(*kept, strict=True)
    return np.array(xs), np.array(ys)


def undominated(cost: NDArray[np.float64], quality: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the points that no other beats at the same cost or less: the Pareto frontier."""
    mine = np.zeros(len(cost), np.bool_)
    best = -math.inf
    for place in np.lexsort((-quality, cost)):
        if quality[place] > best:
            best = float(quality[place])
            mine[place] = True
    return mine


def along(
    cost: NDArray[np.float64], quality: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give more points of a hull, for drawing: on a logarithmic axis its straight lines bend."""
    if cost[0] <= 0 or len(cost) < 2:
        return cost, quality
    more = np.union1d(cost, np.geomspace(cost[0], cost[-1], 100))
    return more, np.interp(more, cost, quality)


def aiq(
    cost: NDArray[np.float64], quality: NDArray[np.float64], cheapest: float, dearest: float
) -> float:
    """Average the quality under the hull over a range of costs.

    Args:
        cost: The hull's costs, rising.
        quality: The hull's qualities.
        cheapest: Where the range begins: the mean cost of the cheapest model.
        dearest: Where it ends: the mean cost of the dearest. Their released code divides by this
            instead of by the range; the paper, and we, divide by the range.

    Returns:
        Mean quality over the range; below the hull's first point its first quality counts. NaN
        where the range is empty.
    """
    if not dearest > cheapest:
        return float("nan")
    inside = cost[(cost > cheapest) & (cost < dearest)]
    xs = np.concatenate(([cheapest], inside, [dearest]))
    return float(np.trapezoid(np.interp(xs, cost, quality), xs) / (dearest - cheapest))


def cost_to_reach(cost: NDArray[np.float64], quality: NDArray[np.float64], wanted: float) -> float:
    """Give the least cost at which a hull reaches a quality; infinite where it never does."""
    if quality[-1] < wanted:
        return math.inf
    return float(np.interp(wanted, quality, cost))


def arena_score(accuracy: float, usd_per_1000: float) -> float:
    """Weigh accuracy and cost as RouterArena does: 1.1 A C / (0.1 A + C).

    C falls with the logarithm of the cost, from 1 at $0.0044 per 1,000 queries to 0 at $200.

    Args:
        accuracy: 0..1.
        usd_per_1000: Dollars per 1,000 queries; beyond the two ends it counts as the end.

    Returns:
        0..1.
    """
    span = math.log2(ARENA_DEAREST_USD) - math.log2(ARENA_CHEAPEST_USD)
    bounded = min(max(usd_per_1000, ARENA_CHEAPEST_USD), ARENA_DEAREST_USD)
    cheapness = (math.log2(ARENA_DEAREST_USD) - math.log2(bounded)) / span
    below = _ARENA_BETA * accuracy + cheapness
    return (1 + _ARENA_BETA) * accuracy * cheapness / below if below > 0 else 0.0
