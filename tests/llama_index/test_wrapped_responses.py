"""A wrapped ``OpenAIResponses`` does what it does by itself: tools, streams, schemas, usage."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel

from llmrouter_integrations import errors
from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.testing import Fault, Reply, ToolCall
from tests.llama_index_responses import OpenAIResponses

pytestmark = [  # LlamaIndex's own: its workflows look at every attribute of an agent
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step"),
]

HI = [ChatMessage("hi")]
WORDS = Reply("one two three four five six", input_tokens=11, output_tokens=7)


@pytest.fixture
def responses(llm_at):
    return lambda **said: llm_at(kind=OpenAIResponses, **said)


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def solve(request):
    match request.tool_results:
        case ():
            return Reply(tool_calls=(ToolCall("multiply", {"a": 6, "b": 7}),))
        case (product,):
            return Reply(f"The answer is {product}.")


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("wrap", [lambda llm: llm, lambda llm: RoutedLLM(models=[llm])])
async def test_a_tool_loop(simulator, responses, wrap, streaming):
    simulator.script("gpt-4.1", solve)
    agent = FunctionAgent(tools=[multiply], llm=wrap(responses()), streaming=streaming)
    memory = ChatMemoryBuffer.from_defaults()
    assert str(await agent.run("6 times 7?", memory=memory)) == "The answer is 42."
    called, result = simulator.requests[-1].body["input"][-2:]
    assert (called["type"], result["type"]) == ("function_call", "function_call_output")
    assert called["call_id"] == result["call_id"]
    # as the model spelled it: any other spelling is not in its provider's prompt cache
    assert called["arguments"] == '{"a":6,"b":7}'


async def streamed(llm):
    return [answer async for answer in await llm.astream_chat(HI)]


STREAMS = {
    "sync": lambda llm: list(llm.stream_chat(HI)),
    "async": lambda llm: asyncio.run(streamed(llm)),
}


@pytest.mark.parametrize("way", STREAMS)
def test_streams_end_also_after_a_whole_answer(simulator, responses, way):
    simulator.script("gpt-4.1", WORDS)
    llm = RoutedLLM(models=[responses()])
    whole = llm.chat(HI)
    last = STREAMS[way](llm)[-1]
    assert last.message.content == whole.message.content == "one two three four five six"
    for answer in (whole, last):
        assert answer.raw["finish_reason"] == "stop"
        assert answer.raw["usage"]["total_tokens"] == 18
        assert answer.raw["id"].startswith("resp_")
        assert "usage_estimated" not in answer.raw["llmrouter"]
    assert whole.raw["llmrouter"]["cost_usd"] == last.raw["llmrouter"]["cost_usd"]


@pytest.mark.parametrize("way", STREAMS)
@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault.unfinished(3, reply=WORDS), errors.TruncatedAnswerError),
        (Fault.error_event(3, reply=WORDS), errors.OverloadedError),
    ],
    ids=lambda said: getattr(said, "name", ""),
)
def test_a_stream_that_breaks_is_no_answer(simulator, responses, way, fault, cause):
    simulator.script("gpt-4.1", fault)
    with pytest.raises(errors.StreamInterrupted) as caught:
        STREAMS[way](RoutedLLM(models=[responses()], max_retries=0))
    assert isinstance(caught.value.__cause__, cause)


def test_a_stream_cut_short_by_its_limit_says_so(simulator, responses):
    simulator.script("gpt-4.1", Reply("one two", finish="length"))
    last = list(RoutedLLM(models=[responses()]).stream_chat(HI))[-1]
    assert (last.message.content, last.raw["finish_reason"]) == ("one two", "length")


def test_reasoning_comes_first_and_once(simulator, responses):
    simulator.script("gpt-4.1", Reply("Yes.", reasoning="hm"))
    pieces = list(RoutedLLM(models=[responses()]).stream_chat(HI))
    thought, text = pieces[-1].message.blocks
    assert (thought.content, text.text) == ("hm", "Yes.")
    assert thought.additional_information["id"].startswith("rs_")
    assert [p.additional_kwargs.get("thinking_delta") for p in pieces].count("hm") == 1


@pytest.mark.parametrize("streaming", [True, False])
def test_a_refusal_is_one(simulator, responses, streaming):
    simulator.script("gpt-4.1", Reply("", refusal="I will not."))
    llm = RoutedLLM(models=[responses()])
    answer = list(llm.stream_chat(HI))[-1] if streaming else llm.chat(HI)
    assert answer.message.additional_kwargs["refusal"] == "I will not."


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str


def test_a_schema_is_bound_in_its_own_form(simulator, responses):
    llm = RoutedLLM(models=[responses()])
    prompt = PromptTemplate("Tell a joke.")
    assert isinstance(llm.structured_predict(Joke, prompt), Joke)
    form = simulator.requests[-1].body["text"]["format"]
    assert (form["type"], form["name"]) == ("json_schema", "Joke")
    assert isinstance(list(llm.stream_structured_predict(Joke, prompt))[-1], Joke)
    assert not simulator.requests[-1].tools


def test_settings_go_where_they_belong(simulator, responses):
    llm = RoutedLLM(models=[responses()])
    llm.chat(HI, max_tokens=55, top_p=0.5, user="me", stop=["x"])
    body = simulator.requests[-1].body
    assert (body["max_output_tokens"], body["top_p"], body["user"]) == (55, 0.5, "me")
    dropped = llm.chat(HI, stop=["x"]).raw["llmrouter"]["adjustments"]
    assert [(a["parameter"], a["action"]) for a in dropped] == [("stop", "dropped")]
