"""LlamaIndex LLMs as targets: :func:`as_target`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llama_index.core.llms import LLM

from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.llama_index.llm_backend import LlamaIndexBackend
from llmrouter_integrations.llama_index.own_call import calls_functions
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
            ``input_usd_per_mtok``, ... What is not said is looked up by the model's name.

    Raises:
        ConfigurationError: It is no LLM, or a field is wrong.
    """
    if not isinstance(llm, LLM):
        raise ConfigurationError(f"a {type(llm).__name__} is no LLM: give the LLM itself")
    provider = _provider(llm)
    metadata = llm.metadata
    model_id = metadata.model_name
    if model_id in ("", "unknown"):
        model_id = getattr(llm, "model", None) or type(llm).__name__
    info = registry.provider(provider)
    backend = LlamaIndexBackend(
        llm,
        name=said.get("name") or f"{provider}/{model_id}",
        provider=provider,
        model_id=model_id,
        issuer=info.issuer if info else provider,
    )
    if not calls_functions(llm):
        said["abilities"] = {"tools": False, **said.get("abilities", {})}
    account = account_of_key(provider, key_of(llm), _url(llm))
    return bound(f"{provider}/{model_id}", backend, account, said)


def _provider(llm: LLM) -> str:
    served = served_at(_url(llm))
    if served is not None:
        return served
    for kind in type(llm).__mro__:
        named = _PROVIDERS.get(kind.__name__)
        info = registry.provider(named or kind.__name__)
        if info is not None:
            return info.id
    return type(llm).__name__.lower()


def _url(llm: LLM) -> str | None:
    said = (getattr(llm, name, None) for name in _BASE_URLS)
    return next((url for url in said if isinstance(url, str) and url), None)
