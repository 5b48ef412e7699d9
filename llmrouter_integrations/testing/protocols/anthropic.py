"""Anthropic Messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from llmrouter_integrations.testing.protocols.base import (
    Failure,
    Frame,
    HttpCall,
    Problem,
    SimProtocol,
    as_object,
    event_frame,
    whole_seconds,
)
from llmrouter_integrations.testing.script import SimRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmrouter_integrations.testing.answer import Answer

__all__ = ["Anthropic"]

_MEDIA = {"image": "image", "document": "document"}
_STOP_REASON = {"length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_THINKING_PIECE = 3
_CONTENT = ("text", "thinking", "partial_json")


class _Row(NamedTuple):
    status: int
    type: str
    message: str


_LIMIT = (
    "This request would exceed your organization's rate limit of %s (org: sim, model: {model}). "
    "For details, refer to: https://docs.claude.com/en/api/rate-limits."
)
_ROWS = {
    "bad_request": _Row(
        400, "invalid_request_error", "messages.0: Input does not match the expected shape."
    ),
    "context_overflow": _Row(
        400, "invalid_request_error", "prompt is too long: 210027 tokens > 200000 maximum"
    ),
    "unsupported_parameter": _Row(
        400, "invalid_request_error", "{parameter}: Extra inputs are not permitted"
    ),
    "content_filter": _Row(
        400, "invalid_request_error", "Output blocked by content filtering policy"
    ),
    "billing": _Row(
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing "
        "to upgrade or purchase credits.",
    ),
    "bad_key": _Row(401, "authentication_error", "invalid x-api-key"),
    "forbidden": _Row(
        403, "permission_error", "Your API key does not have permission to use {model}."
    ),
    "model_gone": _Row(404, "not_found_error", "model: {model}"),
    "timeout": _Row(408, "timeout_error", "Request timed out"),
    "conflict": _Row(409, "invalid_request_error", "The request conflicts with another."),
    "too_large": _Row(413, "request_too_large", "Request exceeds the maximum size"),
    "unprocessable": _Row(422, "invalid_request_error", "The request could not be processed."),
    "rate_requests": _Row(429, "rate_limit_error", _LIMIT % "50 requests per minute"),
    "rate_tokens": _Row(429, "rate_limit_error", _LIMIT % "30,000 input tokens per minute"),
    "daily_quota": _Row(429, "rate_limit_error", _LIMIT % "1,000,000 tokens per day"),
    "server_error": _Row(500, "api_error", "Internal server error"),
    "unavailable": _Row(503, "api_error", "Service unavailable"),
    "overloaded": _Row(529, "overloaded_error", "Overloaded"),
}


class Anthropic(SimProtocol):
    """``POST .../v1/messages``, and the same through Vertex's ``rawPredict``."""

    name = "anthropic"
    id_style = ("toolu_01", 22)

    def read(self, call: HttpCall) -> SimRequest:
        """Understand a Messages request."""
        body = call.body
        route = call.route.groupdict()
        messages, called, media = _read_messages(body)
        choice = as_object(body.get("tool_choice"))
        tools = [tool for tool in body.get("tools") or () if "input_schema" in tool]
        output = as_object(as_object(body.get("output_config")).get("format"))
        output = output or as_object(body.get("output_format"))
        return SimRequest(
            provider=call.provider,
            protocol=self.name,
            model=body.get("model") or route.get("model") or "",
            stream=bool(body.get("stream")),
            messages=messages,
            body=body,
            headers=call.headers,
            path=call.path,
            at_s=call.at_s,
            tools=tuple(tool["name"] for tool in tools),
            tool_choice=choice.get("name") or _CHOICE.get(choice.get("type", "auto"), "auto"),
            schema=output.get("schema"),
            tool_schemas={tool["name"]: tool["input_schema"] for tool in tools},
            tool_descriptions={tool["name"]: tool.get("description") or "" for tool in tools},
            called=called,
            parallel=not choice.get("disable_parallel_tool_use"),
            reasoning=as_object(body.get("thinking")).get("type") in ("enabled", "adaptive"),
            max_tokens=body["max_tokens"],
            stop=tuple(body.get("stop_sequences") or ()),
            media=media,
            cache_points=_cache_points(body),
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        """Write a message."""
        return {
            **_head(answer),
            "content": _content(answer),
            **_ending(answer),
            "usage": {**_usage(answer), **_details(answer), "service_tier": "standard"},
        }

    def frames(self, answer: Answer) -> Iterator[Frame]:
        """Write the events of a message."""
        unended = {"stop_reason": None, "stop_sequence": None, "stop_details": None}
        usage = {**_usage(answer), "output_tokens": 1, "service_tier": "standard"}
        start = {**_head(answer), "content": [], **unended, "usage": usage}
        yield _frame({"type": "message_start", "message": start})
        for index, block in enumerate(_content(answer)):
            yield from _block(answer, index, block)
            if index == 0:
                yield _frame({"type": "ping"})
        usage = {k: v for k, v in _usage(answer).items() if k not in _START_ONLY} | _details(answer)
        yield _frame({"type": "message_delta", "delta": _ending(answer), "usage": usage})
        yield _frame({"type": "message_stop"})

    def failure(self, request: SimRequest, problem: Problem) -> Failure:
        """Write an error."""
        row = _ROWS[problem.kind]
        words = {"model": request.model, "parameter": problem.parameter}
        message = problem.message
        if message is None:
            message = row.message.format(**words)
        status = problem.status or row.status
        headers = {
            "request-id": "req_sim",
            "x-should-retry": "true" if status in (408, 409, 429) or status >= 500 else "false",
        }
        if problem.retry_after_s is not None:
            headers["retry-after"] = whole_seconds(problem.retry_after_s)
        error = {"type": row.type, "message": message}
        return Failure(
            status, {"type": "error", "error": error, "request_id": "req_011Sim"}, headers
        )

    def error_frame(self, request: SimRequest, problem: Problem) -> bytes:
        """Write an ``error`` event."""
        body = self.failure(request, problem).body
        return event_frame({"type": "error", "error": body["error"]})

    def headers(self, answer: Answer) -> dict[str, str]:
        """Give Anthropic's request id and rate limits."""
        return {
            "anthropic-ratelimit-requests-remaining": "9999",
            "anthropic-ratelimit-tokens-remaining": "12000000",
            "request-id": f"req_011{answer.token('request', 21)}",
        }


_START_ONLY = ("cache_creation", "inference_geo")
_CHOICE = {"any": "required", "none": "none", "auto": "auto"}


def _read_messages(
    body: dict[str, Any],
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]:
    messages: list[tuple[str, str]] = []
    called: list[str] = []
    media: list[str] = []
    if system := body.get("system"):
        messages.append(("system", _text(system)))
    for message in body["messages"]:
        role, content = message["role"], message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        results = [block for block in blocks if block["type"] == "tool_result"]
        messages += [("tool", _text(block.get("content") or "")) for block in results]
        said = [block for block in blocks if block["type"] != "tool_result"]
        if said or not blocks:
            messages.append((role, _text(said)))
            if role == "user":
                called.clear()
                media = [_MEDIA[block["type"]] for block in said if block["type"] in _MEDIA]
        called += [block["name"] for block in said if block["type"] == "tool_use"]
    return tuple(messages), tuple(called), tuple(media)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(block.get("text") or "" for block in content if block["type"] == "text")


def _cache_points(body: dict[str, Any]) -> int:
    marked = "cache_control" in body
    system = body.get("system")
    blocks = [*(body.get("tools") or ()), *(system if isinstance(system, list) else ())]
    for message in body["messages"]:
        if isinstance(message["content"], list):
            blocks += message["content"]
    return marked + sum("cache_control" in block for block in blocks)


def _head(answer: Answer) -> dict[str, Any]:
    return {
        "model": answer.request.model,
        "id": f"msg_01{answer.token('message', 22)}",
        "type": "message",
        "role": "assistant",
    }


def _content(answer: Answer) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if answer.reply.reasoning:
        thinking, signature = answer.reply.reasoning, answer.signature
        blocks.append({"type": "thinking", "thinking": thinking, "signature": signature})
    if answer.text:
        blocks.append({"type": "text", "text": answer.text})
    blocks += [
        {
            "type": "tool_use",
            "id": call.id,
            "name": call.name,
            "input": call.value,
            "caller": {"type": "direct"},
        }
        for call in answer.calls
    ]
    return blocks


def _block(answer: Answer, index: int, block: dict[str, Any]) -> Iterator[Frame]:
    match block["type"]:
        case "thinking":
            empty: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
            words = answer.reasoning_pieces
            deltas = [
                {"type": "thinking_delta", "thinking": "".join(words[i : i + _THINKING_PIECE])}
                for i in range(0, len(words), _THINKING_PIECE)
            ]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        case "text":
            empty = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in answer.pieces]
        case _:
            empty = {**block, "input": {}}
            call = next(call for call in answer.calls if call.id == block["id"])
            pieces = ["", *call.pieces] if call.arguments != "{}" else [""]
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    yield _frame({"type": "content_block_start", "index": index, "content_block": empty})
    for delta in deltas:
        body = {"type": "content_block_delta", "index": index, "delta": delta}
        yield Frame(event_frame(body), content=any(delta.get(key) for key in _CONTENT))
    yield _frame({"type": "content_block_stop", "index": index})


def _frame(body: dict[str, Any]) -> Frame:
    return Frame(event_frame(body))


def _ending(answer: Answer) -> dict[str, Any]:
    reason = _STOP_REASON.get(answer.finish, "end_turn")
    if answer.reply.stop_sequence is not None:
        reason = "stop_sequence"
    return {
        "stop_reason": reason,
        "stop_sequence": answer.reply.stop_sequence,
        "stop_details": None,
    }


def _usage(answer: Answer) -> dict[str, Any]:
    tokens = answer.tokens
    return {
        "input_tokens": tokens.uncached,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_write,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": tokens.output,
        "inference_geo": "not_available",
    }


def _details(answer: Answer) -> dict[str, Any]:
    if not answer.request.reasoning and not answer.tokens.reasoning:
        return {}
    return {"output_tokens_details": {"thinking_tokens": answer.tokens.reasoning}}
