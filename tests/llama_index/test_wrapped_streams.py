"""What the pieces of wrapped LLMs' streams come to, in each integration's manner."""

from __future__ import annotations

import asyncio
import base64
from types import SimpleNamespace as Record

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CitationBlock,
    LogProb,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel

from llmrouter_integrations import errors
from llmrouter_integrations.accumulate import ResponseBuilder
from llmrouter_integrations.dispatch.backend import Call
from llmrouter_integrations.llama_index import RoutedLLM, as_target
from llmrouter_integrations.llama_index.from_chat import read_answer
from llmrouter_integrations.llama_index.from_response import to_completion
from llmrouter_integrations.llama_index.from_stream import StreamReader
from llmrouter_integrations.messages import (
    Message,
    ReasoningDelta,
    Request,
    TextDelta,
    TextPart,
    ToolCallDelta,
)
from llmrouter_integrations.testing import Reply, ToolCall
from llmrouter_integrations.transport import Limits
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wrapping.reading import Ending, Reading
from tests.llama_index_llms import Answering, OpenAI

AT = Endpoint("mine", "acme", "tiny-1", base_url="")


def piece(*blocks, delta="", raw=None, beside=None, **told):
    message = ChatMessage(role="assistant", blocks=list(blocks), additional_kwargs=told)
    return ChatResponse(message=message, delta=delta, raw=raw, additional_kwargs=beside or {})


def text(said):
    return TextBlock(text=said)


def thought(said, **about):
    return ThinkingBlock(content=said, additional_information=about)


def called(call_id, name, arguments):
    return ToolCallBlock(tool_call_id=call_id, tool_name=name, tool_kwargs=arguments)


def read(pieces, *, issuer="acme", text_tool=None):
    """Give all deltas, and the answer that they fold into."""
    reader = StreamReader(AT, issuer, text_tool=text_tool)
    builder, deltas = ResponseBuilder(), []
    for one in pieces:
        deltas += reader.read(one)
    end = reader.end()
    deltas += end.deltas
    reading = Reading(Limits(5.0, 5.0, 5.0))
    builder.add(reading.chunk(tuple(deltas)))
    builder.add(end.__class__(finish_reason=end.finish_reason, usage=end.usage, id=end.id))
    return deltas, builder.response()


# -- calls -------------------------------------------------------------------------------------------


def test_a_call_is_named_once():
    pieces = [piece(called("c1", "f", "")), piece(called("c1", "f", {"a": 1}))]
    deltas, answer = read(pieces)
    assert [(d.id, d.name) for d in deltas] == [("c1", "f"), (None, None)]
    (call,) = answer.tool_calls
    assert (call.id, call.name, call.arguments) == ("c1", "f", '{"a":1}')


def test_arguments_grow_as_they_come():
    spelled = ['{"a"', '{"a": 1', '{"a": 1}']
    deltas, answer = read([piece(called("c1", "f", so_far)) for so_far in spelled])
    assert [d.arguments for d in deltas] == ["", '{"a"', ": 1", "}"]
    assert answer.tool_calls[0].arguments == '{"a": 1}'


def test_arguments_that_are_read_in_the_end_are_not_given_twice():
    pieces = [piece(called("c1", "f", '{"a": 1}')), piece(called("c1", "f", {"a": 1}))]
    assert read(pieces)[1].tool_calls[0].arguments == '{"a": 1}'


CALLS = {
    # each row: what the pieces tell of; ids and arguments of the calls that come of it
    "cumulative": (
        [[("c1", {"a": 1})], [("c1", {"a": 1}), ("c2", {"b": 2})]],
        [("c1", '{"a":1}'), ("c2", '{"b":2}')],
    ),
    "one event each (Responses)": (
        [[("c1", '{"a":1}')], [("c2", '{"b":2}')], []],
        [("c1", '{"a":1}'), ("c2", '{"b":2}')],
    ),
    "the name for an id (Vertex)": (
        [[("f", {"a": 1})], [("f", {"a": 1}), ("f", {"b": 2})]],
        [("f", '{"a":1}'), ("f_2", '{"b":2}')],
    ),
    "no ids (Ollama)": (
        [[(None, {"a": 1})], [(None, {"a": 1}), (None, {"b": 2})]],
        [("call_0", '{"a":1}'), ("call_1", '{"b":2}')],
    ),
}


