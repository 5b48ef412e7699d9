"""What base64 data is, where nobody said; data URLs taken apart; and what stands for lost media."""

from __future__ import annotations

import base64
import binascii
from typing import Final
from urllib.parse import unquote_to_bytes

from llmrouter_integrations.errors import UnsupportedParameterError
from llmrouter_integrations.messages import Adjustment

__all__ = ["base64_text", "left_out", "media_type_of", "split_data_url"]

_BEGINNINGS: Final = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi0", "application/pdf"),
)
"""The first bytes of each form, as they look in base64."""
_MEDIA: Final = ("image", "audio", "video")


def media_type_of(data: str) -> str | None:
    """Tell the media type of base64 data by its first bytes, or None."""
    return next((kind for begins, kind in _BEGINNINGS if data.startswith(begins)), None)


def split_data_url(url: str) -> tuple[str, str] | None:
    """Give media type and base64 data of a ``data:`` URL, or None if it is no such URL."""
    if not url.startswith("data:"):
        return None
    head, _, data = url[5:].partition(",")
    kind, *parameters = head.split(";")
    if "base64" not in parameters:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return kind or "text/plain", data


def base64_text(data: str) -> str | None:
    """Give the UTF-8 text that stands in base64, or None if it is none."""
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def left_out(kind: str, adjustments: list[Adjustment], *, asked: bool) -> str:
    """Give the words that stand for what there is no form for, so that the model knows of it.

    Args:
        kind: What it is: a media type, or "audio", "image" or "file".
        adjustments: Gets a word on it.
        asked: Whether the user sent it, rather than a tool or a model.

    Raises:
        UnsupportedParameterError: The user sent it. Leaving it out would leave the question
            without its subject, which another target may be able to read.
    """
    if asked:
        raise UnsupportedParameterError(
            f"this API takes no {kind} in a message",
            parameter=medium if (medium := kind.partition("/")[0]) in _MEDIA else "file",
            sent=False,
        )
    adjustments.append(Adjustment(kind, "dropped", "no form of content that it takes"))
    return f"[{kind} left out: it cannot be read here]"
