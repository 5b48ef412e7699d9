"""The backend of targets reached over HTTP: :class:`WireBackend`, a codec and a transport."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from llmrouter_integrations.errors import (
    AttemptError,
    InvalidRequestError,
    MisconfiguredTargetError,
    ProtocolViolationError,
    RouterError,
    TargetTimeoutError,
)
from llmrouter_integrations.http_messages import HttpResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from llmrouter_integrations.dispatch.backend import Call
    from llmrouter_integrations.http_messages import HttpRequest
    from llmrouter_integrations.messages import Chunk, Response
    from llmrouter_integrations.transport import HttpStream, Limits, Transport
    from llmrouter_integrations.wire.base import Codec, Encoded, Endpoint, StreamDecoder

__all__ = ["WireBackend"]

_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What a codec trips over when a body is JSON but not the promised one. Another target may do
better, so it is told as the provider's fault; the cause stays for whoever mends the codec."""


class WireBackend:
    """Performs attempts over HTTP. See :class:`~llmrouter_integrations.dispatch.backend.Backend`.

    Args:
        codec: The provider's protocol.
        endpoint: Where the target is.
        transport: Who carries the bytes.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        codec: Codec,
        endpoint: Endpoint,
        transport: Transport,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._codec = codec
        self._endpoint = endpoint
        self._transport = transport
        self._clock = clock
        may_block = getattr(codec, "encode_may_block", None)
        self._encode_may_block = may_block is not None and may_block(endpoint)

    def complete(self, call: Call) -> Response:
        """Get a whole answer."""
        http, limits = self._outgoing(call, stream=False)
        return self._decode(self._transport.send(http, limits))

    async def acomplete(self, call: Call) -> Response:
        """Get a whole answer."""
        http, limits = await self._aoutgoing(call, stream=False)
        return self._decode(await self._transport.asend(http, limits))

    def stream(self, call: Call) -> Iterator[Chunk]:
        """Get an answer in chunks."""
        http, limits = self._outgoing(call, stream=True)
        patience = _Patience(limits.idle_s, self._clock)
        with self._transport.stream(http, limits) as answer:
            if not 200 <= answer.status < 300:
                body = answer.read()
                raise self._refusal(HttpResponse(answer.status, answer.headers, body))
            decoder = self._codec.decoder(self._endpoint)
            source = answer.iter_bytes()
            broken: AttemptError | None = None
            while broken is None:
                try:
                    data = next(source, None)
                except AttemptError as error:
                    broken = error
                    continue
                if data is None:
                    break
                chunks = self._feed(decoder, data)
                patience.heard(chunks, answer)
                if chunks:
                    yield from chunks
                    patience.begins_anew()
            yield from self._finish(decoder, broken)

    async def astream(self, call: Call) -> AsyncIterator[Chunk]:
        """Get an answer in chunks."""
        http, limits = await self._aoutgoing(call, stream=True)
        patience = _Patience(limits.idle_s, self._clock)
        async with self._transport.astream(http, limits) as answer:
            if not 200 <= answer.status < 300:
                body = await answer.aread()
                raise self._refusal(HttpResponse(answer.status, answer.headers, body))
            decoder = self._codec.decoder(self._endpoint)
            source = answer.aiter_bytes()
            broken: AttemptError | None = None
            while broken is None:
                try:
                    data = await anext(source, None)
                except AttemptError as error:
                    broken = error
                    continue
                if data is None:
                    break
                chunks = self._feed(decoder, data)
                patience.heard(chunks, answer)
                if chunks:
                    for chunk in chunks:
                        yield chunk
                    patience.begins_anew()
            for chunk in self._finish(decoder, broken):
                yield chunk

    def _outgoing(self, call: Call, *, stream: bool) -> tuple[HttpRequest, Limits]:
        """Write the request; give it and the time that is left for sending it."""
        began = self._clock()
        encoded = self._encode(call, stream=stream)
        call.adjustments = encoded.adjustments
        return encoded.http, self._left(call.limits, began)

    async def _aoutgoing(self, call: Call, *, stream: bool) -> tuple[HttpRequest, Limits]:
        if not self._encode_may_block:
            return self._outgoing(call, stream=stream)
        began, allowed_s = self._clock(), call.limits.first_token_s
        try:
            async with asyncio.timeout(allowed_s) as guard:
                encoded = await asyncio.to_thread(self._encode, call, stream=stream)
        except TimeoutError:
            if not guard.expired():
                raise
            raise TargetTimeoutError(
                f"not ready to be sent within {allowed_s:.3g} s",
                phase="first_token" if stream else "total",
                sent=False,
            ) from None
        call.adjustments = encoded.adjustments
        return encoded.http, self._left(call.limits, began)

    def _left(self, limits: Limits, began: float) -> Limits:
        if not self._encode_may_block:
            return limits
        took_s = self._clock() - began
        return replace(
            limits, total_s=limits.total_s - took_s, first_token_s=limits.first_token_s - took_s
        )

    def _encode(self, call: Call, *, stream: bool) -> Encoded:
        try:
            return self._codec.encode(call.request, self._endpoint, stream=stream)
        except (orjson.JSONEncodeError, RecursionError, UnicodeEncodeError) as error:
            raise InvalidRequestError(
                f"the request cannot be written as JSON: {error}", sent=False
            ) from error
        except AttemptError:
            raise
        except RouterError as error:
            raise MisconfiguredTargetError(str(error), sent=False) from error

    def _decode(self, http: HttpResponse) -> Response:
        try:
            return self._codec.decode(http, self._endpoint)
        except _UNREADABLE as error:
            raise self._unreadable(error) from error

    def _refusal(self, http: HttpResponse) -> AttemptError:
        try:
            return self._codec.error(http, self._endpoint)
        except _UNREADABLE as error:
            raise self._unreadable(error) from error

    def _feed(self, decoder: StreamDecoder, data: bytes) -> list[Chunk]:
        try:
            return decoder.feed(data)
        except _UNREADABLE as error:
            raise self._unreadable(error) from error

    def _finish(self, decoder: StreamDecoder, broken: AttemptError | None) -> list[Chunk]:
        """End an answer; a connection that broke after its finish marker took nothing from it."""
        try:
            return decoder.finish()
        except AttemptError as error:
            raise (broken or error) from None
        except _UNREADABLE as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> ProtocolViolationError:
        said = f"{type(error).__name__}: {error}"
        return ProtocolViolationError(
            f"the answer is not what {self._codec.protocol} promises ({said[:200]})"
        )


class _Patience:
    """The idle limit on what a stream says, where the transport's is on bytes.

    A provider's keep-alives are bytes, so a stream that only sends those is silent all the same.
    A chunk without content is not: the model is at work. Until the first content, the transport
    counts against the first-token limit alone: whoever thinks may do so in silence.
    Time the consumer takes between chunks is not the provider's and does not count.
    """

    __slots__ = ("_clock", "_idle_s", "_since", "_started")

    def __init__(self, idle_s: float, clock: Callable[[], float]) -> None:
        self._idle_s = idle_s
        self._clock = clock
        self._since = clock()
        self._started = False

    def heard(self, chunks: list[Chunk], answer: HttpStream) -> None:
        """Take note of what the last bytes brought.

        Raises:
            TargetTimeoutError: Bytes came, but for too long nothing was in them.
        """
        if not self._started:
            if any(chunk.has_content for chunk in chunks):
                self._started = True
                answer.content_seen()
        elif not chunks and self._clock() - self._since > self._idle_s:
            raise TargetTimeoutError(f"nothing said for {self._idle_s:.3g} s", phase="idle")

    def begins_anew(self) -> None:
        """The consumer is back for more."""
        if self._started:
            self._since = self._clock()
