"""Which decision an evaluator judges, and what it says of it."""

from __future__ import annotations

import logging
import math
from types import SimpleNamespace

import numpy as np
import pytest

from llmrouter_integrations.errors import ConfigurationError, UnknownDecisionError
from llmrouter_integrations.verdicts import Verdicts, decision_id_in

ACCOUNT = {"llmrouter": {"decision_id": "d1", "target": "a"}}
OTHER = {"llmrouter": {"decision_id": "d0"}}


class Router:
    """Keeps what it is told."""

    def __init__(self, error=None):
        self.told = []
        self.error = error

    def feedback(self, decision_id, score):
        if self.error:
            raise self.error
        self.told.append((decision_id, score))


def message(account):
    return SimpleNamespace(response_metadata=account)


def nested(depth, value):
    for _ in range(depth):
        value = {"x": [value]}
    return value


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("d1", "d1"),
        ("", None),
        (None, None),
        (3, None),
        ({"output": "d1"}, None),
        (ACCOUNT, "d1"),
        ({"llmrouter": {"decision_id": None}}, None),
        (message(ACCOUNT), "d1"),
        ({"messages": [message(OTHER), message(ACCOUNT), "text"]}, "d1"),
        (SimpleNamespace(raw=ACCOUNT), "d1"),
        (SimpleNamespace(outputs={"output": message(ACCOUNT)}, child_runs=[]), "d1"),
        (SimpleNamespace(outputs={"output": "text"}, child_runs=[message(ACCOUNT)]), "d1"),
        (
            SimpleNamespace(
                outputs={
                    "generations": [
                        [{"text": "x", "message": {"kwargs": {"response_metadata": ACCOUNT}}}]
                    ]
                }
            ),
            "d1",
        ),
        (nested(5, ACCOUNT), "d1"),
        (nested(30, ACCOUNT), None),
    ],
)
def test_the_decision_is_found(value, found):
    assert decision_id_in(value) == found


def test_what_holds_itself_is_no_trap():
    loop = []
    loop += [loop] * 8
    assert decision_id_in(loop) is None


@pytest.mark.parametrize(
    ("result", "settings", "told"),
    [
        (True, {}, 1.0),
        (0.25, {}, 0.25),
        ({"key": "k", "score": 1}, {}, 1.0),
        ({"key": "k", "score": None}, {}, None),
        ({"score": 4}, {"scale": (1, 5)}, 0.75),
        ({"score": 0}, {"scale": (1, 0)}, 1.0),
        ({"results": [{"key": "a", "score": None}, {"key": "b", "score": 0.5}]}, {}, 0.5),
        ([{"key": "a", "score": 0.1}, {"key": "b", "score": 0.5}], {"key": "b"}, 0.5),
        ([{"key": "a", "score": 0.1}], {"key": "b"}, None),
        (SimpleNamespace(key="k", score=0.5), {}, 0.5),
        (SimpleNamespace(score=None, passing=True), {}, 1.0),
        (SimpleNamespace(score=None), {}, None),
        (np.float32(0.5), {}, 0.5),
        ({"score": np.bool_(True)}, {}, 1.0),
        ({"score": math.nan}, {}, None),
        (np.array([1.0, 0.0]), {}, None),
        ("fine", {}, None),
        (None, {}, None),
    ],
)
def test_the_score_is_found(result, settings, told):
    router = Router()
    Verdicts(router, **settings).tell(result, None, ACCOUNT, OTHER)
    assert router.told == ([] if told is None else [("d1", told)])


@pytest.mark.parametrize("scale", [(1, 1), (0, math.inf), (math.nan, 1)])
def test_a_scale_without_two_ends_is_refused(scale):
    with pytest.raises(ConfigurationError, match="a scale is"):
        Verdicts(Router(), scale=scale)


def test_what_reaches_no_router_is_logged(caplog):
    with caplog.at_level(logging.WARNING):
        Verdicts(Router()).tell(1.0, {"output": "text"})
        Verdicts(Router(UnknownDecisionError("too old"))).tell(1.0, ACCOUNT)
    assert [record.getMessage() for record in caplog.records] == [
        "a score reached no router: no llmrouter decision_id in what was evaluated",
        "a score reached no router: too old",
    ]
