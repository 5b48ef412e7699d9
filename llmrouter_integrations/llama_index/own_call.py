"""A :class:`Request` as a wrapped LLM takes it: its own fields, its own tools, its own schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llama_index.core.base.llms.generic_utils import messages_to_prompt
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ThinkingBlock
from llama_index.core.llms.function_calling import FunctionCallingLLM

from llmrouter_integrations.errors import UnsupportedParameterError
from llmrouter_integrations.llama_index.integrations import integration_of
from llmrouter_integrations.llama_index.own_tools import OfferedTool
from llmrouter_integrations.llama_index.prompts import CompletionMessages, PromptMessages
from llmrouter_integrations.llama_index.to_messages import (
    is_readable,
    to_messages,
    with_calls_once,
)
from llmrouter_integrations.llama_index.to_request import NATIVE
from llmrouter_integrations.messages import Adjustment, NativeTool, Tool
from llmrouter_integrations.wire.dialects import dialect_of
from llmrouter_integrations.wire.extra import extra_fields
from llmrouter_integrations.wire.history import Reader
from llmrouter_integrations.wire.inbound import OPENAI_ONLY
from llmrouter_integrations.wire.structured import fits_tool, json_instruction
from llmrouter_integrations.wrapping.fields import OwnFields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llama_index.core.base.llms.types import LLMMetadata
    from llama_index.core.llms import LLM

    from llmrouter_integrations.messages import OutputFormat, Request

__all__ = ["OwnCall", "OwnForm"]


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
        prompt: The conversation as one text, for an LLM that is to complete it; None: it is to
            answer the messages.
        formatted: Whether the LLM need not put anything around that text.
    """

    llm: LLM
    messages: Sequence[ChatMessage]
    kwargs: dict[str, Any]
    text_tool: str | None
    adjustments: tuple[Adjustment, ...]
    prompt: str | None = None
    formatted: bool = True


