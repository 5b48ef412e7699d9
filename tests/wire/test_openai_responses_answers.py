"""Answers in OpenAI's Responses protocol, whole and streamed."""

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter_integrations.accumulate import ResponseBuilder
from llmrouter_integrations.errors import (
    AttemptError,
    ContentFilteredError,
    ContextOverflowError,
    EmptyAnswerError,
    MalformedToolCallError,
    OverloadedError,
    ProtocolViolationError,
    RateLimitedError,
    ServerError,
    TruncatedAnswerError,
)
from llmrouter_integrations.http_messages import HttpResponse
from llmrouter_integrations.messages import (
    NO_USAGE,
    Chunk,
    Citation,
    Message,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    Request,
    Response,
    TextPart,
    ToolCallPart,
    Usage,
)
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.openai_responses import OpenAIResponsesCodec

CODEC = OpenAIResponsesCodec()
OPENAI = Endpoint("primary", "openai", "gpt-5.4", "https://api.openai.com/v1")

Json = dict[str, Any]


def message(*blocks: Json, item_id: str = "msg_1", **more: Any) -> Json:
    return {"type": "message", "id": item_id, "role": "assistant", "content": [*blocks], **more}


def text(said: str, *notes: Json, logprobs: list[Json] | None = None) -> Json:
    return {
        "type": "output_text",
        "text": said,
        "annotations": [*notes],
        "logprobs": logprobs or [],
    }


def call(arguments: str, name: str = "look") -> Json:
    return {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": name,
        "arguments": arguments,
    }


def reasoning(*summary: str, content: tuple[str, ...] = (), encrypted: str | None = None) -> Json:
    return {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": piece} for piece in summary],
        "content": [{"type": "reasoning_text", "text": piece} for piece in content],
        "encrypted_content": encrypted,
    }


def body(*output: Json, **more: Any) -> Json:
    return {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "gpt-5.4-2026",
        "output": [*output],
        "error": None,
        **more,
    }


def decode(answer: Any, to: Endpoint = OPENAI) -> Response:
    return CODEC.decode(HttpResponse(200, {}, orjson.dumps(answer)), to)


# --- streams -------------------------------------------------------------------------------


def event(kind: str, **more: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **more}) + b"\n\n"


def pieces(said: str) -> list[str]:
    return [said[at : at + 3] for at in range(0, len(said), 3)]


def events_of(answer: Json, *, deltas: bool = True) -> list[bytes]:
    """Stream a whole answer as OpenAI does; without deltas only the ends of items are told."""
    told = [event("response.created", response={**answer, "output": [], "status": "in_progress"})]
    for place, item in enumerate(answer["output"]):
        where = {"output_index": place, "item_id": item.get("id")}
        begun = {**item, "content": [], "summary": [], "arguments": "", "encrypted_content": "part"}
        told.append(event("response.output_item.added", item=begun, **where))
        if deltas:
            told += item_events(item, where)
        told.append(event("response.output_item.done", item=item, **where))
    status = "incomplete" if answer["status"] == "incomplete" else "completed"
    told.append(event(f"response.{status}", response=answer))
    return told


def item_events(item: Json, where: Json) -> list[bytes]:
    told: list[bytes] = []
    if item["type"] == "function_call":
        told += [
            event("response.function_call_arguments.delta", delta=piece, **where)
            for piece in pieces(item["arguments"])
        ]
    for at, piece in enumerate(item.get("summary", ())):
        told += [
            event("response.reasoning_summary_text.delta", delta=part, summary_index=at, **where)
            for part in pieces(piece["text"])
        ]
    for at, block in enumerate(item.get("content", ())):
        kind = {
            "output_text": "response.output_text.delta",
            "refusal": "response.refusal.delta",
            "reasoning_text": "response.reasoning_text.delta",
        }.get(block["type"])
        said = block.get("text") or block.get("refusal") or ""
        logprobs = block.get("logprobs") or []
        for number, piece in enumerate(pieces(said) if kind else ()):
            more = {"logprobs": logprobs if number == 0 else []} if "logprobs" in block else {}
            told.append(event(kind or "", delta=piece, content_index=at, **where, **more))
        for number, note in enumerate(block.get("annotations") or ()):
            kind = "response.output_text.annotation.added"
            told.append(
                event(kind, annotation=note, annotation_index=number, content_index=at, **where)
            )
        told.append(event("response.content_part.done", part=block, content_index=at, **where))
    return told


