"""Each rule of the simulated providers, by a request that breaks it and no other."""

from __future__ import annotations

import copy
import json

import pytest

from llmrouter_integrations.testing.answer import seal
from llmrouter_integrations.testing.protocols import protocol_of
from llmrouter_integrations.testing.protocols.base import HttpCall
from llmrouter_integrations.testing.rules import refusal

HEADERS = {"authorization": "Bearer k", "anthropic-version": "2023-06-01"}
PATHS = {
    "openai-chat": "/chat/completions",
    "openai-responses": "/responses",
    "anthropic": "/v1/messages",
    "gemini": "/models/{model}:generateContent",
    "cohere": "/v2/chat",
    "bedrock": "/model/{model}/converse",
}
MODELS = {
    "openai-chat": "gpt-4.1",
    "openai-responses": "gpt-5.4",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-3.5-flash",
    "cohere": "command-a-03-2025",
    "bedrock": "anthropic.claude-haiku-4-5-20251001-v1:0",
}
PNG = {"data": "iVBORw0KGgo=", "url": "data:image/png;base64,iVBORw0KGgo="}
SCHEMA = {"type": "object"}


def thought(protocol, text="hm"):
    sealed = {"text": text, "signature": seal(protocol, text, "1")}
    if protocol == "bedrock":
        return {"reasoningContent": {"reasoningText": sealed}}
    return {"type": "thinking", "thinking": text, "signature": sealed["signature"]}


def call(call_id):
    function = {"name": "f", "arguments": '{"a": 1}'}
    return {"id": call_id, "type": "function", "function": function}


GOOD = {
    "openai-chat": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "q"},
                    {"type": "image_url", "image_url": {"url": PNG["url"]}},
                ],
            },
            {"role": "assistant", "content": None, "tool_calls": [call("a"), call("b")]},
            {"role": "tool", "tool_call_id": "b", "content": "1"},
            {"role": "tool", "tool_call_id": "a", "content": "2"},
            {"role": "assistant", "content": "ok"},
            {"role": "user", "content": "so?"},
        ]
    },
    "openai-responses": {
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "q"},
                    {"type": "input_image", "image_url": PNG["url"], "detail": "auto"},
                ],
            },
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "1"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "ok"}]},
            {"role": "user", "content": "so?"},
        ]
    },
    "anthropic": {
        "max_tokens": 99,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "f", "input_schema": SCHEMA}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "q"},
                    {
                        "type": "image",
                        "source": {
                            "type": "base64",
                            "media_type": "image/png",
                            "data": PNG["data"],
                        },
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    thought("anthropic"),
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "a", "name": "f", "input": {}},
                    {"type": "tool_use", "id": "b", "name": "f", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "b", "content": "1"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "a",
                        "content": [{"type": "text", "text": "2"}],
                    },
                    {"type": "text", "text": "and now?"},
                ],
            },
            {"role": "assistant", "content": "ok"},
            {"role": "user", "content": "so?"},
        ],
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "q"},
                    {"inlineData": {"mimeType": "image/png", "data": PNG["data"]}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "hm", "thought": True},
                    {
                        "functionCall": {"name": "f", "args": {}, "id": "a"},
                        "thoughtSignature": seal("gemini", "hm", "1"),
                    },
                    {"functionCall": {"name": "g", "args": {}, "id": "b"}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "f", "id": "a", "response": {"output": "1"}}},
                    {"functionResponse": {"name": "g", "id": "b", "response": {"output": "2"}}},
                ],
            },
        ],
    },
    "cohere": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "q"}]},
            {"role": "assistant", "tool_plan": "hm", "tool_calls": [call("a"), call("b")]},
            {"role": "tool", "tool_call_id": "b", "content": "1"},
            {
                "role": "tool",
                "tool_call_id": "a",
                "content": [{"type": "document", "document": {"data": {"text": "2"}}}],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "ok"}]},
            {"role": "user", "content": "so?"},
        ]
    },
    "bedrock": {
        "system": [{"text": "Be brief."}],
        "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": SCHEMA}}}]},
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "q"},
                    {"document": {"format": "pdf", "name": "a (1)", "source": {"bytes": "AAAA"}}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    thought("bedrock"),
                    {"toolUse": {"toolUseId": "a", "name": "f", "input": {}}},
                ],
            },
            {
                "role": "user",
                "content": [{"toolResult": {"toolUseId": "a", "content": [{"json": {}}]}}],
            },
            {"role": "assistant", "content": [{"text": "ok"}]},
            {"role": "user", "content": [{"text": "so?"}]},
        ],
    },
}


