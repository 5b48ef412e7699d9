"""An LLM router: the best model for each request, with failover, behind the usual faces.

Names are imported when first used, so ``import llmrouter_integrations`` costs next to nothing
and needs no framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmrouter_integrations.config import BoundTarget, RouterConfig, TargetConfig
    from llmrouter_integrations.errors import RouterError
    from llmrouter_integrations.hints import RoutingHints
    from llmrouter_integrations.messages import Chunk, Message, Request, Response, Usage
    from llmrouter_integrations.router import Router
    from llmrouter_integrations.routing.decision import Decision

__version__ = "0.1.0"

_HOMES = {
    "BoundTarget": "config",
    "Chunk": "messages",
    "Decision": "routing.decision",
    "Message": "messages",
    "Request": "messages",
    "Response": "messages",
    "Router": "router",
    "RouterConfig": "config",
    "RouterError": "errors",
    "RoutingHints": "hints",
    "TargetConfig": "config",
    "Usage": "messages",
}

__all__ = [
    "BoundTarget",
    "Chunk",
    "Decision",
    "Message",
    "Request",
    "Response",
    "Router",
    "RouterConfig",
    "RouterError",
    "RoutingHints",
    "TargetConfig",
    "Usage",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
