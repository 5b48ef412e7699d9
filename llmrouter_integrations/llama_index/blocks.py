"""LlamaIndex's content blocks -> parts."""

from __future__ import annotations

import base64
from dataclasses import replace
from io import IOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from llmrouter_integrations import messages as ours
from llmrouter_integrations.errors import InvalidRequestError
from llmrouter_integrations.wire.media import base64_text, split_data_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from llmrouter_integrations.messages import Part

__all__ = ["arguments_json", "foreign_calls", "parts_from"]


def parts_from(blocks: Iterable[Any]) -> list[Part]:
    """Read the blocks of a message.

    Raises:
        InvalidRequestError: A block holds nothing, or is of no kind a model can read.
        OSError: A file that a block names cannot be read.
    """
    parts: list[Part] = []
    for block in blocks:
        read = _READERS.get(type(block)) or _reader(block)
        read(block, parts)
    return parts


def _reader(block: Any) -> Callable[[Any, list[Part]], None]:
    for kind, read in _READERS.items():
        if isinstance(block, kind):
            return read
    raise InvalidRequestError(f"a {type(block).__name__} is nothing a model can read", sent=False)


def arguments_json(arguments: Any) -> str:
    """Write a tool call's arguments as JSON text; text is taken to be JSON already."""
    if isinstance(arguments, str):
        return arguments or "{}"
    return orjson.dumps(arguments or {}, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def foreign_calls(calls: Any) -> Iterator[tuple[str, str, Any]]:
    """Read ``additional_kwargs["tool_calls"]`` of any LLM: each call's id, name and arguments.

    They are OpenAI's dicts or objects, Anthropic's dicts, or LlamaIndex's own ``ToolSelection``.
    """
    for call in calls if isinstance(calls, list) else ():
        said = call if isinstance(call, dict) else call.__dict__
        function = said.get("function", said)
        inner = function if isinstance(function, dict) else function.__dict__
        arguments: Any = next(
            (inner[k] for k in ("arguments", "input", "tool_kwargs") if inner.get(k)), {}
        )
        name = inner.get("name") or inner.get("tool_name") or ""
        yield said.get("id") or said.get("tool_id") or "", name, arguments


def _text(block: TextBlock, parts: list[Part]) -> None:
    if block.text:
        parts.append(ours.TextPart(block.text))


def _image(block: ImageBlock, parts: list[Part]) -> None:
    data, url, media_type = _located(block, block.image, block.image_mimetype)
    if media_type == "application/pdf":  # how documents were sent before there were blocks for them
        parts.append(ours.FilePart(data=data, url=url, media_type=media_type))
        return
    detail: Any = block.detail if block.detail in ("low", "high", "auto") else None
    parts.append(ours.ImagePart(data=data, url=url, media_type=media_type, detail=detail))


def _audio(block: AudioBlock, parts: list[Part]) -> None:
    form = {"mp3": "mpeg"}.get(block.format or "", block.format)
    data, url, media_type = _located(block, block.audio, f"audio/{form}" if form else None)
    parts.append(ours.AudioPart(data=data, url=url, media_type=media_type))


def _video(block: VideoBlock, parts: list[Part]) -> None:
    data, url, media_type = _located(block, block.video, block.video_mimetype)
    parts.append(ours.FilePart(data=data, url=url, media_type=media_type or "video/mp4"))


def _document(block: DocumentBlock, parts: list[Part]) -> None:
    parts.append(_file(block))


def _file(block: DocumentBlock) -> ours.FilePart:
    data, url, media_type = _located(block, block.data, block.document_mimetype)
    if data is not None and (media_type is None or media_type.startswith("text/")):
        text = base64_text(data)
        if text is not None:
            return ours.FilePart(text=text, media_type=media_type or "text/plain", name=block.title)
    return ours.FilePart(data=data, url=url, media_type=media_type, name=block.title)


def _citable(block: CitableBlock, parts: list[Part]) -> None:
    name = block.title if block.source in ("", block.title) else f"{block.title} ({block.source})"
    texts = [inner.text for inner in block.content if isinstance(inner, TextBlock)]
    if texts:
        text = "\n".join(texts)
        parts.append(ours.FilePart(text=text, media_type="text/plain", name=name, citations=True))
    for inner in block.content:
        if isinstance(inner, DocumentBlock):
            parts.append(replace(_file(inner), name=name, citations=True))
        elif isinstance(inner, ImageBlock):
            _image(inner, parts)


def _citation(block: CitationBlock, parts: list[Part]) -> None:
    cited = block.cited_content
    if not isinstance(cited, TextBlock):
        _image(cited, parts)
        return
    citation = ours.Citation(
        url=block.source if "://" in block.source else None,
        title=block.title or None,
        cited_text=cited.text or None,
        start=block.additional_location_info.get("start"),
        end=block.additional_location_info.get("end"),
    )
    for at in range(len(parts) - 1, -1, -1):
        part = parts[at]
        if isinstance(part, ours.TextPart):
            parts[at] = replace(part, citations=(*part.citations, citation))
            return
    _text(cited, parts)


def _thinking(block: ThinkingBlock, parts: list[Part]) -> None:
    said = block.additional_information
    signature = next(
        (s for key in ("signature", "encrypted_content") if isinstance(s := said.get(key), str)),
        None,
    )
    issuer = said.get("issuer")
    if issuer is None and signature is not None:
        # LlamaIndex's integrations do not say whose it is: the keys are those of the vendors
        issuer = "openai" if "encrypted_content" in said else "anthropic"
    parts.append(
        ours.ReasoningPart(
            block.content or "",
            issuer,
            signature,
            redacted=bool(said.get("redacted")),
            item_id=said.get("id"),
            raw=said.get("raw") or ours.EMPTY_MAP,
        )
    )


def _tool_call(block: ToolCallBlock, parts: list[Part]) -> None:
    call_id = block.tool_call_id or f"call_{len(parts)}"
    parts.append(ours.ToolCallPart(call_id, block.tool_name, arguments_json(block.tool_kwargs)))


def _cache_point(block: CachePoint, parts: list[Part]) -> None:
    parts.append(ours.CachePoint(block.cache_control.ttl))


def _located(
    block: ImageBlock | AudioBlock | VideoBlock | DocumentBlock,
    content: bytes | IOBase | None,
    media_type: str | None,
) -> tuple[str | None, str | None, str | None]:
    """Find a block's content: base64 data or a URL, and what it is. Nothing is downloaded."""
    if isinstance(content, IOBase):
        if content.seekable():
            content.seek(0)
        return base64.b64encode(content.read()).decode(), None, media_type
    if content:
        return content.decode("ascii"), None, media_type  # the block has made base64 of it
    if block.path:
        return base64.b64encode(Path(block.path).read_bytes()).decode(), None, media_type
    if block.url:
        url = str(block.url)
        split = split_data_url(url)
        if split is None:
            return None, url, media_type
        said, data = split
        return data, None, media_type or said
    raise InvalidRequestError(f"a {type(block).__name__} holds no content", sent=False)


_READERS: Final[dict[type, Callable[[Any, list[Part]], None]]] = {
    TextBlock: _text,
    ImageBlock: _image,
    AudioBlock: _audio,
    VideoBlock: _video,
    DocumentBlock: _document,
    CitableBlock: _citable,
    CitationBlock: _citation,
    ThinkingBlock: _thinking,
    ToolCallBlock: _tool_call,
    CachePoint: _cache_point,
}
