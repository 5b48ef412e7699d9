"""The providers' prompt caches: which part of a prompt was seen before."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from llmrouter_integrations.testing.answer import estimated_tokens, prompt_tokens

if TYPE_CHECKING:
    from llmrouter_integrations.testing.script import SimRequest

__all__ = ["PromptCache"]

_LEAST_TOKENS = 1024
"""Shorter prompts are not cached: the least of OpenAI, Anthropic and Gemini in their guides."""
_EXPLICIT = ("anthropic", "bedrock")
"""Protocols whose cache is used, and its writing billed, only at marked cache points."""


class PromptCache:
    """Remembers the prefixes of the prompts it was shown, per provider and model."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def use(self, request: SimRequest) -> tuple[int, int]:
        """Give the tokens read from the cache and written to it, and remember the prompt."""
        explicit = request.protocol in _EXPLICIT
        total = prompt_tokens(request)
        if total < _LEAST_TOKENS or (explicit and not request.cache_points):
            return 0, 0
        digest = blake2b(f"{request.provider}/{request.model}/{request.tools}".encode())
        read = length = 0
        for role, text in request.messages:
            digest.update(f"{role}:{text}\0".encode())
            length += estimated_tokens(text)
            prefix = digest.digest()
            if prefix in self._seen and length >= _LEAST_TOKENS:
                read = length
            self._seen.add(prefix)
        return read, (length - read if explicit else 0)
