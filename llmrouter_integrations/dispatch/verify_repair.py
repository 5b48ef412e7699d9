"""The turn that tells a model what is wrong with its answer, so that it can mend it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmrouter_integrations.messages import (
    EMPTY_MAP,
    CachePoint,
    Message,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolResultPart,
)

if TYPE_CHECKING:
    from llmrouter_integrations.messages import Part, Request, Response

__all__ = ["repair"]

_ANSWER_AGAIN: Final = (
    "Your last answer cannot be used: {problem}. Give the whole answer again with this put right, "
    "in the form that was asked for, and without a word about this message."
)
_CALL_AGAIN: Final = (
    "No tool was run, because the calls cannot be used: {problem}. Make every call that is needed "
    "again with this put right."
)


def repair(request: Request, response: Response, problem: str) -> Request:
    """Make the request by which the same model can mend its answer.

    The answer and one turn are added: where it called tools a result for each call, since none
    was run and a history with a call left open is refused; else a word of the user's.

    Args:
        request: What was asked.
        response: The answer that does not hold.
        problem: What is wrong with it.

    Returns:
        The request, without the conversation in a framework's own form (``native``), which does
        not have the new turns.
    """
    answer, problem = response.message, problem.rstrip(". ")
    added: tuple[Message, ...]
    if calls := answer.tool_calls:
        words = (TextPart(_CALL_AGAIN.format(problem=problem)),)
        results = [ToolResultPart(call.id, words, call.name, is_error=True) for call in calls]
        added = (answer, Message("tool", tuple(results)))
    else:
        asked = Message("user", (TextPart(_ANSWER_AGAIN.format(problem=problem)),))
        added = (answer, asked) if any(map(_is_said, answer.parts)) else (asked,)
    return replace(request, messages=request.messages + added, native=EMPTY_MAP)


def _is_said(part: Part) -> bool:
    """Whether a part makes a turn: no vendor takes one of nothing but reasoning."""
    if isinstance(part, TextPart):
        return bool(part.text.strip())
    return not isinstance(part, (ReasoningPart, CachePoint, RefusalPart))
