"""wire/claude.py, claude_schema.py and effort.py: what each generation of Claude takes."""

from __future__ import annotations

import pytest

from llmrouter_integrations.catalog.model import Abilities
from llmrouter_integrations.messages import Request
from llmrouter_integrations.wire.claude import OTHER, claude_rules, sampling, thinking
from llmrouter_integrations.wire.claude_schema import closed_schema
from llmrouter_integrations.wire.effort import EFFORTS, nearest_effort

NAMES = [
    # name, (most output, thinking, off, sampling, forced tools, prefill, schema, binds)
    ("claude-3-haiku-20240307", (4_096, "none", "unsaid", True, True, True, False, False)),
    ("claude-3-5-sonnet-20241022", (8_192, "none", "unsaid", True, True, True, False, False)),
    ("claude-3-7-sonnet-20250219", (64_000, "budget", "unsaid", True, True, True, False, False)),
    ("claude-sonnet-4-20250514", (64_000, "budget", "unsaid", True, True, True, False, False)),
    ("claude-opus-4-1-20250805", (32_000, "budget", "unsaid", True, True, True, False, False)),
    ("claude-sonnet-4-5-20250929", (64_000, "budget", "unsaid", True, True, True, True, False)),
    ("claude-haiku-4-5@20251001", (64_000, "budget", "unsaid", True, True, True, True, False)),
    ("anthropic/claude-opus-4.5", (64_000, "budget", "unsaid", True, True, True, True, False)),
    ("us.anthropic.claude-opus-4-6-v1:0", (128_000, "adaptive", "unsaid", True, True, False, True, False)),
    ("claude-opus-4-8", (128_000, "adaptive", "unsaid", False, True, False, True, False)),
    ("claude-opus-5", (128_000, "adaptive", "disabled", False, True, False, True, False)),
    ("claude-sonnet-5", (128_000, "adaptive", "disabled", False, True, False, True, False)),
    ("claude-haiku-5-5", (128_000, "adaptive", "disabled", False, True, False, True, True)),
    ("claude-sonnet-5-5", (128_000, "adaptive", "between_tools", False, False, False, True, True)),
    ("claude-opus-5-5", (128_000, "adaptive", "never", False, False, False, True, True)),
    ("claude-fable-5", (128_000, "adaptive", "never", False, True, False, True, False)),
    ("claude-fable-5-2", (128_000, "adaptive", "never", False, False, False, True, True)),
    ("claude-mythos-5-1", (128_000, "adaptive", "never", False, False, False, True, False)),
    ("claude-opus-7", (128_000, "adaptive", "never", False, False, False, True, True)),
    ("claude-next", (128_000, "adaptive", "never", False, False, False, True, True)),
    ("glm-5", (8_192, "budget", "unsaid", True, True, True, False, False)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "terms"), NAMES)
def test_terms_by_name(name, terms):
    r = claude_rules(name)
    assert (
        r.max_output,
        r.thinking,
        r.off,
        r.sampling,
        r.forced_tools,
        r.prefill,
        r.schema,
        r.binds,
    ) == terms


SUMMARY = {"type": "adaptive", "display": "summarized"}
DROP = {"block_binding": {"prefix_mismatch_behavior": "drop_block"}}
THOUGHTS = [
    # model, effort, history holds thinking -> thinking, output_config.effort, action
    ("claude-opus-5-5", None, False, None, None, None),
    ("claude-opus-5-5", None, True, {"type": "adaptive"} | DROP, None, None),
    ("claude-opus-5-5", "max", False, SUMMARY, "max", None),
    ("claude-opus-5-5", "max", True, SUMMARY | DROP, "max", None),
    ("claude-opus-5-5", "minimal", False, SUMMARY, "low", "translated"),
    ("claude-opus-5-5", "none", False, None, "low", "translated"),
    ("claude-opus-5-5", "none", True, {"type": "adaptive"} | DROP, "low", "translated"),
    ("claude-opus-5-5", "a lot", False, SUMMARY, None, "translated"),
    ("claude-sonnet-5-5", "none", False, {"type": "between_tools"}, None, None),
    ("claude-haiku-5-5", "none", False, {"type": "disabled"}, None, None),
    ("claude-opus-4-8", "none", False, None, None, None),
    ("claude-opus-4-8", "xhigh", True, SUMMARY, "xhigh", None),
    ("claude-opus-4-6", "xhigh", False, {"type": "adaptive"}, "high", "translated"),
    ("claude-opus-4-6", "max", False, {"type": "adaptive"}, "max", None),
    ("claude-haiku-4-5", "none", False, None, None, None),
    ("claude-haiku-4-5", "low", False, {"type": "enabled", "budget_tokens": 4_096}, None, "translated"),
    ("claude-haiku-4-5", "max", False, {"type": "enabled", "budget_tokens": 15_000}, None, "translated"),
    ("claude-3-haiku-20240307", "low", False, None, None, "dropped"),
]  # fmt: skip


@pytest.mark.parametrize("case", THOUGHTS)
def test_effort_in_each_generations_form(case):
    model, effort, replays, config, level, action = case
    adjustments = []
    request = Request((), reasoning_effort=effort)
    made = thinking(request, claude_rules(model), 20_000, None, adjustments, replays=replays)
    assert (made.config, made.effort) == (config, level)
    assert [a.action for a in adjustments] == ([action] if action else [])


