"""Make a conversation begun with one vendor fit for another.

Vendors reject what their own never wrote: another's reasoning signatures, its file ids, its
server-side blocks, its spelling of tool-call ids, a tool call without a result right behind it.
:func:`portable` mends all that by rule and says what it did. Only a question about a file that
another vendor stores is refused, before it is sent.

A part whose ``issuer`` is None was written by the caller, who is taken at their word; a file id
is where it is spelled as the reader's own, see :data:`~.history_parts.FILE_IDS`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmrouter_integrations.errors import InvalidRequestError, UnsupportedParameterError
from llmrouter_integrations.messages import (
    Adjustment,
    CachePoint,
    Message,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    asked_from,
)
from llmrouter_integrations.wire.history_parts import (
    Changes,
    Reader,
    foreign_call,
    foreign_text,
    has_content,
    keeps,
    respelled,
    says,
    strip_message,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llmrouter_integrations.messages import Part

__all__ = [
    "NO_RESULT",
    "Reader",
    "merge_roles",
    "nothing_in",
    "portable",
    "result_as_text",
    "split_system",
    "tool_ids",
]

NO_RESULT: Final = "No result was recorded for this tool call."
"""What the model reads where a tool call never got its result."""


def portable(
    messages: tuple[Message, ...], reader: Reader
) -> tuple[list[Message], tuple[Adjustment, ...]]:
    """Give the history in a form that its reader takes, with what had to be changed.

    Args:
        messages: The conversation, oldest first.
        reader: Who will read it.

    Returns:
        The messages, none of them empty, in which every tool call has a unique id and exactly one
        result, in the order of the calls, in one tool turn right behind it; and one adjustment per
        kind of change. A message at which nothing is to do is the very same object.

    Raises:
        InvalidRequestError: There is nothing in it, or nothing to answer: the user's last turn,
            behind an answer, is empty.
        UnsupportedParameterError: The same, of a turn whose parts this reader cannot read; or a
            question shows a file that is stored at another vendor.
    """
    if messages and _is_portable(messages, reader):
        return _with_results_joined(messages), ()
    changes = Changes()
    stripped: list[Message] = []
    asked = asked_from(messages)
    for place, message in enumerate(messages):
        pending = place >= asked and message.role == "user"
        left = strip_message(message, reader, changes, asked=pending)
        if has_content(left, reader):
            stripped.append(left)
        else:
            changes.add("messages", "dropped", "turns with nothing in them")
    paired = _pair(stripped, reader.tool_id, changes)
    kept = [message for message in paired if has_content(message, reader)]
    if not kept or (kept[-1].role == "assistant" and messages[-1].role == "user"):
        raise nothing_in(messages, reader)
    return kept, changes.adjustments()


def nothing_in(messages: Sequence[Message], reader: Reader) -> InvalidRequestError:
    """Make the error for a conversation of which nothing is left to answer."""
    if not messages:
        return InvalidRequestError("messages is empty; give at least one message", sent=False)
    last = messages[-1]
    which = f"messages[{len(messages) - 1}] ({last.role})"
    if last.role != "tool" and has_content(last, reader):
        return UnsupportedParameterError(
            f"{which} holds nothing that {reader.issuer} can read",
            parameter="messages",
            sent=False,
        )
    return InvalidRequestError(f"{which} is empty: there is nothing to answer", sent=False)


def merge_roles(messages: Sequence[Message]) -> list[Message]:
    """Join consecutive turns of one role, for protocols in which roles must alternate."""
    merged: list[Message] = []
    for message in messages:
        if merged and merged[-1].role == message.role:
            before = merged[-1]
            merged[-1] = replace(before, parts=before.parts + message.parts)
        else:
            merged.append(message)
    return merged


def split_system(
    messages: Sequence[Message], adjustments: list[Adjustment]
) -> tuple[tuple[Part, ...], list[Message]]:
    """Part the instructions (every system and developer turn, in order) from the conversation.

    Args:
        messages: The conversation.
        adjustments: Gets a word on instructions given in mid-conversation, which then stand
            before it.
    """
    system: list[Part] = []
    rest: list[Message] = []
    moved = False
    for message in messages:
        if message.role == "system" or message.role == "developer":  # noqa: PLR1714  (faster than a set)
            system.extend(message.parts)
            moved = moved or bool(rest)
        else:
            rest.append(message)
    if moved:
        adjustments.append(
            Adjustment("system", "translated", "what was said in mid-conversation, to its front")
        )
    return tuple(system), rest


def tool_ids(pattern: str, *, length: int = 24, prefix: str = "") -> Callable[[str], str]:
    """Make a ``tool_id`` for :func:`portable`.

    Args:
        pattern: Regular expression of the ids the target takes; those are left as they are.
        length: Characters of the hash, at most 64, that stands for any other id.
        prefix: Goes before the hash. Prefix and hash together must match ``pattern``.
    """
    matches = re.compile(pattern).fullmatch

    def respell(tool_call_id: str) -> str:
        if matches(tool_call_id):
            return tool_call_id
        return prefix + hashlib.sha256(tool_call_id.encode()).hexdigest()[:length]

    return respell


def _with_results_joined(messages: tuple[Message, ...]) -> list[Message]:
    """Join the tool turns behind one answer: what one result shows must not part it from others."""
    joined: list[Message] = []
    for message in messages:
        if message.role == "tool" and joined and joined[-1].role == "tool":
            joined[-1] = Message("tool", joined[-1].parts + message.parts)
        else:
            joined.append(message)
    return joined


def _is_portable(messages: tuple[Message, ...], reader: Reader) -> bool:
    """Whether :func:`portable` would change nothing; one pass, nothing built."""
    issuer, tool_id, blanks = reader.issuer, reader.tool_id, reader.blanks
    seen: set[str] = set()
    waiting: list[ToolCallPart] = []  # of the last assistant turn, those still without result
    for message in messages:
        role = message.role
        if waiting and role != "tool":
            return False
        if message.name is not None and not reader.names and role != "tool":
            return False
        called: list[ToolCallPart] = []
        content = thinking = False
        for part in message.parts:
            kind = type(part)
            if kind is CachePoint:
                if not reader.cache_points:
                    return False
                continue
            if isinstance(part, TextPart):
                if role == "tool" or foreign_text(part, issuer):
                    return False
                if says(part, blanks=blanks):
                    content, thinking = True, False
                continue
            thinking = kind is ReasoningPart
            content = content or not thinking
            if isinstance(part, ToolResultPart):
                if not waiting or waiting[0].id != part.tool_call_id:
                    return False
                if part.name is not None and part.name != waiting[0].name:
                    return False
                del waiting[0]
                if not all(keeps(inner, reader) for inner in part.content):
                    return False
            elif isinstance(part, ToolCallPart):
                call_id = part.id
                if role != "assistant" or not call_id or call_id in seen:
                    return False
                if tool_id is not None and tool_id(call_id) != call_id:
                    return False
                if foreign_call(part, issuer) or respelled(part.name, reader) != part.name:
                    return False
                seen.add(call_id)
                called.append(part)
            elif role == "tool" or not keeps(part, reader, answered=role == "assistant"):
                return False
        if thinking or not content:
            return False
        if called:
            waiting = called
    return not waiting


class _Call:
    """A tool call on its way to its result."""

    __slots__ = ("id", "part", "result", "turn")

    def __init__(self, part: ToolCallPart, turn: int, call_id: str) -> None:
        self.part = part
        self.turn = turn
        self.id = call_id
        self.result: list[Part] = []  # the result, and the cache points that followed it


def _pair(
    messages: list[Message], tool_id: Callable[[str], str] | None, changes: Changes
) -> Iterable[Message]:
    """Bring every result behind its call, make ids unique, fill gaps, free the orphans."""
    calls: dict[int, list[_Call]] = {}  # by turn
    rest: dict[int, list[Part]] = {}  # what stays in its turn, by turn, where something goes
    unanswered: dict[str, list[_Call]] = {}
    taken: set[str] = set()
    for turn, message in enumerate(messages):
        last: _Call | None = None
        stays: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolCallPart) and message.role == "assistant":
                call = _Call(part, turn, _unique(part.id, taken, tool_id))
                if call.id != part.id:
                    changes.add("tool_call_id", "translated", "to what the target accepts")
                calls.setdefault(turn, []).append(call)
                same_id = unanswered.setdefault(part.id, [])
                if same_id and same_id[-1].turn != turn:
                    same_id.clear()  # an id used again means the later call from here on
                same_id.append(call)
                stays.append(replace(part, id=call.id) if call.id != part.id else part)
            elif isinstance(part, ToolResultPart):
                last = _answered(part, unanswered.get(part.tool_call_id))
                if last is not None:
                    last.result.append(replace(part, tool_call_id=last.id, name=last.part.name))
                else:
                    changes.add("tool result", "translated", "to user text: it has no call")
                    stays.extend(result_as_text(part))
            elif isinstance(part, CachePoint) and last is not None:
                last.result.append(part)
            else:
                stays.append(part)
        rest[turn] = stays
    for turn, message in enumerate(messages):
        stays = rest[turn]
        if message.role == "tool":
            yield Message("user", tuple(stays), id=message.id)  # not one of the tool's name
        else:
            yield Message(message.role, tuple(stays), message.name, message.id)
        if turn in calls:
            yield Message("tool", tuple(_results(calls[turn], changes)))


def _answered(result: ToolResultPart, waiting: list[_Call] | None) -> _Call | None:
    """Take the call that a result is of from those of its id: the first, or the first so named."""
    if not waiting:
        return None
    named = (place for place, call in enumerate(waiting) if call.part.name == result.name)
    return waiting.pop(next(named, 0))


def _results(calls: list[_Call], changes: Changes) -> Iterable[Part]:
    for call in calls:
        if call.result:
            yield from call.result
        else:
            changes.add("tool call", "translated", "given a result that says there was none")
            yield ToolResultPart(call.id, (TextPart(NO_RESULT),), call.part.name, is_error=True)


def _unique(wanted: str, taken: set[str], tool_id: Callable[[str], str] | None) -> str:
    respell = tool_id or str
    base = wanted or "call"
    free = respell(base)
    again = 1
    while free in taken:
        again += 1
        free = respell(f"{base}-{again}")
    taken.add(free)
    return free


def result_as_text(result: ToolResultPart) -> Iterable[Part]:
    """Tell a tool's result in words; nothing where there is none."""
    if not result.content:
        return
    what = "Error" if result.is_error else "Result"
    yield TextPart(f"{what} of the tool {result.name or result.tool_call_id or 'call'}:\n")
    yield from result.content
