"""What the real providers refuse in a request, which the simulator then refuses too.

Each rule is one that a router breaks easily when it carries a conversation from one provider to
another: a key that was not sent, a field the vendor does not know, a tool call without its result,
a signature that another vendor issued, an id of a form the vendor does not take.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.testing.fields import unknown_field
from llmrouter_integrations.testing.protocols.base import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmrouter_integrations.testing.script import SimRequest

__all__ = ["refusal"]

_HOSTED_TEXT = (
    "openai azure anthropic gemini google vertex cohere bedrock groq mistral deepseek xai together "
    "fireworks cerebras perplexity openrouter"
)
_HOSTED = frozenset(_HOSTED_TEXT.split())
_KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
_ANTHROPIC_ID = re.compile(r"[a-zA-Z0-9_-]+")
_MISTRAL_ID = re.compile(r"[a-zA-Z0-9]{9}")


def refusal(request: SimRequest) -> Problem | None:
    """Say what is wrong with a request, in the vendor's words, or None."""
    if request.provider in _HOSTED and not any(name in request.headers for name in _KEY_HEADERS):
        return Problem("bad_key", message="No API key was sent")
    if field := unknown_field(request):
        return Problem("unsupported_parameter", parameter=field)
    message = next(_RULES[request.protocol](request), None)
    return Problem("bad_request", message=message) if message else None


def _openai_chat(request: SimRequest) -> Iterator[str]:
    messages = request.body["messages"]
    if not messages:
        yield "Invalid 'messages': empty array. Expected an array with minimum length 1."
    awaited: list[str] = []
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in awaited:
                yield (
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'."
                )
            else:
                awaited.remove(message["tool_call_id"])
            continue
        if awaited:
            break
        awaited = [call["id"] for call in message.get("tool_calls") or ()]
        if request.provider == "mistral":
            yield from _mistral_ids(awaited)
        if message["role"] != "assistant" and message.get("content") is None:
            yield f"Invalid value for 'content': expected a string, got null. (messages.[{index}])"
    if awaited:
        yield (
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            + ", ".join(awaited)
        )


def _mistral_ids(ids: list[str]) -> Iterator[str]:
    for call_id in ids:
        if not _MISTRAL_ID.fullmatch(call_id):
            yield (f"Tool call id was {call_id} but must be a-z, A-Z, 0-9, with a length of 9.")


def _openai_responses(request: SimRequest) -> Iterator[str]:
    given = request.body["input"]
    items = [] if isinstance(given, str) else given
    called = {item["call_id"] for item in items if item.get("type") == "function_call"}
    answered = {item["call_id"] for item in items if item.get("type") == "function_call_output"}
    for item in items:
        match item.get("type"):
            case "function_call" if item["call_id"] not in answered:
                yield f"No tool output found for function call {item['call_id']}."
            case "function_call_output" if item["call_id"] not in called:
                if not request.body.get("previous_response_id"):
                    yield (
                        "No tool call found for function call output with call_id "
                        f"{item['call_id']}."
                    )
            case "reasoning" if _foreign(item.get("encrypted_content"), request.protocol):
                yield (
                    f"The encrypted content for item {item.get('id')} could not be verified. "
                    "Reason: Encrypted content could not be decrypted or parsed."
                )


def _anthropic(request: SimRequest) -> Iterator[str]:
    if "anthropic-version" not in request.headers and "anthropic_version" not in request.body:
        yield "anthropic-version: header is required"
    awaited: list[str] = []
    for index, message in enumerate(request.body["messages"]):
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        given = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if missing := [call_id for call_id in awaited if call_id not in given]:
            yield (
                f"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks "
                f"immediately after: {', '.join(missing)}. Each `tool_use` block must have a "
                "corresponding `tool_result` block in the next message."
            )
        if strays := [call_id for call_id in given if call_id not in awaited]:
            yield (
                f"messages.{index}.content.0: unexpected `tool_use_id` found in `tool_result` "
                f"blocks: {', '.join(strays)}. Each `tool_result` block must have a corresponding "
                "`tool_use` block in the previous message."
            )
        awaited = [block["id"] for block in blocks if block["type"] == "tool_use"]
        for number, block in enumerate(blocks):
            at = f"messages.{index}.content.{number}"
            if block["type"] == "text" and not block["text"].strip():
                yield "messages: text content blocks must contain non-whitespace text"
            if block["type"] == "thinking" and _foreign(block["signature"], request.protocol):
                yield f"{at}: Invalid `signature` in `thinking` block"
            if block["type"] == "tool_use" and not _ANTHROPIC_ID.fullmatch(block["id"]):
                yield f"{at}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
    if awaited:
        yield (
            f"messages: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(awaited)}."
        )


