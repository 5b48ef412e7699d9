"""A LlamaIndex LLM as a backend: :class:`LlamaIndexBackend`."""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing, nullcontext
from typing import TYPE_CHECKING, Any, NoReturn

from llmrouter_integrations.llama_index.from_chat import read_answer, read_completion
from llmrouter_integrations.llama_index.from_stream import StreamReader
from llmrouter_integrations.llama_index.integrations import integration_of
from llmrouter_integrations.llama_index.own_call import OwnForm
from llmrouter_integrations.llama_index.silence import undecorated, unheard, without_listeners
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.sdk_errors import classify_exception
from llmrouter_integrations.wrapping.one_try import with_one_try
from llmrouter_integrations.wrapping.reading import Ending, Reading
from llmrouter_integrations.wrapping.renewal import renewed
from llmrouter_integrations.wrapping.target import key_of, limited_s

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llama_index.core.base.llms.types import LLMMetadata
    from llama_index.core.llms import LLM

    from llmrouter_integrations.dispatch.backend import Call
    from llmrouter_integrations.llama_index.own_call import OwnCall
    from llmrouter_integrations.messages import Chunk, Response

__all__ = ["LlamaIndexBackend"]


class LlamaIndexBackend:
    """Asks a LlamaIndex LLM. See :class:`~llmrouter_integrations.dispatch.backend.Backend`.

    The LLM is called from within the decorators that report its calls, so that events are sent
    and tokens counted once, by whoever called the router. It obeys its rate limiter, and is asked
    once: its own retries are switched off. Only where a connection turns out to be of an event loop
    that is closed, it is asked again.

    Time limits: awaited, a call is cut off when its time is up. Called from a thread it cannot
    be: integrations that take a ``timeout`` (OpenAI and all that resemble it, Anthropic) are given
    the total, or for each silence of a stream the time its first token has. All others keep to
    what they were built with; a stream's total is looked at between its pieces.

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

    def complete(self, call: Call) -> Response:
        """Get a whole answer."""
        around = sys.exception()
        own = self._write(call, streamed=False)
        self._limit(own, call.limits.total_s)
        try:
            if self.llm.rate_limiter is not None:
                self.llm.rate_limiter.acquire()
            with unheard():
                answer = _ask(own, "chat", "complete")
        except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
            self._raise(error, around)
        return self._ending.whole(self._read(answer, own))

    async def acomplete(self, call: Call) -> Response:
        """Get a whole answer."""
        around = sys.exception()
        own = self._write(call, streamed=False)
        try:
            if self.llm.rate_limiter is not None:
                await self.llm.rate_limiter.async_acquire()
            with unheard():
                answer = await renewed(lambda: _ask(own, "achat", "acomplete"), ignoring=around)
        except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
            self._raise(error, around)
        return self._ending.whole(self._read(answer, own))

    def stream(self, call: Call) -> Iterator[Chunk]:
        """Get an answer in chunks."""
        around = sys.exception()
        own = self._write(call, streamed=True)
        self._limit(own, call.limits.first_token_s)
        reading = Reading(call.limits)
        reader = StreamReader(self._endpoint, self._issuer, text_tool=own.text_tool)
        read: Any = reader.read if own.prompt is None else reader.read_completion
        try:
            if self.llm.rate_limiter is not None:
                self.llm.rate_limiter.acquire()
            with unheard():
                source = _ask(own, "stream_chat", "stream_complete")
        except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
            self._raise(error, around)
        with closing(source) if isinstance(source, Generator) else nullcontext():
            while True:
                try:
                    with unheard():
                        answer = next(source, None)
                except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
                    self._raise(error, around)
                reading.check_time()
                if answer is None:
                    break
                if (chunk := reading.chunk(read(answer), at_work=reader.is_calling)) is not None:
                    yield chunk
        yield self._ending.streamed(reading, reader.end())

    async def astream(self, call: Call) -> AsyncIterator[Chunk]:
        """Get an answer in chunks."""
        around = sys.exception()
        own = self._write(call, streamed=True)
        reading = Reading(call.limits)
        reader = StreamReader(self._endpoint, self._issuer, text_tool=own.text_tool)
        read: Any = reader.read if own.prompt is None else reader.read_completion
        try:
            async with asyncio.timeout(reading.patience_s) as guard:
                if self.llm.rate_limiter is not None:
                    await self.llm.rate_limiter.async_acquire()
                with unheard():
                    source, answer = await renewed(lambda: _abegun(own), ignoring=around)
        except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
            self._raise(reading.too_late() if _is_up(guard, error) else error, around)
        async with aclosing(source) if isinstance(source, AsyncGenerator) else nullcontext():
            while answer is not None:
                if (chunk := reading.chunk(read(answer), at_work=reader.is_calling)) is not None:
                    yield chunk
                try:
                    with unheard():
                        async with asyncio.timeout(reading.patience_s) as guard:
                            answer = await anext(source, None)
                except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
                    self._raise(reading.too_late() if _is_up(guard, error) else error, around)
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

    def _raise(self, error: Exception, around: BaseException | None) -> NoReturn:
        known = classify_exception(error, self._endpoint, ignoring=around)
        if known is None or known is error:
            raise error
        raise known from error

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


async def _abegun(own: OwnCall) -> tuple[Any, Any]:
    """Begin a stream; give it and its first piece: many ask their provider only then."""
    source = await _ask(own, "astream_chat", "astream_complete")
    return source, await anext(source, None)


def _is_up(guard: asyncio.Timeout, error: Exception) -> bool:
    return isinstance(error, TimeoutError) and guard.expired()
