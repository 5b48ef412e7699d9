"""The router worn as a LangChain chat model, and LangChain's chat models as its targets."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.errors import MissingExtraError

if TYPE_CHECKING:
    from llmrouter_integrations.langchain.chat_model import RoutedChatModel
    from llmrouter_integrations.langchain.decision_model import RouterDecisionModel
    from llmrouter_integrations.langchain.feedback import feeding
    from llmrouter_integrations.langchain.wrapped import as_target

__all__ = ["RoutedChatModel", "RouterDecisionModel", "as_target", "feeding"]

_HOMES = {
    "RoutedChatModel": "chat_model",
    "RouterDecisionModel": "decision_model",
    "as_target": "wrapped",
    "feeding": "feedback",
}

try:
    import_module("langchain_core")
except ModuleNotFoundError as error:
    if error.name != "langchain_core":
        raise
    raise MissingExtraError("RoutedChatModel", "langchain", "langchain_core") from None


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
