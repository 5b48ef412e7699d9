"""Every fault, in every protocol, as a client sees it."""

from __future__ import annotations

import time

import httpx
import orjson
import pytest
from botocore.eventstream import EventStreamBuffer

from llmrouter_integrations.testing import Fault, Reply

SSE = ("openai-chat", "openai-responses", "anthropic", "gemini", "cohere")
ALL = (*SSE, "bedrock")
REPLY = Reply("one two three four five")

# (fault, status by protocol (None: any), a piece of the body by protocol)
ERRORS = [
    (Fault.context_overflow(), 400, {"anthropic": "prompt is too long", "gemini": "token count"}),
    (Fault.context_overflow(), 400, {"openai-chat": "context_length_exceeded"}),
    (Fault.bad_key(), {"gemini": 400, "bedrock": 403, None: 401}, {"gemini": "API_KEY_INVALID"}),
    (Fault.model_gone(), {"openai-responses": 400, "bedrock": 400, None: 404}, {}),
    (Fault.rate_limited(), 429, {"gemini": "RESOURCE_EXHAUSTED", "anthropic": "rate_limit_error"}),
    (Fault.rate_limited(kind="tokens"), 429, {"openai-chat": "tokens per min"}),
    (
        Fault.quota(),
        {"anthropic": 400, "cohere": 402, "bedrock": 403, None: 429},
        {"openai-chat": "insufficient_quota", "anthropic": "credit balance is too low"},
    ),
    (Fault.quota(daily=True), 429, {"gemini": "PerDay", "openai-chat": "requests per day"}),
    (Fault.overloaded(), {"anthropic": 529, None: 503}, {"anthropic": "overloaded_error"}),
    (Fault.content_filter(), {"gemini": 200, None: 400}, {"gemini": "PROHIBITED_CONTENT"}),
    (Fault.unsupported_parameter("seed"), 400, dict.fromkeys(ALL, "seed")),
    *(
        (Fault.status(code), code, {})
        for code in (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503, 529)
    ),
    (Fault.status(402), 402, {}),
    (Fault.status(502), 502, dict.fromkeys(ALL, "<h1>502 Bad Gateway</h1>")),
    (Fault.status(504), 504, dict.fromkeys(ALL, "<h1>504 Gateway Time-out</h1>")),
    (Fault.status(400, kind="context_overflow"), 400, {"cohere": "too many tokens"}),
    (Fault.status(418, body={"a": 1}), 418, dict.fromkeys(ALL, '{"a":1}')),
    (Fault.status(500, message="boom"), 500, dict.fromkeys(ALL, "boom")),
    (Fault.error_in_200(), 200, {"openai-chat": "server_error", "anthropic": "api_error"}),
    (Fault.html(), 200, dict.fromkeys(ALL, "<!DOCTYPE html>")),
]


@pytest.mark.parametrize("protocol", ALL)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_in_the_vendors_words_and_status(asker, protocol, stream):
    for fault, status, pieces in ERRORS:
        asker.sim.default(fault)
        answer = asker.post(protocol, stream=stream)
        expected = status.get(protocol, status[None]) if isinstance(status, dict) else status
        assert answer.status_code == expected, (fault.name, answer.text)
        assert pieces.get(protocol, "") in answer.text, fault.name


