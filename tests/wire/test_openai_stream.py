"""Streams of chat completions: what each vendor's peculiarities come to, and how streams break."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter_integrations.accumulate import ResponseBuilder
from llmrouter_integrations.errors import (
    AttemptError,
    ContentFilteredError,
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
    AudioPart,
    Citation,
    ImagePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    Usage,
)
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.openai_chat import OpenAIChatCodec

CODEC = OpenAIChatCodec()


def endpoint(provider="openai", model="gpt-4o"):
    return Endpoint("t", provider, model, "https://api.example/v1")


def event(delta=None, finish=None, **more):
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    for key in ("logprobs", "error", "content_filter_results"):
        if key in more:
            choice[key] = more.pop(key)
    return {"id": "c1", "model": "m1", "choices": [choice], **more}


def sse(*events, done=True):
    lines = [f"data: {e if isinstance(e, str) else json.dumps(e)}\n\n" for e in events]
    return "".join([*lines, "data: [DONE]\n\n" if done else ""]).encode()


def feed(pieces, at):
    decoder = CODEC.decoder(at)
    chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
    return chunks + decoder.finish()


def fold(chunks):
    builder = ResponseBuilder()
    for chunk in chunks:
        builder.add(chunk)
    return builder.response()


def answer(*events, provider="openai", done=True):
    return fold(feed([sse(*events, done=done)], endpoint(provider)))


def call(index=None, call_id=None, name=None, arguments=None, **more):
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    said = {"function": function, "type": "function", **more}
    if index is not None:
        said["index"] = index
    if call_id is not None:
        said["id"] = call_id
    return said


def calls(*said):
    return event({"tool_calls": list(said)})


STOP = event(finish="stop")
CALLED = event(finish="tool_calls")


@pytest.mark.parametrize(
    ("provider", "events", "parts"),
    [
        ("openai", [event({"content": "a"}), event({"content": "b"}), STOP], [TextPart("ab")]),
        (
            "deepseek",
            [
                event({"role": "assistant", "content": None, "reasoning_content": ""}),
                event({"content": None, "reasoning_content": "hm"}),
                event({"content": "a", "reasoning_content": None}),
                STOP,
            ],
            [ReasoningPart("hm", "deepseek"), TextPart("a")],
        ),
        (
            "groq",
            [event({"reasoning": "hm", "channel": "analysis"}), event({"content": "a"}), STOP],
            [ReasoningPart("hm", "groq"), TextPart("a")],
        ),
        (
            "openrouter",
            [
                event({"content": "", "reasoning": None, "reasoning_details": []}),
                event(
                    {
                        "reasoning": "h",
                        "reasoning_details": [{"type": "reasoning.text", "text": "h", "index": 0}],
                    }
                ),
                event(
                    {
                        "reasoning": "m",
                        "reasoning_details": [{"type": "reasoning.text", "text": "m", "index": 0}],
                    }
                ),
                event(
                    {
                        "reasoning_details": [
                            {"type": "reasoning.text", "signature": "sig", "index": 0}
                        ]
                    }
                ),
                event({"content": "a"}),
                STOP,
            ],
            [
                ReasoningPart(
                    "hm",
                    "openrouter",
                    raw={
                        "reasoning_details": [
                            {"type": "reasoning.text", "text": "hm", "index": 0, "signature": "sig"}
                        ]
                    },
                ),
                TextPart("a"),
            ],
        ),
        (
            "openrouter",
            [
                event({"reasoning_details": [{"type": "reasoning.encrypted", "data": "xyz"}]}),
                event({"content": "a"}),
                STOP,
            ],
            [
                ReasoningPart(
                    "",
                    "openrouter",
                    redacted=True,
                    raw={"reasoning_details": [{"type": "reasoning.encrypted", "data": "xyz"}]},
                ),
                TextPart("a"),
            ],
        ),
        (
            "mistral",
            [
                event(
                    {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}]}
                ),
                event(
                    {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "m"}]}]}
                ),
                event({"content": "a"}),
                event({"content": [{"type": "text", "text": "b"}]}),
                STOP,
            ],
            [ReasoningPart("hm", "mistral"), TextPart("ab")],
        ),
        (
            "together",
            [
                event({"content": "<th"}),
                event({"content": "ink>\nhm"}),
                event({"content": " hm\n</thi"}),
                event({"content": "nk>\n\na <think>"}),
                STOP,
            ],
            [ReasoningPart("hm hm", "together"), TextPart("a <think>")],
        ),
        ("together", [event({"content": "<"}), event({"content": "b>"}), STOP], [TextPart("<b>")]),
        ("openai", [event({"content": "<think>a"}), STOP], [TextPart("<think>a")]),
        (
            "openai",
            [event({"refusal": "I "}), event({"refusal": "cannot"}), STOP],
            [RefusalPart("I cannot")],
        ),
        (
            "openai",
            [
                event({"content": "a"}),
                event(
                    {
                        "annotations": [
                            {
                                "type": "url_citation",
                                "url_citation": {
                                    "url": "https://a",
                                    "title": "A",
                                    "start_index": 0,
                                    "end_index": 1,
                                },
                            }
                        ]
                    }
                ),
                STOP,
            ],
            [
                TextPart(
                    "a",
                    (
                        Citation(
                            "https://a",
                            "A",
                            None,
                            0,
                            1,
                            {
                                "type": "url_citation",
                                "url_citation": {
                                    "url": "https://a",
                                    "title": "A",
                                    "start_index": 0,
                                    "end_index": 1,
                                },
                            },
                        ),
                    ),
                )
            ],
        ),
        (
            "perplexity",
            [
                event({"content": "a"}, citations=["https://a"]),
                event({"content": "b"}, citations=["https://a"]),
                event({}, "stop", citations=["https://a"], message={"content": "ab"}),
            ],
            [TextPart("ab", (Citation("https://a"),))],
        ),
        (
            "openrouter",
            [
                event({"content": "a"}),
                event(
                    {
                        "images": [
                            {
                                "type": "image_url",
                                "image_url": {"url": "data:image/png;base64,QUJD"},
                            }
                        ]
                    }
                ),
                STOP,
            ],
            [TextPart("a"), ImagePart(data="QUJD", media_type="image/png")],
        ),
        (
            "openai",
            [
                event({"audio": {"id": "audio_1", "transcript": "he"}}),
                event({"audio": {"data": "QQ=="}}),
                event({"audio": {"data": "Qg==", "transcript": "y"}}),
                STOP,
            ],
            [AudioPart(data="QUI=", transcript="hey")],
        ),
        # tool calls
        (
            "openai",
            [
                calls(call(0, "c1", "f", "")),
                calls(call(0, None, None, '{"x"')),
                calls(call(1, "c2", "g", "")),
                calls(call(0, None, None, ":1}")),
                CALLED,
            ],
            [ToolCallPart("c1", "f", '{"x":1}'), ToolCallPart("c2", "g", "{}")],
        ),
        (
            "mistral",
            [
                event({"content": "", "tool_calls": [call(0, "c1", "f", "{}")]}, "tool_calls"),
            ],
            [ToolCallPart("c1", "f", "{}")],
        ),
        (
            "any",
            [calls(call(0, "c1", "f", "{}")), calls(call(0, "c2", "f", "{}")), CALLED],
            [ToolCallPart("c1", "f", "{}"), ToolCallPart("c2", "f", "{}")],
        ),
        (
            "any",
            [calls(call(0, "c1", "f", '{"a":')), calls(call(0, "c1", "f", "1}")), CALLED],
            [ToolCallPart("c1", "f", '{"a":1}')],
        ),
        (
            "any",
            [calls(call(None, "c1", "f", "{")), calls(call(None, None, None, "}")), CALLED],
            [ToolCallPart("c1", "f", "{}")],
        ),
        (
            "google",
            [
                calls(
                    call(
                        0,
                        "c1",
                        "f",
                        "{}",
                        extra_content={"google": {"thought_signature": "sig"}},
                    )
                ),
                CALLED,
            ],
            [ToolCallPart("c1", "f", "{}", "sig", issuer="gemini")],
        ),
        (
            "google",
            [
                event({"content": "a"}),
                event({"content": "", "extra_content": {"google": {"thought_signature": "sig"}}}),
                STOP,
            ],
            [TextPart("a", (), "sig", None, "gemini")],
        ),
    ],
)
def test_parts(provider, events, parts):
    for pieces in ([sse(*events)], [sse(e, done=False) for e in events] + [sse()]):
        assert fold(feed(pieces, endpoint(provider))).message.parts == tuple(parts)


def test_calls_without_id_get_one_that_is_the_same_whole_and_streamed():
    at = endpoint("google")
    whole = CODEC.decode(
        HttpResponse(
            200,
            {},
            json.dumps(
                {
                    "id": "r1",
                    "choices": [
                        {
                            "message": {
                                "tool_calls": [
                                    call(None, "", "f", "{}"),
                                    call(None, "", "f", '{"x":1}'),
                                ]
                            },
                            "finish_reason": "tool_calls",
                        }
                    ],
                }
            ).encode(),
        ),
        at,
    )
    first, second = whole.tool_calls
    assert first.id
    assert first.id != second.id
    streamed = answer(
        {**calls(call(0, "", "f", "{}")), "id": "r1"},
        calls(call(0, "", "f", '{"x":1}')),
        CALLED,
        provider="google",
    )
    assert streamed.tool_calls == whole.tool_calls


@pytest.mark.parametrize(
    ("events", "done", "reason", "raw"),
    [
        ([event({"content": "a"}, "stop")], True, "stop", "stop"),
        ([event({"content": "a"}, "stop")], False, "stop", "stop"),
        ([event({"content": "a"})], True, "stop", None),  # Snowflake
        ([event({"content": "a"}, "length")], True, "length", "length"),
        ([event({"content": "a"}, "model_length")], True, "length", "model_length"),
        ([event({"content": "a"}, "content_filter")], True, "content_filter", "content_filter"),
        ([event({"content": "a"}, "whatever")], True, "unknown", "whatever"),
        ([calls(call(0, "c", "f", "{}")), STOP], True, "tool_calls", "stop"),
        ([event({"reasoning_content": "a"}), event(finish="length")], True, "length", "length"),
    ],
)
def test_endings(events, done, reason, raw):
    response = answer(*events, done=done, provider="any")
    assert (response.finish_reason, response.raw_finish_reason) == (reason, raw)


USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


@pytest.mark.parametrize(
    "events",
    [
        [event({"content": "a"}, "stop"), {"choices": [], "usage": USAGE}],
        [event({"content": "a"}), event({}, "stop", usage=USAGE)],
        [event({"content": "a"}, usage={**USAGE, "completion_tokens": 1}), event({}, "stop", usage=USAGE)],
        [event({"content": "a"}), event({}, "stop", x_groq={"id": "r", "usage": USAGE})],
        [event({"content": "a"}, "stop"), event({"content": ""}, usage=USAGE)],
        [event({"content": "a"}, usage=None), event({}, "stop", usage=USAGE), event({}, usage=None)],
    ],
)  # fmt: skip
def test_usage_comes_once_wherever_the_vendor_puts_it(events):
    chunks = feed([sse(*events)], endpoint())
    assert [c.usage for c in chunks if c.usage] == [Usage(7, 5)]
    assert [c.finish_reason for c in chunks if c.finish_reason] == ["stop"]
    assert chunks[-1].finish_reason == "stop"


def test_a_stream_of_zero_usage_is_not_reported():
    zero = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    response = answer(event({"content": "a"}, "stop", usage=zero))
    assert not response.usage.reported


def test_what_else_is_told_stands_in_extra():
    response = answer(
        {"id": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        event({"content": "a"}, system_fingerprint="fp", service_tier="default"),
        event({}, "stop", content_filter_results={"hate": {"filtered": False}}),
        provider="azure",
    )
    assert response.extra == {
        "prompt_filter_results": [{"prompt_index": 0}],
        "system_fingerprint": "fp",
        "service_tier": "default",
        "content_filter_results": {"hate": {"filtered": False}},
    }


def test_logprobs_are_joined():
    response = answer(
        event({"content": "a"}, logprobs={"content": [{"token": "a"}], "refusal": None}),
        event({"content": "b"}, logprobs={"content": [{"token": "b"}], "refusal": None}),
        event({"content": "c"}, "stop", logprobs={"content": None, "refusal": None}),
    )
    assert response.logprobs == {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}
    assert response.text == "abc"


def test_comments_and_pings_are_nothing():
    body = b": OPENROUTER PROCESSING\n\n: ping\n\n" + sse(event({"content": "a"}, "stop"))
    assert fold(feed([body], endpoint("openrouter"))).text == "a"


def test_an_answer_that_was_not_streamed_after_all():
    whole = {"id": "c1", "model": "m", "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}  # fmt: skip
    for body in (json.dumps(whole).encode(), sse(whole)):
        assert fold(feed([body], endpoint())).text == "a"


RATE = {"error": {"message": "Rate limit reached", "type": "tokens", "code": "rate_limit_exceeded"}}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (sse(event({"content": "a"}), done=False), TruncatedAnswerError),
        (b"", TruncatedAnswerError),
        (sse(event({"content": "a"}), done=False) + b'data: {"id', TruncatedAnswerError),
        (sse(event({"role": "assistant", "content": ""}), STOP), EmptyAnswerError),
        (sse(event({"reasoning_content": "hm"}), STOP), EmptyAnswerError),
        (sse(), EmptyAnswerError),
        (sse(event(finish="content_filter")), ContentFilteredError),
        (sse(calls(call(0, "c", "f", '{"x"')), CALLED), MalformedToolCallError),
        (sse(event({"content": "a"}), RATE, done=False), RateLimitedError),
        (b"event: error\n" + sse(RATE, done=False), RateLimitedError),
        (b"event: error\ndata: broken\n\n", ServerError),
        (json.dumps(RATE).encode(), RateLimitedError),
        (sse({"object": "error", "message": "boom", "code": 500}), ServerError),
        (
            sse(event({"content": ""}, "error", error={"code": 429, "message": "slow down"})),
            RateLimitedError,
        ),
        (sse(event({"content": "a"}, "insufficient_system_resource")), OverloadedError),
        (sse(event({"content": "a"}, "error")), ServerError),
        (sse("nonsense"), ProtocolViolationError),
        (sse("[1]"), ProtocolViolationError),
        (sse({"choices": "x"}), ProtocolViolationError),
        (sse({"choices": [[]]}), ProtocolViolationError),
        (sse(event({"tool_calls": [1]})), ProtocolViolationError),
        (sse(event({"tool_calls": [{"function": {"name": 1}}]})), ProtocolViolationError),
        (sse(event({"refusal": 1})), ProtocolViolationError),
        (sse(event({"content": [{"text": 1}]})), ProtocolViolationError),
        (b"<html>busy</html>", ProtocolViolationError),
    ],
)
def test_broken_streams(body, fault):
    with pytest.raises(AttemptError) as raised:
        feed([body], endpoint())
    assert type(raised.value) is fault
    assert raised.value.target == "t"


def test_what_came_before_an_error_is_handed_on_however_the_bytes_are_cut():
    body = sse(event({"content": "a"}), event({"content": "b"}), RATE, done=False)
    for cut in range(len(body)):
        decoder = CODEC.decoder(endpoint())
        chunks = []
        try:
            for piece in (body[:cut], body[cut:]):
                chunks += decoder.feed(piece)
        except RateLimitedError:
            pass
        with pytest.raises(RateLimitedError):
            decoder.finish()
        assert fold(chunks).text == "ab"


def test_after_the_end_nothing_more_is_read():
    decoder = CODEC.decoder(endpoint())
    decoder.feed(sse(event({"content": "a"}, "stop")))
    assert decoder.feed(sse(event({"content": "b"}))) == []
    assert decoder.finish() == []


def test_all_text_of_one_feed_is_one_delta_and_none_is_held_back():
    decoder = CODEC.decoder(endpoint())
    decoder.feed(sse(event({"content": "a"}), done=False))
    chunks = decoder.feed(sse(event({"content": "b"}), event({"content": "c"}), done=False))
    assert [chunk.text for chunk in chunks] == ["bc"]


# --- properties -----------------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
tool_calls = st.lists(
    st.tuples(words, st.dictionaries(st.sampled_from("xy"), st.integers(), max_size=2)), max_size=3
)


@st.composite
def answers(draw):
    """A message and one way in which it could have been streamed."""
    dice = random.Random(draw(st.integers()))
    message, deltas = {"role": "assistant"}, []
    for key in ("reasoning_content", "content", "refusal"):
        text = draw(words | st.none()) if key != "content" else draw(words)
        message[key] = text
        rest = text or ""
        while rest:
            at = dice.randint(1, len(rest))
            deltas.append({key: rest[:at]})
            rest = rest[at:]
    message["tool_calls"] = []
    for place, (name, arguments) in enumerate(draw(tool_calls)):
        said = json.dumps(arguments)
        at = dice.randint(0, len(said))
        message["tool_calls"].append(call(None, f"c{place}", name, said))
        deltas.append({"tool_calls": [call(place, f"c{place}", name, said[:at])]})
        deltas.append({"tool_calls": [call(place, None, None, said[at:])]})
    finish = draw(st.sampled_from(["stop", "length", "content_filter"]))
    body = {
        "id": "c1",
        "model": "m1",
        "choices": [{"message": message, "finish_reason": finish}],
        "usage": USAGE,
    }
    stream = sse(*[event(d) for d in deltas], event(finish=finish), {"choices": [], "usage": USAGE})
    return body, stream


@settings(max_examples=60, deadline=None)
@given(told=answers(), data=st.data(), provider=st.sampled_from(["openai", "deepseek", "any"]))
def test_whole_and_streamed_are_the_same_answer_wherever_the_bytes_are_cut(told, data, provider):
    body, stream = told
    at = endpoint(provider)
    whole = CODEC.decode(HttpResponse(200, {}, json.dumps(body).encode()), at)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert fold(feed(pieces, at)) == whole


KEYS = """choices delta message content tool_calls function usage finish_reason name arguments
reasoning reasoning_details error id index audio text data"""
shapes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["stop", "x", "", "[DONE]"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(shape=shapes, choice=shapes, delta=shapes)
def test_any_json_is_an_answer_or_an_attempt_error(shape, choice, delta):
    for body in (shape, {"choices": [choice]}, event(delta), {"choices": [{"message": delta}]}):
        for read in (
            lambda body=body: fold(feed([sse(body)], endpoint("any"))),
            lambda body=body: CODEC.decode(
                HttpResponse(200, {}, json.dumps(body).encode()), endpoint("any")
            ),
        ):
            try:
                read()
            except AttemptError as error:
                assert str(error)  # noqa: PT017  (both outcomes are right)
