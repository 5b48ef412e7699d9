"""The router end to end on the simulator: hedges, checks, streams that break, lines, empty answers."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from pydantic import BaseModel

from llmrouter_integrations import Router
from llmrouter_integrations.errors import (
    AllTargetsFailed,
    InvalidRequestError,
    StreamInterrupted,
    UnknownHintError,
)
from llmrouter_integrations.testing import Fault, Reply, ToolCall

SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name", "age"],
            "additionalProperties": False,
        },
    },
}
GOOD, BAD = '{"name": "Ada", "age": 36}', '{"name": "Ada", "age": "thirty-six"}'
TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def target(simulator, name, protocol="openai-chat", **fields):
    provider = {"openai-chat": "openai", "anthropic": "anthropic"}[protocol]
    return {
        "model": f"{provider}/{name}",
        "name": name,
        "base_url": simulator.url(provider),
        "api_key": "k",
        "protocol": protocol,
        **fields,
    }


@pytest.fixture
def make(simulator):
    routers = []

    def make(*names, **settings):
        models = [n if isinstance(n, dict) else target(simulator, n) for n in names]
        routers.append(Router(models, policy="ordered", **settings))
        return routers[-1]

    yield make
    for router in routers:
        router.close()


def outcomes(response):
    return [(a.target, a.error_type or a.outcome) for a in response.attempts]


async def collected(chunks):
    return [chunk async for chunk in chunks]


# -- answers that hold -----------------------------------------------------------------------------


def test_a_form_that_does_not_fit_is_mended_by_its_model(simulator, make):
    simulator.script("a", Reply(BAD), Reply(GOOD))
    response = make("a", "b").complete("Who?", response_format=SCHEMA)
    assert response.text == GOOD
    assert outcomes(response) == [("a", "RejectedAnswerError"), ("a", "ok")]
    told = simulator.requests[-1].body["messages"]
    assert told[-2]["content"] == BAD
    assert "integer" in told[-1]["content"]


def test_or_by_the_next_model(simulator, make):
    simulator.script("a", Reply(BAD))
    simulator.script("b", Reply(GOOD))
    router = make("a", "b", max_retries=0)
    response = router.complete("Who?", response_format=SCHEMA)
    assert (response.text, outcomes(response)) == (
        GOOD,
        [("a", "RejectedAnswerError"), ("b", "ok")],
    )
    assert response.spent_usd == pytest.approx(sum(a.cost_usd or 0 for a in response.attempts))


def test_where_nobody_fits_the_caller_sees_the_last_unless_they_asked(simulator, make):
    for name in "ab":
        simulator.script(name, Reply(BAD))
    router = make("a", "b")
    assert router.complete("Who?", response_format=SCHEMA).text == BAD
    with pytest.raises(AllTargetsFailed, match="integer"):
        router.complete("Who?", response_format=SCHEMA, hints={"verify": "schema"})


async def test_a_stream_is_held_where_it_must_fit(simulator, make):
    simulator.script("a", Reply(BAD, chunks=5))
    simulator.script("b", Reply(GOOD, chunks=5))
    router = make("a", "b", max_retries=0)
    asked = {"response_format": SCHEMA, "hints": {"verify": "schema"}}
    for chunks in (
        list(router.stream("Who?", **asked)),
        await collected(router.astream("Who?", **asked)),
    ):
        assert "".join(chunk.text for chunk in chunks) == GOOD
    # unless that is asked for, a stream flows
    simulator.script("a", Reply(BAD, chunks=5))
    flowing = list(router.stream("Who?", response_format=SCHEMA))
    assert "".join(chunk.text for chunk in flowing) in (BAD, GOOD)
    await router.aclose()


@pytest.mark.parametrize(
    "call", [ToolCall("look", {"town": "Rom"}), ToolCall("search", {"city": "Rom"})]
)
def test_tool_calls_that_fit_nothing_on_offer(simulator, make, call):
    simulator.script("a", Reply(tool_calls=(call,)))
    simulator.script("b", Reply(tool_calls=(ToolCall("look", {"city": "Rom"}),)))
    router = make("a", "b", max_retries=0)
    response = router.complete("Rom?", tools=[TOOL], hints={"verify": "tools"})
    assert [c.name for c in response.tool_calls] == ["look"]
    assert response.target == "b"


def test_a_callers_own_check(simulator, make):
    simulator.script("a", Reply("no"))
    simulator.script("b", Reply("yes"))
    router = make("a", "b", max_retries=0)

    def agrees(response):
        return None if response.text == "yes" else "say yes"

    assert router.complete("?", hints={"verify": agrees}).target == "b"


def test_what_cannot_be_checked_is_told_before_anything_is_sent(simulator, make):
    router = make("a")
    with pytest.raises(UnknownHintError, match=r"schema.*tools"):
        router.complete("?", hints={"verify": "shema"})
    odd = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nothing"}}}
    with pytest.raises(InvalidRequestError, match="cannot be checked"):
        router.complete("?", response_format=odd, hints={"verify": "schema"})
    assert not simulator.requests


class Person(BaseModel):
    name: str
    age: int


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("include_raw", [False, True])
def test_langchain_structured_output_fails_over(simulator, method, include_raw):
    from llmrouter_integrations.langchain import RoutedChatModel

    replies = {
        "json_schema": (Reply(BAD), Reply(GOOD)),
        "function_calling": (
            Reply(tool_calls=(ToolCall("Person", {"name": "Ada", "age": "old"}),)),
            Reply(tool_calls=(ToolCall("Person", {"name": "Ada", "age": 36}),)),
        ),
    }[method]
    for name, reply in zip("ab", replies, strict=True):
        simulator.script(name, reply)
    models = [target(simulator, name) for name in "ab"]
    llm = RoutedChatModel(models=models, policy="ordered", max_retries=0)
    said = llm.with_structured_output(Person, method=method, include_raw=include_raw).invoke("?")
    parsed = said["parsed"] if include_raw else said
    assert parsed == Person(name="Ada", age=36)


def test_llama_index_structured_output_fails_over(simulator):
    from llama_index.core.prompts import PromptTemplate

    from llmrouter_integrations.llama_index import RoutedLLM

    simulator.script("a", Reply(BAD))
    simulator.script("b", Reply(GOOD))
    models = [target(simulator, name) for name in "ab"]
    llm = RoutedLLM(models=models, policy="ordered", max_retries=0)
    assert llm.structured_predict(Person, PromptTemplate("?")) == Person(name="Ada", age=36)


# -- empty -----------------------------------------------------------------------------------------


async def test_an_empty_answer_is_handed_on_where_nobody_does_better(simulator, make):
    for name in "ab":
        simulator.script(name, Fault.empty_answer())
    router = make("a", "b")
    assert router.complete("?").text == ""
    assert list(router.stream("?"))[-1].response.text == ""
    assert (await router.acomplete("?")).text == ""
    simulator.script("b", Reply("something"))
    assert router.complete("?").text == "something"
    await router.aclose()


# -- races -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_hedge_rescues_a_slow_answer(simulator, make, streamed):
    simulator.script("a", Fault.stall(5.0, reply=Reply("slow")))
    simulator.script("b", Reply("fast"))
    router = make("a", "b", hedge_after=0.1, hedge_share=1.0)
    hints = {"hedge": True}

    def sync():
        if not streamed:
            return router.complete("?", hints=hints)
        return list(router.stream("?", hints=hints))[-1].response

    began = time.monotonic()
    one = await asyncio.to_thread(sync)
    if streamed:
        other = (await collected(router.astream("?", hints=hints)))[-1].response
    else:
        other = await router.acomplete("?", hints=hints)
    assert time.monotonic() - began < 4.0
    for response in (one, other):
        assert response.text == "fast"
        assert outcomes(response) == [("a", "cancelled"), ("b", "ok")]
        assert response.spent_usd >= (response.cost_usd or 0.0)
    await router.aclose()


def test_no_hedge_unless_asked(simulator, make):
    simulator.script("a", Fault.stall(0.15, reply=Reply("slow")))
    router = make("a", "b", hedge_after=0.01, hedge_share=1.0)
    assert outcomes(router.complete("?")) == [("a", "ok")]


def test_the_spend_cap_holds(simulator, make):
    simulator.script("a", Fault.stall(0.06, reply=Reply("slow")))
    simulator.script("b", Reply("fast"))
    router = make("a", "b", hedge_after=0.02, hedge_share=0.2)
    raced = sum(len(router.complete("?", hints={"hedge": True}).attempts) > 1 for _ in range(20))
    assert 3 <= raced <= 6


# -- streams that break ------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["claude-haiku-4-5"])
def test_a_text_goes_on_where_a_model_can_be_given_its_beginning(simulator, make, model):
    whole = "One two three four five six seven eight"
    simulator.script("a", Fault.cut(3, reply=Reply(whole, chunks=8)))
    simulator.script(model, Reply(" and so on."))
    router = make("a", target(simulator, model, "anthropic"))
    chunks = list(router.stream("Count", hints={"on_interrupt": "continue"}))
    response = chunks[-1].response
    begun = simulator.requests[-1].body["messages"][-1]
    assert begun["role"] == "assistant"
    said = "".join(chunk.text for chunk in chunks)
    assert said == response.text
    assert said.startswith("One")
    assert said.endswith("and so on.")
    assert outcomes(response) == [("a", "TruncatedAnswerError"), (model, "ok")]


def test_and_not_where_none_can(simulator, make):
    simulator.script("a", Fault.cut(3, reply=Reply("One two three four five", chunks=5)))
    with pytest.raises(StreamInterrupted):
        list(make("a", "b").stream("Count", hints={"on_interrupt": "continue"}))


# -- lines -----------------------------------------------------------------------------------------


def test_who_waits_is_served_by_priority(simulator, make):
    simulator.script("a", Fault.stall(0.1, reply=Reply("ok")))
    router = make(target(simulator, "a", max_concurrency=1))
    order = []

    def ask(who, priority):
        router.complete(who, hints={"priority": priority})
        order.append(who)

    threads = [threading.Thread(target=ask, args=("first", 0))]
    threads[0].start()
    time.sleep(0.03)
    for who, priority in (("low", -1), ("high", 5), ("usual", 0)):
        threads.append(threading.Thread(target=ask, args=(who, priority)))
        threads[-1].start()
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert order == ["first", "high", "usual", "low"]


async def test_a_hundred_share_two_places(simulator, make):
    simulator.script("a", Reply("ok"))
    router = make(target(simulator, "a", max_concurrency=2))
    answers = await asyncio.gather(*[router.acomplete("?") for _ in range(100)])
    assert all(len(answer.attempts) == 1 for answer in answers)
    await router.aclose()
