"""LLMs built like LlamaIndex's integrations, which are not installed where the tests run.

:class:`OpenAI` asks a provider by OpenAI's own SDK, as ``llama-index-llms-openai`` does: lazy
clients, its own retries, decorated methods, cumulative streams with the SDK's objects in ``raw``.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    LLMMetadata,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.constants import DEFAULT_CONTEXT_WINDOW
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from pydantic import Field, PrivateAttr

from llmrouter_integrations.llama_index.silence import undecorated
from llmrouter_integrations.llama_index.tools import selections_from


def written(message):
    if message.role == MessageRole.TOOL:
        call_id = message.additional_kwargs["tool_call_id"]
        return {"role": "tool", "tool_call_id": call_id, "content": message.content or ""}
    said = {"role": message.role.value, "content": message.content or None}
    calls = [
        {
            "id": block.tool_call_id,
            "type": "function",
            "function": {
                "name": block.tool_name,
                "arguments": block.tool_kwargs
                if isinstance(block.tool_kwargs, str)
                else json.dumps(block.tool_kwargs),
            },
        }
        for block in message.blocks
        if isinstance(block, ToolCallBlock)
    ]
    return said | ({"tool_calls": calls} if calls else {})


def read(content, calls):
    blocks = [TextBlock(text=content)] if content else []
    blocks += [
        ToolCallBlock(
            tool_call_id=call.id,
            tool_name=call.function.name or "",
            tool_kwargs=call.function.arguments or "",
        )
        for call in calls
    ]
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks)


class OverSDK(FunctionCallingLLM):
    """An LLM that asks by OpenAI's SDK, whose clients it makes when they are first needed."""

    model: str = "gpt-4.1"
    temperature: float = 0.1
    api_key: str = "sim-key"
    api_base: str = ""
    max_retries: int = 3
    timeout: float = 60.0
    http_client: Any = Field(default=None, exclude=True)
    http_async_client: Any = Field(default=None, exclude=True)

    _client: Any = PrivateAttr(default=None)
    _aclient: Any = PrivateAttr(default=None)

    def _said(self, client):
        return {
            "api_key": self.api_key,
            "base_url": self.api_base,
            "max_retries": self.max_retries,
            "timeout": self.timeout,
            "http_client": client,
        }

    def _sync(self):
        if self._client is None:
            self._client = openai.OpenAI(**self._said(self.http_client))
        return self._client

    def _async(self):
        if self._aclient is None:
            self._aclient = openai.AsyncOpenAI(**self._said(self.http_async_client))
        return self._aclient

    def complete(self, prompt, formatted=False, **kwargs):
        raise AssertionError("a chat model is asked by its chat")

    stream_complete = acomplete = astream_complete = complete

    def get_tool_calls_from_response(self, response, error_on_no_tool_call=True, **kwargs):
        return selections_from(response.message)


class OpenAI(OverSDK):
    max_tokens: int | None = None
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def class_name(cls):
        return "openai_llm"

    @property
    def metadata(self):
        return LLMMetadata(
            model_name=self.model,
            num_output=self.max_tokens or -1,
            is_chat_model=True,
            is_function_calling_model=True,
        )

    def _asked(self, messages, kwargs):
        said = {"model": self.model, "temperature": self.temperature}
        if self.max_tokens is not None:
            said["max_tokens"] = self.max_tokens
        said |= self.additional_kwargs
        return {**said, "messages": [written(m) for m in messages], **kwargs}

    @staticmethod
    def _whole(raw):
        message = raw.choices[0].message
        return ChatResponse(message=read(message.content, message.tool_calls or ()), raw=raw)

    @llm_chat_callback()
    def chat(self, messages, **kwargs):
        asked = self._asked(messages, kwargs)
        return self._whole(self._sync().chat.completions.create(**asked))

    @llm_chat_callback()
    async def achat(self, messages, **kwargs):
        asked = self._asked(messages, kwargs)
        return self._whole(await self._async().chat.completions.create(**asked))

    @llm_chat_callback()
    def stream_chat(self, messages, **kwargs):
        asked = self._asked(messages, kwargs)

        def gen():
            so_far = _SoFar()
            for raw in self._sync().chat.completions.create(**asked, stream=True):
                yield so_far.add(raw)

        return gen()

    @llm_chat_callback()
    async def astream_chat(self, messages, **kwargs):
        asked = self._asked(messages, kwargs)

        async def gen():
            so_far = _SoFar()
            create = self._async().chat.completions.create
            async for raw in await create(**asked, stream=True):
                yield so_far.add(raw)

        return gen()

    def _prepare_chat_with_tools(  # noqa: PLR0917  (LlamaIndex's signature)
        self,
        tools,
        user_msg=None,
        chat_history=None,
        verbose=False,
        allow_parallel_tool_calls=False,
        tool_required=False,
        **kwargs,
    ):
        return {
            "messages": [*(chat_history or ()), *([user_msg] if user_msg else ())],
            "tools": [t.metadata.to_openai_tool(skip_length_check=True) for t in tools] or None,
            "tool_choice": "required" if tool_required else "auto",
            "parallel_tool_calls": allow_parallel_tool_calls,
            **kwargs,
        }


