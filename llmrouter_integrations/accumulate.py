"""Fold the chunks of a streamed answer into one :class:`Response`, and unfold one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmrouter_integrations.messages import (
    EMPTY_MAP,
    NO_USAGE,
    Chunk,
    Citation,
    Message,
    Part,
    PartDelta,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    Response,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.messages import Delta, FinishReason

__all__ = ["ResponseBuilder", "chunk_of"]


class _Slot:
    """One part under construction."""

    __slots__ = (
        "citations",
        "id",
        "issuer",
        "item_id",
        "kind",
        "name",
        "part",
        "raw",
        "redacted",
        "signature",
        "texts",
    )

    def __init__(self, kind: type[Delta]) -> None:
        self.kind = kind
        self.texts: list[str] = []
        self.citations: list[Citation] = []
        self.id = ""
        self.name = ""
        self.signature: str | None = None
        self.item_id: str | None = None
        self.issuer: str | None = None
        self.redacted = False
        self.raw: Mapping[str, Any] = EMPTY_MAP
        self.part: Part | None = None

    def build(self) -> Part | None:
        text = "".join(self.texts)
        if self.kind is TextDelta:
            if not text and self.signature is None:
                return None
            return TextPart(text, tuple(self.citations), self.signature, self.item_id, self.issuer)
        if self.kind is ReasoningDelta:
            if not (text or self.signature or self.raw):
                return None
            return ReasoningPart(
                text, self.issuer, self.signature, self.redacted, self.item_id, self.raw
            )
        if self.kind is RefusalDelta:
            return RefusalPart(text)
        if self.kind is ToolCallDelta:
            return ToolCallPart(
                self.id, self.name, text or "{}", self.signature, self.item_id, self.issuer
            )
        return self.part


class ResponseBuilder:
    """Collects chunks; :meth:`response` may be asked for at any time, also for a partial one."""

    __slots__ = ("_slots", "extra", "finish_reason", "id", "logprobs", "model", "raw", "usage")

    def __init__(self) -> None:
        self._slots: dict[int, _Slot] = {}
        self.finish_reason: FinishReason | None = None
        self.raw: str | None = None
        self.usage: Usage | None = None
        self.model = ""
        self.id: str | None = None
        self.logprobs: Any = None
        self.extra: dict[str, Any] = {}

    def add(self, chunk: Chunk) -> None:
        """Take the next chunk, in order."""
        for delta in chunk.deltas:
            slot = self._slots.get(delta.index)
            if slot is None:
                slot = self._slots[delta.index] = _Slot(type(delta))
            _fold(slot, delta)
        if chunk.finish_reason is not None:
            self.finish_reason = chunk.finish_reason
            self.raw = chunk.raw_finish_reason
        if chunk.usage is not None:
            self.usage = chunk.usage
        if chunk.model:
            self.model = chunk.model
        if chunk.id:
            self.id = chunk.id
        if chunk.logprobs is not None:
            self.logprobs = _join_logprobs(self.logprobs, chunk.logprobs)
        if chunk.extra:
            self.extra.update(chunk.extra)

    @property
    def text_index(self) -> int:
        """The index of the last part that has text; 0 where none has."""
        spoken = [i for i, s in self._slots.items() if s.kind is TextDelta and any(s.texts)]
        return max(spoken, default=0)

    @property
    def message(self) -> Message:
        """The assistant's turn so far."""
        built = (self._slots[index].build() for index in sorted(self._slots))
        return Message("assistant", tuple([p for p in built if p is not None]), id=self.id)

    def response(self) -> Response:
        """The answer so far; ``finish_reason`` is "unknown" until the end came."""
        return Response(
            message=self.message,
            finish_reason=self.finish_reason or "unknown",
            usage=self.usage or NO_USAGE,
            model=self.model,
            id=self.id,
            raw_finish_reason=self.raw,
            logprobs=self.logprobs,
            extra=self.extra or EMPTY_MAP,
        )


def chunk_of(response: Response) -> Chunk:
    """Write a whole answer as one chunk: the inverse of :class:`ResponseBuilder`."""
    return Chunk(
        tuple([_unfold(part, index) for index, part in enumerate(response.message.parts)]),
        finish_reason=response.finish_reason,
        usage=response.usage,
        model=response.model or None,
        id=response.id,
        raw_finish_reason=response.raw_finish_reason,
        logprobs=response.logprobs,
        extra=response.extra,
    )


def _unfold(part: Part, index: int) -> Delta:
    match part:
        case TextPart():
            return TextDelta(
                part.text, index, part.citations, part.signature, part.item_id, part.issuer
            )
        case ReasoningPart():
            return ReasoningDelta(
                part.text,
                index,
                part.issuer,
                part.signature,
                part.redacted,
                part.item_id,
                part.raw,
            )
        case RefusalPart():
            return RefusalDelta(part.text, index)
        case ToolCallPart():
            return ToolCallDelta(
                index,
                part.id,
                part.name,
                part.arguments,
                part.signature,
                part.item_id,
                part.issuer,
            )
        case _:
            return PartDelta(part, index)


def _fold(slot: _Slot, delta: Delta) -> None:
    if isinstance(delta, PartDelta):
        slot.part = delta.part
        return
    slot.texts.append(delta.arguments if isinstance(delta, ToolCallDelta) else delta.text)
    if isinstance(delta, RefusalDelta):
        return
    if delta.signature is not None:
        slot.signature = delta.signature
    if delta.item_id is not None:
        slot.item_id = delta.item_id
    if delta.issuer is not None:
        slot.issuer = delta.issuer
    if isinstance(delta, TextDelta):
        slot.citations.extend(delta.citations)
    elif isinstance(delta, ReasoningDelta):
        slot.redacted = slot.redacted or delta.redacted
        if delta.raw:
            slot.raw = {**slot.raw, **delta.raw}
    else:
        slot.id = delta.id or slot.id
        slot.name = delta.name or slot.name


def _join_logprobs(sofar: Any, more: Any) -> Any:
    """Join OpenAI-style records, ``{"content": [...], "refusal": [...]}``; others replace."""
    if not (isinstance(sofar, dict) and isinstance(more, dict)):
        return more
    return {
        key: [*(sofar.get(key) or []), *(more.get(key) or [])] or None for key in {**sofar, **more}
    }
