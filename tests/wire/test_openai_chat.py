"""Chat completions: what is sent, to whom and how; whole answers."""

import json
from types import MappingProxyType

import orjson
import pytest

from llmrouter_integrations.catalog.model import Abilities
from llmrouter_integrations.errors import (
    ContentFilteredError,
    ContextOverflowError,
    EmptyAnswerError,
    MalformedToolCallError,
    ProtocolViolationError,
    RateLimitedError,
    TruncatedAnswerError,
    UnsupportedParameterError,
)
from llmrouter_integrations.http_messages import HttpResponse
from llmrouter_integrations.messages import (
    AudioPart,
    CachePoint,
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
    Usage,
)
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.openai_chat import OpenAIChatCodec

CODEC = OpenAIChatCodec()
HI = Message("user", (TextPart("hi"),))
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
WEATHER = Tool("weather", "Tells the weather.", SCHEMA)
WEATHER_SENT = {
    "type": "function",
    "function": {"name": "weather", "parameters": SCHEMA, "description": "Tells the weather."},
}
FORCED = {"type": "function", "function": {"name": "weather"}}


def endpoint(target="openai/gpt-4o", **more):
    provider, _, model = target.partition("/")
    return Endpoint("t", provider, model, more.pop("base_url", "https://api.example/v1"), **more)


def encode(request, target="openai/gpt-4o", *, stream=False, **more):
    at = target if isinstance(target, Endpoint) else endpoint(target, **more)
    encoded = CODEC.encode(request, at, stream=stream)
    return orjson.loads(encoded.http.body), {
        f"{a.action} {a.parameter}" for a in encoded.adjustments
    }


def ask(**parameters):
    return Request((HI,), **parameters)


