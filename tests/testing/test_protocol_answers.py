"""The same answer in every protocol, whole and streamed, put together by a plain reader of each."""

from __future__ import annotations

import orjson
import pytest
from botocore.eventstream import EventStreamBuffer

from llmrouter_integrations.testing import Citation, Reply, ToolCall

ALL = ("openai-chat", "openai-responses", "anthropic", "gemini", "cohere", "bedrock")
FULL = Reply(
    "Hello there, world.",
    reasoning="Let me think.",
    tool_calls=(ToolCall("weather", {"city": "Paris", "days": 3}, id="call_one"), ToolCall("noop")),
    input_tokens=2000,
    output_tokens=100,
    cached_tokens=600,
    reasoning_tokens=40,
)
ARGUMENTS = [{"city": "Paris", "days": 3}, {}]


def read_whole(protocol, body):
    """(text, reasoning, calls, finish, usage as (input, output, cached, reasoning))"""
    match protocol:
        case "openai-chat":
            [choice] = body["choices"]
            message, usage = choice["message"], body["usage"]
            calls = [
                (c["id"], c["function"]["name"], orjson.loads(c["function"]["arguments"]))
                for c in message.get("tool_calls", ())
            ]
            return (
                message["content"],
                message.get("reasoning_content", ""),
                calls,
                choice["finish_reason"],
                (
                    usage["prompt_tokens"],
                    usage["completion_tokens"],
                    usage["prompt_tokens_details"]["cached_tokens"],
                    usage["completion_tokens_details"]["reasoning_tokens"],
                ),
            )
        case "openai-responses":
            items, usage = body["output"], body["usage"]
            return (
                "".join(i["content"][0]["text"] for i in items if i["type"] == "message"),
                "".join(i["summary"][0]["text"] for i in items if i["type"] == "reasoning"),
                [
                    (i["call_id"], i["name"], orjson.loads(i["arguments"]))
                    for i in items
                    if i["type"] == "function_call"
                ],
                body["status"],
                (
                    usage["input_tokens"],
                    usage["output_tokens"],
                    usage["input_tokens_details"]["cached_tokens"],
                    usage["output_tokens_details"]["reasoning_tokens"],
                ),
            )
        case "anthropic":
            blocks, usage = body["content"], body["usage"]
            return (
                "".join(b["text"] for b in blocks if b["type"] == "text"),
                "".join(b["thinking"] for b in blocks if b["type"] == "thinking"),
                [(b["id"], b["name"], b["input"]) for b in blocks if b["type"] == "tool_use"],
                body["stop_reason"],
                (
                    usage["input_tokens"],
                    usage["output_tokens"],
                    usage["cache_read_input_tokens"],
                    usage["output_tokens_details"]["thinking_tokens"],
                ),
            )
        case "gemini":
            [candidate] = body["candidates"]
            parts, usage = candidate["content"]["parts"], body["usageMetadata"]
            return (
                "".join(p["text"] for p in parts if "text" in p and not p.get("thought")),
                "".join(p["text"] for p in parts if p.get("thought")),
                [
                    ("", p["functionCall"]["name"], p["functionCall"]["args"])
                    for p in parts
                    if "functionCall" in p
                ],
                candidate["finishReason"],
                (
                    usage["promptTokenCount"],
                    usage["candidatesTokenCount"],
                    usage["cachedContentTokenCount"],
                    usage["thoughtsTokenCount"],
                ),
            )
        case "cohere":
            message, usage = body["message"], body["usage"]
            content = message.get("content", ())
            return (
                message.get("tool_plan", "")
                + "".join(b["text"] for b in content if b["type"] == "text"),
                "".join(b["thinking"] for b in content if b["type"] == "thinking"),
                [
                    (c["id"], c["function"]["name"], orjson.loads(c["function"]["arguments"]))
                    for c in message.get("tool_calls", ())
                ],
                body["finish_reason"],
                (
                    usage["tokens"]["input_tokens"],
                    usage["tokens"]["output_tokens"],
                    usage["cached_tokens"],
                    usage["tokens"]["reasoning_tokens"],
                ),
            )
        case _:
            blocks, usage = body["output"]["message"]["content"], body["usage"]
            return (
                "".join(b["text"] for b in blocks if "text" in b),
                "".join(
                    b["reasoningContent"]["reasoningText"]["text"]
                    for b in blocks
                    if "reasoningContent" in b
                ),
                [
                    (b["toolUse"]["toolUseId"], b["toolUse"]["name"], b["toolUse"]["input"])
                    for b in blocks
                    if "toolUse" in b
                ],
                body["stopReason"],
                (usage["inputTokens"], usage["outputTokens"], usage["cacheReadInputTokens"], None),
            )


EXPECTED = {  # (finish, usage): each vendor counts in its own way
    "openai-chat": ("tool_calls", (2000, 100, 600, 40)),
    "openai-responses": ("completed", (2000, 100, 600, 40)),
    "anthropic": ("tool_use", (1400, 100, 600, 40)),
    "gemini": ("STOP", (2000, 60, 600, 40)),
    "cohere": ("TOOL_CALL", (2000, 100, 600, 40)),
    "bedrock": ("tool_use", (1400, 100, 600, None)),
}


