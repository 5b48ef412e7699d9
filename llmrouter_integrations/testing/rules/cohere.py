"""What Cohere's v2 chat refuses, from its API reference and errors as recorded and reported."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from llmrouter_integrations.testing.rules.media import IMAGES, data_url, is_base64

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmrouter_integrations.testing.script import SimRequest

__all__ = ["cohere"]

_FIELDS = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls", "tool_plan", "citations"},
    "tool": {"role", "content", "tool_call_id"},
}
_CONTENT = {
    "system": {"text"},
    "user": {"text", "image_url"},
    "assistant": {"text", "thinking"},
    "tool": {"text", "document"},
}
_SEES = re.compile(r"vision|command-a-plus|command-[b-z]")
_NAMED = re.compile(r"command|aya|c4ai|north")


def cohere(request: SimRequest) -> Iterator[str]:
    """Say what is wrong with a chat request."""
    messages = request.body["messages"]
    if not messages:
        yield "invalid request: at least one message is required"
        return
    blind = bool(_NAMED.search(request.model)) and not _SEES.search(request.model)
    for index, message in enumerate(messages):
        role = message["role"]
        if role not in _FIELDS:
            yield f"invalid request: unknown role: {role}"
        if unknown := set(message) - _FIELDS[role]:
            yield f"invalid request: unknown field: parameter '{min(unknown)}' is not a valid field"
        yield from _content(message, index, blind=blind)
        yield from _calls(message, index)
    yield from _pairs(messages)
    if messages[-1]["role"] not in ("user", "tool"):
        yield "invalid request: the last message must be of the role user or tool"


def _pairs(messages: list[dict[str, Any]]) -> Iterator[str]:
    awaited: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in awaited:
                yield (
                    f"invalid request: tool call id {message['tool_call_id']} not found in "
                    "previous tool calls"
                )
            else:
                awaited.remove(message["tool_call_id"])
        elif awaited:
            break
        else:
            awaited = [call["id"] for call in message.get("tool_calls") or ()]
            if len(set(awaited)) < len(awaited):
                yield "invalid request: tool call ids must be unique"
    if awaited:
        yield f"invalid request: tool calls without results: {', '.join(awaited)}"


def _content(message: dict[str, Any], index: int, *, blind: bool) -> Iterator[str]:
    role, content = message["role"], message.get("content")
    if not content and not (role == "assistant" and message.get("tool_calls")):
        yield f"invalid request: message at index {index} must have content"
    for part in content if isinstance(content, list) else ():
        kind = part["type"]
        if kind not in _CONTENT[role]:
            yield f"invalid request: content of type {kind} is not allowed in a {role} message"
        if kind in ("text", "thinking") and not part[kind] and not message.get("tool_calls"):
            yield f"invalid request: {kind} content at index {index} must not be empty"
        if kind == "document" and not part["document"].get("data"):
            yield f"invalid request: document at index {index} must have data"
        if kind == "image_url":
            if blind:
                yield "invalid request: image inputs are not supported for this model"
            url = part["image_url"]["url"]
            inline = data_url(url)
            if not inline and not url.startswith(("http://", "https://")):
                yield f"invalid request: image url at index {index} must be http(s) or data"
            if inline and (inline[0] not in IMAGES or not is_base64(inline[1])):
                yield "invalid request: unsupported image format"


def _calls(message: dict[str, Any], index: int) -> Iterator[str]:
    calls = message.get("tool_calls")
    if calls is not None and not calls:
        yield f"invalid request: tool_calls at index {index} must not be empty"
    if message.get("tool_plan") and not calls:
        yield f"invalid request: tool_plan at index {index} without tool_calls"
    for call in calls or ():
        if not call["id"] or call["type"] != "function" or not call["function"]["name"]:
            yield f"invalid request: tool call at index {index} must have id, type and name"
        try:
            arguments = orjson.loads(call["function"]["arguments"])
        except orjson.JSONDecodeError:
            arguments = None
        if not isinstance(arguments, dict):
            yield f"invalid request: arguments of the tool call {call['id']} must be a JSON object"
