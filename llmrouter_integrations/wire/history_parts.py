"""What of a turn another vendor's model can read, and what is left of the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from llmrouter_integrations.errors import UnsupportedParameterError
from llmrouter_integrations.messages import (
    Adjustment,
    AudioPart,
    CachePoint,
    FilePart,
    ImagePart,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.wire.media import kind_of, note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmrouter_integrations.messages import Message, Part

__all__ = [
    "NO_CACHE_POINT",
    "Changes",
    "Reader",
    "foreign_call",
    "foreign_text",
    "has_content",
    "keeps",
    "respelled",
    "says",
    "strip_message",
]


NO_CACHE_POINT: Final = Adjustment("cache point", "dropped", "none can be set here")
"""What is said where a prefix, or a tool, should be marked for the cache and cannot be."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who will read a history, and what they take.

    Attributes:
        issuer: Who it is: reasoning, signatures, file ids and opaque parts of others go.
        tool_id: Spells a tool-call id as they want it. Must be deterministic, and leave its own
            answers alone; see :func:`tool_ids`.
        tool_name: Spells a tool's name as they want it, likewise.
        names: Whether a turn may bear the name of who speaks.
        cache_points: Whether the end of a reusable prefix may be marked.
        blanks: Whether a turn of nothing but blanks is one.
        reasoning: Whether a model's reasoning can be given back at all.
        answer_blocks: Whether the vendor's own blocks can be given back within an answer.
        drop_foreign_reasoning: False keeps the words of others' reasoning, without signatures.
    """

    issuer: str
    tool_id: Callable[[str], str] | None = None
    tool_name: Callable[[str], str] | None = None
    names: bool = True
    cache_points: bool = True
    blanks: bool = True
    reasoning: bool = True
    answer_blocks: bool = True
    drop_foreign_reasoning: bool = True


class Changes:
    """What was changed: each kind once, with the issuers concerned."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], set[str]] = {}

    def add(self, parameter: str, action: str, detail: str, issuer: str | None = None) -> None:
        """Note one change."""
        issuers = self._seen.setdefault((parameter, action, detail), set())
        if issuer is not None:
            issuers.add(issuer)

    def adjustments(self) -> tuple[Adjustment, ...]:
        """Give the changes noted."""
        return tuple(
            Adjustment(
                parameter,
                "dropped" if action == "dropped" else "translated",
                f"{detail} ({', '.join(sorted(issuers))})" if issuers else detail,
            )
            for (parameter, action, detail), issuers in self._seen.items()
        )


FILE_IDS: Final[Mapping[str, tuple[str, ...]]] = {
    "anthropic": ("file_",),
    "gemini": ("files/", "https://", "gs://"),
}
"""How the ids that a vendor gives to files begin. One that nobody is named for is an OpenAI-style
id unless it is spelled so: the vendors here do not take it for theirs."""


def _foreign(of: str | None, issuer: str) -> bool:
    return of is not None and of != issuer


def _stored_elsewhere(file_id: str, of: str | None, issuer: str) -> bool:
    if of is not None:
        return of != issuer
    return issuer in FILE_IDS and not file_id.startswith(FILE_IDS[issuer])


def foreign_text(part: TextPart, issuer: str) -> bool:
    """Whether a text bears what only another than ``issuer`` can read."""
    return _foreign(part.issuer, issuer) and bool(part.signature or part.item_id or part.citations)


def foreign_call(part: ToolCallPart, issuer: str) -> bool:
    """Whether a tool call does."""
    return _foreign(part.issuer, issuer) and bool(part.signature or part.item_id)


def respelled(name: str | None, reader: Reader) -> str | None:
    """Give a tool's name as the reader takes it; nobody takes none."""
    if name is None:
        return None
    return reader.tool_name(name) if reader.tool_name else name or "tool"


def keeps(part: Part, reader: Reader, *, answered: bool = False) -> bool:
    """Whether all that a part is can be read; a tool's name apart.

    Args:
        part: The part.
        reader: Who will read it.
        answered: Whether it stands in a model's answer.
    """
    issuer = reader.issuer
    if isinstance(part, TextPart):
        return not foreign_text(part, issuer)
    if isinstance(part, ToolCallPart):
        return not foreign_call(part, issuer)
    if isinstance(part, CachePoint):
        return reader.cache_points
    if isinstance(part, OpaquePart):
        return part.issuer == issuer and (reader.answer_blocks or not answered)
    if isinstance(part, ReasoningPart):
        if not (reader.reasoning and (part.text or part.signature or part.raw)):
            return False
        if not _foreign(part.issuer, issuer):
            return True
        bound = part.signature or part.redacted or part.item_id or part.raw
        return not (reader.drop_foreign_reasoning or bound)
    if isinstance(part, ImagePart | AudioPart | FilePart):
        return part.file_id is None or not _stored_elsewhere(part.file_id, part.issuer, issuer)
    return True


def says(text: TextPart, *, blanks: bool) -> bool:
    """Whether there is anything in a text, be it blanks where those count."""
    return bool(text.signature or (text.text and (blanks or not text.text.isspace())))


