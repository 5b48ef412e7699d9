"""The router worn as a LangChain chat model: :class:`RoutedChatModel`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.errors import MissingExtraError

if TYPE_CHECKING:
    from llmrouter_integrations.langchain.chat_model import RoutedChatModel

__all__ = ["RoutedChatModel"]

try:
    import_module("langchain_core")
except ModuleNotFoundError as error:
    if error.name != "langchain_core":
        raise
    raise MissingExtraError("RoutedChatModel", "langchain", "langchain_core") from None


def __getattr__(name: str) -> Any:
    if name in __all__:
        from llmrouter_integrations.langchain.chat_model import RoutedChatModel

        globals()[name] = RoutedChatModel
        return RoutedChatModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