def test_the_time_to_wait_is_said_where_each_vendor_says_it(asker):
    asker.sim.default(Fault.rate_limited(2.5))
    headers = {protocol: asker.post(protocol).headers for protocol in ALL}
    for protocol in ("openai-chat", "openai-responses", "anthropic", "cohere", "bedrock"):
        assert headers[protocol]["retry-after"] == "3"
    assert headers["openai-chat"]["retry-after-ms"] == "2500"
    details = asker.post("gemini").json()["error"]["details"]
    assert {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.5s"} in details


@pytest.mark.parametrize(
    ("provider", "fault", "status", "piece"),
    [
        ("mistral", Fault.bad_key(), 401, '{"detail":"Invalid API Key"}'),
        ("mistral", Fault.rate_limited(), 429, '"object":"error"'),
        ("xai", Fault.bad_key(), 400, '"error":"Incorrect API key provided.'),
        ("azure", Fault.model_gone(), 404, "DeploymentNotFound"),
        ("azure", Fault.content_filter(), 400, '"code":"content_filter"'),
        ("deepseek", Fault.quota(), 402, "Insufficient Balance"),
        ("deepseek", Fault.context_overflow(), 400, "maximum context length is 1048565"),
        ("openrouter", Fault.rate_limited(), 429, '"code":429'),
        ("ollama", Fault.context_overflow(), 400, "exceeded max context length"),
    ],
)
def test_dialects_of_openai_have_errors_of_their_own(asker, provider, fault, status, piece):
    asker.sim.default(fault)
    answer = asker.post("openai-chat", provider=provider)
    assert answer.status_code == status
    assert piece in answer.text


@pytest.mark.parametrize(
    "fault", [Fault.refuse(), Fault.reset(), Fault.reset(120, reply=REPLY)], ids=lambda f: f.name
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_reset_is_a_reset(asker, fault, stream):
    asker.sim.default(fault)
    with pytest.raises(httpx.ReadError):
        asker.post("openai-chat", stream=stream)
    asker.sim.default(Reply("fine"))
    assert asker.post("openai-chat").status_code == 200


@pytest.mark.parametrize("protocol", ALL)
@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_leaves_the_framing_unfinished(asker, protocol, stream):
    asker.sim.default(Fault.cut(2, reply=REPLY))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        asker.post(protocol, stream=stream)


@pytest.mark.parametrize(
    ("after", "words"),
    [(0, []), (1, ["one"]), (3, ["one", "two", "three"]), (99, REPLY.text.split())],
)
@pytest.mark.parametrize("protocol", SSE)
def test_an_unfinished_stream_ends_after_so_many_chunks_without_its_marker(
    asker, protocol, after, words
):
    asker.sim.default(Fault.unfinished(after, reply=REPLY))
    text = asker.post(protocol, stream=True).text
    if protocol == "gemini" and after == 99:
        words = words[:-1]  # its marker comes with the last of the text
    for word in REPLY.text.split():
        assert (word in text) == (word in words), word
    for marker in ("[DONE]", "message_stop", "response.completed", "STOP", "message-end"):
        assert marker not in text


@pytest.mark.parametrize("protocol", SSE)
def test_an_error_event_comes_inside_a_good_stream(asker, protocol, events):
    asker.sim.default(Fault.error_event(2, kind="overloaded", reply=REPLY))
    answer = asker.post(protocol, stream=True)
    assert answer.status_code == 200
    assert "two" in answer.text
    assert "three" not in answer.text
    last = events(answer.text)[-1]
    assert "overloaded" in str(last).lower()


def test_an_error_event_of_bedrock_is_an_exception_message(asker):
    asker.sim.default(Fault.error_event(1, kind="rate_requests", reply=REPLY))
    buffer = EventStreamBuffer()
    buffer.add_data(asker.post("bedrock", stream=True).content)
    *good, last = list(buffer)
    assert [message.headers[":message-type"] for message in good] == ["event", "event"]
    assert last.headers[":message-type"] == "exception"
    assert last.headers[":exception-type"] == "throttlingException"


@pytest.mark.parametrize("protocol", ALL)
@pytest.mark.parametrize("stream", [False, True])
def test_truncated_json_ends_cleanly_in_the_middle(asker, protocol, stream):
    asker.sim.default(REPLY)
    good = asker.post(protocol, stream=stream).content
    asker.sim.default(Fault.truncated_json(2, reply=REPLY))
    broken = asker.post(protocol, stream=stream).content
    assert 0 < len(broken) < len(good)
    if stream:
        assert not broken.endswith(b"\n")
    else:
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(broken)


def test_an_empty_body_and_a_wrong_content_type(asker):
    asker.sim.default(Fault.empty_body())
    answer = asker.post("openai-chat", stream=True)
    assert (answer.status_code, answer.content) == (200, b"")
    asker.sim.default(Fault.wrong_content_type(reply=REPLY))
    answer = asker.post("openai-chat")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.json()["choices"][0]["message"]["content"] == REPLY.text


def test_an_empty_answer_is_finished_but_says_nothing(asker):
    asker.sim.default(Fault.empty_answer())
    body = asker.post("openai-chat").json()
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["choices"][0]["message"]["content"] == ""
    assert body["usage"]["completion_tokens"] == 0
    assert asker.post("anthropic").json()["content"] == []


@pytest.mark.parametrize(
    ("protocol", "piece"),
    [
        ("openai-chat", '"arguments":"{\\"query\\": \\"unfinis"'),
        ("openai-responses", '"arguments":"{\\"query\\": \\"unfinis"'),
        ("anthropic", '"input":"{\\"query\\": \\"unfinis"'),
        ("gemini", "MALFORMED_FUNCTION_CALL"),
        ("cohere", '"arguments":"{\\"query\\": \\"unfinis"'),
        ("bedrock", '"input":"{\\"query\\": \\"unfinis"'),
    ],
)
def test_a_malformed_tool_call(asker, protocol, piece):
    asker.sim.default(Fault.malformed_tool_call("search"))
    answer = asker.post(protocol)
    assert piece in answer.text
    assert "search" in answer.text


def test_a_malformed_tool_call_names_a_tool_that_was_offered(asker):
    asker.sim.default(Fault.malformed_tool_call())
    tools = [{"type": "function", "function": {"name": "lookup", "parameters": {}}}]
    body = asker.post("openai-chat", tools=tools).json()
    assert body["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "lookup"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "least_s"),
    [
        (Fault.stall(0.1, reply=REPLY), 0.1),
        (Fault.stall_body(2, 0.1, reply=REPLY), 0.1),
        (Fault.drip(0.01, reply=REPLY), 0.05),
        (Fault.heartbeats(0.1, 0.02, reply=REPLY), 0.1),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_slow_answers_are_slow_and_then_whole(asker, fault, least_s, stream):
    asker.sim.default(fault)
    started = time.monotonic()
    answer = asker.post("openai-chat", stream=stream)
    assert time.monotonic() - started >= least_s
    assert "five" in answer.text
    assert stream or answer.json()["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("protocol", "beat"), [("openai-chat", ": PROCESSING"), ("anthropic", "event: ping")]
)
def test_heartbeats_come_before_any_content(asker, protocol, beat):
    asker.sim.default(Fault.heartbeats(0.06, 0.02, reply=REPLY))
    text = asker.post(protocol, stream=True).text
    assert text.startswith(beat)
    assert text.count(beat) >= 3


def test_a_stall_before_the_headers_and_one_in_the_body_differ(asker):
    asker.sim.default(Fault.stall_body(1, 5, reply=REPLY))
    url = asker.sim.url("openai") + "/chat/completions"
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}
    with asker.client.stream("POST", url, json=body, timeout=0.15) as answer:
        chunks = answer.iter_raw()
        assert b"one" in next(chunks) + next(chunks)
        with pytest.raises(httpx.ReadTimeout):
            next(chunks)
    asker.sim.default(Fault.stall(5))
    with pytest.raises(httpx.ReadTimeout):
        asker.client.post(url, json=body, timeout=0.1)


def test_a_fault_without_a_reply_spoils_what_would_have_been_answered(asker):
    asker.sim.script("m", Fault.unfinished(1))
    asker.sim.default(Reply("quiet please"))
    assert "quiet " in asker.post("openai-chat", stream=True).text
    asker.sim.default(Fault.unfinished(1))
    assert "You " in asker.post("openai-chat", stream=True).text


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (Fault.cut(), "cut"),
        (Fault.rate_limited(), "status rate_requests"),
        (Fault.status(500), "status 500 server_error"),
        (Fault.status(502), "status 502"),
    ],
)
def test_faults_have_names(fault, name):
    assert fault.name == name
