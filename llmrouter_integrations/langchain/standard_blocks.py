"""Parts -> LangChain's standard content blocks (v1), for ``message.content_blocks``.

LangChain reads ``content`` by the translator that is registered for
``response_metadata["model_provider"]``. Ours is "llmrouter", whoever answered, since the form of
the content is the same for all; who answered stands in ``response_metadata["llmrouter"]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from langchain_core.messages.block_translators import register_translator

from llmrouter_integrations.langchain.blocks import ISSUER
from llmrouter_integrations.langchain.to_request import messages_from
from llmrouter_integrations.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
)
from llmrouter_integrations.part_record import KEY

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, AIMessageChunk
    from langchain_core.messages.content import ContentBlock

    from llmrouter_integrations.messages import Citation, Part

__all__ = ["PROVIDER", "annotation_from", "arguments_from", "block_from", "marked"]

PROVIDER: Final = "llmrouter"


def block_from(part: Part) -> dict[Any, Any] | None:
    """Write a part as a standard block; None for one that an answer does not hold."""
    block: dict[Any, Any]
    if isinstance(part, TextPart):
        block = {"type": "text", "text": part.text}
        if part.citations:
            block["annotations"] = [annotation_from(citation) for citation in part.citations]
        return marked(block, part)
    if isinstance(part, ReasoningPart):
        return marked({"type": "reasoning", "reasoning": part.text}, part)
    if isinstance(part, ToolCallPart):
        arguments = arguments_from(part)
        if arguments is None:
            return None  # LangChain keeps these in ``invalid_tool_calls``
        block = {"type": "tool_call", "id": part.id, "name": part.name, "args": arguments}
        return marked(block, part)
    if isinstance(part, OpaquePart):
        return {"type": "non_standard", "value": {**part.payload}}
    if isinstance(part, RefusalPart):
        return {"type": "non_standard", "value": {"type": "refusal", "refusal": part.text}}
    if isinstance(part, ImagePart):
        return {"type": "image", **_located(part)}
    if isinstance(part, AudioPart):
        block = {"type": "audio", **_located(part)}
        if part.transcript:
            block["extras"] = {"transcript": part.transcript}
        return block
    if isinstance(part, FilePart):
        return _file(part)
    return None


def marked(
    block: dict[Any, Any], part: TextPart | ReasoningPart | ToolCallPart | ToolCallDelta
) -> dict[Any, Any]:
    """Add what binds a part to a vendor, in place.

    Its issuer stands beside it: a signature without one would be nobody's, and useless, as soon as
    the content is put into a new message.
    """
    bound = part.signature is not None
    if isinstance(part, TextPart | ReasoningPart) and part.item_id:
        block["id"] = part.item_id
        bound = True
    if part.issuer is not None and (bound or "annotations" in block):
        extras: dict[str, Any] = {ISSUER: part.issuer}
        block["extras"] = extras
        if part.signature is not None:
            extras["signature"] = part.signature
        if isinstance(part, ReasoningPart) and part.redacted:
            extras["redacted"] = True
    return block


def annotation_from(citation: Citation) -> dict[str, Any]:
    """Write a citation as a standard annotation; the vendor's own record goes into ``extras``."""
    said = {
        "type": "citation",
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.cited_text,
        "start_index": citation.start,
        "end_index": citation.end,
        "extras": {**citation.raw} or None,
    }
    return {key: value for key, value in said.items() if value is not None}


def arguments_from(part: ToolCallPart) -> dict[str, Any] | None:
    """Read a call's arguments; None where they are no JSON object (an answer cut short)."""
    try:
        arguments = orjson.loads(part.arguments or "{}")
    except orjson.JSONDecodeError:
        return None
    return arguments if isinstance(arguments, dict) else None


def _located(part: ImagePart | AudioPart | FilePart) -> dict[str, Any]:
    said = {
        "base64": part.data,
        "url": part.url,
        "file_id": part.file_id,
        "mime_type": part.media_type,
    }
    return {key: value for key, value in said.items() if value is not None}


def _file(part: FilePart) -> dict[Any, Any]:
    if part.text is not None:
        return {"type": "text-plain", "text": part.text, "mime_type": "text/plain"}
    kind = "video" if (part.media_type or "").startswith("video/") else "file"
    block = {"type": kind, **_located(part)}
    if part.name:
        block["extras"] = {"filename": part.name}
    return block


def _translate(message: AIMessage) -> list[ContentBlock]:
    (read,) = messages_from([message])
    blocks = [block for part in read.parts if (block := block_from(part)) is not None]
    return cast("list[ContentBlock]", blocks)


def _translate_chunk(chunk: AIMessageChunk) -> list[ContentBlock]:
    if chunk.content or chunk.tool_call_chunks or chunk.additional_kwargs.keys() - {KEY}:
        return _translate(chunk)
    raise NotImplementedError  # a closing chunk on its own has nothing to show


register_translator(PROVIDER, _translate, _translate_chunk)
