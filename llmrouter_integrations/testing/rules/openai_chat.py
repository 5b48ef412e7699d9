"""What OpenAI's chat completions refuse, and what others who speak the protocol refuse besides.

OpenAI's own words are from its errors as recorded and reported. What is Mistral's is from the
validator that it publishes (``mistral_common/protocol/instruct/validator.py``), what is Groq's,
Cerebras's, DeepSeek's, Perplexity's and Ollama's from errors that users reported. Of a server of
any other name the order of tool messages is checked, and what vLLM reads out of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from llmrouter_integrations.testing.protocols.base import as_object
from llmrouter_integrations.testing.rules.media import IMAGES, data_url, is_base64

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmrouter_integrations.testing.script import SimRequest

__all__ = ["openai_chat"]

_OPENAI = ("openai", "azure")
_MOST_OF_AN_ID = 40
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SPEAKER = re.compile(r"[^\s<|\\/>]{1,64}")
_MISTRAL_ID = re.compile(r"[a-zA-Z0-9]{9}")

_BASIC = {"role", "content", "tool_calls", "tool_call_id"}
_FIELDS: dict[str, set[str]] = {
    "openai": {*_BASIC, "name", "refusal", "audio", "function_call", "annotations"},
    "azure": {*_BASIC, "name", "refusal", "audio", "function_call", "annotations"},
    "mistral": {*_BASIC, "name", "prefix"},
    "groq": {*_BASIC, "name", "reasoning"},
    "cerebras": {*_BASIC, "name", "reasoning"},
    "perplexity": {"role", "content"},
}
"""The fields of a message, of those who refuse any other."""

_TEXT_ONLY = {"text"}
_SHOWN: dict[str, set[str]] = {
    "openai": {"text", "image_url", "input_audio", "file"},
    "azure": {"text", "image_url", "input_audio", "file"},
    "mistral": {"text", "image_url", "input_audio", "document_url", "file", "reference"},
    "groq": {"text", "image_url"},
    "xai": {"text", "image_url", "file"},
    "perplexity": {"text", "image_url", "file_url", "video_url", "pdf_url"},
    "google": {"text", "image_url", "input_audio"},
    "ollama": {"text", "image_url"},
}
"""What a user's message may be made of, of those of whom it is known."""

_STRINGS = ("deepseek", "cerebras")
"""Those who take content as a string only."""
_DEVELOPER = ("openai", "azure", "openrouter", "xai")
_READS_ARGUMENTS = ("openai", "azure", "mistral", "deepseek", "xai", "openrouter", "perplexity")
"""Hosted APIs that hand the arguments on as the string that they are; the templates of models
elsewhere want the object."""


def openai_chat(request: SimRequest) -> Iterator[str]:
    """Say what is wrong with a chat completions request."""
    messages = request.body["messages"]
    if not messages:
        yield "Invalid 'messages': empty array. Expected an array with minimum length 1."
    for index, message in enumerate(messages):
        yield from _message(message, f"messages[{index}]", request.provider)
    yield from _pairs(messages)
    if rules := _OWN.get(request.provider):
        yield from rules(request, messages)


def _pairs(messages: list[dict[str, Any]]) -> Iterator[str]:
    awaited: list[str] = []
    answered: list[str] = []
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            call_id = message.get("tool_call_id")
            if call_id in answered:
                yield f"Duplicate value for 'tool_call_id' of '{call_id}' in message[{index}]"
            elif call_id not in awaited:
                yield (
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'."
                )
            else:
                awaited.remove(call_id)
                answered.append(call_id)
            continue
        if awaited:
            break
        awaited = [call["id"] for call in message.get("tool_calls") or ()]
        answered = []
        if len(set(awaited)) < len(awaited):
            yield f"Duplicate value for 'tool_call_id' of '{awaited[0]}' in message[{index}]"
    if awaited:
        yield (
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            + ", ".join(awaited)
        )


