"""The HTTP client that all wire targets share."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Self
from weakref import finalize

import httpx

from llmrouter_integrations.http_messages import HttpResponse
from llmrouter_integrations.transport.carriers import Carriers, LoopConnections
from llmrouter_integrations.transport.environment import Proxies, async_backend
from llmrouter_integrations.transport.exchange import EXPECTED, Exchange
from llmrouter_integrations.transport.lifetimes import PerLoop, forget_in_child
from llmrouter_integrations.transport.limits import WaitLimit
from llmrouter_integrations.transport.outgoing import Routes, outgoing
from llmrouter_integrations.transport.stream import HttpStream

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterator

    from llmrouter_integrations.http_messages import HttpRequest
    from llmrouter_integrations.transport.limits import Limits

__all__ = ["Transport"]

_WHOLE = b"gzip, deflate"
_STREAMED = b"identity"
"""A compressed event stream waits in some middlebox's buffer, and events are small."""

_SyncConnections = dict["httpx.Proxy | None", httpx.BaseTransport]


class Transport:
    """Sends HTTP requests, each within its own limits, and tells every fault as one of our errors.

    One may be shared by all threads and event loops of a process: sync calls share one pool,
    each event loop has its own and closes it when it ends, and a forked child starts afresh.
    Redirects are not followed, cookies are not kept, nothing is retried.

    Args:
        http: What carries async calls: ``httpx``, ``aiohttp``, or ``auto`` for aiohttp where it
            is installed. None reads ``LLMROUTER_HTTP``. Sync calls are always httpx's own.
        verify: TLS verification: True, False, a path to a CA bundle or directory, or a context.
        proxy: URL of a proxy for every request; None leaves it to the environment.
        trust_env: Whether the environment's proxies, ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` count.
        sync_transport: Any httpx transport to send sync calls through instead, as it is.
        async_transport: Any httpx transport to send async calls through instead, as it is. All
            event loops share it.
        max_connections: Most connections at once, for sync calls and for each event loop.
        clock: Monotonic seconds.

    Raises:
        ConfigurationError: An unusable proxy or CA path, or an unknown ``http``.
    """

    def __init__(
        self,
        *,
        http: str | None = None,
        verify: bool | str | ssl.SSLContext = True,
        proxy: str | None = None,
        trust_env: bool = True,
        sync_transport: httpx.BaseTransport | None = None,
        async_transport: httpx.AsyncBaseTransport | None = None,
        max_connections: int = 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._carriers = Carriers(async_backend(http), verify, trust_env, max_connections)
        self._routes = Routes(Proxies(proxy, trust_env=trust_env))
        self._given_sync = sync_transport
        self._given_async = async_transport
        self._clock = clock
        self._closer: finalize[[_SyncConnections, PerLoop[LoopConnections]], Transport] | None
        self._closer = None
        self.forget_connections()
        forget_in_child(self)

    def send(self, request: HttpRequest, limits: Limits) -> HttpResponse:
        """Send a request and read the whole answer, whatever its status.

        Args:
            request: What to send.
            limits: What the attempt may take.

        Raises:
            TargetTimeoutError: A limit ran out; ``phase`` says which.
            TargetConnectionError: No connection, or one cut before an answer; ``sent`` is False
                where the request cannot have reached the provider.
            TruncatedAnswerError: The answer's bytes ended early.
            ProtocolViolationError: What came is not HTTP, or is larger than ``max_body_bytes``.
            AuthenticationError: The key cannot be written into a header.
            ConfigurationError: Not an http(s) URL, or no usable certificates.
        """
        stream = self._open(request, limits, _WHOLE)
        try:
            body = stream.read()
        finally:
            stream.close()
        return HttpResponse(stream.status, stream.headers, body, stream.elapsed_s())

    async def asend(self, request: HttpRequest, limits: Limits) -> HttpResponse:
        """As :meth:`send`. Cancelling it closes the connection."""
        stream = await self._aopen(request, limits, _WHOLE)
        try:
            body = await stream.aread()
        finally:
            await stream.aclose()
        return HttpResponse(stream.status, stream.headers, body, stream.elapsed_s())

    @contextmanager
    def stream(self, request: HttpRequest, limits: Limits) -> Iterator[HttpStream]:
        """Send a request and hand over the answer, whatever its status, as its headers arrive.

        Leaving the context closes the connection, or keeps it if the body was read to its end.

        Args:
            request: What to send.
            limits: What the attempt may take.

        Raises:
            AttemptError: As :meth:`send`; the stream's readers raise for the body.
        """
        stream = self._open(request, limits, _STREAMED)
        try:
            yield stream
        finally:
            stream.close()

    def astream(
        self, request: HttpRequest, limits: Limits
    ) -> AbstractAsyncContextManager[HttpStream]:
        """As :meth:`stream`. Cancelling it closes the connection."""
        return _Opened(partial(self._aopen, request, limits, _STREAMED))

    def _open(self, request: HttpRequest, limits: Limits, accept_encoding: bytes) -> HttpStream:
        route = self._routes.to(request.url)
        exchange = Exchange(limits, self._clock, route.peer)
        exchange.start()
        transport = self._sync_transport(route.proxy)
        timeout = {
            "connect": WaitLimit(exchange.countdown, limits.connect_s),
            "read": WaitLimit(exchange.countdown),
            "write": WaitLimit(exchange.countdown, limits.idle_s),
            "pool": WaitLimit(exchange.countdown, limits.pool_s),
        }
        try:
            response = transport.handle_request(outgoing(request, route, timeout, accept_encoding))
        except EXPECTED as raised:
            failure = exchange.fault(raised)
        else:
            return HttpStream(response, exchange)
        raise failure

    async def _aopen(
        self, request: HttpRequest, limits: Limits, accept_encoding: bytes
    ) -> HttpStream:
        route = self._routes.to(request.url)
        exchange = Exchange(limits, self._clock, route.peer)
        exchange.start()
        transport = self._given_async or (await self._per_loop.current()).through(route.proxy)
        left = exchange.countdown.left()
        timeout = {
            "connect": min(limits.connect_s, left),
            # One figure for all reads, so only a backstop: each wait is timed here.
            "read": max(limits.first_token_s, limits.idle_s),
            "write": min(limits.idle_s, left),
            "pool": min(limits.pool_s, left),
        }
        try:
            async with asyncio.timeout(left):
                response = await transport.handle_async_request(
                    outgoing(request, route, timeout, accept_encoding)
                )
        except EXPECTED as raised:
            failure = exchange.fault(raised)
        else:
            return HttpStream(response, exchange)
        raise failure

    def _sync_transport(self, proxy: httpx.Proxy | None) -> httpx.BaseTransport:
        if self._given_sync is not None:
            return self._given_sync
        transport = self._connections.get(proxy)
        if transport is None:
            with self._lock:
                transport = self._connections.get(proxy)
                if transport is None:
                    transport = self._carriers.for_sync(proxy)
                    self._connections[proxy] = transport
        return transport

    def forget_connections(self) -> object:
        """Start with no connections, without closing those there were; a forked child does.

        Returns:
            What was let go of, for whoever must keep it open.
        """
        before = self._closer
        self._lock = Lock()
        self._connections: _SyncConnections = {}
        self._per_loop = PerLoop(partial(LoopConnections, self._carriers))
        self._closer = finalize(self, _close_all, self._connections, self._per_loop)
        return before.detach() if before is not None else None

    def close(self) -> None:
        """Close the sync connections, and ask running event loops to close theirs.

        The transport stays usable: what is sent later opens new connections.
        """
        _close_all(self._connections, self._per_loop)

    async def aclose(self) -> None:
        """Close the running event loop's connections, and all that :meth:`close` closes."""
        await self._per_loop.aclose()
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


class _Opened(AbstractAsyncContextManager[HttpStream]):
    """A stream for as long as its context is open.

    Not a generator: as a loop ends, asyncio closes those in any order, this before its user.
    """

    __slots__ = ("_open", "_stream")

    def __init__(self, open_stream: Callable[[], Awaitable[HttpStream]]) -> None:
        self._open = open_stream

    async def __aenter__(self) -> HttpStream:
        self._stream = await self._open()
        return self._stream

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stream.aclose()


def _close_all(connections: _SyncConnections, per_loop: PerLoop[LoopConnections]) -> None:
    while connections:
        _, transport = connections.popitem()
        transport.close()
    per_loop.close_elsewhere()
