"""wire/anthropic.py, writing: (Request, model) -> body, headers, adjustments."""

from __future__ import annotations

import base64
from dataclasses import replace

import orjson
import pytest

from llmrouter_integrations.catalog.model import Abilities
from llmrouter_integrations.messages import (
    Adjustment,
    AudioPart,
    CachePoint,
    Citation,
    FilePart,
    ImagePart,
    Message,
    NativeTool,
    OpaquePart,
    OutputFormat,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.wire.anthropic import AnthropicCodec
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.structured import CONTINUE, JSON_TOOL, OPENING

CODEC = AnthropicCodec()
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
WEATHER = Tool("weather", "Tells the weather.", SCHEMA)
PNG = "iVBORw0KGgoAAA"


def endpoint(model="claude-sonnet-4-5", **more):
    fields = {"name": "t", "provider": "anthropic", "base_url": "https://api.anthropic.com"}
    return Endpoint(model=model, api_key="sk-ant-1", **(fields | more))


def user(*parts):
    return Message("user", tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def assistant(*parts):
    return Message("assistant", tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def encode(request, *, stream=False, **where):
    encoded = CODEC.encode(request, endpoint(**where), stream=stream)
    return orjson.loads(encoded.http.body), encoded


def blocks(*parts, role="user", **where):
    """The blocks that a message of these parts becomes, and the adjustments."""
    history = (user("q"), Message(role, parts), user("z"))
    body, encoded = encode(Request(history), **where)
    flat = [b for m in body["messages"] for b in m["content"]]
    return flat[1:-1], encoded.adjustments


def test_the_smallest_request():
    body, encoded = encode(Request((user("hi"),)))
    assert body == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 64_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }
    assert encoded.http.method == "POST"
    assert encoded.http.url == "https://api.anthropic.com/v1/messages"
    headers = dict(encoded.http.headers)
    assert headers.pop("user-agent").startswith("llmrouter-integrations/")
    assert headers == {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": "sk-ant-1",
    }
    assert encoded.adjustments == ()


def test_the_key_is_in_no_repr():
    _, encoded = encode(Request((user("hi"),)))
    assert "sk-ant-1" not in repr(encoded)
    assert "sk-ant-1" not in repr(endpoint())


def test_a_base_url_that_ends_in_v1_and_headers_of_the_users_own():
    _, encoded = encode(
        Request((user("hi"),), extra={"anthropic": {"betas": ["a-1"]}}),
        base_url="https://proxy/v1",
        headers=(("x-team", "red"), ("Anthropic-Beta", "b-2, a-1")),
    )
    assert encoded.http.url == "https://proxy/v1/messages"
    assert ("x-team", "red") in encoded.http.headers
    betas = [v for k, v in encoded.http.headers if k.lower() == "anthropic-beta"]
    assert betas == ["a-1,b-2"]


def test_a_plain_request_in_full():
    body, encoded = encode(
        Request(
            (
                Message("system", (TextPart("Be brief."),)),
                user("weather in Rome?"),
                assistant("Let me look.", ToolCallPart("toolu_1", "weather", '{"city": "Rome"}')),
                Message("tool", (ToolResultPart("toolu_1", (TextPart("sunny"),)),)),
                Message("developer", (TextPart("In English."),)),
                user("and tomorrow?"),
            ),
            tools=(WEATHER,),
            tool_choice="auto",
            parallel_tool_calls=False,
            max_tokens=100,
            temperature=0.5,
            top_k=3,
            stop=("END", " "),
            user="u-1",
            service_tier="default",
            extra={"anthropic": {"mcp_servers": []}, "openai": {"store": True}},
        ),
        stream=True,
    )
    assert body == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "In English."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "weather in Rome?"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Let me look."},
                    {
                        "type": "tool_use",
                        "id": "toolu_1",
                        "name": "weather",
                        "input": {"city": "Rome"},
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_1",
                        "content": [{"type": "text", "text": "sunny"}],
                    },
                    {"type": "text", "text": "and tomorrow?"},
                ],
            },
        ],
        "tools": [{"name": "weather", "description": "Tells the weather.", "input_schema": SCHEMA}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "temperature": 0.5,
        "top_k": 3,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u-1"},
        "service_tier": "standard_only",
        "mcp_servers": [],
        "stream": True,
    }
    assert [(a.parameter, a.action) for a in encoded.adjustments] == [
        ("system", "translated"),
        ("stop", "dropped"),
        ("service_tier", "translated"),
        ("store", "dropped"),
    ]


