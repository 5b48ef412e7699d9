from __future__ import annotations

import functools
import operator

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import StrOutputParser

from llmrouter_integrations.langchain.from_response import to_chunks, to_result
from llmrouter_integrations.langchain.to_request import messages_from
from llmrouter_integrations.messages import (
    Adjustment,
    Attempt,
    Chunk,
    Citation,
    ImagePart,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextDelta,
    TextPart,
    ToolCallPart,
    Usage,
)
from llmrouter_integrations.part_record import KEY
from tests.scripted import answer, chunks_of

CITED = Citation("https://x", "T", "said", 0, 2, {"type": "web", "index": 1})
THOUGHT = ReasoningPart("hm", "anthropic", "SIG")
SIGNED = {"signature": "SIG", "model_provider": "anthropic"}
CALL = ToolCallPart("c1", "look", '{"city":"Köln"}')
IMAGE = ImagePart("iVBORw0KGgo=", media_type="image/png")


def whole(response):
    return to_result(response).generations[0].message


def streamed(response, form="text"):
    """What a user adds up, as LangChain would hand the chunks on."""
    messages = [g.message for chunk in chunks_of(response) for g in to_chunks(chunk, form)]
    return functools.reduce(operator.add, messages)


def in_lumps(response, form, size=3):
    """The same, where each chunk brings several pieces of several parts."""
    deltas = [delta for chunk in chunks_of(response) for delta in chunk.deltas]
    lumps = [Chunk(tuple(deltas[i : i + size])) for i in range(0, len(deltas), size)]
    messages = [
        g.message for chunk in (*lumps, Chunk(response=response)) for g in to_chunks(chunk, form)
    ]
    return functools.reduce(operator.add, messages)


def parts_of(message):
    return messages_from([message])[0].parts


@pytest.mark.parametrize(
    ("parts", "content", "calls", "beside"),
    [
        ((TextPart("hi"),), "hi", [], set()),
        ((TextPart("a"), TextPart("b")), "ab", [], {KEY}),
        ((), "", [], set()),
        ((CALL,), "", ["look"], set()),
        ((TextPart("Well"), CALL), "Well", ["look"], set()),
        ((CALL, TextPart("after")), "after", ["look"], {KEY}),
        ((THOUGHT, TextPart("4")), "4", [], {KEY, "reasoning_content"}),
        ((RefusalPart("No."),), "", [], {KEY, "refusal"}),
        ((TextPart("ab", (CITED,)),), "ab", [], {KEY}),
        (
            (TextPart("see"), IMAGE),
            [
                {"type": "text", "text": "see"},
                {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"},
            ],
            [],
            {KEY},
        ),
    ],
)
def test_plain_forms(parts, content, calls, beside):
    message = whole(answer(*parts))
    assert message.content == content
    assert [call["name"] for call in message.tool_calls] == calls
    assert message.additional_kwargs.keys() == beside
    assert parts_of(message) == parts


def test_arguments_cut_short_are_an_invalid_call():
    message = whole(answer(ToolCallPart("c1", "f", '{"a": 1, "b'), finish_reason="length"))
    assert message.tool_calls == []
    (invalid,) = message.invalid_tool_calls
    assert (invalid["name"], invalid["args"], invalid["id"]) == ("f", '{"a": 1, "b', "c1")


def test_metadata_tell_who_answered_and_what_it_cost():
    response = answer(
        TextPart("hi"),
        attempts=(
            Attempt("a", "x", "m", "error", "RateLimitedError: slow down", "RateLimitedError", 0.2),
            Attempt(
                "acme/tiny-1",
                "acme",
                "tiny-1",
                "ok",
                duration_s=0.3,
                adjustments=(Adjustment("seed", "dropped", "no such parameter"),),
            ),
        ),
        logprobs={"content": []},
        extra={"system_fingerprint": "fp"},
    )
    for message in (whole(response), streamed(response), streamed(response, "blocks")):
        metadata = dict(message.response_metadata)
        metadata.pop("output_version", None)
        assert metadata == {
            "system_fingerprint": "fp",
            "model_name": "tiny-1",
            "model_provider": "llmrouter",
            "finish_reason": "stop",
            "id": "answer-1",
            "logprobs": {"content": []},
            "token_usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
            "llmrouter": {
                "decision_id": None,
                "propensity": None,
                "target": "acme/tiny-1",
                "model": "tiny-1",
                "provider": "acme",
                "cost_usd": 0.0002,
                "attempts": [
                    {
                        "target": "a",
                        "outcome": "error",
                        "error": "RateLimitedError: slow down",
                        "duration_s": 0.2,
                    },
                    {"target": "acme/tiny-1", "outcome": "ok", "error": None, "duration_s": 0.3},
                ],
                "adjustments": [
                    {"parameter": "seed", "action": "dropped", "detail": "no such parameter"}
                ],
            },
        }
        assert orjson.dumps(metadata)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(reported=False), None),
        (Usage(1, 2), {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}),
        (
            Usage(10, 20, 3, 4, 5, 6, 7),
            {
                "input_tokens": 10,
                "output_tokens": 20,
                "total_tokens": 30,
                "input_token_details": {"cache_read": 3, "cache_creation": 4, "audio": 6},
                "output_token_details": {"reasoning": 5, "audio": 7},
            },
        ),
    ],
)
def test_usage(usage, expected):
    response = answer(TextPart("hi"), usage=usage)
    assert whole(response).usage_metadata == expected
    assert streamed(response).usage_metadata == expected


