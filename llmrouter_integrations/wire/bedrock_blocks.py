"""Message parts written as Converse's content blocks."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

import orjson

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
)
from llmrouter_integrations.wire.bedrock_models import (
    AUDIO_FORMATS,
    DOCUMENT_FORMATS,
    IMAGE_FORMATS,
    VIDEO_FORMATS,
)
from llmrouter_integrations.wire.history_parts import NO_CACHE_POINT
from llmrouter_integrations.wire.media import (
    base64_text,
    lacks,
    left_out,
    media_type_of,
    split_data_url,
)
from llmrouter_integrations.wire.tool_arguments import arguments_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmrouter_integrations.catalog.model import Abilities
    from llmrouter_integrations.messages import Part
    from llmrouter_integrations.wire.bedrock_models import BedrockRules

__all__ = ["ConverseWriter", "kind_of"]

MAX_CACHE_POINTS: Final = 4
MAX_DOCUMENTS: Final = 5
"""With more: "You can't include more than 5 documents in a request"."""
PLAIN_FORMATS: Final = frozenset({"txt", "md", "csv", "html"})
MAX_NAME: Final = 200
NO_OUTPUT: Final = "(no output)"
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9\s\-()\[\]]")
_SPACES: Final = re.compile(r"\s+")
_UNSAID: Final = {ImagePart: "image", AudioPart: "audio", FilePart: "file"}


def kind_of(block: dict[str, Any]) -> str:
    """Name the one key of a block."""
    return next(iter(block))


class ConverseWriter:
    """Writes the parts of one request as blocks.

    Attributes:
        adjustments: What could not be sent as it was.
        replays_thinking: Whether reasoning was written.
        called: Names of the tools called, in order of first call.
    """

    def __init__(
        self,
        rules: BedrockRules,
        adjustments: list[Adjustment],
        abilities: Abilities | None = None,
    ) -> None:
        self.adjustments = adjustments
        self.replays_thinking = False
        self.called: dict[str, None] = {}
        self._rules = rules
        self._abilities = abilities
        self._hears = abilities is not None and abilities.takes("audio") is True
        self._asked = self._answered = False
        self._thinks = rules.claude is not None and rules.claude.thinking != "none"
        self._names: set[str] = set()
        self._documents: list[tuple[dict[str, Any], bool]] = []  # and whether they are asked about
        self._points: list[dict[str, Any]] = []

    def write(
        self, parts: Sequence[Part], *, asked: bool = False, answered: bool = False
    ) -> list[dict[str, Any]]:
        """Write one turn's parts; media that its tool results may not hold come behind them.

        Args:
            parts: What the turn holds.
            asked: Whether it is the user's turn, and still to be answered.
            answered: Whether it is a model's.

        Raises:
            UnsupportedParameterError: The question is about what Bedrock has no form for.
        """
        self._asked, self._answered = asked, answered
        blocks: list[dict[str, Any]] = []
        behind: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, TextPart):
                if part.text and not part.text.isspace():  # Bedrock rejects blank text
                    blocks.append({"text": part.text})
            elif isinstance(part, CachePoint):
                blocks.extend(self.cache_point(part.ttl))
            elif isinstance(part, ToolResultPart):
                blocks.append(self._tool_result(part, behind))
            elif (block := self._block(part)) is not None:
                blocks.append(block)
        return blocks + behind

    def cache_point(self, ttl: str | None = None) -> list[dict[str, Any]]:
        """Write a cache point, if the model takes any."""
        if not self._rules.caches:
            self.adjustments.append(NO_CACHE_POINT)
            return []
        point: dict[str, Any] = {"type": "default"}
        if ttl == "1h" and self._rules.caches_tools:
            point["ttl"] = ttl
        block = {"cachePoint": point}
        self._points.append(block)
        return [block]

    def limit_cache_points(self, containers: Iterable[list[dict[str, Any]]]) -> None:
        """Keep the last four cache points of the prompt, and no long one after a short one.

        Args:
            containers: The lists that hold them, in the order of the prompt.
        """
        if not self._points:
            return
        placed = [
            (container, block)
            for container in containers
            for block in container
            if "cachePoint" in block
        ]
        surplus = {id(block) for _, block in placed[:-MAX_CACHE_POINTS]}
        if surplus:
            self.adjustments.append(
                Adjustment("cache point", "dropped", "all but the last four: no more are taken")
            )
            for container, _ in placed:
                container[:] = [block for block in container if id(block) not in surplus]
        short = False
        for _, block in placed[-MAX_CACHE_POINTS:]:
            point = block["cachePoint"]
            if short and point.pop("ttl", None):
                self.adjustments.append(
                    Adjustment("cache point", "translated", "1h to 5m: it follows one of 5m")
                )
            short = short or "ttl" not in point

    def limit_documents(self) -> None:
        """Keep the last five documents of the prompt: no more are taken.

        Raises:
            UnsupportedParameterError: The question is about more.
        """
        for block, asked in self._documents[:-MAX_DOCUMENTS]:
            document = block.pop("document")
            if words := _words(document["format"], document["source"]):
                block["text"] = f"[{document['name']}]\n{words}"
            else:
                kind = f"file beyond {MAX_DOCUMENTS}"
                block["text"] = left_out(kind, self.adjustments, asked=asked)

    def _block(self, part: Part) -> dict[str, Any] | None:
        if isinstance(part, ToolCallPart):
            self.called[part.name] = None
            arguments = arguments_object(part, self.adjustments)
            return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": arguments}}
        if isinstance(part, ReasoningPart):
            return self._reasoning(part)
        if isinstance(part, ImagePart | FilePart | AudioPart):
            return self._media(part)
        if isinstance(part, OpaquePart):
            return {**part.payload}
        if isinstance(part, RefusalPart) and part.text.strip():
            return {"text": part.text}
        return None

    def _reasoning(self, part: ReasoningPart) -> dict[str, Any] | None:
        if not self._thinks or part.signature is None:
            self.adjustments.append(
                Adjustment("reasoning", "dropped", "the model does not take it back")
            )
            return None
        self.replays_thinking = True
        if part.redacted:
            return {"reasoningContent": {"redactedContent": part.signature}}
        said = {"text": part.text, "signature": part.signature}
        return {"reasoningContent": {"reasoningText": said}}

    def _tool_result(self, part: ToolResultPart, behind: list[dict[str, Any]]) -> dict[str, Any]:
        content: list[dict[str, Any]] = []
        for inner in part.content:
            for block in self.write((inner,)):
                kind = kind_of(block)
                if kind == "text" or kind in self._rules.in_results:
                    content.append(block)
                elif kind in self._rules.beside_results:
                    content.append({"text": f"[{kind}: see below]"})
                    behind.append(block)
                else:
                    content.append(self._left_out(kind))
        if self._rules.json_results:
            content = _as_json(content)
        result: dict[str, Any] = {
            "toolUseId": part.tool_call_id,
            "content": content or [{"text": NO_OUTPUT}],
        }
        if part.is_error and self._rules.result_status:
            result["status"] = "error"
        return {"toolResult": result}

    def _media(self, part: ImagePart | FilePart | AudioPart) -> dict[str, Any]:
        if self._answered:  # which may hold none
            return self._left_out(_UNSAID[type(part)])
        if isinstance(part, FilePart) and part.text is not None:
            text = base64.b64encode(part.text.encode()).decode()
            return self._document(part, "txt", {"bytes": text})
        data, kind = part.data, part.media_type or ""
        if part.url and (split := split_data_url(part.url)):
            kind, data = split
        source: dict[str, Any] | None = None
        if data is not None:
            kind = kind or media_type_of(data) or ""
            source = {"bytes": data}
        elif part.url and part.url.startswith("s3://"):
            source = {"s3Location": {"uri": part.url}}
        if source is not None:
            if kind in IMAGE_FORMATS and not lacks(self._abilities, "image"):
                return {"image": {"format": IMAGE_FORMATS[kind], "source": source}}
            if kind in VIDEO_FORMATS and not lacks(self._abilities, "video"):
                return {"video": {"format": VIDEO_FORMATS[kind], "source": source}}
            if kind in DOCUMENT_FORMATS and isinstance(part, FilePart):
                return self._document(part, DOCUMENT_FORMATS[kind], source)
            if kind in AUDIO_FORMATS and self._hears:
                return {"audio": {"format": AUDIO_FORMATS[kind], "source": source}}
        if isinstance(part, AudioPart) and part.transcript:
            self.adjustments.append(Adjustment("audio", "translated", "to its transcript"))
            return {"text": part.transcript}
        return self._left_out(kind or _UNSAID[type(part)])

    def _document(self, part: FilePart, form: str, source: dict[str, Any]) -> dict[str, Any]:
        if lacks(self._abilities, "file"):
            words = _words(form, source)
            return self._left_out("file") if words is None else {"text": words}
        document: dict[str, Any] = {
            "format": form,
            "name": self._name(part.name or "document"),
            "source": source,
        }
        if part.citations and self._rules.claude is not None:
            document["citations"] = {"enabled": True}
        block = {"document": document}
        self._documents.append((block, self._asked))
        return block

    def _name(self, wanted: str) -> str:
        """Spell a document's name as Bedrock takes it, no two alike in one request."""
        stem = _SPACES.sub(" ", _NOT_IN_NAMES.sub("-", wanted)).strip()[: MAX_NAME - 10]
        name, again = stem or "document", 1
        while name in self._names:
            again += 1
            name = f"{stem or 'document'} ({again})"
        self._names.add(name)
        return name

    def _left_out(self, kind: str) -> dict[str, Any]:
        return {"text": left_out(kind, self.adjustments, asked=self._asked)}


def _words(form: str, source: dict[str, Any]) -> str | None:
    """Give the text of a document that is text, with something in it."""
    text = base64_text(source.get("bytes", "")) if form in PLAIN_FORMATS else None
    return text if text and not text.isspace() else None


def _as_json(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the texts as one JSON object, for families that read nothing else."""
    text = "".join(block["text"] for block in content if "text" in block)
    others = [block for block in content if "text" not in block]
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = text
    return [{"json": value if isinstance(value, dict) else {"result": value}}, *others]
