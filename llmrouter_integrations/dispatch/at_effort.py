"""A backend asked at one reasoning effort: :class:`AtEffort`."""

from __future__ import annotations

from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from llmrouter_integrations.messages import Adjustment

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from llmrouter_integrations.dispatch.backend import Backend, Call
    from llmrouter_integrations.messages import Chunk, Response

__all__ = ["AtEffort"]


class AtEffort:
    """Performs attempts at a target at one effort, whatever the request says.

    Where the request asks for another, the attempt's adjustments say what was sent.
    See :class:`~llmrouter_integrations.dispatch.backend.Backend`.

    Args:
        backend: Who reaches the target.
        effort: The effort.
    """

    def __init__(self, backend: Backend, effort: str) -> None:
        self._backend = backend
        self._effort = effort

    def complete(self, call: Call) -> Response:
        """Get a whole answer."""
        with self._told(call):
            return self._backend.complete(call)

    async def acomplete(self, call: Call) -> Response:
        """Get a whole answer."""
        with self._told(call):
            return await self._backend.acomplete(call)

    def stream(self, call: Call) -> Iterator[Chunk]:
        """Get an answer in chunks."""
        if call.request.reasoning_effort in (None, self._effort):
            self._set(call)
            return self._backend.stream(call)
        return self._stream(call)

    def astream(self, call: Call) -> AsyncIterator[Chunk]:
        """Get an answer in chunks."""
        if call.request.reasoning_effort in (None, self._effort):
            self._set(call)
            return self._backend.astream(call)
        return self._astream(call)

    def _stream(self, call: Call) -> Iterator[Chunk]:
        with self._told(call):
            yield from self._backend.stream(call)

    async def _astream(self, call: Call) -> AsyncIterator[Chunk]:
        with self._told(call):
            chunks = cast("AsyncGenerator[Chunk, Any]", self._backend.astream(call))
            async with aclosing(chunks):
                async for chunk in chunks:
                    yield chunk

    def _set(self, call: Call) -> None:
        call.request = replace(call.request, reasoning_effort=self._effort)

    @contextmanager
    def _told(self, call: Call) -> Iterator[None]:
        asked = call.request.reasoning_effort
        self._set(call)
        try:
            yield
        finally:
            if asked not in (None, self._effort):
                detail = f"{asked} to {self._effort}, the nearest this target is configured for"
                told = Adjustment("reasoning_effort", "translated", detail)
                call.adjustments = (told, *call.adjustments)
