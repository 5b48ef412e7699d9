"""What is expected of a target: who is believed, at which effort, and how surely."""

from __future__ import annotations

import datetime as dt

import pytest

from llmrouter_integrations.catalog.efforts import UNMEASURED_REASONING_TOKENS, VISIBLE_TOKENS
from llmrouter_integrations.catalog.model import Estimate, Measurement, ModelFacts, Sourced
from llmrouter_integrations.config import TargetConfig
from llmrouter_integrations.hints import TASKS
from llmrouter_integrations.routing.outlook import (
    PRIOR_ERROR,
    PRIOR_QUALITY,
    STATED,
    STATED_ERROR,
    STATED_OVERALL_ERROR,
    Outlooks,
)
from llmrouter_integrations.wire.effort import EFFORTS

DAY = "2026-01-01"


def estimates(value, source="bench"):
    return {task: Estimate(value, 0.03, source, DAY) for task in ("overall", *TASKS)}


def facts(effort="max", value=0.8, tokens=10_000 + VISIBLE_TOKENS):
    spent = {task: Sourced(tokens, "bench", DAY) for task in ("overall", "code")}
    run = Measurement("run", effort, {}, estimates(value), spent)
    return ModelFacts("p", "m", "M", measurements=(run,), estimates=run.estimates)


def outlooks(known=None, *, quality=None, reasons=True, **more):
    config = TargetConfig(model="p/m", quality=quality)
    return Outlooks(config, known, reasons=reasons, **more)


@pytest.mark.parametrize(
    ("quality", "known", "value", "error", "source"),
    [
        (None, None, PRIOR_QUALITY, PRIOR_ERROR, "unknown model: prior"),
        (None, facts("medium"), 0.8, 0.03, f"bench, {DAY}"),
        (0.6, facts(), 0.6, STATED_OVERALL_ERROR, STATED),
        ({"overall": 0.6}, facts(), 0.6, STATED_OVERALL_ERROR, STATED),
        ({"code": 0.7, "overall": 0.6}, facts(), 0.7, STATED_ERROR, STATED),
        ({"math": 0.7}, facts("medium"), 0.8, 0.03, f"bench, {DAY}"),
        ({"math": 0.7}, None, PRIOR_QUALITY, PRIOR_ERROR, "unknown model: prior"),
    ],
)
def test_who_is_believed(quality, known, value, error, source):
    found = outlooks(known, quality=quality).at(None)["code"]
    assert found.quality == pytest.approx(value)
    assert found.quality_error == pytest.approx(error)
    assert found.quality_source == source


def test_what_is_placed_by_the_users_benchmarks_goes_before_the_catalogue():
    found = outlooks(facts("max"), estimates=estimates(0.5, "placed")).at(None)["code"]
    assert (found.quality, found.quality_source) == (0.5, f"placed, {DAY}")


@pytest.mark.parametrize("measured_at", ["max", "low", None])
def test_a_measured_model_is_what_was_measured_at_its_effort_and_moves_from_there(measured_at):
    each = outlooks(facts(measured_at)).at_each()
    assert tuple(each) == EFFORTS
    at = each[measured_at or "medium"]["code"]
    assert at.quality == pytest.approx(0.8)
    assert at.reasoning_tokens == pytest.approx(10_000)
    assert at.quality_error == pytest.approx(0.03)
    qualities = [outlook["code"].quality for outlook in each.values()]
    assert qualities == sorted(qualities)
    assert qualities[0] < at.quality <= qualities[-1]
    tokens = [outlook["code"].reasoning_tokens for outlook in each.values()]
    assert tokens == sorted(tokens)
    assert tokens[0] == 0


def test_nobody_said_means_the_default_and_the_source_tells_of_it():
    known = outlooks(facts("max"))
    default, medium = known.at(None)["code"], known.at("medium")["code"]
    assert default[:2] == medium[:2]
    assert default.quality < 0.8
    assert default.quality_error != 0.03
    assert default.quality_source == f"bench, {DAY}, reckoned for its default effort"
    assert medium.quality_source == f"bench, {DAY}, reckoned for effort medium"


def test_what_is_stated_holds_at_the_default_effort():
    each = outlooks(facts("max"), quality=0.6).at_each()
    assert each["medium"]["code"].quality == pytest.approx(0.6)
    assert each["low"]["code"].quality < 0.6 < each["max"]["code"].quality


def test_who_does_not_reason_is_the_same_at_every_effort():
    assert outlooks(reasons=False).at_each() == {}
    assert outlooks(reasons=False).at(None) == outlooks(reasons=False).at("max")


def test_a_task_without_tokens_of_its_own_spends_as_much_as_overall():
    known = facts("max", tokens=4_000 + VISIBLE_TOKENS)
    spent = {task: outlook.reasoning_tokens for task, outlook in outlooks(known).at("max").items()}
    assert set(spent.values()) == {4_000}
    unmeasured = outlooks().at("max")["math"].reasoning_tokens
    assert unmeasured == UNMEASURED_REASONING_TOKENS


def test_old_figures_are_less_sure_and_stated_ones_do_not_age():
    def errors(quality=None):
        return [
            outlooks(facts("medium"), quality=quality, today=day).at(None)["code"].quality_error
            for day in (dt.date(2026, 1, 1), dt.date(2026, 7, 1), dt.date(2027, 1, 1))
        ]

    fresh, half, whole = errors()
    assert fresh == pytest.approx(0.03)
    assert fresh < half < whole < 0.06
    assert len(set(errors(0.6))) == 1
