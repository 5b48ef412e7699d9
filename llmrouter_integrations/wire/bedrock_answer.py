"""What stands in an answer of Converse, whole or streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations.errors import MalformedToolCallError, ProtocolViolationError
from llmrouter_integrations.messages import (
    EMPTY_MAP,
    NO_USAGE,
    Citation,
    ImagePart,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    Usage,
)
from llmrouter_integrations.wire.structured import JSON_TOOL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.messages import FinishReason
    from llmrouter_integrations.wire.base import Endpoint

__all__ = [
    "ISSUER",
    "SERVER_TOOL",
    "citation",
    "extra_of",
    "finish_reason_of",
    "read_block",
    "usage_of",
]

ISSUER: Final = "bedrock"
SERVER_TOOL: Final = "server_tool_use"

FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "refusal",
}
BROKEN: Final = {
    "malformed_tool_use": MalformedToolCallError,
    "malformed_model_output": ProtocolViolationError,
}
"""Stop reasons by which Bedrock says that the model's answer cannot be used."""

SAID_BESIDES: Final = (
    "additionalModelResponseFields",
    "trace",
    "performanceConfig",
    "serviceTier",
)


def finish_reason_of(stop: str | None, endpoint: Endpoint, *, called: bool) -> FinishReason:
    """Translate a stop reason; a call of nothing but the structured answer's tool is no call.

    Raises:
        MalformedToolCallError: The model wrote a tool call that Bedrock could not read.
        ProtocolViolationError: The same of its answer.
    """
    if broken := BROKEN.get(stop or ""):
        raise broken("the model's output was malformed", code=stop, target=endpoint.name)
    reason = FINISH_REASONS.get(stop or "", "unknown")
    return "stop" if reason == "tool_calls" and not called else reason


def usage_of(said: Mapping[str, Any] | None) -> Usage:
    """Read a usage object, in which the cached parts of the prompt are counted apart."""
    if not said:
        return NO_USAGE
    read = said.get("cacheReadInputTokens") or 0
    written = said.get("cacheWriteInputTokens") or 0
    return Usage(
        input_tokens=(said.get("inputTokens") or 0) + read + written,
        output_tokens=said.get("outputTokens") or 0,
        cache_read_tokens=read,
        cache_write_tokens=written,
    )


def extra_of(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keep what else was said and has no place of its own."""
    return {key: said[key] for key in SAID_BESIDES if said.get(key)} or EMPTY_MAP


def citation(raw: Mapping[str, Any]) -> Citation:
    """Read one citation; where in the source it points stays in ``raw``."""
    cited = "".join([piece.get("text") or "" for piece in raw.get("sourceContent") or ()])
    web = (raw.get("location") or EMPTY_MAP).get("web") or EMPTY_MAP
    return Citation(url=web.get("url"), title=raw.get("title"), cited_text=cited or None, raw=raw)


def read_block(block: Mapping[str, Any]) -> Part | None:
    """Read one block of an answer; None for one with nothing in it."""
    if "text" in block:
        return TextPart(block["text"]) if block["text"] else None
    if call := block.get("toolUse"):
        if call.get("type") == SERVER_TOOL:
            return OpaquePart(ISSUER, block)
        given = call.get("input")
        arguments = given if isinstance(given, str) else orjson.dumps(given or EMPTY_MAP).decode()
        if call.get("name") == JSON_TOOL:
            return TextPart(arguments)
        return ToolCallPart(call.get("toolUseId") or "", call.get("name") or "", arguments)
    if reasoning := block.get("reasoningContent"):
        said = reasoning.get("reasoningText")
        if said is None:
            hidden = reasoning.get("redactedContent")
            return ReasoningPart(issuer=ISSUER, signature=hidden, redacted=True)
        text, signature = said.get("text") or "", said.get("signature") or None
        return ReasoningPart(text, ISSUER, signature) if text or signature else None
    if cited := block.get("citationsContent"):
        text = "".join([piece.get("text") or "" for piece in cited.get("content") or ()])
        citations = tuple([citation(raw) for raw in cited.get("citations") or ()])
        return TextPart(text, citations, issuer=ISSUER if citations else None)
    image = block.get("image")
    if image and "bytes" in image.get("source", EMPTY_MAP):
        return ImagePart(image["source"]["bytes"], media_type=f"image/{image.get('format')}")
    return OpaquePart(ISSUER, block)
