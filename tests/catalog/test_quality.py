"""What a few scores tell: known answers, and errors that grow where little or old is known."""

from __future__ import annotations

import datetime as dt
import math
import random
from dataclasses import replace
from statistics import fmean

import pytest

from llmrouter_integrations.catalog import Catalog
from llmrouter_integrations.catalog import livebench as lb
from llmrouter_integrations.catalog.livebench import Run
from llmrouter_integrations.catalog.quality import TASK_CATEGORIES, Components, Level, aged
from llmrouter_integrations.hints import TASKS
from tests.catalog.made_tables import COMPONENTS

MADE = Components.from_row(COMPONENTS)
SCORES = dict(MADE.means)


def run(name, **tasks):
    by_task = {category: tuple(scores) for category, scores in tasks.items()}
    means = {category: math.fsum(scores) / len(scores) for category, scores in by_task.items()}
    return Run(name, means, by_task=by_task)


def believed(components=MADE, before=None, **scores):
    return components.estimates(components.level(scores, before), scores, "s", "2026-01-01")


# -- variances ----------------------------------------------------------------------------------


def test_variances_of_a_table_worked_out_by_hand():
    # levels 0.1 and -0.1; A and B apart by 0.1 either way; tasks of A apart by 0.1, of B not
    table = [run("x", A=(0.9, 0.7), B=(0.6,)), run("y", A=(0.5, 0.5), B=(0.6,))]
    found = Components.of(table)
    assert found.means == pytest.approx({"A": 0.65, "B": 0.6})
    assert found.sizes == {"A": 2, "B": 1}
    # x: A +.15, B 0; y: A -.15, B 0. Within A: x (+.05, -.05), y the contrary: 4 x .0025
    assert found.tasks == pytest.approx({"A": 0.01, "B": 0.01})
    # levels +-.075, so each category is .075 from it: 2 x .075^2 / (1 x 1/2)
    spread, noise = 0.0225, {"A": 0.005, "B": 0.01}
    usual = spread - 0.0075
    assert found.categories == pytest.approx(
        {name: 0.75 * (spread - noise[name]) + 0.25 * usual for name in "AB"}
    )
    assert found.levels == pytest.approx(2 * 0.075**2 - spread / 2)


def test_variances_that_were_put_in_are_found():
    rng = random.Random(3)
    levels, categories, tasks = 0.06, {"A": 0.08, "B": 0.02}, {"A": 0.03, "B": 0.09}
    table = []
    for n in range(3000):
        level = rng.gauss(0.6, levels)
        own = {name: level + rng.gauss(0, categories[name]) for name in "AB"}
        table.append(
            run(
                str(n),
                **{k: [v + rng.gauss(0, tasks[k]) for _ in range(4)] for k, v in own.items()},
            )
        )
    found = Components.of(table)
    for name in "AB":
        assert math.sqrt(found.tasks[name]) == pytest.approx(tasks[name], rel=0.05)
    # with two categories only their mean is told apart from the level
    mean = math.fsum(v**2 for v in categories.values()) / 2
    assert math.fsum(found.categories.values()) / 2 == pytest.approx(mean, rel=0.1)
    assert found.levels == pytest.approx(levels**2, rel=0.2)


@pytest.mark.parametrize(
    "table",
    [
        [run("alone", A=(0.5, 0.6), B=(0.7,))],
        [run("x", A=(0.5,)), run("y", A=(0.7,))],
        [run("x", A=(0.5,), B=(0.2,)), run("y", A=(0.7,), B=(0.9,))],
        [run("x", A=(0.5, 0.5), B=(0.5,)), run("y", A=(0.5, 0.5), B=(0.5,))],
    ],
)
def test_small_tables_are_taken_as_they_are(table):
    components = Components.of(table)
    for each in table:
        for estimate in believed(components, **each.scores).values():
            assert 0 <= estimate.value <= 1
            assert math.isfinite(estimate.error)


def test_what_is_written_is_read_again():
    assert Components.from_row(MADE.as_row()) == MADE


# -- shrinkage ----------------------------------------------------------------------------------


def test_a_model_at_the_mean_is_believed_to_be_there():
    told = believed(**SCORES)
    assert told["code"].value == pytest.approx(0.6)
    assert told["chat"].value == pytest.approx(0.7)
    assert told["overall"].value == told["vision"].value == pytest.approx(MADE.mean)


def test_one_good_category_is_believed_by_its_share():
    # Coding 0.2 above: noise = .002 + .004/2 = .004; level by .01 / (.01 + .004)
    told = believed(Coding=0.8)
    level = 0.2 * 0.01 / 0.014
    variance = 0.01 * 0.004 / 0.014
    assert told["overall"].value == pytest.approx(MADE.mean + level)
    assert told["overall"].error == pytest.approx(math.sqrt(variance))
    # half of what is left is Coding's own: .002 / (.002 + .004/2)
    assert told["code"].value == pytest.approx(0.6 + level + 0.5 * (0.2 - level))
    assert told["code"].error == pytest.approx(math.sqrt(0.25 * variance + 0.5 * 0.002))
    # the others are lifted by the level alone
    assert told["tool_use"].value == pytest.approx(0.4 + level)
    assert told["tool_use"].error == pytest.approx(math.sqrt(variance + 0.003))


