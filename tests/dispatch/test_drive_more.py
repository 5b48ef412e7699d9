"""The loops, four ways: races, taking over a broken stream, checks, answers at hand, and lines."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmrouter_integrations.dispatch.plan import Hedge, Settlement
from llmrouter_integrations.errors import (
    AllTargetsFailed,
    ConfigurationError,
    EmptyAnswerError,
    MalformedToolCallError,
    RejectedAnswerError,
    ServerError,
    StreamInterrupted,
    TruncatedAnswerError,
)
from llmrouter_integrations.messages import (
    Chunk,
    Message,
    ReasoningDelta,
    Response,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
    Usage,
)
from llmrouter_integrations.state.base import Outcome
from tests.dispatch.test_drive import (
    ANSWER,
    END,
    ID,
    STREAMS,
    USAGE,
    WAYS,
    Bench,
    Scripted,
    acomplete,
    astream,
    complete,
    stream,
    text,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from llmrouter_integrations.dispatch.backend import Call

CUT = TruncatedAnswerError("cut")


def calls(name: str, arguments: str = "{}") -> list[Chunk]:
    return [Chunk((ToolCallDelta(0, "id", name),)), Chunk((ToolCallDelta(0, arguments=arguments),))]


def bench_of(*scripts: Any, **plan: Any) -> Bench:
    bench = Bench(*scripts)
    bench.plan = replace(bench.plan, **plan)
    return bench


# -- a broken stream, taken over -------------------------------------------------------------------


@STREAMS
def test_a_restart_is_marked_and_the_answer_is_whole(get: Callable[[Bench], Any]) -> None:
    bench = bench_of([[ID, text("4"), CUT]], [ANSWER], on_interrupt="restart")
    chunks, response = get(bench)
    (marker,) = [i for i, chunk in enumerate(chunks) if chunk.instead_of is not None]
    assert chunks[:marker] == [ID, text("4")]
    assert chunks[marker].instead_of.text == "4"
    assert not chunks[marker].has_content
    assert chunks[marker + 1 : -1] == ANSWER
    assert response.text == "42"
    assert [a.outcome for a in response.attempts] == ["interrupted", "ok"]
    assert [name for name, _ in bench.settled] == ["a", "b"]
    bench.nothing_held()


@STREAMS
def test_the_rest_of_a_text_is_one_with_its_beginning(get: Callable[[Bench], Any]) -> None:
    bench = bench_of(
        [[ID, Chunk((TextDelta("4", 1),)), CUT]],
        [[ID, Chunk((ReasoningDelta("hm", 0),)), Chunk((TextDelta("2", 1),)), END]],
        on_interrupt="continue",
    )
    bench.plan = replace(
        bench.plan, targets=tuple(replace(t, prefills=True) for t in bench.plan.targets)
    )
    chunks, response = get(bench)
    assert "".join(chunk.text for chunk in chunks[:-1]) == "42"
    assert {d.index for chunk in chunks for d in chunk.deltas} == {1}
    assert response.message.parts == (TextPart("42"),)
    assert all(chunk.instead_of is None for chunk in chunks)
    (asked,) = bench.backends["b"].calls
    assert asked.request.messages[-1] == Message("assistant", (TextPart("4"),))
    assert sum(chunk.finish_reason is not None for chunk in chunks) == 1


@STREAMS
def test_it_may_break_twice(get: Callable[[Bench], Any]) -> None:
    bench = bench_of(
        [[ID, text("The "), CUT]], [[text("answer "), CUT]], [[text(" is 42"), END]],
        on_interrupt="continue",
    )  # fmt: skip
    bench.plan = replace(
        bench.plan, targets=tuple(replace(t, prefills=True) for t in bench.plan.targets)
    )
    chunks, response = get(bench)
    assert response.text == "The answer is 42"  # the blank that both have stands once
    assert "".join(chunk.text for chunk in chunks[:-1]) == response.text
    (asked,) = bench.backends["c"].calls
    assert asked.request.messages[-1].text == "The answer"


@STREAMS
@pytest.mark.parametrize(
    ("begun", "pieces", "whole"),
    [
        ("a ", [" ", "b"], "a b"),
        ("a  ", [" ", " ", "b"], "a  b"),
        ("a \n", [" ", "\nb"], "a \nb"),
        ("a \n", [" \n", "\nb"], "a \n\nb"),
        ("a  ", [" b"], "a  b"),  # what was handed on stays
        ("a ", ["b"], "a b"),
        ("a\n", [" b"], "a\n b"),
        ("a\n", ["b", "\n", "c"], "a\nb\nc"),
        ("a", [" ", "b"], "a b"),
        ("\n", ["\n", "b"], "\nb"),
    ],
)
def test_a_blank_at_the_seam_stands_once(
    get: Callable[[Bench], Any], begun: str, pieces: list[str], whole: str
) -> None:
    bench = bench_of([[ID, text(begun), CUT]], [[*map(text, pieces), END]], on_interrupt="continue")
    bench.plan = replace(
        bench.plan, targets=tuple(replace(t, prefills=True) for t in bench.plan.targets)
    )
    chunks, response = get(bench)
    assert "".join(chunk.text for chunk in chunks[:-1]) == response.text == whole
    (asked,) = bench.backends["b"].calls
    told = [m.text for m in asked.request.messages[1:]]
    assert told == ([begun.rstrip()] if begun.strip() else [])


@STREAMS
@pytest.mark.parametrize("wanted", ["continue", "restart"])
def test_no_tool_call_is_handed_on_in_part(get: Callable[[Bench], Any], wanted: Any) -> None:
    broken = [ID, *calls("f", '{"a'), CUT]
    whole = [ID, *calls("f", '{"a": 1}'), Chunk(finish_reason="tool_calls", usage=USAGE)]
    bench = bench_of([broken], [whole], on_interrupt=wanted)
    chunks, response = get(bench)
    assert chunks[:-1] == whole, "nothing had been handed on, so there is nothing to replace"
    assert response.tool_calls == (ToolCallPart("id", "f", '{"a": 1}'),)
    assert [a.outcome for a in response.attempts] == ["error", "ok"]


@STREAMS
def test_text_before_a_broken_tool_call_is_replaced(get: Callable[[Bench], Any]) -> None:
    broken = [text("I look"), *calls("f", '{"a'), text("never seen"), CUT]
    bench = bench_of([broken], [ANSWER], on_interrupt="restart")
    chunks, _ = get(bench)
    assert [chunk.text for chunk in chunks[:1]] == ["I look"]
    assert chunks[1].instead_of is not None
    assert chunks[2:-1] == ANSWER


@STREAMS
def test_nobody_is_left_to_take_over(get: Callable[[Bench], Any]) -> None:
    bench = bench_of([[text("4"), CUT]], [[ServerError("x")]], on_interrupt="restart")
    bench.dispatcher._settings = replace(bench.dispatcher._settings, max_retries=0)
    with pytest.raises(StreamInterrupted) as raised:
        get(bench)
    assert raised.value.partial.text == "4"
    assert [a.target for a in raised.value.attempts] == ["a", "b"]
    bench.nothing_held()


# -- answers that hold -----------------------------------------------------------------------------


def too_short(response: Response) -> str | None:
    return None if len(response.text) > 1 else "it is too short"


async def too_short_later(response: Response) -> str | None:
    await asyncio.sleep(0)
    return too_short(response)


SHORT: list[Any] = [ID, text("4"), END]


@WAYS
def test_an_answer_that_does_not_hold_goes_back_to_its_model_once(
    get: Callable[[Bench], Any],
) -> None:
    bench = bench_of([SHORT, ANSWER], [ANSWER], verify=too_short)
    chunks, response = get(bench)
    assert (response.text, response.target) == ("42", "a")
    assert [a.error_type for a in response.attempts] == ["RejectedAnswerError", None]
    assert [a.cost_usd for a in response.attempts] == [0.5, 0.5]
    first, second = bench.backends["a"].calls
    assert first.request is not second.request
    assert second.request.messages[0] == first.request.messages[0]
    assert second.request.messages[-2].text == "4"
    assert "it is too short" in second.request.messages[-1].text
    assert "".join(chunk.text for chunk in chunks) in ("", "42"), "the first was not handed on"
    assert bench.state.snapshot().targets["a"].failures == 0


@WAYS
def test_then_the_next_model_is_asked(get: Callable[[Bench], Any]) -> None:
    bench = bench_of([SHORT], [ANSWER], verify=too_short)
    _, response = get(bench)
    assert (response.text, response.target) == ("42", "b")
    assert [a.target for a in response.attempts] == ["a", "a", "b"]
    (asked,) = bench.backends["b"].calls
    assert len(asked.request.messages) == 1


@WAYS
def test_no_answer_that_fails_the_callers_check_is_handed_on(get: Callable[[Bench], Any]) -> None:
    bench = bench_of([SHORT], [SHORT], verify=too_short, strict=True)
    with pytest.raises(AllTargetsFailed) as raised:
        get(bench)
    assert "it is too short" in str(raised.value)
    assert len(raised.value.attempts) == 3
    assert isinstance(raised.value.__cause__, RejectedAnswerError)
    assert raised.value.__cause__.answer is not None


@WAYS
def test_a_check_nobody_asked_for_only_looks_for_better(get: Callable[[Bench], Any]) -> None:
    _, response = get(bench_of([SHORT], [SHORT], verify=too_short))
    assert response.text == "4"
    assert [a.error_type for a in response.attempts] == ["RejectedAnswerError"] * 3


@WAYS
def test_a_price_cap_ends_the_repairs(get: Callable[[Bench], Any]) -> None:
    bench = bench_of([SHORT], [ANSWER], verify=too_short, strict=True, max_cost_usd=0.9)
    bench.plan = replace(bench.plan, expect=lambda target: bench.settle(target, Response(
        Message("assistant", ()))))  # fmt: skip
    with pytest.raises(AllTargetsFailed, match=r"more than is left of \$0\.9") as raised:
        get(bench)
    assert len(raised.value.attempts) == 1


@pytest.mark.parametrize("get", [acomplete, astream])
def test_a_check_may_be_async(get: Callable[[Bench], Any]) -> None:
    _, response = get(bench_of([SHORT, ANSWER], verify=too_short_later))
    assert response.text == "42"


@pytest.mark.parametrize("get", [complete, stream])
def test_an_async_check_needs_an_async_call(get: Callable[[Bench], Any]) -> None:
    bench = bench_of([SHORT], verify=too_short_later)
    with pytest.raises(ConfigurationError, match="acomplete"):
        get(bench)
    bench.nothing_held()


@WAYS
def test_a_bug_in_a_check_is_the_callers(get: Callable[[Bench], Any]) -> None:
    bench = bench_of([ANSWER], verify=lambda response: {}["x"])
    with pytest.raises(KeyError):
        get(bench)
    bench.nothing_held()


# -- what is wrong with an answer, and better than none --------------------------------------------


def hallucinating(*names: str) -> list[Any]:
    return [ID, *calls(names[0]), Chunk(finish_reason="tool_calls", usage=USAGE)]


class Calling(Scripted):
    """Whole answers with tool calls too."""

    def complete(self, call: Call) -> Response:
        return chunks_folded(self._begin(call))

    async def acomplete(self, call: Call) -> Response:
        await asyncio.sleep(0)
        return self.complete(call)


def chunks_folded(script: list[Any]) -> Response:
    from llmrouter_integrations.accumulate import ResponseBuilder

    builder = ResponseBuilder()
    for item in script:
        if isinstance(item, BaseException):
            raise item
        builder.add(item)
    return builder.response()


def calling(*scripts: Any, **plan: Any) -> Bench:
    bench = bench_of(*scripts, **plan)
    for name, script in zip("abc", scripts, strict=False):
        bench.backends[name] = Calling(script)
    return bench


@WAYS
def test_a_call_of_a_tool_that_is_not_there_fails_over(get: Callable[[Bench], Any]) -> None:
    good = hallucinating("known")
    bench = calling([hallucinating("unknown")], [good], tool_names=frozenset({"known"}))
    chunks, response = get(bench)
    assert [call.name for call in response.tool_calls] == ["known"]
    assert response.attempts[0].error_type == "MalformedToolCallError"
    assert "'unknown'" in (response.attempts[0].error or "")
    assert all(d.name != "unknown" for c in chunks for d in c.deltas)  # type: ignore[union-attr]  # tool calls only
    bench.nothing_held()


@WAYS
def test_where_all_do_it_the_caller_may_answer_it(get: Callable[[Bench], Any]) -> None:
    bench = calling(
        [hallucinating("unknown")], [[ServerError("x")]], tool_names=frozenset({"known"})
    )
    chunks, response = get(bench)
    assert [call.name for call in response.tool_calls] == ["unknown"]
    assert [a.outcome for a in response.attempts] == ["error"] * 3
    if chunks:
        named = [d.name for c in chunks for d in c.deltas if isinstance(d, ToolCallDelta)]
        assert [name for name in named if name] == ["unknown"]
        assert sum(c.finish_reason is not None for c in chunks) == 1


@WAYS
def test_tools_nobody_knows_are_not_judged(get: Callable[[Bench], Any]) -> None:
    _, response = get(calling([hallucinating("unknown")]))
    assert [call.name for call in response.tool_calls] == ["unknown"]


def empty(*chunks: Chunk) -> list[Any]:
    error = EmptyAnswerError("nothing in it")
    error.answer = Response(Message("assistant", ()), usage=USAGE, model="m-1")
    return [*chunks, error]


@WAYS
def test_an_empty_answer_is_better_than_none(get: Callable[[Bench], Any]) -> None:
    bench = bench_of([empty()], [empty()])
    chunks, response = get(bench)
    assert (response.text, response.finish_reason, response.usage) == ("", "stop", USAGE)
    assert [a.error_type for a in response.attempts] == ["EmptyAnswerError"] * 3
    assert [a.outcome for a in response.attempts] == ["error"] * 3
    assert chunks == [] or chunks[-2].finish_reason == "stop"


@WAYS
def test_and_worse_than_any(get: Callable[[Bench], Any]) -> None:
    _, response = get(bench_of([empty()], [ANSWER]))
    assert response.text == "42"


@STREAMS
def test_a_stream_that_was_empty_leaves_what_came(get: Callable[[Bench], Any]) -> None:
    script = [ID, EmptyAnswerError("nothing in it")]
    _, response = get(bench_of([script], [script]))
    assert (response.id, response.finish_reason) == ("1", "stop")


THOUGHTS = [ID, Chunk((ReasoningDelta("hm", 0),)), EmptyAnswerError("nothing in it")]


@STREAMS
def test_thoughts_alone_are_the_answer_once_handed_on(get: Callable[[Bench], Any]) -> None:
    chunks, response = get(bench_of([THOUGHTS], [ANSWER]))
    assert (response.text, response.message.reasoning) == ("", "hm")
    assert response.finish_reason == "stop"
    assert [a.outcome for a in response.attempts] == ["ok"]
    assert sum(c.has_content for c in chunks) == 1


@STREAMS
def test_thoughts_alone_are_begun_again_where_that_was_asked(get: Callable[[Bench], Any]) -> None:
    chunks, response = get(bench_of([THOUGHTS], [ANSWER], on_interrupt="restart"))
    assert response.text == "42"
    assert any(c.instead_of is not None for c in chunks)


@WAYS
def test_a_malformed_call_is_never_handed_on(get: Callable[[Bench], Any]) -> None:
    bench = bench_of([[MalformedToolCallError("not JSON")]])
    with pytest.raises(AllTargetsFailed):
        get(bench)


# -- races -----------------------------------------------------------------------------------------


class Slow(Scripted):
    """Takes its time, and says whether it was cut short."""

    seconds = 5.0
    cancelled = 0

    async def acomplete(self, call: Call) -> Response:
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return await super().acomplete(call)

    async def astream(self, call: Call) -> AsyncIterator[Chunk]:
        self.open_streams += 1
        try:
            await asyncio.sleep(self.seconds)
            for item in self._begin(call):
                yield item
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.open_streams -= 1


def racing(*backends: Scripted, after_s: float = 0.02) -> Bench:
    bench = Bench(*[b.scripts for b in backends])
    bench.backends.update(zip("abc", backends, strict=False))
    bench.dispatcher._clock = time.monotonic
    hedge = Hedge(lambda target: after_s, lambda usd: True)
    bench.plan = replace(bench.plan, hedge=hedge)
    return bench


@WAYS
def test_the_slow_one_is_raced_and_cancelled(get: Callable[[Bench], Any]) -> None:
    slow = Slow([ANSWER])
    bench = racing(slow, Scripted([ANSWER]))
    began = time.monotonic()
    chunks, response = get(bench)
    assert time.monotonic() - began < 2.0
    assert [(a.target, a.outcome) for a in response.attempts] == [("a", "cancelled"), ("b", "ok")]
    assert chunks == [] or chunks[:-1] == ANSWER
    assert slow.cancelled == 1
    bench.dispatcher.close()
    bench.nothing_held()


@WAYS
def test_nobody_is_raced_who_is_fast(get: Callable[[Bench], Any]) -> None:
    bench = racing(Scripted([ANSWER]), Scripted([ANSWER]), after_s=5.0)
    _, response = get(bench)
    assert [a.target for a in response.attempts] == ["a"]
    bench.dispatcher.close()


@pytest.mark.parametrize("get", [complete, stream])
def test_sync_races_run_on_one_thread_that_ends(get: Callable[[Bench], Any]) -> None:
    before = set(threading.enumerate())
    bench = racing(Scripted([ANSWER]), Scripted([ANSWER]))
    for _ in range(3):
        get(bench)
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon
    bench.dispatcher.close()
    bench.dispatcher.close()
    assert set(threading.enumerate()) == before
    _, response = get(bench)
    assert response.text == "42"
    bench.dispatcher.close()


def test_a_dropped_dispatcher_takes_its_thread_along() -> None:
    before = set(threading.enumerate())
    bench = racing(Scripted([ANSWER]))
    complete(bench)
    (thread,) = set(threading.enumerate()) - before
    del bench
    thread.join(2.0)
    assert not thread.is_alive()


WHO = contextvars.ContextVar("WHO", default="nobody")


class Asking(Scripted):
    """Remembers a context variable of its caller's."""

    who = ""

    async def acomplete(self, call: Call) -> Response:
        self.who = WHO.get()
        return await super().acomplete(call)


