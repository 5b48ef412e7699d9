"""Our messages -> the ``messages`` of OpenAI-style chat completions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

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
from llmrouter_integrations.wire.history import portable
from llmrouter_integrations.wire.media import (
    IMAGE_TYPES,
    base64_text,
    image_type,
    kind_of,
    lacks,
    left_out,
    media_type_of,
)
from llmrouter_integrations.wire.openai_turns import bridge_results, order_turns
from llmrouter_integrations.wire.tool_arguments import arguments_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmrouter_integrations.catalog.model import Abilities
    from llmrouter_integrations.messages import Message, Part
    from llmrouter_integrations.wire.dialects import Dialect

__all__ = ["write_messages"]

_NOT_IN_A_NAME = re.compile(r"[\s<|\\/>]+")
_MOST_OF_A_NAME = 64


def write_messages(
    messages: tuple[Message, ...],
    dialect: Dialect,
    adjustments: list[Adjustment],
    instructions: Sequence[str] = (),
    abilities: Abilities | None = None,
) -> list[dict[str, Any]]:
    """Write a conversation.

    Args:
        messages: The conversation, oldest first.
        dialect: Who will read it.
        adjustments: What had to be changed is added here.
        instructions: What to say at the end of the instructions besides.
        abilities: What the model can do, where known.

    Raises:
        InvalidRequestError: There is nothing in it to answer.
        UnsupportedParameterError: The question is about an image, sound, file or video that cannot
            be sent there at all.
    """
    history, changes = portable(messages, dialect.reader)
    adjustments.extend(changes)
    history = order_turns(history, dialect, adjustments)
    writer = _Writer(dialect, adjustments, abilities)
    written: list[dict[str, Any]] = []
    asked = asked_from(history)
    for place, message in enumerate(history):
        parts = message.parts
        role = message.role
        writer.asked = place >= asked and role == "user"
        if role == "tool":
            written.extend(writer.tool_results(parts))
            continue
        if role == "assistant":
            item = writer.assistant(parts)
        else:
            if role == "developer" and not dialect.developer:
                role = "system"
            if len(parts) == 1 and type(parts[0]) is TextPart:
                item = {"role": role, "content": parts[0].text}
            else:
                item = {"role": role, "content": writer.content(parts, shows=role == "user")}
        if message.name:
            item["name"] = writer.name(message.name)
        written.append(item)
    if dialect.bridges_results:
        written = bridge_results(written)
    if dialect.prefill and written and written[-1]["role"] == "assistant":
        written[-1][dialect.prefill] = True
    if instructions:
        _instruct(written, instructions)
    return written


def _instruct(written: list[dict[str, Any]], instructions: Sequence[str]) -> None:
    """Say more in the first turn of instructions, or in one made for it."""
    said = "\n\n".join(instructions)
    first = written[0] if written else {}
    if first.get("role") not in ("system", "developer"):
        written.insert(0, {"role": "system", "content": said})
    elif isinstance(first["content"], str):
        first["content"] = f"{first['content']}\n\n{said}"
    else:
        first["content"].append({"type": "text", "text": said})


class _Writer:
    """Writes parts in one dialect."""

    __slots__ = ("abilities", "adjustments", "asked", "dialect")

    def __init__(
        self, dialect: Dialect, adjustments: list[Adjustment], abilities: Abilities | None
    ) -> None:
        self.dialect = dialect
        self.adjustments = adjustments
        self.abilities = abilities
        self.asked = False  # whether the turn is the user's, and still to be answered

    def name(self, said: str) -> str:
        """Spell the name of who speaks as OpenAI demands it."""
        name = _NOT_IN_A_NAME.sub("_", said)[:_MOST_OF_A_NAME]
        if name != said:
            self._adjust("name", "spelled as the API takes it", action="translated")
        return name

    def content(self, parts: Sequence[Part], *, shows: bool) -> str | list[dict[str, Any]]:
        """Write what a user or the instructions say; only a user ``shows`` more than text."""
        written: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, TextPart):
                if part.text:
                    written.append({"type": "text", "text": part.text})
            elif isinstance(part, CachePoint):
                if written:
                    mark = {"type": "ephemeral"}
                    written[-1]["cache_control"] = {**mark, "ttl": part.ttl} if part.ttl else mark
            elif isinstance(part, OpaquePart):
                written.append(dict(part.payload))
            else:
                written.append(self._medium(part) if shows else self._left_out(kind_of(part)))
        plain = all(item["type"] == "text" and len(item) == 2 for item in written)
        if plain and (len(written) < 2 or not self.dialect.text_parts):
            return "\n".join([item["text"] for item in written])
        return written

    def assistant(self, parts: Sequence[Part]) -> dict[str, Any]:
        """Write an answer that was given before."""
        if len(parts) == 1 and type(parts[0]) is TextPart and not parts[0].signature:
            return {"role": "assistant", "content": parts[0].text}
        dialect = self.dialect
        item: dict[str, Any] = {"role": "assistant", "content": None}
        texts: list[str] = []
        calls: list[dict[str, Any]] = []
        reasoning: list[ReasoningPart] = []
        for part in parts:
            if isinstance(part, TextPart):
                texts.append(part.text)
                if part.signature:
                    item["extra_content"] = _signed(part.signature)
            elif isinstance(part, ToolCallPart):
                calls.append(self._call(part))
            elif isinstance(part, ReasoningPart):
                reasoning.append(part)
            elif isinstance(part, RefusalPart):
                if dialect.issuer == "openai":
                    item["refusal"] = item.get("refusal", "") + part.text
                else:
                    texts.append(part.text)
            elif isinstance(part, AudioPart) and part.file_id is not None:
                item["audio"] = {"id": part.file_id}
            elif isinstance(part, AudioPart) and part.transcript:
                texts.append(part.transcript)
            elif not isinstance(part, CachePoint):
                texts.append(self._left_out(kind_of(part))["text"])
        if texts:
            item["content"] = "".join(texts)
        if calls:
            item["tool_calls"] = calls
        if reasoning:
            self._reasoning(item, reasoning)
        elif calls and dialect.reasoning_demanded:
            item["reasoning_content"] = ""
        if item["content"] is None and len(item) == 2:
            item["content"] = ""
        return item

    def tool_results(self, parts: Sequence[Part]) -> Iterable[dict[str, Any]]:
        """Write tool results; what is no text goes into a user's turn behind all of them."""
        media: list[dict[str, Any]] = []
        for part in parts:
            if not isinstance(part, ToolResultPart):
                continue
            texts: list[str] = []
            shown: list[dict[str, Any]] = []
            for piece in part.content:
                if isinstance(piece, TextPart):
                    texts.append(piece.text)
                elif not isinstance(piece, CachePoint):
                    medium = self._medium(piece)
                    if medium["type"] == "text":
                        texts.append(medium["text"])
                    else:
                        shown.append(medium)
            text = "\n".join(texts)
            if part.is_error and text[:5].lower() != "error":
                text = f"Error: {text}"
            if shown:
                about = f"What the tool call {part.tool_call_id} returned beside its text:"
                media += [{"type": "text", "text": about}, *shown]
                text = text or "See the next message."
            item = {"role": "tool", "tool_call_id": part.tool_call_id, "content": text}
            if part.name is not None and self.dialect.names:
                item["name"] = part.name
            yield item
        if media:
            self._adjust(
                "tool result", "what is no text follows in a user's message", action="translated"
            )
            yield {"role": "user", "content": media}

    def _reasoning(self, item: dict[str, Any], parts: Sequence[ReasoningPart]) -> None:
        form = self.dialect.reasoning_back
        text = "".join([part.text for part in parts])
        if form == "thinking":
            content = [
                {"type": "thinking", "thinking": [{"type": "text", "text": part.text}]}
                for part in parts
            ]
            if item["content"]:
                content.append({"type": "text", "text": item["content"]})
            item["content"] = content
        elif form == "reasoning_details":
            details = [d for part in parts for d in part.raw.get("reasoning_details", ())]
            if details:
                item["reasoning_details"] = details
            else:
                item["reasoning"] = text
        elif form is not None:
            item[form] = text

    def _medium(self, part: Part) -> dict[str, Any]:
        """Write an image, sound, file or video."""
        if isinstance(part, ImagePart):
            return self._image(part)
        if isinstance(part, AudioPart):
            return self._audio(part)
        if isinstance(part, FilePart):
            return self._file(part)
        return self._left_out(kind_of(part))

    def _takes(self, kind: str) -> bool:
        return kind in self.dialect.media and not lacks(self.abilities, kind)

    def _image(self, part: ImagePart) -> dict[str, Any]:
        kind = image_type(part.data, part.url, part.media_type)
        if not self._takes("image") or (kind is not None and kind not in IMAGE_TYPES):
            return self._left_out(kind or "image")
        image = {"url": part.url or f"data:{kind};base64,{part.data}"}
        if part.detail is not None:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}

    def _audio(self, part: AudioPart) -> dict[str, Any]:
        issuer = self.dialect.issuer
        if self._takes("audio"):
            if issuer == "mistral" and (part.data or part.url):
                return {"type": "input_audio", "input_audio": part.data or part.url}
            form = (part.media_type or "audio/wav").partition("/")[2]
            form = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav"}.get(form, form)
            if part.data is not None and (issuer != "openai" or form in ("wav", "mp3")):
                return {"type": "input_audio", "input_audio": {"data": part.data, "format": form}}
        if part.transcript:
            self._adjust("audio", "its transcript is sent", action="translated")
            return {"type": "text", "text": part.transcript}
        return self._left_out("audio")

    def _file(self, part: FilePart) -> dict[str, Any]:
        media_type = part.media_type or (part.data and media_type_of(part.data)) or ""
        if (text := _as_text(part, media_type)) is not None:
            return {"type": "text", "text": text}
        family = media_type.partition("/")[0]
        if family == "image":
            return self._image(ImagePart(part.data, part.url, media_type=media_type))
        if family == "audio":
            return self._audio(AudioPart(part.data, part.url, media_type=media_type))
        kind = "video" if family == "video" else "file"
        if not self._takes(kind):
            return self._left_out(kind)
        url = part.url or (part.data and _data_url(part.data, media_type, "application/pdf"))
        if kind == "video" and url:
            return {"type": "video_url", "video_url": {"url": url}}
        if self.dialect.issuer == "mistral" and url:
            named = {"document_name": part.name} if part.name else {}
            return {"type": "document_url", "document_url": url, **named}
        if part.file_id is not None:
            return {"type": "file", "file": {"file_id": part.file_id}}
        if self.dialect.issuer == "openai" and media_type not in ("", "application/pdf"):
            return self._left_out(media_type)
        if url and (url.startswith("data:") or self.dialect.issuer == "openrouter"):
            name = part.name or f"file.{media_type.partition('/')[2] or 'pdf'}"
            return {"type": "file", "file": {"filename": name, "file_data": url}}
        return self._left_out("file by its URL")

    def _left_out(self, kind: str) -> dict[str, Any]:
        return {"type": "text", "text": left_out(kind, self.adjustments, asked=self.asked)}

    def _call(self, part: ToolCallPart) -> dict[str, Any]:
        arguments = arguments_text(part, self.adjustments)
        call: dict[str, Any] = {
            "id": part.id,
            "type": "function",
            "function": {"name": part.name, "arguments": arguments},
        }
        if part.signature:
            call["extra_content"] = _signed(part.signature)
        return call

    def _adjust(self, parameter: str, detail: str, action: Any = "dropped") -> None:
        adjustment = Adjustment(parameter, action, detail)
        if adjustment not in self.adjustments:
            self.adjustments.append(adjustment)


def _signed(signature: str) -> dict[str, Any]:
    """Google's place for a thought signature, in its OpenAI-compatible API."""
    return {"google": {"thought_signature": signature}}


def _data_url(data: str | None, media_type: str | None, default: str) -> str:
    return f"data:{media_type or media_type_of(data or '') or default};base64,{data}"


def _as_text(part: FilePart, media_type: str) -> str | None:
    """Give a file's words where it is text."""
    text = part.text
    if text is None and part.data is not None:
        if not (media_type.startswith("text/") or media_type == "application/json"):
            return None
        text = base64_text(part.data)
    return f"[{part.name}]\n{text}" if text is not None and part.name else text
