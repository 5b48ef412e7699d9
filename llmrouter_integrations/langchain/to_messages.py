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
from llmrouter_integrations.langchain.openai_items import item_blocks
from llmrouter_integrations.langchain.standard_blocks import arguments_from, block_from
from llmrouter_integrations.messages import (
    EMPTY_MAP,
    ReasoningPart,
    TextPart,
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


_PLAIN: Final = {"type", "text", "id", "name", "args"}
"""What blocks of text and calls have where text and calls are all there is."""

_GEMINIS: Final = "__gemini_function_call_thought_signatures__"
"""Where in ``additional_kwargs`` Google's integration keeps calls' signatures, by their ids."""


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
    history: tuple[Message, ...], issuer: str, *, reads_items: bool = False
) -> tuple[list[BaseMessage], tuple[Adjustment, ...]]:
    """Write a conversation for a model of that issuer.

    Args:
        history: The conversation.
        issuer: Who can read back the model's reasoning and signatures.
        reads_items: Whether it goes by OpenAI's Responses; see :mod:`.openai_items`.

    Returns:
        The messages, and what had to be changed; see :func:`~..wire.history.portable`.
    """
    turns, adjustments = portable(history, Reader(issuer))
    written: list[BaseMessage] = []
    for turn in turns:
        if turn.role == "assistant":
            written.append(_assistant(turn, issuer, reads_items=reads_items))
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


def _assistant(turn: Message, issuer: str, *, reads_items: bool) -> AIMessage:
    calls: list[ToolCall] = [
        {
            "name": part.name,
            "args": arguments_from(part) or {},
            "id": part.id,
            "type": "tool_call",
        }
        for part in turn.tool_calls
    ]
    blocks = item_blocks(turn.parts) if reads_items else _own_blocks(turn.parts, issuer)
    if all(block.keys() <= _PLAIN for block in blocks):
        return AIMessage(turn.text, tool_calls=calls, name=turn.name)
    content: list[str | dict[Any, Any]] = [*blocks]
    signatures = {part.id: part.signature for part in turn.tool_calls if part.signature}
    return AIMessage(
        content,
        tool_calls=calls,
        name=turn.name,
        additional_kwargs={_GEMINIS: signatures} if issuer == "gemini" and signatures else {},
        response_metadata={
            "output_version": "v1",
            "model_provider": _PROVIDERS.get(issuer, issuer),
        },
    )


def _own_blocks(parts: Sequence[Part], issuer: str) -> list[dict[Any, Any]]:
    """Write parts for their issuer: the standard form, with the marks its integration reads."""
    blocks: list[dict[Any, Any]] = []
    for part in parts:
        if isinstance(part, ReasoningPart):
            if issuer == "openai" or (issuer == "gemini" and not part.signature):
                continue  # not read back; Google's integration warns of each
            if part.redacted and part.issuer == "anthropic":
                value = {"type": "redacted_thinking", "data": part.signature}
                blocks.append({"type": "non_standard", "value": value})
                continue
        block = block_from(part)
        if block is None:
            continue
        # whose it is stands in the message, and would be sent along from here
        extras = {k: v for k, v in block.pop("extras", EMPTY_MAP).items() if k != ISSUER}
        if extras:
            block["extras"] = extras
        if isinstance(part, TextPart):
            block.pop("id", None)  # an item's, of a protocol that this model does not go by
        blocks.append(block)
    return blocks
