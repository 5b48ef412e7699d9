"""What the real providers refuse, the simulator refuses too, in their words."""

from __future__ import annotations

import httpx
import pytest

from llmrouter_integrations.testing import Reply, fields

USER = {"role": "user", "content": "Hi"}


def chat_call(call_id="a"):
    function = {"name": "f", "arguments": "{}"}
    calls = [{"id": call_id, "type": "function", "function": function}]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def chat_result(call_id="a"):
    return {"role": "tool", "tool_call_id": call_id, "content": "1"}


def blocks(role, *content):
    return {"role": role, "content": list(content)}


TEXT = {"type": "text", "text": "Hi"}
USE = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "a", "content": "1"}
A_TOOLS = {"tools": [{"name": "f", "input_schema": {"type": "object"}}]}
B_TOOLS = {
    "toolConfig": {
        "tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}]
    }
}
B_USE = {"toolUse": {"toolUseId": "a", "name": "f", "input": {}}}
B_RESULT = {"toolResult": {"toolUseId": "a", "content": [{"text": "1"}]}}
G_CALL = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
G_RESULT = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}
G_USER = {"role": "user", "parts": [{"text": "Hi"}]}
R_CALL = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
R_RESULT = {"type": "function_call_output", "call_id": "a", "output": "1"}

# (protocol, fields of the body, a piece of the refusal or None if it is good)
HISTORIES = [
    ("openai-chat", {"messages": [USER, chat_call(), chat_result(), USER]}, None),
    ("openai-chat", {"messages": [USER, chat_call()]}, "must be followed by tool messages"),
    ("openai-chat", {"messages": [USER, chat_call(), USER]}, "must be followed by tool messages"),
    ("openai-chat", {"messages": [USER, chat_result()]}, "must be a response to a preceeding"),
    (
        "openai-chat",
        {"messages": [USER, chat_call(), chat_result("b")]},
        "must be a response to a preceeding",
    ),
    ("openai-chat", {"messages": []}, "empty array"),
    ("openai-chat", {"messages": [{"role": "user", "content": None}]}, "got null"),
    ("openai-responses", {"input": [USER, R_CALL, R_RESULT]}, None),
    ("openai-responses", {"input": [USER, R_CALL]}, "No tool output found for function call a"),
    ("openai-responses", {"input": [USER, R_RESULT]}, "No tool call found"),
    ("openai-responses", {"input": [R_RESULT], "previous_response_id": "resp_1"}, None),
    (
        "anthropic",
        {"messages": [USER, blocks("assistant", USE), blocks("user", RESULT, TEXT)], **A_TOOLS},
        None,
    ),
    ("anthropic", {"messages": [USER, blocks("assistant", USE)]}, "without `tool_result`"),
    ("anthropic", {"messages": [USER, blocks("assistant", USE), USER]}, "messages.1: `tool_use`"),
    ("anthropic", {"messages": [blocks("user", RESULT)]}, "unexpected `tool_use_id`"),
    ("anthropic", {"messages": [blocks("user", {**TEXT, "text": " "})]}, "non-whitespace"),
    (
        "anthropic",
        {
            "messages": [
                USER,
                blocks("assistant", {**USE, "id": "a:b"}),
                blocks("user", {**RESULT, "tool_use_id": "a:b"}),
            ],
            **A_TOOLS,
        },
        "should match pattern",
    ),
    ("gemini", {"contents": [G_USER, G_CALL, G_RESULT]}, None),
    ("gemini", {"contents": [G_USER, G_CALL]}, "function call turn"),
    ("gemini", {"contents": [G_USER, G_CALL, G_USER]}, "number of function response parts"),
    ("gemini", {"contents": [G_RESULT]}, "number of function response parts"),
    ("gemini", {"contents": [{"role": "assistant", "parts": []}]}, "valid role"),
    ("cohere", {"messages": [USER, chat_call(), chat_result()]}, None),
    ("cohere", {"messages": [USER, chat_call()]}, "tool calls without results: a"),
    ("cohere", {"messages": [USER, chat_call(), USER]}, "tool calls without results: a"),
    ("cohere", {"messages": [USER, chat_result()]}, "not found in previous tool calls"),
    ("cohere", {"messages": [{"role": "user", "content": ""}]}, "must have content"),
    (
        "bedrock",
        {
            "messages": [
                blocks("user", {"text": "Hi"}),
                blocks("assistant", B_USE),
                blocks("user", B_RESULT),
            ],
            **B_TOOLS,
        },
        None,
    ),
    ("bedrock", {"messages": []}, "must start with a user message"),
    ("bedrock", {"messages": [blocks("assistant", {"text": "x"})]}, "must start with a user"),
    ("bedrock", {"messages": [blocks("user", {"text": "x"})] * 2}, "must alternate"),
    ("bedrock", {"messages": [blocks("user", {"text": ""})]}, "is blank"),
    ("bedrock", {"messages": [blocks("user", B_RESULT)]}, "exceeds the number"),
    (
        "bedrock",
        {"messages": [blocks("user", {"text": "x"}), blocks("assistant", B_USE)]},
        "Expected toolResult blocks",
    ),
]


@pytest.mark.parametrize(("protocol", "body", "refusal"), HISTORIES)
def test_histories(asker, protocol, body, refusal):
    answer = asker.post(protocol, **body)
    if refusal is None:
        assert answer.status_code == 200, answer.text
    else:
        assert answer.status_code == 400
        assert refusal in answer.text


