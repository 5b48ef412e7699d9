"""How sure a figure is: percentile intervals of the bootstrap over rows.

Rows are drawn anew with replacement. Every router is measured on the same draws, so the
difference of two routers has an interval of its own, narrower than the two would suggest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Figure", "draws", "figure"]

_BYTES_AT_ONCE = 32 * 1024 * 1024


class Figure(NamedTuple):
    """A figure and its 95% interval.

    Attributes:
        value: On the rows as they are; None where it is not defined.
        low: 2.5th percentile over the draws; None where it is not defined.
        high: 97.5th percentile, likewise.
    """

    value: float | None
    low: float | None
    high: float | None


def draws(rows: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Give blocks of draws: one draw a line, how often each row was drawn.

    The same seed gives the same draws, whatever the blocks' size.
    """
    rng = np.random.default_rng(seed)
    at_once = max(1, _BYTES_AT_ONCE // (8 * rows))
    for start in range(0, resamples, at_once):
        block = np.empty((min(at_once, resamples - start), rows))
        for draw in block:
            draw[:] = np.bincount(rng.integers(0, rows, rows), minlength=rows)
        yield block


def figure(value: float, replicates: NDArray[np.float64]) -> Figure:
    """Put a figure and its replicates together.

    Replicates of NaN (a draw in which it is not defined) are left out; an infinite one counts as
    beyond every other.
    """
    known = replicates[~np.isnan(replicates)]
    if not known.size:
        return Figure(_finite(value), None, None)
    ends = np.quantile(known, [0.025, 0.975], method="nearest")
    return Figure(_finite(value), *[_finite(end) for end in ends])


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
