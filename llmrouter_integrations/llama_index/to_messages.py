"""Our messages -> LlamaIndex's, for a wrapped LLM asked in others' words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    CitationBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from llmrouter_integrations.errors import UnsupportedParameterError
from llmrouter_integrations.llama_index.blocks import arguments_json, foreign_calls
from llmrouter_integrations.llama_index.from_response import to_chat_response
from llmrouter_integrations.llama_index.to_request import OPAQUE, is_respelled
from llmrouter_integrations.messages import Adjustment, Message, Response, ToolResultPart
from llmrouter_integrations.part_record import KEY
from llmrouter_integrations.wire.history import Reader, portable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["is_readable", "to_messages", "with_calls_once"]

_ROLES = {
    "system": MessageRole.SYSTEM,
    "developer": MessageRole.DEVELOPER,
    "user": MessageRole.USER,
    "assistant": MessageRole.ASSISTANT,
}


def is_readable(
    messages: Iterable[ChatMessage], issuer: str, blocks: tuple[type, ...] | None = None
) -> bool:
    """Whether an LLM of that issuer can take the conversation as it is.

    It can, unless it holds an answer of ours that has a record of what its vendor wants back,
    somebody else's reasoning, or a block that the LLM does not take.

    Args:
        messages: The conversation.
        issuer: Who reads it.
        blocks: The blocks the LLM takes; None: not known.
    """
    for message in messages:
        besides = message.additional_kwargs
        if besides and (KEY in besides or OPAQUE in besides):
            return False
        for block in message.blocks:
            if blocks is not None and not isinstance(block, blocks):
                return False
            if isinstance(block, ThinkingBlock):
                whose = block.additional_information.get("issuer")
                if whose is not None and whose != issuer:
                    return False
    return True


def with_calls_once(messages: Sequence[ChatMessage], *, spelled: bool) -> Sequence[ChatMessage]:
    """Leave out of ``additional_kwargs["tool_calls"]`` what the blocks say too.

    Answers of ours say it twice, for readers of either. Some integrations send both, or rather the
    one that is not in their API's form.

    Args:
        messages: The conversation.
        spelled: Whether the LLM takes arguments as text: then a block gets the model's own
            spelling of them, which is the one its provider's prompt cache knows.

    Returns:
        The very same messages where none says a call twice.
    """
    once = [_with_calls_once(message, spelled=spelled) for message in messages]
    return messages if all(a is b for a, b in zip(once, messages, strict=True)) else once


def _with_calls_once(message: ChatMessage, *, spelled: bool) -> ChatMessage:
    calls = message.additional_kwargs.get("tool_calls")
    if not calls or not isinstance(calls, list):
        return message
    read = list(foreign_calls(calls))
    ids = {block.tool_call_id for block in message.blocks if isinstance(block, ToolCallBlock)}
    left = [call for call, said in zip(calls, read, strict=True) if said[0] not in ids]
    if len(left) == len(calls):
        return message
    besides = {**message.additional_kwargs, "tool_calls": left}
    if not left:
        del besides["tool_calls"]
    update: dict[str, Any] = {"additional_kwargs": besides}
    if spelled:
        own = {call_id: text for call_id, _, text in read if isinstance(text, str)}
        update["blocks"] = [_respelled(block, own) for block in message.blocks]
    return message.model_copy(update=update)


def _respelled(block: Any, own: Mapping[str, str]) -> Any:
    text = own.get(block.tool_call_id or "") if isinstance(block, ToolCallBlock) else None
    if text is None or not is_respelled(arguments_json(block.tool_kwargs), text):
        return block
    return block.model_copy(update={"tool_kwargs": text})


def to_messages(
    history: tuple[Message, ...],
    issuer: str,
    blocks: tuple[type, ...] | None = None,
    *,
    spelled: bool = False,
) -> tuple[list[ChatMessage], tuple[Adjustment, ...]]:
    """Write a conversation for an LLM of that issuer.

    Args:
        history: The conversation.
        issuer: Who reads it.
        blocks: The blocks the LLM takes; None: not known.
        spelled: As of :func:`with_calls_once`.

    Returns:
        The messages, and what had to be changed; see :func:`~..wire.history.portable`.

    Raises:
        UnsupportedParameterError: It holds what the LLM does not take and must not miss.
    """
    # most integrations refuse a cache point, and have no place for a speaker's name
    turns, adjustments = portable(history, Reader(issuer, names=False, cache_points=False))
    written: list[ChatMessage] = []
    for turn in turns:
        if turn.role == "tool":
            written.extend(_results(turn))
            continue
        message = _with_calls_once(_blocks(turn), spelled=spelled)
        # what we keep there is ours alone: integrations send what they find
        message.additional_kwargs = {}
        message.role = _ROLES[turn.role]
        written.append(message)
    if blocks is not None and _only(blocks, written):
        adjustments = (*adjustments, _NO_CITATIONS)
    return written, adjustments


_NO_CITATIONS = Adjustment("citations", "dropped", "there is no place for them here")


def _only(blocks: tuple[type, ...], messages: list[ChatMessage]) -> bool:
    """Leave out citations where they are not taken, and say whether there were any."""
    cited = False
    for message in messages:
        other = [block for block in message.blocks if not isinstance(block, blocks)]
        if not other:
            continue
        if missed := [block for block in other if not isinstance(block, CitationBlock)]:
            raise UnsupportedParameterError(
                f"a {type(missed[0]).__name__} cannot be read here",
                parameter="messages",
                sent=False,
            )
        cited = True
        message.blocks = [block for block in message.blocks if isinstance(block, blocks)]
    return cited


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
