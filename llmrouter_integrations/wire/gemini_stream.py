"""Reads a streamed answer of Gemini's protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmrouter_integrations.messages import (
    EMPTY_MAP,
    Chunk,
    OpaquePart,
    PartDelta,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from llmrouter_integrations.wire.checks import check_end
from llmrouter_integrations.wire.classify import classify_payload
from llmrouter_integrations.wire.event_stream import EventStream
from llmrouter_integrations.wire.gemini_answer import (
    ISSUER,
    call_of,
    citations_of,
    extra_of,
    finish_reason_of,
    logprobs_of,
    other_part,
    refuse_blocked,
    usage_of,
)
from llmrouter_integrations.wire.structured import JSON_TOOL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.messages import Delta
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["GeminiStream"]


class GeminiStream(EventStream):
    """Turns server-sent events into chunks.

    The finish reason, the usage (every event's is the sum so far) and the citations come with the
    last chunk, at the end of the bytes: the protocol has no other end.
    """

    __slots__ = (
        "_begun",
        "_calls",
        "_content",
        "_id",
        "_next",
        "_open",
        "_said",
        "_texts",
        "_usage",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._begun = False
        self._id = ""
        self._next = 0  # index of the next part
        self._open = ""  # the kind of text that goes on at the last index
        self._texts: dict[int, list[str]] = {}
        self._calls: list[tuple[str, str]] = []
        self._content = False
        self._said: dict[str, Any] = {}
        self._usage: Mapping[str, Any] | None = None

    def _event(self, event: Any, chunks: list[Chunk]) -> None:
        if isinstance(event, list):
            event = event[0]
        if "error" in event:
            raise classify_payload(event, self._endpoint)
        if not self._begun:
            self._begun = True
            self._id = event.get("responseId") or ""
            if "promptFeedback" in event:
                refuse_blocked(event, self._endpoint)
            chunks.append(Chunk(model=event.get("modelVersion"), id=self._id or None))
        usage = event.get("usageMetadata")
        if usage:
            self._usage = usage
        candidates = event.get("candidates")
        if not candidates:
            return
        candidate = candidates[0]
        content = candidate.get("content")
        if content:
            for part in content.get("parts") or ():
                self._part(part)
        if len(candidate) > 2 or "finishReason" in candidate:  # more than content and index
            if (logprobs := logprobs_of(candidate)) is not None:
                self._flush(chunks, logprobs)
            self._said.update({key: said for key, said in candidate.items() if said})

    def _part(self, part: Mapping[str, Any]) -> None:
        text = part.get("text")
        if text is None:
            self._open = ""
            self._whole(part)
            return
        signature = part.get("thoughtSignature") or None
        if not text and signature is None:
            return
        kind = "thought" if part.get("thought") else "text"
        if kind != self._open:
            self._open = kind
            self._next += 1
        index = self._next - 1
        if kind == "thought":
            self._deltas.append(ReasoningDelta(text, index, ISSUER, signature))
        else:
            self._text(text, index, signature)
        if signature is not None:
            self._open = ""

    def _text(self, text: str, index: int, signature: str | None = None) -> None:
        self._content = self._content or bool(text)
        self._texts.setdefault(index, []).append(text)
        if signature is None:
            self._deltas.append(TextDelta(text, index))
        else:
            self._deltas.append(TextDelta(text, index, signature=signature, issuer=ISSUER))

    def _whole(self, part: Mapping[str, Any]) -> None:
        """Take a part that is no text: it comes whole."""
        signature = part.get("thoughtSignature")
        if "functionCall" in part:
            call = part["functionCall"]
            call_id, name, arguments = call_of(call, self._id, len(self._calls))
            self._next += 1
            if name == JSON_TOOL:
                self._text(arguments, self._next - 1)
                return
            self._calls.append((name, arguments))
            issuer = ISSUER if signature else None
            self._deltas.append(
                ToolCallDelta(
                    self._next - 1, call_id, name, arguments, signature=signature, issuer=issuer
                )
            )
        elif (other := other_part(part)) is not None:
            self._content = True
            self._deltas.append(PartDelta(other, self._next))
            self._next += 1
            if signature and not isinstance(other, OpaquePart):
                self._text("", self._next, signature)
                self._next += 1

    def _last(self) -> Chunk | None:
        said = self._said
        if not said.get("finishReason"):
            return None
        reason = finish_reason_of(said, self._endpoint, called=bool(self._calls))
        check_end(reason, content=self._content, calls=self._calls, endpoint=self._endpoint)
        deltas: tuple[Delta, ...] = ()
        if self._texts:
            texts = ["".join(pieces) for pieces in self._texts.values()]
            if cited := citations_of(said, texts):
                deltas = (TextDelta("", max(self._texts), cited, issuer=ISSUER),)
        return Chunk(
            deltas,
            finish_reason=reason,
            usage=usage_of(self._usage),
            raw_finish_reason=said.get("finishReason"),
            extra=extra_of(said, self._usage) or EMPTY_MAP,
        )
