"""LangChain chat models as targets: :func:`as_target`.

What a model is called, and whose it is, is what it tells LangSmith of itself. Written down it is
what LangChain itself writes of it, and no key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langchain_core.language_models import BaseChatModel

from llmrouter_integrations.catalog import Catalog
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.langchain.blocks import ISSUERS
from llmrouter_integrations.langchain.model_backend import LangChainBackend
from llmrouter_integrations.langchain.profile import profiled
from llmrouter_integrations.langchain.with_router import ModelWithRouter
from llmrouter_integrations.wire import registry
from llmrouter_integrations.wrapping.target import account_of_key, bound, key_of, served_at

if TYPE_CHECKING:
    from llmrouter_integrations.config import BoundTarget
    from llmrouter_integrations.wire.registry import ProviderInfo

__all__ = ["as_target"]

_ALIASES: Final = {"google_vertexai": "vertex"}
_BASE_URLS: Final = ("openai_api_base", "anthropic_api_url", "base_url")


def as_target(model: BaseChatModel, **said: Any) -> BoundTarget:
    """Make a target of a LangChain chat model.

    Args:
        model: The model, as it would be used by itself. Its own settings hold wherever a request
            says nothing else; its own retries do not.
        **said: Fields of :class:`~llmrouter_integrations.TargetConfig`: ``name``, ``quality``,
            ``input_usd_per_mtok``, ... What is not said is as the model's ``profile`` says, if its
            user gave it one, and else looked up by the model's name.

    Raises:
        ConfigurationError: It is no chat model, it routes already, or a field is wrong.
    """
    if not isinstance(model, BaseChatModel):
        raise ConfigurationError(
            f"a {type(model).__name__} is no chat model: give the model itself, without "
            "bind(...), with_retry(...) or with_fallbacks(...)"
        )
    if isinstance(model, ModelWithRouter):
        raise ConfigurationError(
            f"a {type(model).__name__} is no target: its tries would multiply with those of the "
            "router around it. List its models instead, or share its router (router=model.router)"
        )
    provider, model_id, info = _identity(model)
    backend = LangChainBackend(
        model,
        name=said.get("name") or f"{provider}/{model_id}",
        provider=provider,
        model_id=model_id,
        issuer=info.issuer if info else ISSUERS.get(provider, provider),
    )
    known = profiled(model, Catalog.load().find(provider, model_id))
    if type(model).bind_tools is BaseChatModel.bind_tools:
        known.setdefault("abilities", {})["tools"] = False
    if "abilities" in known:
        said["abilities"] = known["abilities"] | said.get("abilities", {})
    return bound(
        f"{provider}/{model_id}",
        backend,
        account_of_key(provider, key_of(model), _url(model)),
        known | said,
    )


def _identity(model: BaseChatModel) -> tuple[str, str, ProviderInfo | None]:
    said = model._get_ls_params()  # noqa: SLF001  (what every integration overrides to say it)
    provider = said.get("ls_provider") or ""
    if provider == "openai":
        provider = served_at(getattr(model, "openai_api_base", None)) or provider
    info = registry.provider(_ALIASES.get(provider, provider))
    name = said.get("ls_model_name") or type(model).__name__
    return (
        info.id if info else provider or type(model).__name__.lower(),
        name.removeprefix("models/"),
        info,
    )


def _url(model: BaseChatModel) -> str | None:
    said = (getattr(model, name, None) for name in _BASE_URLS)
    return next((url for url in said if isinstance(url, str) and url), None)
