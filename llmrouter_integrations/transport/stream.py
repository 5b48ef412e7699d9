"""An answer being read, within its time and its size."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from llmrouter_integrations.transport.closing import at_once
from llmrouter_integrations.transport.exchange import EXPECTED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    import httpx

    from llmrouter_integrations.transport.exchange import Exchange

__all__ = ["HttpStream"]

_ENCODINGS = frozenset({"identity", "gzip", "deflate"})
"""What we ask for, and httpx undoes at a bounded ratio (at most 1032 to 1, by deflate's format).

Whatever else a server sends unasked is refused: httpx inflates each read whole, and other
encodings know no such bound.
"""


class HttpStream:
    """One answer whose body is still to be read: once, by one of the four readers.

    Read to its end, the connection serves another request; left before, it is closed.

    Attributes:
        status: HTTP status code.
        headers: Lower-cased names to values; values of a repeated name are joined by ``, ``.
    """

    __slots__ = ("_counted_bytes", "_exchange", "_response", "headers", "status")

    def __init__(self, response: httpx.Response, exchange: Exchange) -> None:
        self._response = response
        self._exchange = exchange
        self._counted_bytes = 0
        self.status = exchange.status = response.status_code
        self.headers: Mapping[str, str] = _plain(response.headers.raw)

    def content_seen(self) -> None:
        """Say that the answer has begun: from here on ``idle_s`` counts, not ``first_token_s``."""
        self._exchange.countdown.begun()

    def iter_bytes(self) -> Iterator[bytes]:
        """The body as it arrives, content-encoding undone; never an empty chunk.

        Its reader calls :meth:`content_seen` once the bytes say something.

        Raises:
            TargetTimeoutError: ``first_token_s``, ``idle_s`` or ``total_s`` ran out.
            TruncatedAnswerError: The connection ended before the body did.
            ProtocolViolationError: Malformed framing or encoding, or a line over
                ``max_body_bytes``.
        """
        return self._chunks(self._count_line)

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """As :meth:`iter_bytes`."""
        return self._achunks(self._count_line)

    def read(self) -> bytes:
        """The whole body, content-encoding undone.

        Raises:
            TargetTimeoutError: ``first_token_s``, ``idle_s`` or ``total_s`` ran out.
            TruncatedAnswerError: The connection ended before the body did.
            ProtocolViolationError: Malformed framing or encoding, or over ``max_body_bytes``.
        """
        return b"".join(self._chunks(self._count_whole))

    async def aread(self) -> bytes:
        """As :meth:`read`."""
        return b"".join([chunk async for chunk in self._achunks(self._count_whole)])

    def elapsed_s(self) -> float:
        """Seconds since the request was handed over."""
        return self._exchange.countdown.elapsed_s()

    def close(self) -> None:
        """Let the connection go: back to the pool if the body was read to its end, else closed."""
        self._response.close()

    async def aclose(self) -> None:
        """As :meth:`close`."""
        await at_once(self._response.aclose())

    def _chunks(self, count: Callable[[bytes], None]) -> Iterator[bytes]:
        response = self._response
        plain = cast("httpx.SyncByteStream", response.stream)
        return _read(
            iter(response.iter_bytes() if self._is_encoded() else plain), self._exchange, count
        )

    def _achunks(self, count: Callable[[bytes], None]) -> AsyncIterator[bytes]:
        response = self._response
        plain = cast("httpx.AsyncByteStream", response.stream)
        source = response.aiter_bytes() if self._is_encoded() else plain
        return _AsyncRead(source.__aiter__(), self._exchange, count)

    def _is_encoded(self) -> bool:
        encoding = self.headers.get("content-encoding", "identity").lower()
        if encoding not in _ENCODINGS:
            raise self._exchange.violated(f"content-encoding {encoding[:40]!r} was not asked for")
        return encoding != "identity"

    def _count_whole(self, chunk: bytes) -> None:
        self._exchange.countdown.begun()
        self._counted_bytes += len(chunk)
        if self._counted_bytes > self._exchange.max_body_bytes:
            raise self._exchange.violated(f"over {self._exchange.max_body_bytes} bytes of answer")

    def _count_line(self, chunk: bytes) -> None:
        newline = chunk.rfind(b"\n")
        if newline >= 0:
            self._counted_bytes = len(chunk) - newline - 1
            return
        self._counted_bytes += len(chunk)
        if self._counted_bytes > self._exchange.max_body_bytes:
            raise self._exchange.violated(f"over {self._exchange.max_body_bytes} bytes in one line")


def _read(
    source: Iterator[bytes], exchange: Exchange, count: Callable[[bytes], None]
) -> Iterator[bytes]:
    """The chunks of ``source`` for as long as there is time; the faults of httpx as ours."""
    countdown = exchange.countdown
    while countdown.left() > 0:
        try:
            chunk = next(source, None)
        except EXPECTED as raised:
            failure = exchange.fault(raised)
        else:
            if chunk is None:
                return
            if chunk:
                count(chunk)
                yield chunk
            continue
        raise failure
    raise exchange.timed_out()


class _AsyncRead:
    """The async twin of :func:`_read`.

    Not an async generator: one that is left half read would need its loop to finish it.
    """

    __slots__ = ("_count", "_exchange", "_source")

    def __init__(
        self, source: AsyncIterator[bytes], exchange: Exchange, count: Callable[[bytes], None]
    ) -> None:
        self._source = source
        self._exchange = exchange
        self._count = count

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        countdown = self._exchange.countdown
        while (left := countdown.left()) > 0:
            try:
                async with asyncio.timeout(left):
                    chunk = await anext(self._source)
            except EXPECTED as raised:
                failure = self._exchange.fault(raised)
            else:
                if chunk:
                    self._count(chunk)
                    return chunk
                continue
            raise failure
        raise self._exchange.timed_out()


def _plain(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