@pytest.mark.parametrize(("told", "expected"), CALLS.values(), ids=CALLS)
def test_calls_are_kept_apart(told, expected):
    pieces = [piece(*[called(call_id, "f", args) for call_id, args in calls]) for calls in told]
    _, answer = read(pieces)
    assert [(call.id, call.arguments) for call in answer.tool_calls] == expected


def test_calls_of_a_whole_answer_are_kept_apart():
    answer = read_answer(piece(called("f", "f", {"a": 1}), called("f", "f", {"b": 2})), AT, "acme")
    assert [call.id for call in answer.tool_calls] == ["f", "f_2"]


def test_a_text_tools_arguments_grow_as_text():
    pieces = [piece(called("c1", "Joke", so_far)) for so_far in ('{"a"', '{"a": 1}')]
    deltas, answer = read(pieces, text_tool="Joke")
    assert [type(d) for d in deltas] == [TextDelta, TextDelta]
    assert (answer.text, answer.tool_calls) == ('{"a": 1}', ())


# -- text and reasoning ------------------------------------------------------------------------------


def test_parts_keep_their_order():
    """Interleaved thinking: each thought gets back the signature that is its own."""
    first, last = thought("hm"), thought("so")
    pieces = [
        piece(thinking_delta="hm"),
        piece(thought("hm", signature="s1"), text("Wait."), delta="Wait."),
        piece(thought("hm", signature="s1"), text("Wait."), thinking_delta="so"),
        piece(first, text("Wait."), last, text("Done."), delta="Done."),
        piece(
            thought("hm", signature="s1"),
            text("Wait."),
            thought("so", signature="s2"),
            text("Done."),
        ),
    ]
    _, answer = read(pieces)
    said = [(p.text, getattr(p, "signature", None)) for p in answer.message.parts]
    assert said == [("hm", "s1"), ("Wait.", None), ("so", "s2"), ("Done.", None)]


def test_thoughts_that_stand_in_blocks_alone_come_as_they_grow():
    pieces = [
        piece(thought("think ")),
        piece(thought("think "), thought("hard")),
        piece(thought("think "), thought("hard"), text("Yes."), delta="Yes."),
    ]
    deltas, answer = read(pieces)
    assert [d.text for d in deltas if isinstance(d, ReasoningDelta)] == ["think ", "hard"]
    assert [p.text for p in answer.message.parts] == ["think hard", "Yes."]


@pytest.mark.parametrize("issuer", ["bedrock", "anthropic", "gemini"])
def test_reasoning_is_its_own_vendors(issuer):
    whole = piece(thought("hm", signature="sig"), text("Yes."))
    for answer in (read_answer(whole, AT, issuer), read([whole], issuer=issuer)[1]):
        reasoning = next(p for p in answer.message.parts if p.text == "hm")
        assert (reasoning.issuer, reasoning.signature) == (issuer, "sig")


def test_geminis_signatures_are_those_of_its_blocks():
    signed = {"thought_signatures": [None, None, b"sig"]}
    whole = piece(thought("hm"), text("Yes."), called("f", "f", {}), **signed)
    begun = piece(thought("hm"), text("Yes."), delta="Yes.")
    for answer in (read_answer(whole, AT, "gemini"), read([begun, whole], issuer="gemini")[1]):
        *others, call = answer.message.parts
        assert base64.b64decode(call.signature) == b"sig"
        assert call.issuer == "gemini"
        assert not any(part.signature for part in others)


def test_citations_stand_at_their_text():
    cited = CitationBlock(
        cited_content=text("it is so"),
        source="https://a",
        title="A",
        additional_location_info={},
    )
    _, answer = read([piece(text("Yes."), delta="Yes."), piece(text("Yes."), cited)])
    (part,) = answer.message.parts
    assert (part.text, part.citations[0].cited_text) == ("Yes.", "it is so")


