"""How an answer of OpenAI-style chat completions ended, and what was told about it besides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.errors import OverloadedError, ServerError
from llmrouter_integrations.messages import EMPTY_MAP, Citation, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.messages import FinishReason
    from llmrouter_integrations.wire.base import Endpoint

__all__ = [
    "extra_of",
    "finish_reason_of",
    "logprobs_of",
    "sources_of",
    "usage_of",
]

_FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "eos": "stop",  # Together
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",  # Mistral: the window, not max_tokens
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
}
_BROKEN: Final = {
    "error": ServerError,  # OpenRouter, where the upstream broke
    "insufficient_system_resource": OverloadedError,  # DeepSeek
    "abort": ServerError,  # vLLM, SGLang
}
"""Finish reasons that mean the answer was not finished."""

_EXTRA: Final = (
    "system_fingerprint",
    "service_tier",
    "provider",
    "prompt_filter_results",
    "search_results",
    "related_questions",
)
_CHOICE_EXTRA: Final = ("content_filter_results", "native_finish_reason")


def finish_reason_of(raw: str | None, *, called: bool, endpoint: Endpoint) -> FinishReason:
    """Translate a finish reason; one that is missing from a finished answer is "stop".

    Raises:
        OverloadedError: The provider ran out of resources on the way.
        ServerError: The provider broke the answer off.
    """
    if raw in _BROKEN:
        raise _BROKEN[raw](
            f"the provider broke the answer off ({raw})", code=raw, target=endpoint.name
        )
    reason = _FINISH_REASONS.get(raw.lower(), "unknown") if raw else "stop"
    return "tool_calls" if reason == "stop" and called else reason


def usage_of(body: Mapping[str, Any]) -> Usage | None:
    """Read the usage of a body or an event; None where none is told (all zeroes tell none)."""
    said = body.get("usage")
    if not said:
        # Groq's streams once had it here only
        said = (body.get("x_groq") or EMPTY_MAP).get("usage")
        if not said:
            return None
    prompt = said.get("prompt_tokens") or 0
    output = said.get("completion_tokens") or 0
    if not (prompt or output):
        return None
    before = said.get("prompt_tokens_details") or EMPTY_MAP
    after = said.get("completion_tokens_details") or EMPTY_MAP
    reasoning = after.get("reasoning_tokens") or said.get("reasoning_tokens") or 0
    apart = (said.get("total_tokens") or 0) - prompt - output
    if apart > 0:
        # xAI and Google count reasoning in the total, but not in the completion
        output += apart
        reasoning = reasoning or apart
    elif reasoning > output:
        output += reasoning  # Perplexity's deep research counts it in neither
    cached = before.get("cached_tokens")
    if cached is None:
        # DeepSeek, Moonshot
        cached = said.get("prompt_cache_hit_tokens") or said.get("cached_tokens")
    return Usage(
        input_tokens=prompt,
        output_tokens=output,
        cache_read_tokens=cached or 0,
        cache_write_tokens=before.get("cache_write_tokens") or 0,
        reasoning_tokens=reasoning,
        audio_input_tokens=before.get("audio_tokens") or 0,
        audio_output_tokens=after.get("audio_tokens") or 0,
        cost_usd=_cost(said),
    )


def _cost(said: Mapping[str, Any]) -> float | None:
    """Give what OpenRouter or Perplexity say they charge, in dollars."""
    cost = said.get("cost")
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    elif said.get("is_byok"):
        upstream = (said.get("cost_details") or EMPTY_MAP).get("upstream_inference_cost")
        cost = (cost or 0) + (upstream or 0)
    return float(cost) if isinstance(cost, int | float) else None


def logprobs_of(choice: Mapping[str, Any]) -> Any:
    """Give the record of log probabilities, or None where it is one of nothing."""
    said = choice.get("logprobs")
    return said if said and any(said.values()) else None


def extra_of(body: Mapping[str, Any], choice: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what else was said and has no place of its own."""
    extra = {key: body[key] for key in _EXTRA if body.get(key)}
    for key in _CHOICE_EXTRA:
        if choice.get(key):
            extra[key] = choice[key]
    return extra


def sources_of(body: Mapping[str, Any]) -> tuple[Citation, ...]:
    """Read Perplexity's list of the pages an answer rests on."""
    if results := body.get("search_results"):
        return tuple([Citation(r.get("url"), r.get("title"), raw=r) for r in results])
    return tuple([Citation(url) for url in body.get("citations") or () if isinstance(url, str)])
