"""Content blocks -> parts: LangChain's standard ones (v0, v1) and the vendors' own.

A block that only its vendor understands becomes an :class:`OpaquePart` for that vendor. What
LangChain's own standard blocks say of a server-side tool cannot be told back to any vendor: such
a part is nobody's (issuer "langchain"), and is left out with an adjustment that says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import orjson
from langchain_core.messages import HumanMessage
from langchain_core.messages.content import KNOWN_BLOCK_TYPES

from llmrouter_integrations.langchain import media
from llmrouter_integrations.messages import (
    EMPTY_MAP,
    CachePoint,
    Citation,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.wire.openai_responses_output import item_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llmrouter_integrations.messages import Part

__all__ = [
    "ISSUER",
    "ISSUERS",
    "arguments_json",
    "citation_from",
    "is_nobodys",
    "parts_from",
    "result_parts",
]

ISSUER: Final = "model_provider"
"""Where in a block's ``extras`` its issuer stands: under a key that LangChain, adding up chunks,
does not double."""

ISSUERS: Final = {
    "openai": "openai",
    "azure": "openai",
    "anthropic": "anthropic",
    "google_genai": "gemini",
    "google_vertexai": "gemini",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "deepseek": "deepseek",
    "openrouter": "openrouter",
    "groq": "groq",
    "xai": "xai",
    "mistralai": "mistral",
    "cohere": "cohere",
}
"""``response_metadata["model_provider"]`` of LangChain's integrations -> issuer."""

_NOBODY: Final = "langchain"
_OPAQUE: Final = (
    # the block's type, and whose it is
    (re.compile(r"server_tool_use|mcp_tool_use|container_upload|.*_tool_result"), "anthropic"),
    (re.compile(r".*_call(_output)?|mcp_\w+|item_reference|compaction"), "openai"),
    (re.compile(r"executable_code|code_execution_result"), "gemini"),
)
_STANDARD_ONLY: Final = frozenset(
    {"server_tool_call", "server_tool_call_chunk", "server_tool_result"}
)


def parts_from(content: Iterable[str | Mapping[str, Any]], issuer: str | None) -> list[Part]:
    """Read the blocks of a message.

    Args:
        content: The message's content, where it is a list.
        issuer: Who wrote it, if a model did and it is known.
    """
    parts: list[Part] = []
    for block in content:
        if isinstance(block, str):
            if block:
                parts.append(TextPart(block))
            continue
        read = _READERS.get(block.get("type", ""))
        found = read(block, issuer) if read is not None else _unknown(block, issuer)
        if isinstance(found, tuple):
            parts.extend(found)
        else:
            parts.append(found)
        control = block.get("cache_control") or (block.get("extras") or {}).get("cache_control")
        if isinstance(control, Mapping):
            parts.append(CachePoint(control.get("ttl")))
    return parts


def result_parts(content: Iterable[str | Mapping[str, Any]], issuer: str | None) -> list[Part]:
    """Read the blocks of a tool's result; what is nobody's is data, told as JSON text."""
    return [
        TextPart(arguments_json(part.payload)) if is_nobodys(part) else part
        for part in parts_from(content, issuer)
    ]


def is_nobodys(part: Part) -> TypeGuard[OpaquePart]:
    """Tell whether this was a block that no vendor is known to understand."""
    return isinstance(part, OpaquePart) and part.issuer == _NOBODY


