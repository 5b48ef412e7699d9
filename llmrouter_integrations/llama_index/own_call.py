"""A :class:`Request` as a wrapped LLM takes it: its own fields, its own tools, its own schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.tools.types import BaseTool, ToolMetadata, ToolOutput
from pydantic import BaseModel

from llmrouter_integrations.errors import UnsupportedParameterError
from llmrouter_integrations.llama_index.to_messages import is_readable, to_messages
from llmrouter_integrations.llama_index.to_request import NATIVE
from llmrouter_integrations.messages import Adjustment, NativeTool, Tool
from llmrouter_integrations.wire.extra import extra_fields
from llmrouter_integrations.wire.inbound import OPENAI_ONLY
from llmrouter_integrations.wire.structured import fits_tool, json_instruction
from llmrouter_integrations.wrapping.fields import OwnFields
from llmrouter_integrations.wrapping.target import named_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llama_index.core.llms import LLM

    from llmrouter_integrations.messages import OutputFormat, Request

__all__ = ["OwnCall", "OwnForm", "calls_functions"]

_OPENAI: Final = frozenset(("OpenAI",))
_GOOGLE: Final = frozenset(("GoogleGenAI",))
_KWARGS: Final[Mapping[str, Mapping[str, str]]] = {
    # an integration, and what it takes as a call kwarg where it has no field
    "OpenAI": {
        name: name
        for name in (
            "top_p",
            "seed",
            "stop",
            "frequency_penalty",
            "presence_penalty",
            "logprobs",
            "top_logprobs",
            "reasoning_effort",
            "service_tier",
            "user",
            "prompt_cache_key",
        )
    },
    "Anthropic": {"top_p": "top_p", "top_k": "top_k", "stop": "stop_sequences"},
    "GoogleGenAI": {
        "temperature": "temperature",
        "max_tokens": "max_output_tokens",
        "top_p": "top_p",
        "top_k": "top_k",
        "stop": "stop_sequences",
        "seed": "seed",
    },
}


@dataclass(frozen=True, slots=True)
class OwnCall:
    """What to call, and with what.

    Attributes:
        llm: The LLM, its fields set as the request asks.
        messages: The conversation.
        kwargs: Call kwargs: tools, the answer's form, and what has no field.
        text_tool: The tool whose arguments are the answer, where that is how this LLM is held to
            a form.
        adjustments: What of the request this LLM has no place for.
    """

    llm: LLM
    messages: Sequence[ChatMessage]
    kwargs: dict[str, Any]
    text_tool: str | None
    adjustments: tuple[Adjustment, ...]


def calls_functions(llm: LLM) -> bool:
    """Whether an LLM can be offered tools."""
    return isinstance(llm, FunctionCallingLLM) and llm.metadata.is_function_calling_model


class OwnForm:
    """Writes requests as one LLM takes them.

    Args:
        llm: The LLM.
        provider: Who serves it.
        issuer: Who can read back its reasoning and signatures.
    """

    def __init__(self, llm: LLM, *, provider: str, issuer: str) -> None:
        self._llm = llm
        self._provider = provider
        self._issuer = issuer
        self._is_openai = named_in(llm, _OPENAI)
        self._is_google = named_in(llm, _GOOGLE)
        kwargs = next((_KWARGS[c.__name__] for c in type(llm).__mro__ if c.__name__ in _KWARGS), {})
        self._fields = OwnFields(llm, kwargs, sets_fields=not self._is_google)

    def write(self, request: Request) -> OwnCall:
        """Write a request.

        Raises:
            UnsupportedParameterError: It asks for tools, which this LLM does not take.
        """
        changed: list[Adjustment] = []
        messages = self._messages(request, changed)
        kwargs: dict[str, Any] = {}
        llm = self._fields.set(request, kwargs, changed)
        if self._is_google and kwargs:
            kwargs = {"generation_config": kwargs}
        if request.extra:
            self._add_extra(request.extra, kwargs, changed)
        text_tool: str | None = None
        if request.tools:
            messages = self._add_tools(request, messages, kwargs, changed)
        if request.output is not None:
            messages, text_tool = self._add_form(request.output, messages, kwargs, changed)
        return OwnCall(llm, messages, kwargs, text_tool, tuple(changed))

    def _messages(self, request: Request, changed: list[Adjustment]) -> Sequence[ChatMessage]:
        own: Sequence[ChatMessage] | None = request.native.get(NATIVE)
        if own is not None and is_readable(own, self._issuer):
            return own
        messages, adjustments = to_messages(request.messages, self._issuer)
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

    def _add_tools(
        self,
        request: Request,
        messages: Sequence[ChatMessage],
        kwargs: dict[str, Any],
        changed: list[Adjustment],
    ) -> Sequence[ChatMessage]:
        if request.tool_choice == "none":
            changed.append(Adjustment("tool_choice", "translated", "none of the tools is offered"))
            return messages
        own = [tool for tool in request.tools if isinstance(tool, NativeTool)]
        readable = [tool for tool in own if tool.issuer in (self._issuer, self._provider)]
        changed.extend(
            [Adjustment("tools", "dropped", f"{t.issuer}'s own") for t in own if t not in readable]
        )
        offered = [tool for tool in request.tools if isinstance(tool, Tool)]
        named = [tool for tool in offered if tool.name == request.tool_choice]
        if named and len(offered) > 1:
            changed.append(Adjustment("tool_choice", "translated", "the only tool on offer"))
        if offered or readable:
            messages = self._offer(
                [_Offered(tool) for tool in named or offered],
                messages,
                kwargs,
                required=bool(named) or request.tool_choice == "required",
                parallel=request.parallel_tool_calls is not False,
            )
        if readable:
            kwargs["tools"] = [*(kwargs.get("tools") or ()), *[dict(t.payload) for t in readable]]
        return messages

    def _offer(
        self,
        tools: list[_Offered],
        messages: Sequence[ChatMessage],
        kwargs: dict[str, Any],
        *,
        required: bool,
        parallel: bool,
    ) -> Sequence[ChatMessage]:
        llm = self._llm
        if not (isinstance(llm, FunctionCallingLLM) and calls_functions(llm)):
            raise UnsupportedParameterError(
                f"{type(llm).__name__} takes no tools", parameter="tools", sent=False
            )
        prepared = llm._prepare_chat_with_tools(  # noqa: SLF001  (what each integration overrides for this)
            tools,
            chat_history=[*messages],
            allow_parallel_tool_calls=parallel,
            tool_required=required,
        )
        written: Sequence[ChatMessage] = prepared.pop("messages")
        kwargs |= {name: value for name, value in prepared.items() if value is not None}
        return written

    def _add_form(
        self,
        output: OutputFormat,
        messages: Sequence[ChatMessage],
        kwargs: dict[str, Any],
        changed: list[Adjustment],
    ) -> tuple[Sequence[ChatMessage], str | None]:
        """Hold the LLM to a form: by its own setting, by a tool, or in words."""
        if self._is_openai and _has_schemas(self._llm):
            kwargs["response_format"] = _openai_form(output)
            return messages, None
        if fits_tool(output) and calls_functions(self._llm) and "tools" not in kwargs:
            tool = Tool(output.name, output.description or _PURPOSE, output.schema)
            messages = self._offer(
                [_Offered(tool)], messages, kwargs, required=True, parallel=False
            )
            return messages, output.name
        changed.append(Adjustment("response_format", "translated", "asked for in words"))
        asked = ChatMessage(role=MessageRole.SYSTEM, content=json_instruction(output))
        return [asked, *messages], None


_PURPOSE: Final = "Give the final answer, in this form."


def _has_schemas(llm: LLM) -> bool:
    """Whether OpenAI's integration says that its model can be held to a schema."""
    asks = getattr(llm, "_should_use_structure_outputs", None)
    return bool(asks is not None and asks())


