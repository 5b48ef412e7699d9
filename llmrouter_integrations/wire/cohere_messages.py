"""Our messages -> the ``messages`` of Cohere's v2 chat.

https://docs.cohere.com/reference/chat, read in November 2026.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.messages import (
    Adjustment,
    AudioPart,
    CachePoint,
    FilePart,
    ImagePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    asked_from,
)
from llmrouter_integrations.wire.media import (
    IMAGE_TYPES,
    base64_text,
    image_type,
    kind_of,
    lacks,
    left_out,
    split_data_url,
)
from llmrouter_integrations.wire.structured import CONTINUE
from llmrouter_integrations.wire.tool_arguments import arguments_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llmrouter_integrations.catalog.model import Abilities
    from llmrouter_integrations.messages import Message, Part

__all__ = ["ISSUER", "TOOL_PLAN", "MessageWriter"]

ISSUER: Final = "cohere"
TOOL_PLAN: Final[Mapping[str, Any]] = {"type": "tool_plan"}
"""What marks reasoning as a plan made before calling tools, which stands in a field of its own."""

TEXTS: Final = ("text/", "application/json", "application/xml", "application/yaml")


class MessageWriter:
    """Writes the turns of one request.

    Attributes:
        adjustments: What could not be sent as it was.
        documents: The documents whose text may be cited, for the field of that name; None where
            it cannot be sent: they then stand in their message.
    """

    __slots__ = ("_abilities", "_asked", "adjustments", "documents")

    def __init__(
        self,
        adjustments: list[Adjustment],
        *,
        cites: bool,
        abilities: Abilities | None = None,
    ) -> None:
        self._abilities = abilities
        self._asked = False
        self.adjustments = adjustments
        self.documents: list[dict[str, Any]] | None = [] if cites else None

    def write(
        self, history: Sequence[Message], instructions: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Write a conversation, and further instructions before it.

        Raises:
            UnsupportedParameterError: The question is about sound, video or a file that is no text.
        """
        written: list[dict[str, Any]] = []
        asked = asked_from(history)
        for place, message in enumerate(history):
            self._asked = place >= asked and message.role == "user"
            if message.role == "tool":
                written += self._results(message.parts)
            elif message.role == "assistant":
                written += self._answer(message.parts)
            else:
                role = "user" if message.role == "user" else "system"
                if content := self._content(message.parts, shows=role == "user"):
                    written.append({"role": role, "content": content})
        if instructions:
            written.insert(0, {"role": "system", "content": "\n\n".join(instructions)})
        if all(item["role"] == "system" for item in written):  # or there is nothing at all
            for item in written:
                item["role"] = "user"
        elif written[-1]["role"] == "assistant":
            written.append({"role": "user", "content": CONTINUE})
            self._translated("prefill", "an answer begun for the model is asked to be continued")
        elif written[-1]["role"] == "system":
            written[-1]["role"] = "user"  # whose turn, or a tool's, must be the last
            self._translated("system", "what was said last, to the user's turn")
        return written

    def _translated(self, parameter: str, detail: str) -> None:
        self.adjustments.append(Adjustment(parameter, "translated", detail))

    def _content(self, parts: Iterable[Part], *, shows: bool) -> str | list[dict[str, Any]]:
        """Write what a user or the instructions say; only a user ``shows`` more than text."""
        blocks = [
            block
            for part in parts
            if not isinstance(part, CachePoint) and (block := self._block(part)) is not None
        ]
        if not shows and any(block["type"] != "text" for block in blocks):
            blocks = [
                block if block["type"] == "text" else self._left_out("image") for block in blocks
            ]
        if len(blocks) == 1 and blocks[0]["type"] == "text":
            text: str = blocks[0]["text"]
            return text
        return blocks

    def _block(self, part: Part) -> dict[str, Any] | None:
        """Write what a user or the instructions say; None where it stands elsewhere."""
        if isinstance(part, TextPart | RefusalPart):
            return {"type": "text", "text": part.text} if part.text else None
        if isinstance(part, ImagePart):
            return self._image(part)
        if isinstance(part, FilePart):
            return self._file(part)
        if isinstance(part, AudioPart) and part.transcript:
            self._translated("audio", "to its transcript")
            return {"type": "text", "text": part.transcript}
        return self._left_out(kind_of(part))

    def _image(self, part: ImagePart) -> dict[str, Any]:
        kind = image_type(part.data, part.url, part.media_type)
        if lacks(self._abilities, "image") or (kind is not None and kind not in IMAGE_TYPES):
            return self._left_out(kind or "image")
        image = {"url": part.url or f"data:{kind};base64,{part.data}"}
        if part.detail is not None:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}

    def _left_out(self, kind: str) -> dict[str, Any]:
        return {"type": "text", "text": left_out(kind, self.adjustments, asked=self._asked)}

    def _file(self, part: FilePart) -> dict[str, Any] | None:
        data, kind = part.data, part.media_type or ""
        if data is None and part.url is not None and (split := split_data_url(part.url)):
            kind, data = split
        if part.text is None and data is not None and kind.startswith("image/"):
            return self._image(ImagePart(data, media_type=kind))
        text = part.text
        if text is None and data is not None and kind.startswith(TEXTS):
            text = base64_text(data)
        if text is None:
            return self._left_out(kind or "file")
        if part.citations and self.documents is not None:
            named = {"title": part.name} if part.name else {}
            place = f"doc:{len(self.documents)}"
            self.documents.append({"id": place, "data": {**named, "text": text}})
            return None
        return {"type": "text", "text": f"[{part.name}]\n{text}" if part.name else text}

    def _answer(self, parts: Sequence[Part]) -> list[dict[str, Any]]:
        """Write an answer that was given before; nothing where nothing of it can be sent."""
        item: dict[str, Any] = {"role": "assistant"}
        blocks: list[dict[str, Any]] = []
        plan: list[str] = []
        calls: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, ToolCallPart):
                arguments = arguments_text(part, self.adjustments)
                function = {"name": part.name, "arguments": arguments}
                calls.append({"id": part.id, "type": "function", "function": function})
            elif isinstance(part, ReasoningPart):
                if part.raw.get("type") == "tool_plan":
                    plan.append(part.text)
                elif part.text:
                    blocks.append({"type": "thinking", "thinking": part.text})
            elif isinstance(part, TextPart | RefusalPart):
                if part.text:
                    blocks.append({"type": "text", "text": part.text})
            elif not isinstance(part, CachePoint):
                blocks.append(self._left_out(kind_of(part)))
        if blocks:
            item["content"] = blocks
        if plan and calls:
            item["tool_plan"] = "".join(plan)
        if calls:
            item["tool_calls"] = calls
        return [item] if len(item) > 1 else []

    def _results(self, parts: Iterable[Part]) -> list[dict[str, Any]]:
        """Write tool results; what is no text goes into a user's turn behind all of them."""
        written: list[dict[str, Any]] = []
        beside: list[dict[str, Any]] = []
        for part in parts:
            if not isinstance(part, ToolResultPart):
                continue
            texts: list[str] = []
            shown: list[dict[str, Any]] = []
            for piece in part.content:
                block = None if isinstance(piece, CachePoint) else self._block(piece)
                if block is not None and block["type"] == "text":
                    texts.append(block["text"])
                elif block is not None:
                    shown.append(block)
            if shown:
                about = f"What the call {part.tool_call_id} returned beside its text:"
                beside += [{"type": "text", "text": about}, *shown]
            written.append(
                {
                    "role": "tool",
                    "tool_call_id": part.tool_call_id,
                    "content": _result(texts, is_error=part.is_error),
                }
            )
        if beside:
            self._translated("tool result", "what is no text follows in a user's message")
            written.append({"role": "user", "content": beside})
        return written


def _result(texts: list[str], *, is_error: bool) -> str | list[dict[str, Any]]:
    """Write a result's texts: several are documents, of which each can be cited."""
    if is_error:
        return f"Error: {' '.join(texts)}"
    if len(texts) < 2:
        return texts[0] if texts else "(no output)"
    return [{"type": "document", "document": {"data": {"text": text}}} for text in texts]
