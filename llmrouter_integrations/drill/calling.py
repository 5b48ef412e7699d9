"""Asking a router many things at once, in each of its four modes: :class:`Caller`."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from llmrouter_integrations.drill.answers import ASKED_WITH

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator, Mapping
    from types import TracebackType

    from llmrouter_integrations.drill.answers import Ask
    from llmrouter_integrations.messages import Attempt, Chunk, Response
    from llmrouter_integrations.router import Router

__all__ = ["MODES", "Asked", "Caller", "Heard", "Mode"]


T = TypeVar("T")


class Mode(NamedTuple):
    """One of the ways to call a router."""

    streamed: bool
    asynchronous: bool

    @property
    def name(self) -> str:
        """The router's method."""
        return f"{'a' * self.asynchronous}{'stream' if self.streamed else 'complete'}"


MODES = (Mode(False, False), Mode(False, True), Mode(True, False), Mode(True, True))


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        words: The prompt.
        number: Which of the drill's requests it is.
        ask: What kind of answer is wanted.
        hints: What the router is told besides.
    """

    words: str
    number: int
    ask: Ask = "text"
    hints: Mapping[str, Any] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, Any]:
        """The router's keyword arguments."""
        return {"hints": dict(self.hints), **ASKED_WITH[self.ask]}


@dataclass(slots=True)
class Heard:
    """What came of one request.

    Attributes:
        asked: The request.
        text: The text as it was handed on: a stream's chunks, joined.
        response: The answer, if there was one.
        error: The error, if there was one.
        duration_s: How long it took in all, in seconds.
    """

    asked: Asked
    text: str = ""
    response: Response | None = None
    error: Exception | None = None
    duration_s: float = 0.0

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The calls that were made, as the answer or the error tells them."""
        told = self.response if self.response is not None else self.error
        return tuple(getattr(told, "attempts", ()))

    def take(self, chunk: Chunk) -> None:
        """Take one chunk of a stream, as an application does that asked for restarts."""
        if chunk.instead_of is not None:
            self.text = ""
        self.text += chunk.text
        if chunk.response is not None:
            self.response = chunk.response


class Caller:
    """Asks a router in one mode, so many requests at once.

    Args:
        router: Who is asked.
        mode: How.
        concurrency: Most requests under way at once.
    """

    def __init__(self, router: Router, mode: Mode, concurrency: int) -> None:
        self.router = router
        self.mode = mode
        self._concurrency = concurrency
        self._threads = ThreadPoolExecutor(concurrency) if not mode.asynchronous else None
        self._loop = asyncio.Runner() if mode.asynchronous else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._threads is not None:
            self._threads.shutdown()
        if self._loop is not None:
            self._loop.close()

    def ask(self, requests: Iterable[Asked]) -> list[Heard]:
        """Ask all, and wait until each has come to something."""
        if self._threads is not None:
            one = self._stream if self.mode.streamed else self._complete
            return list(self._threads.map(one, requests))
        return self.run(self._ask_all(list(requests)))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something else on the caller's event loop, where it has one."""
        if self._loop is None:
            raise RuntimeError("a caller of sync methods has no event loop")
        return self._loop.run(work)

    async def _ask_all(self, requests: list[Asked]) -> list[Heard]:
        places = asyncio.Semaphore(self._concurrency)
        one = self._astream if self.mode.streamed else self._acomplete

        async def in_turn(asked: Asked) -> Heard:
            async with places:
                return await one(asked)

        return list(await asyncio.gather(*map(in_turn, requests)))

    def _complete(self, asked: Asked) -> Heard:
        with _hearing(asked) as heard:
            heard.response = self.router.complete(asked.words, **asked.given)
            heard.text = heard.response.text
        return heard

    async def _acomplete(self, asked: Asked) -> Heard:
        with _hearing(asked) as heard:
            heard.response = await self.router.acomplete(asked.words, **asked.given)
            heard.text = heard.response.text
        return heard

    def _stream(self, asked: Asked) -> Heard:
        with _hearing(asked) as heard:
            for chunk in self.router.stream(asked.words, **asked.given):
                heard.take(chunk)
        return heard

    async def _astream(self, asked: Asked) -> Heard:
        with _hearing(asked) as heard:
            async for chunk in self.router.astream(asked.words, **asked.given):
                heard.take(chunk)
        return heard


@contextmanager
def _hearing(asked: Asked) -> Iterator[Heard]:
    heard, began = Heard(asked), time.perf_counter()
    try:
        yield heard
    except Exception as error:  # noqa: BLE001  (what is not the router's own is judged, too)
        heard.error = error
    heard.duration_s = time.perf_counter() - began
