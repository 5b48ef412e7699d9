"""What base64 data is, where nobody said; data URLs taken apart; and what stands for lost media."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from llmrouter_integrations.errors import UnsupportedParameterError
from llmrouter_integrations.messages import Adjustment

if TYPE_CHECKING:
    from llmrouter_integrations.catalog.model import Abilities
    from llmrouter_integrations.messages import Part

__all__ = [
    "IMAGE_TYPES",
    "base64_text",
    "image_type",
    "kind_of",
    "lacks",
    "left_out",
    "media_type_of",
    "note",
    "split_data_url",
]

IMAGE_TYPES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""What every vendor that sees takes."""

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


def kind_of(part: Part) -> str:
    """Name what a part is: "image", "audio", "file", "opaque", ..."""
    return type(part).__name__.removesuffix("Part").lower()


def image_type(data: str | None, url: str | None, media_type: str | None) -> str | None:
    """Tell an image's media type; None of one at an address, whose type its server tells.

    Returns:
        The type; "image" where there is nothing that a vendor could fetch or read.
    """
    if data is not None:
        return media_type or media_type_of(data) or "image/png"
    if url is None:
        return "image"
    if url.startswith("data:"):
        return url[5:].partition(",")[0].partition(";")[0]
    return None if url.startswith(("https://", "http://")) else "image"


def lacks(abilities: Abilities | None, kind: str) -> bool:
    """Whether a model is known to take no ``image``, ``audio``, ``video`` or ``file``."""
    if abilities is None or abilities.input is None:
        return False
    return ("pdf" if kind == "file" else kind) not in abilities.input


def note(kind: str) -> str:
    """Give the words that stand for what was left out."""
    return f"[{kind} left out: it cannot be read here]"


def left_out(kind: str, adjustments: list[Adjustment], *, asked: bool) -> str:
    """Give the words that stand for what there is no form for, so that the model knows of it.

    Args:
        kind: What it is: a media type, or "audio", "image" or "file".
        adjustments: Gets a word on it.
        asked: Whether it is what the question is about, rather than shown by a tool or a model,
            or long answered; see :func:`~.messages.asked_from`.

    Raises:
        UnsupportedParameterError: It is asked about. Leaving it out would leave the question
            without its subject, which another target may be able to read.
    """
    if asked:
        raise UnsupportedParameterError(
            f"this API takes no {kind} in a message",
            parameter=medium if (medium := kind.partition("/")[0]) in _MEDIA else "file",
            sent=False,
        )
    adjustments.append(Adjustment(kind, "dropped", "no form of content that it takes"))
    return note(kind)
