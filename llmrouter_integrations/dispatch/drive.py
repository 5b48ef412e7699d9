"""The loops that drive the dispatch machine: :class:`Dispatcher`, sync and async.

They perform the machine's steps and decide nothing. The four methods are kept alike line by line,
so that what is tested of one holds for the others.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

from llmrouter_integrations.accumulate import ResponseBuilder
from llmrouter_integrations.dispatch.backend import Call
from llmrouter_integrations.dispatch.machine import dispatch
from llmrouter_integrations.dispatch.plan import DispatchSettings
from llmrouter_integrations.dispatch.steps import (
    Answered,
    Broke,
    CallTarget,
    Committed,
    Done,
    Failed,
    Relay,
    Wait,
    Woke,
)
from llmrouter_integrations.errors import (
    AttemptError,
    TargetTimeoutError,
    TruncatedAnswerError,
)
from llmrouter_integrations.messages import Chunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from llmrouter_integrations.dispatch.backend import Backend
    from llmrouter_integrations.dispatch.plan import Plan, Settle
    from llmrouter_integrations.dispatch.steps import Event, Step
    from llmrouter_integrations.errors import TimeoutPhase
    from llmrouter_integrations.messages import Request, Response
    from llmrouter_integrations.state.base import StateStore

__all__ = ["Dispatcher"]

GUARD_SLACK_S = 0.05
"""How long after a limit the async loops cut a backend off that did not keep to it itself."""

_DEFAULTS = DispatchSettings()


class Dispatcher:
    """Gets requests answered by performing the machine's steps. One serves all threads and loops.

    Args:
        backends: Target name to who reaches it.
        state: The targets' health.
        settings: Retries and waits.
        clock: Monotonic seconds; the state's clock too.
        sleep: How a thread waits.
        asleep: How a task waits.
        rng: Spreads waits.
    """

    def __init__(
        self,
        *,
        backends: Mapping[str, Backend],
        state: StateStore,
        settings: DispatchSettings = _DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        asleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._backends = backends
        self._state = state
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._asleep = asleep
        self._rng = rng or random.Random()  # noqa: S311  (spreads load, guards nothing)

    def complete(self, request: Request, plan: Plan, settle: Settle) -> Response:
        """Get a whole answer.

        Args:
            request: What is asked.
            plan: Whom to ask, and how long it may take.
            settle: Called once, with the answer: gives its usage, cost and decision.

        Raises:
            RequestError: The request is at fault.
            AllTargetsFailed: Every target that could serve it failed.
            DeadlineExceeded: The plan's time ran out.
        """
        machine = self._machine(plan, settle, streamed=False)
        try:
            step = next(machine)
            while not isinstance(step, Done):
                if isinstance(step, CallTarget):
                    call = Call(request, step.limits)
                    try:
                        response = self._backends[step.target.name].complete(call)
                    except AttemptError as error:
                        event: Event = Failed(self._clock(), error, call.adjustments)
                    else:
                        event = Answered(self._clock(), response, call.adjustments)
                elif isinstance(step, Wait):
                    self._sleep(step.seconds)
                    event = Woke(self._clock())
                step = machine.send(event)
        finally:
            machine.close()
        return step.response

    async def acomplete(self, request: Request, plan: Plan, settle: Settle) -> Response:
        """Get a whole answer; as :meth:`complete`."""
        machine = self._machine(plan, settle, streamed=False)
        try:
            step = next(machine)
            while not isinstance(step, Done):
                if isinstance(step, CallTarget):
                    call = Call(request, step.limits)
                    allowed_s = step.limits.total_s
                    try:
                        async with asyncio.timeout(allowed_s + GUARD_SLACK_S) as guard:
                            response = await self._backends[step.target.name].acomplete(call)
                    except AttemptError as error:
                        event: Event = Failed(self._clock(), error, call.adjustments)
                    except TimeoutError:
                        if not guard.expired():
                            raise
                        event = Failed(self._clock(), _cut_off(allowed_s, "total"))
                    else:
                        event = Answered(self._clock(), response, call.adjustments)
                elif isinstance(step, Wait):
                    await self._asleep(step.seconds)
                    event = Woke(self._clock())
                step = machine.send(event)
        finally:
            machine.close()
        return step.response

    def stream(self, request: Request, plan: Plan, settle: Settle) -> Iterator[Chunk]:
        """Get an answer in chunks, from the first target whose stream shows content.

        Args:
            request: What is asked.
            plan: Whom to ask, and how long it may take.
            settle: Called once, with the whole answer, or with what had come when it broke off.

        Yields:
            The backend's chunks, then one whose ``response`` is the whole answer.

        Raises:
            StreamInterrupted: The stream broke after content had been handed on.
            RouterError: As :meth:`complete`.
        """
        machine = self._machine(plan, settle, streamed=True)
        chunks: Iterator[Chunk] = iter(())
        try:
            step = next(machine)
            while not isinstance(step, Done):
                if isinstance(step, CallTarget):
                    call = Call(request, step.limits)
                    chunks = self._backends[step.target.name].stream(call)
                    builder = ResponseBuilder()
                    held: list[Chunk] = []
                    try:
                        for chunk in chunks:
                            builder.add(chunk)
                            held.append(chunk)
                            if chunk.has_content:
                                break
                        else:
                            _check_finished(builder)
                    except AttemptError as error:
                        event: Event = Failed(self._clock(), error, call.adjustments)
                    else:
                        event = Committed(self._clock())
                elif isinstance(step, Relay):
                    yield from held
                    try:
                        for chunk in chunks:
                            builder.add(chunk)
                            yield chunk
                        _check_finished(builder)
                    except AttemptError as error:
                        event = Broke(self._clock(), error, builder.response(), call.adjustments)
                    else:
                        event = Answered(self._clock(), builder.response(), call.adjustments)
                else:
                    self._sleep(step.seconds)
                    event = Woke(self._clock())
                step = machine.send(event)
            yield Chunk(response=step.response)
        finally:
            machine.close()
            if isinstance(chunks, Generator):
                chunks.close()

    async def astream(self, request: Request, plan: Plan, settle: Settle) -> AsyncIterator[Chunk]:
        """Get an answer in chunks; as :meth:`stream`."""
        machine = self._machine(plan, settle, streamed=True)
        chunks: AsyncIterator[Chunk] = _no_chunks()
        try:
            step = next(machine)
            while not isinstance(step, Done):
                if isinstance(step, CallTarget):
                    call = Call(request, step.limits)
                    allowed_s = step.limits.first_token_s
                    chunks = self._backends[step.target.name].astream(call)
                    builder = ResponseBuilder()
                    held: list[Chunk] = []
                    try:
                        async with asyncio.timeout(allowed_s + GUARD_SLACK_S) as guard:
                            async for chunk in chunks:
                                builder.add(chunk)
                                held.append(chunk)
                                if chunk.has_content:
                                    break
                            else:
                                _check_finished(builder)
                    except AttemptError as error:
                        event: Event = Failed(self._clock(), error, call.adjustments)
                    except TimeoutError:
                        if not guard.expired():
                            raise
                        event = Failed(self._clock(), _cut_off(allowed_s, "first_token"))
                    else:
                        event = Committed(self._clock())
                elif isinstance(step, Relay):
                    for chunk in held:
                        yield chunk
                    try:
                        async for chunk in chunks:
                            builder.add(chunk)
                            yield chunk
                        _check_finished(builder)
                    except AttemptError as error:
                        event = Broke(self._clock(), error, builder.response(), call.adjustments)
                    else:
                        event = Answered(self._clock(), builder.response(), call.adjustments)
                else:
                    await self._asleep(step.seconds)
                    event = Woke(self._clock())
                step = machine.send(event)
            yield Chunk(response=step.response)
        finally:
            machine.close()
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()

    def _machine(
        self, plan: Plan, settle: Settle, *, streamed: bool
    ) -> Generator[Step, Event, None]:
        return dispatch(
            plan,
            state=self._state,
            settings=self._settings,
            settle=settle,
            rng=self._rng,
            now=self._clock(),
            streamed=streamed,
        )


async def _no_chunks() -> AsyncIterator[Chunk]:
    empty: tuple[Chunk, ...] = ()
    for chunk in empty:
        yield chunk


def _check_finished(builder: ResponseBuilder) -> None:
    if builder.finish_reason is None:
        raise TruncatedAnswerError("the stream ended without a finish reason")


def _cut_off(allowed_s: float, phase: TimeoutPhase) -> TargetTimeoutError:
    return TargetTimeoutError(f"no answer within {allowed_s:.3g} s", phase=phase)
