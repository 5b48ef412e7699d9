"""What corrects the table's quality, one after the other."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from llmrouter_integrations.config import TargetConfig
from llmrouter_integrations.messages import Message, Request, TextPart
from llmrouter_integrations.routing.decision import Features
from llmrouter_integrations.routing.evidence import beliefs
from llmrouter_integrations.routing.judge import LOOKED_AT_AGAIN_S, Expectations, asked_text, spread
from llmrouter_integrations.routing.target import Target
from llmrouter_integrations.state.base import Tally

ASKED = Request((Message("user", (TextPart("Hello"),)),))
QUALITY = {"code": 0.9, "overall": 0.5}


def target(name="a", quality=QUALITY):
    config = TargetConfig(model=f"acme/{name}", name=name, quality=quality)
    return Target.build(config, None, provider="acme", quota_group="g")


def features(probability=1.0):
    return Features("code", "classifier", 0.5, frozenset(), 1, 1, task_probability=probability)


def expectations(targets, evidence=None, predictor=None, clock=None):
    return Expectations(
        targets,
        lambda: evidence or {},
        fade=lambda age_s: 0.5 ** (age_s / 100_000),
        clock=clock or (lambda: 0.0),
        predictor=predictor,
    )


def test_where_nothing_is_to_be_said_nobody_judges():
    assert expectations([target()]).over(ASKED, features()) is None


@pytest.mark.parametrize("predicted", [{}, {"a": math.nan}, {"a": 7.0}, {"a": -0.5}])
def test_a_prediction_that_is_none_leaves_the_table_as_it_is(predicted):
    predictor = SimpleNamespace(
        models=("a",),
        predict_one=lambda prompt, task: SimpleNamespace(quality=predicted, familiar=1.0),
    )
    judge = expectations([target("a")], predictor=predictor).over(ASKED, features())
    assert judge.correct([0.9]) == [0.9]


def test_all_of_it_one_after_the_other():
    one, other = target("a"), target("b")
    tallies = {"code": Tally(10.0, 2.0, 0.0, 10)}
    predictor = SimpleNamespace(
        models=("a",),
        predict_one=lambda prompt, task: SimpleNamespace(quality={"a": 0.2}, familiar=0.5),
    )
    found = expectations([one, other], {"a": tallies}, predictor)
    judge = found.over(ASKED, features())
    predicted = 0.5 * 0.9 + 0.5 * 0.2
    shift = beliefs(tallies, {"code": 1.0}, one.outlook("overall").quality_error)["code"].shift
    assert judge.correct([0.9, 0.9]) == [pytest.approx(predicted + shift), 0.9]
    scored = SimpleNamespace(target=one, quality=0.0)
    assert judge.without_feedback(scored) == pytest.approx(predicted)


@pytest.mark.parametrize(("excess", "quality"), [(1e6, 1.0), (-1e6, 0.0)])
def test_quality_stays_a_probability(excess, quality):
    one = target()
    judge = expectations([one], {"a": {"code": Tally(10, excess, 0.0)}}).over(ASKED, features())
    assert judge.correct([0.9]) == [quality]


@pytest.mark.parametrize(
    ("probability", "told"), [(1.0, "code"), (0.5, "code"), (0.49, None), (0.0, None)]
)
def test_a_predictor_is_told_the_task_where_it_is_more_likely_than_not(probability, told):
    seen = []

    def predict_one(prompt, task):
        seen.append((prompt, task))
        return SimpleNamespace(quality={"A": 0.2}, familiar=1.0)

    predictor = SimpleNamespace(models=("A",), predict_one=predict_one)
    expectations([target()], None, predictor).over(ASKED, features(probability))
    assert seen == [("Hello", told)]


def test_evidence_that_changed_counts_at_once_and_age_within_the_hour():
    one, now, held = target(), [0.0], {"a": {"code": Tally(10.0, 2.0, 0.0)}}
    found = Expectations(
        [one], lambda: held, fade=lambda age_s: 0.5 ** (age_s / 3600), clock=lambda: now[0]
    )

    def quality():
        return found.over(ASKED, features()).correct([0.5])[0]

    fresh = quality()
    now[0] = LOOKED_AT_AGAIN_S - 1
    assert quality() == fresh
    now[0] = LOOKED_AT_AGAIN_S + 1
    assert 0.5 < quality() < fresh
    held = {"a": {"code": Tally(10.0, -2.0, now[0])}}
    assert quality() < 0.5


def test_how_sure_it_is():
    one, other = target("a"), target("b")
    judge = expectations([one, other], {"a": {"code": Tally(100, 0, 0.0)}}).over(ASKED, features())
    assert spread(judge, one, features()) < spread(judge, other, features())
    assert spread(judge, other, features()) == spread(None, other, features())


@pytest.mark.parametrize(
    ("turns", "text"),
    [
        ([], ""),
        ([("user", "a"), ("assistant", "b")], "a"),
        ([("user", "a"), ("assistant", "b"), ("user", "c")], "c"),
        ([("user", "a"), ("user", "")], "a"),
    ],
)
def test_what_was_asked_is_the_last_turn_with_text(turns, text):
    messages = tuple(Message(role, (TextPart(said),)) for role, said in turns)
    assert asked_text(Request(messages)) == text
