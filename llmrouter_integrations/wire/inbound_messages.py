"""OpenAI-style messages -> :class:`~llmrouter_integrations.messages.Message`.

The form is that of OpenAI's chat completions, with what its relatives add to it:
``reasoning_content`` and ``reasoning`` (DeepSeek, Groq, Ollama), ``reasoning_details``
(OpenRouter), ``thinking`` parts (Mistral, Anthropic) and ``cache_control`` on a part or a message
(Anthropic, OpenRouter).
"""

from __future__ import annotations

import difflib
import mimetypes
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from llmrouter_integrations.errors import InvalidRequestError
from llmrouter_integrations.messages import (
    AudioPart,
    CachePoint,
    FilePart,
    ImagePart,
    Message,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.wire.media import split_data_url

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from llmrouter_integrations.messages import Part, Role

__all__ = ["bad", "messages_from", "nearest"]

_ROLES = ("system", "developer", "user", "assistant", "tool")
_PLAIN_ROLES = ("user", "assistant", "system", "developer")  # a tuple: a role may be unhashable
_DETAILS = ("low", "high", "auto")


def messages_from(items: Iterable[Mapping[str, Any] | Message | str] | str) -> tuple[Message, ...]:
    """Read a conversation.

    Args:
        items: A string is one user message. Otherwise the messages, oldest first: OpenAI-style
            dicts (or the OpenAI SDK's own message objects), :class:`Message` objects and strings
            in any mixture.

    Raises:
        InvalidRequestError: Says which message or part is wrong, how, and what to do.
    """
    if isinstance(items, str):
        return (Message("user", (TextPart(items),)),)
    if isinstance(items, Mapping | Message) or not isinstance(items, Iterable):
        raise bad(
            "messages",
            f"must be a string or a list of messages, not {_kind(items)}",
            "wrap it: [{...}]",
        )
    messages = tuple([_message(item, i) for i, item in enumerate(items)])
    if not messages:
        raise bad("messages", "is empty", "give at least one message")
    return messages


def bad(where: str, wrong: str, remedy: str = "") -> InvalidRequestError:
    """Make the error for input at ``where`` (a path such as ``messages[2].content[0]``)."""
    return InvalidRequestError(f"{where} {wrong}{f'; {remedy}' if remedy else ''}", sent=False)


def nearest(said: object, allowed: Collection[str]) -> str:
    """Name the allowed word closest to what was said, as a remedy."""
    near = difflib.get_close_matches(str(said), allowed, n=1)
    return f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(allowed)}"


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _message(item: Any, index: int) -> Message:
    if type(item) is dict and len(item) == 2:
        # the shape of nearly all messages, read without further ado
        role, content = item.get("role"), item.get("content")
        if type(content) is str and role in _PLAIN_ROLES:
            return Message(cast("Role", role), (TextPart(content),))
    if isinstance(item, Message):
        return item
    if isinstance(item, str):
        return Message("user", (TextPart(item),))
    where = f"messages[{index}]"
    if not isinstance(item, Mapping):
        if not hasattr(item, "model_dump"):
            raise bad(where, f"must be a dict or a Message, not {_kind(item)}")
        item = item.model_dump(exclude_none=True)
    role = item.get("role")
    if role not in _ROLES:
        wrong = "has no role" if role is None else f"has the unknown role {role!r}"
        raise bad(where, wrong, nearest(role, _ROLES))
    name = item.get("name")
    if not (name is None or isinstance(name, str)):
        raise bad(f"{where}.name", f"must be a string, not {_kind(name)}")
    if role == "assistant":
        parts = _assistant(item, where)
    elif role == "tool":
        parts = [_tool_result(item, where)]
    else:
        parts = _content(item.get("content"), f"{where}.content")
    if (control := item.get("cache_control")) is not None:
        parts.append(_cache_point(control, f"{where}.cache_control"))
    return Message(role, tuple(parts), name)


