"""Tools: LlamaIndex's as a request states them, and the calls of an answer as agents run them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools.types import BaseTool
from pydantic_core import from_json

from llmrouter_integrations.llama_index.blocks import foreign_calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse

__all__ = ["arguments_from", "calls_in", "keep_one_call", "selections_from", "tools_kwarg"]


def tools_kwarg(tools: Iterable[Any]) -> list[Any]:
    """Write tools in OpenAI's form; what is no LlamaIndex tool is left as it is."""
    return [
        tool.metadata.to_openai_tool(skip_length_check=True) if isinstance(tool, BaseTool) else tool
        for tool in tools
    ]


def selections_from(message: ChatMessage) -> list[ToolSelection]:
    """Read the calls of an answer, also of one that is still being streamed.

    Arguments that are no JSON object (yet) count as far as they can be read.
    """
    return [
        ToolSelection(tool_id=call_id, tool_name=name, tool_kwargs=arguments_from(arguments))
        for call_id, name, arguments in calls_in(message)
    ]


def calls_in(message: ChatMessage) -> list[tuple[str, str, Any]]:
    """Read the calls of an answer: id ("" where there is none), name, arguments as they stand."""
    blocks: Sequence[ToolCallBlock] = [b for b in message.blocks if isinstance(b, ToolCallBlock)]
    if blocks:
        return [(b.tool_call_id or "", b.tool_name, b.tool_kwargs) for b in blocks]
    return list(foreign_calls(message.additional_kwargs.get("tool_calls")))


def arguments_from(said: Any) -> dict[str, Any]:
    """Read a call's arguments, which may be text that is not finished."""
    if isinstance(said, str):
        try:
            said = from_json(said, allow_partial="trailing-strings") if said else {}
        except ValueError:
            return {}
    return said if isinstance(said, dict) else {}


def keep_one_call(response: ChatResponse) -> None:
    """Leave only the first of an answer's calls: the caller asked for one at a time."""
    message = response.message
    calls = message.additional_kwargs.get("tool_calls")
    if isinstance(calls, list) and len(calls) > 1:
        message.additional_kwargs["tool_calls"] = calls[:1]
    first = next((block for block in message.blocks if isinstance(block, ToolCallBlock)), None)
    message.blocks = [b for b in message.blocks if not isinstance(b, ToolCallBlock) or b is first]
