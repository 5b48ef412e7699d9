"""OpenAI-style input to our own messages and requests."""

from contextlib import suppress
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from llmrouter_integrations.errors import InvalidRequestError
from llmrouter_integrations.messages import (
    AudioPart,
    CachePoint,
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
from llmrouter_integrations.wire import inbound
from llmrouter_integrations.wire.inbound import messages_from, request_from, tool_from

HI = TextPart("hi")
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}


class City(BaseModel):
    """A place."""

    name: str


def part(kind, **fields):
    return {"type": kind, **fields}


def user(*parts):
    return [{"role": "user", "content": list(parts)}]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ("hi", Message("user", (HI,))),
        (["hi"], Message("user", (HI,))),
        ([Message("system", (HI,))], Message("system", (HI,))),
        ([{"role": "user", "content": "hi"}], Message("user", (HI,))),
        ([{"role": "developer", "content": "hi"}], Message("developer", (HI,))),
        ([{"role": "user", "content": "hi", "name": "ann"}], Message("user", (HI,), "ann")),
        (user("hi", part("text", text="hi")), Message("user", (HI, HI))),
        (
            user(part("image_url", image_url={"url": "https://a/b.png", "detail": "low"})),
            Message("user", (ImagePart(url="https://a/b.png", detail="low"),)),
        ),
        (
            user(part("image_url", image_url="https://a/b.png")),
            Message("user", (ImagePart(url="https://a/b.png"),)),
        ),
        (
            user(part("image_url", image_url={"url": "data:image/webp;base64,QUJD"})),
            Message("user", (ImagePart(data="QUJD", media_type="image/webp"),)),
        ),
        (
            user(part("input_audio", input_audio={"data": "QUJD", "format": "mp3"})),
            Message("user", (AudioPart(data="QUJD", media_type="audio/mpeg"),)),
        ),
        (
            user(part("file", file={"file_id": "file-1"})),
            Message("user", (FilePart(file_id="file-1", issuer="openai"),)),
        ),
        (
            user(part("file", file={"filename": "a.csv", "file_data": "QUJD"})),
            Message("user", (FilePart(data="QUJD", name="a.csv", media_type="text/csv"),)),
        ),
        (
            user(part("file", file={"file_data": "data:application/pdf;base64,QUJD"})),
            Message("user", (FilePart(data="QUJD", media_type="application/pdf"),)),
        ),
        (
            user(part("text", text="hi", cache_control={"type": "ephemeral", "ttl": "1h"}), "hi"),
            Message("user", (HI, CachePoint("1h"), HI)),
        ),
        (
            [{"role": "system", "content": "hi", "cache_control": {"type": "ephemeral"}}],
            Message("system", (HI, CachePoint())),
        ),
        (
            [{"role": "assistant", "content": None, "tool_calls": [CALL]}],
            Message("assistant", (ToolCallPart("c1", "f", '{"x":1}'),)),
        ),
        (
            [{"role": "assistant", "content": "hi", "reasoning_content": "hm", "refusal": None}],
            Message("assistant", (ReasoningPart("hm"), HI)),
        ),
        (
            [
                {
                    "role": "assistant",
                    "content": [part("thinking", thinking=[part("text", text="h")])],
                }
            ],
            Message("assistant", (ReasoningPart("h", "mistral"),)),
        ),
        (
            [{"role": "assistant", "content": [part("thinking", thinking="h", signature="s")]}],
            Message("assistant", (ReasoningPart("h", "anthropic", "s"),)),
        ),
        (
            [{"role": "assistant", "refusal": "no"}],
            Message("assistant", (RefusalPart("no"),)),
        ),
        (
            [{"role": "assistant", "content": [part("refusal", refusal="no")]}],
            Message("assistant", (RefusalPart("no"),)),
        ),
        (
            [{"role": "assistant", "content": "hi", "audio": {"id": "audio_1"}}],
            Message("assistant", (HI, AudioPart(file_id="audio_1", issuer="openai"))),
        ),
        (
            [
                {
                    "role": "assistant",
                    "content": "hi",
                    "reasoning": "hm",
                    "reasoning_details": [{"type": "reasoning.text", "text": "hm"}],
                }
            ],
            Message(
                "assistant",
                (
                    ReasoningPart(
                        "hm",
                        "openrouter",
                        raw={"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
                    ),
                    HI,
                ),
            ),
        ),
        (
            [{"role": "tool", "tool_call_id": "c1", "content": "hi", "name": "f"}],
            Message("tool", (ToolResultPart("c1", (HI,), "f"),), "f"),
        ),
        (
            [{"role": "tool", "tool_call_id": "c1", "content": [part("text", text="hi")]}],
            Message("tool", (ToolResultPart("c1", (HI,)),)),
        ),
        (
            [SimpleNamespace(model_dump=lambda exclude_none: {"role": "user", "content": "hi"})],
            Message("user", (HI,)),
        ),
    ],
)
def test_messages(items, expected):
    assert messages_from(items) == (expected,)


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([], "messages is empty; give at least one message"),
        ({"role": "user", "content": "hi"}, r"messages must be a string or a list.* wrap it"),
        (None, "messages must be a string or a list of messages, not null"),
        ([{"content": "hi"}], r"messages\[0\] has no role"),
        (["hi", {"role": "usr", "content": "hi"}], r"messages\[1\] has the unknown role 'usr'"),
        ([{"role": ["user"], "content": "hi"}], r"unknown role \['user'\]"),
        ([7], r"messages\[0\] must be a dict or a Message, not int"),
        ([{"role": "user"}], r"messages\[0\].content must be a string or a list .* not null"),
        ([{"role": "user", "content": "hi", "name": 1}], r"messages\[0\].name must be a string"),
        (user(7), r"messages\[0\].content\[0\] must be a dict, not int"),
        (user({"text": "hi"}), r"messages\[0\].content\[0\] has no type"),
        (user(part("image")), r"unknown type 'image'; did you mean 'image_url'\?"),
        (user(part(["text"])), "unknown type"),
        (user(part("text", text=1)), r"content\[0\].text must be a string, not int"),
        (user(part("image_url", image_url={"url": "b.png"})), r"is no URL \('b.png'\)"),
        (
            user(part("image_url", image_url={"url": "data:application/pdf;base64,QUJD"})),
            "image_url.url holds application/pdf; send it as a file part",
        ),
        (
            user(part("image_url", image_url={"url": "https://a", "detail": "hgh"})),
            r"detail is 'hgh'; did you mean 'high'",
        ),
        (user(part("input_audio")), r"content\[0\].input_audio must be a dict"),
        (user(part("file", file={})), "neither file_data nor file_id"),
        (user(part("text", text="hi", cache_control=True)), "cache_control must be a dict"),
        (user(part("text", text="hi", cache_control={"ttl": 5})), "ttl must be a string such as"),
        ([{"role": "assistant"}], r"messages\[0\].content must be a string"),
        ([{"role": "assistant", "content": "hi", "tool_calls": {}}], None),
        ([{"role": "assistant", "tool_calls": {"id": 1}}], "tool_calls must be a list"),
        ([{"role": "assistant", "tool_calls": [{}]}], r"tool_calls\[0\] is not a function call"),
        ([{"role": "assistant", "tool_calls": [{**CALL, "id": ""}]}], r"\[0\].id is missing"),
        (
            [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": ""}}]}],
            "name is missing",
        ),
        (
            [
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {}}}],
                }
            ],
            "arguments must be JSON text, not dict; json.dumps it",
        ),
        ([{"role": "assistant", "function_call": {"name": "f"}}], "content must be"),
        ([{"role": "assistant", "content": "", "function_call": {"name": "f"}}], "tool_calls"),
        ([{"role": "assistant", "content": "", "refusal": 1}], "refusal must be a string"),
        ([{"role": "assistant", "content": "", "reasoning": 1}], "must be a string, not int"),
        ([{"role": "assistant", "content": "", "reasoning_details": "x"}], "must be a list"),
        (user(part("thinking", thinking=[1])), r"content\[0\].thinking.text must be a string"),
        ([{"role": "tool", "content": "hi"}], r"messages\[0\].tool_call_id is missing"),
    ],
)
def test_a_bad_message_is_named(items, told):
    if told is None:
        assert messages_from(items)
        return
    with pytest.raises(InvalidRequestError, match=told) as raised:
        messages_from(items)
    assert raised.value.sent is False


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, {}),
        ({"temperature": None, "tools": None}, {}),
        ({"temperature": 0, "top_p": 0.5, "top_k": 4}, None),
        ({"max_tokens": 9}, {"max_tokens": 9}),
        ({"max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"stop": "END"}, {"stop": ("END",)}),
        ({"stop": ["a", "b"]}, {"stop": ("a", "b")}),
        ({"n": 1, "seed": -3}, {"seed": -3}),
        ({"logprobs": True, "top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"frequency_penalty": -2, "presence_penalty": 2.0}, None),
        ({"reasoning_effort": "xhigh"}, {"reasoning_effort": "xhigh"}),
        ({"user": "ann"}, {"user": "ann"}),
        ({"safety_identifier": "ann"}, {"user": "ann"}),
        ({"service_tier": "flex", "prompt_cache_key": "k"}, None),
        ({"tools": [WEATHER]}, {"tools": (Tool("weather", "", SCHEMA),)}),
        ({"tool_choice": "auto"}, {"tool_choice": None}),
        ({"tools": [], "tool_choice": "none"}, {"tools": (), "tool_choice": None}),
        (
            {"tools": [WEATHER], "tool_choice": "any", "parallel_tool_calls": False},
            {
                "tools": (Tool("weather", "", SCHEMA),),
                "tool_choice": "required",
                "parallel_tool_calls": False,
            },
        ),
        (
            {
                "tool_choice": {"type": "function", "function": {"name": "weather"}},
                "tools": [WEATHER],
            },
            {"tools": (Tool("weather", "", SCHEMA),), "tool_choice": "weather"},
        ),
        ({"response_format": {"type": "text"}}, {"output": None}),
        ({"response_format": {"type": "json_object"}}, {"output": OutputFormat("json_object")}),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a b", "schema": SCHEMA, "strict": True},
                }
            },
            {"output": OutputFormat("json_schema", SCHEMA, "a_b", strict=True)},
        ),
        ({"response_format": SCHEMA}, {"output": OutputFormat("json_schema", SCHEMA)}),
        (
            {"response_format": City},
            {"output": OutputFormat("json_schema", City.model_json_schema(), "City", strict=True)},
        ),
        (
            {"extra_body": {"min_p": 0.1}},
            {"extra": {"openai-chat": {"min_p": 0.1}, "openai-responses": {"min_p": 0.1}}},
        ),
        (
            {"extra_body": {"mistral": {"safe_prompt": True}, "gemini": {"a": 1}}},
            {"extra": {"mistral": {"safe_prompt": True}, "gemini": {"a": 1}}},
        ),
        (
            {"logit_bias": {"1": 2}, "extra_body": {"openai": {"store": True}}},
            {"extra": {"openai": {"logit_bias": {"1": 2}, "store": True}}},
        ),
    ],
)
def test_parameters(params, expected):
    expected = params if expected is None else expected
    assert request_from("hi", params) == Request((Message("user", (HI,)),), **expected)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"temprature": 1}, "'temprature' is unknown; did you mean 'temperature'"),
        ({"temperature": "hot"}, "temperature must be a number, not str"),
        ({"temperature": True}, "temperature must be a number, not bool"),
        ({"temperature": 3}, "temperature is 3, outside of 0 to 2"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"max_tokens": 0}, "max_tokens is 0, less than 1"),
        ({"max_tokens": 1.5}, "max_tokens must be a whole number, not float"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "says the same as another parameter"),
        ({"top_logprobs": 50}, "top_logprobs is 50, more than 20"),
        ({"logprobs": 5}, "logprobs must be true or false"),
        ({"stop": [1]}, "stop must be a string or a list"),
        ({"n": 2}, "n is 2, but a request has one answer"),
        ({"reasoning_effort": "hihg"}, "did you mean 'high'"),
        ({"reasoning_effort": ["high"]}, "reasoning_effort is"),
        ({"user": 7}, "user must be a string"),
        ({"extra_body": []}, "extra_body must be a dict"),
        ({"tools": WEATHER}, "tools must be a list, not dict"),
        ({"tools": [WEATHER, WEATHER]}, r"tools\[1\] is a second tool of the name 'weather'"),
        ({"tools": ["x"]}, r"tools\[0\] must be a dict, not str"),
        ({"tools": [{"name": "x", "input_schema": {}}]}, r"tools\[0\] is neither a function"),
        ({"tools": [{"type": "function", "function": {}}]}, r"tools\[0\].function.name is missing"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}]},
            "must be a JSON schema",
        ),
        ({"tool_choice": "required"}, "but there are no tools"),
        ({"tools": [WEATHER], "tool_choice": "wether"}, "'wether', which is no tool; did you mean"),
        ({"tools": [WEATHER], "tool_choice": {"type": "tool"}}, "tool_choice is"),
        ({"tools": [WEATHER], "tool_choice": 3}, "must be a string or a dict"),
        ({"response_format": "json"}, "response_format must be a dict or a pydantic class"),
        ({"response_format": {"type": "xml"}}, "has the type 'xml'"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "strict": "yes"}}]},
            r"tools\[0\].function.strict must be true or false",
        ),
        ({"response_format": {"type": "json_schema"}}, "schema must be a JSON schema"),
    ],
)
def test_a_bad_parameter_is_named(params, told):
    with pytest.raises(InvalidRequestError, match=told):
        request_from("hi", params)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (Tool("f"), Tool("f")),
        (NativeTool("x", {}), NativeTool("x", {})),
        (
            {"type": "function", "name": "f", "description": "d", "strict": True},
            Tool("f", "d", {}, strict=True),
        ),
        ({**WEATHER, "cache_control": {}}, Tool("weather", "", SCHEMA, cache=True)),
        (
            {"type": "web_search_20250305", "name": "web_search"},
            NativeTool("anthropic", {"type": "web_search_20250305", "name": "web_search"}),
        ),
        ({"type": "web_search"}, NativeTool("openai", {"type": "web_search"})),
        ({"google_search": {}}, NativeTool("gemini", {"google_search": {}})),
        ({"codeExecution": {}}, NativeTool("gemini", {"codeExecution": {}})),
    ],
)
def test_tools(spec, expected):
    assert tool_from(spec) == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["text", "tool", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "image_url", "url", "id", "function", "name", "thinking"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
message_dicts = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"])},
    optional=dict.fromkeys(
        ("content", "tool_calls", "tool_call_id", "name", "reasoning", "audio"), json_values
    ),
)


@given(
    messages=st.lists(message_dicts | json_values, max_size=3) | json_values,
    params=st.dictionaries(
        st.sampled_from([*inbound._FIELDS, "tool_choice", "extra_body", "n", "x"]),
        json_values,
        max_size=3,
    ),
)
def test_any_json_is_read_or_refused_in_words(messages, params):
    # nothing but our own error may come out of it
    with suppress(InvalidRequestError):
        assert isinstance(request_from(messages), Request)
    with suppress(InvalidRequestError):
        assert isinstance(request_from("hi", params), Request)
