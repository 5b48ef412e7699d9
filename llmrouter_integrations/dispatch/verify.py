"""Whether an answer holds: its tool calls, its form, and what its caller asks of it.

Each check gives a :data:`Verdict`: None where the answer holds, else what is wrong, in words that
a model can act on ("the field 'age' must be an integer, got 'twelve'").

- :func:`check_tool_names` is cheap enough for every answer: calls name tools that were offered,
  with one JSON object as arguments.
- :func:`check_tools` and :func:`check_schema` are for callers who ask for them.
- :func:`verifier` makes one check of what a caller asked for; a driver puts what comes of it
  through :func:`settle_verdict`.
- :func:`repair` makes the request by which the same model can mend its answer.

A refusal, and an answer that a safety system cut, is not a fault of form: no check asks for a
call or an object then. Whether to ask another model is dispatch's decision, not a verdict's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from pydantic import ValidationError

from llmrouter_integrations.dispatch.verify_answer import (
    check_schema,
    check_tool_names,
    check_tools,
    json_text,
)
from llmrouter_integrations.dispatch.verify_explain import bounded, field_name
from llmrouter_integrations.dispatch.verify_repair import repair
from llmrouter_integrations.dispatch.verify_schema import schema_check
from llmrouter_integrations.errors import ConfigurationError, InvalidRequestError, RouterError
from llmrouter_integrations.messages import Response, Tool

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

    from llmrouter_integrations.messages import Request

__all__ = [
    "Check",
    "Verdict",
    "Verify",
    "check_schema",
    "check_tool_names",
    "check_tools",
    "json_text",
    "repair",
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
    _close(verdict)
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
        stands_for_it = len(names) == 1 and request.tool_choice in (names[0], "required")
        return partial(check_tools, request) if stands_for_it else None
    if output.kind == "json_schema" and output.schema:
        unusable = schema_check(output.schema).unusable
        if unusable is not None:
            raise InvalidRequestError(
                f"verify='schema': the schema {output.name!r} cannot be checked: {unusable}",
                sent=False,
            )
    return partial(check_schema, request)


class _Later:
    """A verdict that has to be awaited, or closed."""

    __slots__ = ("_source", "_then")

    def __init__(
        self, source: Awaitable[Any], then: Callable[[], Coroutine[Any, Any, Verdict]]
    ) -> None:
        self._source = source
        self._then = then

    def __await__(self) -> Generator[Any, Any, Verdict]:
        return self._then().__await__()

    def close(self) -> None:
        _close(self._source)


def _close(awaitable: Awaitable[Any]) -> None:
    """Give up a coroutine, or Python warns that nobody awaited it."""
    close = getattr(awaitable, "close", None)
    if close is not None:
        close()


def _first_objection(checks: tuple[Check, ...], response: Response) -> Verdict | Awaitable[Verdict]:
    for done, check in enumerate(checks, 1):
        verdict = check(response)
        if isinstance(verdict, str):
            return verdict
        if verdict is not None:
            rest = partial(_later_objection, verdict, checks[done:], response)
            return _Later(verdict, rest)
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
    if isawaitable(said):
        return _Later(said, partial(_ask_later, said))
    return _meant_by(said)


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
