"""What is asked in words, or by a tool, of models that have no setting for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from llmrouter_integrations.messages import OutputFormat

__all__ = [
    "CONTINUE",
    "JSON_TOOL",
    "JSON_TOOL_PURPOSE",
    "OPENING",
    "SEEN",
    "call_instruction",
    "fits_tool",
    "json_instruction",
]

JSON_TOOL: Final = "json_answer"
"""The tool whose arguments are the answer.

Its name is the whole agreement between writer and reader: a call of it is read as text.
"""
JSON_TOOL_PURPOSE: Final = "Give the final answer, in this form."
CONTINUE: Final = (
    "Your last message was cut off. Continue it from exactly where it stops, repeating nothing."
)
"""The user's turn after an answer begun for a model that takes no such thing."""
OPENING: Final = "(The conversation begins here.)"
"""The user's turn before a conversation that the assistant opens."""
SEEN: Final = "(seen)"
"""The assistant's turn between tools' results and the user, where one must stand there."""


def fits_tool(output: OutputFormat) -> bool:
    """Whether the answer's schema can be a tool's arguments, which are always an object."""
    return output.kind == "json_schema" and output.schema.get("type", "object") == "object"


def json_instruction(output: OutputFormat) -> str:
    """Ask for the form in words."""
    asked = "Answer with one JSON object and nothing else: no prose, no code fence."
    if output.description:
        asked = f"{asked}\n{output.description}"
    if output.kind == "json_schema" and output.schema:
        asked = (
            asked.replace("one JSON object", "one JSON value")
            + f"\nIt must satisfy this JSON schema:\n{orjson.dumps(dict(output.schema)).decode()}"
        )
    return asked


def call_instruction(choice: str) -> str:
    """Ask in words for the tool call that ``tool_choice`` would force."""
    which = "one of the tools" if choice == "required" else f"the tool `{choice}`"
    return f"Your next answer must be a call of {which}. Do not answer in text."
