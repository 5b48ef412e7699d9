"""JSON schemas as Claude's structured outputs take them.

Anthropic compiles a schema to a grammar, which knows a part of JSON Schema (its page on
structured outputs, read in November 2026): every object closed, no recursion, no bounds on
numbers, lengths and counts. Bounds are told in the description instead, as Anthropic's own SDKs
do; what changes the schema's meaning cannot be told at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations.wire.schema_depth import ends

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["closed_schema"]

_PLAIN: Final = frozenset(
    {"type", "const", "default", "required", "title", "description", "$ref", "examples"}
)
_BOUNDS: Final = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "format",
        "pattern",
    }
)
_NOTES: Final = frozenset({"$schema", "$id", "$comment", "deprecated", "readOnly", "writeOnly"})
_FORMATS: Final = frozenset(
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]
)
_DEFINITIONS: Final = ("$defs", "definitions")

MAX_OPTIONAL: Final = 10
"""Optional properties in all. Each doubles the grammar, and one too large is refused; beyond this
Vercel's AI SDK no longer asks Claude for a native schema either (its release notes, Nov 2026)."""


class _Inexpressible(Exception):  # noqa: N818  (never leaves this module)
    pass


@ends
def closed_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the schema in the form that Claude is held to, or None where it would mean another.

    Properties that are not listed are shut out, as Anthropic demands, unless the schema asks for
    them (``additionalProperties``, or an object of which no property is named).
    """
    definitions = {
        f"#/{key}/{name}": part
        for key in _DEFINITIONS
        for name, part in (schema.get(key) or {}).items()
    }
    try:
        sound: set[str] = set()
        for pointer in definitions:
            _refuse_recursion(pointer, definitions, (), sound)
        closed = _close(schema)
    except _Inexpressible:
        return None
    return closed if _optional(closed) <= MAX_OPTIONAL else None


def _optional(schema: Any) -> int:
    """Count the properties that may be left out, at every depth."""
    if isinstance(schema, list):
        return sum(_optional(part) for part in schema)
    if not isinstance(schema, dict):
        return 0
    properties = schema.get("properties") or {}
    here = len(properties) - len(schema.get("required") or ()) if properties else 0
    return here + sum(_optional(part) for part in schema.values())


def _refuse_recursion(
    pointer: str, definitions: Mapping[str, Any], above: tuple[str, ...], sound: set[str]
) -> None:
    """Walk each definition once; ``sound`` are those found to lead back to nowhere."""
    if pointer in sound:
        return
    if pointer in above:
        raise _Inexpressible
    for inner in _references(definitions.get(pointer)):
        _refuse_recursion(inner, definitions, (*above, pointer), sound)
    sound.add(pointer)


def _references(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        found = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
        return found + [ref for part in schema.values() for ref in _references(part)]
    if isinstance(schema, list):
        return [ref for part in schema for ref in _references(part)]
    return []


def _close(schema: Any) -> dict[str, Any]:
    if not isinstance(schema, dict):
        raise _Inexpressible  # true and false are schemas too
    closed: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _PLAIN:
            if key == "$ref" and not value.startswith(("#/$defs/", "#/definitions/")):
                raise _Inexpressible
            closed[key] = value
        elif key == "properties" or key in _DEFINITIONS:
            closed[key] = {name: _close(part) for name, part in value.items()}
        elif key == "items":
            closed[key] = _close(value)
        elif key in ("anyOf", "oneOf", "allOf"):
            closed["allOf" if key == "allOf" else "anyOf"] = [_close(part) for part in value]
        elif key == "enum":
            if any(isinstance(choice, dict | list) for choice in value):
                raise _Inexpressible
            closed[key] = value
        elif key in _BOUNDS:
            (closed if _takes(key, value) else told)[key] = value
        elif key == "additionalProperties":
            if value is not False:
                raise _Inexpressible
        elif key not in _NOTES:
            raise _Inexpressible
    if "properties" in closed:
        closed.setdefault("type", "object")
    kind = closed.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind):
        if "properties" not in closed and schema.get("additionalProperties") is not False:
            raise _Inexpressible
        closed["additionalProperties"] = False
    if told:
        bounds = orjson.dumps(told).decode()
        closed["description"] = f"{closed.get('description', '')}\n\n{bounds}".strip()
    return closed


def _takes(key: str, value: Any) -> bool:
    if key == "format":
        return value in _FORMATS
    if key == "minItems":
        return value in (0, 1)
    if key == "pattern":
        return not any(piece in value for piece in ("(?", "\\b", "\\B", "\\1", "\\2", "\\k"))
    return False
