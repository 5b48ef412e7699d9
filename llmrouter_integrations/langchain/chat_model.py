"""The router as LangChain applications use it: :class:`RoutedChatModel`."""

# ruff: noqa: TC001, TC002  (pydantic and LangChain resolve the annotations at run time)

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from functools import lru_cache
from typing import Any, TypeVar, cast
from uuid import uuid4

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.utils import LC_ID_PREFIX
from pydantic import Field, ValidationInfo, field_validator

from llmrouter_integrations.errors import RouterError
from llmrouter_integrations.hints import EMPTY, Prefer, RoutingHints
from llmrouter_integrations.langchain.errors import as_model_error
from llmrouter_integrations.langchain.from_response import Form, combined, to_chunks, to_result
from llmrouter_integrations.langchain.hints import BESIDE_THE_CHOICE, FORM, KWARG
from llmrouter_integrations.langchain.restarts import (
    ato_events,
    to_events,
    to_restartable_chunks,
)
from llmrouter_integrations.langchain.structured import Method, structured, structured_kwargs
from llmrouter_integrations.langchain.to_request import to_request
from llmrouter_integrations.langchain.tools import AnyTool, choice_kwarg, tools_kwarg
from llmrouter_integrations.langchain.with_router import ModelWithRouter
from llmrouter_integrations.messages import Chunk, Request
from llmrouter_integrations.router import Router
from llmrouter_integrations.routing.features import estimate_tokens, read_features
from llmrouter_integrations.settings import read_param, with_stated

__all__ = ["RoutedChatModel"]

_PARAMS = ("temperature", "top_p", "max_tokens", "seed", "reasoning_effort", "stop")
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _signed(function: _Function) -> _Function:
    """Keep a method's signature: LangChain asks for it at every call, and making it is slow."""
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]  # functions have it
    return function


@lru_cache
def _default_hints(prefer: Prefer | None, timeout_s: float | None) -> RoutingHints:
    said = prefer is not None or timeout_s is not None
    return RoutingHints(prefer=prefer, timeout_s=timeout_s) if said else EMPTY