def said(protocol, body, provider=None, model=None):
    """What the simulator says of a request, or None."""
    provider = provider or protocol.partition("-")[0]
    model = model or MODELS[protocol]
    path = f"/{provider}" + PATHS[protocol].format(model=model)
    found = protocol_of(path)
    sent = {"model": model, **body} if protocol not in ("gemini", "bedrock") else body
    problem = refusal(found[0].read(HttpCall(provider, path, found[1], HEADERS, sent, 0.0)))
    return problem and (problem.message or problem.parameter)


def changed(body, *path_and_value):
    """A copy of a request with one thing in it put, added at the end ("+"), or taken out (DEL)."""
    *path, last, value = path_and_value
    body = copy.deepcopy(body)
    place = body
    for step in path:
        place = place[step]
    if value is DEL:
        del place[last]
    elif last == "+":
        place.append(value)
    elif isinstance(last, slice):
        place[last] = value
    else:
        place[last] = value
    return body


DEL = object()
MARK = {"type": "ephemeral"}
TEXT = {"type": "text", "text": "x"}
IMAGE = {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}


def marked(ttl=None):
    return {**TEXT, "cache_control": {**MARK, "ttl": ttl} if ttl else MARK}


A, M = "anthropic", "messages"
C = "content"
I, G, P = "input", "contents", "parts"  # noqa: E741  (short names make the table readable)
CHAT, RESP = "openai-chat", "openai-responses"

