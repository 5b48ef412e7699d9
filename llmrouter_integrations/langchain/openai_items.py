"""An assistant's turn as langchain-openai tells it back to OpenAI's Responses: in items with ids.

OpenAI keeps what it answered, unless it is told not to (``store: false``), and knows it by the ids
of its items: reasoning that has but an id is there, and wants the ids of what followed it.
Reasoning that came encrypted is decrypted wherever it is brought; such turns, and all that came
over our own wire, are kept nowhere, and an id of theirs would not be found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmrouter_integrations.langchain.standard_blocks import block_from
from llmrouter_integrations.messages import ReasoningPart, TextPart, ToolCallPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmrouter_integrations.messages import Part

__all__ = ["item_blocks"]


def item_blocks(parts: Sequence[Part]) -> list[dict[Any, Any]]:
    """Write the parts of a turn as blocks of LangChain's, with what OpenAI can find again."""
    kept = any(_is_kept(part) for part in parts)
    return [block for part in parts if (block := _block(part, kept=kept)) is not None]


def _is_kept(part: Part) -> bool:
    return (
        isinstance(part, ReasoningPart)
        and part.item_id is not None
        and not (part.signature or part.raw)
    )


def _block(part: Part, *, kept: bool) -> dict[Any, Any] | None:
    if isinstance(part, ReasoningPart):
        return _reasoning(part) if part.signature or _is_kept(part) else None
    block = block_from(part)
    if block is None or not isinstance(part, TextPart | ToolCallPart):
        return block
    block.pop("extras", None)
    item_id = part.item_id or ""
    if isinstance(part, ToolCallPart):
        return block | {"extras": {"item_id": item_id}} if kept and item_id else block
    block.pop("id", None)
    # an id as parts bear it has the phase before it: see wire.openai_responses_output.item_id_of
    phase, _, item_id = item_id.rpartition("/")
    if phase:
        block["phase"] = phase
    if kept and item_id:
        block["id"] = item_id
    return block


def _reasoning(part: ReasoningPart) -> dict[Any, Any]:
    block: dict[Any, Any] = {"type": "reasoning", "id": part.item_id}
    if part.text:
        block["reasoning"] = part.text
    if part.signature:
        block["extras"] = {"encrypted_content": part.signature}
    return block