CONTENT = [
    (ImagePart(data=PNG, media_type="image/png"), "image", {"type": "base64", "media_type": "image/png", "data": PNG}),
    (ImagePart(data="/9j/4AAQ"), "image", {"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AAQ"}),
    (ImagePart(url="https://x/y.png"), "image", {"type": "url", "url": "https://x/y.png"}),
    (ImagePart(url=f"data:image/png;base64,{PNG}"), "image", {"type": "base64", "media_type": "image/png", "data": PNG}),
    (ImagePart(file_id="file_1"), "image", {"type": "file", "file_id": "file_1"}),
    (FilePart(data="JVBERi0x"), "document", {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}),
    (FilePart(url="https://x/y.pdf"), "document", {"type": "url", "url": "https://x/y.pdf"}),
    (FilePart(file_id="file_1"), "document", {"type": "file", "file_id": "file_1"}),
    (FilePart(text="words"), "document", {"type": "text", "media_type": "text/plain", "data": "words"}),
    (FilePart(data=base64.b64encode(b"a,b").decode(), media_type="text/csv"), "document", {"type": "text", "media_type": "text/plain", "data": "a,b"}),
    (FilePart(data=PNG, media_type="image/png"), "image", {"type": "base64", "media_type": "image/png", "data": PNG}),
]  # fmt: skip


@pytest.mark.parametrize(("part", "kind", "source"), CONTENT)
def test_images_and_documents(part, kind, source):
    assert blocks(part) == ([{"type": kind, "source": source}], ())


def test_a_documents_name_and_its_citations():
    document = FilePart(text="words", name="notes", citations=True)
    assert blocks(document)[0][0] == {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "words"},
        "title": "notes",
        "citations": {"enabled": True},
    }
    body, encoded = encode(Request((user(document),), output=OutputFormat(schema=SCHEMA)))
    assert "citations" not in body["messages"][0]["content"][0]
    assert [a.parameter for a in encoded.adjustments] == ["citations"]


UNREADABLE = [
    (ImagePart(data="AAAA", media_type="image/tiff"), "image/tiff"),
    (FilePart(data="UEsDBA", media_type="application/zip"), "application/zip"),
    (FilePart(data="////", media_type="text/plain"), "text/plain"),
    (AudioPart(data="AAAA", media_type="audio/wav"), "audio"),
]


@pytest.mark.parametrize(("part", "kind"), UNREADABLE)
def test_what_cannot_be_read_leaves_a_note_in_a_tool_result(part, kind):
    call = assistant(ToolCallPart("t", "see"))
    result = Message("tool", (ToolResultPart("t", (part,)),))
    body, encoded = encode(Request((user("q"), call, result)))
    assert body["messages"][-1]["content"][0]["content"] == [
        {"type": "text", "text": f"[{kind} left out: it cannot be read here]"}
    ]
    assert [(a.parameter, a.action) for a in encoded.adjustments] == [(kind, "dropped")]


def test_sound_with_its_words_becomes_the_words():
    made, adjustments = blocks(AudioPart(data="AAAA", transcript="hello"))
    assert made == [{"type": "text", "text": "hello"}]
    assert [(a.parameter, a.action) for a in adjustments] == [("audio", "translated")]


def test_blank_text_is_left_out_and_turns_join():
    body, _ = encode(Request((user("a", " \n"), assistant(" "), user("b"))))
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    ]


def test_a_conversation_that_the_assistant_opens():
    body, _ = encode(Request((assistant("Hello!"), user("hi"))))
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"][0]["text"] == OPENING


def test_instructions_alone_are_asked_by_the_user():
    body, _ = encode(Request((Message("system", (TextPart("Say hi."),)),)))
    assert "system" not in body
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Say hi."}]}]


