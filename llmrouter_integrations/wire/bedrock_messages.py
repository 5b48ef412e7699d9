"""The conversation in Converse's form: user and assistant by turns, a user's first and last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.messages import Adjustment, asked_from
from llmrouter_integrations.wire.bedrock_blocks import kind_of
from llmrouter_integrations.wire.structured import CONTINUE, OPENING, SEEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmrouter_integrations.messages import Message, Part
    from llmrouter_integrations.wire.bedrock_blocks import ConverseWriter
    from llmrouter_integrations.wire.bedrock_models import BedrockRules

__all__ = [
    "end_with_user",
    "forget_thinking",
    "why_no_thinking",
    "write_messages",
    "write_system",
]

SEE_DOCUMENT: Final = "See the document."


def write_system(writer: ConverseWriter, parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Write the instructions; what is neither text, guarded content nor cache point is left out."""
    if not parts:
        return []
    blocks = writer.write(parts)
    kept = [block for block in blocks if kind_of(block) in ("text", "cachePoint", "guardContent")]
    if len(kept) < len(blocks):
        writer.adjustments.append(
            Adjustment("system", "dropped", "what is no text: instructions are text only")
        )
    return kept if any("cachePoint" not in block for block in kept) else []


def write_messages(
    writer: ConverseWriter, turns: list[Message], rules: BedrockRules
) -> list[dict[str, Any]]:
    """Write the turns.

    Families that take tool results only by themselves get a word of the assistant's between them
    and what the user says next: Bedrock joins consecutive turns of one role.
    """
    messages: list[dict[str, Any]] = []
    asked = asked_from(turns)
    for place, turn in enumerate(turns):
        answered = turn.role == "assistant"
        pending = place >= asked and turn.role == "user"
        blocks = writer.write(turn.parts, asked=pending, answered=answered)
        role = "assistant" if answered else "user"
        before = messages[-1]["content"] if messages else []
        joins = bool(messages) and messages[-1]["role"] == role
        while blocks and not joins and "cachePoint" in blocks[0]:
            before.append(blocks.pop(0))  # it closes the turn before; without one it goes
        if not blocks:
            continue
        kinds = [kind_of(block) for block in blocks]
        if "document" in kinds and "text" not in kinds:
            blocks.append({"text": SEE_DOCUMENT})  # Bedrock wants text beside a document
        if joins and _clash(before, blocks, rules):
            messages.append({"role": "assistant", "content": [{"text": SEEN}]})
            messages.append({"role": role, "content": blocks})
        elif joins:
            before += blocks
        else:
            if not messages and role == "assistant":
                messages.append({"role": "user", "content": [{"text": OPENING}]})
            messages.append({"role": role, "content": blocks})
    return messages


def _clash(before: list[dict[str, Any]], blocks: list[dict[str, Any]], rules: BedrockRules) -> bool:
    if not any("toolResult" in block for block in before):
        return False
    kinds = {kind_of(block) for block in blocks} - {"toolResult", "cachePoint"}
    return not kinds <= rules.beside_results


def why_no_thinking(messages: list[dict[str, Any]], *, forced: bool) -> str:
    """Say why a Claude's thinking by budget would make this request fail, or "".

    Anthropic's terms: no thinking with a forced call; no prefill of an answer that begins with
    thinking; and an assistant turn whose tool results come now must itself begin with thinking.
    """
    if forced:
        return "not together with a forced tool call"
    if messages and messages[-1]["role"] == "assistant":
        return "not together with an answer begun for the model"
    if (
        len(messages) > 1
        and any("toolResult" in block for block in messages[-1]["content"])
        and "reasoningContent" not in messages[-2]["content"][0]
    ):
        return "the tool calls being answered were made without thinking"
    return ""


def forget_thinking(
    messages: list[dict[str, Any]], adjustments: list[Adjustment], why: str
) -> None:
    """Leave out the thinking of some turns of a Claude's; see the Anthropic codec."""
    for message in messages:
        kept = [block for block in message["content"] if "reasoningContent" not in block]
        if len(kept) < len(message["content"]):
            message["content"] = kept or [{"text": SEEN}]
            adjustments.append(Adjustment("reasoning", "dropped", why))


def end_with_user(
    messages: list[dict[str, Any]], adjustments: list[Adjustment], *, may_prefill: bool
) -> None:
    """See to a last turn of the assistant: an answer begun for it, where it takes that."""
    if not messages or messages[-1]["role"] != "assistant":
        return
    last = messages[-1]["content"][-1]
    if may_prefill and "text" in last:
        last["text"] = last["text"].rstrip()
        return
    messages.append({"role": "user", "content": [{"text": CONTINUE}]})
    adjustments.append(Adjustment("prefill", "translated", "to a user turn that asks to continue"))
