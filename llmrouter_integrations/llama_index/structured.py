"""Answers as objects, by each target's own way of holding to a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.instrumentation.events.llm import (
    LLMStructuredPredictEndEvent,
    LLMStructuredPredictInProgressEvent,
    LLMStructuredPredictStartEvent,
)
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.output_parsers.utils import extract_json_str
from llama_index.core.prompts import BasePromptTemplate, SelectorPromptTemplate
from llama_index.core.types import PydanticProgramMode
from llama_index_instrumentation import get_dispatcher
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from llmrouter_integrations.dispatch.verify import json_text
from llmrouter_integrations.hints import RoutingHints
from llmrouter_integrations.llama_index.prompts import PromptMessages, PromptText

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

__all__ = ["SchemaLLM", "object_from", "schema_kwargs"]


def schema_kwargs(output_cls: type[BaseModel]) -> dict[str, Any]:
    """Give the call kwargs that ask for an instance of a class."""
    schema = output_cls.model_json_schema()
    form = {"name": output_cls.__name__, "schema": schema}
    if "description" in schema:
        form["description"] = schema["description"]
    return {"response_format": {"type": "json_schema", "json_schema": form}}


def object_from(answer: ChatResponse, output_cls: type[BaseModel]) -> BaseModel:
    """Read the object that a finished answer is, or that stands in it among prose.

    Raises:
        ValueError: The answer is not such an object; says why, as far as it is known.
    """
    text = answer.message.content or ""
    try:
        return output_cls.model_validate_json(json_text(text))
    except ValidationError as error:
        fault = error
    try:
        return output_cls.model_validate_json(extract_json_str(text))
    except ValidationError as error:
        fault = error
    except ValueError:  # there is none in it
        pass
    raise ValueError(f"{_why(answer)}: {fault}") from fault


def _why(answer: ChatResponse) -> str:
    if refusal := answer.message.additional_kwargs.get("refusal"):
        return f"the model refused ({refusal})"
    if isinstance(answer.raw, dict) and answer.raw.get("finish_reason") == "length":
        return "the answer was cut off by its limit of tokens"
    return "the answer is not what was asked for"


class _GrowingObject:
    """An object under way: an instance where what has come is one, else one without rules."""

    def __init__(self, output_cls: type[BaseModel]) -> None:
        from llama_index.core.program.utils import create_flexible_model

        self._cls = output_cls
        self._flexible = create_flexible_model(output_cls)
        self._read: Any = None
        self._last: BaseModel | None = None

    def add(self, answer: ChatResponse) -> BaseModel | None:
        """Take what has come so far; give the object if there is more of it."""
        text = answer.message.content or ""
        try:
            # what stands before it is prose, or a fence
            read = from_json(text[max(text.find("{"), 0) :], allow_partial="trailing-strings")
        except ValueError:
            return None
        if not isinstance(read, dict) or read == self._read:
            return None
        self._read = read
        try:
            self._last = self._cls.model_validate(read)
        except ValidationError:
            self._last = self._flexible.model_validate(read)
        return self._last

    def end(self, answer: ChatResponse) -> tuple[BaseModel, bool]:
        """Take the whole answer; give the object, and whether the last one was it already."""
        whole = object_from(answer, self._cls)
        return whole, whole == self._last


class SchemaLLM(FunctionCallingLLM):
    """An LLM whose targets can be asked for an answer that fits a schema.

    With another ``pydantic_program_mode`` than the default, LlamaIndex's programs do it their way.
    """

    def structured_predict(
        self,
        output_cls: type[BaseModel],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> BaseModel:
        """Answer a prompt with an object.

        Args:
            output_cls: The object's class.
            prompt: The prompt.
            llm_kwargs: Call kwargs, as for ``chat``.
            **prompt_args: The prompt's variables.

        Raises:
            ValueError: The answer is not such an object; says why, as far as it is known.
            RouterError: As ``chat``.
        """
        if self.pydantic_program_mode != PydanticProgramMode.DEFAULT:
            kwargs = self._with_hints_of(prompt, llm_kwargs)
            found = super().structured_predict(output_cls, prompt, kwargs, **prompt_args)
            return cast("BaseModel", found)
        _started(output_cls, prompt, prompt_args)
        answer = self.chat(
            self._prompted(prompt, prompt_args), **_schema_call(output_cls, llm_kwargs)
        )
        return _ended(object_from(answer, output_cls))

    async def astructured_predict(
        self,
        output_cls: type[BaseModel],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> BaseModel:
        """Answer a prompt with an object; as :meth:`structured_predict`."""
        if self.pydantic_program_mode != PydanticProgramMode.DEFAULT:
            kwargs = self._with_hints_of(prompt, llm_kwargs)
            found = await super().astructured_predict(output_cls, prompt, kwargs, **prompt_args)
            return cast("BaseModel", found)
        _started(output_cls, prompt, prompt_args)
        answer = await self.achat(
            self._prompted(prompt, prompt_args), **_schema_call(output_cls, llm_kwargs)
        )
        return _ended(object_from(answer, output_cls))

    def stream_structured_predict(
        self,
        output_cls: type[BaseModel],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[BaseModel]:
        """Answer a prompt with an object that grows; the last one is whole.

        While it grows it is an instance of ``output_cls`` where what has come is one, else of a
        class with the same fields, all optional.

        Raises:
            ValueError: As :meth:`structured_predict`, at the end.
        """
        if self.pydantic_program_mode != PydanticProgramMode.DEFAULT:
            kwargs = self._with_hints_of(prompt, llm_kwargs)
            return super().stream_structured_predict(output_cls, prompt, kwargs, **prompt_args)
        _started(output_cls, prompt, prompt_args)
        answers = self.stream_chat(
            self._prompted(prompt, prompt_args), **_schema_call(output_cls, llm_kwargs)
        )

        def objects() -> Generator[BaseModel]:
            growing = _GrowingObject(output_cls)
            answer = ChatResponse(message=ChatMessage())
            for answer in answers:
                if (one := growing.add(answer)) is not None:
                    yield _under_way(one)
            whole, told = growing.end(answer)
            if not told:
                yield _under_way(whole)
            _ended(whole)

        return objects()

    async def astream_structured_predict(
        self,
        output_cls: type[BaseModel],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[BaseModel]:
        """Answer a prompt with an object that grows; as :meth:`stream_structured_predict`."""
        if self.pydantic_program_mode != PydanticProgramMode.DEFAULT:
            kwargs = self._with_hints_of(prompt, llm_kwargs)
            return await super().astream_structured_predict(
                output_cls, prompt, kwargs, **prompt_args
            )
        _started(output_cls, prompt, prompt_args)
        answers = await self.astream_chat(
            self._prompted(prompt, prompt_args), **_schema_call(output_cls, llm_kwargs)
        )

        async def objects() -> AsyncGenerator[BaseModel]:
            growing = _GrowingObject(output_cls)
            answer = ChatResponse(message=ChatMessage())
            async for answer in answers:
                if (one := growing.add(answer)) is not None:
                    yield _under_way(one)
            whole, told = growing.end(answer)
            if not told:
                yield _under_way(whole)
            _ended(whole)

        return objects()

    # What ``predict`` and its like hand to ``chat`` or ``complete``: the prompt's hints go along.

    def _get_messages(self, prompt: BasePromptTemplate, **prompt_args: Any) -> PromptMessages:
        messages = super()._get_messages(prompt, **prompt_args)
        return PromptMessages(messages, *self._said_by(prompt))

    def _get_prompt(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        text = super()._get_prompt(prompt, **prompt_args)
        return PromptText(text, self._get_messages(prompt, **prompt_args))

    def _prompted(self, prompt: BasePromptTemplate, prompt_args: dict[str, Any]) -> PromptMessages:
        # without the LLM's own output parser: the schema says what comes out
        messages = self._extend_messages(prompt.format_messages(llm=self, **prompt_args))
        return PromptMessages(messages, *self._said_by(prompt))

    def _said_by(self, prompt: BasePromptTemplate) -> list[dict[str, Any]]:
        """Give a prompt's metadata, those of the one it selects for this LLM first."""
        said = [prompt.metadata]
        while isinstance(prompt, SelectorPromptTemplate):
            prompt = prompt.select(self)
            said.insert(0, prompt.metadata)
        return said

    def _with_hints_of(
        self, prompt: BasePromptTemplate, llm_kwargs: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Say in the call what the prompt says, where a program hides the prompt from the LLM."""
        kwargs = dict(llm_kwargs or {})
        hints = RoutingHints.of(kwargs.pop("hints", None))
        kwargs["hints"] = hints.over(PromptMessages((), *self._said_by(prompt)).hints)
        return kwargs


def _schema_call(output_cls: type[BaseModel], llm_kwargs: dict[str, Any] | None) -> dict[str, Any]:
    # LlamaIndex's callers add these for its own programs, which call a tool of that name
    said = {k: v for k, v in (llm_kwargs or {}).items() if k not in _OF_TOOLS}
    return schema_kwargs(output_cls) | said


_OF_TOOLS: Final = frozenset({"tool_choice", "tool_required", "allow_parallel_tool_calls"})


_dispatcher = get_dispatcher(__name__)


def _started(
    output_cls: type[BaseModel], prompt: BasePromptTemplate, prompt_args: dict[str, Any]
) -> None:
    _dispatcher.event(
        LLMStructuredPredictStartEvent(
            output_cls=output_cls, template=prompt, template_args=prompt_args
        )
    )


def _under_way(found: BaseModel) -> BaseModel:
    _dispatcher.event(LLMStructuredPredictInProgressEvent(output=found))
    return found


def _ended(found: BaseModel) -> BaseModel:
    _dispatcher.event(LLMStructuredPredictEndEvent(output=found))
    return found
