"""Targets of one endpoint: what happens to one of them happens to all."""

from __future__ import annotations

from typing import Any

import pytest

from llmrouter_integrations.dispatch.plan import DispatchSettings, Hedge, Plan, PlanTarget
from llmrouter_integrations.errors import (
    AllTargetsFailed,
    AttemptError,
    ContentFilteredError,
    RateLimitedError,
    RejectedAnswerError,
    ServerError,
    TargetConnectionError,
    UnsupportedParameterError,
)
from llmrouter_integrations.state.base import Outcome
from llmrouter_integrations.state.memory import MemoryState
from tests.dispatch.theatre import ANSWER, perform

# h(igh) and l(ow) are two efforts of one endpoint, o is another
H, L = (PlanTarget(n, "p", "m", "g", max_concurrency=1, endpoint="e") for n in "hl")
O = PlanTarget("o", "q", "n", "g2")  # noqa: E741  (the other)
ONCE = DispatchSettings(max_retries=0)


def fails(error: AttemptError) -> dict[str, Any]:
    return {"h": [(0.5, error)], "l": [(0.5, ANSWER)], "o": [(0.5, ANSWER)]}


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (ServerError("broken", status=500), "ho"),
        (TargetConnectionError("refused"), "ho"),
        (RateLimitedError("later", retry_after_s=20), "ho"),
        # says nothing of the endpoint: the other effort may do
        (RejectedAnswerError("no", answer=ANSWER), "hl"),
        # would be refused by the same model again
        (UnsupportedParameterError("no seed", status=400), "ho"),
        (ContentFilteredError("no", status=400), "ho"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_fails_for_the_endpoint_is_not_asked_again_at_another_effort(
    error: AttemptError, asked: str
) -> None:
    played = perform(Plan((H, L, O), 60.0), fails(error), using=ONCE)
    assert played.names == asked


def test_nobody_is_left_where_the_only_endpoint_is_down() -> None:
    played = perform(Plan((H, L), 60.0), fails(ServerError("broken", status=500)), using=ONCE)
    assert played.names == "h"
    assert isinstance(played.error, AllTargetsFailed)


def test_a_slow_endpoint_is_not_raced_by_itself() -> None:
    plan = Plan((H, L, O), 60.0, hedge=Hedge(lambda target: 1.0, lambda usd: True))
    played = perform(plan, {"h": [(9.0, ANSWER)], "l": [(0.1, ANSWER)], "o": [(0.1, ANSWER)]})
    assert played.names == "ho"


def test_health_and_places_are_the_endpoints_and_times_each_ones_own() -> None:
    state = MemoryState()
    perform(Plan((H,), 60.0), {"h": [(4.0, ANSWER)]}, state=state, streamed=True)
    health = state.snapshot().targets
    assert set(health) == {"h", "e"}
    assert health["h"].first_token_s == pytest.approx(2.0)
    assert health["e"].first_token_s is None
    held = state.admit("e", "g", 2000.0, 1)
    assert held is not None
    assert (
        perform(Plan((L, O), 60.0), fails(ServerError("x")), state=state, now=2000.0).names == "o"
    )
    state.record(held, Outcome(ok=False, cools="target", retry_after_s=50.0), 2000.0)
    assert state.snapshot().cooling_until("e", "g") == 2050.0
    assert (
        perform(Plan((L, O), 60.0), fails(ServerError("x")), state=state, now=2001.0).names == "o"
    )


def test_one_waits_in_line_at_the_endpoint_once() -> None:
    state = MemoryState()
    held = state.admit("e", "g", 1000.0, 1)
    assert held is not None

    def free(wait: Any, _: float) -> float:
        state.release(held)
        return 0.5

    played = perform(
        Plan((H, L), 60.0),
        {"h": [(1.0, ANSWER)], "l": [(1.0, ANSWER)]},
        state=state,
        meanwhile=free,
    )
    assert played.names == "h"
    assert [wait.bell is not None for wait in played.waits] == [True]
    assert state.snapshot().targets["e"].in_flight == 0
