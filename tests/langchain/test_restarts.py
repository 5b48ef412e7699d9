"""A stream that broke and began again: marked for who shows it, right for who adds it up."""

from __future__ import annotations

import asyncio
import functools
import operator
import warnings

import pytest
from langchain_core._api import LangChainBetaWarning
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

from llmrouter_integrations.errors import ConfigurationError, StreamInterrupted
from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.testing import Fault, Reply, ToolCall

KEY = "llmrouter_restarted"
RESTART = {"on_interrupt": "restart"}
V3 = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
WHOLE = "The whole answer, from the other."


@pytest.fixture
def llm(simulator):
    simulator.script(
        "bad", Fault.cut(2, reply=Reply("Half of an answer that never ends", chunks=6))
    )
    simulator.script("good", Reply(WHOLE, chunks=4))
    models = [
        {"model": f"openai/{name}", "base_url": simulator.url("openai"), "api_key": "k"}
        for name in ("bad", "good")
    ]
    return RoutedChatModel(models=models, policy="ordered")


def test_unless_asked_it_is_raised(llm):
    with pytest.raises(StreamInterrupted):
        list(llm.stream("hi"))


def test_the_mark_stands_between(llm):
    chunks = list(llm.stream("hi", hints=RESTART))
    (at,) = [i for i, chunk in enumerate(chunks) if KEY in chunk.response_metadata]
    void = "".join(chunk.text for chunk in chunks[:at])
    assert void
    assert WHOLE not in void
    assert chunks[at].response_metadata[KEY] == len(void)
    assert chunks[at].content == ""
    assert "".join(chunk.text for chunk in chunks[at + 1 :]) == WHOLE
    attempts = chunks[-1].response_metadata["llmrouter"]["attempts"]
    assert [a["outcome"] for a in attempts] == ["interrupted", "ok"]


SUMS = {
    "one by one": lambda chunks: functools.reduce(operator.add, chunks),
    "all at once": lambda chunks: chunks[0] + chunks[1:],
    "later ones first": lambda chunks: chunks[0] + functools.reduce(operator.add, chunks[1:]),
}


@pytest.mark.parametrize("add_up", SUMS.values(), ids=SUMS)
@pytest.mark.parametrize("version", ["v0", "v1"])
def test_whoever_adds_up_gets_the_answer_that_counts(llm, add_up, version):
    llm = llm.model_copy(update={"output_version": version})
    message = add_up(list(llm.stream("hi", hints=RESTART)))
    assert type(message) is AIMessageChunk
    assert message.text == WHOLE
    assert message.response_metadata["llmrouter"]["target"] == "openai/good"
    assert message.usage_metadata["output_tokens"] > 0


def test_two_restarts(simulator):
    half = Fault.cut(2, reply=Reply("Half of an answer that never ends", chunks=6))
    for name in ("bad", "worse"):
        simulator.script(name, half)
    simulator.script("good", Reply(WHOLE, chunks=4))
    models = [
        {"model": f"openai/{name}", "base_url": simulator.url("openai"), "api_key": "k"}
        for name in ("bad", "worse", "good")
    ]
    llm = RoutedChatModel(models=models, policy="ordered")
    chunks = list(llm.stream("hi", hints=RESTART))
    assert functools.reduce(operator.add, chunks).text == WHOLE
    assert sum(KEY in chunk.response_metadata for chunk in chunks) == 2


async def test_invoke_that_streams_underneath(llm):
    llm = llm.model_copy(update={"streaming": True})
    for message in (llm.invoke("hi", hints=RESTART), await llm.ainvoke("hi", hints=RESTART)):
        assert type(message) is AIMessage
        assert message.text == WHOLE


def test_a_config_may_ask_for_it_for_all(simulator):
    simulator.script("bad", Fault.cut(2, reply=Reply("Half of it all", chunks=6)))
    simulator.script("good", Reply(WHOLE))
    models = [
        {"model": f"openai/{name}", "base_url": simulator.url("openai"), "api_key": "k"}
        for name in ("bad", "good")
    ]
    llm = RoutedChatModel(config={"models": models, "policy": "ordered", "hints": RESTART})
    assert functools.reduce(operator.add, llm.stream("hi")).text == WHOLE


