"""What another LangChain model answered -> :class:`Response`, or chunks of one.

Integrations differ in where they put things; what LangChain itself has a place for (usage, tool
calls, content blocks) is read from there, and the rest from ``response_metadata``.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata, add_usage

from llmrouter_integrations.langchain.blocks import parts_from
from llmrouter_integrations.langchain.to_request import messages_from
from llmrouter_integrations.messages import (
    NO_USAGE,
    Chunk,
    Message,
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
from llmrouter_integrations.wrapping.reading import check_no_restart
from llmrouter_integrations.wrapping.reasons import REASON_KEYS, raw_reason, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmrouter_integrations.messages import Delta, Part

__all__ = ["StreamReader", "read_answer"]

_OURS: Final = frozenset({"id", "logprobs", "model_name", "model_provider", *REASON_KEYS})
"""Of ``response_metadata``, what a :class:`Response` has a place of its own for."""

_LANGCHAINS_IDS: Final = ("lc_", "run-")
_CALL_BLOCKS: Final = frozenset(
    {"tool_use", "tool_call", "tool_call_chunk", "function_call", "input_json_delta"}
)
"""Blocks that say what ``tool_call_chunks`` says too."""


def read_answer(message: AIMessage, *, text_tool: str | None = None) -> Response:
    """Read a whole answer; ``finish_reason`` is "unknown" where the model did not tell.

    Args:
        message: The answer.
        text_tool: The tool by whose call the model was made to give its answer a form: a call of
            it is read as text.
    """
    (read,) = messages_from([message])
    parts = tuple([_untooled(part, text_tool) for part in read.parts])
    metadata = message.response_metadata
    raw = raw_reason(metadata)
    return Response(
        message=Message("assistant", parts, id=_id(message)),
        finish_reason=reason(raw, calls=any(isinstance(p, ToolCallPart) for p in parts)),
        usage=_usage(message.usage_metadata),
        model=_model(metadata),
        id=_id(message),
        raw_finish_reason=raw,
        logprobs=metadata.get("logprobs"),
        extra=_extra(metadata),
    )


class StreamReader:
    """Reads the chunks of one streamed answer.

    Args:
        issuer: Who can read back its reasoning and signatures.
        text_tool: As of :func:`read_answer`.
    """

    def __init__(self, issuer: str, *, text_tool: str | None = None) -> None:
        self._issuer = issuer
        self._text_tool = text_tool
        self._indices: dict[tuple[str, Any], int] = {}
        self._text_calls: set[int] = set()
        self._calls: dict[str, int] = {}
        self._phases: dict[int, str] = {}
        self._usage: UsageMetadata | None = None
        self._raw: str | None = None
        self._metadata: dict[str, Any] = {}
        self._id: str | None = None
        self._came: list[AIMessageChunk] = []
        self._has_more = False

    @property
    def has_reason(self) -> bool:
        """Whether the model has told why the answer ended: only its usage may still come."""
        return self._raw is not None

    def read(self, message: AIMessage) -> tuple[Delta, ...]:
        """Give what a chunk adds to the answer; what is said of the whole of it comes at the end.

        A model that does not stream gives a whole message as its only chunk.

        Raises:
            TruncatedAnswerError: The answer begins again.
        """
        check_no_restart(message.response_metadata)
        deltas: list[Delta] = []
        if isinstance(message, AIMessageChunk):
            self._came.append(message)
            self._content(message, deltas)
            self._call_pieces(message, deltas)
        else:
            (read,) = messages_from([message])
            for at, part in enumerate(read.parts):
                self._part(_untooled(part, self._text_tool), ("whole", at), deltas)
        self._note(message)
        return tuple(deltas)

    def end(self) -> Chunk:
        """Give what is known at the end; without a finish reason where the model told none."""
        deltas: list[Delta] = []
        if self._has_more:
            merged: AIMessageChunk = reduce(add, self._came)
            (read,) = messages_from([merged])
            self._late(read.parts, deltas)
        told = self._raw is not None
        return Chunk(
            deltas=tuple(deltas),
            finish_reason=reason(self._raw, calls=bool(self._calls)) if told else None,
            raw_finish_reason=self._raw,
            usage=_usage(self._usage),
            model=_model(self._metadata) or None,
            id=self._id,
            logprobs=self._metadata.get("logprobs"),
            extra=_extra(self._metadata),
        )

    def _content(self, message: AIMessageChunk, deltas: list[Delta]) -> None:
        besides = message.additional_kwargs
        if besides:
            if isinstance(said := besides.get("reasoning_content"), str) and said:
                deltas.append(ReasoningDelta(said, self._index("beside", "reasoning")))
            if isinstance(said := besides.get("refusal"), str) and said:
                deltas.append(RefusalDelta(said, self._index("beside", "refusal")))
            self._has_more = self._has_more or not besides.keys() <= {
                "reasoning_content",
                "refusal",
                "function_call",
                "parsed",
            }
        content = message.content
        if isinstance(content, str):
            if content:
                deltas.append(TextDelta(content, self._index("text", None)))
            return
        for block in content:
            if isinstance(block, str):
                if block:
                    deltas.append(TextDelta(block, self._index("text", None)))
                continue
            kind = block.get("type")
            if kind in _CALL_BLOCKS:
                self._has_more = self._has_more or kind == "function_call"
                continue
            for part in parts_from([block], self._issuer):
                self._part(part, ("block", block.get("index", kind)), deltas)

    def _part(self, part: Part, key: tuple[str, Any], deltas: list[Delta]) -> None:
        if isinstance(part, TextPart):
            if part.text or part.citations or part.signature or part.item_id:
                at = self._index(*key)
                item_id = self._with_phase(part.item_id, at)
                deltas.append(
                    TextDelta(part.text, at, part.citations, part.signature, item_id, part.issuer)
                )
        elif isinstance(part, ReasoningPart):
            deltas.append(
                ReasoningDelta(
                    part.text,
                    self._index(*key),
                    part.issuer or self._issuer,
                    part.signature,
                    part.redacted,
                    part.item_id,
                    part.raw,
                )
            )
        elif isinstance(part, RefusalPart):
            deltas.append(RefusalDelta(part.text, self._index(*key)))
        elif isinstance(part, ToolCallPart):
            at = self._index(*key)
            self._calls[part.id] = at
            deltas.append(ToolCallDelta(at, part.id, part.name, part.arguments, part.signature))
        else:
            self._has_more = True  # it may come in pieces: only the whole of it makes sense

    def _call_pieces(self, message: AIMessageChunk, deltas: list[Delta]) -> None:
        for position, piece in enumerate(message.tool_call_chunks):
            index = piece.get("index")
            at = self._index("call", position if index is None else index)
            name, arguments = piece.get("name") or None, piece.get("args") or ""
            if name is not None and name == self._text_tool:
                self._text_calls.add(at)
            if at in self._text_calls:
                if arguments:
                    deltas.append(TextDelta(arguments, at))
                continue
            if piece.get("id"):
                self._calls[str(piece["id"])] = at
            deltas.append(ToolCallDelta(at, piece.get("id") or None, name, arguments))

    def _note(self, message: AIMessage) -> None:
        metadata = message.response_metadata
        if metadata:
            self._raw = raw_reason(metadata) or self._raw
            self._metadata.update(metadata)
        if message.usage_metadata is not None:
            self._usage = add_usage(self._usage, message.usage_metadata)
        self._id = self._id or _id(message)

    def _late(self, parts: Iterable[Part], deltas: list[Delta]) -> None:
        """Add what only the whole answer shows: marks of calls, and parts that came in pieces."""
        for part in parts:
            if isinstance(part, ToolCallPart):
                at = self._calls.get(part.id)
                if at is not None and (part.signature or part.item_id):
                    marks = (part.signature, part.item_id, part.issuer)
                    deltas.append(ToolCallDelta(at, None, None, "", *marks))
            elif not isinstance(part, TextPart | ReasoningPart | RefusalPart):
                deltas.append(PartDelta(part, self._index("late", len(deltas))))

    def _with_phase(self, item_id: str | None, at: int) -> str | None:
        """Keep a text's phase before its id, which comes apart from it and later."""
        if item_id is None:
            return None
        phase, _, bare = item_id.rpartition("/")
        phase = self._phases[at] = phase or self._phases.get(at, "")
        return f"{phase}/{bare}" if phase else bare

    def _index(self, kind: str, key: Any) -> int:
        return self._indices.setdefault((kind, key), len(self._indices))


