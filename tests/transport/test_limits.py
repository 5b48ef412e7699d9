"""The arithmetic of what is left, on a clock that stands still until told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.transport import Limits
from llmrouter_integrations.transport.limits import Countdown, WaitLimit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("at_s", "begun", "left", "phase"),
    [
        (0, False, 3, "first_token"),
        (2, False, 1, "first_token"),
        (4, False, -1, "first_token"),
        (0, True, 5, "idle"),
        (4, True, 5, "idle"),
        (5, True, 5, "total"),
        (8, True, 2, "total"),
        (11, True, -1, "total"),
        (11, False, -8, "first_token"),
    ],
)
def test_the_limit_that_ends_soonest_counts(at_s, begun, left, phase):
    clock = Clock()
    countdown = Countdown(Limits(total_s=10, first_token_s=3, idle_s=5), clock)
    if begun:
        countdown.begun()
    clock.now += at_s
    assert (countdown.left(), countdown.phase) == (left, phase)
    assert countdown.elapsed_s() == at_s
    assert countdown.is_over() == (at_s >= 10)


def test_a_wait_limit_is_asked_again():
    clock = Clock()
    countdown = Countdown(Limits(total_s=10, first_token_s=8, idle_s=5), clock)
    limit = WaitLimit(countdown, 2)
    assert float(limit) == limit.now() == 2
    clock.now += 7
    assert (float(limit), limit.now()) == (2, 1)
    clock.now += 2
    assert limit.now() < 0


seconds = st.floats(min_value=0.001, max_value=1000)


@given(
    total=seconds,
    first=seconds,
    idle=seconds,
    at_most=seconds,
    steps=st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=8),
)
def test_no_wait_ever_outlives_the_total(total, first, idle, at_most, steps):
    clock = Clock()
    countdown = Countdown(Limits(total_s=total, first_token_s=first, idle_s=idle), clock)
    limit = WaitLimit(countdown, at_most)
    begun = clock.now
    for step, is_byte in steps:
        clock.now += step
        if is_byte:
            countdown.begun()
        ends = clock.now + limit.now()
        assert ends <= begun + total + 1e-9 or limit.now() <= 0
        assert limit.now() <= at_most


@pytest.mark.parametrize("name", ["total_s", "first_token_s", "idle_s", "connect_s", "pool_s"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0, -1])
def test_a_limit_is_finite_and_a_setting_positive(name, value):
    given = {"total_s": 1, "first_token_s": 1, "idle_s": 1, name: value}
    if value in (0, -1) and name in ("total_s", "first_token_s"):
        assert getattr(Limits(**given), name) == value
    else:
        with pytest.raises(ConfigurationError, match=name):
            Limits(**given)
