"""Targets as LlamaIndex's users give them: names, fields and LLMs of other packages.

What wraps such an LLM is imported when the first one is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.llms import LLM

from llmrouter_integrations.settings import check_instance

if TYPE_CHECKING:
    from llmrouter_integrations.config import BoundTarget

__all__ = ["with_llms_bound"]


def with_llms_bound(models: Any) -> Any:
    """Replace the LLMs in what a user gave as targets; leave all else as it is.

    Args:
        models: An LLM, a mapping whose ``model`` is one, or a list of such and of other targets.

    Raises:
        ConfigurationError: One is a class, or cannot be a target.
    """
    if isinstance(models, LLM):
        return _bound(models)
    if isinstance(models, dict):
        llm = models.get("model")
        if not isinstance(llm, LLM):
            check_instance(llm, LLM)
            return models
        return _bound(llm, **{name: models[name] for name in models if name != "model"})
    if isinstance(models, list | tuple):
        return [with_llms_bound(each) for each in models]
    check_instance(models, LLM)
    return models


def _bound(llm: LLM, **said: Any) -> BoundTarget:
    from llmrouter_integrations.llama_index.wrapped import as_target

    return as_target(llm, **said)
