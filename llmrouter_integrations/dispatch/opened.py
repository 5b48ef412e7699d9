"""One call's stream, from its opening to its end; sync and async, alike line by line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

from llmrouter_integrations.dispatch.judge import averify, verify
from llmrouter_integrations.dispatch.steps import Answered, Broke, Committed, Failed, Unjudged
from llmrouter_integrations.errors import AttemptError, TargetTimeoutError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from llmrouter_integrations.dispatch.backend import Call
    from llmrouter_integrations.dispatch.incoming import Incoming
    from llmrouter_integrations.dispatch.plan import Plan
    from llmrouter_integrations.dispatch.steps import CallTarget
    from llmrouter_integrations.errors import TimeoutPhase
    from llmrouter_integrations.messages import Chunk, Response

__all__ = ["GUARD_SLACK_S", "AsyncOpenedStream", "OpenedStream", "cut_off"]

GUARD_SLACK_S = 0.05
"""How long after a limit the async loops cut a backend off that did not keep to it itself."""


class _Opened:
    __slots__ = ("_call", "_clock", "_deadline", "_plan", "_target", "incoming")

    def __init__(
        self,
        step: CallTarget,
        call: Call,
        incoming: Incoming,
        plan: Plan,
        clock: Callable[[], float],
    ) -> None:
        self._target = step.target.name
        self._deadline = step.deadline
        self._call = call
        self._plan = plan
        self._clock = clock
        self.incoming = incoming

    def _committed(self) -> Committed:
        return Committed(self._clock(), self._target, self.incoming.builder.response)

    def _unjudged(self, fault: BaseException, whole: Response) -> Unjudged:
        return Unjudged(self._clock(), fault, whole, self._call.adjustments, self._target)

    def _ended(self, error: AttemptError) -> Answered | Broke | Failed:
        """Say how a committed stream ended."""
        incoming = self.incoming
        if incoming.handed_on and error.leaves_answer and self._plan.on_interrupt == "raise":
            # thoughts alone, and nobody may take over: it is what the model alone would give
            answer = incoming.fault(error).answer
            if answer is not None:
                return Answered(self._clock(), answer, self._call.adjustments, self._target)
        return self._failed(error)

    def _failed(self, error: AttemptError) -> Broke | Failed:
        incoming = self.incoming
        if incoming.handed_on:
            partial = incoming.builder.response()
            return Broke(self._clock(), error, partial, self._call.adjustments, self._target)
        error = incoming.fault(error)
        return Failed(self._clock(), error, self._call.adjustments, self._target)


class OpenedStream(_Opened):
    """One call's stream.

    Args:
        step: What was asked for.
        call: The call.
        chunks: What the backend gives.
        incoming: Collects it.
        plan: The request's plan.
        clock: Monotonic seconds.
    """

    __slots__ = ("_chunks",)

    def __init__(  # noqa: PLR0917  (made in one place, the dispatcher)
        self,
        step: CallTarget,
        call: Call,
        chunks: Iterator[Chunk],
        incoming: Incoming,
        plan: Plan,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(step, call, incoming, plan, clock)
        self._chunks = chunks

    def open(self) -> Committed | Failed | Broke | Unjudged:
        """Read until the stream can be committed to."""
        incoming = self.incoming
        whole: Response | None = None
        try:
            for chunk in self._chunks:
                if incoming.opens(chunk):
                    break
            else:
                whole = incoming.finish()
        except AttemptError as error:
            return self._failed(error)
        if whole is not None:
            try:
                rejected = verify(self._plan, whole, self._deadline - self._clock())
            except BaseException as fault:  # noqa: BLE001  (the machine raises it)
                return self._unjudged(fault, whole)
            if rejected is not None:
                return self._failed(rejected)
        return self._committed()

    def relay(self) -> Generator[Chunk, None, Answered | Broke | Failed]:
        """Hand on what came and what is to come."""
        incoming = self.incoming
        try:
            for chunk in incoming.release():
                yield chunk
            if incoming.flows:
                add = incoming.builder.add
                for chunk in self._chunks:
                    add(chunk)
                    yield chunk
            else:
                for chunk in self._chunks:
                    if (passed := incoming.passes(chunk)) is not None:
                        yield passed
            response = incoming.finish()
            yield from incoming.held
        except AttemptError as error:
            return self._ended(error)
        return Answered(self._clock(), response, self._call.adjustments, self._target)

    def close(self) -> None:
        """Close its connection."""
        if isinstance(self._chunks, Generator):
            self._chunks.close()


class AsyncOpenedStream(_Opened):
    """One call's stream; as :class:`OpenedStream`."""

    __slots__ = ("_chunks", "_end")

    def __init__(  # noqa: PLR0917  (made in one place, the dispatcher)
        self,
        step: CallTarget,
        call: Call,
        chunks: AsyncIterator[Chunk],
        incoming: Incoming,
        plan: Plan,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(step, call, incoming, plan, clock)
        self._chunks = chunks
        self._end: Answered | Broke | Failed | None = None

    async def open(self) -> Committed | Failed | Broke | Unjudged:
        """Read until the stream can be committed to."""
        incoming, limits = self.incoming, self._call.limits
        whole: Response | None = None
        # a stream that must pass a check is committed to at its end
        held = self._plan.verify is not None
        allowed_s = limits.total_s if held else limits.first_token_s
        try:
            async with asyncio.timeout(allowed_s + GUARD_SLACK_S) as guard:
                async for chunk in self._chunks:
                    if incoming.opens(chunk):
                        break
                else:
                    whole = incoming.finish()
        except AttemptError as error:
            return self._failed(error)
        except TimeoutError:
            if not guard.expired():
                raise
            return self._failed(cut_off(allowed_s, "total" if held else "first_token"))
        if whole is not None:
            try:
                rejected = await averify(self._plan, whole, self._deadline - self._clock())
            except BaseException as fault:  # noqa: BLE001  (the machine raises it)
                return self._unjudged(fault, whole)
            if rejected is not None:
                return self._failed(rejected)
        return self._committed()

    async def relay(self) -> AsyncGenerator[Chunk]:
        """Hand on what came and what is to come."""
        incoming = self.incoming
        try:
            for chunk in incoming.release():
                yield chunk
            if incoming.flows:
                add = incoming.builder.add
                async for chunk in self._chunks:
                    add(chunk)
                    yield chunk
            else:
                async for chunk in self._chunks:
                    if (passed := incoming.passes(chunk)) is not None:
                        yield passed
            response = incoming.finish()
            for chunk in incoming.held:
                yield chunk
        except AttemptError as error:
            self._end = self._ended(error)
            return
        self._end = Answered(self._clock(), response, self._call.adjustments, self._target)

    def came_to(self) -> Answered | Broke | Failed:
        """Say how it ended, once it has been handed on."""
        assert self._end is not None  # noqa: S101  (a caller that breaks off does not ask)
        return self._end

    async def close(self) -> None:
        """Close its connection."""
        if isinstance(self._chunks, AsyncGenerator):
            await self._chunks.aclose()


def cut_off(allowed_s: float, phase: TimeoutPhase) -> TargetTimeoutError:
    """Name the error of a backend that was cut off because it kept to no limit itself."""
    return TargetTimeoutError(f"no answer within {allowed_s:.3g} s", phase=phase)
