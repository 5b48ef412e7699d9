"""From our request to httpx's, cheaply: ``httpx.Client`` spends more on it than on the sending.

(``Client.build_request`` and ``Client.send`` take 120-190 us of CPU a call for cookies, auth,
redirects, hooks and logging that are not wanted here: docs/transport.md.)
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httpx

from llmrouter_integrations.errors import AuthenticationError, ConfigurationError
from llmrouter_integrations.http_messages import url_without_secrets
from llmrouter_integrations.transport.urls import usable_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.http_messages import HttpRequest
    from llmrouter_integrations.transport.environment import Proxies

__all__ = ["Route", "Routes", "outgoing"]

_ROUTES_KEPT = 1000
"""Distinct URLs remembered. There is about one per target; the bound is for URLs that vary."""

_DEFAULT_HEADERS = (
    (b"accept", b"*/*"),
    (b"connection", b"keep-alive"),
    (b"user-agent", b"llmrouter-integrations"),
)

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.6.2: a token."""

_KEY_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Route:
    """What a URL comes to, worked out once. Its repr shows the peer alone, no credentials.

    Attributes:
        url: The parsed URL.
        proxy: The proxy it goes through, if any.
        peer: Origin and proxy, as they may be shown.
        defaults: Headers sent unless the request has its own.
    """

    url: httpx.URL
    proxy: httpx.Proxy | None
    peer: str
    defaults: tuple[tuple[bytes, bytes], ...]

    def __repr__(self) -> str:
        return f"Route({self.peer})"


class Routes:
    """The routes of the URLs in use.

    Args:
        proxies: Knows which proxy a URL goes through.
    """

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies
        self._known: dict[str, Route] = {}

    def to(self, url: str) -> Route:
        """The route to a URL.

        Raises:
            ConfigurationError: It is not an absolute ``http`` or ``https`` URL.
        """
        route = self._known.get(url)
        if route is None:
            if len(self._known) >= _ROUTES_KEPT:
                self._known.clear()
            route = self._known[url] = self._work_out(url)
        return route

    def _work_out(self, url: str) -> Route:
        parsed = usable_url(url, ("http", "https"))
        if parsed is None:
            raise ConfigurationError(f"{url_without_secrets(url)!r} is not an absolute http(s) URL")
        proxy = self._proxies.for_url(parsed)
        host = parsed.netloc
        peer = f"{parsed.scheme}://{host.decode('ascii')}"
        defaults = [(b"host", host), *_DEFAULT_HEADERS]
        if parsed.userinfo:
            credentials = b64encode(unquote(parsed.userinfo.decode()).encode())
            defaults.append((b"authorization", b"Basic " + credentials))
            parsed = parsed.copy_with(username=None, password=None)
        return Route(
            url=parsed,
            proxy=proxy,
            peer=f"{peer} through proxy {proxy.url}" if proxy is not None else peer,
            defaults=tuple(defaults),
        )


def outgoing(
    request: HttpRequest, route: Route, timeout: Mapping[str, float], accept_encoding: bytes
) -> httpx.Request:
    """The request as an httpx transport takes it.

    Args:
        request: What to send.
        route: Where to.
        timeout: httpx's ``connect``, ``read``, ``write`` and ``pool``, in seconds.
        accept_encoding: Sent unless the request says otherwise.

    Raises:
        AuthenticationError: A key holds characters that no header may, such as a line's end.
        ConfigurationError: Another header does, or its name is none.
    """
    # Looked at here because the layers below quote such a value, and it is nearly always a key.
    unsendable = [name for name, value in request.headers if not _is_sendable(name, value)]
    if unsendable:
        raise _unsendable(unsendable[0], route.peer)
    named = {name.encode("ascii").lower(): value.encode("ascii") for name, value in request.headers}
    headers = [(name, value) for name, value in route.defaults if name not in named]
    if b"accept-encoding" not in named:
        headers.append((b"accept-encoding", accept_encoding))
    headers.extend(named.items())
    if request.body or request.method != "GET":
        headers.append((b"content-length", str(len(request.body)).encode("ascii")))
    extensions: dict[str, Any] = {"timeout": timeout}
    sent = httpx.Request(
        request.method,
        route.url,
        headers=headers,
        stream=httpx.ByteStream(request.body),
        extensions=extensions,
    )
    sent.read()  # so that a transport may look at .content
    return sent


def _is_sendable(name: str, value: str) -> bool:
    return (
        _NAME.fullmatch(name) is not None
        and value.isascii()
        and value.isprintable()
        and value == value.strip()
    )


def _unsendable(name: str, peer: str) -> AuthenticationError | ConfigurationError:
    told = (
        f"{peer}: header {name!r} cannot be sent: it has a line break, a space at an end, or "
        "characters outside ASCII"
    )
    if name.lower() in _KEY_HEADERS:
        return AuthenticationError(told, sent=False)
    return ConfigurationError(told)
