"""Metrics of routing between a strong and a weak model, as RouteLLM defines them.

Source: RouteLLM (arXiv 2406.18665), section 3. Prompts are sent to the strong model in order of
the router's score. Of prompts with equal scores any may go first, so there the expectation over
random order is used; the figures then do not depend on the order of the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SHARES", "PairRanking", "apgr", "cpt", "rank_within"]

SHARES = np.linspace(0.0, 1.0, 11)
"""Shares of calls to the strong model at which the curve is read."""


def rank_within(score: NDArray[np.float64], parts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give each score's rank among those of its part, 0..1; equal scores get their mean rank.

    Scores of routers that were trained on different rows do not compare: where a part has few
    prompts that need the strong model, the others have more, and the router trained on those
    scores higher. (Pooled as they are, a router that knows nothing comes out below chance.)
    """
    ranks = np.empty(len(score))
    for part in np.unique(parts):
        mine = np.flatnonzero(parts == part)
        _, place, counts = np.unique(score[mine], return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        ranks[mine] = ((2 * ends - counts) / (2 * len(mine)))[place]
    return ranks


class PairRanking:
    """How well a score tells which prompts need the strong model.

    Args:
        score: One per prompt; the strong model is used for the highest first.
        strong: Quality of the strong model's answer to each.
        weak: Quality of the weak model's.
    """

    def __init__(
        self,
        score: NDArray[np.float64],
        strong: NDArray[np.float64],
        weak: NDArray[np.float64],
    ) -> None:
        self._order = np.argsort(-score, kind="stable")
        ranked = score[self._order]
        self._gain = (strong - weak)[self._order]
        # the last of each run of equal scores
        self._ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)

    def pgr(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Give the performance gap recovered at each of :data:`SHARES`.

        Args:
            weights: How often each prompt counts; None: once.

        Returns:
            0 at no strong call, 1 at all; NaN everywhere where the two models are equally good.
        """
        gain = self._gain
        ranked = np.ones(len(gain)) if weights is None else weights[self._order]
        calls = np.concatenate(([0.0], np.cumsum(ranked)[self._ends]))
        gained = np.concatenate(([0.0], np.cumsum(ranked * gain)[self._ends]))
        gap = gained[-1]
        if abs(gap) < 1e-12 * max(1.0, calls[-1]):
            return np.full(len(SHARES), np.nan)
        return np.asarray(np.interp(SHARES * calls[-1], calls, gained) / gap)


def apgr(pgr: NDArray[np.float64]) -> float:
    """Average the performance gap recovered: the area under its curve, by trapezoids."""
    return float(np.trapezoid(pgr, SHARES))


def cpt(pgr: NDArray[np.float64], share_of_gap: float) -> float:
    """Give the share of strong calls at which the curve first reaches a share of the gap.

    Between the points of the curve it is taken to be straight. NaN where it is NaN.
    """
    if np.isnan(pgr[-1]):
        return float("nan")
    # the last point is exactly 1, so some point reaches any share
    first = int(np.argmax(pgr >= share_of_gap))
    if first == 0:
        return float(SHARES[0])
    before, after = pgr[first - 1], pgr[first]
    part = (share_of_gap - before) / (after - before)
    return float(SHARES[first - 1] + part * (SHARES[first] - SHARES[first - 1]))
