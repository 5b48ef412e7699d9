"""Calls beside one another: whichever comes to something first is heard first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from llmrouter_integrations.dispatch.steps import CallTarget, Slow

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from llmrouter_integrations.dispatch.steps import Ending, Event, Step

__all__ = ["Race"]


class Race:
    """Runs the calls of one request as tasks, of which at most two are under way."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Ending]] = {}

    def start(self, target: str, call: Coroutine[None, None, Ending]) -> None:
        """Begin a call.

        Args:
            target: Whom it calls.
            call: Performs it, and gives the event that came of it.
        """
        self._tasks[target] = asyncio.create_task(call)

    async def first(self, step: Step, clock: Callable[[], float]) -> Event:
        """Wait for what comes first, of whatever call.

        Args:
            step: What the machine asked for; a CallTarget may say when it is slow.
            clock: Monotonic seconds.
        """
        slow_after_s = step.slow_after_s if isinstance(step, CallTarget) else None
        done, _ = await asyncio.wait(
            self._tasks.values(), timeout=slow_after_s, return_when=asyncio.FIRST_COMPLETED
        )
        for target, task in self._tasks.items():
            if task in done:
                del self._tasks[target]
                return task.result()
        return Slow(clock())

    async def close(self) -> tuple[Ending, ...]:
        """Cancel what is still under way, and wait until its connections are closed.

        Returns:
            What of it had ended by itself.
        """
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        # a fault of what was no longer needed is seen, and let go
        return tuple([t.result() for t in tasks if not t.cancelled() and t.exception() is None])
