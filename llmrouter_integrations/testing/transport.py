"""An httpx transport that breaks connections on schedule, around any other transport."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeAlias

import anyio
import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

__all__ = ["FaultTransport", "Schedule", "TransportFault"]

_RAISED: dict[str, tuple[type[httpx.TransportError], str]] = {
    "connect_error": (httpx.ConnectError, "[Errno 111] Connection refused"),
    "connect_timeout": (httpx.ConnectTimeout, "timed out"),
    "pool_timeout": (httpx.PoolTimeout, "timed out"),
    "read_error": (httpx.ReadError, "[Errno 104] Connection reset by peer"),
    "read_timeout": (httpx.ReadTimeout, "timed out"),
    "write_error": (httpx.WriteError, "[Errno 32] Broken pipe"),
    "write_timeout": (httpx.WriteTimeout, "timed out"),
    "protocol_error": (
        httpx.RemoteProtocolError,
        "Server disconnected without sending a response.",
    ),
}
_CUT = "peer closed connection without sending complete message body (incomplete chunked read)"


@dataclass(frozen=True, slots=True)
class TransportFault:
    """What happens to one request.

    Args:
        kind: ``connect_error``, ``connect_timeout``, ``pool_timeout``, ``read_error``,
            ``read_timeout``, ``write_error``, ``write_timeout`` and ``protocol_error`` raise the
            httpx error of that name, and nothing is sent. ``status`` answers with ``status``, and
            nothing is sent. ``delay`` waits for ``delay_s``, then sends. ``cut`` sends, and breaks
            the response's body off after ``after_bytes``.
        after_bytes: For ``cut``: how much of the body arrives.
        delay_s: Seconds to wait first; any kind may have it.
        status: For ``status``: the HTTP status.
        headers: For ``status``: response headers.
        body: For ``status``: the response's body.
    """

    kind: Literal[
        "connect_error",
        "connect_timeout",
        "pool_timeout",
        "read_error",
        "read_timeout",
        "write_error",
        "write_timeout",
        "protocol_error",
        "status",
        "delay",
        "cut",
    ]
    after_bytes: int = 0
    delay_s: float = 0.0
    status: int = 503
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


Schedule: TypeAlias = (
    Iterable[TransportFault | None] | Callable[[httpx.Request], TransportFault | None]
)
"""The faults of the requests in order, None for none; or what chooses one by the request."""


class FaultTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Wraps a transport of any httpx client, sync or async, and breaks requests on schedule.

    ::

        faults = [TransportFault("connect_error"), None, TransportFault("cut", after_bytes=100)]
        transport = FaultTransport(httpx.HTTPTransport(), faults)
        client = httpx.Client(transport=transport)

    Args:
        inner: The transport that really sends.
        schedule: Which fault comes when; after the last of a list, requests go through unharmed.

    Attributes:
        done: How often each kind was done; ``passed`` counts requests let through unharmed.
    """

    def __init__(
        self, inner: httpx.BaseTransport | httpx.AsyncBaseTransport, schedule: Schedule
    ) -> None:
        self._inner = inner
        self._choose = schedule if callable(schedule) else None
        self._faults = iter(()) if callable(schedule) else iter(schedule)
        self._lock = Lock()
        self.done: Counter[str] = Counter()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, or do what the schedule says.

        Raises:
            httpx.TransportError: As the schedule says, or as the inner transport raises.
        """
        if not isinstance(self._inner, httpx.BaseTransport):
            raise TypeError("the wrapped transport is async only")
        fault = self._next(request)
        if fault is not None and fault.delay_s:
            time.sleep(fault.delay_s)
        instead = _instead(fault, request)
        if instead is not None:
            return instead
        response = self._inner.handle_request(request)
        if fault is not None and fault.kind == "cut":
            response.stream = _CutStream(response.stream, fault.after_bytes)
        return response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, or do what the schedule says.

        Raises:
            httpx.TransportError: As the schedule says, or as the inner transport raises.
        """
        if not isinstance(self._inner, httpx.AsyncBaseTransport):
            raise TypeError("the wrapped transport is sync only")
        fault = self._next(request)
        if fault is not None and fault.delay_s:
            await anyio.sleep(fault.delay_s)
        instead = _instead(fault, request)
        if instead is not None:
            return instead
        response = await self._inner.handle_async_request(request)
        if fault is not None and fault.kind == "cut":
            response.stream = _CutStream(response.stream, fault.after_bytes)
        return response

    def close(self) -> None:
        """Close the wrapped transport."""
        if isinstance(self._inner, httpx.BaseTransport):
            self._inner.close()

    async def aclose(self) -> None:
        """Close the wrapped transport."""
        if isinstance(self._inner, httpx.AsyncBaseTransport):
            await self._inner.aclose()

    def _next(self, request: httpx.Request) -> TransportFault | None:
        with self._lock:
            fault = self._choose(request) if self._choose else next(self._faults, None)
            self.done[fault.kind if fault else "passed"] += 1
        return fault


def _instead(fault: TransportFault | None, request: httpx.Request) -> httpx.Response | None:
    if fault is None:
        return None
    if fault.kind in _RAISED:
        error, message = _RAISED[fault.kind]
        raise error(message, request=request)
    if fault.kind == "status":
        return httpx.Response(fault.status, headers=fault.headers, content=fault.body)
    return None


class _CutStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A response body that breaks off after so many bytes."""

    def __init__(
        self, inner: httpx.SyncByteStream | httpx.AsyncByteStream, after_bytes: int
    ) -> None:
        self._inner = inner
        self._left = after_bytes

    def __iter__(self) -> Iterator[bytes]:
        if isinstance(self._inner, httpx.SyncByteStream):
            for data in self._inner:
                yield self._taken(data)
                if self._left <= 0:
                    break
        raise httpx.RemoteProtocolError(_CUT)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if isinstance(self._inner, httpx.AsyncByteStream):
            async for data in self._inner:
                yield self._taken(data)
                if self._left <= 0:
                    break
        raise httpx.RemoteProtocolError(_CUT)

    def _taken(self, data: bytes) -> bytes:
        taken = data[: self._left]
        self._left -= len(data)
        return taken

    def close(self) -> None:
        if isinstance(self._inner, httpx.SyncByteStream):
            self._inner.close()

    async def aclose(self) -> None:
        if isinstance(self._inner, httpx.AsyncByteStream):
            await self._inner.aclose()
