"""A conversation with tools and reasoning that changes its vendor at every step, end to end.

The providers are simulated on loopback, as strict as the real ones; what they are sent is what
they must have accepted.
"""

from __future__ import annotations

import functools
import json
import operator

import pytest
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    messages_from_dict,
    messages_to_dict,
)

from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.testing import Reply, ToolCall
from llmrouter_integrations.testing.answer import seal

VENDORS = {
    "anthropic": ("anthropic", "claude-sonnet-5", {}),
    "responses": ("openai", "gpt-5.4", {"protocol": "openai-responses"}),
    "gemini": ("gemini", "gemini-3.5-flash", {}),
    "bedrock": ("bedrock", "global.anthropic.claude-opus-4-7", {}),
    "cohere": ("cohere", "command-a-reasoning-08-2025", {}),
    "mistral": ("mistral", "magistral-medium-latest", {}),
    "deepseek": ("deepseek", "deepseek-reasoner", {}),
}
ROUND = (
    "anthropic",
    "responses",
    "gemini",
    "bedrock",
    "cohere",
    "mistral",
    "deepseek",
    "anthropic",
)
IMAGE = "iVBORw0KGgo="


def lookup(city: str) -> str:
    """Look a city up."""
    return city


def solve(request):
    """Think, look two cities up, and answer once there are results."""
    if request.tool_results:
        return Reply("Both are fine.", reasoning=f"{request.provider} has all it needs")
    calls = (ToolCall("lookup", {"city": "Rome"}), ToolCall("lookup", {"city": "Oslo"}))
    return Reply("I look.", calls, reasoning=f"{request.provider} thinks of two cities")


@pytest.fixture
def make(simulator):
    """Makes a model over all vendors."""
    simulator.default(solve)
    targets = [
        simulator.target(provider, model, name=name, **fields)
        for name, (provider, model, fields) in VENDORS.items()
    ]

    def make(**fields):
        given = {"reasoning_effort": "medium", "max_tokens": 9000, **fields}
        return RoutedChatModel(models=targets, **given).bind_tools([lookup])

    return make


def whole(llm, history, config):
    return llm.invoke(history, config)


def streamed(llm, history, config):
    first, *others = llm.stream(history, config)
    return functools.reduce(operator.add, others, first)


def kept(history):
    return history


def stored(history):
    return messages_from_dict(json.loads(json.dumps(messages_to_dict(history))))


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize("keep", [kept, stored])
@pytest.mark.parametrize("form", [{}, {"output_version": "v1"}])
def test_a_conversation_goes_round_the_vendors(simulator, make, ask, keep, form):
    llm = make(**form)
    history = [SystemMessage("Be brief."), HumanMessage("Which city?")]
    for turn in range(2):
        for step, name in enumerate(ROUND):
            answer = ask(llm, history, pinned(name))
            assert answer.response_metadata["llmrouter"]["target"] == name
            history.append(answer)
            for number, call in enumerate(answer.tool_calls):
                content = f"found {number}"
                if step % 2:
                    picture = {"type": "image", "base64": IMAGE, "mime_type": "image/png"}
                    content = [{"type": "text", "text": content}, picture]
                history.append(ToolMessage(content, tool_call_id=call["id"]))
            if not answer.tool_calls:
                history.append(HumanMessage(f"And in turn {turn}?"))
            history = keep(history)
    assert len(simulator.requests) == 2 * len(ROUND)
    last = simulator.requests[-1].body["messages"]
    blocks = [b for m in last if m["role"] == "assistant" for b in m["content"]]
    thoughts = [block["thinking"] for block in blocks if block["type"] == "thinking"]
    assert len(thoughts) == 3
    assert all(thought.startswith("anthropic ") for thought in thoughts)


def pinned(name):
    return {"metadata": {"llmrouter_pin": name, "llmrouter_fallback": False}}


def written(provider, content, call_id, **kwargs):
    """An answer as LangChain's integration of a vendor leaves it in a history."""
    call = {"name": "lookup", "args": {"city": "Rome"}, "id": call_id, "type": "tool_call"}
    metadata = {"model_provider": provider, **kwargs.pop("response_metadata", {})}
    return AIMessage(content, tool_calls=[call], response_metadata=metadata, **kwargs)


