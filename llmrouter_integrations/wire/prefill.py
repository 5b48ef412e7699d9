"""Who goes on with an answer whose beginning stands as the conversation's last turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmrouter_integrations.wire.bedrock_models import bedrock_rules
from llmrouter_integrations.wire.claude import claude_rules
from llmrouter_integrations.wire.dialects import dialect_of
from llmrouter_integrations.wire.gemini_models import gemini_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["prefills"]


def _claude_on_bedrock(_: str, model: str) -> bool:
    claude = bedrock_rules(model).claude
    return claude is not None and claude.prefill


_BY_PROTOCOL: Mapping[str, Callable[[str, str], bool]] = {
    "anthropic": lambda _, model: claude_rules(model).prefill,
    "bedrock": _claude_on_bedrock,
    "gemini": lambda _, model: gemini_rules(model).prefill,
    "openai-chat": lambda provider, model: dialect_of(provider, model).prefill is not None,
}


def prefills(protocol: str, provider: str, model: str) -> bool:
    """Whether a model is documented to continue a last turn of the assistant's.

    Others begin anew, or are asked in words to go on, which they do by their own lights. The
    sources stand with each protocol's rules.

    Args:
        protocol: The wire protocol's name.
        provider: The provider's id.
        model: The model's name in the provider's spelling.
    """
    known = _BY_PROTOCOL.get(protocol)
    return known is not None and known(provider, model)
