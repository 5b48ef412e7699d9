"""The providers' prompt caches: who keeps one, of what prompts, and for how long.

How long a prompt is kept after its last use is what the vendor guarantees, else the shorter end
of what it says is usual. Taken for longer than it is, a session would stay for the sake of tokens
that are gone; taken for shorter, it may leave tokens that are still there. So where a vendor says
nothing, five minutes stand in: what Anthropic and Cerebras guarantee, and "a few minutes", as
Google's engineers say of Gemini. Read in November 2026.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llmrouter_integrations.messages import EMPTY_MAP, CachePoint, Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.messages import Request

__all__ = ["PROMPT_CACHES", "PromptCache", "cache_lifetime_s", "last_cache_point", "marks_cache"]

_UNSTATED_S = 300.0
_UNSTATED_TOKENS = 1024

_TTL_S = {"1h": 3600.0}
"""A cache point's ``ttl``, where it is not the usual five minutes."""
_RETENTION_S = {"24h": 86_400.0, "in_memory": 600.0, "in-memory": 600.0}
"""OpenAI's ``prompt_cache_retention``."""


class PromptCache(NamedTuple):
    """How one provider caches prompts.

    Attributes:
        lifetime_s: How long a cached prompt is kept after its last use, in seconds.
        automatic_from: Prompts of this many tokens and more are cached of themselves; None: only
            what the request marks is, or what the provider reports to have cached.
        on_request: What the request may ask for instead (a cache point's ``ttl``; where caching is
            automatic, OpenAI's ``prompt_cache_retention``) to how long that is, in seconds.
    """

    lifetime_s: float
    automatic_from: int | None
    on_request: Mapping[str, float] = EMPTY_MAP


PROMPT_CACHES: Mapping[str, PromptCache] = {
    # platform.claude.com, Prompt caching: 5 minutes, or an hour at a cache point with ttl "1h"
    "anthropic": PromptCache(300.0, None, _TTL_S),
    # docs.aws.amazon.com/bedrock, Prompt caching: 5 minutes; some models without cache points too
    "bedrock": PromptCache(300.0, None, _TTL_S),
    # developers.openai.com, Prompt caching: at least 30 minutes from GPT-5.6 on; before that 24 h
    # by default, or 5-10 minutes where the organisation has zero data retention
    "openai": PromptCache(1800.0, 1024, _RETENTION_S),
    # learn.microsoft.com, Prompt caching: "within 5 to 10 minutes of inactivity" by default
    "azure": PromptCache(600.0, 1024, _RETENTION_S),
    # ai.google.dev, Context caching: from 4,096 tokens (Gemini 2.5: 2,048); no time is stated
    "google": PromptCache(_UNSTATED_S, 4096),
    # cloud.google.com, Context caching overview: from 2,048 tokens; no time is stated
    "vertex": PromptCache(_UNSTATED_S, 2048),
    # api-docs.deepseek.com, Context caching: on disk, "a few hours to a few days"
    "deepseek": PromptCache(7200.0, _UNSTATED_TOKENS),
    # console.groq.com, Prompt caching: "after 2 hours without use"; from 128 to 1,024 tokens
    "groq": PromptCache(7200.0, 1024),
    # docs.x.ai, Prompt caching: "can be evicted at any time"
    "xai": PromptCache(_UNSTATED_S, _UNSTATED_TOKENS),
    # docs.fireworks.ai, Prompt caching: on by default; no time is stated
    "fireworks": PromptCache(_UNSTATED_S, _UNSTATED_TOKENS),
    # inference-docs.cerebras.ai, Prompt caching: 5 minutes guaranteed, up to an hour
    "cerebras": PromptCache(300.0, _UNSTATED_TOKENS),
    # docs.mistral.ai, Prompt caching: for requests with a prompt_cache_key
    "mistral": PromptCache(_UNSTATED_S, None),
    # openrouter.ai, Prompt caching: its hosts' caches; it keeps a conversation at its host itself
    "openrouter": PromptCache(_UNSTATED_S, None, _TTL_S),
}
"""By provider id. Of a provider that is not here, no cache is known, and no session stays."""


def last_cache_point(request: Request) -> CachePoint | None:
    """Give the cache point nearest to the conversation's end; None where there is none."""
    for message in reversed(request.messages):
        for part in reversed(message.parts):
            if type(part) is CachePoint:
                return part
    return None


def marks_cache(request: Request) -> bool:
    """Whether a request asks for any of it to be cached."""
    return last_cache_point(request) is not None or any(
        isinstance(tool, Tool) and tool.cache for tool in request.tools
    )


def cache_lifetime_s(cache: PromptCache, request: Request) -> float:
    """Say how long a provider keeps what it cached of a request, in seconds."""
    if not cache.on_request:
        return cache.lifetime_s
    if cache.automatic_from is not None:
        asked = request.extra.get("openai", EMPTY_MAP).get("prompt_cache_retention")
    else:
        # no long-lived point may follow a short one: where the last is long-lived, all are
        point = last_cache_point(request)
        asked = point and point.ttl
    return cache.on_request.get(str(asked), cache.lifetime_s)
