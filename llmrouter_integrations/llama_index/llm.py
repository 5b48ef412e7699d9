"""The router as LlamaIndex applications use it: :class:`RoutedLLM`."""

# ruff: noqa: TC001, TC002  (pydantic and LlamaIndex resolve the annotations at run time)

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from typing import Any, TypeVar, cast

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    MessageRole,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools.types import BaseTool

from llmrouter_integrations.hints import RoutingHints
from llmrouter_integrations.llama_index.from_response import (
    astream_responses,
    stream_responses,
    to_chat_response,
    to_completion,
)
from llmrouter_integrations.llama_index.hints import settle_hints
from llmrouter_integrations.llama_index.prompts import CompletionMessages, PromptText
from llmrouter_integrations.llama_index.structured import SchemaLLM
from llmrouter_integrations.llama_index.to_request import to_request
from llmrouter_integrations.llama_index.tools import keep_one_call, selections_from, tools_kwarg
from llmrouter_integrations.llama_index.with_router import PARAMS, LLMWithRouter
from llmrouter_integrations.messages import Request
from llmrouter_integrations.settings import with_stated

__all__ = ["RoutedLLM"]

_F = TypeVar("_F", bound=Callable[..., Any])


def _chat_events(method: _F) -> _F:
    return cast("_F", llm_chat_callback()(method))


def _completion_events(method: _F) -> _F:
    return cast("_F", llm_completion_callback()(method))


