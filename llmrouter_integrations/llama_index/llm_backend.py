"""A LlamaIndex LLM as a backend: :class:`LlamaIndexBackend`."""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from llama_index.core.llms import CustomLLM

from llmrouter_integrations.errors import TargetTimeoutError
from llmrouter_integrations.llama_index.from_chat import read_answer, read_completion
from llmrouter_integrations.llama_index.from_stream import StreamReader
from llmrouter_integrations.llama_index.integrations import integration_of
from llmrouter_integrations.llama_index.own_call import OwnForm
from llmrouter_integrations.llama_index.silence import undecorated, unheard, without_listeners
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.sdk_errors import raise_classified
from llmrouter_integrations.wrapping.dead_loops import Loops
from llmrouter_integrations.wrapping.one_try import with_one_try
from llmrouter_integrations.wrapping.reading import Ending, Reading
from llmrouter_integrations.wrapping.target import key_of, limited_s
from llmrouter_integrations.wrapping.worker import OutOfTime, Workers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llama_index.core.base.llms.types import LLMMetadata
    from llama_index.core.llms import LLM

    from llmrouter_integrations.dispatch.backend import Call
    from llmrouter_integrations.llama_index.own_call import OwnCall
    from llmrouter_integrations.messages import Chunk, Response

__all__ = ["LlamaIndexBackend"]

_GRACE_S: Final = 0.01
"""How long the next piece may take when the time is up: what has come already is no longer away."""


