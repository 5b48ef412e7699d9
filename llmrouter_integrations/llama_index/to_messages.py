"""Our messages -> LlamaIndex's, for a wrapped LLM asked in others' words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock, ThinkingBlock

from llmrouter_integrations.llama_index.from_response import to_chat_response
from llmrouter_integrations.llama_index.to_request import OPAQUE
from llmrouter_integrations.messages import Message, Response, ToolResultPart
from llmrouter_integrations.part_record import KEY
from llmrouter_integrations.wire.history import Reader, portable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmrouter_integrations.messages import Adjustment

__all__ = ["is_readable", "to_messages"]

_ROLES = {
    "system": MessageRole.SYSTEM,
    "developer": MessageRole.DEVELOPER,
    "user": MessageRole.USER,
    "assistant": MessageRole.ASSISTANT,
}


def is_readable(messages: Iterable[ChatMessage], issuer: str) -> bool:
    """Whether an LLM of that issuer can take the conversation as it is.

    It can, unless it holds an answer of ours that has a record of what its vendor wants back, or
    somebody else's reasoning.
    """
    for message in messages:
        besides = message.additional_kwargs
        if besides and (KEY in besides or OPAQUE in besides):
            return False
        for block in message.blocks:
            if isinstance(block, ThinkingBlock):
                whose = block.additional_information.get("issuer")
                if whose is not None and whose != issuer:
                    return False
    return True


def to_messages(
    history: tuple[Message, ...], issuer: str
) -> tuple[list[ChatMessage], tuple[Adjustment, ...]]:
    """Write a conversation for an LLM of that issuer.

    Returns:
        The messages, and what had to be changed; see :func:`~..wire.history.portable`.
    """
    # most integrations refuse a cache point, and have no place for a speaker's name
    turns, adjustments = portable(history, Reader(issuer, names=False, cache_points=False))
    written: list[ChatMessage] = []
    for turn in turns:
        if turn.role == "tool":
            written.extend(_results(turn))
            continue
        message = _blocks(turn)
        calls = message.additional_kwargs.get("tool_calls")
        # the record of parts is ours alone: integrations send what they find there
        message.additional_kwargs = {"tool_calls": calls} if calls else {}
        message.role = _ROLES[turn.role]
        written.append(message)
    return written, adjustments


def _blocks(turn: Message) -> ChatMessage:
    return to_chat_response(Response(turn)).message


def _results(turn: Message) -> Iterable[ChatMessage]:
    for part in turn.parts:
        if isinstance(part, ToolResultPart):
            besides: dict[str, Any] = {"tool_call_id": part.tool_call_id}
            if part.name:
                besides["name"] = part.name
            blocks = _blocks(Message("tool", part.content)).blocks or [TextBlock(text="")]
            yield ChatMessage(role=MessageRole.TOOL, blocks=blocks, additional_kwargs=besides)
