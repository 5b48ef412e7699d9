"""Converse's ``toolConfig`` and ``outputConfig``: tools, the choice of one, the answer's form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from llmrouter_integrations.messages import Adjustment, NativeTool, Tool
from llmrouter_integrations.wire.claude_schema import closed_schema
from llmrouter_integrations.wire.history_parts import NO_CACHE_POINT
from llmrouter_integrations.wire.structured import (
    JSON_TOOL,
    JSON_TOOL_PURPOSE,
    call_instruction,
    fits_tool,
    json_instruction,
)

if TYPE_CHECKING:
    from llmrouter_integrations.messages import OutputFormat, Request
    from llmrouter_integrations.wire.base import Endpoint
    from llmrouter_integrations.wire.bedrock_blocks import ConverseWriter
    from llmrouter_integrations.wire.bedrock_models import BedrockRules

__all__ = ["ToolConfig", "tool_config"]

NO_CALLS = "Answer without calling any tool."
GONE = "Was used earlier in this conversation. Cannot be called any more."


@dataclass(slots=True)
class ToolConfig:
    """What goes into ``toolConfig``, ``outputConfig.textFormat`` and Claude's own ``tool_choice``.

    Attributes:
        tools: As sent, cache points among them.
        choice: ``toolChoice`` as sent, or None.
        claude_choice: Claude's own form of it, where only that can say what is asked.
        text_format: The schema the answer is held to, where the model can be.
        instructions: What must be asked in words.
    """

    tools: list[dict[str, Any]] = field(default_factory=list)
    choice: dict[str, Any] | None = None
    claude_choice: dict[str, Any] | None = None
    text_format: dict[str, Any] | None = None
    instructions: list[str] = field(default_factory=list)

    @property
    def forced(self) -> bool:
        """Whether the model must call a tool."""
        return self.choice is not None and "auto" not in self.choice


def tool_config(
    request: Request, endpoint: Endpoint, rules: BedrockRules, writer: ConverseWriter
) -> ToolConfig:
    """Write tools, choice and output format as far as the model takes them.

    The history must have been written: Bedrock refuses tool calls in it without a ``toolConfig``.
    """
    made = ToolConfig()
    adjustments = writer.adjustments
    if request.tool_choice != "none" or writer.called:
        for tool in request.tools:
            _add(made, tool, endpoint, rules, writer)
    if request.output is not None:
        _output(made, request.output, rules, adjustments)
    own = [tool for tool in made.tools if "cachePoint" not in tool]
    if own:
        _choose(made, request, rules, adjustments, alone=len(own) == 1)
    elif writer.called:
        made.tools = [_spec(name, GONE, {"type": "object"}) for name in writer.called]
    elif request.tool_choice not in (None, "auto", "none"):
        adjustments.append(Adjustment("tool_choice", "dropped", "no tools are on offer"))
    return made


def _spec(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {"name": name, "inputSchema": {"json": schema}}
    if description:
        spec["description"] = description
    return {"toolSpec": spec}


def _add(
    made: ToolConfig,
    tool: Tool | NativeTool,
    endpoint: Endpoint,
    rules: BedrockRules,
    writer: ConverseWriter,
) -> None:
    if isinstance(tool, NativeTool):
        if tool.issuer in ("bedrock", endpoint.provider):
            made.tools.append({**tool.payload})
        else:
            writer.adjustments.append(
                Adjustment("tools", "dropped", f"a tool of {tool.issuer}'s own")
            )
        return
    schema = dict(tool.parameters)
    closed = closed_schema(schema) if tool.strict and rules.schema else None
    if tool.strict and closed is None:
        why = "the schema cannot be enforced" if rules.schema else "the model enforces no schema"
        writer.adjustments.append(Adjustment("tools.strict", "dropped", why))
    if schema.get("type") != "object":
        schema = {"type": "object", "properties": {}} | schema
    written = _spec(tool.name, tool.description, closed or schema)
    if closed is not None:
        written["toolSpec"]["strict"] = True
    made.tools.append(written)
    if tool.cache and rules.caches_tools:
        made.tools.extend(writer.cache_point())
    elif tool.cache:
        writer.adjustments.append(NO_CACHE_POINT)


def _output(
    made: ToolConfig, output: OutputFormat, rules: BedrockRules, adjustments: list[Adjustment]
) -> None:
    if output.kind == "json_schema" and output.schema:
        closed = closed_schema(output.schema) if rules.schema else None
        if closed is not None:
            form = {"schema": orjson.dumps(closed).decode(), "name": output.name}
            if output.description:
                form["description"] = output.description
            made.text_format = {"type": "json_schema", "structure": {"jsonSchema": form}}
            return
        if fits_tool(output) and rules.forced_tools:
            adjustments.append(Adjustment("output", "translated", "to a tool that must be called"))
            purpose = f"{JSON_TOOL_PURPOSE}\n{output.description}".strip()
            made.tools.append(_spec(JSON_TOOL, purpose, {"type": "object"} | dict(output.schema)))
            return
    adjustments.append(Adjustment("output", "translated", "to an instruction"))
    made.instructions.append(json_instruction(output))


def _choose(
    made: ToolConfig,
    request: Request,
    rules: BedrockRules,
    adjustments: list[Adjustment],
    *,
    alone: bool,
) -> None:
    asked = request.tool_choice
    answers_by_tool = JSON_TOOL in (
        tool["toolSpec"]["name"] for tool in made.tools if "toolSpec" in tool
    )
    if answers_by_tool and asked in (None, "auto", "required", "none"):
        asked = JSON_TOOL if alone or asked == "none" else "required"
    if asked == "none":
        adjustments.append(Adjustment("tool_choice", "translated", "none to an instruction"))
        made.instructions.append(NO_CALLS)
    elif asked not in (None, "auto") and not rules.forced_tools:
        adjustments.append(
            Adjustment("tool_choice", "translated", "to an instruction: it cannot be forced")
        )
        made.instructions.append(call_instruction(asked))
    elif asked == "required":
        made.choice = {"any": {}}
    elif asked == "auto" and rules.forced_tools:
        made.choice = {"auto": {}}
    elif asked not in (None, "auto"):
        made.choice = {"tool": {"name": asked}}
    if request.parallel_tool_calls is not False:
        return
    if rules.claude is None:
        adjustments.append(
            Adjustment("parallel_tool_calls", "dropped", "the model has no such setting")
        )
    elif asked != "none":
        kind, named = next(iter((made.choice or {"auto": {}}).items()))
        made.claude_choice = {"type": kind, **named, "disable_parallel_tool_use": True}