def _assistant(item: Mapping[str, Any], where: str) -> list[Part]:
    parts: list[Part] = []
    reasoning = item.get("reasoning_content") or item.get("reasoning")
    details = item.get("reasoning_details")
    if reasoning is not None and not isinstance(reasoning, str):
        raise bad(f"{where}.reasoning_content", f"must be a string, not {_kind(reasoning)}")
    if details:
        if not isinstance(details, list):
            raise bad(f"{where}.reasoning_details", f"must be a list, not {_kind(details)}")
        raw = {"reasoning_details": details}
        parts.append(ReasoningPart(reasoning or "", issuer="openrouter", raw=raw))
    elif reasoning:
        parts.append(ReasoningPart(reasoning))
    calls = item.get("tool_calls")
    refusal = item.get("refusal")
    audio = item.get("audio")
    content = item.get("content")
    if content is not None or not (parts or calls or refusal or audio):
        parts.extend(_content(content, f"{where}.content"))
    if refusal:
        if not isinstance(refusal, str):
            raise bad(f"{where}.refusal", f"must be a string, not {_kind(refusal)}")
        parts.append(RefusalPart(refusal))
    if isinstance(audio, Mapping) and audio.get("id"):
        parts.append(AudioPart(file_id=audio["id"], issuer="openai"))
    if item.get("function_call"):
        raise bad(f"{where}.function_call", "is OpenAI's old form", "send tool_calls")
    if calls:
        if not isinstance(calls, list | tuple):
            raise bad(f"{where}.tool_calls", f"must be a list, not {_kind(calls)}")
        parts.extend(_tool_call(c, f"{where}.tool_calls[{i}]") for i, c in enumerate(calls))
    return parts


def _tool_call(call: Any, where: str) -> ToolCallPart:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        raise bad(
            where,
            "is not a function call",
            'write {"id": ..., "type": "function", "function": {"name": ..., "arguments": ...}}',
        )
    call_id, name = call.get("id"), function.get("name")
    if not (isinstance(call_id, str) and call_id):
        raise bad(f"{where}.id", "is missing", "it ties the call to its tool message")
    if not (isinstance(name, str) and name):
        raise bad(f"{where}.function.name", "is missing")
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        raise bad(
            f"{where}.function.arguments",
            f"must be JSON text, not {_kind(arguments)}",
            "json.dumps it",
        )
    return ToolCallPart(call_id, name, arguments or "{}")


def _tool_result(item: Mapping[str, Any], where: str) -> ToolResultPart:
    call_id = item.get("tool_call_id")
    if not (isinstance(call_id, str) and call_id):
        raise bad(f"{where}.tool_call_id", "is missing", "give the id of the call that it answers")
    content = _content(item.get("content"), f"{where}.content")
    return ToolResultPart(call_id, tuple(content), item.get("name"))


def _content(content: Any, where: str) -> list[Part]:
    if isinstance(content, str):
        return [TextPart(content)]
    if not isinstance(content, list | tuple):
        raise bad(where, f"must be a string or a list of parts, not {_kind(content)}")
    parts: list[Part] = []
    for i, part in enumerate(content):
        at = f"{where}[{i}]"
        if isinstance(part, str):
            parts.append(TextPart(part))
            continue
        if not isinstance(part, Mapping):
            raise bad(at, f"must be a dict, not {_kind(part)}")
        kind = part.get("type")
        read = _PARTS.get(kind) if isinstance(kind, str) else None
        if read is None:
            wrong = "has no type" if kind is None else f"has the unknown type {kind!r}"
            raise bad(at, wrong, nearest(kind, _PARTS))
        parts.append(read(part, at))
        if (control := part.get("cache_control")) is not None:
            parts.append(_cache_point(control, f"{at}.cache_control"))
    return parts


