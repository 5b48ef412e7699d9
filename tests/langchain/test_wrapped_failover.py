"""Chat models of other packages as targets among others: one answers when another fails, once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.tools import tool
from langchain_core.tracers.context import collect_runs
from pydantic import BaseModel

from llmrouter_integrations import Router, errors
from llmrouter_integrations.langchain import RoutedChatModel, as_target
from llmrouter_integrations.testing import Fault, Reply, ToolCall
from tests.langchain_models import STOPPED, Plain

WRAPPED, WIRE = "gpt-4.1", "claude-haiku-4-5"


class Heard(BaseCallbackHandler):
    """What a caller's handler hears of."""

    def __init__(self):
        self.events = Counter()
        self.tokens = []

    def on_chat_model_start(self, *_, **__):
        self.events["start"] += 1

    def on_llm_new_token(self, token, **_):
        self.tokens.append(token)

    def on_llm_end(self, *_, **__):
        self.events["end"] += 1

    def on_llm_error(self, *_, **__):
        self.events["error"] += 1


@pytest.fixture(params=["wrapped first", "wire first", "both wrapped"])
def pair(request, simulator, chat_openai):
    """A model with two targets, and the names of the two in order."""
    wrapped = {"model": chat_openai(WRAPPED), "name": "wrapped"}
    wire = simulator.target("anthropic", WIRE, name="wire")
    if request.param == "wrapped first":
        targets, models = [wrapped, wire], (WRAPPED, WIRE)
    elif request.param == "wire first":
        targets, models = [wire, wrapped], (WIRE, WRAPPED)
    else:
        other = {"model": chat_openai("gpt-4.1-mini", api_key="another-key"), "name": "other"}
        targets, models = [wrapped, other], (WRAPPED, "gpt-4.1-mini")
    return targets, models


def routed(targets, **arguments):
    return RoutedChatModel(models=targets, policy="ordered", **arguments)


async def astreamed(llm, asked, **config):
    return [chunk async for chunk in llm.astream(asked, config or None)]


WAYS = {
    "invoke": lambda llm, asked="hi": llm.invoke(asked).text,
    "stream": lambda llm, asked="hi": "".join(c.text for c in llm.stream(asked)),
    "ainvoke": lambda llm, asked="hi": asyncio.run(llm.ainvoke(asked)).text,
    "astream": lambda llm, asked="hi": "".join(c.text for c in asyncio.run(astreamed(llm, asked))),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "fault",
    [
        Fault.overloaded(),
        Fault.rate_limited(20),
        Fault.bad_key(),
        Fault.refuse(),
        Fault.html(),
        Fault.empty_answer(),
    ],
    ids=lambda fault: fault.name,
)
def test_another_answers(simulator, pair, way, fault):
    targets, (first, second) = pair
    simulator.script(first, fault)
    simulator.script(second, Reply("It was the second."))
    assert WAYS[way](routed(targets, max_retries=0)) == "It was the second."
    assert (simulator.calls(first), simulator.calls(second)) == (1, 1)


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("fault", [Fault.cut(0), Fault.unfinished(0), Fault.error_event(0)])
def test_a_stream_that_breaks_before_it_said_anything(simulator, pair, way, fault):
    targets, (first, second) = pair
    simulator.script(first, fault)
    simulator.script(second, Reply("It was the second."))
    assert WAYS[way](routed(targets)) == "It was the second."


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize(
    "fault", [Fault.cut(3), Fault.unfinished(3), Fault.error_event(3)], ids=lambda f: f.name
)
def test_a_stream_that_breaks_later_is_never_spliced(simulator, pair, way, fault):
    targets, (first, second) = pair
    simulator.script(first, fault)
    with pytest.raises(errors.StreamInterrupted) as caught:
        WAYS[way](routed(targets))
    assert caught.value.partial.text
    assert simulator.calls(second) == 0


@pytest.mark.parametrize("way", WAYS)
def test_the_models_own_retries_do_not_multiply(simulator, chat_openai, way):
    simulator.script(WRAPPED, Fault.status(500))
    llm = routed([chat_openai(WRAPPED, max_retries=5)], max_retries=1)
    with pytest.raises(errors.AllTargetsFailed) as caught:
        WAYS[way](llm)
    assert simulator.calls(WRAPPED) == 2 == len(caught.value.attempts)