def test_a_sync_race_has_its_callers_context() -> None:
    asking = Asking([ANSWER])
    bench = racing(asking)
    token = WHO.set("me")
    complete(bench)
    WHO.reset(token)
    assert asking.who == "me"
    bench.dispatcher.close()


def test_leaving_a_sync_race_early_closes_its_streams() -> None:
    bench = racing(Scripted([ANSWER]), Scripted([ANSWER]))
    chunks = bench.dispatcher.stream(bench_request(), bench.plan, bench.settle)
    assert next(iter(chunks)) == ID
    chunks.close()  # type: ignore[attr-defined]  # an iterator to its reader, a generator in fact
    assert bench.backends["a"].open_streams == 0
    bench.dispatcher.close()
    bench.nothing_held()


def bench_request() -> Any:
    from tests.dispatch.test_drive import ASKED

    return ASKED


@pytest.mark.parametrize("streamed", [False, True])
async def test_cancelling_a_race_cancels_both(streamed: bool) -> None:
    one, two = Slow([ANSWER]), Slow([ANSWER])
    bench = racing(one, two, after_s=0.01)

    async def use() -> None:
        if not streamed:
            await bench.dispatcher.acomplete(bench_request(), bench.plan, bench.settle)
            return
        async for _ in bench.dispatcher.astream(bench_request(), bench.plan, bench.settle):
            pass

    before = asyncio.all_tasks()
    task = asyncio.create_task(use())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (one.cancelled, two.cancelled) == (1, 1)
    assert asyncio.all_tasks() == before
    bench.nothing_held()


