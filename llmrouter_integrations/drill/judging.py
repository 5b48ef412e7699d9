"""What one request of a drill came to: :func:`judged`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from llmrouter_integrations.drill.answers import (
    kind_of_object,
    kind_of_text,
    whole_reply,
    whole_text,
)
from llmrouter_integrations.errors import RouterError, StreamInterrupted

if TYPE_CHECKING:
    from llmrouter_integrations.drill.answers import Kind
    from llmrouter_integrations.drill.calling import Heard
    from llmrouter_integrations.drill.catalogue import FaultRow
    from llmrouter_integrations.messages import Response

__all__ = ["Outcome", "judged", "judged_echo"]

Outcome = Literal[
    "whole",
    "told",
    "interrupted",
    "failed",
    "spliced",
    "truncated",
    "malformed",
    "wrong",
    "crashed",
]
"""An answer that is exactly one target's; one that says itself what it lacks; a stream that was
told to have broken off, with what there was of it; an error of the router's; and what must never
be: an answer of two targets, one cut short without a word, a tool call that nobody can make,
another answer than was given, an error that is none of the router's."""


def judged(heard: Heard, row: FaultRow | None, who: str) -> Outcome:
    """Judge what came of a request.

    Args:
        heard: What came.
        row: What happened to the faulty targets.
        who: What the target calls itself that is said to have answered, or to have begun to.
    """
    error, response = heard.error, heard.response
    if isinstance(error, StreamInterrupted):
        told = error.partial.text == heard.text
        begun = whole_text(who, heard.asked.number).startswith(heard.text)
        return "interrupted" if told and begun else "spliced"
    if error is not None:
        return "failed" if isinstance(error, RouterError) else "crashed"
    if response is None:
        return "truncated"
    kind = _kind(heard, response, who)
    if kind == "whole" or row is None or row.meaning.then != "answered":
        return _never(heard, kind)
    return "told" if _is_as_sent(heard, response, row, who) else _never(heard, kind)


def judged_echo(heard: Heard, echo: str) -> Outcome:
    """Judge what came of a request for nothing but an echo, made of a real model.

    Args:
        heard: What came.
        echo: What was to be repeated.
    """
    error, response = heard.error, heard.response
    if isinstance(error, StreamInterrupted):
        return "interrupted" if error.partial.text == heard.text else "spliced"
    if error is not None:
        return "failed" if isinstance(error, RouterError) else "crashed"
    if response is None:
        return "truncated"
    count = heard.text.count(echo)
    if count > 1 or response.text != heard.text:
        return "spliced"
    if count:
        return "whole"
    return "wrong" if response.finish_reason == "stop" else "told"


def _kind(heard: Heard, response: Response, who: str) -> Kind:
    asked, calls = heard.asked, response.message.tool_calls
    if asked.ask == "tool":
        if len(calls) != 1 or calls[0].name != "look_up":
            return "wrong"
        return kind_of_object(calls[0].arguments, who, asked.number)
    if calls or response.text != heard.text:
        return "wrong"
    if asked.ask == "schema":
        return kind_of_object(heard.text, who, asked.number)
    return kind_of_text(heard.text, who, asked.number)


def _is_as_sent(heard: Heard, response: Response, row: FaultRow, who: str) -> bool:
    """Whether an answer is what the target sent, and says so where that is not all."""
    good = whole_reply(who, heard.asked.number, heard.asked.ask)
    sent = row.way(good) if callable(row.way) else good
    if sent.finish not in ("stop", response.finish_reason):
        return False
    said = heard.text or response.message.refusal or ""
    return said == (sent.refusal or sent.text)


def _never(heard: Heard, kind: Kind) -> Outcome:
    return "malformed" if heard.asked.ask == "tool" and kind != "whole" else kind
