"""Whoever leaves a request closes its connections: over real sockets, in every way of leaving."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from llmrouter_integrations import Router
from llmrouter_integrations.errors import DeadlineExceeded, RouterError
from llmrouter_integrations.testing import Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG = Reply("one two three four five six seven eight", chunks=8)
SILENT = Fault.stall(30.0)
HALF = Fault.stall_body(3, 30.0, reply=LONG)
"""Some content, and then nothing: whoever reads on hangs."""

HTTP = pytest.mark.parametrize("http", ["httpx", "aiohttp"])
HEDGED = pytest.mark.parametrize("hints", [{}, {"hedge": True}], ids=["alone", "hedged"])


@pytest.fixture
def make(simulator: Any) -> Iterator[Callable[..., Router]]:
    routers = []

    def make(*names: str, **settings: Any) -> Router:
        models = [simulator.target("openai", name, name=name) for name in names]
        said = {"policy": "ordered", "hedge_after": 0.02, "hedge_share": 1.0} | settings
        routers.append(Router(models, **said))
        return routers[-1]

    yield make
    for router in routers:
        router.close()


def comes_to(count: Callable[[], int], wanted: int) -> bool:
    """Whether a count comes to what is wanted, soon."""
    until = time.monotonic() + 2.0
    while count() != wanted and time.monotonic() < until:
        time.sleep(0.005)
    return count() == wanted


def none_in_flight(router: Router) -> bool:
    return all(health.in_flight == 0 for health in router.state.snapshot().targets.values())


async def soon(done: Callable[[], bool]) -> bool:
    return await asyncio.to_thread(done)


@HEDGED
def test_closing_a_stream(simulator: Any, make: Any, hints: Any) -> None:
    simulator.script("a", HALF)
    router = make("a", "b", hedge_after=5.0)
    chunks = router.stream("?", hints=hints)
    while not next(chunks).has_content:
        pass
    assert simulator.connections == 1
    chunks.close()
    assert comes_to(lambda: simulator.connections, 0)
    assert none_in_flight(router)


@HTTP
@HEDGED
async def test_closing_an_async_stream(simulator: Any, make: Any, http: str, hints: Any) -> None:
    simulator.script("a", HALF)
    async with make("a", "b", http=http, hedge_after=5.0) as router:
        chunks = router.astream("?", hints=hints)
        while not (await anext(chunks)).has_content:
            pass
        assert simulator.connections == 1
        await chunks.aclose()
        assert await soon(lambda: comes_to(lambda: simulator.connections, 0))
        assert none_in_flight(router)


@HTTP
@HEDGED
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("fault", [SILENT, HALF], ids=["silent", "half"])
async def test_cancelling(  # noqa: PLR0917  (pytest passes them by name)
    simulator: Any, make: Any, http: str, hints: Any, streamed: bool, fault: Fault
) -> None:
    simulator.script("a", fault)
    simulator.script("b", fault)
    # content that comes in time leaves nobody to race
    races = bool(hints) and (fault is SILENT or not streamed)
    after_s = 0.02 if races else 5.0
    async with make("a", "b", http=http, hedge_after=after_s) as router:

        async def use() -> None:
            if not streamed:
                await router.acomplete("?", hints=hints)
                return
            async for _ in router.astream("?", hints=hints):
                pass

        task = asyncio.create_task(use())
        assert await soon(lambda: comes_to(lambda: simulator.connections, 1 + races))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await soon(lambda: comes_to(lambda: simulator.connections, 0))
        assert none_in_flight(router)
        assert asyncio.all_tasks() == {asyncio.current_task()}


@HTTP
@pytest.mark.parametrize("streamed", [False, True])
async def test_the_loser_of_a_race(simulator: Any, make: Any, http: str, streamed: bool) -> None:
    simulator.script("a", SILENT)
    simulator.script("b", Reply("fast"))
    async with make("a", "b", http=http) as router:
        if streamed:
            chunks = [chunk async for chunk in router.astream("?", hints={"hedge": True})]
            response = chunks[-1].response
        else:
            response = await router.acomplete("?", hints={"hedge": True})
        assert [a.outcome for a in response.attempts] == ["cancelled", "ok"]
        # the winner's is kept for the next call
        assert await soon(lambda: comes_to(lambda: simulator.connections, 1))


@pytest.mark.parametrize("streamed", [False, True])
def test_closing_the_router_ends_hedged_requests(simulator: Any, make: Any, streamed: bool) -> None:
    simulator.script("a", SILENT)
    simulator.script("b", SILENT)
    router = make("a", "b")

    def use() -> Any:
        hints = {"hedge": True}
        if streamed:
            return list(router.stream("?", hints=hints))
        return router.complete("?", hints=hints)

    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(use)
        assert comes_to(lambda: simulator.connections, 2)
        router.close()
        with pytest.raises(RouterError, match="closed while"):
            call.result(2.0)
    assert comes_to(lambda: simulator.connections, 0)
    assert none_in_flight(router)


def test_a_hedged_request_whose_check_blocks_holds_up_no_other(simulator: Any, make: Any) -> None:
    simulator.script("a", Reply("a"))
    router = make("a", "b", hedge_after=5.0)
    blocked, let_go = threading.Event(), threading.Event()

    def judge(response: Any) -> None:
        blocked.set()
        let_go.wait(5.0)

    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(router.complete, "?", hints={"hedge": True, "verify": judge})
        assert blocked.wait(2.0)
        began = time.monotonic()
        assert router.complete("?", hints={"hedge": True}).target == "a"
        assert time.monotonic() - began < 1.0
        assert not call.done()
        let_go.set()
        assert call.result(2.0).text == "a"


def test_a_hedged_request_whose_check_never_ends_is_over_in_time(simulator: Any, make: Any) -> None:
    router = make("a", "b", hedge_after=5.0, timeout_s=0.5)
    let_go = threading.Event()
    try:
        with pytest.raises(DeadlineExceeded) as raised:
            router.complete("?", hints={"hedge": True, "verify": lambda answer: let_go.wait(5.0)})
    finally:
        let_go.set()
    assert [a.error_type for a in raised.value.attempts] == ["RejectedAnswerError"]
