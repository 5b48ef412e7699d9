"""Connections through a proxy, with the proxy's own part counted as connecting.

httpcore bounds TCP and TLS by the connect limit. But what it says to a proxy before the provider
can be reached, it says by an answer's limits (``CONNECT``) or by none (SOCKS): a proxy that
accepts and hangs would hold an attempt for all its time, and be told as a provider that may have
begun. These network backends run one deadline from the first packet until the tunnel stands.
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from llmrouter_integrations.transport.limits import WaitLimit

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterable, Iterator

__all__ = ["AsyncTunnelTransport", "TunnelBackend"]


class AsyncTunnelTransport(httpx.AsyncHTTPTransport):
    """``httpx.AsyncHTTPTransport`` whose way through a proxy keeps to the connect limit."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # httpx hands every option of httpcore's pool through but this one.
        self._pool._network_backend = _AsyncTunnelBackend(self._pool._network_backend)  # noqa: SLF001


class _Connecting:
    """What one connection through a proxy has said so far, and when it must stand."""

    __slots__ = ("_ends_at", "has_asked")

    def __init__(self, limit_s: float) -> None:
        self._ends_at = time.monotonic() + limit_s
        self.has_asked = False

    def note(self, written: bytes) -> None:
        self.has_asked = self.has_asked or written.startswith(b"CONNECT ")

    def includes(self, timeout: float | None) -> bool:
        """Whether a wait given this limit belongs to connecting; SOCKS's are given none."""
        return self.has_asked or timeout is None

    @contextmanager
    def bounded(self) -> Iterator[float]:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise httpcore.ConnectTimeout
        try:
            yield left
        except httpcore.TimeoutException as error:
            raise httpcore.ConnectTimeout from error
        except (httpcore.ReadError, httpcore.WriteError) as error:
            raise httpcore.ProxyError(str(error)) from error


def _said(data: bytes) -> bytes:
    if not data:
        raise httpcore.ProxyError("the proxy closed the connection")
    return data


class TunnelBackend(httpcore.NetworkBackend):
    """Connects to a proxy.

    Args:
        inner: Makes the connections.
    """

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect; the deadline runs from here."""
        connecting = _Connecting(timeout.now() if isinstance(timeout, WaitLimit) else timeout or 0)
        stream = self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Tunnel(stream, connecting)


class _Tunnel(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, connecting: _Connecting) -> None:
        self._inner = inner
        self._connecting = connecting

    @contextmanager
    def _bounded(self) -> Iterator[float]:
        try:
            with self._connecting.bounded() as left:
                yield left
        except Exception:
            self.close()  # httpcore does not, of SOCKS
            raise

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if not self._connecting.includes(timeout):
            return self._inner.read(max_bytes, timeout)
        with self._bounded() as left:
            return _said(self._inner.read(max_bytes, left))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._connecting.note(buffer)
        if not self._connecting.includes(timeout):
            return self._inner.write(buffer, timeout)
        with self._bounded() as left:
            return self._inner.write(buffer, left)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002  (one deadline for all of connecting)
    ) -> httpcore.NetworkStream:
        with self._bounded() as left:
            stream = self._inner.start_tls(ssl_context, server_hostname, left)
        # Either the provider's TLS, and the tunnel stands, or that of an https proxy.
        return stream if self._connecting.has_asked else _Tunnel(stream, self._connecting)

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _AsyncTunnelBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, inner: httpcore.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's seam)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        connecting = _Connecting(timeout or 0)
        stream = await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return _AsyncTunnel(stream, connecting)


class _AsyncTunnel(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream, connecting: _Connecting) -> None:
        self._inner = inner
        self._connecting = connecting

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[float]:
        try:
            with self._connecting.bounded() as left:
                yield left
        except Exception:
            await self.aclose()
            raise

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  (httpcore's seam)
        if not self._connecting.includes(timeout):
            return await self._inner.read(max_bytes, timeout)
        async with self._bounded() as left:
            return _said(await self._inner.read(max_bytes, left))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  (httpcore's seam)
        self._connecting.note(buffer)
        if not self._connecting.includes(timeout):
            return await self._inner.write(buffer, timeout)
        async with self._bounded() as left:
            return await self._inner.write(buffer, left)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  (as above; httpcore's seam)
    ) -> httpcore.AsyncNetworkStream:
        async with self._bounded() as left:
            stream = await self._inner.start_tls(ssl_context, server_hostname, left)
        return stream if self._connecting.has_asked else _AsyncTunnel(stream, self._connecting)

    async def aclose(self) -> None:
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
