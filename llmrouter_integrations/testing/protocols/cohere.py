"""Cohere v2 chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

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

__all__ = ["Cohere"]

_FINISH = {"length": "MAX_TOKENS", "tool_calls": "TOOL_CALL", "content_filter": "ERROR"}
_CHOICE = {"REQUIRED": "required", "NONE": "none"}
_DOCS = "https://docs.cohere.com"


class _Row(NamedTuple):
    status: int
    message: str


_TRIAL = (
    "You are using a Trial key, which is limited to %s. You can continue to use the Trial key for "
    "free or upgrade to a Production key with higher rate limits at "
    "'https://dashboard.cohere.com/api-keys'."
)
_ROWS = {
    "bad_request": _Row(400, "invalid request: message must be at least 1 token long."),
    "context_overflow": _Row(
        400,
        "too many tokens: total number of tokens in the prompt cannot exceed 132096 - received "
        f"160025. Try using a shorter prompt. See {_DOCS}/docs/models.",
    ),
    "unsupported_parameter": _Row(400, "invalid request: unknown field: parameter '{parameter}'"),
    "content_filter": _Row(400, "invalid request: the prompt was blocked by the safety filter."),
    "bad_key": _Row(
        401,
        "Incorrect API key provided: ***********. You can find your API key at "
        "https://dashboard.cohere.com/api-keys.",
    ),
    "billing": _Row(402, "Please add or update your payment method to continue"),
    "forbidden": _Row(403, "your API key does not have access to this resource"),
    "model_gone": _Row(
        404,
        "model '{model}' not found, make sure the correct model ID was used and that you have "
        "access to the model.",
    ),
    "timeout": _Row(408, "the request timed out"),
    "conflict": _Row(409, "the request conflicts with another"),
    "too_large": _Row(413, "the request is too large"),
    "unprocessable": _Row(422, "the request could not be processed"),
    "rate_requests": _Row(429, _TRIAL % "20 API calls / minute"),
    "rate_tokens": _Row(429, "trial token rate limit exceeded, limit is 100000 tokens per minute"),
    "daily_quota": _Row(429, _TRIAL % "1000 API calls / month"),
    "server_error": _Row(500, "internal server error, this has been reported to our developers."),
    "unavailable": _Row(503, "service unavailable"),
    "overloaded": _Row(503, "the model is overloaded, please try again later"),
}


class Cohere(SimProtocol):
    """``POST .../v2/chat``."""

    name = "cohere"
    id_style = ("", 12)
    stream_type = "text/event-stream"

    def read(self, call: HttpCall) -> SimRequest:
        """Understand a v2 chat request."""
        body = call.body
        messages, called, media = _read_messages(body["messages"])
        functions = [tool["function"] for tool in body.get("tools") or ()]
        output = as_object(body.get("response_format"))
        schema = output.get("json_schema") or output.get("schema")
        return SimRequest(
            provider=call.provider,
            protocol=self.name,
            model=body.get("model") or "",
            stream=bool(body.get("stream")),
            messages=messages,
            body=body,
            headers=call.headers,
            path=call.path,
            at_s=call.at_s,
            tools=tuple(function["name"] for function in functions),
            tool_choice=_CHOICE.get(body.get("tool_choice", ""), "auto"),
            schema=schema,
            tool_schemas={f["name"]: f.get("parameters") or {} for f in functions},
            tool_descriptions={f["name"]: f.get("description") or "" for f in functions},
            called=called,
            json_mode=output.get("type") == "json_object" and schema is None,
            reasoning=as_object(body.get("thinking")).get("type") == "enabled",
            logprobs=bool(body.get("logprobs")),
            max_tokens=body.get("max_tokens"),
            stop=tuple(body.get("stop_sequences") or ()),
            media=media,
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        """Write a chat response."""
        message: dict[str, Any] = {"role": "assistant"}
        content: list[dict[str, Any]] = []
        if answer.reply.reasoning:
            content.append({"type": "thinking", "thinking": answer.reply.reasoning})
        if answer.calls and answer.text:
            message["tool_plan"] = answer.text
        elif answer.text:
            content.append({"type": "text", "text": answer.text})
        if content:
            message["content"] = content
        if answer.calls:
            message["tool_calls"] = _tool_calls(answer)
        if citations := _citations(answer):
            message["citations"] = citations
        return {
            "id": answer.uuid,
            "message": message,
            "finish_reason": _finish(answer),
            "usage": _usage(answer),
        }

    def frames(self, answer: Answer) -> Iterator[Frame]:
        """Write the events of a chat response."""
        start = {"content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        opening = {"message": {"role": "assistant", **start}}
        yield _frame({"id": answer.uuid, "type": "message-start", "delta": opening})
        index = 0
        pieces = [] if answer.calls else answer.pieces
        for key, parts in (("thinking", answer.reasoning_pieces), ("text", pieces)):
            if not parts:
                continue
            yield _event("content-start", index, content={"type": key, key: ""})
            for part in parts:
                yield _event("content-delta", index, content={key: part})
            yield _frame({"type": "content-end", "index": index})
            index += 1
        for number, citation in enumerate(_citations(answer)):
            yield _event("citation-start", number, citations=citation)
            yield _frame({"type": "citation-end", "index": number})
        for piece in answer.pieces if answer.calls else ():
            body = {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": piece}}}
            yield Frame(event_frame(body), content=True)
        for number, (call, shown) in enumerate(zip(answer.calls, _tool_calls(answer), strict=True)):
            shown["function"]["arguments"] = ""
            yield _event("tool-call-start", number, tool_calls=shown)
            for piece in call.pieces:
                yield _event(
                    "tool-call-delta", number, tool_calls={"function": {"arguments": piece}}
                )
            yield _frame({"type": "tool-call-end", "index": number})
        ending = {"finish_reason": _finish(answer), "usage": _usage(answer)}
        yield _frame({"type": "message-end", "delta": ending})
        yield Frame(b"data: [DONE]\n\n")

    def failure(self, request: SimRequest, problem: Problem) -> Failure:
        """Write an error."""
        row = _ROWS[problem.kind]
        message = problem.message
        if message is None:
            message = row.message.format(model=request.model, parameter=problem.parameter)
        headers = {}
        if problem.retry_after_s is not None:
            headers["retry-after"] = whole_seconds(problem.retry_after_s)
        body = {"id": "00000000-0000-4000-8000-000000000000", "message": message}
        return Failure(problem.status or row.status, body, headers)

    def error_frame(self, request: SimRequest, problem: Problem) -> bytes:
        """Write the end of a message that failed."""
        message = self.failure(request, problem).body["message"]
        delta = {"error": message, "finish_reason": "ERROR"}
        return event_frame({"type": "message-end", "delta": delta})

    def headers(self, answer: Answer) -> dict[str, str]:  # noqa: ARG002  (others need it)
        """Give nothing: no header of Cohere's was recorded."""
        return {}


