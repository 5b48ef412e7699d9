"""An event loop on a thread of its own, for sync requests that need calls beside one another."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import threading
import weakref
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator

__all__ = ["Aside"]

_T = TypeVar("_T")
_END = object()


class Aside:
    """Runs coroutines for sync callers. Its thread starts with the first of them.

    A cancelled call closes its connection, which a thread that is stuck in a read cannot. The
    caller's context variables are those of the coroutine.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end. Interrupting the caller cancels it."""
        return self._run(coroutine, contextvars.copy_context())

    def iterate(self, chunks: AsyncIterator[_T]) -> Iterator[_T]:
        """Iterate over what an async generator gives. Closing this closes that."""
        context = contextvars.copy_context()
        try:
            while (chunk := self._run(_next(chunks), context)) is not _END:
                yield chunk
        finally:
            aclose = getattr(chunks, "aclose", None)
            if aclose is not None:
                self._run(aclose(), context)

    def close(self) -> None:
        """End the thread, once what it runs is done or cancelled."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None or self._pid != os.getpid():
            return
        _stop(loop)
        if thread is not threading.current_thread():
            thread.join()

    def _run(self, coroutine: Coroutine[Any, Any, _T], context: contextvars.Context) -> _T:
        result: Future[_T] = Future()
        loop = self._running()
        task: list[asyncio.Task[_T]] = []

        def begin() -> None:
            task.append(loop.create_task(coroutine, context=context))
            task[0].add_done_callback(lambda done: _settle(result, done))

        def cancel() -> None:
            for begun in task:
                begun.cancel()

        loop.call_soon_threadsafe(begin)
        try:
            return result.result()
        except BaseException:
            if not result.done():  # the caller was interrupted
                loop.call_soon_threadsafe(cancel)
            raise

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._loop = asyncio.new_event_loop()
                self._pid = os.getpid()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop,), name="llmrouter-hedges", daemon=True
                )
                self._thread.start()
                weakref.finalize(self, _stop, self._loop)  # dropped without close()
            return self._loop


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    with contextlib.suppress(RuntimeError):  # it is closed already
        loop.call_soon_threadsafe(loop.stop)


async def _next(chunks: AsyncIterator[_T]) -> Any:
    return await anext(chunks, _END)


def _settle(result: Future[_T], done: asyncio.Task[_T]) -> None:
    if done.cancelled():
        result.cancel()
        result.set_running_or_notify_cancel()
    elif (error := done.exception()) is not None:
        result.set_exception(error)
    else:
        result.set_result(done.result())


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
