"""RoutedLLM over OpenAI's wire, byte for byte: what is sent, and what is made of what comes."""

from __future__ import annotations

import json

import httpx
import orjson
import pytest
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool

from llmrouter_integrations import Router
from llmrouter_integrations.errors import InvalidRequestError, StreamInterrupted
from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.transport import Transport

HEAD = {"id": "chatcmpl-1", "created": 1, "model": "gpt-5.4-mini-2026-03-05"}
USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 7,
    "total_tokens": 19,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def whole(message, finish="stop"):
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    body = {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}
    return httpx.Response(200, json=body)


def sse(*deltas, finish="stop", end=b"data: [DONE]\n\n"):
    events = [
        {**HEAD, "object": "chat.completion.chunk", "choices": [choice]}
        for choice in (
            *[{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas],
            *([{"index": 0, "delta": {}, "finish_reason": finish}] if finish else []),
        )
    ]
    if finish:
        events.append({**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": USAGE})
    body = b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events) + end
    return httpx.Response(200, content=body, headers={"content-type": "text/event-stream"})


CALLS = sse(
    {"role": "assistant", "content": None},
    {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "add", "arguments": ""}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 1'}}]},
    {"tool_calls": [{"index": 1, "id": "call_2", "type": "function", "function": {"name": "add", "arguments": '{"a'}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": ', "b": 2}'}}]},
    {"tool_calls": [{"index": 1, "function": {"arguments": '": 3, "b": 4}'}}]},
    finish="tool_calls",
)  # fmt: skip


class OpenAI:
    """Answers every request in order, the last answer again and again; keeps what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.bodies = []
        self.headers = {}

    def __call__(self, request):
        self.bodies.append(json.loads(request.content))
        self.headers = request.headers
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def llm(self, **arguments):
        mock = httpx.MockTransport(self)
        router = Router(
            [{"model": "openai/gpt-5.4-mini", "api_key": "sk-x", "protocol": "openai-chat"}],
            transport=Transport(sync_transport=mock, async_transport=mock),
            max_retries=0,
        )
        return RoutedLLM(router=router, **arguments)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


TOOL = FunctionTool.from_defaults(add)
HI = [ChatMessage("Be brief.", role="system"), ChatMessage("hi")]


async def test_chat():
    server = OpenAI(whole({"content": "Hello!"}))
    llm = server.llm(temperature=0.5, max_tokens=9)
    for answer in (llm.chat(HI), await llm.achat(HI)):
        assert str(answer) == "assistant: Hello!"
        assert answer.raw["model"] == "gpt-5.4-mini-2026-03-05"
        assert answer.raw["usage"]["prompt_tokens_details"]["cached_tokens"] == 8
        assert answer.raw["usage"]["completion_tokens_details"]["reasoning_tokens"] == 2
        assert answer.additional_kwargs["total_tokens"] == 19
    assert server.bodies[0] == server.bodies[1]
    assert server.bodies[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]
    assert server.bodies[0]["model"] == "gpt-5.4-mini"
    assert server.headers["authorization"] == "Bearer sk-x"


async def test_stream():
    server = OpenAI(
        sse({"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"})
    )
    llm = server.llm()
    for pieces in (
        list(llm.stream_chat(HI)),
        [piece async for piece in await llm.astream_chat(HI)],
    ):
        assert "".join(piece.delta for piece in pieces) == "Hello"
        assert pieces[-1].message.content == "Hello"
        assert pieces[-1].raw["usage"]["total_tokens"] == 19
    assert server.bodies[0]["stream"] is True
    assert server.bodies[0]["stream_options"] == {"include_usage": True}


async def test_tools():
    call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}  # fmt: skip
    server = OpenAI(whole({"content": None, "tool_calls": [call]}, "tool_calls"))
    llm = server.llm()
    for answer in (
        llm.chat_with_tools([TOOL], "1 + 2?", tool_required=True),
        await llm.achat_with_tools([TOOL], "1 + 2?", tool_required=True),
    ):
        (selection,) = llm.get_tool_calls_from_response(answer)
        assert (selection.tool_id, selection.tool_kwargs) == ("call_1", {"a": 1, "b": 2})
        assert answer.message.additional_kwargs["tool_calls"] == [call]
    body = server.bodies[0]
    assert body["tool_choice"] == "required"
    assert body["parallel_tool_calls"] is False
    assert body["tools"][0]["function"]["parameters"]["required"] == ["a", "b"]
    result = ChatMessage("3", role="tool", additional_kwargs={"tool_call_id": "call_1"})
    llm.chat([ChatMessage("1 + 2?"), answer.message, result])
    sent = server.bodies[-1]["messages"]
    assert sent[1]["tool_calls"] == [call]
    assert (sent[2]["role"], sent[2]["tool_call_id"], sent[2]["content"]) == ("tool", "call_1", "3")


async def test_calls_that_come_in_pieces():
    llm = OpenAI(CALLS).llm()
    for pieces in (
        list(llm.stream_chat_with_tools([TOOL], "x", allow_parallel_tool_calls=True)),
        [
            piece
            async for piece in await llm.astream_chat_with_tools(
                [TOOL], "x", allow_parallel_tool_calls=True
            )
        ],
    ):
        found = [llm.get_tool_calls_from_response(p, error_on_no_tool_call=False) for p in pieces]
        assert [(s.tool_id, s.tool_kwargs) for s in found[-1]] == [
            ("call_1", {"a": 1, "b": 2}),
            ("call_2", {"a": 3, "b": 4}),
        ]
        assert pieces[-1].raw["finish_reason"] == "tool_calls"


def test_callbacks_count_what_was_billed():
    counter = TokenCountingHandler(tokenizer=lambda _: [1] * 1000)
    llm = OpenAI(sse({"content": "Hello"})).llm(callback_manager=CallbackManager([counter]))
    list(llm.stream_chat(HI))
    list(llm.stream_complete("hi"))
    assert counter.prompt_llm_token_count == 24
    assert counter.completion_llm_token_count == 14


def test_blocks():
    server = OpenAI(whole({"content": "A cat."}))
    blocks = [TextBlock(text="What is it?"), ImageBlock(url="https://a.b/c.png", detail="low")]
    server.llm().chat([ChatMessage(blocks=blocks)])
    assert server.bodies[0]["messages"][0]["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "https://a.b/c.png", "detail": "low"}},
    ]


def test_log_probabilities():
    said = {"token": "A", "logprob": -0.1, "bytes": [65], "top_logprobs": []}
    message = {"role": "assistant", "content": "A"}
    choice = {"index": 0, "message": message, "logprobs": {"content": [said]}, "finish_reason": "stop"}  # fmt: skip
    body = {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}
    server = OpenAI(httpx.Response(200, json=body))
    answer = server.llm().chat(HI, logprobs=True)
    assert server.bodies[0]["logprobs"] is True
    assert [[(p.token, p.logprob) for p in each] for each in answer.logprobs] == [[("A", -0.1)]]


async def test_errors():
    refused = {"error": {"message": "Invalid 'temperature'", "type": "invalid_request_error", "param": "temperature", "code": None}}  # fmt: skip
    llm = OpenAI(httpx.Response(400, json=refused)).llm()
    with pytest.raises(InvalidRequestError, match="Invalid 'temperature'"):
        llm.chat(HI)
    with pytest.raises(InvalidRequestError, match="Invalid 'temperature'"):
        [piece async for piece in await llm.astream_chat(HI)]
    cut = OpenAI(sse({"content": "Hello, wo"}, finish=None, end=b"")).llm()
    seen = []
    with pytest.raises(StreamInterrupted) as caught:
        seen.extend(piece.delta for piece in cut.stream_chat(HI))
    assert caught.value.partial.text == "".join(seen) == "Hello, wo"
