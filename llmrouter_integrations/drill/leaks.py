"""What faulty requests leave behind: sockets, threads, tasks, memory. On Linux."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from llmrouter_integrations.drill.calling import MODES, Asked, Caller
from llmrouter_integrations.drill.results import Guarantee
from llmrouter_integrations.drill.rows import FAULTS
from llmrouter_integrations.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmrouter_integrations.drill.calling import Heard
    from llmrouter_integrations.drill.scene import SimulatedScene
    from llmrouter_integrations.router import Router

__all__ = ["leaks"]

_FDS = Path("/proc/self/fd")
_STATM = Path("/proc/self/statm")

MOST_MORE_MEMORY = 16 * 2**20
"""Bytes of memory that may be held beyond those after the warm-up: allocators do not give back all
they took, so it must be well above noise and well below a kilobyte for each of 10,000 requests."""
MOST_MORE_THREADS = 0
_WARM_UP = 0.1
"""The share of the requests after which pools, caches and code are taken to be warm."""


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
    rows = cycle([row for row in FAULTS if row.kind != "time" and not row.checked])
    first, numbers, made, tasks = scene.targets[0].name, count(), 0, 0
    before: _Held | None = None
    with ExitStack() as stack:
        callers = [
            stack.enter_context(Caller(scene.router(None, ()), mode, concurrency)) for mode in MODES
        ]
        while made < requests:
            row = next(rows)
            for caller in callers:
                if scene.refuses(row, [first], streamed=caller.mode.streamed):
                    continue
                caller.router = scene.router(row, [first])
                heard = caller.ask(
                    Asked(scene.prompt(number), number, row.ask)
                    for number, _ in zip(numbers, range(concurrency), strict=False)
                )
                made += sum(map(_was_faulty, heard))
                if caller.mode.asynchronous:
                    tasks = max(tasks, caller.run(_abandoned(caller.router, scene.prompt(0))))
            tell(made)
            if before is None and made >= _WARM_UP * requests:
                before = _Held.now()
        after = _Held.now()
    before = before or after
    name = f"after {made:,} faulty requests"
    more = after.files - before.files
    # a pool keeps its connections; how many of the mode last run are idle may differ
    yield Guarantee(name, "sockets and files", more, 2 * concurrency, "more", f"{after.files} open")
    more = after.threads - before.threads
    yield Guarantee(name, "threads", more, MOST_MORE_THREADS, "more", f"{after.threads} alive")
    yield Guarantee(name, "tasks", tasks, 0, "left behind")
    more = after.memory - before.memory
    yield Guarantee(
        name,
        "memory",
        more / 2**20,
        MOST_MORE_MEMORY / 2**20,
        "MiB more",
        f"{after.memory / 2**20:.0f} MiB held",
    )


def _was_faulty(heard: Heard) -> bool:
    return heard.error is not None or any(a.outcome != "ok" for a in heard.attempts)


async def _abandoned(router: Router, prompt: str) -> int:
    """Cancel one request, leave one stream after its first chunk; count the tasks left behind."""
    task = asyncio.ensure_future(router.acomplete(prompt))
    await asyncio.sleep(0.001)
    task.cancel()
    stream: Any = router.astream(prompt)
    await asyncio.gather(task, anext(stream, None), return_exceptions=True)
    await stream.aclose()
    await asyncio.sleep(0)
    return len(asyncio.all_tasks()) - 1
