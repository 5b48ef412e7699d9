"""The router worn as a LlamaIndex LLM, and LlamaIndex's LLMs as its targets.

:class:`RoutedLLM`; :func:`hints_for`, for a block; :func:`as_target`; :class:`FeedingEvaluator`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.errors import MissingExtraError

if TYPE_CHECKING:
    from llmrouter_integrations.llama_index.feedback import FeedingEvaluator
    from llmrouter_integrations.llama_index.hints import hints_for
    from llmrouter_integrations.llama_index.llm import RoutedLLM
    from llmrouter_integrations.llama_index.wrapped import as_target

__all__ = ["FeedingEvaluator", "RoutedLLM", "as_target", "hints_for"]

_HOMES = {
    "FeedingEvaluator": "feedback",
    "RoutedLLM": "llm",
    "as_target": "wrapped",
    "hints_for": "hints",
}

try:
    import_module("llama_index.core")
except ModuleNotFoundError as error:
    if error.name not in ("llama_index", "llama_index.core"):
        raise
    raise MissingExtraError("RoutedLLM", "llama-index", "llama_index.core") from None


class _Written:
    """Stands for ``RoutedLLM`` among the LLMs that LlamaIndex knows how to load."""

    @staticmethod
    def from_dict(said: dict[str, Any], **more: Any) -> RoutedLLM:
        home = import_module(f"{__name__}.llm")
        found: RoutedLLM = home.RoutedLLM.from_dict(said, **more)
        return found


def _known_to(loading: Any) -> None:
    loading.RECOGNIZED_LLMS.setdefault("RoutedLLM", _Written)


# not imported here: it imports OpenAI's integration, wherever that is installed
import_module("wrapt").register_post_import_hook(_known_to, "llama_index.core.llms.loading")


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
