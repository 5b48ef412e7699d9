"""wire/bedrock.py and bedrock_stream.py, reading: whole, streamed, cut anywhere."""

from __future__ import annotations

import struct
from dataclasses import replace
from zlib import crc32

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmrouter_integrations import errors
from llmrouter_integrations.accumulate import ResponseBuilder
from llmrouter_integrations.http_messages import HttpResponse
from llmrouter_integrations.messages import (
    Citation,
    ImagePart,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    Usage,
)
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.bedrock import BedrockCodec
from llmrouter_integrations.wire.structured import JSON_TOOL

CODEC = BedrockCodec()
TARGET = Endpoint("primary", "bedrock", "us.amazon.nova-2-lite-v1:0", "https://x", api_key="k")
USAGE = {
    "inputTokens": 10,
    "outputTokens": 7,
    "totalTokens": 1117,
    "cacheReadInputTokens": 1000,
    "cacheWriteInputTokens": 100,
}
TEXT = {"text": "Hello"}
SERVER = {"toolUse": {"toolUseId": "s1", "name": "nova_code_interpreter", "type": "server_tool_use", "input": {"c": "1+1"}}}  # fmt: skip
SERVED = {"toolResult": {"toolUseId": "s1", "status": "success", "content": [{"text": "2"}]}}
RAW = {
    "title": "doc",
    "sourceContent": [{"text": "gr"}, {"text": "ass"}],
    "location": {"web": {"url": "https://x"}},
}


def call(name, given):
    return {"toolUse": {"toolUseId": "t1", "name": name, "input": given}}


def reasoning(text, signature):
    return {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}


def message(*blocks, stop="end_turn", usage=USAGE, **more):
    return {
        "output": {"message": {"role": "assistant", "content": list(blocks)}},
        "stopReason": stop,
        "usage": usage,
        "metrics": {"latencyMs": 5},
    } | more


def whole(body, *, status=200, headers=None):
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return CODEC.decode(HttpResponse(status, headers or {}, raw), TARGET)


def frame(payload, **named):
    block = b"".join(
        struct.pack("!B", len(n) + 1) + f":{n}".replace("_", "-").encode() + b"\x07"
        + struct.pack("!H", len(v)) + v.encode()
        for n, v in named.items()
    )  # fmt: skip
    prelude = struct.pack("!II", 16 + len(block) + len(payload), len(block))
    prelude += struct.pack("!I", crc32(prelude))
    body = prelude + block + payload
    return body + struct.pack("!I", crc32(body))


def event(kind, **fields):
    return frame(orjson.dumps(fields), event_type=kind, content_type="application/json", message_type="event")  # fmt: skip


def exception(kind, text):
    return frame(orjson.dumps({"message": text}), exception_type=kind, message_type="exception")


