"""Checks of a caller's own that take long, never end or break: in time, and nothing unbooked."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmrouter_integrations import Router
from llmrouter_integrations.dispatch.plan import Hedge
from llmrouter_integrations.errors import DeadlineExceeded
from tests.dispatch.test_drive import (
    ANSWER,
    ASKED,
    WAYS,
    Bench,
    acomplete,
    astream,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmrouter_integrations.messages import Response


def bench_with(verify: Any, timeout_s: float = 0.1) -> Bench:
    bench = Bench([ANSWER], [ANSWER])
    bench.dispatcher._clock = time.monotonic
    bench.plan = replace(
        bench.plan, timeout_s=timeout_s, verify=verify, strict=True, check_may_block=True
    )
    return bench


def ended_in_time(get: Callable[[Bench], Any], bench: Bench) -> DeadlineExceeded:
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded) as raised:
        get(bench)
    assert time.monotonic() - began <= bench.plan.timeout_s + 0.1
    return raised.value


@WAYS
def test_a_check_that_blocks_is_left_at_the_deadline(get: Callable[[Bench], Any]) -> None:
    let_go = threading.Event()
    bench = bench_with(lambda response: let_go.wait(5.0) and None)
    try:
        error = ended_in_time(get, bench)
    finally:
        let_go.set()
    (attempt,) = error.attempts
    assert (attempt.target, attempt.error_type) == ("a", "RejectedAnswerError")
    assert "not done when the time was up" in (attempt.error or "")
    assert (attempt.usage, attempt.cost_usd) == (ANSWER[-1].usage, 0.5)
    assert [name for name, _ in bench.settled] == ["a"]
    assert bench.state.snapshot().targets["a"].failures == 0
    bench.nothing_held()


@pytest.mark.parametrize("get", [acomplete, astream])
def test_an_async_check_is_cancelled_at_the_deadline(get: Callable[[Bench], Any]) -> None:
    cancelled = []

    async def verify(response: Response) -> None:
        try:
            await asyncio.sleep(5.0)
        except asyncio.CancelledError:
            cancelled.append(response.text)
            raise

    error = ended_in_time(get, bench := bench_with(verify))
    assert cancelled == ["42"]
    assert [a.cost_usd for a in error.attempts] == [0.5]
    bench.nothing_held()


class Fault(BaseException):
    """No exception that anybody would catch by mistake."""


@WAYS
@pytest.mark.parametrize("own_thread", [True, False])
@pytest.mark.parametrize("fault", [KeyError("a bug"), TimeoutError("the judge's"), Fault()])
def test_an_answer_whose_check_broke_is_booked(
    get: Callable[[Bench], Any],
    own_thread: bool,
    fault: BaseException,
) -> None:
    def verify(response: Response) -> None:
        raise fault

    bench = bench_with(verify, timeout_s=60.0)
    bench.plan = replace(bench.plan, check_may_block=own_thread)
    with pytest.raises(type(fault)) as raised:
        get(bench)
    assert raised.value is fault
    assert [(name, response.text) for name, response in bench.settled] == [("a", "42")]
    assert len(bench.backends["b"].calls) == 0
    bench.nothing_held()


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_whose_check_is_cancelled_is_booked(streamed: bool) -> None:
    begun = asyncio.Event()

    async def verify(response: Response) -> None:
        begun.set()
        await asyncio.sleep(5.0)

    bench = bench_with(verify, timeout_s=60.0)

    async def use() -> None:
        if not streamed:
            await bench.dispatcher.acomplete(ASKED, bench.plan, bench.settle)
            return
        async for _ in bench.dispatcher.astream(ASKED, bench.plan, bench.settle):
            pass

    task = asyncio.create_task(use())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [name for name, _ in bench.settled] == ["a"]
    bench.nothing_held()


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_that_lost_its_race_while_it_was_judged_is_booked(streamed: bool) -> None:
    other: list[Any] = [text("other"), ANSWER[-1]]

    async def verify(response: Response) -> None:
        await asyncio.sleep(5.0 if response.text == "42" else 0.0)

    bench = bench_with(verify, timeout_s=60.0)
    bench.backends["b"].scripts = [other]
    bench.plan = replace(bench.plan, hedge=Hedge(lambda target: 0.01, lambda usd: True))
    if streamed:
        chunks = bench.dispatcher.astream(ASKED, bench.plan, bench.settle)
        response = [chunk async for chunk in chunks][-1].response
        assert response is not None
    else:
        response = await bench.dispatcher.acomplete(ASKED, bench.plan, bench.settle)
    assert response.text == "other"
    told = [(a.target, a.outcome, a.usage, a.cost_usd) for a in response.attempts]
    usage = ANSWER[-1].usage
    assert told == [("a", "cancelled", usage, 0.5), ("b", "ok", usage, 0.5)]
    assert [name for name, _ in bench.settled] == ["a", "b"]
    bench.nothing_held()


@WAYS
def test_checks_that_were_left_hold_up_nothing(get: Callable[[Bench], Any]) -> None:
    """Not even the end of the event loop, which waits for its executor."""
    let_go, before = threading.Event(), set(threading.enumerate())
    bench = bench_with(lambda response: let_go.wait(5.0) and None, timeout_s=0.03)
    began = time.monotonic()
    for _ in range(4):
        with pytest.raises(DeadlineExceeded):
            get(bench)
    assert time.monotonic() - began < 1.0
    left = {t for t in threading.enumerate() if t.name == "llmrouter-verify"} - before
    assert len(left) == 4
    assert all(thread.daemon for thread in left)
    let_go.set()
    for thread in left:
        thread.join(2.0)
        assert not thread.is_alive()


def test_only_code_of_the_callers_gets_a_thread(simulator: Any) -> None:
    threads = []

    def verify(response: Response) -> None:
        threads.append(threading.current_thread())

    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    with Router([simulator.target("openai", "m")]) as router:
        router.complete("hi", hints={"verify": verify})
        router.complete("hi", hints={"verify": ["tools", verify]}, tools=[tool])
        assert [thread.name for thread in threads] == ["llmrouter-verify"] * 2
        assert threads[0] is not threads[1]
        before = threading.enumerate()
        started: list[Any] = []
        threading.setprofile(lambda *_: started.append(threading.current_thread().name))
        try:
            router.complete("hi", hints={"verify": "tools"}, tools=[tool])
        finally:
            threading.setprofile(None)
        assert "llmrouter-verify" not in started
        assert set(threading.enumerate()) <= set(before)
