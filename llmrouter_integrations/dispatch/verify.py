"""Whether an answer holds: its tool calls, its form, and what its caller asks of it.

Each check gives a :data:`Verdict`: None where the answer holds, else what is wrong, in words that
a model can act on ("the field 'age' must be an integer, got 'twelve'").

- :func:`check_tool_names` is cheap enough for every answer: calls name tools that were offered,
  with one JSON object as arguments.
- :func:`check_tools` and :func:`check_schema` are for callers who ask for them.
- :func:`verifier` makes one check of what a caller asked for; a driver puts what comes of it
  through :func:`settle_verdict`.

A refusal, and an answer that a safety system cut, is not a fault of form: no check asks for a
call or an object then. Whether to ask another model is dispatch's decision, not a verdict's.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import orjson
from pydantic import ValidationError

from llmrouter_integrations.dispatch.verify_explain import bounded, field_name, shown
from llmrouter_integrations.dispatch.verify_schema import schema_check
from llmrouter_integrations.errors import ConfigurationError, InvalidRequestError, RouterError
from llmrouter_integrations.messages import NativeTool, Response, Tool

if TYPE_CHECKING:
    from llmrouter_integrations.messages import FinishReason, Request, ToolCallPart

__all__ = [
    "Check",
    "Verdict",
    "Verify",
    "check_schema",
    "check_tool_names",
    "check_tools",
    "json_text",
    "settle_verdict",
    "verifier",
]

Verdict: TypeAlias = str | None
"""None: the answer holds. Else what is wrong with it, in at most MOST_CHARACTERS."""

Check: TypeAlias = Callable[[Response], Verdict | Awaitable[Verdict]]
"""Judges an answer; an awaitable only where a caller's own callable gave one."""

_One: TypeAlias = Literal["schema", "tools"] | Callable[[Response], Any]
Verify: TypeAlias = _One | tuple[_One, ...] | list[_One]
"""What a caller may ask for: see :func:`verifier`."""

NOT_ACCEPTED: Final = "the answer was not accepted"

_FENCED: Final = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL)


# -- tool calls ------------------------------------------------------------------------------


def check_tool_names(request: Request, response: Response) -> Verdict:
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


def check_tools(request: Request, response: Response) -> Verdict:
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
) -> Verdict:
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


def check_schema(request: Request, response: Response) -> Verdict:
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
    if "`" not in text[:100]:
        return text
    fenced = _FENCED.fullmatch(text)
    return fenced[1] if fenced else text


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


# -- what a caller asks for ------------------------------------------------------------------


def verifier(verify: Verify, request: Request) -> Check | None:
    """Make one check of what a caller asked for.

    Args:
        verify: Any of these, or several, of which the first to object is heard:

            - ``"schema"``: :func:`check_schema`. Without a form of answer, but with one tool that
              must be called, which is how structured output is asked for by function calling:
              :func:`check_tools`.
            - ``"tools"``: :func:`check_tools`.
            - A callable that takes the response. None or True: it holds. False: it was not
              accepted. A string is the problem; an empty one is none. A ``ValueError`` (pydantic's
              included) or ``AssertionError`` it raises is a problem, told by its message. It may
              give an awaitable of these. Whatever else it raises is its own fault, not the
              answer's, and is let through to the caller; so is every ``RouterError``.
        request: What was asked.

    Returns:
        The check; None where there is nothing to check in an answer to this request.

    Raises:
        ConfigurationError: ``verify`` is none of these.
        InvalidRequestError: ``"schema"``, with a schema that cannot be checked. Nothing was sent.
    """
    asked = verify if isinstance(verify, (tuple, list)) else (verify,)
    checks = [check for one in asked if (check := _check(one, request)) is not None]
    if len(checks) < 2:
        return checks[0] if checks else None
    return partial(_first_objection, tuple(checks))


def settle_verdict(verdict: Verdict | Awaitable[Verdict]) -> Verdict:
    """Give the verdict of a check where nothing can be awaited.

    Raises:
        ConfigurationError: It has to be awaited.
    """
    if verdict is None or isinstance(verdict, str):
        return verdict
    if iscoroutine(verdict):
        verdict.close()  # or Python warns that nobody awaited it
    raise ConfigurationError(
        "verify: an async callable needs the async methods (acomplete, ainvoke, achat, ...)"
    )


def _check(verify: Any, request: Request) -> Check | None:
    if verify == "tools":
        return partial(check_tools, request) if request.tools else None
    if verify == "schema":
        return _schema_check(request)
    if callable(verify):
        return partial(_ask, verify)
    raise ConfigurationError(
        f"verify must be 'schema', 'tools', a callable or several of these, not {verify!r}"
    )


def _schema_check(request: Request) -> Check | None:
    output = request.output
    if output is None:
        names = [tool.name for tool in request.tools if type(tool) is Tool]
        stands_for_it = names == [request.tool_choice]
        return partial(check_tools, request) if stands_for_it else None
    if output.kind == "json_schema" and output.schema:
        unusable = schema_check(output.schema).unusable
        if unusable is not None:
            raise InvalidRequestError(
                f"verify='schema': the schema {output.name!r} cannot be checked: {unusable}",
                sent=False,
            )
    return partial(check_schema, request)


def _first_objection(checks: tuple[Check, ...], response: Response) -> Verdict | Awaitable[Verdict]:
    for done, check in enumerate(checks, 1):
        verdict = check(response)
        if isinstance(verdict, str):
            return verdict
        if verdict is not None:
            return _later_objection(verdict, checks[done:], response)
    return None


async def _later_objection(
    awaited: Awaitable[Verdict], checks: tuple[Check, ...], response: Response
) -> Verdict:
    verdict = await awaited
    for check in checks:
        if verdict is not None:
            break
        said = check(response)
        verdict = said if said is None or isinstance(said, str) else await said
    return verdict


def _ask(judge: Callable[[Response], Any], response: Response) -> Verdict | Awaitable[Verdict]:
    try:
        said = judge(response)
    except RouterError:
        raise
    except (ValueError, AssertionError) as error:
        return _words_of(error)
    return _ask_later(said) if isawaitable(said) else _meant_by(said)


async def _ask_later(awaited: Awaitable[Any]) -> Verdict:
    try:
        said = await awaited
    except RouterError:
        raise
    except (ValueError, AssertionError) as error:
        return _words_of(error)
    return _meant_by(said)


def _meant_by(said: Any) -> Verdict:
    if said is None or said is True or said == "":
        return None
    if said is False:
        return NOT_ACCEPTED
    if isinstance(said, str):
        return bounded(said)
    raise ConfigurationError(
        "verify: the callable must give None or True where the answer holds, False or a string "
        f"where it does not, not {type(said).__name__}"
    )


def _words_of(error: Exception) -> str:
    if isinstance(error, ValidationError):
        told = error.errors(include_url=False, include_context=False, include_input=False)
        return bounded("; ".join(f"{field_name(e['loc'], 'the answer')}: {e['msg']}" for e in told))
    return bounded(str(error)) or NOT_ACCEPTED