def _message(message: dict[str, Any], at: str, provider: str) -> Iterator[str]:
    role, content = message["role"], message.get("content")
    if role not in ("system", "developer", "user", "assistant", "tool", "function"):
        yield f"Invalid value: '{role}'. ({at}.role)"
    if role == "developer" and provider in _FIELDS.keys() - set(_DEVELOPER):
        yield f"{at}.role: unknown variant `developer`"
    if unknown := set(message) - _FIELDS.get(provider, set(message)):
        yield f"'{at}' : property '{min(unknown)}' is unsupported"
    yield from _content(message, content, at, provider)
    calls = message.get("tool_calls")
    if calls is not None and (not calls or role != "assistant"):
        yield f"Invalid '{at}.tool_calls': empty array. Expected an array with minimum length 1."
    for number, call in enumerate(calls or ()):
        yield from _call(call, f"{at}.tool_calls[{number}]", provider)
    name = message.get("name")
    if name is not None and provider in _OPENAI and not _SPEAKER.fullmatch(name):
        yield (
            f"Invalid '{at}.name': string does not match pattern. Expected a string that matches "
            r"the pattern '^[^\s<|\\/>]+$'."
        )


def _call(call: dict[str, Any], at: str, provider: str) -> Iterator[str]:
    if not call["id"] or call.get("type", "function") != "function":
        yield f"Invalid '{at}': id and type are required"
    if provider in _OPENAI and len(call["id"]) > _MOST_OF_AN_ID:
        yield (
            f"Invalid '{at}.id': string too long. Expected a string with maximum length "
            f"{_MOST_OF_AN_ID}, but got a string with length {len(call['id'])} instead."
        )
    function = call["function"]
    if provider in (*_OPENAI, "mistral", "deepseek") and not _NAME.fullmatch(function["name"]):
        yield (
            f"Invalid '{at}.function.name': string does not match pattern. Expected a string that "
            "matches the pattern '^[a-zA-Z0-9_-]+$'."
        )
    if not isinstance(function["arguments"], str):
        yield f"Invalid type for '{at}.function.arguments': expected a string"
    elif provider not in _READS_ARGUMENTS:
        try:
            arguments = orjson.loads(function["arguments"])
        except orjson.JSONDecodeError:
            arguments = None
        if not isinstance(arguments, dict):
            yield f"invalid tool call arguments ({at})"


def _content(message: dict[str, Any], content: Any, at: str, provider: str) -> Iterator[str]:
    role = message["role"]
    if content is None:
        beside = any(message.get(key) for key in ("tool_calls", "refusal", "audio"))
        if role != "assistant" or not (beside or message.get("function_call")):
            yield f"Invalid value for 'content': expected a string, got null. ({at})"
        return
    if isinstance(content, str):
        return
    if provider in _STRINGS:
        yield f"{at}.content: invalid type: sequence, expected a string"
    if not content:
        yield f"Invalid '{at}.content': empty array. Expected an array with minimum length 1."
    for number, part in enumerate(content):
        kind = part["type"]
        if role == "user":
            allowed = _SHOWN.get(provider, {kind})
        elif role == "assistant":
            allowed = {"text", "refusal"} | ({"thinking"} if provider == "mistral" else set())
        else:
            allowed = _TEXT_ONLY | ({kind} if provider not in _FIELDS else set())
        if kind == "image_url" and kind not in allowed:
            yield (
                f"Invalid '{at}'. Image URLs are only allowed for messages with role 'user', but "
                f"this message with role '{role}' contains an image URL."
            )
        if kind not in allowed:
            expected = ", ".join(f"'{name}'" for name in sorted(allowed))
            yield f"Invalid value: '{kind}'. Supported values are: {expected}. ({at}.content)"
        yield from _part(part, f"{at}.content[{number}]", provider)