def _cache_point(control: Any, where: str) -> CachePoint:
    if not isinstance(control, Mapping):
        raise bad(where, f"must be a dict, not {_kind(control)}", 'use {"type": "ephemeral"}')
    ttl = control.get("ttl")
    if not (ttl is None or isinstance(ttl, str)):
        raise bad(f"{where}.ttl", f"must be a string such as '5m', not {_kind(ttl)}")
    return CachePoint(ttl)


def _field(part: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = part.get(key)
    if not isinstance(value, Mapping):
        raise bad(f"{where}.{key}", f"must be a dict, not {_kind(value)}")
    return value


def _string(of: Any, key: str, where: str) -> str:
    value = of.get(key) if isinstance(of, Mapping) else None
    if not isinstance(value, str):
        raise bad(f"{where}.{key}", f"must be a string, not {_kind(value)}")
    return value


def _text(part: Mapping[str, Any], where: str) -> Part:
    return TextPart(_string(part, "text", where))


def _refusal(part: Mapping[str, Any], where: str) -> Part:
    return RefusalPart(_string(part, "refusal", where))


def _image(part: Mapping[str, Any], where: str) -> Part:
    image = part.get("image_url")
    if isinstance(image, str):  # Mistral's form, and a common slip
        image = {"url": image}
    if not isinstance(image, Mapping):
        raise bad(f"{where}.image_url", f"must be a dict, not {_kind(image)}", 'use {"url": ...}')
    url = _string(image, "url", f"{where}.image_url")
    detail = image.get("detail")
    if detail is not None and detail not in _DETAILS:
        raise bad(f"{where}.image_url.detail", f"is {detail!r}", nearest(detail, _DETAILS))
    if (inline := split_data_url(url)) is not None:
        if not inline[0].startswith("image/"):
            raise bad(f"{where}.image_url.url", f"holds {inline[0]}", "send it as a file part")
        return ImagePart(data=inline[1], media_type=inline[0], detail=detail)
    if not url.startswith(("http://", "https://", "gs://", "s3://")):
        raise bad(
            f"{where}.image_url.url",
            f"is no URL ({url[:40]!r})",
            "give https://..., or data:image/png;base64,...",
        )
    return ImagePart(url=url, detail=detail)


def _audio(part: Mapping[str, Any], where: str) -> Part:
    audio = _field(part, "input_audio", where)
    at = f"{where}.input_audio"
    form = _string(audio, "format", at)
    media_type = "audio/mpeg" if form == "mp3" else f"audio/{form}"
    return AudioPart(data=_string(audio, "data", at), media_type=media_type)


def _file(part: Mapping[str, Any], where: str) -> Part:
    file = _field(part, "file", where)
    at = f"{where}.file"
    name = None if file.get("filename") is None else _string(file, "filename", at)
    if file.get("file_id") is not None:
        return FilePart(file_id=_string(file, "file_id", at), name=name, issuer="openai")
    if file.get("file_data") is None:
        raise bad(at, "has neither file_data nor file_id")
    data = _string(file, "file_data", at)
    media_type = mimetypes.guess_type(name)[0] if name else None
    if data.startswith(("http://", "https://")):  # OpenRouter's form
        return FilePart(url=data, name=name, media_type=media_type or "application/pdf")
    if (inline := split_data_url(data)) is not None:
        media_type, data = inline
    return FilePart(data=data, name=name, media_type=media_type or "application/pdf")


def _thinking(part: Mapping[str, Any], where: str) -> Part:
    """Read a thinking part: a list of texts is Mistral's, a signed text Anthropic's."""
    thought = part.get("thinking")
    if isinstance(thought, list):
        pieces = [_string(piece, "text", f"{where}.thinking") for piece in thought]
        return ReasoningPart("".join(pieces), issuer="mistral")
    text = _string(part, "thinking", where)
    signature = _string(part, "signature", where) if part.get("signature") else None
    return ReasoningPart(text, "anthropic" if signature else None, signature)


_PARTS: dict[str, Callable[[Mapping[str, Any], str], Part]] = {
    "text": _text,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
    "refusal": _refusal,
    "thinking": _thinking,
}