# -- lines -----------------------------------------------------------------------------------------


def full_bench() -> tuple[Bench, Any]:
    bench = Bench([ANSWER])
    bench.dispatcher._clock = time.monotonic
    bench.plan = replace(
        bench.plan, targets=tuple(replace(t, max_concurrency=1) for t in bench.plan.targets)
    )
    permit = bench.state.admit("a", "g-a", time.monotonic(), 1)
    assert permit is not None
    return bench, permit


@WAYS
def test_a_place_that_becomes_free_is_taken_at_once(get: Callable[[Bench], Any]) -> None:
    bench, permit = full_bench()
    freed: list[float] = []

    def free() -> None:
        freed.append(time.monotonic())
        bench.state.record(permit, Outcome(ok=True), freed[0])

    timer = threading.Timer(0.05, free)
    timer.start()
    _, response = get(bench)
    timer.join()
    assert response.text == "42"
    assert bench.backends["a"].calls, "it was asked"
    assert freed
    bench.nothing_held()


async def test_a_cancelled_wait_leaves_the_line() -> None:
    bench, permit = full_bench()
    task = asyncio.create_task(
        bench.dispatcher.acomplete(bench_request(), bench.plan, bench.settle)
    )
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    bench.state.release(permit)
    assert bench.state.admit("a", "g-a", time.monotonic(), 1) is not None