def read(stream: list[bytes], to: Endpoint = OPENAI) -> list[Chunk]:
    decoder = CODEC.decoder(to)
    return [chunk for piece in stream for chunk in decoder.feed(piece)] + decoder.finish()


def fold(chunks: list[Chunk]) -> Response:
    builder = ResponseBuilder()
    for chunk in chunks:
        builder.add(chunk)
    return builder.response()


def told(response: Response) -> tuple[Any, ...]:
    """What a stream must tell as the whole answer does."""
    return (
        response.message,
        response.finish_reason,
        response.usage,
        response.model,
        response.id,
        response.raw_finish_reason,
        response.logprobs,
        dict(response.extra),
    )


# --- a table of answers --------------------------------------------------------------------

NOTE = {"type": "url_citation", "url": "http://x", "title": "X", "start_index": 0, "end_index": 2}
FILE_NOTE = {"type": "file_citation", "file_id": "f", "filename": "a.pdf", "index": 4}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "q"}}
LOGPROBS = [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}]


def said(words: str, *notes: Citation, item_id: str = "msg_1") -> TextPart:
    return TextPart(words, notes, None, item_id, "openai")


ANSWERS: dict[str, tuple[Json, list[Part], str, str | None]] = {
    "text": (body(message(text("Hello"))), [said("Hello")], "stop", "completed"),
    "two texts": (
        body(message(text("Hello"), text("you"))),
        [said("Hello"), said("you")],
        "stop",
        "completed",
    ),
    "phases": (
        body(
            message(text("Let me see"), item_id="m1", phase="commentary"),
            message(text("It is 4"), item_id="m2", phase="final_answer"),
        ),
        [said("Let me see", item_id="commentary/m1"), said("It is 4", item_id="final_answer/m2")],
        "stop",
        "completed",
    ),
    "citations": (
        body(message(text("Hello", NOTE, FILE_NOTE))),
        [
            said(
                "Hello",
                Citation("http://x", "X", None, 0, 2, NOTE),
                Citation(None, "a.pdf", None, 4, 4, FILE_NOTE),
            )
        ],
        "stop",
        "completed",
    ),
    "reasoning summaries": (
        body(reasoning("One", "Two", encrypted="gAAA"), message(text("Hello"))),
        [
            ReasoningPart(
                "One\n\nTwo",
                "openai",
                "gAAA",
                item_id="rs_1",
                raw={
                    "summary": [
                        {"type": "summary_text", "text": "One"},
                        {"type": "summary_text", "text": "Two"},
                    ],
                    "content": [],
                },
            ),
            said("Hello"),
        ],
        "stop",
        "completed",
    ),
    "one summary": (
        body(reasoning("One", encrypted="gAAA"), message(text("Hello"))),
        [ReasoningPart("One", "openai", "gAAA", item_id="rs_1"), said("Hello")],
        "stop",
        "completed",
    ),
    "reasoning hidden": (
        body(reasoning(encrypted="gAAA"), message(text("Hello"))),
        [ReasoningPart("", "openai", "gAAA", item_id="rs_1"), said("Hello")],
        "stop",
        "completed",
    ),
    "reasoning not given at all": (
        body(reasoning(), message(text("Hello"))),
        [said("Hello")],
        "stop",
        "completed",
    ),
    "reasoning in words": (
        body(reasoning(content=("Hmm", "so")), message(text("Hello"))),
        [
            ReasoningPart(
                "Hmm\n\nso",
                "openai",
                None,
                item_id="rs_1",
                raw={
                    "summary": [],
                    "content": [
                        {"type": "reasoning_text", "text": "Hmm"},
                        {"type": "reasoning_text", "text": "so"},
                    ],
                },
            ),
            said("Hello"),
        ],
        "stop",
        "completed",
    ),
    "a call": (
        body(call('{"at": "here"}')),
        [ToolCallPart("call_1", "look", '{"at": "here"}', None, "fc_1", "openai")],
        "tool_calls",
        "completed",
    ),
    "calls behind text": (
        body(message(text("Hello")), call("{}"), call("", name="go")),
        [
            said("Hello"),
            ToolCallPart("call_1", "look", "{}", None, "fc_1", "openai"),
            ToolCallPart("call_1", "go", "{}", None, "fc_1", "openai"),
        ],
        "tool_calls",
        "completed",
    ),
    "a refusal": (
        body(message({"type": "refusal", "refusal": "I cannot"})),
        [RefusalPart("I cannot")],
        "refusal",
        "completed",
    ),
    "a search": (
        body(SEARCH, message(text("Hello"))),
        [OpaquePart("openai", SEARCH), said("Hello")],
        "stop",
        "completed",
    ),
    "a block of an unknown kind": (
        body(message(text("Hello"), {"type": "hologram", "x": 1})),
        [said("Hello"), OpaquePart("openai", {"type": "hologram", "x": 1})],
        "stop",
        "completed",
    ),
    "cut by the limit": (
        body(
            message(text("Hel")),
            status="incomplete",
            incomplete_details={"reason": "max_output_tokens"},
        ),
        [said("Hel")],
        "length",
        "max_output_tokens",
    ),
    "a call cut by the limit": (
        body(
            call('{"at": "he'),
            status="incomplete",
            incomplete_details={"reason": "max_output_tokens"},
        ),
        [ToolCallPart("call_1", "look", '{"at": "he', None, "fc_1", "openai")],
        "length",
        "max_output_tokens",
    ),
    "nothing but hidden reasoning by the limit": (
        body(reasoning(encrypted="gAAA"), status="incomplete", incomplete_details=None),
        [ReasoningPart("", "openai", "gAAA", item_id="rs_1")],
        "length",
        "incomplete",
    ),
    "cut by a filter": (
        body(
            message(text("Hel")),
            status="incomplete",
            incomplete_details={"reason": "content_filter"},
        ),
        [said("Hel")],
        "content_filter",
        "content_filter",
    ),
    "cut for another reason": (
        body(message(text("Hel")), status="incomplete", incomplete_details={"reason": "steered"}),
        [said("Hel")],
        "unknown",
        "steered",
    ),
}


