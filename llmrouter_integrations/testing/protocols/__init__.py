"""The provider protocols that the simulator speaks, and which path means which."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.testing.protocols.anthropic import Anthropic
from llmrouter_integrations.testing.protocols.bedrock import Bedrock
from llmrouter_integrations.testing.protocols.cohere import Cohere
from llmrouter_integrations.testing.protocols.gemini import Gemini
from llmrouter_integrations.testing.protocols.openai_chat import OpenAIChat
from llmrouter_integrations.testing.protocols.openai_responses import OpenAIResponses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmrouter_integrations.testing.protocols.base import SimProtocol

__all__ = ["ROUTES", "listing", "protocol_of"]

_ANTHROPIC = Anthropic()
_MODEL = r"(?P<model>[^/:]+)"

ROUTES: tuple[tuple[re.Pattern[str], SimProtocol], ...] = (
    (re.compile(r"(?:/deployments/(?P<model>[^/]+))?/chat/completions$"), OpenAIChat()),
    (re.compile(r"/responses$"), OpenAIResponses()),
    (re.compile(r"/v1/messages$"), _ANTHROPIC),
    (re.compile(rf"/models/{_MODEL}:(?:stream)?[rR]awPredict$"), _ANTHROPIC),
    (re.compile(rf"/models/{_MODEL}:(?P<method>generateContent|streamGenerateContent)$"), Gemini()),
    (re.compile(r"/v2/chat$"), Cohere()),
    (re.compile(r"/model/(?P<model>[^/]+)/(?P<method>converse(?:-stream)?)$"), Bedrock()),
)
"""The end of a path, and the protocol it stands for; a named group is the model."""

_CREATED = 1_787_150_000


def protocol_of(path: str) -> tuple[SimProtocol, re.Match[str]] | None:
    """Give the protocol that a path (without its query) stands for, and how it matched."""
    for pattern, protocol in ROUTES:
        if match := pattern.search(path):
            return protocol, match
    return None


def listing(provider: str, path: str, scripted: Iterable[str]) -> dict[str, Any] | None:
    """Write the list of models as OpenAI (``/models``) or Ollama (``/api/tags``) does.

    Args:
        provider: Who is asked.
        path: The path asked for; None is given where it lists no models.
        scripted: Names of models, ``provider/model`` for one provider only.
    """
    prefix = f"{provider}/"
    models = sorted({name.removeprefix(prefix) for name in scripted}) or ["sim-model"]
    if path.endswith("/api/tags"):
        return {
            "models": [
                {
                    "name": model,
                    "model": model,
                    "modified_at": "2026-08-19T12:00:00Z",
                    "size": 0,
                    "digest": "",
                    "details": {"format": "gguf", "family": "simulated", "parameter_size": "0B"},
                }
                for model in models
            ]
        }
    if path.endswith("/models"):
        data = [
            {"id": model, "object": "model", "created": _CREATED, "owned_by": "simulator"}
            for model in models
        ]
        return {"object": "list", "data": data}
    return None
