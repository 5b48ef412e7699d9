"""Whether values fit schemas, what is said where they do not, and schemas made to do harm."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import enum
import ipaddress
import sys
import threading
import time
import uuid
from typing import Annotated, Literal

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, RootModel, ValidationError

from llmrouter_integrations.dispatch import verify_schema
from llmrouter_integrations.dispatch.verify_explain import MOST_CHARACTERS, MOST_PROBLEMS
from llmrouter_integrations.dispatch.verify_schema import SchemaCheck, schema_check


def problem(schema, value):
    check = schema_check(schema)
    assert check.unusable is None
    return check.problem(value, "the answer")


# -- generated schemas, with a value that fits and one that does not -----------------------------

names = st.sampled_from(["a", "b", "c d", "e/f", "~", "%", "ü", "type", "$ref", "items", "enum"])
scalars = st.sampled_from(
    [
        ({"type": "string"}, "x", [1]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, "xy", "x"),
        ({"type": "string", "pattern": "^[a-c]+$"}, "abc", "abd"),
        ({"type": "string", "format": "date"}, "2026-11-23", "soon"),
        ({"enum": ["x", None, 3]}, None, "y"),
        ({"const": {"a": [1]}}, {"a": [1]}, {"a": [2]}),
        ({"type": "integer", "minimum": 0}, 0, -1),
        ({"type": "integer"}, 3.0, 3.5),
        ({"type": "number", "exclusiveMaximum": 1}, 0.5, 1),
        ({"type": "integer", "multipleOf": 3}, 9, 10),
        ({"type": "boolean"}, False, 0),
        ({"type": "null"}, None, False),
        ({"type": ["string", "null"]}, None, {}),
        ({"type": "string", "nullable": True}, None, 1),
        ({"type": "array", "minItems": 1, "uniqueItems": True}, [1, 2], [1, 1]),
        ({"type": "object", "maxProperties": 1}, {"x": 1}, {"x": 1, "y": 2}),
        ({"not": {"type": "string"}}, 1, "x"),
        ({"type": "object", "propertyNames": {"maxLength": 1}}, {"a": 1}, {"ab": 1}),
        ({"contains": {"const": 1}, "type": "array"}, [2, 1], [2]),
    ]
)


@st.composite
def objects(draw, inner):
    parts = draw(st.dictionaries(names, inner, min_size=1, max_size=3))
    schema = {
        "type": "object",
        "properties": {name: part for name, (part, _, _) in parts.items()},
        "required": [*parts],
        "additionalProperties": draw(st.sampled_from([False, True, {"type": "null"}])),
    }
    good = {name: value for name, (_, value, _) in parts.items()}
    spoilt = draw(st.sampled_from([*parts]))
    ways = [good | {spoilt: parts[spoilt][2]}, {k: v for k, v in good.items() if k != spoilt}, []]
    if schema["additionalProperties"] is not True:
        ways.append(good | {"extra": 1})
    return schema, good, draw(st.sampled_from(ways))


@st.composite
def arrays(draw, inner):
    part, good, bad = draw(inner)
    before = [good] * draw(st.integers(0, 2))
    if draw(st.booleans()):
        return {"type": "array", "items": part}, before, [*before, bad]
    other, fine, _ = draw(inner)
    schema = {"type": "array", "prefixItems": [other, part], "minItems": 2}
    return schema, [fine, good], [fine, bad]


@st.composite
def unions(draw, inner):
    part, good, bad = draw(inner)
    keyword = draw(st.sampled_from(["anyOf", "oneOf"]))
    tagged = {"properties": {"v": part, "t": {"const": "1"}}, "required": ["v", "t"]}
    other = {"type": "object", "properties": {"t": {"const": "2"}}, "required": ["t"]}
    schema = {keyword: [other, {**tagged, "type": "object"}, {"type": "null"}]}
    return (
        schema,
        {"v": good, "t": "1"},
        draw(st.sampled_from([{"v": bad, "t": "1"}, {"v": good, "t": "3"}, {"v": good}, "x"])),
    )


def combined(inner):
    # beside what never says no, so that something has to be looked into
    return inner.map(lambda one: ({"allOf": [{}, one[0], True]}, one[1], one[2]))


def referred(inner):
    def by_reference(one):
        part, good, bad = one
        return {"$defs": {"x y": part}, "$ref": "#/$defs/x%20y"}, good, bad

    return inner.map(by_reference)


# references hold at the root only, so they are made last
cases = st.recursive(
    scalars,
    lambda inner: st.one_of(objects(inner), arrays(inner), unions(inner), combined(inner)),
    max_leaves=6,
)
cases = st.one_of(cases, referred(cases))


@settings(max_examples=300)
@given(cases)
def test_what_fits_passes_and_what_was_spoilt_is_told(case):
    schema, good, bad = case
    before = copy.deepcopy(schema)
    assert problem(schema, good) is None
    told = problem(schema, bad)
    assert told
    assert len(told) <= MOST_CHARACTERS
    assert "does not fit its schema" not in told  # some words on what is wrong were found
    assert schema == before


# -- a zoo of pydantic models ----------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    zip: Annotated[str, Field(pattern=r"^\d{5}$")]


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=0, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    breed: str


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    n: int


class Person(BaseModel):
    """A person."""

    name: str = Field(min_length=1, description="full name")
    age: int | None = None
    address: Address
    colours: list[Colour] = []
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]] = []
    scores: dict[str, float] = {}
    pair: tuple[int, str] | None = None


class Node(BaseModel):
    value: int
    left: Node | None = None
    right: Node | None = None


class Times(BaseModel):
    at: dt.datetime
    day: dt.date | None = None
    took: dt.timedelta | None = None
    hour: dt.time | None = None
    id: uuid.UUID | None = None
    link: AnyUrl | None = None
    host: ipaddress.IPv4Address | None = None
    cost: decimal.Decimal | None = None


class Numbers(RootModel[list[int]]):
    pass


HOME = {"street": "x", "zip": "12345"}
NODE = {"value": 1, "left": {"value": 2, "right": {"value": "three"}}}

ZOO = [
    (Person, {"name": "Ada", "address": HOME}, {"name": "Ada"}, "lacks the field 'address'"),
    (
        Person,
        {"name": "A", "age": None, "address": HOME, "pair": [1, "x"], "scores": {"a": 1.5}},
        {"name": "A", "age": "twelve", "address": HOME},
        "the field 'age' must be an integer or null, got 'twelve'",
    ),
    (
        Person,
        {"name": "A", "address": HOME, "colours": ["red"]},
        {"name": "A", "address": HOME, "colours": ["red", "green"]},
        "the field 'colours[1]' must be one of 'red', 'blue', got 'green'",
    ),
    (
        Person,
        {"name": "A", "address": HOME, "pets": [{"kind": "cat", "lives": 9}]},
        {"name": "A", "address": HOME, "pets": [{"kind": "cat", "lives": 10}]},
        "the field 'pets[0].lives' must be at most 9, got 10",
    ),
    (
        Person,
        {"name": "A", "address": HOME, "pets": [{"kind": "dog", "breed": "x"}]},
        {"name": "A", "address": HOME, "pets": [{"kind": "bird", "breed": "x"}]},
        "the field 'pets[0].kind' must be one of 'cat', 'dog', got 'bird'",
    ),
    (
        Person,
        {"name": "A", "address": HOME},
        {"name": "", "address": {"street": 1, "zip": "1234"}},
        (
            "the field 'name' must have at least 1 characters, got ''; "
            "the field 'address.street' must be a string, got 1; "
            r"the field 'address.zip' must match the pattern '^\\d{5}$', got '1234'"
        ),
    ),
    (Strict, {"n": 1}, {"n": 1, "m": 2}, "the answer must not have the field 'm'"),
    (
        Node,
        {"value": 1, "left": {"value": 2}},
        NODE,
        "the field 'left.right.value' must be an integer, got 'three'",
    ),
    (Numbers, [1, 2], [1, "2x"], "the field '[1]' must be an integer, got '2x'"),
    (Numbers, [], {}, "the answer must be an array, got an object"),
    (
        Times,
        {"at": "2026-11-23T10:00:00"},  # no time zone, as models write it
        {"at": "noon"},
        "the field 'at' must be a valid date-time, got 'noon'",
    ),
    (Times, {"at": "2026-11-23 10:00:00Z", "day": "2026-11-23"}, {"at": "2026-13-01T00:00:00"}, "date-time"),
    (Times, {"at": "2026-11-23T10:00Z", "took": "PT3S"}, {"at": "2026-11-23", "took": "long"}, "duration"),
    (Times, {"at": "2026-11-23", "hour": "10:00"}, {"at": "2026-11-23", "hour": "ten"}, "time"),
    (Times, {"at": "2026-11-23", "id": str(uuid.UUID(int=7))}, {"at": "2026-11-23", "id": "7"}, "uuid"),
    (Times, {"at": "2026-11-23", "link": "https://example.com/ü"}, {"at": "2026-11-23", "link": "x y"}, "uri"),
    (Times, {"at": "2026-11-23", "host": "127.0.0.1"}, {"at": "2026-11-23", "host": "127.0.0.1.1"}, "ipv4"),
    (Times, {"at": "2026-11-23", "cost": "1.50"}, {"at": "2026-11-23", "cost": []}, "a string or a number or null"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "good", "bad", "told"), ZOO)
def test_pydantic_models(model, good, bad, told):
    schema = model.model_json_schema()
    assert problem(schema, good) is None
    model.model_validate_json(orjson.dumps(good))
    assert told in problem(schema, bad)
    with pytest.raises(ValidationError):
        model.model_validate_json(orjson.dumps(bad))


# -- words -----------------------------------------------------------------------------------

WORDS = [
    ({"type": "number"}, "x" * 100, "the answer must be a number, got '" + "x" * 59 + "…'"),
    ({"type": "object"}, [1, 2], "the answer must be an object, got an array of 2"),
    ({"type": ["array", "null"]}, {}, "the answer must be an array or null, got an object"),
    ({"const": "a"}, "b", "the answer must be 'a', got 'b'"),
    ({"maxItems": 1}, [1, 2], "the answer must have at most 1 items, got an array of 2"),
    ({"uniqueItems": True}, [1, 1], "the answer must not hold an item twice, got an array of 2"),
    ({"allOf": [{"type": "string"}, {"type": "string"}]}, 1, "the answer must be a string, got 1"),
    ({"patternProperties": {"^k": {"type": "integer"}}, "additionalProperties": {"type": "null"}}, {"k": "x"}, 'the answer does not fit {"patternP'),
    ({"items": {"type": "string"}}, ["a"] * 2000 + [1], 'the answer does not fit {"items"'),
    ({"oneOf": [{"minimum": 1}, {"maximum": 5}]}, 3, "the answer fits 2 of its forms, and may fit one only"),
    ({"properties": {"a": False}}, {"a": 1}, "the field 'a' must be left out"),
    ({"not": {"type": "string"}}, "x", 'the answer does not fit {"not":{"type":"string"}}'),
    ({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"a": 1}, 'the answer does not fit {"if"'),
    ({"anyOf": [{"type": "string"}, {"const": 3}]}, None, "the answer must be a string or an integer or a number, got null"),
    ({"anyOf": [False]}, 1, "the answer fits none of its forms, got 1"),
    ({"anyOf": [False, {"type": "string"}]}, 1, "the answer must be a string, got 1"),
    ({"items": {"required": ["a"]}}, [{"a": 1}, {}], "the field '[1]' lacks the field 'a'"),
    ({"additionalProperties": {"type": "null"}}, {"k": {"j": 1}}, "the field 'k' must be null, got an object"),
    ({"patternProperties": {"^k": {"type": "null"}}}, {"k": 1}, 'the answer does not fit {"patternProperties"'),
    (
        {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "null"}], "additionalItems": False},
        [1],
        "the field '[0]' must be null, got 1",
    ),
    (
        {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"x": {"type": "null"}}, "$ref": "#/definitions/x", "type": "string"},
        1,
        "the answer must be null, got 1",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value", "words"), WORDS)
def test_words(schema, value, words):
    said = problem(schema, value)
    assert said.startswith(words)
    if words.partition("got ")[2]:
        assert said == words  # and nothing else


def test_few_of_many_problems_are_told():
    told = problem({"items": {"type": "string"}}, [1] * 1000)
    assert told.count("must be a string") == MOST_PROBLEMS


def test_long_words_are_cut():
    names = [f"{n}{'x' * 200}" for n in range(5)]
    schema = {"properties": {name: {"const": "y" * 200} for name in names}}
    assert len(problem(schema, dict.fromkeys(names, "z" * 200))) == MOST_CHARACTERS


def test_the_properties_of_an_object_are_different_places():
    # each is much work by itself; together they are no more for any one place of a value
    heavy = chain(14, lambda s: {"allOf": [s, s]}, {})
    schema = {
        "$defs": heavy["$defs"],
        "properties": {f"p{n}": {"$ref": "#/$defs/s0"} for n in range(9)},
    }
    assert schema_check(schema).unusable is None
    schema = {"$defs": heavy["$defs"], "allOf": [{"$ref": "#/$defs/s0"}] * 9}
    assert "in too many ways" in schema_check(schema).unusable


def test_patterns_beyond_the_first_ones_are_passed_over():
    schema = {"properties": {f"p{n}": {"pattern": f"^a{{{n + 1}}}$"} for n in range(200)}}
    assert problem(schema, {"p0": "b"})
    assert problem(schema, {"p199": "b"}) is None


# -- how schemas are read ----------------------------------------------------------------------

READINGS = [
    # schema, values that fit, values that do not
    ({"type": "string", "nullable": True, "enum": ["a"]}, ["a", None], ["b"]),
    ({"enum": ["a"], "nullable": True}, ["a", None], ["b"]),
    ({"anyOf": [{"type": "integer"}], "nullable": True}, [1, None], ["b"]),
    (
        {"$defs": {"x": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/x", "nullable": True}}},
        [{"a": 1}, {"a": None}],
        [{"a": "b"}],
    ),
    ({"type": "string", "nullable": False}, ["a"], [None]),
    ({"properties": {"nullable": True, "type": {"type": "string"}}}, [{"nullable": 1, "type": "x"}], [{"type": 1}]),
    ({"const": {"nullable": True, "type": "string"}}, [{"nullable": True, "type": "string"}], [None, "x"]),
    # patterns of other dialects, or too large, are passed over; the rest counts
    ({"type": "string", "pattern": "(?P<x>a)(?P=x)\\Z"}, ["b"], [1]),
    ({"type": "string", "pattern": "(a{1,1000}){1,1000}"}, ["b"], [1]),
    ({"properties": {"pattern": {"type": "string", "pattern": "^a$"}}}, [{"pattern": "a"}], [{"pattern": "b"}]),
    ({"type": "string", "format": "regex"}, ["(?P<x>a)"], [1]),
    ({"type": "string", "format": "duration"}, ["PT3S", "1:00:00"], ["a while"]),
    ({"type": "string", "format": "no-such"}, ["b"], [1]),
    ({"type": "object", "unevaluatedProperties": False}, [{"a": 1}], [1]),
    # a dialect nobody knows is read as the newest
    ({"$schema": "https://example.com/mine", "$id": "https://example.com/x", "type": "string"}, ["b"], [1]),
    ({"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [{"type": "null"}]}, [[None]], [[1]]),
    # what stands beside a reference counts, but not before 2019
    ({"$defs": {"x": {"minimum": 1}}, "$ref": "#/$defs/x", "maximum": 2}, [1], [0, 3]),
    (
        {"$schema": "http://json-schema.org/draft-07/schema#", "$defs": {"x": {"minimum": 1}}, "$ref": "#/$defs/x", "maximum": 2},
        [1, 3],
        [0],
    ),
    ({"$defs": {"a/b~c d": {"type": "null"}}, "$ref": "#/$defs/a~1b~0c%20d"}, [None], [1]),
    ({}, [1, None], []),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "fit", "unfit"), READINGS)
def test_how_schemas_are_read(schema, fit, unfit):
    assert [problem(schema, value) for value in fit] == [None] * len(fit)
    assert all(problem(schema, value) for value in unfit)


# -- the cache -------------------------------------------------------------------------------


def test_a_schema_is_compiled_once_and_known_by_what_it_says():
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert schema_check(schema) is schema_check(copy.deepcopy(schema))
    schema["properties"]["a"]["type"] = "string"
    assert problem(schema, {"a": "x"}) is None
    assert schema == {"type": "object", "properties": {"a": {"type": "string"}}}


def test_few_schemas_are_kept():
    for number in range(verify_schema.MOST_SCHEMAS + 10):
        schema_check({"const": number})
    info = verify_schema._kept.cache_info()
    assert info.currsize == info.maxsize == verify_schema.MOST_SCHEMAS


def test_one_schema_serves_many_threads():
    schema = Person.model_json_schema()
    told = set()

    def work():
        for _ in range(50):
            told.add(problem(schema, {"name": "A", "address": {"street": 1, "zip": "1"}}))

    verify_schema._kept.cache_clear()
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 1


# -- schemas made to do harm -----------------------------------------------------------------


def nested(depth, leaf=1):
    value = leaf
    for _ in range(depth):
        value = {"x": value}
    return value


def chain(length, link, end):
    """Schemas of which each is made of the next."""
    parts = {f"s{n}": link({"$ref": f"#/$defs/s{n + 1}"}) for n in range(length)}
    return {"$defs": parts | {f"s{length}": end}, "$ref": "#/$defs/s0"}


def union_of(count):
    """A union of forms each of which may hold the union again."""
    parts = {
        f"k{n}": {
            "type": "object",
            "properties": {"x": {"$ref": "#/$defs/any"}, "kind": {"const": f"k{n}"}},
            "required": ["kind"],
        }
        for n in range(count)
    }
    parts["any"] = {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in parts] + [{"type": "null"}]}
    return {"$defs": parts, "$ref": "#/$defs/any"}


def tower(depth, leaf):
    value = leaf
    for _ in range(depth):
        value = {"kind": "k9", "x": value}
    return value


UNUSABLE = [
    pytest.param({"$ref": "http://127.0.0.1:9/x.json"}, "outside of itself", id="a web address"),
    pytest.param({"$ref": "file:///etc/hostname"}, "outside of itself", id="a file"),
    pytest.param({"allOf": [{"$ref": "other.json#/a"}]}, "outside of itself", id="a neighbour"),
    pytest.param({"$ref": 3}, "outside of itself", id="no reference"),
    pytest.param({"$ref": "#/a/b/0"}, "which is not there", id="nowhere"),
    pytest.param({"items": {"$id": "http://127.0.0.1:9/y"}}, "$id is not followed", id="ids"),
    pytest.param({"$defs": {"a": {"$anchor": "b"}}}, "$anchor is not followed", id="anchors"),
    pytest.param({"$dynamicRef": "#a"}, "$dynamicRef is not followed", id="dynamic"),
    pytest.param({"type": "strnig"}, "it is no valid schema", id="no such type"),
    pytest.param({"properties": []}, "it is no valid schema", id="a list for a map"),
    pytest.param({"minLength": -1}, "it is no valid schema", id="a wrong limit"),
    pytest.param({"allOf": 3}, "it is no valid schema", id="no list"),
    pytest.param({"properties": {"a": 3}}, "it is no valid schema", id="no schema within"),
    pytest.param({"required": "a"}, "it is no valid schema", id="no list of names"),
    pytest.param({"patternProperties": {"(": {}}}, "its pattern '(' cannot be used", id="pattern"),
    pytest.param([], "it is no JSON object", id="a list"),
    pytest.param({1: 2}, "it cannot be written as JSON", id="a key that is no string"),
    pytest.param({"const": {1}}, "it cannot be written as JSON", id="a set"),
    pytest.param({"const": "x" * 1_000_001}, "longer than 1,000,000 bytes", id="large"),
    pytest.param(nested(5000), "it cannot be written as JSON", id="deep"),
    pytest.param(
        chain(20, lambda s: {"allOf": [s, s]}, {}), "in too many ways", id="twice, twenty times"
    ),
    pytest.param(
        chain(15, lambda s: {"properties": {"x": {"anyOf": [s, s, s]}}}, {}),
        "in too many ways",
        id="thrice, and deeper every time",
    ),
    pytest.param(
        chain(20, lambda s: {"items": s, "contains": s}, {}), "in too many ways", id="two keywords"
    ),
    pytest.param(chain(1000, lambda s: {"not": s}, {}), "nested too deep", id="a long chain"),
    pytest.param(
        chain(70, lambda s: {"properties": {"a": {}, "b": s}}, {}), "nested too deep", id="below"
    ),
]


@pytest.mark.parametrize(("schema", "why"), UNUSABLE)
def test_a_schema_that_cannot_be_used_says_why_and_judges_nothing(schema, why):
    began = time.perf_counter()
    check = schema_check(schema)
    assert why in check.unusable
    assert check.problem({"x": 1}, "the answer") is None
    assert time.perf_counter() - began < 0.2


def test_a_long_chain_is_seen_through_parts_that_are_known_already():
    # the second half of the chain is walked first, from its middle
    half = chain(30, lambda s: {"not": s}, {})
    half["$defs"]["first"] = {"$ref": "#/$defs/s15"}
    schema = {"$defs": half["$defs"], "allOf": [{"$ref": "#/$defs/first"}]}
    assert schema_check(schema).unusable is None
    schema["anyOf"] = [{"not": {"not": {"not": {"not": {"$ref": "#/$defs/s0"}}}}}]
    assert "nested too deep" in schema_check(schema).unusable


HARMLESS = [
    # schema, value, the problem or None
    pytest.param({"$ref": "#"}, {}, None, id="itself"),
    pytest.param({"allOf": [{"$ref": "#"}]}, {}, None, id="all of itself"),
    pytest.param({"allOf": [{"$ref": "#"}], "type": "object"}, 1, "must be an object", id="and a type"),
    pytest.param({"allOf": [{"$ref": "#"}], "not": {}}, 1, 'the answer does not fit {"$ref"', id="and nothing"),
    pytest.param({"anyOf": [{"$ref": "#"}], "not": {}}, 1, "the answer does not fit", id="any"),
    pytest.param(union_of(10), tower(40, "leaf"), "must be null or an object, got 'leaf'", id="a union of unions"),
    pytest.param(union_of(10), tower(40, None), None, id="a union of unions that fits"),
    pytest.param(union_of(3), tower(400, None), "the answer is nested too deep", id="deep"),
    pytest.param(
        {"$defs": {"a": {"properties": {"x": {"allOf": [{"$ref": "#/$defs/a"}] * 3}}, "type": "object"}}, "$ref": "#/$defs/a"},
        nested(50, 1),
        "must be an object, got 1",
        id="three times itself, fifty deep",
    ),
    pytest.param({"pattern": "^(a+)+$"}, "a" * 5000 + "!", "must match the pattern", id="nested stars"),
    pytest.param({"pattern": "^(?=a)(a|aa)+(?!b)$"}, "a" * 60 + "!", None, id="a search that gives up"),
    pytest.param({"pattern": "^(?=a)(a|aa)+(?!b)$"}, "b", "must match the pattern", id="one that does not"),
    pytest.param(
        {"properties": {f"p{n}": {"pattern": f"(a{{1,90}}){{1,{90 + n}}}"} for n in range(200)}},
        {"p0": "b", "p199": "b"},
        "the field 'p0' must match",
        id="many large patterns, of which some are used",
    ),
    pytest.param({"uniqueItems": True}, [{"a": n} for n in range(3000)], None, id="many items"),
    pytest.param({"uniqueItems": True}, [nested(400), nested(400, 2)], "nested too deep", id="deep items"),
    pytest.param({"const": nested(100)}, nested(900), "the answer does not fit its schema", id="deep values"),
    pytest.param({"items": {"type": "string"}}, [1] * 100_000, "the field '[0]'", id="a long list"),
    pytest.param({"multipleOf": 1e-300}, 1e300, None, id="a tiny divisor"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value", "told"), HARMLESS)
def test_nothing_runs_away(schema, value, told):
    began = time.perf_counter()
    said = problem(schema, value)
    assert time.perf_counter() - began < 2
    assert (said is None) if told is None else told in said


def test_the_deepest_that_is_taken_fits_a_small_stack():
    schema = chain(30, lambda s: {"anyOf": [{"type": "string"}, s]}, {"type": "object"})
    schema["$defs"]["s30"]["properties"] = {"x": {"$ref": "#/$defs/s0"}}
    told = []

    def work():
        told.append(problem(schema, nested(verify_schema.MOST_DEPTH - 1, {})))
        told.append(problem(schema, nested(verify_schema.MOST_DEPTH - 1, 1)))
        told.append(problem(schema, nested(verify_schema.MOST_DEPTH + 1, {})))

    before = threading.stack_size(2**20)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    threading.stack_size(before)
    assert told[0] is None
    assert told[1]
    assert told[2] == "the answer is nested too deep"


def test_a_used_up_stack_spoils_no_schema():
    schema = {"anyOf": [{"anyOf": [{"type": "null"}]}]}

    def at_the_end(left):
        if left:
            return at_the_end(left - 1)
        return schema_check(schema)

    depth = 0
    frame = sys._getframe()
    while frame:
        depth, frame = depth + 1, frame.f_back
    assert at_the_end(sys.getrecursionlimit() - depth - 12).unusable == "it is nested too deep"
    assert schema_check(schema).unusable is None


def test_a_broken_account_still_is_one():
    check = SchemaCheck({"type": "string"})
    check._schema["$ref"] = "#/nowhere"
    assert check.problem(1, "the answer") == "the answer does not fit its schema"
