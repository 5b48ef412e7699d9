"""JSON schemas as Gemini's ``parametersJsonSchema`` and ``responseJsonSchema`` take them.

Google's reference of ``responseJsonSchema`` (November 2026) lists what is supported of JSON
Schema; the rest is ignored, or refused where it stands beside a ``$ref``. What is not supported
is said in another way that means the same, or in the description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations.wire.schema_depth import ends

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["gemini_schema"]

_KEPT: Final = frozenset(
    [
        *["type", "title", "description", "required", "propertyOrdering"],
        *["minItems", "maxItems", "minimum", "maximum"],
    ]
)
_PARTS: Final = frozenset(["items", "additionalProperties"])
_LISTS: Final[Mapping[str, str]] = {
    "anyOf": "anyOf",
    "oneOf": "anyOf",
    "prefixItems": "prefixItems",
}
_TOLD: Final = frozenset(
    [
        *["exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"],
        *["pattern", "uniqueItems", "minProperties", "maxProperties", "default", "examples"],
    ]
)
"""Of no effect in a schema, so that they go into the description."""
_FORMATS: Final = frozenset(["date-time", "date", "time"])
_DEFINITIONS: Final = ("$defs", "definitions")
_TYPES: Final[Mapping[type, str]] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    type(None): "null",
}


@ends
def gemini_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give the schema in the form that Gemini takes; a plain one comes back equal.

    A property through which a definition holds itself is no longer required, since Gemini takes
    recursion only there.
    """
    definitions = {
        name: part for key in _DEFINITIONS for name, part in (schema.get(key) or {}).items()
    }
    writer = _Writer(definitions)
    written = writer.write(schema)
    root = schema.get("$ref")
    if isinstance(root, str) and _name(root) in definitions:
        written = writer.write(definitions[_name(root)])  # a reference alone is no object
    if definitions:
        written["$defs"] = {
            name: writer.write(part, within=name) for name, part in definitions.items()
        }
    return written


class _Writer:
    __slots__ = ("_definitions", "_reach")

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._reach = {name: self._reachable(part) for name, part in definitions.items()}

    def _reachable(self, schema: Any) -> set[str]:
        """Give the names of the definitions that a schema leads to."""
        found: set[str] = set()
        left = list(_references(schema))
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += _references(self._definitions.get(name))
        return found

    def write(self, schema: Any, within: str | None = None) -> dict[str, Any]:
        """Write one schema, which stands in the definition ``within``."""
        if not isinstance(schema, dict):
            return {}  # true and false are schemas too
        if "$ref" in schema:
            name = _name(schema["$ref"])
            # nothing may stand beside it; what it points to elsewhere is not to be had
            return {"$ref": f"#/$defs/{name}"} if name in self._definitions else {"type": "object"}
        schema = self._merged(schema)
        written: dict[str, Any] = {}
        told: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _KEPT:
                written[key] = value
            elif key == "properties":
                written[key] = {name: self.write(part, within) for name, part in value.items()}
            elif key in _PARTS:
                written[key] = self.write(value, within) if isinstance(value, dict) else value
            elif key in _LISTS:
                written[_LISTS[key]] = [self.write(part, within) for part in value]
            elif key == "enum":
                _write_choices(written, value)
            elif key == "const":
                _write_choices(written, [value])
            elif key == "format":
                (written if value in _FORMATS else told)[key] = value
            elif key in _TOLD and value is not None:
                told[key] = value
        if told:
            bounds = orjson.dumps(told).decode()
            written["description"] = f"{written.get('description', '')} {bounds}".strip()
        if within is not None and "required" in written:
            written["required"] = [
                name
                for name in written["required"]
                if not self._recurs(schema.get("properties", {}).get(name), within)
            ]
        return written

    def _recurs(self, schema: Any, within: str) -> bool:
        return any(
            name == within or within in self._reach.get(name, ()) for name in _references(schema)
        )

    def _merged(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Join the schemas of ``allOf``, which Gemini does not know, with what stands beside it."""
        if "allOf" not in schema:
            return schema
        merged: dict[str, Any] = {}
        for part in [*schema["allOf"], {k: v for k, v in schema.items() if k != "allOf"}]:
            whole = part
            if isinstance(part, dict) and "$ref" in part:
                whole = self._definitions.get(_name(part["$ref"]))
            if not isinstance(whole, dict):
                continue
            for key, value in self._merged(whole).items():
                before = merged.get(key)
                if isinstance(before, dict) and isinstance(value, dict):
                    merged[key] = before | value
                elif key == "required" and before:
                    merged[key] = [*before, *[name for name in value if name not in before]]
                else:
                    merged[key] = value
        return merged


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield _name(value)
            elif key not in _DEFINITIONS:
                yield from _references(value)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def _write_choices(written: dict[str, Any], choices: list[Any]) -> None:
    """Write an enum, which may hold strings and numbers only; true, false and null are types."""
    kinds: dict[str, dict[str, Any]] = {}
    for choice in choices:
        kind = _TYPES.get(type(choice), "object")
        group = kinds.setdefault(kind, {"type": kind})
        if kind in ("string", "integer", "number"):
            group.setdefault("enum", []).append(choice)
    if len(kinds) == 1:
        written |= next(iter(kinds.values()))
    else:
        written.pop("type", None)
        written["anyOf"] = list(kinds.values())
