"""One conversation in every protocol's form, read alike."""

from __future__ import annotations

import orjson
import pytest

ALL = ("openai-chat", "openai-responses", "anthropic", "gemini", "cohere", "bedrock")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"name": "weather", "description": "Weather of a city", "parameters": SCHEMA}
FUNCTION = {"type": "function", "function": TOOL}
OUT = {"type": "object", "properties": {"name": {"type": "string"}}}

CONVERSATION = {
    "openai-chat": {
        "model": "m",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Weather "},
                    {"type": "text", "text": "here?"},
                    {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "a",
                        "type": "function",
                        "function": {"name": "weather", "arguments": "{}"},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "a", "content": "Sunny"},
        ],
        "tools": [FUNCTION],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "o", "schema": OUT}},
        "reasoning_effort": "low",
        "max_completion_tokens": 50,
        "parallel_tool_calls": False,
        "logprobs": True,
        "stop": "END",
    },
    "openai-responses": {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Weather here?"},
                    {"type": "input_image", "image_url": "https://x/y.png"},
                ],
            },
            {"type": "function_call", "call_id": "a", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "Sunny"},
        ],
        "tools": [{"type": "function", **TOOL}],
        "tool_choice": {"type": "function", "name": "weather"},
        "text": {"format": {"type": "json_schema", "name": "o", "schema": OUT}},
        "reasoning": {"effort": "low"},
        "max_output_tokens": 50,
        "parallel_tool_calls": False,
        "include": ["message.output_text.logprobs"],
    },
    "anthropic": {
        "model": "m",
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Weather here?"},
                    {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
                ],
            },
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "a", "name": "weather", "input": {}}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "a", "content": "Sunny"}],
            },
        ],
        "tools": [{"name": "weather", "description": "Weather of a city", "input_schema": SCHEMA}],
        "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
        "output_config": {"format": {"type": "json_schema", "schema": OUT}},
        "thinking": {"type": "adaptive"},
        "max_tokens": 50,
        "stop_sequences": ["END"],
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "Weather here?"},
                    {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
                ],
            },
            {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}}]},
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "weather", "response": {"result": "Sunny"}}}
                ],
            },
        ],
        "tools": [{"functionDeclarations": [TOOL]}],
        "toolConfig": {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}
        },
        "generationConfig": {
            "responseMimeType": "application/json",
            "responseJsonSchema": OUT,
            "thinkingConfig": {"includeThoughts": True},
            "maxOutputTokens": 50,
            "stopSequences": ["END"],
            "responseLogprobs": True,
        },
    },
    "cohere": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Weather here?"},
                    {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
                ],
            },
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "a",
                        "type": "function",
                        "function": {"name": "weather", "arguments": "{}"},
                    }
                ],
            },
            {
                "role": "tool",
                "tool_call_id": "a",
                "content": [{"type": "document", "document": {"data": "Sunny"}}],
            },
        ],
        "tools": [FUNCTION],
        "tool_choice": "REQUIRED",
        "response_format": {"type": "json_object", "json_schema": OUT},
        "thinking": {"type": "enabled"},
        "max_tokens": 50,
        "stop_sequences": ["END"],
        "logprobs": True,
    },
    "bedrock": {
        "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "Weather here?"},
                    {"image": {"format": "png", "source": {"bytes": "AA=="}}},
                ],
            },
            {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "a", "name": "weather", "input": {}}}],
            },
            {
                "role": "user",
                "content": [{"toolResult": {"toolUseId": "a", "content": [{"text": "Sunny"}]}}],
            },
        ],
        "toolConfig": {
            "tools": [
                {
                    "toolSpec": {
                        "name": "weather",
                        "description": "Weather of a city",
                        "inputSchema": {"json": SCHEMA},
                    }
                }
            ],
            "toolChoice": {"tool": {"name": "weather"}},
        },
        "outputConfig": {
            "textFormat": {
                "type": "json_schema",
                "structure": {"jsonSchema": {"schema": orjson.dumps(OUT).decode()}},
            }
        },
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        "inferenceConfig": {"maxTokens": 50, "stopSequences": ["END"]},
    },
}