def cut(text, pieces):
    size = max(1, len(text) // pieces)
    return [text[i : i + size] for i in range(0, len(text), size)]


def pieces_of(block, pieces):
    """The start and the deltas in which Bedrock would stream this block."""
    kind, value = next(iter(block.items()))
    if kind == "text":
        return None, [{"text": t} for t in cut(value, pieces)]
    if kind == "toolUse":
        start = {k: v for k, v in value.items() if k != "input"}
        json = orjson.dumps(value["input"]).decode() if value["input"] else ""
        return {"toolUse": start}, [{"toolUse": {"input": t}} for t in ["", *cut(json, pieces)]]
    if kind == "reasoningContent":
        if "redactedContent" in value:
            return None, [{kind: value}]
        said = value["reasoningText"]
        deltas = [{kind: {"text": t}} for t in cut(said["text"], pieces)]
        return None, [*deltas, {kind: {"signature": said["signature"]}}]
    if kind == "toolResult":
        start = {k: v for k, v in value.items() if k != "content"}
        return {kind: start}, [{kind: [c]} for c in value["content"]]
    if kind == "image":
        return {kind: {"format": value["format"]}}, [{kind: {"source": value["source"]}}]
    assert kind == "citationsContent"
    text = "".join(c["text"] for c in value["content"])
    deltas = [{"text": t} for t in cut(text, pieces)]
    return None, [*deltas, *({"citation": c} for c in value["citations"])]


def streamed(body, *, pieces=3):
    out = [event("messageStart", role="assistant")]
    for index, block in enumerate(body["output"]["message"]["content"]):
        start, deltas = pieces_of(block, pieces)
        if start is not None:
            out.append(event("contentBlockStart", contentBlockIndex=index, start=start))
        out += [event("contentBlockDelta", contentBlockIndex=index, delta=d) for d in deltas]
        out.append(event("contentBlockStop", contentBlockIndex=index))
    out.append(event("messageStop", stopReason=body["stopReason"]))
    besides = {k: body[k] for k in ("usage", "metrics", "trace", "serviceTier") if k in body}
    out.append(event("metadata", **besides))
    return b"".join(out)


def read(data, *, cuts=()):
    decoder = CODEC.decoder(TARGET)
    chunks, at = [], 0
    for end in [*sorted(cuts), len(data)]:
        chunks += decoder.feed(data[at:end])
        at = end
    return chunks + decoder.finish()


def fold(chunks):
    builder = ResponseBuilder()
    for chunk in chunks:
        builder.add(chunk)
    return builder.response()


ANSWERS = [
    ([TEXT], (TextPart("Hello"),)),
    ([{"text": ""}, TEXT], (TextPart("Hello"),)),
    ([reasoning("hm", "s"), TEXT], (ReasoningPart("hm", "bedrock", "s"), TextPart("Hello"))),
    ([reasoning("", "s"), TEXT], (ReasoningPart("", "bedrock", "s"), TextPart("Hello"))),
    (
        [{"reasoningContent": {"redactedContent": "eHl6"}}, TEXT],
        (ReasoningPart("", "bedrock", "eHl6", redacted=True), TextPart("Hello")),
    ),
    ([call("f", {"a": [1]})], (ToolCallPart("t1", "f", '{"a":[1]}'),)),
    ([call("f", {})], (ToolCallPart("t1", "f", "{}"),)),
    ([call(JSON_TOOL, {"a": 1})], (TextPart('{"a":1}'),)),
    ([call(JSON_TOOL, {})], (TextPart("{}"),)),
    (
        [SERVER, SERVED, TEXT],
        (OpaquePart("bedrock", SERVER), OpaquePart("bedrock", SERVED), TextPart("Hello")),
    ),
    (
        [{"citationsContent": {"content": [{"text": "It is "}, {"text": "green"}], "citations": [RAW]}}],
        (TextPart("It is green", (Citation("https://x", "doc", "grass", raw=RAW),), issuer="bedrock"),),
    ),
    (
        [{"image": {"format": "png", "source": {"bytes": "iVBO"}}}],
        (ImagePart("iVBO", media_type="image/png"),),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("blocks", "parts"), ANSWERS)
def test_blocks_become_parts_whole_and_streamed_alike(blocks, parts):
    body = message(*blocks, trace={"guardrail": {}}, serviceTier={"type": "flex"})
    response = whole(body)
    assert response.message.parts == parts
    assert response.usage == Usage(1110, 7, 1000, 100)
    assert response.extra == {"trace": {"guardrail": {}}, "serviceTier": {"type": "flex"}}
    assert fold(read(streamed(body))) == replace(response, provider="", target="")


def test_the_rest_of_an_answer():
    response = whole(message(TEXT, usage=None), headers={"x-amzn-requestid": "r-1"})
    assert (response.id, response.model) == ("r-1", "us.amazon.nova-2-lite-v1:0")
    assert (response.provider, response.target) == ("bedrock", "primary")
    assert response.usage.reported is False


def test_arguments_that_come_as_a_string():
    assert whole(message(call("f", '{"a": 1}'))).tool_calls[0].arguments == '{"a": 1}'


def test_a_block_of_a_kind_not_known_yet_is_kept():
    block = {"audio": {"format": "wav", "source": {"bytes": "AA"}}}
    assert whole(message(block)).message.parts == (OpaquePart("bedrock", block),)


STOPS = [
    ("end_turn", "stop"),
    ("stop_sequence", "stop"),
    ("max_tokens", "length"),
    ("model_context_window_exceeded", "length"),
    ("guardrail_intervened", "content_filter"),
    ("content_filtered", "content_filter"),
    ("refusal", "refusal"),
    ("new_reason", "unknown"),
]


@pytest.mark.parametrize(("stop", "reason"), STOPS)
def test_stop_reasons(stop, reason):
    body = message(TEXT, stop=stop)
    assert whole(body).finish_reason == reason
    assert fold(read(streamed(body))).finish_reason == reason


@pytest.mark.parametrize(
    ("stop", "error"),
    [
        ("malformed_tool_use", errors.MalformedToolCallError),
        ("malformed_model_output", errors.ProtocolViolationError),
    ],
)
def test_output_that_bedrock_itself_calls_malformed(stop, error):
    body = message(TEXT, stop=stop)
    with pytest.raises(error):
        whole(body)
    with pytest.raises(error):
        read(streamed(body))


@pytest.mark.parametrize(
    ("names", "reason"), [(["f"], "tool_calls"), ([JSON_TOOL], "stop"), ([JSON_TOOL, "f"], "tool_calls")]
)  # fmt: skip
def test_only_the_callers_tools_are_calls(names, reason):
    body = message(*[call(n, {"a": 1}) for n in names], stop="tool_use")
    assert whole(body).finish_reason == reason
    assert fold(read(streamed(body))).finish_reason == reason


@pytest.mark.parametrize(
    ("body", "status", "headers", "error"),
    [
        ({"message": "Too many requests"}, 429, {"x-amzn-errortype": "ThrottlingException"}, errors.RateLimitedError),
        ({"message": "Input is too long for requested model."}, 400, {"x-amzn-errortype": "ValidationException"}, errors.ContextOverflowError),
        ({"message": "no"}, 503, {"x-amzn-errortype": "ServiceUnavailableException"}, errors.OverloadedError),
        ({"__type": "ThrottlingException", "message": "Too many requests"}, 200, {}, errors.RateLimitedError),
        (b"<html>", 200, {}, errors.ProtocolViolationError),
        (orjson.dumps(message(TEXT))[:-9], 200, {}, errors.TruncatedAnswerError),
        ({}, 200, {}, errors.ProtocolViolationError),
        ([], 200, {}, errors.ProtocolViolationError),
        (message(), 200, {}, errors.EmptyAnswerError),
        (message(stop="content_filtered"), 200, {}, errors.ContentFilteredError),
        (message(call("f", "[1]"), stop="tool_use"), 200, {}, errors.MalformedToolCallError),
    ],
)  # fmt: skip
def test_what_is_no_answer(body, status, headers, error):
    with pytest.raises(error) as caught:
        whole(body, status=status, headers=headers)
    assert type(caught.value) is error
    assert caught.value.target == "primary"


def test_a_stream_gives_its_text_as_it_comes_and_its_end_once():
    data = streamed(message(TEXT), pieces=5)
    chunks = read(data, cuts=range(0, len(data), 10))
    assert "".join(c.text for c in chunks) == "Hello"
    assert len([c for c in chunks if c.text]) == 5
    assert [c.finish_reason for c in chunks if c.finish_reason] == ["stop"]
    assert [c.usage for c in chunks if c.usage] == [Usage(1110, 7, 1000, 100)]
    assert chunks[0].model == "us.amazon.nova-2-lite-v1:0"


WHOLE_STREAM = streamed(
    message(
        reasoning("Größe?", "s"),
        {"text": "naïve ☃ 🙂"},
        SERVER,
        SERVED,
        call("f", {"x": "é", "y": 2}),
        call("g", {}),
        stop="tool_use",
    )
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(WHOLE_STREAM)), max_size=12))
def test_bytes_cut_anywhere_give_the_same_answer(cuts):
    assert fold(read(WHOLE_STREAM, cuts=cuts)) == fold(read(WHOLE_STREAM))


