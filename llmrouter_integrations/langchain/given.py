"""Targets as LangChain's users give them: names, fields and chat models of other packages.

What wraps such a model is imported when the first one is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel

from llmrouter_integrations.settings import backend_name, check_instance
from llmrouter_integrations.wrapping.withheld import digest_of_withheld, without_secrets

if TYPE_CHECKING:
    from llmrouter_integrations.config import BoundTarget

__all__ = ["identifying", "plain_model", "with_models_bound"]


def with_models_bound(models: Any) -> Any:
    """Replace the chat models in what a user gave as targets; leave all else as it is.

    Args:
        models: A model, a mapping whose ``model`` is one, or a list of such and of other targets.

    Raises:
        ConfigurationError: One is a class, or cannot be a target.
    """
    if isinstance(models, BaseChatModel):
        return _bound(models)
    if isinstance(models, dict):
        model = models.get("model")
        if not isinstance(model, BaseChatModel):
            check_instance(model, BaseChatModel)
            return models
        return _bound(model, **{name: models[name] for name in models if name != "model"})
    if isinstance(models, list | tuple):
        return [with_models_bound(each) for each in models]
    check_instance(models, BaseChatModel)
    return models


def _bound(model: BaseChatModel, **said: Any) -> BoundTarget:
    from llmrouter_integrations.langchain.wrapped import as_target

    return as_target(model, **said)


def plain_model(target: BoundTarget) -> Any:
    """Give what LangChain's ``dumps`` is to write out for the model of a target."""
    model = _model(target)
    return backend_name(target) if model is None else without_secrets(model)


def identifying(target: BoundTarget) -> Any:
    """Tell in plain JSON what keeps the answers of a target's model apart from another's."""
    model = _model(target)
    if model is None:
        return backend_name(target)
    said = without_secrets(model)._identifying_params  # noqa: SLF001  (what every integration overrides for this)
    withheld = digest_of_withheld(model)
    return {
        "class": type(model).__name__,
        **said,
        **({"withheld": withheld} if withheld is not None else {}),
    }


def _model(target: BoundTarget) -> BaseChatModel | None:
    model = getattr(target.backend, "model", None)
    return model if isinstance(model, BaseChatModel) else None