_SHOWN = ("content-delta", "tool-call-delta")


def _event(kind: str, index: int, **message: Any) -> Frame:
    body = {"type": kind, "index": index, "delta": {"message": message}}
    return Frame(event_frame(body), content=kind in _SHOWN)


def _frame(body: dict[str, Any]) -> Frame:
    return Frame(event_frame(body))


def _read_messages(
    raw: list[dict[str, Any]],
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]:
    messages: list[tuple[str, str]] = []
    called: list[str] = []
    media: list[str] = []
    for message in raw:
        role = message["role"]
        content = message.get("content") or ""
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        messages.append((role, "".join(map(_part_text, parts))))
        if role == "user":
            called.clear()
            media = ["image" for part in parts if part["type"] == "image_url"]
        called += [call["function"]["name"] for call in message.get("tool_calls") or ()]
    return tuple(messages), tuple(called), tuple(media)


def _part_text(part: dict[str, Any]) -> str:
    if part["type"] != "document":
        return part.get("text") or ""
    data = part["document"]["data"]
    return data if isinstance(data, str) else orjson.dumps(data).decode()


def _tool_calls(answer: Answer) -> list[dict[str, Any]]:
    return [
        {
            "id": told.id or f"{call.name}_{call.id.lower()}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call, told in zip(answer.calls, answer.reply.tool_calls, strict=True)
    ]


def _citations(answer: Answer) -> list[dict[str, Any]]:
    shown = len(answer.text)
    return [
        {
            "start": 0,
            "end": shown,
            "text": answer.text,
            "sources": [
                {
                    "type": "document",
                    "id": citation.url,
                    "document": {
                        "id": citation.url,
                        "text": citation.text,
                        "title": citation.title,
                    },
                }
            ],
            "type": "TEXT_CONTENT",
            "content_index": int(bool(answer.reply.reasoning)),
        }
        for citation in answer.reply.citations
    ]


def _finish(answer: Answer) -> str:
    if answer.reply.stop_sequence is not None:
        return "STOP_SEQUENCE"
    return _FINISH.get(answer.finish, "COMPLETE")


def _usage(answer: Answer) -> dict[str, Any]:
    tokens = answer.tokens
    counted = {"input_tokens": tokens.input, "output_tokens": tokens.output}
    usage: dict[str, Any] = {"billed_units": counted, "tokens": dict(counted)}
    if tokens.reasoning:
        usage["tokens"]["reasoning_tokens"] = tokens.reasoning
    return {**usage, "cached_tokens": tokens.cached}