# --- parameters -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "parameters", "fields", "changed"),
    [
        ("openai/gpt-4o", {}, {}, set()),
        (
            "openai/gpt-4o",
            {"max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "seed": 1, "stop": ("a",)},
            {"max_completion_tokens": 9, "temperature": 0.5, "top_p": 0.9, "seed": 1, "stop": ["a"]},
            set(),
        ),
        ("openai/gpt-4o", {"top_k": 4}, {}, {"dropped top_k"}),
        ("openai/gpt-4o", {"top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}, set()),
        ("openai/gpt-4o", {"reasoning_effort": "high"}, {}, {"dropped reasoning_effort"}),
        ("openai/gpt-4o", {"reasoning_effort": "none"}, {}, set()),
        ("openai/gpt-4o", {"stop": tuple("abcde")}, {"stop": list("abcd")}, {"translated stop"}),
        # models that reason
        ("openai/o3", {"temperature": 0.2, "stop": ("a",)}, {}, {"dropped temperature", "dropped stop"}),
        ("openai/gpt-5-mini", {"temperature": 1, "presence_penalty": 0}, {}, set()),
        ("openai/gpt-5-mini", {"reasoning_effort": "none"}, {"reasoning_effort": "minimal"}, {"translated reasoning_effort"}),
        ("openai/o4-mini", {"reasoning_effort": "max"}, {"reasoning_effort": "high"}, {"translated reasoning_effort"}),
        ("openai/gpt-5.4", {"temperature": 0.2}, {"temperature": 0.2}, set()),
        ("openai/gpt-5.4", {"temperature": 0.2, "reasoning_effort": "low"}, {"reasoning_effort": "low"}, {"dropped temperature"}),
        ("openai/gpt-5.6-sol", {"temperature": 0.2}, {}, {"dropped temperature"}),
        ("openai/gpt-5.6-sol", {"temperature": 0.2, "reasoning_effort": "none"}, {"temperature": 0.2, "reasoning_effort": "none"}, set()),
        ("openai/gpt-5.1-chat-latest", {"temperature": 0.2}, {"temperature": 0.2}, set()),
        ("openai/gpt-6.1-terra", {"reasoning_effort": "max"}, {"reasoning_effort": "xhigh"}, {"translated reasoning_effort"}),
        # others
        ("mistral/mistral-large-latest", {"seed": 1, "user": "u", "max_tokens": 9}, {"random_seed": 1, "max_tokens": 9}, {"dropped user"}),
        ("mistral/mistral-large-latest", {"temperature": 1.9}, {"temperature": 1.5}, {"translated temperature"}),
        ("mistral/mistral-small-latest", {"reasoning_effort": "medium"}, {"reasoning_effort": "high"}, {"translated reasoning_effort"}),
        ("groq/openai/gpt-oss-120b", {"reasoning_effort": "minimal"}, {"reasoning_effort": "low"}, {"translated reasoning_effort"}),
        ("groq/qwen/qwen3-32b", {"reasoning_effort": "high"}, {"reasoning_format": "parsed"}, {"dropped reasoning_effort"}),
        ("groq/qwen/qwen3-32b", {"reasoning_effort": "none"}, {"reasoning_format": "parsed", "reasoning_effort": "none"}, set()),
        ("deepseek/deepseek-v4-pro", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}, set()),
        ("deepseek/deepseek-v4-pro", {"reasoning_effort": "medium"}, {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}, {"translated reasoning_effort"}),
        ("deepseek/deepseek-reasoner", {"reasoning_effort": "high"}, {}, {"dropped reasoning_effort"}),
        ("xai/grok-4-fast-reasoning", {"stop": ("a",), "reasoning_effort": "low"}, {}, {"dropped stop", "dropped reasoning_effort"}),
        ("xai/grok-4-1-fast-non-reasoning", {"stop": ("a",)}, {"stop": ["a"]}, set()),
        ("together/x", {"logprobs": True, "top_logprobs": 3, "top_k": 4}, {"logprobs": 3, "top_k": 4}, set()),
        ("together/deepseek-ai/DeepSeek-V4", {"reasoning_effort": "none"}, {"reasoning": {"enabled": False}}, set()),
        ("cerebras/zai-glm-4.7", {"reasoning_effort": "none", "frequency_penalty": 0.5}, {"reasoning_effort": "none"}, {"dropped frequency_penalty"}),
        ("openrouter/anthropic/claude", {"reasoning_effort": "max"}, {"reasoning": {"effort": "xhigh"}}, {"translated reasoning_effort"}),
        ("perplexity/sonar", {"seed": 1}, {}, {"dropped seed"}),
        ("google/gemini-3-flash", {"seed": 1, "reasoning_effort": "low"}, {"reasoning_effort": "low"}, {"dropped seed"}),
        ("vllm/llama", {"top_k": 4, "seed": 1, "user": "u", "max_tokens": 9}, {"top_k": 4, "seed": 1, "user": "u", "max_tokens": 9}, set()),
    ],
)  # fmt: skip
def test_parameters(target, parameters, fields, changed):
    body, adjustments = encode(ask(**parameters), target)
    assert body.pop("model") == target.partition("/")[2]
    assert body.pop("messages") == [{"role": "user", "content": "hi"}]
    assert (body, adjustments) == (fields, changed)


@pytest.mark.parametrize(
    ("abilities", "parameters", "fields", "changed"),
    [
        (Abilities(), {"temperature": 0.1}, {"temperature": 0.1}, set()),
        (Abilities(temperature=False), {"temperature": 0.1}, {}, {"dropped temperature"}),
        (Abilities(temperature=False), {"temperature": 1.0}, {}, set()),
        (Abilities(reasoning=False), {"reasoning_effort": "low"}, {}, {"dropped reasoning_effort"}),
        (
            Abilities(reasoning=True, reasoning_efforts=("low", "max")),
            {"reasoning_effort": "xhigh"},
            {"reasoning_effort": "max"},
            {"translated reasoning_effort"},
        ),
        (
            Abilities(reasoning=True, reasoning_toggle=True, reasoning_efforts=("high",)),
            {"reasoning_effort": "none"},
            {"reasoning_effort": "none"},
            set(),
        ),
        (Abilities(tools=False), {"tools": (WEATHER,)}, {}, {"dropped tools"}),
    ],
)
def test_what_is_known_of_the_model_counts(abilities, parameters, fields, changed):
    body, adjustments = encode(ask(**parameters), "vllm/m", abilities=abilities)
    del body["model"], body["messages"]
    assert (body, adjustments) == (fields, changed)


def test_max_tokens_is_cut_to_the_models_most():
    body, adjustments = encode(ask(max_tokens=9000), max_output=4096)
    assert body["max_completion_tokens"] == 4096
    assert adjustments == {"translated max_tokens"}


# --- tools ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "parameters", "fields", "changed"),
    [
        ("openai/gpt-4o", {}, {"tools": [WEATHER_SENT]}, set()),
        ("openai/gpt-4o", {"tool_choice": "auto"}, {"tools": [WEATHER_SENT]}, set()),
        ("openai/gpt-4o", {"tool_choice": "none"}, {"tools": [WEATHER_SENT], "tool_choice": "none"}, set()),
        ("openai/gpt-4o", {"tool_choice": "required"}, {"tools": [WEATHER_SENT], "tool_choice": "required"}, set()),
        ("openai/gpt-4o", {"tool_choice": "weather"}, {"tools": [WEATHER_SENT], "tool_choice": FORCED}, set()),
        ("openai/gpt-4o", {"parallel_tool_calls": False}, {"tools": [WEATHER_SENT], "parallel_tool_calls": False}, set()),
        ("openai/o3", {"parallel_tool_calls": False}, {"tools": [WEATHER_SENT]}, {"dropped parallel_tool_calls"}),
        ("openai/o3", {"parallel_tool_calls": True}, {"tools": [WEATHER_SENT]}, set()),
        ("mistral/m", {"tool_choice": "required"}, {"tools": [WEATHER_SENT], "tool_choice": "any"}, set()),
        ("perplexity/sonar", {"tool_choice": "required"}, {}, {"dropped tools"}),
        ("openai/gpt-5", {"reasoning_effort": "low"}, {"tools": [WEATHER_SENT], "reasoning_effort": "low"}, set()),
        ("openai/gpt-5.4", {}, {"tools": [WEATHER_SENT]}, set()),
        ("openai/gpt-5.4", {"reasoning_effort": "low"}, {"tools": [WEATHER_SENT], "reasoning_effort": "none"}, {"translated reasoning_effort"}),
        ("openai/gpt-5.6-sol", {}, {"tools": [WEATHER_SENT], "reasoning_effort": "none"}, {"translated reasoning_effort"}),
        ("openai/gpt-5.6-sol", {"temperature": 0.1}, {"tools": [WEATHER_SENT], "reasoning_effort": "none", "temperature": 0.1}, {"translated reasoning_effort"}),
        ("deepseek/deepseek-v4-pro", {"tool_choice": "none"}, {"tools": [WEATHER_SENT], "tool_choice": "none"}, set()),
        ("deepseek/deepseek-v4-pro", {"tool_choice": "weather"}, {"tools": [WEATHER_SENT], "tool_choice": FORCED, "thinking": {"type": "disabled"}}, {"translated reasoning_effort"}),
    ],
)  # fmt: skip
def test_tools(target, parameters, fields, changed):
    body, adjustments = encode(ask(tools=(WEATHER,), **parameters), target)
    del body["model"], body["messages"]
    assert (body, adjustments) == (fields, changed)


