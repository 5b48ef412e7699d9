"""The loops that drive the dispatch machine: :class:`Dispatcher`, sync and async.

They perform the machine's steps and decide nothing. Sync and async are kept alike line by line, so
that what is tested of one holds for the other. Calls beside one another (hedges) there are only in
the async loops: a sync request that may need them is run by one on a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from contextlib import aclosing
from threading import Event as ThreadEvent
from typing import TYPE_CHECKING

from llmrouter_integrations.accumulate import chunk_of
from llmrouter_integrations.dispatch.aside import Aside
from llmrouter_integrations.dispatch.backend import Call
from llmrouter_integrations.dispatch.incoming import (
    Incoming,
    amended,
    check_tools_on_offer,
)
from llmrouter_integrations.dispatch.judge import averify, verify
from llmrouter_integrations.dispatch.machine import dispatch
from llmrouter_integrations.dispatch.opened import (
    GUARD_SLACK_S,
    AsyncOpenedStream,
    OpenedStream,
    cut_off,
)
from llmrouter_integrations.dispatch.plan import DispatchSettings
from llmrouter_integrations.dispatch.race import Race
from llmrouter_integrations.dispatch.steps import (
    Answered,
    CallTarget,
    Committed,
    Done,
    Failed,
    Relay,
    Unjudged,
    Wait,
    Woke,
)
from llmrouter_integrations.errors import AttemptError
from llmrouter_integrations.messages import Chunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping

    from llmrouter_integrations.dispatch.backend import Backend
    from llmrouter_integrations.dispatch.plan import Plan, Settle
    from llmrouter_integrations.dispatch.steps import Event, Step
    from llmrouter_integrations.messages import Request, Response
    from llmrouter_integrations.state.base import StateStore

__all__ = ["Dispatcher"]

_Ending = Answered | Failed | Unjudged
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
        self._aside = Aside()

    def complete(self, request: Request, plan: Plan, settle: Settle) -> Response:
        """Get a whole answer.

        Args:
            request: What is asked.
            plan: Whom to ask, and how long it may take.
            settle: Called with each answer that is billed: gives its usage, cost and decision.

        Raises:
            RequestError: The request is at fault.
            AllTargetsFailed: Every target that could serve it failed.
            DeadlineExceeded: The plan's time ran out.
        """
        if plan.hedge is not None:
            return self._aside.run(self.acomplete(request, plan, settle))
        machine = self._machine(plan, settle, streamed=False)
        try:
            step = next(machine)
            while not isinstance(step, Done):
                if isinstance(step, CallTarget):
                    event: Event = self._ask(request, plan, step)
                elif isinstance(step, Wait):
                    event = self._pause(step)
                step = machine.send(event)
        finally:
            machine.close()
        return step.response

    async def acomplete(self, request: Request, plan: Plan, settle: Settle) -> Response:
        """Get a whole answer; as :meth:`complete`."""
        machine = self._machine(plan, settle, streamed=False)
        race = Race() if plan.hedge is not None else None
        try:
            step = next(machine)
            while not isinstance(step, Done):
                if isinstance(step, Wait):
                    event: Event = await self._apause(step)
                elif race is None:
                    assert isinstance(step, CallTarget)  # noqa: S101  (only a hedge awaits)
                    event = await self._aask(request, plan, step)
                else:
                    if isinstance(step, CallTarget):
                        race.start(step.target.name, self._aask(request, plan, step))
                    event = await race.first(step, self._clock)
                    if isinstance(event, Answered):
                        event.beside = await race.close()
                step = machine.send(event)
        finally:
            machine.close()
            if race is not None:
                await race.close()
        return step.response

    def stream(self, request: Request, plan: Plan, settle: Settle) -> Iterator[Chunk]:
        """Get an answer in chunks, from the first target whose stream shows content.

        Args:
            request: What is asked.
            plan: Whom to ask, and how long it may take.
            settle: Called with each answer that is billed, and with what had come of one when it
                broke off.

        Yields:
            The backend's chunks, then one whose ``response`` is the whole answer.

        Raises:
            StreamInterrupted: The stream broke after content had been handed on.
            RouterError: As :meth:`complete`.
        """
        if plan.hedge is not None:
            yield from self._aside.iterate(self.astream(request, plan, settle))
            return
        machine = self._machine(plan, settle, streamed=True)
        opened: OpenedStream | None = None
        relayed = False
        try:
            step = next(machine)
            while not isinstance(step, Done):
                if isinstance(step, CallTarget):
                    opened = self._stream(request, plan, step, opened)
                    event: Event = opened.open()
                elif isinstance(step, Relay) and opened is not None:
                    if step.instead_of is not None:
                        yield Chunk(instead_of=step.instead_of)
                    event = yield from opened.relay()
                    relayed = True
                elif isinstance(step, Wait):
                    event = self._pause(step)
                step = machine.send(event)
            if not relayed:
                yield chunk_of(step.response)
            yield Chunk(response=step.response)
        finally:
            machine.close()
            if opened is not None:
                opened.close()

    async def astream(self, request: Request, plan: Plan, settle: Settle) -> AsyncIterator[Chunk]:
        """Get an answer in chunks; as :meth:`stream`."""
        machine = self._machine(plan, settle, streamed=True)
        race = Race() if plan.hedge is not None else None
        opened: dict[str, AsyncOpenedStream] = {}
        before: AsyncOpenedStream | None = None
        relayed = False
        try:
            step = next(machine)
            while not isinstance(step, Done):
                if isinstance(step, Relay):
                    if step.instead_of is not None:
                        yield Chunk(instead_of=step.instead_of)
                    before = opened.pop(step.target.name)
                    async with aclosing(before.relay()) as relayed_chunks:
                        async for chunk in relayed_chunks:
                            yield chunk
                    event: Event = before.came_to()
                    relayed = True
                elif isinstance(step, Wait):
                    event = await self._apause(step)
                else:
                    if isinstance(step, CallTarget):
                        stream = self._astream(request, plan, step, before)
                        opened[step.target.name] = stream
                        if race is None:
                            event = await stream.open()
                        else:
                            race.start(step.target.name, stream.open())
                    if race is not None:
                        event = await race.first(step, self._clock)
                        if isinstance(event, Committed):
                            event.beside = await race.close()
                            for lost in [name for name in opened if name != event.target]:
                                await opened.pop(lost).close()
                step = machine.send(event)
            if not relayed:
                yield chunk_of(step.response)
            yield Chunk(response=step.response)
        finally:
            machine.close()
            if race is not None:
                await race.close()
            for stream in opened.values():
                await stream.close()
            if before is not None:
                await before.close()

    def close(self) -> None:
        """End the thread of sync requests with hedges; the next one starts another."""
        self._aside.close()

    # -- one step ------------------------------------------------------------------------------

    def _ask(self, request: Request, plan: Plan, step: CallTarget) -> _Ending:
        call = Call(amended(request, step.amend), step.limits)
        name = step.target.name
        try:
            response = self._backends[name].complete(call)
            check_tools_on_offer(plan, response)
        except AttemptError as error:
            return Failed(self._clock(), error, call.adjustments, name)
        try:
            rejected = verify(plan, response, step.deadline - self._clock())
        except BaseException as fault:  # noqa: BLE001  (the machine raises it)
            return Unjudged(self._clock(), fault, response, call.adjustments, name)
        if rejected is not None:
            return Failed(self._clock(), rejected, call.adjustments, name)
        return Answered(self._clock(), response, call.adjustments, name)

    async def _aask(self, request: Request, plan: Plan, step: CallTarget) -> _Ending:
        call = Call(amended(request, step.amend), step.limits)
        name, allowed_s = step.target.name, step.limits.total_s
        try:
            async with asyncio.timeout(allowed_s + GUARD_SLACK_S) as guard:
                response = await self._backends[name].acomplete(call)
                check_tools_on_offer(plan, response)
        except AttemptError as error:
            return Failed(self._clock(), error, call.adjustments, name)
        except TimeoutError:
            if not guard.expired():
                raise
            return Failed(self._clock(), cut_off(allowed_s, "total"), call.adjustments, name)
        try:
            rejected = await averify(plan, response, step.deadline - self._clock())
        except BaseException as fault:  # noqa: BLE001  (the machine raises it)
            return Unjudged(self._clock(), fault, response, call.adjustments, name)
        if rejected is not None:
            return Failed(self._clock(), rejected, call.adjustments, name)
        return Answered(self._clock(), response, call.adjustments, name)

    def _stream(
        self, request: Request, plan: Plan, step: CallTarget, before: OpenedStream | None
    ) -> OpenedStream:
        call = Call(amended(request, step.amend), step.limits)
        chunks = self._backends[step.target.name].stream(call)
        incoming = Incoming(plan, step.amend, before.incoming if before else None)
        return OpenedStream(step, call, chunks, incoming, plan, self._clock)

    def _astream(
        self, request: Request, plan: Plan, step: CallTarget, before: AsyncOpenedStream | None
    ) -> AsyncOpenedStream:
        call = Call(amended(request, step.amend), step.limits)
        chunks = self._backends[step.target.name].astream(call)
        incoming = Incoming(plan, step.amend, before.incoming if before else None)
        return AsyncOpenedStream(step, call, chunks, incoming, plan, self._clock)

    def _pause(self, step: Wait) -> Woke:
        if step.bell is None:
            self._sleep(step.seconds)
        else:
            rung = ThreadEvent()
            step.bell.listen(rung.set)
            rung.wait(step.seconds)
        return Woke(self._clock())

    async def _apause(self, step: Wait) -> Woke:
        if step.bell is None:
            await self._asleep(step.seconds)
        else:
            loop = asyncio.get_running_loop()
            rung = asyncio.Event()
            step.bell.listen(lambda: _call_soon(loop, rung.set))
            try:
                async with asyncio.timeout(step.seconds) as guard:
                    await rung.wait()
            except TimeoutError:
                if not guard.expired():
                    raise
        return Woke(self._clock())

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


def _call_soon(loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(wake)
