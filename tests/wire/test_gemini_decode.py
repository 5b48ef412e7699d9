"""wire/gemini.py and gemini_stream.py, reading: whole, streamed, cut anywhere."""

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
    AudioPart,
    Citation,
    FilePart,
    ImagePart,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    Usage,
)
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.gemini import GeminiCodec
from llmrouter_integrations.wire.structured import JSON_TOOL

CODEC = GeminiCodec()
TARGET = Endpoint("primary", "google", "gemini-3.7-flash", "https://x/v1beta", api_key="AIza-1")
USAGE = {
    "promptTokenCount": 100,
    "candidatesTokenCount": 7,
    "totalTokenCount": 125,
    "cachedContentTokenCount": 40,
    "thoughtsTokenCount": 13,
    "toolUsePromptTokenCount": 5,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 90},
        {"modality": "AUDIO", "tokenCount": 10},
    ],
    "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}],
    "serviceTier": "standard",
}
COUNTED = Usage(105, 20, 40, 0, 13, 10, 2)
TEXT = {"text": "Hello"}
THOUGHT = {"text": "Hm.", "thought": True}
CODE = {"executableCode": {"language": "PYTHON", "code": "1+1"}}


def call(name="f", signature=None, **fields):
    part = {"functionCall": {"name": name, **fields}}
    return part | ({"thoughtSignature": signature} if signature else {})


def blob(kind, signature=None):
    part = {"inlineData": {"mimeType": kind, "data": "AA"}}
    return part | ({"thoughtSignature": signature} if signature else {})


def answer(*parts, finish="STOP", usage=USAGE, candidate=None, **more):
    content = {"role": "model", "parts": list(parts)} if parts else {"role": "model"}
    found = {"content": content, "finishReason": finish, "index": 0, **(candidate or {})}
    return {
        "candidates": [found],
        "usageMetadata": usage,
        "modelVersion": "gemini-3.7-flash-001",
        "responseId": "r1",
    } | more


def whole(body, *, status=200):
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return CODEC.decode(HttpResponse(status, {}, raw), TARGET)


def event(body):
    return b"data: " + orjson.dumps(body) + b"\r\n\r\n"


def streamed(body, *, pieces=3):
    """The events by which Google would stream this answer."""
    candidate = body["candidates"][0]
    parts = []
    for part in candidate["content"].get("parts", ()):
        text, signature = part.get("text"), part.get("thoughtSignature")
        if text is None:
            parts.append(part)
            continue
        size = max(1, len(text) // pieces)
        kind = {"thought": True} if part.get("thought") else {}
        parts += [{"text": text[i : i + size], **kind} for i in range(0, len(text), size)]
        if signature:
            parts.append({"text": "", "thoughtSignature": signature, **kind})
    common = {"modelVersion": body["modelVersion"], "responseId": body["responseId"]}
    events = [
        {
            "candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}],
            "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": place},
            **common,
        }
        for place, part in enumerate(parts)
    ]
    end = {**candidate, "content": {"parts": [{"text": ""}], "role": "model"}}
    events.append({"candidates": [end], "usageMetadata": body["usageMetadata"], **common})
    return b"".join([event(body) for body in events])


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


SIGNED = TextPart("Hello", signature="s", issuer="gemini")
EMPTY_SIGNED = TextPart("", signature="s", issuer="gemini")
ANSWERS = [
    ([TEXT], (TextPart("Hello"),)),
    ([{"text": ""}, TEXT, {"text": " you"}], (TextPart("Hello you"),)),
    ([THOUGHT, TEXT], (ReasoningPart("Hm.", "gemini"), TextPart("Hello"))),
    ([TEXT | {"thoughtSignature": "s"}], (SIGNED,)),
    ([TEXT | {"thoughtSignature": "s"}, TEXT], (SIGNED, TextPart("Hello"))),
    (
        [THOUGHT | {"thoughtSignature": "s"}, TEXT],
        (ReasoningPart("Hm.", "gemini", "s"), TextPart("Hello")),
    ),
    (
        [call(id="a1", args={"x": [1]}, signature="s"), call("g")],
        (
            ToolCallPart("a1", "f", '{"x":[1]}', "s", issuer="gemini"),
            ToolCallPart("call_r1_1", "g", "{}"),
        ),
    ),
    ([TEXT, call(), call(id="b")], (TextPart("Hello"), ToolCallPart("call_r1_0", "f"), ToolCallPart("b", "f"))),
    ([TEXT, CODE, TEXT], (TextPart("Hello"), OpaquePart("gemini", CODE), TextPart("Hello"))),
    ([blob("image/png")], (ImagePart("AA", media_type="image/png"),)),
    ([blob("image/png", "s")], (ImagePart("AA", media_type="image/png"), EMPTY_SIGNED)),
    ([blob("audio/wav")], (AudioPart("AA", media_type="audio/wav"),)),
    ([blob("application/pdf")], (FilePart("AA", media_type="application/pdf"),)),
    (
        [blob("image/png") | {"thought": True}, TEXT],
        (OpaquePart("gemini", blob("image/png") | {"thought": True}), TextPart("Hello")),
    ),
    ([call(JSON_TOOL, args={"a": 1})], (TextPart('{"a":1}'),)),
    ([call(JSON_TOOL), call("g")], (TextPart("{}"), ToolCallPart("call_r1_0", "g"))),
]  # fmt: skip


