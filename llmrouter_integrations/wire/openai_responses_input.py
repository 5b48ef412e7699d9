"""Our messages -> the ``instructions`` and ``input`` items of OpenAI's Responses protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.messages import (
    Adjustment,
    AudioPart,
    CachePoint,
    FilePart,
    ImagePart,
    OpaquePart,
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
    media_type_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmrouter_integrations.catalog.model import Abilities
    from llmrouter_integrations.messages import Message, Part
    from llmrouter_integrations.wire.openai_responses_dialects import Dialect, ModelTerms

__all__ = ["InputWriter"]

UNREADABLE: Final = ("video/", "audio/", "application/zip", "application/octet-stream")
"""Of files, what none of its models reads; documents, sheets and code are read."""
MAX_CACHE_POINTS: Final = 4
"""Breakpoints that one request may write (OpenAI's guide on prompt caching)."""


class InputWriter:
    """Writes one conversation.

    Args:
        dialect: Whose form.
        terms: What the model takes.
        adjustments: Gets what could not be written as it is.
        abilities: What the model can do besides, where known.
    """

    __slots__ = (
        "_abilities",
        "_adjustments",
        "_asked",
        "_dialect",
        "_marked",
        "_terms",
        "items",
    )

    def __init__(
        self,
        dialect: Dialect,
        terms: ModelTerms,
        adjustments: list[Adjustment],
        abilities: Abilities | None = None,
    ) -> None:
        self.items: list[dict[str, Any]] = []
        self._abilities = abilities
        self._asked = False
        self._dialect = dialect
        self._terms = terms
        self._adjustments = adjustments
        self._marked: list[dict[str, Any]] = []

    def instructions(self, messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
        """Take the leading system and developer turns as one text; give it and the rest.

        They stay where they are if more than text is in them: ``instructions`` holds no more.
        """
        texts: list[str] = []
        for place, message in enumerate(messages):
            if message.role not in ("system", "developer"):
                return "\n\n".join(texts), messages[place:]
            for part in message.parts:
                if isinstance(part, TextPart):
                    texts.append(part.text)
                elif not isinstance(part, CachePoint) or self._terms.cache_points:
                    return "", messages
        return "\n\n".join(texts), ()

    def write(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """Write the turns, which must be :func:`~.history.portable`.

        Raises:
            UnsupportedParameterError: The question is about an image, sound or file that cannot be
                sent there.
        """
        asked = asked_from(messages)
        for place, message in enumerate(messages):
            self._asked = place >= asked and message.role == "user"
            if message.role == "assistant":
                self._assistant(message.parts)
            elif message.role == "tool":
                self._results(message.parts)
            elif content := self._content(message.parts):
                known = message.role != "developer" or self._dialect.developer
                self.items.append({"role": message.role if known else "system", "content": content})
        for block in self._marked[:-MAX_CACHE_POINTS]:
            del block["prompt_cache_breakpoint"]
        return self.items

    def _content(self, parts: Sequence[Part]) -> str | list[dict[str, Any]]:
        if len(parts) == 1 and isinstance(parts[0], TextPart):
            return parts[0].text
        blocks: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, TextPart | RefusalPart):
                if part.text:
                    blocks.append({"type": "input_text", "text": part.text})
            elif isinstance(part, CachePoint):
                if self._terms.cache_points and blocks:
                    blocks[-1]["prompt_cache_breakpoint"] = _breakpoint(part)
                    self._marked.append(blocks[-1])
            elif isinstance(part, OpaquePart):
                blocks.append(dict(part.payload))
            else:
                blocks.append(self._medium(part))
        return blocks

    def _assistant(self, parts: Sequence[Part]) -> None:
        calls: list[dict[str, Any]] = []
        said: dict[str, Any] | None = None  # the message item that texts go into
        said_id: str | None = None
        for part in parts:
            if isinstance(part, TextPart | RefusalPart):
                item_id = part.item_id if isinstance(part, TextPart) else said_id
                if said is None or item_id != said_id:
                    said = {"role": "assistant", "content": []}
                    said_id = item_id
                    if self._terms.phases and (phase := _phase(item_id)):
                        said["phase"] = phase
                    self.items.append(said)
                said["content"].append(
                    {"type": "refusal", "refusal": part.text}
                    if isinstance(part, RefusalPart)
                    else {"type": "output_text", "text": part.text}
                )
                continue
            if isinstance(part, CachePoint):
                continue
            said = None
            if isinstance(part, ToolCallPart):
                call = {
                    "type": "function_call",
                    "call_id": part.id,
                    "name": part.name,
                    "arguments": part.arguments or "{}",
                }
                (calls if self._dialect.calls_last else self.items).append(call)
            elif isinstance(part, ReasoningPart):
                self._reasoning(part)
            elif isinstance(part, OpaquePart):
                self.items.append(dict(part.payload))
            else:
                shown = self._left_out(kind_of(part))
                said = {"role": "assistant", "content": [{**shown, "type": "output_text"}]}
                self.items.append(said)
                said = None
        self.items += calls

    def _reasoning(self, part: ReasoningPart) -> None:
        raw = part.raw
        item: dict[str, Any] = {"type": "reasoning", "summary": raw.get("summary", [])}
        if self._dialect.item_ids:
            item["id"] = part.item_id or f"rs_{len(self.items)}"
        if raw.get("content"):
            item["content"] = raw["content"]
        if self._dialect.reasoning == "encrypted":
            if not part.signature:
                self._adjust("reasoning", "it came without the encrypted form that is read back")
                return
            item["encrypted_content"] = part.signature
            if part.text and not raw:
                item["summary"] = [{"type": "summary_text", "text": part.text}]
        elif not raw and part.text:
            item["content"] = [{"type": "reasoning_text", "text": part.text}]
        self.items.append(item)

    def _results(self, parts: Sequence[Part]) -> None:
        shown: list[dict[str, Any]] = []
        for part in parts:
            if not isinstance(part, ToolResultPart):
                continue
            texts: list[str] = []
            media: list[dict[str, Any]] = []
            for piece in part.content:
                if isinstance(piece, TextPart):
                    texts.append(piece.text)
                elif not isinstance(piece, CachePoint):
                    medium = self._medium(piece)
                    if medium["type"] == "input_text":
                        texts.append(medium["text"])
                    else:
                        media.append(medium)
            text = "\n".join(texts)
            if part.is_error and text[:5].lower() != "error":
                text = f"Error: {text}"
            output: str | list[dict[str, Any]] = text
            if media and self._dialect.rich_results:
                output = [{"type": "input_text", "text": text}, *media] if text else media
            elif media:
                about = f"What the tool call {part.tool_call_id} returned beside its text:"
                shown += [{"type": "input_text", "text": about}, *media]
                output = text or "See the next message."
            self.items.append(
                {"type": "function_call_output", "call_id": part.tool_call_id, "output": output}
            )
        if shown:
            self._adjust("tool result", "what is no text follows in a user's message", "translated")
            self.items.append({"role": "user", "content": shown})

    def _medium(self, part: Part) -> dict[str, Any]:
        if isinstance(part, ImagePart):
            return self._image(part)
        if isinstance(part, FilePart):
            return self._file(part)
        if isinstance(part, AudioPart):
            if part.transcript is None:
                return self._left_out("audio")
            self._adjust("audio", "its transcript is sent", "translated")
            return {"type": "input_text", "text": part.transcript}
        return self._left_out(kind_of(part))

    def _takes(self, kind: str) -> bool:
        return kind in self._dialect.media and not lacks(self._abilities, kind)

    def _image(self, part: ImagePart) -> dict[str, Any]:
        kind = None
        if part.file_id is None:
            kind = image_type(part.data, part.url, part.media_type)
        if not self._takes("image") or (kind is not None and kind not in IMAGE_TYPES):
            return self._left_out(kind or "image")
        image: dict[str, Any] = {"type": "input_image", "detail": part.detail or "auto"}
        if part.file_id is not None:
            image["file_id"] = part.file_id
        else:
            image["image_url"] = part.url or f"data:{kind};base64,{part.data}"
        return image

    def _file(self, part: FilePart) -> dict[str, Any]:
        kind = part.media_type or (part.data and media_type_of(part.data)) or "application/pdf"
        if (text := _words(part, kind)) is not None:
            titled = f"[{part.name}]\n{text}" if part.name else text
            return {"type": "input_text", "text": titled}
        if kind.startswith("image/"):
            return self._image(ImagePart(part.data, part.url, part.file_id, kind))
        if not self._takes("file") or kind.startswith(UNREADABLE):
            return self._left_out(kind)
        if part.file_id is not None:
            return {"type": "input_file", "file_id": part.file_id}
        if part.url is not None and not part.url.startswith("data:"):
            return {"type": "input_file", "file_url": part.url}
        return {
            "type": "input_file",
            "filename": part.name or f"file.{kind.rpartition('/')[2]}",
            "file_data": part.url or _data_url(part.data, kind, kind),
        }

    def _left_out(self, kind: str) -> dict[str, Any]:
        return {
            "type": "input_text",
            "text": left_out(kind, self._adjustments, asked=self._asked),
        }

    def _adjust(self, parameter: str, detail: str, action: Any = "dropped") -> None:
        adjustment = Adjustment(parameter, action, detail)
        if adjustment not in self._adjustments:
            self._adjustments.append(adjustment)


def _phase(item_id: str | None) -> str:
    """Take the phase out of an id as :mod:`.openai_responses_output` wrote it."""
    return item_id.rpartition("/")[0] if item_id else ""


def _breakpoint(point: CachePoint) -> dict[str, str]:
    mark = {"mode": "explicit"}
    if point.ttl in ("30m", "12h"):
        mark["ttl"] = point.ttl
    return mark


def _data_url(data: str | None, media_type: str | None, default: str) -> str:
    return f"data:{media_type or media_type_of(data or '') or default};base64,{data}"


def _words(part: FilePart, kind: str) -> str | None:
    if part.text is not None or part.data is None:
        return part.text
    return base64_text(part.data) if kind.startswith("text/") else None
