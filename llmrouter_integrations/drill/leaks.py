"""What faulty requests leave behind: sockets, threads, tasks, memory. On Linux."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from llmrouter_integrations.drill.calling import MODES, Asked, Caller
from llmrouter_integrations.drill.results import Guarantee
from llmrouter_integrations.drill.rows import FAULTS, chosen
from llmrouter_integrations.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from llmrouter_integrations.drill.calling import Heard
    from llmrouter_integrations.drill.catalogue import FaultRow
    from llmrouter_integrations.drill.scene import SimulatedScene
    from llmrouter_integrations.router import Router

__all__ = ["leaks"]

_FDS = Path("/proc/self/fd")
_STATM = Path("/proc/self/statm")

MOST_MORE_MEMORY = 32 * 2**20
"""Bytes of memory that may be held beyond those after the warm-up. Allocators do not give back all
they took: 30,000 requests were seen to hold 22 MiB more, with not 10 KiB more of Python objects."""
MOST_MORE_THREADS = 0
_TURNS = 10
"""Turns of its loop that what was cancelled has to end."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What this process holds."""

    files: int
    threads: int
    memory: int

    @classmethod
    def now(cls) -> Self:
        gc.collect()
        pages = int(_STATM.read_text().split()[1])
        return cls(
            len(list(_FDS.iterdir())),
            len(threading.enumerate()),
            pages * os.sysconf("SC_PAGESIZE"),
        )


@dataclass(slots=True)
class _Rounds:
    """Makes requests in every mode at once.

    Attributes:
        scene: Where.
        callers: One for each mode.
        concurrency: Requests of each in a round.
        left: The most tasks that a round left behind on a loop.
    """

    scene: SimulatedScene
    callers: Sequence[Caller]
    concurrency: int
    left: int = 0

    def make(self, row: FaultRow) -> int:
        """Make a round of requests whose first target has this fault; count those that met it."""
        made, first = 0, [self.scene.targets[0].name]
        for caller in self.callers:
            if self.scene.refuses(row, first, streamed=caller.mode.streamed):
                continue
            caller.router = self.scene.router(row, first)
            prompt = self.scene.prompt
            numbers = range(self.concurrency)
            made += sum(map(_was_faulty, caller.ask(Asked(prompt(n), n, row.ask) for n in numbers)))
            if caller.mode.asynchronous:
                left = caller.run(_abandoned(caller.router, prompt(0)))
                self.left = max(self.left, left)
        return made


def leaks(
    scene: SimulatedScene,
    *,
    requests: int = 10_000,
    concurrency: int = 20,
    tell: Callable[[int], None] = lambda _: None,
) -> Iterator[Guarantee]:
    """Make faulty requests of every kind that is quick, in every mode, some of them abandoned.

    Args:
        scene: Where.
        requests: How many faulty requests to make; those without a fault are not counted.
        concurrency: How many at once.
        tell: Called with how many have been made.

    Raises:
        ConfigurationError: This is no Linux: what is held cannot be counted.
    """
    if not _FDS.exists():
        raise ConfigurationError("leaks are measured in /proc, which only Linux has")
    quick = [row for row in FAULTS if row.kind != "time" and not row.checked]
    with ExitStack() as stack:
        callers = [Caller(scene.router(None, ()), mode, concurrency) for mode in MODES]
        rounds = _Rounds(scene, [stack.enter_context(caller) for caller in callers], concurrency)
        for row in _one_of_each_kind(quick):
            rounds.make(row)
        before, made, rounds.left = _Held.now(), 0, 0
        for row in cycle(quick):
            made += rounds.make(row)
            tell(made)
            if made >= requests:
                break
        after = _Held.now()
    name = f"after {made:,} faulty requests"
    more = after.files - before.files
    # a pool keeps its connections; how many of the mode last run are idle may differ
    yield Guarantee(name, "sockets and files", more, 2 * concurrency, "more", f"{after.files} open")
    more = after.threads - before.threads
    yield Guarantee(name, "threads", more, MOST_MORE_THREADS, "more", f"{after.threads} alive")
    yield Guarantee(name, "tasks", rounds.left, 0, "left behind")
    more = after.memory - before.memory
    yield Guarantee(
        name,
        "memory",
        more / 2**20,
        MOST_MORE_MEMORY / 2**20,
        "MiB more",
        f"{after.memory / 2**20:.0f} MiB held",
    )


def _one_of_each_kind(rows: Sequence[FaultRow]) -> list[FaultRow]:
    """Give what fills pools and caches: one row of each kind, and the one that takes threads."""
    by_kind = {row.kind: row for row in reversed(rows)}
    return [*by_kind.values(), *chosen(["dns-failure"])]


def _was_faulty(heard: Heard) -> bool:
    return any(attempt.outcome != "ok" for attempt in heard.attempts)


async def _abandoned(router: Router, prompt: str) -> int:
    """Cancel one request, leave one stream after its first chunk; count the tasks left behind."""
    task = asyncio.ensure_future(router.acomplete(prompt))
    await asyncio.sleep(0.001)
    task.cancel()
    stream: Any = router.astream(prompt)
    await asyncio.gather(task, anext(stream, None), return_exceptions=True)
    await stream.aclose()
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    return len(asyncio.all_tasks()) - 1