def test_a_call_that_cannot_be_forced_is_asked_for_in_words():
    body, adjustments = encode(
        ask(tools=(WEATHER,), tool_choice="weather"), "deepseek/deepseek-reasoner"
    )
    assert "tool_choice" not in body
    assert body["messages"][0]["role"] == "system"
    assert "`weather`" in body["messages"][0]["content"]
    assert adjustments == {"translated tool_choice"}


def test_a_choice_without_tools_is_dropped():
    body, adjustments = encode(ask(tool_choice="required"))
    assert "tool_choice" not in body
    assert adjustments == {"dropped tool_choice"}


def test_a_tool_without_parameters_has_an_empty_schema():
    body, _ = encode(ask(tools=(Tool("f"),)))
    assert body["tools"] == [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    ]  # fmt: skip


def test_any_mapping_is_written():
    tools = (
        Tool("f", "", MappingProxyType(SCHEMA)),
        NativeTool("vllm", MappingProxyType({"a": 1})),
    )
    body, _ = encode(ask(tools=tools, output=OutputFormat()), "vllm/m")
    assert body["tools"][0]["function"]["parameters"] == SCHEMA
    assert body["tools"][1] == {"a": 1}
    assert body["response_format"]["json_schema"]["schema"] == {}


@pytest.mark.parametrize(
    ("target", "sent", "changed"),
    [
        ("openai/gpt-4o", {"name": "f", "parameters": CLOSED, "strict": True}, set()),
        ("deepseek/deepseek-chat", {"name": "f", "parameters": SCHEMA}, {"dropped strict"}),
    ],
)
def test_a_strict_tool(target, sent, changed):
    body, adjustments = encode(ask(tools=(Tool("f", "", SCHEMA, strict=True),)), target)
    assert body["tools"][0]["function"] == sent
    assert adjustments == changed


@pytest.mark.parametrize(
    ("target", "issuer", "kept"),
    [
        ("groq/openai/gpt-oss-120b", "groq", True),
        ("groq/openai/gpt-oss-120b", "anthropic", False),
        ("openai/gpt-4o", "openai", False),  # its own tools are the Responses API's
        ("vllm/m", "vllm", True),
    ],
)
def test_a_vendors_own_tool_goes_to_that_vendor_only(target, issuer, kept):
    tool = NativeTool(issuer, {"type": "browser_search"})
    body, adjustments = encode(ask(tools=(tool,)), target)
    assert body.get("tools") == ([{"type": "browser_search"}] if kept else None)
    assert adjustments == (set() if kept else {"dropped tools"})


# --- form of the answer ---------------------------------------------------------------------