@pytest.mark.parametrize(("wire", "parts"), ANSWERS)
def test_parts_whole_and_streamed_alike(wire, parts):
    body = answer(*wire)
    response = whole(body)
    assert response.message.parts == parts
    assert fold(read(streamed(body))) == replace(response, provider="", target="")


def test_the_rest_of_an_answer():
    body = answer(TEXT, candidate={"finishMessage": "m", "safetyRatings": []})
    response = whole(body)
    assert response.usage == COUNTED
    assert (response.id, response.message.id) == ("r1", "r1")
    assert response.model == "gemini-3.7-flash-001"
    assert (response.provider, response.target) == ("google", "primary")
    assert response.extra == {"finishMessage": "m", "serviceTier": "standard"}
    bare = whole({"candidates": [{"content": {"parts": [TEXT]}}]})
    assert bare.model == "gemini-3.7-flash"
    assert bare.usage.reported is False


@pytest.mark.parametrize(
    ("finish", "parts", "reason"),
    [
        ("STOP", [TEXT], "stop"),
        ("STOP", [call()], "tool_calls"),
        ("STOP", [call(JSON_TOOL)], "stop"),
        ("MAX_TOKENS", [TEXT], "length"),
        ("MAX_TOKENS", [], "length"),
        ("CONTINUATION", [TEXT], "length"),
        ("SAFETY", [TEXT], "content_filter"),
        ("MODEL_ARMOR", [TEXT], "content_filter"),
        ("LANGUAGE", [TEXT], "unknown"),
        ("UNEXPECTED_TOOL_CALL", [call()], "unknown"),
        ("A_NEW_ONE", [TEXT], "unknown"),
    ],
)
def test_finish_reasons(finish, parts, reason):
    body = answer(*parts, finish=finish)
    response = whole(body)
    assert (response.finish_reason, response.raw_finish_reason) == (reason, finish)
    assert fold(read(streamed(body))).finish_reason == reason


BLOCKED = {
    "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
    "usageMetadata": {"promptTokenCount": 9},
    "modelVersion": "m",
}
BUSY = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (BLOCKED, errors.ContentFilteredError),
        (answer(finish="SAFETY"), errors.ContentFilteredError),
        (answer(finish="STOP"), errors.EmptyAnswerError),
        (answer(THOUGHT), errors.EmptyAnswerError),
        (answer(finish="OTHER"), errors.EmptyAnswerError),
        (answer(finish="MALFORMED_FUNCTION_CALL"), errors.MalformedToolCallError),
        (answer(call(args=[1])), errors.MalformedToolCallError),
        (BUSY, errors.OverloadedError),
        ({"candidates": ["x"]}, errors.ProtocolViolationError),
        ([1], errors.ProtocolViolationError),
    ],
)
def test_what_is_no_answer(body, error):
    with pytest.raises(errors.AttemptError) as raised:
        whole(body)
    assert type(raised.value) is error
    assert raised.value.target == "primary"
    with pytest.raises(errors.AttemptError) as raised:
        read(event(body))
    assert type(raised.value) is error
    assert raised.value.target == "primary"


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", errors.ProtocolViolationError),
        (b"<html>", errors.ProtocolViolationError),
        (b'{"candidates": [', errors.TruncatedAnswerError),
        (b"{}", errors.EmptyAnswerError),
    ],
)
def test_bodies_that_are_none(raw, error):
    with pytest.raises(error):
        whole(raw)


def test_an_error_status():
    body = {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}
    with pytest.raises(errors.AuthenticationError):
        whole(body, status=400)
    http = HttpResponse(400, {}, orjson.dumps(body))
    assert isinstance(CODEC.error(http, TARGET), errors.AuthenticationError)


# --- streams ---


@pytest.mark.parametrize(
    "data", [b"", event(answer(TEXT, finish=None)), streamed(answer(TEXT))[:-30]]
)
def test_a_stream_without_its_end(data):
    decoder = CODEC.decoder(TARGET)
    decoder.feed(data)
    with pytest.raises(errors.TruncatedAnswerError):
        decoder.finish()


def test_an_error_behind_content_waits_for_the_next_call():
    decoder = CODEC.decoder(TARGET)
    (_, chunk) = decoder.feed(event(answer(TEXT, finish=None)) + event(BUSY))
    assert chunk.text == "Hello"
    for ask in (lambda: decoder.feed(b"data: {}\n\n"), decoder.finish):
        with pytest.raises(errors.OverloadedError):
            ask()


def test_an_error_in_place_of_events():
    with pytest.raises(errors.OverloadedError):
        read(orjson.dumps([BUSY]) + b"\n\n")


def test_an_event_that_is_not_json():
    with pytest.raises(errors.ProtocolViolationError):
        CODEC.decoder(TARGET).feed(b"data: {nope\n\n")


