"""The tools on offer, the choice among them, and the form asked of the answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.messages import Adjustment, NativeTool, Tool
from llmrouter_integrations.wire.claude_schema import closed_schema
from llmrouter_integrations.wire.structured import (
    JSON_TOOL,
    JSON_TOOL_PURPOSE,
    call_instruction,
    fits_tool,
    json_instruction,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmrouter_integrations.messages import OutputFormat, Request
    from llmrouter_integrations.wire.anthropic_blocks import BlockWriter
    from llmrouter_integrations.wire.base import Endpoint
    from llmrouter_integrations.wire.claude import ClaudeRules

__all__ = ["Offer", "offer"]

CHOICES: Final[Mapping[str, str]] = {"auto": "auto", "required": "any", "none": "none"}

TOOL_BETAS: Final[Mapping[str, str]] = {
    "code_execution_20250522": "code-execution-2025-05-22",
    "code_execution_20250825": "code-execution-2025-08-25",
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
    "mcp_toolset": "mcp-client-2025-11-20",
    "memory_20250818": "context-management-2025-06-27",
    "web_fetch_20250910": "web-fetch-2025-09-10",
}
"""Betas without which Anthropic's own tools are refused, by the tool's type."""


@dataclass(slots=True)
class Offer:
    """What goes into ``tools``, ``tool_choice`` and ``output_config.format``.

    Attributes:
        tools: As sent.
        choice: ``tool_choice`` as sent, or None.
        native_schema: The schema the answer is held to, where the model can be.
        instructions: What must be asked in words.
        betas: Beta features that the tools need.
    """

    tools: list[dict[str, Any]] = field(default_factory=list)
    choice: dict[str, Any] | None = None
    native_schema: dict[str, Any] | None = None
    instructions: list[str] = field(default_factory=list)
    betas: list[str] = field(default_factory=list)

    @property
    def forced(self) -> bool:
        """Whether the model must call a tool."""
        return self.choice is not None and self.choice["type"] in ("any", "tool")

    def instruct(self, system: list[dict[str, Any]]) -> None:
        """Add the instructions behind the caller's own, so that a cached prefix stays one."""
        system.extend({"type": "text", "text": said} for said in self.instructions)

    def add_history_tools(self, called: Iterable[str]) -> None:
        """Declare the tools that the history calls where none are on offer.

        A history with tool calls in a request without tools has been refused ("Requests which
        include tool_use or tool_result blocks must define tools").
        """
        if self.tools:
            return
        self.tools = [{"name": name, "input_schema": {"type": "object"}} for name in called]
        self.choice = {"type": "none"} if self.tools else None


def offer(request: Request, endpoint: Endpoint, rules: ClaudeRules, writer: BlockWriter) -> Offer:
    """Write tools, choice and output format as far as the model takes them."""
    made = Offer()
    for tool in request.tools:
        if isinstance(tool, NativeTool):
            _native(made, tool, endpoint, writer.adjustments)
        else:
            made.tools.append(_function(tool, rules, writer))
    answers_by_tool = request.output is not None and _output(
        made, request.output, rules, writer.adjustments
    )
    if made.tools:
        made.choice = _choice(made, request, rules, writer.adjustments, answers_by_tool)
    elif request.tool_choice not in (None, "auto", "none"):
        writer.adjustments.append(Adjustment("tool_choice", "dropped", "no tools are on offer"))
    return made


def _native(
    made: Offer, tool: NativeTool, endpoint: Endpoint, adjustments: list[Adjustment]
) -> None:
    if tool.issuer not in ("anthropic", endpoint.provider):
        adjustments.append(Adjustment("tools", "dropped", f"a tool of {tool.issuer}'s own"))
        return
    made.tools.append({**tool.payload})
    if beta := TOOL_BETAS.get(tool.payload.get("type", "")):
        made.betas.append(beta)


def _function(tool: Tool, rules: ClaudeRules, writer: BlockWriter) -> dict[str, Any]:
    schema = dict(tool.parameters)
    block: dict[str, Any] = {"name": tool.name}
    if tool.description:
        block["description"] = tool.description
    closed = closed_schema(schema) if tool.strict and rules.schema else None
    if closed is not None:
        block["strict"] = True
        schema = closed
    elif tool.strict:
        why = "the schema cannot be enforced" if rules.schema else "the model enforces no schema"
        writer.adjustments.append(Adjustment("tools.strict", "dropped", why))
    if schema.get("type") != "object":
        schema = {"type": "object", "properties": {}} | schema
    block["input_schema"] = schema
    if tool.cache:
        writer.mark(block)
    return block


def _output(
    made: Offer, output: OutputFormat, rules: ClaudeRules, adjustments: list[Adjustment]
) -> bool:
    """Ask for the answer's form; True where a call of :data:`JSON_TOOL` will be the answer."""
    if output.kind == "json_schema" and output.schema:
        made.native_schema = closed_schema(output.schema) if rules.schema else None
        if made.native_schema is not None:
            return False
        if fits_tool(output) and rules.forced_tools:
            adjustments.append(Adjustment("output", "translated", "to a tool that must be called"))
            purpose = f"{JSON_TOOL_PURPOSE}\n{output.description}".strip()
            schema = {"type": "object"} | dict(output.schema)
            made.tools.append({"name": JSON_TOOL, "description": purpose, "input_schema": schema})
            return True
    adjustments.append(Adjustment("output", "translated", "to an instruction"))
    made.instructions.append(json_instruction(output))
    return False


def _choice(
    made: Offer,
    request: Request,
    rules: ClaudeRules,
    adjustments: list[Adjustment],
    answers_by_tool: bool,
) -> dict[str, Any] | None:
    asked = request.tool_choice
    if answers_by_tool and asked in (None, "auto", "required", "none"):
        alone = asked == "none" or len(made.tools) == 1
        asked = JSON_TOOL if alone else "required"
    if asked not in (None, "auto", "none") and not rules.forced_tools:
        adjustments.append(
            Adjustment("tool_choice", "translated", "to an instruction: it cannot be forced")
        )
        made.instructions.append(call_instruction(asked))
        asked = "auto"
    choice: dict[str, Any] | None = None
    if asked is not None:
        kind = CHOICES.get(asked)
        choice = {"type": kind} if kind else {"type": "tool", "name": asked}
    if request.parallel_tool_calls is False:
        choice = choice or {"type": "auto"}
        if choice["type"] != "none":
            choice["disable_parallel_tool_use"] = True
    return choice
