"""A :class:`Request` as a wrapped model takes it: its own fields, its own tools, its own schema.

Nothing is known here of any integration but what LangChain's interface shows of it: the fields it
has, what its ``bind_tools`` and ``with_structured_output`` bind. So each model gets a request in
its own form, and what it has no place for is said in an adjustment.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import SystemMessage
from langchain_core.runnables import RunnableBinding, RunnableSequence

from llmrouter_integrations.errors import UnsupportedParameterError
from llmrouter_integrations.langchain.to_messages import is_readable, to_messages
from llmrouter_integrations.langchain.to_request import NATIVE
from llmrouter_integrations.messages import EMPTY_MAP, Adjustment, Tool
from llmrouter_integrations.wire.extra import extra_fields
from llmrouter_integrations.wire.inbound import OPENAI_ONLY
from llmrouter_integrations.wire.openai_responses_parameters import (
    CHAT_ONLY,
    UNKNOWN_PARAMETERS,
)
from llmrouter_integrations.wire.structured import json_instruction
from llmrouter_integrations.wrapping.fields import OwnFields
from llmrouter_integrations.wrapping.target import named_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

    from llmrouter_integrations.messages import OutputFormat, Request

__all__ = ["OwnCall", "OwnForm"]

_OPENAI_KWARGS: Final = {"user": "user", "prompt_cache_key": "prompt_cache_key", "stop": "stop"}
"""What langchain-openai has no field for, and hands on to the API as a call kwarg."""

_LANGCHAINS_KWARGS: Final = {"stop": "stop"}
"""What every model takes as a call kwarg."""

_NOT_IN_RESPONSES: Final = dict.fromkeys(
    (*UNKNOWN_PARAMETERS, *CHAT_ONLY, "stop", "logprobs", "top_logprobs"),
    "OpenAI's Responses protocol has no such parameter",
)
"""What ``ChatOpenAI`` has a place for and yet cannot send by that protocol, which it takes for some
models and tools: the client refuses it, or (``stop``) it is left out without a word."""

_METHODS: Final = {
    "json_schema": ("json_schema", "function_calling"),
    "json_object": ("json_mode",),
}
_TRACING_ONLY: Final = ("ls_structured_output_format", "structured_output_format")


@dataclass(frozen=True, slots=True)
class OwnCall:
    """What to call, and with what.

    Attributes:
        model: The model, its fields set as the request asks.
        messages: The conversation.
        kwargs: Call kwargs: tools, the answer's form, and what has no field.
        text_tool: The tool whose arguments are the answer, where that is how this model is held
            to a form.
        adjustments: What of the request this model has no place for.
    """

    model: BaseChatModel
    messages: Sequence[BaseMessage]
    kwargs: dict[str, Any]
    text_tool: str | None
    adjustments: tuple[Adjustment, ...]


class OwnForm:
    """Writes requests as one model takes them.

    Args:
        model: The model.
        provider: Who serves it.
        issuer: Who can read back its reasoning and signatures.
    """

    def __init__(self, model: BaseChatModel, *, provider: str, issuer: str) -> None:
        self._model = model
        self._provider = provider
        self._issuer = issuer
        self._is_openai = named_in(model, frozenset(("BaseChatOpenAI",)))
        kwargs = _OPENAI_KWARGS if self._is_openai else _LANGCHAINS_KWARGS
        self._fields = OwnFields(model, kwargs)
        self._model_kwargs: Mapping[str, Any] = getattr(model, "model_kwargs", None) or {}
        self._binds: set[str] | None = None

    def write(self, request: Request) -> OwnCall:
        """Write a request.

        Raises:
            UnsupportedParameterError: It asks for tools or a form of answer that this model
                cannot give.
        """
        changed: list[Adjustment] = []
        kwargs: dict[str, Any] = {}
        if request.extra:
            self._add_extra(request.extra, kwargs, changed)
        if request.tools:
            kwargs |= self._tools(request, changed)
        text_tool: str | None = None
        told: list[BaseMessage] = []
        if request.output is not None:
            form = self._form(request.output, has_tools="tools" in kwargs)
            if form is None:
                told = [SystemMessage(json_instruction(request.output))]
                changed.append(Adjustment("response_format", "translated", "asked for in words"))
            else:
                if "tools" in form:
                    text_tool = request.output.name
                kwargs |= form
        lacking = self._lacking(kwargs, changed) if self._is_openai else EMPTY_MAP
        settings: dict[str, Any] = {}
        model = self._fields.set(request, settings, changed, lacking=lacking)
        messages = self._messages(request, changed, reads_items=bool(lacking))
        return OwnCall(
            model,
            [*told, *messages] if told else messages,
            settings | kwargs,
            text_tool,
            tuple(changed),
        )

    def _messages(
        self, request: Request, changed: list[Adjustment], *, reads_items: bool
    ) -> Sequence[BaseMessage]:
        own: Sequence[BaseMessage] | None = request.native.get(NATIVE)
        if own is not None and is_readable(own, self._issuer):
            return own
        messages, adjustments = to_messages(request.messages, self._issuer, reads_items=reads_items)
        changed.extend(adjustments)
        return messages

    def _add_extra(
        self,
        extra: Mapping[str, Mapping[str, Any]],
        kwargs: dict[str, Any],
        changed: list[Adjustment],
    ) -> None:
        if not self._is_openai:
            kwargs |= extra_fields(extra, (self._issuer, self._provider), changed)
            return
        fields = extra_fields(extra, ("openai-chat", "openai", self._provider), changed)
        for name, value in fields.items():
            if name in OPENAI_ONLY:
                kwargs[name] = value
            else:
                kwargs.setdefault("extra_body", {})[name] = value

    def _lacking(self, kwargs: dict[str, Any], changed: list[Adjustment]) -> Mapping[str, str]:
        """Say what the protocol lacks that this call goes by, and take such out of ``kwargs``."""
        goes_by_responses = getattr(self._model, "_use_responses_api", None)
        if goes_by_responses is None or not goes_by_responses({**self._model_kwargs, **kwargs}):
            return EMPTY_MAP
        for name in CHAT_ONLY & kwargs.keys():
            del kwargs[name]
            changed.append(Adjustment(name, "dropped", _NOT_IN_RESPONSES[name]))
        return _NOT_IN_RESPONSES

    # -- tools ---------------------------------------------------------------------------------

    def _tools(self, request: Request, changed: list[Adjustment]) -> dict[str, Any]:
        offered: list[Any] = []
        for tool in request.tools:
            if isinstance(tool, Tool):
                offered.append(_function(tool))
            elif tool.issuer in (self._issuer, self._provider):
                offered.append(dict(tool.payload))
            else:
                detail = f"{tool.issuer}'s own"
                changed.append(Adjustment("tools", "dropped", detail))
        if not offered:
            return {}
        said: dict[str, Any] = {}
        if request.tool_choice not in (None, "auto"):
            said["tool_choice"] = (
                "any" if request.tool_choice == "required" else request.tool_choice
            )
        if request.parallel_tool_calls is not None:
            if self._is_openai or "parallel_tool_calls" in self._bind_parameters():
                said["parallel_tool_calls"] = request.parallel_tool_calls
            else:
                changed.append(self._fields.dropped("parallel_tool_calls"))
        try:
            return _bound_kwargs(self._model.bind_tools(offered, **said))
        except Exception as error:
            raise self._cannot("tools", error) from error

    def _bind_parameters(self) -> set[str]:
        if self._binds is None:
            self._binds = set(inspect.signature(self._model.bind_tools).parameters)
        return self._binds

    # -- the answer's form ---------------------------------------------------------------------

    def _form(self, output: OutputFormat, *, has_tools: bool) -> dict[str, Any] | None:
        """Give the kwargs that hold this model to a form; None where only words can."""
        faults: list[Exception] = []
        for method in _METHODS[output.kind]:
            said: dict[str, Any] = {}
            if output.strict is not None and method != "json_mode":
                said["strict"] = output.strict
            try:
                chain = self._structured(output, method, said)
                kwargs = _bound_kwargs(chain)
            except Exception as error:  # noqa: BLE001  (any integration's; told below)
                faults.append(error)
                continue
            if has_tools and "tools" in kwargs:
                faults.append(ValueError("its form of answer is a tool, and tools are on offer"))
                continue
            return kwargs
        if output.kind == "json_object":
            return None
        raise self._cannot("response_format", faults[-1]) from faults[-1]

    def _structured(self, output: OutputFormat, method: str, said: dict[str, Any]) -> Any:
        schema = None
        if output.kind == "json_schema":
            about = {"description": output.description} if output.description else {}
            schema = {**output.schema, "title": output.name, **about}
        make: Callable[..., Any] = self._model.with_structured_output
        try:
            return make(schema, method=method, **said)
        except (TypeError, ValueError):
            if not said:
                raise
            return make(schema, method=method)  # an older integration knows no ``strict``

    def _cannot(self, parameter: str, error: Exception) -> UnsupportedParameterError:
        return UnsupportedParameterError(
            f"{type(self._model).__name__} takes no {parameter}: {error}",
            parameter=parameter,
            sent=False,
        )


def _function(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters) or {"type": "object", "properties": {}},
    }
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _bound_kwargs(runnable: Any) -> dict[str, Any]:
    """Take what ``bind_tools`` or ``with_structured_output`` binds, without what is around it."""
    while isinstance(runnable, RunnableSequence):
        runnable = runnable.first
    if not isinstance(runnable, RunnableBinding):
        raise ValueError(f"it gives a {type(runnable).__name__}, not bound arguments")  # noqa: TRY004  (the model's way, not a type's fault)
    return {name: value for name, value in runnable.kwargs.items() if name not in _TRACING_ONLY}
