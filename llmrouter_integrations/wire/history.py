"""Make a conversation begun with one vendor fit for another.

Vendors reject what their own never wrote: another's reasoning signatures, its file ids, its
server-side blocks, its spelling of tool-call ids, a tool call without a result right behind it.
:func:`portable` mends all that by rule and says what it did; an answer is never lost for it.

A part whose ``issuer`` is None was written by the caller, who is taken at their word.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmrouter_integrations.messages import (
    Adjustment,
    AudioPart,
    CachePoint,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llmrouter_integrations.messages import Part

__all__ = ["NO_RESULT", "merge_roles", "portable", "split_system", "tool_ids"]

NO_RESULT: Final = "No result was recorded for this tool call."
"""What the model reads where a tool call never got its result."""


def portable(
    messages: tuple[Message, ...],
    *,
    issuer: str,
    drop_foreign_reasoning: bool = True,
    tool_id: Callable[[str], str] | None = None,
) -> tuple[list[Message], tuple[Adjustment, ...]]:
    """Give the history in a form that ``issuer`` takes, with what had to be changed.

    Args:
        messages: The conversation, oldest first.
        issuer: Who will read it: reasoning, signatures, file ids and opaque parts of others go.
        drop_foreign_reasoning: False keeps the words of others' reasoning, without signatures.
        tool_id: Spells a tool-call id as the target wants it. Must be deterministic, and leave
            its own answers alone; see :func:`tool_ids`.

    Returns:
        The messages, in which every tool call has a unique id and exactly one result, in the
        order of the calls, in the tool turns right behind it; and one adjustment per kind of
        change. Where nothing is to do the messages are the very same objects.
    """
    if _is_portable(messages, issuer, drop_foreign_reasoning, tool_id):
        return list(messages), ()
    changes = _Changes()
    stripped = [
        _strip_message(message, issuer, drop_foreign_reasoning, changes) for message in messages
    ]
    paired = _pair(stripped, tool_id, changes)
    return [message for message in paired if _has_content(message)], changes.adjustments()


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


def split_system(messages: Sequence[Message]) -> tuple[tuple[Part, ...], list[Message]]:
    """Part the instructions (every system and developer turn, in order) from the conversation."""
    system: list[Part] = []
    rest: list[Message] = []
    for message in messages:
        if message.role == "system" or message.role == "developer":  # noqa: PLR1714  (faster than a set)
            system.extend(message.parts)
        else:
            rest.append(message)
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


def _is_portable(
    messages: tuple[Message, ...],
    issuer: str,
    drop_foreign_reasoning: bool,
    tool_id: Callable[[str], str] | None,
) -> bool:
    """Whether :func:`portable` would change nothing; one pass, nothing built."""
    seen: set[str] = set()
    waiting: list[str] = []  # ids of calls of the last assistant turn, still without result
    for message in messages:
        role = message.role
        if waiting and role != "tool":
            return False
        called: list[str] = []
        content = False
        for part in message.parts:
            kind = type(part)
            if kind is CachePoint:
                continue
            if isinstance(part, TextPart):
                if role == "tool" or _foreign_text(part, issuer):
                    return False
                content = content or bool(part.text or part.signature)
                continue
            content = True
            if isinstance(part, ToolResultPart):
                if not waiting or waiting[0] != part.tool_call_id:
                    return False
                del waiting[0]
                if not all(_keeps(inner, issuer, drop_foreign_reasoning) for inner in part.content):
                    return False
            elif isinstance(part, ToolCallPart):
                call_id = part.id
                if role != "assistant" or not call_id or call_id in seen:
                    return False
                if tool_id is not None and tool_id(call_id) != call_id:
                    return False
                if _foreign_call(part, issuer):
                    return False
                seen.add(call_id)
                called.append(call_id)
            elif role == "tool" or not _keeps(part, issuer, drop_foreign_reasoning):
                return False
        if not content:
            return False
        if called:
            waiting = called
    return not waiting


def _foreign(of: str | None, issuer: str) -> bool:
    return of is not None and of != issuer


def _foreign_text(part: TextPart, issuer: str) -> bool:
    return _foreign(part.issuer, issuer) and bool(part.signature or part.item_id or part.citations)


def _foreign_call(part: ToolCallPart, issuer: str) -> bool:
    return _foreign(part.issuer, issuer) and bool(part.signature or part.item_id)


def _keeps(part: Part, issuer: str, drop_foreign_reasoning: bool) -> bool:
    """Whether :func:`_strip` would leave the part as it is."""
    if isinstance(part, TextPart):
        return not _foreign_text(part, issuer)
    if isinstance(part, ToolCallPart):
        return not _foreign_call(part, issuer)
    if isinstance(part, OpaquePart):
        return part.issuer == issuer
    if isinstance(part, ReasoningPart):
        if not _foreign(part.issuer, issuer):
            return True
        bound = part.signature or part.redacted or part.item_id or part.raw
        return not (drop_foreign_reasoning or bound)
    if isinstance(part, ImagePart | AudioPart | FilePart):
        return part.file_id is None or not _foreign(part.issuer, issuer)
    return True


class _Changes:
    """What was changed: each kind once, with the issuers concerned."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], set[str]] = {}

    def add(self, parameter: str, action: str, detail: str, issuer: str | None = None) -> None:
        issuers = self._seen.setdefault((parameter, action, detail), set())
        if issuer is not None:
            issuers.add(issuer)

    def adjustments(self) -> tuple[Adjustment, ...]:
        return tuple(
            Adjustment(
                parameter,
                "dropped" if action == "dropped" else "translated",
                f"{detail} ({', '.join(sorted(issuers))})" if issuers else detail,
            )
            for (parameter, action, detail), issuers in self._seen.items()
        )