# -- why it ended, what it cost ------------------------------------------------------------------------

ENDS = {
    "Responses": (Record(response=Record(status="completed", id="r1")), "stop"),
    "Responses, cut": (
        Record(
            response=Record(
                status="incomplete", incomplete_details=Record(reason="max_output_tokens")
            )
        ),
        "length",
    ),
    "Responses, under way": (Record(response=Record(status="in_progress")), None),
    "Mistral": (Record(data=Record(choices=[Record(finish_reason="length")])), "length"),
    "Bedrock": ({"messageStop": {"stopReason": "max_tokens"}}, "length"),
    "Bedrock, behind its reason": ({"metadata": {"usage": {"inputTokens": 3}}}, "stop"),
}


@pytest.mark.parametrize(("raw", "reason"), ENDS.values(), ids=ENDS)
def test_why_it_ended(raw, reason):
    reader = StreamReader(AT, "acme")
    reader.read(piece(text("ok"), delta="ok", raw=raw))
    assert reader.end().finish_reason == reason
    assert reader.has_reason == (reason is not None)


COUNTS = Record(input_tokens=9, output_tokens=5)
USAGES = {
    "Responses": piece(raw=Record(response=Record(status="completed", usage=COUNTS))),
    "Responses, beside": piece(beside={"usage": COUNTS}),
    "Mistral": piece(
        raw=Record(
            data=Record(choices=[], usage=Record(prompt_tokens=9, completion_tokens=5), model="m")
        )
    ),
    "Bedrock": piece(beside={"prompt_tokens": 9, "completion_tokens": 5}),
}


@pytest.mark.parametrize("told", USAGES.values(), ids=USAGES)
def test_what_it_cost(told):
    _, answer = read([piece(text("ok"), delta="ok"), told])
    usage = answer.usage
    assert (usage.input_tokens, usage.output_tokens, usage.reported) == (9, 5, True)


def test_whole_and_streamed_answers_are_judged_apart():
    ending = Ending(AT, tells=False)
    told = piece(text("ok"), raw={"stop_reason": "end_turn"})
    ending.whole(read_answer(told, AT, "acme"))
    reading, reader = Reading(Limits(5.0, 5.0, 5.0)), StreamReader(AT, "acme")
    reading.chunk(reader.read(piece(text("ok"), delta="ok")))
    assert ending.streamed(reading, reader.end()).finish_reason == "stop"
    with pytest.raises(errors.TruncatedAnswerError):
        ending.whole(read_answer(piece(text("ok")), AT, "acme"))


class Said(BaseModel):
    code: str
    message: str


FAULTS = {
    "Responses, failed": (
        Record(response=Record(error=Said(code="server_error", message="no"))),
        errors.ServerError,
    ),
    "Responses, an error event": (
        {"type": "error", "code": "rate_limit_exceeded", "message": "x"},
        errors.RateLimitedError,
    ),
    "in a 200": (
        {"error": {"code": 429, "message": "Rate limit reached"}},
        errors.RateLimitedError,
    ),
}


@pytest.mark.parametrize(("raw", "kind"), FAULTS.values(), ids=FAULTS)
def test_an_error_in_place_of_an_answer_is_one(raw, kind):
    with pytest.raises(kind):
        StreamReader(AT, "acme").read(piece(raw=raw))
    with pytest.raises(kind):
        read_answer(piece(raw=raw), AT, "acme")


def test_an_answer_that_begins_again_has_broken_off():
    mark = piece(beside={"llmrouter_restarted": 4})
    with pytest.raises(errors.TruncatedAnswerError):
        read([piece(text("Half"), delta="Half"), mark, piece(text("All"), delta="All")])
    reader = StreamReader(AT, "acme")
    with pytest.raises(errors.TruncatedAnswerError):
        reader.read_completion(to_completion(mark))


