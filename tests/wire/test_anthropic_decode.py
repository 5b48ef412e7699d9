"""wire/anthropic.py and anthropic_stream.py, reading: whole, streamed, cut anywhere."""

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
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    Usage,
)
from llmrouter_integrations.wire.anthropic import AnthropicCodec
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.structured import JSON_TOOL

CODEC = AnthropicCodec()
TARGET = Endpoint("primary", "anthropic", "claude-haiku-4-5", "https://api.anthropic.com")
USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 100,
    "cache_read_input_tokens": 1000,
    "output_tokens": 7,
    "output_tokens_details": {"thinking_tokens": 3},
    "service_tier": "standard",
    "server_tool_use": {"web_search_requests": 1},
}
TEXT = {"type": "text", "text": "Hello"}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"q": "x"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"url": "u"}]}
CITED = {
    "type": "char_location",
    "cited_text": "grass",
    "document_title": "doc",
    "start_char_index": 3,
}
LINK = {"type": "web_search_result_location", "url": "https://x", "title": "X", "cited_text": "c"}  # fmt: skip


def message(*blocks, stop="end_turn", usage=USAGE, **more):
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": list(blocks),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage,
    } | more


def whole(body, *, status=200, target=TARGET):
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return CODEC.decode(HttpResponse(status, {}, raw), target)


def event(kind, **fields):
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))


def delta(index, **fields):
    return event("content_block_delta", index=index, delta=fields)


