"""A conversation with tools and reasoning that changes its vendor at every step, end to end.

The providers are simulated on loopback, as strict as the real ones; what they are sent is what
they must have accepted.
"""

from __future__ import annotations

import json

import pytest
from llama_index.core.llms import ChatMessage, ImageBlock, MessageRole, TextBlock
from llama_index.core.tools import FunctionTool

from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.testing import Reply, ToolCall

VENDORS = {
    "anthropic": ("anthropic", "claude-sonnet-5", {}),
    "responses": ("openai", "gpt-5.4", {"protocol": "openai-responses"}),
    "gemini": ("gemini", "gemini-3.5-flash", {}),
    "bedrock": ("bedrock", "global.anthropic.claude-opus-4-7", {}),
    "cohere": ("cohere", "command-a-reasoning-08-2025", {}),
}
ROUND = (*VENDORS, "anthropic")
PICTURE = ImageBlock(image=b"iVBORw0KGgo=", image_mimetype="image/png")


def lookup(city: str) -> str:
    """Look a city up."""
    return city


TOOL = FunctionTool.from_defaults(lookup)


def solve(request):
    """Think, look two cities up, and answer once there are results."""
    if request.tool_results:
        return Reply("Both are fine.", reasoning=f"{request.provider} has all it needs")
    calls = (ToolCall("lookup", {"city": "Rome"}), ToolCall("lookup", {"city": "Oslo"}))
    return Reply("I look.", calls, reasoning=f"{request.provider} thinks of two cities")


def whole(llm, history):
    return llm.chat_with_tools([TOOL], chat_history=history, allow_parallel_tool_calls=True)


def streamed(llm, history):
    return [*llm.stream_chat_with_tools([TOOL], chat_history=history)][-1]


def kept(history):
    return history


def stored(history):
    dumped = json.loads(json.dumps([message.model_dump(mode="json") for message in history]))
    return [ChatMessage.model_validate(message) for message in dumped]


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize("keep", [kept, stored])
def test_a_conversation_goes_round_the_vendors(simulator, ask, keep):
    simulator.default(solve)
    targets = [
        simulator.target(provider, model, name=name, **fields)
        for name, (provider, model, fields) in VENDORS.items()
    ]
    routed = RoutedLLM(models=targets, reasoning_effort="medium", max_tokens=9000)
    history = [ChatMessage(role="system", content="Be brief."), ChatMessage(content="Which city?")]
    for turn in range(2):
        for step, name in enumerate(ROUND):
            llm = routed.with_hints(pin=name, fallback=False)
            answer = ask(llm, history)
            history.append(answer.message)
            calls = llm.get_tool_calls_from_response(answer, error_on_no_tool_call=False)
            for number, call in enumerate(calls):
                shown = [PICTURE] if step % 2 else []
                history.append(
                    ChatMessage(
                        role=MessageRole.TOOL,
                        blocks=[TextBlock(text=f"found {number}"), *shown],
                        additional_kwargs={"tool_call_id": call.tool_id},
                    )
                )
            if not calls:
                history.append(ChatMessage(content=f"And in turn {turn}?"))
            history = keep(history)
    assert [request.provider for request in simulator.requests] == [
        VENDORS[name][0] for name in ROUND * 2
    ]
    last = simulator.requests[-1].body["messages"]
    blocks = [b for m in last if m["role"] == "assistant" for b in m["content"]]
    thoughts = [block["thinking"] for block in blocks if block["type"] == "thinking"]
    assert len(thoughts) == 3
    assert all(thought.startswith("anthropic ") for thought in thoughts)
