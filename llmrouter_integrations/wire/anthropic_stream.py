"""Reads a streamed answer of Anthropic's Messages protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from llmrouter_integrations.errors import (
    ProtocolViolationError,
)
from llmrouter_integrations.messages import (
    Chunk,
    OpaquePart,
    PartDelta,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from llmrouter_integrations.wire.anthropic_answer import (
    citation,
    extra_of,
    finish_reason_of,
    issuer_of,
    usage_of,
)
from llmrouter_integrations.wire.checks import check_end
from llmrouter_integrations.wire.classify import classify_payload
from llmrouter_integrations.wire.event_stream import EventStream
from llmrouter_integrations.wire.structured import JSON_TOOL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["AnthropicStream"]


class _Block:
    """One content block under way."""

    __slots__ = ("begun", "json", "kind", "name", "signature")

    def __init__(self, begun: dict[str, Any]) -> None:
        self.begun = begun
        self.kind: str = begun.get("type") or ""
        self.name: str = begun.get("name") or ""
        if self.kind == "tool_use" and self.name == JSON_TOOL:
            self.kind = "json_answer"
        self.json: list[str] = []
        self.signature = begun.get("signature") or ""


class AnthropicStream(EventStream):
    """Turns server-sent events into chunks; block indices are the parts' indices."""

    __slots__ = ("_blocks", "_content", "_issuer", "_said", "_usage")

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._issuer = issuer_of(endpoint)
        self._blocks: dict[int, _Block] = {}
        self._usage: dict[str, Any] = {}
        self._said: dict[str, Any] = {}
        self._content = False

    def _event(self, event: Any, chunks: list[Chunk]) -> None:
        kind = event.get("type")
        if kind == "content_block_delta":
            self._block_delta(event)
        elif kind == "content_block_start":
            self._block_start(event)
        elif kind == "content_block_stop":
            self._block_stop(event)
        elif kind == "message_delta":
            self._said.update(event.get("delta") or {})
            self._count(event.get("usage"))
        elif kind == "message_stop":
            self._flush(chunks)
            chunks.append(self._end())
        elif kind == "message_start":
            message = event.get("message") or {}
            self._said.update(message)
            self._said.pop("content", None)
            self._count(message.get("usage"))
            chunks.append(Chunk(model=message.get("model"), id=message.get("id")))
        elif kind == "error" or "error" in event:
            raise classify_payload(event, self._endpoint)

    def _last(self) -> Chunk | None:
        return None if self._said.get("stop_reason") is None else self._end()

    def _block_delta(self, event: Mapping[str, Any]) -> None:
        index: int = event.get("index", 0)
        delta = event.get("delta") or {}
        kind = delta.get("type")
        if kind == "text_delta":
            if text := delta.get("text"):
                self._content = True
                self._deltas.append(TextDelta(text, index))
            return
        block = self._blocks.get(index)
        if block is None:
            raise ProtocolViolationError(f"a piece of block {index} came before the block")
        if kind == "thinking_delta":
            if text := delta.get("thinking"):
                self._deltas.append(ReasoningDelta(text, index, self._issuer))
        elif kind == "input_json_delta":
            self._arguments(block, index, delta.get("partial_json") or "")
        elif kind == "signature_delta":
            block.signature += delta.get("signature") or ""
        elif kind == "citations_delta":
            cited = (citation(delta.get("citation") or {}),)
            self._deltas.append(TextDelta("", index, cited, issuer=self._issuer))
        else:
            for key, value in delta.items():
                if key != "type" and isinstance(value, str):
                    block.begun[key] = (block.begun.get(key) or "") + value

    def _arguments(self, block: _Block, index: int, piece: str) -> None:
        if not piece:
            return
        block.json.append(piece)
        if block.kind == "tool_use":
            self._deltas.append(ToolCallDelta(index, arguments=piece))
        elif block.kind == "json_answer":
            self._content = True
            self._deltas.append(TextDelta(piece, index))

    def _block_start(self, event: Mapping[str, Any]) -> None:
        index: int = event.get("index", 0)
        block = self._blocks[index] = _Block(event.get("content_block") or {})
        begun = block.begun
        if block.kind == "text":
            if begun.get("text"):
                self._content = True
                self._deltas.append(TextDelta(begun["text"], index))
            for raw in begun.get("citations") or ():
                self._deltas.append(TextDelta("", index, (citation(raw),), issuer=self._issuer))
        elif block.kind == "thinking":
            if begun.get("thinking"):
                self._deltas.append(ReasoningDelta(begun["thinking"], index, self._issuer))
        elif block.kind == "redacted_thinking":
            self._deltas.append(
                ReasoningDelta("", index, self._issuer, begun.get("data"), redacted=True)
            )
        elif block.kind == "tool_use":
            self._deltas.append(ToolCallDelta(index, begun.get("id"), block.name))

    def _block_stop(self, event: Mapping[str, Any]) -> None:
        index: int = event.get("index", 0)
        block = self._blocks.get(index)
        if block is None or block.kind in ("text", "redacted_thinking"):
            return
        if block.kind == "thinking":
            if block.signature:
                self._deltas.append(ReasoningDelta("", index, self._issuer, block.signature))
        elif block.kind in ("tool_use", "json_answer"):
            whole = block.begun.get("input")
            if not block.json and (whole or block.kind == "json_answer"):
                self._arguments(block, index, orjson.dumps(whole or {}).decode())
        else:
            self._content = True
            if block.json:
                block.begun["input"] = _parsed("".join(block.json))
            self._deltas.append(PartDelta(OpaquePart(self._issuer, block.begun), index))

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        """Take a usage object: figures are running totals, and some servers send zeros later."""
        for key, value in (usage or {}).items():
            before = self._usage.get(key)
            if isinstance(value, int) and isinstance(before, int):
                self._usage[key] = max(before, value)
            elif value is not None:
                self._usage[key] = value

    def _end(self) -> Chunk:
        self._done = True
        stop_reason = self._said.get("stop_reason")
        calls = [(b.name, "".join(b.json)) for b in self._blocks.values() if b.kind == "tool_use"]
        reason = finish_reason_of(stop_reason, called=bool(calls))
        check_end(reason, content=self._content, calls=calls, endpoint=self._endpoint)
        return Chunk(
            finish_reason=reason,
            usage=usage_of(self._usage) if self._usage else None,
            raw_finish_reason=stop_reason,
            extra=extra_of(self._said, self._usage),
        )


def _parsed(json: str) -> Any:
    try:
        return orjson.loads(json)
    except orjson.JSONDecodeError:
        return json  # cut by max_tokens; the stop reason says so
