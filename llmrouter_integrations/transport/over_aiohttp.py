"""An httpx async transport over aiohttp, for what httpx's own pool costs when many calls run.

``httpx-aiohttp`` was measured and read first (docs/transport.md): it tells a refused, a reset and
a dropped connection all as ``ConnectTimeout``, so a router would take a request that may have
been billed for one that never left; it keeps cookies, and it re-quotes paths that are signed.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from contextvars import ContextVar
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

import aiohttp
import httpx
from yarl import URL

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from aiohttp.connector import Connection

__all__ = ["AiohttpTransport"]

_INCOMPLETE_BODY = "peer closed connection without sending complete message body"
_NO_ANSWER = "Server disconnected without sending a response."

_SOCKETS: ContextVar[list[asyncio.Transport]] = ContextVar("_SOCKETS")
_LOOK_EVERY_S = 0.5
_LARGE_BODY_BYTES = 1024 * 1024

_HTTPX_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientProxyConnectionError, httpx.ProxyError),
    (aiohttp.ClientHttpProxyError, httpx.ProxyError),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError),
    (aiohttp.ClientConnectionError, httpx.ReadError),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
    (aiohttp.NonHttpUrlClientError, httpx.UnsupportedProtocol),
    (aiohttp.ClientError, httpx.RemoteProtocolError),
)
"""aiohttp's errors and httpx's names for them; the first row that fits counts."""

_MAY_HAVE_BEEN_SENT = (httpx.ReadError, httpx.RemoteProtocolError)


def _in_httpx_terms(error: Exception) -> httpx.TransportError:
    httpx_class = next(named for kind, named in _HTTPX_ERRORS if isinstance(error, kind))
    match error:
        case aiohttp.ClientHttpProxyError():
            text = f"{error.status} {error.message}"
        case aiohttp.ConnectionTimeoutError() | aiohttp.InvalidURL():
            text = ""  # aiohttp's own text holds the whole URL
        case aiohttp.ServerDisconnectedError():
            text = _NO_ANSWER
        case aiohttp.ClientPayloadError() if "Not enough data" in str(error):
            text = _INCOMPLETE_BODY
        case aiohttp.ClientResponseError():
            text = error.message
        case _:
            text = str(error.__cause__ or error)
    return httpx_class(text)


def _body(content: bytes) -> bytes | BytesIO | None:
    """A large body as a file: aiohttp writes those in pieces and lets the loop run between."""
    if len(content) > _LARGE_BODY_BYTES:
        return BytesIO(content)
    return content or None


@lru_cache(maxsize=512)
def _as_sent(url: str) -> URL:
    """The URL exactly as written: aiohttp would otherwise re-quote a path that was signed."""
    return URL(url, encoded=True)


class _Request(aiohttp.ClientRequest):
    """Tells which socket it is written to, so that it can be cut.

    aiohttp closes politely: what is unsent is sent first, for ever if the server does not read.
    """

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        if conn.transport is not None:
            _SOCKETS.get().append(conn.transport)
        return await super().send(conn)


class AiohttpTransport(httpx.AsyncBaseTransport):
    """httpx's async transport seam, filled by an aiohttp session.

    Honours the ``connect`` and ``pool`` timeouts of a request, and bounds its reads by ``read``.
    aiohttp has no write timeout: whoever awaits the answer must bound that wait.
    Made and used inside one running event loop.

    Args:
        verify: The TLS context for servers.
        proxy: An ``http`` proxy for every request, or None.
        limits: Most connections, and how long an idle one is kept.
    """

    def __init__(
        self, *, verify: ssl.SSLContext, proxy: httpx.Proxy | None, limits: httpx.Limits
    ) -> None:
        self._proxy = URL(str(proxy.url)) if proxy is not None else None
        self._proxy_headers = dict(proxy.headers) if proxy is not None else {}
        if proxy is not None and proxy.auth is not None:
            credentials = b64encode(":".join(proxy.auth).encode()).decode()
            self._proxy_headers["Proxy-Authorization"] = f"Basic {credentials}"
        # aiohttp's own limit cannot tell waiting for a place from connecting; this can.
        self._places = asyncio.Semaphore(limits.max_connections or 1000)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=verify, limit=0, keepalive_timeout=limits.keepalive_expiry
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            request_class=_Request,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and wait for the answer's headers."""
        timeout = request.extensions.get("timeout", {})
        await self._take_place(timeout.get("pool"))
        sockets: list[asyncio.Transport] = []
        context = _SOCKETS.set(sockets)
        try:
            response = await self._session.request(
                request.method,
                _as_sent(str(request.url)),
                headers=self._headers(request),
                data=_body(await request.aread()),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    connect=timeout.get("connect"), sock_read=timeout.get("read")
                ),
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
            )
        except BaseException as error:
            _cut(sockets)
            self._places.release()
            if isinstance(error, aiohttp.ClientError):
                told = _in_httpx_terms(error)
                if not sockets and isinstance(told, _MAY_HAVE_BEEN_SENT):
                    told = httpx.ProxyError(str(told))  # broke off before its tunnel stood
                raise told from error
            raise
        finally:
            _SOCKETS.reset(context)
        return httpx.Response(
            response.status,
            # A cassette's answer has no raw headers.
            headers=response.raw_headers or list(response.headers.items()),
            stream=_Body(response, sockets, self._places),
        )

    def _headers(self, request: httpx.Request) -> httpx.Headers:
        # aiohttp gives the proxy's headers only to a tunnel; what is forwarded carries them along.
        if self._proxy_headers and request.url.scheme == "http":
            return httpx.Headers([*request.headers.raw, *httpx.Headers(self._proxy_headers).raw])
        return request.headers

    async def _take_place(self, pool_timeout_s: float | None) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(pool_timeout_s):
                await self._places.acquire()
        except TimeoutError as error:
            raise httpx.PoolTimeout("no free connection") from error

    async def aclose(self) -> None:
        """Close the session and its connections."""
        await self._session.close()


def _cut(sockets: list[asyncio.Transport]) -> None:
    for socket in sockets:
        socket.abort()


class _Body(httpx.AsyncByteStream):
    __slots__ = ("_look", "_places", "_response", "_sockets")

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        sockets: list[asyncio.Transport],
        places: asyncio.Semaphore,
    ) -> None:
        self._response = response
        self._sockets = sockets
        self._places: asyncio.Semaphore | None = places
        self._look = asyncio.get_running_loop().call_later(_LOOK_EVERY_S, self._see_if_alive)

    def __aiter__(self) -> AsyncIterator[bytes]:
        # Not a generator: one that is left half read would need the loop to finish it.
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._response.content.readany()
        except aiohttp.ClientError as error:
            raise _in_httpx_terms(error) from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    def _see_if_alive(self) -> None:
        # At malformed chunk framing aiohttp's C parser drops the connection and tells no reader.
        connection, content = self._response.connection, self._response.content
        if content.is_eof() or content.exception() is not None or connection is None:
            return
        if connection.closed:
            content.set_exception(aiohttp.ClientPayloadError("malformed chunk framing"))
            return
        loop = asyncio.get_running_loop()
        self._look = loop.call_later(_LOOK_EVERY_S, self._see_if_alive)

    async def aclose(self) -> None:
        """Give the connection back if the body was read to its end, else cut it."""
        self._look.cancel()
        if self._response.connection is not None:  # aiohttp lets go of it at the body's end
            _cut(self._sockets)
            self._response.close()
        if self._places is not None:
            self._places.release()
            self._places = None