# (protocol, where and what to change, a piece of the refusal)
ROWS = [
    (A, (M, []), "at least one message"),
    (A, (M, 0, "role", "system"), "Input should be 'user' or 'assistant'"),
    (A, (M, 0, "role", "assistant"), 'first message must use the "user" role'),
    (A, (M, 4, "role", "assistant"), "roles must alternate"),
    (A, (M, 3, C, []), "must have non-empty content"),
    (A, (M, 4, C, ""), "must be non-empty"),
    (A, (M, 4, C, " \n"), "non-whitespace"),
    (A, ("system", [{"type": "text", "text": ""}]), "system: text content blocks must be"),
    (A, ("system", [IMAGE]), "system.0.type"),
    (A, (M, 2, C, slice(2, 3), []), None),
    (A, (M, 2, C, slice(0, 0), [TEXT]), "without `tool_result` blocks immediately after"),
    (A, (M, 2, C, 0, DEL), "without `tool_result` blocks immediately after: b"),
    (A, (M, 2, C, "+", {"type": "tool_result", "tool_use_id": "a"}), "single result"),
    (A, (M, 2, C, 1, "tool_use_id", "c"), "without `tool_result`"),
    (A, (M, 4, C, [{"type": "tool_result", "tool_use_id": "a"}]), "unexpected `tool_use_id`"),
    (A, (M, 1, C, 3, "id", "a"), "must be unique"),
    (A, (M, 1, C, 3, "name", "a.b"), "tool_use.name"),
    (A, (M, 1, C, 3, "input", "{}"), "valid dictionary"),
    (A, (M, 2, C, 1, C, 0, "text", ""), "must be non-empty"),
    (A, (M, 2, C, 1, C, 0, {"type": "thinking", "thinking": "x"}), "tool_result.content"),
    (A, ("tools", DEL), "must define tools"),
    (A, (M, 3, C, [TEXT, IMAGE]), "not permitted within assistant turns"),
    (A, (M, 4, C, [thought(A)]), "can only be in `assistant` messages"),
    (A, (M, 0, C, 1, "source", "media_type", "image/tiff"), "media_type"),
    (A, (M, 0, C, 1, "source", "data", "no base64!"), "invalid base64"),
    (A, (M, 0, C, 1, "source", {"type": "url", "url": "http://x/y.png"}), "HTTPS"),
    (A, (M, 0, C, 1, "source", {"type": "file", "file_id": "file-1"}), "File not found"),
    (A, (M, 1, C, 0, "signature", ""), "signature: Field required"),
    (A, (M, 1, C, 0, "signature", seal("bedrock", "hm", "1")), "Invalid `signature`"),
    (A, (M, 1, C, 0, "thinking", "other"), "cannot be modified"),
    (A, (M, 1, C, slice(0, 2), [TEXT, thought(A)]), "the first block must be"),
    (A, (M, 3, C, [thought(A)]), "final block in an assistant message"),
    (A, (M, "+", {"role": "assistant", C: "It "}), "trailing whitespace"),
    (A, (M, "+", {"role": "assistant", C: "It"}), None),
    (A, (M, "+", {"role": "assistant", C: [thought(A), TEXT]}), "When thinking is disabled"),
    (A, ("thinking", {"type": "enabled", "budget_tokens": 1024}), None),
    (A, (M, 4, C, [marked(), marked(), marked()]), None),
    (A, (M, 4, C, [marked(), marked(), marked(), marked()]), "A maximum of 4 blocks"),
    (A, (M, 4, C, [marked(), marked("1h")]), "must not come after"),
    (A, (M, 1, C, 0, "cache_control", MARK), "cannot be set for thinking"),
    (A, ("tools", 0, "cache_control", MARK), None),
    (CHAT, (M, 5, "tool_calls", []), "tool_calls': empty array"),
    (CHAT, (M, 2, "tool_calls", 1, "id", "a"), "Duplicate value for 'tool_call_id'"),
    (CHAT, (M, 4, "tool_call_id", "b"), "Duplicate value for 'tool_call_id'"),
    (CHAT, (M, 3, DEL), "did not have response messages: b"),
    (CHAT, (M, slice(3, 3), [{"role": "user", C: "x"}]), "must be followed by tool messages"),
    (CHAT, (M, 2, "tool_calls", 0, "function", "name", "a b"), "function.name"),
    (CHAT, (M, 2, "tool_calls", 0, "function", "arguments", {}), "expected a string"),
    (CHAT, (M, 5, C, None), "got null"),
    (CHAT, (M, 5, {"role": "assistant", C: None, "refusal": "no"}), None),
    (CHAT, (M, 6, C, []), "content': empty array"),
    (CHAT, (M, 6, "name", "Ann Lee"), "does not match pattern"),
    (CHAT, (M, 6, "reasoning_content", "hm"), "property 'reasoning_content' is unsupported"),
    (CHAT, (M, 5, C, [{"type": "image_url", "image_url": {"url": PNG["url"]}}]), "role 'assistant'"),
    (CHAT, (M, 4, C, [{"type": "image_url", "image_url": {"url": PNG["url"]}}]), "role 'tool'"),
    (CHAT, (M, 0, C, [{"type": "image_url", "image_url": {"url": PNG["url"]}}]), "role 'system'"),
    (CHAT, (M, 6, C, [{"type": "video_url", "video_url": {}}]), "Invalid value: 'video_url'"),
    (CHAT, (M, 1, C, 1, "image_url", "url", "data:image/tiff;base64,AAAA"), "unsupported image"),
    (CHAT, (M, 1, C, 1, "image_url", "url", "file:///x.png"), "expected a URL"),
    (CHAT, (M, 6, C, [{"type": "file", "file": {"file_data": "AAAA"}}]), "Invalid file data"),
    (CHAT, (M, 6, "role", "wizard"), "Invalid value: 'wizard'"),
    (RESP, (I, []), "empty array"),
    (RESP, (I, 5, C, []), "empty array"),
    (RESP, (I, 5, "role", "tool"), "Invalid value: 'tool'"),
    (RESP, (I, 2, "call_id", "b"), "No tool output found for function call b"),
    (RESP, (I, "+", {"type": "function_call_output", "call_id": "z", "output": ""}), "No tool call found"),
    (RESP, (I, 3, "output", []), "output': expected a string"),
    (RESP, (I, slice(3, 3), [{"role": "user", C: "x"}]), "No tool output found"),
    (RESP, (I, "+", {"type": "function_call_output", "call_id": "a", "output": ""}), "Duplicate"),
    (RESP, (I, 2, "name", "a b"), "does not match pattern"),
    (RESP, (I, 2, "arguments", {}), "expected a string"),
    (RESP, (I, 4, C, 0, "type", "input_text"), "Invalid value: 'input_text'"),
    (RESP, (I, 0, C, 0, "type", "output_text"), "Invalid value: 'output_text'"),
    (RESP, (I, 0, C, 1, "image_url", "data:image/tiff;base64,AAAA"), "valid image"),
    (RESP, (I, 0, C, 1, {"type": "input_file", "file_data": "data:audio/mpeg;base64,AAAA"}), "audio/mpeg"),
    (RESP, (I, 0, C, 1, {"type": "input_file"}), "Missing required parameter"),
    (RESP, (I, 1, "encrypted_content", seal("anthropic", "hm", "1")), "could not be verified"),
    (RESP, (I, 1, "encrypted_content", seal(RESP, "hm", "1")), None),
    (RESP, (I, 1, "summary", DEL), "summary"),
    (RESP, (I, slice(1, 4), [{"type": "reasoning", "id": "rs_1", "summary": []}, {"role": "user", C: "x"}]), "required following item"),
    (RESP, (I, slice(1, 4), [{"type": "reasoning", "summary": []}, {"role": "user", C: "x"}]), None),
    (RESP, (I, slice(1, 1), [{"type": "reasoning", "id": "rs_1", "summary": []}]), "Duplicate item"),
    (RESP, (I, 1, "id", "rs:1"), "additional characters"),
    ("gemini", (G, []), "contents is not specified"),
    ("gemini", (G, 0, P, []), "at least one parts field"),
    ("gemini", (G, 0, "role", "model"), "start with a user role"),
    ("gemini", (G, slice(1, 1), [{"role": "model", P: [{"text": "x"}]}]), "alternate"),
    ("gemini", (G, "+", {"role": "model", P: [{"text": "x"}]}), None),
    ("gemini", (G, 0, P, 0, "text", ""), "must have a text parameter"),
    ("gemini", (G, 0, P, 0, {}), "must have one initialized field"),
    ("gemini", (G, 0, P, 0, "thought", True), "of the role model"),
    ("gemini", (G, 2, P, 1, DEL), "number of function response parts"),
    ("gemini", (G, 2, P, 0, "functionResponse", "name", "h"), "match their function call"),
    ("gemini", (G, 2, P, 0, "functionResponse", "id", "h"), "match their function call"),
    ("gemini", (G, 2, P, 0, "functionResponse", "response", "1"), "Struct"),
    ("gemini", (G, 1, P, 1, "thoughtSignature", DEL), "missing a thought_signature"),
    ("gemini", (G, 1, P, 1, "thoughtSignature", "skip_thought_signature_validator"), None),
    ("gemini", (G, 1, P, 1, "thoughtSignature", "no base64!"), "Base64 decoding failed"),
    ("gemini", (G, 1, P, 1, "thoughtSignature", seal(A, "hm", "1")), "not valid"),
    ("gemini", (G, 1, P, 1, "functionCall", "name", "2nd"), "Invalid function name"),
    ("gemini", (G, 0, P, 1, "inlineData", "mimeType", "application/zip"), "Unsupported MIME type"),
    ("gemini", (G, 0, P, 1, "inlineData", "data", ""), "Base64 decoding failed"),
    ("gemini", ("systemInstruction", P, [{"text": ""}]), "systemInstruction must have"),
    ("cohere", (M, []), "at least one message"),
    ("cohere", (M, 6, "name", "Ann"), "unknown field: parameter 'name'"),
    ("cohere", (M, 6, "role", "developer"), "unknown role"),
    ("cohere", (M, 3, DEL), "tool calls without results: b"),
    ("cohere", (M, 4, "tool_call_id", "b"), "not found in previous tool calls"),
    ("cohere", (M, 4, C, ""), "must have content"),
    ("cohere", (M, 2, "tool_calls", 1, "id", "a"), "must be unique"),
    ("cohere", (M, 2, "tool_calls", 1, "function", "arguments", "{"), "must be a JSON object"),
    ("cohere", (M, 5, "tool_plan", "hm"), "without tool_calls"),
    ("cohere", (M, 5, C, [{"type": "text", "text": ""}]), "must not be empty"),
    ("cohere", (M, 5, C, [{"type": "image_url", "image_url": {"url": "x"}}]), "not allowed in a"),
    ("cohere", (M, 6, C, [{"type": "image_url", "image_url": {"url": "x"}}]), "image inputs are not"),
    ("cohere", (M, 6, DEL), "last message"),
    ("bedrock", (M, 0, "role", "assistant"), "start with a user message"),
    ("bedrock", (M, 4, "role", "assistant"), "must alternate"),
    ("bedrock", (M, 3, C, []), "content field in the Message object at messages.3 is empty"),
    ("bedrock", (M, 3, C, [{"cachePoint": {"type": "default"}}]), "is empty"),
    ("bedrock", (M, 4, C, 0, "text", " "), "is blank"),
    ("bedrock", ("system", [{"text": ""}]), "is blank"),
    ("bedrock", ("toolConfig", DEL), "toolConfig field must be defined"),
    ("bedrock", (M, 2, C, 0, {"text": "x"}), "Expected toolResult blocks at messages.2"),
    ("bedrock", (M, 4, C, "+", {"toolResult": {"toolUseId": "a", C: [{"text": "x"}]}}), "exceeds"),
    ("bedrock", (M, 2, C, 0, "toolResult", C, []), "is empty"),
    ("bedrock", (M, 2, C, 0, "toolResult", C, [{"text": ""}]), "is blank"),
    ("bedrock", (M, 2, C, 0, "toolResult", C, [{"json": []}]), "json object"),
    ("bedrock", (M, 1, C, 1, "toolUse", "input", "{}"), "json object"),
    ("bedrock", (M, 1, C, 1, "toolUse", "name", "a.b"), "regular expression pattern"),
    ("bedrock", (M, 0, C, 0, DEL), "A text block must be included"),
    ("bedrock", (M, 0, C, 1, "document", "name", "a_b"), "document name"),
    ("bedrock", (M, 0, C, 1, "document", "name", "a  b"), "document name"),
    ("bedrock", (M, 0, C, 1, "document", "format", "zip"), "not a member of the enum"),
    ("bedrock", (M, 4, C, "+", {"document": {"format": "pdf", "name": "a (1)", "source": {"bytes": "AAAA"}}}), "duplicate document names"),
    ("bedrock", (M, 3, C, "+", {"image": {"format": "png", "source": {"bytes": "AAAA"}}}), "Assistant messages cannot contain image"),
    ("bedrock", (M, 4, C, "+", thought("bedrock")), "User messages cannot contain reasoning"),
    ("bedrock", (M, 1, C, 0, "reasoningContent", "reasoningText", "signature", seal(A, "hm", "1")), "Invalid `signature`"),
    ("bedrock", (M, 1, C, 0, "reasoningContent", "reasoningText", "text", "other"), "Invalid `signature`"),
    ("bedrock", (M, "+", {"role": "assistant", C: [{"text": "It"}]}), None),
    ("bedrock", (M, "+", {"role": "assistant", C: [{"text": "It "}]}), "trailing whitespace"),
    ("bedrock", (M, 4, C, slice(1, 1), [{"cachePoint": {"type": "default"}}] * 5), "cache points"),
]  # fmt: skip