def test_what_anthropic_signed_comes_back_as_it_was():
    search = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    raw = {
        "type": "web_search_result_location",
        "url": "https://x",
        "encrypted_index": "E",
        "file_id": None,
    }
    made, adjustments = blocks(
        ReasoningPart("hm", "anthropic", "sig"),
        ReasoningPart(issuer="anthropic", signature="xyz", redacted=True),
        OpaquePart("anthropic", search),
        TextPart("so", (Citation(url="https://x", raw=raw),), issuer="anthropic"),
        RefusalPart("I will not."),
        role="assistant",
    )  # fmt: skip
    assert made == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "xyz"},
        search,
        {
            "type": "text",
            "text": "so",
            "citations": [
                {
                    "type": "web_search_result_location",
                    "url": "https://x",
                    "encrypted_index": "E",
                }
            ],
        },
        {"type": "text", "text": "I will not."},
    ]
    assert adjustments == ()


@pytest.mark.parametrize(
    ("part", "where"),
    [
        (ReasoningPart("hm", "openai", "sig"), {}),
        (ReasoningPart("hm", "anthropic"), {}),
        (ReasoningPart("hm", "anthropic", "sig"), {"model": "claude-3-haiku-20240307"}),
        (ReasoningPart("hm", "anthropic", "sig"), {"model": "glm-5", "provider": "zai"}),
    ],
)
def test_reasoning_that_cannot_be_read_back_is_dropped(part, where):
    made, adjustments = blocks(part, TextPart("so"), role="assistant", **where)
    assert made == [{"type": "text", "text": "so"}]
    assert [(a.parameter, a.action) for a in adjustments] == [("reasoning", "dropped")]


def test_tool_results_with_errors_and_images():
    history = (
        user("go"),
        assistant(ToolCallPart("a b", "f", "not json"), ToolCallPart("c", "g")),
        Message(
            "tool",
            (
                ToolResultPart("a b", (), is_error=True),
                ToolResultPart("c", (TextPart("see"), ImagePart(data=PNG))),
            ),
        ),
    )
    body, encoded = encode(Request(history))
    calls, results = body["messages"][1]["content"], body["messages"][2]["content"]
    assert [c["input"] for c in calls] == [{"arguments": "not json"}, {}]
    assert calls[0]["id"].startswith("toolu_")
    assert results[0] == {
        "type": "tool_result",
        "tool_use_id": calls[0]["id"],
        "is_error": True,
    }
    assert [b["type"] for b in results[1]["content"]] == ["text", "image"]
    assert {a.parameter for a in encoded.adjustments} == {"tool_call_id", "tool call arguments"}
    assert body["tools"] == [
        {"name": "f", "input_schema": {"type": "object"}},
        {"name": "g", "input_schema": {"type": "object"}},
    ]
    assert body["tool_choice"] == {"type": "none"}


