"""What the drill asks, what a simulated target answers, and what an answer then is.

Every word of an answer says which target gave it, to which request, and where in it it stands. So
an answer that was joined from two, cut short, or given twice over cannot pass for a whole one.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

from llmrouter_integrations.testing import Reply, ToolCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.testing import SimRequest

__all__ = [
    "ASKED_WITH",
    "Ask",
    "Kind",
    "Tokens",
    "ask_of",
    "form_of",
    "kind_of_object",
    "kind_of_text",
    "number_of",
    "prompt",
    "tokens_of",
    "whole_reply",
    "whole_text",
]

Ask = Literal["text", "tool", "schema"]
Kind = Literal["whole", "spliced", "truncated", "wrong"]

WORDS = 64
"""Words of a text: enough that a trickle outlasts every drilled deadline."""

_NUMBER = re.compile(r"Drill (\d+)")

_OBJECT = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "by": {"type": "string"}},
    "required": ["id", "by"],
    "additionalProperties": False,
}
_TOOL: Mapping[str, Any] = {
    "name": "look_up",
    "description": "Look a drill up.",
    "parameters": _OBJECT,
}
_FORMAT = {"name": "drill", "strict": True, "schema": _OBJECT}

ASKED_WITH: Mapping[Ask, Mapping[str, Any]] = {
    "text": {},
    "tool": {"tools": [{"type": "function", "function": _TOOL}]},
    "schema": {"response_format": {"type": "json_schema", "json_schema": _FORMAT}},
}
"""The parameters, as OpenAI has them, that ask for each kind of answer."""


class Tokens(NamedTuple):
    """Words of a text that came more than once, and words of it that never came."""

    duplicated: int
    lost: int


def prompt(number: int) -> str:
    """Write the prompt of a request."""
    return f"Drill {number}: say all of it."


def number_of(request: SimRequest) -> int:
    """Find which request of the drill this is; 0 where it is none of them.

    In a repair the prompt is not the last thing that was said.
    """
    said = (_NUMBER.search(text) for role, text in request.messages if role == "user")
    return next((int(found[1]) for found in said if found), 0)


def ask_of(request: SimRequest) -> Ask:
    """Find what kind of answer a request asks for."""
    if _TOOL["name"] in request.tools:
        return "tool"
    return "schema" if request.schema or request.tools else "text"


def form_of(request: SimRequest) -> str | None:
    """Name the tool that stands for the schema, where the protocol has no other way to ask."""
    return request.tools[0] if request.tools and ask_of(request) == "schema" else None


def whole_text(who: str, number: int) -> str:
    """Write the text that a target answers a request with."""
    return " ".join([f"{who}.{number}.{place}" for place in range(WORDS)])


def whole_object(who: str, number: int) -> dict[str, str]:
    """Write the object that a target answers a request with."""
    return {"id": str(number), "by": who}


def whole_reply(who: str, number: int, ask: Ask, form: str | None = None) -> Reply:
    """Write the answer of a healthy target.

    Args:
        who: The target.
        number: Which request it answers.
        ask: What kind of answer is asked for.
        form: As :func:`form_of`.
    """
    if ask == "text":
        return Reply(whole_text(who, number))
    given = whole_object(who, number)
    if ask == "tool" or form:
        return Reply(tool_calls=(ToolCall(form or _TOOL["name"], given),))
    return Reply(orjson.dumps(given).decode())


def kind_of_text(text: str, who: str, number: int) -> Kind:
    """Say what a text is that a target is said to have answered a request with."""
    expected = whole_text(who, number)
    if text == expected:
        return "whole"
    if expected.startswith(text):
        return "truncated"
    words = [word.split(".") for word in text.split()]
    if len({word[0] for word in words}) > 1 or len(text) > len(expected):
        return "spliced"
    return "wrong"


def kind_of_object(said: str, who: str, number: int) -> Kind:
    """Say what a JSON object is that a target is said to have answered a request with."""
    try:
        given = orjson.loads(said)
    except orjson.JSONDecodeError:
        return "truncated"
    if given == whole_object(who, number):
        return "whole"
    mixed = isinstance(given, dict) and given.get("by") not in (who, None)
    return "spliced" if mixed else "wrong"


def tokens_of(text: str) -> Tokens:
    """Count the words of an answer that came more than once, and those that never came."""
    places = Counter(word.rpartition(".")[2] for word in text.split())
    came = sum(str(place) in places for place in range(WORDS))
    return Tokens(places.total() - len(places), WORDS - came)