SCHEMED = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}}
JSON = {"type": "json_object"}


@pytest.mark.parametrize(
    ("target", "output", "sent", "told", "changed"),
    [
        ("openai/gpt-4o", OutputFormat(schema=SCHEMA, name="city"), SCHEMED, False, set()),
        (
            "openai/gpt-4o",
            OutputFormat(schema=SCHEMA, name="city", description="d", strict=True),
            {
                "type": "json_schema",
                "json_schema": {"name": "city", "schema": CLOSED, "description": "d", "strict": True},
            },
            False,
            set(),
        ),
        ("openai/gpt-4o", OutputFormat("json_object"), JSON, True, set()),
        ("openai/gpt-4", OutputFormat(schema=SCHEMA), None, True, {"translated response_format"}),
        ("openai/gpt-4-turbo", OutputFormat(schema=SCHEMA), JSON, True, {"translated response_format"}),
        ("deepseek/deepseek-chat", OutputFormat(schema=SCHEMA), JSON, True, {"translated response_format"}),
        ("groq/llama-3.3-70b-versatile", OutputFormat(schema=SCHEMA), JSON, True, {"translated response_format"}),
        ("groq/openai/gpt-oss-120b", OutputFormat(schema=SCHEMA, name="city"), SCHEMED, False, set()),
        ("perplexity/sonar", OutputFormat(schema=SCHEMA, name="city"), SCHEMED, False, set()),
        ("perplexity/sonar", OutputFormat("json_object"), None, True, {"translated response_format"}),
        # JSON mode gives objects only
        ("deepseek/deepseek-chat", OutputFormat(schema={"type": "array"}), None, True, {"translated response_format"}),
    ],
)  # fmt: skip
def test_the_form_of_the_answer(target, output, sent, told, changed):
    body, adjustments = encode(ask(output=output), target)
    assert body.get("response_format") == sent
    assert (body["messages"][0]["role"] == "system") is told
    assert adjustments == changed


def test_the_instructions_are_added_to_those_there_are():
    system = Message("system", (TextPart("Be brief."),))
    request = Request((system, HI), output=OutputFormat(schema=SCHEMA))
    body, _ = encode(request, "deepseek/deepseek-chat")
    first, second = body["messages"]
    assert first["content"].startswith("Be brief.\n\nAnswer with one JSON")
    assert json.dumps(SCHEMA, separators=(",", ":")) in first["content"]
    assert second == {"role": "user", "content": "hi"}


def test_json_mode_needs_the_word_only_once():
    message = Message("user", (TextPart("Give me JSON"),))
    body, _ = encode(Request((message,), output=OutputFormat("json_object")))
    assert body["messages"] == [{"role": "user", "content": "Give me JSON"}]


def test_a_model_known_to_keep_no_schema_is_asked_in_json_mode():
    at = endpoint("vllm/m", abilities=Abilities(structured_output=False))
    body, adjustments = encode(ask(output=OutputFormat(schema=SCHEMA)), at)
    assert body["response_format"] == JSON
    assert adjustments == {"translated response_format"}


def test_groq_is_asked_for_a_form_in_words_where_there_are_tools():
    request = ask(output=OutputFormat(schema=SCHEMA), tools=(WEATHER,))
    body, adjustments = encode(request, "groq/llama-3.3-70b-versatile")
    assert "response_format" not in body
    assert body["messages"][0]["role"] == "system"
    assert adjustments == {"translated response_format"}


# --- messages -------------------------------------------------------------------------------

PNG = ImagePart(data="iVBORw0KGgo", media_type="image/png")
PNG_SENT = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo"}}
CALL = ToolCallPart("call_1", "weather", '{"city":"Rome"}')
CALL_SENT = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
}
RESULT = Message("tool", (ToolResultPart("call_1", (TextPart("sunny"),)),))
RESULT_SENT = {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}


def user(*parts):
    return [Message("user", parts)]


