"""The arguments of a tool call, as vendors take them back: one JSON object, or its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations.messages import Adjustment

if TYPE_CHECKING:
    from llmrouter_integrations.messages import ToolCallPart

__all__ = ["arguments_object", "arguments_text"]

_WRAPPED: Final = Adjustment(
    "tool call arguments", "translated", "no JSON object: sent as a string"
)


def arguments_object(part: ToolCallPart, adjustments: list[Adjustment]) -> dict[str, Any]:
    """Give the arguments; what is no JSON object (cut off, say) as one that holds its text.

    Args:
        part: The call.
        adjustments: Gets a word on it.
    """
    try:
        arguments = orjson.loads(part.arguments or "{}")
    except orjson.JSONDecodeError:
        arguments = None
    if isinstance(arguments, dict):
        return arguments
    adjustments.append(_WRAPPED)
    return {"arguments": part.arguments}


def arguments_text(part: ToolCallPart, adjustments: list[Adjustment]) -> str:
    """Give the arguments as the model wrote them, or as :func:`arguments_object` has them.

    The templates of many models cannot be filled with anything else.
    """
    told = len(adjustments)
    arguments = arguments_object(part, adjustments)
    if len(adjustments) == told:
        return part.arguments or "{}"
    return orjson.dumps(arguments).decode()
