"""Reads a streamed answer of Cohere's v2 chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmrouter_integrations.messages import (
    Chunk,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from llmrouter_integrations.wire.checks import check_end
from llmrouter_integrations.wire.classify import classify_payload
from llmrouter_integrations.wire.cohere_answer import (
    citations_of,
    extra_of,
    finish_reason_of,
    logprobs_of,
    usage_of,
)
from llmrouter_integrations.wire.cohere_messages import ISSUER, TOOL_PLAN
from llmrouter_integrations.wire.event_stream import EventStream
from llmrouter_integrations.wire.structured import JSON_TOOL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["CohereStream"]


class CohereStream(EventStream):
    """Turns server-sent events into chunks."""

    __slots__ = ("_calls", "_content", "_json", "_parts", "_text")

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._parts: dict[tuple[str, int], int] = {}  # Cohere counts each kind of part by itself
        self._calls: dict[int, list[str]] = {}  # name and arguments
        self._json: set[int] = set()  # the calls that are the structured answer
        self._text: int | None = None  # index of the first text, which citations are of
        self._content = False

    def _event(self, event: Any, chunks: list[Chunk]) -> None:
        kind = event.get("type")
        if kind in ("content-delta", "content-start"):
            place = event["index"]
            self._block(place, event["delta"]["message"]["content"])
            if "logprobs" in event:
                self._flush(chunks, logprobs_of([event["logprobs"]]))
        elif kind in ("tool-call-delta", "tool-call-start"):
            self._call(event["index"], event["delta"]["message"]["tool_calls"])
        elif kind == "tool-plan-delta":
            if plan := event["delta"]["message"].get("tool_plan"):
                self._deltas.append(
                    ReasoningDelta(plan, self._index("plan"), ISSUER, raw=TOOL_PLAN)
                )
        elif kind == "citation-start":
            self._cite(event["delta"]["message"]["citations"])
        elif kind == "message-start":
            chunks.append(Chunk(id=event.get("id")))
        elif kind == "message-end":
            delta = event.get("delta") or {}
            if delta.get("error"):
                raise classify_payload(delta["error"], self._endpoint)
            self._flush(chunks)
            chunks.append(self._end(delta))
        elif kind is None or "error" in event:
            raise classify_payload(event, self._endpoint)

    def _index(self, kind: str, place: int = 0) -> int:
        return self._parts.setdefault((kind, place), len(self._parts))

    def _block(self, place: int, content: Mapping[str, Any]) -> None:
        if text := content.get("text"):
            self._content = True
            index = self._index("content", place)
            self._text = index if self._text is None else self._text
            self._deltas.append(TextDelta(text, index))
        elif thinking := content.get("thinking"):
            self._deltas.append(ReasoningDelta(thinking, self._index("content", place), ISSUER))

    def _call(self, place: int, said: Mapping[str, Any]) -> None:
        function = said.get("function") or {}
        name, arguments = function.get("name"), function.get("arguments") or ""
        index = self._index("call", place)
        if name == JSON_TOOL:
            self._json.add(index)
        if index in self._json:
            if arguments:
                self._content = True
                self._deltas.append(TextDelta(arguments, index))
            return
        known = self._calls.setdefault(index, ["", ""])
        known[0] += name or ""
        known[1] += arguments
        self._deltas.append(ToolCallDelta(index, said.get("id"), name, arguments))

    def _cite(self, said: Mapping[str, Any]) -> None:
        place = said.get("content_index")
        index = self._text if place is None else self._parts.get(("content", place))
        if index is not None and said.get("type", "TEXT_CONTENT") == "TEXT_CONTENT":
            self._deltas.append(TextDelta("", index, citations_of(said), issuer=ISSUER))

    def _end(self, delta: Mapping[str, Any]) -> Chunk:
        raw = delta.get("finish_reason")
        reason = finish_reason_of(raw, self._endpoint, called=bool(self._calls))
        calls = [(name, arguments) for name, arguments in self._calls.values()]
        check_end(reason, content=self._content, calls=calls, endpoint=self._endpoint)
        self._done = True
        usage = delta.get("usage")
        return Chunk(
            finish_reason=reason,
            usage=usage_of(usage),
            raw_finish_reason=raw,
            extra=extra_of(usage),
        )
