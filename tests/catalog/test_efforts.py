"""What an effort spends, and what it does to the answer."""

from __future__ import annotations

import math

import pytest

from llmrouter_integrations.catalog.efforts import EFFORT_SHARE, Spending, moved
from llmrouter_integrations.wire.effort import EFFORTS


def test_every_effort_has_its_share_and_more_spends_no_less():
    assert tuple(EFFORT_SHARE) == EFFORTS
    assert list(EFFORT_SHARE.values()) == sorted(EFFORT_SHARE.values())


@pytest.mark.parametrize(
    ("tokens", "measured_at", "asked", "reasoning"),
    [
        (10_300, "max", "max", 10_000),
        (10_300, "max", "low", 2_500),
        (10_300, "low", "max", 40_000),
        (10_300, None, None, 10_000),
        (10_300, None, "medium", 10_000),
        (10_300, "high", "none", 0),
        (10_300, "none", "max", 10_000),
        (200, "max", "max", 0),
        (10_300, "max", "own-word", 10_000),
    ],
)
def test_what_was_spent_at_one_effort_tells_of_another(tokens, measured_at, asked, reasoning):
    assert Spending.measured(tokens, measured_at).at(asked) == pytest.approx(reasoning)


def test_a_doubling_moves_the_logit_by_so_much():
    after, error = moved(0.8, 0.03, 1.0)
    assert math.log(after / (1 - after)) == pytest.approx(math.log(4) + 0.22)
    assert error > 0.03
    back, _ = moved(after, error, -1.0)
    assert back == pytest.approx(0.8)


def test_what_aider_measured_of_gpt_5_is_about_what_is_reckoned():
    less = 779_568 / 2_623_429  # output tokens at low effort, of those at high
    reckoned, error = moved(0.88, 0.02, math.log2(less))
    assert reckoned == pytest.approx(0.813, abs=2 * error)
    assert EFFORT_SHARE["low"] / EFFORT_SHARE["high"] == pytest.approx(less, abs=0.05)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_certainty_stays(score):
    assert moved(score, 0.0, 2.0) == (score, 0.0)


def test_who_does_not_reason_spends_the_same():
    assert Spending(0.0).doublings("none", "max") == 0.0
    assert moved(0.5, 0.1, 0.0) == (0.5, 0.1)
