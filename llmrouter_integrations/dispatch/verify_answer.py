"""What is wrong with an answer by itself: its tool calls, and the form of its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations.dispatch.verify_explain import bounded, shown
from llmrouter_integrations.dispatch.verify_schema import schema_check
from llmrouter_integrations.messages import NativeTool, Tool

if TYPE_CHECKING:
    from llmrouter_integrations.messages import FinishReason, Request, Response, ToolCallPart

__all__ = ["check_schema", "check_tool_names", "check_tools", "json_text"]

_FENCE: Final = "```"
_BLANKS: Final = " \t\r\n"


# -- tool calls ------------------------------------------------------------------------------


def check_tool_names(request: Request, response: Response) -> str | None:
    """Say whether a tool call names no tool on offer, or has other arguments than a JSON object.

    Names are not judged where tools of a vendor's own are on offer that bear none, or where tools
    were given in a vendor's own fields (``extra``). No arguments at all are an empty object. A
    call that was cut off by the limit of tokens does not hold: who runs tools must not see it.
    """
    for call in response.tool_calls:
        if not _is_offered(request, call.name):
            return _unknown(request, call.name)
        arguments = call.arguments
        if arguments and arguments != "{}" and type(_read(arguments)) is not dict:
            return _bad_arguments(call, response.finish_reason)
    return None


def check_tools(request: Request, response: Response) -> str | None:
    """Say whether the tool calls are not such as the request asked for.

    Beyond :func:`check_tool_names`: arguments fit the tool's JSON schema, ``strict`` or not, unless
    that is no valid schema; ``tool_choice`` and ``parallel_tool_calls=False`` are kept to.
    """
    problem = check_tool_names(request, response)
    if problem is not None:
        return problem
    calls = response.tool_calls
    functions = {tool.name: tool for tool in request.tools if type(tool) is Tool}
    problem = _against_choice(request, response, calls, functions)
    if problem is not None:
        return problem
    problems = []
    for call in calls:
        tool = functions.get(call.name)
        if tool is not None and tool.parameters:
            found = schema_check(tool.parameters).problem(
                _read(call.arguments or "{}"), "the argument object"
            )
            if found is not None:
                problems.append(f"in the call of {call.name!r}, {found}")
    return bounded("; ".join(problems)) if problems else None


def _is_offered(request: Request, name: str) -> bool:
    for tool in request.tools:
        if type(tool) is Tool:
            if tool.name == name:
                return True
        elif isinstance(tool, NativeTool) and tool.payload.get("name", name) == name:
            return True
    return any("tools" in said or "toolConfig" in said for said in request.extra.values())


def _unknown(request: Request, name: str) -> str:
    names = [repr(tool.name) for tool in request.tools if type(tool) is Tool]
    offered = f"the tools are {', '.join(names)}" if names else "no tools are on offer"
    return bounded(f"there is no tool {bounded(name, 80)!r}: {offered}")


def _bad_arguments(call: ToolCallPart, finish_reason: FinishReason) -> str:
    where = f"the call of {bounded(call.name, 80)!r}"
    if finish_reason == "length":
        return f"{where} was cut off by max_tokens; it must be shorter"
    try:
        read = orjson.loads(call.arguments)
    except orjson.JSONDecodeError as error:
        return f"the arguments of {where} are not JSON ({error})"
    return f"the arguments of {where} must be one JSON object, got {shown(read)}"


def _against_choice(
    request: Request,
    response: Response,
    calls: tuple[ToolCallPart, ...],
    functions: dict[str, Tool],
) -> str | None:
    if len(calls) > 1 and request.parallel_tool_calls is False:
        return f"one tool may be called at a time, got {len(calls)} calls"
    choice = request.tool_choice
    if choice is None or choice == "auto" or not functions:
        return None
    if choice == "none":
        return "no tool may be called now" if calls else None
    if _declined(response):
        return None
    if choice == "required":
        if calls or len(functions) < len(request.tools):
            return None  # a vendor's own tool may have been used, which leaves no call
        return "a tool must be called" + _cut(response)
    if any(call.name == choice for call in calls):
        return None
    return f"the tool {choice!r} must be called" + _cut(response)


def _cut(response: Response) -> str:
    if response.finish_reason == "length":
        return "; the answer was cut off by max_tokens before it was"
    return ""


# -- the form of the answer ------------------------------------------------------------------


def check_schema(request: Request, response: Response) -> str | None:
    """Say whether the text is not of the form that ``request.output`` asks for.

    A turn that calls tools is not the answer yet, and is not judged. What passes here is read by
    ``with_structured_output`` of the LangChain face and ``structured_predict`` of the LlamaIndex
    face, as far as the schema says all that their classes ask; see :func:`json_text`.
    """
    output = request.output
    if output is None or response.tool_calls or _declined(response):
        return None
    text = json_text(response.text)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if response.finish_reason == "length":
            return "the answer was cut off by max_tokens before its JSON was whole; be shorter"
        return _not_json(text, error)
    if output.kind == "json_object" and not isinstance(value, dict):
        return f"the answer must be a JSON object, got {shown(value)}"
    if output.kind == "json_schema" and output.schema:
        return schema_check(output.schema).problem(value, "the answer")
    return None


def json_text(text: str) -> str:
    """Give the JSON of an answer: the whole text, or what one code fence around it holds.

    LlamaIndex's face reads just this. LangChain's also reads a fence with words around it; that is
    not taken for JSON here, since what passes must be read by every face.
    """
    if "`" not in text:
        return text
    # no regular expression: a model that has lost its way writes blank lines by the thousand
    fenced = text.strip(_BLANKS)
    if not (fenced.startswith(_FENCE) and fenced.endswith(_FENCE)):
        return text
    inside = fenced[len(_FENCE) : -len(_FENCE)].removeprefix("json")
    begins = len(inside) - len(inside.lstrip(_BLANKS))
    ends = len(inside.rstrip(_BLANKS))
    on_lines_of_its_own = "\n" in inside[:begins] and "\n" in inside[ends:]
    return inside[begins:ends] if on_lines_of_its_own else text


def _not_json(text: str, error: ValueError) -> str:
    bare = text.strip()
    if not bare:
        return "the answer is empty, and must be JSON"
    if bare[0] not in '{["':
        return f"the answer must be JSON and nothing else, but begins {shown(bare[:60])}"
    return f"the answer is not valid JSON ({error})"


def _declined(response: Response) -> bool:
    return (
        response.finish_reason in ("refusal", "content_filter")
        or response.message.refusal is not None
    )


def _read(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