def test_a_task_of_two_categories_is_their_mean():
    told = believed(**SCORES | {"IF": 0.9})
    alone = {task: told[task].value for task in ("summarization", "translation", "chat")}
    assert alone["chat"] == pytest.approx((alone["summarization"] + alone["translation"]) / 2)
    assert alone["translation"] < alone["chat"] < alone["summarization"]


def test_what_was_believed_before_counts_by_its_certainty():
    scores = {"Coding": 0.8}
    vague, sure = (MADE.level(scores, Level(-0.2, variance)) for variance in (1.0, 1e-9))
    assert vague.value == pytest.approx(0.2, abs=0.005)
    assert sure.value == pytest.approx(-0.2, abs=1e-6)
    assert sure.variance < vague.variance
    assert MADE.level({}, Level(-0.2, 0.1)) == (-0.2, 0.1)


def test_nobody_is_believed_to_fail_always_or_never():
    told = MADE.estimates(Level(2.0, 0.1), {}, "s", "2026-01-01")
    assert {estimate.value for estimate in told.values()} == {0.99}
    told = MADE.estimates(Level(-2.0, 0.1), {}, "s", "2026-01-01")
    assert {estimate.value for estimate in told.values()} == {0.01}


# -- errors -------------------------------------------------------------------------------------


def test_errors_grow_where_less_is_known():
    known = {}
    errors = [believed()["overall"].error]
    for category, score in SCORES.items():
        known[category] = score
        errors.append(believed(**known)["overall"].error)
    assert errors == sorted(errors, reverse=True)
    assert len(set(errors)) == len(errors)


@pytest.mark.parametrize("tasks", [1, 2, 4, 16])
def test_errors_shrink_with_more_tasks(tasks):
    few = replace(MADE, sizes=dict.fromkeys(MADE.sizes, tasks))
    many = replace(MADE, sizes=dict.fromkeys(MADE.sizes, tasks + 1))
    for task in ("code", "tool_use", "chat", "overall"):
        assert believed(many, **SCORES)[task].error < believed(few, **SCORES)[task].error


def test_errors_grow_with_age():
    ages = [aged(0.03, "2026-01-01", dt.date(2026, month, 1)) for month in range(1, 13)]
    assert ages[0] == pytest.approx(0.03)
    assert ages == sorted(ages)
    assert ages[-1] == pytest.approx(math.hypot(0.03, 0.01 * math.sqrt(11)), rel=0.01)
    assert aged(0.03, "2026-01", dt.date(2026, 7, 1)) == aged(
        0.03, "2026-01-01", dt.date(2026, 7, 1)
    )
    assert aged(0.03, "2027-01-01", dt.date(2026, 7, 1)) == 0.03  # a clock that is behind


# -- the real tables ----------------------------------------------------------------------------


def test_of_every_measured_model_something_is_believed_of_every_task():
    models = Catalog.load().models(measured=True)
    assert len(models) > 100
    for facts in models:
        assert set(facts.estimates) == {"overall", *TASKS}
        for estimate in facts.estimates.values():
            assert 0.01 < estimate.error < 0.1
            assert estimate.source.startswith("LiveBench")
            assert dt.date.fromisoformat(estimate.date)


def test_halves_foretell_each_other_better_for_being_shrunk_and_errors_are_honest(snapshots):
    categories = lb.read_categories(snapshots)
    noise = Components.of(lb.read(snapshots).runs).tasks
    alone = {names[0]: task for task, names in TASK_CATEGORIES.items() if len(names) == 1}
    rng = random.Random(0)
    plain, shrunk, surprise = [], [], []
    for _ in range(20):
        mine, other = set(), set()
        for tasks in categories.values():
            shuffled = rng.sample(tasks, len(tasks))
            mine |= set(shuffled[: len(tasks) // 2])
            other |= set(shuffled[len(tasks) // 2 :])
        half, rest = (lb.read(snapshots, tasks=tasks) for tasks in (mine, other))
        known, truth = Components.of(half.runs), Components.of(rest.runs)
        for told, found in zip(half.runs, rest.runs, strict=True):
            estimates = believed(known, **told.scores)
            for category, score in found.scores.items():
                target = score - truth.means[category] + known.means[category]
                estimate = estimates[alone[category]]
                off = (estimate.value - target) ** 2
                chance = noise[category] / truth.sizes[category]
                plain.append((told.scores[category] - target) ** 2)
                shrunk.append(off)
                surprise.append(off / (estimate.error**2 + chance))
    assert fmean(shrunk) < 0.75 * fmean(plain)
    assert fmean(surprise) == pytest.approx(1.0, abs=0.25)