def test_cache_points_mark_what_stands_before_them():
    body, encoded = encode(
        Request(
            (
                Message("system", (TextPart("rules"), CachePoint("1h"))),
                user("a", CachePoint()),
                assistant(
                    ReasoningPart("hm", "anthropic", "s"),
                    ToolCallPart("t", "weather"),
                    CachePoint(),
                ),
                Message("tool", (ToolResultPart("t", (TextPart("x"),)), CachePoint())),
            ),
            tools=(replace(WEATHER, cache=True),),
        )
    )
    marked = [
        b
        for b in [*body["tools"], *body["system"], *[c for m in body["messages"] for c in m["content"]]]
        if "cache_control" in b
    ]  # fmt: skip
    assert [b.get("type", "tool") for b in marked] == ["text", "text", "tool_use", "tool_result"]
    assert marked[0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert marked[1]["cache_control"] == {"type": "ephemeral"}
    assert [a.parameter for a in encoded.adjustments] == ["cache point"]


def test_a_long_lived_cache_point_never_follows_a_short_one():
    history = (user("a", CachePoint(), "b", CachePoint("1h")), assistant("c"), user("d"))
    body, encoded = encode(Request(history))
    content = body["messages"][0]["content"]
    assert [b["cache_control"] for b in content] == [{"type": "ephemeral"}] * 2
    assert [(a.parameter, a.action) for a in encoded.adjustments] == [("cache point", "translated")]


def test_a_cache_point_with_nothing_before_it_is_none():
    body, encoded = encode(Request((user(CachePoint(), "a"),)))
    assert body["messages"][0]["content"] == [{"type": "text", "text": "a"}]
    assert encoded.adjustments == ()


CHOICES = [
    (None, None, None),
    ("auto", None, {"type": "auto"}),
    ("required", None, {"type": "any"}),
    ("none", False, {"type": "none"}),
    ("weather", None, {"type": "tool", "name": "weather"}),
    ("weather", False, {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}),
    (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
    (None, True, None),
]


@pytest.mark.parametrize(("choice", "parallel", "sent"), CHOICES)
def test_tool_choice(choice, parallel, sent):
    body, encoded = encode(
        Request((user("q"),), tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=parallel)
    )
    assert body.get("tool_choice") == sent
    assert encoded.adjustments == ()


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-2"])
@pytest.mark.parametrize(
    ("choice", "says"), [("required", "one of the tools"), ("weather", "`weather`")]
)
def test_where_no_call_can_be_forced_it_is_asked_for(model, choice, says):
    history = (Message("system", (TextPart("rules"), CachePoint())), user("q"))
    body, encoded = encode(Request(history, tools=(WEATHER,), tool_choice=choice), model=model)
    assert body["tool_choice"] == {"type": "auto"}
    assert body["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert says in body["system"][1]["text"]
    assert [(a.parameter, a.action) for a in encoded.adjustments] == [("tool_choice", "translated")]


def test_a_choice_without_tools_is_dropped():
    body, encoded = encode(Request((user("q"),), tool_choice="required"))
    assert "tool_choice" not in body
    assert [a.parameter for a in encoded.adjustments] == ["tool_choice"]


@pytest.mark.parametrize(
    ("tool", "model", "sent", "dropped"),
    [
        (replace(WEATHER, strict=True), "claude-sonnet-4-5", {"strict": True, "input_schema": CLOSED}, False),
        (replace(WEATHER, strict=True), "claude-sonnet-4-0", {"input_schema": SCHEMA}, True),
        (Tool("f", parameters={"type": "object"}, strict=True), "claude-opus-5-5", {"input_schema": {"type": "object"}}, True),
        (Tool("f"), "claude-opus-5-5", {"input_schema": {"type": "object", "properties": {}}}, False),
    ],
)  # fmt: skip
def test_strict_tools(tool, model, sent, dropped):
    body, encoded = encode(Request((user("q"),), tools=(tool,)), model=model)
    assert {"name": tool.name} | ({"description": tool.description} if tool.description else {}) | sent == body["tools"][0]  # fmt: skip
    assert [a.parameter for a in encoded.adjustments] == (["tools.strict"] if dropped else [])


def test_native_tools_go_to_their_issuer_only():
    code = {"type": "code_execution_20250825", "name": "code_execution"}
    body, encoded = encode(
        Request(
            (user("q"),),
            tools=(NativeTool("anthropic", code), NativeTool("openai", {"type": "web_search"})),
        )
    )
    assert body["tools"] == [code]
    assert dict(encoded.http.headers)["anthropic-beta"] == "code-execution-2025-08-25"
    assert encoded.adjustments == (Adjustment("tools", "dropped", "a tool of openai's own"),)


FREE = {"type": "object", "additionalProperties": True}
OUTPUTS = [
    # model, output -> (format schema, tool, tool_choice, instruction), adjusted
    ("claude-sonnet-4-5", OutputFormat(schema=SCHEMA), (CLOSED, None, None, False), False),
    ("claude-opus-5-5", OutputFormat(schema=SCHEMA), (CLOSED, None, None, False), False),
    ("claude-sonnet-4-0", OutputFormat(schema=SCHEMA), (None, SCHEMA, JSON_TOOL, False), True),
    ("claude-sonnet-4-5", OutputFormat(schema=FREE), (None, FREE, JSON_TOOL, False), True),
    ("claude-opus-5-5", OutputFormat(schema=FREE), (None, None, None, True), True),
    ("claude-sonnet-4-0", OutputFormat(schema={"type": "array"}), (None, None, None, True), True),
    ("claude-sonnet-4-5", OutputFormat("json_object"), (None, None, None, True), True),
]


@pytest.mark.parametrize(("model", "output", "expected", "adjusted"), OUTPUTS)
def test_structured_output(model, output, expected, adjusted):
    body, encoded = encode(Request((user("q"),), output=output), model=model)
    schema, tool, choice, instructed = expected
    sent = body.get("output_config", {}).get("format")
    assert sent == (schema and {"type": "json_schema", "schema": schema})
    assert [t["input_schema"] for t in body.get("tools", [])] == ([tool] if tool else [])
    assert body.get("tool_choice") == (choice and {"type": "tool", "name": choice})
    assert ("JSON" in body.get("system", [{"text": ""}])[-1]["text"]) is instructed
    assert [a.parameter for a in encoded.adjustments] == (["output"] if adjusted else [])


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, {"type": "any"}),
        ("required", {"type": "any"}),
        ("none", {"type": "tool", "name": JSON_TOOL}),
        ("weather", {"type": "tool", "name": "weather"}),
    ],
)
def test_the_answers_tool_beside_the_callers_own(choice, sent):
    request = Request(
        (user("q"),), tools=(WEATHER,), tool_choice=choice, output=OutputFormat(schema=SCHEMA)
    )
    body, _ = encode(request, model="claude-sonnet-4-0")
    assert [t["name"] for t in body["tools"]] == ["weather", JSON_TOOL]
    assert body["tool_choice"] == sent