def test_the_model_itself_keeps_its_retries(simulator, chat_openai):
    model = chat_openai(WRAPPED, max_retries=1)
    routed([model])
    simulator.script(WRAPPED, Fault.status(500, headers={"retry-after-ms": "1"}), Reply("at last"))
    assert model.invoke("hi").text == "at last"


def test_a_dead_target_is_not_paid_for_twice(simulator, chat_openai):
    simulator.script(WRAPPED, Fault.overloaded(30))
    llm = routed([chat_openai(WRAPPED), chat_openai("gpt-4.1-mini")])
    llm.invoke("hi")
    llm.invoke("hi")
    assert simulator.calls(WRAPPED) == 1


def test_a_bad_key_stops_every_target_with_that_key(simulator, chat_openai):
    simulator.script(WRAPPED, Fault.bad_key())
    llm = routed(
        [
            chat_openai(WRAPPED),
            simulator.target("openai", "gpt-4.1-mini", api_key="sim-key"),
            simulator.target("anthropic", WIRE),
        ]
    )
    llm.invoke("hi")
    llm.invoke("hi")
    assert (simulator.calls(WRAPPED), simulator.calls(WIRE)) == (1, 2)


class Picky(Plain):
    """Cannot write down what mentions an image, as integrations cannot that know no such block."""

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        self._create_message_dicts(messages)
        return super()._generate(messages, stop, run_manager, **kwargs)

    def _create_message_dicts(self, messages):
        if "image" in messages[-1].text:
            raise ValueError("what is that?")


@pytest.mark.parametrize("way", WAYS)
def test_what_a_model_cannot_write_down_leaves_it_in_good_health(simulator, way):
    llm = routed([{"model": Picky(), "name": "picky"}, simulator.target("openai", WRAPPED)])
    for _ in range(4):
        assert WAYS[way](llm, "an image") == "You said: an image"
    assert WAYS[way](llm, "hi") == "ok"


@pytest.mark.parametrize("way", WAYS)
def test_an_argument_a_models_client_refuses_goes_to_another(simulator, chat_openai, way):
    model = chat_openai("gpt-5.4", use_responses_api=True, model_kwargs={"odd": 1})
    llm = routed([{"model": model, "name": "old"}, simulator.target("anthropic", WIRE)])
    for _ in range(4):
        assert WAYS[way](llm) == "You said: hi"
    assert simulator.calls("gpt-5.4") == 0
    with pytest.raises(errors.UnsupportedParameterError, match="'odd'") as caught:
        WAYS[way](routed([model]))
    assert caught.value.parameter == "odd"


# -- heard once ------------------------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [True, False])
def test_tokens_and_events_are_heard_once(simulator, chat_openai, streaming):
    heard = Heard()
    llm = routed([chat_openai(WRAPPED, streaming=streaming)], callbacks=None)
    with get_usage_metadata_callback() as usage, collect_runs() as runs:
        said = [c.text for c in llm.stream("one two three", {"callbacks": [heard]})]
        answer = llm.invoke("one two three", {"callbacks": [heard]})
    assert [t for t in heard.tokens if t] == [t for t in said if t]
    assert heard.events == {"start": 2, "end": 2}
    assert len(runs.traced_runs) == 2
    (counted,) = usage.usage_metadata.values()
    assert counted["input_tokens"] == 2 * answer.usage_metadata["input_tokens"]


async def test_tokens_and_events_are_heard_once_async(simulator, chat_openai):
    heard = Heard()
    llm = routed([chat_openai(WRAPPED)])
    with get_usage_metadata_callback() as usage, collect_runs() as runs:
        chunks = await astreamed(llm, "one two three", callbacks=[heard])
        answer = await llm.ainvoke("one two three", {"callbacks": [heard]})
    assert [t for t in heard.tokens if t] == [c.text for c in chunks if c.text]
    assert heard.events == {"start": 2, "end": 2}
    assert len(runs.traced_runs) == 2
    (counted,) = usage.usage_metadata.values()
    assert counted["input_tokens"] == 2 * answer.usage_metadata["input_tokens"]


