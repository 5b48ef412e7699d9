"""What another LlamaIndex LLM answered -> :class:`Response`, or chunks of one.

An LLM's answer holds its vendor's own in ``raw``: there stand the usage, the id and why it ended,
and, where an SDK does not raise it, an error. Streamed, each piece has all of the answer so far (of
OpenAI's Responses: only what it brings); what is new in it is told apart here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llama_index.core.base.llms.types import MessageRole
from pydantic import BaseModel

from llmrouter_integrations.llama_index.to_request import messages_from
from llmrouter_integrations.llama_index.tools import calls_in
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
from llmrouter_integrations.wire.classify import classify_payload
from llmrouter_integrations.wrapping.reasons import raw_reason, reason
from llmrouter_integrations.wrapping.usage import counts_in, said, usage_of

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse

    from llmrouter_integrations.messages import Delta, Part
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["StreamReader", "read_answer", "read_completion"]


def read_answer(
    answer: ChatResponse, endpoint: Endpoint, *, text_tool: str | None = None
) -> Response:
    """Read a whole answer; ``finish_reason`` is "unknown" where the LLM did not tell.

    Args:
        answer: The answer.
        endpoint: Whose it is.
        text_tool: The tool by whose call the LLM was made to give its answer a form: a call of it
            is read as text.

    Raises:
        AttemptError: There is an error where the answer should be.
    """
    about = _About(endpoint)
    about.note(answer)
    parts = tuple([_untooled(part, text_tool) for part in _parts(answer.message)])
    return about.response(parts)


def read_completion(answer: CompletionResponse, endpoint: Endpoint) -> Response:
    """Read the answer to a prompt; as :func:`read_answer`."""
    about = _About(endpoint)
    about.note(answer)
    return about.response((TextPart(answer.text),) if answer.text else ())


class _About:
    """What is said of an answer, once or in each of its pieces."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.counts: dict[str, int] = {}
        self.raw: str | None = None
        self.model = ""
        self.id: str | None = None
        self._endpoint = endpoint

    def note(self, answer: ChatResponse | CompletionResponse) -> None:
        raw: Any = answer.raw
        message = getattr(answer, "message", None)
        beside = message.additional_kwargs if message is not None else {}
        # an event of OpenAI's Responses holds the answer it is about
        of = raw if said(raw, "response.status") is None else said(raw, "response")
        for usage in (
            said(of, "usage"),
            said(raw, "usage_metadata"),
            said(raw, "message.usage"),
            beside.get("usage"),
            answer.additional_kwargs.get("usage"),
            answer.additional_kwargs,
            raw,
        ):
            for name, count in counts_in(usage).items():
                self.counts[name] = max(count, self.counts.get(name, 0))
        if (error := _error_in(raw)) is not None:
            raise classify_payload(error, self._endpoint)
        self.raw = _why(of) or raw_reason(beside) or self.raw
        model = said(of, "model") or said(of, "model_version")
        self.model = model if isinstance(model, str) else self.model
        name = said(of, "id")
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


def _error_in(raw: Any) -> dict[str, Any] | None:
    """Find the error that a vendor's answer is, or an event of a stream."""
    error = said(raw, "error") or said(raw, "response.error")
    if error is None and said(raw, "type") == "error":
        error = raw
    if isinstance(error, BaseModel):
        error = error.model_dump()
    return error if isinstance(error, dict) and error else None


def _why(raw: Any) -> str | None:
    for within in ("choices", "candidates"):
        listed = said(raw, within)
        if isinstance(listed, list) and listed:
            raw = listed[0]
            break
    for holder in (raw, said(raw, "delta")):
        keys = ("finish_reason", "stop_reason", "stopReason", "done_reason", "status")
        told = raw_reason({key: said(holder, key) for key in (*keys, "incomplete_details")})
        if told is not None and told not in _UNDER_WAY:
            return told
    return None


_UNDER_WAY: Final = frozenset(("in_progress", "queued"))
"""What a status says of an answer that has not ended."""


class StreamReader:
    """Reads the pieces of one streamed answer.

    Args:
        endpoint: As of :func:`read_answer`.
        text_tool: As of :func:`read_answer`.
    """

    def __init__(self, endpoint: Endpoint, *, text_tool: str | None = None) -> None:
        self._text_tool = text_tool
        self._about = _About(endpoint)
        self._indices: dict[str, int] = {}
        self._text = ""
        self._has_thought = False
        self._last: ChatMessage | None = None
        self._calls: dict[str, ChatMessage] = {}  # and the piece that last told of each

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
        for call_id, name in calls_in(message):
            self._calls[call_id] = message
            if call_id and name not in ("", self._text_tool) and not self._is_begun(call_id):
                deltas.append(ToolCallDelta(self._index(f"call {call_id}"), call_id, name))
        return tuple(deltas)

    def end(self) -> Chunk:
        """Give what is known at the end: arguments, signatures, parts that come whole."""
        deltas: list[Delta] = []
        for part in _parts(self._last) if self._last is not None else ():
            self._late(part, deltas)
        for message in {id(message): message for message in self._calls.values()}.values():
            told = {call_id for call_id, of in self._calls.items() if of is message}
            for part in _parts(message):
                if isinstance(part, ToolCallPart) and (part.id in told or "" in told):
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
        begun = self._is_begun(part.id)
        at = self._index(f"call {part.id}")
        call_id, name = (None, None) if begun else (part.id, part.name)
        deltas.append(ToolCallDelta(at, call_id, name, part.arguments))

    def _is_begun(self, call_id: str) -> bool:
        return f"call {call_id}" in self._indices

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
