"""Who performs an attempt: a :class:`Backend`, bound to one target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llmrouter_integrations.messages import Adjustment, Chunk, Request, Response
    from llmrouter_integrations.transport import Limits

__all__ = ["Backend", "Call"]


@dataclass(slots=True)
class Call:
    """One attempt: what to ask, and how long it may take.

    Attributes:
        request: What is asked, in no vendor's form.
        limits: The attempt's own time limits, all in seconds.
        adjustments: Filled in by the backend: what it had to change of the request.
    """

    request: Request
    limits: Limits
    adjustments: tuple[Adjustment, ...] = ()


class Backend(Protocol):
    """Performs attempts at one target. Knows nothing of routing, retries or other targets.

    Each method gives a finished answer, or raises an
    :class:`~llmrouter_integrations.errors.AttemptError`. A stream that ends without raising has
    ended with its finish marker. Closing a stream early closes its connection.
    """

    def complete(self, call: Call) -> Response:
        """Get a whole answer."""
        ...

    async def acomplete(self, call: Call) -> Response:
        """Get a whole answer."""
        ...

    def stream(self, call: Call) -> Iterator[Chunk]:
        """Get an answer in chunks."""
        ...

    def astream(self, call: Call) -> AsyncIterator[Chunk]:
        """Get an answer in chunks."""
        ...
