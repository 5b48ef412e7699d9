"""JSON schemas as OpenAI's strict mode takes them.

Strict mode (https://platform.openai.com/docs/guides/structured-outputs, "Supported schemas", read
in November 2026) wants every object closed and every property required, and knows a part of JSON
Schema only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.wire.schema_depth import ends

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["strict_schema"]

_KNOWN: Final = frozenset(
    [
        *["type", "description", "title", "enum", "const", "default", "examples", "deprecated"],
        *["$ref", "$schema", "$id", "$comment"],
        *["pattern", "format", "minItems", "maxItems"],
        *["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
    ]
)
_FORMATS: Final = frozenset(
    ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"]
)


class _Inexpressible(Exception):  # noqa: N818  (never leaves this module)
    pass


@ends
def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the schema in strict form, or None where that would mean something else.

    Objects are closed, since what is not named is not asked for. A property that may be left out
    is required only if null stands for its absence; one that has another default, and objects
    with free keys, cannot be told.
    """
    try:
        strict = _strict(schema)
    except _Inexpressible:
        return None
    return strict if strict.get("type") == "object" else None


def _strict(schema: Any) -> dict[str, Any]:
    if not isinstance(schema, dict):
        raise _Inexpressible  # true and false are schemas too
    strict: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _KNOWN:
            if key == "format" and value not in _FORMATS:
                raise _Inexpressible
            strict[key] = value
        elif key in ("properties", "$defs", "definitions"):
            strict[key] = {name: _strict(part) for name, part in value.items()}
        elif key == "items":
            strict[key] = _strict(value)
        elif key == "anyOf":
            strict[key] = [_strict(part) for part in value]
        elif key == "allOf" and len(value) == 1:
            # how pydantic refers to a definition and says more about it
            strict.update(_strict(value[0]))
        elif key == "required" or (key == "additionalProperties" and value is False):
            continue
        else:
            raise _Inexpressible
    if "$ref" in strict:
        return {"$ref": strict["$ref"]}  # nothing may stand beside a reference
    strict.pop("default", None)  # every property is given, so that none has a use for it
    kind = strict.get("type")
    if kind == "object" or "properties" in strict:
        if "properties" not in strict and schema.get("additionalProperties") is not False:
            raise _Inexpressible
        properties = strict.setdefault("properties", {})
        required = schema.get("required", ())
        for name, part in properties.items():
            if name not in required and not _null_means_absent(schema["properties"][name], part):
                raise _Inexpressible
        strict["type"] = kind or "object"
        strict["required"] = list(properties)
        strict["additionalProperties"] = False
    return strict


def _null_means_absent(said: Mapping[str, Any], strict: Mapping[str, Any]) -> bool:
    kind = strict.get("type")
    nullable = kind == "null" or (isinstance(kind, list) and "null" in kind)
    nullable = nullable or {"type": "null"} in strict.get("anyOf", ())
    return nullable and said.get("default") is None
