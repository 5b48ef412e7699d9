"""Reads a streamed answer of Gemini's protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from llmrouter_integrations.errors import AttemptError, TruncatedAnswerError
from llmrouter_integrations.messages import (
    EMPTY_MAP,
    Chunk,
    OpaquePart,
    PartDelta,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from llmrouter_integrations.wire.checks import check_end, malformed
from llmrouter_integrations.wire.classify import classify_payload
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
from llmrouter_integrations.wire.sse import SseParser
from llmrouter_integrations.wire.structured import JSON_TOOL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.messages import Delta
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["GeminiStream"]


class GeminiStream:
    """Turns server-sent events into chunks (a :class:`~.base.StreamDecoder`).

    What several events of one feed add goes into one chunk. The finish reason, the usage (every
    event's is the sum so far) and the citations come with the last chunk, at the end of the
    bytes: the protocol has no other end. A fault is raised at the next call if the same feed
    brought something before it, so that nothing that came is lost.
    """

    __slots__ = (
        "_begun",
        "_calls",
        "_content",
        "_deltas",
        "_endpoint",
        "_failure",
        "_id",
        "_next",
        "_open",
        "_said",
        "_sse",
        "_texts",
        "_usage",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._sse = SseParser()
        self._begun = False
        self._id = ""
        self._deltas: list[Delta] = []
        self._next = 0  # index of the next part
        self._open = ""  # the kind of text that goes on at the last index
        self._texts: dict[int, list[str]] = {}
        self._calls: list[tuple[str, str]] = []
        self._content = False
        self._said: dict[str, Any] = {}
        self._usage: Mapping[str, Any] | None = None
        self._failure: AttemptError | None = None

    def feed(self, data: bytes) -> list[Chunk]:
        """Take the next bytes, cut anywhere; give the chunks they complete.

        Raises:
            AttemptError: The stream carried an error event, or is not what it should be, or the
                prompt was refused.
        """
        if self._failure is not None:
            raise self._failure
        return self._read(self._sse.feed(data))

    def finish(self) -> list[Chunk]:
        """Take the end of the bytes; give what was held back.

        Raises:
            TruncatedAnswerError: The answer's finish reason had not come.
            EmptyAnswerError: It had come, but nothing before it.
            MalformedToolCallError: The model ended in a call that could not be read.
        """
        if self._failure is not None:
            raise self._failure
        chunks = self._read(self._sse.flush(), last=True)
        if self._failure is not None:
            raise self._failure
        if not self._said.get("finishReason"):
            raise TruncatedAnswerError(
                "the stream ended before the answer did", target=self._endpoint.name
            )
        chunks.append(self._end())
        return chunks

    def _read(self, events: list[tuple[str, bytes]], *, last: bool = False) -> list[Chunk]:
        chunks: list[Chunk] = []
        try:
            for _, payload in events:
                self._event(payload, chunks, last=last)
        except AttemptError as error:
            self._failure = error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self._failure = malformed(error, self._endpoint)
        self._flush(chunks)
        if self._failure is not None and not chunks:
            raise self._failure
        return chunks

    def _flush(self, chunks: list[Chunk], logprobs: Any = None) -> None:
        if self._deltas or logprobs is not None:
            chunks.append(Chunk(tuple(self._deltas), logprobs=logprobs))
            self._deltas.clear()

    def _event(self, payload: bytes, chunks: list[Chunk], *, last: bool) -> None:
        try:
            event = orjson.loads(payload)
        except orjson.JSONDecodeError:
            if last:
                return  # cut off in the middle of an event
            raise
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
        if len(candidate) > 2 or "finishReason" in candidate:
            if (logprobs := logprobs_of(candidate)) is not None:
                self._flush(chunks, logprobs)
            self._said.update(candidate)

    def _part(self, part: Mapping[str, Any]) -> None:
        text = part.get("text")
        if text is None:
            self._open = ""
            self._whole(part)
            return
        signature = part.get("thoughtSignature")
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

    def _end(self) -> Chunk:
        said = self._said
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
