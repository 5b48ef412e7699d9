"""What Bedrock's Converse refuses.

From botocore's model of the service, AWS's user guide and errors as reported, read in November
2026. What is said of one family only is checked for that family.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.testing.protocols.base import as_object
from llmrouter_integrations.testing.rules.media import is_base64
from llmrouter_integrations.testing.rules.seals import is_altered, is_foreign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmrouter_integrations.testing.script import SimRequest

__all__ = ["bedrock"]

_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TITLE = re.compile(r"(?!.*\s\s)[A-Za-z0-9\s()\[\]-]{1,200}")
_MEDIA = ("image", "document", "video", "audio")
_USERS = {"text", *_MEDIA, "toolResult", "guardContent", "cachePoint", "searchResult"}
_ASSISTANTS = {"text", "toolUse", "reasoningContent", "citationsContent", "cachePoint"}
_IN_RESULTS = {"json", "text", "image", "document", "video", "searchResult"}
_FORMATS = {
    "image": {"png", "jpeg", "gif", "webp"},
    "document": {"pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"},
    "video": {"mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"},
    "audio": {"mp3", "opus", "wav", "aac", "flac", "ogg", "m4a", "webm", "mp4", "mka", "mpga"},
}
_MOST_DOCUMENTS = 5
_MAX_CACHE_POINTS = 4
_RESULTS_ALONE = re.compile(r"(?:^|[./])(mistral|meta|writer)\.")
_UNSIGNED = re.compile(r"(?:^|[./])(amazon|meta|mistral|openai|qwen|zai|moonshotai|deepseek)\.")
"""Those whose reasoning, if any, bears no signature."""
_SINCE_46 = re.compile(r"claude-(opus|sonnet|haiku)-(4-[6-9]|[5-9])(?!\d)|claude-(fable|mythos)")
"""Claudes that decide for themselves where to think, and take no answer begun for them."""


def bedrock(request: SimRequest) -> Iterator[str]:
    """Say what is wrong with a Converse request."""
    messages = request.body["messages"]
    yield from _turns(messages)
    yield from _pairs(messages)
    blocks = [block for message in messages for block in message["content"]]
    if any("toolUse" in block or "toolResult" in block for block in blocks) and not as_object(
        request.body.get("toolConfig")
    ).get("tools"):
        yield (
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )
    for index, message in enumerate(messages):
        alone = bool(_RESULTS_ALONE.search(request.model))
        yield from _message(message, f"messages.{index}.content", alone=alone)
    if "claude" in request.model:
        yield from _thoughts(request, messages)
    elif _UNSIGNED.search(request.model) and any(
        "signature" in as_object(block.get("reasoningContent")).get("reasoningText", {})
        for block in blocks
    ):
        yield "This model doesn't support the reasoningContent.reasoningText.signature field."
    for number, block in enumerate(request.body.get("system") or ()):
        yield from _text(block, f"system.{number}")
    if messages:
        yield from _ending(request, messages)
    yield from _documents(blocks)
    points = [*blocks, *(request.body.get("system") or ())]
    points += as_object(request.body.get("toolConfig")).get("tools") or []
    if sum("cachePoint" in block for block in points) > _MAX_CACHE_POINTS:
        yield f"A maximum of {_MAX_CACHE_POINTS} cache points may be provided."


def _turns(messages: list[dict[str, Any]]) -> Iterator[str]:
    if not messages or messages[0]["role"] != "user":
        yield (
            "A conversation must start with a user message. Try again with a conversation that "
            "starts with a user message."
        )
    for index, message in enumerate(messages):
        if message["role"] not in ("user", "assistant"):
            yield f"Value '{message['role']}' at 'messages.{index}.role' is not valid"
        if index and message["role"] == messages[index - 1]["role"]:
            yield (
                "A conversation must alternate between user and assistant roles. Make sure the "
                "conversation alternates between user and assistant roles and try again."
            )
        if not message["content"] or all("cachePoint" in block for block in message["content"]):
            yield (
                f"The content field in the Message object at messages.{index} is empty. Add a "
                "ContentBlock object to the content field and try again."
            )


def _pairs(messages: list[dict[str, Any]]) -> Iterator[str]:
    awaited: list[str] = []
    for index, message in enumerate(messages):
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
        if set(given) - set(awaited):
            yield f"The toolUseId at messages.{index}.content matches no toolUse of previous turn."
        awaited = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
        if len(set(awaited)) < len(awaited):
            yield f"messages.{index}.content contains duplicate Ids: {awaited[0]}"
    if awaited:
        yield f"Expected toolResult blocks for the following Ids: {', '.join(awaited)}"


def _message(message: dict[str, Any], at: str, *, alone: bool) -> Iterator[str]:
    role, blocks = message["role"], message["content"]
    kinds = {key for block in blocks for key in block}
    if role == "user" and "document" in kinds and "text" not in kinds:
        yield "A text block must be included when using documents."
    if alone and "toolResult" in kinds and kinds - {"toolResult", "cachePoint"}:
        yield (
            f"{at}: Conversation blocks and tool result blocks cannot be provided in the same turn."
        )
    for number, block in enumerate(blocks):
        where = f"{at}.{number}"
        if len(block) != 1:
            yield f"{where}: exactly one member of ContentBlock must be set"
        (kind,) = block
        if kind not in (_USERS if role == "user" else _ASSISTANTS):
            said = "reasoning content" if kind == "reasoningContent" else kind
            yield f"{role.title()} messages cannot contain {said}. Remove it. ({where})"
        yield from _text(block, where)
        if kind in _MEDIA:
            yield from _medium(kind, block[kind], where)
        if kind == "toolUse":
            yield from _call(block[kind], where)
        if kind == "toolResult":
            yield from _result(block[kind], where)
        if kind == "reasoningContent":
            thought = as_object(block[kind].get("reasoningText"))
            signature = thought.get("signature") or block[kind].get("redactedContent")
            if is_foreign(signature, "bedrock") or (
                thought and is_altered(signature, thought["text"])
            ):
                yield f"{where}: Invalid `signature` in `thinking` block"


def _text(block: dict[str, Any], at: str) -> Iterator[str]:
    if "text" in block and not block["text"].strip():
        yield (
            f"The text field in the ContentBlock object at {at} is blank. Add text to the text "
            "field, and try again."
        )


def _call(call: dict[str, Any], at: str) -> Iterator[str]:
    if not _ID.fullmatch(call["toolUseId"]):
        yield (
            f"Value '{call['toolUseId']}' at '{at}.toolUse.toolUseId' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+"
        )
    if not _NAME.fullmatch(call["name"]):
        yield (
            f"Value '{call['name']}' at '{at}.toolUse.name' failed to satisfy constraint: Member "
            "must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
        )
    if not isinstance(call["input"], dict):
        yield f"The format of the value at {at}.toolUse.input is invalid. Provide a json object."


def _result(result: dict[str, Any], at: str) -> Iterator[str]:
    if not result["content"]:
        yield f"The content field in the ToolResultBlock object at {at} is empty."
    for number, block in enumerate(result["content"]):
        (kind,) = block
        where = f"{at}.toolResult.content.{number}"
        if kind not in _IN_RESULTS:
            yield f"{where}: {kind} is not allowed in a tool result"
        if kind == "json" and not isinstance(block["json"], dict):
            yield f"The format of the value at {where}.json is invalid. Provide a json object."
        yield from _text(block, where)
        if kind in _MEDIA:
            yield from _medium(kind, block[kind], where)


def _medium(kind: str, medium: dict[str, Any], at: str) -> Iterator[str]:
    if medium["format"] not in _FORMATS[kind]:
        yield f"Value '{medium['format']}' at '{at}.{kind}.format' is not a member of the enum"
    source = medium["source"]
    if not {"bytes", "s3Location", "text", "content"} & set(source):
        yield f"{at}.{kind}.source: exactly one member must be set"
    if "bytes" in source and not is_base64(source["bytes"]):
        yield f"{at}.{kind}.source.bytes: invalid base64"
    if kind == "document" and not _TITLE.fullmatch(medium["name"]):
        yield (
            "The provided document name contains invalid characters: only alphanumeric characters, "
            "whitespace characters (no more than one in a row), hyphens, parentheses and square "
            "brackets are allowed."
        )


def _thoughts(request: SimRequest, messages: list[dict[str, Any]]) -> Iterator[str]:
    """Find what Anthropic refuses about a Claude's thinking."""
    for index, message in enumerate(messages):
        thinks = ["reasoningContent" in block for block in message["content"]]
        if any(thinks) and not (thinks[0] or _SINCE_46.search(request.model)):
            yield (
                f"messages.{index}.content.0: If an assistant message contains any thinking "
                "blocks, the first block must be `thinking` or `redacted_thinking`."
            )
        if thinks and thinks[-1]:
            yield f"messages.{index}: The final block in an assistant message cannot be `thinking`."
    more = as_object(request.body.get("additionalModelRequestFields"))
    answers = messages and any("toolResult" in block for block in messages[-1]["content"])
    budgeted = as_object(more.get("thinking")).get("type") == "enabled"
    if answers and budgeted and "reasoningContent" not in messages[-2]["content"][0]:
        yield (
            f"messages.{len(messages) - 2}.content.0.type: Expected `thinking` or "
            "`redacted_thinking`. When `thinking` is enabled, a final `assistant` message must "
            "start with a thinking block."
        )


def _documents(blocks: list[dict[str, Any]]) -> Iterator[str]:
    inner = [piece for b in blocks if "toolResult" in b for piece in b["toolResult"]["content"]]
    names = [b["document"]["name"] for b in [*blocks, *inner] if "document" in b]
    if len(set(names)) < len(names):
        yield "Messages can't contain duplicate document names."
    if len(names) > _MOST_DOCUMENTS:
        yield f"You can't include more than {_MOST_DOCUMENTS} documents in a request."


def _ending(request: SimRequest, messages: list[dict[str, Any]]) -> Iterator[str]:
    last = messages[-1]
    if last["role"] != "assistant":
        return
    model = request.model
    text = last["content"][-1].get("text")
    if "claude" not in model or _SINCE_46.search(model):
        yield (
            "This model does not support assistant message prefill. The conversation must end with "
            "a user message."
        )
    if text is not None and text != text.rstrip():
        yield "messages: final assistant content cannot end with trailing whitespace"
