"""Signatures and ids of one vendor never reach another, however the content was copied about."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.langchain.to_request import messages_from
from llmrouter_integrations.messages import ReasoningPart, TextPart, ToolCallPart
from llmrouter_integrations.testing import Reply, ToolCall

WRITERS = {
    "anthropic": ("anthropic", "claude-sonnet-4-5"),
    "openai": ("openai-responses", "gpt-6.1-terra"),
    "gemini": ("gemini", "gemini-3-pro"),
}
LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def asking(simulator, provider, **settings):
    protocol, model = WRITERS[provider]
    target = simulator.target(provider, model, protocol=protocol)
    return RoutedChatModel(models=[target], reasoning_effort="low", **settings)


def rewrapped(message):
    """Only the content, in a new message: who wrote it is not told beside it."""
    return AIMessage(message.content, tool_calls=message.tool_calls)


def signatures(message):
    blocks = [b.get("extras", {}) for b in message.content_blocks]
    return [extras["signature"] for extras in blocks if "signature" in extras]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("reader", WRITERS)
@pytest.mark.parametrize("writer", WRITERS)
def test_content_in_a_new_message(simulator, writer, reader, streaming):
    simulator.script(
        WRITERS[writer][1], Reply(reasoning="I should look", tool_calls=(ToolCall("look"),))
    )
    llm = asking(simulator, writer, output_version="v1", streaming=streaming)
    first = llm.bind(tools=[LOOK]).invoke("go")
    signed = signatures(first)
    assert signed
    call = first.tool_calls[0]["id"]
    result = {"role": "tool", "tool_call_id": call, "content": "nothing"}
    simulator.script(WRITERS[reader][1], Reply("Done"))
    history = [HumanMessage("go"), rewrapped(first), result]
    assert asking(simulator, reader).bind(tools=[LOOK]).invoke(history).text == "Done"
    sent = str(simulator.requests[-1].body)
    assert [signature in sent for signature in signed] == [reader == writer] * len(signed)


def read(*blocks, **metadata):
    return messages_from([AIMessage([*blocks], response_metadata=metadata)])[0].parts


@pytest.mark.parametrize(
    ("block", "part"),
    [
        # LangChain's standard form of several vendors' reasoning: it does not tell whose
        (
            {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "S"}, "id": "rs_1"},
            ReasoningPart("hm"),
        ),
        ({"type": "reasoning", "reasoning": "hm", "signature": "S"}, ReasoningPart("hm")),
        # the form tells
        (
            {"type": "thinking", "thinking": "hm", "signature": "S"},
            ReasoningPart("hm", "anthropic", "S"),
        ),
        (
            {"type": "redacted_thinking", "data": "R"},
            ReasoningPart(issuer="anthropic", signature="R", redacted=True),
        ),
        (
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "E"},
            ReasoningPart("", "openai", "E", item_id="rs_1"),
        ),
        (
            {"type": "reasoning", "reasoning": "hm", "extras": {"encrypted_content": "E"}},
            ReasoningPart("hm", "openai", "E"),
        ),
        (
            {"type": "text", "text": "4", "thought_signature": "S"},
            TextPart("4", signature="S", issuer="gemini"),
        ),
        (
            {"type": "tool_call", "id": "c", "name": "f", "args": {}, "extras": {"signature": "S"}},
            ToolCallPart("c", "f", "{}", signature="S", issuer="gemini"),
        ),
        # the block says
        (
            {
                "type": "reasoning",
                "reasoning": "hm",
                "extras": {"signature": "S", "model_provider": "google_genai"},
            },
            ReasoningPart("hm", "gemini", "S"),
        ),
        (
            {
                "type": "reasoning",
                "reasoning": "",
                "extras": {"signature": "R", "redacted": True, "model_provider": "anthropic"},
            },
            ReasoningPart(issuer="anthropic", signature="R", redacted=True),
        ),
    ],
)
def test_whose_a_block_is(block, part):
    assert read(block) == (part,)


def test_a_bare_signature_of_nobodys_is_nothing():
    assert read({"type": "reasoning", "reasoning": "", "extras": {"signature": "S"}}) == ()


def test_the_message_tells_whose_its_blocks_are():
    block = {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "S"}}
    assert read(block, model_provider="google_genai") == (ReasoningPart("hm", "gemini", "S"),)
