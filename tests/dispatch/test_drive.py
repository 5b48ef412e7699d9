"""The dispatch loops, sync and async, plain and streamed: one table for all four."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from llmrouter_integrations.dispatch.drive import Dispatcher
from llmrouter_integrations.dispatch.plan import DispatchSettings, Plan, PlanTarget, Settlement
from llmrouter_integrations.errors import (
    AllTargetsFailed,
    AttemptError,
    AuthenticationError,
    DeadlineExceeded,
    InvalidRequestError,
    RateLimitedError,
    ServerError,
    StreamInterrupted,
    TargetTimeoutError,
    TruncatedAnswerError,
)
from llmrouter_integrations.messages import (
    Adjustment,
    Chunk,
    Message,
    ReasoningDelta,
    Request,
    Response,
    TextDelta,
    TextPart,
    ToolCallDelta,
    Usage,
)
from llmrouter_integrations.state.memory import MemoryState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from llmrouter_integrations.dispatch.backend import Call

ASKED = Request((Message("user", (TextPart("?"),)),))
USAGE = Usage(3, 2)
ID = Chunk(id="1", model="m-1")
EMPTY = Chunk((TextDelta(""),))
END = Chunk(finish_reason="stop", usage=USAGE)


def text(said: str) -> Chunk:
    return Chunk((TextDelta(said),))


ANSWER: list[Any] = [ID, text("4"), text("2"), END]


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


@dataclass
class Scripted:
    """A backend that plays one script for each call; an error in a script is raised there."""

    scripts: list[list[Any]]
    calls: list[Call] = field(default_factory=list)
    open_streams: int = 0

    def _begin(self, call: Call) -> list[Any]:
        self.calls.append(call)
        call.adjustments = (Adjustment("seed", "dropped"),)
        return self.scripts[min(len(self.calls), len(self.scripts)) - 1]

    def complete(self, call: Call) -> Response:
        said = ""
        for item in self._begin(call):
            if isinstance(item, BaseException):
                raise item
            said += item.text
        return Response(Message("assistant", (TextPart(said),), id="1"), usage=USAGE, model="m-1")

    async def acomplete(self, call: Call) -> Response:
        await asyncio.sleep(0)
        return self.complete(call)

    def stream(self, call: Call) -> Iterator[Chunk]:
        self.open_streams += 1
        try:
            for item in self._begin(call):
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self.open_streams -= 1

    async def astream(self, call: Call) -> AsyncIterator[Chunk]:
        self.open_streams += 1
        try:
            for item in self._begin(call):
                await asyncio.sleep(0)
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self.open_streams -= 1


class Bench:
    """A dispatcher over scripted backends named a, b, c, and a plan over all of them."""

    def __init__(self, *scripts: list[list[Any]], timeout_s: float = 60.0) -> None:
        self.clock = Clock()
        self.state = MemoryState()
        self.backends = {name: Scripted(s) for name, s in zip("abc", scripts, strict=False)}
        targets = tuple(PlanTarget(name, f"p-{name}", "m", f"g-{name}") for name in self.backends)
        self.plan = Plan(targets, timeout_s)
        self.settled: list[tuple[str, Response]] = []
        self.dispatcher = Dispatcher(
            backends=self.backends,
            state=self.state,
            settings=DispatchSettings(),
            clock=self.clock,
            sleep=self.clock.sleep,
            asleep=self.clock.asleep,
            rng=random.Random(0),
        )

    def settle(self, target: PlanTarget, response: Response) -> Settlement:
        self.settled.append((target.name, response))
        return Settlement(response.usage, 0.5)

    def nothing_held(self) -> None:
        gc.collect()
        assert all(backend.open_streams == 0 for backend in self.backends.values())
        for health in self.state.snapshot().targets.values():
            assert (health.in_flight, health.probing) == (0, False)


Got = tuple[list[Chunk], Response]


def complete(bench: Bench) -> Got:
    return [], bench.dispatcher.complete(ASKED, bench.plan, bench.settle)


def acomplete(bench: Bench) -> Got:
    return [], asyncio.run(bench.dispatcher.acomplete(ASKED, bench.plan, bench.settle))


def stream(bench: Bench) -> Got:
    chunks = list(bench.dispatcher.stream(ASKED, bench.plan, bench.settle))
    return chunks, last_response(chunks)


def astream(bench: Bench) -> Got:
    async def collect() -> list[Chunk]:
        return [c async for c in bench.dispatcher.astream(ASKED, bench.plan, bench.settle)]

    chunks = asyncio.run(collect())
    return chunks, last_response(chunks)


def last_response(chunks: list[Chunk]) -> Response:
    assert all(chunk.response is None for chunk in chunks[:-1])
    assert chunks[-1].response is not None
    return chunks[-1].response


WAYS = pytest.mark.parametrize("get", [complete, acomplete, stream, astream])
STREAMS = pytest.mark.parametrize("get", [stream, astream])


@WAYS
@pytest.mark.parametrize(
    ("scripts", "outcomes"),
    [
        ([[ANSWER]], ["a ok"]),
        ([[[ServerError("x")]], [ANSWER]], ["a error", "b ok"]),
        ([[[RateLimitedError("x", retry_after_s=20)]], [ANSWER]], ["a error", "b ok"]),
        ([[[ID, EMPTY, ServerError("x")]], [ANSWER]], ["a error", "b ok"]),
        ([[[AuthenticationError("x")]], [[ServerError("x")]], [ANSWER]],
         ["a error", "b error", "c ok"]),
        ([[[ServerError("x")], ANSWER]], ["a error", "a ok"]),
    ],
)  # fmt: skip
def test_the_answer_comes_from_the_first_that_can_give_it(
    get: Callable[[Bench], Got], scripts: list[Any], outcomes: list[str]
) -> None:
    bench = Bench(*scripts)
    chunks, response = get(bench)
    assert [f"{a.target} {a.outcome}" for a in response.attempts] == outcomes
    assert (response.text, response.usage, response.model) == ("42", USAGE, "m-1")
    assert response.target == outcomes[-1][0]
    assert response.provider == f"p-{response.target}"
    assert all(a.adjustments == (Adjustment("seed", "dropped"),) for a in response.attempts)
    ((settled, _),) = bench.settled
    assert settled == response.target
    assert response.cost_usd == response.attempts[-1].cost_usd == 0.5
    if chunks:
        assert chunks[:-1] == ANSWER, "nothing added, lost or from another target"
    bench.nothing_held()


@WAYS
@pytest.mark.parametrize(
    ("scripts", "ending", "calls"),
    [
        ([[[ServerError("x")]], [[ServerError("y")]]], AllTargetsFailed, 3),
        ([[[InvalidRequestError("x")]], [ANSWER]], InvalidRequestError, 1),
        ([[[RateLimitedError("x", retry_after_s=90)]]], AllTargetsFailed, 1),
        ([[[KeyError("a bug")]], [ANSWER]], KeyError, 1),
        ([[[TimeoutError("not ours")]], [ANSWER]], TimeoutError, 1),
        ([[[KeyboardInterrupt()]], [ANSWER]], KeyboardInterrupt, 1),
    ],
)
def test_errors(
    get: Callable[[Bench], Got], scripts: list[Any], ending: type[BaseException], calls: int
) -> None:
    bench = Bench(*scripts)
    with pytest.raises(ending) as raised:
        get(bench)
    assert type(raised.value) is ending
    assert sum(len(backend.calls) for backend in bench.backends.values()) == calls
    assert bench.settled == []
    if isinstance(raised.value, AllTargetsFailed | AttemptError):
        assert len(raised.value.attempts) == calls
    bench.nothing_held()


@WAYS
def test_waits_are_slept(get: Callable[[Bench], Got]) -> None:
    bench = Bench([[RateLimitedError("x", retry_after_s=7.0)], ANSWER])
    get(bench)
    assert bench.clock.slept == [7.0]


@WAYS
def test_a_second_attempt_has_only_the_time_that_is_left(get: Callable[[Bench], Got]) -> None:
    bench = Bench([[RateLimitedError("x", retry_after_s=7.0)], ANSWER])
    get(bench)
    assert [call.limits.total_s for call in bench.backends["a"].calls] == [60.0, 53.0]


@WAYS
def test_an_error_of_settling_is_the_callers_and_leaks_nothing(get: Callable[[Bench], Got]) -> None:
    bench = Bench([ANSWER])

    def fails(*_: Any) -> Settlement:
        raise LookupError("no price")

    bench.settle = fails  # type: ignore[method-assign]  # a settle step with a bug
    with pytest.raises(LookupError):
        get(bench)
    bench.nothing_held()


# -- streams --------------------------------------------------------------------------------------


@STREAMS
@pytest.mark.parametrize(
    "content",
    [
        text("4"),
        Chunk((ReasoningDelta("hm"),)),
        Chunk((ToolCallDelta(0, "id", "f"),)),
    ],
)
def test_content_is_a_commitment(get: Callable[[Bench], Got], content: Chunk) -> None:
    error = TruncatedAnswerError("cut")
    bench = Bench([[ID, content, error]], [ANSWER])
    with pytest.raises(StreamInterrupted) as raised:
        get(bench)
    interrupted = raised.value
    assert interrupted.cause is error
    assert interrupted.partial.message.parts
    assert interrupted.partial.target == "a"
    assert [a.outcome for a in interrupted.attempts] == ["interrupted"]
    assert bench.backends["b"].calls == []
    ((settled, seen),) = bench.settled
    assert (settled, seen.message) == ("a", interrupted.partial.message)
    assert interrupted.partial.cost_usd == interrupted.attempts[-1].cost_usd == 0.5
    bench.nothing_held()


@STREAMS
def test_an_interrupted_stream_tells_what_was_seen(get: Callable[[Bench], Got]) -> None:
    bench = Bench([[ID, text("4"), text("2"), ServerError("x")]])
    with pytest.raises(StreamInterrupted) as raised:
        get(bench)
    assert raised.value.partial.text == "42"
    assert raised.value.partial.finish_reason == "unknown"
    assert "after 2 characters" in str(raised.value)


@STREAMS
def test_a_stream_without_a_finish_is_broken_not_finished(get: Callable[[Bench], Got]) -> None:
    bench = Bench([[ID, text("4")]], [ANSWER])
    with pytest.raises(StreamInterrupted) as raised:
        get(bench)
    assert isinstance(raised.value.cause, TruncatedAnswerError)


@STREAMS
@pytest.mark.parametrize("script", [[], [ID], [ID, EMPTY]])
def test_a_stream_that_ends_before_content_fails_over(
    get: Callable[[Bench], Got], script: list[Chunk]
) -> None:
    bench = Bench([script], [ANSWER])
    chunks, response = get(bench)
    assert chunks[:-1] == ANSWER
    assert response.attempts[0].error_type == "TruncatedAnswerError"


@STREAMS
def test_a_finished_stream_without_content_is_an_answer(get: Callable[[Bench], Got]) -> None:
    script = [ID, Chunk(finish_reason="content_filter")]
    chunks, response = get(Bench([script], [ANSWER]))
    assert chunks[:-1] == script
    assert (response.target, response.finish_reason) == ("a", "content_filter")


@STREAMS
def test_what_comes_before_content_is_held_back(get: Callable[[Bench], Got]) -> None:
    bench = Bench([[ID, EMPTY, ServerError("x")]], [[ID, EMPTY, text("ok"), END]])
    chunks, _ = get(bench)
    assert chunks[:-1] == [ID, EMPTY, text("ok"), END]


def test_a_stream_is_handed_on_as_it_comes() -> None:
    bench = Bench([ANSWER])
    chunks = bench.dispatcher.stream(ASKED, bench.plan, bench.settle)
    assert bench.backends["a"].calls == [], "nothing is sent before somebody listens"
    assert next(chunks) == ID
    assert next(chunks) == text("4")
    assert bench.backends["a"].open_streams == 1


@pytest.mark.parametrize("read", [0, 1, 2, 4])
def test_leaving_a_stream_early_closes_it(read: int) -> None:
    bench = Bench([ANSWER])
    chunks = bench.dispatcher.stream(ASKED, bench.plan, bench.settle)
    for _ in range(read):
        next(chunks)
    chunks.close()  # type: ignore[attr-defined]  # an iterator to its reader, a generator in fact
    assert bench.settled == []
    bench.nothing_held()


@pytest.mark.parametrize("read", [0, 1, 2, 4])
async def test_leaving_an_async_stream_early_closes_it(read: int) -> None:
    bench = Bench([ANSWER])
    chunks = bench.dispatcher.astream(ASKED, bench.plan, bench.settle)
    for _ in range(read):
        await anext(chunks)
    await chunks.aclose()  # type: ignore[attr-defined]  # as above
    assert bench.settled == []
    bench.nothing_held()


# -- cancellation and the async guard ---------------------------------------------------------------


@dataclass
class Stuck(Scripted):
    """Never comes to its end; says whether it was cancelled."""

    cancelled: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def acomplete(self, call: Call) -> Response:
        self.calls.append(call)
        self.begun.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        raise AssertionError

    async def astream(self, call: Call) -> AsyncIterator[Chunk]:
        self.calls.append(call)
        self.open_streams += 1
        try:
            for item in self.scripts[0]:
                yield item
            self.begun.set()
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            self.open_streams -= 1


async def use(bench: Bench, *, streamed: bool) -> None:
    if not streamed:
        await bench.dispatcher.acomplete(ASKED, bench.plan, bench.settle)
        return
    async for _ in bench.dispatcher.astream(ASKED, bench.plan, bench.settle):
        pass


@pytest.mark.parametrize("before", [None, [], [ID], [ID, text("4")]])
async def test_cancellation_reaches_the_connection_and_the_caller(before: list[Any] | None) -> None:
    bench = Bench([ANSWER], [ANSWER])
    stuck = bench.backends["a"] = Stuck([before or []])

    task = asyncio.create_task(use(bench, streamed=before is not None))
    await asyncio.wait_for(stuck.begun.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stuck.cancelled
    assert bench.backends["b"].calls == []
    bench.nothing_held()


async def test_cancellation_while_waiting() -> None:
    bench = Bench([[RateLimitedError("x", retry_after_s=7.0)], ANSWER])
    bench.dispatcher._asleep = asyncio.sleep
    task = asyncio.create_task(bench.dispatcher.acomplete(ASKED, bench.plan, bench.settle))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    bench.nothing_held()


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_backend_that_ignores_its_limits_is_cut_off(streamed: bool) -> None:
    bench = Bench([ANSWER], timeout_s=0.06)
    stuck = bench.backends["a"] = Stuck([[ID]])
    bench.dispatcher._clock = time.monotonic
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded) as raised:
        await use(bench, streamed=streamed)
    assert time.monotonic() - began < 1.0
    (attempt,) = raised.value.attempts
    assert attempt.error_type == "TargetTimeoutError"
    assert isinstance(raised.value.__cause__, TargetTimeoutError)
    assert stuck.cancelled
    bench.nothing_held()


async def test_a_callers_own_timeout_is_not_ours() -> None:
    bench = Bench([ANSWER], [ANSWER])
    bench.backends["a"] = Stuck([[]])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await bench.dispatcher.acomplete(ASKED, bench.plan, bench.settle)
    assert bench.backends["b"].calls == []
    bench.nothing_held()


async def test_many_at_once_leave_no_task_behind() -> None:
    bench = Bench([[ID, ServerError("x")]], [ANSWER])
    before = asyncio.all_tasks()

    async def one() -> str:
        chunks = bench.dispatcher.astream(ASKED, bench.plan, bench.settle)
        return "".join([chunk.text async for chunk in chunks])

    assert await asyncio.gather(*[one() for _ in range(50)]) == ["42"] * 50
    assert asyncio.all_tasks() == before
    assert len(bench.backends["a"].calls) <= 50
    bench.nothing_held()
