"""Whether a value fits a JSON schema: compiled once, checked in microseconds.

Schemas come from callers, through a gateway from anybody, so none is trusted:

- Nothing is fetched. A schema may refer to its own parts by JSON pointer (``#/$defs/...``) only.
- Nothing runs away. Patterns match in linear time or give up after a number of steps, and a schema
  that could have one place of a value checked very many times over is not used at all.
- What cannot be used is said in :attr:`SchemaCheck.unusable`, and then every value fits.

Beyond the letter of its draft (2020-12 unless ``$schema`` names an older one), a schema is read as
the models and parsers around here read it: OpenAPI's ``nullable`` counts; ``format`` is checked,
the formats of pydantic as leniently as pydantic reads them; patterns of another dialect of regular
expressions, and ``unevaluatedProperties`` and ``unevaluatedItems``, are passed over.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations.dispatch.verify_adapt import (
    UnusableSchemaError,
    adapt,
    pattern_options,
)
from llmrouter_integrations.dispatch.verify_explain import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jsonschema_rs import ValidationError, Validator

__all__ = ["SchemaCheck", "schema_check"]

MOST_SCHEMAS = 128
"""How many compiled schemas are kept: those used last."""

MOST_BYTES = 1_000_000
"""Longest schema that is used. OpenAI's limit on the strings of one is 120,000 characters."""

MOST_DEPTH = 100
"""How deep a value may be nested where its schema refers to itself and so sets no limit."""

_ROOT: Final = "urn:schema"


class SchemaCheck:
    """A compiled schema.

    Args:
        schema: Plain JSON, which this takes over and changes.
        unusable: Why it cannot be used, where that is known.

    Attributes:
        unusable: Why the schema cannot be used; None where it can.
    """

    __slots__ = ("_old", "_parts", "_recursive", "_registry", "_schema", "_validator", "unusable")

    def __init__(self, schema: Any, unusable: str | None = None) -> None:
        self._schema = schema
        # in draft 7 and before it, nothing beside a $ref counts
        self._old = isinstance(schema, dict) and "/draft-0" in str(schema.get("$schema"))
        self._recursive = False
        self._parts: dict[str, Validator] = {}
        self._registry: Any = None
        self._validator: Validator | None = None
        self.unusable = unusable
        if unusable is not None:
            return
        try:
            self._recursive = adapt(schema)
            self._validator = self._compiled(schema)
        except UnusableSchemaError as error:
            self.unusable = str(error)
        except (ValueError, TypeError) as error:
            self.unusable = f"it is no valid schema: {getattr(error, 'message', error)}"[:300]

    def problem(self, value: Any, whole: str) -> str | None:
        """Say what of a value does not fit.

        Args:
            value: Plain JSON, as ``orjson.loads`` gives it.
            whole: What the value is called ("the answer").

        Returns:
            None where it fits, or where that cannot be told; else some of what is wrong.
        """
        if self._validator is None:
            return None
        if self._recursive and _is_deeper(value, MOST_DEPTH):
            return f"{whole} is nested too deep"
        try:
            if self._validator.is_valid(value):
                return None
        except ValueError:  # it raises one thing only: there is a limit to what it compares
            return f"{whole} is nested too deep"
        return explain(
            self._schema,
            value,
            whole,
            fits=self._fits,
            faults=self._faults,
            ref_stands_alone=self._old,
        )

    def _compiled(self, schema: dict[str, Any], registry: Any = None) -> Validator:
        import jsonschema_rs

        make = jsonschema_rs.Draft7Validator if self._old else jsonschema_rs.Draft202012Validator
        return make(
            schema,
            registry=registry,
            offline=True,
            formats=_formats(),
            validate_formats=True,
            pattern_options=pattern_options(),
        )

    def _fits(self, pointer: str, value: Any) -> bool:
        """Whether a value fits the part of the schema at a place."""
        part = self._parts.get(pointer)
        if part is None:
            part = self._parts[pointer] = self._part(pointer)
        return part.is_valid(value)

    def _part(self, pointer: str) -> Validator:
        if self._registry is None:
            import jsonschema_rs

            draft = jsonschema_rs.Draft7 if self._old else jsonschema_rs.Draft202012
            self._registry = jsonschema_rs.Registry([(_ROOT, self._schema)], draft=draft)
        return self._compiled({"$ref": f"{_ROOT}{pointer}"}, self._registry)

    def _faults(self, node: dict[str, Any], value: Any) -> Iterator[ValidationError]:
        """Give what a value has against it in a schema that has none within."""
        return self._compiled(node).iter_errors(value)


def schema_check(schema: Mapping[str, Any]) -> SchemaCheck:
    """Give the compiled form of a schema.

    It is kept by what the schema says, so that one that was changed in place is another.
    """
    try:
        written = orjson.dumps(schema, default=dict)
        if len(written) <= MOST_BYTES:
            return _kept(written)
        why = f"it is longer than {MOST_BYTES:,} bytes"
    except TypeError as error:
        why = f"it cannot be written as JSON: {error}"
    except RecursionError:  # whoever calls has used up the stack
        why = "it is nested too deep"
    return SchemaCheck(None, why)


@lru_cache(maxsize=MOST_SCHEMAS)
def _kept(written: bytes) -> SchemaCheck:
    return SchemaCheck(orjson.loads(written))


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        inner = [v.values() if type(v) is dict else v for v in level if type(v) in (dict, list)]
        level = [each for values in inner for each in values]
        if not level:
            return False
    return True


@cache
def _formats() -> dict[str, Callable[[str], bool]]:
    """What stands for the formats that pydantic writes, read as pydantic reads them.

    The letter of a format is often narrower: a date-time without its time zone is what models
    write and parsers take.
    """
    from datetime import date, datetime, time, timedelta
    from uuid import UUID

    from pydantic import AnyUrl, TypeAdapter

    kinds: dict[str, Any] = {
        "date-time": datetime,
        "date": date,
        "time": time,
        "duration": timedelta,
        "uuid": UUID,
        "uri": AnyUrl,
    }
    formats = {name: _reads(TypeAdapter(kind)) for name, kind in kinds.items()}
    return formats | {"regex": lambda _: True}  # whose dialect it is cannot be known


def _reads(adapter: Any) -> Callable[[str], bool]:
    def reads(text: str) -> bool:
        try:
            adapter.validate_python(text)
        except ValueError:
            return False
        return True

    return reads