class _SoFar:
    def __init__(self):
        self.content, self.calls = "", []

    def add(self, raw):
        delta = raw.choices[0].delta if raw.choices else None
        text = (delta and delta.content) or ""
        self.content += text
        for piece in (delta and delta.tool_calls) or ():
            if piece.index < len(self.calls):
                self.calls[piece.index].function.arguments += piece.function.arguments or ""
            else:
                self.calls.append(piece)
        return ChatResponse(message=read(self.content, self.calls), delta=text, raw=raw)


class OpenAILike(OpenAI):
    """As the original: its own methods bear no decorators, those they go on to do."""

    context_window: int = DEFAULT_CONTEXT_WINDOW
    is_chat_model: bool = True

    @property
    def metadata(self):
        return LLMMetadata(
            context_window=self.context_window,
            num_output=self.max_tokens or -1,
            model_name=self.model,
            is_chat_model=self.is_chat_model,
            is_function_calling_model=True,
        )

    def chat(self, messages, **kwargs):
        return super().chat(messages, **kwargs)

    def stream_chat(self, messages, **kwargs):
        return super().stream_chat(messages, **kwargs)

    async def achat(self, messages, **kwargs):
        return await super().achat(messages, **kwargs)

    async def astream_chat(self, messages, **kwargs):
        return await super().astream_chat(messages, **kwargs)


class Plain(CustomLLM):
    """An LLM that only completes prompts; it keeps what it was asked."""

    answers: list[Any] = Field(default_factory=lambda: ["ok"])
    asked: list[Any] = Field(default_factory=list)

    @property
    def metadata(self):
        return LLMMetadata(model_name="plain-1")

    @llm_completion_callback()
    def complete(self, prompt, formatted=False, **kwargs):
        self.asked.append((prompt, formatted))
        answer = self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return CompletionResponse(text=answer)

    @llm_completion_callback()
    def stream_complete(self, prompt, formatted=False, **kwargs):
        self.asked.append((prompt, formatted))

        def gen():
            text = ""
            for piece in self.answers:
                if isinstance(piece, Exception):
                    raise piece
                text += piece
                yield CompletionResponse(text=text, delta=piece)

        return gen()


class Answering(FunctionCallingLLM):
    """An LLM that gives prepared answers; it keeps what it was asked."""

    model: str = "answering-1"
    answers: list[Any] = Field(default_factory=list)
    asked: list[Any] = Field(default_factory=list)

    @property
    def metadata(self):
        return LLMMetadata(model_name=self.model, is_function_calling_model=True)

    @llm_chat_callback()
    def chat(self, messages, **kwargs):
        self.asked.append((self, messages, kwargs))
        if not self.answers:
            return ChatResponse(
                message=ChatMessage(role="assistant", content="ok"), raw={"finish_reason": "stop"}
            )
        if isinstance(self.answers[-1], Exception):
            raise self.answers[-1]
        return self.answers[-1]

    @llm_chat_callback()
    async def achat(self, messages, **kwargs):
        return undecorated(self, "chat")(messages, **kwargs)

    @llm_chat_callback()
    def stream_chat(self, messages, **kwargs):
        self.asked.append((self, messages, kwargs))

        def gen():
            yield from self.answers

        return gen()

    @llm_chat_callback()
    async def astream_chat(self, messages, **kwargs):
        async def gen():
            for answer in self.answers:
                yield answer

        return gen()

    def complete(self, prompt, formatted=False, **kwargs):
        raise AssertionError("a chat model is asked by its chat")

    stream_complete = acomplete = astream_complete = complete

    def _prepare_chat_with_tools(  # noqa: PLR0917  (LlamaIndex's signature)
        self,
        tools,
        user_msg=None,
        chat_history=None,
        verbose=False,
        allow_parallel_tool_calls=False,
        tool_required=False,
        **kwargs,
    ):
        return {
            "messages": chat_history,
            "tools": [(t.metadata.name, t.metadata.get_parameters_dict()) for t in tools],
            "required": tool_required,
            "parallel": allow_parallel_tool_calls,
        }


def unkept():
    """A client for tests with several event loops: a connection that is kept would outlive its."""
    return httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0))