@pytest.mark.parametrize(
    ("target", "messages", "sent"),
    [
        ("openai/gpt-4o", [Message("developer", (TextPart("a"),))], [{"role": "developer", "content": "a"}]),
        ("mistral/m", [Message("developer", (TextPart("a"),)), HI], [{"role": "system", "content": "a"}, {"role": "user", "content": "hi"}]),
        ("openai/gpt-4o", [Message("user", (TextPart("a"),), "ann")], [{"role": "user", "content": "a", "name": "ann"}]),
        ("groq/m", [Message("user", (TextPart("a"),), "ann")], [{"role": "user", "content": "a"}]),
        ("openai/gpt-4o", user(TextPart("a"), TextPart("b")), [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]),
        ("deepseek/m", user(TextPart("a"), TextPart("b")), [{"role": "user", "content": "a\nb"}]),
        ("openai/gpt-4o", user(TextPart("a"), PNG), [{"role": "user", "content": [{"type": "text", "text": "a"}, PNG_SENT]}]),
        (
            "openai/gpt-4o",
            user(ImagePart(url="https://a/b.png", detail="low")),
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}}]}],
        ),
        ("openai/gpt-4o", user(TextPart("a"), CachePoint()), [{"role": "user", "content": "a"}]),
        (
            "openrouter/m",
            user(TextPart("a"), CachePoint("1h")),
            [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}],
        ),
        (
            "openai/gpt-4o",
            user(AudioPart(data="QUJD", media_type="audio/mpeg")),
            [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}}]}],
        ),
        (
            "mistral/m",
            user(AudioPart(url="https://a/b.mp3")),
            [{"role": "user", "content": [{"type": "input_audio", "input_audio": "https://a/b.mp3"}]}],
        ),
        ("deepseek/m", user(AudioPart(data="QUJD", transcript="said")), [{"role": "user", "content": "said"}]),
        (
            "openai/gpt-4o",
            user(FilePart(data="JVBERi0", name="a.pdf")),
            [{"role": "user", "content": [{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0"}}]}],
        ),
        ("openai/gpt-4o", user(FilePart(file_id="file-1", issuer="openai")), [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]),
        (
            "mistral/m",
            user(FilePart(url="https://a/b.pdf", name="b.pdf")),
            [{"role": "user", "content": [{"type": "document_url", "document_url": "https://a/b.pdf", "document_name": "b.pdf"}]}],
        ),
        ("deepseek/m", user(FilePart(text="a,b", name="a.csv")), [{"role": "user", "content": "[a.csv]\na,b"}]),
        ("deepseek/m", user(FilePart(data="YSxi", media_type="text/csv")), [{"role": "user", "content": "a,b"}]),
        (
            "openrouter/m",
            user(FilePart(url="https://a/b.mp4", media_type="video/mp4")),
            [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://a/b.mp4"}}]}],
        ),
        ("openai/gpt-4o", user(TextPart("a"), OpaquePart("openai", {"type": "x"})), [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "x"}]}]),
        # answers
        ("openai/gpt-4o", [HI, Message("assistant", (CALL,)), RESULT], [{"role": "user", "content": "hi"}, {"role": "assistant", "content": None, "tool_calls": [CALL_SENT]}, RESULT_SENT]),
        ("openai/gpt-4o", [Message("assistant", (RefusalPart("no"),))], [{"role": "assistant", "content": None, "refusal": "no"}]),
        ("mistral/m", [Message("assistant", (RefusalPart("no"),)), HI], [{"role": "assistant", "content": "no"}, {"role": "user", "content": "hi"}]),
        ("openai/gpt-4o", [Message("assistant", (AudioPart(file_id="a1", issuer="openai"),))], [{"role": "assistant", "content": None, "audio": {"id": "a1"}}]),
        ("vllm/m", [Message("assistant", (AudioPart(data="QQ==", transcript="said"),))], [{"role": "assistant", "content": "said"}]),
        (
            "mistral/m",
            [HI, Message("assistant", (TextPart("a"),))],
            [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "a", "prefix": True}],
        ),
        # roles that must alternate
        ("perplexity/sonar", [HI, HI], [{"role": "user", "content": "hi\nhi"}]),
    ],
)  # fmt: skip
def test_messages(target, messages, sent):
    body, _ = encode(Request(tuple(messages)), target)
    assert body["messages"] == sent


@pytest.mark.parametrize(
    ("target", "part", "fields", "changed"),
    [
        ("deepseek/deepseek-v4-pro", ReasoningPart("hm", "deepseek"), {"reasoning_content": "hm"}, set()),
        ("deepseek/deepseek-v4-pro", ReasoningPart("hm", "anthropic", "sig"), {"reasoning_content": ""}, {"dropped reasoning"}),
        ("ollama/gpt-oss", ReasoningPart("hm", "ollama"), {"reasoning": "hm"}, set()),
        ("vllm/m", ReasoningPart("hm", "vllm"), {"reasoning_content": "hm"}, set()),
        ("openrouter/m", ReasoningPart("hm", "openrouter"), {"reasoning": "hm"}, set()),
        (
            "openrouter/m",
            ReasoningPart("hm", "openrouter", raw={"reasoning_details": [{"type": "reasoning.text"}]}),
            {"reasoning_details": [{"type": "reasoning.text"}]},
            set(),
        ),
        ("openai/gpt-4o", ReasoningPart("hm", "openai"), {}, {"dropped reasoning"}),
        ("groq/m", ReasoningPart("hm", "deepseek"), {}, {"dropped reasoning"}),
    ],
)  # fmt: skip
def test_reasoning_goes_back_to_whom_it_came_from(target, part, fields, changed):
    request = Request((HI, Message("assistant", (part, TextPart("a"), CALL)), RESULT))
    body, adjustments = encode(request, target)
    assert body["messages"][1] == {
        "role": "assistant",
        "content": "a",
        "tool_calls": [CALL_SENT],
        **fields,
    }
    assert adjustments == changed


