"""The regression against a plain solution, and its predictions of rows left out."""

from __future__ import annotations

import numpy as np
import pytest

from llmrouter_integrations.evaluation import ridge
from llmrouter_integrations.evaluation.ridge import Ridge, Solver, SparseRows, nonnegative_weights


def features(rows=40, *, seed=0):
    rng = np.random.default_rng(seed)
    full = rng.random((rows, 12)) * (rng.random((rows, 12)) < 0.4)
    filled = full != 0
    starts = np.concatenate(([0], np.cumsum(filled.sum(axis=1))))
    sparse = SparseRows(starts, np.nonzero(filled)[1], full[filled], 12)
    return sparse, full, rng.standard_normal((rows, 3)), rng.standard_normal((rows, 2))


def solved(x, targets, penalty):
    return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ targets)


def test_sparse_rows_multiply_as_dense_ones_do():
    sparse, full, dense, targets = features()
    np.testing.assert_allclose(sparse.inner_products(), full @ full.T, atol=1e-5)
    np.testing.assert_allclose(sparse.transposed_times(targets), full.T @ targets)
    np.testing.assert_allclose(sparse.times(dense[:12]), full @ dense[:12])
    some = np.array([7, 0, 7])
    np.testing.assert_allclose(sparse.take(some).times(np.eye(12)), full[some])


@pytest.mark.parametrize("penalty", [0.1, 4.0])
def test_it_is_ridge_regression_and_leaves_each_row_out_exactly(penalty):
    sparse, full, dense, targets = features()
    found = Ridge(sparse, dense, np.random.default_rng(0)).fit(targets, penalty)
    x = np.concatenate([full, dense], axis=1)
    weights = np.concatenate([found.by_word, found.by_figure])
    np.testing.assert_allclose(weights, solved(x, targets, penalty), atol=1e-4)
    for row in (0, 17, 39):
        others = np.arange(40) != row
        guess = x[row] @ solved(x[others], targets[others], penalty)
        np.testing.assert_allclose(found.left_out[row], guess, atol=1e-4)


def test_blocks_come_near_the_whole(monkeypatch):
    sparse, _, dense, _ = features(400)
    targets = dense @ np.array([[1.0], [-2.0], [0.5]])
    whole = Ridge(sparse, dense, np.random.default_rng(0)).fit(targets, 1.0)
    monkeypatch.setattr(ridge, "BLOCK_ROWS", 100)
    told = []
    parted = Ridge(sparse, dense, np.random.default_rng(0), lambda *at: told.append(at))
    found = parted.fit(targets, 1.0)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    np.testing.assert_allclose(found.by_figure, whole.by_figure, atol=0.05)
    np.testing.assert_allclose(found.left_out, whole.left_out, atol=0.1)


def test_noise_is_penalized_most_and_what_is_sure_least():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 5))
    solver = Solver(x @ x.T)
    assert solver.best_penalty(x[:, :1]) == ridge.PENALTIES[0]
    assert solver.best_penalty(rng.standard_normal((60, 40))) == ridge.PENALTIES[-1]
    assert solver.best_penalty(np.zeros((60, 2))) == ridge.PENALTIES[-1]


@pytest.mark.parametrize(
    ("mix", "weights"),
    [
        ((0.7, 0.3), (0.7, 0.3)),
        ((0.0, 2.0), (0.0, 2.0)),
        ((1.0, -0.5), (1.0, 0.0)),  # what would count against is left out
        ((-1.0, -1.0), (0.0, 0.0)),
    ],
)
def test_weights_are_found_and_none_is_negative(mix, weights):
    parts = np.random.default_rng(0).standard_normal((4000, 2))
    found = nonnegative_weights(parts, parts @ np.array(mix), 0.0)
    np.testing.assert_allclose(found, weights, atol=0.03)
    doubted = nonnegative_weights(parts, parts @ np.array(mix), 4000.0)
    np.testing.assert_allclose(doubted, np.array(weights) / 2, atol=0.03)


def test_an_opinion_that_says_nothing_or_the_same_is_borne():
    rng = np.random.default_rng(0)
    one = rng.standard_normal((50, 1))
    assert nonnegative_weights(np.zeros((50, 2)), one[:, 0], 1.0).tolist() == [0.0, 0.0]
    both = nonnegative_weights(np.concatenate([one, one], axis=1), one[:, 0], 0.0)
    assert both.sum() == pytest.approx(1.0)
