"""What the real providers refuse in a request, which the simulator then refuses too.

Each rule is one that a router breaks easily when it carries a conversation from one provider to
another: a key that was not sent, a field the vendor does not know, a tool call without its result,
a signature that another vendor issued, an id of a form the vendor does not take. They are as strict
as the vendors were recorded, said themselves or were reported to be; where a vendor mends a fault
silently for some of its models only (Anthropic and Gemini join turns of one role), so that it must
not be relied on, the fault is refused. No code is shared with what writes the requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmrouter_integrations.testing.fields import unknown_field
from llmrouter_integrations.testing.protocols.base import Problem
from llmrouter_integrations.testing.rules.anthropic import anthropic
from llmrouter_integrations.testing.rules.bedrock import bedrock
from llmrouter_integrations.testing.rules.cohere import cohere
from llmrouter_integrations.testing.rules.gemini import gemini
from llmrouter_integrations.testing.rules.openai_chat import openai_chat
from llmrouter_integrations.testing.rules.openai_responses import openai_responses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmrouter_integrations.testing.script import SimRequest

__all__ = ["refusal"]

_HOSTED_TEXT = (
    "openai azure anthropic gemini google vertex cohere bedrock groq mistral deepseek xai together "
    "fireworks cerebras perplexity openrouter"
)
_HOSTED = frozenset(_HOSTED_TEXT.split())
_KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")


def refusal(request: SimRequest) -> Problem | None:
    """Say what is wrong with a request, in the vendor's words, or None."""
    if request.provider in _HOSTED and not any(name in request.headers for name in _KEY_HEADERS):
        return Problem("bad_key", message="No API key was sent")
    if field := unknown_field(request):
        return Problem("unsupported_parameter", parameter=field)
    message = next(_RULES[request.protocol](request), None)
    return Problem("bad_request", message=message) if message else None


_RULES: dict[str, Callable[[SimRequest], Iterator[str]]] = {
    "openai-chat": openai_chat,
    "openai-responses": openai_responses,
    "anthropic": anthropic,
    "gemini": gemini,
    "cohere": cohere,
    "bedrock": bedrock,
}