def test_mistral_takes_its_thinking_among_the_content():
    history = (HI, Message("assistant", (ReasoningPart("hm", "mistral"), TextPart("a"))), HI)
    body, _ = encode(Request(history), "mistral/m")
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "a"},
    ]


def test_google_gets_its_signatures_back():
    call = ToolCallPart("call_1", "weather", "{}", signature="sig", issuer="gemini")
    said = TextPart("a", signature="sig2", issuer="gemini")
    history = (HI, Message("assistant", (call,)), RESULT, Message("assistant", (said,)), HI)
    body, _ = encode(Request(history), "google/gemini-3-flash")
    sent = body["messages"][1]["tool_calls"][0]
    assert sent["extra_content"] == {"google": {"thought_signature": "sig"}}
    assert body["messages"][3]["extra_content"] == {"google": {"thought_signature": "sig2"}}


SYSTEM = Message("system", (TextPart("s"),))
ANSWER = Message("assistant", (TextPart("a"),))
SHOWN = Message("tool", (ToolResultPart("call_1", (TextPart("sunny"), PNG)),))


@pytest.mark.parametrize(
    ("target", "messages", "sent", "changed"),
    [
        ("mistral/m", [HI, Message("assistant", (CALL,)), RESULT, HI], ["user", "assistant", "tool", "assistant (seen)", "user hi"], {"translated tool_call_id"}),
        ("mistral/m", [HI, Message("assistant", (CALL,)), RESULT, ANSWER, HI], ["user", "assistant", "tool", "assistant a", "user hi"], {"translated tool_call_id"}),
        ("mistral/m", [HI, Message("assistant", (CALL,)), SHOWN], ["user", "assistant", "tool", "assistant (seen)", "user"], {"translated tool_call_id", "translated tool result"}),
        ("mistral/m", [HI, ANSWER, SYSTEM, HI], ["system s", "user", "assistant", "user"], {"translated system"}),
        ("mistral/m", [SYSTEM], ["user s"], set()),
        ("openrouter/mistralai/devstral-2", [HI, Message("assistant", (CALL,)), RESULT, HI], ["user", "assistant", "tool", "assistant (seen)", "user hi"], set()),
        ("openrouter/openai/gpt-5", [HI, Message("assistant", (CALL,)), RESULT, HI], ["user", "assistant", "tool", "user hi"], set()),
        ("openai/gpt-4o", [HI, ANSWER, SYSTEM, HI], ["user", "assistant", "system", "user"], set()),
        ("perplexity/sonar", [HI, ANSWER, SYSTEM, HI], ["system s", "user hi", "assistant a", "user hi"], {"translated system"}),
        ("perplexity/sonar", [SYSTEM, ANSWER, HI], ["system s", "user (The conversation begins here.)", "assistant a", "user hi"], set()),
        ("perplexity/sonar", [HI, ANSWER], ["user hi", "assistant a", "user Your last message was cut off."], {"translated prefill"}),
        ("perplexity/sonar", [SYSTEM, SYSTEM], ["user s\ns"], set()),
        (
            "perplexity/sonar",
            [HI, Message("assistant", (TextPart("a"), CALL)), RESULT, HI],
            ["user hi", 'assistant a\n(I call the tool weather with {"city":"Rome"}.)', "user Result of the tool weather:\n\nsunny\nhi"],
            {"translated tool calls"},
        ),
    ],
)  # fmt: skip
def test_turns_come_in_the_order_that_is_taken(target, messages, sent, changed):
    body, adjustments = encode(Request(tuple(messages)), target)
    found = [f"{m['role']} {m.get('content')}" for m in body["messages"]]
    assert len(found) == len(sent)
    assert all(one.startswith(start) for one, start in zip(found, sent, strict=True)), found
    assert not any(m.keys() & {"tool_calls", "tool_call_id"} for m in body["messages"]) or (
        target != "perplexity/sonar"
    )
    assert adjustments == changed


def test_mistral_gets_ids_of_nine_characters():
    request = Request((HI, Message("assistant", (CALL,)), RESULT))
    body, adjustments = encode(request, "mistral/m")
    call_id = body["messages"][1]["tool_calls"][0]["id"]
    assert len(call_id) == 9
    assert call_id.isalnum()
    assert body["messages"][2]["tool_call_id"] == call_id
    assert adjustments == {"translated tool_call_id"}


