"""Instances of JSON schemas, made of what a prompt says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmrouter_integrations.testing.prompt import Prompt

__all__ = ["instance"]

_MAX_DEPTH = 6
_OPTIONAL_DEPTH = 2
_PLACES = re.compile(r"location|city|place|country|region|destination|origin|address|town|state")
_WHOLE_TEXT = re.compile(r"query|question|prompt|text|message|content|input|task|request|body")
_NAMES = re.compile(r"name|title|person|author|company|customer|user|who")
_SUMS = re.compile(r"expression|equation|formula|calculation")
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "user@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_PATTERN_TRIES = (
    *_FORMATS.values(),
    *("1", "12", "123", "1234", "12345", "123456", "1.0", "+15551234567", "555-123-4567"),
    *("a", "A", "ab", "AB", "abc", "ABC", "abcd", "ABCD", "en", "en-US", "A1", "a1", "AB12"),
    *("#000000", "1.0.0", "v1.0.0", "12:00", "a-b", "a_b", "A-1", "AB-123", "ABC-1234"),
)


def instance(
    schema: Mapping[str, Any], prompt: Prompt, *, optional: bool, function: str = ""
) -> Any:
    """Make a value that the schema accepts, as far as the prompt allows from its words.

    Strings come from quotations, names and places in the prompt, numbers from its numbers in
    order. Only a ``pattern`` may be missed: common ones are met, others are not generated.

    Args:
        schema: A JSON schema; ``$ref`` within it is followed.
        prompt: What to take words and numbers from.
        optional: Whether to fill properties that are not required.
        function: The name of the tool whose arguments these are: "f(3)" in the prompt says 3.
    """
    return _Maker(schema, prompt, optional=optional, function=function).value(schema, "", 0)


class _Maker:
    def __init__(
        self, root: Mapping[str, Any], prompt: Prompt, *, optional: bool, function: str
    ) -> None:
        self._root = root
        self._prompt = prompt
        self._optional = optional
        said = prompt.arguments_of(function) if function else None
        source = prompt if said is None else type(prompt)(said)
        self._numbers = iter(source.numbers)
        self._quotes = iter(source.quotes or prompt.quotes)
        self._names = iter(prompt.names)
        self._places = iter(prompt.places)

    def value(self, raw: Mapping[str, Any] | bool, name: str, depth: int) -> Any:
        schema = self._resolved(raw)
        if "const" in schema:
            return schema["const"]
        if choices := schema.get("enum"):
            return self._chosen(choices)
        match _type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer":
                return int(self._number(schema, name, whole=True))
            case "number":
                return self._number(schema, name, whole=False)
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return self._string(schema, name)

    def _resolved(self, raw: Mapping[str, Any] | bool) -> Mapping[str, Any]:
        schema: Mapping[str, Any] = {} if isinstance(raw, bool) else raw
        for _ in range(_MAX_DEPTH):
            if "$ref" in schema:
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = {**self._pointed(schema["$ref"]), **rest}
            elif parts := schema.get("allOf"):
                merged: dict[str, Any] = {k: v for k, v in schema.items() if k != "allOf"}
                for part in map(self._resolved, parts):
                    properties = {**merged.get("properties", {}), **part.get("properties", {})}
                    required = [*merged.get("required", ()), *part.get("required", ())]
                    merged |= part
                    if properties:
                        merged |= {"properties": properties, "required": required}
                schema = merged
            elif options := schema.get("anyOf") or schema.get("oneOf"):
                rest = {k: v for k, v in schema.items() if k not in ("anyOf", "oneOf")}
                resolved = [self._resolved(option) for option in options]
                best = next((o for o in resolved if _type(o) != "null"), resolved[0])
                schema = {**rest, **best}
            else:
                break
        return schema

    def _pointed(self, pointer: str) -> Mapping[str, Any]:
        place: Any = self._root
        for key in pointer.lstrip("#/").split("/"):
            place = place.get(key.replace("~1", "/").replace("~0", "~"), {}) if key else place
        return place if isinstance(place, dict) else {}

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required = schema.get("required") or ()
        made = {}
        for name, part in (schema.get("properties") or {}).items():
            wanted = self._optional and depth < _OPTIONAL_DEPTH
            if depth < _MAX_DEPTH and (name in required or wanted):
                made[name] = self.value(part, name, depth + 1)
        for name in required:
            made.setdefault(name, self._string({}, name))
        return made

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        if prefix := schema.get("prefixItems"):
            return [self.value(part, name, depth + 1) for part in prefix]
        part = schema.get("items", {})
        if _type(self._resolved(part)) in ("integer", "number"):
            numbers = list(self._numbers) or [1]
            whole = _type(self._resolved(part)) == "integer"
            made: list[Any] = [int(n) for n in numbers] if whole else list(numbers)
        else:
            count = max(1, least) if depth < _MAX_DEPTH else least
            made = [self.value(part, name, depth + 1) for _ in range(count)]
        made += [made[-1] if made else 1] * (least - len(made))
        return made[: schema.get("maxItems", len(made))]

    def _chosen(self, choices: list[Any]) -> Any:
        text = self._prompt.text.lower()
        return next((c for c in choices if str(c).lower() in text and str(c)), choices[0])

    def _number(self, schema: Mapping[str, Any], name: str, *, whole: bool) -> float:
        said = self._prompt.number_called(name)
        value = next(self._numbers, schema.get("default")) if said is None else said
        if not isinstance(value, int | float) or isinstance(value, bool):
            value = 1
        if whole:
            value = int(value)
        step = 1 if whole else 0.5
        if (low := schema.get("minimum")) is not None:
            value = max(value, low)
        if (low := schema.get("exclusiveMinimum")) is not None and value <= low:
            value = low + step
        if (high := schema.get("maximum")) is not None:
            value = min(value, high)
        if (high := schema.get("exclusiveMaximum")) is not None and value >= high:
            value = high - step
        if multiple := schema.get("multipleOf"):
            value = -(-value // multiple) * multiple
        return value

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        candidates = filter(None, self._candidates(schema, name.lower()))
        text: str = next(candidates, name or "text")
        if (pattern := schema.get("pattern")) and not re.search(pattern, text):
            text = next((t for t in _PATTERN_TRIES if re.search(pattern, t)), text)
        text += "." * (schema.get("minLength", 0) - len(text))
        return text[: schema.get("maxLength", len(text))]

    def _candidates(self, schema: Mapping[str, Any], name: str) -> Iterator[str | None]:
        prompt = self._prompt
        if text_format := schema.get("format"):
            found = {"date": prompt.dates, "email": prompt.emails, "uri": prompt.urls}
            yield next(iter(found[text_format]()), None) if text_format in found else None
            yield _FORMATS.get(text_format)
        if "url" in name:
            yield next(iter(prompt.urls()), None)
        if "date" in name:
            yield next(iter(prompt.dates()), None)
        if "email" in name:
            yield next(iter(prompt.emails()), None)
        if _SUMS.search(name) and prompt.sum:
            yield prompt.sum[0]
        yield next(self._quotes, None)
        if _PLACES.search(name):
            yield next(self._places, None) or next(self._names, None)
        if _NAMES.search(name):
            yield next(self._names, None)
        if not _WHOLE_TEXT.search(name):
            yield next(self._names, None)
        yield prompt.text


def _type(schema: Mapping[str, Any]) -> str:
    declared = schema.get("type")
    if isinstance(declared, list):
        declared = next((kind for kind in declared if kind != "null"), "null")
    if isinstance(declared, str):
        return declared.lower()  # Gemini's own schemas write STRING and OBJECT
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"
