"""Builds the httpx transports that carry the bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from llmrouter_integrations.transport.deadline import DeadlineTransport
from llmrouter_integrations.transport.environment import tls_context
from llmrouter_integrations.transport.tunnel import AsyncTunnelTransport

if TYPE_CHECKING:
    import ssl

__all__ = ["Carriers", "LoopConnections"]

_KEEPALIVE_S = 30.0
"""How long an idle connection is kept. Agents pause between steps for longer than httpx's 5 s;
the load balancers of large providers close idle connections after 60 s or more."""


class Carriers:
    """Makes httpx transports that differ only in the proxy they go through.

    Args:
        async_backend: ``httpx`` or ``aiohttp``.
        verify: As :class:`~llmrouter_integrations.transport.client.Transport` takes it.
        trust_env: Whether the environment names the certificates to trust.
        max_connections: Most connections of each transport made.

    Raises:
        ConfigurationError: ``verify`` is a path without usable certificates.
    """

    def __init__(
        self,
        async_backend: str,
        verify: bool | str | ssl.SSLContext,
        trust_env: bool,
        max_connections: int,
    ) -> None:
        self._async_backend = async_backend
        self._trust_env = trust_env
        # What was given is checked at once; the usual roots, 20 ms to load, wait for a first use.
        self._tls = None if verify is True else tls_context(verify, trust_env=trust_env)
        self._limits = httpx.Limits(
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=_KEEPALIVE_S,
        )

    def for_sync(self, proxy: httpx.Proxy | None) -> httpx.BaseTransport:
        """A transport for sync calls: httpx's own, with deadlines."""
        return DeadlineTransport(**self._settings(proxy))

    def for_async(self, proxy: httpx.Proxy | None) -> httpx.AsyncBaseTransport:
        """A transport for async calls, to be made and used in one running event loop."""
        settings = self._settings(proxy)
        # aiohttp speaks to no SOCKS proxy, and to https ones not on every event loop.
        if self._async_backend == "aiohttp" and (proxy is None or proxy.url.scheme == "http"):
            from llmrouter_integrations.transport.over_aiohttp import AiohttpTransport

            return AiohttpTransport(**settings)
        # Only a proxy needs the layer that bounds it; each read and write would pay for it.
        return (httpx.AsyncHTTPTransport if proxy is None else AsyncTunnelTransport)(**settings)

    def _settings(self, proxy: httpx.Proxy | None) -> dict[str, Any]:
        if self._tls is None:
            self._tls = tls_context(verify=True, trust_env=self._trust_env)
        if proxy is not None and proxy.url.scheme == "https":
            proxy.ssl_context = self._tls
        return {"verify": self._tls, "proxy": proxy, "limits": self._limits}


class LoopConnections:
    """The async connections of one event loop, by the proxy they go through.

    Args:
        carriers: Makes the transports.
    """

    def __init__(self, carriers: Carriers) -> None:
        self._carriers = carriers
        self._by_proxy: dict[httpx.Proxy | None, httpx.AsyncBaseTransport] = {}

    def through(self, proxy: httpx.Proxy | None) -> httpx.AsyncBaseTransport:
        """The transport that goes through this proxy, made at its first use."""
        transport = self._by_proxy.get(proxy)
        if transport is None:
            transport = self._by_proxy[proxy] = self._carriers.for_async(proxy)
        return transport

    async def aclose(self) -> None:
        """Close them all."""
        while self._by_proxy:
            _, transport = self._by_proxy.popitem()
            await transport.aclose()
