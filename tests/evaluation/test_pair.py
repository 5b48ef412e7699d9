"""APGR and CPT against examples worked by hand, and what must hold of any score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter_integrations.evaluation.pair import SHARES, PairRanking, apgr, cpt, rank_within


def ranking(score, strong, weak):
    return PairRanking(*(np.array(a, float) for a in (score, strong, weak)))


def test_the_curve_of_ten_prompts_by_hand():
    # the strong model is needed for the first, third and tenth in order of the score
    strong = [1] * 10
    weak = [0, 1, 0, 1, 1, 1, 1, 1, 1, 0]
    pgr = ranking(range(10, 0, -1), strong, weak).pgr()
    third = 1 / 3
    expected = [0, third, third, *[2 * third] * 7, 1]
    np.testing.assert_allclose(pgr, expected)
    # by trapezoids: a tenth of the sum, the ends by half
    assert apgr(pgr) == pytest.approx((16 * third + 0.5) / 10)
    # half is reached halfway from 1/3 at 20% to 2/3 at 30%, 80% 0.4 of the way from 90% to 100%
    assert cpt(pgr, 0.5) == pytest.approx(0.25)
    assert cpt(pgr, 0.8) == pytest.approx(0.94)


def test_a_score_that_knows_and_one_that_is_wrong():
    gain = np.array([1.0] * 5 + [0.0] * 5)
    right = ranking(gain, gain, np.zeros(10)).pgr()
    wrong = ranking(-gain, gain, np.zeros(10)).pgr()
    assert apgr(right) == pytest.approx(0.75)
    assert apgr(wrong) == pytest.approx(0.25)
    assert cpt(right, 0.8) == pytest.approx(0.4)
    assert cpt(wrong, 0.5) == pytest.approx(0.75)


def test_equal_scores_give_what_chance_gives_whatever_the_order():
    strong, weak = [1, 1, 0, 1], [0, 1, 0, 0]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        pgr = ranking([7] * 4, [strong[i] for i in order], [weak[i] for i in order]).pgr()
        np.testing.assert_allclose(pgr, SHARES)
    assert apgr(pgr) == pytest.approx(0.5)
    assert (cpt(pgr, 0.5), cpt(pgr, 0.8)) == pytest.approx((0.5, 0.8))


def test_without_a_gap_there_is_nothing_to_recover():
    pgr = ranking([1, 2], [1, 0], [0, 1]).pgr()
    assert np.isnan(pgr).all()
    assert np.isnan(apgr(pgr))
    assert np.isnan(cpt(pgr, 0.5))


scores = st.lists(st.integers(0, 5), min_size=3, max_size=30)


@settings(max_examples=50, deadline=None)
@given(scores, st.randoms(use_true_random=False))
def test_weights_are_rows_told_more_than_once(score, random):
    n = len(score)
    weights = np.array([random.randint(0, 3) for _ in range(n)], float)
    strong = np.array([random.random() + 0.5 for _ in range(n)])
    weak = np.array([random.random() * 0.5 for _ in range(n)])
    if not weights.sum():
        return
    drawn = np.repeat(np.arange(n), weights.astype(int))
    score = np.array(score, float)
    told = ranking(score, strong, weak).pgr(weights)
    np.testing.assert_allclose(told, ranking(score[drawn], strong[drawn], weak[drawn]).pgr())


@settings(max_examples=50, deadline=None)
@given(scores, st.randoms(use_true_random=False))
def test_only_the_order_of_the_scores_counts_and_its_reverse_mirrors_it(score, random):
    score = np.array(score, float)
    strong = np.array([random.random() + 1 for _ in score])
    weak = np.zeros(len(score))
    pgr = ranking(score, strong, weak).pgr()
    np.testing.assert_allclose(ranking(score**3 - 4, strong, weak).pgr(), pgr)
    np.testing.assert_allclose(ranking(-score, strong, weak).pgr(), 1 - pgr[::-1], atol=1e-12)
    # where every prompt gains, more strong calls never lose
    assert (np.diff(pgr) >= -1e-12).all()


def test_ranks_within_parts_by_hand():
    score = np.array([5.0, 1.0, 1.0, 9.0, 100.0])
    parts = np.array([0, 0, 0, 0, 1])
    # among four: the two lowest share ranks 0..0.5, then 0.5..0.75, then 0.75..1
    np.testing.assert_allclose(rank_within(score, parts), [0.625, 0.25, 0.25, 0.875, 0.5])


def test_pooling_over_folds_does_not_punish_one_that_knows_nothing():
    """Where a fold needs the strong model rarely, training on the others says it is needed."""
    rng = np.random.default_rng(0)
    gain = rng.random(400) < 0.3
    parts = np.arange(400) % 5
    constant = np.array([gain[parts != part].mean() for part in parts])
    weak = np.zeros(400)
    assert apgr(ranking(constant, gain, weak).pgr()) < 0.49
    pooled = ranking(rank_within(constant, parts), gain, weak).pgr()
    assert apgr(pooled) == pytest.approx(0.5)
