"""Images, sound and files out of content blocks, whichever of a dozen shapes they come in."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from llmrouter_integrations.messages import AudioPart, FilePart, ImagePart, TextPart
from llmrouter_integrations.wire.media import split_data_url

if TYPE_CHECKING:
    from llmrouter_integrations.messages import Part

__all__ = ["audio", "document", "image", "media", "video"]


class _Located(NamedTuple):
    """Where the content of a block is, and what it is. ``owner`` is who stores a file id."""

    data: str | None
    url: str | None
    file_id: str | None
    text: str | None
    media_type: str | None
    name: str | None
    owner: str | None


_INNER = (
    # key of the nested mapping, and whose form that is
    ("source", "anthropic"),
    ("file", "openai"),
    ("image_url", "openai"),
    ("input_audio", "openai"),
)


def _first(of: Mapping[str, Any], *keys: str) -> str | None:
    for key in keys:
        value = of.get(key)
        if isinstance(value, str) and value:
            return value
    return None


def _locate(block: Mapping[str, Any]) -> _Located:
    """Find it in LangChain's v0 and v1 blocks, OpenAI's two APIs', Anthropic's and Gemini's."""
    inner, owner = next(
        ((block[key], whose) for key, whose in _INNER if isinstance(block.get(key), Mapping)),
        (block, "openai" if str(block.get("type", "")).startswith("input_") else None),
    )
    data = inner.get("base64") or inner.get("data") or inner.get("file_data")
    if isinstance(data, bytes):
        data = base64.b64encode(data).decode()
    url = _first(inner, "url", "file_url", "file_uri", "image_url")
    text = _first(inner, "text")
    media_type = _first(inner, "mime_type", "media_type") or _first(
        block, "mime_type", "media_type"
    )
    if inner is not block and inner.get("type") == "text":  # Anthropic's plain-text document
        data, text, media_type = None, data, media_type or "text/plain"
    elif isinstance(content := inner.get("content"), list):  # Anthropic's document in blocks
        text = "\n".join([b if isinstance(b, str) else b.get("text", "") for b in content])
    if media_type is None and (form := _first(inner, "format")) is not None:
        media_type = "audio/mpeg" if form == "mp3" else f"audio/{form}"
    if (uri := url or data) is not None and (split := split_data_url(uri)) is not None:
        url = None
        media_type, data = split
    file_id = _first(inner, "file_id")
    if file_id is None and inner.get("source_type") == "id":
        file_id = _first(inner, "id")
    return _Located(data, url, file_id, text, media_type, _name(block, inner), owner)


def _name(block: Mapping[str, Any], inner: Mapping[str, Any]) -> str | None:
    for of in (inner, block, block.get("extras"), block.get("metadata")):
        if isinstance(of, Mapping) and (found := _first(of, "filename", "name", "title")):
            return found
    return None


def image(block: Mapping[str, Any]) -> Part:
    """Read an image."""
    found = _locate(block)
    detail: Any = None
    for of in (block, block.get("image_url"), block.get("extras")):
        if isinstance(of, Mapping) and of.get("detail") in ("low", "high", "auto"):
            detail = of["detail"]
    return ImagePart(
        data=found.data,
        url=found.url,
        file_id=found.file_id,
        media_type=found.media_type,
        detail=detail,
        issuer=found.owner if found.file_id else None,
    )


def audio(block: Mapping[str, Any]) -> Part:
    """Read sound."""
    found = _locate(block)
    return AudioPart(
        data=found.data,
        url=found.url,
        file_id=found.file_id,
        media_type=found.media_type,
        transcript=_first(block, "transcript"),
        issuer=found.owner if found.file_id else None,
    )


def document(block: Mapping[str, Any]) -> tuple[Part, ...]:
    """Read a file; the words about it that Anthropic allows go before it as text."""
    found = _locate(block)
    citations = block.get("citations")
    file = FilePart(
        data=found.data,
        url=found.url,
        file_id=found.file_id,
        text=found.text,
        media_type=found.media_type or ("text/plain" if found.text is not None else None),
        name=found.name,
        citations=isinstance(citations, Mapping) and bool(citations.get("enabled")),
        issuer=found.owner if found.file_id else None,
    )
    context = _first(block, "context")
    return (TextPart(context), file) if context else (file,)


def video(block: Mapping[str, Any]) -> Part:
    """Read a video."""
    found = _locate(block)
    return FilePart(
        data=found.data,
        url=found.url,
        file_id=found.file_id,
        media_type=found.media_type or "video/mp4",
        name=found.name,
        issuer=found.owner if found.file_id else None,
    )


def media(block: Mapping[str, Any]) -> Part | tuple[Part, ...]:
    """Read Gemini's ``media`` block, which is of any kind."""
    kind = str(block.get("mime_type", "")).partition("/")[0]
    read = {"image": image, "audio": audio, "video": video}.get(kind)
    return read(block) if read is not None else document(block)