@pytest.mark.parametrize("protocol", ALL)
def test_a_reply_is_written_whole(asker, protocol):
    asker.sim.default(FULL)
    provider = "vllm" if protocol == "openai-chat" else None  # OpenAI itself shows no reasoning
    body = asker.post(protocol, provider=provider).json()
    text, reasoning, calls, finish, usage = read_whole(protocol, body)
    assert text == FULL.text
    assert reasoning == FULL.reasoning
    assert [(name, arguments) for _, name, arguments in calls] == [
        ("weather", ARGUMENTS[0]),
        ("noop", ARGUMENTS[1]),
    ]
    assert protocol == "gemini" or calls[0][0] == "call_one"
    assert (finish, usage) == EXPECTED[protocol]


def put_together(protocol, answer, events):
    """A streamed answer as the whole one it stands for, by a plain reader of each protocol."""
    match protocol:
        case "openai-chat":
            message = {"content": "", "reasoning_content": "", "tool_calls": []}
            finish = usage = None
            for event in events(answer.text):
                usage = event.get("usage") or usage
                for choice in event["choices"]:
                    delta = choice["delta"]
                    for key in ("content", "reasoning_content"):
                        message[key] += delta.get(key) or ""
                    for call in delta.get("tool_calls", ()):
                        if "id" in call:
                            message["tool_calls"].append(call)
                        else:
                            function = message["tool_calls"][call["index"]]["function"]
                            function["arguments"] += call["function"]["arguments"]
                    finish = choice["finish_reason"] or finish
            return {"choices": [{"message": message, "finish_reason": finish}], "usage": usage}
        case "openai-responses":
            *_, last = events(answer.text)
            deltas = "".join(
                e["delta"] for e in events(answer.text) if e["type"] == "response.output_text.delta"
            )
            assert deltas == FULL.text
            return last["response"]
        case "anthropic":
            blocks, message = [], {}
            for event in events(answer.text):
                match event["type"]:
                    case "message_start":
                        message = event["message"]
                    case "content_block_start":
                        blocks.append(event["content_block"] | {"json": ""})
                    case "content_block_delta":
                        delta = event["delta"]
                        for key in ("text", "thinking", "signature"):
                            if key in delta:
                                blocks[-1][key] += delta[key]
                        blocks[-1]["json"] += delta.get("partial_json", "")
                    case "message_delta":
                        message |= event["delta"]
                        message["usage"] |= event["usage"]
            for block in blocks:
                if block["type"] == "tool_use":
                    block["input"] = orjson.loads(block["json"] or "{}")
            return {**message, "content": blocks}
        case "gemini":
            parts = []
            for event in events(answer.text):
                [candidate] = event["candidates"]
                parts += candidate["content"]["parts"]
            candidate["content"]["parts"] = parts
            return event
        case "cohere":
            message = {"tool_plan": "", "content": [], "tool_calls": []}
            for event in events(answer.text):
                delta = event.get("delta", {})
                said = delta.get("message", {})
                match event["type"]:
                    case "content-start":
                        message["content"].append(said["content"])
                    case "content-delta":
                        for key, value in said["content"].items():
                            message["content"][-1][key] += value
                    case "tool-plan-delta":
                        message["tool_plan"] += said["tool_plan"]
                    case "tool-call-start":
                        message["tool_calls"].append(said["tool_calls"])
                    case "tool-call-delta":
                        call = message["tool_calls"][-1]["function"]
                        call["arguments"] += said["tool_calls"]["function"]["arguments"]
                    case "message-end":
                        return {"message": message, **delta}
        case _:
            buffer = EventStreamBuffer()
            buffer.add_data(answer.content)
            blocks, rest = {}, {}
            for message in buffer:
                body = orjson.loads(message.payload)
                match message.headers[":event-type"]:
                    case "contentBlockStart":
                        start = body["start"]["toolUse"]
                        blocks[body["contentBlockIndex"]] = {"toolUse": start | {"input": ""}}
                    case "contentBlockDelta":
                        delta = body["delta"]
                        block = blocks.setdefault(body["contentBlockIndex"], {})
                        if "text" in delta:
                            block["text"] = block.get("text", "") + delta["text"]
                        elif "toolUse" in delta:
                            block["toolUse"]["input"] += delta["toolUse"]["input"]
                        else:
                            thought = block.setdefault("reasoningContent", {"reasoningText": {}})
                            for key, value in delta["reasoningContent"].items():
                                text = thought["reasoningText"].get(key, "")
                                thought["reasoningText"][key] = text + value
                    case _:
                        rest |= body
            for block in blocks.values():
                if "toolUse" in block:
                    block["toolUse"]["input"] = orjson.loads(block["toolUse"]["input"] or "{}")
            return {**rest, "output": {"message": {"content": list(blocks.values())}}}
    return None