@pytest.mark.parametrize("protocol", GOOD)
def test_a_good_request_is_good(protocol):
    assert said(protocol, GOOD[protocol]) is None


@pytest.mark.parametrize(("protocol", "change", "refused"), ROWS)
def test_each_rule(protocol, change, refused):
    found = said(protocol, changed(GOOD[protocol], *change))
    if refused is None:
        assert found is None
    else:
        assert refused in (found or "")


IDS = [
    (A, "x" * 64, None),
    (A, "x" * 65, "should match pattern"),
    (A, "a.b", "should match pattern"),
    (CHAT, "x" * 40, None),
    (CHAT, "x" * 41, "maximum length 40"),
    (CHAT, "", "id and type are required"),
    (RESP, "x" * 64, None),
    (RESP, "x" * 65, "maximum length 64"),
    (RESP, "", "empty string"),
    ("gemini", "x" * 99, None),
    ("cohere", "x" * 99, None),
    ("cohere", "", "must have id"),
    ("bedrock", "a.b:c", None),
    ("bedrock", "a b", "regular expression pattern"),
    ("bedrock", "x" * 65, "regular expression pattern"),
]


@pytest.mark.parametrize(("protocol", "call_id", "refused"), IDS)
def test_each_form_of_ids(protocol, call_id, refused):
    written = json.dumps(GOOD[protocol]).replace('"a"', json.dumps(call_id))
    found = said(protocol, json.loads(written))
    assert found is None if refused is None else refused in (found or "")


