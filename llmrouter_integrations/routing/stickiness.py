"""Whether a session stays: what its cached prompt is worth, and what will be cached next.

There is no rule to stay. Where the cache is, the tokens it holds count at the price of reading
them from it; everywhere else the whole prompt counts in full. Whoever is worth most is asked, so a
session leaves as soon as another target is worth more than the cache that would be lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llmrouter_integrations.messages import CachePoint
from llmrouter_integrations.routing.prompt_caches import (
    PROMPT_CACHES,
    cache_lifetime_s,
    marks_cache,
)

if TYPE_CHECKING:
    from llmrouter_integrations.hints import RoutingHints
    from llmrouter_integrations.messages import Request, Usage
    from llmrouter_integrations.routing.target import Target
    from llmrouter_integrations.state.base import Stay

__all__ = ["Cached", "SessionCache", "cached_by", "session_key"]


def session_key(hints: RoutingHints) -> str | None:
    """Name the session that a request belongs to, apart for each tenant; None if nobody said.

    What was not said is not guessed: two conversations taken for one would each be kept where the
    other's prompt is cached.
    """
    if hints.session is None:
        return None
    tenant = hints.tenant or ""
    return f"{len(tenant)}:{tenant}{hints.session}"


class SessionCache:
    """What is cached of a session's prompt, and what that changes in the costs of one request.

    Args:
        stay: Where the cache is.
        request: The session's next request.
        input_tokens: Its estimated length.

    Attributes:
        target: Name of the target that holds the cache.
        tokens: How many of the prompt's tokens it holds.
    """

    __slots__ = ("_input_tokens", "_marked_tokens", "target", "tokens")

    def __init__(self, stay: Stay, request: Request, input_tokens: int) -> None:
        self.target = stay.target
        self.tokens = min(stay.cached_tokens, input_tokens)
        self._input_tokens = input_tokens
        last = request.messages[-1].parts if request.messages else ()
        if any(type(part) is CachePoint for part in last):
            self._marked_tokens = input_tokens
        else:  # a beginning that stays the same is marked: what is held already is all of it
            self._marked_tokens = self.tokens if marks_cache(request) else 0

    def extra_usd(self, target: Target) -> float:
        """What a target's prompt costs beyond its price without any cache, in dollars.

        Less for tokens read from the cache; more for tokens written to it, where that is charged.
        """
        return self._extra_usd(target, self.tokens if target.name == self.target else 0)

    def worth_usd(self, target: Target) -> float:
        """What the prompt would cost more at a target if the tokens that are held were not."""
        return self._extra_usd(target, 0) - self._extra_usd(target, self.tokens)

    def _extra_usd(self, target: Target, held: int) -> float:
        rates = target.rates
        if rates is None:
            return 0.0
        if rates.above:
            rates = rates.at(self._input_tokens)
        extra_usd = held * (rates.cache_read_usd - rates.input_usd)
        if target.charges_cache_writes:
            written = self._cacheable_tokens(target) - held
            if written > 0:
                extra_usd += written * (rates.cache_write_usd - rates.input_usd)
        return extra_usd

    def _cacheable_tokens(self, target: Target) -> int:
        automatic_from = PROMPT_CACHES[target.provider].automatic_from
        if automatic_from is None:
            return self._marked_tokens
        return self._input_tokens if self._input_tokens >= automatic_from else 0


class Cached(NamedTuple):
    """What a provider holds of a session's prompt.

    Attributes:
        tokens: How many tokens.
        lifetime_s: How long after their last use, in seconds.
    """

    tokens: int
    lifetime_s: float


def cached_by(
    target: Target, request: Request, usage: Usage, before: SessionCache | None
) -> Cached | None:
    """Say what a target holds of a session's prompt after it was asked.

    A cache that works by itself is believed to until it shows the contrary: where a session comes
    back to it and nothing is read from it (its prompt does not begin as before, or this is no such
    server), it holds nothing until something is read again.

    Args:
        target: Who was asked.
        request: What was asked.
        usage: What was counted.
        before: What was cached of the session before, if anything.

    Returns:
        None where it tells nothing new: of the provider no cache is known, or it took no notice
        of the prompt, or it said nothing.
    """
    cache = PROMPT_CACHES.get(target.provider)
    if cache is None:
        return None
    comes_back = before is not None and before.target == target.name
    read = usage.cache_read_tokens
    if cache.automatic_from is None:
        if not usage.reported:
            return None
        tokens = read + usage.cache_write_tokens
    elif usage.input_tokens < cache.automatic_from or (comes_back and usage.reported and not read):
        tokens = 0
    else:
        tokens = usage.input_tokens
    if not tokens and not comes_back:
        return None
    return Cached(tokens, cache_lifetime_s(cache, request))
