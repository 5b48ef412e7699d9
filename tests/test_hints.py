"""What a caller may say, and how."""

from __future__ import annotations

import pickle

import pytest

from llmrouter_integrations.errors import ConfigurationError, UnknownHintError
from llmrouter_integrations.hints import EMPTY, RoutingHints


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (None, {}),
        ({"other": 1, "langgraph_step": 2}, {}),
        ({"llmrouter_task": "code"}, {"task": "code"}),
        ({"llmrouter": {"task": "code", "pin": "a"}}, {"task": "code", "pin": "a"}),
        ({"llmrouter": {"task": "code"}, "llmrouter_task": "math"}, {"task": "math"}),
        ({"llmrouter": RoutingHints(task="qa"), "llmrouter_pin": "b"}, {"task": "qa", "pin": "b"}),
        ({"llmrouter_models": "a, b"}, {"models": ("a", "b")}),
        ({"llmrouter_models": ["a", "b"]}, {"models": ("a", "b")}),
        (
            {"llmrouter_fallback": "false", "llmrouter_timeout_s": "3"},
            {"fallback": False, "timeout_s": 3.0},
        ),
    ],
)
def test_hints_are_picked_out_of_metadata(metadata, expected):
    assert RoutingHints.from_metadata(metadata).as_dict() == expected


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"tsk": "code"}, "did you mean 'task'"),
        ({"max_cost": 1}, "did you mean 'max_cost_usd'"),
        ({"task": "codes"}, "did you mean 'code'"),
        ({"prefer": "cheap"}, "not one of quality, balanced, cost, latency"),
        ({"min_quality": 2}, "between 0 and 1"),
        ({"timeout_s": "soon"}, "must be a number"),
        ({"timeout_s": -1}, "between 0 and 86400"),
        ({"timeout_s": "inf"}, "between 0 and 86400"),
        ({"first_token_timeout_s": 1e12}, "between 0 and 86400"),
        ({"value_usd": float("inf")}, "of at least 0"),
        ({"max_cost_usd": "nan"}, "of at least 0"),
        ({"max_cost_usd": -1}, "of at least 0"),
        ({"value_usd": True}, "must be a number"),
        ({"fallback": "perhaps"}, "true or false"),
        ({"models": [1]}, "a name or a list of names"),
        ({"pin": ""}, "non-empty string"),
        ("code", "must be RoutingHints or a mapping"),
    ],
)
def test_a_wrong_hint_is_an_error_that_says_how_to_mend_it(said, complaint):
    with pytest.raises(UnknownHintError, match=complaint) as caught:
        RoutingHints.of(said)
    assert isinstance(caught.value, ConfigurationError)


def test_an_unknown_metadata_key_of_ours_is_an_error():
    with pytest.raises(UnknownHintError, match="'prefer'"):
        RoutingHints.from_metadata({"llmrouter_prefr": "cost"})
    with pytest.raises(UnknownHintError, match="must be a mapping"):
        RoutingHints.from_metadata({"llmrouter": "code"})


def test_over_keeps_what_is_said_and_fills_the_rest():
    own = RoutingHints(task="code", fallback=False)
    other = RoutingHints(task="math", prefer="cost", fallback=True)
    assert own.over(other).as_dict() == {"task": "code", "prefer": "cost", "fallback": False}
    assert EMPTY.over(other) is other
    assert own.over(EMPTY) is own


def test_hints_are_values():
    hints = RoutingHints(task="code", models=("a",))
    assert pickle.loads(pickle.dumps(hints)) == hints
    assert hash(hints) == hash(RoutingHints(task="code", models=["a"]))
    assert not EMPTY
    assert not RoutingHints()
    assert hints
