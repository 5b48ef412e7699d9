"""Requests in OpenAI's Responses protocol: (Request, Endpoint) -> body, headers, adjustments."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from llmrouter_integrations import __version__
from llmrouter_integrations.catalog.model import Abilities
from llmrouter_integrations.errors import UnsupportedParameterError
from llmrouter_integrations.messages import (
    AudioPart,
    CachePoint,
    FilePart,
    ImagePart,
    Message,
    NativeTool,
    OpaquePart,
    OutputFormat,
    Part,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.wire.base import Encoded, Endpoint
from llmrouter_integrations.wire.openai_responses import OpenAIResponsesCodec

CODEC = OpenAIResponsesCodec()
URLS = {
    "openai": "https://api.openai.com/v1",
    "azure": "https://r.openai.azure.com/openai/v1",
    "xai": "https://api.x.ai/v1",
    "deepseek": "https://api.deepseek.com",
    "openrouter": "https://openrouter.ai/api/v1",
    "vllm": "http://127.0.0.1:8000/v1",
}


def endpoint(provider: str = "openai", model: str = "gpt-4.1", **more: Any) -> Endpoint:
    return Endpoint("primary", provider, model, URLS[provider], "key-1", **more)


def user(*parts: Part | str) -> Message:
    return Message("user", tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def ai(*parts: Part | str) -> Message:
    return Message("assistant", tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def system(*parts: Part | str) -> Message:
    return replace(user(*parts), role="system")


def results(*parts: ToolResultPart) -> Message:
    return Message("tool", parts)


def asked(**parameters: Any) -> Request:
    return Request((user("Hi"),), **parameters)


def encode(request: Request, to: Endpoint, *, stream: bool = False) -> tuple[dict[str, Any], set]:
    encoded: Encoded = CODEC.encode(request, to, stream=stream)
    told = {(a.parameter, a.action) for a in encoded.adjustments}
    assert len(told) == len(encoded.adjustments)
    return orjson.loads(encoded.http.body), told


def test_the_plainest_request() -> None:
    encoded = CODEC.encode(asked(), endpoint(), stream=False)
    assert orjson.loads(encoded.http.body) == {
        "model": "gpt-4.1",
        "input": [{"role": "user", "content": "Hi"}],
        "store": False,
    }
    assert encoded.adjustments == ()
    assert (encoded.http.method, encoded.http.url) == (
        "POST",
        "https://api.openai.com/v1/responses",
    )
    assert encoded.http.headers == (
        ("content-type", "application/json"),
        ("user-agent", f"llmrouter-integrations/{__version__}"),
        ("authorization", "Bearer key-1"),
    )


def test_headers_of_the_user_come_last_and_no_key_is_no_header() -> None:
    to = replace(endpoint(), api_key=None, headers=(("x-team", "a"),))
    headers = CODEC.encode(asked(), to, stream=False).http.headers
    assert headers[-1] == ("x-team", "a")
    assert "authorization" not in dict(headers)


def test_azure_takes_its_key_in_a_header_of_its_own() -> None:
    headers = dict(CODEC.encode(asked(), endpoint("azure"), stream=False).http.headers)
    assert headers["api-key"] == "key-1"
    assert "authorization" not in headers


AZURE = "https://r.openai.azure.com"
ADDRESSES = [
    ("openai", "https://api.openai.com/v1", "", "https://api.openai.com/v1/responses"),
    ("openai", "https://x.test/v1/responses", "", "https://x.test/v1/responses"),
    ("deepseek", "https://api.deepseek.com", "", "https://api.deepseek.com/responses"),
    ("azure", AZURE, "", f"{AZURE}/openai/v1/responses"),
    ("azure", f"{AZURE}/openai", "", f"{AZURE}/openai/v1/responses"),
    ("azure", f"{AZURE}/openai/v1", "", f"{AZURE}/openai/v1/responses"),
    ("azure", AZURE, "preview", f"{AZURE}/openai/v1/responses?api-version=preview"),
    ("azure", AZURE, "2025-04-01", f"{AZURE}/openai/responses?api-version=2025-04-01"),
    ("azure", f"{AZURE}/openai/v1", "2025-04-01", f"{AZURE}/openai/responses?api-version=2025-04-01"),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "base", "version", "expected"), ADDRESSES)
def test_addresses(provider: str, base: str, version: str, expected: str) -> None:
    options = {"api_version": version} if version else {}
    to = replace(endpoint(provider), base_url=base, options=options)
    assert CODEC.encode(asked(), to, stream=False).http.url == expected


# --- parameters ----------------------------------------------------------------------------

TOOL = Tool("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}})
STRICT = {
    "type": "object",
    "properties": {"at": {"type": "string"}},
    "required": ["at"],
    "additionalProperties": False,
}
PLAIN_TOOL = {
    "type": "function",
    "name": "look",
    "description": "Looks.",
    "parameters": TOOL.parameters,
    "strict": False,
}
ENCRYPTED = {"include": ["reasoning.encrypted_content"]}

PARAMETERS: dict[str, tuple[dict[str, Any], Endpoint, dict[str, Any], set[tuple[str, str]]]] = {
    # what is asked, of whom: what the body has beside model, input and store; adjustments
    "sampling": (
        {"temperature": 0.2, "top_p": 0.9, "max_tokens": 100},
        endpoint(),
        {"temperature": 0.2, "top_p": 0.9, "max_output_tokens": 100},
        set(),
    ),
    "identity and caching": (
        {"user": "u1", "prompt_cache_key": "k", "service_tier": "flex"},
        endpoint(),
        {"safety_identifier": "u1", "prompt_cache_key": "k", "service_tier": "flex"},
        set(),
    ),
    "identity elsewhere": (
        {"user": "u1", "service_tier": "flex"},
        endpoint("deepseek", "deepseek-chat"),
        {"user": "u1"},
        {("service_tier", "dropped")},
    ),
    "what the protocol lacks": (
        {
            "stop": ("x",),
            "seed": 1,
            "top_k": 5,
            "frequency_penalty": 0.0,
            "presence_penalty": 1.0,
        },
        endpoint(),
        {},
        {
            ("stop", "dropped"),
            ("seed", "dropped"),
            ("top_k", "dropped"),
            ("frequency_penalty", "dropped"),
            ("presence_penalty", "dropped"),
        },
    ),
    "too few tokens": (
        {"max_tokens": 5},
        endpoint(),
        {"max_output_tokens": 16},
        {("max_tokens", "translated")},
    ),
    "few tokens elsewhere": (
        {"max_tokens": 5},
        endpoint("xai", "grok-4.20-non-reasoning"),
        {"max_output_tokens": 5},
        set(),
    ),
    "too many tokens": (
        {"max_tokens": 5000},
        endpoint(max_output=4096),
        {"max_output_tokens": 4096},
        {("max_tokens", "translated")},
    ),
    "log probabilities": (
        {"logprobs": True, "top_logprobs": 3},
        endpoint(),
        {"include": ["message.output_text.logprobs"], "top_logprobs": 3},
        set(),
    ),
    "reasoning comes back encrypted": ({}, endpoint(model="gpt-5"), ENCRYPTED, set()),
    "xai's too": ({}, endpoint("xai", "grok-4.3"), ENCRYPTED, set()),
    "openrouter's too": ({}, endpoint("openrouter", "anthropic/claude-opus-5"), ENCRYPTED, set()),
    "not of a model that does not reason": (
        {},
        endpoint("openrouter", "openai/gpt-4o"),
        {},
        set(),
    ),
    "deepseek's is in words": ({}, endpoint("deepseek", "deepseek-v4-flash"), {}, set()),
    "an unknown deployment is not asked": ({}, endpoint("azure", "my-own"), {}, set()),
    "an unknown deployment that can": (
        {},
        endpoint("azure", "my-own", abilities=Abilities(reasoning=True)),
        ENCRYPTED,
        set(),
    ),
    "effort": (
        {"reasoning_effort": "high"},
        endpoint(model="gpt-5"),
        {"reasoning": {"effort": "high"}, **ENCRYPTED},
        set(),
    ),
    "effort, nearest": (
        {"reasoning_effort": "xhigh"},
        endpoint(model="gpt-5-mini"),
        {"reasoning": {"effort": "high"}, **ENCRYPTED},
        {("reasoning_effort", "translated")},
    ),
    "none, where it always reasons": (
        {"reasoning_effort": "none"},
        endpoint(model="gpt-6.1-terra"),
        {"reasoning": {"effort": "low"}, **ENCRYPTED},
        {("reasoning_effort", "translated")},
    ),
    "effort of a model that does not reason": (
        {"reasoning_effort": "low"},
        endpoint(),
        {},
        {("reasoning_effort", "dropped")},
    ),
    "no reasoning of a model that does not": ({"reasoning_effort": "none"}, endpoint(), {}, set()),
    "effort of a model that takes no word on it": (
        {"reasoning_effort": "low"},
        endpoint("xai", "grok-4"),
        ENCRYPTED,
        {("reasoning_effort", "dropped")},
    ),
    "efforts as the catalogue knows them": (
        {"reasoning_effort": "max"},
        endpoint("vllm", "x", abilities=Abilities(reasoning=True, reasoning_efforts=("low",))),
        {"reasoning": {"effort": "low"}},
        {("reasoning_effort", "translated")},
    ),
    "no sampling while it reasons": (
        {"temperature": 0.0, "top_p": 0.5, "logprobs": True},
        endpoint(model="gpt-5"),
        ENCRYPTED,
        {("temperature", "dropped"), ("top_p", "dropped"), ("logprobs", "dropped")},
    ),
    "the default temperature is no loss": (
        {"temperature": 1.0, "top_p": 1.0},
        endpoint(model="o4-mini"),
        ENCRYPTED,
        set(),
    ),
    "sampling where it does not reason by default": (
        {"temperature": 0.0},
        endpoint(model="gpt-5.4"),
        {"temperature": 0.0, **ENCRYPTED},
        set(),
    ),
    "nor where that is said": (
        {"temperature": 0.0, "reasoning_effort": "none"},
        endpoint(model="gpt-5.6-sol"),
        {"temperature": 0.0, "reasoning": {"effort": "none"}, **ENCRYPTED},
        set(),
    ),
    "abilities say that no temperature is taken": (
        {"temperature": 0.5},
        endpoint("vllm", "x", abilities=Abilities(temperature=False)),
        {},
        {("temperature", "dropped")},
    ),
    "tools": (
        {"tools": (TOOL,), "tool_choice": "required", "parallel_tool_calls": False},
        endpoint(),
        {"tools": [PLAIN_TOOL], "tool_choice": "required", "parallel_tool_calls": False},
        set(),
    ),
    "a named tool": (
        {"tools": (TOOL,), "tool_choice": "look"},
        endpoint(),
        {"tools": [PLAIN_TOOL], "tool_choice": {"type": "function", "name": "look"}},
        set(),
    ),
    "a tool without parameters": (
        {"tools": (Tool("now"),)},
        endpoint(),
        {
            "tools": [
                {
                    "type": "function",
                    "name": "now",
                    "parameters": {"type": "object", "properties": {}},
                    "strict": False,
                }
            ]
        },
        set(),
    ),
    "a strict tool": (
        {"tools": (Tool("look", "", {**STRICT, "additionalProperties": False}, strict=True),)},
        endpoint(),
        {"tools": [{"type": "function", "name": "look", "parameters": STRICT, "strict": True}]},
        set(),
    ),
    "a tool that cannot be strict": (
        {"tools": (replace(TOOL, strict=True),)},
        endpoint(),
        {"tools": [PLAIN_TOOL]},
        {("tools.strict", "dropped")},
    ),
    "choices without tools": (
        {"tool_choice": "auto", "parallel_tool_calls": True},
        endpoint(),
        {},
        set(),
    ),
    "parallel calls on the o series": (
        {"tools": (TOOL,), "parallel_tool_calls": True},
        endpoint(model="o3-mini"),
        {"tools": [PLAIN_TOOL], **ENCRYPTED},
        {("parallel_tool_calls", "dropped")},
    ),
    "its own tools": (
        {"tools": (NativeTool("openai", {"type": "web_search"}),), "tool_choice": "web_search"},
        endpoint(),
        {"tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}},
        set(),
    ),
    "another's own tools": (
        {"tools": (NativeTool("anthropic", {"type": "web_search_20260101"}),)},
        endpoint(),
        {},
        {("tools", "dropped")},
    ),
    "a forced call that deepseek refuses": (
        {"tools": (TOOL,), "tool_choice": "look"},
        endpoint("deepseek", "deepseek-v4-flash"),
        {
            "tools": [PLAIN_TOOL],
            "tool_choice": "auto",
            "instructions": "Your next answer must be a call of the tool `look`. "
            "Do not answer in text.",
        },
        {("tool_choice", "translated")},
    ),
    "a forced call that it takes": (
        {"tools": (TOOL,), "tool_choice": "look", "reasoning_effort": "none"},
        endpoint("deepseek", "deepseek-v4-flash"),
        {
            "tools": [PLAIN_TOOL],
            "tool_choice": {"type": "function", "name": "look"},
            "reasoning": {"effort": "none"},
        },
        set(),
    ),
    "a schema": (
        {"output": OutputFormat(schema=STRICT, name="my form", description="d")},
        endpoint(),
        {
            "text": {
                "format": {
                    "type": "json_schema",
                    "name": "my_form",
                    "schema": STRICT,
                    "strict": True,
                    "description": "d",
                }
            }
        },
        set(),
    ),
    "a schema that cannot be strict": (
        {"output": OutputFormat(schema=TOOL.parameters, strict=True)},
        endpoint(),
        {
            "text": {
                "format": {
                    "type": "json_schema",
                    "name": "output",
                    "schema": TOOL.parameters,
                    "strict": False,
                }
            }
        },
        {("output.strict", "dropped")},
    ),
    "a schema that shall not be strict": (
        {"output": OutputFormat(schema=STRICT, strict=False)},
        endpoint(),
        {
            "text": {
                "format": {
                    "type": "json_schema",
                    "name": "output",
                    "schema": STRICT,
                    "strict": False,
                }
            }
        },
        set(),
    ),
    "more for this protocol, this provider and others": (
        {
            "extra": {
                "openai-responses": {"store": True, "truncation": "auto"},
                "openai": {"truncation": "disabled"},
                "anthropic": {"x": 1},
            }
        },
        endpoint(),
        {"store": True, "truncation": "disabled"},
        set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "to", "expected", "told"), PARAMETERS.values(), ids=PARAMETERS)
def test_parameters(
    said: dict[str, Any], to: Endpoint, expected: dict[str, Any], told: set[tuple[str, str]]
) -> None:
    body, adjustments = encode(asked(**said), to)
    plain = {"model": to.model, "input": [{"role": "user", "content": "Hi"}], "store": False}
    assert body == plain | expected
    assert adjustments == told


def test_streaming_is_asked_for() -> None:
    assert encode(asked(), endpoint(), stream=True)[0]["stream"] is True


WORDS = {
    "a list": ({"type": "array"}, endpoint()),
    "an old model": (STRICT, endpoint(model="gpt-4")),
    "a model that is known for it": (
        STRICT,
        endpoint("vllm", "x", abilities=Abilities(structured_output=False)),
    ),
}


@pytest.mark.parametrize(("schema", "to"), WORDS.values(), ids=WORDS)
def test_a_form_that_can_only_be_asked_for(schema: dict[str, Any], to: Endpoint) -> None:
    body, told = encode(asked(output=OutputFormat(schema=schema)), to)
    assert "text" not in body
    assert orjson.dumps(schema).decode() in body["instructions"]
    assert told == {("output", "translated")}


def test_any_json_needs_the_word_in_the_input() -> None:
    to = endpoint()
    said = Request((system("Be brief."), user("Name: Bo")), output=OutputFormat("json_object"))
    body, told = encode(said, to)
    assert body["text"] == {"format": {"type": "json_object"}}
    assert "instructions" not in body
    assert [item["role"] for item in body["input"]] == ["system", "system", "user"]
    assert "JSON" in body["input"][0]["content"]
    assert told == set()
    body, _ = encode(replace(said, messages=(user("In JSON, please"),)), to)
    assert body["input"] == [{"role": "user", "content": "In JSON, please"}]


def test_a_schema_becomes_any_json_where_the_model_knows_no_better() -> None:
    body, told = encode(asked(output=OutputFormat(schema=STRICT)), endpoint(model="gpt-3.5-turbo"))
    assert body["text"] == {"format": {"type": "json_object"}}
    assert orjson.dumps(STRICT).decode() in body["input"][0]["content"]
    assert told == {("output", "translated")}


# --- messages ------------------------------------------------------------------------------

PNG = "iVBORw0KGgoAAAA"
CALL = ToolCallPart("call_1", "look", '{"at":"x"}', item_id="fc_1", issuer="openai")
CALLED = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"at":"x"}'}
THOUGHT = ReasoningPart("I see", "openai", "gAAA", item_id="rs_1")
THOUGHT_ITEM = {
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "I see"}],
    "encrypted_content": "gAAA",
}


def returned(output: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": "call_1", "output": output}


def text(said: str) -> dict[str, Any]:
    return {"type": "input_text", "text": said}


IMAGE = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PNG}"}

CONVERSATIONS: dict[str, tuple[list[Message], str, list[Any], set[tuple[str, str]]]] = {
    "several parts": (
        [user("a", "b", ImagePart(url="http://x/y.png", detail="low"))],
        "gpt-4.1",
        [
            {
                "role": "user",
                "content": [
                    text("a"),
                    text("b"),
                    {"type": "input_image", "detail": "low", "image_url": "http://x/y.png"},
                ],
            }
        ],
        set(),
    ),
    "images": (
        [user(ImagePart(data=PNG), ImagePart(file_id="file-1", issuer="openai"))],
        "gpt-4.1",
        [
            {
                "role": "user",
                "content": [IMAGE, {"type": "input_image", "detail": "auto", "file_id": "file-1"}],
            }
        ],
        set(),
    ),
    "files": (
        [
            user(
                FilePart(data="JVBERi0x", name="a.pdf"),
                FilePart(url="http://x/b.pdf"),
                FilePart(file_id="file-2", issuer="openai"),
                FilePart(text="words", name="c.txt"),
                FilePart(data="aGk=", media_type="text/plain"),
                FilePart(data=PNG, media_type="image/png"),
            )
        ],
        "gpt-4.1",
        [
            {
                "role": "user",
                "content": [
                    {
                        "type": "input_file",
                        "filename": "a.pdf",
                        "file_data": "data:application/pdf;base64,JVBERi0x",
                    },
                    {"type": "input_file", "file_url": "http://x/b.pdf"},
                    {"type": "input_file", "file_id": "file-2"},
                    text("[c.txt]\nwords"),
                    text("hi"),
                    IMAGE,
                ],
            }
        ],
        set(),
    ),
    "sound with its words": (
        [user(AudioPart(data="AA", transcript="hello"), "?")],
        "gpt-4.1",
        [{"role": "user", "content": [text("hello"), text("?")]}],
        {("audio", "translated")},
    ),
    "later instructions stay in their place": (
        [user("Hi"), Message("developer", (TextPart("Be brief."),)), user("Go on")],
        "gpt-4.1",
        [
            {"role": "user", "content": "Hi"},
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "Go on"},
        ],
        set(),
    ),
    "instructions that are not all text": (
        [system("Like this:", ImagePart(data=PNG)), user("Hi")],
        "gpt-4.1",
        [
            {"role": "system", "content": [text("Like this:"), IMAGE]},
            {"role": "user", "content": "Hi"},
        ],
        set(),
    ),
    "an answer": (
        [user("Hi"), ai("Ho"), user("Ha")],
        "gpt-4.1",
        [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]},
            {"role": "user", "content": "Ha"},
        ],
        set(),
    ),
    "a refusal": (
        [user("Hi"), ai(RefusalPart("No."))],
        "gpt-4.1",
        [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        ],
        set(),
    ),
    "reasoning, a call and its result": (
        [user("Hi"), ai(THOUGHT, CALL), results(ToolResultPart("call_1", (TextPart("42"),)))],
        "gpt-5",
        [{"role": "user", "content": "Hi"}, THOUGHT_ITEM, CALLED, returned("42")],
        set(),
    ),
    "a result that is an error": (
        [
            user("Hi"),
            ai(CALL),
            results(ToolResultPart("call_1", (TextPart("bad"),), is_error=True)),
        ],
        "gpt-5",
        [{"role": "user", "content": "Hi"}, CALLED, returned("Error: bad")],
        set(),
    ),
    "a result with an image": (
        [
            user("Hi"),
            ai(CALL),
            results(ToolResultPart("call_1", (TextPart("see"), ImagePart(data=PNG)))),
        ],
        "gpt-5",
        [{"role": "user", "content": "Hi"}, CALLED, returned([text("see"), IMAGE])],
        set(),
    ),
    "a call without result": (
        [user("Hi"), ai(CALL), user("Well?")],
        "gpt-5",
        [
            {"role": "user", "content": "Hi"},
            CALLED,
            returned("Error: No result was recorded for this tool call."),
            {"role": "user", "content": "Well?"},
        ],
        {("tool call", "translated")},
    ),
    "reasoning of several summaries": (
        [
            user("Hi"),
            ai(
                ReasoningPart(
                    "a\n\nb",
                    "openai",
                    "gAAA",
                    raw={"summary": [{"type": "summary_text", "text": x} for x in "ab"]},
                ),
                "Ho",
            ),
        ],
        "gpt-5",
        [
            {"role": "user", "content": "Hi"},
            {
                "type": "reasoning",
                "summary": [
                    {"type": "summary_text", "text": "a"},
                    {"type": "summary_text", "text": "b"},
                ],
                "encrypted_content": "gAAA",
            },
            {"role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]},
        ],
        set(),
    ),
    "reasoning that cannot be read back": (
        [user("Hi"), ai(ReasoningPart("I see", "openai"), "Ho")],
        "gpt-5",
        [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]},
        ],
        {("reasoning", "dropped")},
    ),
    "another's reasoning, searches and marks": (
        [
            user("Hi"),
            ai(
                ReasoningPart("hm", "anthropic", "sig"),
                OpaquePart("anthropic", {"type": "server_tool_use"}),
                TextPart("Ho", signature="s", issuer="gemini"),
            ),
        ],
        "gpt-5",
        [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]},
        ],
        {("reasoning", "dropped"), ("opaque part", "dropped"), ("signature", "dropped")},
    ),
    "its own searches": (
        [user("Hi"), ai(OpaquePart("openai", {"type": "web_search_call", "id": "ws_1"}), "Ho")],
        "gpt-5",
        [
            {"role": "user", "content": "Hi"},
            {"type": "web_search_call", "id": "ws_1"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]},
        ],
        set(),
    ),
    "phases of an answer": (
        [
            user("Hi"),
            ai(
                TextPart("Let me see.", item_id="commentary/msg_1", issuer="openai"),
                TextPart("Ho", item_id="final_answer/msg_2", issuer="openai"),
                TextPart("!", item_id="final_answer/msg_2", issuer="openai"),
            ),
        ],
        "gpt-5.4",
        [
            {"role": "user", "content": "Hi"},
            {
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Let me see."}],
                "phase": "commentary",
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": "Ho"},
                    {"type": "output_text", "text": "!"},
                ],
                "phase": "final_answer",
            },
        ],
        set(),
    ),
    "phases where they are not known": (
        [user("Hi"), ai(TextPart("Ho", item_id="final_answer/msg_2", issuer="openai"))],
        "gpt-4.1",
        [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]},
        ],
        set(),
    ),
    "cache points, where it caches by itself": (
        [user("a", CachePoint(), "b")],
        "gpt-5",
        [{"role": "user", "content": [text("a"), text("b")]}],
        {("cache point", "dropped")},
    ),
    "cache points, the last four": (
        [user(*[p for _ in range(5) for p in ("a", CachePoint("30m"))])],
        "gpt-5.6-sol",
        [
            {
                "role": "user",
                "content": [
                    text("a"),
                    *[
                        {
                            **text("a"),
                            "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"},
                        }
                        for _ in range(4)
                    ],
                ],
            }
        ],
        set(),
    ),
    "a cache point behind the instructions": (
        [system("s", CachePoint("5m")), user("Hi")],
        "gpt-5.6-sol",
        [
            {
                "role": "system",
                "content": [{**text("s"), "prompt_cache_breakpoint": {"mode": "explicit"}}],
            },
            {"role": "user", "content": "Hi"},
        ],
        set(),
    ),
}


@pytest.mark.parametrize(
    ("messages", "model", "expected", "told"), CONVERSATIONS.values(), ids=CONVERSATIONS
)
def test_conversations(
    messages: list[Message], model: str, expected: list[Any], told: set[tuple[str, str]]
) -> None:
    body, adjustments = encode(Request(tuple(messages)), endpoint(model=model))
    assert body["input"] == expected
    assert adjustments == told


def test_leading_instructions() -> None:
    developer = Message("developer", (TextPart("Be kind."),))
    said = Request((system("Be brief."), developer, user("Hi")))
    body, told = encode(said, endpoint())
    assert body["instructions"] == "Be brief.\n\nBe kind."
    assert body["input"] == [{"role": "user", "content": "Hi"}]
    assert told == set()


def test_long_call_ids_are_respelled_on_both_sides() -> None:
    long = "toolu_" + "x" * 70
    said = Request((user("Hi"), ai(replace(CALL, id=long)), results(ToolResultPart(long))))
    items = encode(said, endpoint())[0]["input"]
    assert items[1]["call_id"] == items[2]["call_id"]
    assert len(items[1]["call_id"]) <= 64


def test_reasoning_in_words_goes_back_to_deepseek_with_the_calls_last() -> None:
    raw = {"summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    said = Request(
        (
            user("Hi"),
            ai(
                ReasoningPart("hm", "deepseek", item_id="r1", raw=raw),
                replace(CALL, issuer="deepseek"),
                TextPart("and", issuer="deepseek"),
                ToolCallPart("call_2", "look"),
            ),
            results(ToolResultPart("call_1"), ToolResultPart("call_2")),
            Message("developer", (TextPart("Now."),)),
        )
    )
    items = encode(said, endpoint("deepseek", "deepseek-v4-flash"))[0]["input"]
    assert items[1] == {"type": "reasoning", "id": "r1", **raw}
    assert [item.get("type", item.get("role")) for item in items] == [
        "user",
        "reasoning",
        "assistant",
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
        "system",
    ]


def test_images_in_results_follow_where_they_cannot_stand_inside() -> None:
    said = Request(
        (
            user("Hi"),
            ai(replace(CALL, issuer="xai")),
            results(ToolResultPart("call_1", (ImagePart(data=PNG),))),
        )
    )
    body, told = encode(said, endpoint("xai", "grok-4.3"))
    assert body["input"][2] == returned("See the next message.")
    assert body["input"][3] == {
        "role": "user",
        "content": [text("What the tool call call_1 returned beside its text:"), IMAGE],
    }
    assert told == {("tool result", "translated")}


REFUSED = {
    "sound": (AudioPart(data="AA"), endpoint()),
    "video": (FilePart(url="http://x/y.mp4", media_type="video/mp4"), endpoint()),
    "an image for deepseek": (ImagePart(data=PNG), endpoint("deepseek", "deepseek-v4-flash")),
    "a file for xai": (FilePart(data="JVBERi0x"), endpoint("xai", "grok-4.3")),
}


@pytest.mark.parametrize(("part", "to"), REFUSED.values(), ids=REFUSED)
def test_media_that_cannot_be_sent_are_an_error_that_sends_elsewhere(
    part: Part, to: Endpoint
) -> None:
    with pytest.raises(UnsupportedParameterError) as raised:
        CODEC.encode(Request((user("Look:", part),)), to, stream=False)
    assert raised.value.elsewhere == "other_model"
    assert not raised.value.sent


def test_the_request_is_left_as_it_was() -> None:
    said = Request(
        (user("Hi"), ai(THOUGHT, CALL)),
        tools=(TOOL,),
        output=OutputFormat(schema=STRICT),
    )
    before = repr(said)
    CODEC.encode(said, endpoint(model="gpt-5"), stream=True)
    assert repr(said) == before
