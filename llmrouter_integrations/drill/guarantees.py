"""What must hold whatever happens: deadlines are kept, and who leaves, leaves nothing open."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.drill.calling import MODES, Asked, Caller
from llmrouter_integrations.drill.results import Guarantee
from llmrouter_integrations.drill.rows import chosen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

    from llmrouter_integrations.drill.calling import Mode
    from llmrouter_integrations.drill.scene import SimulatedScene
    from llmrouter_integrations.router import Router

__all__ = ["MOST_OVERRUN_S", "cancellations", "deadlines"]

MOST_OVERRUN_S = 0.1
"""How long after its deadline a request may end, in seconds."""
MOST_UNTIL_CLOSED_S = 0.2
"""How long after it is abandoned a request's connection may be open, in seconds."""

_DEADLINE_S = 0.6
_HINTS: dict[str, Any] = {"timeout_s": _DEADLINE_S, "first_token_timeout_s": _DEADLINE_S / 2}
_POLL_S = 0.002

_WHILE: tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...] = (
    ("silence", "first-byte-timeout", {}, {}),
    ("keep-alives", "first-token-timeout", {}, {}),
    ("a trickle", "total-timeout", {}, {}),
    ("no connection", "connect-timeout", {}, {}),
    ("waiting for a place", "first-byte-timeout", {}, {"max_concurrency": 1}),
    ("a race", "first-byte-timeout", {"hedge": True}, {}),
)
"""While what a deadline passes, the fault of all targets, further hints, and fields of targets."""


def deadlines(
    scene: SimulatedScene, *, concurrency: int = 10, modes: Sequence[Mode] = MODES
) -> Iterator[Guarantee]:
    """Let requests run into their deadline in every way there is, and see when they end."""
    everyone = [target.name for target in scene.targets]
    for name, fault, hints, fields in _WHILE:
        (row,) = chosen([fault])
        for mode in modes:
            if scene.refuses(row, everyone, streamed=mode.streamed):
                continue
            router = scene.router(row, everyone, fields=fields)
            asked = [
                Asked(scene.prompt(number), number, hints={**_HINTS, **hints})
                for number in range(concurrency)
            ]
            with Caller(router, mode, concurrency) as caller:
                heard = caller.ask(asked)
            over_s = max(h.duration_s for h in heard) - _DEADLINE_S
            answered = sum(h.response is not None for h in heard)
            yield Guarantee(
                f"ends at its deadline, during {name}",
                mode.name,
                over_s,
                MOST_OVERRUN_S,
                "s over",
                f"{answered} were answered by nobody" if answered else "",
            )


def cancellations(scene: SimulatedScene, *, concurrency: int = 10) -> Iterator[Guarantee]:
    """Abandon requests under way, and see when their connections are closed."""
    everyone = [target.name for target in scene.targets]
    for name, fault, left in (
        ("acomplete, cancelled", "first-byte-timeout", _cancelled_whole),
        ("astream, cancelled before content", "first-byte-timeout", _cancelled_stream),
        ("astream, closed after content", "idle-timeout", _closed_stream),
    ):
        (row,) = chosen([fault])
        router = scene.router(row, everyone)
        before = scene.connections()
        took_s = asyncio.run(_closing(scene, router, left, concurrency, before))
        yield Guarantee("leaves no connection", name, took_s, MOST_UNTIL_CLOSED_S, "s")
    (row,) = chosen(["idle-timeout"])
    router = scene.router(row, everyone)
    before = scene.connections()
    streams = [router.stream(scene.prompt(number)) for number in range(concurrency)]
    for stream in streams:
        next(stream)
    began = time.perf_counter()
    for stream in streams:
        stream.close()  # type: ignore[attr-defined]  # a generator
    while scene.connections() > before and time.perf_counter() - began < 1:
        time.sleep(_POLL_S)
    took_s = time.perf_counter() - began
    yield Guarantee(
        "leaves no connection", "stream, closed after content", took_s, MOST_UNTIL_CLOSED_S, "s"
    )


async def _closing(
    scene: SimulatedScene,
    router: Router,
    ask: Callable[[Router, str], Awaitable[None]],
    concurrency: int,
    before: int,
) -> float:
    """Start requests, cancel them once all are connected, and time their connections' end."""
    tasks = [
        asyncio.ensure_future(ask(router, scene.prompt(number))) for number in range(concurrency)
    ]
    async with asyncio.timeout(5):
        while scene.connections() < before + concurrency:  # noqa: ASYNC110  (another process counts)
            await asyncio.sleep(_POLL_S)
    began = time.perf_counter()
    for task in tasks:
        task.cancel()
    while scene.connections() > before and time.perf_counter() - began < 1:  # noqa: ASYNC110  (likewise)
        await asyncio.sleep(_POLL_S)
    took_s = time.perf_counter() - began
    await asyncio.gather(*tasks, return_exceptions=True)
    return took_s


async def _cancelled_whole(router: Router, prompt: str) -> None:
    await router.acomplete(prompt)


async def _cancelled_stream(router: Router, prompt: str) -> None:
    async for _ in router.astream(prompt):
        pass


async def _closed_stream(router: Router, prompt: str) -> None:
    stream: AsyncIterator[Any] = router.astream(prompt)
    try:
        await anext(stream)
        await asyncio.Event().wait()
    finally:
        await stream.aclose()  # type: ignore[attr-defined]  # a generator