class OwnForm:
    """Writes requests as one LLM takes them.

    Args:
        llm: The LLM.
        metadata: What it says of itself.
        provider: Who serves it.
        issuer: Who can read back its reasoning and signatures.
    """

    def __init__(self, llm: LLM, metadata: LLMMetadata, *, provider: str, issuer: str) -> None:
        self._llm = llm
        self._kind = kind = integration_of(llm)
        self._provider = provider
        self._issuer = issuer
        self._completes = not metadata.is_chat_model
        self._calls = metadata.is_function_calling_model
        dialect = dialect_of(provider, metadata.model_name) if kind.is_openai else None
        tool_id = dialect.tool_id if dialect is not None else kind.tool_id
        # most integrations refuse a cache point, and have no place for a speaker's name
        self._reader = Reader(issuer, tool_id, names=False, cache_points=False)
        self._asks_usage = (
            dialect is not None
            and dialect.stream_usage
            and "stream_options" not in getattr(llm, "additional_kwargs", ())
        )
        self._fields = OwnFields(
            llm, kind.settings, sets_fields=kind.reads_fields, held_in=kind.settings_field
        )

    def write(self, request: Request, *, streamed: bool) -> OwnCall:
        """Write a request.

        Args:
            request: What is asked.
            streamed: Whether the answer is to come in pieces.

        Raises:
            UnsupportedParameterError: It asks for tools, which this LLM does not take, or shows
                what it cannot read.
        """
        changed: list[Adjustment] = []
        asked = request.native.get(NATIVE)
        messages = self._messages(request, changed)
        kwargs: dict[str, Any] = {}
        llm = self._fields.set(request, kwargs, changed)
        if kwargs and self._kind.settings_kwarg is not None:
            kwargs = {self._kind.settings_kwarg: kwargs}
        if request.extra:
            self._add_extra(request.extra, kwargs, changed)
        if streamed and self._asks_usage:
            kwargs.setdefault("stream_options", {"include_usage": True})
        text_tool: str | None = None
        if request.tools:
            messages = self._add_tools(request, messages, kwargs, changed)
        if request.output is not None:
            messages, text_tool = self._add_form(request.output, messages, kwargs, changed)
        if self._kind.thinking is not None and _answers_unthought_calls(messages):
            llm = self._without_thinking(llm, self._kind.thinking, changed)
        said = tuple(changed)
        if self._completes and "tools" not in kwargs:
            if isinstance(asked, CompletionMessages) and messages is asked:
                text = messages[0].content or ""
                return OwnCall(llm, messages, kwargs, None, said, text, asked.formatted)
            if isinstance(asked, PromptMessages):
                return OwnCall(llm, messages, kwargs, None, said, _as_text(llm, messages))
        if asked is None or isinstance(asked, PromptMessages):
            # its own system prompt goes before prompts, not before what a ``chat`` is given
            messages = llm._extend_messages(messages)  # type: ignore[arg-type]  # noqa: SLF001  (it takes any sequence)
        return OwnCall(llm, messages, kwargs, text_tool, said)

    def _messages(self, request: Request, changed: list[Adjustment]) -> Sequence[ChatMessage]:
        own: Sequence[ChatMessage] | None = request.native.get(NATIVE)
        kind = self._kind
        if own is not None and is_readable(own, self._reader, kind.blocks):
            return with_calls_once(own, spelled=kind.takes_spelling)
        messages, adjustments = to_messages(
            request.messages,
            self._reader,
            kind.blocks,
            spelled=kind.takes_spelling,
            signed=kind.signs_blocks,
        )
        changed.extend(adjustments)
        return messages

    def _without_thinking(self, llm: LLM, field: str, changed: list[Adjustment]) -> LLM:
        thinking = getattr(llm, field, None)
        if not thinking or thinking.get("type") != "enabled":
            return llm
        detail = "the tool calls being answered were made without thinking"
        changed.append(Adjustment("reasoning_effort", "dropped", detail))
        copy = llm.model_copy(update={field: None})
        object.__setattr__(copy, "__pydantic_private__", llm.__pydantic_private__)  # its clients
        return copy

    def _add_extra(
        self,
        extra: Mapping[str, Mapping[str, Any]],
        kwargs: dict[str, Any],
        changed: list[Adjustment],
    ) -> None:
        if not self._kind.is_openai:
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
                named or offered,
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
        tools: list[Tool],
        messages: Sequence[ChatMessage],
        kwargs: dict[str, Any],
        *,
        required: bool,
        parallel: bool,
    ) -> Sequence[ChatMessage]:
        llm = self._llm
        if not (isinstance(llm, FunctionCallingLLM) and self._calls):
            raise UnsupportedParameterError(
                f"{type(llm).__name__} takes no tools", parameter="tools", sent=False
            )
        prepared = llm._prepare_chat_with_tools(  # noqa: SLF001  (what each integration overrides for this)
            [OfferedTool(tool) for tool in tools],
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
        kind = self._kind
        if kind.form is not None and (kind.form_beside_tools or "tools" not in kwargs):
            asks = getattr(self._llm, "_should_use_structure_outputs", None)
            # OpenAI's says whether its model can be held to a schema
            if asks() if asks is not None else not kind.is_openai:
                for name, value in kind.form(output).items():
                    said = kwargs.get(name)
                    kwargs[name] = {**said, **value} if isinstance(said, dict) else value
                return messages, None
        if fits_tool(output) and self._calls and "tools" not in kwargs:
            tool = Tool(output.name, output.description or _PURPOSE, output.schema)
            messages = self._offer([tool], messages, kwargs, required=True, parallel=False)
            return messages, output.name
        changed.append(Adjustment("response_format", "translated", "asked for in words"))
        asked = ChatMessage(role=MessageRole.SYSTEM, content=json_instruction(output))
        return [asked, *messages], None


_PURPOSE: Final = "Give the final answer, in this form."


def _answers_unthought_calls(messages: Sequence[ChatMessage]) -> bool:
    """Whether results come now of calls that somebody made who does not show his thoughts.

    Claude refuses to think by a budget then.
    """
    results = (MessageRole.TOOL, MessageRole.FUNCTION)
    last = next((message for message in reversed(messages) if message.role not in results), None)
    if last is None or last is messages[-1] or last.role is not MessageRole.ASSISTANT:
        return False
    return not (last.blocks and isinstance(last.blocks[0], ThinkingBlock))


def _as_text(llm: LLM, messages: Sequence[ChatMessage]) -> str:
    """Write a prompt's messages as an LLM that completes texts has its prompts."""
    lone = messages[0] if len(messages) == 1 else None
    if lone is not None and lone.role is MessageRole.USER and llm.completion_to_prompt is not None:
        text = llm.completion_to_prompt(lone.content or "")
    else:
        text = (llm.messages_to_prompt or messages_to_prompt)(messages)
    return llm._extend_prompt(text)  # noqa: SLF001  (what its own ``predict`` does)
