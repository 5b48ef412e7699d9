"""What stands in an answer of Anthropic's Messages protocol, whole or streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations.messages import (
    EMPTY_MAP,
    NO_USAGE,
    Citation,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    Usage,
)
from llmrouter_integrations.wire.structured import JSON_TOOL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.messages import FinishReason
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["citation", "extra_of", "finish_reason_of", "issuer_of", "read_block", "usage_of"]

FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}
"""``pause_turn`` (a server-side tool needs another request with this answer at its end) and
``compaction`` are not here on purpose: the answer is not finished, and this package has no word
for that, so they read as "unknown" with the vendor's word in ``raw_finish_reason``."""

SAID_BESIDES: Final = ("stop_sequence", "stop_details", "container")
USAGE_BESIDES: Final = ("service_tier", "inference_geo", "server_tool_use", "speed")


def issuer_of(endpoint: Endpoint) -> str:
    """Name who signs the answers: others that speak this protocol sign for themselves."""
    if endpoint.provider == "anthropic" or "claude" in endpoint.model:
        return "anthropic"
    return endpoint.provider


def finish_reason_of(stop_reason: str | None, *, called: bool) -> FinishReason:
    """Translate a stop reason; a call of nothing but the structured answer's tool is no call."""
    reason = FINISH_REASONS.get(stop_reason or "", "unknown")
    return "stop" if reason == "tool_calls" and not called else reason


def usage_of(said: Mapping[str, Any] | None) -> Usage:
    """Read a usage object, in which the cached parts of the prompt are counted apart."""
    if not said:
        return NO_USAGE
    read = said.get("cache_read_input_tokens") or 0
    written = said.get("cache_creation_input_tokens") or 0
    details = said.get("output_tokens_details")
    return Usage(
        input_tokens=(said.get("input_tokens") or 0) + read + written,
        output_tokens=said.get("output_tokens") or 0,
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=(details.get("thinking_tokens") or 0) if details else 0,
    )


def extra_of(message: Mapping[str, Any], usage: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Keep what else was said and has no place of its own."""
    extra = {key: message[key] for key in SAID_BESIDES if message.get(key) is not None}
    if usage:
        for key in USAGE_BESIDES:
            if usage.get(key) is not None:
                extra[key] = usage[key]
    return extra or EMPTY_MAP


def citation(raw: Mapping[str, Any]) -> Citation:
    """Read one citation; its offsets are into the source, not the answer, and stay in ``raw``."""
    return Citation(
        url=raw.get("url"),
        title=raw.get("document_title") or raw.get("title"),
        cited_text=raw.get("cited_text"),
        raw=raw,
    )


def read_block(block: Mapping[str, Any], issuer: str) -> Part | None:
    """Read one block of an answer; None for one with nothing in it."""
    kind = block.get("type")
    if kind == "text":
        text = block.get("text") or ""
        if cited := block.get("citations"):
            return TextPart(text, tuple([citation(raw) for raw in cited]), issuer=issuer)
        return TextPart(text) if text else None
    if kind == "tool_use":
        arguments = orjson.dumps(block.get("input") or EMPTY_MAP).decode()
        if block.get("name") == JSON_TOOL:
            return TextPart(arguments)
        return ToolCallPart(block.get("id") or "", block.get("name") or "", arguments)
    if kind == "thinking":
        text, signature = block.get("thinking") or "", block.get("signature") or None
        return ReasoningPart(text, issuer, signature) if text or signature else None
    if kind == "redacted_thinking":
        return ReasoningPart(issuer=issuer, signature=block.get("data"), redacted=True)
    return OpaquePart(issuer, block)
