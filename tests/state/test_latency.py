"""Quantiles of latency: right, recent, by prompt size, and not fooled by calls given up."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter_integrations.state.base import Latency, Outcome
from llmrouter_integrations.state.latency import (
    LEAST_COUNT,
    LONGEST_S,
    RELATIVE_ERROR,
    SHORTEST_S,
    RecentLatency,
    Sketch,
)
from llmrouter_integrations.state.memory import MemoryState

if TYPE_CHECKING:
    from llmrouter_integrations.errors import Cools

STREAMED = Outcome(ok=True, duration_s=4.0, first_token_s=1.0, output_tokens=300, input_tokens=500)
WHOLE = replace(STREAMED, first_token_s=None)
TIMED_OUT = Outcome(
    ok=False, cools="target", trips_after=1000, duration_s=20.0, input_tokens=500, cut_off="end"
)


def right(seconds: float) -> object:
    return pytest.approx(seconds, rel=RELATIVE_ERROR * 1.001)


def learnt(*outcomes: Outcome, state: MemoryState | None = None) -> MemoryState:
    state = state or MemoryState()
    for outcome in outcomes:
        permit = state.admit("a", "g", 1.0)
        assert permit is not None
        state.record(permit, outcome, 1.0)
    return state


def of(state: MemoryState, input_tokens: int = 500) -> Latency:
    latency = state.latency("a", input_tokens)
    assert latency is not None
    return latency


def quantiles(sketch: Sketch, *qs: float) -> list[float | None]:
    latency = RecentLatency(None, sketch.weights(), sketch.count)
    return [latency.duration_s(q) for q in qs]


@settings(deadline=None)
@given(st.lists(st.floats(SHORTEST_S, LONGEST_S), min_size=1, max_size=30), st.floats(0.01, 1))
def test_a_quantile_is_right_to_within_its_relative_error(times: list[float], q: float) -> None:
    sketch = Sketch()
    for seconds in times:
        sketch.add(seconds)
    (found,) = quantiles(sketch, q)
    assert any(found == right(seconds) for seconds in times)
    (least, most) = quantiles(sketch, 0.0, 1.0)
    assert (least, most) == (right(min(times)), right(max(times)))


def test_the_quantiles_of_a_known_distribution() -> None:
    sketch, rng = Sketch(), random.Random(1)
    for _ in range(5000):
        sketch.add(rng.uniform(1.0, 2.0))
    median, p95 = quantiles(sketch, 0.5, 0.95)
    assert median == pytest.approx(1.5, rel=0.1)
    assert p95 == pytest.approx(1.95, rel=0.08)


@pytest.mark.parametrize(
    ("seconds", "counts_as"), [(0.0, 0.001), (-1.0, 0.001), (1e-9, 0.001), (1e9, 3600.0)]
)
def test_times_out_of_range_count_as_the_shortest_or_longest(
    seconds: float, counts_as: float
) -> None:
    sketch = Sketch()
    sketch.add(seconds)
    assert quantiles(sketch, 0.5) == [pytest.approx(counts_as, rel=0.1)]


def test_change_is_followed() -> None:
    state = learnt(*[STREAMED] * 200)
    slow = replace(STREAMED, first_token_s=5.0, duration_s=9.0)
    learnt(*[slow] * 3, state=state)
    assert of(state).first_token_s(0.95) == right(5.0)
    assert of(state).first_token_s(0.5) == right(1.0)
    learnt(*[slow] * 40, state=state)
    assert of(state).first_token_s(0.5) == right(5.0)
    learnt(*[STREAMED] * 160, state=state)
    assert of(state).first_token_s(0.95) == right(1.0)
    assert of(state).duration_s(0.95) == right(4.0)


def test_any_number_of_calls_keeps_its_precision() -> None:
    sketch = Sketch()
    for n in range(40_000):
        sketch.add(1.0 if n % 2 else 3.0)
    assert quantiles(sketch, 0.25, 0.75) == [right(1.0), right(3.0)]
    assert sketch.count == 40_000
    assert max(sketch.weights()) < 1e103


def test_too_few_calls_say_nothing() -> None:
    state = learnt(*[STREAMED] * (LEAST_COUNT - 1))
    assert state.latency("a", 500) is None
    assert state.latency("never-called", 500) is None
    learnt(STREAMED, state=state)
    assert of(state).count == LEAST_COUNT
    assert of(state).first_token_s(0.5) == right(1.0)


def test_calls_that_were_not_streamed_say_nothing_of_first_tokens() -> None:
    state = learnt(*[WHOLE] * 20, *[STREAMED] * (LEAST_COUNT - 1))
    assert of(state).first_token_s(0.5) is None
    assert of(state).duration_s(0.5) == right(4.0)


def test_calls_of_unknown_size_and_calls_that_failed_do_not_count() -> None:
    failed = Outcome(ok=False, duration_s=0.01, first_token_s=0.01, input_tokens=500)
    state = learnt(*[replace(STREAMED, input_tokens=None)] * 20, *[failed] * 20)
    assert state.latency("a", 500) is None
    assert state.snapshot().targets["a"].first_token_s == 1.0


@pytest.mark.parametrize(
    ("seen", "asked", "found"),
    [
        ([500], 999, 500),
        ([1_000, 500], 1_000, 1_000),
        ([500, 5_000], 2_000, 5_000),  # as near: the larger
        ([500, 20_000], 2_000, 500),
        ([500, 2_000], 1_000_000, 2_000),
        ([100_000], 0, 100_000),
        ([500, 5_000, 100_000], 20_000, 100_000),
        ([500, 20_000], 64_000, 20_000),
    ],
)
def test_the_nearest_prompt_size_stands_in(seen: list[int], asked: int, found: int) -> None:
    state = MemoryState()
    for size in seen:
        took = replace(STREAMED, input_tokens=size, first_token_s=size / 1000, duration_s=size / 50)
        learnt(*[took] * LEAST_COUNT, state=state)
    assert of(state, asked).first_token_s(0.5) == right(found / 1000)
    assert of(state, asked).duration_s(0.5) == right(found / 50)


def test_what_was_handed_out_does_not_change() -> None:
    state = learnt(*[STREAMED] * 20)
    before = of(state)
    learnt(*[replace(STREAMED, first_token_s=9.0, duration_s=9.0)] * 100, state=state)
    assert before.first_token_s(0.9) == right(1.0)
    assert before.duration_s(0.9) == right(4.0)


# -- calls that were given up ---------------------------------------------------------------------


def test_a_target_that_hangs_does_not_look_fast() -> None:
    state = learnt(*([WHOLE] * 9 + [TIMED_OUT]) * 20)
    assert of(state).duration_s(0.8) == right(4.0)
    assert of(state).duration_s(0.95) == right(20.0)
    assert of(learnt(*[TIMED_OUT] * 20)).duration_s(0.5) == right(20.0)


def test_impatient_callers_do_not_make_a_target_look_fast_or_slow() -> None:
    impatient = replace(TIMED_OUT, duration_s=0.5)
    state = learnt(*([WHOLE] * 5 + [replace(WHOLE, duration_s=8.0)] * 5 + [impatient] * 10) * 30)
    assert of(state).duration_s(0.2) == right(4.0)
    assert of(state).duration_s(0.9) == right(8.0)


def test_losers_of_a_hedge_count_among_the_slow_ones() -> None:
    # one in four takes 10 s and is given up after 2, but for one in a hundred
    rng = random.Random(5)
    sketch = Sketch()
    for _ in range(3000):
        if rng.random() < 0.75:
            sketch.add(1.0)
        elif rng.random() < 0.04:
            sketch.add(10.0)
        else:
            sketch.add_at_least(2.0)
    median, p90 = quantiles(sketch, 0.5, 0.9)
    assert median == right(1.0)
    assert p90 is not None
    assert p90 >= 1.9


@pytest.mark.parametrize(
    ("outcome", "first_token_s"),
    [
        (replace(TIMED_OUT, cut_off="first_token"), 20.0),
        (replace(TIMED_OUT, first_token_s=1.0), 1.0),
        (TIMED_OUT, None),
    ],
)
def test_what_a_call_given_up_says_of_first_tokens(
    outcome: Outcome, first_token_s: float | None
) -> None:
    state = learnt(*[outcome] * LEAST_COUNT)
    assert state.snapshot().targets["a"].first_token_s is None, "the average is of answers"
    latency = of(state)
    found = latency.first_token_s(0.5)
    assert found == (None if first_token_s is None else right(first_token_s))
    assert latency.duration_s(0.5) == right(20.0)


def test_one_very_slow_call_is_not_what_every_call_given_up_would_have_come_to() -> None:
    ancient = replace(WHOLE, duration_s=600.0)
    state = learnt(ancient, *[WHOLE] * 50, *[TIMED_OUT] * 20)
    assert of(state).duration_s(0.9) == right(20.0)


def test_a_call_given_up_weighs_what_others_weigh() -> None:
    given_up, answered = Sketch(), Sketch()
    for sketch in (given_up, answered):
        for _ in range(20):
            sketch.add(1.0)
            sketch.add(3.0)
    for _ in range(20):
        given_up.add_at_least(1.0)
        answered.add(1.0)
    assert sum(given_up.weights()) == pytest.approx(sum(answered.weights()))
    assert quantiles(given_up, 0.45, 0.55) == [right(1.0), right(3.0)]


@pytest.mark.parametrize("cools", ["target", "quota_group"])
def test_a_call_given_up_for_a_faster_one_says_nothing_of_health(cools: Cools) -> None:
    loser = replace(TIMED_OUT, cools="nothing", cut_off="first_token")
    failure = Outcome(ok=False, cools=cools, trips_after=2, reason="ServerError")
    state = learnt(failure, loser, failure)
    assert state.snapshot().cooling_until("a", "g") == 2.0, "it did not answer in between"
    probe = state.admit("a", "g", 2.0)
    assert probe is not None
    state.record(probe, loser, 2.1)
    assert state.snapshot().cooling_until("a", "g") == 2.0
    assert state.admit("a", "g", 2.2) is not None, "the next one is the probe"
    assert state.admit("a", "g", 2.2) is None
