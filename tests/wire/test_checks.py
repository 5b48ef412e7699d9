"""What makes a 2xx answer no answer."""

import pytest

from llmrouter_integrations.errors import (
    AttemptError,
    ContentFilteredError,
    EmptyAnswerError,
    MalformedToolCallError,
    ProtocolViolationError,
    TruncatedAnswerError,
)
from llmrouter_integrations.http_messages import HttpResponse
from llmrouter_integrations.messages import (
    CachePoint,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    Response,
    TextPart,
    ToolCallPart,
)
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.checks import finished, json_body

ENDPOINT = Endpoint("primary", "openai", "m", "http://127.0.0.1")


def call(arguments: str) -> ToolCallPart:
    return ToolCallPart("1", "look", arguments)


FINISHED: dict[str, tuple[str, list[Part], type[AttemptError] | None]] = {
    "text": ("stop", [TextPart("x")], None),
    "image": ("stop", [ImagePart(url="http://x")], None),
    "opaque": ("stop", [OpaquePart("openai", {})], None),
    "refusal": ("refusal", [RefusalPart("no")], None),
    "call": ("tool_calls", [call('{"a": 1}')], None),
    "call without arguments": ("tool_calls", [call("")], None),
    "nothing": ("stop", [], EmptyAnswerError),
    "nothing, for calls": ("tool_calls", [], EmptyAnswerError),
    "nothing, for no known reason": ("unknown", [], EmptyAnswerError),
    "empty text": ("stop", [TextPart("")], EmptyAnswerError),
    "reasoning alone": ("stop", [ReasoningPart("hm"), CachePoint()], EmptyAnswerError),
    "reasoning cut by the limit": ("length", [ReasoningPart("hm")], None),
    "nothing, by the limit": ("length", [], None),
    "filtered away": ("content_filter", [], ContentFilteredError),
    "refused without words": ("refusal", [], ContentFilteredError),
    "filtered half-way": ("content_filter", [TextPart("x")], None),
    "broken call": ("tool_calls", [call('{"a": ')], MalformedToolCallError),
    "call with a list": ("tool_calls", [call("[1]")], MalformedToolCallError),
    "call with null": ("stop", [call("null")], MalformedToolCallError),
    "one broken call of two": ("tool_calls", [call("{}"), call("x")], MalformedToolCallError),
    "broken call cut by the limit": ("length", [call('{"a": ')], None),
}


@pytest.mark.parametrize(("finish", "parts", "error"), FINISHED.values(), ids=FINISHED)
def test_finished(finish: str, parts: list[Part], error: type[AttemptError] | None) -> None:
    response = Response(Message("assistant", tuple(parts)), finish)  # type: ignore[arg-type]  # a table
    if error is None:
        assert finished(response, ENDPOINT) is response
        return
    with pytest.raises(error) as raised:
        finished(response, ENDPOINT)
    assert raised.value.target == "primary"


BODIES: dict[str, tuple[bytes, type[AttemptError], str]] = {
    "empty": (b"", ProtocolViolationError, "is empty"),
    "blank": (b" \n", ProtocolViolationError, "is empty"),
    "html": (b"\n<!doctype html><p>", ProtocolViolationError, "is HTML"),
    "plain": (b"upstream connect error", ProtocolViolationError, "is not JSON"),
    "two documents": (b"{}{}", ProtocolViolationError, "is not JSON"),
    "cut in an object": (b'{"a": 1', TruncatedAnswerError, "stops after 7 bytes"),
    "cut in a string": (b'{"a": "x', TruncatedAnswerError, "stops after 8 bytes"),
    "cut in a character": ('{"a": "é'.encode()[:-1], TruncatedAnswerError, "stops after 8 bytes"),
    "bad bytes": (b'{"a": "\xff"}', ProtocolViolationError, "is not JSON"),
}


@pytest.mark.parametrize(("body", "error", "words"), BODIES.values(), ids=BODIES)
def test_no_json(body: bytes, error: type[AttemptError], words: str) -> None:
    with pytest.raises(AttemptError, match=words) as raised:
        json_body(HttpResponse(200, {"x-request-id": "r1"}, body), ENDPOINT)
    assert type(raised.value) is error
    assert raised.value.request_id == "r1"
    assert raised.value.target == "primary"


def test_json_of_any_content_type() -> None:
    answer = HttpResponse(200, {"content-type": "text/plain"}, b'\n  {"a": 1}\n')
    assert json_body(answer, ENDPOINT) == {"a": 1}
