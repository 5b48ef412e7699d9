"""Our messages -> Gemini's ``contents``.

https://ai.google.dev/api/generate-content and the pages on function calling, file input methods
and thought signatures, read in November 2026.
"""

from __future__ import annotations

import mimetypes
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
    base64_text,
    lacks,
    left_out,
    media_type_of,
    split_data_url,
)
from llmrouter_integrations.wire.structured import CONTINUE, OPENING
from llmrouter_integrations.wire.tool_arguments import arguments_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmrouter_integrations.catalog.model import Abilities
    from llmrouter_integrations.messages import Message, Part
    from llmrouter_integrations.wire.gemini_models import GeminiRules

__all__ = ["ContentWriter"]

UNSIGNED: Final = "skip_thought_signature_validator"
"""What Google's page on thought signatures says to send for a call that it did not make."""

RESULT_TYPES: Final = frozenset(
    ["image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"]
)
"""What may stand inside a function's result."""
TAKEN: Final = ("image/", "audio/", "video/", "text/", "application/pdf")
TEXTS: Final = ("application/json", "application/xml", "application/yaml")
"""Text, that Gemini takes by no such name."""

_DEFAULTS: Final[Mapping[type, str]] = {ImagePart: "image/png", AudioPart: "audio/wav"}
"""What a medium is taken for where nothing tells its type."""


