"""What the real providers would refuse of a request, which the simulator then refuses too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmrouter_integrations.testing.protocols.base import Problem

if TYPE_CHECKING:
    from llmrouter_integrations.testing.script import SimRequest

__all__ = ["refusal"]

_HOSTED_TEXT = (
    "openai azure anthropic gemini google vertex cohere bedrock groq mistral deepseek xai "
    "together fireworks cerebras perplexity openrouter"
)
_HOSTED = frozenset(_HOSTED_TEXT.split())
_KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")


def refusal(request: SimRequest) -> Problem | None:
    """Say what is wrong with a request, or None."""
    if request.provider in _HOSTED and not any(name in request.headers for name in _KEY_HEADERS):
        return Problem("bad_key", message="No API key was sent")
    return None
