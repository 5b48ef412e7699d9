"""A hint in metadata arrives, by whichever way the model is called.

Every function below calls a model once (or more), and gives the hint ``task="code"`` somewhere on
the way. It must be there in every call that reaches the router.
"""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware
from langchain_core.callbacks import CallbackManager
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import (
    ConfigurableField,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from langchain_core.runnables.config import run_in_executor
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_core.tools import tool
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import create_react_agent
from langgraph.types import RetryPolicy
from typing_extensions import TypedDict

from llmrouter_integrations.errors import OverloadedError
from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.messages import TextPart, ToolCallPart
from tests.scripted import ScriptedRouter, answer

HINTED = {"metadata": {"llmrouter_task": "code"}}
NESTED = {"metadata": {"llmrouter": {"task": "code"}}}
SAID = {"messages": [("user", "hi")]}
JSON = '{"a": 1}'
SCHEMA = {"title": "Answer", "type": "object", "properties": {"a": {"type": "integer"}}}
PROMPT = ChatPromptTemplate.from_messages([("user", "{x}")])

PATHS = {}


def path(function):
    PATHS[function.__name__] = function
    return function


async def drain(stream):
    return [item async for item in stream]


# -- the model itself --------------------------------------------------------------------------


@path
def invoke(llm):
    llm.invoke("hi", HINTED)


@path
def invoke_nested(llm):
    llm.invoke("hi", NESTED)


@path
def invoke_hints_kwarg(llm):
    llm.invoke("hi", hints={"task": "code"})


@path
async def ainvoke(llm):
    await llm.ainvoke("hi", HINTED)


@path
def batch(llm):
    llm.batch(["hi", "ho"], HINTED)


@path
def batch_of_configs(llm):
    llm.batch(["hi", "ho"], [HINTED, HINTED])


@path
async def abatch(llm):
    await llm.abatch(["hi", "ho"], HINTED)


@path
def batch_as_completed(llm):
    list(llm.batch_as_completed(["hi", "ho"], HINTED))


@path
async def abatch_as_completed(llm):
    await drain(llm.abatch_as_completed(["hi", "ho"], HINTED))


@path
def stream(llm):
    list(llm.stream("hi", HINTED))


@path
async def astream(llm):
    await drain(llm.astream("hi", HINTED))


@path
def transform(llm):
    list(llm.transform(iter(["hi"]), HINTED))


@path
async def atransform(llm):
    async def once():
        yield "hi"

    await drain(llm.atransform(once(), HINTED))


@path
async def astream_events_v1(llm):
    await drain(llm.astream_events("hi", HINTED, version="v1"))


@path
async def astream_events_v2(llm):
    await drain(llm.astream_events("hi", HINTED, version="v2"))


@path
async def astream_events_v3(llm):
    stream = await llm.astream_events("hi", HINTED, version="v3")
    await stream.output


@path
def stream_events_v3(llm):
    assert llm.stream_events("hi", HINTED, version="v3").output


@path
async def astream_log(llm):
    await drain(llm.astream_log("hi", HINTED))


@path
def generate(llm):
    llm.generate([[HumanMessage("hi")], [HumanMessage("ho")]], **HINTED)


@path
async def agenerate(llm):
    await llm.agenerate([[HumanMessage("hi")]], **HINTED)


@path
def generate_prompt(llm):
    llm.generate_prompt([PROMPT.invoke({"x": "hi"})], **HINTED)


@path
def generate_with_a_callback_manager(llm):
    manager = CallbackManager([])
    manager.add_metadata(HINTED["metadata"])
    llm.generate([[HumanMessage("hi")]], callbacks=manager)


@path
def stream_with_a_callback_manager(llm):
    manager = CallbackManager([])
    manager.add_metadata(HINTED["metadata"])
    list(llm.stream("hi", {"callbacks": manager}))


@path
def invoke_while_streaming(llm):
    RoutedChatModel(router=llm.router, streaming=True).invoke("hi", HINTED)


@path
def stream_while_streaming_is_off(llm):
    list(RoutedChatModel(router=llm.router, disable_streaming=True).stream("hi", HINTED))


# -- the model, bound and configured -------------------------------------------------------------


@path
def constructor_metadata(llm):
    own = RoutedChatModel(router=llm.router, **HINTED)
    own.invoke("hi")
    list(own.stream("hi"))
    own.generate([[HumanMessage("hi")]])


@path
def with_config(llm):
    llm.with_config(HINTED).invoke("hi")
    list(llm.with_config(HINTED).stream("hi"))


@path
def with_config_over_other_metadata(llm):
    llm.with_config(HINTED).invoke("hi", {"metadata": {"user": "ann"}})


@path
def with_config_twice(llm):
    inner = llm.with_config({"metadata": {"llmrouter_prefer": "cost"}})
    inner.with_config(HINTED).invoke("hi")


@path
def bind(llm):
    llm.bind(stop=["x"]).invoke("hi", HINTED)


@path
def bind_hints(llm):
    llm.bind(hints={"task": "code"}).invoke("hi")
    list(llm.bind(hints={"task": "code"}).stream("hi"))


@path
def bind_tools(llm):
    llm.bind_tools([SCHEMA]).invoke("hi", HINTED)


@path
def bind_tools_events_v3(llm):
    assert llm.bind_tools([SCHEMA]).stream_events("hi", HINTED, version="v3").output


@path
def with_structured_output(llm):
    for method in ("json_schema", "json_mode"):
        llm.with_structured_output(SCHEMA, method=method).invoke("hi", HINTED)
        list(llm.with_structured_output(SCHEMA, method=method).stream("hi", HINTED))


@path
def with_structured_output_and_raw(llm):
    llm.with_structured_output(SCHEMA, include_raw=True).invoke("hi", HINTED)


@path
def with_retry(llm):
    llm.router.answers.insert(0, OverloadedError("busy"))
    llm.with_retry(wait_exponential_jitter=False).invoke("hi", HINTED)
    assert len(llm.router.calls) == 2


@path
def with_fallbacks(llm):
    broken = RoutedChatModel(router=ScriptedRouter(OverloadedError("busy")))
    broken.with_fallbacks([llm]).invoke("hi", HINTED)
    list(broken.with_fallbacks([llm]).stream("hi", HINTED))


@path
def with_listeners(llm):
    llm.with_listeners(on_start=lambda run: None).invoke("hi", HINTED)


@path
def with_types(llm):
    llm.with_types(output_type=str).invoke("hi", HINTED)


@path
def configurable_fields(llm):
    made = llm.configurable_fields(temperature=ConfigurableField("t"))
    made.invoke("hi", {**HINTED, "configurable": {"t": 0.5}})
    list(made.stream("hi", {**HINTED, "configurable": {"t": 0.5}}))


@path
def configurable_alternatives(llm):
    other = RoutedChatModel(router=ScriptedRouter())
    made = other.configurable_alternatives(ConfigurableField("which"), this=llm)
    made.invoke("hi", {**HINTED, "configurable": {"which": "this"}})


# -- chains ------------------------------------------------------------------------------------


@path
def chain(llm):
    (PROMPT | llm | StrOutputParser()).invoke({"x": "hi"}, HINTED)


@path
async def achain(llm):
    await (PROMPT | llm | StrOutputParser()).ainvoke({"x": "hi"}, HINTED)


@path
def chain_stream(llm):
    list((PROMPT | llm | StrOutputParser()).stream({"x": "hi"}, HINTED))


@path
async def chain_astream(llm):
    await drain((PROMPT | llm | StrOutputParser()).astream({"x": "hi"}, HINTED))


@path
def chain_batch(llm):
    (PROMPT | llm).batch([{"x": "hi"}, {"x": "ho"}], HINTED)


@path
async def chain_events_v2(llm):
    await drain((PROMPT | llm).astream_events({"x": "hi"}, HINTED, version="v2"))


@path
def chain_with_config(llm):
    (PROMPT | llm).with_config(HINTED).invoke({"x": "hi"})


@path
def chain_of_a_hinted_model(llm):
    (PROMPT | llm.with_config(HINTED) | StrOutputParser()).invoke({"x": "hi"})


@path
def parallel(llm):
    RunnableParallel(a=llm, b=llm).invoke("hi", HINTED)


@path
async def aparallel(llm):
    await RunnableParallel(a=llm, b=llm).ainvoke("hi", HINTED)


@path
def passthrough_assign(llm):
    RunnablePassthrough.assign(a=PROMPT | llm).invoke({"x": "hi"}, HINTED)


@path
def branch(llm):
    RunnableBranch((lambda x: True, llm), llm).invoke("hi", HINTED)


@path
def lambda_that_passes_the_config_on(llm):
    def call(x, config):
        return llm.invoke(x, config)

    RunnableLambda(call).invoke("hi", HINTED)


@path
def lambda_that_does_not(llm):
    RunnableLambda(lambda x: llm.invoke(x).text).invoke("hi", HINTED)


@path
def lambda_that_gives_metadata_of_its_own(llm):
    RunnableLambda(lambda x: llm.invoke(x, {"metadata": {"user": "ann"}})).invoke("hi", HINTED)


@path
def lambda_that_streams(llm):
    RunnableLambda(lambda x: list(llm.stream(x))).invoke("hi", HINTED)


@path
def lambda_that_generates(llm):
    RunnableLambda(lambda x: llm.generate([[HumanMessage(x)]])).invoke("hi", HINTED)


@path
def lambda_that_gives_the_model(llm):
    RunnableLambda(lambda x: llm).invoke("hi", HINTED)


@path
async def alambda(llm):
    async def call(x):
        return await llm.ainvoke(x)

    await RunnableLambda(call).ainvoke("hi", HINTED)


@path
async def alambda_that_streams(llm):
    async def call(x):
        return await drain(llm.astream(x))

    await RunnableLambda(call).ainvoke("hi", HINTED)


@path
def generator(llm):
    def call(chunks):
        for chunk in chunks:
            yield from llm.stream(chunk)

    list(RunnableGenerator(call).stream("hi", HINTED))


@path
def map_over_a_list(llm):
    llm.map().invoke(["hi", "ho"], HINTED)


@path
def message_history(llm):
    history = InMemoryChatMessageHistory()
    talk = RunnableWithMessageHistory(llm, lambda session_id: history)
    talk.invoke([HumanMessage("hi")], {**HINTED, "configurable": {"session_id": "1"}})


@path
def as_a_tool(llm):
    (PROMPT | llm | StrOutputParser()).as_tool(name="t", description="d").invoke(
        {"x": "hi"}, HINTED
    )


# -- threads -----------------------------------------------------------------------------------


@path
def a_thread_with_the_callers_context(llm):
    def call(x):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(contextvars.copy_context().run, llm.invoke, x).result()

    RunnableLambda(call).invoke("hi", HINTED)


@path
def a_thread_given_the_config(llm):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(llm.invoke, "hi", HINTED).result()


@path
def a_thread_of_a_hinted_model(llm):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(llm.with_config(HINTED).invoke, "hi").result()


@path
async def asyncio_to_thread(llm):
    async def call(x):
        return await asyncio.to_thread(llm.invoke, x)

    await RunnableLambda(call).ainvoke("hi", HINTED)


@path
async def langchains_executor_with_the_config(llm):
    async def call(x, config):
        return await run_in_executor(config, llm.invoke, x)

    await RunnableLambda(call).ainvoke("hi", HINTED)


@path
async def asyncio_tasks(llm):
    async def call(x):
        return await asyncio.gather(*[asyncio.create_task(llm.ainvoke(x)) for _ in range(2)])

    await RunnableLambda(call).ainvoke("hi", HINTED)


# -- graphs and agents ---------------------------------------------------------------------------


class State(TypedDict):
    messages: Annotated[list, add_messages]


def graph_of(node):
    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    graph.add_edge("node", END)
    return graph.compile()


def node_of(llm, **call):
    return lambda state: {"messages": [llm.invoke(state["messages"], **call)]}


@path
def node(llm):
    graph_of(node_of(llm)).invoke(SAID, HINTED)


@path
def node_that_passes_the_config_on(llm):
    graph_of(lambda s, config: {"messages": [llm.invoke(s["messages"], config)]}).invoke(
        SAID, HINTED
    )


@path
def node_of_a_chain(llm):
    chain = RunnableLambda(lambda s: s["messages"]) | llm | (lambda m: {"messages": [m]})
    graph_of(chain).invoke(SAID, HINTED)


@path
def node_that_streams(llm):
    graph_of(lambda s: {"messages": list(llm.stream(s["messages"]))}).invoke(SAID, HINTED)


@path
async def anode(llm):
    async def call(state):
        return {"messages": [await llm.ainvoke(state["messages"])]}

    await graph_of(call).ainvoke(SAID, HINTED)


@path
def subgraph(llm):
    graph_of(graph_of(graph_of(node_of(llm)))).invoke(SAID, HINTED)


@path
def subgraph_called_in_a_node(llm):
    inner = graph_of(node_of(llm))
    graph_of(lambda state: dict(inner.invoke(state))).invoke(SAID, HINTED)


@path
def graph_with_config(llm):
    graph_of(node_of(llm)).with_config(HINTED).invoke(SAID)


@path
def graph_batch(llm):
    graph_of(node_of(llm)).batch([SAID, SAID], HINTED)


@path
def graph_with_retries(llm):
    llm.router.answers.insert(0, OverloadedError("busy"))
    graph = StateGraph(State)
    retry = RetryPolicy(initial_interval=0.01, jitter=False, retry_on=OverloadedError)
    graph.add_node("node", node_of(llm), retry_policy=retry)
    graph.add_edge(START, "node")
    graph.compile().invoke(SAID, HINTED)


@path
def functional_api(llm):
    @task
    def ask(x):
        return llm.invoke(x).text

    @entrypoint()
    def flow(x):
        return ask(x).result()

    flow.invoke("hi", HINTED)


def _streams_of(name, make):
    """One path for each way LangGraph streams."""
    for mode in ("values", "updates", "messages", "custom", "debug", ["updates", "messages"]):
        tag = "_".join(mode) if isinstance(mode, list) else mode

        def sync(llm, mode=mode):
            list(make(llm).stream(SAID, HINTED, stream_mode=mode))

        async def aio(llm, mode=mode):
            await drain(make(llm).astream(SAID, HINTED, stream_mode=mode, subgraphs=True))

        PATHS[f"{name}_stream_{tag}"] = sync
        PATHS[f"{name}_astream_{tag}"] = aio

    async def events(llm):
        await drain(make(llm).astream_events(SAID, HINTED, version="v2"))

    PATHS[f"{name}_astream_events_v2"] = events


@tool
def look(city: str) -> str:
    """Look at the weather."""
    return f"18 C in {city}"


def calls_a_tool_first(llm):
    call = answer(ToolCallPart("c1", "look", '{"city":"Bonn"}'), finish_reason="tool_calls")
    llm.router.answers.insert(0, call)
    return llm


def react_agent(llm):
    return create_react_agent(calls_a_tool_first(llm), [look])


def agent(llm):
    return create_agent(calls_a_tool_first(llm), [look])


_streams_of("node", lambda llm: graph_of(node_of(llm)))
_streams_of("subgraph", lambda llm: graph_of(graph_of(node_of(llm))))
_streams_of("agent", agent)
_streams_of("react_agent", react_agent)


@path
def agent_invoke(llm):
    agent(llm).invoke(SAID, HINTED)
    assert len(llm.router.calls) == 2


@path
async def agent_ainvoke(llm):
    await agent(llm).ainvoke(SAID, HINTED)


@path
def agent_with_structured_output(llm):
    llm.router.answers[:] = [answer(TextPart(JSON))]
    create_agent(llm, [look], response_format=SCHEMA | {"title": "A"}).invoke(SAID, HINTED)


@path
def agent_with_middleware(llm):
    llm.router.answers.insert(0, OverloadedError("busy"))
    retry = ModelRetryMiddleware(initial_delay=0.0, jitter=False)
    create_agent(llm, [look], middleware=[retry]).invoke(SAID, HINTED)


@path
def agent_of_a_hinted_model(llm):
    create_agent(calls_a_tool_first(RoutedChatModel(router=llm.router, **HINTED)), [look]).invoke(
        SAID
    )


@path
def agent_whose_tool_asks_the_model(llm):
    @tool
    def think(city: str) -> str:
        """Think."""
        return llm.invoke(city).text

    call = answer(ToolCallPart("c1", "think", '{"city":"Bonn"}'), finish_reason="tool_calls")
    llm.router.answers.insert(0, call)
    create_agent(llm, [think]).invoke(SAID, HINTED)
    assert len(llm.router.calls) == 3


@path
def react_agent_invoke(llm):
    react_agent(llm).invoke(SAID, HINTED)
    assert len(llm.router.calls) == 2


@path
async def react_agent_ainvoke(llm):
    await react_agent(llm).ainvoke(SAID, HINTED)


pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{warning}")
    for warning in (
        "langchain_core._api.LangChainBetaWarning",  # stream_events v3
        "langchain_core._api.LangChainDeprecationWarning",  # astream_log, astream_events v1
        "langgraph.warnings.LangGraphDeprecatedSinceV10",  # create_react_agent
    )
]
ARRIVED = set()


@pytest.mark.parametrize("name", PATHS)
async def test_the_hint_arrives(name):
    router = ScriptedRouter(answer(TextPart(JSON)))
    llm = RoutedChatModel(router=router)
    result = PATHS[name](llm)
    if asyncio.iscoroutine(result):
        await result
    assert router.calls, "the path called nobody"
    for _, hints in router.calls:
        assert hints.task == "code"
    ARRIVED.add(name)


def test_every_path_was_tried():
    print(f"hints arrive on {len(ARRIVED)} of {len(PATHS)} ways of calling")  # noqa: T201  (the figure the matrix is for)
    assert len(PATHS) >= 74


@pytest.mark.parametrize("where", ["pool", "executor"])
async def test_a_thread_without_a_context_is_told_nothing(where):
    """Python hands no context to such threads: pass ``config`` or ``hints`` along there."""
    router = ScriptedRouter()
    llm = RoutedChatModel(router=router)

    def in_a_pool(x):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(llm.invoke, x).result()

    async def in_an_executor(x):
        return await asyncio.get_running_loop().run_in_executor(None, llm.invoke, x)

    call = in_a_pool if where == "pool" else in_an_executor
    await RunnableLambda(call).ainvoke("hi", HINTED)
    assert router.hints.task is None