def is_aside(part: Part, *, blanks: bool) -> bool:
    """Whether a part by itself says nothing: reasoning, a mark for the cache, an empty text."""
    if isinstance(part, TextPart):
        return not says(part, blanks=blanks)
    return isinstance(part, CachePoint | ReasoningPart)


def has_content(message: Message, reader: Reader) -> bool:
    """Whether anything is said in a turn."""
    return not all(is_aside(part, blanks=reader.blanks) for part in message.parts)


def strip_message(
    message: Message, reader: Reader, changes: Changes, *, asked: bool = False
) -> Message:
    """Give what the reader can read of a turn: itself, if that is all of it.

    Args:
        message: The turn.
        reader: Who will read it.
        changes: Gets a word on what goes.
        asked: Whether this is what is to be answered.

    Raises:
        UnsupportedParameterError: What is asked shows a file that is stored at another vendor.
            Leaving it out would leave the question without its subject.
    """
    if asked:
        _refuse_lost_files(message.parts, reader)
    name = message.name
    if name is not None and not reader.names:
        if message.role != "tool":
            changes.add("name", "dropped", "a turn cannot bear one here")
        name = None
    answered = message.role == "assistant"
    parts = _strip_parts(message.parts, reader, changes, answered=answered)
    if answered:
        parts = _without_last_thoughts(parts, reader, changes)
    if parts is message.parts and name == message.name:
        return message
    return replace(message, parts=parts, name=name)


def _without_last_thoughts(
    parts: tuple[Part, ...], reader: Reader, changes: Changes
) -> tuple[Part, ...]:
    """Leave out reasoning that nothing follows: vendors want to see what it led to."""
    end = len(parts)
    while end and is_aside(parts[end - 1], blanks=reader.blanks):
        end -= 1
    last = tuple([part for part in parts[end:] if not isinstance(part, ReasoningPart)])
    if len(last) == len(parts) - end:
        return parts
    changes.add("reasoning", "dropped", "nothing was said after it")
    return parts[:end] + last


def _strip_parts(
    parts: tuple[Part, ...], reader: Reader, changes: Changes, *, answered: bool = False
) -> tuple[Part, ...]:
    kept: list[Part] = []
    same = True
    for part in parts:
        new = part
        if isinstance(part, ToolResultPart):
            content = _strip_parts(part.content, reader, changes)
            name = respelled(part.name, reader)
            if content is not part.content or name != part.name:
                new = replace(part, content=content, name=name)
        elif not keeps(part, reader, answered=answered):
            stripped = _strip(part, reader, changes)
            if stripped is None:
                same = False
                continue
            new = stripped
        if isinstance(new, ToolCallPart) and respelled(new.name, reader) != new.name:
            new = replace(new, name=respelled(new.name, reader) or new.name)
            changes.add("tool name", "translated", "of an earlier call, to what is taken here")
        same = same and new is part
        kept.append(new)
    return parts if same else tuple(kept)


def _refuse_lost_files(parts: tuple[Part, ...], reader: Reader) -> None:
    for part in parts:
        if isinstance(part, ImagePart | AudioPart | FilePart):
            if keeps(part, reader) or not _only_stored(part):
                continue
            raise UnsupportedParameterError(
                f"the file {part.file_id!r} is not stored at {reader.issuer}"
                f" but at {part.issuer or 'another'}",
                parameter="file_id",
                sent=False,
            )


def _only_stored(part: ImagePart | AudioPart | FilePart) -> bool:
    """Whether nothing is left of a part without its file id."""
    words = getattr(part, "text", None) or getattr(part, "transcript", None)
    return part.data is None and part.url is None and not words


def _strip(part: Part, reader: Reader, changes: Changes) -> Part | None:
    """What is left of a part for anyone but its issuer."""
    if isinstance(part, CachePoint):
        changes.add(NO_CACHE_POINT.parameter, NO_CACHE_POINT.action, NO_CACHE_POINT.detail)
        return None
    if isinstance(part, TextPart):
        if part.signature:
            changes.add("signature", "dropped", "only its issuer can verify it", part.issuer)
        return TextPart(part.text)
    if isinstance(part, ToolCallPart):
        if part.signature:
            changes.add("signature", "dropped", "only its issuer can verify it", part.issuer)
        return ToolCallPart(part.id, part.name, part.arguments)
    if isinstance(part, ReasoningPart):
        if not _foreign(part.issuer, reader.issuer):
            if part.text or part.signature or part.raw:
                changes.add("reasoning", "dropped", "none is taken back here")
            return None
        if reader.drop_foreign_reasoning or not reader.reasoning or not part.text:
            changes.add("reasoning", "dropped", "only its issuer can read it back", part.issuer)
            return None
        changes.add("reasoning", "translated", "its words without the signature", part.issuer)
        return ReasoningPart(part.text, part.issuer)
    if isinstance(part, OpaquePart):
        why = "only its issuer can read it back"
        if part.issuer == reader.issuer:
            why = "there is no place for it in an answer"
        changes.add("opaque part", "dropped", why, part.issuer)
        return None
    if isinstance(part, ImagePart | AudioPart | FilePart):
        if _only_stored(part):
            changes.add("file_id", "dropped", "the file is stored at its issuer", part.issuer)
            return TextPart(note(kind_of(part)))
        return replace(part, file_id=None)
    return part