def _openai_form(output: OutputFormat) -> dict[str, Any]:
    if output.kind == "json_object":
        return {"type": "json_object"}
    form = {
        "name": output.name,
        "schema": dict(output.schema),
        "description": output.description or None,
        "strict": output.strict,
    }
    return {
        "type": "json_schema",
        "json_schema": {name: value for name, value in form.items() if value is not None},
    }


class _Described(ToolMetadata):
    """A tool's metadata that has a JSON schema where others have a class."""

    def __init__(self, tool: Tool) -> None:
        schema = {"type": "object", "properties": {}, **tool.parameters}
        super().__init__(tool.description, tool.name, _schema_class(tool.name, schema))
        self._schema = schema

    def get_parameters_dict(self) -> dict[str, Any]:
        """Give the schema, as it was given."""
        return self._schema


def _schema_class(name: str, schema: dict[str, Any]) -> type[BaseModel]:
    def model_json_schema(cls: type[BaseModel], *_: Any, **__: Any) -> dict[str, Any]:  # noqa: ARG001  (a class method's)
        return schema

    return type(name, (BaseModel,), {"model_json_schema": classmethod(model_json_schema)})


class _Offered(BaseTool):
    """A tool to be offered, not to be called: whoever asked calls it."""

    def __init__(self, tool: Tool) -> None:
        self._metadata = _Described(tool)

    @property
    def metadata(self) -> ToolMetadata:
        """What the model is told of it."""
        return self._metadata

    def __call__(self, input: Any) -> ToolOutput:  # noqa: A002  (LlamaIndex's name)
        """Refuse to be called."""
        raise NotImplementedError(f"{self._metadata.name} is called by whoever asked for it")