async def test_astream_events_shows_one_model(simulator, chat_openai):
    llm = routed([chat_openai(WRAPPED)])
    events = [event async for event in llm.astream_events("one two three", version="v2")]
    kinds = Counter(event["event"] for event in events)
    assert (kinds["on_chat_model_start"], kinds["on_chat_model_end"]) == (1, 1)
    said = [e["data"]["chunk"].text for e in events if e["event"] == "on_chat_model_stream"]
    assert "".join(said) == "You said: one two three"


def test_the_models_own_handlers_still_hear(simulator, chat_openai):
    heard = Heard()
    routed([chat_openai(WRAPPED, callbacks=[heard])]).invoke("hi")
    assert heard.events == {"start": 1, "end": 1}


def test_tracing_sees_one_run(simulator, chat_openai, monkeypatch):
    from langchain_core.tracers.context import tracing_v2_callback_var
    from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

    tracer = RunCollectorCallbackHandler()
    token = tracing_v2_callback_var.set(tracer)
    try:
        llm = routed([chat_openai(WRAPPED)])
        llm.invoke("hi")
        list(llm.stream("hi"))
        assert tracing_v2_callback_var.get() is tracer
    finally:
        tracing_v2_callback_var.reset(token)
    assert len(tracer.traced_runs) == 2


def test_the_models_own_cache_and_limiter_work(simulator, chat_openai):
    class Limiter:
        acquired = 0

        def acquire(self, *, blocking=True):
            self.acquired += 1
            return True

    limiter = Limiter()
    model = chat_openai(WRAPPED, cache=InMemoryCache())
    object.__setattr__(model, "rate_limiter", limiter)
    llm = routed([model])
    first, second = llm.invoke("hi"), llm.invoke("hi")
    assert simulator.calls(WRAPPED) == 1 == limiter.acquired
    assert first.text == second.text
    assert second.response_metadata["llmrouter"]["cost_usd"] == 0


def test_a_global_cache_is_asked_with_the_models_settings(simulator, chat_openai):
    set_llm_cache(InMemoryCache())
    try:
        cold, warm = chat_openai(WRAPPED, temperature=0), chat_openai(WRAPPED, temperature=1)
        routed([cold]).invoke("hi")
        routed([cold]).invoke("hi")
        assert simulator.calls(WRAPPED) == 1
        routed([warm]).invoke("hi")
        assert simulator.calls(WRAPPED) == 2
    finally:
        set_llm_cache(None)


# -- agents, structured output -----------------------------------------------------------------------


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def solve(request):
    match request.tool_results:
        case ():
            return Reply(tool_calls=(ToolCall("multiply", {"a": 6, "b": 7}),))
        case (product,):
            return Reply(f"The answer is {product}.")


@pytest.mark.parametrize("stream_mode", [None, "values"])
def test_an_agent_goes_on_when_its_provider_fails(simulator, pair, stream_mode):
    targets, (first, second) = pair
    simulator.script(first, solve, Fault.overloaded())
    simulator.script(second, solve)
    agent = create_agent(routed(targets), [multiply])
    asked = {"messages": [("user", "What is 6 times 7?")]}
    if stream_mode is None:
        messages = agent.invoke(asked)["messages"]
    else:
        messages = list(agent.stream(asked, stream_mode=stream_mode))[-1]["messages"]
    assert messages[-1].text == "The answer is 42."
    told = [m.response_metadata["llmrouter"] for m in messages if isinstance(m, AIMessage)]
    names = [t["target"] for t in told]
    assert len(set(names)) == 2
    assert [a["outcome"] for a in told[1]["attempts"]][-1] == "ok"


