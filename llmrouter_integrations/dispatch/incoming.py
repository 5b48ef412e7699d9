"""What has come of an answer so far, and what of it may be handed on."""

from __future__ import annotations

from dataclasses import replace
from os.path import commonprefix
from typing import TYPE_CHECKING

from llmrouter_integrations.accumulate import ResponseBuilder
from llmrouter_integrations.dispatch.steps import Continue, Repair
from llmrouter_integrations.dispatch.verify_repair import repair
from llmrouter_integrations.errors import MalformedToolCallError, TruncatedAnswerError
from llmrouter_integrations.messages import (
    Chunk,
    Message,
    ReasoningDelta,
    TextDelta,
    TextPart,
    ToolCallDelta,
)

if TYPE_CHECKING:
    from llmrouter_integrations.dispatch.plan import Plan
    from llmrouter_integrations.errors import AttemptError
    from llmrouter_integrations.messages import Delta, Request, Response

__all__ = ["Incoming", "amended", "check_tools_on_offer"]


def amended(request: Request, amend: Repair | Continue | None) -> Request:
    """Write the request that a call makes."""
    if amend is None:
        return request
    if isinstance(amend, Repair):
        return repair(request, amend.answer, amend.problem)
    # without the blank at its end, which some vendors refuse and all begin with again
    text = amend.partial.text.rstrip()
    if not text:
        return request
    begun = Message("assistant", (TextPart(text),))
    return replace(request, messages=(*request.messages, begun), native={})


def check_tools_on_offer(plan: Plan, response: Response) -> None:
    """Check that an answer calls only tools that are there.

    Raises:
        MalformedToolCallError: It calls another.
    """
    if plan.tool_names is None:
        return
    for call in response.message.tool_calls:
        if call.name not in plan.tool_names:
            raise _hallucinated(call.name, response)


class Incoming:
    """One stream as it comes in. It decides what is held back, and keeps the whole.

    Nothing is handed on before the stream is committed to: until its first content, or, where it
    must pass a check or begins by calling a tool that is not there, until its end. Where a stream
    may be taken over when it breaks, tool calls are held until its end too, so that none is
    handed on in part.

    Args:
        plan: The request's plan.
        amend: What was asked in place of the request.
        before: The stream that this one continues, if it does.

    Attributes:
        builder: The answer so far, whether handed on or not.
        held: Chunks to be handed on.
        handed_on: Whether any content has been.
        flows: Whether, once committed to, all is handed on as it comes.
    """

    __slots__ = (
        "_blank",
        "_calls_wait",
        "_hallucinated",
        "_hold",
        "_names",
        "_text_at",
        "builder",
        "flows",
        "handed_on",
        "held",
    )

    def __init__(
        self, plan: Plan, amend: Repair | Continue | None = None, before: Incoming | None = None
    ) -> None:
        self.builder = ResponseBuilder()
        self.held: list[Chunk] = []
        self.handed_on = False
        self._hold = plan.verify is not None
        self._calls_wait = plan.on_interrupt != "raise"
        self._names = plan.tool_names
        self.flows = (
            not self._calls_wait and self._names is None and not isinstance(amend, Continue)
        )
        self._hallucinated: str | None = None
        self._text_at: int | None = None
        self._blank = ""
        if isinstance(amend, Continue):
            begun = amend.partial.text
            self._blank = begun[len(begun.rstrip()) :]
            self._text_at = before.builder.text_index if before is not None else 0
            self.builder.add(Chunk((TextDelta(amend.partial.text, self._text_at),)))

    def opens(self, chunk: Chunk) -> bool:
        """Take a chunk before the stream is committed to; say whether it is time to."""
        if self._text_at is not None:
            chunk = self._fitted(chunk, self._text_at)
        self.builder.add(chunk)
        self.held.append(chunk)
        if self._hold or not chunk.has_content:
            return False
        if self._is_hallucinated(chunk):
            self._hold = True
            return False
        return True

    def _is_hallucinated(self, chunk: Chunk) -> bool:
        if self._names is not None:
            for delta in chunk.deltas:
                if type(delta) is ToolCallDelta and delta.name and delta.name not in self._names:
                    self._hallucinated = self._hallucinated or delta.name
                    return True
        return False

    def passes(self, chunk: Chunk) -> Chunk | None:
        """Take a chunk of a committed stream; give it back if it is to be handed on now."""
        if self._text_at is not None:
            chunk = self._fitted(chunk, self._text_at)
        self.builder.add(chunk)
        if self._is_hallucinated(chunk) and not self._calls_wait:
            raise _hallucinated(self._hallucinated or "", self.builder.response())
        if self._calls_wait and (self.held or _calls(chunk)):
            self.held.append(chunk)
            return None
        self.handed_on = self.handed_on or chunk.has_content
        return chunk

    def release(self) -> list[Chunk]:
        """Give what was held until the stream was committed to."""
        if self._calls_wait and not self._hold and _calls(self.held[-1]):
            return []
        held, self.held = self.held, []
        self.handed_on = self.handed_on or any(chunk.has_content for chunk in held)
        return held

    def finish(self) -> Response:
        """Give the whole answer.

        Raises:
            TruncatedAnswerError: It has no end.
            MalformedToolCallError: It calls a tool that is not there.
        """
        if self.builder.finish_reason is None:
            raise TruncatedAnswerError("the stream ended without a finish reason")
        if self._hallucinated is not None:
            raise _hallucinated(self._hallucinated, self.builder.response())
        return self.builder.response()

    def fault(self, error: AttemptError) -> AttemptError:
        """Add what had come, where the error is that this is the whole answer."""
        if error.leaves_answer and error.answer is None:
            response = self.builder.response()
            if response.finish_reason == "unknown":
                response = replace(response, finish_reason="stop")
            error.answer = response
        return error

    def _fitted(self, chunk: Chunk, at: int) -> Chunk:
        """Fit the rest of a text to its beginning: one text, with no second thoughts."""
        if not chunk.deltas:
            return chunk
        deltas: list[Delta] = []
        for delta in chunk.deltas:
            if type(delta) is TextDelta:
                text = delta.text
                if self._blank and text:
                    text = self._without_blank(text)
                deltas.append(replace(delta, index=at, text=text))
            elif type(delta) is not ReasoningDelta:
                deltas.append(replace(delta, index=at + 1 + delta.index))
        return replace(chunk, deltas=tuple(deltas))

    def _without_blank(self, text: str) -> str:
        """Drop the blank that has been handed on already; it may come in pieces."""
        again = len(commonprefix([self._blank, text]))  # noqa: RUF071  (characters, not paths)
        self._blank = self._blank[again:] if again == len(text) else ""
        return text[again:]


def _calls(chunk: Chunk) -> bool:
    return any(type(delta) is ToolCallDelta for delta in chunk.deltas)


def _hallucinated(name: str, response: Response) -> MalformedToolCallError:
    error = MalformedToolCallError(f"the answer calls {name!r}, a tool that was not offered")
    error.answer = response
    return error
