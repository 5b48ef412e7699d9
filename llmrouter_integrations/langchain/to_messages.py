"""Our messages -> LangChain's, for a wrapped model asked in another framework's or vendor's words.

An assistant's turn that text and tool calls do not exhaust is written in LangChain's standard
blocks (``output_version="v1"``), which every integration turns into its own vendor's form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from llmrouter_integrations.langchain.blocks import ISSUER, ISSUERS
from llmrouter_integrations.langchain.standard_blocks import arguments_from, block_from
from llmrouter_integrations.messages import (
    CachePoint,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.part_record import KEY
from llmrouter_integrations.wire.history import Reader, portable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from langchain_core.messages import ToolCall

    from llmrouter_integrations.messages import Adjustment, Message, Part

__all__ = ["is_readable", "to_messages"]

_PROVIDERS: Final = {
    "gemini": "google_genai",
    "bedrock": "bedrock_converse",
    "mistral": "mistralai",
}
"""Issuer -> the ``model_provider`` by which LangChain's integration of it knows its own messages;
the rest bear the issuer's name."""


def is_readable(messages: Iterable[BaseMessage], issuer: str) -> bool:
    """Whether a model of that issuer can take the conversation as it is.

    It can, unless it holds an answer of somebody else's that is more than text and calls, or one
    of ours that has a record of what its vendor wants back.
    """
    for message in messages:
        if isinstance(message, AIMessage):
            if KEY in message.additional_kwargs:
                return False
            if isinstance(message.content, list):
                provider = message.response_metadata.get("model_provider")
                if provider is not None and ISSUERS.get(provider, provider) != issuer:
                    return False
    return True


def to_messages(
    history: tuple[Message, ...], issuer: str
) -> tuple[list[BaseMessage], tuple[Adjustment, ...]]:
    """Write a conversation for a model of that issuer.

    Returns:
        The messages, and what had to be changed; see :func:`~..wire.history.portable`.
    """
    turns, adjustments = portable(history, Reader(issuer))
    written: list[BaseMessage] = []
    for turn in turns:
        if turn.role == "assistant":
            written.append(_assistant(turn, issuer))
        elif turn.role == "tool":
            written.extend(_results(turn))
        elif turn.role == "user":
            written.append(HumanMessage(_content(turn.parts), name=turn.name))
        else:
            developer = {"__openai_role__": "developer"} if turn.role == "developer" else {}
            written.append(
                SystemMessage(_content(turn.parts), name=turn.name, additional_kwargs=developer)
            )
    return written, adjustments


def _content(parts: Sequence[Part]) -> Any:
    """Write what a user, a system or a tool says: a string, as long as it is only that."""
    if len(parts) == 1 and type(parts[0]) is TextPart:
        return parts[0].text
    # a cache point is left out: as a block of its own, only its vendor knows it
    return [block for part in parts if (block := block_from(part)) is not None]


def _results(turn: Message) -> Iterable[ToolMessage]:
    for part in turn.parts:
        if isinstance(part, ToolResultPart):
            yield ToolMessage(
                _content(part.content) if part.content else "",
                tool_call_id=part.tool_call_id,
                name=part.name,
                status="error" if part.is_error else "success",
            )


def _assistant(turn: Message, issuer: str) -> AIMessage:
    calls: list[ToolCall] = [
        {
            "name": part.name,
            "args": arguments_from(part) or {},
            "id": part.id,
            "type": "tool_call",
        }
        for part in turn.tool_calls
    ]
    if all(_is_plain(part) for part in turn.parts):
        return AIMessage(turn.text, tool_calls=calls, name=turn.name)
    blocks: list[str | dict[Any, Any]] = [
        block for part in turn.parts if (block := _own_block(part)) is not None
    ]
    provider = _PROVIDERS.get(issuer, issuer)
    return AIMessage(
        blocks,
        tool_calls=calls,
        name=turn.name,
        response_metadata={"output_version": "v1", "model_provider": provider},
    )


def _is_plain(part: Part) -> bool:
    if isinstance(part, TextPart):
        return not (part.citations or part.signature)
    return isinstance(part, ToolCallPart | CachePoint) and not getattr(part, "signature", None)


def _own_block(part: Part) -> dict[Any, Any] | None:
    """Write a part for its issuer: the standard form, with the marks its integration reads."""
    if isinstance(part, ReasoningPart):
        if part.redacted and part.issuer == "anthropic":
            value = {"type": "redacted_thinking", "data": part.signature}
            return {"type": "non_standard", "value": value}
        if part.issuer == "openai":
            return _openai_reasoning(part)
    block = block_from(part)
    if block is not None and "extras" in block:
        # whose it is stands in the message, and would be sent along from here
        block["extras"] = {k: v for k, v in block["extras"].items() if k != ISSUER}
    return block


def _openai_reasoning(part: ReasoningPart) -> dict[Any, Any]:
    block: dict[Any, Any] = {"type": "reasoning", "id": part.item_id}
    if part.text:
        block["reasoning"] = part.text
    if part.signature:
        block["extras"] = {"encrypted_content": part.signature}
    return block
