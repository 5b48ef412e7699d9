"""LlamaIndex LLMs as targets: :func:`as_target`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.constants import DEFAULT_CONTEXT_WINDOW
from llama_index.core.llms import LLM
from llama_index.core.llms.function_calling import FunctionCallingLLM

from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.llama_index.llm_backend import LlamaIndexBackend
from llmrouter_integrations.llama_index.with_router import LLMWithRouter
from llmrouter_integrations.wire import registry
from llmrouter_integrations.wrapping.target import account_of_key, bound, key_of, served_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.config import BoundTarget

__all__ = ["as_target"]

_PROVIDERS: Final[Mapping[str, str]] = {
    # an integration's class, and whose models it asks; others are looked up by the class's name
    "AzureOpenAI": "azure",
    "BedrockConverse": "bedrock",
    "Fireworks": "fireworks",
    "Gemini": "google",
    "GoogleGenAI": "google",
    "MistralAI": "mistral",
    "OpenAI": "openai",
    "OpenAIResponses": "openai",
    "TogetherLLM": "together",
    "Vertex": "vertex",
}
_BASE_URLS: Final = ("api_base", "base_url")


def as_target(llm: LLM, **said: Any) -> BoundTarget:
    """Make a target of a LlamaIndex LLM.

    Args:
        llm: The LLM, as it would be used by itself. Its own settings hold wherever a request
            says nothing else; its own retries do not.
        **said: Fields of :class:`~llmrouter_integrations.TargetConfig`: ``name``, ``quality``,
            ``input_usd_per_mtok``, ... What is not said is looked up by the model's name; the
            window is the one that the LLM tells, if it tells any.

    Raises:
        ConfigurationError: It is no LLM, it routes already, or a field is wrong.
    """
    if not isinstance(llm, LLM):
        raise ConfigurationError(f"a {type(llm).__name__} is no LLM: give the LLM itself")
    if isinstance(llm, LLMWithRouter):
        raise ConfigurationError(
            f"a {type(llm).__name__} is no target: its tries would multiply with those of the "
            "router around it. List its models instead, or share its router (router=llm.router)"
        )
    provider = _provider(llm)
    metadata = _metadata(llm)
    model_id = metadata.model_name
    if model_id in ("", "unknown"):
        model_id = getattr(llm, "model", None) or type(llm).__name__
    info = registry.provider(provider)
    backend = LlamaIndexBackend(
        llm,
        metadata,
        name=said.get("name") or f"{provider}/{model_id}",
        provider=provider,
        model_id=model_id,
        issuer=info.issuer if info else provider,
    )
    if not metadata.is_function_calling_model:
        said["abilities"] = {"tools": False, **said.get("abilities", {})}
    if metadata.context_window not in (DEFAULT_CONTEXT_WINDOW, 0):
        said.setdefault("context_window", metadata.context_window)
    account = account_of_key(provider, key_of(llm), _url(llm))
    return bound(f"{provider}/{model_id}", backend, account, said)


def _metadata(llm: LLM) -> LLMMetadata:
    """Give what an LLM says of itself, as far as it can be had: some ask their server for it."""
    can_call = isinstance(llm, FunctionCallingLLM)
    try:
        metadata = llm.metadata
    except ValueError as error:  # a model that the integration does not know
        raise ConfigurationError(f"{type(llm).__name__}: {error}") from error
    except Exception:  # noqa: BLE001  (any SDK's, of a server that may be back when it is asked)
        return LLMMetadata(is_chat_model=True, is_function_calling_model=can_call)
    if can_call or not metadata.is_function_calling_model:
        return metadata
    return metadata.model_copy(update={"is_function_calling_model": False})


def _provider(llm: LLM) -> str:
    url = _url(llm)
    served = served_at(url)
    if served is not None:
        return served
    for kind in type(llm).__mro__:
        if kind.__name__ == "OpenAILike" and (host := urlsplit(url).hostname if url else None):
            return str(host)  # like OpenAI, and somebody else
        named = _PROVIDERS.get(kind.__name__)
        info = registry.provider(named or kind.__name__)
        if info is not None:
            return info.id
    return type(llm).__name__.lower()


def _url(llm: LLM) -> str | None:
    said = (getattr(llm, name, None) for name in _BASE_URLS)
    return next((url for url in said if isinstance(url, str) and url), None)
