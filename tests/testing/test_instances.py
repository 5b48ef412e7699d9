"""Instances of JSON schemas, held against pydantic's reading of the same schema."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, create_model

from llmrouter_integrations.testing.instances import instance
from llmrouter_integrations.testing.prompt import Prompt


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(BaseModel):
    name: str
    note: str | None = None


class Tree(BaseModel):
    label: str
    children: list[Tree] = []
    left: Tree | None = None


FIELDS = st.sampled_from(
    [
        int,
        str,
        float,
        bool,
        None,
        dt.date,
        dt.datetime,
        dt.time,
        dt.timedelta,
        uuid.UUID,
        Colour,
        Leaf,
        Tree,
        Any,
        Literal["a", "b"],
        Literal[7],
        int | None,
        Leaf | int,
        list[int],
        list[Leaf],
        tuple[int, str],
        dict[str, int],
        Annotated[int, Field(ge=10, le=20)],
        Annotated[int, Field(gt=10, lt=12)],
        Annotated[int, Field(multiple_of=7)],
        Annotated[float, Field(gt=0, lt=1)],
        Annotated[str, Field(min_length=30)],
        Annotated[str, Field(max_length=3)],
        Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")],
        Annotated[str, Field(pattern=r"^[A-Z]{2}$")],
        Annotated[list[int], Field(min_length=3, max_length=4)],
        Annotated[list[str], Field(min_length=2)],
    ]
)
NAMES = st.sampled_from(["name", "city", "age", "query", "email", "url", "date", "total", "x"])


@settings(max_examples=150, deadline=None)
@given(
    fields=st.dictionaries(NAMES, st.tuples(FIELDS, st.booleans()), max_size=5),
    text=st.one_of(
        st.text(max_size=40), st.just("Jane Doe, 41, of 'Acme' in Paris on 2026-11-23, a@b.de")
    ),
    optional=st.booleans(),
)
def test_an_instance_is_valid_whatever_the_prompt_says(fields, text, optional):
    model = create_model(
        "Model",
        **{name: (kind, ... if required else None) for name, (kind, required) in fields.items()},
    )
    made = instance(model.model_json_schema(), Prompt(text), optional=optional)
    assert {name for name, (_, required) in fields.items() if required} <= set(made)
    model.model_validate(made)


@pytest.mark.parametrize(
    ("name", "schema", "expected"),
    [
        ("city", {"type": "string"}, "Paris"),
        ("name", {"type": "string"}, "Jane Doe"),
        ("age", {"type": "integer"}, 41),
        ("total", {"type": "number"}, 41),
        ("email", {"type": "string"}, "jane@doe.de"),
        ("link", {"type": "string", "format": "uri"}, "https://doe.de/x"),
        ("url", {"type": "string"}, "https://doe.de/x"),
        ("when", {"type": "string", "format": "date"}, "2026-11-23"),
        ("level", {"enum": ["high", "urgent"]}, "urgent"),
        ("kind", {"const": 3}, 3),
        ("ages", {"type": "array", "items": {"type": "integer"}}, [41, 2026, 11, 23]),
        ("STRANGE", {"type": "STRING"}, "Jane Doe"),
        ("yes", True, "Jane Doe"),
    ],
)
def test_words_and_numbers_come_from_the_prompt(name, schema, expected):
    text = "It is urgent: Jane Doe is age 41 and lives in Paris, jane@doe.de, https://doe.de/x, 2026-11-23"
    whole = {"type": "object", "properties": {name: schema}, "required": [name]}
    assert instance(whole, Prompt(text), optional=False) == {name: expected}


def test_quotations_are_used_in_order():
    text = "Send 'first' to \"second\" and “third”, it's \u2018fourth\u2019"
    assert Prompt(text).quotes == ["first", "second", "third", "fourth"]


def test_arguments_in_parentheses_belong_to_their_function():
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    text = "In 1999, call square(12) and cube(3)"
    assert instance(schema, Prompt(text), optional=False, function="cube") == {"n": 3}
    assert instance(schema, Prompt(text), optional=False) == {"n": 1999}


def test_all_of_and_references_are_merged():
    schema = {
        "$defs": {"named": {"properties": {"name": {"type": "string"}}, "required": ["name"]}},
        "allOf": [
            {"$ref": "#/$defs/named"},
            {"properties": {"n": {"type": "integer"}}, "required": ["n"]},
        ],
    }
    assert set(instance(schema, Prompt("Ada 7"), optional=False)) == {"name", "n"}


def test_a_required_property_without_a_schema_is_filled():
    assert instance({"type": "object", "required": ["x"]}, Prompt("y"), optional=False) == {
        "x": "y"
    }


def test_an_endless_schema_ends():
    endless = {
        "$ref": "#/$defs/n",
        "$defs": {
            "n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"]}
        },
    }
    made = instance(endless, Prompt("x"), optional=True)
    assert re.fullmatch(r"(\{'n': )+'x'\}+", str(made))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is 2+2?", ("2+2", 4)),
        ("3 multiplied by 4 plus 1", ("3 * 4 + 1", 13)),
        ("7 divided by 2", ("7 / 2", 3.5)),
        ("no sum, 5 only", None),
        ("version 1.2.3", None),
    ],
)
def test_sums_are_found_and_worked_out(text, expected):
    assert Prompt(text).sum == expected
