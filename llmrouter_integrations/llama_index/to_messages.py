"""Our messages -> LlamaIndex's, for a wrapped LLM asked in others' words."""

from __future__ import annotations

from base64 import b64decode
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
from llmrouter_integrations.llama_index.from_chat import SIGNATURES
from llmrouter_integrations.llama_index.from_response import to_chat_response
from llmrouter_integrations.llama_index.to_request import OPAQUE, is_respelled
from llmrouter_integrations.messages import Adjustment, Message, Response, ToolResultPart
from llmrouter_integrations.part_record import KEY
from llmrouter_integrations.wire.history import portable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llmrouter_integrations.wire.history import Reader

__all__ = ["is_readable", "to_messages", "with_calls_once"]

_ROLES = {
    "system": MessageRole.SYSTEM,
    "developer": MessageRole.DEVELOPER,
    "user": MessageRole.USER,
    "assistant": MessageRole.ASSISTANT,
}


def is_readable(
    messages: Iterable[ChatMessage], reader: Reader, blocks: tuple[type, ...] | None = None
) -> bool:
    """Whether an LLM can take the conversation as it is.

    It can, unless it holds an answer of ours that has a record of what its vendor wants back,
    somebody else's reasoning or spelling of ids, or a block that the LLM does not take.

    Args:
        messages: The conversation.
        reader: Who reads it.
        blocks: The blocks the LLM takes; None: not known.
    """
    tool_id = reader.tool_id
    for message in messages:
        besides = message.additional_kwargs
        if besides:
            if KEY in besides or OPAQUE in besides:
                return False
            answered = besides.get("tool_call_id")
            if tool_id is not None and isinstance(answered, str) and tool_id(answered) != answered:
                return False
        for block in message.blocks:
            if blocks is not None and not isinstance(block, blocks):
                return False
            if isinstance(block, ThinkingBlock):
                whose = block.additional_information.get("issuer")
                if whose is not None and whose != reader.issuer:
                    return False
            elif isinstance(block, ToolCallBlock) and tool_id is not None:
                call_id = block.tool_call_id
                if call_id and tool_id(call_id) != call_id:
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
    if text is None:
        return block
    written = arguments_json(block.tool_kwargs)
    if text != written and not is_respelled(written, text):
        return block  # edited
    return block.model_copy(update={"tool_kwargs": text})


def to_messages(
    history: tuple[Message, ...],
    reader: Reader,
    blocks: tuple[type, ...] | None = None,
    *,
    spelled: bool = False,
    signed: bool = False,
) -> tuple[list[ChatMessage], tuple[Adjustment, ...]]:
    """Write a conversation for an LLM.

    Args:
        history: The conversation.
        reader: Who reads it.
        blocks: The blocks the LLM takes; None: not known.
        spelled: As of :func:`with_calls_once`.
        signed: Whether the LLM looks for Gemini's signatures beside the blocks.

    Returns:
        The messages, and what had to be changed; see :func:`~..wire.history.portable`.

    Raises:
        UnsupportedParameterError: It holds what the LLM does not take and must not miss.
    """
    turns, adjustments = portable(history, reader)
    written: list[ChatMessage] = []
    for turn in turns:
        if turn.role == "tool":
            written.extend(_results(turn))
            continue
        message = _with_calls_once(_blocks(turn), spelled=spelled)
        # what we keep there is ours alone: integrations send what they find
        message.additional_kwargs = {}
        if signed and any(getattr(part, "signature", None) for part in turn.parts):
            message = _signed(turn)
        message.role = _ROLES[turn.role]
        written.append(message)
    if blocks is not None and _only(blocks, written):
        adjustments = (*adjustments, _NO_CITATIONS)
    return written, adjustments


def _signed(turn: Message) -> ChatMessage:
    """Write a turn with a signature, or None, for each of its blocks."""
    blocks: list[Any] = []
    signatures: list[bytes | None] = []
    for part in turn.parts:
        for block in _blocks(Message(turn.role, (part,))).blocks:
            signature: str | None = getattr(part, "signature", None)
            blocks.append(block)
            signatures.append(b64decode(signature) if signature else None)
    return ChatMessage(blocks=blocks, additional_kwargs={SIGNATURES: signatures})


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