def _untooled(part: Part, text_tool: str | None) -> Part:
    if text_tool is not None and isinstance(part, ToolCallPart) and part.name == text_tool:
        return TextPart(part.arguments)
    return part


def _id(message: AIMessage) -> str | None:
    said = message.response_metadata.get("id") or message.id
    return said if isinstance(said, str) and not said.startswith(_LANGCHAINS_IDS) else None


def _model(metadata: Mapping[str, Any]) -> str:
    said = (metadata.get(key) for key in ("model_name", "model", "model_id"))
    return next((name for name in said if isinstance(name, str) and name), "")


def _extra(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metadata.items() if key not in _OURS}


def _usage(said: UsageMetadata | None) -> Usage:
    if said is None:
        return NO_USAGE
    read: Mapping[str, Any] = said.get("input_token_details") or {}
    written: Mapping[str, Any] = said.get("output_token_details") or {}
    return Usage(
        input_tokens=said.get("input_tokens") or 0,
        output_tokens=said.get("output_tokens") or 0,
        cache_read_tokens=_detail(read, "cache_read"),
        cache_write_tokens=_detail(read, "cache_creation") or _detail(read, "input_tokens"),
        reasoning_tokens=_detail(written, "reasoning"),
        audio_input_tokens=_detail(read, "audio"),
        audio_output_tokens=_detail(written, "audio"),
        cost_usd=_dollars(said),  # LangChain's own cache says 0 of what it answers
    )


def _detail(details: Mapping[str, Any], name: str) -> int:
    """Sum a detail up over its kinds: ``cache_read``, ``priority_cache_read``; a TTL's tokens."""
    return sum(
        count
        for key, count in details.items()
        if isinstance(count, int) and (key == name or key.endswith(f"_{name}"))
    )


def _dollars(said: Mapping[str, Any]) -> float | None:
    cost = said.get("total_cost")
    return float(cost) if isinstance(cost, int | float) else None
