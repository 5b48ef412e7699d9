"""A plain reading of requests, to hold codecs against. It shares nothing with them.

What is looked for is found in the JSON as it stands; only calls and results are taken apart.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson

from llmrouter_integrations.testing.protocols import protocol_of
from llmrouter_integrations.testing.protocols.base import HttpCall, Problem
from llmrouter_integrations.testing.rules import refusal

if TYPE_CHECKING:
    from llmrouter_integrations.testing.script import SimRequest
    from llmrouter_integrations.wire.base import Encoded

__all__ = ["calls_and_results", "conversation", "received", "refused"]


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