@pytest.mark.parametrize(("answer", "parts", "finish", "raw"), ANSWERS.values(), ids=ANSWERS)
def test_answers(answer: Json, parts: list[Part], finish: str, raw: str) -> None:
    whole = decode(answer)
    assert whole.message == Message("assistant", tuple(parts), id="resp_1")
    assert (whole.finish_reason, whole.raw_finish_reason) == (finish, raw)
    assert (whole.model, whole.provider, whole.target) == ("gpt-5.4-2026", "openai", "primary")
    assert told(fold(read(events_of(answer)))) == told(whole)
    assert told(fold(read(events_of(answer, deltas=False)))) == told(whole)
    assert told(fold(read([b"".join(events_of(answer))]))) == told(whole)


USAGES: dict[str, tuple[Any, Usage]] = {
    "none": (None, NO_USAGE),
    "openai": (
        {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
            "output_tokens": 50,
            "output_tokens_details": {"reasoning_tokens": 40},
            "total_tokens": 150,
        },
        Usage(100, 50, 60, 10, 40),
    ),
    "openrouter": (
        {"input_tokens": 1, "output_tokens": 2, "cost": 0.25},
        Usage(1, 2, cost_usd=0.25),
    ),
    "xai": (
        {"input_tokens": 1, "output_tokens": 2, "cost_in_usd_ticks": 5_143_500},
        Usage(1, 2, cost_usd=0.00051435),
    ),
    "nulls": (
        {"input_tokens": 1, "output_tokens": 2, "input_tokens_details": None},
        Usage(1, 2),
    ),
}


@pytest.mark.parametrize(("usage", "expected"), USAGES.values(), ids=USAGES)
def test_usage(usage: Any, expected: Usage) -> None:
    answer = body(message(text("Hello")), usage=usage)
    assert decode(answer).usage == expected
    assert fold(read(events_of(answer))).usage == expected


def test_log_probabilities_and_the_rest() -> None:
    answer = body(
        message(text("Hi", logprobs=LOGPROBS)),
        service_tier="flex",
        created_at=7,
        metadata={"system_fingerprint": "fp"},
    )
    whole = decode(answer)
    assert whole.logprobs == {"content": LOGPROBS}
    assert whole.extra == {"service_tier": "flex", "created_at": 7, "system_fingerprint": "fp"}
    assert told(fold(read(events_of(answer)))) == told(whole)


def test_signatures_belong_to_who_gave_them() -> None:
    xai = Endpoint("t", "xai", "grok-4.3", "https://api.x.ai/v1")
    answer = body(reasoning("One", encrypted="z"), message(text("Hi")), call("{}"))
    for response in (decode(answer, xai), fold(read(events_of(answer), xai))):
        assert {part.issuer for part in response.message.parts} == {"xai"}  # type: ignore[union-attr]  # these have one