USER = {"role": "user", "content": "q"}
SYSTEM = {"role": "system", "content": "Be brief."}
OK = {"role": "assistant", "content": "ok"}
NINE = {"role": "assistant", "content": "", "tool_calls": [call("abc123XYZ")]}
DONE = {"role": "tool", "tool_call_id": "abc123XYZ", "content": "1"}
PARTS = [{"type": "text", "text": "q"}, {"type": "image_url", "image_url": {"url": PNG["url"]}}]
CUT = {**OK, "tool_calls": [changed(call("a"), "function", "arguments", "{")]}
DONE_A = {**DONE, "tool_call_id": "a"}

# (provider, model, messages, a piece of the refusal)
DIALECTS = [
    ("mistral", "m", [USER, NINE, DONE], None),
    ("mistral", "m", [USER, NINE, DONE, USER], "Unexpected role 'user' after role 'tool'"),
    ("mistral", "m", [USER, OK, SYSTEM, USER], "Unexpected role 'system' after role 'assistant'"),
    ("mistral", "m", [USER, OK], "Expected last role User or Tool"),
    ("mistral", "m", [USER, {**OK, "prefix": True}], None),
    ("mistral", "m", [USER, {**OK, "prefix": True}, USER], "must be last message"),
    ("mistral", "m", [USER, {**OK, "content": ""}, USER], "either content or tool_calls"),
    ("mistral", "m", [{**USER, "name": "Ann"}], "Extra inputs are not permitted"),
    ("mistral", "m", [USER, {**OK, "reasoning_content": "hm"}, USER], "is unsupported"),
    ("groq", "m", [USER, {**OK, "reasoning_content": "hm"}, USER], "is unsupported"),
    ("groq", "m", [USER, {**OK, "reasoning": "hm"}, USER], None),
    ("cerebras", "m", [{"role": "user", "content": PARTS}], "expected a string"),
    ("deepseek", "deepseek-chat", [{"role": "user", "content": PARTS}], "expected a string"),
    ("deepseek", "deepseek-chat", [USER, NINE, DONE], None),
    ("deepseek", "deepseek-reasoner", [USER, NINE, DONE], "Missing `reasoning_content`"),
    ("deepseek", "deepseek-reasoner", [USER, {**NINE, "reasoning_content": ""}, DONE], None),
    ("perplexity", "sonar", [SYSTEM, USER, OK, USER], None),
    ("perplexity", "sonar", [USER, USER], "should be alternating"),
    ("perplexity", "sonar", [USER, OK], "must have role `user`"),
    ("perplexity", "sonar", [{**USER, "content": ""}], "must not be empty"),
    ("perplexity", "sonar", [USER, NINE, DONE, OK, USER], "is unsupported"),
    ("vllm", "m", [USER, CUT, DONE_A], "invalid tool call arguments"),
    ("ollama", "m", [USER, CUT, DONE_A], "invalid tool call arguments"),
    ("openai", "m", [USER, CUT, DONE_A], None),
    ("groq", "m", [{"role": "developer", "content": "x"}, USER], "unknown variant `developer`"),
    ("vllm", "m", [USER, {**OK, "content": [{"type": "video_url"}]}], "Invalid value: 'video_url'"),
]


