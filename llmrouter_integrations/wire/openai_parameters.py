"""A request's parameters -> the fields of OpenAI-style chat completions beside ``messages``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.messages import Adjustment, NativeTool
from llmrouter_integrations.wire.effort import nearest_effort
from llmrouter_integrations.wire.history_parts import NO_CACHE_POINT
from llmrouter_integrations.wire.openai_schema import strict_schema
from llmrouter_integrations.wire.structured import call_instruction, json_instruction

if TYPE_CHECKING:
    from llmrouter_integrations.messages import Message, OutputFormat, Request, Tool
    from llmrouter_integrations.wire.base import Endpoint
    from llmrouter_integrations.wire.dialects import Dialect

__all__ = ["write_parameters"]

_NUMBERS: Final = (
    "temperature",
    "top_p",
    "top_k",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "logprobs",
    "top_logprobs",
    "user",
    "service_tier",
    "prompt_cache_key",
)
"""Fields of a request that are sent as they are, where they are taken."""

_NEUTRAL: Final = {
    "temperature": 1,
    "top_p": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logprobs": False,
    "top_logprobs": 0,
}
"""Values that say nothing: left out, they are as good as sent."""

_EMPTY_SCHEMA: Final = {"type": "object", "properties": {}}


def write_parameters(
    body: dict[str, Any],
    request: Request,
    endpoint: Endpoint,
    dialect: Dialect,
    adjustments: list[Adjustment],
) -> list[str]:
    """Add a request's parameters to ``body``, and what had to be changed to ``adjustments``.

    Returns:
        What must be said in the instructions instead.
    """
    return _Parameters(body, request, endpoint, dialect, adjustments).write()


class _Parameters:
    """Writes the parameters of one request."""

    __slots__ = ("adjustments", "body", "dialect", "endpoint", "request", "said")

    def __init__(
        self,
        body: dict[str, Any],
        request: Request,
        endpoint: Endpoint,
        dialect: Dialect,
        adjustments: list[Adjustment],
    ) -> None:
        self.body = body
        self.request = request
        self.endpoint = endpoint
        self.dialect = dialect
        self.adjustments = adjustments
        self.said: list[str] = []

    def write(self) -> list[str]:
        request = self.request
        if request.max_tokens is not None:
            self._max_tokens(request.max_tokens)
        if request.tools:
            self._tools()
        elif request.tool_choice not in (None, "none", "auto"):
            self._drop("tool_choice", "there are no tools")
        dropped = self._dropped(self._effort())
        self._numbers(dropped)
        if request.stop:
            self._stop(request.stop, dropped)
        if request.output is not None:
            self._output(request.output)
        if self.dialect.sends:
            self.body.update(self.dialect.sends)
        return self.said

    def _drop(self, parameter: str, detail: str = "not taken by this model's API") -> None:
        self.adjustments.append(Adjustment(parameter, "dropped", detail))

    def _translate(self, parameter: str, detail: str) -> None:
        self.adjustments.append(Adjustment(parameter, "translated", detail))

    def _max_tokens(self, asked: int) -> None:
        most = self.endpoint.max_output
        if most is not None and asked > most:
            self._translate("max_tokens", f"{asked} to {most}, the model's most")
            asked = most
        self.body[self.dialect.max_tokens] = asked

    def _dropped(self, effort: str | None) -> frozenset[str]:
        """Give the fields not taken of a model that works at ``effort``."""
        dialect, abilities = self.dialect, self.endpoint.abilities
        dropped = dialect.drops
        if dialect.reasoning_drops and effort == "none":
            return dropped
        if abilities is not None and abilities.temperature is False:
            dropped |= {"temperature", "top_p"}
        return dropped | dialect.reasoning_drops

    def _numbers(self, dropped: frozenset[str]) -> None:
        request, body, renames = self.request, self.body, self.dialect.renames
        for name in _NUMBERS:
            value = getattr(request, name)
            if value is None:
                continue
            if name in dropped:
                if value != _NEUTRAL.get(name):
                    self._drop(name)
            else:
                body[renames.get(name, name)] = value
        if body.get("top_logprobs"):
            body["logprobs"] = True  # demanded beside it
        if self.dialect.count_logprobs and "logprobs" in body:
            wanted = body.pop("top_logprobs", None) or 1
            body["logprobs"] = wanted if body["logprobs"] else 0
        hottest = self.dialect.max_temperature
        if hottest is not None and body.get("temperature", 0) > hottest:
            self._translate("temperature", f"{body['temperature']} to {hottest}, the API's most")
            body["temperature"] = hottest

    def _stop(self, words: tuple[str, ...], dropped: frozenset[str]) -> None:
        most = self.dialect.max_stops
        if "stop" in dropped:
            self._drop("stop")
            return
        if most is not None and len(words) > most:
            self._translate("stop", f"the first {most} of {len(words)}, the API's most")
            words = words[:most]
        self.body["stop"] = words

    # --- reasoning ---

    def _effort(self) -> str | None:
        """Write the reasoning effort; give the one the model will work at, where that is known."""
        dialect = self.dialect
        allowed = self._allowed_efforts()
        asked = self._effort_beside_tools(allowed)
        if asked is None:
            return dialect.default_effort
        found = nearest_effort(asked, allowed)
        if found is None or (found == "none" != asked and len(allowed) == 1):
            if allowed or asked != "none":
                self._drop("reasoning_effort", "not adjustable for this model")
            return dialect.default_effort
        if found != asked:
            self._translate("reasoning_effort", f"{asked} to {found}, the nearest it takes")
        self._write_effort(found)
        return found

    def _allowed_efforts(self) -> tuple[str, ...]:
        abilities, allowed = self.endpoint.abilities, self.dialect.efforts
        if abilities is None:
            return allowed
        if abilities.reasoning is False:
            return ()
        allowed = abilities.reasoning_efforts or allowed
        if abilities.reasoning_toggle and "none" not in allowed:
            return ("none", *allowed)
        return allowed

    def _effort_beside_tools(self, allowed: tuple[str, ...]) -> str | None:
        """Give the effort to ask for: some models take tools, or forced calls, at none only."""
        asked, dialect, body = self.request.reasoning_effort, self.dialect, self.body
        if "tools" not in body or asked == "none":
            return asked
        if not dialect.effort_with_tools:
            if not allowed or (asked is None and dialect.default_effort == "none"):
                return asked
            why = "this API takes tools with no other; its Responses API would"
        elif dialect.forced_call == "unless_reasoning" and "tool_choice" in body:
            if body["tool_choice"] == "none":
                return asked
            why = "no tool call can be forced at any other"
            if "none" not in allowed:
                del body["tool_choice"]
                self.said.append(call_instruction(str(self.request.tool_choice)))
                self._translate("tool_choice", "to words: not taken while this model reasons")
                return asked
        else:
            return asked
        self._translate("reasoning_effort", f"{asked or 'its default'} to none: {why}")
        return "none"

    def _write_effort(self, effort: str) -> None:
        form, body = self.dialect.effort_form, self.body
        if form == "reasoning":
            body["reasoning"] = {"effort": effort}
        elif form == "thinking":
            body["thinking"] = {"type": "disabled" if effort == "none" else "enabled"}
            if effort != "none":
                body["reasoning_effort"] = effort
        elif form == "enabled" and effort == "none":
            body["reasoning"] = {"enabled": False}
        else:
            body["reasoning_effort"] = effort

    # --- tools ---

    def _tools(self) -> None:
        request, dialect, body = self.request, self.dialect, self.body
        abilities = self.endpoint.abilities
        if "tools" in dialect.drops or (abilities is not None and abilities.tools is False):
            self._drop("tools", "this model calls none")
            return
        if dialect.tool_names is not None:
            dialect.tool_names.require(request.tools)
        written: list[Any] = []
        for tool in request.tools:
            if not isinstance(tool, NativeTool):
                written.append(self._tool(tool))
            elif tool.issuer in (dialect.issuer, self.endpoint.provider) and dialect.native_tools:
                written.append(tool.payload)
            else:
                self._drop("tools", f"{tool.issuer}'s own tool {_name(tool)!r}: not known here")
        if not written:
            return
        body["tools"] = written
        choice = request.tool_choice
        if choice == "required":
            body["tool_choice"] = dialect.required
        elif choice == "none":
            body["tool_choice"] = choice
        elif choice not in (None, "auto"):
            body["tool_choice"] = {"type": "function", "function": {"name": choice}}
        if request.parallel_tool_calls is not None:
            if "parallel_tool_calls" not in dialect.drops:
                body["parallel_tool_calls"] = request.parallel_tool_calls
            elif not request.parallel_tool_calls:
                self._drop("parallel_tool_calls")

    def _tool(self, tool: Tool) -> dict[str, Any]:
        parameters = tool.parameters or _EMPTY_SCHEMA
        function: dict[str, Any] = {"name": tool.name, "parameters": parameters}
        if tool.description:
            function["description"] = tool.description
        if tool.strict is not None:
            self._strict(function, "parameters", strict=tool.strict, of=f"tool {tool.name}")
        written: dict[str, Any] = {"type": "function", "function": function}
        if tool.cache and self.dialect.cache_control:
            written["cache_control"] = {"type": "ephemeral"}
        elif tool.cache:
            self.adjustments.append(NO_CACHE_POINT)
        return written

    def _strict(self, holder: dict[str, Any], key: str, *, strict: bool, of: str) -> None:
        """Hold the schema at ``key`` to strict mode, where it is known there and can be."""
        if not self.dialect.strict:
            if strict:
                self._drop("strict", f"{of}: no strict mode here")
        elif not strict:
            holder["strict"] = False
        elif (schema := strict_schema(holder[key])) is None:
            self._drop("strict", f"{of}: its schema cannot be told in strict mode")
        else:
            holder[key] = schema
            holder["strict"] = True

    # --- form of the answer ---

    def _output(self, output: OutputFormat) -> None:
        body, dialect, abilities = self.body, self.dialect, self.endpoint.abilities
        promise = dialect.output
        if promise == "json_schema" and abilities is not None and not abilities.structured_output:
            promise = promise if abilities.structured_output is None else "json_object"
        if "tools" in body and not dialect.output_with_tools:
            promise = "words"
        if promise == "json_schema" and output.kind == "json_schema":
            form: dict[str, Any] = {"name": output.name, "schema": output.schema}
            if output.description:
                form["description"] = output.description
            if output.strict is not None:
                self._strict(form, "schema", strict=output.strict, of="response_format")
            body["response_format"] = {"type": "json_schema", "json_schema": form}
            return
        if promise != "words" and dialect.json_object and _may_be_object(output):
            body["response_format"] = {"type": "json_object"}
            if output.kind == "json_object":
                if not _says_json(self.request.messages):
                    self.said.append(json_instruction(output))  # JSON mode demands the word
                return
            self._translate("response_format", "to JSON mode, with the schema in words")
        else:
            self._translate("response_format", "to words in the instructions")
        self.said.append(json_instruction(output))


def _may_be_object(output: OutputFormat) -> bool:
    return output.kind == "json_object" or output.schema.get("type", "object") == "object"


def _says_json(messages: tuple[Message, ...]) -> bool:
    return any("json" in message.text.lower() for message in messages)


def _name(tool: NativeTool) -> str:
    return str(tool.payload.get("type") or tool.payload.get("name") or next(iter(tool.payload), ""))
