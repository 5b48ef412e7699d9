"""What wrapped LLMs are asked: their own settings, schemas, prompts, blocks and ids."""

from __future__ import annotations

import base64

import pytest
from llama_index.core import Document, SummaryIndex
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate
from pydantic import Field

from llmrouter_integrations import Request, Router, errors
from llmrouter_integrations.dispatch.backend import Call
from llmrouter_integrations.llama_index import RoutedLLM, as_target
from llmrouter_integrations.messages import (
    Citation,
    Message,
    NativeTool,
    OutputFormat,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.testing import Fault
from llmrouter_integrations.transport import Limits
from tests.llama_index_llms import Answering, OpenAI, OpenAILike, Plain

HI = [ChatMessage("hi")]
SAID = Message("user", (TextPart("hi"),))
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
FORM = OutputFormat("json_schema", SCHEMA, "Answer")
SOME_JSON = OutputFormat("json_object")


def named(name, **fields):
    """A class of that name: all that is known of an integration is found by it."""
    return type(name, (Answering,), {"__module__": __name__, "__annotations__": {}, **fields})


def ask(llm, *messages, **fields):
    """Ask an LLM by its backend; give the LLM that was asked, its messages and kwargs, and what
    was changed."""
    made = Call(Request(messages or (SAID,), **fields), Limits(5.0, 5.0, 5.0))
    as_target(llm).backend.complete(made)
    asked, given, kwargs = llm.asked[-1]
    kwargs.pop("timeout", None)
    return asked, given, kwargs, [(a.parameter, a.action) for a in made.adjustments]


def ask_native(llm, given):
    RoutedLLM(models=[llm]).chat(given)
    return llm.asked[-1][1]


# -- settings and schemas ------------------------------------------------------------------------------

SETTINGS = {"temperature": 0.1, "max_tokens": 9, "top_p": 0.5, "stop": ("END",)}


def test_ollamas_options_stand_in_its_field():
    class Ollama(Answering):
        temperature: float | None = None
        additional_kwargs: dict = Field(default_factory=lambda: {"mirostat": 1})

    llm = Ollama()
    asked, _, kwargs, changed = ask(llm, **SETTINGS)
    assert (kwargs, changed, asked.temperature) == ({}, [], 0.1)
    options = {"num_predict": 9, "top_p": 0.5, "stop": ["END"]}
    assert asked.additional_kwargs == {"mirostat": 1, **options}
    assert llm.additional_kwargs == {"mirostat": 1}


def test_bedrocks_settings_are_its_inference_configuration():
    class BedrockConverse(Answering):
        temperature: float | None = None
        max_tokens: int = 512

    asked, _, kwargs, _ = ask(BedrockConverse(), **SETTINGS)
    assert (asked.temperature, asked.max_tokens) == (0.1, 9)
    assert kwargs == {"inferenceConfig": {"topP": 0.5, "stopSequences": ["END"]}}


FORMS = {
    "Ollama": ({"format": SCHEMA}, {"format": "json"}),
    "GoogleGenAI": (
        {
            "generation_config": {
                "response_mime_type": "application/json",
                "response_json_schema": SCHEMA,
            }
        },
        {"generation_config": {"response_mime_type": "application/json"}},
    ),
    "OpenAIResponses": (
        {"text": {"format": {"type": "json_schema", "name": "Answer", "schema": SCHEMA}}},
        {"text": {"format": {"type": "json_object"}}},
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_schema_is_bound_in_the_llms_own_form(name):
    kind = named(name)
    by_schema, by_word = FORMS[name]
    assert ask(kind(), output=FORM)[2] == by_schema
    assert ask(kind(), output=SOME_JSON)[2] == by_word


def test_geminis_settings_and_form_are_one():
    _, _, kwargs, _ = ask(named("GoogleGenAI")(), output=SOME_JSON, temperature=0.1)
    assert kwargs == {
        "generation_config": {"temperature": 0.1, "response_mime_type": "application/json"}
    }


@pytest.mark.parametrize("name", ["Ollama", "GoogleGenAI"])
def test_where_tools_are_on_offer_the_form_is_asked_for_in_words(name):
    _, messages, kwargs, changed = ask(named(name)(), output=FORM, tools=(Tool("look"),))
    assert "tools" in kwargs
    assert "format" not in str(kwargs)
    assert messages[0].role is MessageRole.SYSTEM
    assert changed == [("response_format", "translated")]


# -- prompts -------------------------------------------------------------------------------------------


def formatted(**said):
    return {
        "completion_to_prompt": lambda text: f"[INST]{text}[/INST]",
        "messages_to_prompt": lambda messages: "|".join(m.content or "" for m in messages),
        **said,
    }


PROMPT = PromptTemplate("hello {x}")
CHAT_PROMPT = ChatPromptTemplate(
    [ChatMessage("Be kind.", role="system"), ChatMessage("hello {x}", role="user")]
)
WAYS = {
    "predict": lambda llm: llm.predict(PROMPT, x="a"),
    "predict a chat": lambda llm: llm.predict(CHAT_PROMPT, x="a"),
    "stream": lambda llm: list(llm.stream(PROMPT, x="a")),
    "complete": lambda llm: llm.complete("hello"),
    "complete, formatted": lambda llm: llm.complete("hello", formatted=True),
    "stream_complete": lambda llm: list(llm.stream_complete("hello")),
    "chat": lambda llm: llm.chat(HI),
    "query": lambda llm: (
        SummaryIndex.from_documents([Document(text="The sea.")])
        .as_query_engine(llm=llm)
        .query("What?")
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("said", [{}, {"system_prompt": "Talk like a pirate."}])
def test_an_llm_that_completes_texts_gets_those_it_gets_by_itself(way, said):
    bare, wrapped = Plain(**formatted(**said)), Plain(**formatted(**said))
    WAYS[way](bare)
    WAYS[way](RoutedLLM(models=[wrapped]))
    assert wrapped.asked == bare.asked


async def test_an_llm_that_completes_texts_gets_them_awaited_too():
    llm = Plain(**formatted())
    routed = RoutedLLM(models=[llm])
    await routed.apredict(PROMPT, x="a")
    await routed.acomplete("hello")
    [p async for p in await routed.astream_complete("hello")]
    assert llm.asked == [("[INST]hello a[/INST]", True), ("hello", False), ("hello", False)]


def test_the_hints_of_a_prompt_reach_the_call_also_as_text():
    first, second = Plain(), Plain()
    llm = RoutedLLM(
        models=[{"model": first, "name": "a"}, {"model": second, "name": "b"}], policy="ordered"
    )
    llm.predict(PromptTemplate("hello", metadata={"llmrouter_pin": "b"}))
    assert (len(first.asked), len(second.asked)) == (0, 1)


def test_it_is_no_chat_model_where_all_targets_complete_texts(simulator):
    assert not RoutedLLM(models=[Plain()]).metadata.is_chat_model
    wire = simulator.target("anthropic", "claude-haiku-4-5")
    assert RoutedLLM(models=[Plain(), wire]).metadata.is_chat_model


PIRATE = {"system_prompt": "Talk like a pirate."}


@pytest.mark.parametrize(
    ("way", "heard"),
    [
        (lambda llm: llm.predict(PROMPT, x="a"), True),
        (lambda llm: list(llm.stream(PROMPT, x="a")), True),
        (lambda llm: llm.chat(HI), False),
    ],
)
def test_its_own_system_prompt_goes_before_prompts_as_ever(simulator, llm_at, way, heard):
    asked = []
    for llm in (llm_at(**PIRATE), RoutedLLM(models=[llm_at(**PIRATE)])):
        way(llm)
        asked.append([m["role"] for m in simulator.requests[-1].body["messages"]])
    bare, routed = asked
    assert routed == bare == (["system", "user"] if heard else ["user"])


def test_its_own_system_prompt_goes_before_what_others_ask(simulator, llm_at):
    Router(models=[as_target(llm_at(**PIRATE))]).complete("hi")
    assert simulator.requests[-1].body["messages"][0]["content"] == "Talk like a pirate."


# -- blocks, calls and ids -----------------------------------------------------------------------------

POINT = CachePoint(cache_control=CacheControl(type="ephemeral"))
CITED = CitableBlock(title="t", source="s", content=[TextBlock(text="cited")])


def user(*blocks):
    return [ChatMessage(role="user", blocks=[TextBlock(text="look"), *blocks])]


@pytest.mark.parametrize(
    ("name", "block", "kinds"),
    [
        ("OpenAI", POINT, ["TextBlock"]),
        ("OpenAIResponses", POINT, ["TextBlock"]),
        ("Ollama", POINT, ["TextBlock"]),
        ("Anthropic", POINT, ["TextBlock", "CachePoint"]),
        ("OpenAI", CITED, ["TextBlock", "DocumentBlock"]),
        ("Anthropic", CITED, ["TextBlock", "CitableBlock"]),
        ("SomethingElse", CITED, ["TextBlock", "CitableBlock"]),
        ("Ollama", ImageBlock(image=b"x", image_mimetype="image/png"), ["TextBlock", "ImageBlock"]),
    ],
)
def test_blocks_that_are_not_taken_are_written_otherwise(name, block, kinds):
    (message,) = ask_native(named(name)(), user(block))
    assert [type(b).__name__ for b in message.blocks] == kinds


def test_what_cannot_be_shown_is_told_before_anything_is_sent():
    llm = named("Ollama")()
    target = as_target(llm)
    given = user(AudioBlock(audio=base64.b64encode(b"RIFF"), format="wav"))
    with pytest.raises(errors.UnsupportedParameterError) as caught:
        RoutedLLM(router=Router(models=[target])).chat(given)
    assert (caught.value.sent, caught.value.parameter) == (False, "messages")
    assert llm.asked == []


def test_a_cache_point_does_not_cool_a_target_that_takes_none(simulator, llm_at):
    simulator.script("claude-haiku-4-5", Fault.overloaded())
    wire = simulator.target("anthropic", "claude-haiku-4-5")
    llm = RoutedLLM(models=[wire, {"model": llm_at(), "name": "own"}], policy="ordered")
    for given in (user(POINT), HI):
        assert llm.chat(given).raw["llmrouter"]["target"] == "own"
    assert simulator.calls("gpt-4.1") == 2


def test_citations_are_left_out_where_there_is_no_place_for_them():
    text = TextPart("It is so.", (Citation(cited_text="so", url="https://a"),))
    history = (SAID, Message("assistant", (text,)), SAID)
    _, given, _, changed = ask(named("OpenAI")(), *history)
    assert [type(b).__name__ for b in given[1].blocks] == ["TextBlock"]
    assert ("citations", "dropped") in changed
    _, given, _, changed = ask(named("Anthropic")(), *history)
    assert len(given[1].blocks) == 2
    assert changed == []


def step(call_id="c1", arguments='{"a": 1}', **block):
    said = {"function": {"name": "f", "arguments": arguments}, "id": call_id, "type": "function"}
    shown = {"tool_call_id": call_id, "tool_name": "f", "tool_kwargs": {"a": 1}, **block}
    return ChatMessage(
        role="assistant", blocks=[ToolCallBlock(**shown)], additional_kwargs={"tool_calls": [said]}
    )


def result(call_id="c1"):
    return ChatMessage("42", role="tool", additional_kwargs={"tool_call_id": call_id})


@pytest.mark.parametrize("name", ["Ollama", "OpenAIResponses", "SomethingElse"])
def test_a_call_is_told_once(name):
    given = [*HI, step(), result()]
    hi, told, _ = ask_native(named(name)(), given)
    assert hi is given[0]
    assert "tool_calls" not in told.additional_kwargs
    assert given[1].additional_kwargs["tool_calls"], "the caller's own is left alone"


def test_a_call_that_only_additional_kwargs_tell_of_stays():
    given = step()
    given.additional_kwargs["tool_calls"].append({"id": "c2", "function": {"name": "g"}})
    _, told, _ = ask_native(named("SomethingElse")(), [*HI, given, result()])
    assert [c["id"] for c in told.additional_kwargs["tool_calls"]] == ["c2"]


@pytest.mark.parametrize(
    ("name", "block", "arguments"),
    [
        ("OpenAI", {}, '{"a": 1}'),
        ("OpenAI", {"tool_kwargs": {"a": 2}}, {"a": 2}),  # edited
        ("Anthropic", {}, {"a": 1}),
    ],
)
def test_arguments_are_spelled_as_the_model_did_where_text_is_taken(name, block, arguments):
    _, told, _ = ask_native(named(name)(), [*HI, step(**block), result()])
    assert told.blocks[0].tool_kwargs == arguments


@pytest.mark.parametrize(
    ("name", "call_id", "kept"),
    [
        ("MistralAI", "call_5abg37KSuF94PrsLGuqKEnO5", False),
        ("MistralAI", "A4tUQeaPC", True),
        ("Anthropic", "toolu_1", True),
        ("Anthropic", "no.such:id", False),
        ("OpenAI", "toolu_1", True),
        ("SomethingElse", "no.such:id", True),
    ],
)
def test_ids_are_spelled_as_the_vendor_demands(name, call_id, kept):
    _, told, answered = ask_native(named(name)(), [*HI, step(call_id), result(call_id)])
    said = told.blocks[0].tool_call_id
    assert (said == call_id) == kept
    assert answered.additional_kwargs["tool_call_id"] == said


def test_geminis_signatures_go_back_beside_their_blocks():
    signature = base64.b64encode(b"sig").decode()
    call = ToolCallPart("f", "f", "{}", signature, issuer="gemini")
    back = Message("tool", (ToolResultPart("f", (TextPart("42"),), "f"),))
    history = (SAID, Message("assistant", (TextPart("Let me."), call)), back)
    _, given, _, _ = ask(named("GoogleGenAI")(), *history)
    assert given[1].additional_kwargs == {"thought_signatures": [None, b"sig"]}
    _, given, _, _ = ask(named("Anthropic")(), *history)
    assert given[1].additional_kwargs == {}


class Anthropic(Answering):
    thinking_dict: dict | None = None


BUDGET = {"type": "enabled", "budget_tokens": 1024}


@pytest.mark.parametrize(
    ("thinking", "history", "left"),
    [
        (BUDGET, [*HI, step(), result()], None),
        (BUDGET, [*HI, step(), result(), *HI], BUDGET),
        (BUDGET, HI, BUDGET),
        ({"type": "adaptive"}, [*HI, step(), result()], {"type": "adaptive"}),
    ],
)
def test_calls_made_without_thinking_are_answered_without(thinking, history, left):
    llm = Anthropic(thinking_dict=thinking)
    answer = RoutedLLM(models=[llm]).chat(history)
    asked, _, _ = llm.asked[-1]
    assert asked.thinking_dict == left
    assert llm.thinking_dict == thinking
    told = answer.raw["llmrouter"].get("adjustments", [])
    assert [a["parameter"] for a in told] == (["reasoning_effort"] if left is None else [])


def test_calls_made_in_thought_are_answered_in_thought():
    thought = ThinkingBlock(content="hm", additional_information={"signature": "s"})
    own = step()
    own.blocks.insert(0, thought)
    llm = Anthropic(thinking_dict=BUDGET)
    RoutedLLM(models=[llm]).chat([*HI, own, result()])
    assert llm.asked[-1][0].thinking_dict == BUDGET


def test_a_tool_of_the_vendors_own_is_offered_beside_others():
    own = NativeTool("answering", {"type": "s"})
    _, _, kwargs, _ = ask(Answering(), tools=(own,))
    assert kwargs["tools"] == [{"type": "s"}]


# -- whose they are ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("llm", "provider"),
    [
        (OpenAILike(api_base="https://llm.example.org/v1"), "llm.example.org"),
        (OpenAILike(api_base="http://127.0.0.1:8000/v1"), "127.0.0.1"),
        (OpenAILike(api_base="https://openrouter.ai/api/v1"), "openrouter"),
        (OpenAI(api_base="https://proxy.example.org/v1"), "openai"),
    ],
)
def test_what_is_only_like_openai_is_not_taken_for_it(llm, provider):
    target = as_target(llm)
    assert target.name == f"{provider}/gpt-4.1"
    if "." in provider:  # a server of one's own: nobody knows its price
        assert Router(models=[target]).targets[0].rates is None