def test_a_chain_adds_up_right(llm):
    chain = ChatPromptTemplate.from_template("{x}") | llm.bind(hints=RESTART)
    seen = []
    whole = chain | RunnableLambda(lambda message: seen.append(message.text) or message)
    list(whole.stream({"x": "hi"}))
    assert seen == [WHOLE]
    # who takes nothing but text has no way to see the mark
    texts = list((chain | StrOutputParser()).stream({"x": "hi"}))
    assert "".join(texts).endswith(WHOLE)


def test_an_agent_goes_on(simulator):
    agents = pytest.importorskip("langchain.agents")
    call = Reply("I look it up.", tool_calls=(ToolCall("look", {"city": "Rom"}),), chunks=8)
    simulator.script("bad", Fault.cut(6, reply=call), Fault.cut(2, reply=Reply("It is", chunks=4)))
    simulator.script("good", call, Reply("Sunny."))
    models = [
        {"model": f"openai/{name}", "base_url": simulator.url("openai"), "api_key": "k"}
        for name in ("bad", "good")
    ]
    llm = RoutedChatModel(config={"models": models, "policy": "ordered", "hints": RESTART})

    def look(city: str) -> str:
        """Look up the weather."""
        return f"sunny in {city}"

    agent = agents.create_agent(llm, [look])
    states = list(
        agent.stream({"messages": [("user", "Rom?")]}, stream_mode=["messages", "values"])
    )
    last = [state for kind, state in states if kind == "values"][-1]["messages"]
    assert [m.type for m in last] == ["human", "ai", "tool", "ai"]
    assert last[1].text == "I look it up."
    assert [c["args"] for c in last[1].tool_calls] == [{"city": "Rom"}]
    assert last[2].content == "sunny in Rom"
    assert last[3].text == "Sunny."


# -- behind another router ---------------------------------------------------------------------


class Delegating(BaseChatModel):
    """Somebody's own model, which asks a routed one: its marks come through."""

    inner: RoutedChatModel
    model: str = "delegating-1"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        raise NotImplementedError

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        for chunk in self.inner.stream(messages, hints=RESTART):
            yield ChatGenerationChunk(message=chunk)

    @property
    def _llm_type(self):
        return "delegating"


def test_a_routed_model_is_no_target(llm):
    with pytest.raises(ConfigurationError, match="would multiply"):
        RoutedChatModel(models=[llm])


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_a_mark_behind_another_router_is_a_break_there(llm, simulator, way):
    last = {"model": "openai/last", "base_url": simulator.url("openai"), "api_key": "k"}
    simulator.script("last", Reply("The last word.", chunks=3))
    outer = RoutedChatModel(models=[Delegating(inner=llm), last], policy="ordered")

    def chunks(**kwargs):
        if way == "stream":
            return list(outer.stream("hi", **kwargs))

        async def stream():
            return [chunk async for chunk in outer.astream("hi", **kwargs)]

        return asyncio.run(stream())

    with pytest.raises(StreamInterrupted) as raised:
        chunks()
    assert raised.value.partial.text
    assert WHOLE not in raised.value.partial.text
    simulator.script(
        "bad", Fault.cut(2, reply=Reply("Half of an answer that never ends", chunks=6))
    )
    said = chunks(hints=RESTART)
    (at,) = [i for i, chunk in enumerate(said) if KEY in chunk.response_metadata]
    assert said[at].response_metadata[KEY] == len("".join(c.text for c in said[:at]))
    assert functools.reduce(operator.add, said).text == "The last word."


# -- events ------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning")
@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_events_end_with_the_answer_that_counts(llm, version):
    events = [e async for e in llm.astream_events("hi", version=version, hints=RESTART)]
    chunks = [e["data"]["chunk"] for e in events if e["event"] == "on_chat_model_stream"]
    assert sum(KEY in chunk.response_metadata for chunk in chunks) == 1
    (end,) = [e["data"]["output"] for e in events if e["event"] == "on_chat_model_end"]
    assert end.text == WHOLE


def protocol_events(llm, way):
    """The raw events and the message of ``stream_events(version="v3")``."""
    if way == "stream":
        stream = llm.stream_events("hi", version="v3", hints=RESTART)
        return list(stream), stream.output

    async def events():
        stream = await llm.astream_events("hi", version="v3", hints=RESTART)
        return [event async for event in stream], await stream.output

    return asyncio.run(events())


