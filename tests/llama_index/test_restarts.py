"""A stream that broke and began again, as LlamaIndex sees it."""

from __future__ import annotations

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage

from llmrouter_integrations.errors import StreamInterrupted
from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.testing import Fault, Reply, ToolCall

pytestmark = [  # LlamaIndex's own: its workflows look at every attribute of an agent
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step"),
]

KEY = "llmrouter_restarted"
RESTART = {"on_interrupt": "restart"}
WHOLE = "The whole answer, from the other."
HI = [ChatMessage("hi")]


def models(simulator):
    return [
        {"model": f"openai/{name}", "base_url": simulator.url("openai"), "api_key": "k"}
        for name in ("bad", "good")
    ]


@pytest.fixture
def llm(simulator):
    simulator.script(
        "bad", Fault.cut(2, reply=Reply("Half of an answer that never ends", chunks=6))
    )
    simulator.script("good", Reply(WHOLE, chunks=4))
    return RoutedLLM(models=models(simulator), policy="ordered")


def test_unless_asked_it_is_raised(llm):
    with pytest.raises(StreamInterrupted):
        list(llm.stream_chat(HI))


def check(answers):
    (at,) = [i for i, answer in enumerate(answers) if KEY in answer.additional_kwargs]
    void = "".join(answer.delta for answer in answers[:at])
    assert void
    assert answers[at].additional_kwargs[KEY] == len(void)
    assert (answers[at].delta, answers[at].message.content) == ("", None)
    assert "".join(answer.delta for answer in answers[at + 1 :]) == WHOLE
    assert answers[at + 1].message.content == answers[at + 1].delta
    assert answers[-1].message.content == WHOLE


def test_the_mark_stands_between_and_the_message_begins_again(llm):
    check(list(llm.with_hints(RESTART).stream_chat(HI)))


async def test_and_async(llm):
    check([answer async for answer in await llm.with_hints(RESTART).astream_chat(HI)])


async def test_an_agent_that_streams_goes_on(simulator):
    call = Reply("I look it up.", tool_calls=(ToolCall("look", {"city": "Rom"}),), chunks=8)
    simulator.script("bad", Fault.cut(6, reply=call), Fault.cut(2, reply=Reply("It is", chunks=4)))
    simulator.script("good", call, Reply("Sunny."))
    asked = []

    def look(city: str) -> str:
        """Look up the weather."""
        asked.append(city)
        return f"sunny in {city}"

    llm = RoutedLLM(models=models(simulator), policy="ordered", hints=RESTART)
    answer = await FunctionAgent(llm=llm, tools=[look]).run("Rom?")
    assert asked == ["Rom"]
    assert str(answer) == "Sunny."