def test_an_answer_goes_back_as_it_came() -> None:
    answer = body(
        reasoning("One", "Two", encrypted="gAAA"),
        SEARCH,
        message(text("Hello"), phase="commentary"),
        call('{"at": "x"}'),
    )
    history = (Message("user", (TextPart("Hi"),)), decode(answer).message)
    sent = orjson.loads(CODEC.encode(Request(history), OPENAI, stream=False).http.body)["input"]
    assert sent[1:5] == [
        {
            "type": "reasoning",
            "summary": answer["output"][0]["summary"],
            "encrypted_content": "gAAA",
        },
        SEARCH,
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hello"}],
            "phase": "commentary",
        },
        {
            "type": "function_call",
            "call_id": "call_1",
            "name": "look",
            "arguments": '{"at": "x"}',
        },
    ]


# --- no answers ----------------------------------------------------------------------------

OVERFLOW = {"code": "context_length_exceeded", "message": "Too long"}
FAILURES: dict[str, tuple[Any, type[AttemptError]]] = {
    "failed": (
        body(status="failed", error={"code": "rate_limit_exceeded", "message": "Slow"}),
        RateLimitedError,
    ),
    "failed without a word": (body(status="failed"), ServerError),
    "an error in a 200": ({"error": OVERFLOW}, ContextOverflowError),
    "no output": ({"object": "response"}, ProtocolViolationError),
    "a list": ([], ProtocolViolationError),
    "not begun": (body(status="queued"), ProtocolViolationError),
    "empty": (body(), EmptyAnswerError),
    "empty text": (body(message(text(""))), EmptyAnswerError),
    "only reasoning": (body(reasoning("Hm")), EmptyAnswerError),
    "filtered away": (
        body(status="incomplete", incomplete_details={"reason": "content_filter"}),
        ContentFilteredError,
    ),
    "a broken call": (body(call('{"at": ')), MalformedToolCallError),
}


@pytest.mark.parametrize(("answer", "expected"), FAILURES.values(), ids=FAILURES)
def test_no_answers(answer: Any, expected: type[AttemptError]) -> None:
    with pytest.raises(AttemptError) as raised:
        decode(answer)
    assert type(raised.value) is expected
    assert raised.value.target == "primary"


def test_other_statuses_are_classified() -> None:
    http = HttpResponse(400, {}, orjson.dumps({"error": OVERFLOW}))
    assert type(CODEC.error(http, OPENAI)) is ContextOverflowError
    with pytest.raises(ContextOverflowError):
        CODEC.decode(http, OPENAI)


@pytest.mark.parametrize("kind", ["empty", "only reasoning", "filtered away", "a broken call"])
def test_a_stream_that_ends_with_no_answer(kind: str) -> None:
    answer, expected = FAILURES[kind]
    with pytest.raises(AttemptError) as raised:
        read(events_of(answer))
    assert type(raised.value) is expected


BEGUN = events_of(body(message(text("Hello"))))[:-2]
BREAKS: dict[str, tuple[bytes, type[AttemptError]]] = {
    "error event": (
        event("error", code="server_is_overloaded", message="Busy", param=None),
        OverloadedError,
    ),
    "error event, nested": (
        event("error", error={"type": "invalid_request_error", **OVERFLOW}),
        ContextOverflowError,
    ),
    "failed": (
        event(
            "response.failed",
            response=body(status="failed", error={"code": "server_error", "message": "Oh"}),
        ),
        ServerError,
    ),
    "bare error": (b'data: {"error": {"message": "Overloaded", "code": 503}}\n\n', OverloadedError),
    "plain body": (
        b'{"error": {"message": "no", "code": "rate_limit_exceeded"}}',
        RateLimitedError,
    ),
    "no json": (b"data: <html>\n\n", ProtocolViolationError),
    "the end": (b"", TruncatedAnswerError),
    "done without an end": (b"data: [DONE]\n\n", TruncatedAnswerError),
    "half an event": (b'data: {"type": "respon', TruncatedAnswerError),
}


@pytest.mark.parametrize("together", [True, False], ids=["in one feed", "in feeds of its own"])
@pytest.mark.parametrize(("last", "expected"), BREAKS.values(), ids=BREAKS)
def test_a_broken_stream_gives_all_that_came_before(
    last: bytes, expected: type[AttemptError], *, together: bool
) -> None:
    decoder = CODEC.decoder(OPENAI)
    chunks: list[Chunk] = []
    feeds = [b"".join([*BEGUN, last])] if together else [*BEGUN, last]
    with pytest.raises(AttemptError) as raised:  # noqa: PT012  (whichever call it is)
        for data in feeds:
            chunks += decoder.feed(data)
        chunks += decoder.finish()
    assert type(raised.value) is expected
    assert fold(chunks).text == "Hello"
    with pytest.raises(expected):
        decoder.finish()