def test_a_stream_tells_once_and_last():
    response = answer(TextPart("Hello, world"), CALL)
    messages = [g.message for chunk in chunks_of(response) for g in to_chunks(chunk, "text")]
    assert [m.chunk_position for m in messages] == [None] * (len(messages) - 1) + ["last"]
    assert [bool(m.response_metadata) for m in messages] == [False] * (len(messages) - 1) + [True]
    assert [m.usage_metadata is not None for m in messages].count(True) == 1
    assert "".join(m.text for m in messages) == "Hello, world"


def test_a_chunk_with_nothing_to_read_is_not_handed_on():
    assert to_chunks(Chunk(id="x", model="m"), "text") == []
    assert to_chunks(Chunk(finish_reason="stop"), "text") == []


def test_content_that_ends_a_stream_is_not_lost():
    last = Chunk((TextDelta("!"),), response=answer(TextPart("hi!")))
    first, second = [g.message for g in to_chunks(last, "text")]
    assert (first.content, first.chunk_position) == ("!", None)
    assert (second.content, second.chunk_position) == ("", "last")


def test_parsers_read_the_text_whatever_stands_beside_it():
    message = whole(answer(THOUGHT, TextPart("4", (CITED,)), CALL))
    assert StrOutputParser().invoke(message) == "4"
    assert message.text == "4"


BLOCKS = [
    ((TextPart("hi"),), [{"type": "text", "text": "hi"}]),
    (
        (CALL,),
        [{"type": "tool_call", "id": "c1", "name": "look", "args": {"city": "Köln"}}],
    ),
    (
        (THOUGHT, TextPart("4")),
        [
            {"type": "reasoning", "reasoning": "hm", "extras": SIGNED},
            {"type": "text", "text": "4"},
        ],
    ),
    (
        (TextPart("ab", (CITED,)),),
        [
            {
                "type": "text",
                "text": "ab",
                "annotations": [
                    {
                        "type": "citation",
                        "url": "https://x",
                        "title": "T",
                        "cited_text": "said",
                        "start_index": 0,
                        "end_index": 2,
                        "extras": {"type": "web", "index": 1},
                    }
                ],
            }
        ],
    ),
    (
        (TextPart("a"), OpaquePart("anthropic", {"type": "server_tool_use", "id": "s"}), CALL),
        [
            {"type": "text", "text": "a"},
            {"type": "non_standard", "value": {"type": "server_tool_use", "id": "s"}},
            {"type": "tool_call", "id": "c1", "name": "look", "args": {"city": "Köln"}},
        ],
    ),
    (
        (RefusalPart("No."),),
        [{"type": "non_standard", "value": {"type": "refusal", "refusal": "No."}}],
    ),
]


def _without_index(blocks):
    return [{k: v for k, v in block.items() if k != "index"} for block in blocks]


