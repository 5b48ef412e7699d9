"""wire/cohere.py, writing: (Request, model) -> URL, headers, body, adjustments."""

from __future__ import annotations

import orjson
import pytest

from llmrouter_integrations.catalog.model import Abilities
from llmrouter_integrations.errors import UnsupportedParameterError
from llmrouter_integrations.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    NativeTool,
    OutputFormat,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.cohere import CohereCodec
from llmrouter_integrations.wire.cohere_messages import TOOL_PLAN
from llmrouter_integrations.wire.structured import CONTINUE, JSON_TOOL

CODEC = CohereCodec()
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
WEATHER = Tool("weather", "Tells the weather.", SCHEMA)
SENT = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells the weather.", "parameters": SCHEMA},
}
PNG = "iVBORw0KGgoAAA"


def endpoint(model="command-a-03-2025", **more):
    fields = {"name": "t", "provider": "cohere", "base_url": "https://api.cohere.com"}
    return Endpoint(model=model, api_key="key-1", **(fields | more))


def turn(role, *parts):
    return Message(role, tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def user(*parts):
    return turn("user", *parts)


def assistant(*parts):
    return turn("assistant", *parts)


def encode(request, *, stream=False, **where):
    encoded = CODEC.encode(request, endpoint(**where), stream=stream)
    return orjson.loads(encoded.http.body), encoded


def messages(*history, **where):
    body, encoded = encode(Request(history), **where)
    return body["messages"], encoded.adjustments


def fields(*, model="command-a-03-2025", abilities=None, max_output=None, **asked):
    body, encoded = encode(
        Request((user("q"),), **asked), model=model, abilities=abilities, max_output=max_output
    )
    del body["model"], body["messages"]
    return body, encoded.adjustments


def changed(adjustments):
    return [adjustment.parameter for adjustment in adjustments]


def test_the_smallest_request():
    body, encoded = encode(Request((user("hi"),)))
    assert body == {
        "model": "command-a-03-2025",
        "messages": [{"role": "user", "content": "hi"}],
    }
    assert (encoded.http.method, encoded.http.url) == ("POST", "https://api.cohere.com/v2/chat")
    headers = dict(encoded.http.headers)
    assert headers.pop("user-agent").startswith("llmrouter-integrations/")
    assert headers == {"content-type": "application/json", "authorization": "Bearer key-1"}
    assert encoded.adjustments == ()


def test_a_stream_a_base_url_with_version_and_headers_of_the_users_own():
    body, encoded = encode(
        Request((user("hi"),)),
        stream=True,
        base_url="https://proxy/v2",
        headers=(("x-team", "red"),),
    )
    assert body["stream"] is True
    assert encoded.http.url == "https://proxy/v2/chat"
    assert encoded.http.headers[-1] == ("x-team", "red")


def test_a_conversation_in_full():
    body, encoded = encode(
        Request(
            (
                turn("system", "Be brief."),
                user("weather in Rome?"),
                assistant(
                    ReasoningPart("Hm.", "cohere"),
                    ReasoningPart("I look.", "cohere", raw=TOOL_PLAN),
                    ToolCallPart("c1", "weather", '{"city":"Rome"}'),
                    ToolCallPart("c2", "weather", ""),
                ),
                Message(
                    "tool",
                    (
                        ToolResultPart("c1", (TextPart("sunny"), TextPart("warm"))),
                        ToolResultPart("c2", (TextPart("which?"),), is_error=True),
                    ),
                ),
                turn("developer", "In English."),
                user("and tomorrow?"),
            ),
            tools=(WEATHER,),
        )
    )
    warm = [{"type": "document", "document": {"data": {"text": t}}} for t in ("sunny", "warm")]
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "weather in Rome?"},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "Hm."}],
            "tool_plan": "I look.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
                },
                {
                    "id": "c2",
                    "type": "function",
                    "function": {"name": "weather", "arguments": "{}"},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": warm},
        {"role": "tool", "tool_call_id": "c2", "content": "Error: which?"},
        {"role": "system", "content": "In English."},
        {"role": "user", "content": "and tomorrow?"},
    ]
    assert body["tools"] == [SENT]
    assert encoded.adjustments == ()


IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (ImagePart(PNG), IMAGE),
        (
            ImagePart(url="https://x/a", detail="low"),
            {"type": "image_url", "image_url": {"url": "https://x/a", "detail": "low"}},
        ),
        (FilePart(PNG, media_type="image/png"), IMAGE),
        (FilePart(text="words", name="a.txt"), {"type": "text", "text": "[a.txt]\nwords"}),
        (FilePart("YQ==", media_type="text/csv"), {"type": "text", "text": "a"}),
        (FilePart(url="data:text/plain;base64,YQ=="), {"type": "text", "text": "a"}),
        (RefusalPart("No."), {"type": "text", "text": "No."}),
    ],
)
def test_how_a_part_is_written(part, written):
    (message,), adjustments = messages(user("q", part))
    assert message["content"] == [{"type": "text", "text": "q"}, written]
    assert adjustments == ()


