"""wire/gemini_schema.py: JSON schema -> what Gemini takes of it."""

from __future__ import annotations

import pytest

from llmrouter_integrations.wire.gemini_schema import gemini_schema

NODE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
    },
    "required": ["name", "children"],
}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, {}),
        ({"type": "object", "properties": {}}, {"type": "object", "properties": {}}),
        (
            {"type": ["string", "null"], "title": "T", "description": "D"},
            {"type": ["string", "null"], "title": "T", "description": "D"},
        ),
        ({"const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"const": True}, {"type": "boolean"}),
        ({"enum": [1, 2]}, {"type": "integer", "enum": [1, 2]}),
        (
            {"type": ["string", "null"], "enum": ["a", None]},
            {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]},
        ),
        ({"oneOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}]}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        (
            {"type": "string", "format": "email", "description": "Whose."},
            {"type": "string", "description": 'Whose. {"format":"email"}'},
        ),
        (
            {"type": "integer", "exclusiveMinimum": 0, "minimum": -5},
            {"type": "integer", "minimum": -5, "description": '{"exclusiveMinimum":0}'},
        ),
        ({"type": "string", "default": None}, {"type": "string"}),
        (
            {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
            {
                "type": "object",
                "additionalProperties": {"type": "string", "description": '{"minLength":1}'},
            },
        ),
        ({"type": "object", "additionalProperties": False}, None),
        ({"$schema": "x", "type": "string", "deprecated": True}, {"type": "string"}),
        ({"type": "array", "items": True}, {"type": "array", "items": True}),
        ({"type": "array", "items": {"$ref": "#"}}, {"type": "array", "items": {"type": "object"}}),
        ({"anyOf": [True, {"type": "null"}]}, {"anyOf": [{}, {"type": "null"}]}),
    ],
)
def test_what_is_said_in_another_way(schema, expected):
    assert gemini_schema(schema) == (schema if expected is None else expected)


def test_references_stand_alone_and_point_to_defs():
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/definitions/A", "description": "beside"}},
        "definitions": {"A": {"type": "string"}},
    }
    assert gemini_schema(schema) == {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"type": "string"}},
    }


def test_all_of_is_joined():
    schema = {
        "allOf": [
            {"$ref": "#/$defs/A"},
            {"properties": {"y": {"type": "string"}}, "required": ["y", "x"]},
        ],
        "description": "D",
        "$defs": {"A": {"type": "object", "properties": {"x": {}}, "required": ["x"]}},
    }
    written = gemini_schema(schema)
    assert written.pop("$defs")
    assert written == {
        "type": "object",
        "properties": {"x": {}, "y": {"type": "string"}},
        "required": ["x", "y"],
        "description": "D",
    }


def test_recursion_only_through_what_may_be_left_out():
    written = gemini_schema({"$ref": "#/$defs/Node", "$defs": {"Node": NODE}})
    assert written["type"] == "object"
    assert written["$defs"]["Node"]["required"] == ["name"]
    assert written["$defs"]["Node"]["properties"] == NODE["properties"]


def test_recursion_by_a_detour():
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "required": ["a"],
        "$defs": {
            "A": {"type": "object", "properties": {"b": {"$ref": "#/$defs/B"}}, "required": ["b"]},
            "B": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]},
            "C": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]},
        },
    }
    written = gemini_schema(schema)
    assert written["required"] == ["a"]
    required = {name: part["required"] for name, part in written["$defs"].items()}
    assert required == {"A": [], "B": [], "C": ["a"]}
