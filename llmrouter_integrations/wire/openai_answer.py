"""What stands in an answer of OpenAI-style chat completions, whole or streamed."""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from llmrouter_integrations.messages import (
    EMPTY_MAP,
    AudioPart,
    Citation,
    ImagePart,
    PartDelta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from llmrouter_integrations.wire.media import split_data_url
from llmrouter_integrations.wire.think_tags import ThinkTags

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from llmrouter_integrations.messages import Delta
    from llmrouter_integrations.wire.dialects import Dialect

__all__ = ["AnswerReader"]


class _Call:
    """A tool call as far as it has come."""

    __slots__ = ("arguments", "id", "index", "name", "signed")

    def __init__(self, index: int, call_id: str, name: str) -> None:
        self.index = index
        self.id = call_id
        self.name = name
        self.arguments: list[str] = []
        self.signed = False

    @property
    def complete(self) -> bool:
        try:
            return isinstance(orjson.loads("".join(self.arguments)), dict)
        except orjson.JSONDecodeError:
            return False


class AnswerReader:
    """Reads messages and their deltas into our deltas; one for each answer.

    Attributes:
        text_index: Index of the text part that grows, if there is one.
        content: Whether anything but reasoning and tool calls has come.
        calls: The tool calls, in order.
        seed: What synthesized tool-call ids are made of; set before the first is read.
    """

    __slots__ = (
        "_audio",
        "_by_key",
        "_details",
        "_issuer",
        "_next",
        "_reasoning_index",
        "_refusal_index",
        "_signature",
        "_tags",
        "calls",
        "content",
        "seed",
        "text_index",
    )

    def __init__(self, dialect: Dialect) -> None:
        self._issuer = dialect.issuer
        self._tags = ThinkTags() if dialect.think_tags else None
        self._next = 0
        self._reasoning_index: int | None = None
        self._refusal_index: int | None = None
        self._by_key: dict[Any, _Call] = {}
        self._details: list[dict[str, Any]] = []
        self._audio: dict[str, list[str]] = {}
        self._signature: str | None = None
        self.text_index: int | None = None
        self.content = False
        self.calls: list[_Call] = []
        self.seed = ""

    @property
    def settled(self) -> bool:
        """Whether a piece of plain text can only be more of the part at ``text_index``."""
        return self.text_index is not None and (self._tags is None or self._tags.settled)

    def read(self, said: Mapping[str, Any], *, whole: bool = False) -> Iterator[Delta]:
        """Read a message (``whole``) or a delta of one."""
        reasoning = said.get("reasoning_content") or said.get("reasoning")
        if details := said.get("reasoning_details"):
            self._keep_details(details, whole=whole)
            # the words stand in both; some upstreams' only here
            reasoning = reasoning or "".join(
                [d.get("text") or d.get("summary") or "" for d in details]
            )
            if not reasoning and self._reasoning_index is None:
                self._reasoning_index = self._take()
        if reasoning and isinstance(reasoning, str):
            yield self._reasoned(reasoning)
        content = said.get("content")
        if content:
            if isinstance(content, str):
                yield from self._text(content)
            else:
                yield from self._pieces(content)
        if citations := _citations(said.get("annotations") or ()):
            yield TextDelta("", self._text_index(), citations)
        if refusal := said.get("refusal"):
            self.content = True
            if self._refusal_index is None:
                self._refusal_index = self._take()
            yield RefusalDelta(_text(refusal), self._refusal_index)
        for image in said.get("images") or ():
            yield from self._image(image)
        if audio := said.get("audio"):
            for key in ("data", "transcript"):
                if audio.get(key):
                    self._audio.setdefault(key, []).append(audio[key])
        for call in said.get("tool_calls") or ():
            yield self._tool_call(call, whole=whole)
        self._signature = _signature(said) or self._signature

    def end(self) -> Iterator[Delta]:
        """Take the end of the answer; give what was held back."""
        if self._tags is not None and not self._tags.settled:
            reasoning, text = self._tags.flush()
            if reasoning:
                yield self._reasoned(reasoning)
            if text:
                yield self._wrote(text)
        if self._details and self._reasoning_index is not None:
            yield ReasoningDelta(
                index=self._reasoning_index,
                issuer=self._issuer,
                redacted=all(d.get("type") == "reasoning.encrypted" for d in self._details),
                raw={"reasoning_details": self._details},
            )
        if self._audio:
            self.content = True
            part = AudioPart(
                data=_joined(self._audio.get("data", [])),
                transcript="".join(self._audio.get("transcript", [])) or None,
            )
            yield PartDelta(part, self._take())
        if self._signature and not any(call.signed for call in self.calls):
            if self.calls:
                yield ToolCallDelta(
                    self.calls[0].index, signature=self._signature, issuer=self._issuer
                )
            elif self.text_index is not None:
                yield TextDelta("", self.text_index, signature=self._signature, issuer=self._issuer)

    def cite(self, sources: tuple[Citation, ...]) -> Iterator[Delta]:
        """Give the pages that the whole text rests on."""
        if sources and self.text_index is not None:
            yield TextDelta("", self.text_index, sources)

    def _take(self) -> int:
        index = self._next
        self._next = index + 1
        return index

    def _text_index(self) -> int:
        if self.text_index is None:
            self.text_index = self._take()
        return self.text_index

    def _wrote(self, text: str) -> TextDelta:
        self.content = True
        return TextDelta(_text(text), self._text_index())

    def _reasoned(self, text: str) -> ReasoningDelta:
        if self._reasoning_index is None:
            self._reasoning_index = self._take()
        return ReasoningDelta(text, self._reasoning_index, self._issuer)

    def _text(self, text: str) -> Iterator[Delta]:
        if self._tags is not None and not self._tags.settled:
            reasoning, text = self._tags.feed(text)
            if reasoning:
                yield self._reasoned(reasoning)
        if text:
            yield self._wrote(text)

    def _pieces(self, pieces: list[Mapping[str, Any]]) -> Iterator[Delta]:
        """Read Mistral's list of text and thinking, whose parts keep their order."""
        for piece in pieces:
            kind = piece.get("type")
            if kind == "thinking":
                if self.text_index is not None:
                    self._reasoning_index = None
                    self.text_index = None
                thought = piece.get("thinking") or ""
                if not isinstance(thought, str):
                    thought = "".join([t.get("text") or "" for t in thought])
                if thought:
                    yield self._reasoned(thought)
            elif piece.get("text"):
                yield self._wrote(piece["text"])
            elif kind == "refusal" and piece.get("refusal"):
                yield from self.read({"refusal": piece["refusal"]})
            elif kind == "image_url":
                yield from self._image(piece)

    def _image(self, said: Mapping[str, Any]) -> Iterator[Delta]:
        image = said.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        if not isinstance(url, str):
            return
        self.content = True
        inline = split_data_url(url)
        part = ImagePart(data=inline[1], media_type=inline[0]) if inline else ImagePart(url=url)
        yield PartDelta(part, self._take())

    def _keep_details(self, details: list[dict[str, Any]], *, whole: bool) -> None:
        """Keep OpenRouter's record of the reasoning, whose pieces are told by their index."""
        for piece in details:
            known = None
            if not whole:
                same = (piece.get("index"), piece.get("type"))
                known = next(
                    (d for d in self._details if (d.get("index"), d.get("type")) == same), None
                )
            if known is None:
                self._details.append(dict(piece))
                continue
            for key, value in piece.items():
                if key in ("text", "summary", "data") and value:
                    known[key] = (known.get(key) or "") + value
                elif value or key not in known:
                    known[key] = value

    def _tool_call(self, said: Mapping[str, Any], *, whole: bool) -> ToolCallDelta:
        function = said.get("function") or EMPTY_MAP
        call_id, name = str(said.get("id") or ""), _text(function.get("name") or "")
        arguments = function.get("arguments") or ""
        if not isinstance(arguments, str):
            arguments = orjson.dumps(arguments).decode()
        key = said.get("index")
        call = None if whole else self._known_call(key, call_id, name)
        signature = _signature(said)
        if call is not None:
            call.arguments.append(arguments)
            call.signed = call.signed or signature is not None
            late = name if name and not call.name else None
            call.name = call.name or name
            return ToolCallDelta(
                call.index, None, late, arguments, signature, issuer=signature and self._issuer
            )
        call_id = call_id or self._made_id(name)
        call = _Call(self._take(), call_id, name)
        call.arguments.append(arguments)
        call.signed = signature is not None
        self.calls.append(call)
        self._by_key[key] = call
        return ToolCallDelta(
            call.index,
            call_id,
            name or None,
            arguments,
            signature,
            issuer=signature and self._issuer,
        )

    def _known_call(self, key: Any, call_id: str, name: str) -> _Call | None:
        """Find the call that a delta continues; None where it begins one.

        Some servers give every call the index 0, some no index and some no id: a delta that names
        a function begins a call if its id is another, or if the call before is complete.
        """
        call = self.calls[-1] if self.calls else None
        if key is not None:
            call = self._by_key.get(key)
        if call is None or not name:
            return call
        if call_id:
            return call if call_id == call.id else None
        return None if call.complete else call

    def _made_id(self, name: str) -> str:
        """Make an id for a call without one: the same for the same answer, whole or streamed."""
        said = f"{self.seed}:{len(self.calls)}:{name}"
        return f"call_{sha256(said.encode()).hexdigest()[:24]}"


def _text(said: Any) -> str:
    if type(said) is not str:
        raise TypeError(f"{said!r:.40} is no text")
    return said


def _signature(said: Mapping[str, Any]) -> str | None:
    """Find Google's thought signature."""
    extra = said.get("extra_content")
    return (extra.get("google") or EMPTY_MAP).get("thought_signature") if extra else None


def _citations(annotations: Iterable[Mapping[str, Any]]) -> tuple[Citation, ...]:
    found = []
    for annotation in annotations:
        cited = annotation.get("url_citation")
        if isinstance(cited, dict):
            found.append(
                Citation(
                    cited.get("url"),
                    cited.get("title"),
                    cited.get("content"),
                    cited.get("start_index"),
                    cited.get("end_index"),
                    annotation,
                )
            )
    return tuple(found)


def _joined(pieces: list[str]) -> str:
    """Join pieces of which each was put into base64 by itself."""
    if len(pieces) < 2:
        return "".join(pieces)
    try:
        return base64.b64encode(b"".join([base64.b64decode(piece) for piece in pieces])).decode()
    except binascii.Error:
        return "".join(pieces)
