"""LlamaIndex messages and call parameters -> :class:`~llmrouter_integrations.messages.Request`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson
from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock

from llmrouter_integrations.errors import InvalidRequestError
from llmrouter_integrations.llama_index.blocks import arguments_json, foreign_calls, parts_from
from llmrouter_integrations.messages import (
    AudioPart,
    CachePoint,
    Message,
    OpaquePart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.part_record import KEY, restore
from llmrouter_integrations.wire.inbound import request_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llmrouter_integrations.messages import Part, Request, Role

__all__ = ["AUDIO", "NATIVE", "OPAQUE", "is_respelled", "messages_from", "to_request"]

NATIVE: Final = "llama_index"
"""The key of :attr:`Request.native` under which the messages themselves travel."""

OPAQUE: Final = "llmrouter_blocks"
"""Where in ``additional_kwargs`` stand the vendor's own blocks, of which LlamaIndex has no like."""

AUDIO: Final = "reference_audio_id"
"""Where in ``additional_kwargs`` LlamaIndex keeps the id of sound that OpenAI has stored."""

_ROLES: Final[dict[MessageRole, Role]] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "developer",
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.FUNCTION: "tool",
    MessageRole.TOOL: "tool",
}


def to_request(messages: Sequence[ChatMessage], params: Mapping[str, Any]) -> Request:
    """Write a request in no vendor's form.

    Args:
        messages: The conversation, oldest first.
        params: Parameters by their OpenAI names; see
            :func:`~llmrouter_integrations.wire.inbound.request_from`.

    Raises:
        InvalidRequestError: A message or a parameter makes no sense; says which, and the remedy.
    """
    try:
        read = messages_from(messages)
    except AttributeError:
        _refuse_others(messages)
        raise
    return request_from(read, params, native={NATIVE: messages})


def _refuse_others(messages: Iterable[Any]) -> None:
    for at, message in enumerate(messages):
        if not isinstance(message, ChatMessage):
            raise InvalidRequestError(
                f"messages[{at}] is a {type(message).__name__}: give ChatMessage objects, such as "
                'ChatMessage("Hello!", role="user")',
                sent=False,
            ) from None


def messages_from(messages: Iterable[ChatMessage]) -> list[Message]:
    """Read a conversation; nothing a model could use of it is lost."""
    read: list[Message] = []
    for message in messages:
        role = _ROLES[message.role]
        blocks = message.blocks
        besides = message.additional_kwargs
        if not besides and len(blocks) == 1 and type(blocks[0]) is TextBlock and role != "tool":
            # the shape of nearly all prompts, read without further ado
            text = blocks[0].text
            read.append(Message(role, (TextPart(text),) if text else ()))
            continue
        parts = parts_from(blocks)
        if role == "tool":
            read.append(_tool(parts, besides, read))
            continue
        if role == "assistant":
            parts = _assistant(parts, besides)
        if "cache_control" in besides:
            parts.append(CachePoint(besides["cache_control"].get("ttl")))
        read.append(Message(role, tuple(parts), besides.get("name")))
    return read


def _tool(parts: list[Part], besides: Mapping[str, Any], before: list[Message]) -> Message:
    name = besides.get("name")
    call_id = besides.get("tool_call_id") or _call_before(before, name)
    points = [part for part in parts if isinstance(part, CachePoint)]
    content = tuple([part for part in parts if not isinstance(part, CachePoint)])
    return Message("tool", (ToolResultPart(call_id, content, name), *points))


def _call_before(before: list[Message], name: str | None) -> str:
    """Tell which call a result without an id answers: the oldest open one, of its name if said."""
    answered = {
        part.tool_call_id for m in before for part in m.parts if isinstance(part, ToolResultPart)
    }
    return next(
        (
            call.id
            for message in before
            for call in message.tool_calls
            if call.id not in answered and name in (None, call.name)
        ),
        f"function_{name}",
    )


def _assistant(parts: list[Part], besides: Mapping[str, Any]) -> list[Part]:
    if not besides:
        return parts
    if isinstance(said := besides.get("refusal"), str) and said:
        parts.append(RefusalPart(said))
    audio_id = besides.get(AUDIO)
    if isinstance(audio_id, str):
        parts = [part for part in parts if not isinstance(part, AudioPart)]
        parts.append(AudioPart(file_id=audio_id, issuer="openai"))
    parts.extend([OpaquePart(b["issuer"], b["payload"]) for b in besides.get(OPAQUE, ())])
    calls = list(foreign_calls(besides.get("tool_calls")))
    if calls:
        parts = _with_calls(parts, calls)
    entries = besides.get(KEY)
    return restore(entries, parts) if entries else parts


def _with_calls(parts: list[Part], calls: list[tuple[str, str, Any]]) -> list[Part]:
    """Join what blocks and ``additional_kwargs["tool_calls"]`` say of the same calls.

    The blocks have the last word: they are what people edit. But where both say the same, the
    model's own spelling of the arguments counts: a provider's prompt cache knows only that one.
    """
    if not any(isinstance(part, ToolCallPart) for part in parts):
        read = [
            ToolCallPart(call_id or f"call_{at}", name, arguments_json(arguments))
            for at, (call_id, name, arguments) in enumerate(calls)
        ]
        return [*parts, *read]
    spelled = {call_id: said for call_id, _, said in calls if isinstance(said, str)}
    return [
        replace(part, arguments=spelled[part.id])
        if isinstance(part, ToolCallPart) and is_respelled(part.arguments, spelled.get(part.id))
        else part
        for part in parts
    ]


def is_respelled(arguments: str, spelled: str | None) -> bool:
    """Whether a call's arguments are spelled otherwise in one place than in another.

    Args:
        arguments: As :func:`~.blocks.arguments_json` writes them.
        spelled: Another JSON text.
    """
    if spelled is None or spelled == arguments:
        return False
    try:
        return arguments_json(orjson.loads(spelled)) == arguments
    except orjson.JSONDecodeError:
        return False
