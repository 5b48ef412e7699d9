"""The record of an answer's parts: what a framework's message cannot say of them.

A message of ours keeps the plain forms that the framework's users know: text, calls, reasoning
(of LangChain's ``AIMessage``: ``content``, ``tool_calls``,
``additional_kwargs["reasoning_content"]``; of LlamaIndex's ``ChatMessage``: its blocks). What
these leave out (the parts' order, whose reasoning it is, signatures, item ids, citations) goes into
``additional_kwargs["llmrouter_parts"]``: one entry per part, that refers to the plain forms by
length or id and repeats none of them. So a next turn gives the vendor back what it wrote, and
whoever edits a message (a redaction, a human's correction of a call) has the last word.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.messages import (
    EMPTY_MAP,
    Citation,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llmrouter_integrations.messages import Part

__all__ = ["KEY", "record", "restore"]

KEY: Final = "llmrouter_parts"
"""Where in ``additional_kwargs`` the record stands."""

_SPOKEN = (TextPart, ReasoningPart, RefusalPart)
_KINDS: Final = {TextPart: "text", ReasoningPart: "reasoning", RefusalPart: "refusal"}


def record(parts: Sequence[Part]) -> list[dict[str, Any]] | None:
    """Write the record of an answer; None where the plain forms say all: text, then calls."""
    before = False  # a text, which may stand once and first
    for at, part in enumerate(parts):
        if type(part) is TextPart:
            if at or before or part.citations or part.signature or part.item_id:
                break
            before = True
        elif type(part) is not ToolCallPart or part.signature or part.item_id:
            break
    else:
        return None
    return [_entry(part) for part in parts]


def _entry(part: Part) -> dict[str, Any]:
    entry: dict[str, Any]
    if isinstance(part, _SPOKEN):
        entry = {"type": _KINDS[type(part)], "chars": len(part.text)}
        if isinstance(part, TextPart) and part.citations:
            entry["citations"] = [_said(_plain(citation)) for citation in part.citations]
        if isinstance(part, ReasoningPart):
            entry |= _said({"redacted": part.redacted, "raw": {**part.raw}})
    elif isinstance(part, ToolCallPart):
        entry = {"type": "tool_call", "id": part.id}
    else:
        entry = {"type": "block"}
    return entry | _said(
        {name: getattr(part, name, None) for name in ("issuer", "signature", "item_id")}
    )


def _plain(citation: Citation) -> dict[str, Any]:
    plain = {f.name: getattr(citation, f.name) for f in fields(Citation)}
    return {**plain, "raw": {**citation.raw}}


def _said(of: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in of.items()
        if not (value is None or value is False or value in ("", {}))
    }


def restore(entries: Sequence[Mapping[str, Any]], found: Iterable[Part]) -> list[Part]:
    """Give the parts of an answer as they were, by its record.

    Args:
        entries: The record.
        found: What the message now says, in any order. Where that differs from the record (it
            was edited), what is found is kept, and the record is followed for the rest.
    """
    left = _Found(found, entries)
    parts = [part for entry in entries if (part := left.take(entry)) is not None]
    return [*parts, *left.rest()]


class _Found:
    """What a message says, to be taken piece by piece."""

    def __init__(self, found: Iterable[Part], entries: Sequence[Mapping[str, Any]]) -> None:
        texts: dict[str, list[str]] = {kind: [] for kind in _KINDS.values()}
        self._calls: dict[str, ToolCallPart] = {}
        self._blocks: deque[Part] = deque()
        for part in found:
            if isinstance(part, _SPOKEN):
                texts[_KINDS[type(part)]].append(part.text)
            elif isinstance(part, ToolCallPart):
                self._calls[part.id] = part
            else:
                self._blocks.append(part)
        self._texts = {kind: "".join(pieces) for kind, pieces in texts.items()}
        recorded: Counter[str] = Counter()
        for entry in entries:
            recorded[entry["type"]] += entry.get("chars", 1)
        self._as_recorded = {
            kind for kind, text in self._texts.items() if len(text) == recorded[kind]
        }

    def take(self, entry: Mapping[str, Any]) -> Part | None:
        kind = entry["type"]
        if kind == "tool_call":
            call = self._calls.pop(entry["id"], None)
            return call and ToolCallPart(
                call.id, call.name, call.arguments, **_marks(entry, "signature", "item_id")
            )
        if kind == "block":
            block = self._blocks.popleft() if self._blocks else None
            if isinstance(block, OpaquePart) and "issuer" in entry:
                return OpaquePart(entry["issuer"], block.payload)
            return block
        if kind not in self._as_recorded:
            return self._spoken(kind)
        text = self._texts[kind][: entry["chars"]]
        self._texts[kind] = self._texts[kind][entry["chars"] :]
        if kind == "refusal":
            return RefusalPart(text)
        if kind == "reasoning":
            return ReasoningPart(
                text,
                redacted=entry.get("redacted", False),
                raw=entry.get("raw", EMPTY_MAP),
                **_marks(entry, "signature", "item_id"),
            )
        citations = tuple([Citation(**c) for c in entry.get("citations", ())])
        return TextPart(text, citations, **_marks(entry, "signature", "item_id"))

    def _spoken(self, kind: str) -> Part | None:
        """Give all that is left of a kind of text in one part: it is not as it was recorded."""
        text, self._texts[kind] = self._texts[kind], ""
        if not text:
            return None
        if kind == "text":
            return TextPart(text)
        return ReasoningPart(text) if kind == "reasoning" else RefusalPart(text)

    def rest(self) -> list[Part]:
        spoken = [part for kind in _KINDS.values() if (part := self._spoken(kind)) is not None]
        return [*spoken, *self._blocks, *self._calls.values()]


def _marks(entry: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: entry.get(name) for name in ("issuer", *names)}
