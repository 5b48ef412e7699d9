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
    TextPart,
    ToolCallPart,
    ToolResultPart,
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
        result, in the order of the calls, in the tool turns right behind it; and one adjustment
        per kind of change. Where nothing is to do the messages are the very same objects.

    Raises:
        InvalidRequestError: There is nothing in it, or nothing to answer: the user's last turn,
            behind an answer, is empty.
        UnsupportedParameterError: The same, of a turn whose parts this reader cannot read; or the
            user's last turn shows a file that is stored at another vendor.
    """
    if messages and _is_portable(messages, reader):
        return list(messages), ()
    changes = Changes()
    stripped: list[Message] = []
    asked = next((message for message in reversed(messages) if message.role == "user"), None)
    for message in messages:
        left = strip_message(message, reader, changes, asked=message is asked)
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
    if has_content(last, reader):
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


def _is_portable(messages: tuple[Message, ...], reader: Reader) -> bool:
    """Whether :func:`portable` would change nothing; one pass, nothing built."""
    issuer, tool_id, blanks = reader.issuer, reader.tool_id, reader.blanks
    seen: set[str] = set()
    waiting: list[str] = []  # ids of calls of the last assistant turn, still without result
    for message in messages:
        role = message.role
        if waiting and role != "tool":
            return False
        if message.name is not None and not reader.names and role != "tool":
            return False
        called: list[str] = []
        content = False
        for part in message.parts:
            kind = type(part)
            if kind is CachePoint:
                if not reader.cache_points:
                    return False
                continue
            if isinstance(part, TextPart):
                if role == "tool" or foreign_text(part, issuer):
                    return False
                content = content or says(part, blanks=blanks)
                continue
            content = True
            if isinstance(part, ToolResultPart):
                if not waiting or waiting[0] != part.tool_call_id:
                    return False
                del waiting[0]
                if respelled(part.name, reader) != part.name:
                    return False
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
                called.append(call_id)
            elif role == "tool" or not keeps(part, reader):
                return False
        if not content:
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
                waiting = unanswered.get(part.tool_call_id)
                last = waiting.pop(0) if waiting else None
                if last is not None:
                    last.result.append(
                        replace(part, tool_call_id=last.id, name=part.name or last.part.name)
                    )
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
        yield Message(
            "user" if message.role == "tool" else message.role,
            tuple(stays),
            message.name,
            message.id,
        )
        if turn in calls:
            yield Message("tool", tuple(_results(calls[turn], changes)))


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
