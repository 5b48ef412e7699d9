"""A plain reading of each protocol's answers, to hold the codecs against.

It shares nothing with them: text, tool calls, finish reason and usage are looked for in the raw
JSON, and streams are cut with one regular expression.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Plain:
    """What the raw bytes say. A set holds every reading that is right."""

    text: str = ""
    calls: dict[Any, list[str]] = field(default_factory=dict)  # key -> [name, arguments]
    finish: set[str] = field(default_factory=set)
    input: int | None = None
    output: set[int] = field(default_factory=set)
    cached: int | None = None
    reasoning: int | None = None
    other: bool = False  # content that is neither text nor a call
    ended: bool = False
    error: Any = None
    streamed: bool = False

    @property
    def nothing(self) -> bool:
        return not (self.text or self.calls or self.other)

    @property
    def answer(self) -> str:
        """The text without the reasoning that some models write before it."""
        return re.sub(r"^\s*<think>.*?(</think>\s*|$)", "", self.text, flags=re.DOTALL)

    @property
    def arguments(self) -> list[tuple[str, Any]]:
        return [(name, parse(said)) for name, said in self.calls.values()]

    @property
    def malformed(self) -> bool:
        return any(not isinstance(arguments, dict) for _, arguments in self.arguments)


def parse(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def finishes(table: dict[str, str], raw: Any, *, calls: bool) -> set[str]:
    if raw is None or raw == "":
        return {"unknown", "stop", "tool_calls"}
    found = {table.get(raw, "unknown")}
    if calls and found == {"stop"}:
        found.add("tool_calls")
    return found


def chat(events: list[Any], plain: Plain) -> None:
    raw = None
    for event in events:
        if event.get("error"):
            plain.error = event
            return
        usage = event.get("usage") or (event.get("x_groq") or {}).get("usage")
        if usage and "prompt_tokens" in usage:
            prompt, completion = usage["prompt_tokens"], usage.get("completion_tokens", 0)
            plain.input = prompt
            # some leave reasoning out of the completion and only count it in the total
            plain.output = {completion, max(completion, usage.get("total_tokens", 0) - prompt)}
            plain.cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
            plain.reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
        for choice in (event.get("choices") or [])[:1]:
            if choice.get("index", 0) != 0:
                continue
            raw = choice.get("finish_reason") or raw
            # perplexity sends both: what is new, and all so far
            said = choice.get("delta" if plain.streamed else "message") or {}
            content = said.get("content")
            for piece in content if isinstance(content, list) else [{"text": content or ""}]:
                plain.text += piece.get("text") or ""
            if said.get("refusal"):
                plain.other = True
            sound = (said.get("audio") or {}).get("data")
            plain.other = plain.other or bool(said.get("images") or sound)
            for place, call in enumerate(said.get("tool_calls") or []):
                key = call.get("index", place) if plain.streamed else place
                function = call.get("function") or {}
                known = plain.calls.setdefault(key, ["", ""])
                known[0] += function.get("name") or ""
                arguments = function.get("arguments") or ""
                known[1] += arguments if isinstance(arguments, str) else json.dumps(arguments)
    table = {
        "stop": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "function_call": "tool_calls",
        "content_filter": "content_filter",
    }
    plain.ended = bool(raw) or events[-1:] == [DONE]
    plain.finish = finishes(table, raw, calls=bool(plain.calls))
    if plain.other:
        plain.finish.add("refusal")


def responses(events: list[Any], plain: Plain) -> None:
    whole = None
    for event in events:
        kind = event.get("type", "")
        if kind in {"error", "response.failed"} or event.get("status") == "failed":
            plain.error = event.get("response") or event
            return
        if event.get("object") == "response":
            whole = event
        elif kind in {"response.completed", "response.incomplete"}:
            whole = event["response"]
        elif kind == "response.output_text.delta":
            plain.text += event["delta"]
    if whole is None:
        return
    plain.ended = True
    plain.text = ""
    refused = False
    for place, item in enumerate(whole["output"]):
        if item["type"] == "function_call":
            plain.calls[place] = [item["name"], item["arguments"]]
        elif item["type"] == "message":
            for piece in item["content"]:
                plain.text += piece.get("text", "")
                refused = refused or piece["type"] == "refusal"
        elif item["type"] != "reasoning":
            plain.other = True
    plain.other = plain.other or refused
    why = (whole.get("incomplete_details") or {}).get("reason")
    if whole["status"] == "incomplete":
        plain.finish = {"content_filter" if why == "content_filter" else "length"}
    else:
        plain.finish = {"tool_calls"} if plain.calls else {"refusal" if refused else "stop"}
    if usage := whole.get("usage"):
        plain.input, plain.output = usage["input_tokens"], {usage["output_tokens"]}
        plain.cached = (usage.get("input_tokens_details") or {}).get("cached_tokens")
        plain.reasoning = (usage.get("output_tokens_details") or {}).get("reasoning_tokens")


def anthropic(events: list[Any], plain: Plain) -> None:
    usage: dict[str, Any] = {}
    raw = None
    for event in events:
        kind = event.get("type")
        if kind == "error":
            plain.error = event
            return
        message = event if kind == "message" else event.get("message") or {}
        usage |= {k: v for k, v in (message.get("usage") or {}).items() if v is not None}
        usage |= {k: v for k, v in (event.get("usage") or {}).items() if v is not None}
        raw = message.get("stop_reason") or (event.get("delta") or {}).get("stop_reason") or raw
        blocks = list(enumerate(message.get("content") or []))
        if kind == "content_block_start":
            blocks.append((event["index"], event["content_block"]))
        for place, block in blocks:
            if block["type"] == "text":
                plain.text += block["text"]
            elif block["type"] == "tool_use":
                said = json.dumps(block["input"]) if block["input"] else ""
                plain.calls[place] = [block["name"], said]
            elif block["type"] not in ("thinking", "redacted_thinking"):
                plain.other = True
        delta = event.get("delta") or {}
        if delta.get("type") == "text_delta":
            plain.text += delta["text"]
        elif delta.get("type") == "input_json_delta" and event["index"] in plain.calls:
            plain.calls[event["index"]][1] += delta["partial_json"]
    table = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "pause_turn": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "refusal",
    }
    plain.ended = raw is not None
    plain.finish = finishes(table, raw, calls=bool(plain.calls))
    if raw == "pause_turn":
        plain.finish.add("unknown")
    if usage:
        plain.cached = usage.get("cache_read_input_tokens", 0)
        written = usage.get("cache_creation_input_tokens", 0)
        plain.input = usage["input_tokens"] + plain.cached + written
        plain.output = {usage["output_tokens"]}


def gemini(events: list[Any], plain: Plain) -> None:
    raw = None
    for event in events:
        if event.get("error"):
            plain.error = event
            return
        if (usage := event.get("usageMetadata")) and "promptTokenCount" in usage:
            thoughts = usage.get("thoughtsTokenCount", 0)
            plain.input = usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0)
            plain.output = {usage.get("candidatesTokenCount", 0) + thoughts}
            plain.cached = usage.get("cachedContentTokenCount", 0)
            plain.reasoning = thoughts
        if (event.get("promptFeedback") or {}).get("blockReason"):
            raw = "SAFETY"
        for candidate in (event.get("candidates") or [])[:1]:
            raw = candidate.get("finishReason") or raw
            for part in (candidate.get("content") or {}).get("parts") or []:
                if "functionCall" in part:
                    call = part["functionCall"]
                    said = json.dumps(call.get("args") or {})
                    plain.calls[len(plain.calls)] = [call["name"], said]
                elif "text" in part and not part.get("thought"):
                    plain.text += part["text"]
                elif "text" not in part and "thoughtSignature" not in part:
                    plain.other = True
    table = {"STOP": "stop", "MAX_TOKENS": "length"}
    blocked = "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY MODEL_ARMOR"
    table |= dict.fromkeys(blocked.split(), "content_filter")
    plain.ended = raw is not None
    plain.finish = finishes(table, raw, calls=bool(plain.calls))


def cohere(events: list[Any], plain: Plain) -> None:
    raw, usage = None, None
    for event in events:
        kind = event.get("type")
        delta = event.get("delta") or {}
        message = event.get("message") or delta.get("message") or {}
        if not isinstance(message, dict):
            message = {}
        raw = event.get("finish_reason") or delta.get("finish_reason") or raw
        usage = event.get("usage") or delta.get("usage") or usage
        content = message.get("content") or []
        for block in content if isinstance(content, list) else [content]:
            plain.text += block.get("text") or ""
        calls = message.get("tool_calls") or []
        for place, call in enumerate(calls if isinstance(calls, list) else [calls]):
            known = plain.calls.setdefault(event.get("index", place), ["", ""])
            known[0] += call["function"].get("name") or ""
            known[1] += call["function"].get("arguments") or ""
        if kind == "message-end" and delta.get("error"):
            plain.error = delta
            return
    table = {
        "COMPLETE": "stop",
        "STOP_SEQUENCE": "stop",
        "MAX_TOKENS": "length",
        "TOOL_CALL": "tool_calls",
    }
    plain.ended = raw is not None
    plain.finish = finishes(table, raw, calls=bool(plain.calls))
    if usage:
        counted, billed = usage.get("tokens") or {}, usage.get("billed_units") or {}
        plain.input = int(counted.get("input_tokens") or billed.get("input_tokens") or 0)
        plain.output = {int(counted.get("output_tokens") or billed.get("output_tokens") or 0)}


def bedrock(events: list[Any], plain: Plain) -> None:
    (whole,) = events
    for place, block in enumerate(whole["output"]["message"]["content"]):
        if "text" in block:
            plain.text += block["text"]
        elif "toolUse" in block:
            call = block["toolUse"]
            plain.calls[place] = [call["name"], json.dumps(call["input"])]
        elif "reasoningContent" not in block:
            plain.other = True
    table = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "guardrail_intervened": "content_filter",
        "content_filtered": "content_filter",
    }
    plain.ended = True
    plain.finish = finishes(table, whole["stopReason"], calls=bool(plain.calls))
    usage = whole["usage"]
    plain.cached = usage.get("cacheReadInputTokens", 0)
    plain.input = usage["inputTokens"] + plain.cached + usage.get("cacheWriteInputTokens", 0)
    plain.output = {usage["outputTokens"]}


DONE = {"done": True}
READINGS = {
    "openai-chat": chat,
    "openai-responses": responses,
    "anthropic": anthropic,
    "gemini": gemini,
    "cohere": cohere,
    "bedrock": bedrock,
}


def read(protocol: str, body: str, *, streamed: bool) -> Plain:
    plain = Plain(streamed=streamed)
    found = re.findall(r"^data: ?(.*?)\r?$", body, re.MULTILINE) if streamed else [body]
    said = [event for event in found if event.strip()]
    events = []
    for event in said:
        try:
            events.append(DONE if event == "[DONE]" else json.loads(event))
        except ValueError:
            assert event == said[-1], "only its end can be missing"
            if not streamed:
                plain.error = "no JSON"
                return plain
    READINGS[protocol](events, plain)
    return plain