ARGS = {"city": "Rome"}
SEALS = {
    vendor: seal(protocol, "hm", vendor)
    for vendor, protocol in (
        ("anthropic", "anthropic"),
        ("responses", "openai-responses"),
        ("gemini", "gemini"),
        ("bedrock", "bedrock"),
    )
}
SAID = {"type": "text", "text": "I look."}
V1 = {"output_version": "v1"}
CALL_V1 = {"type": "tool_call", "name": "lookup", "args": ARGS}
ANSWERS = {
    "ChatAnthropic": (
        "anthropic",
        written(
            "anthropic",
            [
                {"type": "thinking", "thinking": "hm", "signature": SEALS["anthropic"]},
                SAID,
                {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": ARGS},
            ],
            "toolu_1",
        ),
    ),
    "ChatAnthropic, v1": (
        "anthropic",
        written(
            "anthropic",
            [
                {
                    "type": "reasoning",
                    "reasoning": "hm",
                    "extras": {"signature": SEALS["anthropic"]},
                },
                SAID,
                {**CALL_V1, "id": "toolu_1"},
            ],
            "toolu_1",
            response_metadata=V1,
        ),
    ),
    "ChatOpenAI, Responses": (
        "responses",
        written(
            "openai",
            [
                {
                    "type": "reasoning",
                    "id": "rs_1",
                    "summary": [{"type": "summary_text", "text": "hm"}],
                    "encrypted_content": SEALS["responses"],
                },
                {**SAID, "id": "msg_1", "annotations": []},
                {
                    "type": "function_call",
                    "id": "fc_1",
                    "call_id": "call_1",
                    "name": "lookup",
                    "arguments": json.dumps(ARGS),
                },
            ],
            "call_1",
        ),
    ),
    "ChatOpenAI, Responses, v1": (
        "responses",
        written(
            "openai",
            [
                {
                    "type": "reasoning",
                    "id": "rs_1",
                    "reasoning": "hm",
                    "extras": {"encrypted_content": SEALS["responses"]},
                },
                {**SAID, "id": "msg_1"},
                {**CALL_V1, "id": "call_1", "extras": {"item_id": "fc_1"}},
            ],
            "call_1",
            response_metadata=V1,
        ),
    ),
    "ChatGoogleGenerativeAI": (
        "gemini",
        written(
            "google_genai",
            [{"type": "thinking", "thinking": "hm"}, SAID],
            "6f0c5a3e-7d51-4bb0-a2a8-0d6d5b1b7f00",
            additional_kwargs={
                "__gemini_function_call_thought_signatures__": {
                    "6f0c5a3e-7d51-4bb0-a2a8-0d6d5b1b7f00": SEALS["gemini"]
                }
            },
        ),
    ),
    "ChatBedrockConverse": (
        "bedrock",
        written(
            "bedrock_converse",
            [
                {
                    "type": "reasoning_content",
                    "reasoning_content": {"text": "hm", "signature": SEALS["bedrock"]},
                },
                SAID,
                {"type": "tool_use", "id": "tooluse_1", "name": "lookup", "input": ARGS},
            ],
            "tooluse_1",
        ),
    ),
    "ChatCohere": (
        "cohere",
        written(
            "cohere",
            "I look.",
            "lookup_ab12cd34ef56",
            additional_kwargs={"tool_plan": "hm", "is_search_required": None},
        ),
    ),
    "ChatMistralAI": ("mistral", written("mistralai", "I look.", "D681PevKs")),
    "ChatDeepSeek": (
        "deepseek",
        written(
            "deepseek",
            "I look.",
            "call_00_abcdefghijklmnopqrst",
            additional_kwargs={"reasoning_content": "hm"},
        ),
    ),
}


@pytest.mark.parametrize("target", VENDORS)
@pytest.mark.parametrize("integration", ANSWERS)
def test_what_another_integration_answered_goes_anywhere(simulator, make, integration, target):
    vendor, answer = ANSWERS[integration]
    history = [
        HumanMessage("Which city?"),
        answer,
        ToolMessage("found 0", tool_call_id=answer.tool_calls[0]["id"]),
    ]
    assert make().invoke(history, pinned(target)).text == "Both are fine."
    (request,) = simulator.requests
    sent = json.dumps(request.body)
    assert "I look." in sent
    assert request.tool_results == ("found 0",)
    assert sent.count("Rome") == 1
    if vendor in SEALS:
        assert (SEALS[vendor] in sent) is (target == vendor)
