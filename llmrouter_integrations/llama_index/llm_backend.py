"""A LlamaIndex LLM as a backend: :class:`LlamaIndexBackend`."""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing, nullcontext
from typing import TYPE_CHECKING, Any, Final, NoReturn

from llama_index.core.base.llms.generic_utils import messages_to_prompt
from llama_index.core.llms.custom import CustomLLM

from llmrouter_integrations.llama_index.from_chat import (
    StreamReader,
    read_answer,
    read_completion,
)
from llmrouter_integrations.llama_index.own_call import OwnForm
from llmrouter_integrations.llama_index.silence import unheard
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.sdk_errors import classify_exception
from llmrouter_integrations.wrapping.one_try import with_one_try
from llmrouter_integrations.wrapping.reading import Ending, Reading
from llmrouter_integrations.wrapping.target import key_of, limited_s, named_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llama_index.core.llms import LLM

    from llmrouter_integrations.dispatch.backend import Call
    from llmrouter_integrations.llama_index.own_call import OwnCall
    from llmrouter_integrations.messages import Chunk, Response

__all__ = ["LlamaIndexBackend"]

_TAKE_TIMEOUT: Final = frozenset(("OpenAI", "Anthropic"))
"""Integrations that take ``timeout`` as a call kwarg, in seconds."""

_TELL_REASONS: Final = frozenset(("OpenAI",))
"""Integrations that say of every answer why it ended. Others are found to when they first do."""


class LlamaIndexBackend:
    """Asks a LlamaIndex LLM. See :class:`~llmrouter_integrations.dispatch.backend.Backend`.

    The LLM is called from within the decorators that report its calls, so that events are sent
    and tokens counted once, by whoever called the router. It obeys its rate limiter, and is asked
    once: its own retries are switched off.

    Time limits: awaited, a call is cut off when its time is up. Called from a thread it cannot
    be: integrations that take a ``timeout`` (OpenAI and all that resemble it, Anthropic) are given
    the total, or for each silence of a stream the time its first token has. All others keep to
    what they were built with; a stream's total is looked at between its pieces.

    Args:
        llm: The LLM, as its user has it.
        name: Its target's name.
        provider: Who serves it.
        model_id: What the provider calls it.
        issuer: Who can read back its reasoning and signatures.
    """

    def __init__(self, llm: LLM, *, name: str, provider: str, model_id: str, issuer: str) -> None:
        self.llm = llm
        self._endpoint = Endpoint(name, provider, model_id, base_url="", api_key=key_of(llm))
        self._form = OwnForm(with_one_try(llm), provider=provider, issuer=issuer)
        self._takes_timeout = named_in(llm, _TAKE_TIMEOUT)
        self._ending = Ending(self._endpoint, tells=named_in(llm, _TELL_REASONS))
        # where ``chat`` is written in terms of ``complete``, that one is called without a detour
        inherited = type(llm).chat.__qualname__ == CustomLLM.chat.__qualname__
        self._completes = isinstance(llm, CustomLLM) and inherited

    def complete(self, call: Call) -> Response:
        """Get a whole answer."""
        around = sys.exception()
        own = self._write(call)
        self._limit(own, call.limits.total_s)
        try:
            if own.llm.rate_limiter is not None:
                own.llm.rate_limiter.acquire()
            if self._completes:
                answer = unheard(own.llm, "complete")(_prompt(own), formatted=True, **own.kwargs)
            else:
                answer = unheard(own.llm, "chat")(own.messages, **own.kwargs)
        except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
            self._raise(error, around)
        return self._ending.whole(self._read(answer, own))

    async def acomplete(self, call: Call) -> Response:
        """Get a whole answer."""
        around = sys.exception()
        own = self._write(call)
        try:
            if own.llm.rate_limiter is not None:
                await own.llm.rate_limiter.async_acquire()
            if self._completes:
                asked = unheard(own.llm, "acomplete")(_prompt(own), formatted=True, **own.kwargs)
            else:
                asked = unheard(own.llm, "achat")(own.messages, **own.kwargs)
            answer = await asked
        except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
            self._raise(error, around)
        return self._ending.whole(self._read(answer, own))

    def stream(self, call: Call) -> Iterator[Chunk]:
        """Get an answer in chunks."""
        around = sys.exception()
        own = self._write(call)
        self._limit(own, call.limits.first_token_s)
        reading = Reading(call.limits)
        reader = StreamReader(text_tool=own.text_tool)
        read: Any = reader.read_completion if self._completes else reader.read
        try:
            if own.llm.rate_limiter is not None:
                own.llm.rate_limiter.acquire()
            if self._completes:
                method = unheard(own.llm, "stream_complete")
                source = method(_prompt(own), formatted=True, **own.kwargs)
            else:
                source = unheard(own.llm, "stream_chat")(own.messages, **own.kwargs)
        except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
            self._raise(error, around)
        with closing(source) if isinstance(source, Generator) else nullcontext():
            while True:
                try:
                    answer = next(source, None)
                except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
                    self._raise(error, around)
                reading.check_time()
                if answer is None:
                    break
                if (chunk := reading.chunk(read(answer))) is not None:
                    yield chunk
        yield self._ending.streamed(reading, reader.end())

    async def astream(self, call: Call) -> AsyncIterator[Chunk]:
        """Get an answer in chunks."""
        around = sys.exception()
        own = self._write(call)
        reading = Reading(call.limits)
        reader = StreamReader(text_tool=own.text_tool)
        read: Any = reader.read_completion if self._completes else reader.read
        try:
            async with asyncio.timeout(reading.patience_s) as guard:
                if own.llm.rate_limiter is not None:
                    await own.llm.rate_limiter.async_acquire()
                if self._completes:
                    method = unheard(own.llm, "astream_complete")
                    source = await method(_prompt(own), formatted=True, **own.kwargs)
                else:
                    source = await unheard(own.llm, "astream_chat")(own.messages, **own.kwargs)
        except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
            self._raise(reading.too_late() if _is_up(guard, error) else error, around)
        async with aclosing(source) if isinstance(source, AsyncGenerator) else nullcontext():
            while True:
                try:
                    async with asyncio.timeout(reading.patience_s) as guard:
                        answer = await anext(source, None)
                except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
                    self._raise(reading.too_late() if _is_up(guard, error) else error, around)
                if answer is None:
                    break
                if (chunk := reading.chunk(read(answer))) is not None:
                    yield chunk
        yield self._ending.streamed(reading, reader.end())

    def _write(self, call: Call) -> OwnCall:
        own = self._form.write(call.request)
        call.adjustments = own.adjustments
        return own

    def _limit(self, own: OwnCall, seconds: float) -> None:
        if self._takes_timeout:
            own.kwargs.setdefault("timeout", limited_s(own.llm, seconds))

    def _read(self, answer: Any, own: OwnCall) -> Response:
        if self._completes:
            return read_completion(answer)
        return read_answer(answer, text_tool=own.text_tool)

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


def _prompt(own: OwnCall) -> str:
    to_prompt = own.llm.messages_to_prompt or messages_to_prompt
    return to_prompt(own.messages)


def _is_up(guard: asyncio.Timeout, error: Exception) -> bool:
    return isinstance(error, TimeoutError) and guard.expired()
