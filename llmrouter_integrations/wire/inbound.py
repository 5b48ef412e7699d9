"""OpenAI-style input -> :class:`~llmrouter_integrations.messages.Request`.

Takes the parameter names of OpenAI's chat completions. What is wrong is said before anything is
sent, with the place, the fault and the remedy.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.messages import EMPTY_MAP, NativeTool, OutputFormat, Request, Tool
from llmrouter_integrations.wire.effort import EFFORTS
from llmrouter_integrations.wire.extra import ANY_OPENAI
from llmrouter_integrations.wire.inbound_messages import bad, messages_from, nearest
from llmrouter_integrations.wire.registry import PROTOCOLS, PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmrouter_integrations.messages import Message

__all__ = ["messages_from", "output_from", "request_from", "tool_from"]

CHOICES: Final = ("auto", "none", "required")

OPENAI_ONLY: Final = frozenset(
    {
        "audio",
        "logit_bias",
        "metadata",
        "modalities",
        "prediction",
        "prompt_cache_retention",
        "store",
        "verbosity",
        "web_search_options",
    }
)
"""Parameters of OpenAI's that no other vendor has a like of: sent to OpenAI's models only, and by
the Responses protocol in its own form."""


def request_from(
    messages: Iterable[Mapping[str, Any] | Message | str] | str,
    params: Mapping[str, Any] | None = None,
    *,
    native: Mapping[str, Any] = EMPTY_MAP,
) -> Request:
    """Read a request.

    Args:
        messages: As :func:`messages_from` takes them.
        params: Parameters by their names in OpenAI's chat completions, and ``top_k``; a value of
            None means unset. ``response_format`` may also be a JSON schema or a pydantic class,
            a tool also a :class:`Tool`. ``extra_body`` may also map provider or protocol names to
            the fields meant for each; fields by themselves are for whatever speaks one of
            OpenAI's protocols.
        native: See :attr:`Request.native`.

    Raises:
        InvalidRequestError: Says which message or parameter is wrong, how, and what to do.
    """
    history = messages_from(messages)
    if not params:
        return Request(history, native=native)
    fields: dict[str, Any] = {}
    extra: dict[str, Mapping[str, Any]] = {}
    only_openai: dict[str, Any] = {}
    choice: Any = None
    for name, value in params.items():
        if value is None:
            continue
        if (known := _FIELDS.get(name)) is not None:
            field, read = known
            if field in fields:
                raise bad(name, "says the same as another parameter", f"give one for {field}")
            fields[field] = read(name, value)
        elif name == "tool_choice":
            choice = value
        elif name == "extra_body":
            extra.update(_extra(value))
        elif name in OPENAI_ONLY:
            only_openai[name] = value
        elif name == "n":
            if value != 1 or isinstance(value, bool):
                raise bad("n", f"is {value!r}, but a request has one answer", "send it n times")
        else:
            known_names = (*_FIELDS, "tool_choice", "extra_body", "n", *OPENAI_ONLY)
            raise bad(
                f"parameter {name!r}",
                "is unknown",
                f"{nearest(name, known_names)} A provider's own goes into extra_body",
            )
    if only_openai:
        extra["openai"] = {**only_openai, **extra.get("openai", {})}
    if choice is not None:
        fields["tool_choice"] = _tool_choice(choice, fields.get("tools", ()))
    if extra:
        fields["extra"] = extra
    return Request(history, native=native, **fields)


def tool_from(spec: Any, where: str = "tool") -> Tool | NativeTool:
    """Read one tool.

    Args:
        spec: A :class:`Tool`, a :class:`NativeTool`, a function in OpenAI's form (nested, or flat
            as in its Responses API), or a vendor's own tool in that vendor's form.
        where: What to call it in an error.

    Raises:
        InvalidRequestError: It is none of these.
    """
    if isinstance(spec, Tool | NativeTool):
        return spec
    if not isinstance(spec, Mapping):
        raise bad(where, f"must be a dict, not {type(spec).__name__}")
    kind = spec.get("type")
    if kind != "function":
        return NativeTool(_native_issuer(spec, kind, where), spec)
    function = spec.get("function", spec)
    if not isinstance(function, Mapping):
        raise bad(f"{where}.function", f"must be a dict, not {type(function).__name__}")
    name = function.get("name")
    if not (isinstance(name, str) and name):
        raise bad(f"{where}.function.name", "is missing")
    parameters = function.get("parameters")
    if not (parameters is None or isinstance(parameters, Mapping)):
        raise bad(f"{where}.function.parameters", "must be a JSON schema, as a dict")
    strict = function.get("strict")
    return Tool(
        name,
        _text(f"{where}.function.description", function.get("description") or ""),
        parameters or {},
        None if strict is None else _flag(f"{where}.function.strict", strict),
        cache="cache_control" in spec or "cache_control" in function,
    )


def output_from(name: str, value: Any) -> OutputFormat | None:
    """Read a ``response_format``; None where plain text is asked for.

    Args:
        name: What to call it in an error.
        value: ``{"type": "text" | "json_object" | "json_schema", ...}``, a JSON schema, a
            pydantic class, or an :class:`OutputFormat`.

    Raises:
        InvalidRequestError: It is none of these.
    """
    if isinstance(value, OutputFormat):
        return value
    if isinstance(value, type) and hasattr(value, "model_json_schema"):
        return OutputFormat("json_schema", value.model_json_schema(), value.__name__, strict=True)
    if not isinstance(value, Mapping):
        raise bad(
            name, f"must be a dict or a pydantic class, not {type(value).__name__}", _FORMATS_REMEDY
        )
    kind = value.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return OutputFormat("json_object")
    if kind == "json_schema":
        form = value.get("json_schema", value)
        schema = form.get("schema") if isinstance(form, Mapping) else None
        if not isinstance(schema, Mapping):
            raise bad(f"{name}.json_schema.schema", "must be a JSON schema, as a dict")
        strict = form.get("strict")
        return OutputFormat(
            "json_schema",
            schema,
            _schema_name(form.get("name")),
            _text(f"{name}.json_schema.description", form.get("description") or ""),
            None if strict is None else _flag(f"{name}.json_schema.strict", strict),
        )
    if any(key in value for key in ("properties", "$ref", "anyOf", "allOf", "oneOf", "$defs")):
        about = _text(f"{name}.description", value.get("description") or "")
        return OutputFormat("json_schema", value, _schema_name(value.get("title")), about)
    raise bad(name, f"has the type {kind!r} and is no JSON schema", _FORMATS_REMEDY)


_FORMATS_REMEDY = "use json_object, json_schema, a JSON schema of an object, or a pydantic class"


def _schema_name(said: Any) -> str:
    """Fit a name to what OpenAI takes: letters, digits, ``_`` and ``-``, at most 64."""
    return (
        re.sub(r"[^A-Za-z0-9_-]+", "_", said)[:64] if isinstance(said, str) and said else "output"
    )


_GEMINI_TOOLS = re.compile(r"google_|googleSearch|code_?[eE]xecution|url_?[cC]ontext|retrieval")
_ANTHROPIC_DATED = re.compile(r".+_20\d{6}")


def _native_issuer(spec: Mapping[str, Any], kind: Any, where: str) -> str:
    """Tell by its form whose own tool this is."""
    if isinstance(kind, str) and kind:
        return "anthropic" if _ANTHROPIC_DATED.fullmatch(kind) else "openai"
    if len(spec) == 1 and _GEMINI_TOOLS.match(str(next(iter(spec)))):
        return "gemini"
    raise bad(
        where,
        "is neither a function nor a tool known by its form",
        'write {"type": "function", "function": {...}}, or use NativeTool(issuer, payload)',
    )


def _tools(name: str, value: Any) -> tuple[Tool | NativeTool, ...]:
    if isinstance(value, Mapping | str) or not isinstance(value, Iterable):
        raise bad(name, f"must be a list, not {type(value).__name__}")
    tools = tuple([tool_from(spec, f"{name}[{i}]") for i, spec in enumerate(value)])
    seen: set[str] = set()
    for i, tool in enumerate(tools):
        if isinstance(tool, Tool):
            if tool.name in seen:
                raise bad(f"{name}[{i}]", f"is a second tool of the name {tool.name!r}")
            seen.add(tool.name)
    return tools


def _tool_choice(value: Any, tools: tuple[Tool | NativeTool, ...]) -> str | None:
    """Read ``tool_choice``: a word, a tool's name, or OpenAI's dict that names one."""
    named = value
    if isinstance(value, Mapping):
        function = value.get("function", value)
        named = function.get("name") if isinstance(function, Mapping) else None
        if value.get("type") != "function" or not isinstance(named, str):
            raise bad(
                "tool_choice",
                f"is {dict(value)!r:.80}",
                f'use {", ".join(CHOICES)} or {{"type": "function", "function": {{"name": ...}}}}',
            )
    elif value in ("any", "required"):  # "any" is Mistral's and Anthropic's word for it
        named = None
    elif value in CHOICES:
        return str(value) if tools else None
    elif not isinstance(value, str):
        raise bad("tool_choice", f"must be a string or a dict, not {type(value).__name__}")
    if not tools:
        raise bad("tool_choice", f"is {value!r}, but there are no tools", "give tools as well")
    if named is None:
        return "required"
    names = [tool.name for tool in tools if isinstance(tool, Tool)]
    if named not in names:
        raise bad("tool_choice", f"names {named!r}, which is no tool", nearest(named, names))
    return str(named)


_EXTRA_KEYS = frozenset({*PROTOCOLS, *PROVIDERS})


def _extra(value: Any) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(value, Mapping):
        raise bad("extra_body", f"must be a dict, not {type(value).__name__}")
    if value and all(k in _EXTRA_KEYS and isinstance(v, Mapping) for k, v in value.items()):
        return value
    return dict.fromkeys(ANY_OPENAI, value) if value else {}


def _number(low: float, high: float) -> Callable[[str, Any], float]:
    def read(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise bad(name, f"must be a number, not {type(value).__name__}")
        if not low <= value <= high:
            raise bad(name, f"is {value}, outside of {low:g} to {high:g}")
        return value

    return read


def _integer(low: float = -math.inf, high: float = math.inf) -> Callable[[str, Any], int]:
    def read(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise bad(name, f"must be a whole number, not {type(value).__name__}")
        if value < low:
            raise bad(name, f"is {value}, less than {low:g}")
        if value > high:
            raise bad(name, f"is {value}, more than {high:g}")
        return value

    return read


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise bad(name, f"must be true or false, not {value!r:.40}")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise bad(name, f"must be a string, not {type(value).__name__}")
    return value


def _effort(name: str, value: Any) -> str:
    if value not in EFFORTS:
        raise bad(name, f"is {value!r}", nearest(value, EFFORTS))
    return str(value)


def _stop(name: str, value: Any) -> tuple[str, ...]:
    words = (value,) if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(w, str) and w for w in words):
        raise bad(name, "must be a string or a list of non-empty strings")
    return tuple(words)


_FIELDS: dict[str, tuple[str, Callable[[str, Any], Any]]] = {
    "temperature": ("temperature", _number(0, 2)),
    "max_tokens": ("max_tokens", _integer(1)),
    "max_completion_tokens": ("max_tokens", _integer(1)),
    "tools": ("tools", _tools),
    "parallel_tool_calls": ("parallel_tool_calls", _flag),
    "response_format": ("output", output_from),
    "top_p": ("top_p", _number(0, 1)),
    "top_k": ("top_k", _integer(1)),
    "stop": ("stop", _stop),
    "seed": ("seed", _integer()),
    "frequency_penalty": ("frequency_penalty", _number(-2, 2)),
    "presence_penalty": ("presence_penalty", _number(-2, 2)),
    "logprobs": ("logprobs", _flag),
    "top_logprobs": ("top_logprobs", _integer(0, 20)),
    "reasoning_effort": ("reasoning_effort", _effort),
    "service_tier": ("service_tier", _text),
    "user": ("user", _text),
    "safety_identifier": ("user", _text),
    "prompt_cache_key": ("prompt_cache_key", _text),
}
"""Parameter -> field of :class:`Request`, and how it is read."""