MAX = [
    ("claude-opus-5-5", None, None, 128_000),
    ("claude-3-haiku-20240307", None, None, 4_096),
    ("claude-opus-5-5", 50, None, 50),
    ("claude-haiku-4-5", 100_000, None, 64_000),
    ("claude-haiku-4-5", 100_000, 32_000, 32_000),
    ("glm-5", None, None, 8_192),
    ("glm-5", 100_000, None, 100_000),
    ("glm-5", None, 96_000, 96_000),
]


@pytest.mark.parametrize(("model", "asked", "known", "sent"), MAX)
def test_max_tokens_is_always_said(model, asked, known, sent):
    body, encoded = encode(Request((user("q"),), max_tokens=asked), model=model, max_output=known)
    assert body["max_tokens"] == sent
    assert bool(encoded.adjustments) is (asked is not None and asked != sent)


PREFILLS = [
    ("claude-sonnet-4-5", None, None, True),
    ("claude-sonnet-4-5", OutputFormat(schema=SCHEMA), None, False),
    ("claude-opus-4-6", None, None, False),
    ("claude-opus-5-5", None, None, False),
]


@pytest.mark.parametrize(("model", "output", "effort", "allowed"), PREFILLS)
def test_an_answer_begun_for_the_model(model, output, effort, allowed):
    request = Request((user("q"), assistant("The answer is ")), output=output)
    body, encoded = encode(request, model=model)
    last = body["messages"][-1]
    if allowed:
        assert last == {"role": "assistant", "content": [{"type": "text", "text": "The answer is"}]}
        assert encoded.adjustments == ()
    else:
        assert last["content"][0]["text"] == CONTINUE
        assert [a.parameter for a in encoded.adjustments] == ["prefill"]


def test_a_paused_turn_is_sent_back_as_it_was():
    paused = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    body, encoded = encode(
        Request((user("q"), assistant(OpaquePart("anthropic", paused)))), model="claude-opus-5-5"
    )
    assert body["messages"][-1] == {"role": "assistant", "content": [paused]}
    assert encoded.adjustments == ()


def test_parameters_that_the_protocol_lacks():
    _, encoded = encode(
        Request((user("q"),), seed=1, frequency_penalty=0.5, presence_penalty=0.5, logprobs=True, top_logprobs=2)
    )  # fmt: skip
    assert {a.parameter for a in encoded.adjustments} == {
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "logprobs",
        "top_logprobs",
    }
    assert encode(Request((user("q"),), logprobs=False))[1].adjustments == ()


THOUGHT = ReasoningPart("hm", "anthropic", "sig")
TOOL_TURN = (
    user("q"),
    assistant(THOUGHT, ToolCallPart("t", "weather")),
    Message("tool", (ToolResultPart("t", (TextPart("x"),)),)),
)


