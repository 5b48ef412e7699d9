"""A LangChain chat model as a backend: :class:`LangChainBackend`."""

from __future__ import annotations

import asyncio
import pickle
import sys
import warnings
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING, Any, Final

import orjson
from langchain_core._api import LangChainBetaWarning
from langchain_core.globals import get_llm_cache
from langchain_core.load import dumps, loads

from llmrouter_integrations.errors import TargetTimeoutError
from llmrouter_integrations.langchain.from_message import StreamReader, read_answer
from llmrouter_integrations.langchain.own_call import OwnForm
from llmrouter_integrations.langchain.silence import NO_CALLBACKS, unheard
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.dialects import dialect_of
from llmrouter_integrations.wire.sdk_errors import raise_classified
from llmrouter_integrations.wrapping.dead_loops import Loops
from llmrouter_integrations.wrapping.one_try import with_one_try
from llmrouter_integrations.wrapping.reading import Ending, Reading
from llmrouter_integrations.wrapping.target import key_of, limited_s, named_in
from llmrouter_integrations.wrapping.withheld import without_secrets
from llmrouter_integrations.wrapping.worker import OutOfTime, Workers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage

    from llmrouter_integrations.dispatch.backend import Call
    from llmrouter_integrations.langchain.own_call import OwnCall
    from llmrouter_integrations.messages import Chunk, Response

__all__ = ["LangChainBackend"]

_TAKE_TIMEOUT: Final = frozenset(
    {"BaseChatOpenAI", "ChatAnthropic", "ChatGroq", "ChatGoogleGenerativeAI"}
)
"""Integrations that take ``timeout`` as a call kwarg, in seconds."""

_TELL_REASONS: Final = _TAKE_TIMEOUT | {"ChatBedrockConverse", "ChatMistralAI", "ChatOllama"}
"""Integrations that say of every answer why it ended. Others are found to when they first do."""

_GRACE_S: Final = 0.01
"""How long the next chunk may take when the time is up: what has come already is no longer away."""


