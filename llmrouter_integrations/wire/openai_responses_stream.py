"""Reads a streamed answer of OpenAI's Responses protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from llmrouter_integrations.messages import (
    Chunk,
    OpaquePart,
    PartDelta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from llmrouter_integrations.wire.checks import check_end
from llmrouter_integrations.wire.classify import classify_payload
from llmrouter_integrations.wire.event_stream import EventStream
from llmrouter_integrations.wire.openai_responses_dialects import sealer_of
from llmrouter_integrations.wire.openai_responses_output import (
    citation,
    extra_of,
    finish_of,
    item_id_of,
    reasoning_raw,
    reasoning_texts,
    usage_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmrouter_integrations.errors import (
        AttemptError,
    )
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["ResponsesStream"]

Event = dict[str, Any]


class _Part:
    """One part under way: how much of it has been handed on."""

    __slots__ = ("chars", "index", "notes", "piece", "texts")

    def __init__(self, index: int) -> None:
        self.index = index
        self.chars = 0
        self.notes = 0
        self.piece: tuple[str, int] | None = None  # which summary or text of a reasoning item
        self.texts: list[str] = []  # of a tool call only


class ResponsesStream(EventStream):
    """Turns server-sent events into chunks.

    The events that end an item say it whole: what a server did not send in pieces is taken from
    them.
    """

    __slots__ = (
        "_calls",
        "_content",
        "_finished",
        "_issuer",
        "_items",
        "_logprobs",
        "_parts",
        "_refused",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._issuer = sealer_of(endpoint)
        self._items: dict[int, Mapping[str, Any]] = {}  # as they were announced
        self._parts: dict[tuple[int, int], _Part] = {}
        self._finished: set[int] = set()
        self._calls: dict[int, str] = {}  # their names
        self._logprobs: list[Any] = []
        self._content = False
        self._refused = False

    def _event(self, event: Event, chunks: list[Chunk]) -> None:
        kind = event.get("type") or ""
        if (read := self._READERS.get(kind)) is not None:
            read(self, event)
            if self._logprobs:
                self._flush(chunks, {"content": self._logprobs})
                self._logprobs = []
        elif kind in _ENDS:
            self._end(event.get("response") or {}, chunks)
        elif kind == "response.created":
            body = event.get("response") or {}
            chunks.append(Chunk(model=body.get("model"), id=body.get("id")))
        elif kind in _FAILURES or event.get("error"):
            raise self._classified(event)

    def _classified(self, event: Event) -> AttemptError:
        body = event.get("response")
        error = (body or event).get("error") or event
        return classify_payload(error, self._endpoint)

    def _begin(self, key: tuple[int, int]) -> _Part:
        part = self._parts[key] = _Part(len(self._parts))
        return part

    def _announced(self, event: Event) -> None:
        item = event.get("item") or {}
        place = event.get("output_index", 0)
        self._items[place] = item
        if item.get("type") == "function_call":
            self._call(place, item)

    def _call(self, place: int, item: Mapping[str, Any]) -> _Part:
        part = self._begin((place, 0))
        self._calls[place] = item.get("name") or ""
        self._deltas.append(
            ToolCallDelta(
                part.index,
                item.get("call_id") or item.get("id") or "",
                item.get("name") or "",
                item_id=item.get("id"),
                issuer=self._issuer,
            )
        )
        return part

    def _text(self, event: Event) -> None:
        text = event.get("delta")
        if logprobs := event.get("logprobs"):
            self._logprobs += logprobs
        if text:
            self._say((event.get("output_index", 0), event.get("content_index", 0)), text)

    def _say(self, key: tuple[int, int], text: str) -> None:
        part = self._parts.get(key)
        if part is not None:
            part.chars += len(text)
            self._deltas.append(TextDelta(text, part.index))
            return
        part = self._begin(key)
        part.chars = len(text)
        self._content = True
        item_id = item_id_of(self._items.get(key[0]) or {})
        self._deltas.append(TextDelta(text, part.index, item_id=item_id, issuer=self._issuer))

    def _annotation(self, event: Event) -> None:
        part = self._parts.get((event.get("output_index", 0), event.get("content_index", 0)))
        note = event.get("annotation")
        if part is not None and note:
            part.notes += 1
            self._deltas.append(TextDelta("", part.index, (citation(note),)))

    def _refusal(self, event: Event) -> None:
        key = (event.get("output_index", 0), event.get("content_index", 0))
        self._refuse(key, event.get("delta") or "")

    def _refuse(self, key: tuple[int, int], text: str) -> None:
        part = self._parts.get(key) or self._begin(key)
        part.chars += len(text)
        self._content = self._refused = True
        self._deltas.append(RefusalDelta(text, part.index))

    def _summary(self, event: Event) -> None:
        self._think(event, ("summary", event.get("summary_index", 0)))

    def _reasoning(self, event: Event) -> None:
        self._think(event, ("content", event.get("content_index", 0)))

    def _think(self, event: Event, piece: tuple[str, int]) -> None:
        text = event.get("delta")
        if not text:
            return
        key = (event.get("output_index", 0), 0)
        part = self._parts.get(key) or self._begin(key)
        if part.piece != piece:
            if part.piece is not None:
                text = "\n\n" + text
            part.piece = piece
        part.chars += len(text)
        self._deltas.append(ReasoningDelta(text, part.index, self._issuer))

    def _arguments(self, event: Event) -> None:
        place = event.get("output_index", 0)
        delta = event.get("delta") or ""
        part = self._parts.get((place, 0))
        if part is None:
            part = self._call(place, self._items.get(place) or {})
        part.texts.append(delta)
        part.chars += len(delta)
        self._deltas.append(ToolCallDelta(part.index, arguments=delta))

    def _block_done(self, event: Event) -> None:
        block = event.get("part") or {}
        if block.get("type") != "reasoning_text":
            place = event.get("output_index", 0)
            self._close_block((place, event.get("content_index", 0)), block)

    def _item_done(self, event: Event) -> None:
        self._close(event.get("output_index", 0), event.get("item") or {})

    def _close(self, place: int, item: Mapping[str, Any]) -> None:
        """Take what an item's end says beyond its pieces."""
        self._finished.add(place)
        kind = item.get("type")
        if kind == "message":
            self._items.setdefault(place, item)
            for at, block in enumerate(item.get("content") or ()):
                self._close_block((place, at), block)
        elif kind == "reasoning":
            self._close_reasoning(place, item)
        elif kind == "function_call":
            part = self._parts.get((place, 0)) or self._call(place, item)
            whole = item.get("arguments") or ""
            if len(whole) > part.chars:
                part.texts.append(whole[part.chars :])
                self._deltas.append(ToolCallDelta(part.index, arguments=part.texts[-1]))
                part.chars = len(whole)
        elif kind:
            self._content = True
            part = self._begin((place, 0))
            self._deltas.append(PartDelta(OpaquePart(self._issuer, item), part.index))

    def _close_block(self, key: tuple[int, int], block: Mapping[str, Any]) -> None:
        kind = block.get("type")
        part = self._parts.get(key)
        chars = part.chars if part is not None else 0
        if kind == "output_text":
            if rest := (block.get("text") or "")[chars:]:
                self._say(key, rest)
            part = self._parts.get(key)
            notes = (block.get("annotations") or [])[part.notes :] if part is not None else ()
            if part is not None and notes:
                part.notes += len(notes)
                cited = tuple([citation(note) for note in notes])
                self._deltas.append(TextDelta("", part.index, cited))
        elif kind == "refusal":
            if part is None or (block.get("refusal") or "")[chars:]:
                self._refuse(key, (block.get("refusal") or "")[chars:])
        elif part is None:
            self._content = True
            part = self._begin(key)
            self._deltas.append(PartDelta(OpaquePart(self._issuer, block), part.index))

    def _close_reasoning(self, place: int, item: Mapping[str, Any]) -> None:
        part = self._parts.get((place, 0))
        text = "\n\n".join(reasoning_texts(item))
        rest = text[part.chars if part is not None else 0 :]
        signature = item.get("encrypted_content")
        raw = reasoning_raw(item)
        if not (text or signature or raw):
            return
        part = part or self._begin((place, 0))
        part.chars += len(rest)
        self._deltas.append(
            ReasoningDelta(
                rest, part.index, self._issuer, signature, item_id=item.get("id"), raw=raw
            )
        )

    def _end(self, body: Mapping[str, Any], chunks: list[Chunk]) -> None:
        for place, item in enumerate(body.get("output") or ()):
            if place not in self._finished:
                self._close(place, item)
        finish_reason, raw = finish_of(body, called=bool(self._calls), refused=self._refused)
        check_end(
            finish_reason,
            content=self._content,
            calls=[
                (name, "".join(self._parts[place, 0].texts)) for place, name in self._calls.items()
            ],
            endpoint=self._endpoint,
        )
        self._flush(chunks)
        self._done = True
        usage = body.get("usage")
        chunks.append(
            Chunk(
                finish_reason=finish_reason,
                usage=usage_of(usage) if usage else None,
                model=body.get("model"),
                id=body.get("id"),
                raw_finish_reason=raw,
                extra=extra_of(body),
            )
        )

    _READERS: ClassVar[Mapping[str, Callable[[ResponsesStream, Event], None]]] = {
        "response.output_text.delta": _text,
        "response.output_text.annotation.added": _annotation,
        "response.refusal.delta": _refusal,
        "response.reasoning_summary_text.delta": _summary,
        "response.reasoning_text.delta": _reasoning,
        "response.function_call_arguments.delta": _arguments,
        "response.content_part.done": _block_done,
        "response.output_item.added": _announced,
        "response.output_item.done": _item_done,
    }


_ENDS: Final = frozenset({"response.completed", "response.incomplete"})
_FAILURES: Final = frozenset({"error", "response.failed", "response.cancelled"})
