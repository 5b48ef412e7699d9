"""An LLM built like ``OpenAIResponses`` of llama-index-llms-openai, not installed where tests run.

It asks by OpenAI's own SDK. As with the original, a piece of a stream holds what its event brings,
``raw`` is the event, and the usage stands in the answer's ``additional_kwargs``.
"""

from __future__ import annotations

import json
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    LLMMetadata,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.llms.callbacks import llm_chat_callback
from pydantic import Field

from tests.llama_index_llms import OverSDK


def items(message):
    """As ``to_openai_responses_message_dict``: calls beside the blocks go out as they are."""
    if message.role == MessageRole.TOOL:
        call_id = message.additional_kwargs["tool_call_id"]
        return [{"type": "function_call_output", "output": message.content, "call_id": call_id}]
    said = [{"role": message.role.value, "content": message.content}] if message.content else []
    if "tool_calls" in message.additional_kwargs:
        return [*said, *message.additional_kwargs["tool_calls"]]
    return [
        *said,
        *[
            {
                "type": "function_call",
                "arguments": b.tool_kwargs
                if isinstance(b.tool_kwargs, str)
                else json.dumps(b.tool_kwargs),
                "call_id": b.tool_call_id,
                "name": b.tool_name,
            }
            for b in message.blocks
            if isinstance(b, ToolCallBlock)
        ],
    ]


def call_block(item):
    return ToolCallBlock(tool_name=item.name, tool_call_id=item.call_id, tool_kwargs=item.arguments)


def thinking_block(item):
    text = "\n".join(part.text for part in item.summary)
    return ThinkingBlock(
        content=text or None,
        additional_information=item.model_dump(exclude={"content", "summary"}),
    )


def blocks_of(output):
    blocks = []
    for item in output:
        if item.type == "message":
            blocks += [TextBlock(text=part.text) for part in item.content if part.type != "refusal"]
        elif item.type == "function_call":
            blocks.append(call_block(item))
        elif item.type == "reasoning":
            blocks.append(thinking_block(item))
    return blocks


def refusal_in(output):
    parts = [part for item in output if item.type == "message" for part in item.content]
    return {part.type: part.refusal for part in parts if part.type == "refusal"}


class Events:
    """What the pieces of one stream hold."""

    def __init__(self):
        self.call = None
        self.besides = {"built_in_tool_calls": []}

    def piece(self, event):
        delta, blocks = "", []
        if event.type == "response.output_item.added" and event.item.type == "function_call":
            self.call = event.item
        elif event.type == "response.output_text.delta":
            delta, blocks = event.delta, [TextBlock(text=event.delta)]
        elif event.type == "response.function_call_arguments.done" and self.call is not None:
            self.call.arguments = event.arguments
            blocks, self.call = [call_block(self.call)], None
        elif event.type == "response.output_item.done" and event.item.type == "reasoning":
            blocks = [thinking_block(event.item)]
        elif event.type == "response.completed":
            self.besides["usage"] = event.response.usage
            blocks = blocks_of(event.response.output)
        return ChatResponse(
            message=ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks),
            delta=delta,
            raw=event,
            additional_kwargs=self.besides,
        )


class OpenAIResponses(OverSDK):
    max_output_tokens: int | None = None
    top_p: float = 1.0
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def class_name(cls):
        return "openai_responses_llm"

    @property
    def metadata(self):
        return LLMMetadata(
            context_window=1_047_576,
            num_output=self.max_output_tokens or -1,
            model_name=self.model,
            is_chat_model=True,
            is_function_calling_model=True,
        )

    def _asked(self, messages, kwargs):
        said = {"model": self.model, "temperature": self.temperature, "top_p": self.top_p}
        if self.max_output_tokens is not None:
            said["max_output_tokens"] = self.max_output_tokens
        return {**said, "input": [i for m in messages for i in items(m)], "store": False, **kwargs}

    @staticmethod
    def _whole(raw):
        return ChatResponse(
            message=ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks_of(raw.output)),
            raw=raw,
            additional_kwargs={"usage": raw.usage, **refusal_in(raw.output)},
        )

    @llm_chat_callback()
    def chat(self, messages, **kwargs):
        return self._whole(self._sync().responses.create(**self._asked(messages, kwargs)))

    @llm_chat_callback()
    async def achat(self, messages, **kwargs):
        return self._whole(await self._async().responses.create(**self._asked(messages, kwargs)))

    @llm_chat_callback()
    def stream_chat(self, messages, **kwargs):
        def gen():
            events = Events()
            asked = self._asked(messages, kwargs)
            for event in self._sync().responses.create(**asked, stream=True):
                yield events.piece(event)

        return gen()

    @llm_chat_callback()
    async def astream_chat(self, messages, **kwargs):
        async def gen():
            events = Events()
            asked = self._asked(messages, kwargs)
            async for event in await self._async().responses.create(**asked, stream=True):
                yield events.piece(event)

        return gen()

    def _prepare_chat_with_tools(  # noqa: PLR0917  (LlamaIndex's signature)
        self,
        tools,
        user_msg=None,
        chat_history=None,
        verbose=False,
        allow_parallel_tool_calls=True,
        tool_required=False,
        **kwargs,
    ):
        return {
            "messages": [*(chat_history or ()), *([user_msg] if user_msg else ())],
            "tools": [
                {
                    "type": "function",
                    **t.metadata.to_openai_tool(skip_length_check=True)["function"],
                }
                for t in tools
            ],
            "tool_choice": "required" if tool_required else "auto",
            "parallel_tool_calls": allow_parallel_tool_calls,
            **kwargs,
        }
