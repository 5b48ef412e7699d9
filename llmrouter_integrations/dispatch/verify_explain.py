"""What of a value does not fit its JSON schema, in words that a model can act on.

The validator tells yes or no at once, but its own account of a no tells of every form that a union
could have taken, and of every form within it: with unions inside unions that is more than memory
holds, and of no help to whoever has to mend the value. So the account is made here, from yes and
no alone: down into whatever does not fit, in a union into the form that was most likely meant.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import orjson

from llmrouter_integrations.dispatch.verify_adapt import UnusableSchemaError, lookup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jsonschema_rs import ValidationError

    Node = dict[str, Any]
    Path = tuple[str | int, ...]
    Fits = Callable[[str, Any], bool]
    Faults = Callable[[Node, Any], Iterator[ValidationError]]

__all__ = ["MOST_CHARACTERS", "bounded", "explain", "field_name", "shown"]

MOST_CHARACTERS = 500
"""Longest account of what is wrong with an answer."""

MOST_PROBLEMS = 5
"""How many problems are told at once."""

MOST_QUESTIONS = 1000
"""How many parts of a value are looked at for an account; the rest is taken to be good."""

_MUST: Final[Mapping[str, str]] = {
    "enum": "must be one of {}",
    "const": "must be {}",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be greater than {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "pattern": "must match the pattern {}",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "uniqueItems": "must not hold an item twice",
    "minProperties": "must have at least {} fields",
    "maxProperties": "must have at most {} fields",
}
"""Keywords that ask something of a value as it stands, and what they ask."""

_KINDS: Final[Mapping[str, str]] = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "an array",
    "object": "an object",
}
_PLAIN: Final = frozenset((*_MUST, "type", "format", "required"))
_GAVE_UP: Final = ("BacktrackLimitExceeded", "RegexEngineFailure")


def explain(
    schema: Node, value: Any, whole: str, *, fits: Fits, faults: Faults, ref_stands_alone: bool
) -> str | None:
    """Say what of a value does not fit.

    Args:
        schema: The schema.
        value: A value that does not fit it.
        whole: What the value is called.
        fits: Whether a value fits the part of the schema at a JSON pointer ("#/...").
        faults: What the validator has against a value by a schema with no others within.
        ref_stands_alone: Whether nothing beside a ``$ref`` counts.

    Returns:
        Up to MOST_PROBLEMS of what is wrong, within MOST_CHARACTERS; None where all that failed
        was the search for a pattern, which gave up.
    """
    account = _Account(schema, whole, fits, faults, ref_stands_alone=ref_stands_alone)
    try:
        found = [*islice(account.of("#", schema, value, ()), MOST_PROBLEMS)]
    except (UnusableSchemaError, ValueError, RecursionError):
        return f"{whole} does not fit its schema"
    if not found:
        return None if account.gave_up else f"{whole} does not fit its schema"
    return bounded("; ".join(dict.fromkeys(found)))


def bounded(text: str, most: int = MOST_CHARACTERS) -> str:
    """Shorten a text to so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def shown(value: Any) -> str:
    """Write a value for a sentence, a large one by what it is."""
    if isinstance(value, str):
        return repr(bounded(value, 60))
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    return orjson.dumps(value).decode()


def field_name(path: Sequence[str | int], whole: str) -> str:
    """Name a place within a value; the value itself by what it is called."""
    if not path:
        return whole
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return f"the field {bounded(''.join(steps).removeprefix('.'), 120)!r}"