def arguments_json(arguments: Any) -> str:
    """Write a tool call's arguments as JSON text; text is taken to be JSON already."""
    if isinstance(arguments, str):
        return arguments or "{}"
    return orjson.dumps(arguments or {}, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def citation_from(said: Mapping[str, Any]) -> Citation:
    """Read one citation, LangChain's or a vendor's."""
    raw = said.get("value") if said.get("type") == "non_standard_annotation" else said
    assert isinstance(raw, Mapping)  # noqa: S101  (narrows: the standard says so)
    return Citation(
        url=raw.get("url"),
        title=raw.get("title") or raw.get("document_title"),
        cited_text=raw.get("cited_text"),
        start=raw.get("start_index"),
        end=raw.get("end_index"),
        raw={} if raw.get("type") == "citation" else dict(raw),
    )


def _marks(
    block: Mapping[str, Any], issuer: str | None, signer: str | None = None
) -> dict[str, Any]:
    """Find what binds a block to a vendor: its issuer, signature and item id.

    All or nothing: what bears no issuer is taken for the caller's own and sent to any vendor, and
    a vendor rejects the whole request for a signature that is not its own.

    Args:
        block: The block. What it says of its issuer itself goes before ``issuer``.
        issuer: Who wrote the message, if that is known.
        signer: The one vendor that signs blocks of this type, if it is only one.
    """
    extras = block.get("extras") or EMPTY_MAP
    said = extras.get(ISSUER)
    if isinstance(said, str):
        issuer = ISSUERS.get(said, said)
    signature = None
    for key, whose in _SIGNATURES:
        found = block.get(key) or extras.get(key)
        if isinstance(found, str):
            signature, issuer = found, issuer or whose or signer
            break
    if issuer is None:
        return {}
    item_id = block.get("id")
    if not isinstance(item_id, str) or item_id.startswith("lc_"):  # LangChain's own
        item_id = None
    return {"issuer": issuer, "signature": signature, "item_id": item_id}


_SIGNATURES: Final = (
    # where a signature stands, and who writes it there
    ("encrypted_content", "openai"),
    ("thought_signature", "gemini"),
    ("signature", None),
)


def _text(block: Mapping[str, Any], issuer: str | None) -> Part:
    text = block.get("text") or ""
    if len(block) == 2:
        return TextPart(text)
    cited = block.get("annotations") or block.get("citations") or ()
    marks = _marks(block, issuer, "gemini")
    if marks and block.get("phase"):
        marks["item_id"] = item_id_of({"id": marks["item_id"], "phase": block["phase"]})
    return TextPart(
        text,
        citations=tuple([citation_from(c) for c in cited]) if isinstance(cited, list) else (),
        **(marks if cited or marks.get("signature") or marks.get("item_id") else {}),
    )


def _reasoning(block: Mapping[str, Any], issuer: str | None) -> Part | tuple[Part, ...]:
    said = block.get("reasoning")
    summary = block.get("summary")
    if said is None and isinstance(summary, list):  # OpenAI's Responses
        said = "\n\n".join([s.get("text", "") for s in summary])
        issuer = issuer or "openai"
    marks = _marks(block, issuer)
    redacted = bool((block.get("extras") or EMPTY_MAP).get("redacted"))
    if not (said or marks.get("signature") or marks.get("item_id")):
        return ()
    return ReasoningPart(said or "", redacted=redacted, **marks)


def _thinking(block: Mapping[str, Any], issuer: str | None) -> Part:
    said = block.get("thinking")
    if isinstance(said, list):  # Mistral's
        return ReasoningPart("".join([b.get("text", "") for b in said]), issuer or "mistral")
    return ReasoningPart(said or "", issuer or "anthropic", block.get("signature"))


def _redacted(block: Mapping[str, Any], issuer: str | None) -> Part:
    return ReasoningPart(issuer=issuer or "anthropic", signature=block.get("data"), redacted=True)


def _bedrock_reasoning(block: Mapping[str, Any], issuer: str | None) -> Part:
    said = block.get("reasoning_content") or {}
    return ReasoningPart(said.get("text") or "", issuer or "bedrock", said.get("signature"))


def _refusal(block: Mapping[str, Any], _: str | None) -> Part:
    return RefusalPart(block.get("refusal") or "")


def _tool_call(block: Mapping[str, Any], issuer: str | None) -> Part:
    said = next((block[k] for k in ("args", "input", "arguments") if block.get(k)), "{}")
    marks = _marks(block, issuer, "gemini")
    signature = marks.get("signature")
    call_id = block.get("call_id")
    item_id = block.get("id") if call_id else None  # OpenAI's Responses have both
    return ToolCallPart(
        call_id or block.get("id") or "",
        block.get("name") or "",
        arguments_json(said),
        signature=signature,
        item_id=item_id,
        issuer="openai" if item_id else marks["issuer"] if signature else None,
    )


def _tool_result(block: Mapping[str, Any], issuer: str | None) -> Part:
    content = block.get("content") or ()
    inner = [TextPart(content)] if isinstance(content, str) else result_parts(content, issuer)
    return ToolResultPart(
        block.get("tool_use_id") or block.get("tool_call_id") or "",
        tuple([part for part in inner if not isinstance(part, CachePoint)]),
        is_error=bool(block.get("is_error")),
    )


def _cache_point(block: Mapping[str, Any], _: str | None) -> Part:
    point = block.get("cachePoint")
    return CachePoint(point.get("ttl") if isinstance(point, Mapping) else None)


def _non_standard(block: Mapping[str, Any], issuer: str | None) -> tuple[Part, ...]:
    value = block.get("value")
    return tuple(parts_from([value], issuer)) if isinstance(value, Mapping) else ()


def _piece(_: Mapping[str, Any], __: str | None) -> tuple[Part, ...]:
    """A piece of a streamed call: the whole one stands in ``tool_calls``."""
    return ()


def _unknown(block: Mapping[str, Any], issuer: str | None) -> Part | tuple[Part, ...]:
    kind = block.get("type")
    if "cachePoint" in block:
        return _cache_point(block, issuer)
    if isinstance(kind, str):
        if kind in _STANDARD_ONLY:
            return OpaquePart(_NOBODY, block)
        for pattern, whose in _OPAQUE:
            if pattern.fullmatch(kind):
                return OpaquePart(whose, block)
    # Bedrock's and Gemini's blocks have no type: LangChain knows them by their keys
    standard: dict[str, Any] = {**HumanMessage([dict(block)]).content_blocks[0]}
    read = _READERS.get(standard.get("type", ""))
    if read is not None and standard.get("type") in KNOWN_BLOCK_TYPES - {"non_standard"}:
        return read(standard, issuer)
    return OpaquePart(issuer or _NOBODY, block)


def _media(read: Callable[[Mapping[str, Any]], Any]) -> Callable[[Mapping[str, Any], Any], Any]:
    return lambda block, _: read(block)


_READERS: dict[str, Callable[[Mapping[str, Any], str | None], Part | tuple[Part, ...]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "image": _media(media.image),
    "image_url": _media(media.image),
    "input_image": _media(media.image),
    "audio": _media(media.audio),
    "input_audio": _media(media.audio),
    "video": _media(media.video),
    "media": _media(media.media),
    "file": _media(media.document),
    "input_file": _media(media.document),
    "document": _media(media.document),
    "search_result": _media(media.document),
    "text-plain": _media(media.document),
    "reasoning": _reasoning,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "reasoning_content": _bedrock_reasoning,
    "refusal": _refusal,
    "tool_call": _tool_call,
    "invalid_tool_call": _tool_call,
    "tool_use": _tool_call,
    "function_call": _tool_call,
    "tool_call_chunk": _piece,
    "input_json_delta": _piece,
    "tool_result": _tool_result,
    "non_standard": _non_standard,
}