@pytest.mark.parametrize(
    "part",
    [
        AudioPart("AA"),
        FilePart("JVBERi0", media_type="application/pdf"),
        FilePart(url="https://x/a.pdf"),
        ImagePart(file_id="f"),
    ],
)
def test_what_cohere_does_not_read_is_not_sent(part):
    with pytest.raises(UnsupportedParameterError) as raised:
        messages(user(part))
    assert raised.value.sent is False


def test_sound_that_is_only_words():
    (message,), adjustments = messages(user(AudioPart("AA", transcript="Hello")))
    assert message["content"] == "Hello"
    assert changed(adjustments) == ["audio"]


def test_documents_to_be_cited():
    asked = user("q", FilePart(text="words", name="a.txt", citations=True))
    body, _ = encode(Request((asked,)))
    assert body["documents"] == [{"id": "doc:0", "data": {"title": "a.txt", "text": "words"}}]
    assert body["messages"] == [{"role": "user", "content": "q"}]
    body, _ = encode(Request((asked,), output=OutputFormat(schema=SCHEMA)))
    assert "documents" not in body
    assert body["messages"][0]["content"][1] == {"type": "text", "text": "[a.txt]\nwords"}


def test_a_result_with_an_image():
    found, adjustments = messages(
        user("q"),
        assistant(ToolCallPart("c", "show")),
        Message("tool", (ToolResultPart("c", (ImagePart(PNG),)),)),
    )
    result, shown = found[2:]
    assert result["content"] == "(no output)"
    assert shown["role"] == "user"
    assert shown["content"][1] == IMAGE
    assert changed(adjustments) == ["tool result"]


def test_an_image_in_an_answer_has_no_place():
    found, adjustments = messages(user("q"), assistant(ImagePart(PNG)), user("z"))
    assert [message["role"] for message in found] == ["user", "assistant", "user"]
    note = {"type": "text", "text": "[image left out: it cannot be read here]"}
    assert found[1]["content"] == [note]
    assert changed(adjustments) == ["image"]


def test_an_answer_begun_for_the_model():
    found, adjustments = messages(user("q"), assistant("It is"))
    assert found[-1] == {"role": "user", "content": CONTINUE}
    assert changed(adjustments) == ["prefill"]


def test_instructions_alone_are_the_question():
    found, _ = messages(turn("system", "Say hi."))
    assert found == [{"role": "user", "content": "Say hi."}]


# --- tools and output ---


@pytest.mark.parametrize(
    ("model", "choice", "sent", "names", "adjusted"),
    [
        ("command-a-03-2025", None, None, ["weather", "now"], []),
        ("command-a-03-2025", "auto", None, ["weather", "now"], []),
        ("command-a-03-2025", "required", "REQUIRED", ["weather", "now"], []),
        ("command-a-03-2025", "none", "NONE", ["weather", "now"], []),
        ("command-a-03-2025", "now", "REQUIRED", ["now"], ["tool_choice"]),
        ("command-r7b-12-2024", "required", "REQUIRED", ["weather", "now"], []),
        ("command-r-plus-08-2024", "required", None, ["weather", "now"], ["tool_choice"]),
        ("command-r-08-2024", "none", None, [], ["tool_choice"]),
    ],
)
def test_the_choice_of_tools(model, choice, sent, names, adjusted):
    found, adjustments = fields(model=model, tools=(WEATHER, Tool("now")), tool_choice=choice)
    assert found.get("tool_choice") == sent
    assert [tool["function"]["name"] for tool in found.get("tools", [])] == names
    assert changed(adjustments) == adjusted


def test_a_call_that_cannot_be_forced_is_asked_for():
    body, _ = encode(
        Request((user("q"),), tools=(WEATHER,), tool_choice="required"), model="command-r-08-2024"
    )
    assert "must be a call" in body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("tools", "strict", "adjusted"),
    [
        ((Tool("a", parameters=SCHEMA, strict=True),), True, []),
        ((Tool("a", parameters=SCHEMA, strict=True), WEATHER), None, ["tools.strict"]),
        ((Tool("a", strict=True),), None, ["tools.strict"]),
        ((WEATHER,), None, []),
    ],
)
def test_strict_tools(tools, strict, adjusted):
    found, adjustments = fields(tools=tools)
    assert found.get("strict_tools") is strict
    assert changed(adjustments) == adjusted


def test_tools_of_others_and_calls_one_by_one():
    own = NativeTool("cohere", {"type": "x"})
    found, adjustments = fields(
        tools=(NativeTool("openai", {"type": "web_search"}), own), parallel_tool_calls=False
    )
    assert found["tools"] == [{"type": "x"}]
    assert changed(adjustments) == ["tools", "parallel_tool_calls"]
    _, adjustments = fields(tool_choice="required")
    assert changed(adjustments) == ["tool_choice"]


FREE = {"type": "object", "properties": {"a": {"type": "string"}}}
ALL_OF = {**SCHEMA, "properties": {"city": {"allOf": [{"type": "string"}, {"type": "string"}]}}}
NESTED = {**SCHEMA, "properties": {"city": {"type": "array", "items": FREE}}}


