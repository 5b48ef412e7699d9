"""What becomes of a stream that breaks after content: raised, continued, or begun again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmrouter_integrations.dispatch.plan import DispatchSettings, Plan, PlanTarget
from llmrouter_integrations.dispatch.steps import Continue
from llmrouter_integrations.errors import (
    InvalidRequestError,
    ServerError,
    StreamInterrupted,
    TruncatedAnswerError,
)
from llmrouter_integrations.messages import (
    Message,
    ReasoningPart,
    Response,
    TextPart,
    ToolCallPart,
    Usage,
)
from llmrouter_integrations.state.memory import MemoryState
from tests.dispatch.theatre import ANSWER, Break, Played, perform

A, B, C = (PlanTarget(n, f"p-{n}", f"m-{n}", f"g-{n}") for n in "abc")
PRE_B = replace(B, prefills=True)
PRE_A = replace(A, prefills=True)


def said(*parts: Any) -> Response:
    return Response(Message("assistant", parts), usage=Usage(3, 2))


HALF = said(TextPart("half of"))


def cut(partial: Response = HALF) -> Break:
    return Break(TruncatedAnswerError("cut"), partial)


def server() -> ServerError:
    return ServerError("broken", status=500)


def stream(script: Any, *targets: PlanTarget, wanted: str, **kwargs: Any) -> Played:
    plan = Plan(targets or (A, B), kwargs.pop("timeout_s", 60.0), on_interrupt=wanted)  # type: ignore[arg-type]  # str
    return perform(plan, script, streamed=True, **kwargs)


def test_unless_asked_nobody_takes_over() -> None:
    played = stream({"a": [(1.0, cut())], "b": [(1.0, ANSWER)]}, wanted="raise")
    assert isinstance(played.error, StreamInterrupted)
    assert (played.names, played.error.partial.text) == ("a", "half of")


@pytest.mark.parametrize(
    ("script", "targets", "names", "outcomes"),
    [
        ({"a": [(1.0, cut())], "b": [(1.0, ANSWER)]}, (A, B), "ab", ["interrupted", "ok"]),
        # the broken one may be asked again, if there is nobody else
        ({"a": [(1.0, cut()), (1.0, ANSWER)]}, (A,), "aa", ["interrupted", "ok"]),
        # it may break again
        (
            {"a": [(1.0, cut())], "b": [(1.0, cut())], "c": [(1.0, ANSWER)]},
            (A, B, C),
            "abc",
            ["interrupted", "interrupted", "ok"],
        ),
        # who takes over may fail before it begins
        (
            {"a": [(1.0, cut())], "b": [(1.0, server())], "c": [(1.0, ANSWER)]},
            (A, B, C),
            "abc",
            ["interrupted", "error", "ok"],
        ),
    ],
)
def test_a_restart_says_what_it_replaces(
    script: Any, targets: Any, names: str, outcomes: Any
) -> None:
    played = stream(script, *targets, wanted="restart")
    assert played.response is not None
    assert (played.names, [o for _, o in played.outcomes]) == (names, outcomes)
    first, *later = played.relays
    assert first.instead_of is None
    assert [r.instead_of.text for r in later if r.instead_of] == ["half of"] * len(later)
    assert all(call.amend is None for call in played.calls)
    assert played.response.text == "42"


def test_what_was_handed_on_is_billed() -> None:
    played = stream({"a": [(1.0, cut())], "b": [(1.0, ANSWER)]}, wanted="restart")
    assert played.response is not None
    assert [a.cost_usd for a in played.response.attempts] == [0.25, 0.25]
    assert played.response.spent_usd == 0.5


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        ((A, PRE_B), "ab"),
        ((A, C, PRE_B), "ab"),  # who cannot go on with a beginning is passed over
        ((PRE_A,), "aa"),
    ],
)
def test_a_text_goes_on_where_a_target_can(targets: Any, names: str) -> None:
    script = {"a": [(1.0, cut()), (1.0, ANSWER)], "b": [(1.0, ANSWER)], "c": [(1.0, ANSWER)]}
    played = stream(script, *targets, wanted="continue")
    assert played.response is not None
    assert played.names == names
    assert played.calls[0].amend is None
    amend = played.calls[1].amend
    assert isinstance(amend, Continue)
    assert amend.partial.text == "half of"
    assert [r.instead_of for r in played.relays] == [None, None]


@pytest.mark.parametrize(
    ("partial", "targets"),
    [
        (HALF, (A, B)),  # nobody can
        (said(ReasoningPart("hm"), TextPart("half")), (A, PRE_B)),
        (said(TextPart("half"), ToolCallPart("1", "f", '{"a"')), (A, PRE_B)),
        (said(ToolCallPart("1", "f", '{"a"')), (A, PRE_B)),
    ],
)
def test_what_is_no_plain_text_or_has_no_taker_is_raised(partial: Any, targets: Any) -> None:
    played = stream({"a": [(1.0, cut(partial))]}, *targets, wanted="continue")
    assert isinstance(played.error, StreamInterrupted)
    assert played.names == "a"
    assert played.error.partial.message == partial.message


@pytest.mark.parametrize("wanted", ["continue", "restart"])
@pytest.mark.parametrize(
    "after",
    [
        [(1.0, server()), (1.0, server())],
        [(1.0, InvalidRequestError("no such field"))],
        [(99.0, ANSWER)],
    ],
)
def test_in_the_end_the_caller_learns_what_they_have_seen(wanted: str, after: Any) -> None:
    state = MemoryState()
    played = stream(
        {"a": [(1.0, cut()), (1.0, server())], "b": after},
        A,
        PRE_B,
        wanted=wanted,
        state=state,
        using=DispatchSettings(max_retries=1),
        timeout_s=20.0,
    )
    assert isinstance(played.error, StreamInterrupted)
    assert played.error.partial.text == "half of"
    assert [a.target for a in played.error.attempts] == list(played.names)
    assert played.ended_at <= 1020.0 + 1e-6
    assert all(health.in_flight == 0 for health in state.snapshot().targets.values())
