"""``Request.extra``: fields merged into the body as they are, each for whom it is meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.messages import EMPTY_MAP, Adjustment

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ANY_OPENAI", "extra_fields", "limit_verbosity"]

ANY_OPENAI: Final = ("openai-chat", "openai-responses")
"""The protocols that fields said for no one by name are meant for."""
_ONE_VERBOSITY: Final = re.compile(
    r"gpt-[34]|chatgpt|\bo\d|gpt-5-chat|gpt-5(\.[12])?-codex", re.IGNORECASE
)
"""OpenAI's models that refuse any verbosity but their own, medium: all before GPT-5
(https://github.com/google-deepmind/concordia/issues/164), its first chat model
(https://github.com/enricoros/big-AGI/issues/930), and Codex up to 5.2
(https://github.com/theopenco/llmgateway/pull/2989, where all were tried in July 2026)."""


def extra_fields(
    extra: Mapping[str, Mapping[str, Any]], readers: tuple[str, ...], adjustments: list[Adjustment]
) -> dict[str, Any]:
    """Give the fields meant for whoever reads the request.

    Args:
        extra: As :class:`~llmrouter_integrations.messages.Request` holds it.
        readers: The protocol, wire family and provider, the closest last: its word counts.
        adjustments: Gets what was said in OpenAI's terms and is read by nobody here. What was
            said for another vendor by name is not missed.
    """
    fields: dict[str, Any] = {}
    for name in dict.fromkeys(readers):
        fields |= extra.get(name) or EMPTY_MAP
    general = ("openai",) if readers[0] in ANY_OPENAI else ("openai", *ANY_OPENAI)
    lost = {field: None for name in general if name not in readers for field in extra.get(name, ())}
    adjustments.extend(Adjustment(name, "dropped", "only OpenAI's API knows it") for name in lost)
    return fields


def limit_verbosity(fields: dict[str, Any], model: str, adjustments: list[Adjustment]) -> None:
    """Take the verbosity out of fields for an OpenAI model that cannot change its own."""
    if "verbosity" in fields and _ONE_VERBOSITY.search(model):
        del fields["verbosity"]
        adjustments.append(Adjustment("verbosity", "dropped", "not adjustable for this model"))