@pytest.mark.parametrize(("provider", "model", "messages", "refused"), DIALECTS)
def test_each_dialect(provider, model, messages, refused):
    found = said("openai-chat", {"messages": messages}, provider, model)
    assert found is None if refused is None else refused in (found or "")


# (protocol, model or provider, where and what to change, a piece of the refusal)
NEWER = [
    (A, "claude-sonnet-5", (M, "+", {"role": "assistant", C: "It"}), "does not support assistant"),
    (A, "claude-sonnet-5", (M, 1, C, slice(0, 2), [TEXT, thought(A)]), None),
    (A, "claude-haiku-4-5", (M, slice(3, 5), []), None),
    (RESP, "gpt-4.1", (I, 0, C, "q"), "Reasoning input items can only be provided"),
    ("gemini", "gemini-4-pro", (G, "+", {"role": "model", P: [{"text": "x"}]}), "ending with a"),
    ("gemini", "gemini-2.5-flash", (G, 1, P, 1, "thoughtSignature", DEL), None),
    ("gemini", "gemini-2.5-flash", (G, 2, P, 0, "functionResponse", P, [{}]), "Multimodal"),
    ("bedrock", "amazon.nova-pro-v1:0", (M, 4, C, "+", {"text": "x"}), "doesn't support the reasoning"),
    ("bedrock", MODELS["bedrock"], (M, 1, C, slice(0, 0), [{"text": "x"}]), "the first block must be"),
    ("bedrock", MODELS["bedrock"], (M, 3, C, [thought("bedrock")]), "final block in an assistant"),
    ("bedrock", "anthropic.claude-opus-4-7", (M, 1, C, slice(0, 0), [{"text": "x"}]), None),
    ("bedrock", "meta.llama3-3-70b", (M, 2, C, "+", {"text": "x"}), "cannot be provided in the same"),
    ("bedrock", "amazon.nova-pro-v1:0", (M, slice(1, 5), [{"role": "assistant", C: [{"text": "It"}]}]), "prefill"),
    ("cohere", "command-a-vision-07-2025", (M, 6, C, [{"type": "image_url", "image_url": {"url": "https://x"}}]), None),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "model", "change", "refused"), NEWER)
