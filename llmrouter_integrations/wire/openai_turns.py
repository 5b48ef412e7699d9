"""The order of turns that some providers of chat completions insist on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.messages import (
    Adjustment,
    Message,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.wire.history import merge_roles, result_as_text, split_system
from llmrouter_integrations.wire.structured import CONTINUE, OPENING, SEEN

if TYPE_CHECKING:
    from llmrouter_integrations.messages import Part
    from llmrouter_integrations.wire.dialects import Dialect

__all__ = ["bridge_results", "order_turns"]


def order_turns(
    history: list[Message], dialect: Dialect, adjustments: list[Adjustment]
) -> list[Message]:
    """Bring a conversation into the order that a dialect takes.

    Args:
        history: The conversation, :func:`~.history.portable`.
        dialect: Who will read it.
        adjustments: Gets what had to be changed.
    """
    if "tools" in dialect.drops:
        history = _without_tools(history, adjustments)
    if not dialect.system_first:
        return history
    system, turns = split_system(history, adjustments)
    if not turns:
        return [Message("user", system)]  # instructions by themselves are no conversation
    if dialect.alternate:
        turns = merge_roles(turns)
        if turns[0].role == "assistant":
            turns.insert(0, Message("user", (TextPart(OPENING),)))
        if turns[-1].role == "assistant":
            turns.append(Message("user", (TextPart(CONTINUE),)))
            adjustments.append(
                Adjustment("prefill", "translated", "to a user turn that asks to continue")
            )
    return [Message("system", system), *turns] if system else turns


def bridge_results(written: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put a word of the assistant's between tools' results and what the user says next."""
    bridged: list[dict[str, Any]] = []
    for item in written:
        if item["role"] == "user" and bridged and bridged[-1]["role"] == "tool":
            bridged.append({"role": "assistant", "content": SEEN})
        bridged.append(item)
    return bridged


def _without_tools(history: list[Message], adjustments: list[Adjustment]) -> list[Message]:
    """Tell tool calls and their results in words."""
    if not any(message.role == "tool" for message in history):
        return history
    adjustments.append(Adjustment("tool calls", "translated", "to words: this API takes none"))
    called: dict[str, str] = {}
    told: list[Message] = []
    for message in history:
        parts: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                called[part.id] = part.name
                words = f"(I call the tool {part.name} with {part.arguments or '{}'}.)"
                parts.append(TextPart(f"\n{words}" if parts else words))
            elif isinstance(part, ToolResultPart):
                content = part.content or (TextPart("(no output)"),)
                name = called[part.tool_call_id]
                parts += result_as_text(replace(part, name=name, content=content))
            else:
                parts.append(part)
        if message.role == "tool":
            told.append(Message("user", tuple(parts)))
        else:
            told.append(Message(message.role, tuple(parts), message.name))
    return told