class LlamaIndexBackend:
    """Asks a LlamaIndex LLM. See :class:`~llmrouter_integrations.dispatch.backend.Backend`.

    The LLM is called from within the decorators that report its calls, so that events are sent
    and tokens counted once, by whoever called the router. It obeys its rate limiter, and is asked
    once: its own retries are switched off.

    Time limits: awaited, a call is cut off when its time is up. Called from a thread, it runs in a
    worker (see :mod:`~llmrouter_integrations.wrapping.worker`) and is left. So that it ends then,
    integrations that take a ``timeout`` with the call (OpenAI and all that resemble it, Anthropic)
    are given that. An LLM whose async methods only call the others runs in a worker when awaited,
    too: it would hold up the event loop.

    Args:
        llm: The LLM, as its user has it.
        metadata: What it says of itself.
        name: Its target's name.
        provider: Who serves it.
        model_id: What the provider calls it.
        issuer: Who can read back its reasoning and signatures.
    """

    def __init__(
        self,
        llm: LLM,
        metadata: LLMMetadata,
        *,
        name: str,
        provider: str,
        model_id: str,
        issuer: str,
    ) -> None:
        self.llm = llm
        self.metadata = metadata
        self._endpoint = Endpoint(name, provider, model_id, base_url="", api_key=key_of(llm))
        self._issuer = issuer
        asked = without_listeners(with_one_try(llm))
        self._form = OwnForm(asked, metadata, provider=provider, issuer=issuer)
        kind = integration_of(llm)
        self._takes_timeout = kind.takes_timeout
        self._ending = Ending(self._endpoint, tells=kind.tells_reasons)
        self._workers = Workers(name)
        self._loops = Loops()

    def complete(self, call: Call) -> Response:
        """Get a whole answer."""
        return self._complete(call, self._write(call, streamed=False))

    async def acomplete(self, call: Call) -> Response:
        """Get a whole answer."""
        around = sys.exception()
        own = self._write(call, streamed=False)
        if _only_waits(own, "achat", "acomplete"):
            return await asyncio.to_thread(self._complete, call, own)
        self._loops.enter(own.llm)
        try:
            if self.llm.rate_limiter is not None:
                await self.llm.rate_limiter.async_acquire()
            with unheard():
                answer = await _ask(own, "achat", "acomplete")
        except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
            raise_classified(error, self._endpoint, ignoring=around)
        return self._ending.whole(self._read(answer, own))

    def stream(self, call: Call) -> Iterator[Chunk]:
        """Get an answer in chunks."""
        return self._stream(call, self._write(call, streamed=True))

    async def astream(self, call: Call) -> AsyncIterator[Chunk]:
        """Get an answer in chunks."""
        around = sys.exception()
        own = self._write(call, streamed=True)
        if _only_waits(own, "astream_chat", "astream_complete"):
            async with aclosing(_in_threads(self._stream(call, own))) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        self._loops.enter(own.llm)
        reading = Reading(call.limits)
        reader = StreamReader(self._endpoint, self._issuer, text_tool=own.text_tool)
        read: Any = reader.read if own.prompt is None else reader.read_completion
        try:
            async with asyncio.timeout(reading.patience_s) as guard:
                if self.llm.rate_limiter is not None:
                    await self.llm.rate_limiter.async_acquire()
                with unheard():
                    source = await _ask(own, "astream_chat", "astream_complete")
        except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
            fault = reading.too_late() if _is_up(guard, error) else error
            raise_classified(fault, self._endpoint, ignoring=around)
        async with aclosing(source) if isinstance(source, AsyncGenerator) else nullcontext():
            while True:
                try:
                    with unheard():
                        async with asyncio.timeout(reading.patience_s) as guard:
                            answer = await anext(source, None)
                except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
                    if _is_up(guard, error) and reader.has_reason:
                        break
                    fault = reading.too_late() if _is_up(guard, error) else error
                    raise_classified(fault, self._endpoint, ignoring=around)
                if answer is None:
                    break
                new = reading.chunk(read(answer), at_work=reader.is_calling)
                if new is not None:
                    yield new
        yield self._ending.streamed(reading, reader.end())

    def _complete(self, call: Call, own: OwnCall) -> Response:
        around = sys.exception()
        seconds = call.limits.total_s
        self._limit(own, seconds)

        def ask() -> Any:
            if self.llm.rate_limiter is not None:
                self.llm.rate_limiter.acquire()
            with unheard():
                return _ask(own, "chat", "complete")

        try:
            with self._workers.start() as worker:
                answer = worker.run(ask, seconds)
        except OutOfTime:
            raise TargetTimeoutError(f"no answer within {seconds:.3g} s", phase="total") from None
        except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
            raise_classified(error, self._endpoint, ignoring=around)
        return self._ending.whole(self._read(answer, own))

    def _stream(self, call: Call, own: OwnCall) -> Generator[Chunk]:
        around = sys.exception()
        # the longest silence there may be; which of the two it is, the reading tells
        self._limit(own, max(call.limits.first_token_s, call.limits.idle_s))
        reading = Reading(call.limits)
        reader = StreamReader(self._endpoint, self._issuer, text_tool=own.text_tool)
        read: Any = reader.read if own.prompt is None else reader.read_completion
        source: Any = None

        def step() -> Any:
            nonlocal source
            with unheard():
                if source is None:
                    if self.llm.rate_limiter is not None:
                        self.llm.rate_limiter.acquire()
                    source = _ask(own, "stream_chat", "stream_complete")
                    if isinstance(source, Generator):
                        worker.close_with(source.close)
                return next(source, None)

        with self._workers.start() as worker:
            while True:
                try:
                    answer = worker.run(step, max(_GRACE_S, reading.patience_s))
                except OutOfTime:
                    if reader.has_reason:
                        break
                    raise reading.too_late() from None
                except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
                    raise_classified(error, self._endpoint, ignoring=around)
                if answer is None:
                    break
                deltas = read(answer)
                if not reader.has_reason:
                    reading.check_time()
                if (chunk := reading.chunk(deltas, at_work=reader.is_calling)) is not None:
                    yield chunk
        yield self._ending.streamed(reading, reader.end())

    def _write(self, call: Call, *, streamed: bool) -> OwnCall:
        own = self._form.write(call.request, streamed=streamed)
        call.adjustments = own.adjustments
        return own

    def _limit(self, own: OwnCall, seconds: float) -> None:
        if self._takes_timeout:
            own.kwargs.setdefault("timeout", limited_s(own.llm, seconds))

    def _read(self, answer: Any, own: OwnCall) -> Response:
        if own.prompt is not None:
            return read_completion(answer, self._endpoint)
        return read_answer(answer, self._endpoint, self._issuer, text_tool=own.text_tool)

    def __reduce__(self) -> tuple[Any, ...]:
        raise pickle.PicklingError(
            f"target {self._endpoint.name!r}: LlamaIndex writes no key-free form of a "
            f"{type(self.llm).__name__}; make the LLM anew where it is needed"
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> LlamaIndexBackend:
        # as a router's: its connections are to be shared
        return self

    def __repr__(self) -> str:
        return f"LlamaIndexBackend({type(self.llm).__name__}: {self._endpoint.model})"


def _ask(own: OwnCall, chat: str, complete: str) -> Any:
    """Call the LLM's method for conversations, or the one for texts."""
    if own.prompt is None:
        return undecorated(own.llm, chat)(own.messages, **own.kwargs)
    return undecorated(own.llm, complete)(own.prompt, formatted=own.formatted, **own.kwargs)


def _only_waits(own: OwnCall, chat: str, complete: str) -> bool:
    """Whether an LLM's async method is the one that ``CustomLLM`` has, which calls the other."""
    name = chat if own.prompt is None else complete
    method = getattr(type(own.llm), name)
    return isinstance(own.llm, CustomLLM) and method.__qualname__ == f"CustomLLM.{name}"


async def _in_threads(chunks: Generator[Chunk]) -> AsyncGenerator[Chunk]:
    """Read a stream without holding up the event loop."""
    step: asyncio.Future[Chunk | None] | None = None
    try:
        while True:
            step = asyncio.ensure_future(asyncio.to_thread(next, chunks, None))
            if (chunk := await asyncio.shield(step)) is None:
                return
            yield chunk
    finally:
        if step is None or step.done():
            chunks.close()
        else:  # cancelled while a thread is in it
            step.add_done_callback(partial(_close_after, chunks))


def _close_after(chunks: Generator[Chunk], step: asyncio.Future[Chunk | None]) -> None:
    if step.cancelled():
        return  # its thread is in it still, and lets it go
    step.exception()  # nobody is left to hear of it
    chunks.close()


def _is_up(guard: asyncio.Timeout, error: Exception) -> bool:
    return isinstance(error, TimeoutError) and guard.expired()
