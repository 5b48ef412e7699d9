"""Tools as LangChain users write them -> call kwargs (plain JSON, as traces and caches want)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from llmrouter_integrations.messages import NativeTool, Tool
from llmrouter_integrations.wire.inbound import tool_from
from llmrouter_integrations.wire.inbound_messages import bad, nearest

__all__ = ["AnyTool", "choice_kwarg", "tools_kwarg"]

AnyTool: TypeAlias = dict[str, Any] | type | Callable[..., Any] | BaseTool | Tool | NativeTool
"""What ``bind_tools`` takes: functions, classes (pydantic, TypedDict), LangChain tools, dicts in
OpenAI's or Anthropic's form, JSON schemas with a title, vendors' own tools in the vendor's form,
and :class:`NativeTool` where that form does not tell whose it is."""


def tools_kwarg(tools: Iterable[AnyTool], *, strict: bool | None) -> list[Any]:
    """Write tools in OpenAI's form, vendors' own ones left as they are.

    Args:
        tools: The tools.
        strict: Whether calls must fit the tool's schema exactly; None leaves it to the tool.

    Raises:
        InvalidRequestError: A dict is neither a function nor a vendor's tool known by its form.
        ValueError: LangChain cannot make a function of it.
    """
    written: list[Any] = []
    for tool in tools:
        if isinstance(tool, Tool | NativeTool):
            written.append(tool)
        elif isinstance(tool, dict) and _is_native(tool):
            tool_from(tool)  # raises now, not at the first call, where nobody knows whose it is
            written.append(tool)
        else:
            function = convert_to_openai_tool(tool, strict=strict)
            if _is_cached(tool):
                function = {**function, "cache_control": {"type": "ephemeral"}}
            written.append(function)
    return written


def _is_native(tool: dict[str, Any]) -> bool:
    kind = tool.get("type")
    if isinstance(kind, str):
        return kind not in ("function", "object") and "input_schema" not in tool
    return not tool.keys() & {"name", "title", "toolSpec", "function", "properties"}


def _is_cached(tool: Any) -> bool:
    extras = tool if isinstance(tool, dict) else getattr(tool, "extras", None)
    return isinstance(extras, dict) and "cache_control" in extras


def choice_kwarg(choice: Any, tools: list[Any]) -> str | None:
    """Write a ``tool_choice`` as "auto", "none", "required" or a function's name.

    Args:
        choice: Such a word, "any", True (any), False (as if unsaid), or the dict by which OpenAI,
            Anthropic or Bedrock name a tool.
        tools: What :func:`tools_kwarg` gave.

    Raises:
        InvalidRequestError: It names no tool on offer.
    """
    if choice is None or choice is False:
        return None
    if choice is True or choice in ("any", "required"):
        return "required"
    if choice in ("auto", "none"):
        return str(choice)
    if isinstance(choice, Mapping):
        kind = choice.get("type")
        function = choice.get("function", choice.get("tool", choice))
        named = function.get("name") if isinstance(function, Mapping) else None
        if named is None and isinstance(kind, str) and kind != "function":
            return choice_kwarg(kind, tools)
    else:
        named = choice
    names = [name for tool in tools if (name := _name(tool)) is not None]
    if named not in names:
        raise bad("tool_choice", f"names {named!r}, which is no tool", nearest(named, names))
    return str(named)


def _name(tool: Any) -> str | None:
    if isinstance(tool, Tool):
        return tool.name
    if isinstance(tool, Mapping) and tool.get("type") == "function":
        name = tool.get("function", tool).get("name")
        return name if isinstance(name, str) else None
    return None