def test_a_budget_keeps_to_what_is_known_of_the_model():
    adjustments = []
    known = Abilities(reasoning_budget=(1_024, 2_000))
    request = Request((), reasoning_effort="high")
    made = thinking(request, OTHER, 20_000, known, adjustments)
    assert made.config == {"type": "enabled", "budget_tokens": 2_000}


SAMPLES = [
    # model, thinks, given -> sent
    ("claude-sonnet-4-5", False, {"temperature": 0.5, "top_p": 0.9, "top_k": 4}, {"temperature": 0.5, "top_k": 4}),
    ("claude-3-haiku-20240307", False, {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
    ("claude-sonnet-4-5", False, {"temperature": 1.7}, {"temperature": 1}),
    ("claude-sonnet-4-5", False, {"top_p": 0.9}, {"top_p": 0.9}),
    ("claude-sonnet-4-5", True, {"temperature": 0.5, "top_k": 4}, {}),
    ("claude-sonnet-4-5", True, {"temperature": 1}, {"temperature": 1}),
    ("claude-sonnet-4-5", True, {"top_p": 0.97}, {"top_p": 0.97}),
    ("claude-sonnet-4-5", True, {"top_p": 0.5}, {}),
    ("claude-opus-5-5", False, {"temperature": 0.5, "top_p": 0.9, "top_k": 4}, {}),
    ("claude-opus-5-5", False, {}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "thinks", "given", "sent"), SAMPLES)
def test_sampling(model, thinks, given, sent):
    adjustments = []
    rules = claude_rules(model)
    assert sampling(Request((), **given), rules, None, adjustments, thinks=thinks) == sent
    changed = {name for name in given if sent.get(name) != given[name]}
    assert {a.parameter for a in adjustments} == changed


def closed(**fields):
    return fields | {"additionalProperties": False}


SCHEMAS = [
    (
        {"type": "object", "properties": {"a": {"type": "string"}}, "$schema": "x"},
        closed(type="object", properties={"a": {"type": "string"}}),
    ),
    ({"properties": {}}, closed(type="object", properties={})),
    ({"type": "object", "additionalProperties": False}, closed(type="object")),
    ({"type": "object"}, None),
    ({"type": "object", "properties": {}, "additionalProperties": True}, None),
    ({"type": "object", "additionalProperties": {"type": "string"}}, None),
    (
        {"type": "integer", "minimum": 1, "maximum": 9, "description": "A rank."},
        {"type": "integer", "description": 'A rank.\n\n{"minimum":1,"maximum":9}'},
    ),
    ({"type": "string", "maxLength": 4}, {"type": "string", "description": '{"maxLength":4}'}),
    ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
    (
        {"type": "string", "format": "iban"},
        {"type": "string", "description": '{"format":"iban"}'},
    ),
    ({"type": "string", "pattern": "^a+$"}, {"type": "string", "pattern": "^a+$"}),
    (
        {"type": "string", "pattern": "(?=a)"},
        {"type": "string", "description": '{"pattern":"(?=a)"}'},
    ),
    (
        {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        {"type": "array", "items": {"type": "integer"}, "minItems": 1},
    ),
    (
        {"oneOf": [{"type": "null"}, {"enum": [1, "a", None]}]},
        {"anyOf": [{"type": "null"}, {"enum": [1, "a", None]}]},
    ),
    ({"enum": [{"a": 1}]}, None),
    ({"type": "array", "prefixItems": []}, None),
    ({"anyOf": [True]}, None),
    (
        {"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {}}}},
        {"$ref": "#/$defs/A", "$defs": {"A": closed(type="object", properties={})}},
    ),
    (
        {"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}]}}},
        None,
    ),
    ({"$ref": "https://x/y"}, None),
    ({"type": "object", "properties": {f"p{i}": {"type": "null"} for i in range(11)}}, None),
    (
        {"type": "object", "properties": {"p": {}, "q": {}}, "required": ["p", "q"]},
        closed(type="object", properties={"p": {}, "q": {}}, required=["p", "q"]),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "sent"), SCHEMAS)
def test_schemas_are_closed_or_refused(schema, sent):
    before = repr(schema)
    assert closed_schema(schema) == sent
    assert repr(schema) == before


@pytest.mark.parametrize(
    ("asked", "allowed", "given"),
    [
        ("high", EFFORTS, "high"),
        ("xhigh", ("low", "medium", "high"), "high"),
        ("minimal", ("low", "high"), "low"),
        ("xhigh", ("high", "max"), "high"),
        ("medium", ("low", "high"), "low"),
        ("medium", (), None),
        ("medium", ("default",), None),
        ("lots", ("low",), None),
    ],
)
def test_nearest_effort(asked, allowed, given):
    assert nearest_effort(asked, allowed) == given


def test_definitions_that_refer_to_one_another_densely_are_walked_once_each():
    refs = [{"$ref": f"#/$defs/d{i}"} for i in range(60)]
    definitions = {
        f"d{i}": {"type": "object", "properties": {}, "additionalProperties": False}
        | ({"anyOf": refs[i + 1 :]} if i < 59 else {})
        for i in range(60)
    }
    schema = {"$ref": "#/$defs/d0", "$defs": definitions}
    assert closed_schema(schema) is not None
    definitions["d59"]["anyOf"] = [refs[0]]
    assert closed_schema(schema) is None
