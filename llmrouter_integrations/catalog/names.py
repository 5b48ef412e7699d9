"""One model, many spellings: provider aliases, and a normal form of model names.

Vendors, hosts and benchmarks spell one model differently: ``claude-haiku-4.5``,
``claude-haiku-4-5-20251001``, ``us.anthropic.claude-haiku-4-5-20251001-v1:0``,
``anthropic/claude-haiku-4.5:free``, ``claude-haiku-4-5@20251001``. :func:`normal` folds all of
these but the date into ``claude-haiku-4-5``; :func:`undated` drops the date too.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = [
    "GENAI_PROVIDERS",
    "HOST_PATHS",
    "PRICED_ONLY",
    "PROVIDERS",
    "PROVIDER_ALIASES",
    "as_trained",
    "has_variant",
    "is_chat",
    "normal",
    "provider_id",
    "undated",
]

PROVIDER_ALIASES = {
    "amazon": "bedrock",
    "amazon-bedrock": "bedrock",
    "aws": "bedrock",
    "aws-bedrock": "bedrock",
    "azure-ai": "azure",
    "azure-openai": "azure",
    "fireworks-ai": "fireworks",
    "fireworksai": "fireworks",
    "gemini": "google",
    "google-ai-studio": "google",
    "google-genai": "google",
    "google-vertex": "vertex",
    "google-vertexai": "vertex",
    "grok": "xai",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "nvidia-nim": "nvidia",
    "together-ai": "together",
    "togetherai": "together",
    "vertex-ai": "vertex",
    "vertexai": "vertex",
    "x-ai": "xai",
    "z-ai": "zai",
}
"""Other names of a provider (LangChain's, models.dev's, genai-prices's, people's) to its id."""

PROVIDERS = frozenset(
    {
        "alibaba",
        "anthropic",
        "azure",
        "bedrock",
        "cerebras",
        "cohere",
        "deepseek",
        "fireworks",
        "google",
        "groq",
        "huggingface",
        "meta",
        "minimax",
        "mistral",
        "moonshotai",
        "nvidia",
        "ollama",
        "openai",
        "openrouter",
        "perplexity",
        "together",
        "vertex",
        "xai",
        "zai",
    }
)
"""Every provider that is known by name: those the catalogue has models of, and those that are
called without a ``base_url``."""

GENAI_PROVIDERS = {"bedrock": "aws", "vertex": "google", "xai": "x-ai"}
"""Provider id to genai-prices's, where they differ."""

HOST_PATHS = {"fireworks": ("accounts/fireworks/models/", "accounts/fireworks/routers/")}
"""Paths that a provider's model names begin with and that people, and price lists, leave out."""

PRICED_ONLY = ("meta", "minimax", "zai")
"""Vendors with an API of their own of which only the price list knows the models."""

_NOT_CHAT = re.compile(
    r"embed|\bbge|rerank|retriev|whisper|transcri|(?:prompt|llama)-guard|safety|moderation|reward|[-_]tts|ocr"
    r"|imagin|gpt-image|lyria|orpheus|\besm|gliner|studiovoice"
)
_NOT_CHAT_BY_NAME = re.compile(
    _NOT_CHAT.pattern
    + r"|:batch$|image|banana|realtime|[-_]live|voice|sonic|robotics|computer-use|translate"
)

_BEDROCK_SCOPE = re.compile(r"^(?:us-gov|us|eu|apac|au|jp|ca|sa|me|af|global|regional)\.")
_BEDROCK_VENDOR = re.compile(
    r"^(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai"
    r"|nvidia|openai|qwen|writer|xai|zai)\.(?=[a-z])"
)
_REVISION = re.compile(r"(?:-v\d+)?:\d+(?::\d+k)?$|(?<=\d)-v1$")
_VARIANT = re.compile(r":[a-z][a-z-]*$")
_POINT = re.compile(r"(?<=\d)p(?=\d)")
_SEPARATORS = re.compile(r"[.@_: ]+")
_QUALIFIERS = re.compile(r"-(?:latest|default|maas)$")
_DATE = re.compile(r"-(?:20\d{2}-?[01]\d-?[0-3]\d|[0-3]\d-20\d{2}|00[1-9])$")


def provider_id(name: str) -> str:
    """The id of a provider, from any of its names; an unknown name is its own id, in lower case."""
    folded = name.strip().lower().replace("_", "-")
    return PROVIDER_ALIASES.get(folded, folded)


