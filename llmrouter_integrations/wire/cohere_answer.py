"""What stands in an answer of Cohere's v2 chat, whole or streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.errors import ServerError
from llmrouter_integrations.messages import (
    EMPTY_MAP,
    Citation,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    Usage,
)
from llmrouter_integrations.wire.cohere_messages import ISSUER, TOOL_PLAN
from llmrouter_integrations.wire.structured import JSON_TOOL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmrouter_integrations.messages import FinishReason, Part
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["citations_of", "extra_of", "finish_reason_of", "logprobs_of", "read_parts", "usage_of"]

FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}
BROKEN: Final = frozenset({"ERROR", "TIMEOUT"})
"""Finish reasons that mean the answer was not finished."""


def finish_reason_of(raw: str | None, endpoint: Endpoint, *, called: bool) -> FinishReason:
    """Translate a finish reason; a call of nothing but the structured answer's tool is no call.

    Raises:
        ServerError: The provider broke the answer off.
    """
    if raw in BROKEN:
        raise ServerError(
            f"the provider broke the answer off ({raw})", code=raw, target=endpoint.name
        )
    reason = FINISH_REASONS.get(raw or "", "unknown")
    return "stop" if reason == "tool_calls" and not called else reason


def usage_of(said: Mapping[str, Any] | None) -> Usage | None:
    """Read a usage object: the tokens, and what is billed of them (without Cohere's preamble)."""
    if not said:
        return None
    billed = said.get("billed_units") or {}
    counted = said.get("tokens") or billed
    if not counted:
        return None
    return Usage(
        input_tokens=int(counted.get("input_tokens") or 0),
        output_tokens=int(counted.get("output_tokens") or 0),
        cache_read_tokens=int(said.get("cached_tokens") or 0),
        reasoning_tokens=int(counted.get("reasoning_tokens") or 0),
        billed_input_tokens=_whole(billed.get("input_tokens")),
        billed_output_tokens=_whole(billed.get("output_tokens")),
    )


def _whole(count: float | None) -> int | None:
    return None if count is None else int(count)


def extra_of(usage: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Keep what is billed, which is less than what is counted."""
    billed = usage and usage.get("billed_units")
    return {"billed_units": billed} if billed else EMPTY_MAP


def logprobs_of(items: Iterable[Mapping[str, Any]]) -> Any:
    """Give the log probabilities in OpenAI's form, which chunks can be joined in; or None.

    An item may hold several tokens, of which only the text of all is told.
    """
    content = []
    for item in items:
        probabilities = item.get("logprobs") or ()
        for place, logprob in enumerate(probabilities):
            token = item.get("text") or "" if place == 0 else ""
            content.append({"token": token, "logprob": logprob, "top_logprobs": []})
    return {"content": content} if content else None


def citations_of(said: Mapping[str, Any]) -> tuple[Citation, ...]:
    """Read one citation: one of ours for each of its sources."""
    start, end = said.get("start"), said.get("end")
    found: list[Citation] = []
    for source in said.get("sources") or (EMPTY_MAP,):
        document = source.get("document") or source.get("tool_output") or EMPTY_MAP
        place = document.get("url") or source.get("id")
        url = place if isinstance(place, str) and place.startswith("http") else None
        text = document.get("text") or document.get("content")
        found.append(Citation(url, document.get("title"), text, start, end, raw=said))
    return tuple(found)


def read_parts(message: Mapping[str, Any]) -> tuple[Part, ...]:
    """Read a whole answer's message: content, then the plan of its tool calls, then these."""
    content = message.get("content") or ()
    first = next((i for i, block in enumerate(content) if block.get("type") != "thinking"), 0)
    cited: dict[int, list[Citation]] = {}
    for said in message.get("citations") or ():
        if said.get("type", "TEXT_CONTENT") == "TEXT_CONTENT":
            cited.setdefault(said.get("content_index", first), []).extend(citations_of(said))
    parts: list[Part] = []
    for place, block in enumerate(content):
        if block.get("type") == "thinking":
            if block.get("thinking"):
                parts.append(ReasoningPart(block["thinking"], ISSUER))
        elif text := block.get("text"):
            citations = tuple(cited.get(place, ()))
            parts.append(TextPart(text, citations, issuer=ISSUER if citations else None))
    if plan := message.get("tool_plan"):
        parts.append(ReasoningPart(plan, ISSUER, raw=TOOL_PLAN))
    for call in message.get("tool_calls") or ():
        function = call.get("function") or EMPTY_MAP
        arguments = function.get("arguments") or "{}"
        if function.get("name") == JSON_TOOL:
            parts.append(TextPart(arguments))
        else:
            parts.append(ToolCallPart(call.get("id") or "", function.get("name") or "", arguments))
    return tuple(parts)