def test_what_follows_the_end_is_ignored() -> None:
    stream = [*events_of(body(message(text("Hello")))), event("error", message="late"), b"data: x"]
    assert fold(read(stream)).text == "Hello"


def test_events_of_no_meaning_to_us_are_skipped() -> None:
    answer = body(SEARCH, message(text("Hello")))
    stream = events_of(answer)
    stream[2:2] = [
        b": ping\n\n",
        event("response.web_search_call.searching", output_index=0, item_id="ws_1"),
        event("keepalive", sequence_number=3),
        event("response.output_text.done", output_index=1, content_index=0, text="Hello"),
    ]
    assert told(fold(read(stream))) == told(decode(answer))


def test_the_shape_of_a_stream() -> None:
    answer = body(
        reasoning("One", "Two", encrypted="g"),
        message(text("Hello there")),
        call('{"at": 1}'),
        usage={"input_tokens": 1, "output_tokens": 2},
    )
    chunks = read(events_of(answer))
    assert chunks[0] == Chunk(model="gpt-5.4-2026", id="resp_1")
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["tool_calls"]
    assert [chunk.usage for chunk in chunks if chunk.usage] == [Usage(1, 2)]
    assert chunks[-1].finish_reason == "tool_calls"
    indices = [delta.index for chunk in chunks for delta in chunk.deltas]
    assert indices == sorted(indices)
    assert set(indices) == {0, 1, 2}
    assert "".join(chunk.text for chunk in chunks) == "Hello there"


# --- properties ----------------------------------------------------------------------------

words = st.text(max_size=12)
blocks = st.one_of(
    st.builds(lambda t, n: text(t, *n), words, st.lists(st.sampled_from([NOTE, FILE_NOTE]), max_size=2)),
    st.builds(lambda t: {"type": "refusal", "refusal": t}, words.filter(bool)),
    st.just({"type": "hologram", "x": 1}),
)  # fmt: skip
items = st.one_of(
    st.builds(lambda b: message(*b), st.lists(blocks, max_size=3)),
    st.builds(
        lambda s, c, e: reasoning(*s, content=tuple(c), encrypted=e),
        st.lists(words.filter(bool), max_size=2),
        st.lists(words.filter(bool), max_size=2),
        st.none() | words.filter(bool),
    ),
    st.builds(lambda a: call(orjson.dumps(a).decode()), st.dictionaries(words, words, max_size=2)),
    st.just(SEARCH),
)


@settings(max_examples=150, deadline=None)
@given(output=st.lists(items, max_size=4), deltas=st.booleans(), draw=st.data())
def test_streamed_is_whole_however_it_is_cut(
    output: list[Json], draw: st.DataObject, *, deltas: bool
) -> None:
    answer = body(*output, message(text("end")), usage={"input_tokens": 3, "output_tokens": 4})
    stream = b"".join(events_of(answer, deltas=deltas))
    at = sorted(draw.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    cut = [stream[a:b] for a, b in zip([0, *at], [*at, len(stream)], strict=True)]
    chunks = read(cut)
    assert told(fold(chunks)) == told(decode(answer))
    seen: list[int] = []
    for delta in [delta for chunk in chunks for delta in chunk.deltas]:
        assert delta.index in seen or delta.index == len(seen)
        seen += [delta.index] if delta.index not in seen else []


KEYS = ["id", "type", "status", "output", "content", "summary", "text", "item", "response", "delta"]
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["message", "reasoning", "x"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=6,
)
KINDS = [
    "response.completed",
    "response.output_text.delta",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.done",
    "response.function_call_arguments.delta",
    "response.reasoning_summary_text.delta",
    "response.failed",
]


@settings(max_examples=200, deadline=None)
@given(output=junk, more=st.dictionaries(st.sampled_from(KEYS), junk, max_size=3))
def test_whatever_comes_is_an_answer_or_an_attempts_error(output: Any, more: Json) -> None:
    answer = {**body(), "output": output, **more}
    with contextlib.suppress(AttemptError):
        decode(answer)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(KEYS), junk)) | junk,
        max_size=4,
    )
)
def test_whatever_is_streamed_too(events: list[Any]) -> None:
    stream = [
        event(told[0], **{k: v for k, v in told[1].items() if k != "type"})
        if isinstance(told, tuple)
        else b"data: " + orjson.dumps(told) + b"\n\n"
        for told in events
    ]
    with contextlib.suppress(AttemptError):
        read(stream)