@pytest.mark.parametrize("protocol", ALL)
@pytest.mark.parametrize("stream", [False, True])
def test_one_conversation_is_read_alike_in_every_protocol(asker, protocol, stream):
    request = asker.read(protocol, CONVERSATION[protocol], stream=stream)
    assert request.protocol == protocol
    assert request.model == "m"
    assert request.stream == stream
    without_calls = [message for message in request.messages if message != ("assistant", "")]
    assert without_calls == [("system", "Be brief."), ("user", "Weather here?"), ("tool", "Sunny")]
    assert request.last_text == "Weather here?"
    assert request.tool_results == ("Sunny",)
    assert request.called == ("weather",)
    assert request.media == ("image",)
    assert request.tools == ("weather",)
    assert request.tool_schemas == {"weather": SCHEMA}
    assert request.tool_descriptions == {"weather": "Weather of a city"}
    assert request.tool_choice == ("required" if protocol == "cohere" else "weather")
    assert request.schema == OUT
    assert request.reasoning
    assert request.max_tokens == 50
    assert request.stop == (() if protocol == "openai-responses" else ("END",))
    assert request.parallel == (protocol in ("gemini", "cohere", "bedrock"))
    assert request.logprobs == (protocol not in ("anthropic", "bedrock"))
    assert request.cache_points == (protocol in ("anthropic", "bedrock"))
    assert not request.json_mode


@pytest.mark.parametrize(
    ("protocol", "fields"),
    [
        ("openai-chat", {"response_format": {"type": "json_object"}}),
        ("openai-responses", {"text": {"format": {"type": "json_object"}}}),
        ("gemini", {"generationConfig": {"responseMimeType": "application/json"}}),
        ("cohere", {"response_format": {"type": "json_object"}}),
    ],
)
def test_json_mode_is_read(asker, protocol, fields):
    assert asker.read(protocol, **fields).json_mode


@pytest.mark.parametrize(
    ("protocol", "fields", "choice"),
    [
        ("openai-chat", {"tool_choice": "required"}, "required"),
        ("openai-chat", {"tool_choice": "any"}, "required"),
        ("openai-chat", {"tool_choice": "none"}, "none"),
        ("openai-responses", {"tool_choice": "required"}, "required"),
        ("anthropic", {"tool_choice": {"type": "any"}}, "required"),
        ("anthropic", {"tool_choice": {"type": "none"}}, "none"),
        ("gemini", {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "required"),
        ("gemini", {"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}}, "none"),
        ("cohere", {"tool_choice": "NONE"}, "none"),
        ("bedrock", {"toolConfig": {"tools": [], "toolChoice": {"any": {}}}}, "required"),
    ],
)
def test_tool_choices_are_read(asker, protocol, fields, choice):
    assert asker.read(protocol, **fields).tool_choice == choice


def test_models_may_stand_in_the_path(asker):
    root = asker.sim.url("azure")
    url = f"{root}/openai/deployments/gpt-x/chat/completions?api-version=2024-10-21"
    assert asker.client.post(url, json={"messages": [{"role": "user", "content": "Hi"}]}).is_success
    assert asker.sim.requests[-1].model == "gpt-x"
    url = f"{asker.sim.url('vertex')}/projects/p/locations/l/publishers/google/models/g:generateContent"
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    answer = asker.client.post(url, json=body).json()
    assert answer["usageMetadata"]["trafficType"] == "ON_DEMAND"
    url = f"{asker.sim.url('bedrock')}/model/us.x-v1%3A0/converse"
    assert asker.post("bedrock").is_success
    body = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    assert asker.client.post(url, json=body).is_success
    assert asker.sim.requests[-1].model == "us.x-v1:0"
