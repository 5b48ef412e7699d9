"""httpx's own sync transport, with time limits that are asked again before each wait.

httpcore reads a request's timeouts once per phase, so a server that drips one byte at a time
would outlive any total. Its network backend is a public seam: this one turns a
:class:`~llmrouter_integrations.transport.limits.WaitLimit` into seconds at the moment of each
read and write.

It also spares system calls: for every request, httpcore asks every idle connection twice whether
the server has closed it, which after a burst over 200 connections doubles the CPU of each call.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from llmrouter_integrations.transport.limits import WaitLimit
from llmrouter_integrations.transport.tunnel import TunnelBackend

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

__all__ = ["DeadlineTransport"]

_WRITE_SLICE = 256 * 1024
"""Bytes written before the clock is read again; one slice for all but image-laden requests."""

_ALIVE_FOR_S = 0.01
"""How long an idle connection just seen alive is taken to be so: less than a round trip to any
provider, within which its closing could not be seen anyway."""


class DeadlineTransport(httpx.HTTPTransport):
    """``httpx.HTTPTransport`` that keeps a moving deadline. Same arguments, same behaviour."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # httpx hands every option of httpcore's pool through but this one.
        backend: httpcore.NetworkBackend = _Backend(self._pool._network_backend)  # noqa: SLF001
        if settings.get("proxy") is not None:
            backend = TunnelBackend(backend)
        self._pool._network_backend = backend  # noqa: SLF001


def _seconds(timeout: float | None, expired: type[httpcore.TimeoutException]) -> float | None:
    if not isinstance(timeout, WaitLimit):
        return timeout
    left = timeout.now()
    if left <= 0:
        raise expired("out of time")
    return left


class _Backend(httpcore.NetworkBackend):
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
        left = _seconds(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.connect_tcp(host, port, left, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._seen_alive_at = 0.0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._seen_alive_at = 0.0
        return self._inner.read(max_bytes, _seconds(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITE_SLICE):
            left = _seconds(timeout, httpcore.WriteTimeout)
            self._inner.write(buffer[start : start + _WRITE_SLICE], left)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _seconds(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        if info != "is_readable":
            return self._inner.get_extra_info(info)
        now = time.monotonic()
        if now - self._seen_alive_at < _ALIVE_FOR_S:
            return False
        is_readable = self._inner.get_extra_info(info)
        if not is_readable:
            self._seen_alive_at = now
        return is_readable
