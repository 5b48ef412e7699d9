"""wire/cohere.py and cohere_stream.py, reading: whole, streamed, cut anywhere."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter_integrations import errors
from llmrouter_integrations.accumulate import ResponseBuilder
from llmrouter_integrations.http_messages import HttpResponse
from llmrouter_integrations.messages import (
    Citation,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    Usage,
)
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.cohere import CohereCodec
from llmrouter_integrations.wire.cohere_messages import TOOL_PLAN
from llmrouter_integrations.wire.structured import JSON_TOOL

CODEC = CohereCodec()
TARGET = Endpoint("primary", "cohere", "command-a-03-2025", "https://api.cohere.com")
USAGE = {
    "billed_units": {"input_tokens": 8.0, "output_tokens": 5.0},
    "tokens": {"input_tokens": 500.0, "output_tokens": 30.0, "reasoning_tokens": 20},
    "cached_tokens": 400.0,
}
COUNTED = Usage(500, 30, 400, 0, 20, billed_input_tokens=8, billed_output_tokens=5)
TEXT = {"type": "text", "text": "Hello"}
THINKING = {"type": "thinking", "thinking": "Hm."}
SOURCE = {"type": "document", "id": "d", "document": {"title": "T", "text": "said", "url": "u"}}
TOOL = {"type": "tool", "id": "https://x", "tool_output": {"content": "told"}}
CITED = {"start": 0, "end": 5, "text": "Hello", "sources": [SOURCE, TOOL], "type": "TEXT_CONTENT"}


def call(name="f", arguments='{"a":1}', call_id="c1"):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def answer(*content, finish="COMPLETE", usage=USAGE, **message):
    said = {"role": "assistant", **message}
    if content:
        said["content"] = list(content)
    return {"id": "r1", "message": said, "finish_reason": finish, "usage": usage}


def whole(body, *, status=200):
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return CODEC.decode(HttpResponse(status, {}, raw), TARGET)


def event(kind, index=None, **fields):
    body = {"type": kind} | ({} if index is None else {"index": index}) | fields
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps(body))


def delta(kind, index=None, **message):
    return event(kind, index, delta={"message": message})


def streamed(body, *, pieces=3):
    """The events by which Cohere would stream this answer."""
    message = body["message"]

    def cut(text):
        size = max(1, len(text) // pieces)
        return [text[i : i + size] for i in range(0, len(text), size)]

    begun = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}
    out = [event("message-start", id=body["id"], delta={"message": begun})]
    for index, block in enumerate(message.get("content", ())):
        key = block["type"]
        out.append(delta("content-start", index, content={"type": key, key: ""}))
        out += [delta("content-delta", index, content={key: piece}) for piece in cut(block[key])]
        out.append(event("content-end", index))
    for index, citation in enumerate(message.get("citations", ())):
        out.append(delta("citation-start", index, citations=citation))
        out.append(event("citation-end", index))
    out += [delta("tool-plan-delta", tool_plan=t) for t in cut(message.get("tool_plan", ""))]
    for index, said in enumerate(message.get("tool_calls", ())):
        function = said["function"]
        start = {**said, "function": {"name": function["name"], "arguments": ""}}
        out.append(delta("tool-call-start", index, tool_calls=start))
        out += [
            delta("tool-call-delta", index, tool_calls={"function": {"arguments": piece}})
            for piece in cut(function["arguments"])
        ]
        out.append(event("tool-call-end", index))
    end = {"finish_reason": body["finish_reason"], "usage": body["usage"]}
    out.append(event("message-end", delta=end))
    return b"".join(out) + b"data: [DONE]\n\n"


def read(data, *, cuts=()):
    decoder = CODEC.decoder(TARGET)
    chunks, at = [], 0
    for cut in [*sorted(cuts), len(data)]:
        chunks += decoder.feed(data[at:cut])
        at = cut
    return chunks + decoder.finish()


def fold(chunks):
    builder = ResponseBuilder()
    for chunk in chunks:
        builder.add(chunk)
    return builder.response()


def alike(response, body, **how):
    """Whether the answer reads the same when it is streamed, which does not name the model."""
    bare = replace(response, provider="", target="", model="")
    return fold(read(streamed(body, **how))) == bare


def citations(said):
    return (
        Citation(None, "T", "said", 0, 5, raw=said),
        Citation("https://x", None, "told", 0, 5, raw=said),
    )


THOUGHT = ReasoningPart("Hm.", "cohere")
PLAN = ReasoningPart("I look.", "cohere", raw=TOOL_PLAN)
ANSWERS = [
    ([TEXT], {}, (TextPart("Hello"),)),
    ([THINKING, TEXT], {}, (THOUGHT, TextPart("Hello"))),
    ([{"type": "thinking", "thinking": ""}, TEXT], {}, (TextPart("Hello"),)),
    (
        [THINKING],
        {"tool_plan": "I look.", "tool_calls": [call(), call("g", "", "c2")]},
        (THOUGHT, PLAN, ToolCallPart("c1", "f", '{"a":1}'), ToolCallPart("c2", "g", "{}")),
    ),
    ([TEXT], {"citations": [CITED]}, (TextPart("Hello", citations(CITED), issuer="cohere"),)),
    (
        [THINKING, TEXT],
        {"citations": [CITED]},
        (THOUGHT, TextPart("Hello", citations(CITED), issuer="cohere")),
    ),
    (
        [TEXT, TEXT],
        {"citations": [CITED | {"content_index": 1}]},
        (
            TextPart("Hello"),
            TextPart("Hello", citations(CITED | {"content_index": 1}), issuer="cohere"),
        ),
    ),
    ([THINKING, TEXT], {"citations": [CITED | {"type": "PLAN"}]}, (THOUGHT, TextPart("Hello"))),
    ([], {"tool_calls": [call(JSON_TOOL)]}, (TextPart('{"a":1}'),)),
]


@pytest.mark.parametrize(("content", "more", "parts"), ANSWERS)
def test_parts_whole_and_streamed_alike(content, more, parts):
    body = answer(*content, **more)
    response = whole(body)
    assert response.message.parts == parts
    assert alike(response, body)


def test_the_rest_of_an_answer():
    response = whole(answer(TEXT))
    assert response.usage == COUNTED
    assert response.extra == {"billed_units": USAGE["billed_units"]}
    assert (response.id, response.message.id) == ("r1", "r1")
    assert response.model == "command-a-03-2025"
    assert (response.provider, response.target) == ("cohere", "primary")
    assert whole(answer(TEXT, usage=None)).usage.reported is False
    assert whole(answer(TEXT, usage={"cached_tokens": 1})).usage.reported is False
    billed = {"billed_units": USAGE["billed_units"]}
    assert whole(answer(TEXT, usage=billed)).usage == Usage(
        8, 5, billed_input_tokens=8, billed_output_tokens=5
    )


@pytest.mark.parametrize(
    ("finish", "body", "reason"),
    [
        ("COMPLETE", {}, "stop"),
        ("STOP_SEQUENCE", {}, "stop"),
        ("MAX_TOKENS", {}, "length"),
        ("TOOL_CALL", {"tool_calls": [call()]}, "tool_calls"),
        ("TOOL_CALL", {"tool_calls": [call(JSON_TOOL)]}, "stop"),
        ("NEW", {}, "unknown"),
    ],
)
def test_finish_reasons(finish, body, reason):
    body = answer(TEXT, finish=finish, **body)
    response = whole(body)
    assert (response.finish_reason, response.raw_finish_reason) == (reason, finish)
    assert alike(response, body)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (answer(), errors.EmptyAnswerError),
        (answer(THINKING), errors.EmptyAnswerError),
        (answer(TEXT, finish="ERROR"), errors.ServerError),
        (answer(TEXT, finish="TIMEOUT"), errors.ServerError),
        (answer(tool_calls=[call(arguments="[1]")]), errors.MalformedToolCallError),
        (answer(tool_calls=[call(arguments='{"a')]), errors.MalformedToolCallError),
    ],
)
def test_what_is_no_answer(body, error):
    with pytest.raises(errors.AttemptError) as raised:
        whole(body)
    assert type(raised.value) is error
    assert raised.value.target == "primary"
    with pytest.raises(errors.AttemptError) as raised:
        read(streamed(body))
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", errors.ProtocolViolationError),
        (b'{"id": "r1", "mess', errors.TruncatedAnswerError),
        (b"[]", errors.ProtocolViolationError),
        (b'{"message": {"content": [1]}}', errors.ProtocolViolationError),
        (b'{"message": "internal server error"}', errors.ServerError),
    ],
)
def test_bodies_that_are_none(raw, error):
    with pytest.raises(error):
        whole(raw)


def test_an_error_status():
    raw = orjson.dumps({"id": "x", "message": "Incorrect API key provided: ***."})
    with pytest.raises(errors.AuthenticationError):
        whole(raw, status=401)
    assert isinstance(CODEC.error(HttpResponse(401, {}, raw), TARGET), errors.AuthenticationError)


# --- streams ---


@pytest.mark.parametrize("data", [b"", streamed(answer(TEXT)).partition(b"event: message-end")[0]])
def test_a_stream_without_its_end(data):
    decoder = CODEC.decoder(TARGET)
    decoder.feed(data)
    with pytest.raises(errors.TruncatedAnswerError):
        decoder.finish()


@pytest.mark.parametrize(
    "failure",
    [
        event("message-end", delta={"error": "internal", "finish_reason": "ERROR"}),
        event("message-end", delta={"finish_reason": "TIMEOUT"}),
        b'data: {"message": "internal"}\n\n',
    ],
)
def test_an_error_behind_content_waits_for_the_next_call(failure):
    decoder = CODEC.decoder(TARGET)
    (chunk,) = decoder.feed(delta("content-delta", 0, content={"text": "Hi"}) + failure)
    assert chunk.text == "Hi"
    with pytest.raises(errors.ServerError):
        decoder.finish()


@pytest.mark.parametrize("data", [b"data: {nope\n\n", event("content-delta", delta={})])
def test_events_of_another_shape(data):
    with pytest.raises(errors.ProtocolViolationError):
        CODEC.decoder(TARGET).feed(data)


def test_nothing_is_read_behind_the_end():
    data = streamed(answer(TEXT)) + b"data: {nope\n\n"
    chunks = read(data)
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["stop"]
    assert [chunk.usage for chunk in chunks if chunk.usage] == [COUNTED]
    assert chunks[0].id == "r1"


def test_log_probabilities_in_openais_form():
    items = [{"text": "Hel", "token_ids": [1], "logprobs": [-0.5]}, {"text": "lo", "token_ids": []}]
    expected = {"content": [{"token": "Hel", "logprob": -0.5, "top_logprobs": []}]}
    assert whole(answer(TEXT) | {"logprobs": items}).logprobs == expected
    pieces = [
        event(
            "content-delta",
            0,
            delta={"message": {"content": {"text": item["text"]}}},
            logprobs=item,
        )
        for item in items
    ]
    end = event("message-end", delta={"finish_reason": "COMPLETE"})
    assert fold(read(b"".join(pieces) + end)).logprobs == expected


# --- properties ---

texts = st.text(min_size=0, max_size=12)
blocks = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, texts),
    st.builds(lambda text: {"type": "thinking", "thinking": text}, texts),
)
calls = st.builds(
    lambda name, arguments: call(name, orjson.dumps(arguments).decode()),
    st.sampled_from(["f", "g", JSON_TOOL]),
    st.dictionaries(texts, texts, max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(blocks, max_size=4), texts, st.lists(calls, max_size=3), st.integers(1, 4))
def test_streamed_as_whole(content, plan, tool_calls, pieces):
    body = answer(*content, tool_plan=plan, tool_calls=tool_calls)
    try:
        expected = whole(body)
    except errors.AttemptError as error:
        with pytest.raises(type(error)):
            read(streamed(body, pieces=pieces))
    else:
        assert alike(expected, body, pieces=pieces)


DATA = streamed(answer(THINKING, {"type": "text", "text": "Zürich — äöü"}, tool_calls=[call()]))


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, len(DATA)), max_size=8))
def test_cut_anywhere(cuts):
    assert fold(read(DATA, cuts=cuts)) == fold(read(DATA))