def is_chat(said: str, *, modalities_known: bool) -> bool:
    """Whether a name and family are a chat model's, not an embedding's, a voice's or a filter's.

    Where its modalities are not known, names of image and live-audio models are left out too.
    """
    return not (_NOT_CHAT if modalities_known else _NOT_CHAT_BY_NAME).search(said.lower())


_SAME = {
    # vendors' own second names
    "claude-4-opus": "claude-opus-4-0",
    "claude-4-sonnet": "claude-sonnet-4-0",
    "claude-opus-4": "claude-opus-4-0",
    "claude-sonnet-4": "claude-sonnet-4-0",
    "command-a": "command-a-03-2025",
    "mistral-large-3-675b-instruct": "mistral-large-2512",
    "mistral-large-3-675b-instruct-2512": "mistral-large-2512",
    "mistral-medium-3-5": "mistral-medium-2604",
    "mistral-small-4-119b-2603": "mistral-small-2603",
    # hosts' names of the same weights
    "gpt-oss-120b-1": "gpt-oss-120b",
    "gpt-oss-20b-1": "gpt-oss-20b",
    "llama-3-3-70b-instruct-turbo": "llama-3-3-70b-instruct",
    "llama-3-3-70b-versatile": "llama-3-3-70b-instruct",
    "llama3-3-70b-instruct": "llama-3-3-70b-instruct",
    "llama-4-maverick": "llama-4-maverick-17b-instruct",
    "llama-4-maverick-17b-128e-instruct": "llama-4-maverick-17b-instruct",
    "llama-4-maverick-17b-128e-instruct-fp8": "llama-4-maverick-17b-instruct",
    "llama4-maverick-17b-instruct": "llama-4-maverick-17b-instruct",
    "llama-4-scout": "llama-4-scout-17b-instruct",
    "llama-4-scout-17b-16e-instruct": "llama-4-scout-17b-instruct",
    "llama4-scout-17b-instruct": "llama-4-scout-17b-instruct",
    "qwen-3-8-27b": "qwen3-8-27b",
    "qwen3-coder-480b-a35b": "qwen3-coder-480b-a35b-instruct",
    "qwen3-coder-480b-a35b-instruct-fp8": "qwen3-coder-480b-a35b-instruct",
    "r1": "deepseek-r1",
    "zai-glm-4-7": "glm-4-7",
    "zai-glm-5-3": "glm-5-3",
    # the same weights on faster or regional hardware, at another price
    "claude-opus-4-7-fast": "claude-opus-4-7",
    "claude-opus-4-8-fast": "claude-opus-4-8",
    "glm-5-1-fast": "glm-5-1",
    "glm-5-2-fast": "glm-5-2",
    "kimi-k2-6-fast": "kimi-k2-6",
    "kimi-k2-6-turbo": "kimi-k2-6",
    "kimi-k2-7-code-fast": "kimi-k2-7-code",
    "kimi-k3-fast": "kimi-k3",
    "kimi-k3-us": "kimi-k3",
}
"""Normal names of one model that no rule folds together, to the one models.dev's vendor uses."""


def has_variant(model: str) -> bool:
    """Whether the name asks for another price than its base's: a fine-tune, or ``:free``."""
    return model.startswith("ft:") or _VARIANT.search(model) is not None


def as_trained(name: str) -> str:
    """The normal name under which the vendor's model is known, for a host's normal name."""
    return _SAME.get(name, name)


@lru_cache(maxsize=4096)
def normal(model: str) -> str:
    """A model's name without the marks of whoever serves it.

    Dropped: paths (``accounts/fireworks/models/``, ``vendor/``, ARNs), Bedrock's region, vendor
    and revision, OpenRouter's ``:free``-like variants, a fine-tune's ``ft:...:org::id``,
    ``-latest``, ``@default``; points, underscores and Fireworks' ``5p2`` become dashes.
    """
    name = model.strip().lower()
    if name.startswith("ft:"):
        name = name.split(":")[1]
    name = name.rstrip("/").rpartition("/")[2].lstrip("~")
    name = _BEDROCK_SCOPE.sub("", name)
    name = _BEDROCK_VENDOR.sub("", name)
    name = _REVISION.sub("", name)
    name = _VARIANT.sub("", name)
    name = _POINT.sub("-", name)
    name = _SEPARATORS.sub("-", name)
    return _QUALIFIERS.sub("", name)


def undated(name: str) -> str:
    """A normal form without its snapshot's date (``-2025-12-11``, ``-20251211``, ``-08-2024``).

    Google numbers its snapshots instead: ``gemini-2.0-flash-001``.
    Four digits alone (``mistral-large-2512``, ``kimi-k2-0905``) are a version, and stay.
    """
    return _DATE.sub("", name)