def test_a_model_that_binds_thinking_is_asked_to_overlook_a_changed_history():
    body, encoded = encode(Request(TOOL_TURN, tools=(WEATHER,)), model="claude-opus-5-5")
    assert body["thinking"] == {
        "type": "adaptive",
        "block_binding": {"prefix_mismatch_behavior": "drop_block"},
    }
    assert dict(encoded.http.headers)["anthropic-beta"] == "thinking-binding-controls-2026-08-01"
    body, encoded = encode(Request(TOOL_TURN, tools=(WEATHER,)), model="claude-opus-5")
    assert "thinking" not in body
    assert "anthropic-beta" not in dict(encoded.http.headers)


def test_thinking_that_is_off_and_bound_is_not_replayed():
    body, encoded = encode(
        Request(TOOL_TURN, tools=(WEATHER,), reasoning_effort="none"), model="claude-sonnet-5-5"
    )
    assert body["thinking"] == {"type": "between_tools"}
    assert [b["type"] for b in body["messages"][1]["content"]] == ["tool_use"]
    assert "anthropic-beta" not in dict(encoded.http.headers)


FOREIGN_TURN = (
    user("q"),
    assistant(ToolCallPart("t", "weather")),
    Message("tool", (ToolResultPart("t", (TextPart("x"),)),)),
)
BUDGETED = [
    (Request(TOOL_TURN, tools=(WEATHER,)), True),
    (Request(FOREIGN_TURN, tools=(WEATHER,)), False),
    (Request((*FOREIGN_TURN, user("and?")), tools=(WEATHER,)), False),
    (Request((*FOREIGN_TURN, assistant("ok"), user("and?")), tools=(WEATHER,)), True),
    (Request((user("q"),), tools=(WEATHER,), tool_choice="required"), False),
    (
        Request(
            (user("q"), assistant("so")),
        ),
        False,
    ),
    (Request((user("q"),), max_tokens=1_000), False),
]


@pytest.mark.parametrize(("request_", "thinks"), BUDGETED)
def test_thinking_by_budget_yields_to_what_it_cannot_go_with(request_, thinks):
    body, encoded = encode(replace(request_, reasoning_effort="low", temperature=0.5))
    said = [(a.parameter, a.action) for a in encoded.adjustments]
    if thinks:
        assert body["thinking"] == {"type": "enabled", "budget_tokens": 4_096}
        assert said == [("reasoning_effort", "translated"), ("temperature", "dropped")]
    else:
        assert "thinking" not in body
        assert body["temperature"] == 0.5
        assert said == [("reasoning_effort", "dropped")]


def test_effort_and_schema_share_output_config():
    body, _ = encode(
        Request((user("q"),), output=OutputFormat(schema=SCHEMA), reasoning_effort="high"),
        model="claude-opus-4-6",
    )
    assert body["thinking"] == {"type": "adaptive"}
    assert body["output_config"] == {
        "effort": "high",
        "format": {"type": "json_schema", "schema": CLOSED},
    }


def test_abilities_say_what_a_name_does_not():
    body, encoded = encode(
        Request((user("q"),), temperature=0.5, reasoning_effort="low"),
        model="glm-5",
        provider="zai",
        abilities=Abilities(temperature=False, reasoning=False),
    )
    assert "temperature" not in body
    assert "thinking" not in body
    assert {a.parameter for a in encoded.adjustments} == {"temperature", "reasoning_effort"}


@pytest.mark.parametrize(
    ("model", "max_tokens", "asked"),
    [
        ("claude-sonnet-4-20250514", None, True),
        ("claude-opus-4-1", None, True),
        ("claude-3-7-sonnet-latest", None, True),
        ("claude-opus-4-1", 100, False),
        ("claude-3-5-haiku-latest", None, False),
        ("claude-sonnet-4-5", None, False),
        ("claude-opus-5", None, False),
        ("some-other-model", None, False),
    ],
)
def test_a_limit_nobody_asked_for_refuses_no_long_prompt(model, max_tokens, asked):
    _, encoded = encode(Request((user("hi"),), max_tokens=max_tokens), model=model)
    betas = dict(encoded.http.headers).get("anthropic-beta", "")
    assert ("model-context-window-exceeded-2025-08-26" in betas) is asked