@pytest.mark.parametrize(("parts", "blocks"), BLOCKS)
def test_content_blocks(parts, blocks):
    response = answer(*parts)
    assert whole(response).content_blocks == blocks
    assert streamed(response).content_blocks == blocks
    in_blocks = streamed(response, "blocks")
    assert _without_index(in_blocks.content_blocks) == blocks
    assert parts_of(in_blocks) == parts
    assert in_lumps(response, "blocks").content == in_blocks.content
    assert in_lumps(response, "text").content_blocks == blocks


def test_a_closing_chunk_alone_shows_no_blocks():
    (closing,) = to_chunks(Chunk(response=answer(THOUGHT, TextPart("4"))), "text")
    assert closing.message.content_blocks == []


# -- what goes out comes back in -------------------------------------------------------------

words = st.text("ab ßé✓", max_size=9)
named = st.sampled_from(["anthropic", "openai", "gemini"])
marks = st.one_of(st.none(), st.text("sig0", min_size=1, max_size=5))


@st.composite
def texts(draw):
    issuer = draw(named)
    signature, item_id = draw(marks), draw(marks)
    citations = draw(st.sampled_from([(), (CITED,), (CITED, Citation(title="U"))]))
    bound = signature or item_id or citations
    return TextPart(
        draw(words.filter(bool)), citations, signature, item_id, issuer if bound else None
    )


reasonings = st.builds(
    ReasoningPart,
    words,
    named,
    st.text("sig0", min_size=1, max_size=5),
    item_id=marks,
    raw=st.sampled_from([{}, {"summary": [{"text": "x"}]}]),
)
redacted = st.builds(ReasoningPart, st.just(""), named, st.just("R"), st.just(True))


@st.composite
def answers(draw):
    some = st.one_of(
        texts(),
        reasonings,
        redacted,
        st.builds(OpaquePart, named, st.just({"type": "server_tool_use", "id": "s1"})),
        st.just(IMAGE),
        st.builds(
            lambda n, signature: ToolCallPart(
                "", n, '{"a":1}', signature, None, "gemini" if signature else None
            ),
            st.sampled_from(["f", "g"]),
            marks,
        ),
    )
    parts = draw(st.lists(some, max_size=6))
    return tuple(
        ToolCallPart(f"c{i}", p.name, p.arguments, p.signature, p.item_id, p.issuer)
        if isinstance(p, ToolCallPart)
        else p
        for i, p in enumerate(parts)
    )


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")  # of ``loads``
@settings(max_examples=60, deadline=None)
@given(answers())
def test_a_next_turn_gets_back_exactly_what_was_answered(parts):
    response = answer(*parts)
    message = whole(response)
    assert parts_of(message) == parts
    assert parts_of(streamed(response)) == parts
    assert parts_of(streamed(response, "blocks")) == parts
    assert parts_of(in_lumps(response, "text")) == parts
    assert parts_of(in_lumps(response, "blocks")) == parts
    blocks = AIMessage(
        content_blocks=message.content_blocks,
        additional_kwargs=message.additional_kwargs,
        response_metadata=message.response_metadata | {"output_version": "v1"},
    )
    assert parts_of(blocks) == parts  # as ``output_version="v1"`` has LangChain rewrite it
    stored = loads(dumps(message), allowed_objects="all")
    assert parts_of(stored) == parts  # as a checkpoint or a cache keeps it


def test_an_edit_has_the_last_word():
    message = whole(answer(THOUGHT, TextPart("call 555-1234"), CALL))
    redacted_copy = message.model_copy(update={"content": "call [phone]"})
    assert parts_of(redacted_copy) == (THOUGHT, TextPart("call [phone]"), CALL)
    call = {"name": "look", "args": {"city": "Rom"}, "id": "c1", "type": "tool_call"}
    corrected = message.model_copy(update={"tool_calls": [call]})
    assert parts_of(corrected)[-1] == ToolCallPart("c1", "look", '{"city":"Rom"}')
    rejected = message.model_copy(update={"tool_calls": []})
    assert parts_of(rejected) == (THOUGHT, TextPart("call 555-1234"))
    silent = message.model_copy(update={"additional_kwargs": {KEY: message.additional_kwargs[KEY]}})
    assert parts_of(silent) == (TextPart("call 555-1234"), CALL)


def test_added_chunks_are_chunks():
    assert isinstance(streamed(answer(TextPart("Hello"))), AIMessageChunk)