def _gemini(request: SimRequest) -> Iterator[str]:
    if request.stream and "alt=sse" not in request.path:
        yield "only server-sent events are simulated: ask with ?alt=sse"
    awaited = 0
    for content in request.body["contents"]:
        if content.get("role", "user") not in ("user", "model"):
            yield "Please use a valid role: user, model."
        parts = content.get("parts") or ()
        given = sum("functionResponse" in part for part in parts)
        if given != awaited:
            yield (
                "Please ensure that the number of function response parts is equal to the number "
                "of function call parts of the function call turn."
            )
        awaited = sum("functionCall" in part for part in parts)
        if any(_foreign(part.get("thoughtSignature"), request.protocol) for part in parts):
            yield "Thought signature is not valid."
    if awaited:
        yield "Please ensure that function call turn comes before a function response turn."


def _cohere(request: SimRequest) -> Iterator[str]:
    awaited: list[str] = []
    for index, message in enumerate(request.body["messages"]):
        if message["role"] == "tool":
            if message["tool_call_id"] not in awaited:
                yield (
                    f"invalid request: tool call id {message['tool_call_id']} not found in "
                    "previous tool calls"
                )
            else:
                awaited.remove(message["tool_call_id"])
        elif awaited:
            break
        else:
            calls = message.get("tool_calls") or ()
            awaited = [call["id"] for call in calls]
            if message["role"] != "assistant" and not message.get("content"):
                yield f"invalid request: message at index {index} must have content"
    if awaited:
        yield f"invalid request: tool calls without results: {', '.join(awaited)}"


def _bedrock(request: SimRequest) -> Iterator[str]:
    messages = request.body["messages"]
    if not messages or messages[0]["role"] != "user":
        yield (
            "A conversation must start with a user message. Try again with a conversation that "
            "starts with a user message."
        )
    awaited: list[str] = []
    for index, message in enumerate(messages):
        if index and message["role"] == messages[index - 1]["role"]:
            yield (
                "A conversation must alternate between user and assistant roles. Make sure the "
                "conversation alternates between user and assistant roles and try again."
            )
        blocks = message["content"]
        given = [block["toolResult"]["toolUseId"] for block in blocks if "toolResult" in block]
        if missing := [call_id for call_id in awaited if call_id not in given]:
            yield (
                f"Expected toolResult blocks at messages.{index}.content for the following Ids: "
                + ", ".join(missing)
            )
        if len(given) > len(awaited):
            yield (
                f"The number of toolResult blocks at messages.{index}.content exceeds the number "
                "of toolUse blocks of previous turn."
            )
        awaited = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
        for number, block in enumerate(blocks):
            if "text" in block and not block["text"].strip():
                yield (
                    f"The text field in the ContentBlock object at messages.{index}.content."
                    f"{number} is blank. Add text to the text field, and try again."
                )
            thought = (block.get("reasoningContent") or {}).get("reasoningText") or {}
            if _foreign(thought.get("signature"), request.protocol):
                yield f"messages.{index}.content.{number}: Invalid `signature` in `thinking` block"
    if awaited:
        yield f"Expected toolResult blocks for the following Ids: {', '.join(awaited)}"


def _foreign(signature: Any, protocol: str) -> bool:
    """Say whether a signature is a simulator's for another protocol; real ones are let through."""
    if not isinstance(signature, str):
        return False
    try:
        plain = b64decode(signature, validate=True)
    except NotBase64:
        return False
    return plain.startswith(b"sim/") and not plain.startswith(f"sim/{protocol}/".encode())


_RULES: dict[str, Callable[[SimRequest], Iterator[str]]] = {
    "openai-chat": _openai_chat,
    "openai-responses": _openai_responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "cohere": _cohere,
    "bedrock": _bedrock,
}