class RoutedLLM(SchemaLLM, LLMWithRouter):
    """An LLM that has each request answered by the model that is worth most for it.

    Use it as any other LLM: ``Settings.llm``, query and chat engines, agents and workflows,
    streamed or whole, with tools and structured output. When a provider fails, another answers.

    Hints say more of a request. In order of weight: the call kwarg ``hints`` (a mapping of the
    fields of :class:`~llmrouter_integrations.RoutingHints`), a prompt's metadata
    (``PromptTemplate(..., metadata={"llmrouter": {...}})``, or flat ``llmrouter_<field>`` keys),
    :meth:`with_hints`, and :func:`~llmrouter_integrations.llama_index.hints_for`. Every answer
    tells who gave it and what it cost in ``raw["llmrouter"]``.

    Call kwargs are the parameters of OpenAI's chat completions, and ``model`` (only this model
    may answer), ``timeout`` and ``hints``.

    Attributes:
        models: The targets: ``"provider/model"``, a :class:`TargetConfig` or a mapping of its
            fields, another LLM, or a mapping whose ``model`` is one (docs/own_models.md).
            None: those of ``config``, or of every provider whose key is in the environment.
        config: All settings of the router: an object, a mapping, or the path of a YAML file.
        router: A router to use as it is, in place of ``models`` and ``config``.
        api_key: The key of those targets that bring none; they must be of one provider.
        policy: "utility" (the most expected value for the money) or "ordered" (failover only).
        prefer: "quality", "balanced", "cost" or "latency".
        timeout: Total time of a request, retries and fallbacks included, in seconds.
        max_retries: Calls beyond the first; a given ``router`` keeps its own figure.
        temperature: Sampling temperature.
        top_p: Nucleus sampling.
        max_tokens: Most tokens of an answer, reasoning included.
        stop: Words that end an answer.
        seed: For answers that can be repeated, where a provider offers that.
        reasoning_effort: none | minimal | low | medium | high | xhigh | max.
        additional_kwargs: Further call kwargs, for every call.
        hints: Hints for every call; see :meth:`with_hints`.

    Raises:
        ConfigurationError: An argument, a model name or a key is missing or wrong; says which.
    """

    # -- one call -----------------------------------------------------------------------------

    @_chat_events
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer a conversation.

        Args:
            messages: The conversation, oldest first.
            **kwargs: Parameters of OpenAI's chat completions, ``model``, ``timeout``, ``hints``.

        Raises:
            RouterError: As :meth:`Router.complete`.
        """
        return self._chat(messages, kwargs)

    @_chat_events
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer a conversation; as :meth:`chat`."""
        return await self._achat(messages, kwargs)

    @_chat_events
    def stream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> Generator[ChatResponse]:
        """Answer a conversation in pieces: each has all so far; the last has ``raw``.

        Raises:
            StreamInterrupted: The answer broke off after some of it had been handed on.
            RouterError: As :meth:`chat`.
        """
        return self._stream_chat(messages, kwargs)

    @_chat_events
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> AsyncGenerator[ChatResponse]:
        """Answer a conversation in pieces; as :meth:`stream_chat`."""
        return self._astream_chat(messages, kwargs)

    @_completion_events
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Answer a prompt: one user's message. Otherwise as :meth:`chat`.

        Args:
            prompt: The prompt.
            formatted: Whether it is just as an LLM that completes texts should get it; only such
                a target of your own (docs/own_models.md) is told.
            **kwargs: As for :meth:`chat`.
        """
        return to_completion(self._chat(_as_messages(prompt, formatted=formatted), kwargs))

    @_completion_events
    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponse:
        """Answer a prompt; as :meth:`complete`."""
        return to_completion(await self._achat(_as_messages(prompt, formatted=formatted), kwargs))

    @_completion_events
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> Generator[CompletionResponse]:
        """Answer a prompt in pieces; as :meth:`complete` and :meth:`stream_chat`."""
        answers = self._stream_chat(_as_messages(prompt, formatted=formatted), kwargs)
        return (to_completion(answer) for answer in answers)

    @_completion_events
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> AsyncGenerator[CompletionResponse]:
        """Answer a prompt in pieces; as :meth:`complete` and :meth:`stream_chat`."""
        answers = self._astream_chat(_as_messages(prompt, formatted=formatted), kwargs)
        return (to_completion(answer) async for answer in answers)

    # Without events: ``complete`` on ``chat`` would report, and count, every call twice. And no
    # generators: a call's hints are those at the time of the call, not of the first iteration.

    def _chat(self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]) -> ChatResponse:
        return to_chat_response(self._engine().run(*self._read_call(messages, kwargs)))

    async def _achat(self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]) -> ChatResponse:
        return to_chat_response(await self._engine().arun(*self._read_call(messages, kwargs)))

    def _stream_chat(
        self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]
    ) -> Generator[ChatResponse]:
        return stream_responses(self._engine().run_stream(*self._read_call(messages, kwargs)))

    def _astream_chat(
        self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]
    ) -> AsyncGenerator[ChatResponse]:
        return astream_responses(self._engine().arun_stream(*self._read_call(messages, kwargs)))

    def _read_call(
        self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]
    ) -> tuple[Request, RoutingHints]:
        """Part a call's kwargs into what is asked, and how to route it."""
        if self.additional_kwargs:
            kwargs = self.additional_kwargs | kwargs
        said = RoutingHints.of(kwargs.pop("hints", None))
        if "llmrouter_hints" in kwargs:
            said = said.over(RoutingHints.of(kwargs.pop("llmrouter_hints")))
        said = with_stated(said, kwargs.pop("model", None), kwargs.pop("timeout", None))
        hints = settle_hints(said, messages, self.hints, self._own_hints())
        params = {name: getattr(self, name) for name in PARAMS}
        if "max_completion_tokens" in kwargs:
            del params["max_tokens"]
        if kwargs.get("tools"):
            kwargs["tools"] = tools_kwarg(kwargs["tools"])
        return to_request(messages, params | kwargs), hints

    def _own_hints(self) -> RoutingHints:
        """Give what the constructor's arguments say, and under it the router's configuration."""
        router = self._engine()
        said = (self.prefer, self.timeout, router)
        if self._default_hints[0] != said:
            own = RoutingHints(prefer=self.prefer, timeout_s=self.timeout)
            self._default_hints = (said, own.over(RoutingHints.of(router.config.hints)))
        return self._default_hints[1]

    # -- tools --------------------------------------------------------------------------------

    def _prepare_chat_with_tools(  # noqa: PLR0917  (LlamaIndex's signature)
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,  # noqa: ARG002  (the same)
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: str | dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        messages = list(chat_history or ())
        if user_msg:
            messages.append(
                ChatMessage(role=MessageRole.USER, content=user_msg)
                if isinstance(user_msg, str)
                else user_msg
            )
        if tools:
            kwargs["tools"] = tools_kwarg(tools)
            kwargs["tool_choice"] = tool_choice or ("required" if tool_required else "auto")
            kwargs["parallel_tool_calls"] = allow_parallel_tool_calls
        return {"messages": messages, **kwargs}

    def _validate_chat_with_tools_response(
        self,
        response: ChatResponse,
        tools: Sequence[BaseTool],  # noqa: ARG002  (LlamaIndex's signature)
        allow_parallel_tool_calls: bool = False,
        **kwargs: Any,  # noqa: ARG002  (LlamaIndex's signature)
    ) -> ChatResponse:
        if not allow_parallel_tool_calls:
            keep_one_call(response)
        return response

    def get_tool_calls_from_response(
        self,
        response: ChatResponse,
        error_on_no_tool_call: bool = True,
        **kwargs: Any,  # noqa: ARG002  (LlamaIndex's signature)
    ) -> list[ToolSelection]:
        """Read the calls of an answer, also of one that is still being streamed.

        Raises:
            ValueError: There are none, and ``error_on_no_tool_call``.
        """
        found = selections_from(response.message)
        if not found and error_on_no_tool_call:
            raise ValueError("expected at least one tool call, but the model made none")
        return found


def _as_messages(prompt: str, *, formatted: bool) -> Sequence[ChatMessage]:
    if isinstance(prompt, PromptText):
        return prompt.messages
    return CompletionMessages(prompt, formatted=formatted)