@V3
@pytest.mark.parametrize("way", ["stream", "astream"])
def test_protocol_events_show_the_mark_and_make_the_answer_that_counts(llm, way):
    events, message = protocol_events(llm, way)
    started = [e["content"] for e in events if e["event"] == "content-block-start"]
    assert [block["type"] for block in started] == ["text", "non_standard", "text"]
    (length,) = [block["value"][KEY] for block in started if block["type"] == "non_standard"]
    deltas = [e for e in events if e["event"] == "content-block-delta"]
    assert length == sum(len(e["delta"]["text"]) for e in deltas if e["index"] == 0)
    assert "".join(e["delta"]["text"] for e in deltas if e["index"] == 2) == WHOLE
    assert [e["index"] for e in events if e["event"] == "content-block-finish"] == [2]
    assert [events[0]["event"], events[-1]["event"]] == ["message-start", "message-finish"]
    assert sum(e["event"].startswith("message-") for e in events) == 2
    assert message.text == WHOLE
    assert len(message.content) == 1
    assert message.response_metadata[KEY] == length
    assert message.response_metadata["llmrouter"]["target"] == "openai/good"


@V3
def test_protocol_events_of_two_restarts(simulator):
    half = Fault.cut(2, reply=Reply("Half of an answer that never ends", chunks=6))
    for name in ("bad", "worse"):
        simulator.script(name, half)
    simulator.script("good", Reply(WHOLE, chunks=4))
    models = [
        {"model": f"openai/{name}", "base_url": simulator.url("openai"), "api_key": "k"}
        for name in ("bad", "worse", "good")
    ]
    events, message = protocol_events(RoutedChatModel(models=models, policy="ordered"), "stream")
    indices = [e["index"] for e in events if e["event"] == "content-block-start"]
    assert indices == [0, 1, 2, 3, 4]
    assert message.text == WHOLE


@V3
def test_protocol_events_without_a_restart_are_langchains_own(simulator):
    call = ToolCall("look", {"city": "Rom"}, id="call_1")
    simulator.script("good", Reply("I look it up.", tool_calls=(call,), chunks=4), repeat=True)
    models = [{"model": "openai/good", "base_url": simulator.url("openai"), "api_key": "k"}]
    llm = RoutedChatModel(models=models)
    bridged = RoutedChatModel(models=models)
    object.__setattr__(bridged, "_stream_chat_model_events", None)
    runs = [list(model.stream_events("hi", version="v3")) for model in (llm, bridged)]
    for events in runs:
        assert events[0].pop("id").startswith("lc_run--")
        events[-1].pop("metadata")
    assert runs[0] == runs[1]


@V3
def test_leaving_protocol_events_early_closes_the_stream(monkeypatch, llm):
    closed = []

    def chunks(self, *args, **kwargs):
        try:
            while True:
                yield ChatGenerationChunk(message=AIMessageChunk("on and on "))
        finally:
            closed.append(True)

    monkeypatch.setattr(RoutedChatModel, "_stream", chunks)
    events = llm._stream_chat_model_events([], run_manager=None)
    next(events)
    events.close()
    assert closed == [True]


@V3
def test_an_agents_protocol_events_go_on(simulator):
    agents = pytest.importorskip("langchain.agents")
    simulator.script("bad", Fault.cut(2, reply=Reply("It is", chunks=4)))
    simulator.script("good", Reply("Sunny."))
    models = [
        {"model": f"openai/{name}", "base_url": simulator.url("openai"), "api_key": "k"}
        for name in ("bad", "good")
    ]
    llm = RoutedChatModel(config={"models": models, "policy": "ordered", "hints": RESTART})
    run = agents.create_agent(llm, []).stream_events({"messages": [("user", "Rom?")]}, version="v3")
    assert [message.output.text for message in run.messages] == ["Sunny."]
    assert run.output["messages"][-1].text == "Sunny."


def test_chunks_are_written_down_as_langchains_own(llm):
    chunks = list(llm.stream("hi", hints=RESTART))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        read = [loads(dumps(chunk), allowed_objects="core") for chunk in chunks]
    assert {type(chunk) for chunk in read} == {AIMessageChunk}
    assert [chunk.text for chunk in read] == [chunk.text for chunk in chunks]
