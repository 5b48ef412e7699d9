"""What OpenAI's Responses protocol refuses, and others who speak it.

From errors as recorded (DeepSeek's on interleaved calls, OpenAI's on files) and reported, and the
API reference, read in November 2026.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.testing.answer import sealer
from llmrouter_integrations.testing.rules.media import IMAGES, data_url, is_base64
from llmrouter_integrations.testing.rules.seals import is_foreign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmrouter_integrations.testing.script import SimRequest

__all__ = ["openai_responses"]

_OPENAI = ("openai", "azure")
_MOST_OF_AN_ID = 64
_ITEM_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_CONTENT = {
    "user": {"input_text", "input_image", "input_file", "input_audio"},
    "system": {"input_text", "input_image", "input_file"},
    "developer": {"input_text", "input_image", "input_file"},
    "assistant": {"output_text", "refusal"},
}
_NOT_REASONING = re.compile(r"^(gpt-3|gpt-4|chatgpt|gpt-5-chat)")
_FILES = re.compile(r"application/(pdf|json|xml|rtf|msword|vnd\..+)|text/.+|message/.+")
_STRINGS = ("deepseek", "xai")
"""Those whose tools' results are strings."""


def openai_responses(request: SimRequest) -> Iterator[str]:
    """Say what is wrong with a Responses request."""
    given = request.body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if not items:
        yield "Invalid 'input': empty array. Expected an array with minimum length 1."
    for index, item in enumerate(items):
        match item.get("type", "message"):
            case "message":
                yield from _message(item, f"input[{index}]", request.provider)
            case "function_call":
                yield from _call(item, f"input[{index}]", request.provider)
            case "function_call_output":
                output = item["output"]
                if isinstance(output, list):
                    if not output or request.provider in _STRINGS:
                        yield f"Invalid type for 'input[{index}].output': expected a string"
                    yield from _parts(output, "user", f"input[{index}].output", request.provider)
            case "reasoning":
                yield from _reasoning(request, items, index)
    yield from _pairs(request, items)
    ids = [item["id"] for item in items if item.get("id")]
    for item_id in ids:
        if ids.count(item_id) > 1:
            yield f"Duplicate item found with id {item_id}. Remove duplicate items and try again."
        if not _ITEM_ID.fullmatch(item_id):
            yield (
                f"Invalid 'id': '{item_id}'. Expected an ID that contains letters, numbers, "
                "underscores, or dashes, but this value contained additional characters."
            )


def _pairs(request: SimRequest, items: list[dict[str, Any]]) -> Iterator[str]:
    answered = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    called: set[str] = set()
    pending: set[str] = set()
    for item in items:
        kind = item.get("type", "message")
        call_id = item.get("call_id")
        if kind == "function_call":
            if call_id not in answered:
                yield f"No tool output found for function call {call_id}."
            if call_id in called:
                yield f"Duplicate function call with call_id {call_id}."
            called.add(item["call_id"])
            pending.add(item["call_id"])
        elif kind == "function_call_output":
            if call_id not in called and not request.body.get("previous_response_id"):
                yield f"No tool call found for function call output with call_id {call_id}."
            if answered.count(call_id) > 1:
                yield f"Duplicate function call output with call_id {call_id}."
            pending.discard(item["call_id"])
        elif pending and request.provider == "deepseek":
            yield f"No tool output found for tool call {min(pending)}."
        elif pending and kind == "message" and item["role"] != "assistant":
            yield f"No tool output found for function call {min(pending)}."


def _message(item: dict[str, Any], at: str, provider: str) -> Iterator[str]:
    role, content = item["role"], item["content"]
    if role not in _CONTENT:
        yield f"Invalid value: '{role}'. Supported values are: {sorted(_CONTENT)}. ({at}.role)"
    if content is None or content == []:
        yield f"Invalid '{at}.content': empty array. Expected an array with minimum length 1."
    if isinstance(content, list):
        yield from _parts(content, role, f"{at}.content", provider)


def _call(item: dict[str, Any], at: str, provider: str) -> Iterator[str]:
    call_id = item["call_id"]
    if not call_id:
        yield f"Invalid '{at}.call_id': empty string."
    if len(call_id) > _MOST_OF_AN_ID:
        yield (
            f"Invalid '{at}.call_id': string too long. Expected a string with maximum length "
            f"{_MOST_OF_AN_ID}, but got a string with length {len(call_id)} instead."
        )
    if provider in _OPENAI and not _NAME.fullmatch(item["name"]):
        yield (
            f"Invalid '{at}.name': string does not match pattern. Expected a string that matches "
            "the pattern '^[a-zA-Z0-9_-]+$'."
        )
    if not isinstance(item["arguments"], str):
        yield f"Invalid type for '{at}.arguments': expected a string"


def _parts(content: list[dict[str, Any]], role: str, at: str, provider: str) -> Iterator[str]:
    taken = _CONTENT.get(role, set())
    for number, part in enumerate(content):
        kind = part["type"]
        if kind not in taken:
            expected = ", ".join(f"'{name}'" for name in sorted(taken))
            yield f"Invalid value: '{kind}'. Supported values are: {expected}. ({at}[{number}])"
        if kind == "input_image" and (url := part.get("image_url")) is not None:
            inline = data_url(url)
            if not inline and not url.startswith(("http://", "https://")):
                yield f"Invalid '{at}[{number}].image_url'. Expected a valid URL."
            if inline and (inline[0] not in IMAGES or not is_base64(inline[1])):
                yield (
                    "The image data you provided does not represent a valid image. Please check "
                    "your input and try again with one of the following image formats: "
                    "['image/jpeg', 'image/png', 'image/gif', 'image/webp']."
                )
        if kind == "input_file" and provider in _OPENAI:
            inline = data_url(part.get("file_data") or "")
            if inline is None and not (part.get("file_id") or part.get("file_url")):
                yield f"Missing required parameter: '{at}[{number}].file_data'."
            if inline and not (_FILES.fullmatch(inline[0]) and is_base64(inline[1])):
                yield (
                    f"Invalid file data: '{at}[{number}].file_data'. Expected a base64-encoded "
                    "data URL with a valid file MIME type, but got unsupported MIME type "
                    f"'{inline[0]}'."
                )


def _reasoning(request: SimRequest, items: list[dict[str, Any]], index: int) -> Iterator[str]:
    item = items[index]
    if request.provider in _OPENAI and _NOT_REASONING.search(request.model):
        yield (
            "Reasoning input items can only be provided to a reasoning or computer use model. "
            "Remove reasoning items from your input and try again."
        )
    whose = sealer("openai-responses", request.provider)
    if is_foreign(item.get("encrypted_content"), whose):
        yield (
            f"The encrypted content for item {item.get('id')} could not be verified. "
            "Reason: Encrypted content could not be decrypted or parsed."
        )
    if "summary" not in item:
        yield f"Missing required parameter: 'input[{index}].summary'."
    following = items[index + 1] if index + 1 < len(items) else {}
    answers = following.get("type", "message") not in ("message", "function_call_output")
    if item.get("id") and not (answers or following.get("role") == "assistant"):
        yield (
            f"Item '{item['id']}' of type 'reasoning' was provided without its required following "
            "item."
        )