def test_tool_results_with_images_and_errors():
    second = ToolCallPart("call_2", "weather", "{}")
    results = (
        ToolResultPart("call_1", (TextPart("see"), PNG), "weather"),
        ToolResultPart("call_2", (TextPart("boom"),), is_error=True),
    )
    request = Request((HI, Message("assistant", (CALL, second)), Message("tool", results)))
    body, adjustments = encode(request)
    assert body["messages"][2:] == [
        {"role": "tool", "tool_call_id": "call_1", "content": "see", "name": "weather"},
        {"role": "tool", "tool_call_id": "call_2", "content": "Error: boom"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What the tool call call_1 returned beside its text:"},
                PNG_SENT,
            ],
        },
    ]
    assert adjustments == {"translated tool result"}


@pytest.mark.parametrize(
    ("target", "part"),
    [
        ("deepseek/m", PNG),
        ("openai/gpt-4o", ImagePart(file_id="f", issuer="openai")),
        ("groq/m", AudioPart(data="QUJD")),
        ("openai/gpt-4o", AudioPart(url="https://a/b.mp3")),
        ("groq/m", FilePart(data="JVBERi0")),
        ("openai/gpt-4o", FilePart(url="https://a/b.pdf")),
        ("openai/gpt-4o", FilePart(url="https://a/b.mp4", media_type="video/mp4")),
    ],
)
def test_what_cannot_be_sent_at_all_is_another_models_work(target, part):
    with pytest.raises(UnsupportedParameterError) as raised:
        encode(Request((Message("user", (TextPart("what is it?"), part)),)), target)
    assert raised.value.elsewhere == "other_model"
    assert raised.value.sent is False


# --- where to -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "base_url", "options", "url"),
    [
        ("openai", "https://api.openai.com/v1", {}, "https://api.openai.com/v1/chat/completions"),
        ("deepseek", "https://api.deepseek.com", {}, "https://api.deepseek.com/chat/completions"),
        ("any", "http://h/v1/chat/completions", {}, "http://h/v1/chat/completions"),
        (
            "azure",
            "https://r.openai.azure.com",
            {"api_version": "2024-10-21"},
            "https://r.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
        ),
        (
            "azure",
            "https://r.openai.azure.com",
            {},
            "https://r.openai.azure.com/openai/v1/chat/completions",
        ),
        (
            "azure",
            "https://r.openai.azure.com/openai/v1",
            {},
            "https://r.openai.azure.com/openai/v1/chat/completions",
        ),
        (
            "azure",
            "https://r.openai.azure.com/openai/deployments/d",
            {"api_version": "2024-10-21"},
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
        (
            "azure",
            "https://r.services.ai.azure.com/models",
            {},
            "https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
        ),
    ],
)
def test_urls(provider, base_url, options, url):
    at = Endpoint("t", provider, "my gpt", base_url, options=options)
    assert CODEC.encode(ask(), at, stream=False).http.url == url


@pytest.mark.parametrize(
    ("provider", "key", "header"),
    [
        ("openai", "k", ("authorization", "Bearer k")),
        ("azure", "k", ("api-key", "k")),
        ("ollama", None, None),
    ],
)
def test_headers(provider, key, header):
    at = Endpoint("t", provider, "m", "https://a", key, headers=(("x-mine", "1"),))
    http = CODEC.encode(ask(), at, stream=False).http
    headers = dict(http.headers)
    assert http.method == "POST"
    assert headers.pop("content-type") == "application/json"
    assert headers.pop("user-agent").startswith("llmrouter-integrations/")
    assert headers.pop("x-mine") == "1"
    assert headers == (dict([header]) if header else {})
    assert "Bearer" not in repr(http)


@pytest.mark.parametrize(
    ("provider", "options", "usage"),
    [
        ("openai", {}, True),
        ("mistral", {}, False),
        ("perplexity", {}, False),
        ("vllm", {}, True),
        ("azure", {"api_version": "2024-02-01"}, False),
        ("azure", {"api_version": "2024-10-21"}, True),
    ],
)
def test_a_stream_asks_for_usage_where_that_is_understood(provider, options, usage):
    body, _ = encode(ask(), endpoint(f"{provider}/m", options=options), stream=True)
    assert body["stream"] is True
    assert body.get("stream_options") == ({"include_usage": True} if usage else None)


