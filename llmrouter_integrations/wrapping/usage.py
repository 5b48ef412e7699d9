"""Tokens billed, in the names that vendors' answers give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llmrouter_integrations.messages import Usage

__all__ = ["counts_in", "said", "usage_of"]

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "input": (
        "prompt_tokens",
        "input_tokens",
        "prompt_token_count",
        "prompt_eval_count",
        "inputTokens",
    ),
    "output": (
        "completion_tokens",
        "output_tokens",
        "candidates_token_count",
        "eval_count",
        "outputTokens",
    ),
    "cached": (
        "prompt_tokens_details.cached_tokens",
        "input_tokens_details.cached_tokens",
        "cached_content_token_count",
    ),
    "reasoning": (
        "completion_tokens_details.reasoning_tokens",
        "output_tokens_details.reasoning_tokens",
    ),
    # beside the input and the output, not of it
    "read_beside": ("cache_read_input_tokens", "cacheReadInputTokens"),
    "written_beside": ("cache_creation_input_tokens", "cacheWriteInputTokens"),
    "thoughts_beside": ("thoughts_token_count",),
}


def said(of: Any, name: str) -> Any:
    """Read a value of a mapping or an object, ``.`` going deeper; None where there is none."""
    for step in name.split("."):
        of = of.get(step) if isinstance(of, Mapping) else getattr(of, step, None)
    return of


def counts_in(usage: Any) -> dict[str, int]:
    """Read a vendor's usage, a mapping or an object; empty where it is none."""
    found: dict[str, int] = {}
    if usage is None:
        return found
    for count, names in _NAMES.items():
        value = next((v for name in names if isinstance(v := said(usage, name), int)), None)
        if value is not None:
            found[count] = value
    return found


def usage_of(counts: Mapping[str, int]) -> Usage:
    """Put together what was read."""
    read, written = counts.get("read_beside", 0), counts.get("written_beside", 0)
    thoughts = counts.get("thoughts_beside", 0)
    return Usage(
        input_tokens=counts.get("input", 0) + read + written,
        output_tokens=counts.get("output", 0) + thoughts,
        cache_read_tokens=counts.get("cached", 0) + read,
        cache_write_tokens=written,
        reasoning_tokens=counts.get("reasoning", 0) + thoughts,
        reported=bool(counts),
    )