# -- what comes in the same turn of the loop -------------------------------------------------------


class Together(Scripted):
    """Shows what it has to show when it is told to: at once with all that are told so."""

    now: asyncio.Event

    async def acomplete(self, call: Call) -> Response:
        await self.now.wait()
        return self.complete(call)

    async def astream(self, call: Call) -> AsyncIterator[Chunk]:
        self.open_streams += 1
        try:
            await self.now.wait()
            for item in self._begin(call):
                if isinstance(item, BaseException):
                    raise item
                yield item
                await asyncio.sleep(0)
        finally:
            self.open_streams -= 1


def together(*scripts: Any) -> Bench:
    bench = racing(*[Together(script) for script in scripts], after_s=0.01)
    go = asyncio.Event()
    for backend in bench.backends.values():
        backend.now = go  # type: ignore[attr-defined]  # they are all Together
    estimated = Settlement(Usage(100, 100, reported=False), 7.0)
    bench.plan = replace(bench.plan, expect=lambda target: estimated)
    return bench


async def let_go(bench: Bench) -> None:
    await asyncio.sleep(0.05)
    bench.backends["a"].now.set()  # type: ignore[attr-defined]  # as above


async def test_an_answer_that_comes_at_once_with_another_is_billed_as_what_it_is() -> None:
    bench = together([ANSWER], [ANSWER])
    response, _ = await asyncio.gather(
        bench.dispatcher.acomplete(bench_request(), bench.plan, bench.settle), let_go(bench)
    )
    lost, won = response.attempts
    assert (lost.outcome, won.outcome) == ("cancelled", "ok")
    assert (lost.usage, lost.cost_usd) == (USAGE, 0.5)
    assert len(lost.adjustments) == 1
    assert sorted(name for name, _ in bench.settled) == ["a", "b"]
    assert response.spent_usd == 1.0
    bench.nothing_held()


async def test_an_error_that_comes_at_once_with_an_answer_is_told_and_learnt() -> None:
    failed, answered = [ServerError("x")], ANSWER
    for scripts, name in (([failed], [answered]), "a"), (([answered], [failed]), "b"):
        bench = together(*scripts)
        response, _ = await asyncio.gather(
            bench.dispatcher.acomplete(bench_request(), bench.plan, bench.settle), let_go(bench)
        )
        assert response.text == "42"
        first = response.attempts[0]
        assert (first.target, first.outcome) == (name, "error")
        assert bench.state.snapshot().targets[name].failures == 1
        bench.nothing_held()


async def test_of_two_streams_that_begin_at_once_one_is_closed_before_the_other_goes_on() -> None:
    bench = together([ANSWER], [ANSWER])
    chunks = bench.dispatcher.astream(bench_request(), bench.plan, bench.settle)
    first, _ = await asyncio.gather(anext(chunks), let_go(bench))
    assert first == ID
    assert sum(backend.open_streams for backend in bench.backends.values()) == 1
    rest = [chunk async for chunk in chunks]
    assert rest[:-1] == ANSWER[1:]
    assert [a.outcome for a in rest[-1].response.attempts] == ["cancelled", "ok"]
    bench.nothing_held()
