"""The repair turn: valid history for every protocol, whatever the bad answer was."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter_integrations.dispatch.verify import repair
from llmrouter_integrations.messages import (
    CachePoint,
    Message,
    OpaquePart,
    OutputFormat,
    ReasoningPart,
    RefusalPart,
    Request,
    Response,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.testing.protocols import protocol_of
from llmrouter_integrations.testing.protocols.base import HttpCall
from llmrouter_integrations.testing.rules import refusal
from llmrouter_integrations.testing.simulator import ProviderSimulator
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.registry import codec

TARGETS = [
    ("openai-chat", "openai", "gpt-4.1"),
    ("openai-chat", "mistral", "mistral-large-latest"),
    ("openai-chat", "groq", "llama-3.3-70b-versatile"),
    ("openai-responses", "openai", "gpt-5.4"),
    ("anthropic", "anthropic", "claude-sonnet-5"),
    ("gemini", "google", "gemini-3.5-flash"),
    ("cohere", "cohere", "command-a-03-2025"),
    ("bedrock", "bedrock", "amazon.nova-2-lite-v1:0"),
]
ISSUERS = ("openai", "anthropic", "gemini", "bedrock", "cohere")
PROBLEM = "the field 'age' must be an integer, got 'twelve'"


def refused(request, protocol, provider, model):
    """What the simulated vendor has against a request."""
    endpoint = Endpoint("t", provider, model, ProviderSimulator._url(9, provider), "k")
    http = codec(protocol).encode(request, endpoint, stream=False).http
    path = "/" + http.url.split("/", 3)[3]
    spoken, route = protocol_of(path.partition("?")[0])
    headers = {name.lower(): value for name, value in http.headers}
    call = HttpCall(provider, path, route, headers, orjson.loads(http.body), 0.0)
    assert spoken.name == protocol
    return refusal(spoken.read(call)), http.body.decode()


def says(role, *parts):
    return Message(role, tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def seal(issuer):
    protocol = "openai-responses" if issuer == "openai" else issuer
    return b64encode(f"sim/{protocol}/x".encode()).decode()


TOOLS = (Tool("weather", parameters={"type": "object", "properties": {}}), Tool("time"))
FORM = OutputFormat(schema={"type": "object", "properties": {"age": {"type": "integer"}}})

histories = st.sampled_from(
    [
        (says("user", "?"),),
        (says("system", "Be brief."), says("user", "?", CachePoint())),
        (says("user", "?"), says("assistant", "Yes?"), says("user", "Go on.")),
        (says("user", "?"), says("assistant", '{"a')),  # an answer begun for the model
        (
            says("user", "?"),
            says("assistant", ToolCallPart("call_1", "time", "{}")),
            says("tool", ToolResultPart("call_1", (TextPart("noon"),), "time")),
        ),
    ]
)  # fmt: skip
reasoning = st.builds(
    lambda issuer, words: ReasoningPart(words, issuer, seal(issuer)),
    st.sampled_from(ISSUERS),
    st.sampled_from(["", "Let me think."]),
)
calls = st.builds(
    ToolCallPart,
    st.sampled_from(["call_1", "call_2", "", "a:b"]),
    st.sampled_from(["weather", "no such tool", "", "x" * 100]),
    st.sampled_from(["", "{}", '{"city": "Par', "[1]", "null", '{"city": "Paris"}']),
    issuer=st.sampled_from((None, *ISSUERS)),
)
texts = st.sampled_from(["", " \n", '{"age": "twelve"}', "```json\n{}\n```", "No."]).map(TextPart)
others = st.one_of(
    st.builds(OpaquePart, st.sampled_from(ISSUERS), st.just({"type": "x"})),
    st.just(RefusalPart("I won't.")),
    st.just(CachePoint()),
)
answers = st.builds(
    lambda thoughts, said, asked: Response(Message("assistant", (*thoughts, *said, *asked))),
    st.lists(reasoning, max_size=1),
    st.lists(st.one_of(texts, others), max_size=2),
    st.lists(calls, max_size=3),
)


def takes(part, protocol):
    # a block of its own kind is for its issuer to judge; the simulator knows none called "x"
    return not isinstance(part, OpaquePart) or not protocol.startswith(part.issuer)


@settings(max_examples=60, deadline=None)
@given(histories, answers, st.booleans(), st.integers(1, 2))
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: "/".join(target[:2]))
def test_every_vendor_takes_it(target, history, answer, formed, times):
    parts = tuple(part for part in answer.message.parts if takes(part, target[0]))
    answer = replace(answer, message=replace(answer.message, parts=parts))
    asked = Request(history, tools=TOOLS, output=FORM if formed else None, max_tokens=100)
    assert refused(asked, *target)[0] is None
    for _ in range(times):
        asked = repair(asked, answer, PROBLEM)
    wrong, body = refused(asked, *target)
    assert wrong is None
    assert "must be an integer, got 'twelve'" in body


ASKED = Request((says("user", "?"),), tools=TOOLS, tool_choice="weather", native={"x": ["?"]})


def test_a_text_is_followed_by_a_word_of_the_users():
    answer = says("assistant", ReasoningPart("r"), '{"age": "twelve"}')
    mended = repair(ASKED, Response(answer), PROBLEM)
    assert mended.messages[:-1] == (*ASKED.messages, answer)
    assert mended.messages[-1].role == "user"
    assert f"cannot be used: {PROBLEM}. Give the whole answer again" in mended.messages[-1].text
    assert replace(mended, messages=ASKED.messages, native=ASKED.native) == ASKED
    assert not mended.native


def test_every_call_gets_its_result():
    answer = says(
        "assistant", "So:", ToolCallPart("a", "weather", "{"), ToolCallPart("b", "wether")
    )
    mended = repair(ASKED, Response(answer), PROBLEM)
    *before, results = mended.messages
    assert before == [*ASKED.messages, answer]
    assert results.role == "tool"
    assert [(r.tool_call_id, r.name, r.is_error) for r in results.parts] == [
        ("a", "weather", True),
        ("b", "wether", True),
    ]
    assert all(f"cannot be used: {PROBLEM}. Make" in r.content[0].text for r in results.parts)


@pytest.mark.parametrize(
    "parts", [(), ("",), (" \n",), (ReasoningPart("r"),), (RefusalPart("No."),), (CachePoint(),)]
)
def test_an_answer_with_nothing_in_it_is_no_turn(parts):
    mended = repair(ASKED, Response(says("assistant", *parts)), PROBLEM)
    assert [message.role for message in mended.messages] == ["user", "user"]


def test_braces_and_a_full_stop_in_a_problem_do_no_harm():
    mended = repair(ASKED, Response(says("assistant", "x")), "it is {0}, not {problem}.")
    assert "used: it is {0}, not {problem}. Give" in mended.messages[-1].text
