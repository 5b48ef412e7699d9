"""The hull, AIQ, C@98 and the arena score against examples worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter_integrations.evaluation import curve


def hull(points):
    cost, quality = zip(*points, strict=True)
    return curve.hull(np.array(cost, float), np.array(quality, float))


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(1, 0.5)], [(1, 0.5)]),
        # a worse and dearer one is no part of it
        ([(1, 0.5), (2, 0.4)], [(1, 0.5)]),
        # one under the line between two is not either
        ([(0, 0.0), (1, 0.4), (2, 1.0)], [(0, 0), (2, 1)]),
        # nor one on the line
        ([(0, 0.0), (1, 0.5), (2, 1.0)], [(0, 0), (2, 1)]),
        ([(2, 0.9), (0, 0.0), (1, 0.6)], [(0, 0), (1, 0.6), (2, 0.9)]),
        # of the same cost the better
        ([(1, 0.2), (1, 0.7), (3, 0.8)], [(1, 0.7), (3, 0.8)]),
    ],
)
def test_the_hull(points, expected):
    np.testing.assert_array_equal(np.transpose(hull(points)), expected)


points = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 100).map(lambda q: q / 100)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(points)
def test_a_hull_is_over_every_point_and_its_gains_shrink(told):
    xs, ys = hull(told)
    assert all(np.interp(x, xs, ys) >= y - 1e-12 for x, y in told)
    gains = np.diff(ys) / np.diff(xs)
    assert (gains > 0).all()
    assert (np.diff(gains) < 0).all()
    assert set(zip(xs, ys, strict=True)) <= {(float(x), y) for x, y in told}


def test_aiq_by_hand():
    # a triangle from 0.5 to 0.7 over [1, 3], then level to 5
    xs, ys = hull([(1, 0.5), (3, 0.7)])
    assert curve.aiq(xs, ys, 1, 5) == pytest.approx((2 * 0.6 + 2 * 0.7) / 4)
    # the range begins before the hull does
    assert curve.aiq(xs, ys, 0, 3) == pytest.approx((0.5 + 2 * 0.6) / 3)
    # and within it
    assert curve.aiq(xs, ys, 2, 3) == pytest.approx(0.65)
    assert math.isnan(curve.aiq(xs, ys, 2, 2))


@settings(max_examples=50, deadline=None)
@given(points, points)
def test_more_points_never_lower_aiq(some, more):
    before = curve.aiq(*hull([(0, 0.0), *some]), 0, 20)
    after = curve.aiq(*hull([(0, 0.0), *some, *more]), 0, 20)
    assert after >= before - 1e-12
    assert 0 <= after <= 1


def test_the_cost_of_a_quality_by_hand():
    xs, ys = hull([(1, 0.5), (3, 0.7)])
    assert curve.cost_to_reach(xs, ys, 0.6) == pytest.approx(2)
    assert curve.cost_to_reach(xs, ys, 0.4) == 1
    assert math.isinf(curve.cost_to_reach(xs, ys, 0.71))


@pytest.mark.parametrize(
    ("accuracy", "usd", "score"),
    [
        (0.8, 0.0044, 1.1 * 0.8 / 1.08),  # C is 1
        (0.8, 200, 0.0),  # C is 0
        (0.0, 0.0044, 0.0),
        (1.0, math.sqrt(200 * 0.0044), 1.1 * 0.5 / 0.6),  # halfway in logarithms
        (0.8, 0.0, 1.1 * 0.8 / 1.08),  # cheaper than the end counts as the end
        (0.8, 1000, 0.0),
        (0.0, 200, 0.0),
    ],
)
def test_the_arena_score_by_hand(accuracy, usd, score):
    assert curve.arena_score(accuracy, usd) == pytest.approx(score, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 1), st.floats(0.0044, 200), st.floats(1.01, 3))
def test_the_arena_score_rises_with_accuracy_and_falls_with_cost(accuracy, usd, factor):
    assert curve.arena_score(accuracy / factor, usd) <= curve.arena_score(accuracy, usd)
    assert curve.arena_score(accuracy, usd * factor) <= curve.arena_score(accuracy, usd)


def test_the_pareto_frontier():
    cost, quality = np.array([1.0, 2, 3, 1, 4]), np.array([0.5, 0.4, 0.7, 0.3, 0.7])
    assert curve.undominated(cost, quality).tolist() == [True, False, True, False, False]


def test_a_drawn_hull_lies_on_the_hull():
    xs, ys = hull([(1, 0.5), (100, 0.7)])
    more, level = curve.along(xs, ys)
    assert len(more) >= 100
    np.testing.assert_allclose(level, 0.5 + 0.2 * (more - 1) / 99)
    free = hull([(0, 0.5), (1, 0.7)])
    assert curve.along(*free) == free