class ContentWriter:
    """Writes the turns of one request.

    Attributes:
        adjustments: What could not be sent as it was.
    """

    __slots__ = ("_abilities", "_asked", "_called", "_rules", "adjustments")

    def __init__(
        self,
        rules: GeminiRules,
        adjustments: list[Adjustment],
        abilities: Abilities | None = None,
    ) -> None:
        self.adjustments = adjustments
        self._abilities = abilities
        self._asked = False
        self._rules = rules
        self._called: dict[str, str] = {}

    def write(self, turns: Sequence[Message]) -> list[dict[str, Any]]:
        """Write the turns as user and model contents that alternate, a user's first.

        Raises:
            UnsupportedParameterError: The question is about what Gemini does not take.
        """
        contents: list[dict[str, Any]] = []
        asked = asked_from(turns)
        for place, turn in enumerate(turns):
            self._asked = place >= asked and turn.role == "user"
            parts = self._results(turn.parts) if turn.role == "tool" else self.parts(turn.parts)
            if not parts:
                continue
            role = "model" if turn.role == "assistant" else "user"
            if contents and contents[-1]["role"] == role:
                contents[-1]["parts"] += parts
                continue
            if not contents and role == "model":
                contents.append({"role": "user", "parts": [{"text": OPENING}]})
            contents.append({"role": role, "parts": parts})
        if self._rules.signs:
            for content in contents:
                _sign(content["parts"])
        if contents and contents[-1]["role"] == "model" and not self._rules.prefill:
            contents.append({"role": "user", "parts": [{"text": CONTINUE}]})
            self.adjust("prefill", "an answer begun for the model is asked to be continued")
        return contents

    def adjust(self, parameter: str, detail: str) -> None:
        """Note what is sent in another form."""
        self.adjustments.append(Adjustment(parameter, "translated", detail))

    def parts(self, parts: Sequence[Part]) -> list[dict[str, Any]]:
        """Write what one turn says, in order."""
        written: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, TextPart):
                if part.signature is None:
                    if part.text:
                        written.append({"text": part.text})
                elif not part.text and written and written[-1].keys() == {"inlineData"}:
                    written[-1]["thoughtSignature"] = part.signature  # how a signed image is kept
                else:
                    written.append({"text": part.text, "thoughtSignature": part.signature})
            elif not isinstance(part, CachePoint):
                # the prompt's beginning is cached of itself
                written.append(self._part(part))
        return written

    def _part(self, part: Part) -> dict[str, Any]:
        if isinstance(part, ToolCallPart):
            return self._call(part)
        if isinstance(part, ToolResultPart):
            return self._result(part, [])
        if isinstance(part, ReasoningPart):
            thought: dict[str, Any] = {"text": part.text, "thought": True}
            if part.signature is not None:
                thought["thoughtSignature"] = part.signature
            return thought
        if isinstance(part, OpaquePart):
            return {**part.payload}
        if isinstance(part, RefusalPart):
            return {"text": part.text}
        return self._medium(part)

    def _call(self, part: ToolCallPart) -> dict[str, Any]:
        self._called[part.id] = part.name
        arguments = arguments_object(part, self.adjustments)
        call: dict[str, Any] = {
            "functionCall": {"id": part.id, "name": part.name, "args": arguments}
        }
        if part.signature is not None:
            call["thoughtSignature"] = part.signature
        return call

    def _results(self, parts: Sequence[Part]) -> list[dict[str, Any]]:
        """Write the results of one turn's calls; media that fit in none follow all of them."""
        beside: list[dict[str, Any]] = []
        written = [self._result(part, beside) for part in parts if isinstance(part, ToolResultPart)]
        if beside:
            self.adjust("tool result", "what is no text follows the results")
        return written + beside

    def _result(self, part: ToolResultPart, beside: list[dict[str, Any]]) -> dict[str, Any]:
        texts: list[str] = []
        inside: list[dict[str, Any]] = []
        outside: list[dict[str, Any]] = []
        for piece in part.content:
            if isinstance(piece, TextPart):
                texts.append(piece.text)
            elif not isinstance(piece, CachePoint):
                medium = self._part(piece)
                if "text" in medium:
                    texts.append(medium["text"])
                    continue
                fits = self._rules.media_results and _media_type(medium) in RESULT_TYPES
                (inside if fits else outside).append(medium)
        name = part.name or self._called.get(part.tool_call_id) or part.tool_call_id
        if outside:
            about = f"What the call {part.tool_call_id} of {name} returned beside its text:"
            beside += [{"text": about}, *outside]
        key = "error" if part.is_error else "output"
        response: dict[str, Any] = {
            "id": part.tool_call_id,
            "name": name,
            "response": {key: "\n".join(texts)},
        }
        if inside:
            response["parts"] = inside
        return {"functionResponse": response}

    def _medium(self, part: Part) -> dict[str, Any]:
        if isinstance(part, FilePart) and part.text is not None:
            return {"text": _titled(part, part.text)}
        if not isinstance(part, ImagePart | AudioPart | FilePart):
            return self._left_out(type(part).__name__)
        data, kind, address = part.data, part.media_type, part.file_id or part.url
        if data is None and part.file_id is None and part.url is not None:
            split = split_data_url(part.url)
            if split is not None:
                kind, data = split
        if data is not None:
            kind = kind or media_type_of(data) or _DEFAULTS.get(type(part))
            if isinstance(part, FilePart) and kind in TEXTS:
                text = base64_text(data)
                if text is not None:
                    return {"text": _titled(part, text)}
            if kind is None or not kind.startswith(TAKEN) or self._lacks(kind):
                return self._left_out(kind or "file of an unknown type")
            return {"inlineData": {"mimeType": kind, "data": data}}
        if address is not None:
            kind = kind or mimetypes.guess_type(address)[0] or _DEFAULTS.get(type(part))
            if kind is not None and self._lacks(kind):
                return self._left_out(kind)
            stored: dict[str, Any] = {"fileUri": address}
            if kind is not None:
                stored["mimeType"] = kind
            return {"fileData": stored}
        if isinstance(part, AudioPart) and part.transcript:
            self.adjust("audio", "to its transcript")
            return {"text": part.transcript}
        return self._left_out("medium without data")

    def _lacks(self, kind: str) -> bool:
        family = kind.partition("/")[0]
        if family == "text":
            return False
        return lacks(self._abilities, "file" if family == "application" else family)

    def _left_out(self, kind: str) -> dict[str, Any]:
        return {"text": left_out(kind, self.adjustments, asked=self._asked)}


def _media_type(written: dict[str, Any]) -> str | None:
    medium = written.get("inlineData") or written.get("fileData") or {}
    kind: str | None = medium.get("mimeType")
    return kind


def _titled(part: FilePart, text: str) -> str:
    return f"[{part.name}]\n{text}" if part.name else text


def _sign(parts: list[dict[str, Any]]) -> None:
    """See to the first call of a turn being signed, as Gemini 3 demands; the others are not."""
    for part in parts:
        if "functionCall" in part:
            part.setdefault("thoughtSignature", UNSIGNED)
            return
