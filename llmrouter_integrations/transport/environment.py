"""What the user and the environment say about proxies, trust and the transport to use."""

from __future__ import annotations

import os
import ssl
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.request import getproxies, proxy_bypass

import certifi
import httpx

from llmrouter_integrations.errors import ConfigurationError, MissingExtraError
from llmrouter_integrations.http_messages import url_without_secrets
from llmrouter_integrations.transport.urls import usable_url

__all__ = ["Proxies", "async_backend", "tls_context"]

BACKENDS = ("auto", "httpx", "aiohttp")

_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


def async_backend(chosen: str | None) -> str:
    """Which implementation carries async calls: ``httpx`` or ``aiohttp``.

    Args:
        chosen: ``auto``, ``httpx`` or ``aiohttp``; None reads ``LLMROUTER_HTTP``, then ``auto``,
            which is aiohttp where it is installed.

    Raises:
        ConfigurationError: There is none of that name.
        MissingExtraError: aiohttp was asked for and is not installed.
    """
    name = chosen or os.environ.get("LLMROUTER_HTTP") or "auto"
    asked = f"{'http' if chosen else 'LLMROUTER_HTTP'}={name!r}"
    if name not in BACKENDS:
        raise ConfigurationError(f"{asked} is none of {', '.join(BACKENDS)}")
    if name == "httpx":
        return name
    if find_spec("aiohttp") is None:
        if name == "aiohttp":
            raise MissingExtraError(asked, "fast", "aiohttp")
        return "httpx"
    return "aiohttp"


def tls_context(verify: bool | str | ssl.SSLContext, *, trust_env: bool) -> ssl.SSLContext:
    """The context that all connections share.

    Args:
        verify: True for the usual roots, False for no verification, a path to a PEM bundle or
            to a directory of hashed certificates, or a context of the caller's own.
        trust_env: Whether ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` replace the usual roots.

    Raises:
        ConfigurationError: The path named does not exist or holds no certificates.
    """
    if isinstance(verify, ssl.SSLContext):
        return verify
    if verify is False:
        return httpx.create_ssl_context(verify=False)
    if isinstance(verify, str):
        return _trusting(verify, "verify")
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if trust_env and (path := os.environ.get(name)):
            return _trusting(path, name)
    return ssl.create_default_context(cafile=certifi.where())


def _trusting(path: str, source: str) -> ssl.SSLContext:
    place = Path(path)
    if not path or not place.exists():
        raise ConfigurationError(f"{source}={path!r}: no such file or directory of certificates")
    try:
        if place.is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"{source}={path!r} holds no usable certificates") from error


class Proxies:
    """Which proxy a URL goes through.

    Args:
        explicit: A proxy URL for every request; None leaves it to the environment.
        trust_env: Whether ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` (and
            the system's settings, on macOS and Windows) are honoured.

    Raises:
        ConfigurationError: A proxy URL that cannot be used. Its password is not shown.
    """

    def __init__(self, explicit: str | None, *, trust_env: bool) -> None:
        self._by_scheme: dict[str, httpx.Proxy] = {}
        self._bypassed: tuple[str, ...] = ()
        self._explicit = _proxy(explicit, "proxy") if explicit else None
        if self._explicit is None and trust_env:
            found = getproxies()
            self._bypassed = tuple(host.strip() for host in found.get("no", "").split(","))
            self._by_scheme = {
                scheme: _proxy(found[scheme], f"{scheme.upper()}_PROXY")
                for scheme in ("http", "https", "all")
                if found.get(scheme)
            }

    def for_url(self, url: httpx.URL) -> httpx.Proxy | None:
        """The proxy to use for this URL, or None for a direct connection."""
        if self._explicit is not None:
            return self._explicit
        proxy = self._by_scheme.get(url.scheme) or self._by_scheme.get("all")
        if proxy is None or self._is_bypassed(url.host):
            return None
        return proxy

    def _is_bypassed(self, host: str) -> bool:
        return bool(proxy_bypass(host)) or any(
            _in_network(host, entry) for entry in self._bypassed if "/" in entry
        )


def _in_network(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:  # a name is in no network, and a malformed entry bypasses nothing
        return False


def _proxy(url: str, source: str) -> httpx.Proxy:
    written = url if "://" in url else f"http://{url}"
    shown = f"{source}={url_without_secrets(written)!r}"
    parsed = usable_url(written, _PROXY_SCHEMES)
    if parsed is None:
        raise ConfigurationError(
            f"{shown} is not the URL of a proxy: http://host:port, https:// or socks5:// is wanted"
        )
    if parsed.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ConfigurationError(f"{shown} needs socksio: pip install 'httpx[socks]'")
    return httpx.Proxy(parsed)