def _strip_message(
    message: Message, issuer: str, drop_foreign_reasoning: bool, changes: _Changes
) -> Message:
    parts = _strip_parts(message.parts, issuer, drop_foreign_reasoning, changes)
    return message if parts is message.parts else replace(message, parts=parts)


def _strip_parts(
    parts: tuple[Part, ...], issuer: str, drop_foreign_reasoning: bool, changes: _Changes
) -> tuple[Part, ...]:
    kept: list[Part] = []
    same = True
    for part in parts:
        new = part
        if isinstance(part, ToolResultPart):
            content = _strip_parts(part.content, issuer, drop_foreign_reasoning, changes)
            if content is not part.content:
                new = replace(part, content=content)
        elif not _keeps(part, issuer, drop_foreign_reasoning):
            stripped = _strip(part, drop_foreign_reasoning, changes)
            if stripped is None:
                same = False
                continue
            new = stripped
        same = same and new is part
        kept.append(new)
    return parts if same else tuple(kept)


def _strip(part: Part, drop_foreign_reasoning: bool, changes: _Changes) -> Part | None:
    """What is left of a part for anyone but its issuer."""
    if isinstance(part, TextPart):
        if part.signature:
            changes.add("signature", "dropped", "only its issuer can verify it", part.issuer)
        return TextPart(part.text)
    if isinstance(part, ToolCallPart):
        if part.signature:
            changes.add("signature", "dropped", "only its issuer can verify it", part.issuer)
        return ToolCallPart(part.id, part.name, part.arguments)
    if isinstance(part, ReasoningPart):
        if drop_foreign_reasoning or not part.text:
            changes.add("reasoning", "dropped", "only its issuer can read it back", part.issuer)
            return None
        changes.add("reasoning", "translated", "its words without the signature", part.issuer)
        return ReasoningPart(part.text, part.issuer)
    if isinstance(part, OpaquePart):
        changes.add("opaque part", "dropped", "only its issuer can read it back", part.issuer)
        return None
    if isinstance(part, ImagePart | AudioPart | FilePart):
        if part.data is None and part.url is None and not getattr(part, "text", None):
            changes.add("file_id", "dropped", "the file is stored at its issuer", part.issuer)
            return None
        return replace(part, file_id=None)
    return part


class _Call:
    """A tool call on its way to its result."""

    __slots__ = ("id", "part", "result", "turn")

    def __init__(self, part: ToolCallPart, turn: int, call_id: str) -> None:
        self.part = part
        self.turn = turn
        self.id = call_id
        self.result: list[Part] = []  # the result, and the cache points that followed it


def _pair(
    messages: list[Message], tool_id: Callable[[str], str] | None, changes: _Changes
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
                    stays.extend(_as_text(part))
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


def _results(calls: list[_Call], changes: _Changes) -> Iterable[Part]:
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


def _as_text(orphan: ToolResultPart) -> Iterable[Part]:
    if not orphan.content:
        return
    yield TextPart(f"Result of the tool {orphan.name or orphan.tool_call_id or 'call'}:\n")
    yield from orphan.content


def _has_content(message: Message) -> bool:
    return any(
        bool(part.text or part.signature)
        if isinstance(part, TextPart)
        else not isinstance(part, CachePoint)
        for part in message.parts
    )