def test_log_probabilities_from_wherever_they_are():
    token = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
    raw = {"choices": [{"logprobs": {"content": [token]}}]}
    assert read_answer(piece(text("a"), raw=raw), AT, "acme").logprobs == {"content": [token]}
    told = piece(text("a"))
    told.logprobs = [[LogProb(token="a", logprob=-0.1, bytes=[97])]]
    (first,) = read_answer(told, AT, "acme").logprobs["content"]
    assert (first["token"], first["top_logprobs"][0]["logprob"]) == ("a", -0.1)
    reader = StreamReader(AT, "acme")
    for _ in range(2):
        reader.read(piece(text("a"), delta="a", raw=raw))
    assert reader.end().logprobs == {"content": [token, token]}


# -- through the router --------------------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [True, False])
def test_what_was_billed_is_told(simulator, llm_at, streaming):
    """The provider tells a stream's usage only to who asks for it."""
    simulator.script("gpt-4.1", Reply("hello world", input_tokens=110, output_tokens=70))
    llm = RoutedLLM(models=[llm_at()])
    hi = [ChatMessage("hi")]
    answer = list(llm.stream_chat(hi))[-1] if streaming else llm.chat(hi)
    assert answer.raw["usage"]["total_tokens"] == 180
    assert "usage_estimated" not in answer.raw["llmrouter"]
    asked = simulator.requests[-1].body.get("stream_options")
    assert asked == ({"include_usage": True} if streaming else None)


@pytest.mark.parametrize("own", [{"include_usage": False}, {"include_obfuscation": False}])
def test_its_users_own_stream_options_stand(simulator, llm_at, own):
    llm = RoutedLLM(models=[llm_at(additional_kwargs={"stream_options": own})])
    last = list(llm.stream_chat([ChatMessage("hi")]))[-1]
    assert simulator.requests[-1].body["stream_options"] == own
    assert last.raw["llmrouter"]["usage_estimated"] is True
    assert last.raw["usage"]["total_tokens"] > 0


def test_a_provider_that_tells_unasked_is_not_asked(simulator):
    llm = OpenAI(model="m", api_base="https://api.mistral.ai/v1")
    backend = as_target(llm).backend
    request = Request((Message("user", (TextPart("hi"),)),))
    assert "stream_options" not in backend._form.write(request, streamed=True).kwargs


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str


LONG = {"setup": " ".join(f"word{i}" for i in range(20)), "punchline": "ha"}


@pytest.mark.parametrize("streaming", ["sync", "async"])
async def test_an_object_grows_also_where_a_tool_gives_it_form(simulator, llm_at, streaming):
    slow = Reply(tool_calls=(ToolCall("Joke", LONG),), chunk_delay_s=0.01)
    simulator.script("gpt-4.1", slow)
    llm = RoutedLLM(models=[llm_at()], max_retries=0, hints={"first_token_timeout_s": 0.15})
    prompt = PromptTemplate("Tell a joke.")
    if streaming == "sync":
        jokes = list(llm.stream_structured_predict(Joke, prompt))
    else:
        jokes = [joke async for joke in await llm.astream_structured_predict(Joke, prompt)]
    assert len(jokes) > 5
    assert jokes[-1] == Joke(**LONG)


async def test_calls_that_cannot_be_given_yet_are_signs_of_life():
    """Arguments that come as parsed objects are given in the end; the model is at work all along."""

    class Slow(Answering):
        async def astream_chat(self, messages, **kwargs):
            async def gen():
                for at in range(6):
                    await asyncio.sleep(0.03)
                    yield piece(called("c1", "Joke", {"a": at}))

            return gen()

    backend = as_target(Slow()).backend
    output = Request(
        (Message("user", (TextPart("hi"),)),),
    )
    limits = Limits(total_s=5.0, first_token_s=0.1, idle_s=5.0)
    chunks = [chunk async for chunk in backend.astream(Call(output, limits))]
    (begun, *_), *_, end = [chunk.deltas for chunk in chunks if chunk.deltas]
    assert isinstance(begun, ToolCallDelta)
    assert end[0].arguments == '{"a":5}'