class RoutedChatModel(ModelWithRouter):
    """A chat model that has each request answered by the model that is worth most for it.

    Use it as any other chat model: in chains, agents and graphs, streamed or whole, with tools
    and structured output. When a provider fails, another answers.

    Hints say more of a request. They travel in ``config["metadata"]`` as ``llmrouter_<field>``
    (or one nested ``llmrouter: {...}``; a flat key wins), or as the call kwarg ``hints``; see
    :class:`~llmrouter_integrations.RoutingHints`. Every answer tells who gave it and what it cost
    in ``response_metadata["llmrouter"]``.

    Call kwargs, also bound ones, are the parameters of OpenAI's chat completions, and ``model``
    (only this model may answer), ``timeout`` and ``hints``.

    Attributes:
        models: The targets: ``"provider/model"``, a :class:`TargetConfig` or a mapping of its
            fields, another chat model, or a mapping whose ``model`` is one (docs/own_models.md).
            None: those of ``config``, or of every provider whose key is in the environment.
        config: All settings of the router: an object, a mapping, or the path of a YAML file.
        router: A router to use as it is, in place of ``models`` and ``config``.
        api_key: The key of those targets that bring none; they must be of one provider.
        policy: "utility" (the most expected value for the money) or "ordered" (failover only).
        prefer: "quality", "balanced", "cost" or "latency".
        timeout: Total time of a request, retries and fallbacks included, in seconds.
        max_retries: Calls beyond the first one to each target. A given ``router`` keeps its own
            figure: there this has no effect.
        temperature: Sampling temperature.
        top_p: Nucleus sampling.
        max_tokens: Most tokens of an answer, reasoning included.
        stop: Words that end an answer.
        seed: For answers that can be repeated, where a provider offers that.
        reasoning_effort: none | minimal | low | medium | high | xhigh | max.
        streaming: Whether ``invoke`` streams from the provider too.

    Raises:
        ConfigurationError: An argument, a model name or a key is missing or wrong; says which.
    """

    prefer: Prefer | None = None
    timeout: float | None = Field(default=None, gt=0, le=86_400)
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: list[str] | str | None = None
    seed: int | None = None
    reasoning_effort: str | None = None
    streaming: bool = False

    @field_validator(*_PARAMS)
    @classmethod
    def _sound(cls, value: Any, info: ValidationInfo) -> Any:
        return read_param("RoutedChatModel", cast("str", info.field_name), value)

    # -- one call -----------------------------------------------------------------------------

    def _read_call(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
    ) -> tuple[Request, RoutingHints, Form]:
        """Part a call's kwargs into what is asked, how to route it, and how to write the answer."""
        form: Form = kwargs.pop(FORM, "blocks" if self.output_version == "v1" else "text")
        hints = kwargs.pop(KWARG, EMPTY).over(_default_hints(self.prefer, self.timeout))
        hints = with_stated(hints, kwargs.pop("model", None), kwargs.pop("timeout", None))
        kwargs.pop("stream", None)  # LangChain's own switch
        params = {name: said for name in _PARAMS if (said := getattr(self, name)) is not None}
        if stop is not None:
            params["stop"] = stop
        if "max_completion_tokens" in kwargs:
            params.pop("max_tokens", None)
        return to_request(messages, params | kwargs), hints, form

    @_signed
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002  (LangChain's signature)
        **kwargs: Any,
    ) -> ChatResult:
        try:
            request, hints, _ = self._read_call(messages, stop, kwargs)
            return to_result(self._engine().router.run(request, hints))
        except RouterError as error:
            as_model_error(error)
            raise

    @_signed
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002  (LangChain's signature)
        **kwargs: Any,
    ) -> ChatResult:
        try:
            request, hints, _ = self._read_call(messages, stop, kwargs)
            return to_result(await self._engine().router.arun(request, hints))
        except RouterError as error:
            as_model_error(error)
            raise

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002  (LangChain's signature)
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        try:
            request, hints, form = self._read_call(messages, stop, kwargs)
            router = self._engine().router
            write = _writer(hints, router)
            chunks = router.run_stream(request, hints)
            with closing(cast("Generator[Chunk]", chunks)):
                for chunk in chunks:
                    yield from write(chunk, form)
        except RouterError as error:
            as_model_error(error)
            raise

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002  (LangChain's signature)
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        try:
            request, hints, form = self._read_call(messages, stop, kwargs)
            router = self._engine().router
            write = _writer(hints, router)
            chunks = router.arun_stream(request, hints)
            async with aclosing(cast("AsyncGenerator[Chunk]", chunks)):
                async for chunk in chunks:
                    for written in write(chunk, form):
                        yield written
        except RouterError as error:
            as_model_error(error)
            raise

    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[Any]:
        """Answer in protocol events: LangChain's own would splice a stream that restarts."""
        chunks = self._stream(messages, stop, **kwargs)
        return to_events(cast("Generator[ChatGenerationChunk]", chunks), _message_id(run_manager))

    def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        chunks = self._astream(messages, stop, **kwargs)
        return ato_events(
            cast("AsyncGenerator[ChatGenerationChunk]", chunks), _message_id(run_manager)
        )

    # -- tools and structured output ----------------------------------------------------------

    def bind_tools(
        self,
        tools: Sequence[AnyTool],
        *,
        tool_choice: str | bool | dict[str, Any] | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools to the model.

        Args:
            tools: Functions, classes, LangChain tools, dicts in any vendor's form, and vendors'
                own tools; see :data:`~.tools.AnyTool`.
            tool_choice: "auto", "none", "any" (or "required", or True), a tool's name, or the dict
                by which a vendor's API names one.
            strict: Whether calls must fit the tools' schemas exactly.
            parallel_tool_calls: Whether several calls may be asked for at once.
            **kwargs: Further call kwargs to bind.

        Raises:
            InvalidRequestError: A tool is none, or the choice names none of them.
        """
        written = tools_kwarg(tools, strict=strict)
        said = {
            "tools": written or None,
            "tool_choice": choice_kwarg(tool_choice, written),
            "parallel_tool_calls": parallel_tool_calls,
        }
        return self.bind(**{k: v for k, v in said.items() if v is not None}, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: Method = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Have the answer as an object.

        Args:
            schema: A pydantic class, a TypedDict class, or a JSON schema; None only for
                ``json_mode``.
            method: "json_schema" (the provider holds the answer to the schema),
                "function_calling", or "json_mode" (any JSON; say in the prompt what is wanted).
            include_raw: Give ``{"raw", "parsed", "parsing_error"}`` and do not raise where the
                answer cannot be read.
            strict: Whether the provider must hold to the schema exactly.
            **kwargs: Further call kwargs to bind.

        Returns:
            What gives instances of the pydantic class, else dicts. An answer that is not what was
            asked for raises ``OutputParserException``.

        Raises:
            SchemaError: The method does not exist, or the schema cannot be used with it. It is
                a ValueError, too.
        """
        said, parser = structured_kwargs(schema, method, strict=strict)
        return structured(self.bind(**said, **kwargs), parser, include_raw=include_raw)

    def _combine_llm_outputs(self, outputs: list[dict[str, Any] | None], /) -> dict[str, Any]:
        return combined(outputs)

    # -- counting -----------------------------------------------------------------------------

    def get_token_ids(self, text: str) -> list[int]:
        """Tokenize a text, where the caller gave ``custom_get_token_ids``.

        Raises:
            NotImplementedError: It was not given: each model behind a router has its own.
        """
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        raise NotImplementedError("each model has its own tokenizer: give custom_get_token_ids")

    def get_num_tokens(self, text: str) -> int:
        """Estimate the tokens of a text, without a tokenizer; see :mod:`~..routing.features`."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return estimate_tokens(text)

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """Estimate the tokens of a prompt, images, files and tools included."""
        offered = tools_kwarg(tools, strict=None) if tools else None
        return read_features(to_request(messages, {"tools": offered}), EMPTY).input_tokens

    # -- what may be told and written down: never a key ----------------------------------------

    @property
    def _llm_type(self) -> str:
        return "llmrouter"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        said = {name: getattr(self, name) for name in (*_PARAMS, "prefer", "timeout")}
        written = self._engine().written
        return {"router": written, **{k: v for k, v in said.items() if v is not None}}

    def _get_invocation_params(
        self, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        hints = kwargs.pop(KWARG, None)
        kwargs.pop(FORM, None)
        if hints is not None:
            kwargs["hints"] = hints.as_plain()
        return {**self.asdict(), "stop": self.stop if stop is None else stop, **kwargs}

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        """Make the cache key: what is asked and of whom, not who asks and how long they wait."""
        said = kwargs.get(KWARG)
        if said is not None and any(callable(check) for check in said.verify or ()):
            return uuid4().hex  # a callable has no name to know it by: such answers are not shared
        params = self._get_invocation_params(stop, **kwargs)
        params.pop("timeout", None)
        said = params.pop("hints", {})
        params["hints"] = {k: v for k, v in said.items() if k not in BESIDE_THE_CHOICE}
        return str(sorted(params.items()))

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = LangSmithParams(
            ls_provider="llmrouter",
            ls_model_name=kwargs.get("model") or self._engine().label,
            ls_model_type="chat",
        )
        temperature = kwargs.get("temperature", self.temperature)
        max_tokens = kwargs.get("max_tokens", self.max_tokens)
        stop = stop or ([self.stop] if isinstance(self.stop, str) else self.stop)
        if temperature is not None:
            params["ls_temperature"] = temperature
        if max_tokens is not None:
            params["ls_max_tokens"] = max_tokens
        if stop:
            params["ls_stop"] = stop
        return params

    def __repr_args__(self) -> Any:
        said: dict[str, Any] = {"models": [target.name for target in self.models or ()]}
        if not self.models:
            said = {"router": self.router}
        for name in (*_PARAMS, "policy", "prefer", "timeout", "max_retries"):
            said[name] = getattr(self, name)
        return [(name, value) for name, value in said.items() if value is not None]


def _writer(hints: RoutingHints, router: Router) -> Callable[[Chunk, Form], Any]:
    """Say how the chunks of a stream are written: in a way of their own if it may begin again."""
    wanted = hints.on_interrupt or router.config.hints.get("on_interrupt")
    return to_restartable_chunks if wanted == "restart" else to_chunks


def _message_id(run: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None) -> str | None:
    return None if run is None else f"{LC_ID_PREFIX}-{run.run_id}"
