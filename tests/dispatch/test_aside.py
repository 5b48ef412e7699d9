"""The loop beside sync callers: closed, dropped, interrupted or broken, nobody waits for ever."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from llmrouter_integrations.dispatch.aside import Aside
from llmrouter_integrations.errors import RouterError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class Sleeper:
    """Sleeps, and says what became of it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.cancelled = threading.Event()

    async def sleep(self) -> None:
        self.begun.set()
        try:
            await asyncio.sleep(30.0)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def chunks(self) -> AsyncIterator[int]:
        yield 1
        await self.sleep()
        yield 2


@pytest.fixture
def aside() -> Iterator[Aside]:
    before = set(threading.enumerate())
    aside = Aside()
    yield aside
    aside.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(2.0)
        assert not thread.is_alive()


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


async def answer(said: Any = 42) -> Any:
    return said


async def failing(error: BaseException) -> None:
    raise error


async def numbers(upto: int = 3) -> AsyncIterator[int]:
    for number in range(upto):
        yield number


# -- closing -----------------------------------------------------------------------------------


def test_closing_ends_the_calls_that_run(aside: Aside, beside: ThreadPoolExecutor) -> None:
    sleepers = [Sleeper() for _ in range(3)]
    calls = [beside.submit(aside.run, sleeper.sleep()) for sleeper in sleepers]
    for sleeper in sleepers:
        assert sleeper.begun.wait(2.0)
    aside.close()
    for call, sleeper in zip(calls, sleepers, strict=True):
        with pytest.raises(RouterError, match="closed while"):
            call.result(2.0)
        assert sleeper.cancelled.is_set()
    assert aside.run(answer()) == 42, "the next call starts another"


def test_closing_ends_a_stream_with_an_error_not_as_if_it_were_over(
    aside: Aside, beside: ThreadPoolExecutor
) -> None:
    sleeper = Sleeper()
    call = beside.submit(list, aside.iterate(sleeper.chunks()))
    assert sleeper.begun.wait(2.0)
    aside.close()
    with pytest.raises(RouterError, match="closed while"):
        call.result(2.0)
    assert sleeper.cancelled.is_set()


def test_a_stream_goes_on_no_more_after_closing(aside: Aside) -> None:
    chunks = aside.iterate(numbers())
    assert next(chunks) == 0
    aside.close()
    with pytest.raises(RouterError, match="closed while"):
        next(chunks)


def test_a_stream_that_takes_its_cancellation_for_its_end_has_none(
    aside: Aside, beside: ThreadPoolExecutor
) -> None:
    sleeper = Sleeper()

    async def careless() -> AsyncIterator[int]:
        try:
            async for chunk in sleeper.chunks():
                yield chunk
        except asyncio.CancelledError:
            return

    call = beside.submit(list, aside.iterate(careless()))
    assert sleeper.begun.wait(2.0)
    aside.close()
    with pytest.raises(RouterError, match="closed while"):
        call.result(2.0)


def test_closing_from_within_waits_for_nobody(aside: Aside) -> None:
    async def close() -> str:
        aside.close()
        return "closed"

    assert aside.run(close()) == "closed"


def test_closing_cancels_what_cancelled_calls_begin(
    aside: Aside, beside: ThreadPoolExecutor
) -> None:
    begun, late = threading.Event(), Sleeper()

    async def stubborn() -> None:
        begun.set()
        try:
            await asyncio.sleep(30.0)
        finally:
            asyncio.get_running_loop().create_task(late.sleep())

    call = beside.submit(aside.run, stubborn())
    assert begun.wait(2.0)
    aside.close()
    with pytest.raises(RouterError):
        call.result(2.0)
    assert not late.begun.is_set() or late.cancelled.is_set()


# -- dropping ----------------------------------------------------------------------------------


def test_a_stream_that_is_left_is_closed_at_once(aside: Aside) -> None:
    closed = []

    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    source = endless()  # held here: it is not the collector that closes it
    chunks = aside.iterate(source)
    assert next(chunks) == 1
    chunks.close()  # type: ignore[attr-defined]  # an iterator to its reader, a generator in fact
    assert closed == [True]


@pytest.mark.parametrize("where", ["here", "on its own thread"])
def test_a_stream_that_is_dropped_is_closed(aside: Aside, monkeypatch: Any, where: str) -> None:
    monkeypatch.setattr("llmrouter_integrations.dispatch.aside.CLOSING_S", 20.0)
    closed = threading.Event()

    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    chunks = [aside.iterate(endless())]
    assert next(chunks[0]) == 1
    began = time.monotonic()
    if where == "here":
        chunks.clear()
    else:  # the collector may run there, too

        async def drop() -> None:
            chunks.clear()
            gc.collect()

        aside.run(drop())
    gc.collect()
    assert closed.wait(10.0)
    assert time.monotonic() - began < 15, "nobody waited until the patience was at an end"


def test_a_stream_whose_closing_hangs_is_left(aside: Aside, monkeypatch: Any) -> None:
    monkeypatch.setattr("llmrouter_integrations.dispatch.aside.CLOSING_S", 0.05)

    async def clinging() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(30.0)

    chunks = aside.iterate(clinging())
    next(chunks)
    began = time.monotonic()
    chunks.close()  # type: ignore[attr-defined]  # an iterator to its reader, a generator in fact
    assert time.monotonic() - began < 1.0


def test_dropping_it_ends_its_thread() -> None:
    aside = Aside()
    aside.run(answer())
    served = aside._served
    assert served is not None
    del aside
    gc.collect()
    served.thread.join(2.0)
    assert not served.thread.is_alive()


# -- what is raised ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), TimeoutError("its own"), KeyError("a bug")]
)
def test_what_a_call_raises_is_its_callers_and_ends_nothing_else(
    aside: Aside, beside: ThreadPoolExecutor, error: BaseException
) -> None:
    other = Sleeper()
    call = beside.submit(aside.run, other.sleep())
    assert other.begun.wait(2.0)
    began = time.monotonic()
    with pytest.raises(type(error)) as raised:
        aside.run(failing(error))
    assert raised.value is error
    assert time.monotonic() - began < 0.9
    assert aside.run(answer()) == 42
    assert not call.done()
    aside.close()
    assert isinstance(call.exception(2.0), RouterError)


@pytest.mark.parametrize("streamed", [False, True])
def test_interrupting_the_caller_cancels_the_call(aside: Aside, streamed: bool) -> None:
    sleeper, main = Sleeper(), threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        assert sleeper.begun.wait(2.0)
        time.sleep(0.02)
        signal.pthread_kill(main, signal.SIGINT)

    def use() -> Any:
        return list(aside.iterate(sleeper.chunks())) if streamed else aside.run(sleeper.sleep())

    # where the suite runs in the background, its shell has interrupts ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    try:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            use()
    finally:
        signal.signal(signal.SIGINT, before)
    thread.join(2.0)
    assert sleeper.cancelled.wait(2.0)
    assert aside.run(answer()) == 42


# -- many at once ------------------------------------------------------------------------------


def test_callers_do_not_wait_for_one_another(aside: Aside, beside: ThreadPoolExecutor) -> None:
    sleepers = [Sleeper() for _ in range(3)]
    for sleeper in sleepers:
        beside.submit(aside.run, sleeper.sleep())
    assert list(aside.iterate(numbers())) == [0, 1, 2]
    assert aside.run(answer("quick")) == "quick"
    assert aside._served is not None
    assert len([t for t in threading.enumerate() if t.name == "llmrouter-hedges"]) == 1
    aside.close()
