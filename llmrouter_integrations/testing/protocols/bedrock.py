"""AWS Bedrock Converse, its streams in AWS's binary event framing.

No recording of such a stream exists beside the others, so its events are those of the service's
own description (``ConverseStreamOutput`` in botocore's ``bedrock-runtime/service-2.json``).
"""

from __future__ import annotations

import struct
from binascii import crc32
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import orjson

from llmrouter_integrations.testing.protocols.base import (
    Failure,
    Frame,
    HttpCall,
    Problem,
    SimProtocol,
    as_object,
    whole_seconds,
)
from llmrouter_integrations.testing.script import SimRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmrouter_integrations.testing.answer import Answer

__all__ = ["Bedrock"]

_STOP = {"length": "max_tokens", "tool_calls": "tool_use", "content_filter": "content_filtered"}
_MEDIA = {"image": "image", "document": "document", "video": "document", "audio": "audio"}
_STRING_HEADER = 7


class _Row(NamedTuple):
    status: int
    type: str
    message: str


_ROWS = {
    "bad_request": _Row(
        400,
        "ValidationException",
        "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to "
        "the text field, and try again.",
    ),
    "context_overflow": _Row(400, "ValidationException", "Input is too long for requested model."),
    "unsupported_parameter": _Row(
        400,
        "ValidationException",
        "This model doesn't support the {parameter} field. Remove {parameter} and try again.",
    ),
    "content_filter": _Row(
        400,
        "ValidationException",
        "The model returned the following errors: Output blocked by content filtering policy",
    ),
    "model_gone": _Row(400, "ValidationException", "The provided model identifier is invalid."),
    "bad_key": _Row(
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    ),
    "forbidden": _Row(
        403,
        "AccessDeniedException",
        "You don't have access to the model with the specified model ID.",
    ),
    "billing": _Row(
        403,
        "AccessDeniedException",
        "Your account is not authorized to invoke this API operation.",
    ),
    "timeout": _Row(
        408,
        "ModelTimeoutException",
        "Model has timed out in processing the request. Try your request again.",
    ),
    "conflict": _Row(409, "ConflictException", "The request conflicts with another."),
    "too_large": _Row(413, "RequestEntityTooLargeException", "The request is too large."),
    "unprocessable": _Row(422, "ValidationException", "The request could not be processed."),
    "rate_requests": _Row(
        429, "ThrottlingException", "Too many requests, please wait before trying again."
    ),
    "rate_tokens": _Row(
        429, "ThrottlingException", "Too many tokens, please wait before trying again."
    ),
    "daily_quota": _Row(
        429, "ThrottlingException", "Too many tokens per day, please wait before trying again."
    ),
    "server_error": _Row(
        500,
        "InternalServerException",
        "The system encountered an unexpected error during processing. Try your request again.",
    ),
    "unavailable": _Row(
        503,
        "ServiceUnavailableException",
        "Bedrock is unable to process your request.",
    ),
    "overloaded": _Row(
        503,
        "ServiceUnavailableException",
        "Too many connections, please wait before trying again.",
    ),
}
_STREAM_EXCEPTIONS = {
    "InternalServerException": "internalServerException",
    "ServiceUnavailableException": "serviceUnavailableException",
    "ThrottlingException": "throttlingException",
    "ValidationException": "validationException",
}


