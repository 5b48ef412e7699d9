"""A request's parameters -> the fields of Cohere's v2 chat beside ``messages``.

https://docs.cohere.com/reference/chat and the pages on structured outputs, tool use and reasoning,
read in November 2026.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.messages import Adjustment, NativeTool
from llmrouter_integrations.wire.claude import ANSWER_SHARE, BUDGETS
from llmrouter_integrations.wire.claude_schema import closed_schema
from llmrouter_integrations.wire.cohere_messages import ISSUER
from llmrouter_integrations.wire.history_parts import NO_CACHE_POINT
from llmrouter_integrations.wire.structured import (
    JSON_TOOL,
    JSON_TOOL_PURPOSE,
    call_instruction,
    fits_tool,
    json_instruction,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.messages import OutputFormat, Request, Tool
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["write_parameters"]

MAX_STOPS: Final = 5
MAX_SEED: Final = 2**63 - 1
NUMBERS: Final = (
    # (the request's name, Cohere's, least, most): https://docs.cohere.com/reference/errors
    ("max_tokens", "max_tokens", None, None),
    ("temperature", "temperature", 0.0, 1.0),
    ("top_p", "p", 0.01, 0.99),
    ("top_k", "k", 0, 500),
    ("frequency_penalty", "frequency_penalty", 0.0, 1.0),
    ("presence_penalty", "presence_penalty", 0.0, 1.0),
)
UNKNOWN: Final = ("service_tier", "user", "top_logprobs", "prompt_cache_key")
CHOICES: Final[Mapping[str, str]] = {"required": "REQUIRED", "none": "NONE"}

_NO_CHOICE = re.compile(r"command(-r(-plus)?(-0\d-2024)?|-light|-nightly)?")
"""Models before Command R7B, which take no ``tool_choice``."""
_REASONS = re.compile(r"reasoning|command-a-plus|north-")
UNBOUND: Final = ("high", "xhigh", "max")
"""Efforts at which thinking gets no budget: Cohere's page on reasoning recommends none."""


def write_parameters(
    body: dict[str, Any], request: Request, endpoint: Endpoint, adjustments: list[Adjustment]
) -> list[str]:
    """Add a request's parameters to ``body``, and what had to be changed to ``adjustments``.

    Returns:
        What must be said in the instructions instead.
    """
    said: list[str] = []
    for name, field, least, most in NUMBERS:
        value = getattr(request, name)
        if value is None:
            continue
        if name == "max_tokens" and endpoint.max_output is not None:
            most = endpoint.max_output  # noqa: PLW2901  (known of the endpoint only)
        body[field] = _between(value, least, most)
        if body[field] != value:
            adjustments.append(
                Adjustment(name, "translated", f"{value} to {body[field]}, the nearest it takes")
            )
    if request.stop:
        body["stop_sequences"] = request.stop[:MAX_STOPS]
        if len(request.stop) > MAX_STOPS:
            adjustments.append(Adjustment("stop", "translated", f"to the first {MAX_STOPS}"))
    if request.seed is not None:
        body["seed"] = request.seed & MAX_SEED
    if request.logprobs or request.top_logprobs:
        body["logprobs"] = True
    adjustments.extend(
        Adjustment(name, "dropped", "the protocol has no such parameter")
        for name in UNKNOWN
        if getattr(request, name) not in (None, "auto", 0)
    )
    if (thinking := _thinking(request, endpoint, adjustments)) is not None:
        body["thinking"] = thinking
    tools = _tools(request, endpoint, adjustments)
    answers_by_tool = request.output is not None and _output(
        body, tools, request.output, said, adjustments
    )
    if tools:
        body["tools"] = tools
        _strict(body, request, adjustments)
        _choose(body, request, endpoint, said, adjustments, answers_by_tool=answers_by_tool)
    elif request.tool_choice not in (None, "auto", "none"):
        adjustments.append(Adjustment("tool_choice", "dropped", "no tools are on offer"))
    return said


def _between(value: float, least: float | None, most: float | None) -> float:
    if least is not None and value < least:
        return least
    return most if most is not None and value > most else value


def _thinking(
    request: Request, endpoint: Endpoint, adjustments: list[Adjustment]
) -> dict[str, Any] | None:
    """Write ``reasoning_effort``; None leaves it to the model, which thinks if it can."""
    effort = request.reasoning_effort
    if effort is None:
        return None
    known = endpoint.abilities and endpoint.abilities.reasoning
    if known is False or (known is None and not _REASONS.search(endpoint.model)):
        if effort != "none":
            adjustments.append(Adjustment("reasoning_effort", "dropped", "it does not think"))
        return None
    if effort == "none":
        return {"type": "disabled"}
    if effort in UNBOUND:
        adjustments.append(
            Adjustment("reasoning_effort", "translated", f"{effort} to thinking without a budget")
        )
        return {"type": "enabled"}
    budget = BUDGETS.get(effort, BUDGETS["medium"])
    if request.max_tokens is not None:
        # thinking counts against it
        budget = min(budget, request.max_tokens - int(request.max_tokens * ANSWER_SHARE))
    adjustments.append(
        Adjustment("reasoning_effort", "translated", f"{effort} to {budget} thinking tokens")
    )
    return {"type": "enabled", "token_budget": budget}


