"""What Gemini refuses, on Google's own API and on Vertex.

From errors as recorded and reported, and Google's pages on function calling and thought signatures,
read in November 2026.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.testing.rules.media import is_base64
from llmrouter_integrations.testing.rules.seals import is_foreign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmrouter_integrations.testing.script import SimRequest

__all__ = ["gemini"]

_DATA = frozenset(
    [
        "text",
        "inlineData",
        "fileData",
        "functionCall",
        "functionResponse",
        "executableCode",
        "codeExecutionResult",
        "toolCall",
        "toolResponse",
    ]
)
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_MEDIA_TYPE = re.compile(r"(image|audio|video|text)/[\w.+-]+|application/pdf")
_SNAKE = re.compile(r"_([a-z])")
_VERSION = re.compile(r"gemini-(?:(?:pro|flash)-)?(\d+)(?:[.-](\d)(?!\d))?")
_SIGNS = (3, 0)
_ENDS_WITH_USER = (3, 6)


def gemini(request: SimRequest) -> Iterator[str]:
    """Say what is wrong with a generateContent request."""
    if request.stream and "alt=sse" not in request.path:
        yield "only server-sent events are simulated: ask with ?alt=sse"
    found = _VERSION.search(request.model)
    version = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    contents = [
        {**content, "parts": [_camel(part) for part in content.get("parts") or ()]}
        for content in request.body["contents"]
    ]
    yield from _turns(contents, version)
    for index, content in enumerate(contents):
        for number, part in enumerate(content["parts"]):
            at = f"contents[{index}].parts[{number}]"
            yield from _part(part, content.get("role", "user"), at, version)
    yield from _pairs(contents)
    if version >= _SIGNS:
        yield from _unsigned(contents)
    system = request.body.get("systemInstruction") or {}
    for part in system.get("parts") or ():
        if not part.get("text"):
            yield "Unable to submit request because systemInstruction must have a text parameter."


def _camel(part: dict[str, Any]) -> dict[str, Any]:
    """Spell a part's keys in Google's JSON form; its Python client writes them otherwise."""
    return {_SNAKE.sub(lambda m: m[1].upper(), key): value for key, value in part.items()}


def _turns(contents: list[dict[str, Any]], version: tuple[int, int]) -> Iterator[str]:
    if not contents:
        yield "* GenerateContentRequest.contents: contents is not specified"
        return
    before = None
    for index, content in enumerate(contents):
        role = content.get("role", "user")
        if role not in ("user", "model"):
            yield "Please use a valid role: user, model."
        if not content["parts"]:
            yield (
                "Unable to submit request because it must include at least one parts field, which "
                f"describes the prompt input. (contents[{index}])"
            )
        if before is None and role != "user":
            yield "Please ensure that multiturn requests start with a user role."
        if before == role == "model":
            yield "Please ensure that multiturn requests alternate between user and model."
        before = role
    if before == "model" and version >= _ENDS_WITH_USER:
        yield "Requests ending with a model turn are not supported."


def _pairs(contents: list[dict[str, Any]]) -> Iterator[str]:
    awaited: list[dict[str, Any]] = []
    for content in contents:
        parts = content["parts"]
        given = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if len(given) != len(awaited):
            yield (
                "Please ensure that the number of function response parts is equal to the number "
                "of function call parts of the function call turn."
            )
        for call, response in zip(awaited, given, strict=False):
            if call["name"] != response["name"] or call.get("id") != response.get("id"):
                yield "Please ensure that function response parts match their function call parts."
        awaited = [part["functionCall"] for part in parts if "functionCall" in part]
    if awaited:
        yield "Please ensure that function call turn comes before a function response turn."


def _part(part: dict[str, Any], role: str, at: str, version: tuple[int, int]) -> Iterator[str]:
    data = _DATA & set(part)
    signature = part.get("thoughtSignature")
    if len(data) != 1:
        yield f"{at}.data: required oneof field 'data' must have one initialized field"
    if part.get("text") == "" and signature is None:
        yield "Unable to submit request because it must have a text parameter. Add a text parameter"
    if role == "user" and ("functionCall" in part or part.get("thought")):
        yield f"{at}: Please ensure that function calls and thoughts are of the role model."
    if role == "model" and "functionResponse" in part:
        yield "Please ensure that function response turn comes immediately after a function call."
    if signature is not None:
        if not is_base64(signature):
            yield (
                f"Invalid value at '{at}.thought_signature' (TYPE_BYTES), Base64 decoding failed "
                f'for "{signature}"'
            )
        if is_foreign(signature, "gemini"):
            yield "Thought signature is not valid."
    called: dict[str, Any] = part.get("functionCall") or part.get("functionResponse") or {}
    if called and not _NAME.fullmatch(called["name"]):
        yield f"{at}: Invalid function name. Must start with a letter or an underscore."
    if "functionCall" in part and not isinstance(called.get("args", {}), dict):
        yield f"Invalid value at '{at}.function_call.args' (Struct)"
    if "functionResponse" in part:
        if not isinstance(called["response"], dict):
            yield f"Invalid value at '{at}.function_response.response' (Struct)"
        if called.get("parts") and version < _SIGNS:
            yield "Multimodal function responses are not supported for this model."
    inline, stored = part.get("inlineData"), part.get("fileData")
    if inline is not None:
        inline = _camel(inline)
        if not _MEDIA_TYPE.fullmatch(inline.get("mimeType") or ""):
            yield f"Unsupported MIME type: {inline.get('mimeType')}"
        if not is_base64(inline.get("data")):
            yield f"Invalid value at '{at}.inline_data.data' (TYPE_BYTES), Base64 decoding failed"
    if stored is not None and not _camel(stored).get("fileUri"):
        yield f"{at}.file_data: file_uri is required"


def _unsigned(contents: list[dict[str, Any]]) -> Iterator[str]:
    """Find calls of the turn under way whose step bears no signature; earlier turns may."""
    asked = [
        index
        for index, content in enumerate(contents)
        if content.get("role", "user") == "user"
        and not any("functionResponse" in part for part in content["parts"])
    ]
    for index in range(asked[-1] + 1 if asked else 0, len(contents)):
        calls = [part for part in contents[index]["parts"] if "functionCall" in part]
        if calls and not calls[0].get("thoughtSignature"):
            name = calls[0]["functionCall"]["name"]
            yield (
                "Function call is missing a thought_signature in functionCall parts. This is "
                "required for tools to work correctly, and missing thought_signature may lead to "
                "degraded model performance. Additional data, function call "
                f"`default_api:{name}` , position {index}."
            )
