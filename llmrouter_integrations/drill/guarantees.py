"""What must hold whatever happens: deadlines are kept, and who leaves, leaves nothing open."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from llmrouter_integrations.drill.calling import MODES, Asked, Caller
from llmrouter_integrations.drill.results import Guarantee
from llmrouter_integrations.drill.rows import chosen
from llmrouter_integrations.messages import EMPTY_MAP

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

    from llmrouter_integrations.drill.calling import Mode
    from llmrouter_integrations.drill.scene import SimulatedScene
    from llmrouter_integrations.router import Router

__all__ = ["MOST_OVERRUN_S", "cancellations", "deadlines"]

MOST_OVERRUN_S = 0.1
"""How long after its deadline a request may end, in seconds."""
MOST_UNTIL_CLOSED_S = 0.2
"""How long after it is abandoned a request's connection may be open, in seconds."""

_TRIES = 3
"""How often a deadline may be missed before it is the router's fault, not that of a machine that
was busy elsewhere."""
_POLL_S = 0.002
_FIRST_CONTENT_S = 0.05
"""What first content may take to arrive that is sent at once."""
_SAME_COUNTS = 25
"""So many equal counts in a row, 50 ms of them, and nothing is closing any more."""


class _While(NamedTuple):
    """What goes on while a deadline passes: the fault of all targets, and how they are asked."""

    name: str
    fault: str
    hints: Mapping[str, Any] = EMPTY_MAP
    fields: Mapping[str, Any] = EMPTY_MAP
    settings: Mapping[str, Any] = EMPTY_MAP


_WHILE = (
    _While("silence", "first-byte-timeout"),
    _While("keep-alives", "first-token-timeout"),
    _While("a trickle", "total-timeout"),
    _While("no connection", "connect-timeout"),
    _While("a wait for a place", "first-byte-timeout", fields={"max_concurrency": 1}),
    _While(
        "a race",
        "total-timeout",
        hints={"hedge": True},
        settings={"hedge_after": 0.05, "hedge_share": 1.0},
    ),
)


def deadlines(
    scene: SimulatedScene,
    *,
    concurrency: int = 10,
    modes: Sequence[Mode] = MODES,
    deadline_s: float = 0.6,
) -> Iterator[Guarantee]:
    """Let requests run into their deadline in every way there is, and see when they end."""
    times = {"timeout_s": deadline_s, "first_token_timeout_s": deadline_s / 2}
    everyone = [target.name for target in scene.targets]
    for going_on in _WHILE:
        (row,) = chosen([going_on.fault])
        for mode in modes:
            if scene.refuses(row, everyone, streamed=mode.streamed):
                continue
            router = scene.router(row, everyone, fields=going_on.fields, settings=going_on.settings)
            asked = [
                Asked(scene.prompt(number), number, hints={**times, **going_on.hints})
                for number in range(concurrency)
            ]
            for _ in range(_TRIES):
                with Caller(router, mode, concurrency) as caller:
                    heard = caller.ask(asked)
                over_s = max(h.duration_s for h in heard) - deadline_s
                if over_s <= MOST_OVERRUN_S:
                    break
            answered = sum(h.response is not None for h in heard)
            yield Guarantee(
                f"ends at its deadline, during {going_on.name}",
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
        before = _connections_at_rest(scene)
        took_s = asyncio.run(_closing(scene, router, left, concurrency, before))
        yield Guarantee("leaves no connection", name, took_s, MOST_UNTIL_CLOSED_S, "s")
    (row,) = chosen(["idle-timeout"])
    router = scene.router(row, everyone)
    before = _connections_at_rest(scene)
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


def _connections_at_rest(scene: SimulatedScene) -> int:
    """Count the connections, once those of earlier requests have closed."""
    same, count = 0, scene.connections()
    while same < _SAME_COUNTS:
        time.sleep(_POLL_S)
        before, count = count, scene.connections()
        same = same + 1 if count == before else 0
    return count


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
        while sum(scene.calls().values()) < concurrency:  # noqa: ASYNC110  (another process counts)
            await asyncio.sleep(_POLL_S)
    await asyncio.sleep(_FIRST_CONTENT_S)
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
