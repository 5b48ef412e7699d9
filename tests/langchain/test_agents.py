"""Agents and chains over the real router and simulated providers."""

from __future__ import annotations

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware, ModelRetryMiddleware
from langchain_core import exceptions as theirs
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import create_react_agent

from llmrouter_integrations.errors import AllTargetsFailed, StreamInterrupted
from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.testing import Fault, Reply, ToolCall

pytestmark = pytest.mark.filterwarnings("ignore::langgraph.warnings.LangGraphDeprecatedSinceV10")

TASK = {"messages": [("user", "What is 6 times 7, plus 8?")]}


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def solve(request):
    """What a good model does, step by step."""
    match request.tool_results:
        case ():
            return Reply(
                reasoning="first 6 * 7", tool_calls=(ToolCall("multiply", {"a": 6, "b": 7}),)
            )
        case (product,):
            return Reply(tool_calls=(ToolCall("add", {"a": int(product), "b": 8}),))
        case (_, total):
            return Reply(f"The answer is {total}.")


LEADERS = {
    "openai-chat": ("openai", "gpt-5.4", {"protocol": "openai-chat"}),
    "openai-responses": ("openai", "gpt-5.4", {"protocol": "openai-responses"}),
    "anthropic": ("anthropic", "claude-sonnet-4-5", {}),
    "gemini": ("google", "gemini-2.5-pro", {}),
}
SECOND = "mistral-large-latest"


@pytest.fixture(params=LEADERS)
def leader(request):
    return LEADERS[request.param]


def failing_after_one_step(simulator, leader, **arguments):
    """A model whose first provider answers once and then has no capacity."""
    provider, model, fields = leader
    simulator.script(model, solve, Fault.overloaded())
    simulator.script(SECOND, solve)
    return RoutedChatModel(
        models=[
            simulator.target(provider, model, name="primary", **fields),
            simulator.target("mistral", SECOND, name="backup"),
        ],
        policy="ordered",
        max_retries=1,
        **arguments,
    )


def check(messages):
    """The answer is right, and it shows who gave which part of it."""
    assert messages[-1].text == "The answer is 50."
    assert [m.content for m in messages if isinstance(m, ToolMessage)] == ["42", "50"]
    told = [m.response_metadata["llmrouter"] for m in messages if isinstance(m, AIMessage)]
    assert [t["target"] for t in told] == ["primary", "backup", "backup"]
    assert [a["outcome"] for a in told[0]["attempts"]] == ["ok"]
    failed, answered = told[1]["attempts"][0], told[1]["attempts"][-1]
    assert (failed["target"], failed["outcome"]) == ("primary", "error")
    assert "OverloadedError" in failed["error"]
    assert (answered["target"], answered["outcome"]) == ("backup", "ok")
    assert all(a["duration_s"] >= 0 for t in told for a in t["attempts"])


@pytest.mark.parametrize("make", [create_agent, create_react_agent])
@pytest.mark.parametrize("streaming", [None, True])
def test_an_agent_goes_on_when_its_provider_fails(simulator, leader, make, streaming):
    arguments = {} if streaming is None else {"streaming": streaming}
    llm = failing_after_one_step(simulator, leader, **arguments)
    check(make(llm, [multiply, add]).invoke(TASK)["messages"])


@pytest.mark.parametrize("make", [create_agent, create_react_agent])
async def test_the_same_async(simulator, leader, make):
    llm = failing_after_one_step(simulator, leader)
    check((await make(llm, [multiply, add]).ainvoke(TASK))["messages"])


@pytest.mark.parametrize("make", [create_agent, create_react_agent])
async def test_the_same_streamed(simulator, leader, make):
    agent = make(failing_after_one_step(simulator, leader), [multiply, add])
    *_, last = agent.stream(TASK, stream_mode="values")
    check(last["messages"])
    agent = make(failing_after_one_step(simulator, leader), [multiply, add])
    tokens, states = [], []
    async for mode, event in agent.astream(TASK, stream_mode=["messages", "values"]):
        (tokens if mode == "messages" else states).append(event)
    check(states[-1]["messages"])
    said = "".join(m.text for m, _ in tokens if m.type == "AIMessageChunk")
    assert said == "The answer is 50."