def test_each_generation(protocol, model, change, refused):
    found = said(protocol, changed(GOOD[protocol], *change), model=model)
    assert found is None if refused is None else refused in (found or "")


def test_thinking_by_budget_wants_the_calls_being_answered_to_begin_with_it():
    body = changed(GOOD[A], "thinking", {"type": "enabled", "budget_tokens": 1024})
    body = changed(body, M, slice(3, 5), [])
    assert said(A, body) is None
    assert "Expected `thinking`" in said(A, changed(body, M, 1, C, 0, DEL))


def test_the_same_of_a_claude_on_bedrock():
    thinks = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    body = changed(GOOD["bedrock"], "additionalModelRequestFields", thinks)
    body = changed(body, M, slice(3, 5), [])
    assert said("bedrock", body) is None
    assert "Expected `thinking`" in said("bedrock", changed(body, M, 1, C, 0, DEL))


def test_bedrock_takes_five_documents():
    page = {"document": {"format": "txt", "name": "p", "source": {"bytes": "AAAA"}}}
    pages = [changed(page, "document", "name", f"p{n}") for n in range(5)]
    good = changed(GOOD["bedrock"], M, 4, C, slice(1, 1), pages[:4])
    assert said("bedrock", good) is None
    assert "more than 5 documents" in said("bedrock", changed(good, M, 4, C, "+", pages[4]))


def test_deepseek_wants_results_right_behind_the_calls():
    more = {"role": "assistant", "content": [{"type": "output_text", "text": "and"}]}
    body = changed(GOOD[RESP], I, slice(3, 3), [more])
    body = changed(body, I, 0, C, "q")
    assert said(RESP, body) is None
    assert "No tool output found" in said(RESP, body, "deepseek")
