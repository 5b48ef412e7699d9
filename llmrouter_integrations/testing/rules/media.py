"""Images and files as they stand in requests: data URLs, base64, media types."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from typing import Any

__all__ = ["IMAGES", "data_url", "is_base64"]

IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What every vendor that sees takes."""

_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^;,]*)*;base64,(.*)", re.DOTALL)


def data_url(url: str) -> tuple[str, str] | None:
    """Give media type and base64 of a data URL; None of any other."""
    found = _DATA_URL.fullmatch(url)
    return (found[1], found[2]) if found else None


def is_base64(data: Any) -> bool:
    """Say whether this is base64 of something, of either alphabet."""
    if not isinstance(data, str) or not data:
        return False
    plain = data.replace("-", "+").replace("_", "/")
    try:
        b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except NotBase64:
        return False
    return True
