"""Closing an answer without letting other tasks run in between."""

from __future__ import annotations

from functools import partial
from types import coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

__all__ = ["at_once"]

_CHECKPOINTS = 16
"""Bare suspensions run through; httpcore's closing has six. A closing that polls gets its turns."""


@coroutine
def at_once(closing: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
    """Await a coroutine, but run on where it would only give other tasks a turn.

    An answer left in the middle is closed in the ``finally`` of an abandoned generator. As a loop
    ends, asyncio closes all generators side by side and cancels the tasks that finish others; a
    generator found suspended in its ``finally`` then raises "already running", into the log.
    """
    step = partial(closing.send, None)
    turns = 0
    while True:
        try:
            awaited = step()
        except StopIteration:
            return
        step = partial(closing.send, None)
        if awaited is None and turns < _CHECKPOINTS:
            turns += 1
            continue
        try:
            yield awaited
        except BaseException as error:  # noqa: BLE001  (handed on, as ``yield from`` would)
            step = partial(closing.throw, error)