class LangChainBackend:
    """Asks a LangChain chat model. See :class:`~llmrouter_integrations.dispatch.backend.Backend`.

    The model is called by its public methods, so that its cache, its rate limiter and its own
    callbacks work as ever; the caller's callbacks do not hear of it. It is asked once: its own
    retries are switched off.

    Time limits: awaited, a call is cut off when its time is up. Called from a thread, it runs in a
    worker (see :mod:`~llmrouter_integrations.wrapping.worker`) and is left. So that it ends then,
    integrations that take a ``timeout`` with the call (those of OpenAI and all that resemble it,
    Anthropic, Google, Groq) are given that, but not while a cache is on, of whose key it would be
    part.

    Pickled, it is what LangChain's ``dumps`` writes of the model, without what may be a secret (see
    :mod:`~llmrouter_integrations.wrapping.withheld`); the key is found in the environment where it
    is loaded.

    Args:
        model: The model, as its user has it.
        name: Its target's name.
        provider: Who serves it.
        model_id: What the provider calls it.
        issuer: Who can read back its reasoning and signatures.
    """

    def __init__(
        self, model: BaseChatModel, *, name: str, provider: str, model_id: str, issuer: str
    ) -> None:
        self.model = model
        self._said = {"name": name, "provider": provider, "model_id": model_id, "issuer": issuer}
        self._endpoint = Endpoint(name, provider, model_id, base_url="", api_key=key_of(model))
        self._issuer = issuer
        asked = _counting(with_one_try(model), provider, model_id)
        self._form = OwnForm(asked, provider=provider, issuer=issuer)
        self._takes_timeout = named_in(model, _TAKE_TIMEOUT)
        self._workers = Workers(name)
        self._loops = Loops()
        self._ending = Ending(self._endpoint, tells=named_in(model, _TELL_REASONS))

    def complete(self, call: Call) -> Response:
        """Get a whole answer."""
        around = sys.exception()
        own = self._write(call)
        seconds = call.limits.total_s
        self._limit(own, seconds)

        def ask() -> AIMessage:
            with unheard():
                return own.model.invoke(own.messages, NO_CALLBACKS, **own.kwargs)

        try:
            with self._workers.start() as worker:
                message = worker.run(ask, seconds)
        except OutOfTime:
            raise TargetTimeoutError(f"no answer within {seconds:.3g} s", phase="total") from None
        except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
            raise_classified(error, self._endpoint, ignoring=around)
        return self._ending.whole(read_answer(message, text_tool=own.text_tool))

    async def acomplete(self, call: Call) -> Response:
        """Get a whole answer."""
        around = sys.exception()
        own = self._write(call)
        self._loops.enter(own.model)
        try:
            with unheard():
                message = await own.model.ainvoke(own.messages, NO_CALLBACKS, **own.kwargs)
        except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
            raise_classified(error, self._endpoint, ignoring=around)
        return self._ending.whole(read_answer(message, text_tool=own.text_tool))

    def stream(self, call: Call) -> Iterator[Chunk]:
        """Get an answer in chunks."""
        around = sys.exception()
        own = self._write(call)
        # the longest silence there may be; which of the two it is, the reading tells
        self._limit(own, max(call.limits.first_token_s, call.limits.idle_s))
        reader = StreamReader(self._issuer, text_tool=own.text_tool)
        reading = Reading(call.limits)
        source = own.model.stream(own.messages, NO_CALLBACKS, **own.kwargs)

        def step() -> AIMessage | None:
            with unheard():
                return next(source, None)

        with self._workers.start() as worker:
            if isinstance(source, Generator):
                worker.close_with(source.close)
            while True:
                try:
                    message = worker.run(step, max(_GRACE_S, reading.patience_s))
                except OutOfTime:
                    if reader.has_reason:
                        break
                    raise reading.too_late() from None
                except Exception as error:  # noqa: BLE001  (any SDK's; what is not theirs is raised again)
                    raise_classified(error, self._endpoint, ignoring=around)
                if message is None:
                    break
                deltas = reader.read(message)
                if not reader.has_reason:
                    reading.check_time()
                if (chunk := reading.chunk(deltas)) is not None:
                    yield chunk
        yield self._ending.streamed(reading, reader.end())

    async def astream(self, call: Call) -> AsyncIterator[Chunk]:
        """Get an answer in chunks."""
        around = sys.exception()
        own = self._write(call)
        reader = StreamReader(self._issuer, text_tool=own.text_tool)
        reading = Reading(call.limits)
        self._loops.enter(own.model)
        source = own.model.astream(own.messages, NO_CALLBACKS, **own.kwargs)
        async with aclosing(source) if isinstance(source, AsyncGenerator) else nullcontext():
            while True:
                try:
                    with unheard():
                        async with asyncio.timeout(reading.patience_s) as guard:
                            message = await anext(source, None)
                except Exception as error:
                    if isinstance(error, TimeoutError) and guard.expired():
                        if reader.has_reason:
                            break
                        raise reading.too_late() from error
                    raise_classified(error, self._endpoint, ignoring=around)
                if message is None:
                    break
                if (chunk := reading.chunk(reader.read(message))) is not None:
                    yield chunk
        yield self._ending.streamed(reading, reader.end())

    def _write(self, call: Call) -> OwnCall:
        own = self._form.write(call.request)
        call.adjustments = own.adjustments
        return own

    def _limit(self, own: OwnCall, seconds: float) -> None:
        if not self._takes_timeout or own.model.cache or get_llm_cache() is not None:
            return
        own.kwargs.setdefault("timeout", limited_s(own.model, seconds))

    def __reduce__(self) -> tuple[Any, ...]:
        written = dumps(without_secrets(self.model))
        lost = _not_written(orjson.loads(written))
        if lost is not None:
            raise pickle.PicklingError(
                f"target {self._endpoint.name!r}: LangChain cannot write down a {lost}; "
                "make the model anew where it is needed"
            )
        return _revive, (type(self), type(self.model), written, self._said)

    def __deepcopy__(self, memo: dict[int, Any]) -> LangChainBackend:
        # as a router's: its connections are to be shared
        return self

    def __repr__(self) -> str:
        return f"LangChainBackend({type(self.model).__name__}: {self._endpoint.model})"


def _counting(model: BaseChatModel, provider: str, model_id: str) -> BaseChatModel:
    """Have a model of OpenAI's class say what a stream cost, where its user did not decide that.

    It does so by itself at OpenAI only, since some other servers refuse to be asked: those that our
    own wire does not ask either. An old version of Azure's API does, too.
    """
    undecided = getattr(model, "stream_usage", False) is None
    if undecided and provider != "azure" and dialect_of(provider, model_id).stream_usage:
        return model.model_copy(update={"stream_usage": True})
    return model


def _not_written(said: Any) -> str | None:
    """Name what LangChain left out of what it wrote."""
    if isinstance(said, list):
        return next((lost for each in said if (lost := _not_written(each))), None)
    if not isinstance(said, dict):
        return None
    if said.get("type") == "not_implemented" and "lc" in said:
        return str(said["id"][-1])
    return _not_written(list(said.values()))


def _revive(
    cls: type[LangChainBackend], kind: type[BaseChatModel], written: str, said: dict[str, str]
) -> LangChainBackend:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        model = loads(
            written,
            allowed_objects=[kind],
            valid_namespaces=[kind.__module__.partition(".")[0]],
            secrets_from_env=True,
        )
    return cls(model, **said)
