"""Reads a streamed answer of Converse (``ConverseStreamOutput``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations.errors import (
    AttemptError,
    ProtocolViolationError,
)
from llmrouter_integrations.messages import (
    EMPTY_MAP,
    Chunk,
    ImagePart,
    OpaquePart,
    PartDelta,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from llmrouter_integrations.wire.aws_eventstream import EventStreamParser
from llmrouter_integrations.wire.bedrock_answer import (
    ISSUER,
    SERVER_TOOL,
    citation,
    extra_of,
    finish_reason_of,
    usage_of,
)
from llmrouter_integrations.wire.checks import check_end
from llmrouter_integrations.wire.classify import classify_payload
from llmrouter_integrations.wire.event_stream import AnswerStream
from llmrouter_integrations.wire.structured import JSON_TOOL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["ConverseStream"]

STATUSES: Final[Mapping[str, int]] = {
    "accessDeniedException": 403,
    "internalServerException": 500,
    "modelStreamErrorException": 424,
    "modelTimeoutException": 408,
    "resourceNotFoundException": 404,
    "serviceUnavailableException": 503,
    "throttlingException": 429,
    "validationException": 400,
}
"""The status with which Bedrock sends each exception when it is not in a stream."""


class _Block:
    """One content block under way; ``kind`` is its only key."""

    __slots__ = ("begun", "json", "kind", "signature")

    def __init__(self, kind: str, begun: dict[str, Any]) -> None:
        self.kind = kind
        self.begun = begun
        self.json: list[str] = []
        self.signature = ""


class ConverseStream(AnswerStream):
    """Turns AWS event frames into chunks; block indices are the parts' indices."""

    __slots__ = ("_blocks", "_content", "_frames", "_said", "_stop")

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._frames = EventStreamParser()
        self._blocks: dict[int, _Block] = {}
        self._said: dict[str, Any] = {}
        self._stop: str | None = None
        self._content = False

    def _take(self, data: bytes | None, chunks: list[Chunk]) -> None:
        for headers, payload in self._frames.feed(data or b""):
            if self._done:
                break
            self._event(headers, payload, chunks)

    def _last(self) -> Chunk | None:
        return None if self._stop is None else self._end()

    def _event(self, headers: dict[str, str], payload: bytes, chunks: list[Chunk]) -> None:
        if headers.get(":message-type") != "event":
            raise self._exception(headers, payload)
        kind = headers.get(":event-type")
        try:
            event = orjson.loads(payload)
        except orjson.JSONDecodeError:
            raise ProtocolViolationError("a stream event is not JSON") from None
        if kind == "contentBlockDelta":
            self._block_delta(event.get("contentBlockIndex", 0), event.get("delta") or EMPTY_MAP)
        elif kind == "contentBlockStart":
            self._block_start(event.get("contentBlockIndex", 0), event.get("start") or EMPTY_MAP)
        elif kind == "contentBlockStop":
            self._block_stop(event.get("contentBlockIndex", 0))
        elif kind == "messageStart":
            chunks.append(Chunk(model=self._endpoint.model))
        elif kind == "messageStop":
            self._stop = event.get("stopReason") or "unknown"
            self._said.update(event)
        elif kind == "metadata":
            self._said.update(event)
            if self._stop is not None:
                self._flush(chunks)
                chunks.append(self._end())

    def _exception(self, headers: dict[str, str], payload: bytes) -> AttemptError:
        """Name what came instead of an event: a modelled exception, or a bare error."""
        kind = headers.get(":exception-type") or headers.get(":error-code") or "error"
        try:
            said = orjson.loads(payload)
        except orjson.JSONDecodeError:
            said = {"message": headers.get(":error-message") or payload.decode("utf-8", "replace")}
        status = said.get("originalStatusCode") or STATUSES.get(kind[:1].lower() + kind[1:])
        return classify_payload({**said, "__type": kind}, self._endpoint, status=status)

    def _block_start(self, index: int, start: Mapping[str, Any]) -> None:
        if call := start.get("toolUse"):
            if call.get("type") == SERVER_TOOL:
                self._blocks[index] = _Block("server", {**call})
            elif call.get("name") == JSON_TOOL:
                self._blocks[index] = _Block("answer", {**call})
            else:
                self._blocks[index] = _Block("call", {**call})
                self._deltas.append(
                    ToolCallDelta(index, call.get("toolUseId"), call.get("name") or "")
                )
        elif result := start.get("toolResult"):
            self._blocks[index] = _Block("result", {**result, "content": []})
        elif image := start.get("image"):
            self._blocks[index] = _Block("image", {**image})

    def _block_delta(self, index: int, delta: Mapping[str, Any]) -> None:
        if text := delta.get("text"):
            self._content = True
            self._deltas.append(TextDelta(text, index))
        elif call := delta.get("toolUse"):
            self._arguments(index, call.get("input") or "")
        elif reasoning := delta.get("reasoningContent"):
            if text := reasoning.get("text"):
                self._deltas.append(ReasoningDelta(text, index, ISSUER))
            if signature := reasoning.get("signature"):
                block = self._blocks.setdefault(index, _Block("reasoning", {}))
                block.signature += signature
            if hidden := reasoning.get("redactedContent"):
                self._deltas.append(ReasoningDelta("", index, ISSUER, hidden, redacted=True))
        elif cited := delta.get("citation"):
            self._deltas.append(TextDelta("", index, (citation(cited),), issuer=ISSUER))
        elif (under_way := self._blocks.get(index)) is not None:
            if under_way.kind == "result":
                under_way.begun["content"] += delta.get("toolResult") or []
            elif under_way.kind == "image":
                under_way.begun.update(delta.get("image") or {})

    def _arguments(self, index: int, piece: str) -> None:
        block = self._blocks.get(index)
        if block is None:
            raise ProtocolViolationError(f"a piece of block {index} came before the block")
        if not piece:
            return
        block.json.append(piece)
        if block.kind == "call":
            self._deltas.append(ToolCallDelta(index, arguments=piece))
        elif block.kind == "answer":
            self._content = True
            self._deltas.append(TextDelta(piece, index))

    def _block_stop(self, index: int) -> None:
        block = self._blocks.get(index)
        if block is None or block.kind == "call":
            return
        if block.kind == "reasoning":
            self._deltas.append(ReasoningDelta("", index, ISSUER, block.signature))
            return
        if block.kind == "answer":
            if not block.json:
                self._arguments(index, "{}")
            return
        self._content = True
        part: OpaquePart | ImagePart
        if block.kind == "image":
            data = (block.begun.get("source") or EMPTY_MAP).get("bytes")
            part = ImagePart(data, media_type=f"image/{block.begun.get('format')}")
        elif block.kind == "result":
            part = OpaquePart(ISSUER, {"toolResult": block.begun})
        else:
            block.begun["input"] = _parsed("".join(block.json))
            part = OpaquePart(ISSUER, {"toolUse": block.begun})
        self._deltas.append(PartDelta(part, index))

    def _end(self) -> Chunk:
        self._done = True
        calls = [
            (block.begun.get("name") or "", "".join(block.json))
            for block in self._blocks.values()
            if block.kind == "call"
        ]
        reason = finish_reason_of(self._stop, self._endpoint, called=bool(calls))
        check_end(reason, content=self._content, calls=calls, endpoint=self._endpoint)
        usage = self._said.get("usage")
        return Chunk(
            finish_reason=reason,
            usage=usage_of(usage) if usage else None,
            raw_finish_reason=self._stop,
            extra=extra_of(self._said),
        )


def _parsed(json: str) -> Any:
    try:
        return orjson.loads(json or "{}")
    except orjson.JSONDecodeError:
        return json  # cut by the length; the stop reason says so