class _Account:
    __slots__ = (
        "_faults",
        "_fits",
        "_questions",
        "_ref_stands_alone",
        "_schema",
        "_seen",
        "_whole",
        "gave_up",
    )

    def __init__(
        self, schema: Node, whole: str, fits: Fits, faults: Faults, *, ref_stands_alone: bool
    ) -> None:
        self._schema = schema
        self._whole = whole
        self._fits = fits
        self._faults = faults
        self._ref_stands_alone = ref_stands_alone
        self._questions = 0
        self._seen: set[tuple[str, Path]] = set()
        self.gave_up = False

    def of(self, at: str, node: Any, value: Any, path: Path) -> Iterator[str]:
        """Tell what a value has against it in the part of the schema at a pointer."""
        if (at, path) in self._seen:
            return
        self._seen.add((at, path))
        name = field_name(path, self._whole)
        if not isinstance(node, dict):
            yield f"{name} must be left out"
            return
        any_told = False
        for problem in self._all(at, node, value, path, name):
            any_told = True
            yield problem
        if not any_told and not self.gave_up:
            yield f"{name} does not fit {bounded(orjson.dumps(node).decode(), 200)}"

    def _all(self, at: str, node: Node, value: Any, path: Path, name: str) -> Iterator[str]:
        if "$ref" in node:
            to = node["$ref"]
            if not self._good(to, value):
                yield from self.of(to, lookup(self._schema, to), value, path)
            if self._ref_stands_alone:
                return
        yield from self._plain(node, value, name)
        for index, part in enumerate(node.get("allOf", ())):
            if not self._good(f"{at}/allOf/{index}", value):
                yield from self.of(f"{at}/allOf/{index}", part, value, path)
        for keyword in ("anyOf", "oneOf"):
            if keyword in node:
                yield from self._union(f"{at}/{keyword}", node[keyword], value, path, name)
        for step, place, part, inner in _within(at, node, value):
            if not self._good(place, inner):
                yield from self.of(place, part, inner, (*path, step))

    def _good(self, at: str, value: Any) -> bool:
        self._questions += 1
        return self._questions > MOST_QUESTIONS or self._fits(at, value)

    def _plain(self, node: Node, value: Any, name: str) -> Iterator[str]:
        """Tell what is wrong with a value as it stands, whatever is within it."""
        plain = {keyword: node[keyword] for keyword in node if keyword in _PLAIN}
        if node.get("additionalProperties") is False:
            plain["additionalProperties"] = False
            for keyword in ("properties", "patternProperties"):
                plain[keyword] = dict.fromkeys(node.get(keyword, ()), True)
        for fault in self._faults(plain, value):
            kind = fault.kind
            if type(kind).__name__ in _GAVE_UP:
                self.gave_up = True
                continue
            asked = plain.get(kind.name)
            if kind.name == "required":
                yield f"{name} lacks the field {kind.value!r}"
            elif kind.name == "type":
                yield f"{name} must be {_kinds(asked)}, got {shown(value)}"
            elif kind.name == "format":
                yield f"{name} must be a valid {bounded(str(asked), 60)}, got {shown(value)}"
            elif kind.name == "additionalProperties":
                for extra in kind.value:
                    yield f"{name} must not have the field {bounded(extra, 60)!r}"
            else:
                yield f"{name} {_MUST[kind.name].format(_said(asked))}, got {shown(value)}"

    def _union(
        self, at: str, forms: Sequence[Any], value: Any, path: Path, name: str
    ) -> Iterator[str]:
        good = [index for index in range(len(forms)) if self._good(f"{at}/{index}", value)]
        if good:
            if len(good) > 1 and at.endswith("/oneOf"):
                yield f"{name} fits {len(good)} of its forms, and may fit one only"
            return
        meant = [self._meant(form) for form in forms]
        kinds = _kinds_of(value)
        likely = [i for i, form in enumerate(meant) if kinds & _allowed(form)]
        if not likely:
            allowed = [kind for kind in _KINDS if any(kind in _allowed(form) for form in meant)]
            asked = f"must be {_kinds(allowed)}" if allowed else "fits none of its forms"
            yield f"{name} {asked}, got {shown(value)}"
            return
        tag, tags = self._tag([meant[index] for index in likely], value)
        if tag is not None:
            tag_name = field_name((*path, tag), self._whole)
            yield f"{tag_name} must be one of {_said(tags)}, got {shown(value[tag])}"
            return
        best = max(likely, key=lambda index: self._likeness(meant[index], value))
        yield from self.of(f"{at}/{best}", forms[best], value, path)

    def _tag(self, forms: list[Any], value: Any) -> tuple[str | None, list[Any]]:
        """Find the field by which all forms of a union are told apart, if it names none of them."""
        if len(forms) < 2 or not isinstance(value, dict):
            return None, []
        for name in value:
            tags = [self._tags(form, name) for form in forms]
            if None not in tags and not any(value[name] in each for each in tags if each):
                return name, [tag for each in tags if each for tag in each]
        return None, []

    def _tags(self, form: Any, name: str) -> list[Any] | None:
        if not isinstance(form, dict):
            return None
        return _constants(self._meant((form.get("properties") or {}).get(name)))

    def _meant(self, form: Any) -> Any:
        """Follow the references of a form that is nothing else."""
        for _ in range(10):
            if not isinstance(form, dict) or "$ref" not in form:
                break
            form = lookup(self._schema, form["$ref"])
        return form

    def _likeness(self, form: Any, value: Any) -> int:
        """Judge how likely a form of a union was meant: above all by the tag it bears."""
        if not isinstance(form, dict) or not isinstance(value, dict):
            return 0
        properties = form.get("properties") or {}
        score = sum(name in value for name in properties)
        score -= sum(name not in value for name in form.get("required") or ())
        for name in properties:
            tags = self._tags(form, name)
            if tags is not None and name in value:
                score += 100 if value[name] in tags else -100
        return score


