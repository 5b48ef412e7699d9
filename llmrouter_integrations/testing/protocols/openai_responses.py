"""OpenAI Responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmrouter_integrations.testing.protocols.base import (
    Failure,
    Frame,
    HttpCall,
    Problem,
    SimProtocol,
    as_object,
    event_frame,
    joined_text,
)
from llmrouter_integrations.testing.protocols.openai_chat import openai_headers
from llmrouter_integrations.testing.protocols.openai_errors import openai_failure
from llmrouter_integrations.testing.script import SimRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmrouter_integrations.testing.answer import Answer

__all__ = ["OpenAIResponses"]

_MEDIA = {"input_image": "image", "input_audio": "audio", "input_file": "document"}
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_ENCRYPTED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"


class OpenAIResponses(SimProtocol):
    """``POST .../responses``."""

    name = "openai-responses"
    id_style = ("call_", 24)

    def read(self, call: HttpCall) -> SimRequest:
        """Understand a Responses request."""
        body = call.body
        messages, called, media = _read_input(body)
        tools = [tool for tool in body.get("tools") or () if tool["type"] == "function"]
        output = as_object(as_object(body.get("text")).get("format"))
        choice = body.get("tool_choice") or "auto"
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
            tools=tuple(tool["name"] for tool in tools),
            tool_choice=choice if isinstance(choice, str) else choice.get("name") or "auto",
            schema=output.get("schema"),
            tool_schemas={tool["name"]: tool.get("parameters") or {} for tool in tools},
            tool_descriptions={tool["name"]: tool.get("description") or "" for tool in tools},
            called=called,
            parallel=body.get("parallel_tool_calls") is not False,
            json_mode=output.get("type") == "json_object",
            reasoning=as_object(body.get("reasoning")).get("effort") not in (None, "none"),
            logprobs=_LOGPROBS in (body.get("include") or ()),
            max_tokens=body.get("max_output_tokens"),
            media=media,
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        """Write a ``response``."""
        output = [item for item, _ in _items(answer)]
        return _response(answer, _status(answer), output)

    def frames(self, answer: Answer) -> Iterator[Frame]:
        """Write the events of a response."""
        number = 0

        def event(kind: str, *, content: bool = False, **fields: Any) -> Frame:
            nonlocal number
            body = {"type": f"response.{kind}", "sequence_number": number, **fields}
            number += 1
            return Frame(event_frame(body), content)

        begun = _response(answer, "in_progress", [])
        yield event("created", response=begun)
        yield event("in_progress", response=begun)
        output = []
        for index, (item, pieces) in enumerate(_items(answer)):
            output.append(item)
            at = {"item_id": item["id"], "output_index": index}
            yield event("output_item.added", output_index=index, item=_empty(item))
            match item["type"]:
                case "reasoning" if pieces:
                    at |= {"summary_index": 0}
                    part = item["summary"][0]
                    empty = {**part, "text": ""}
                    yield event("reasoning_summary_part.added", **at, part=empty)
                    for piece in pieces:
                        kind = "reasoning_summary_text.delta"
                        yield event(kind, content=True, **at, delta=piece)
                    yield event("reasoning_summary_text.done", **at, text=part["text"])
                    yield event("reasoning_summary_part.done", **at, part=part)
                case "message":
                    at |= {"content_index": 0}
                    part = item["content"][0]
                    key = "text" if part["type"] == "output_text" else "refusal"
                    extra: dict[str, Any] = {"logprobs": []} if key == "text" else {}
                    yield event("content_part.added", **at, part={**part, key: ""})
                    for piece in pieces:
                        kind = f"{part['type']}.delta"
                        yield event(kind, content=True, **at, delta=piece, **extra)
                    yield event(f"{part['type']}.done", **at, **{key: part[key]}, **extra)
                    yield event("content_part.done", **at, part=part)
                case "function_call":
                    for piece in pieces:
                        kind = "function_call_arguments.delta"
                        yield event(kind, content=True, **at, delta=piece)
                    arguments = item["arguments"]
                    yield event("function_call_arguments.done", **at, arguments=arguments)
            yield event("output_item.done", output_index=index, item=item)
        status = _status(answer)
        yield event(status, response=_response(answer, status, output))

    def failure(self, request: SimRequest, problem: Problem) -> Failure:
        """Write an error."""
        return openai_failure(request, problem, responses=True)

    def error_frame(self, request: SimRequest, problem: Problem) -> bytes:
        """Write an ``error`` event."""
        error = as_object(self.failure(request, problem).body.get("error"))
        body = {
            "type": "error",
            "code": error.get("code") or error.get("type") or "server_error",
            "message": error.get("message") or "",
            "param": error.get("param"),
            "sequence_number": 0,
        }
        return event_frame(body)

    def headers(self, answer: Answer) -> dict[str, str]:
        """Give OpenAI's request id and rate limits."""
        return openai_headers(answer)


