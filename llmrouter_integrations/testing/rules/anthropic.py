"""What Anthropic refuses.

From its errors as users reported them and its pages on tool use, extended thinking, prompt caching
and PDFs, read in November 2026.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.testing.protocols.base import as_object
from llmrouter_integrations.testing.rules.media import IMAGES, is_base64
from llmrouter_integrations.testing.rules.seals import is_altered, is_foreign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmrouter_integrations.testing.script import SimRequest

__all__ = ["anthropic"]

_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_THINKING = ("thinking", "redacted_thinking")
_USERS = frozenset(
    ["text", "image", "document", "search_result", "tool_result", "container_upload"]
)
_SERVERS = re.compile(r"(server|mcp)_tool_use|\w+_tool_result|compaction|container_upload")
_IN_RESULTS = frozenset({"text", "image", "document", "search_result", "tool_reference"})
_SINCE_46 = re.compile(r"(opus|sonnet|haiku)-(4-[6-9]|[5-9])(?!\d)|fable|mythos")
"""Those that decide for themselves where to think, and take no answer begun for them."""
_MAX_CACHE_POINTS = 4


def anthropic(request: SimRequest) -> Iterator[str]:
    """Say what is wrong with a Messages request."""
    body = request.body
    if "anthropic-version" not in request.headers and "anthropic_version" not in body:
        yield "anthropic-version: header is required"
    messages = [{**m, "content": _blocks(m["content"])} for m in body["messages"]]
    system = _blocks(body.get("system") or [])
    if not messages:
        yield "messages: at least one message is required"
    for number, block in enumerate(system):
        if block["type"] != "text":
            yield f"system.{number}.type: Input should be 'text'"
        yield from _text(block, "system")
    yield from _turns(messages)
    yield from _pairs(messages)
    if _called(messages) and not body.get("tools"):
        yield "Requests which include `tool_use` or `tool_result` blocks must define tools"
    for index, message in enumerate(messages):
        for number, block in enumerate(message["content"]):
            yield from _block(block, message["role"], f"messages.{index}.content.{number}")
        if message["role"] == "assistant":
            placed = not _SINCE_46.search(request.model)
            yield from _thoughts(message["content"], index, placed=placed)
    yield from _ending(request, messages)
    yield from _cache_points([*(body.get("tools") or ()), *system, *_flat(messages)])


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _flat(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return chain.from_iterable(message["content"] for message in messages)


def _called(messages: list[dict[str, Any]]) -> bool:
    return any(block["type"] in ("tool_use", "tool_result") for block in _flat(messages))


def _turns(messages: list[dict[str, Any]]) -> Iterator[str]:
    for index, message in enumerate(messages):
        role = message["role"]
        if role not in ("user", "assistant"):
            yield f"messages.{index}.role: Input should be 'user' or 'assistant'"
        if not index and role != "user":
            yield 'messages: first message must use the "user" role'
        if index and role == messages[index - 1]["role"]:
            yield (
                'messages: roles must alternate between "user" and "assistant", but found multiple '
                f'"{role}" roles in a row'
            )
        if not message["content"]:
            yield (
                f"messages.{index}: all messages must have non-empty content except for the "
                "optional final assistant message"
            )


def _pairs(messages: list[dict[str, Any]]) -> Iterator[str]:
    awaited: list[str] = []
    seen: set[str] = set()
    for index, message in enumerate(messages):
        kinds = [block["type"] for block in message["content"]]
        results = [b["tool_use_id"] for b in message["content"] if b["type"] == "tool_result"]
        first = {b.get("tool_use_id") for b in message["content"][: len(results)]}
        if missing := [call_id for call_id in awaited if call_id not in first]:
            yield (
                f"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks "
                f"immediately after: {', '.join(missing)}. Each `tool_use` block must have a "
                "corresponding `tool_result` block in the next message."
            )
        for call_id in results:
            at = f"messages.{index}.content.{kinds.index('tool_result')}"
            if call_id not in awaited:
                yield (
                    f"{at}: unexpected `tool_use_id` found in `tool_result` blocks: {call_id}. "
                    "Each `tool_result` block must have a corresponding `tool_use` block in the "
                    "previous message."
                )
            if results.count(call_id) > 1:
                yield (
                    f"{at}: each tool_use must have a single result. Found multiple `tool_result` "
                    f"blocks with id: {call_id}"
                )
        awaited = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        if len(set(awaited)) < len(awaited) or not seen.isdisjoint(awaited):
            yield f"messages.{index}: `tool_use` ids must be unique"
        seen.update(awaited)
    if awaited:
        yield (
            "messages: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(awaited)}."
        )


def _block(block: dict[str, Any], role: str, at: str) -> Iterator[str]:
    kind = block["type"]
    if role == "user" and kind not in _USERS:
        yield f"{at}: `{kind}` blocks can only be in `assistant` messages"
    if role == "assistant" and kind in ("image", "document", "tool_result", "search_result"):
        yield f"{at}: '{kind}' blocks are not permitted within assistant turns"
    match kind:
        case "text":
            yield from _text(block, "messages")
        case "image" | "document":
            yield from _source(block["source"], kind, f"{at}.{kind}.source")
        case "tool_use":
            if not _ID.fullmatch(block["id"]):
                yield f"{at}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
            if not _NAME.fullmatch(block["name"]):
                yield f"{at}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            if not isinstance(block["input"], dict):
                yield f"{at}.tool_use.input: Input should be a valid dictionary"
        case "tool_result":
            content = block.get("content") or []
            for inner in content if isinstance(content, list) else []:
                if inner["type"] not in _IN_RESULTS:
                    yield f"{at}.tool_result.content: Input tag '{inner['type']}' found"
                yield from _block(inner, "user", f"{at}.tool_result.content")
        case "thinking" | "redacted_thinking" if role == "assistant":
            if not block.get("signature" if kind == "thinking" else "data"):
                yield f"{at}.thinking.signature: Field required"
            if is_foreign(block.get("signature") or block.get("data"), "anthropic"):
                yield f"{at}: Invalid `signature` in `thinking` block"
            if kind == "thinking" and is_altered(block["signature"], block["thinking"]):
                yield (
                    f"{at}: `thinking` or `redacted_thinking` blocks in the latest assistant "
                    "message cannot be modified. These blocks must remain as they were in the "
                    "original response."
                )
        case _ if kind not in _USERS and not _SERVERS.fullmatch(kind):
            yield f"{at}: Input tag '{kind}' found using 'type' does not match any of the expected"


def _text(block: dict[str, Any], where: str) -> Iterator[str]:
    if not block.get("text"):
        yield f"{where}: text content blocks must be non-empty"
    elif not block["text"].strip():
        yield f"{where}: text content blocks must contain non-whitespace text"


def _source(source: dict[str, Any], kind: str, at: str) -> Iterator[str]:
    taken = IMAGES if kind == "image" else {"application/pdf"}
    match source["type"]:
        case "base64":
            if source.get("media_type") not in taken:
                expected = ", ".join(sorted(taken))
                yield f"{at}.base64.media_type: Input should be one of {expected}"
            if not is_base64(source.get("data")):
                yield f"{at}.base64: invalid base64 data"
        case "text" if kind == "document":
            if source.get("media_type") != "text/plain" or not source.get("data"):
                yield f"{at}.text: text/plain and its words are required"
        case "url":
            if not source["url"].startswith(("https://", "http://127.0.0.1")):
                yield f"{at}.url: Only HTTPS URLs are supported."
        case "file":
            if not source["file_id"].startswith("file_"):
                yield f"{at}.file_id: File not found: {source['file_id']}"
        case "content" if kind == "document":
            pass
        case other:
            yield f"{at}: Input tag '{other}' found using 'type' does not match any of the expected"


def _thoughts(blocks: list[dict[str, Any]], index: int, *, placed: bool) -> Iterator[str]:
    kinds = [block["type"] for block in blocks]
    if not any(kind in _THINKING for kind in kinds):
        return
    if placed and kinds[0] not in _THINKING:
        yield (
            f"messages.{index}.content.0: If an assistant message contains any thinking blocks, "
            f"the first block must be `thinking` or `redacted_thinking`. Found `{kinds[0]}`."
        )
    if kinds[-1] in _THINKING:
        yield f"messages.{index}: The final block in an assistant message cannot be `thinking`."


def _ending(request: SimRequest, messages: list[dict[str, Any]]) -> Iterator[str]:
    if not messages:
        return
    thinking = as_object(request.body.get("thinking")).get("type")
    last = messages[-1]
    begun = last["role"] == "assistant"
    answered = any(block["type"] == "tool_result" for block in last["content"])
    if thinking == "enabled" and (begun or answered):
        index = len(messages) - (1 if begun else 2)
        kind = messages[index]["content"][0]["type"]
        if kind not in _THINKING:
            yield (
                f"messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but "
                f"found `{kind}`. When `thinking` is enabled, a final `assistant` message must "
                "start with a thinking block (preceeding the lastmost set of `tool_use` and "
                "`tool_result` blocks)."
            )
    if not begun:
        return
    ending = last["content"][-1]
    if ending["type"] == "text":
        if _SINCE_46.search(request.model):
            yield (
                "This model does not support assistant message prefill. The conversation must end "
                "with a user message."
            )
        if ending["text"] != ending["text"].rstrip():
            yield "messages: final assistant content cannot end with trailing whitespace"
    if thinking in (None, "disabled") and any(b["type"] in _THINKING for b in last["content"]):
        yield (
            f"messages.{len(messages) - 1}.content.0: When thinking is disabled, an `assistant` "
            "message in the final position cannot contain `thinking`. To use thinking blocks, "
            "enable `thinking` in your request."
        )


def _cache_points(blocks: list[dict[str, Any]]) -> Iterator[str]:
    pieces: list[dict[str, Any]] = []
    for block in blocks:
        if block.get("type") == "tool_result" and isinstance(block.get("content"), list):
            pieces += block["content"]
        pieces.append(block)
    marked = [piece for piece in pieces if "cache_control" in piece]
    if len(marked) > _MAX_CACHE_POINTS:
        yield (
            f"A maximum of {_MAX_CACHE_POINTS} blocks with cache_control may be provided. "
            f"Found {len(marked)}."
        )
    short = False
    for block in marked:
        if block.get("type") in _THINKING:
            yield "cache_control cannot be set for thinking blocks"
        long = block["cache_control"].get("ttl") == "1h"
        if long and short:
            yield (
                "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block"
            )
        short = short or not long
