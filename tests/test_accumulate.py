"""Chunks fold into the answer they were cut from."""

from __future__ import annotations

import pickle

import pytest

from llmrouter_integrations.accumulate import ResponseBuilder
from llmrouter_integrations.messages import (
    EMPTY_MAP,
    NO_USAGE,
    Chunk,
    Citation,
    ImagePart,
    PartDelta,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
    Usage,
)

CITED = Citation(url="https://example.com")

ROWS = [
    ([TextDelta("a"), TextDelta("b")], [TextPart("ab")]),
    ([TextDelta("")], []),
    (
        [TextDelta("", signature="s", issuer="gemini")],
        [TextPart("", signature="s", issuer="gemini")],
    ),
    ([TextDelta("a", citations=(CITED,)), TextDelta("b")], [TextPart("ab", (CITED,))]),
    (
        [
            ReasoningDelta("th", 0, issuer="anthropic"),
            ReasoningDelta("ink", 0),
            ReasoningDelta(index=0, signature="sig"),
            TextDelta("so", 1),
        ],
        [ReasoningPart("think", "anthropic", "sig"), TextPart("so")],
    ),
    (
        [ReasoningDelta(index=0, issuer="anthropic", signature="x", redacted=True)],
        [ReasoningPart("", "anthropic", "x", redacted=True)],
    ),
    ([ReasoningDelta("", 0)], []),
    (
        [ReasoningDelta("t", 0, raw={"a": 1}), ReasoningDelta("", 0, raw={"b": 2})],
        [ReasoningPart("t", raw={"a": 1, "b": 2})],
    ),
    ([RefusalDelta("I "), RefusalDelta("won't")], [RefusalPart("I won't")]),
    (
        [
            ToolCallDelta(0, "c1", "f", '{"a"'),
            ToolCallDelta(1, "c2", "g", "{}"),
            ToolCallDelta(0, arguments=": 1}"),
        ],
        [ToolCallPart("c1", "f", '{"a": 1}'), ToolCallPart("c2", "g", "{}")],
    ),
    ([ToolCallDelta(0, "c1", "f")], [ToolCallPart("c1", "f", "{}")]),
    ([PartDelta(ImagePart(data="aGk="), 0)], [ImagePart(data="aGk=")]),
    ([TextDelta("late", 2), TextDelta("early", 1)], [TextPart("early"), TextPart("late")]),
]


@pytest.mark.parametrize(("deltas", "parts"), ROWS)
def test_deltas_fold_into_parts(deltas, parts):
    builder = ResponseBuilder()
    for delta in deltas:
        builder.add(Chunk((delta,)))
    assert builder.response().message.parts == tuple(parts)


def test_what_stands_beside_the_content_is_kept():
    builder = ResponseBuilder()
    builder.add(Chunk(id="r1", model="m", extra={"fingerprint": "f"}))
    builder.add(Chunk((TextDelta("x"),), logprobs={"content": [1], "refusal": None}))
    builder.add(Chunk(logprobs={"content": [2], "refusal": None}))
    builder.add(Chunk(finish_reason="stop", raw_finish_reason="end_turn"))
    builder.add(Chunk(usage=Usage(3, 1)))
    response = builder.response()
    assert (response.id, response.model, response.text) == ("r1", "m", "x")
    assert (response.finish_reason, response.raw_finish_reason) == ("stop", "end_turn")
    assert response.usage == Usage(3, 1)
    assert response.logprobs == {"content": [1, 2], "refusal": None}
    assert response.extra == {"fingerprint": "f"}


def test_a_partial_answer_says_that_it_has_not_ended():
    builder = ResponseBuilder()
    builder.add(Chunk((TextDelta("half"),)))
    partial = builder.response()
    assert (partial.text, partial.finish_reason, partial.usage) == ("half", "unknown", NO_USAGE)


@pytest.mark.parametrize(
    ("chunk", "content"),
    [
        (Chunk(id="x"), False),
        (Chunk((TextDelta(""),)), False),
        (Chunk((ReasoningDelta(""),)), False),
        (Chunk(finish_reason="stop"), False),
        (Chunk((TextDelta("a"),)), True),
        (Chunk((ReasoningDelta("a"),)), True),
        (Chunk((RefusalDelta("a"),)), True),
        (Chunk((ToolCallDelta(0, "id", "f"),)), True),
    ],
)
def test_content_is_what_a_reader_would_miss(chunk, content):
    assert chunk.has_content is content


def test_values_survive_a_pickle():
    chunk = Chunk((TextDelta("a"),), usage=Usage(1, 2))
    assert pickle.loads(pickle.dumps(chunk)) == chunk
    assert pickle.loads(pickle.dumps(EMPTY_MAP)) is EMPTY_MAP