@pytest.mark.parametrize(
    ("output", "form", "asked_in_words"),
    [
        (OutputFormat(schema=SCHEMA), {"type": "json_object", "json_schema": CLOSED}, False),
        (OutputFormat("json_object"), {"type": "json_object"}, True),
        (OutputFormat(schema=FREE), {"type": "json_object"}, True),
        (OutputFormat(schema=ALL_OF), {"type": "json_object"}, True),
        (OutputFormat(schema=NESTED), {"type": "json_object"}, True),
        (OutputFormat(schema={"type": "array"}), {"type": "json_object"}, True),
    ],
)
def test_the_form_of_the_answer(output, form, asked_in_words):
    body, encoded = encode(Request((user("q"),), output=output))
    assert body["response_format"] == form
    assert (body["messages"][0]["role"] == "system") == asked_in_words
    translated = asked_in_words and output.kind == "json_schema"
    assert changed(encoded.adjustments) == ["output"] * translated


def test_the_form_of_the_answer_beside_tools():
    body, encoded = encode(
        Request((user("q"),), tools=(WEATHER,), output=OutputFormat(schema=SCHEMA))
    )
    assert "response_format" not in body
    assert [tool["function"]["name"] for tool in body["tools"]] == ["weather", JSON_TOOL]
    assert body["tool_choice"] == "REQUIRED"
    assert changed(encoded.adjustments) == ["output"]
    body, encoded = encode(
        Request((user("q"),), tools=(WEATHER,), output=OutputFormat("json_object"))
    )
    assert "response_format" not in body
    assert body["tools"] == [SENT]
    assert "JSON" in body["messages"][0]["content"]
    assert changed(encoded.adjustments) == ["output"]


def test_only_the_answers_tool_where_no_other_may_be_called():
    found, _ = fields(tools=(WEATHER,), tool_choice="none", output=OutputFormat(schema=SCHEMA))
    assert [tool["function"]["name"] for tool in found["tools"]] == [JSON_TOOL]
    assert found["tool_choice"] == "REQUIRED"


# --- parameters ---


def test_parameters_of_the_same_meaning():
    found, adjustments = fields(
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        top_k=4,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        stop=("a",),
        seed=7,
        logprobs=True,
        service_tier="auto",
    )
    assert found == {
        "max_tokens": 9,
        "temperature": 0.5,
        "p": 0.9,
        "k": 4,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "stop_sequences": ["a"],
        "seed": 7,
        "logprobs": True,
    }
    assert adjustments == ()


@pytest.mark.parametrize(
    ("asked", "expected", "adjusted"),
    [
        ({"top_p": 1.0}, {"p": 0.99}, ["top_p"]),
        ({"top_p": 0.0}, {"p": 0.01}, ["top_p"]),
        ({"top_k": 1000}, {"k": 500}, ["top_k"]),
        ({"frequency_penalty": -1.0}, {"frequency_penalty": 0.0}, ["frequency_penalty"]),
        ({"presence_penalty": 2.0}, {"presence_penalty": 1.0}, ["presence_penalty"]),
        ({"stop": tuple("abcdef")}, {"stop_sequences": list("abcde")}, ["stop"]),
        ({"max_tokens": 9, "max_output": 5}, {"max_tokens": 5}, ["max_tokens"]),
        ({"top_logprobs": 2}, {"logprobs": True}, ["top_logprobs"]),
        ({"user": "u"}, {}, ["user"]),
        ({"service_tier": "flex"}, {}, ["service_tier"]),
    ],
)
def test_a_parameter_that_needs_a_change(asked, expected, adjusted):
    found, adjustments = fields(**asked)
    assert found == expected
    assert changed(adjustments) == adjusted


@pytest.mark.parametrize(
    ("model", "asked", "thinking", "adjusted"),
    [
        ("command-a-reasoning-08-2025", {"reasoning_effort": "none"}, {"type": "disabled"}, False),
        ("command-a-plus-05-2026", {"reasoning_effort": "max"}, {"type": "enabled"}, True),
        (
            "command-a-plus-05-2026",
            {"reasoning_effort": "low"},
            {"type": "enabled", "token_budget": 4096},
            True,
        ),
        (
            "command-a-plus-05-2026",
            {"reasoning_effort": "low", "max_tokens": 1000},
            {"type": "enabled", "token_budget": 750},
            True,
        ),
        ("command-a-03-2025", {"reasoning_effort": "high"}, None, True),
        ("command-a-03-2025", {"reasoning_effort": "none"}, None, False),
        (
            "a-new-one",
            {"reasoning_effort": "none", "abilities": Abilities(reasoning=True)},
            {"type": "disabled"},
            False,
        ),
    ],
)
def test_reasoning_effort(model, asked, thinking, adjusted):
    found, adjustments = fields(model=model, **asked)
    assert found.get("thinking") == thinking
    assert changed(adjustments) == ["reasoning_effort"] * adjusted


def test_fields_merged_as_they_are():
    found, _ = fields(extra={"cohere": {"safety_mode": "STRICT"}, "openai": {"no": 1}})
    assert found == {"safety_mode": "STRICT"}