def _tools(
    request: Request, endpoint: Endpoint, adjustments: list[Adjustment]
) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = []
    for tool in request.tools:
        if not isinstance(tool, NativeTool):
            tools.append(_function(tool.name, tool.description, tool.parameters))
            if tool.cache:
                adjustments.append(NO_CACHE_POINT)
        elif tool.issuer in (ISSUER, endpoint.provider):
            tools.append({**tool.payload})
        else:
            adjustments.append(Adjustment("tools", "dropped", f"a tool of {tool.issuer}'s own"))
    return tools


def _function(name: str, description: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    schema = dict(parameters) or {"type": "object", "properties": {}}
    function = {"name": name, "description": description, "parameters": schema}
    return {"type": "function", "function": function}


def _strict(body: dict[str, Any], request: Request, adjustments: list[Adjustment]) -> None:
    """Hold the calls to their schemas, which goes for all tools or none."""
    tools: list[Tool] = [tool for tool in request.tools if not isinstance(tool, NativeTool)]
    if not any(tool.strict for tool in tools):
        return
    if all(tool.strict and tool.parameters.get("required") for tool in tools):
        body["strict_tools"] = True
    else:
        why = "only where every tool is, and has a parameter that is required"
        adjustments.append(Adjustment("tools.strict", "dropped", why))


def _output(
    body: dict[str, Any],
    tools: list[dict[str, Any]],
    output: OutputFormat,
    said: list[str],
    adjustments: list[Adjustment],
) -> bool:
    """Ask for the answer's form; True where a call of :data:`JSON_TOOL` will be the answer.

    A form and tools do not go together.
    """
    schema = _answer_schema(output)
    if tools and output.schema and fits_tool(output):
        purpose = f"{JSON_TOOL_PURPOSE}\n{output.description}".strip()
        tools.append(_function(JSON_TOOL, purpose, output.schema))
        adjustments.append(Adjustment("output", "translated", "to a tool that must be called"))
        return True
    if schema is not None and not tools:
        body["response_format"] = {"type": "json_object", "json_schema": schema}
        return False
    if not tools:
        body["response_format"] = {"type": "json_object"}
    # Cohere: without a schema it must be asked for in words too, lest the answer never end
    said.append(json_instruction(output))
    if output.kind == "json_schema" or tools:
        adjustments.append(Adjustment("output", "translated", "to an instruction"))
    return False


def _answer_schema(output: OutputFormat) -> dict[str, Any] | None:
    """Give the schema as Cohere can enforce it, or None."""
    if output.kind != "json_schema" or not output.schema:
        return None
    schema = closed_schema(output.schema)
    if schema is None or schema.get("type") != "object" or not _is_enforceable(schema):
        return None
    return schema


def _is_enforceable(schema: Any) -> bool:
    """Whether every object demands a property, and nothing is all of several schemas."""
    if isinstance(schema, list):
        return all(_is_enforceable(part) for part in schema)
    if not isinstance(schema, dict):
        return True
    if "allOf" in schema or ("properties" in schema and not schema.get("required")):
        return False
    named = [part for key in ("properties", "$defs") for part in (schema.get(key) or {}).values()]
    inner = [schema[key] for key in ("items", "anyOf") if key in schema]
    return all(_is_enforceable(part) for part in named + inner)


def _choose(
    body: dict[str, Any],
    request: Request,
    endpoint: Endpoint,
    said: list[str],
    adjustments: list[Adjustment],
    *,
    answers_by_tool: bool,
) -> None:
    asked = request.tool_choice
    if answers_by_tool and asked in (None, "auto", "required", "none"):
        asked = JSON_TOOL if asked == "none" else "required"
    if request.parallel_tool_calls is False:
        adjustments.append(
            Adjustment("parallel_tool_calls", "dropped", "the protocol has no such parameter")
        )
    if asked in (None, "auto"):
        return
    if asked not in CHOICES:
        # no tool can be named, but it can be the only one
        body["tools"] = [
            t for t in body["tools"] if t.get("function", {}).get("name") == asked
        ] or body["tools"]
        if asked != JSON_TOOL:
            adjustments.append(Adjustment("tool_choice", "translated", "to the only tool on offer"))
    if not _NO_CHOICE.fullmatch(endpoint.model):
        body["tool_choice"] = CHOICES.get(asked, "REQUIRED")
    elif asked == "none":
        del body["tools"]
        adjustments.append(Adjustment("tool_choice", "translated", "to no tools on offer"))
    else:
        said.append(call_instruction(asked))
        adjustments.append(
            Adjustment("tool_choice", "translated", "to an instruction: it cannot be forced")
        )