def _read_input(
    body: dict[str, Any],
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]:
    messages: list[tuple[str, str]] = []
    called: list[str] = []
    media: list[str] = []
    if body.get("instructions"):
        messages.append(("system", body["instructions"]))
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    for item in items:
        match item.get("type", "message"):
            case "function_call":
                called.append(item["name"])
            case "function_call_output":
                messages.append(("tool", joined_text(item["output"])))
            case "message":
                role = "system" if item["role"] == "developer" else item["role"]
                content = item["content"]
                messages.append((role, joined_text(content)))
                if role == "user":
                    called.clear()
                    parts = [] if isinstance(content, str) else content
                    media = [_MEDIA[part["type"]] for part in parts if part["type"] in _MEDIA]
    return tuple(messages), tuple(called), tuple(media)


def _items(answer: Answer) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Give the output items, each with the pieces in which it is streamed."""
    reply = answer.reply
    if reply.reasoning or answer.tokens.reasoning:
        summary = [{"type": "summary_text", "text": reply.reasoning}] if reply.reasoning else []
        item: dict[str, Any] = {"id": f"rs_{answer.token('rs', 40).lower()}", "type": "reasoning"}
        if _ENCRYPTED in (answer.request.body.get("include") or ()):
            item["encrypted_content"] = answer.signature
        yield {**item, "summary": summary}, answer.reasoning_pieces
    if answer.text or (not answer.calls and answer.finish == "stop"):
        part: dict[str, Any] = {"type": "output_text", "annotations": [], "logprobs": []}
        if reply.refusal:
            part = {"type": "refusal", "refusal": reply.refusal}
        else:
            part["text"] = reply.text
            if reply.logprobs:
                part["logprobs"] = [
                    {"token": piece, "logprob": -0.25, "bytes": list(piece.encode())}
                    | {"top_logprobs": []}
                    for piece in answer.pieces
                ]
        yield (
            {
                "id": f"msg_{answer.token('msg', 40).lower()}",
                "type": "message",
                "status": _status(answer),
                "content": [part],
                "role": "assistant",
            },
            answer.pieces,
        )
    for index, call in enumerate(answer.calls):
        yield (
            {
                "id": f"fc_{answer.token(f'fc{index}', 40).lower()}",
                "type": "function_call",
                "status": "completed",
                "arguments": call.arguments,
                "call_id": call.id,
                "name": call.name,
            },
            call.pieces,
        )


def _empty(item: dict[str, Any]) -> dict[str, Any]:
    """Give an item as it is when it begins."""
    begun = {"status": "in_progress", "content": [], "arguments": "", "summary": []}
    return {key: begun.get(key, value) for key, value in item.items()}


def _status(answer: Answer) -> str:
    return "incomplete" if answer.finish in _INCOMPLETE else "completed"


def _response(answer: Answer, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    body = answer.request.body
    reason = _INCOMPLETE.get(answer.finish) if status == "incomplete" else None
    reasoning = as_object(body.get("reasoning"))
    text = as_object(body.get("text"))
    return {
        "id": f"resp_{answer.token('resp', 40).lower()}",
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": None,
        "model": answer.request.model,
        "output": output,
        "parallel_tool_calls": answer.request.parallel,
        "previous_response_id": body.get("previous_response_id"),
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "service_tier": "default",
        "store": body.get("store", True),
        "temperature": body.get("temperature", 1.0),
        "text": {"format": text.get("format") or {"type": "text"}, "verbosity": "medium"},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_logprobs": 0,
        "top_p": body.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": _usage(answer) if status != "in_progress" else None,
        "user": None,
        "metadata": body.get("metadata") or {},
    }


def _usage(answer: Answer) -> dict[str, Any]:
    tokens = answer.tokens
    cached = {"cached_tokens": tokens.cached}
    if tokens.cache_write:
        cached["cache_write_tokens"] = tokens.cache_write
    return {
        "input_tokens": tokens.input,
        "input_tokens_details": cached,
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.total,
    }