def test_mistral_wants_ids_of_nine_characters(asker):
    for call_id, status in (("a", 400), ("abc123XYZ", 200)):
        messages = [USER, chat_call(call_id), chat_result(call_id)]
        answer = asker.post("openai-chat", provider="mistral", messages=messages)
        assert answer.status_code == status


def signature(asker, protocol):
    """A seal that the simulator put on its reasoning in that protocol."""
    asker.sim.default(Reply("x", reasoning="y"))
    match protocol:
        case "openai-responses":
            fields = {"include": ["reasoning.encrypted_content"]}
            return asker.post(protocol, **fields).json()["output"][0]["encrypted_content"]
        case "anthropic":
            return asker.post(protocol).json()["content"][0]["signature"]
        case "gemini":
            parts = asker.post(protocol).json()["candidates"][0]["content"]["parts"]
            return parts[1]["thoughtSignature"]
        case _:
            content = asker.post(protocol).json()["output"]["message"]["content"]
            return content[0]["reasoningContent"]["reasoningText"]["signature"]


def sealed(protocol, seal):
    match protocol:
        case "openai-responses":
            item = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": seal}
            answer = {"role": "assistant", "content": "x"}
            return {"model": "o4-mini", "input": [USER, item, answer, USER]}
        case "anthropic":
            thought = {"type": "thinking", "thinking": "y", "signature": seal}
            return {"messages": [USER, blocks("assistant", thought, TEXT), USER]}
        case "gemini":
            part = {"text": "x", "thoughtSignature": seal}
            return {"contents": [G_USER, {"role": "model", "parts": [part]}, G_USER]}
        case _:
            thought = {"reasoningContent": {"reasoningText": {"text": "y", "signature": seal}}}
            user = blocks("user", {"text": "Hi"})
            return {"messages": [user, blocks("assistant", thought, {"text": "x"}), user]}


SEALING = ("openai-responses", "anthropic", "gemini", "bedrock")


@pytest.mark.parametrize("issuer", SEALING)
@pytest.mark.parametrize("reader", SEALING)
def test_a_seal_is_good_only_where_it_was_made(asker, issuer, reader):
    answer = asker.post(reader, **sealed(reader, signature(asker, issuer)))
    assert answer.status_code == (200 if issuer == reader else 400)


@pytest.mark.parametrize("seal", ["ErUBCkYICBgCIkDCTQUXPc3O", "not base64!"])
def test_seals_of_the_real_vendors_are_let_through(asker, seal):
    assert asker.post("anthropic", **sealed("anthropic", seal)).status_code == 200


@pytest.mark.parametrize(
    "protocol", ["openai-chat", "openai-responses", "anthropic", "gemini", "cohere", "bedrock"]
)
def test_a_field_that_the_vendor_does_not_know_is_refused(asker, protocol):
    answer = asker.post(protocol, thinkingg=1)
    assert answer.status_code == 400
    assert "thinkingg" in answer.text


def test_speakers_of_openais_protocol_may_have_fields_of_their_own(asker):
    assert asker.post("openai-chat", provider="vllm", guided_json={}).status_code == 200


def test_required_fields_and_headers(asker):
    answer = asker.post("anthropic", {"model": "m", "messages": [USER]})
    assert answer.status_code == 400
    assert "max_tokens: Field required" in answer.text
    url = asker.sim.url("anthropic") + "/v1/messages"
    body = {"model": "m", "messages": [USER], "max_tokens": 9}
    answer = httpx.post(url, json=body, headers={"x-api-key": "k"}, trust_env=False)
    assert "anthropic-version: header is required" in answer.text
    url = asker.sim.url("gemini") + "/models/m:streamGenerateContent"
    answer = asker.client.post(url, json={"contents": [G_USER]})
    assert "alt=sse" in answer.text


def test_refused_requests_are_recorded_but_consume_no_script(asker):
    asker.sim.script("m", Reply("one"), repeat=False)
    assert asker.post("openai-chat", messages=[USER, chat_result()]).status_code == 400
    assert asker.sim.calls("m") == 1
    assert asker.post("openai-chat").json()["choices"][0]["message"]["content"] == "one"


def test_the_fields_of_openai_are_those_of_its_sdk():
    chat = pytest.importorskip("openai.types.chat.completion_create_params")
    responses = pytest.importorskip("openai.types.responses.response_create_params")
    for protocol, module in (
        ("openai-chat", chat.CompletionCreateParamsStreaming),
        ("openai-responses", responses.ResponseCreateParamsStreaming),
    ):
        declared = {
            name for base in module.__mro__ for name in getattr(base, "__annotations__", ())
        }
        declared |= set(module.__required_keys__ | module.__optional_keys__)
        assert fields.KNOWN["openai", protocol] <= declared
        assert not declared - fields.KNOWN["openai", protocol], "the SDK knows more by now"


def test_the_fields_of_bedrock_are_those_of_botocore():
    loaders = pytest.importorskip("botocore.loaders")
    model = loaders.Loader().load_service_model("bedrock-runtime", "service-2")
    declared = set(model["shapes"]["ConverseRequest"]["members"]) - {"modelId"}
    assert fields.KNOWN["bedrock", "bedrock"] == declared
