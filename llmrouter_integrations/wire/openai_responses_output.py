"""The ``output`` of OpenAI's Responses protocol -> our parts; shared by whole and streamed.

What has no place in a part of its own rides along: the phase of a message ("commentary",
"final_answer") stands before its id, as ``phase/id``; a reasoning item of more than one plain
summary keeps its pieces in ``raw``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmrouter_integrations.messages import (
    EMPTY_MAP,
    NO_USAGE,
    Citation,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmrouter_integrations.messages import FinishReason, Part

__all__ = [
    "citation",
    "extra_of",
    "finish_of",
    "item_id_of",
    "logprobs_of",
    "read_item",
    "reasoning_raw",
    "reasoning_texts",
    "usage_of",
]

USD_TICKS = 1e10
"""xAI counts what it charged in ticks; this many are a dollar (its API reference)."""


def read_item(item: Mapping[str, Any], issuer: str) -> list[Part]:
    """Read one output item; an item of an unknown kind is kept for its issuer."""
    kind = item.get("type")
    if kind == "message":
        item_id = item_id_of(item)
        return [
            part
            for block in item.get("content") or ()
            if (part := _read_block(block, item_id, issuer)) is not None
        ]
    if kind == "function_call":
        return [
            ToolCallPart(
                item.get("call_id") or item.get("id") or "",
                item.get("name") or "",
                item.get("arguments") or "{}",
                item_id=item.get("id"),
                issuer=issuer,
            )
        ]
    if kind == "reasoning":
        text = "\n\n".join(reasoning_texts(item))
        signature = item.get("encrypted_content")
        raw = reasoning_raw(item)
        if not (text or signature or raw):
            return []
        return [ReasoningPart(text, issuer, signature, item_id=item.get("id"), raw=raw)]
    return [OpaquePart(issuer, item)]


def _read_block(block: Mapping[str, Any], item_id: str | None, issuer: str) -> Part | None:
    kind = block.get("type")
    if kind == "output_text":
        text = block.get("text") or ""
        cited = tuple([citation(note) for note in block.get("annotations") or ()])
        return TextPart(text, cited, None, item_id, issuer) if text else None
    if kind == "refusal":
        return RefusalPart(block.get("refusal") or "")
    return OpaquePart(issuer, block)


def item_id_of(item: Mapping[str, Any]) -> str | None:
    """Give a message's id, its phase before it where it has one."""
    item_id: str | None = item.get("id")
    phase = item.get("phase")
    return f"{phase}/{item_id or ''}" if phase else item_id


def citation(note: Mapping[str, Any]) -> Citation:
    """Read an annotation of a text."""
    start = note.get("start_index", note.get("index"))
    return Citation(
        url=note.get("url"),
        title=note.get("title") or note.get("filename"),
        start=start,
        end=note.get("end_index", start),
        raw=note,
    )


def reasoning_texts(item: Mapping[str, Any]) -> list[str]:
    """Give the pieces of a reasoning item: its summary, then the reasoning itself."""
    pieces = [*(item.get("summary") or ()), *(item.get("content") or ())]
    return [piece["text"] for piece in pieces if piece.get("text")]


def reasoning_raw(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what a reasoning item must keep beyond its words to be given back as it was."""
    summary, content = item.get("summary") or [], item.get("content") or []
    if not content and len(summary) < 2:
        return EMPTY_MAP
    return {"summary": summary, "content": content}


def logprobs_of(output: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Gather the log probabilities of all texts, in the form of chat completions."""
    found = [
        token
        for item in output
        if item.get("type") == "message"
        for block in item.get("content") or ()
        for token in block.get("logprobs") or ()
    ]
    return {"content": found} if found else None


def finish_of(
    body: Mapping[str, Any], *, called: bool, refused: bool
) -> tuple[FinishReason, str | None]:
    """Tell why an answer ended: our word, and the vendor's."""
    status = body.get("status")
    if status == "incomplete":
        reason = (body.get("incomplete_details") or {}).get("reason")
        if reason == "content_filter":
            return "content_filter", reason
        # some say no more than that it is incomplete, which is so of a limit only
        limits = ("max_output_tokens", "max_tokens", "max_messages", None)
        return ("length" if reason in limits else "unknown"), reason or status
    if called:
        return "tool_calls", status
    return ("refusal" if refused else "stop"), status


def usage_of(usage: Mapping[str, Any] | None) -> Usage:
    """Read the usage; input and output count all there is already."""
    if not usage:
        return NO_USAGE
    read = usage.get("input_tokens_details") or EMPTY_MAP
    written = usage.get("output_tokens_details") or EMPTY_MAP
    cost = usage.get("cost")
    if cost is None and (ticks := usage.get("cost_in_usd_ticks")) is not None:
        cost = ticks / USD_TICKS
    return Usage(
        input_tokens=usage.get("input_tokens") or 0,
        output_tokens=usage.get("output_tokens") or 0,
        cache_read_tokens=read.get("cached_tokens") or 0,
        cache_write_tokens=read.get("cache_write_tokens") or 0,
        reasoning_tokens=written.get("reasoning_tokens") or 0,
        audio_input_tokens=read.get("audio_tokens") or 0,
        audio_output_tokens=written.get("audio_tokens") or 0,
        cost_usd=cost,
    )


def extra_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what else the vendor said of the answer."""
    extra = {name: value for name in ("service_tier", "created_at") if (value := body.get(name))}
    if mark := (body.get("metadata") or EMPTY_MAP).get("system_fingerprint"):
        extra["system_fingerprint"] = mark
    return extra or EMPTY_MAP
