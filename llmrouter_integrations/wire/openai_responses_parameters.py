"""A request's parameters -> the fields of OpenAI's Responses protocol beside ``input``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations.messages import Adjustment, NativeTool
from llmrouter_integrations.wire.effort import nearest_effort
from llmrouter_integrations.wire.history_parts import NO_CACHE_POINT
from llmrouter_integrations.wire.openai_schema import strict_schema
from llmrouter_integrations.wire.structured import call_instruction, fits_tool, json_instruction
from llmrouter_integrations.wire.tool_names import ToolNames

if TYPE_CHECKING:
    from llmrouter_integrations.messages import Request, Tool
    from llmrouter_integrations.wire.base import Endpoint
    from llmrouter_integrations.wire.openai_responses_dialects import Dialect, ModelTerms

__all__ = ["TOOL_NAMES", "add_extra", "asks_for_any_json", "says_json", "write_parameters"]

TOOL_NAMES: Final = ToolNames(r"[a-zA-Z0-9_-]{1,64}")
UNKNOWN_PARAMETERS: Final = ("top_k", "frequency_penalty", "presence_penalty", "seed")
CHAT_ONLY: Final = frozenset(
    {"audio", "logit_bias", "modalities", "prediction", "web_search_options"}
)
"""Parameters of chat completions that Responses answers with 400."""
NO_PARAMETERS: Final = {"type": "object", "properties": {}}
_NOT_IN_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")


def write_parameters(
    body: dict[str, Any],
    request: Request,
    endpoint: Endpoint,
    dialect: Dialect,
    adjustments: list[Adjustment],
    *,
    terms: ModelTerms,
) -> list[str]:
    """Add a request's parameters to ``body``, and what had to be changed to ``adjustments``.

    Returns:
        What must be said in the instructions instead.
    """
    told: list[str] = []
    effort, reasons = _effort(request, terms, adjustments)
    _output(body, request, terms, told, adjustments)
    if dialect.issuer == "openai":
        TOOL_NAMES.require(request.tools)
    _tools(body, request, endpoint, dialect, adjustments)
    if body.get("tools"):
        _tool_choice(body, request, dialect, told, adjustments, reasons=reasons)
        _parallel(body, request, terms, adjustments)
    include: list[str] = []
    if dialect.reasoning == "encrypted" and terms.encrypts:
        include.append("reasoning.encrypted_content")
    if effort is not None:
        body["reasoning"] = {"effort": effort}
    _sampling(body, request, terms, include, adjustments, reasons=reasons)
    _plain(body, request, endpoint, dialect, adjustments)
    if include:
        body["include"] = include
    return told


def _effort(
    request: Request, terms: ModelTerms, adjustments: list[Adjustment]
) -> tuple[str | None, bool]:
    """Give the effort to ask for, if any, and whether the model will reason."""
    asked = request.reasoning_effort
    by_itself = terms.reasons and terms.unsaid
    if asked is None or (asked == "none" and not terms.reasons):
        return None, by_itself
    level = nearest_effort(asked, terms.efforts) if terms.reasons else None
    if level is None:
        why = "the model takes no word on it" if terms.reasons else "the model does not reason"
        adjustments.append(Adjustment("reasoning_effort", "dropped", why))
        return None, by_itself
    if level != asked:
        adjustments.append(Adjustment("reasoning_effort", "translated", f"{asked} to {level}"))
    return level, level != "none"


def _output(
    body: dict[str, Any],
    request: Request,
    terms: ModelTerms,
    told: list[str],
    adjustments: list[Adjustment],
) -> None:
    """Ask for the form of the answer: by schema, as any JSON, or in words."""
    output = request.output
    if output is None:
        return
    if output.kind == "json_schema" and terms.schema == "json_schema" and fits_tool(output):
        strict = strict_schema(dict(output.schema)) if output.strict is not False else None
        if strict is None and output.strict:
            adjustments.append(
                Adjustment("output.strict", "dropped", "the schema has no strict form")
            )
        form: dict[str, Any] = {
            "type": "json_schema",
            "name": _NOT_IN_A_NAME.sub("_", output.name)[:64] or "output",
            "schema": strict or {"type": "object", **output.schema},
            "strict": strict is not None,
        }
        if output.description:
            form["description"] = output.description
        body["text"] = {"format": form}
        return
    if terms.schema != "words" and (output.kind == "json_object" or fits_tool(output)):
        body["text"] = {"format": {"type": "json_object"}}
    else:
        told.append(json_instruction(output))
    if output.kind == "json_schema" or terms.schema == "words":
        adjustments.append(Adjustment("output", "translated", "the form is asked for in words"))


def asks_for_any_json(body: dict[str, Any]) -> bool:
    """Whether JSON mode is asked for, which demands the word in the input."""
    return bool("text" in body and body["text"]["format"]["type"] == "json_object")


def says_json(items: list[dict[str, Any]]) -> bool:
    """Whether the word is there."""
    return b"json" in orjson.dumps(items).lower()


def _tools(
    body: dict[str, Any],
    request: Request,
    endpoint: Endpoint,
    dialect: Dialect,
    adjustments: list[Adjustment],
) -> None:
    tools: list[dict[str, Any]] = []
    for tool in request.tools:
        if not isinstance(tool, NativeTool):
            tools.append(_function(tool, adjustments))
            if tool.cache:
                adjustments.append(NO_CACHE_POINT)
        elif tool.issuer in (dialect.issuer, endpoint.provider, "openai-responses"):
            tools.append(dict(tool.payload))
        else:
            adjustments.append(Adjustment("tools", "dropped", f"{tool.issuer}'s own tool"))
    if tools:
        body["tools"] = tools


def _function(tool: Tool, adjustments: list[Adjustment]) -> dict[str, Any]:
    schema = dict(tool.parameters) or NO_PARAMETERS
    strict = strict_schema(schema) if tool.strict else None
    if tool.strict and strict is None:
        adjustments.append(
            Adjustment("tools.strict", "dropped", f"{tool.name}'s schema has no strict form")
        )
    function: dict[str, Any] = {
        "type": "function",
        "name": tool.name,
        "parameters": strict or schema,
        # left unsaid it is true here, unlike in chat completions
        "strict": strict is not None,
    }
    if tool.description:
        function["description"] = tool.description
    return function


def _tool_choice(
    body: dict[str, Any],
    request: Request,
    dialect: Dialect,
    told: list[str],
    adjustments: list[Adjustment],
    *,
    reasons: bool,
) -> None:
    choice = request.tool_choice
    if choice is None:
        return
    forced = choice not in ("auto", "none")
    if forced and reasons and dialect.forced_call == "unless_reasoning":
        body["tool_choice"] = "auto"
        told.append(call_instruction(choice))
        adjustments.append(
            Adjustment("tool_choice", "translated", "a call is asked for in words: it reasons")
        )
    elif not forced or choice == "required":
        body["tool_choice"] = choice
    elif any(tool["type"] == choice for tool in body["tools"]):
        body["tool_choice"] = {"type": choice}
    else:
        body["tool_choice"] = {"type": "function", "name": choice}


def _parallel(
    body: dict[str, Any], request: Request, terms: ModelTerms, adjustments: list[Adjustment]
) -> None:
    if request.parallel_tool_calls is None:
        return
    if terms.parallel:
        body["parallel_tool_calls"] = request.parallel_tool_calls
    else:
        adjustments.append(
            Adjustment("parallel_tool_calls", "dropped", "the model has no such switch")
        )


def _sampling(
    body: dict[str, Any],
    request: Request,
    terms: ModelTerms,
    include: list[str],
    adjustments: list[Adjustment],
    *,
    reasons: bool,
) -> None:
    taken = terms.sampling == "always" or not reasons
    for name in ("temperature", "top_p"):
        value = getattr(request, name)
        if value is None or (value == 1 and not taken):
            continue  # 1 is what it does anyway
        if taken:
            body[name] = value
        else:
            adjustments.append(Adjustment(name, "dropped", "not while the model reasons"))
    if request.logprobs or request.top_logprobs:
        if not taken:
            adjustments.append(Adjustment("logprobs", "dropped", "not while the model reasons"))
            return
        include.append("message.output_text.logprobs")
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs


def _plain(
    body: dict[str, Any],
    request: Request,
    endpoint: Endpoint,
    dialect: Dialect,
    adjustments: list[Adjustment],
) -> None:
    asked = request.max_tokens
    if asked is not None:
        most = endpoint.max_output or asked
        tokens = max(dialect.min_output, min(asked, most))
        if tokens != asked:
            adjustments.append(Adjustment("max_tokens", "translated", f"{asked} to {tokens}"))
        body["max_output_tokens"] = tokens
    if request.user:
        body[dialect.user] = request.user
    if request.prompt_cache_key:
        body["prompt_cache_key"] = request.prompt_cache_key
    if request.service_tier is not None:
        if dialect.service_tier:
            body["service_tier"] = request.service_tier
        else:
            adjustments.append(Adjustment("service_tier", "dropped", "no such tier"))
    dropped = [name for name in UNKNOWN_PARAMETERS if getattr(request, name) is not None]
    if request.stop:
        dropped.append("stop")
    adjustments.extend(
        [Adjustment(name, "dropped", "the protocol has no such parameter") for name in dropped]
    )


def add_extra(body: dict[str, Any], fields: dict[str, Any], adjustments: list[Adjustment]) -> None:
    """Merge fields as they are, but for those that go by the names of chat completions."""
    for name in sorted(CHAT_ONLY & fields.keys()):
        del fields[name]
        adjustments.append(Adjustment(name, "dropped", "chat completions alone has it"))
    verbosity = fields.pop("verbosity", None)
    body |= fields
    if verbosity is not None:
        body["text"] = {**body.get("text", {}), "verbosity": verbosity}
