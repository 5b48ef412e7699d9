"""Why answers end, in the words that frameworks' integrations pass on from their vendors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.wrapping.usage import said as within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.messages import FinishReason

__all__ = ["REASON_KEYS", "raw_reason", "reason"]

REASON_KEYS: Final = ("finish_reason", "stop_reason", "stopReason", "done_reason", "status")
"""Where the word stands, in the order looked."""

_REASONS: Final[Mapping[str, FinishReason]] = {
    "blocklist": "content_filter",
    "complete": "stop",
    "completed": "stop",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "end_turn": "stop",
    "eos": "stop",
    "function_call": "tool_calls",
    "guardrail_intervened": "content_filter",
    "length": "length",
    "max_output_tokens": "length",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "model_length": "length",
    "pause_turn": "stop",
    "prohibited_content": "content_filter",
    "recitation": "content_filter",
    "refusal": "refusal",
    "safety": "content_filter",
    "spii": "content_filter",
    "stop": "stop",
    "stop_sequence": "stop",
    "tool_call": "tool_calls",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
}


def raw_reason(said: Mapping[str, Any]) -> str | None:
    """Find the vendor's word in what it said of an answer; None where it said none."""
    for key in REASON_KEYS:
        word = said.get(key)
        word = getattr(word, "name", word)  # Google's is an enumeration
        if isinstance(word, str) and word:
            if word == "incomplete":  # OpenAI's Responses
                return within(said, "incomplete_details.reason") or word
            return word
    return None


def reason(raw: str | None, *, calls: bool) -> FinishReason:
    """Give our word for a vendor's.

    Args:
        raw: The vendor's; None gives "unknown".
        calls: Whether the answer asks for tools, which some vendors leave to be seen.
    """
    if raw is None:
        return "unknown"
    known = _REASONS.get(raw.lower(), "unknown")
    return "tool_calls" if calls and known == "stop" else known
