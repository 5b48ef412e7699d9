"""The providers known by name, and the codec of each protocol.

Base URLs and the environment variables are those that each vendor's own SDK takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from llmrouter_integrations.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.wire.base import Codec

__all__ = ["PROTOCOLS", "PROVIDERS", "ProviderInfo", "codec", "default_base_url", "provider"]


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """One provider, as it is before anybody configures it.

    Attributes:
        id: The name a target is written with ("groq" in "groq/llama-4").
        protocol: The wire protocol spoken unless a target says otherwise.
        base_url: Where it is reached; ``{region}`` is filled in. None: the user must say.
        key_env: Environment variables that may hold its key, the first found wins.
        credentials_env: Environment variables that are no key by themselves but show that the
            vendor's own credential chain (AWS) will find one; such a provider needs no ``api_key``.
        aliases: Other names for it.
        local: Whether it runs at the user's own and needs no key.
        base_url_env: Environment variables that move the base URL, the first found wins.
        base_url_path: Appended to such a variable's value where the vendor's SDK appends it too.
        region_env: Environment variables that hold the region of ``base_url``.
        global_base_url: Where it is reached when no region is given.
        issuer: Who can read back the signatures in its answers.
        responses_models: Models that are better asked over OpenAI's Responses protocol.
        options_env: A target's option to the environment variables that hold it, the first
            found wins.
    """

    id: str
    protocol: str
    base_url: str | None
    key_env: tuple[str, ...]
    credentials_env: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    local: bool = False
    base_url_env: tuple[str, ...] = ()
    base_url_path: str = ""
    region_env: tuple[str, ...] = ()
    global_base_url: str | None = None
    issuer: str = ""
    responses_models: re.Pattern[str] | None = None
    options_env: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def options_from(self, env: Mapping[str, str]) -> dict[str, str]:
        """Give the options that the environment holds."""
        said = {
            option: next((value for name in names if (value := env.get(name))), None)
            for option, names in self.options_env.items()
        }
        return {option: value for option, value in said.items() if value is not None}

    def protocol_for(self, model: str) -> str:
        """Give the protocol that a model is best asked over at the provider itself."""
        if self.responses_models is not None and self.responses_models.match(model):
            return "openai-responses"
        return self.protocol


def _chat(
    provider_id: str,
    base_url: str | None,
    key_env: tuple[str, ...],
    *,
    aliases: tuple[str, ...] = (),
    local: bool = False,
    base_url_env: tuple[str, ...] = (),
    base_url_path: str = "",
    issuer: str = "",
    responses_models: re.Pattern[str] | None = None,
    options_env: Mapping[str, tuple[str, ...]] | None = None,
) -> ProviderInfo:
    """Give a provider that speaks OpenAI chat completions; it is its own issuer by default."""
    return ProviderInfo(
        id=provider_id,
        protocol="openai-chat",
        base_url=base_url,
        key_env=key_env,
        aliases=aliases,
        local=local,
        base_url_env=base_url_env,
        base_url_path=base_url_path,
        issuer=issuer or provider_id,
        responses_models=responses_models,
        options_env=options_env or {},
    )


_RESPONSES_ONLY = re.compile(r"gpt-5\.[2-9]|gpt-([6-9]|\d\d)|.*-(pro|codex|deep-research)\b")
"""OpenAI's models that take function tools on chat completions without reasoning (5.2 and later),
not at all (6 and later), or are not served there (pro, codex, deep research): as langchain-openai
routes them, and OpenAI's own issue tracker reports."""