texts = st.text(min_size=1, max_size=8)
json_objects = st.dictionaries(texts, st.one_of(st.integers(0, 9), texts, st.none()), max_size=2)
some_blocks = st.one_of(
    st.builds(lambda t: {"text": t}, texts),
    st.builds(reasoning, texts, texts),
    st.builds(call, st.sampled_from(["f", JSON_TOOL]), json_objects),
    st.builds(lambda i: {"toolUse": SERVER["toolUse"] | {"input": i}}, json_objects),
    st.just(SERVED),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(some_blocks, max_size=4),
    st.sampled_from(["end_turn", "tool_use", "max_tokens", "content_filtered", "new"]),
    st.integers(1, 4),
)
def test_streamed_and_whole_answers_are_the_same(blocks, stop, pieces):
    body = message(*blocks, stop=stop)
    data = streamed(body, pieces=pieces)
    try:
        expected = whole(body)
    except errors.AttemptError as error:
        with pytest.raises(type(error)):
            read(data)
    else:
        assert fold(read(data)) == replace(expected, provider="", target="")


def blamed(attempt):
    """The target that an error of ours names; any other error is a fault of the codec."""
    try:
        attempt()
    except errors.AttemptError as error:
        return error.target
    return None


json_values = st.recursive(
    st.one_of(st.none(), st.integers(0, 3), st.sampled_from(["", "x", "text"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(
                [
                    "output",
                    "message",
                    "content",
                    "text",
                    "toolUse",
                    "toolResult",
                    "reasoningContent",
                    "reasoningText",
                    "citationsContent",
                    "citations",
                    "image",
                    "source",
                    "usage",
                    "inputTokens",
                    "stopReason",
                    "delta",
                    "start",
                    "contentBlockIndex",
                    "input",
                ]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=12,
)
events = st.tuples(
    st.sampled_from(
        ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]
    ),
    json_values,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(json_values, st.lists(events, max_size=4))
@example(None, [("messageStop", {"stopReason": [None]})])
def test_json_of_any_shape_is_an_answer_or_an_error_of_ours(value, sent):
    wrapped = {"output": {"message": {"content": [value]}}, "usage": value}
    data = b"".join(frame(orjson.dumps(v), event_type=k, message_type="event") for k, v in sent)
    for attempt in (lambda: whole(value), lambda: whole(wrapped), lambda: read(data)):
        assert blamed(attempt) in (None, "primary")


TEXT_STREAM = streamed(message(TEXT))
METADATA = event("metadata", usage=USAGE, metrics={"latencyMs": 5})


def test_a_stream_cut_short_is_no_answer():
    for size in (0, 30, len(TEXT_STREAM) - len(METADATA) - 20):
        with pytest.raises(errors.TruncatedAnswerError):
            read(TEXT_STREAM[:size])


def test_a_stream_without_its_metadata_has_still_ended():
    response = fold(read(TEXT_STREAM[: -len(METADATA)]))
    assert (response.text, response.finish_reason) == ("Hello", "stop")
    assert response.usage.reported is False


EXCEPTIONS = [
    ("throttlingException", "Too many tokens, please wait before trying again.", errors.RateLimitedError),
    ("serviceUnavailableException", "Bedrock is unable to process your request.", errors.OverloadedError),
    ("internalServerException", "The system encountered an unexpected error.", errors.ServerError),
    ("modelStreamErrorException", "The model failed.", errors.ServerError),
    ("validationException", "Input is too long for requested model.", errors.ContextOverflowError),
    ("accessDeniedException", "You don't have access to the model with the specified model ID.", errors.PermissionDeniedError),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "error"), EXCEPTIONS)
def test_an_exception_in_the_stream_is_raised_after_what_came_before_it(kind, text, error):
    head = b"".join(
        [event("messageStart", role="assistant"), event("contentBlockDelta", contentBlockIndex=0, delta=TEXT)]
    )  # fmt: skip
    decoder = CODEC.decoder(TARGET)
    assert fold(decoder.feed(head + exception(kind, text) + TEXT_STREAM)).text == "Hello"
    for again in (decoder.finish, lambda: decoder.feed(b"")):
        with pytest.raises(error) as caught:
            again()
    assert caught.value.target == "primary"
    assert caught.value.message == text
    with pytest.raises(error):
        CODEC.decoder(TARGET).feed(exception(kind, text))


def test_an_error_without_a_body():
    data = frame(b"", message_type="error", error_code="InternalFailure", error_message="Oh.")
    with pytest.raises(errors.ServerError, match="Oh"):
        read(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"message": "Too many requests", "padding": "."}',
        frame(b"{oops", event_type="messageStart", message_type="event"),
        event("contentBlockDelta", contentBlockIndex=3, delta={"toolUse": {"input": "{"}}),
    ],
)
def test_a_stream_that_breaks_the_protocol(data):
    with pytest.raises(errors.ProtocolViolationError) as caught:
        read(data)
    assert caught.value.target == "primary"


def test_broken_arguments_are_told_unless_the_length_explains_them():
    start = {"toolUse": {"toolUseId": "t", "name": "f"}}
    head = event("contentBlockStart", contentBlockIndex=0, start=start)
    head += event("contentBlockDelta", contentBlockIndex=0, delta={"toolUse": {"input": '{"a'}})
    with pytest.raises(errors.MalformedToolCallError):
        read(head + event("messageStop", stopReason="tool_use"))
    response = fold(read(head + event("messageStop", stopReason="max_tokens")))
    assert response.tool_calls == (ToolCallPart("t", "f", '{"a'),)