async def test_an_agents_tokens_come_once(simulator, pair):
    targets, (first, _) = pair
    simulator.script(first, solve)
    agent = create_agent(routed(targets), [multiply])
    asked = {"messages": [("user", "What is 6 times 7?")]}
    said = [m async for m, _ in agent.astream(asked, stream_mode="messages")]
    assert "".join(m.text for m in said if m.type == "AIMessageChunk") == "The answer is 42."


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke"])
def test_structured_output_from_whoever_answers(simulator, pair, method, way):
    targets, (first, second) = pair
    simulator.script(first, Fault.overloaded())
    chain = routed(targets).with_structured_output(Joke, method=method)
    if way == "invoke":
        joke = chain.invoke("Tell a joke.")
    elif way == "stream":
        *_, joke = chain.stream("Tell a joke.")
    else:
        joke = asyncio.run(chain.ainvoke("Tell a joke."))
    assert isinstance(joke, Joke)
    (asked,) = [r for r in simulator.requests if r.model == second]
    assert asked.model == second


# -- history ---------------------------------------------------------------------------------------


def test_a_conversation_moves_between_kinds_of_targets(simulator, chat_openai):
    """Reasoning and calls of a wire target, read by a wrapped one, and back."""
    step = Reply(reasoning="six times seven", tool_calls=(ToolCall("multiply", {"a": 6, "b": 7}),))
    simulator.script(WIRE, step, Reply("Wire."))
    simulator.script(WRAPPED, Reply("Wrapped."))
    wire = simulator.target("anthropic", WIRE, name="wire")
    llm = routed([wire, {"model": chat_openai(WRAPPED), "name": "wrapped"}])
    bound = llm.bind_tools([multiply])
    history = [HumanMessage("What is 6 times 7?")]
    first = bound.invoke(history)
    assert first.response_metadata["llmrouter"]["target"] == "wire"
    history += [first, ToolMessage("42", tool_call_id=first.tool_calls[0]["id"])]
    second = bound.invoke(history, model="wrapped")
    assert (second.text, second.response_metadata["llmrouter"]["target"]) == ("Wrapped.", "wrapped")
    asked = simulator.requests[-1]
    assert asked.tool_results == ("42",)
    assert "six times seven" not in str(asked.body)
    history += [second, HumanMessage("Again.")]
    assert bound.invoke(history).text == "Wire."


# -- the router by itself, limits ---------------------------------------------------------------------


def test_a_plain_router_takes_one_too(simulator, chat_openai):
    router = Router(models=[as_target(chat_openai(WRAPPED), name="mine", quality=0.9)])
    response = router.complete(
        [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}]
    )
    assert (response.text, response.target, response.provider) == ("You said: hi", "mine", "openai")
    assert response.cost_usd > 0
    assert simulator.requests[-1].messages[0] == ("system", "Be kind.")
    chunks = list(router.stream("hi"))
    assert chunks[-1].response.text == "You said: hi"


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_hangs_is_left(simulator, chat_openai, way):
    simulator.script(WRAPPED, Fault.stall(5))
    simulator.script("gpt-4.1-mini", Reply("in time"))
    llm = routed([chat_openai(WRAPPED), chat_openai("gpt-4.1-mini")], timeout=0.6)
    assert WAYS[way](llm) == "in time"


class Stalling(Plain):
    """Answers once its gate is open, whatever its caller's patience: it takes no timeout."""

    gate: Any = None
    stalls_at: int = 0

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        self.gate.wait()
        return super()._generate(messages, stop, run_manager, **kwargs)

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        for at, word in enumerate(["one ", "two"]):
            if at == self.stalls_at:
                self.gate.wait()
            yield ChatGenerationChunk(message=AIMessageChunk(word))
        yield ChatGenerationChunk(message=AIMessageChunk("", response_metadata=STOPPED))
        if self.stalls_at == 3:
            self.gate.wait()