def _part(part: dict[str, Any], at: str, provider: str) -> Iterator[str]:
    match part["type"]:
        case "text":
            if not isinstance(part["text"], str):
                yield f"Invalid type for '{at}.text': expected a string"
        case "image_url":
            shown = part["image_url"]
            url = shown if isinstance(shown, str) else shown["url"]
            inline = data_url(url)
            if inline and (inline[0] not in IMAGES or not is_base64(inline[1])):
                yield (
                    "You uploaded an unsupported image. Please make sure your image has of one of "
                    "the following formats: ['png', 'jpeg', 'gif', 'webp']."
                )
            if not inline and not url.startswith(("http://", "https://")):
                yield f"Invalid '{at}.image_url.url': expected a URL"
        case "input_audio" if provider in _OPENAI:
            audio = part["input_audio"]
            if audio["format"] not in ("wav", "mp3") or not is_base64(audio["data"]):
                yield f"Invalid '{at}.input_audio': supported formats are 'wav' and 'mp3'"
        case "file" if provider in _OPENAI:
            file = part["file"]
            inline = data_url(file.get("file_data") or "")
            whole = inline and inline[0] == "application/pdf" and is_base64(inline[1])
            if not file.get("file_id") and not (whole and file.get("filename")):
                yield (
                    f"Invalid file data: '{at}.file.file_data'. Expected a base64-encoded data URL "
                    "with a valid file MIME type (e.g. 'data:application/pdf;base64,...')"
                )
        case _:
            pass


def _mistral(request: SimRequest, messages: list[dict[str, Any]]) -> Iterator[str]:  # noqa: ARG001  (one of a table)
    after = {
        "system": {"user", "assistant", "system"},
        "user": {"assistant", "user", "system"},
        "assistant": {"assistant", "user", "tool"},
        "tool": {"assistant", "tool"},
    }
    before = None
    for index, message in enumerate(messages):
        role = message["role"]
        if before is not None and role not in after[before]:
            yield f"Unexpected role '{role}' after role '{before}'"
        before = role
        if role == "assistant":
            if not message.get("content") and not message.get("tool_calls"):
                yield "Assistant message must have either content or tool_calls"
            if message.get("prefix") and index < len(messages) - 1:
                yield "Assistant message with prefix True must be last message"
        elif "name" in message and role != "tool":
            yield f"messages.{index}.{role}.name: Extra inputs are not permitted"
        ids = [call["id"] for call in message.get("tool_calls") or ()]
        ids += [message["tool_call_id"]] if role == "tool" else []
        for call_id in ids:
            if not _MISTRAL_ID.fullmatch(call_id):
                yield f"Tool call id was {call_id} but must be a-z, A-Z, 0-9, with a length of 9."
    if before == "assistant" and not messages[-1].get("prefix"):
        yield (
            "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
            "assistant"
        )


def _perplexity(request: SimRequest, messages: list[dict[str, Any]]) -> Iterator[str]:  # noqa: ARG001  (one of a table)
    roles = [message["role"] for message in messages]
    while roles and roles[0] == "system":
        del roles[0]
    if not roles or roles[-1] != "user":
        yield "Last message must have role `user`."
    turns = roles[::2], roles[1::2]
    if set(turns[0]) - {"user"} or set(turns[1]) - {"assistant"}:
        yield (
            "After the (optional) system message(s), user and assistant roles should be "
            "alternating."
        )
    if any(message.get("content") in ("", None) for message in messages):
        yield "Message content must not be empty."


def _deepseek(request: SimRequest, messages: list[dict[str, Any]]) -> Iterator[str]:
    off = as_object(request.body.get("thinking")).get("type") == "disabled"
    if off or not re.search(r"reasoner|-v\d", request.model):
        return
    for index, message in enumerate(messages):
        if message.get("tool_calls") and "reasoning_content" not in message:
            yield (
                "Missing `reasoning_content` field in the assistant message at message index "
                f"{index}"
            )


_OWN: dict[str, Callable[[SimRequest, list[dict[str, Any]]], Iterator[str]]] = {
    "mistral": _mistral,
    "perplexity": _perplexity,
    "deepseek": _deepseek,
}
"""What these refuse besides."""