def test_the_end_comes_once_with_the_last_usage():
    chunks = read(streamed(answer(THOUGHT, TEXT)), cuts=(50, 400))
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["stop"]
    assert [chunk.usage for chunk in chunks if chunk.usage] == [COUNTED]
    assert (chunks[0].model, chunks[0].id) == ("gemini-3.7-flash-001", "r1")


def test_usage_that_counts_nothing_is_none():
    vertex = {"trafficType": "ON_DEMAND"}
    response = whole(answer(TEXT, usage=vertex))
    assert response.usage.reported is False
    assert response.extra == vertex


# --- what goes with text ---

GROUNDED = {
    "groundingMetadata": {
        "webSearchQueries": ["q"],
        "groundingChunks": [
            {"web": {"uri": "https://a", "title": "A"}},
            {"retrievedContext": {"uri": "gs://b", "title": "B", "text": "said"}},
        ],
        "groundingSupports": [
            {"segment": {"endIndex": 7}, "groundingChunkIndices": [0]},
            {"segment": {"startIndex": 8, "endIndex": 11}, "groundingChunkIndices": [0, 1, 9]},
        ],
    }
}
WEB, CONTEXT = GROUNDED["groundingMetadata"]["groundingChunks"]


def test_sources_of_a_grounded_answer_by_characters():
    body = answer({"text": "Zürich äöü."}, candidate=GROUNDED)
    response = whole(body)
    (part,) = response.message.parts
    assert part.citations == (
        Citation("https://a", "A", start=0, end=6, raw=WEB),
        Citation("https://a", "A", start=7, end=8, raw=WEB),
        Citation("gs://b", "B", "said", start=7, end=8, raw=CONTEXT),
    )
    assert part.issuer == "gemini"
    assert response.extra["groundingMetadata"] == GROUNDED["groundingMetadata"]
    assert fold(read(streamed(body))) == replace(response, provider="", target="")


def test_sources_without_places_and_recited_ones():
    said = {"groundingMetadata": {"groundingChunks": [WEB]}}
    (part,) = whole(answer(TEXT, candidate=said)).message.parts
    assert part.citations == (Citation("https://a", "A", raw=WEB),)
    source = {"startIndex": 1, "endIndex": 3, "uri": "https://b", "license": "MIT"}
    for key in ("citationSources", "citations"):
        (part,) = whole(answer(TEXT, candidate={"citationMetadata": {key: [source]}})).message.parts
        assert part.citations == (Citation("https://b", start=1, end=3, raw=source),)


def test_places_in_several_texts_cannot_be_told():
    body = answer(TEXT, CODE, TEXT, candidate=GROUNDED)
    response = whole(body)
    first, _, last = response.message.parts
    assert first.citations == ()
    assert {(c.start, c.end) for c in last.citations} == {(None, None)}
    assert fold(read(streamed(body))) == replace(response, provider="", target="")


def test_log_probabilities_in_openais_form():
    result = {
        "chosenCandidates": [{"token": "Hel", "logProbability": -0.1}, {"token": "lo"}],
        "topCandidates": [{"candidates": [{"token": "Hal", "logProbability": -2.0}]}],
    }
    expected = {
        "content": [
            {
                "token": "Hel",
                "logprob": -0.1,
                "top_logprobs": [{"token": "Hal", "logprob": -2.0}],
            },
            {"token": "lo", "logprob": 0.0, "top_logprobs": []},
        ]
    }
    body = answer(TEXT, candidate={"logprobsResult": result})
    assert whole(body).logprobs == expected
    assert fold(read(event(body))).logprobs == expected


# --- properties ---

texts = st.text(min_size=0, max_size=12)
signatures = st.sampled_from([{}, {"thoughtSignature": "s"}])
parts = st.one_of(
    st.builds(lambda text, signed: {"text": text, **signed}, texts, signatures),
    st.builds(lambda text, signed: {"text": text, "thought": True, **signed}, texts, signatures),
    st.builds(
        lambda name, args, signed: {"functionCall": {"name": name, "args": args}, **signed},
        st.sampled_from(["f", "g", JSON_TOOL]),
        st.dictionaries(texts, texts, max_size=2),
        signatures,
    ),
    st.sampled_from([CODE, blob("image/png"), blob("image/png", "s"), blob("audio/wav")]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(parts, max_size=6), st.integers(1, 4))
def test_streamed_as_whole(wire, pieces):
    body = answer(*wire)
    try:
        expected = whole(body)
    except errors.AttemptError as error:
        with pytest.raises(type(error)):
            read(streamed(body, pieces=pieces))
    else:
        found = fold(read(streamed(body, pieces=pieces)))
        assert found == replace(expected, provider="", target="")


DATA = streamed(
    answer(THOUGHT, {"text": "Zürich — äöü"}, call(args={"é": "ü"}, signature="s"), CODE)
)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, len(DATA)), max_size=8))
def test_cut_anywhere(cuts):
    assert fold(read(DATA, cuts=cuts)) == fold(read(DATA))
