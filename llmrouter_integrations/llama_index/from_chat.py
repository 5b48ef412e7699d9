"""What another LlamaIndex LLM answered -> :class:`Response`, or chunks of one.

An LLM's answer holds its vendor's own in ``raw``: there stand the usage, the id and why it ended.
Streamed, each piece has all of the answer so far; what is new in it is told apart here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import MessageRole

from llmrouter_integrations.llama_index.to_request import messages_from
from llmrouter_integrations.llama_index.tools import selections_from
from llmrouter_integrations.messages import (
    Chunk,
    Message,
    PartDelta,
    ReasoningDelta,
    ReasoningPart,
    Response,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
)
from llmrouter_integrations.wrapping.reasons import raw_reason, reason
from llmrouter_integrations.wrapping.usage import counts_in, said, usage_of

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse

    from llmrouter_integrations.messages import Delta, Part

__all__ = ["StreamReader", "read_answer", "read_completion"]


def read_answer(answer: ChatResponse, *, text_tool: str | None = None) -> Response:
    """Read a whole answer; ``finish_reason`` is "unknown" where the LLM did not tell.

    Args:
        answer: The answer.
        text_tool: The tool by whose call the LLM was made to give its answer a form: a call of it
            is read as text.
    """
    about = _About()
    about.note(answer)
    parts = tuple([_untooled(part, text_tool) for part in _parts(answer.message)])
    return about.response(parts)


def read_completion(answer: CompletionResponse) -> Response:
    """Read the answer to a prompt."""
    about = _About()
    about.note(answer)
    return about.response((TextPart(answer.text),) if answer.text else ())


class _About:
    """What is said of an answer, once or in each of its pieces."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.raw: str | None = None
        self.model = ""
        self.id: str | None = None

    def note(self, answer: ChatResponse | CompletionResponse) -> None:
        raw: Any = answer.raw
        message = getattr(answer, "message", None)
        beside = message.additional_kwargs if message is not None else {}
        for usage in (
            said(raw, "usage"),
            said(raw, "usage_metadata"),
            said(raw, "message.usage"),
            beside.get("usage"),
            answer.additional_kwargs,
            raw,
        ):
            for name, count in counts_in(usage).items():
                self.counts[name] = max(count, self.counts.get(name, 0))
        self.raw = _why(raw) or raw_reason(beside) or self.raw
        model = said(raw, "model") or said(raw, "model_version")
        self.model = model if isinstance(model, str) else self.model
        name = said(raw, "id")
        self.id = name if isinstance(name, str) else self.id

    def response(self, parts: tuple[Part, ...]) -> Response:
        return Response(
            message=Message("assistant", parts, id=self.id),
            finish_reason=reason(self.raw, calls=any(isinstance(p, ToolCallPart) for p in parts)),
            usage=usage_of(self.counts),
            model=self.model,
            id=self.id,
            raw_finish_reason=self.raw,
        )


def _why(raw: Any) -> str | None:
    for within in ("choices", "candidates"):
        listed = said(raw, within)
        if isinstance(listed, list) and listed:
            raw = listed[0]
            break
    for holder in (raw, said(raw, "delta")):
        keys = ("finish_reason", "stop_reason", "stopReason", "done_reason", "status")
        told = raw_reason({key: said(holder, key) for key in (*keys, "incomplete_details")})
        if told is not None:
            return told
    return None


class StreamReader:
    """Reads the pieces of one streamed answer.

    Args:
        text_tool: As of :func:`read_answer`.
    """

    def __init__(self, *, text_tool: str | None = None) -> None:
        self._text_tool = text_tool
        self._about = _About()
        self._indices: dict[str, int] = {}
        self._text = ""
        self._has_thought = False
        self._last: ChatMessage | None = None
        self._calling: ChatMessage | None = None

    def read_completion(self, answer: CompletionResponse) -> tuple[Delta, ...]:
        """Give what is new in the answer to a prompt."""
        self._about.note(answer)
        deltas: list[Delta] = []
        self._add_text(answer.delta, answer.text, deltas)
        return tuple(deltas)

    def read(self, answer: ChatResponse) -> tuple[Delta, ...]:
        """Give what is new: text and reasoning as they come, calls when they begin."""
        self._about.note(answer)
        message = self._last = answer.message
        deltas: list[Delta] = []
        thought = answer.additional_kwargs.get("thinking_delta")
        thought = thought or message.additional_kwargs.get("thinking_delta")
        if thought:
            self._has_thought = True
            deltas.append(ReasoningDelta(thought, self._index("reasoning")))
        self._add_text(answer.delta, message.content or "", deltas)
        calls = selections_from(message)
        if calls:
            self._calling = message
        for call in calls:
            known = not call.tool_id or f"call {call.tool_id}" in self._indices
            if known or call.tool_name in ("", self._text_tool):
                continue
            at = self._index(f"call {call.tool_id}")
            deltas.append(ToolCallDelta(at, call.tool_id, call.tool_name))
        return tuple(deltas)

    def end(self) -> Chunk:
        """Give what is known at the end: arguments, signatures, parts that come whole."""
        deltas: list[Delta] = []
        for part in _parts(self._last) if self._last is not None else ():
            self._late(part, deltas)
        if self._calling is not None:
            for part in _parts(self._calling):
                if isinstance(part, ToolCallPart):
                    self._late_call(part, deltas)
        about = self._about
        calls = any(name.startswith("call ") for name in self._indices)
        return Chunk(
            deltas=tuple(deltas),
            finish_reason=None if about.raw is None else reason(about.raw, calls=calls),
            raw_finish_reason=about.raw,
            usage=usage_of(about.counts),
            model=about.model or None,
            id=about.id,
        )

    def _add_text(self, delta: str | None, so_far: str, deltas: list[Delta]) -> None:
        text = so_far[len(self._text) :] if delta is None else delta
        if text:
            self._text += text
            deltas.append(TextDelta(text, self._index("text")))

    def _late(self, part: Part, deltas: list[Delta]) -> None:
        if isinstance(part, TextPart):
            if not self._text and part.text:
                deltas.append(TextDelta(part.text, self._index("text"), part.citations))
            elif part.citations:
                deltas.append(TextDelta("", self._index("text"), part.citations))
        elif isinstance(part, ReasoningPart):
            text = "" if self._has_thought else part.text
            if text or part.signature or part.raw:
                deltas.append(
                    ReasoningDelta(
                        text,
                        self._index("reasoning"),
                        part.issuer,
                        part.signature,
                        part.redacted,
                        part.item_id,
                        part.raw,
                    )
                )
        elif not isinstance(part, ToolCallPart):
            deltas.append(PartDelta(part, self._index(f"late {len(deltas)}")))

    def _late_call(self, part: ToolCallPart, deltas: list[Delta]) -> None:
        if part.name == self._text_tool:
            deltas.append(TextDelta(part.arguments, self._index("text")))
            return
        at = self._index(f"call {part.id}")
        deltas.append(ToolCallDelta(at, part.id, part.name, part.arguments))

    def _index(self, of: str) -> int:
        return self._indices.setdefault(of, len(self._indices))


def _parts(message: ChatMessage) -> tuple[Part, ...]:
    as_ours = message.model_copy(update={"role": MessageRole.ASSISTANT})
    (read,) = messages_from([as_ours])
    return read.parts


def _untooled(part: Part, text_tool: str | None) -> Part:
    if text_tool is not None and isinstance(part, ToolCallPart) and part.name == text_tool:
        return TextPart(part.arguments)
    return part