_TABLE = (
    _chat(
        "openai",
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        base_url_env=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        responses_models=_RESPONSES_ONLY,
    ),
    _chat(
        "azure",
        None,
        ("AZURE_OPENAI_API_KEY", "AZURE_AI_API_KEY", "AZURE_INFERENCE_CREDENTIAL"),
        aliases=("azure-openai", "azure-ai"),
        base_url_env=("AZURE_OPENAI_ENDPOINT", "AZURE_AI_ENDPOINT", "AZURE_INFERENCE_ENDPOINT"),
        options_env={"api_version": ("OPENAI_API_VERSION", "AZURE_OPENAI_API_VERSION")},
        issuer="openai",
    ),
    ProviderInfo(
        id="anthropic",
        protocol="anthropic",
        base_url="https://api.anthropic.com",
        key_env=("ANTHROPIC_API_KEY",),
        base_url_env=("ANTHROPIC_BASE_URL",),
        issuer="anthropic",
    ),
    ProviderInfo(
        id="google",
        protocol="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        key_env=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        aliases=("gemini", "google-genai"),
        base_url_env=("GOOGLE_GEMINI_BASE_URL",),
        base_url_path="/v1beta",
        issuer="gemini",
    ),
    ProviderInfo(
        id="vertex",
        protocol="gemini",
        base_url="https://{region}-aiplatform.googleapis.com/v1",
        key_env=("GOOGLE_VERTEX_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN"),
        aliases=("google-vertex", "vertexai"),
        base_url_env=("GOOGLE_VERTEX_BASE_URL",),
        base_url_path="/v1",
        region_env=("GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION"),
        global_base_url="https://aiplatform.googleapis.com/v1",
        options_env={
            "project": ("GOOGLE_CLOUD_PROJECT", "GOOGLE_VERTEX_PROJECT"),
            "location": ("GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION"),
        },
        issuer="gemini",
    ),
    _chat(
        "mistral",
        "https://api.mistral.ai/v1",
        ("MISTRAL_API_KEY",),
        aliases=("mistralai",),
        base_url_env=("MISTRAL_BASE_URL",),
        base_url_path="/v1",
    ),
    _chat(
        "groq",
        "https://api.groq.com/openai/v1",
        ("GROQ_API_KEY",),
        base_url_env=("GROQ_BASE_URL",),
        base_url_path="/openai/v1",
    ),
    _chat("deepseek", "https://api.deepseek.com", ("DEEPSEEK_API_KEY",)),
    _chat("xai", "https://api.x.ai/v1", ("XAI_API_KEY",), aliases=("x-ai", "grok")),
    _chat(
        "together",
        "https://api.together.xyz/v1",
        ("TOGETHER_API_KEY",),
        aliases=("togetherai", "together-ai"),
        base_url_env=("TOGETHER_BASE_URL",),
    ),
    _chat(
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        ("FIREWORKS_API_KEY",),
        aliases=("fireworks-ai", "fireworksai"),
        base_url_env=("FIREWORKS_BASE_URL",),
    ),
    _chat(
        "cerebras",
        "https://api.cerebras.ai/v1",
        ("CEREBRAS_API_KEY",),
        base_url_env=("CEREBRAS_BASE_URL",),
        base_url_path="/v1",
    ),
    _chat(
        "perplexity",
        "https://api.perplexity.ai",
        ("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
        base_url_env=("PERPLEXITY_BASE_URL",),
    ),
    _chat("openrouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",)),
    _chat(
        "ollama",
        "http://127.0.0.1:11434/v1",
        ("OLLAMA_API_KEY",),
        local=True,
        base_url_env=("OLLAMA_HOST",),
        base_url_path="/v1",
    ),
    ProviderInfo(
        id="cohere",
        protocol="cohere",
        base_url="https://api.cohere.com",
        key_env=("CO_API_KEY", "COHERE_API_KEY"),
        base_url_env=("CO_API_URL",),
        issuer="cohere",
    ),
    ProviderInfo(
        id="bedrock",
        protocol="bedrock",
        base_url="https://bedrock-runtime.{region}.amazonaws.com",
        key_env=("AWS_BEARER_TOKEN_BEDROCK",),
        credentials_env=("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        aliases=("amazon-bedrock", "aws-bedrock"),
        base_url_env=("AWS_ENDPOINT_URL_BEDROCK_RUNTIME",),
        region_env=("AWS_REGION", "AWS_DEFAULT_REGION"),
        issuer="bedrock",
    ),
)

PROVIDERS: Mapping[str, ProviderInfo] = MappingProxyType({info.id: info for info in _TABLE})
"""Every provider known by name, by its id."""

_BY_NAME = {name: info for info in _TABLE for name in (info.id, *info.aliases)}

_CODECS = {
    "openai-chat": ("openai_chat", "OpenAIChatCodec"),
    "openai-responses": ("openai_responses", "OpenAIResponsesCodec"),
    "anthropic": ("anthropic", "AnthropicCodec"),
    "gemini": ("gemini", "GeminiCodec"),
    "cohere": ("cohere", "CohereCodec"),
    "bedrock": ("bedrock", "BedrockCodec"),
}

PROTOCOLS: tuple[str, ...] = tuple(_CODECS)
"""Every protocol spoken, by its name."""


def provider(id_or_alias: str) -> ProviderInfo | None:
    """Give the provider of that id or alias, or None if it is not known by name."""
    return _BY_NAME.get(id_or_alias.lower().replace("_", "-"))


@cache
def codec(protocol: str) -> Codec:
    """Give the codec of a protocol; its module is imported when first asked for.

    Raises:
        ConfigurationError: There is no such protocol.
        MissingExtraError: It needs a package that is not installed.
    """
    try:
        module, name = _CODECS[protocol]
    except KeyError:
        raise ConfigurationError(
            f"no protocol {protocol!r}; known are: {', '.join(PROTOCOLS)}"
        ) from None
    try:
        home = import_module(f"llmrouter_integrations.wire.{module}")
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "botocore":
            raise MissingExtraError("The bedrock protocol", "bedrock", "botocore") from error
        raise
    return cast("Codec", getattr(home, name)())


def default_base_url(
    info: ProviderInfo, env: Mapping[str, str], *, region: str | None = None
) -> str | None:
    """Give where a provider is reached unless a target says otherwise.

    Args:
        info: The provider.
        env: The environment, or what stands for it.
        region: The vendor's name of the region, over the one in ``env``.

    Returns:
        A URL without trailing slash; None where only the user can know it (Azure's resource, an
        unsaid AWS region).
    """
    said = next((value for name in info.base_url_env if (value := env.get(name))), None)
    if said is not None:
        url = _local(said) if info.local else said.strip().rstrip("/")
        return url if url.endswith(info.base_url_path) else url + info.base_url_path
    if info.base_url is None or "{region}" not in info.base_url:
        return info.base_url
    region = region or next((value for name in info.region_env if (value := env.get(name))), None)
    if region is None or (region == "global" and info.global_base_url):
        return info.global_base_url
    return info.base_url.format(region=region)


def _local(url: str) -> str:
    """Read OLLAMA_HOST: a URL, a bare host, host and port, or what the server binds to."""
    url = url.strip().rstrip("/")
    bare = "://" not in url
    parts = urlsplit(f"http://{url}" if bare else url)
    host = parts.hostname or ""
    host = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host  # noqa: S104  (compared, not bound)
    host = f"[{host}]" if ":" in host else host
    # as Ollama's own client reads it: a scheme means the scheme's port, a bare host Ollama's
    port = parts.port or (11434 if bare else None)
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"
