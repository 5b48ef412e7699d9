"""URLs that can be connected to; httpx escapes what is wrong with a host, and asks DNS for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["usable_url"]

_LABEL = r"[A-Za-z0-9_-]{1,63}"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?".encode())
"""A host's name once it is in ASCII. IPv6 addresses, which have colons, httpx checks itself."""


def usable_url(text: str, schemes: Collection[str]) -> httpx.URL | None:
    """The URL parsed, or None where it has another scheme, or no host and port to connect to."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return None
    host = url.raw_host
    has_host = b":" in host or _NAME.fullmatch(host) is not None
    has_port = url.port is None or 0 < url.port < 65536
    return url if url.scheme in schemes and has_host and has_port else None
