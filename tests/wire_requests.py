"""Targets of every protocol and dialect, and a plain reading of what is sent to them.

The reading shares nothing with the codecs: what is looked for is found in the JSON as it stands,
and only calls and results are taken apart.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson

from llmrouter_integrations.catalog.model import Abilities
from llmrouter_integrations.messages import Message, Request
from llmrouter_integrations.testing.protocols import protocol_of
from llmrouter_integrations.testing.protocols.base import HttpCall, Problem
from llmrouter_integrations.testing.rules import refusal
from llmrouter_integrations.wire.base import Encoded, Endpoint
from llmrouter_integrations.wire.registry import codec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmrouter_integrations.testing.script import SimRequest

__all__ = [
    "TARGETS",
    "Target",
    "calls_and_results",
    "conversation",
    "encode",
    "endpoint",
    "received",
    "refused",
]

Target = tuple[str, str, str]
TARGETS = [
    ("openai-chat", "openai", "gpt-4.1"),
    ("openai-chat", "openai", "gpt-5.4"),
    ("openai-chat", "azure", "gpt-4o"),
    ("openai-chat", "mistral", "mistral-small-latest"),
    ("openai-chat", "groq", "openai/gpt-oss-120b"),
    ("openai-chat", "deepseek", "deepseek-reasoner"),
    ("openai-chat", "deepseek", "deepseek-chat"),
    ("openai-chat", "xai", "grok-4.3"),
    ("openai-chat", "cerebras", "gpt-oss-120b"),
    ("openai-chat", "perplexity", "sonar-pro"),
    ("openai-chat", "ollama", "qwen3:32b"),
    ("openai-chat", "openrouter", "anthropic/claude-haiku-4.5"),
    ("openai-chat", "openrouter", "mistralai/mistral-small"),
    ("openai-chat", "google", "gemini-3.5-flash"),
    ("openai-chat", "vllm", "my-own"),
    ("openai-responses", "openai", "gpt-5.4"),
    ("openai-responses", "openai", "gpt-4.1"),
    ("openai-responses", "azure", "gpt-5.6-luna"),
    ("openai-responses", "xai", "grok-4.3"),
    ("openai-responses", "deepseek", "deepseek-v4-flash"),
    ("openai-responses", "openrouter", "anthropic/claude-haiku-4.5"),
    ("openai-responses", "vllm", "my-own"),
    ("anthropic", "anthropic", "claude-sonnet-5"),
    ("anthropic", "anthropic", "claude-haiku-4-5"),
    ("anthropic", "anthropic", "claude-opus-5-5"),
    ("anthropic", "anthropic", "claude-3-5-haiku-latest"),
    ("anthropic", "kimi", "kimi-k2"),
    ("gemini", "gemini", "gemini-3.5-flash"),
    ("gemini", "gemini", "gemini-2.5-flash"),
    ("gemini", "vertex", "gemini-4-pro"),
    ("cohere", "cohere", "command-a-03-2025"),
    ("cohere", "cohere", "command-a-vision-07-2025"),
    ("bedrock", "bedrock", "amazon.nova-2-lite-v1:0"),
    ("bedrock", "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("bedrock", "bedrock", "global.anthropic.claude-opus-4-7"),
    ("bedrock", "bedrock", "us.meta.llama3-3-70b-instruct-v1:0"),
    ("bedrock", "bedrock", "mistral.mistral-large-2407-v1:0"),
    ("bedrock", "bedrock", "openai.gpt-oss-120b-1:0"),
]

"""Protocol, provider, model."""

TEXT_ONLY = {"command-a-03-2025": Abilities(input=frozenset({"text"}))}


def endpoint(target: Target) -> Endpoint:
    """Give the endpoint of a target."""
    _, provider, model = target
    url = f"http://127.0.0.1:9/{provider}/v1"
    return Endpoint("t", provider, model, url, "k", abilities=TEXT_ONLY.get(model))


def encode(
    messages: Iterable[Message], target: Target, *, stream: bool = False, **fields: Any
) -> Encoded:
    """Write a conversation for a target."""
    request = Request(tuple(messages), **fields)
    return codec(target[0]).encode(request, endpoint(target), stream=stream)


def received(encoded: Encoded, provider: str) -> SimRequest:
    """Give the request as the simulator would understand it, without a socket between."""
    path = "/" + encoded.http.url.split("/", 3)[3]
    found = protocol_of(path.partition("?")[0])
    assert found is not None, path
    headers = {name.lower(): value for name, value in encoded.http.headers}
    return found[0].read(
        HttpCall(provider, path, found[1], headers, orjson.loads(encoded.http.body), 0.0)
    )


def refused(encoded: Encoded, provider: str) -> Problem | None:
    """Say what the simulator would refuse."""
    return refusal(received(encoded, provider))


def conversation(body: dict[str, Any]) -> str:
    """Give all that is said in a request as one text, in order."""
    said = {
        key: body[key]
        for key in ("documents", "system", "systemInstruction", "instructions")
        if key in body
    }
    turns = body.get("messages") or body.get("contents") or body["input"]
    return json.dumps([said, turns], ensure_ascii=False)


def calls_and_results(body: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Give the arguments of each call and the content of each result, by id, as JSON."""
    calls: dict[str, Any] = {}
    results: dict[str, Any] = {}
    for item in body["input"] if isinstance(body.get("input"), list) else ():
        if item.get("type") == "function_call":
            calls[item["call_id"]] = item["arguments"]
        elif item.get("type") == "function_call_output":
            results[item["call_id"]] = item["output"]
    for content in body.get("contents") or ():
        for part in content["parts"]:
            if call := part.get("functionCall"):
                calls[call["id"]] = call["args"]
            elif result := part.get("functionResponse"):
                results[result["id"]] = result["response"]
    for message in body.get("messages") or ():
        for call in message.get("tool_calls") or ():
            calls[call["id"]] = call["function"]["arguments"]
        if message["role"] == "tool":
            results[message["tool_call_id"]] = message["content"]
        for block in message["content"] if isinstance(message.get("content"), list) else ():
            if block.get("type") == "tool_use":
                calls[block["id"]] = block["input"]
            elif block.get("type") == "tool_result":
                results[block["tool_use_id"]] = block.get("content")
            elif use := block.get("toolUse"):
                calls[use["toolUseId"]] = use["input"]
            elif result := block.get("toolResult"):
                results[result["toolUseId"]] = result["content"]
    return _written(calls), _written(results)


def _written(values: dict[str, Any]) -> dict[str, str]:
    return {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
