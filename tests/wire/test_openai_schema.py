"""Schemas in OpenAI's strict form."""

from enum import Enum

import pytest
from pydantic import BaseModel, Field

from llmrouter_integrations.wire.openai_schema import strict_schema


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Place(BaseModel):
    name: str = Field(description="Its name.")
    colour: Colour = Field(description="Its colour.")


class Trip(BaseModel):
    places: list[Place]
    note: str | None = None


class Counted(BaseModel):
    count: int = 3


class Free(BaseModel):
    labels: dict[str, str]


STRING = {"type": "string"}


def of(properties, **more):
    return {"type": "object", "properties": properties, **more}


def closed(properties, **more):
    return of(properties, required=list(properties), additionalProperties=False, **more)


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (of({"a": STRING}, required=["a"]), closed({"a": STRING})),
        (of({}), closed({})),
        (
            of({"a": {"type": ["string", "null"]}}),
            closed({"a": {"type": ["string", "null"]}}),
        ),
        (
            of({"a": {"anyOf": [STRING, {"type": "null"}], "default": None}}),
            closed({"a": {"anyOf": [STRING, {"type": "null"}]}}),
        ),
        (
            of({"a": {"type": "array", "items": of({"b": STRING}, required=["b"])}}, required=["a"]),
            closed({"a": {"type": "array", "items": closed({"b": STRING})}}),
        ),
        (
            of({"a": {"$ref": "#/$defs/A", "description": "d"}}, required=["a"], **{"$defs": {"A": STRING}}),
            closed({"a": {"$ref": "#/$defs/A"}}, **{"$defs": {"A": STRING}}),
        ),
        # what would mean something else
        (of({"a": STRING}), None),
        (of({"a": {"type": "integer", "default": 3}}), None),
        (of({"a": {"type": "object"}}, required=["a"]), None),
        (of({"a": STRING}, required=["a"], additionalProperties=True), None),
        (of({"a": {"type": "object", "additionalProperties": STRING}}, required=["a"]), None),
        (of({"a": {"type": "string", "minLength": 3}}, required=["a"]), None),
        (of({"a": {"type": "string", "format": "binary"}}, required=["a"]), None),
        (of({"a": True}, required=["a"]), None),
        (of({"a": {"oneOf": [STRING]}}, required=["a"]), None),
        ({"type": "array", "items": STRING}, None),
        ({"anyOf": [of({})]}, None),
    ],
)  # fmt: skip
def test_schemas(schema, strict):
    before = repr(schema)
    assert strict_schema(schema) == strict
    assert repr(schema) == before


@pytest.mark.parametrize(
    ("model", "possible"), [(Place, True), (Trip, True), (Counted, False), (Free, False)]
)
def test_pydantic_models(model, possible):
    strict = strict_schema(model.model_json_schema())
    assert (strict is not None) is possible


def test_the_strict_form_is_strict_already():
    strict = strict_schema(Trip.model_json_schema())
    assert strict_schema(strict) == strict
