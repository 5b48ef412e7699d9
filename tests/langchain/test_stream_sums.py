"""A stream adds up to the very message that ``invoke`` gives, over each protocol and in each form."""

from __future__ import annotations

import functools
import operator

import pytest

from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.messages import (
    Citation,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
)
from llmrouter_integrations.testing import Reply, ToolCall
from tests.scripted import answer

TARGETS = [
    ("openai", "openai-chat", "gpt-6.1-terra"),
    ("deepseek", "openai-chat", "deepseek-reasoner"),
    ("openai", "openai-responses", "gpt-6.1-terra"),
    ("anthropic", "anthropic", "claude-haiku-4-5"),
    ("gemini", "gemini", "gemini-3-flash"),
]
LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALLS = (ToolCall("look", {"city": "Köln"}), ToolCall("look", {"city": "Oslo"}))
REPLIES = {
    "text": Reply("Hello there, world", cached_tokens=2, input_tokens=9),
    "tools": Reply("Let me see.", tool_calls=CALLS),
    "reasoning": Reply("Four.", reasoning="Two and two are, well, four."),
    "reasoned tools": Reply("Well.", reasoning="I should look it up.", tool_calls=CALLS),
    "refusal": Reply(refusal="I cannot do that."),
    "length": Reply("Half an ans", finish="length"),
}
CITED = Citation("https://x", "T", "said", 0, 2, {"type": "web", "index": 1})
ANSWERS = {
    "citations": (TextPart("ab cd ef", (CITED, Citation(title="U")), issuer="anthropic"),),
    "item ids": (
        ReasoningPart("I should", "openai", "SIG", item_id="rs_1"),
        TextPart("Hello there", (CITED,), item_id="msg_1", issuer="openai"),
    ),
    "redacted": (
        ReasoningPart(issuer="anthropic", signature="R", redacted=True),
        TextPart("Four, I think."),
    ),
    "signed text and call": (
        TextPart("", signature="S1", issuer="gemini"),
        ToolCallPart("c1", "look", '{"city":"Rom"}', signature="S2", issuer="gemini"),
    ),
    "a server's block": (
        OpaquePart("openai", {"type": "web_search_call", "id": "ws_1"}),
        TextPart("ab", (CITED,)),
    ),
}
FORMS = [None, "v1"]


def said(message):
    """All that a message says, but for the ids of the run and the time it took."""
    metadata = {**message.response_metadata}
    ours = {**metadata.pop("llmrouter")}
    del ours["decision_id"]
    ours["attempts"] = [{**attempt, "duration_s": 0} for attempt in ours["attempts"]]
    return {
        "content": without_index(message.content),
        "content_blocks": without_index(message.content_blocks),
        "tool_calls": message.tool_calls,
        "invalid_tool_calls": message.invalid_tool_calls,
        "usage_metadata": message.usage_metadata,
        "additional_kwargs": message.additional_kwargs,
        "response_metadata": metadata,
        "llmrouter": ours,
    }


def without_index(content):
    """Leave out by what LangChain adds blocks up."""
    if not isinstance(content, list):
        return content
    return [
        {key: value for key, value in block.items() if key != "index"}
        if isinstance(block, dict)
        else block
        for block in content
    ]


def sum_of(chunks):
    return functools.reduce(operator.add, chunks)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("target", TARGETS, ids=["-".join(target[:2]) for target in TARGETS])
async def test_over_each_protocol(simulator, target, reply, form):
    provider, protocol, model = target
    llm = RoutedChatModel(
        models=[simulator.target(provider, model, protocol=protocol)],
        output_version=form,
        reasoning_effort="low" if "reason" in reply else None,
    ).bind(**({"tools": [LOOK]} if "tools" in reply else {}))

    def again():
        simulator.reset()  # ids and times from the start
        simulator.script(model, REPLIES[reply])
        return llm

    whole = said(again().invoke("hi"))
    assert said(sum_of(again().stream("hi"))) == whole
    assert said(sum_of([chunk async for chunk in again().astream("hi")])) == whole
    assert said(await again().ainvoke("hi")) == whole


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("parts", [ANSWERS[name] for name in ANSWERS], ids=ANSWERS)
def test_whatever_the_parts(scripted, parts, form):
    llm = RoutedChatModel(router=scripted(answer(*parts)), output_version=form)
    whole, streamed = said(llm.invoke("hi")), said(sum_of(llm.stream("hi")))
    if form is None and isinstance(whole["content"], list):
        del whole["content"], streamed["content"]  # text beside other blocks streams as strings
    assert streamed == whole
