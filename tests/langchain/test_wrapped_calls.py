"""What a wrapped model is asked, in its own form, and how its answers are read."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.runnables import RunnableLambda
from langsmith.run_helpers import tracing_context
from langsmith.utils import tracing_is_enabled

from llmrouter_integrations import Request, Router, errors
from llmrouter_integrations.accumulate import ResponseBuilder
from llmrouter_integrations.dispatch.backend import Call
from llmrouter_integrations.langchain import RoutedChatModel, as_target
from llmrouter_integrations.langchain.model_backend import LangChainBackend
from llmrouter_integrations.langchain.silence import unheard
from llmrouter_integrations.langchain.to_messages import to_messages
from llmrouter_integrations.messages import (
    Adjustment,
    ImagePart,
    Message,
    NativeTool,
    OpaquePart,
    OutputFormat,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.testing import Reply, ToolCall
from llmrouter_integrations.transport import Limits
from tests.langchain_models import STOPPED, Formal, Plain, Settable, Streaming

SAID = Message("user", (TextPart("hi"),))
WEATHER = Tool("weather", "Tell the weather.", {"type": "object", "properties": {}})
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
FORM = OutputFormat("json_schema", SCHEMA, "Answer")


def call(request):
    return Call(request, Limits(5.0, 5.0, 5.0))


def ask(model, **fields):
    """Ask a model; give the model it came to, its messages, its kwargs, what was adjusted."""
    made = call(Request(fields.pop("messages", (SAID,)), **fields))
    as_target(model).backend.complete(made)
    asked, messages, kwargs = model.asked[-1]
    return asked, messages, {k: v for k, v in kwargs.items() if v is not None}, made.adjustments


# -- parameters ------------------------------------------------------------------------------------


def test_a_setting_goes_into_the_field_that_holds_it():
    model = Settable(temperature=0.7)
    asked, _, kwargs, adjusted = ask(model, temperature=0.1, max_tokens=9, stop=("END",))
    assert (asked.temperature, asked.max_output_tokens, asked.stop) == (0.1, 9, ["END"])
    assert kwargs == {}
    assert adjusted == ()
    assert model.temperature == 0.7


def test_what_is_not_said_is_as_the_model_has_it():
    asked, _, kwargs, _ = ask(Settable(temperature=0.7, max_output_tokens=5))
    assert (asked.temperature, asked.max_output_tokens) == (0.7, 5)
    assert kwargs == {}


def test_what_a_model_has_no_place_for_is_said():
    _, _, kwargs, adjusted = ask(Plain(), temperature=0.1, seed=1, user="u", stop=("END",))
    assert kwargs == {"stop": ["END"]}
    assert [(a.parameter, a.action) for a in adjusted] == [
        ("temperature", "dropped"),
        ("seed", "dropped"),
        ("user", "dropped"),
    ]


@pytest.mark.parametrize(("effort", "set_to"), [("high", "high"), ("minimal", None)])
def test_a_field_that_lists_its_values_takes_only_those(effort, set_to):
    asked, _, _, adjusted = ask(Settable(), reasoning_effort=effort)
    assert asked.reasoning_effort == set_to
    assert bool(adjusted) == (set_to is None)


def test_many_settings_make_no_endless_copies():
    model = Settable()
    backend = as_target(model).backend
    for n in range(100):
        backend.complete(call(Request((SAID,), max_tokens=n + 1)))
    assert len(backend._form._fields._copies) <= 32
    assert [asked.max_output_tokens for asked, *_ in model.asked] == list(range(1, 101))


def test_openais_models_take_what_only_openai_knows(simulator, chat_openai):
    router = Router(models=[as_target(chat_openai(base_url=simulator.url("vllm")))])
    router.complete("hi", user="me", prompt_cache_key="k", extra_body={"odd": 1}, store=True)
    body = simulator.requests[-1].body
    assert {k: body[k] for k in ("user", "prompt_cache_key", "odd", "store")} == {
        "user": "me",
        "prompt_cache_key": "k",
        "odd": 1,
        "store": True,
    }


RESPONSES_LACKS = {
    "seed": 3,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.1,
    "logprobs": True,
    "stop": ["END"],
    "modalities": ["text"],
}


@pytest.mark.parametrize("name", RESPONSES_LACKS)
@pytest.mark.parametrize("way", ["complete", "stream"])
def test_what_openais_other_protocol_lacks_is_left_out_and_told(simulator, chat_openai, name, way):
    said = {name: RESPONSES_LACKS[name], "service_tier": "flex"}
    router = Router(models=[as_target(chat_openai("gpt-5.4", use_responses_api=True))])
    if way == "complete":
        response = router.complete("hi", **said)
    else:
        *_, last = router.stream("hi", **said)
        response = last.response
    assert response.text == "You said: hi"
    body = simulator.requests[-1].body
    assert (name in body, body["service_tier"]) == (False, "flex")
    told = [(a.parameter, a.action) for a in response.attempts[-1].adjustments]
    assert told == [(name, "dropped")]


def test_by_chat_completions_it_is_sent(simulator, chat_openai):
    router = Router(models=[as_target(chat_openai())])
    said = {name: value for name, value in RESPONSES_LACKS.items() if name != "logprobs"}
    response = router.complete("hi", **said)
    assert said.items() <= simulator.requests[-1].body.items()
    assert response.attempts[-1].adjustments == ()


def test_fields_for_one_vendor_reach_only_it():
    extra = {"plain": {"mood": "good"}, "anthropic": {"thinking": {}}, "openai": {"store": True}}
    _, _, kwargs, adjusted = ask(Plain(), extra=extra)
    assert kwargs == {"mood": "good"}
    assert [a.parameter for a in adjusted] == ["store"]


# -- tools -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "bound"),
    [(None, None), ("auto", None), ("required", "any"), ("weather", "weather"), ("none", "none")],
)
def test_tools_are_bound_by_the_model_itself(choice, bound):
    _, _, kwargs, _ = ask(Settable(), tools=(WEATHER,), tool_choice=choice)
    (tool,) = kwargs["tools"]
    assert (tool["type"], tool["function"]["name"]) == ("function", "weather")
    assert kwargs.get("tool_choice") == bound


def test_a_vendors_own_tool_goes_to_that_vendor_only():
    own = NativeTool("settable", {"type": "search"})
    other = NativeTool("anthropic", {"type": "web_search_20250305"})
    _, _, kwargs, adjusted = ask(Settable(), tools=(own, other))
    assert kwargs["tools"] == [{"type": "search"}]
    assert adjusted == (Adjustment("tools", "dropped", "anthropic's own"),)
    _, _, kwargs, _ = ask(Settable(), tools=(other,))
    assert kwargs == {}


def test_a_bind_tools_that_knows_no_parallel_calls_is_not_asked_for_them():
    _, _, kwargs, adjusted = ask(Settable(), tools=(WEATHER,), parallel_tool_calls=False)
    assert "parallel_tool_calls" not in kwargs
    assert [a.parameter for a in adjusted] == ["parallel_tool_calls"]


def test_a_model_without_tools_is_not_asked_for_calls(simulator):
    llm = RoutedChatModel(models=[Plain(), simulator.target("openai", "gpt-4.1")])
    told = llm.bind_tools([{"title": "weather", "type": "object"}]).invoke("hi")
    assert told.response_metadata["llmrouter"]["target"] == "openai/gpt-4.1"
    with pytest.raises(errors.UnsupportedParameterError) as caught:
        ask(Plain(), tools=(WEATHER,))
    assert caught.value.sent is False


# -- the answer's form -----------------------------------------------------------------------------------


def test_a_schema_in_the_models_own_form():
    _, _, kwargs, _ = ask(Formal(), output=FORM)
    assert kwargs == {"format": {**SCHEMA, "title": "Answer"}}


def test_a_model_that_knows_no_strict_is_asked_without():
    _, _, kwargs, _ = ask(Formal(), output=OutputFormat("json_schema", SCHEMA, strict=True))
    assert "format" in kwargs


def test_with_tools_beside_it():
    _, _, kwargs, _ = ask(Formal(), output=FORM, tools=(WEATHER,))
    assert kwargs.keys() == {"format", "tools"}


def test_json_without_a_schema():
    _, _, kwargs, _ = ask(Formal(), output=OutputFormat("json_object"))
    assert kwargs == {"format": "json"}
    _, messages, kwargs, adjusted = ask(Plain(), output=OutputFormat("json_object"))
    assert "JSON" in messages[0].text
    assert [(a.parameter, a.action) for a in adjusted] == [("response_format", "translated")]


CALLED = {"name": "Answer", "args": {"a": 1}, "id": "c1", "type": "tool_call"}


def test_a_model_held_to_a_form_by_a_tool_answers_in_text():
    model = Settable(answers=[AIMessage("", tool_calls=[CALLED], response_metadata=STOPPED)])
    answer = as_target(model).backend.complete(call(Request((SAID,), output=FORM)))
    assert (answer.text, answer.tool_calls, answer.finish_reason) == ('{"a":1}', (), "stop")
    _, _, kwargs = model.asked[-1]
    assert (kwargs["tools"][0]["title"], kwargs["tool_choice"]) == ("Answer", "any")


def test_the_same_streamed():
    class Both(Streaming, Settable):
        pass

    pieces = [
        AIMessageChunk(
            "", tool_call_chunks=[{"name": "Answer", "args": '{"a"', "id": "c1", "index": 0}]
        ),
        AIMessageChunk(
            "", tool_call_chunks=[{"name": None, "args": ":1}", "id": None, "index": 0}]
        ),
        AIMessageChunk("", response_metadata=STOPPED),
    ]
    assert folded(Both(pieces=pieces), output=FORM).text == '{"a":1}'


def test_its_tool_cannot_stand_beside_others():
    with pytest.raises(errors.UnsupportedParameterError, match="response_format"):
        ask(Settable(), output=FORM, tools=(WEATHER,))
    with pytest.raises(errors.UnsupportedParameterError, match="response_format"):
        ask(Plain(), output=FORM)


def test_a_structured_output_that_binds_nothing_is_none():
    class Odd(Plain):
        def with_structured_output(self, schema=None, **kwargs):
            return RunnableLambda(lambda _: {})

    with pytest.raises(errors.UnsupportedParameterError):
        ask(Odd(), output=FORM)


# -- messages ------------------------------------------------------------------------------------------


def test_langchains_own_messages_pass_untouched():
    model = Plain()
    given = [
        SystemMessage("Be kind."),
        HumanMessage([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {}}]),
        AIMessage("I see.", response_metadata={"model_provider": "openai"}),
        HumanMessage("And?", additional_kwargs={"mood": "good"}, name="me"),
    ]
    RoutedChatModel(models=[model]).invoke(given)
    _, messages, _ = model.asked[-1]
    assert all(a is b for a, b in zip(messages, given, strict=True))


def test_an_answer_of_its_own_vendor_passes_untouched_anothers_is_translated():
    thought = [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "text", "text": "I see."},
    ]

    class ChatAnthropic(Plain):
        def _get_ls_params(self, stop=None, **kwargs):
            return {"ls_provider": "anthropic", "ls_model_name": "claude-x"}

    given = [
        HumanMessage("hi"),
        AIMessage(thought, response_metadata={"model_provider": "anthropic"}),
        HumanMessage("And?"),
    ]
    own, other = ChatAnthropic(), Plain()
    RoutedChatModel(models=[own]).invoke(given)
    RoutedChatModel(models=[other]).invoke(given)
    assert own.asked[-1][1][1] is given[1]
    assert other.asked[-1][1][1].content == "I see."


HISTORY = (
    Message("system", (TextPart("Be kind."),)),
    Message("developer", (TextPart("Be brief."),)),
    Message("user", (TextPart("look"), ImagePart(data="aGk=", media_type="image/png")), name="me"),
    Message(
        "assistant",
        (
            ReasoningPart("hm", "plain", "sig"),
            OpaquePart("anthropic", {"type": "server_tool_use"}),
            TextPart("wait"),
            ToolCallPart("c1", "weather", '{"in": "Rome"}'),
        ),
    ),
    Message("tool", (ToolResultPart("c1", (TextPart("sunny"),), is_error=True),)),
    Message("assistant", (TextPart("Sunny."),)),
)


def test_another_frameworks_conversation_is_written_in_langchains_words():
    _, messages, _, adjusted = ask(Plain(), messages=HISTORY)
    system, developer, user, step, result, last = messages
    assert (system.text, system.additional_kwargs) == ("Be kind.", {})
    assert developer.additional_kwargs == {"__openai_role__": "developer"}
    assert user.name == "me"
    assert user.content == [
        {"type": "text", "text": "look"},
        {"type": "image", "base64": "aGk=", "mime_type": "image/png"},
    ]
    assert [block["type"] for block in step.content] == ["reasoning", "text", "tool_call"]
    assert step.content[0]["extras"] == {"signature": "sig"}
    assert step.response_metadata == {"output_version": "v1", "model_provider": "plain"}
    assert step.tool_calls[0]["args"] == {"in": "Rome"}
    assert (result.text, result.tool_call_id, result.status) == ("sunny", "c1", "error")
    assert last.content == "Sunny."
    assert [a.parameter for a in adjusted] == ["opaque part"]


def test_anthropics_hidden_reasoning_comes_back_to_anthropic():
    hidden = ReasoningPart(issuer="anthropic", signature="secret", redacted=True)
    step = Message("assistant", (hidden, TextPart("Sunny.")))
    messages, _ = to_messages((SAID, step, SAID), "anthropic")
    assert messages[1].content == [
        {"type": "non_standard", "value": {"type": "redacted_thinking", "data": "secret"}},
        {"type": "text", "text": "Sunny."},
    ]


def test_openais_encrypted_reasoning_comes_back_to_openai(simulator, chat_openai):
    step = Message(
        "assistant",
        (ReasoningPart("hm", "openai", "secret", item_id="rs_1"), TextPart("Sunny.")),
    )
    router = Router(models=[as_target(chat_openai("gpt-5.4", use_responses_api=True))])
    router.complete([SAID, step, Message("user", (TextPart("And?"),))])
    (item,) = [i for i in simulator.requests[-1].body["input"] if i.get("type") == "reasoning"]
    assert (item["id"], item["encrypted_content"]) == ("rs_1", "secret")
    assert item["summary"] == [{"type": "summary_text", "text": "hm"}]


ITEMS = (
    ReasoningPart("hm", "openai", item_id="rs_1"),
    TextPart("Wait.", item_id="commentary/msg_1", issuer="openai"),
    ToolCallPart("c1", "weather", "{}", item_id="fc_1", issuer="openai"),
)
KEPT_NOWHERE = [
    ReasoningPart("hm", "openai", "secret", item_id="rs_1"),
    ReasoningPart("hm", "openai", item_id="rs_1", raw={"summary": [{"text": "hm"}]}),
]


def as_items(*parts):
    result = Message("tool", (ToolResultPart("c1", (TextPart("sunny"),)),))
    history = (SAID, Message("assistant", parts), result)
    (_, turn, _), _ = to_messages(history, "openai", reads_items=True)
    return turn


def test_what_openai_keeps_is_found_by_its_ids():
    assert as_items(*ITEMS).content == [
        {"type": "reasoning", "id": "rs_1", "reasoning": "hm"},
        {"type": "text", "text": "Wait.", "phase": "commentary", "id": "msg_1"},
        {
            "type": "tool_call",
            "id": "c1",
            "name": "weather",
            "args": {},
            "extras": {"item_id": "fc_1"},
        },
    ]


@pytest.mark.parametrize("reasoning", KEPT_NOWHERE)
def test_ids_of_what_is_kept_nowhere_stay_behind(reasoning):
    turn = as_items(reasoning, *ITEMS[1:])
    *reasoned, text, called = turn.content
    assert [b["extras"]["encrypted_content"] for b in reasoned] == [reasoning.signature] * len(
        reasoned
    )
    assert bool(reasoned) == bool(reasoning.signature)
    assert text == {"type": "text", "text": "Wait.", "phase": "commentary"}
    assert "extras" not in called
    assert as_items(*[replace(part, item_id=None) for part in ITEMS]).content == "Wait."


def test_by_chat_completions_no_item_is_told():
    history = (SAID, Message("assistant", ITEMS[:2]), SAID)
    (_, turn, _), _ = to_messages(history, "openai")
    assert (turn.content, turn.response_metadata) == ("Wait.", {})


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_openais_items_come_back_with_their_ids(simulator, chat_openai, way):
    call = ToolCall("weather", {"in": "Rome"})
    simulator.script("gpt-5.4", Reply("Wait.", reasoning="hm", tool_calls=(call,)), Reply("Sunny."))
    llm = RoutedChatModel(models=[chat_openai("gpt-5.4", use_responses_api=True)])
    llm = llm.bind_tools([{"title": "weather", "type": "object", "properties": {}}])
    asked = HumanMessage("And in Rome?")
    first = llm.invoke([asked]) if way == "invoke" else reduce(add, llm.stream([asked]))
    llm.invoke([asked, first, ToolMessage("sunny", tool_call_id=first.tool_calls[0]["id"])])
    items = simulator.requests[-1].body["input"][1:-1]
    assert [item["type"] for item in items] == ["reasoning", "message", "function_call"]
    kinds = [item["id"].partition("_")[0] for item in items]
    assert kinds == ["rs", "msg", "fc"]
    assert items[0]["summary"] == [{"type": "summary_text", "text": "hm"}]


def test_a_phase_that_is_streamed_before_its_id():
    pieces = [
        piece([{"type": "text", "text": "", "phase": "commentary", "index": 0}]),
        piece([{"type": "text", "text": "Wait.", "index": 0}]),
        piece([{"type": "text", "text": "", "id": "msg_1", "index": 0}]),
        piece([], response_metadata=STOPPED),
    ]
    provider = {"ls_provider": "openai", "ls_model_name": "m"}
    kind = type("Phased", (Streaming,), {"_get_ls_params": lambda *_, **__: provider})
    (text,) = folded(kind(pieces=pieces)).message.parts
    assert (text.text, text.item_id, text.issuer) == ("Wait.", "commentary/msg_1", "openai")
    whole = {"type": "text", "text": "Wait.", "phase": "commentary", "id": "msg_1"}
    (text,) = read(AIMessage([whole], response_metadata={"model_provider": "openai"})).message.parts
    assert text.item_id == "commentary/msg_1"


def test_googles_signatures_come_back_to_google():
    parts = (
        ReasoningPart("hm", "gemini"),
        ReasoningPart("so", "gemini", "c2ln"),
        TextPart("Wait."),
        ToolCallPart("c1", "weather", "{}", "c2ln", issuer="gemini"),
        ToolCallPart("c2", "weather", "{}"),
    )
    results = tuple([ToolResultPart(i, (TextPart("sunny"),)) for i in ("c1", "c2")])
    history = (SAID, Message("assistant", parts), Message("tool", results))
    (_, turn, *_), _ = to_messages(history, "gemini")
    assert turn.additional_kwargs == {"__gemini_function_call_thought_signatures__": {"c1": "c2ln"}}
    assert [block.get("reasoning") for block in turn.content] == ["so", None, None, None]
    (_, turn, *_), _ = to_messages(history, "anthropic")
    assert turn.additional_kwargs == {}


# -- answers -------------------------------------------------------------------------------------------


def read(message):
    return as_target(Plain(answers=[message])).backend.complete(call(Request((SAID,))))


REASONS = [
    ({"finish_reason": "stop"}, "stop"),
    ({"finish_reason": "length"}, "length"),
    ({"finish_reason": "MAX_TOKENS"}, "length"),
    ({"finish_reason": "SAFETY"}, "content_filter"),
    ({"stop_reason": "end_turn"}, "stop"),
    ({"stop_reason": "refusal"}, "refusal"),
    ({"stopReason": "guardrail_intervened"}, "content_filter"),
    ({"done_reason": "stop"}, "stop"),
    ({"status": "completed"}, "stop"),
    ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
    ({"finish_reason": "tired"}, "unknown"),
]


@pytest.mark.parametrize(("metadata", "reason"), REASONS)
def test_why_it_ended(metadata, reason):
    assert read(AIMessage("ok", response_metadata=metadata)).finish_reason == reason


def test_calls_and_where_they_are_not_json():
    called = AIMessage("", tool_calls=[CALLED], response_metadata=STOPPED)
    answer = read(called)
    assert (answer.tool_calls[0].arguments, answer.finish_reason) == ('{"a":1}', "tool_calls")
    broken = {
        "name": "Answer",
        "args": '{"a"',
        "id": "c1",
        "error": "",
        "type": "invalid_tool_call",
    }
    with pytest.raises(errors.MalformedToolCallError):
        read(AIMessage("", invalid_tool_calls=[broken], response_metadata=STOPPED))
    with pytest.raises(errors.EmptyAnswerError):
        read(AIMessage("", response_metadata=STOPPED))


def test_usage_ids_and_what_else_was_said():
    answer = read(
        AIMessage(
            "ok",
            id="lc_run--1",
            usage_metadata={
                "input_tokens": 100,
                "output_tokens": 20,
                "total_tokens": 120,
                "input_token_details": {
                    "priority_cache_read": 40,
                    "cache_creation": 0,
                    "ephemeral_5m_input_tokens": 7,
                    "ephemeral_1h_input_tokens": 3,
                    "audio": 5,
                },
                "output_token_details": {"reasoning": 11, "audio": 2},
            },
            response_metadata={
                **STOPPED,
                "id": "msg_1",
                "model_name": "plain-1-2026",
                "model_provider": "plain",
                "service_tier": "priority",
                "logprobs": {"content": []},
            },
        )
    )
    usage = answer.usage
    assert (usage.input_tokens, usage.output_tokens, usage.reported) == (100, 20, True)
    assert (usage.cache_read_tokens, usage.cache_write_tokens) == (40, 10)
    assert (usage.reasoning_tokens, usage.audio_input_tokens, usage.audio_output_tokens) == (
        11,
        5,
        2,
    )
    assert (answer.id, answer.model, answer.logprobs) == ("msg_1", "plain-1-2026", {"content": []})
    assert answer.extra == {"service_tier": "priority"}


def test_an_answer_without_usage_is_estimated():
    response = Router(models=[as_target(Plain())]).complete("hi")
    assert response.usage.output_tokens > 0
    assert not response.usage.reported


# -- streams -------------------------------------------------------------------------------------------


def folded(model, **fields):
    builder = ResponseBuilder()
    for chunk in as_target(model).backend.stream(call(Request((SAID,), **fields))):
        builder.add(chunk)
    return builder.response()


def piece(content="", **fields):
    return AIMessageChunk(content, **fields)


def test_a_stream_as_anthropics_integration_gives_it():
    pieces = [
        piece([], usage_metadata={"input_tokens": 9, "output_tokens": 0, "total_tokens": 9}),
        piece([{"type": "thinking", "thinking": "h", "index": 0}]),
        piece([{"type": "thinking", "thinking": "m", "index": 0}]),
        piece([{"type": "thinking", "thinking": "", "signature": "sig", "index": 0}]),
        piece([{"type": "text", "text": "I ", "index": 1}]),
        piece([{"type": "text", "text": "see.", "index": 1}]),
        piece(
            [{"type": "tool_use", "id": "c1", "name": "weather", "input": {}, "index": 2}],
            tool_call_chunks=[{"name": "weather", "args": "", "id": "c1", "index": 2}],
        ),
        piece(
            [{"type": "input_json_delta", "partial_json": '{"in": 1}', "index": 2}],
            tool_call_chunks=[{"name": None, "args": '{"in": 1}', "id": None, "index": 2}],
        ),
        piece(
            [],
            response_metadata={"stop_reason": "tool_use", "model_name": "claude-x"},
            usage_metadata={"input_tokens": 0, "output_tokens": 7, "total_tokens": 7},
        ),
    ]
    answer = folded(Streaming(pieces=pieces))
    reasoning, text, called = answer.message.parts
    assert (reasoning.text, reasoning.signature) == ("hm", "sig")
    assert text.text == "I see."
    assert (called.id, called.name, called.arguments) == ("c1", "weather", '{"in": 1}')
    assert (answer.finish_reason, answer.model) == ("tool_calls", "claude-x")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (9, 7)


def test_a_block_that_comes_in_pieces_is_given_whole_at_the_end():
    pieces = [
        piece([{"type": "server_tool_use", "id": "s1", "name": "search", "input": {}, "index": 0}]),
        piece([{"type": "text", "text": "Found.", "index": 1}]),
        piece([], response_metadata=STOPPED),
    ]
    answer = folded(Streaming(pieces=pieces))
    (opaque,) = [p for p in answer.message.parts if isinstance(p, OpaquePart)]
    assert opaque.payload["id"] == "s1"
    assert answer.text == "Found."


def test_reasoning_and_signatures_beside_the_content():
    signatures = {"__gemini_function_call_thought_signatures__": {"c1": "c2ln"}}
    pieces = [
        piece("", additional_kwargs={"reasoning_content": "hm"}),
        piece(
            "",
            additional_kwargs=signatures,
            tool_call_chunks=[{"name": "weather", "args": "{}", "id": "c1", "index": 0}],
        ),
        piece("", response_metadata={"finish_reason": "STOP"}),
    ]
    answer = folded(Streaming(pieces=pieces))
    assert answer.message.reasoning == "hm"
    (called,) = answer.tool_calls
    assert (called.signature, called.issuer) == ("c2ln", "gemini")


def test_a_model_that_does_not_stream_gives_one_chunk():
    answer = folded(Plain(answers=[AIMessage("ok", tool_calls=[CALLED])]))
    assert (answer.text, answer.tool_calls[0].name) == ("ok", "Answer")
    assert answer.finish_reason == "tool_calls"


async def test_and_awaited():
    builder = ResponseBuilder()
    async for chunk in as_target(Plain()).backend.astream(call(Request((SAID,)))):
        builder.add(chunk)
    assert builder.response().text == "ok"


@pytest.mark.parametrize("way", ["complete", "stream"])
def test_who_has_ever_told_why_must_always_tell(way):
    model = Plain(answers=[AIMessage("ok")])
    backend = as_target(model).backend

    def go():
        answered = getattr(backend, way)(call(Request((SAID,))))
        return answered if way == "complete" else list(answered)[-1]

    assert go().finish_reason == "stop"  # nothing is known of it yet
    model.answers[0] = AIMessage("ok", response_metadata=STOPPED)
    assert go().finish_reason == "stop"
    model.answers[0] = AIMessage("ok")
    with pytest.raises(errors.TruncatedAnswerError):
        go()


def test_a_streamed_call_that_is_no_json():
    pieces = [
        piece("", tool_call_chunks=[{"name": "weather", "args": '{"in', "id": "c1", "index": 0}]),
        piece("", response_metadata=STOPPED),
    ]
    with pytest.raises(errors.MalformedToolCallError, match="weather"):
        folded(Streaming(pieces=pieces))


def test_a_stream_that_breaks():
    with pytest.raises(errors.TargetConnectionError):
        folded(Streaming(pieces=[piece("a"), ConnectionResetError("reset")]))


@pytest.mark.parametrize(
    ("provider", "said", "asked"),
    [
        ("openai", {}, True),
        ("vllm", {}, True),
        ("vllm", {"stream_usage": False}, False),
        ("mistral", {}, False),  # refuses to be asked, and says it all the same
    ],
)
def test_what_a_stream_cost_is_asked_of_any_server_that_can_be(
    simulator, chat_openai, provider, said, asked
):
    model = chat_openai(base_url=simulator.url(provider), **said)
    backend = LangChainBackend(
        model, name="mine", provider=provider, model_id="gpt-4.1", issuer="openai"
    )
    assert model.stream_usage is said.get("stream_usage")
    *_, last = backend.stream(call(Request((SAID,))))
    assert ("stream_options" in simulator.requests[-1].body) is asked
    assert last.usage.reported is (asked or provider == "mistral")


# -- faults --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (RuntimeError("odd"), errors.ServerError),
        (TypeError("f() got an unexpected keyword argument 'x'"), TypeError),
        (errors.RateLimitedError("slow", retry_after_s=3), errors.RateLimitedError),
    ],
)
async def test_an_unknown_fault_is_the_targets_a_misuse_is_seen(raised, kind):
    backend = as_target(Plain(answers=[raised])).backend
    with pytest.raises(kind):
        backend.complete(call(Request((SAID,))))
    with pytest.raises(kind):
        await backend.acomplete(call(Request((SAID,))))


def test_what_the_caller_was_handling_is_not_blamed():
    backend = as_target(Plain(answers=[RuntimeError("odd")])).backend
    try:
        backend = {"it": backend}["not it"]
    except KeyError as handled:
        handled.status_code = 401
        with pytest.raises(errors.ServerError):
            backend.complete(call(Request((SAID,))))


def test_tracing_is_off_within_and_on_again_after():
    with tracing_context(enabled=True):
        with unheard():
            assert not tracing_is_enabled()
        assert tracing_is_enabled()
