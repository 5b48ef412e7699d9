"""Hedges: a second target beside a slow first one; the first answer or first content wins."""

from __future__ import annotations

from typing import Any

import pytest

from llmrouter_integrations.dispatch.plan import Hedge, Plan, PlanTarget, Settlement
from llmrouter_integrations.errors import (
    AllTargetsFailed,
    DeadlineExceeded,
    InvalidRequestError,
    ServerError,
    StreamInterrupted,
)
from llmrouter_integrations.messages import Usage
from llmrouter_integrations.state.memory import MemoryState
from tests.dispatch.theatre import ANSWER, Break, Played, perform

A, B, C = (PlanTarget(n, f"p-{n}", f"m-{n}", f"g-{n}") for n in "abc")
EXPECTED = Usage(7, 9, reported=False)


def broken() -> ServerError:
    return ServerError("broken", status=500)


def race(
    script: Any, *targets: PlanTarget, after_s: Any = 1.0, pays: Any = None, **kwargs: Any
) -> Played:
    plan = Plan(
        targets or (A, B),
        kwargs.pop("timeout_s", 60.0),
        hedge=Hedge(lambda target: after_s, pays or (lambda usd: True)),
        expect=lambda target: Settlement(EXPECTED, 0.5),
        input_tokens=7,
    )
    return perform(plan, script, **kwargs)


@pytest.mark.parametrize(
    ("script", "names", "outcomes", "ended_at"),
    [
        # fast enough: nobody else is asked
        ({"a": [(0.5, ANSWER)], "b": [(0.1, ANSWER)]}, "a", [("a", "ok")], 0.5),
        # slow: the second is asked after a second, and wins
        (
            {"a": [(9.0, ANSWER)], "b": [(0.5, ANSWER)]},
            "ab",
            [("a", "cancelled"), ("b", "ok")],
            1.5,
        ),
        # slow, but still first
        (
            {"a": [(1.2, ANSWER)], "b": [(0.5, ANSWER)]},
            "ab",
            [("b", "cancelled"), ("a", "ok")],
            1.2,
        ),
        # the second fails: the first is waited for
        (
            {"a": [(3.0, ANSWER)], "b": [(0.5, broken())]},
            "ab",
            [("b", "error"), ("a", "ok")],
            3.0,
        ),
        # the first fails while the second is under way
        (
            {"a": [(2.0, broken())], "b": [(5.0, ANSWER)]},
            "ab",
            [("a", "error"), ("b", "ok")],
            6.0,
        ),
        # the first fails before it is slow: an ordinary failover
        ({"a": [(0.2, broken())], "b": [(0.5, ANSWER)]}, "ab", [("a", "error"), ("b", "ok")], 0.7),
    ],
)
def test_the_first_to_answer_wins(script: Any, names: str, outcomes: Any, ended_at: float) -> None:
    state = MemoryState()
    played = race(script, state=state)
    assert played.names == names
    assert played.outcomes == outcomes
    assert played.ended_at == pytest.approx(1000.0 + ended_at)
    assert all(health.in_flight == 0 for health in state.snapshot().targets.values())


def test_a_stream_races_for_its_first_content_only() -> None:
    # a shows content at 2.0, b at 1.0 + 0.6; b then takes its time
    played = race({"a": [(4.0, ANSWER)], "b": [(1.2, ANSWER)]}, streamed=True)
    assert (played.names, played.cancelled) == ("ab", ["a"])
    assert played.outcomes == [("a", "cancelled"), ("b", "ok")]
    assert [relay.target.name for relay in played.relays] == ["b"]


def test_a_loser_is_billed_as_if_it_had_answered() -> None:
    played = race({"a": [(9.0, ANSWER)], "b": [(0.5, ANSWER)]})
    assert played.response is not None
    lost, won = played.response.attempts
    assert (lost.usage, lost.cost_usd, won.cost_usd) == (EXPECTED, 0.5, 0.25)
    assert lost.duration_s == pytest.approx(1.5)
    assert (played.response.cost_usd, played.response.spent_usd) == (0.25, 0.75)


def test_a_loser_is_remembered_as_slow_but_not_as_sick() -> None:
    state = MemoryState()
    for _ in range(20):
        race({"a": [(9.0, ANSWER)], "b": [(0.5, ANSWER)]}, state=state, after_s=4.0)
    slow = state.latency("a", 7)
    assert slow is None or (slow.duration_s(0.5) or 99.0) >= 4.0
    assert state.snapshot().cooling_until("a", "g-a") == 0
    assert state.snapshot().targets["a"].failures == 0


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"pays": lambda usd: False}, "the purse is empty"),
        ({"after_s": None}, "nobody knows what slow is"),
    ],
)
def test_no_second_call(options: Any, why: str) -> None:
    assert race({"a": [(9.0, ANSWER)], "b": [(0.1, ANSWER)]}, **options).names == "a", why


