"""What scores say of a target: known answers of the posterior."""

from __future__ import annotations

import numpy as np
import pytest

from llmrouter_integrations.routing.evidence import (
    LEVEL_VARIANCE,
    SCORE_VARIANCE,
    TASK_VARIANCE,
    beliefs,
    prior_error,
)
from llmrouter_integrations.state.base import Tally

K = SCORE_VARIANCE / TASK_VARIANCE


def believe(error=0.03, fade=1.0, **tallies):
    found = {task: Tally(n, excess, 0.0) for task, (n, excess) in tallies.items()}
    return beliefs(found, dict.fromkeys(found, fade), error)


@pytest.mark.parametrize("n", [0.5, 1, 10, 1000])
@pytest.mark.parametrize("expected", [0.2, 0.7])
def test_at_one_task_it_is_the_mean_of_prior_and_scores(n, expected):
    mean = 0.9
    shift = believe(chat=(n, n * (mean - expected)))["chat"].shift
    prior = 1 / (1 / K + (0.03**2 + LEVEL_VARIANCE) / SCORE_VARIANCE)
    assert expected + shift == pytest.approx((prior * expected + n * mean) / (prior + n))


def test_several_tasks_are_solved_as_the_normal_equations_say():
    counts, excess, error = [5.0, 40.0, 0.3], [2.0, -6.0, 0.1], 0.05
    found = believe(error, code=(5.0, 2.0), math=(40.0, -6.0), chat=(0.3, 0.1))
    level_variance = error**2 + LEVEL_VARIANCE
    # unknowns: the level, and each task's shift
    precision = np.zeros((4, 4))
    right = np.zeros(4)
    precision[0, 0] = 1 / level_variance
    for row, (n, total) in enumerate(zip(counts, excess, strict=True), 1):
        precision[0, 0] += 1 / TASK_VARIANCE
        precision[row, row] = 1 / TASK_VARIANCE + n / SCORE_VARIANCE
        precision[0, row] = precision[row, 0] = -1 / TASK_VARIANCE
        right[row] = total / SCORE_VARIANCE
    covariance = np.linalg.inv(precision)
    means, errors = covariance @ right, np.sqrt(np.diag(covariance))
    for row, task in enumerate(("code", "math", "chat"), 1):
        assert found[task].shift == pytest.approx(means[row])
        assert found[task].error == pytest.approx(errors[row])
    assert found["overall"].shift == pytest.approx(means[0])
    assert found["overall"].error == pytest.approx((errors[0] ** 2 + TASK_VARIANCE) ** 0.5)


def test_one_task_tells_something_of_the_others():
    found = believe(code=(50, 20))
    assert 0 < found["overall"].shift < found["code"].shift


def test_a_target_nobody_knows_learns_faster():
    assert believe(0.2, chat=(5, 2))["chat"].shift > believe(0.02, chat=(5, 2))["chat"].shift


def test_scores_make_it_surer_and_age_less_sure():
    assert believe(chat=(50, 0))["chat"].error < believe(chat=(5, 0))["chat"].error
    assert believe(chat=(0, 0))["chat"].error == pytest.approx(prior_error(0.03))
    faded = believe(fade=0.1, chat=(50, 20))
    assert faded == believe(chat=(5, 2))