@pytest.mark.parametrize("protocol", ALL)
@pytest.mark.parametrize("chunks", [None, 1, 3])
def test_a_streamed_reply_says_the_same_as_a_whole_one(asker, protocol, chunks, events):
    reply = Reply(**{f: getattr(FULL, f) for f in FULL.__dataclass_fields__} | {"chunks": chunks})
    asker.sim.default(reply)
    provider = "vllm" if protocol == "openai-chat" else None
    fields = {"stream_options": {"include_usage": True}} if protocol == "openai-chat" else {}
    whole = read_whole(protocol, asker.post(protocol, provider=provider).json())
    streamed = asker.post(protocol, provider=provider, stream=True, **fields)
    again = read_whole(protocol, put_together(protocol, streamed, events))
    assert _without_ids(again) == _without_ids(whole)


def _without_ids(read):
    text, reasoning, calls, finish, usage = read
    return text, reasoning, [call[1:] for call in calls], finish, usage


@pytest.mark.parametrize(
    ("finish", "expected"),
    [
        ("stop", ("stop", "completed", "end_turn", "STOP", "COMPLETE", "end_turn")),
        (
            "length",
            ("length", "incomplete", "max_tokens", "MAX_TOKENS", "MAX_TOKENS", "max_tokens"),
        ),
        (
            "content_filter",
            ("content_filter", "incomplete", "refusal", "SAFETY", "ERROR", "content_filtered"),
        ),
    ],
)
def test_finish_reasons_are_each_vendors_own(asker, finish, expected):
    asker.sim.default(Reply("Once", finish=finish, reasoning="x", cached_tokens=1))
    for protocol, reason in zip(ALL, expected, strict=True):
        fields = {"thinking": {"type": "enabled"}} if protocol == "anthropic" else {}
        body = asker.post(protocol, **fields).json()
        assert read_whole(protocol, body)[3] == reason


def test_a_refusal_has_its_own_field_at_openai_and_is_text_elsewhere(asker, events):
    asker.sim.default(Reply(refusal="I cannot."))
    message = asker.post("openai-chat").json()["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == (None, "I cannot.")
    streamed = events(asker.post("openai-chat", stream=True).text)
    pieces = [choice["delta"].get("refusal") for e in streamed for choice in e["choices"]]
    assert "".join(filter(None, pieces)) == "I cannot."
    [item] = asker.post("openai-responses").json()["output"]
    assert item["content"] == [{"type": "refusal", "refusal": "I cannot."}]
    assert asker.post("anthropic").json()["content"][0]["text"] == "I cannot."


@pytest.mark.parametrize(
    ("provider", "place"),
    [
        ("deepseek", lambda message: message["reasoning_content"]),
        ("groq", lambda message: message["reasoning"]),
        ("ollama", lambda message: message["reasoning"]),
        ("openrouter", lambda message: message["reasoning_details"][0]["text"]),
        ("mistral", lambda message: message["content"][0]["thinking"][0]["text"]),
        ("vllm", lambda message: message["reasoning_content"]),
    ],
)
def test_dialects_show_reasoning_in_their_own_places(asker, provider, place):
    asker.sim.default(Reply("8", reasoning="Five and three."))
    body = asker.post("openai-chat", provider=provider).json()
    assert place(body["choices"][0]["message"]) == "Five and three."


def test_openai_hides_its_reasoning_but_bills_it(asker):
    asker.sim.default(Reply("8", reasoning="Five and three."))
    answer = asker.post("openai-chat")
    assert "Five and three" not in answer.text
    assert answer.json()["usage"]["completion_tokens_details"]["reasoning_tokens"] == 4


def test_streamed_usage_comes_when_asked_for_or_always_by_dialect(asker, events):
    def usages(provider, **fields):
        streamed = asker.post("openai-chat", provider=provider, stream=True, **fields)
        return [event["usage"] for event in events(streamed.text) if event.get("usage")]

    assert usages("openai") == []
    assert len(usages("openai", stream_options={"include_usage": True})) == 1
    assert len(usages("mistral")) == len(usages("openrouter")) == 1


def test_citations_are_written_where_they_were_recorded(asker):
    asker.sim.default(Reply("Ruby.", citations=(Citation("https://r", "Ruby", "Facts"),)))
    message = asker.post("openai-chat").json()["choices"][0]["message"]
    assert message["annotations"][0]["url_citation"]["url"] == "https://r"
    assert asker.post("openai-chat", provider="perplexity").json()["citations"] == ["https://r"]
    [citation] = asker.post("cohere").json()["message"]["citations"]
    assert citation["sources"][0]["id"] == "https://r"


def test_headers_of_a_reply_are_sent_over_the_vendors(asker):
    asker.sim.default(Reply("x", headers={"x-request-id": "mine", "x-other": "1"}))
    headers = asker.post("openai-chat").headers
    assert (headers["x-request-id"], headers["x-other"]) == ("mine", "1")
    assert "x-ratelimit-remaining-requests" in headers


def test_mistrals_ids_have_nine_characters(asker):
    asker.sim.default(Reply(tool_calls=(ToolCall("noop"),)))
    body = asker.post("openai-chat", provider="mistral").json()
    assert len(body["choices"][0]["message"]["tool_calls"][0]["id"]) == 9
