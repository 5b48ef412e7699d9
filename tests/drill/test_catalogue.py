"""Every row of the fault catalogue, brought about, and held against what the router does."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from llmrouter_integrations import RouterConfig, TargetConfig, errors
from llmrouter_integrations.drill.calling import Asked, Caller, Mode
from llmrouter_integrations.drill.catalogue import PROTOCOLS
from llmrouter_integrations.drill.page import page
from llmrouter_integrations.drill.rows import FAULTS, chosen
from llmrouter_integrations.errors import ConfigurationError

ELSEWHERE = {
    "elsewhere": "yes",
    "another model": "other_model",
    "a larger window": "bigger_window",
    "given up": "no",
}
ROWS = pytest.mark.parametrize("row", FAULTS, ids=[row.name for row in FAULTS])
FAILING = pytest.mark.parametrize(
    "row", [r for r in FAULTS if r.meaning.error], ids=lambda r: r.name
)

ISSUE_4 = """
connection-refused connection-reset dns-failure tls-failure
connect-timeout first-byte-timeout first-token-timeout idle-timeout total-timeout
key-refused permission-denied key-refused-with-400 model-gone
request-timeout conflict too-early rate-limited-requests rate-limited-tokens daily-quota billing
server-error bad-gateway unavailable gateway-timeout overloaded
html-page empty-body truncated-json wrong-content-type error-in-200
cut unfinished error-event empty-answer prompt-filtered answer-filtered refusal context-overflow
unsupported-parameter max-tokens tool-call-malformed tool-call-not-offered schema-mismatch
endpoint-moved endpoint-unknown endpoint-withdrawn
"""
"""What issue 4 names, in its order."""


def asked(scene, row, number=0):
    return Asked(
        scene.prompt(number), number, row.ask, {"verify": row.checked} if row.checked else {}
    )


def expected(row, *, streamed):
    if row.interrupts(streamed=streamed):
        # a tool call that comes in one piece is seen to be broken before it is handed on
        return ("interrupted", "whole") if row.ask == "tool" else ("interrupted",)
    return {"given up": ("failed",), "answered": ("told", "whole")}.get(
        row.meaning.then, ("whole",)
    )


def test_every_fault_that_the_issue_names_has_a_row_and_names_are_unique():
    names = [row.name for row in FAULTS]
    assert set(ISSUE_4.split()) <= set(names)
    assert len(set(names)) == len(names)


@ROWS
def test_a_row_says_what_is_seen_and_who_says_so(row):
    assert row.happened.endswith((".", ")."))
    assert row.example
    assert row.source
    assert len(row.ways) == 1 or all(line["source"] for line in row.spellings)


@FAILING
def test_the_class_of_the_error_means_what_the_row_says(row):
    cls, meaning = getattr(errors, row.meaning.error), row.meaning
    assert cls.cools == meaning.rests
    assert cls.elsewhere == ELSEWHERE[meaning.then]
    assert cls.retry_same == meaning.again
    if meaning.rests != "nothing":
        assert cls.trips_after == meaning.after
    if row.name != "rate-limited-retry-after":
        assert cls.least_cooldown_s == meaning.rest_s


@ROWS
async def test_in_every_protocol_a_call_ends_in_what_the_row_says(row, scene_of):
    cases = [
        (scene_of(protocol, row.kind), Mode(streamed=streamed, asynchronous=True), protocol)
        for protocol in PROTOCOLS
        for streamed in (False, True)
        if row.can_show(protocol, streamed=streamed)
    ]
    callers = [
        (scene, mode, protocol, Caller(scene.router(row, ["first"], way=0), mode, 1))
        for scene, mode, protocol in cases
    ]
    heard = await asyncio.gather(*[c._ask_all([asked(s, row)]) for s, _, _, c in callers])
    for (scene, mode, protocol, _), (one,) in zip(callers, heard, strict=True):
        case = (protocol, mode.name, one.error, one.text)
        assert scene.judged(one, row) in expected(row, streamed=mode.streamed), case
        if not row.meaning.error:
            assert [a.target for a in one.attempts] == ["first"], case
            continue
        first = one.attempts[0]
        assert issubclass(getattr(errors, first.error_type), getattr(errors, row.meaning.error))
        phase = row.phase if mode.streamed else row.whole_phase
        # here the whole call has less time than a connection usually has
        assert phase in ("", "connect") or f"{phase.replace('_', ' ')} time limit" in first.error, (
            case
        )
        if row.meaning.then == "given up":
            assert len(one.attempts) == 1, case
        elif one.response is not None:
            assert one.response.target == "second", case


SPELLED = [row for row in FAULTS if row.spelled]


@pytest.mark.parametrize("row", SPELLED, ids=lambda r: r.name)
async def test_every_spelling_means_the_same(row, scene_of):
    scene = scene_of()
    mode = Mode(streamed=False, asynchronous=True)
    for way in range(1, len(row.ways)):
        router = scene.router(row, ["first"], way=way)
        (one,) = await Caller(router, mode, 1)._ask_all([asked(scene, row)])
        assert one.attempts[0].error_type == row.meaning.error, row.spellings[way - 1]
        assert scene.judged(one, row) in expected(row, streamed=False), row.spellings[way - 1]


@FAILING
async def test_what_the_row_says_rests_after_as_many_failures_as_it_says(row, scene_of):
    scene = scene_of(kind=row.kind)
    router = scene.router(row, ["first"], way=0)
    target = scene.targets[0]
    # the limit to a first token is the shortest
    streamed = row.kind == "time" and not row.after_content
    caller = Caller(router, Mode(streamed=streamed, asynchronous=True), 1)
    resting = []
    for number in range(row.meaning.after if row.meaning.rests != "nothing" else 9):
        await caller._ask_all([asked(scene, row, number)])
        seen = router.state.snapshot()
        until = {
            "target": getattr(seen.targets.get(target.name), "cooling_until", 0.0),
            "quota_group": getattr(seen.groups.get(target.quota_group), "cooling_until", 0.0),
        }
        resting.append({what for what, at in until.items() if at > time.monotonic() - 1})
    if row.meaning.rests == "nothing":
        assert not any(resting)
        return
    assert not any(resting[:-1])
    assert resting[-1] == {row.meaning.rests}
    assert until[row.meaning.rests] - time.monotonic() > row.meaning.rest_s - 5


def two(**second):
    first = {"model": "openai/drilled", "name": "first", "context_window": 8_000}
    return RouterConfig(
        models=(TargetConfig(**first), TargetConfig(**{**first, "name": "second", **second})),
        policy="ordered",
    )


@pytest.mark.parametrize(
    ("name", "second", "helps"),
    [
        ("prompt-filtered", {}, False),
        ("prompt-filtered", {"model": "openai/another"}, True),
        ("unsupported-parameter", {}, False),
        ("unsupported-parameter", {"model": "openai/another"}, True),
        ("context-overflow", {"model": "openai/another"}, False),
        ("context-overflow", {"model": "openai/another", "context_window": 9_000}, True),
        ("overloaded", {}, True),
        ("rate-limited-requests", {}, False),
        ("rate-limited-requests", {"quota_group": "another"}, True),
        ("invalid-request", {"model": "anthropic/another"}, False),
    ],
)
def test_where_the_request_goes_is_where_the_row_says(name, second, helps, scene_of):
    (row,) = chosen([name])
    scene = scene_of(two(**second))
    router = scene.router(row, ["first"], way=0)
    asked_once = Asked(scene.prompt(0), 0, hints={"timeout_s": 0.5})
    with Caller(router, Mode(streamed=False, asynchronous=False), 1) as caller:
        (one,) = caller.ask([asked_once])
    assert (one.response is not None) == helps, one.error


def test_rows_are_chosen_by_name_and_by_kind_and_a_wrong_name_is_told():
    assert [row.name for row in chosen(["cut", "key"])] == [
        "cut",
        *(row.name for row in FAULTS if row.kind == "key"),
    ]
    assert chosen(None) == FAULTS
    with pytest.raises(ConfigurationError, match="did you mean 'overloaded'"):
        chosen(["overload"])


def test_the_page_is_made_of_the_catalogue():
    written = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")
    assert written == page(), "python -m llmrouter_integrations.drill.page > docs/faults.md"
