"""Whether predicted qualities can be taken at their word."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BINS", "Calibration", "Reliability"]

BINS = 10
"""Bins of equal width."""


class Reliability(NamedTuple):
    """A reliability diagram: one entry per bin that is not empty.

    Attributes:
        predicted: Mean prediction.
        actual: Mean of what came of it.
        answers: How many.
    """

    predicted: NDArray[np.float64]
    actual: NDArray[np.float64]
    answers: NDArray[np.float64]


class Calibration:
    """Compares predictions with outcomes, bin by bin.

    Args:
        predicted: Expected qualities, 0..1, rows by models.
        actual: What came of it, likewise.
    """

    def __init__(self, predicted: NDArray[np.float64], actual: NDArray[np.float64]) -> None:
        rows = len(predicted)
        bins = np.clip((predicted * BINS).astype(np.int64), 0, BINS - 1)
        place = (np.arange(rows)[:, None] * BINS + bins).ravel()
        # sums per row and bin, so that a draw of rows is one product of matrices
        self._sums = np.concatenate(
            [
                np.bincount(place, figures, rows * BINS).reshape(rows, BINS)
                for figures in (np.ones(predicted.size), predicted.ravel(), actual.ravel())
            ],
            axis=1,
        )

    def reliability(self) -> Reliability:
        """Give the diagram."""
        count, predicted, actual = np.split(self._sums.sum(axis=0), 3)
        filled = count > 0
        count = count[filled]
        return Reliability(predicted[filled] / count, actual[filled] / count, count)

    def error(self, draws: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the expected calibration error for each draw of the rows.

        It is the mean distance of prediction and outcome over the bins, weighed by their count.

        Args:
            draws: How often each row counts, a line per draw.
        """
        count, predicted, actual = np.split(draws @ self._sums, 3, axis=1)
        gaps: NDArray[np.float64] = np.abs(predicted - actual).sum(axis=1) / count.sum(axis=1)
        return gaps