def _within(at: str, node: Node, value: Any) -> Iterator[tuple[str | int, str, Any, Any]]:
    """Give what is directly within a value: its step, and the schema for it with its pointer."""
    if isinstance(value, dict):
        named = node.get("properties") or {}
        others = node.get("additionalProperties")
        if "patternProperties" in node or others is False:
            others = None
        for name, inner in value.items():
            if name in named:
                yield name, f"{at}/properties/{_token(name)}", named[name], inner
            elif others is not None:
                yield name, f"{at}/additionalProperties", others, inner
    elif isinstance(value, list):
        rest = node.get("items")
        keyword = "items" if isinstance(rest, list) else "prefixItems"
        first: list[Any] = rest if isinstance(rest, list) else node.get("prefixItems") or []
        for index, inner in enumerate(value):
            if index < len(first):
                yield index, f"{at}/{keyword}/{index}", first[index], inner
            elif rest is not None and rest is not first:
                yield index, f"{at}/items", rest, inner


def _token(name: str) -> str:
    return quote(name.replace("~", "~0").replace("/", "~1"))


def _constants(part: Any) -> list[Any] | None:
    if not isinstance(part, dict):
        return None
    return [part["const"]] if "const" in part else part.get("enum")


def _allowed(form: Any) -> frozenset[str]:
    """Give the kinds of value that a form takes, as far as it says so at once."""
    if not isinstance(form, dict):
        return frozenset(_KINDS) if form else frozenset()
    kind = form.get("type")
    if kind is None:
        tags = _constants(form)
        return frozenset(_KINDS if tags is None else set().union(*map(_kinds_of, tags)))
    return frozenset([kind] if isinstance(kind, str) else kind)


def _kinds_of(value: Any) -> set[str]:
    match value:
        case bool():
            return {"boolean"}
        case None:
            return {"null"}
        case str():
            return {"string"}
        case dict():
            return {"object"}
        case list():
            return {"array"}
        case float() if not value.is_integer():
            return {"number"}
        case _:
            return {"integer", "number"}


def _kinds(asked: Any) -> str:
    kinds = [asked] if isinstance(asked, str) else asked
    return " or ".join([_KINDS[kind] for kind in kinds])


def _said(asked: Any) -> str:
    if isinstance(asked, list):
        return bounded(", ".join([shown(each) for each in asked]), 200)
    return shown(asked)
