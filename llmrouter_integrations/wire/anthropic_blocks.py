"""Message parts written as Anthropic's content blocks.

https://platform.claude.com/docs/en/api/messages, read in November 2026.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.messages import (
    Adjustment,
    AudioPart,
    CachePoint,
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.wire.media import (
    IMAGE_TYPES,
    base64_text,
    lacks,
    left_out,
    media_type_of,
    split_data_url,
)
from llmrouter_integrations.wire.tool_arguments import arguments_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmrouter_integrations.catalog.model import Abilities

__all__ = ["BlockWriter"]

TEXT_TYPES: Final = ("text/", "application/json", "application/xml", "application/yaml")
MAX_CACHE_POINTS: Final = 4
UNCACHEABLE: Final = frozenset({"thinking", "redacted_thinking"})


class BlockWriter:
    """Writes the parts of one request as blocks.

    Attributes:
        adjustments: What could not be sent as it was.
        replays_thinking: Whether a thinking block was written.
        cited_documents: The documents that ask for citations.
        called: Names of the tools called, in order of first call.
    """

    def __init__(
        self,
        issuer: str,
        adjustments: list[Adjustment],
        *,
        thinks: bool,
        abilities: Abilities | None = None,
    ) -> None:
        self.adjustments = adjustments
        self.replays_thinking = False
        self.cited_documents: list[dict[str, Any]] = []
        self.called: dict[str, None] = {}
        self._issuer = issuer
        self._thinks = thinks
        self._abilities = abilities
        self._asked = self._answered = False
        self._marks: list[tuple[dict[str, Any], str | None]] = []
        self._last: dict[str, Any] | None = None

    def write(
        self, parts: Sequence[Part], *, asked: bool = False, answered: bool = False
    ) -> list[dict[str, Any]]:
        """Write one turn's parts, in order.

        Args:
            parts: What the turn, or a tool's result, holds.
            asked: Whether it is the user's turn, and still to be answered.
            answered: Whether it is a model's.

        Raises:
            UnsupportedParameterError: The question is about what there is no form for.
        """
        self._asked, self._answered = asked, answered
        blocks: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, TextPart):
                if part.text and not part.text.isspace():  # Anthropic rejects blank text
                    blocks.append(self._text(part))
            elif isinstance(part, CachePoint):
                self.mark(_cacheable(blocks) or self._last, part.ttl)
            elif (block := self._block(part)) is not None:
                blocks.append(block)
        self._last = _cacheable(blocks) or self._last
        return blocks

    def mark(self, block: dict[str, Any] | None, ttl: str | None = None) -> None:
        """Ask for the prompt up to this block, or tool, to be cached."""
        if block is not None:
            self._marks.append((block, ttl))

    def place_cache_points(self) -> None:
        """Write the cache points: the last four asked for, no long-lived one after a short one."""
        marks = {id(block): (block, ttl) for block, ttl in self._marks}
        kept = list(marks.values())[-MAX_CACHE_POINTS:]
        if len(kept) < len(marks):
            self.adjustments.append(
                Adjustment("cache point", "dropped", "all but the last four: no more are taken")
            )
        short = False
        for block, ttl in kept:
            control: dict[str, Any] = {"type": "ephemeral"}
            if ttl == "1h" and short:
                self.adjustments.append(
                    Adjustment("cache point", "translated", "1h to 5m: it follows one of 5m")
                )
            elif ttl == "1h":
                control["ttl"] = "1h"
            short = short or "ttl" not in control
            block["cache_control"] = control

    def _text(self, part: TextPart) -> dict[str, Any]:
        block: dict[str, Any] = {"type": "text", "text": part.text}
        if part.citations and part.issuer == self._issuer:
            cited = [_citation_sent(c.raw) for c in part.citations if c.raw]
            if cited:
                block["citations"] = cited
        return block

    def _block(self, part: Part) -> dict[str, Any] | None:
        if isinstance(part, ToolCallPart):
            self.called[part.name] = None
            return {
                "type": "tool_use",
                "id": part.id,
                "name": part.name,
                "input": arguments_object(part, self.adjustments),
            }
        if isinstance(part, ToolResultPart):
            return self._tool_result(part)
        if isinstance(part, ReasoningPart):
            return self._thinking(part)
        if isinstance(part, ImagePart):
            return self._image(part)
        if isinstance(part, FilePart):
            return self._document(part)
        if isinstance(part, OpaquePart):
            return {**part.payload}
        if isinstance(part, RefusalPart):
            return {"type": "text", "text": part.text} if part.text.strip() else None
        if isinstance(part, AudioPart) and part.transcript:
            self.adjustments.append(Adjustment("audio", "translated", "to its transcript"))
            return {"type": "text", "text": part.transcript}
        return self._left_out("audio")

    def _tool_result(self, part: ToolResultPart) -> dict[str, Any]:
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": part.tool_call_id}
        before, self._last = self._last, None  # a mark in a result is of what stands in it
        content = self.write(part.content)
        self._last = before  # and a mark behind it is of the result
        if content:
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        return block

    def _thinking(self, part: ReasoningPart) -> dict[str, Any] | None:
        if not self._thinks:
            self.adjustments.append(Adjustment("reasoning", "dropped", "the model does not think"))
            return None
        if part.signature is None:
            self.adjustments.append(Adjustment("reasoning", "dropped", "it bears no signature"))
            return None
        self.replays_thinking = True
        if part.redacted:
            return {"type": "redacted_thinking", "data": part.signature}
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}

    def _image(self, part: ImagePart) -> dict[str, Any]:
        if self._answered or lacks(self._abilities, "image"):
            return self._left_out("image")  # an answer may hold none
        source = _source(part)
        kind = source.get("media_type")
        if source["type"] == "base64" and kind not in IMAGE_TYPES:
            return self._left_out(kind or "image")
        if source["type"] == "url" and not source["url"].startswith("https://"):
            return self._left_out("image")  # "Only HTTPS URLs are supported."
        return {"type": "image", "source": source}

    def _document(self, part: FilePart) -> dict[str, Any]:
        if self._answered:
            return self._left_out(part.media_type or "file")
        if part.text is not None:
            source: dict[str, Any] = {"type": "text", "media_type": "text/plain", "data": part.text}
        else:
            source = _source(part)
            kind = source.get("media_type") or ""
            if source["type"] == "base64" and kind in IMAGE_TYPES:
                return self._image(ImagePart(source["data"], media_type=kind))
            if source["type"] == "base64" and kind.startswith(TEXT_TYPES):
                text = base64_text(source["data"])
                if text is None:
                    return self._left_out(kind)
                source = {"type": "text", "media_type": "text/plain", "data": text}
            elif source["type"] == "base64" and kind != "application/pdf":
                return self._left_out(kind or "file")
            elif lacks(self._abilities, "file") or not source.get("url", "https").startswith(
                "https"
            ):
                return self._left_out("file")
        block: dict[str, Any] = {"type": "document", "source": source}
        if part.name:
            block["title"] = part.name
        if part.citations:
            block["citations"] = {"enabled": True}
            self.cited_documents.append(block)
        return block

    def _left_out(self, kind: str) -> dict[str, Any]:
        return {"type": "text", "text": left_out(kind, self.adjustments, asked=self._asked)}


def _cacheable(blocks: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((b for b in reversed(blocks) if b["type"] not in UNCACHEABLE), None)


def _source(part: ImagePart | FilePart) -> dict[str, Any]:
    if part.file_id is not None:
        return {"type": "file", "file_id": part.file_id}
    data, kind = part.data, part.media_type
    if part.url is not None:
        split = split_data_url(part.url)
        if split is None:
            return {"type": "url", "url": part.url}
        kind, data = split
    return {
        "type": "base64",
        "media_type": kind or media_type_of(data or ""),
        "data": data or "",
    }


def _citation_sent(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Give a citation as it is taken back: without what stands only in answers."""
    return {key: value for key, value in raw.items() if key != "file_id" and value is not None}
