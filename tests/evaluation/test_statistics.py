"""Calibration and the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from llmrouter_integrations.evaluation.bootstrap import Figure, draws, figure
from llmrouter_integrations.evaluation.calibration import Calibration


def test_calibration_by_hand():
    predicted = np.array([[0.12, 0.18], [0.95, 1.0]])
    actual = np.array([[0.0, 1.0], [1.0, 1.0]])
    seen = Calibration(predicted, actual)
    diagram = seen.reliability()
    np.testing.assert_allclose(diagram.predicted, [0.15, 0.975])
    np.testing.assert_allclose(diagram.actual, [0.5, 1.0])
    np.testing.assert_array_equal(diagram.answers, [2, 2])
    # bins count by how many fall into them; a draw of the first row alone sees one bin
    errors = seen.error(np.array([[1.0, 1.0], [2.0, 0.0]]))
    np.testing.assert_allclose(errors, [(0.35 + 0.025) / 2, 0.35])


def test_a_predictor_that_means_what_it_says_has_a_small_error():
    rng = np.random.default_rng(0)
    says = rng.random((20_000, 2))
    came = (rng.random(says.shape) < says).astype(float)
    once = np.ones((1, len(says)))
    assert Calibration(says, came).error(once)[0] < 0.01
    assert Calibration(1 - says, came).error(once)[0] > 0.4


def test_draws_are_of_rows_with_replacement_and_the_same_for_a_seed():
    blocks = list(draws(50, 20, 3))
    every = np.concatenate(blocks)
    assert every.shape == (20, 50)
    assert (every.sum(axis=1) == 50).all()
    assert every.max() > 1
    np.testing.assert_array_equal(every, np.concatenate(list(draws(50, 20, 3))))
    assert not np.array_equal(every, np.concatenate(list(draws(50, 20, 4))))
    assert list(draws(50, 0, 0)) == []


def test_draws_do_not_depend_on_how_many_are_made_at_once(monkeypatch):
    from llmrouter_integrations.evaluation import bootstrap

    whole = np.concatenate(list(draws(50, 20, 3)))
    monkeypatch.setattr(bootstrap, "_BYTES_AT_ONCE", 8 * 50 * 3)
    parts = list(draws(50, 20, 3))
    assert [len(part) for part in parts] == [3, 3, 3, 3, 3, 3, 2]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_an_interval_of_a_mean_covers_it_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        sample = rng.random(60) < 0.4
        means = np.concatenate(list(draws(60, 200, trial))) @ sample / 60
        told = figure(float(sample.mean()), means)
        covered += told.low <= 0.4 <= told.high
    assert 0.88 <= covered / 200 <= 0.99


@pytest.mark.parametrize(
    ("value", "replicates", "expected"),
    [
        (1.0, [1.0, 1.0], Figure(1.0, 1.0, 1.0)),
        (np.nan, [np.nan, np.nan], Figure(None, None, None)),
        (1.0, [], Figure(1.0, None, None)),
        (1.0, [np.nan, 2.0], Figure(1.0, 2.0, 2.0)),
        # a quality that some draws never reach
        (1.0, [1.0, 1.0, np.inf, np.inf], Figure(1.0, 1.0, None)),
        (np.inf, [np.inf], Figure(None, None, None)),
    ],
)
def test_figures_that_are_not_defined_are_none(value, replicates, expected):
    assert figure(value, np.array(replicates, float)) == expected
