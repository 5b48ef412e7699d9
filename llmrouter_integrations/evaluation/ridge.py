"""Ridge regression on hashed words and dense features, with exact leave-one-out predictions.

It is solved in its dual form, one equation per row: there are far more words than rows. Rows beyond
:data:`BLOCK_ROWS` are split into blocks at random, and the solutions are averaged (Zhang, Duchi and
Wainwright 2015, "Divide and conquer kernel ridge regression"), so that time grows linearly with
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["BLOCK_ROWS", "Ridge", "RidgeFit", "Solver", "SparseRows", "nonnegative_weights"]

BLOCK_ROWS = 2048
_OFTEN = 12
"""Entries from which on a column is multiplied as a dense one."""
PENALTIES = tuple([2.0**power for power in range(-5, 10)])
"""Tried, from hardly any to one that leaves nothing: rows have a norm of about 1."""


@dataclass(frozen=True, slots=True, eq=False)
class SparseRows:
    """Rows of a sparse matrix, as in the CSR format.

    Attributes:
        starts: Where each row begins in the other two, and where the last ends.
        columns: Of each entry.
        values: Of each entry.
        width: Number of columns.
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float64]
    width: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    def take(self, rows: NDArray[np.int64]) -> SparseRows:
        """Give some of the rows."""
        lengths = np.diff(self.starts)[rows]
        starts = np.concatenate(([0], np.cumsum(lengths)))
        entries = np.arange(starts[-1]) + np.repeat(self.starts[rows] - starts[:-1], lengths)
        return SparseRows(starts, self.columns[entries], self.values[entries], self.width)

    def row_numbers(self) -> NDArray[np.int64]:
        """Give the row of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def inner_products(self) -> NDArray[np.float64]:
        """Multiply every row with every row."""
        rows, height = self.row_numbers(), len(self)
        counts = np.bincount(self.columns, minlength=self.width)
        often = counts >= _OFTEN
        place = np.cumsum(often) - 1
        kept = often[self.columns]
        dense = np.zeros((height, int(often.sum())), np.float32)
        dense[rows[kept], place[self.columns[kept]]] = self.values[kept]
        products = (dense @ dense.T).astype(np.float64)
        # most columns have few entries: they are multiplied pair by pair
        order = np.argsort(self.columns, kind="stable")
        first = np.cumsum(counts) - counts
        for count in range(2, _OFTEN):
            entries = order[first[counts == count][:, None] + np.arange(count)]
            row, value = rows[entries], self.values[entries]
            pairs = row[:, :, None] * height + row[:, None, :]
            weights = value[:, :, None] * value[:, None, :]
            flat = np.bincount(pairs.ravel(), weights.ravel(), height * height)
            products += flat.reshape(height, height)
        np.fill_diagonal(products, np.bincount(rows, self.values**2, height))
        return products

    def transposed_times(self, other: NDArray[np.float64]) -> NDArray[np.float64]:
        """Multiply the transposed matrix with a dense one."""
        rows = self.row_numbers()
        found = np.empty((self.width, other.shape[1]))
        for place, column in enumerate(other.T):
            found[:, place] = np.bincount(self.columns, self.values * column[rows], self.width)
        return found

    def times(self, other: NDArray[np.float64]) -> NDArray[np.float64]:
        """Multiply the matrix with a dense one."""
        rows = self.row_numbers()
        found = np.empty((len(self), other.shape[1]))
        for place, column in enumerate(other.T):
            found[:, place] = np.bincount(rows, self.values * column[self.columns], len(self))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class RidgeFit:
    """A solution.

    Attributes:
        by_word: Weights of the sparse columns, by target.
        by_figure: Weights of the dense columns, by target.
        left_out: What each row's targets are predicted to be by the other rows.
        penalty: The one chosen.
    """

    by_word: NDArray[np.float64]
    by_figure: NDArray[np.float64]
    left_out: NDArray[np.float64]
    penalty: float


class Ridge:
    """Regressions on the same features; there is no intercept, so targets should be centred.

    Args:
        sparse: Features.
        dense: More features, rows by features.
        rng: Deals the rows into blocks.
        tell: Told how many blocks are prepared, and of how many.
    """

    def __init__(
        self,
        sparse: SparseRows,
        dense: NDArray[np.float64],
        rng: np.random.Generator,
        tell: Callable[[int, int], None] | None = None,
    ) -> None:
        rows = len(dense)
        self._sparse, self._dense = sparse, dense
        self._blocks = np.array_split(rng.permutation(rows), max(1, round(rows / BLOCK_ROWS)))
        self._solvers = []
        for block in self._blocks:
            figures = dense[block]
            products = sparse.take(block).inner_products() + figures @ figures.T
            self._solvers.append(Solver(products))
            if tell is not None:
                tell(len(self._solvers), len(self._blocks))

    def fit(self, targets: NDArray[np.float64], penalty: float | None = None) -> RidgeFit:
        """Regress targets on the features, with the same penalty for all.

        Args:
            targets: Rows by columns.
            penalty: None: that with the least error in the first block, each row left out.
        """
        parts = len(self._blocks)
        if penalty is None:
            penalty = self._solvers[0].best_penalty(targets[self._blocks[0]])
        by_word = np.zeros((self._sparse.width, targets.shape[1]))
        by_figure = np.zeros((self._dense.shape[1], targets.shape[1]))
        left_out = np.zeros(targets.shape)
        for block, solver in zip(self._blocks, self._solvers, strict=True):
            # in a block, a penalty weighs more than it does among all rows
            duals, own = solver.solve(targets[block], penalty / parts)
            words = self._sparse.take(block).transposed_times(duals)
            figures = self._dense[block].T @ duals
            guess = self._sparse.times(words) + self._dense @ figures
            guess[block] = own
            left_out += guess / parts
            by_word += words / parts
            by_figure += figures / parts
        return RidgeFit(by_word, by_figure, left_out, penalty)


class Solver:
    """Solves for any penalty from one decomposition.

    Args:
        products: Of every row's features with every other's.
    """

    def __init__(self, products: NDArray[np.float64]) -> None:
        values, self._vectors = np.linalg.eigh(products)
        self._values = np.maximum(values, 0.0)

    def solve(
        self, targets: NDArray[np.float64], penalty: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the dual weights, and what each row is predicted to be by the others."""
        inverse = 1.0 / (self._values + penalty)
        duals = self._vectors @ (inverse[:, None] * (self._vectors.T @ targets))
        # Rasmussen and Williams 2006, equation 5.12
        left_out = targets - duals / (self._vectors**2 @ inverse)[:, None]
        return duals, left_out

    def best_penalty(self, targets: NDArray[np.float64]) -> float:
        """Give the penalty with the least squared error on rows left out; the largest of equals."""
        if not targets.any():
            return PENALTIES[-1]
        rotated, squares = self._vectors.T @ targets, self._vectors**2
        errors = []
        for penalty in PENALTIES:
            inverse = 1.0 / (self._values + penalty)
            duals = self._vectors @ (inverse[:, None] * rotated)
            missed = duals / (squares @ inverse)[:, None]  # as in solve
            errors.append((float((missed**2).sum()), -penalty))
        return -min(errors)[1]


def nonnegative_weights(
    parts: NDArray[np.float64], wanted: NDArray[np.float64], doubt: float
) -> NDArray[np.float64]:
    """Combine few predictions into one by least squares, none with a negative weight.

    Args:
        parts: Observations by predictions.
        wanted: What they should have said.
        doubt: Observations of nothing that are added, in units of each prediction's own spread.

    Returns:
        A weight for each prediction.
    """
    count = parts.shape[1]
    products = parts.T @ parts
    products += doubt / max(len(parts), 1) * np.diag(np.diag(products))
    aims = parts.T @ wanted
    best, least = np.zeros(count), 0.0
    for chosen in range(1, 1 << count):
        kept = [place for place in range(count) if chosen >> place & 1 and products[place, place]]
        if not kept:
            continue
        found = np.linalg.lstsq(products[np.ix_(kept, kept)], aims[kept], rcond=None)[0]
        if (found >= 0).all() and (gain := -float(found @ aims[kept])) < least:
            best, least = np.zeros(count), gain
            best[kept] = found
    return best
