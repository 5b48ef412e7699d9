"""What must not outlive its event loop, or be shared with a forked child."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

__all__ = ["PerLoop", "forget_in_child"]


class _Closable(Protocol):
    def aclose(self) -> Coroutine[Any, Any, None]: ...


_T = TypeVar("_T", bound=_Closable)


class PerLoop(Generic[_T]):
    """One value for each event loop, closed by the loop's own shutdown.

    ``asyncio.run``, ``asyncio.Runner`` and all that follow them end a loop with
    ``shutdown_asyncgens``. So a suspended async generator keeps each value, and its ``finally``
    closes it while the loop still runs. A loop that is closed without that leaves its value to
    the next use from another loop, which drops it without awaiting anything. One that is left idle,
    as ``get_event_loop().run_until_complete`` leaves it, is run once more when all is closed.

    A value holds its loop, so weak keys would free nothing: the keys are plain.

    Args:
        make: Builds a value; called inside the loop it is for.
    """

    def __init__(self, make: Callable[[], _T]) -> None:
        self._make = make
        self._kept: dict[asyncio.AbstractEventLoop, tuple[_T, AsyncGenerator[None]]] = {}

    async def current(self) -> _T:
        """The running loop's value, made at its first use."""
        loop = asyncio.get_running_loop()
        kept = self._kept.get(loop)
        if kept is None:
            self._drop_dead_loops()
            value = self._make()
            keeper = _keep(self._kept, loop, value)
            await anext(keeper)  # does not suspend, so no other task makes a second value
            kept = self._kept[loop] = (value, keeper)
        return kept[0]

    async def aclose(self) -> None:
        """Close the running loop's value now, and ask other running loops to close theirs."""
        here = asyncio.get_running_loop()
        self.close_elsewhere(here)
        if here in self._kept:
            await self._kept[here][1].aclose()

    def close_elsewhere(self, here: asyncio.AbstractEventLoop | None = None) -> None:
        """Close what can be closed without awaiting, in every loop but this one."""
        self._drop_dead_loops()
        for loop, (_, keeper) in list(self._kept.items()):
            if loop is here:
                continue
            if loop.is_running():
                asyncio.run_coroutine_threadsafe(_finish(keeper), loop)
            elif not _in_a_loop():
                closing = _finish(keeper)
                try:
                    loop.run_until_complete(closing)
                except RuntimeError:  # its own thread has just begun to run it
                    closing.close()

    def _drop_dead_loops(self) -> None:
        for loop, (value, _) in list(self._kept.items()):
            if loop.is_closed() and self._kept.pop(loop, None) is not None:
                closing = value.aclose()
                # Nothing can be awaited in a dead loop; one step is what lets the sockets go.
                with suppress(Exception):
                    closing.send(None)
                closing.close()


async def _keep(
    kept: dict[asyncio.AbstractEventLoop, tuple[_T, AsyncGenerator[None]]],
    loop: asyncio.AbstractEventLoop,
    value: _T,
) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        kept.pop(loop, None)
        await value.aclose()


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _finish(keeper: AsyncGenerator[None]) -> None:
    await keeper.aclose()


class _Forgetful(Protocol):
    def forget_connections(self) -> object: ...


_LIVE: WeakSet[_Forgetful] = WeakSet()
_INHERITED: list[object] = []
"""What a child got from its parent, held so that it is never closed: the parent still uses it."""


def forget_in_child(owner: _Forgetful) -> None:
    """After ``os.fork``, have ``owner`` start afresh in the child.

    ``owner.forget_connections()`` returns what it let go of.
    """
    _LIVE.add(owner)


def _after_fork_in_child() -> None:
    _INHERITED.extend(owner.forget_connections() for owner in _LIVE)


if hasattr(os, "register_at_fork"):  # there is no fork on Windows
    os.register_at_fork(after_in_child=_after_fork_in_child)