def test_a_hedge_that_nobody_could_take_over_from_has_all_the_time_left() -> None:
    silent = (99.0, ANSWER)
    played = race({"a": [silent], "b": [silent]}, timeout_s=9.0)
    assert [call.limits.total_s for call in played.calls] == [
        pytest.approx(6.0),
        pytest.approx(8.0),
    ]
    assert played.ended_at == pytest.approx(1009.0)
    assert isinstance(played.error, DeadlineExceeded)
    # while there is a third, it leaves time for that
    played = race({"a": [silent], "b": [silent], "c": [silent]}, A, B, C, timeout_s=9.0)
    assert [call.limits.total_s for call in played.calls][1] == pytest.approx(8.0 * 2 / 3)


def test_a_late_answer_of_a_hedge_is_in_time() -> None:
    played = race({"a": [(99.0, ANSWER)], "b": [(7.5, ANSWER)]}, timeout_s=9.0)
    assert played.outcomes == [("a", "error"), ("b", "ok")]


def test_nobody_else_to_ask() -> None:
    assert race({"a": [(9.0, ANSWER)]}, A).names == "a"


def test_a_resting_target_is_not_raced() -> None:
    state = MemoryState()
    race({"b": [(0.1, broken())]}, B, state=state)
    race({"b": [(0.1, broken())]}, B, state=state)
    assert state.snapshot().cooling_until("b", "g-b") > 1000.0
    script = {"a": [(9.0, ANSWER)], "b": [(0.1, ANSWER)]}
    assert race(script, state=state, after_s=0.1).names == "a"


def test_never_more_than_two_at_once_and_the_third_when_one_fails_late() -> None:
    script = {"a": [(5.0, broken())], "b": [(6.0, broken())], "c": [(1.0, ANSWER)]}
    played = race(script, A, B, C)
    assert played.names == "abc"
    assert played.outcomes == [("a", "error"), ("b", "error"), ("c", "ok")]


def test_an_error_of_the_second_takes_nothing_from_the_first() -> None:
    script = {"a": [(9.0, ANSWER)], "b": [(0.5, InvalidRequestError("no such field"))]}
    played = race(script)
    assert played.outcomes == [("b", "error"), ("a", "ok")]


def test_a_request_error_of_the_last_ends_it() -> None:
    state = MemoryState()
    script = {"a": [(9.0, InvalidRequestError("no"))], "b": [(0.5, broken())]}
    played = race(script, state=state)
    assert isinstance(played.error, InvalidRequestError)
    assert played.outcomes == [("b", "error"), ("a", "error")]
    assert all(health.in_flight == 0 for health in state.snapshot().targets.values())


def test_a_resting_second_costs_nothing() -> None:
    state, paid = MemoryState(), []
    race({"b": [(0.1, broken())]}, B, state=state)
    race({"b": [(0.1, broken())]}, B, state=state)
    race(
        {"a": [(9.0, ANSWER)], "b": [(0.1, ANSWER)]},
        state=state,
        after_s=0.1,
        pays=lambda usd: paid.append(usd) or True,
    )
    assert paid == []


def test_a_hedge_keeps_to_the_price_cap() -> None:
    plan = Plan(
        (A, B),
        60.0,
        hedge=Hedge(lambda target: 1.0, lambda usd: True),
        expect=lambda target: Settlement(EXPECTED, 0.5),
        max_cost_usd=0.6,
    )
    assert perform(plan, {"a": [(9.0, ANSWER)], "b": [(0.1, ANSWER)]}).names == "a"


def test_both_fail() -> None:
    played = race({"a": [(2.0, broken())], "b": [(2.0, broken())]})
    assert isinstance(played.error, AllTargetsFailed)
    assert [name for name, _ in played.outcomes][:2] == ["a", "b"]


def test_the_winner_of_the_race_may_still_break() -> None:
    script = {"a": [(9.0, ANSWER)], "b": [(1.0, Break(broken()))]}
    played = race(script, streamed=True)
    assert isinstance(played.error, StreamInterrupted)
    assert played.outcomes == [("a", "cancelled"), ("b", "interrupted")]
