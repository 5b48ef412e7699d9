"""An event loop on a thread of its own, for sync requests that need calls beside one another."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import sys
import threading
import weakref
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from llmrouter_integrations.errors import RouterError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator

__all__ = ["Aside"]

LOOK_EVERY_S = 1.0
"""How often who waits looks whether the thread is still there."""

CLOSING_S = 1.0
"""How long leaving a stream early waits for its connection to be closed. The garbage collector may
be who leaves it, on any thread and with any lock held, so nobody may wait for ever."""

_T = TypeVar("_T")
_END = object()


@dataclass(frozen=True, slots=True)
class _Served:
    """A loop, and the thread and process that run it."""

    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    pid: int

    def runs(self) -> bool:
        """Whether anything posted to the loop will be done."""
        return (
            self.pid == os.getpid()
            and self.thread.is_alive()
            and not self.loop.is_closed()
            and not sys.is_finalizing()
        )


class Aside:
    """Runs coroutines for sync callers. Its thread starts with the first of them.

    A cancelled call closes its connection, which a thread that is stuck in a read cannot. The
    caller's context variables are those of the coroutine.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._served: _Served | None = None

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end. Interrupting the caller cancels it.

        Raises:
            RouterError: It was closed meanwhile.
        """
        return _run(self._serving(), coroutine, contextvars.copy_context())

    def iterate(self, chunks: AsyncIterator[_T]) -> Iterator[_T]:
        """Iterate over what an async generator gives. Closing this closes that.

        Raises:
            RouterError: It was closed meanwhile.
        """
        context = contextvars.copy_context()
        served = self._serving()
        try:
            while (chunk := _run(served, _next(chunks), context)) is not _END:
                yield chunk
            if served is not self._served:  # its end is that of the loop, not of the answer
                raise _closed()
        finally:
            _close(served, chunks, context)

    def close(self) -> None:
        """End the thread; what it runs is cancelled."""
        with self._lock:
            served, self._served = self._served, None
        if served is None or not served.runs():
            return
        _stop(served.loop)
        if served.thread is not threading.current_thread():
            served.thread.join()

    def _serving(self) -> _Served:
        with self._lock:
            served = self._served
            if served is None or not served.runs():
                loop = asyncio.new_event_loop()
                thread = threading.Thread(
                    target=_serve, args=(loop,), name="llmrouter-hedges", daemon=True
                )
                served = self._served = _Served(loop, thread, os.getpid())
                thread.start()
                weakref.finalize(self, _stop, loop)  # dropped without close()
            return served


def _run(served: _Served, coroutine: Coroutine[Any, Any, _T], context: contextvars.Context) -> _T:
    result: Future[_T] = Future()
    task: list[asyncio.Task[None]] = []

    def begin() -> None:
        task.append(served.loop.create_task(_told(coroutine, result), context=context))

    def cancel() -> None:
        for begun in task:
            begun.cancel()

    try:
        served.loop.call_soon_threadsafe(begin)
    except RuntimeError:  # the loop was closed
        coroutine.close()
        raise _closed() from None
    try:
        while served.runs() or result.done():
            with contextlib.suppress(TimeoutError):
                return result.result(LOOK_EVERY_S)
            if result.done():  # a TimeoutError of the coroutine's own
                return result.result()
    except CancelledError:
        raise _closed() from None
    except BaseException:
        if not result.done():  # the caller was interrupted
            with contextlib.suppress(RuntimeError):
                served.loop.call_soon_threadsafe(cancel)
        raise
    raise _closed()


async def _told(coroutine: Coroutine[Any, Any, _T], result: Future[_T]) -> None:
    """Tell who waits what came of it, also what would otherwise end the loop."""
    try:
        answer = await coroutine
    except asyncio.CancelledError:
        result.cancel()
        result.set_running_or_notify_cancel()
        raise
    except BaseException as error:  # noqa: BLE001  (SystemExit is for the caller's thread)
        result.set_exception(error)
    else:
        result.set_result(answer)


async def _next(chunks: AsyncIterator[_T]) -> Any:
    return await anext(chunks, _END)


def _close(served: _Served, chunks: Any, context: contextvars.Context) -> None:
    """Close an async generator, and wait a moment until it is."""
    aclose = getattr(chunks, "aclose", None)
    if aclose is None or not served.runs():
        return
    closed = threading.Event()

    async def close() -> None:
        try:
            await aclose()
        finally:
            closed.set()

    def begin() -> None:
        kept.append(served.loop.create_task(close(), context=context))

    kept: list[asyncio.Task[None]] = []
    with contextlib.suppress(RuntimeError):  # the loop was closed
        served.loop.call_soon_threadsafe(begin)
        if threading.current_thread() is not served.thread:
            closed.wait(CLOSING_S)


def _closed() -> RouterError:
    return RouterError("the router was closed while this answer was under way")


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    with contextlib.suppress(RuntimeError):  # it is closed already
        loop.call_soon_threadsafe(loop.stop)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        while left := asyncio.all_tasks(loop):  # more may be begun meanwhile
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
