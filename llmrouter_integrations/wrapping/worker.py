"""A thread beside the caller's, for calls that nothing can interrupt: they can be left instead.

A model object that is asked from a thread keeps that thread until its SDK gives up, however little
time its caller has. Asked in a worker, it is left when the time is up: the worker is a daemon
thread, ends with the call, and what came of that is thrown away.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from llmrouter_integrations.errors import OverloadedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OutOfTime", "Worker", "Workers"]

_T = TypeVar("_T")

MOST_LEFT: Final = 32
"""How many calls of one target may hang in workers that were left."""
_CLOSING_S: Final = 1.0
"""How long the closing of a stream is waited for."""


class OutOfTime(Exception):  # noqa: N818  (no fault of the job's: the caller's time is up)
    """The job is not done yet, and is left."""


class Workers:
    """The workers of one target: as many as it has callers, and those that were left.

    Args:
        target: Its name.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._left = 0
        self._lock = threading.Lock()

    def start(self) -> Worker:
        """Give a worker, to be used as a context manager by one thread.

        Raises:
            OverloadedError: Too many calls still hang. Nothing was sent.
        """
        if self._left >= MOST_LEFT:
            raise OverloadedError(
                f"{self._left} earlier calls have not come back since their time ran out",
                target=self._target,
                sent=False,
            )
        return Worker(self._count)

    def _count(self, change: int) -> None:
        with self._lock:
            self._left += change


class Worker:
    """Runs jobs one after the other in a thread of its own, in the context it was made in.

    Args:
        count: Told 1 when the worker is left with a job, and -1 when it has come back from it.
    """

    def __init__(self, count: Callable[[int], None]) -> None:
        self._count = count
        self._jobs: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._busy = False
        self._close: Callable[[], object] | None = None
        context = copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._work,), name="llmrouter-call", daemon=True
        )

    def run(self, job: Callable[[], _T], seconds: float) -> _T:
        """Have a job done, and give what it gives or raise what it raises.

        Args:
            job: The job.
            seconds: How long it may take.

        Raises:
            OutOfTime: It takes longer. This worker takes no further job.
        """
        self._busy = True
        self._jobs.put(job)
        try:
            given, error = self._done.get(timeout=seconds)
        except Empty:
            raise OutOfTime from None
        self._busy = False
        if error is not None:
            try:
                raise error
            finally:
                del error  # it would hold itself, by its traceback
        found: _T = given
        return found

    def close_with(self, close: Callable[[], object]) -> None:
        """Say what is to be closed in the end, in the worker's thread, once no job uses it."""
        self._close = close

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._close is not None and not self._busy:
            close, self._close = self._close, None
            with suppress(Exception):
                self.run(close, _CLOSING_S)
        if self._busy:
            self._count(1)
            self._jobs.put(self._come_back)
        self._jobs.put(None)

    def _come_back(self) -> None:
        self._count(-1)
        if self._close is not None:
            self._close()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                done: tuple[Any, BaseException | None] = (job(), None)
            except BaseException as error:  # noqa: BLE001  (raised where the job was given)
                done = (None, error)
            self._done.put(done)
            del job, done  # not to be kept until the next