@pytest.fixture
def gate():
    """What a stalling model waits for; opened in the end, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_a_model_that_takes_no_timeout_is_left_all_the_same(simulator, gate, way):
    stalling = {"model": Stalling(gate=gate), "name": "stalling"}
    llm = routed([stalling, simulator.target("openai", WRAPPED)], timeout=0.6, max_retries=0)
    assert WAYS[way](llm) == "You said: hi"


def test_a_body_that_drips_is_left(simulator, chat_openai):
    """Each read is in time, the answer is not."""
    simulator.script(WRAPPED, Fault.drip(0.05))
    llm = routed([chat_openai(WRAPPED), simulator.target("anthropic", WIRE)], timeout=0.6)
    assert llm.invoke("hi").response_metadata["llmrouter"]["target"] == f"anthropic/{WIRE}"


@pytest.mark.parametrize(("stalls_at", "said"), [(1, "one "), (2, "one two")])
def test_a_stream_read_in_a_thread_is_cut_off_when_it_falls_silent(gate, stalls_at, said):
    class Silent(Stalling):
        def _stream(self, *args, **kwargs):
            *content, last = super()._stream(*args, **kwargs)
            yield from content
            self.gate.wait()
            yield last

    model = Silent(gate=gate, stalls_at=9) if stalls_at == 2 else Stalling(gate=gate, stalls_at=1)
    router = Router(models=[as_target(model)], idle_timeout_s=0.1)
    heard = []
    with pytest.raises(errors.StreamInterrupted) as caught:
        heard.extend(router.stream("hi"))
    assert (caught.value.partial.text, caught.value.cause.phase) == (said, "idle")


def test_an_answer_that_has_ended_is_kept_though_its_stream_goes_on(gate):
    assert WAYS["stream"](routed([Stalling(gate=gate, stalls_at=3)], timeout=0.3)) == "one two"


async def test_and_awaited():
    class Lingering(Stalling):
        async def _astream(self, *args, **kwargs):
            for chunk in super()._stream(*args, **kwargs):
                yield chunk
            await asyncio.sleep(9)

    llm = routed([Lingering(stalls_at=9)], timeout=0.3)
    assert "".join([chunk.text async for chunk in llm.astream("hi")]) == "one two"


def test_what_has_come_when_the_time_is_up_still_counts(gate):
    router = Router(models=[as_target(Stalling(gate=gate, stalls_at=9))], timeout_s=0.2)
    said = []
    for chunk in router.stream("hi"):
        said.extend(delta.text for delta in chunk.deltas)
        if "two" in said:
            time.sleep(0.2)
    assert said == ["one ", "two"]


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_the_first_tokens_time_is_not_every_silences(simulator, chat_openai, way):
    pause = Fault.stall_body(2, 0.3, reply=Reply("one two three four"))
    simulator.script(WRAPPED, pause)
    config = {"models": [chat_openai(WRAPPED)], "first_token_timeout_s": 0.2, "idle_timeout_s": 5}
    assert WAYS[way](RoutedChatModel(config=config, max_retries=0)) == "one two three four"


async def test_a_stream_that_falls_silent_is_cut_off(simulator, chat_openai):
    simulator.script(WRAPPED, Fault.stall_body(5, reply=Reply("one two three four")))
    router = Router(models=[as_target(chat_openai(WRAPPED))], policy="ordered", idle_timeout_s=0.2)
    with pytest.raises(errors.StreamInterrupted) as caught:
        async for _ in router.astream("hi"):
            pass
    assert caught.value.cause.phase == "idle"


def test_the_time_a_model_was_built_with_still_holds(simulator, chat_openai):
    simulator.script(WRAPPED, Fault.stall(5))
    llm = routed([chat_openai(WRAPPED, timeout=0.1)], max_retries=0, timeout=30)
    with pytest.raises(errors.AllTargetsFailed) as caught:
        llm.invoke("hi")
    assert caught.value.attempts[0].error_type == "TargetTimeoutError"
    assert caught.value.attempts[0].duration_s < 3


def test_hints_reach_it(simulator, chat_openai):
    llm = routed([chat_openai(WRAPPED), chat_openai("gpt-4.1-mini")])
    told = llm.invoke("hi", {"metadata": {"llmrouter_models": ["gpt-4.1-mini"]}})
    assert told.response_metadata["llmrouter"]["target"] == "openai/gpt-4.1-mini"
    assert simulator.requests[-1].model == "gpt-4.1-mini"


def test_a_closed_stream_closes_the_models(simulator, chat_openai):
    stream = routed([chat_openai(WRAPPED)]).stream("one two three four")
    next(stream)
    stream.close()
    with httpx.Client() as probe:
        assert probe.get(simulator.url("openai")).status_code == 404  # it still serves
