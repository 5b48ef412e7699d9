"""The router worn as a LlamaIndex LLM, and LlamaIndex's LLMs as its targets.

:class:`RoutedLLM`; :func:`hints_for`, for a block; :func:`as_target`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.errors import MissingExtraError

if TYPE_CHECKING:
    from llmrouter_integrations.llama_index.hints import hints_for
    from llmrouter_integrations.llama_index.llm import RoutedLLM
    from llmrouter_integrations.llama_index.wrapped import as_target

__all__ = ["RoutedLLM", "as_target", "hints_for"]

_HOMES = {"RoutedLLM": "llm", "as_target": "wrapped", "hints_for": "hints"}

try:
    import_module("llama_index.core")
except ModuleNotFoundError as error:
    if error.name not in ("llama_index", "llama_index.core"):
        raise
    raise MissingExtraError("RoutedLLM", "llama-index", "llama_index.core") from None


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