def test_a_checkpointed_conversation_goes_on_with_another_provider(simulator, leader):
    llm = failing_after_one_step(simulator, leader)
    agent = create_agent(llm, [multiply, add], checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    check(agent.invoke(TASK, thread)["messages"])
    simulator.script(SECOND, Reply("You are welcome."))
    messages = agent.invoke({"messages": [("user", "Thanks!")]}, thread)["messages"]
    assert messages[-1].text == "You are welcome."


# -- hints ---------------------------------------------------------------------------------------


def test_two_chains_through_one_object_go_to_different_models(simulator):
    simulator.script("coder", Reply("def f(): ..."))
    simulator.script("writer", Reply("In short: nothing."))
    fields = {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 1.0}
    llm = RoutedChatModel(
        models=[
            simulator.target(
                "openai", "coder", quality={"code": 0.9, "summarization": 0.3}, **fields
            ),
            simulator.target(
                "openai", "writer", quality={"code": 0.3, "summarization": 0.9}, **fields
            ),
        ],
        cache=InMemoryCache(),
    )
    chain = ChatPromptTemplate.from_messages([("user", "{x}")]) | llm | StrOutputParser()
    code = chain.with_config(metadata={"llmrouter_task": "code"})
    summary = chain.with_config(metadata={"llmrouter_task": "summarization"})
    for _ in range(2):
        assert code.invoke({"x": "the same words"}) == "def f(): ..."
        assert summary.invoke({"x": "the same words"}) == "In short: nothing."
    assert (simulator.calls("coder"), simulator.calls("writer")) == (1, 1)


# -- LangChain's middleware ------------------------------------------------------------------------


def broken(simulator, fault, name="broken"):
    simulator.script(name, fault)
    return RoutedChatModel(models=[simulator.target("openai", name)], max_retries=0)


def test_fallback_middleware_turns_to_the_next_model(simulator):
    simulator.script("other", Reply("here"))
    other = RoutedChatModel(models=[simulator.target("anthropic", "other")])
    agent = create_agent(
        broken(simulator, Fault.bad_key()), middleware=[ModelFallbackMiddleware(other)]
    )
    assert agent.invoke(TASK)["messages"][-1].text == "here"


@pytest.mark.parametrize(("fault", "calls"), [(Fault.status(500), 3), (Fault.bad_key(), 1)])
def test_retry_middleware_retries_what_may_pass(simulator, fault, calls):
    llm = broken(simulator, fault)
    handled = []

    class Counting(ModelRetryMiddleware):
        def wrap_model_call(self, request, handler):
            def counted(asked):
                handled.append(asked)
                return handler(asked)

            return super().wrap_model_call(request, counted)

    retry = Counting(max_retries=2, initial_delay=0.0, jitter=False, on_failure="error")
    with pytest.raises(theirs.ModelError) as caught:
        create_agent(llm, middleware=[retry]).invoke(TASK)
    assert isinstance(caught.value, AllTargetsFailed)
    assert len(handled) == calls


# -- streams that break ----------------------------------------------------------------------------


@pytest.mark.parametrize("sync", [True, False])
async def test_a_broken_stream_tells_what_had_come(simulator, sync):
    simulator.script("cut", Fault.cut(after_chunks=2, reply=Reply("one two three four")))
    simulator.script("other", Reply("never"))
    llm = RoutedChatModel(
        models=[simulator.target("openai", "cut"), simulator.target("anthropic", "other")],
        policy="ordered",
    )
    seen = []

    async def consume():
        if sync:
            seen.extend(chunk.text for chunk in llm.stream("hi"))
        else:
            async for chunk in llm.astream("hi"):
                seen.append(chunk.text)  # noqa: PERF401  (what came before the fault must stay)

    with pytest.raises(StreamInterrupted) as caught:
        await consume()
    assert isinstance(caught.value, theirs.ModelError)
    assert caught.value.partial.text == "".join(seen) == "one two "
    assert simulator.calls("other") == 0


def test_a_conversation_begun_elsewhere_goes_on(simulator):
    """Reasoning goes back to who wrote it, and to nobody else."""
    simulator.script("claude-sonnet-4-5", Reply("4", reasoning="2 and 2 are 4"))
    claude = RoutedChatModel(
        models=[simulator.target("anthropic", "claude-sonnet-4-5")], reasoning_effort="low"
    )
    first = claude.invoke("2 + 2?")
    assert [b["type"] for b in first.content_blocks] == ["reasoning", "text"]
    history = [HumanMessage("2 + 2?"), first, HumanMessage("and 3?")]
    claude.invoke(history)
    sent = simulator.requests[-1].body["messages"][1]["content"]
    assert (sent[0]["type"], sent[0]["thinking"]) == ("thinking", "2 and 2 are 4")
    assert sent[0]["signature"] == first.content_blocks[0]["extras"]["signature"]
    RoutedChatModel(models=[simulator.target("mistral", SECOND)]).invoke(history)
    assert "2 and 2 are 4" not in str(simulator.requests[-1].body)