class Bedrock(SimProtocol):
    """``POST .../model/MODEL/converse`` and ``converse-stream``."""

    name = "bedrock"
    id_style = ("tooluse_", 22)
    stream_type = "application/vnd.amazon.eventstream"

    def read(self, call: HttpCall) -> SimRequest:
        """Understand a Converse request."""
        body = call.body
        messages, called, media = _read_messages(body)
        config = as_object(body.get("toolConfig"))
        specs = [tool["toolSpec"] for tool in config.get("tools") or () if "toolSpec" in tool]
        choice = as_object(config.get("toolChoice"))
        inference = as_object(body.get("inferenceConfig"))
        extra = as_object(body.get("additionalModelRequestFields"))
        thinking = as_object(extra.get("thinking") or extra.get("reasoning_config"))
        return SimRequest(
            provider=call.provider,
            protocol=self.name,
            model=unquote(call.route["model"]),
            stream=call.route["method"] == "converse-stream",
            messages=messages,
            body=body,
            headers=call.headers,
            path=call.path,
            at_s=call.at_s,
            tools=tuple(spec["name"] for spec in specs),
            tool_choice="required"
            if "any" in choice
            else as_object(choice.get("tool")).get("name") or "auto",
            schema=_schema(body),
            tool_schemas={spec["name"]: spec["inputSchema"]["json"] for spec in specs},
            tool_descriptions={spec["name"]: spec.get("description") or "" for spec in specs},
            called=called,
            reasoning=thinking.get("type") in ("enabled", "adaptive"),
            max_tokens=inference.get("maxTokens"),
            stop=tuple(inference.get("stopSequences") or ()),
            media=media,
            cache_points=_cache_points(body),
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        """Write a ConverseResponse."""
        return {
            "metrics": {"latencyMs": 42},
            "output": {"message": {"content": _content(answer), "role": "assistant"}},
            "stopReason": _stop_reason(answer),
            "usage": _usage(answer),
        }

    def frames(self, answer: Answer) -> Iterator[Frame]:
        """Write the events of a ConverseStreamOutput."""
        yield _event("messageStart", {"role": "assistant"})
        index = 0

        def delta(body: dict[str, Any], *, content: bool = True) -> Frame:
            return _event(
                "contentBlockDelta", {"contentBlockIndex": index, "delta": body}, content=content
            )

        if answer.reply.reasoning:
            for piece in answer.reasoning_pieces:
                yield delta({"reasoningContent": {"text": piece}})
            yield delta({"reasoningContent": {"signature": answer.signature}}, content=False)
            yield _event("contentBlockStop", {"contentBlockIndex": index})
            index += 1
        if answer.text:
            for piece in answer.pieces:
                yield delta({"text": piece})
            yield _event("contentBlockStop", {"contentBlockIndex": index})
            index += 1
        for call in answer.calls:
            start = {"toolUse": {"name": call.name, "toolUseId": call.id}}
            yield _event("contentBlockStart", {"contentBlockIndex": index, "start": start})
            for piece in call.pieces:
                yield delta({"toolUse": {"input": piece}})
            yield _event("contentBlockStop", {"contentBlockIndex": index})
            index += 1
        yield _event("messageStop", {"stopReason": _stop_reason(answer)})
        yield _event("metadata", {"metrics": {"latencyMs": 42}, "usage": _usage(answer)})

    def failure(self, request: SimRequest, problem: Problem) -> Failure:
        """Write an error; its type stands in a header."""
        row = _ROWS[problem.kind]
        message = problem.message
        if message is None:
            message = row.message.format(model=request.model, parameter=problem.parameter)
        headers = {"x-amzn-errortype": f"{row.type}:http://internal.amazon.com/coral/"}
        if problem.retry_after_s is not None:
            headers["retry-after"] = whole_seconds(problem.retry_after_s)
        return Failure(problem.status or row.status, {"message": message}, headers)

    def error_frame(self, request: SimRequest, problem: Problem) -> bytes:
        """Write an exception inside the stream."""
        kind = _STREAM_EXCEPTIONS.get(_ROWS[problem.kind].type, "modelStreamErrorException")
        headers = {
            ":exception-type": kind,
            ":content-type": "application/json",
            ":message-type": "exception",
        }
        return _message(headers, orjson.dumps(self.failure(request, problem).body))

    def headers(self, answer: Answer) -> dict[str, str]:
        """Give AWS's request id."""
        return {"x-amzn-requestid": answer.uuid}


def _event(kind: str, body: dict[str, Any], *, content: bool = False) -> Frame:
    headers = {
        ":event-type": kind,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    # AWS pads its events with a field "p" of random length, which readers must pass over
    return Frame(_message(headers, orjson.dumps({**body, "p": "abcdefgh"})), content)


def _message(headers: dict[str, str], payload: bytes) -> bytes:
    """Frame a message: lengths, their checksum, headers, payload, and the checksum of it all."""
    packed = b"".join(
        struct.pack("!B", len(name))
        + name.encode()
        + struct.pack("!BH", _STRING_HEADER, len(value))
        + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    prelude += struct.pack("!I", crc32(prelude))
    body = prelude + packed + payload
    return body + struct.pack("!I", crc32(body))


def _read_messages(
    body: dict[str, Any],
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]:
    messages: list[tuple[str, str]] = []
    called: list[str] = []
    media: list[str] = []
    if system := body.get("system"):
        messages.append(("system", "".join(block.get("text") or "" for block in system)))
    for message in body["messages"]:
        role, blocks = message["role"], message["content"]
        results = [block["toolResult"] for block in blocks if "toolResult" in block]
        messages += [("tool", _result_text(result["content"])) for result in results]
        said = [block for block in blocks if "toolResult" not in block]
        if any("cachePoint" not in block for block in said):
            messages.append((role, "".join(block.get("text") or "" for block in said)))
            if role == "user":
                called.clear()
                media = [_MEDIA[key] for block in said for key in block if key in _MEDIA]
        called += [block["toolUse"]["name"] for block in said if "toolUse" in block]
    return tuple(messages), tuple(called), tuple(media)


def _result_text(content: list[dict[str, Any]]) -> str:
    return "".join(
        orjson.dumps(block["json"]).decode() if "json" in block else block.get("text") or ""
        for block in content
    )


def _schema(body: dict[str, Any]) -> dict[str, Any] | None:
    text_format = as_object(as_object(body.get("outputConfig")).get("textFormat"))
    written = as_object(as_object(text_format.get("structure")).get("jsonSchema")).get("schema")
    return orjson.loads(written) if isinstance(written, str) else written


def _cache_points(body: dict[str, Any]) -> int:
    blocks = [*(body.get("system") or ()), *(as_object(body.get("toolConfig")).get("tools") or ())]
    for message in body["messages"]:
        blocks += message["content"]
    return sum("cachePoint" in block for block in blocks)


def _content(answer: Answer) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if answer.reply.reasoning:
        thought = {"text": answer.reply.reasoning, "signature": answer.signature}
        blocks.append({"reasoningContent": {"reasoningText": thought}})
    if answer.text:
        blocks.append({"text": answer.text})
    blocks += [
        {"toolUse": {"input": call.value, "name": call.name, "toolUseId": call.id}}
        for call in answer.calls
    ]
    return blocks


def _stop_reason(answer: Answer) -> str:
    if answer.reply.stop_sequence is not None:
        return "stop_sequence"
    return _STOP.get(answer.finish, "end_turn")


def _usage(answer: Answer) -> dict[str, Any]:
    tokens = answer.tokens
    usage: dict[str, Any] = {
        "cacheReadInputTokenCount": tokens.cached,
        "cacheReadInputTokens": tokens.cached,
        "cacheWriteInputTokenCount": tokens.cache_write,
        "cacheWriteInputTokens": tokens.cache_write,
        "inputTokens": tokens.uncached,
        "outputTokens": tokens.output,
        "serverToolUsage": {},
        "totalTokens": tokens.total,
    }
    if tokens.cache_write:
        usage["cacheDetails"] = [{"inputTokens": tokens.cache_write, "ttl": "5m"}]
    return usage