def test_extra_fields_are_merged_last_for_whom_they_are_meant():
    extra = {
        "openai-chat": {"temperature": 0.9, "min_p": 0.1},
        "vllm": {"min_p": 0.2},
        "openai": {"logit_bias": {"1": 2}},
        "gemini": {"x": 1},
    }
    body, adjustments = encode(ask(temperature=0.1, extra=extra), "vllm/m")
    assert (body["temperature"], body["min_p"]) == (0.9, 0.2)
    assert "x" not in body
    assert "logit_bias" not in body
    assert adjustments == {"dropped logit_bias"}
    body, adjustments = encode(ask(extra=extra), "azure/gpt-4o", base_url="https://r.azure.com")
    assert body["logit_bias"] == {"1": 2}
    assert adjustments == set()


# --- whole answers --------------------------------------------------------------------------


def respond(body, status=200):
    return HttpResponse(status, {}, body if isinstance(body, bytes) else orjson.dumps(body))


def decode(message, finish="stop", target="openai/gpt-4o", **more):
    body = {"id": "c1", "model": "m1", "choices": [{"message": message, "finish_reason": finish}]}
    return CODEC.decode(respond({**body, **more}), endpoint(target))


def test_a_whole_answer():
    response = decode({"role": "assistant", "content": "a", "refusal": None}, service_tier="flex")
    assert response.text == "a"
    assert (response.id, response.message.id, response.model) == ("c1", "c1", "m1")
    assert (response.finish_reason, response.raw_finish_reason) == ("stop", "stop")
    assert not response.usage.reported
    assert response.extra == {"service_tier": "flex"}


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 5,
                "total_tokens": 14,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2, "audio_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 1},
            },
            Usage(9, 5, 4, 2, 3, 1, 1),
        ),
        # DeepSeek
        ({"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "prompt_cache_hit_tokens": 4}, Usage(9, 5, 4)),
        # xAI: reasoning stands beside the completion
        (
            {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 34, "completion_tokens_details": {"reasoning_tokens": 20}},
            Usage(9, 25, reasoning_tokens=20),
        ),
        # Google: and is not even named
        ({"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109}, Usage(35, 74, reasoning_tokens=62)),
        # Perplexity's deep research
        ({"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "reasoning_tokens": 70}, Usage(9, 75, reasoning_tokens=70)),
        ({"prompt_tokens": 9, "completion_tokens": 5, "cost": {"total_cost": 0.5}}, Usage(9, 5, cost_usd=0.5)),
        ({"prompt_tokens": 9, "completion_tokens": 5, "cost": 0.25}, Usage(9, 5, cost_usd=0.25)),
        (
            {"prompt_tokens": 9, "completion_tokens": 5, "cost": 0.25, "is_byok": True, "cost_details": {"upstream_inference_cost": 1}},
            Usage(9, 5, cost_usd=1.25),
        ),
    ],
)  # fmt: skip
def test_usage(said, usage):
    assert decode({"content": "a"}, usage=said).usage == usage


def test_perplexity_names_its_sources():
    results = [{"title": "A", "url": "https://a", "snippet": "..."}]
    response = decode(
        {"content": "a"}, target="perplexity/sonar", search_results=results, citations=["https://a"]
    )
    (text,) = response.message.parts
    assert [(c.url, c.title) for c in text.citations] == [("https://a", "A")]


@pytest.mark.parametrize(
    ("body", "status", "fault"),
    [
        ({"error": {"code": "context_length_exceeded", "message": "too long"}}, 400, ContextOverflowError),
        ({"error": {"code": 429, "message": "slow down"}}, 200, RateLimitedError),
        ({"choices": [{"error": {"code": 429, "message": "slow down"}}]}, 200, RateLimitedError),
        ({"choices": []}, 200, ProtocolViolationError),
        ([], 200, ProtocolViolationError),
        ({"choices": [{"message": {"content": 5}, "finish_reason": "stop"}]}, 200, ProtocolViolationError),
        (b"<html>", 200, ProtocolViolationError),
        (b'{"choices":', 200, TruncatedAnswerError),
        ({"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}, 200, EmptyAnswerError),
        ({"choices": [{"finish_reason": "content_filter"}]}, 200, ContentFilteredError),
        (
            {"choices": [{"message": {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{"}}]}}]},
            200,
            MalformedToolCallError,
        ),
    ],
)  # fmt: skip
def test_what_is_no_answer(body, status, fault):
    with pytest.raises(fault) as raised:
        CODEC.decode(respond(body, status), endpoint())
    assert type(raised.value) is fault
    assert raised.value.target == "t"


def test_a_reasoning_only_answer_of_length_is_an_answer():
    response = decode({"content": "", "reasoning_content": "hm"}, "length", "deepseek/m")
    assert response.finish_reason == "length"
    assert response.message.reasoning == "hm"