def streamed(body, *, pieces=3):
    """The events by which Anthropic would stream this message."""
    usage = body["usage"]
    start = {**body, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    out = [event("message_start", message=start), event("ping")]
    for index, block in enumerate(body["content"]):
        kind = block["type"]
        begun = dict(block)
        deltas = []

        def cut(text):
            size = max(1, len(text) // pieces)
            return [text[i : i + size] for i in range(0, len(text), size)]

        if kind == "text":
            cited = begun.pop("citations", [])
            begun["text"] = ""
            deltas = [{"type": "citations_delta", "citation": c} for c in cited]
            deltas += [{"type": "text_delta", "text": t} for t in cut(block["text"])]
        elif kind == "thinking":
            begun |= {"thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": t} for t in cut(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        elif "input" in block:
            begun["input"] = {}
            json = orjson.dumps(block["input"]).decode() if block["input"] else ""
            deltas = [{"type": "input_json_delta", "partial_json": t} for t in ["", *cut(json)]]
        out.append(event("content_block_start", index=index, content_block=begun))
        out += [delta(index, **d) for d in deltas]
        out.append(event("content_block_stop", index=index))
    said = {"stop_reason": body["stop_reason"], "stop_sequence": body["stop_sequence"]}
    said |= {"stop_details": body.get("stop_details")}
    out.append(event("message_delta", delta=said, usage=usage))
    out.append(event("message_stop"))
    return b"".join(out)


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


ANSWERS = [
    ([TEXT], (TextPart("Hello"),)),
    ([{"type": "text", "text": ""}, TEXT], (TextPart("Hello"),)),
    (
        [{"type": "thinking", "thinking": "hm", "signature": "s"}, TEXT],
        (ReasoningPart("hm", "anthropic", "s"), TextPart("Hello")),
    ),
    (
        [{"type": "thinking", "thinking": "", "signature": "s"}, TEXT],
        (ReasoningPart("", "anthropic", "s"), TextPart("Hello")),
    ),
    (
        [{"type": "redacted_thinking", "data": "xyz"}, TEXT],
        (ReasoningPart("", "anthropic", "xyz", redacted=True), TextPart("Hello")),
    ),
    (
        [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": [1]}}],
        (ToolCallPart("toolu_1", "f", '{"a":[1]}'),),
    ),
    (
        [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}],
        (ToolCallPart("toolu_1", "f", "{}"),),
    ),
    (
        [SEARCH, FOUND, TEXT | {"citations": [LINK, CITED]}],
        (
            OpaquePart("anthropic", SEARCH),
            OpaquePart("anthropic", FOUND),
            TextPart(
                "Hello",
                (
                    Citation("https://x", "X", "c", raw=LINK),
                    Citation(None, "doc", "grass", raw=CITED),
                ),
                issuer="anthropic",
            ),
        ),
    ),
    (
        [{"type": "tool_use", "id": "toolu_1", "name": JSON_TOOL, "input": {"a": 1}}],
        (TextPart('{"a":1}'),),
    ),
    (
        [{"type": "tool_use", "id": "toolu_1", "name": JSON_TOOL, "input": {}}],
        (TextPart("{}"),),
    ),
]


@pytest.mark.parametrize(("blocks", "parts"), ANSWERS)
def test_blocks_become_parts_whole_and_streamed_alike(blocks, parts):
    body = message(*blocks)
    response = whole(body)
    assert response.message.parts == parts
    again = fold(read(streamed(body)))
    assert again == replace(response, provider="", target="")


def test_the_rest_of_an_answer():
    response = whole(message(TEXT, stop="stop_sequence", stop_sequence="END"))
    assert response.usage == Usage(1110, 7, 1000, 100, 3)
    assert (response.id, response.message.id) == ("msg_1", "msg_1")
    assert response.model == "claude-haiku-4-5-20251001"
    assert (response.provider, response.target) == ("anthropic", "primary")
    assert response.extra == {
        "stop_sequence": "END",
        "service_tier": "standard",
        "server_tool_use": {"web_search_requests": 1},
    }
    assert whole(message(TEXT, usage=None)).usage.reported is False


STOPS = [
    ("end_turn", "stop"),
    ("stop_sequence", "stop"),
    ("max_tokens", "length"),
    ("model_context_window_exceeded", "length"),
    ("refusal", "refusal"),
    ("pause_turn", "unknown"),
    ("new_reason", "unknown"),
    (None, "unknown"),
]


@pytest.mark.parametrize(("stop", "reason"), STOPS)
def test_stop_reasons(stop, reason):
    response = whole(message(TEXT, stop=stop))
    assert (response.finish_reason, response.raw_finish_reason) == (reason, stop)


@pytest.mark.parametrize(
    ("names", "reason"), [(["f"], "tool_calls"), ([JSON_TOOL], "stop"), ([JSON_TOOL, "f"], "tool_calls")]
)  # fmt: skip
def test_only_the_callers_tools_are_calls(names, reason):
    calls = [
        {"type": "tool_use", "id": f"t{i}", "name": n, "input": {"a": 1}}
        for i, n in enumerate(names)
    ]
    body = message(*calls, stop="tool_use")
    assert whole(body).finish_reason == reason
    assert fold(read(streamed(body))).finish_reason == reason


def test_others_that_speak_the_protocol_sign_for_themselves():
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    glm = replace(TARGET, provider="zai", model="glm-5")
    assert whole(message(thought, TEXT), target=glm).message.parts[0].issuer == "zai"
    azure = replace(TARGET, provider="azure", model="claude-opus-5-5")
    assert whole(message(thought, TEXT), target=azure).message.parts[0].issuer == "anthropic"


def failure(kind, text="no"):
    return {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_1"}


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (failure("overloaded_error"), 529, errors.OverloadedError),
        (failure("overloaded_error"), 200, errors.OverloadedError),
        (failure("rate_limit_error"), 429, errors.RateLimitedError),
        (failure("invalid_request_error", "prompt is too long: 9 tokens > 1 maximum"), 400, errors.ContextOverflowError),
        (b"<html>", 200, errors.ProtocolViolationError),
        (orjson.dumps(message(TEXT))[:-9], 200, errors.TruncatedAnswerError),
        ({"content": None}, 200, errors.ProtocolViolationError),
        ([], 200, errors.ProtocolViolationError),
        (message(), 200, errors.EmptyAnswerError),
        (message(stop="refusal"), 200, errors.ContentFilteredError),
    ],
)  # fmt: skip
def test_what_is_no_answer(body, status, error):
    with pytest.raises(error) as caught:
        whole(body, status=status)
    assert type(caught.value) is error
    assert caught.value.target == "primary"


def test_a_stream_gives_its_text_as_it_comes_and_its_end_once():
    data = streamed(message(TEXT), pieces=5)
    chunks = read(data, cuts=range(0, len(data), 10))
    assert "".join(c.text for c in chunks) == "Hello"
    assert len([c for c in chunks if c.text]) == 5
    assert [c.finish_reason for c in chunks if c.finish_reason] == ["stop"]
    assert [c.usage for c in chunks if c.usage] == [Usage(1110, 7, 1000, 100, 3)]
    assert chunks[0].model == "claude-haiku-4-5-20251001"
    assert chunks[0].id == "msg_1"


def test_one_feed_of_many_events_is_one_chunk():
    data = delta(0, type="text_delta", text="a") + delta(0, type="text_delta", text="b")
    decoder = CODEC.decoder(TARGET)
    decoder.feed(event("message_start", message={}))
    (chunk,) = decoder.feed(data)
    assert chunk.text == "ab"


WHOLE_STREAM = streamed(
    message(
        {"type": "thinking", "thinking": "Größe?", "signature": "s"},
        SEARCH,
        FOUND,
        {"type": "text", "text": "naïve ☃ 🙂", "citations": [LINK]},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": "é", "y": 2}},
        {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
        stop="tool_use",
    )
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(WHOLE_STREAM)), max_size=12), st.sampled_from([b"\n", b"\r\n"]))
def test_bytes_cut_anywhere_give_the_same_answer(cuts, newline):
    data = WHOLE_STREAM.replace(b"\n", newline)
    assert fold(read(data, cuts=cuts)) == fold(read(WHOLE_STREAM))


texts = st.text(min_size=1, max_size=8)
json_objects = st.dictionaries(texts, st.one_of(st.integers(0, 9), texts, st.none()), max_size=2)
some_blocks = st.one_of(
    st.builds(lambda t: {"type": "text", "text": t}, texts),
    st.builds(lambda t, s: {"type": "thinking", "thinking": t, "signature": s}, texts, texts),
    st.builds(lambda n, i: {"type": "tool_use", "id": "t", "name": n, "input": i}, st.sampled_from(["f", JSON_TOOL]), json_objects),
    st.builds(lambda i: {**SEARCH, "input": i}, json_objects),
    st.just(FOUND),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.lists(some_blocks, max_size=4),
    st.sampled_from(["end_turn", "tool_use", "max_tokens", "refusal", "pause_turn"]),
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
    st.one_of(st.none(), st.integers(0, 3), st.sampled_from(["", "x", "text", "tool_use", "thinking"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(
                ["type", "content", "text", "input", "citations", "usage", "input_tokens", "stop_reason", "delta", "index", "content_block", "message", "error", "thinking", "partial_json"]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=12,
)  # fmt: skip
events = st.tuples(
    st.sampled_from(
        ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop", "error"]
    ),
    st.dictionaries(st.sampled_from(["index", "delta", "content_block", "message", "usage", "error"]), json_values),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(json_values, st.lists(events, max_size=4))
def test_json_of_any_shape_is_an_answer_or_an_error_of_ours(value, sent):
    wrapped = {"content": [value], "usage": value}
    data = b"".join(event(kind, **fields) for kind, fields in sent)
    data += b"data: " + orjson.dumps(value) + b"\n\n"
    for attempt in (lambda: whole(value), lambda: whole(wrapped), lambda: read(data)):
        assert blamed(attempt) in (None, "primary")


TEXT_STREAM = streamed(message(TEXT))


@pytest.mark.parametrize("size", [0, 30, len(TEXT_STREAM) - 450])
def test_a_stream_cut_short_is_no_answer(size):
    with pytest.raises(errors.TruncatedAnswerError):
        read(TEXT_STREAM[:size])


def test_a_stream_without_its_last_event_has_still_ended():
    head, _ = TEXT_STREAM.split(b"event: message_stop")
    assert fold(read(head)) == fold(read(TEXT_STREAM))


def test_an_error_event_is_raised_after_what_came_before_it():
    head, _, _ = TEXT_STREAM.partition(b"event: content_block_stop")
    bad = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    decoder = CODEC.decoder(TARGET)
    assert fold(decoder.feed(head + bad)).text == "Hello"
    for call in (decoder.finish, lambda: decoder.feed(b"")):
        with pytest.raises(errors.OverloadedError):
            call()
    decoder = CODEC.decoder(TARGET)
    with pytest.raises(errors.OverloadedError):
        decoder.feed(bad)


def test_a_bare_json_error_instead_of_a_stream():
    with pytest.raises(errors.RateLimitedError):
        read(orjson.dumps(failure("rate_limit_error")))


@pytest.mark.parametrize(
    "data", [b"data: {oops\n\n", delta(3, type="input_json_delta", partial_json="{")]
)
def test_a_stream_that_breaks_the_protocol(data):
    with pytest.raises(errors.ProtocolViolationError):
        read(data)


def test_broken_arguments_are_told_unless_the_length_explains_them():
    head = event("content_block_start", index=0, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}})  # fmt: skip
    head += delta(0, type="input_json_delta", partial_json='{"a": ')
    with pytest.raises(errors.MalformedToolCallError):
        read(head + event("message_delta", delta={"stop_reason": "tool_use"}) + event("message_stop"))  # fmt: skip
    cut = read(
        head + event("message_delta", delta={"stop_reason": "max_tokens"}) + event("message_stop")
    )
    assert fold(cut).tool_calls == (ToolCallPart("t", "f", '{"a": '),)
    assert fold(cut).finish_reason == "length"


def test_blocks_that_begin_with_content_as_some_servers_send_them():
    data = b"".join(
        [
            event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "hm", "signature": "s"}),
            event("content_block_stop", index=0),
            event("content_block_start", index=1, content_block={"type": "text", "text": "Hi", "citations": [LINK]}),
            event("content_block_start", index=2, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}),
            event("content_block_stop", index=2),
            event("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 2, "input_tokens": 0}),
            event("message_stop"),
            event("ping"),
        ]
    )  # fmt: skip
    response = fold(read(data))
    assert response.message.parts == (
        ReasoningPart("hm", "anthropic", "s"),
        TextPart("Hi", (Citation("https://x", "X", "c", raw=LINK),), issuer="anthropic"),
        ToolCallPart("t", "f", '{"a":1}'),
    )
    assert response.usage == Usage(0, 2)


def test_later_usage_counts_on_and_zeros_take_nothing_back():
    data = event("message_start", message={"usage": {"input_tokens": 9, "output_tokens": 1}})
    data += delta(0, type="text_delta", text="a")
    data += event("message_delta", delta={}, usage={"output_tokens": 4, "input_tokens": 0})
    data += event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 6})
    assert fold(read(data)).usage == Usage(9, 6)


def test_a_block_of_a_kind_not_known_yet_is_kept():
    data = event("content_block_start", index=0, content_block={"type": "compaction", "content": None})  # fmt: skip
    data += delta(0, type="compaction_delta", content="so ") + delta(0, type="compaction_delta", content="far")  # fmt: skip
    data += event("content_block_stop", index=0)
    data += event("message_delta", delta={"stop_reason": "compaction"})
    response = fold(read(data))
    assert response.message.parts == (
        OpaquePart("anthropic", {"type": "compaction", "content": "so far"}),
    )
    assert response.finish_reason == "unknown"
