"""A caller's JSON schema, made fit for the validator, or refused because it could not be trusted.

See :mod:`~llmrouter_integrations.dispatch.verify_schema` for what is promised of schemas.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final
from urllib.parse import unquote

__all__ = ["UnusableSchemaError", "adapt", "lookup", "pattern_options"]

MOST_PATTERNS = 64
"""How many different patterns of a schema are used: each may take MOST_PATTERN_BYTES."""

MOST_PATTERN_BYTES = 1_000_000
"""Memory that a compiled pattern may take."""

MOST_STEPS = 100_000
"""Steps after which a pattern that has to backtrack gives up: a few milliseconds."""

MOST_CHECKS = 100_000
"""How often a schema may have one place of a value checked; each takes some 10 ns. A union of ten
forms that holds such a union, and so on, four deep, comes to 11,000."""

MOST_LEVELS = 64
"""How deep schemas may stand within schemas, what they refer to included. The validator recurses:
this, times the depth of a value, is what it needs of the stack (100 times 100 fit into 1 MB)."""

_MAPS: Final = frozenset(
    ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")
)
_DEFINITIONS: Final = ("$defs", "definitions")
_DATA: Final = frozenset(("enum", "const", "default", "example", "examples"))
_OTHER_NAMES: Final = (
    *("$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef"),
)
"""Other ways to refer to a schema than by its place. No generator of schemas for models uses them,
and with them where a reference leads could not be told here."""
_PASSED_OVER: Final = ("unevaluatedProperties", "unevaluatedItems")
"""The validator's time for these doubles with every schema around them."""
_COMBINED: Final = frozenset(
    (
        *("allOf", "anyOf", "oneOf", "not", "if", "then", "else"),
        *("dependentSchemas", "dependencies", "patternProperties", "additionalProperties"),
        *("items", "prefixItems", "additionalItems", "contains", "propertyNames"),
    )
)
"""Keywords whose schemas may all come to be checked at one place of a value."""


class UnusableSchemaError(ValueError):
    """Why a schema cannot be used."""


def adapt(schema: Any) -> bool:
    """Put a schema, in place, into terms that the validator knows.

    Returns:
        Whether it refers to itself, so that a value of any depth may fit it.

    Raises:
        UnusableSchemaError: It is no schema, refers to others in ways that are not followed, or
            checking it could take too long.
    """
    if not isinstance(schema, dict):
        raise UnusableSchemaError("it is no JSON object")
    for name in ("$schema", "$id"):
        schema.pop(name, None)
    _adapt_all(schema, {}, names=False)
    weight = _Weight(schema)
    if weight.of(schema, 1)[0] > MOST_CHECKS:
        raise UnusableSchemaError("its parts are combined in too many ways")
    return weight.recursive


def lookup(schema: Any, reference: Any) -> Any:
    """Find the part of a schema that one of its references means.

    Raises:
        UnusableSchemaError: It leads out of the schema, or nowhere.
    """
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        raise UnusableSchemaError(f"it refers to {str(reference)[:100]!r}, outside of itself")
    found = schema
    for token in unquote(reference).split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(name)] if isinstance(found, list) else found[name]
        except (LookupError, TypeError, ValueError):
            raise UnusableSchemaError(
                f"it refers to {reference[:100]!r}, which is not there"
            ) from None
    return found


@cache
def pattern_options() -> Any:
    """Give the limits under which the validator runs patterns."""
    import jsonschema_rs

    return jsonschema_rs.FancyRegexOptions(
        backtrack_limit=MOST_STEPS, size_limit=MOST_PATTERN_BYTES
    )


def _adapt_all(node: Any, patterns: dict[str, bool], *, names: bool) -> None:
    if isinstance(node, list):
        for each in node:
            _adapt_all(each, patterns, names=False)
    elif isinstance(node, dict):
        for key, value in node.items():
            if names or key not in _DATA:
                _adapt_all(value, patterns, names=not names and key in _MAPS)
        if not names:
            _adapt(node, patterns)


def _adapt(node: dict[str, Any], patterns: dict[str, bool]) -> None:
    for keyword in _OTHER_NAMES:
        if isinstance(node.get(keyword), str | bool):
            raise UnusableSchemaError(f"{keyword} is not followed")
    for keyword in _PASSED_OVER:
        node.pop(keyword, None)
    pattern = node.get("pattern")
    if isinstance(pattern, str) and not _is_usable(pattern, patterns):
        del node["pattern"]
    for name in node.get("patternProperties") or ():
        if not _is_usable(name, patterns):
            raise UnusableSchemaError(f"its pattern {name[:100]!r} cannot be used")
    if node.pop("nullable", None) is True:
        _allow_null(node)


def _is_usable(pattern: str, patterns: dict[str, bool]) -> bool:
    if pattern not in patterns:
        patterns[pattern] = len(patterns) < MOST_PATTERNS and _compiles(pattern)
    return patterns[pattern]


def _compiles(pattern: str) -> bool:
    import jsonschema_rs

    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=pattern_options())
    except ValueError:
        return False
    return True


def _allow_null(node: dict[str, Any]) -> None:
    kind, options = node.get("type"), node.get("enum")
    if isinstance(options, list):
        options.append(None)
    if kind is not None:
        node["type"] = [*(kind if isinstance(kind, list) else [kind]), "null"]
    elif options is None:
        meant = {name: node.pop(name) for name in [*node] if name not in _DEFINITIONS}
        node["anyOf"] = [meant, {"type": "null"}]


class _Weight:
    """How much work a schema can make of one place of a value.

    What leads back to itself counts once: the validator remembers what it made of a place.
    """

    __slots__ = ("_known", "_open", "_schema", "recursive")

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._known: dict[int, tuple[int, int]] = {}
        self._open: set[int] = set()
        self.recursive = False

    def of(self, node: Any, level: int) -> tuple[int, int]:
        """Count the checks that a part of the schema makes, and the levels below it.

        Raises:
            UnusableSchemaError: It stands too deep, or a reference leads nowhere.
        """
        if not isinstance(node, dict):
            return 1, 0
        key = id(node)
        if key in self._open:
            self.recursive = True
            return 1, 0
        checks, levels = self._known.get(key, (0, 0))
        if level + levels > MOST_LEVELS:
            raise UnusableSchemaError("it is nested too deep")
        if checks:
            return checks, levels
        self._open.add(key)
        checks = 1
        for keyword, value in node.items():
            if keyword == "$ref":
                parts = [lookup(self._schema, value)]
            elif keyword == "properties" or keyword in _COMBINED:
                parts = _schemas(keyword, value)
            else:
                continue
            found = [self.of(part, level + 1) for part in parts]
            # a place of the value is one of the properties, so the worst of them counts
            count = max if keyword == "properties" else sum
            checks += count([more for more, _ in found] or [0])
            levels = max([levels, *(deeper + 1 for _, deeper in found)])
        self._open.remove(key)
        self._known[key] = checks, levels
        return checks, levels


def _schemas(keyword: str, value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and keyword in _MAPS:
        return [*value.values()]
    return [value]
