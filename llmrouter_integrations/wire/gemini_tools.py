"""The tools on offer, the choice among them, and the form asked of the answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.messages import Adjustment, NativeTool, Tool
from llmrouter_integrations.wire.gemini_schema import gemini_schema
from llmrouter_integrations.wire.history_parts import NO_CACHE_POINT
from llmrouter_integrations.wire.structured import (
    JSON_TOOL,
    JSON_TOOL_PURPOSE,
    fits_tool,
    json_instruction,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.messages import OutputFormat, Request
    from llmrouter_integrations.wire.base import Endpoint
    from llmrouter_integrations.wire.gemini_models import GeminiRules

__all__ = ["Offer", "offer"]

MODES: Final[Mapping[str, str]] = {"auto": "AUTO", "required": "ANY", "none": "NONE"}


@dataclass(slots=True)
class Offer:
    """What goes into ``tools``, ``toolConfig`` and ``generationConfig``.

    Attributes:
        functions: The function declarations.
        native: Google's own tools.
        config: ``toolConfig``, or empty.
        output: ``responseMimeType`` and what goes with it, or empty.
        instruction: What must be asked in words, or "".
    """

    functions: list[dict[str, Any]] = field(default_factory=list)
    native: list[dict[str, Any]] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    output: dict[str, Any] = field(default_factory=dict)
    instruction: str = ""

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The tools as sent."""
        own = [{"functionDeclarations": self.functions}] if self.functions else []
        return own + self.native


def offer(
    request: Request, endpoint: Endpoint, rules: GeminiRules, adjustments: list[Adjustment]
) -> Offer:
    """Write tools, choice and output format as far as the model takes them."""
    made = Offer()
    for tool in request.tools:
        if not isinstance(tool, NativeTool):
            made.functions.append(_function(tool))
            if tool.cache:
                adjustments.append(NO_CACHE_POINT)
        elif tool.issuer in ("gemini", endpoint.provider):
            made.native.append({**tool.payload})
        else:
            adjustments.append(Adjustment("tools", "dropped", f"a tool of {tool.issuer}'s own"))
    _combine(made, endpoint, rules, adjustments)
    answers_by_tool = request.output is not None and _output(
        made, request.output, rules, adjustments
    )
    if made.functions:
        _choose(made, request, rules, answers_by_tool=answers_by_tool)
    elif request.tool_choice not in (None, "auto", "none"):
        adjustments.append(Adjustment("tool_choice", "dropped", "no functions are on offer"))
    if request.parallel_tool_calls is False and made.functions:
        adjustments.append(
            Adjustment("parallel_tool_calls", "dropped", "the protocol has no such parameter")
        )
    return made


def _function(tool: Tool) -> dict[str, Any]:
    declaration: dict[str, Any] = {"name": tool.name, "description": tool.description}
    if tool.parameters:
        schema = gemini_schema(tool.parameters)
        schema.setdefault("type", "object")
        declaration["parametersJsonSchema"] = schema
    return declaration


def _combine(
    made: Offer, endpoint: Endpoint, rules: GeminiRules, adjustments: list[Adjustment]
) -> None:
    """Let functions stand beside Google's own tools, where they may."""
    if not (made.functions and made.native):
        return
    if rules.combines and endpoint.provider != "vertex":
        made.config["includeServerSideToolInvocations"] = True
        return
    made.native.clear()
    adjustments.append(Adjustment("tools", "dropped", "Google's own: not together with functions"))


def _output(
    made: Offer, output: OutputFormat, rules: GeminiRules, adjustments: list[Adjustment]
) -> bool:
    """Ask for the answer's form; True where a call of :data:`JSON_TOOL` will be the answer."""
    schema = gemini_schema(output.schema) if output.kind == "json_schema" else {}
    if rules.combines or not (made.functions or made.native):
        made.output["responseMimeType"] = "application/json"
        if schema:
            made.output["responseJsonSchema"] = schema
        return False
    if schema and made.functions and fits_tool(output):
        purpose = f"{JSON_TOOL_PURPOSE}\n{output.description}".strip()
        made.functions.append(
            {"name": JSON_TOOL, "description": purpose, "parametersJsonSchema": schema}
        )
        adjustments.append(Adjustment("output", "translated", "to a tool that must be called"))
        return True
    adjustments.append(Adjustment("output", "translated", "to an instruction"))
    made.instruction = json_instruction(output)
    return False


def _choose(made: Offer, request: Request, rules: GeminiRules, *, answers_by_tool: bool) -> None:
    asked = request.tool_choice
    if answers_by_tool and asked in (None, "auto", "required", "none"):
        asked = JSON_TOOL if asked == "none" else "required"
    if asked in (None, "auto"):
        strict = [tool.strict for tool in request.tools if isinstance(tool, Tool)]
        if all(strict) and rules.thinking != "none":
            # like AUTO, with calls held to their schemas; from Gemini 2.5 on
            made.config["functionCallingConfig"] = {"mode": "VALIDATED"}
        return
    calling: dict[str, Any] = {"mode": MODES.get(asked, "ANY")}
    if asked not in MODES:
        calling["allowedFunctionNames"] = [asked]
    made.config["functionCallingConfig"] = calling
