"""Whether a 2xx answer is an answer: shared by the codecs, whole and streamed alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations.errors import (
    ContentFilteredError,
    EmptyAnswerError,
    MalformedToolCallError,
    ProtocolViolationError,
    TruncatedAnswerError,
)
from llmrouter_integrations.messages import CachePoint, ReasoningPart, TextPart, ToolCallPart
from llmrouter_integrations.wire.classify import classify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llmrouter_integrations.http_messages import HttpResponse
    from llmrouter_integrations.messages import FinishReason, Response
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["MISSHAPEN", "check_end", "finished", "json_body", "malformed", "read_answer"]

MISSHAPEN: Final = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What comes of reading JSON in which something is not of the kind it should be."""


def read_answer(
    http: HttpResponse, endpoint: Endpoint, read: Callable[[Any, Endpoint], Response]
) -> Response:
    """Read a whole answer: the one frame of every codec's ``decode``.

    Args:
        http: The answer, of any status.
        endpoint: Who gave it.
        read: Reads the JSON of its body.

    Raises:
        AttemptError: By status, code and body where it is an error; else as :func:`json_body`,
            :func:`malformed` and :func:`finished` say.
    """
    if not 200 <= http.status < 300:
        raise classify(http, endpoint)
    body = json_body(http, endpoint)
    try:
        response = read(body, endpoint)
    except MISSHAPEN as error:
        raise malformed(error, endpoint) from error
    return finished(response, endpoint)


def json_body(http: HttpResponse, endpoint: Endpoint) -> Any:
    """Read the JSON of a 2xx answer, whatever its content type says.

    Raises:
        TruncatedAnswerError: The JSON stops before its end.
        ProtocolViolationError: The body is empty, HTML, or otherwise not JSON.
    """
    body = http.body
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        fault, detail = ProtocolViolationError, f"is not JSON ({error.msg})"
        if not body.strip():
            detail = "is empty"
        elif body.lstrip()[:1] == b"<":
            detail = "is HTML"
        elif "unexpected end" in error.msg or _cut_inside_a_character(body):
            fault, detail = TruncatedAnswerError, f"stops after {len(body)} bytes of JSON"
    raise fault(
        f"the answer's body {detail}",
        status=http.status,
        request_id=http.headers.get("x-request-id"),
        target=endpoint.name,
    )


def _cut_inside_a_character(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False


def malformed(error: Exception, endpoint: Endpoint) -> ProtocolViolationError:
    """Name the error for what is not of the form that the protocol promises.

    Args:
        error: What reading it raised, one of :data:`MISSHAPEN`.
        endpoint: Who sent it.
    """
    return ProtocolViolationError(
        f"the answer is not as the protocol has it ({type(error).__name__}: {error})",
        target=endpoint.name,
    )


def finished(response: Response, endpoint: Endpoint) -> Response:
    """Give the answer back if a caller can use it.

    Raises:
        EmptyAnswerError: It ended of its own accord with no text, call, refusal or other content.
        ContentFilteredError: A safety system left nothing of it.
        MalformedToolCallError: A tool call's arguments are not a JSON object.
    """
    content = False
    calls: list[tuple[str, str]] = []
    for part in response.message.parts:
        if isinstance(part, TextPart):
            content = content or bool(part.text)
        elif isinstance(part, ToolCallPart):
            calls.append((part.name, part.arguments))
        elif not isinstance(part, (ReasoningPart, CachePoint)):
            content = True
    try:
        check_end(response.finish_reason, content=content, calls=calls, endpoint=endpoint)
    except EmptyAnswerError as error:
        error.answer = response
        raise
    return response


def check_end(
    finish_reason: FinishReason,
    *,
    content: bool,
    calls: Iterable[tuple[str, str]],
    endpoint: Endpoint,
) -> None:
    """Do the checks of :func:`finished` for a decoder that holds no :class:`Response`.

    Args:
        finish_reason: Why the answer ended.
        content: Whether anything but reasoning and tool calls came.
        calls: The tool calls as (name, arguments as JSON text); no text at all means ``{}``.
        endpoint: Who answered, for the error.

    Raises:
        EmptyAnswerError: As :func:`finished`.
        ContentFilteredError: As :func:`finished`.
        MalformedToolCallError: As :func:`finished`; a cut by ``length`` explains broken JSON.
    """
    called = False
    for name, arguments in calls:
        called = True
        if arguments in ("", "{}") or finish_reason == "length":
            continue
        try:
            parsed = orjson.loads(arguments)
        except orjson.JSONDecodeError as error:
            raise MalformedToolCallError(
                f"the arguments of the call of {name!r} are not JSON: {error.msg}",
                target=endpoint.name,
            ) from None
        if not isinstance(parsed, dict):
            raise MalformedToolCallError(
                f"the arguments of the call of {name!r} are no JSON object", target=endpoint.name
            )
    if content or called or finish_reason == "length":
        return
    if finish_reason in ("content_filter", "refusal"):
        raise ContentFilteredError(
            "a safety system left nothing of the answer", code=finish_reason, target=endpoint.name
        )
    raise EmptyAnswerError(
        f"the answer ended ({finish_reason}) with nothing in it", target=endpoint.name
    )
