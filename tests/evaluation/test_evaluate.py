"""Whole evaluations: every figure, every baseline, held-out rows and bad labels."""

from __future__ import annotations

import dataclasses
import json
import re
from xml.dom import minidom

import numpy as np
import pytest

from llmrouter_integrations.errors import DatasetError
from llmrouter_integrations.evaluation.baselines import BASELINES, Contender, train_on_length
from llmrouter_integrations.evaluation.curve import arena_score
from llmrouter_integrations.evaluation.datasets import LabelledTable
from llmrouter_integrations.evaluation.evaluate import Options, cross_validate, hold_out
from llmrouter_integrations.evaluation.html import report
from llmrouter_integrations.evaluation.record import FIGURES, as_record
from tests.evaluation.labels import table

QUICK = Options(resamples=40)
NAN = float("nan")


@pytest.fixture(scope="module")
def held_out():
    return hold_out(table(300, seed=1, name="a.csv"), table(400, seed=2, name="b.csv"), (), QUICK)


def test_the_record_holds_every_figure_of_the_router_and_of_each_baseline(held_out):
    told = json.loads(json.dumps(as_record(held_out), allow_nan=False))
    assert list(told) == [
        "format", "data", "bootstrap", "router", "others", "baselines", "models",
    ]  # fmt: skip
    assert list(told["baselines"]) == [
        "random", "prompt_length", "cheapest", "best_single", "single_models", "task_table",
        "oracle",
    ]  # fmt: skip
    for one in (told["router"], *told["baselines"].values()):
        assert set(FIGURES) <= one.keys()
        for name, (low, high) in one["intervals"].items():
            if name != "ece" and low is not None and high is not None:  # ece is biased upwards
                assert low <= one[name] <= high
    data = told["data"]
    assert (data["train"], data["test"], data["split"]) == ("a.csv", "b.csv", "held-out")
    assert (data["rows"], data["labels"], data["cost_basis"]) == (400, 300, "usd")
    assert (data["strong"], data["weak"]) == ("strong", "tiny")
    assert set(told["models"]) == {"strong", "weak", "tiny"}
    assert set(told["router"]["over"]) == set(told["baselines"])
    assert set(told["router"]["policies"]) == {"quality", "balanced", "cost"}


def test_figures_by_hand_on_rows_that_leave_no_doubt():
    """Short prompts are answered by both, long ones by the strong model alone."""
    prompts = tuple("x" * (10 if n % 2 else 1000) + str(n) for n in range(100))
    long = np.array([len(p) > 500 for p in prompts])
    quality = np.stack([np.ones(100), np.where(long, 0.0, 1.0)], axis=1)
    cost = np.tile([0.01, 0.001], (100, 1))
    made = LabelledTable(prompts, ("big", "small"), quality, cost=cost)
    told = as_record(hold_out(made, made, (), QUICK))
    router = told["router"]
    # half of the calls recover all of the gap, in a straight line
    assert router["apgr"] == pytest.approx(0.75)
    assert (router["cpt50"], router["cpt80"]) == pytest.approx((0.25, 0.4))
    # from (0.001, 0.5) straight to (0.0055, 1), then level to 0.01
    assert router["aiq"] == pytest.approx(0.875)
    # 98% of the best: 0.96 of the way from 0.001 to 0.0055, relative to 0.01
    assert router["c98"] == pytest.approx((0.001 + 0.96 * 0.0045) / 0.01)
    assert router["quality_best"] == 1
    # a good answer is worth 5 cents: the long ones are worth a cent, the short ones not
    assert (router["quality"], router["cost"]) == pytest.approx((1.0, 0.0055))
    assert router["arena"] == pytest.approx(arena_score(1.0, 5.5))
    assert router["policies"]["balanced"]["arena"] == router["arena"]
    assert router["ece"] < 0.1
    base = told["baselines"]
    assert (base["random"]["apgr"], base["best_single"]["apgr"]) == pytest.approx((0.5, 0.5))
    assert base["oracle"]["aiq"] == pytest.approx(0.875)
    assert (base["cheapest"]["quality"], base["cheapest"]["cost"]) == pytest.approx((0.5, 0.001))
    assert base["best_single"]["cost"] == pytest.approx(0.01)
    assert base["cheapest"]["c98"] is None
    assert base["single_models"]["aiq"] == pytest.approx(0.75)
    over = router["over"]["single_models"]
    assert over["aiq"] == pytest.approx(0.125)
    low, high = over["intervals"]["aiq"]
    assert 0.1 < low <= high < 0.126


def test_knowing_helps_and_only_the_oracle_sees_the_answers(held_out):
    told = as_record(held_out)
    base = told["baselines"]
    assert base["oracle"]["aiq"] > told["router"]["aiq"] > base["single_models"]["aiq"]
    assert told["router"]["apgr"] > 0.5
    assert base["random"]["flip_rate"] > 0.3
    assert base["best_single"]["flip_rate"] == 0
    assert base["oracle"]["flip_rate"] is None
    assert told["router"]["decision_p50_us"] > 0


def test_the_same_seed_gives_the_same_figures():
    def run(seed):
        told = as_record(
            cross_validate(table(120), "random", (), Options(resamples=20, seed=seed))
        )["router"]
        return {name: told[name] for name in ("aiq", "apgr", "flip_rate")}, told["intervals"]["aiq"]

    assert run(0) == run(0)
    assert run(0) != run(1)


def test_a_task_left_out_is_judged_by_what_others_taught():
    taught = []

    def train(made):
        taught.append(set(made.tasks))
        return train_on_length(made)

    told = cross_validate(
        table(90), "leave-one-task-out", [Contender("router", "spy", train)], QUICK
    )
    assert told.folds == ("task 0", "task 1", "task 2")
    assert [len(tasks) for tasks in taught] == [2, 2, 2]
    # of a task that was left out the known-task table knows nothing
    record = as_record(told)["baselines"]
    assert record["task_table"]["quality"] == record["single_models"]["quality"]


def test_the_router_is_not_told_the_tasks_of_the_data():
    asked = []

    class Spy:
        def __init__(self, made):
            self.models = made.models

        def predict(self, prompts, tasks=None):
            asked.append(tasks)
            return np.full((len(prompts), 3), 0.5)

    hold_out(table(50), table(50, seed=1), [Contender("spy", "Spy", Spy)], QUICK)
    assert asked
    assert set(asked) == {None}


def test_few_labels_and_given_paraphrases():
    made = table(80, seed=1)
    others = {made.prompts[0]: [made.prompts[0] + " " + "word " * 500], "not there": ["x"]}
    options = Options(resamples=5, paraphrases=others)
    told = hold_out(table(80), made, (), options, labels=30)
    assert told.labels == 30
    assert list(told.results["router"].flips.by_kind) == ["given"]
    with pytest.raises(DatasetError, match="none of the paraphrases"):
        hold_out(table(80), made, (), Options(5, paraphrases={"x": ["y"]}))


def test_two_models_without_costs_are_judged_by_calls_to_the_strong_one():
    made = table(200, costs=False).columns(("weak", "strong"))
    told = as_record(cross_validate(made, "random", (), QUICK))
    assert (told["data"]["strong"], told["data"]["weak"]) == ("strong", "weak")
    assert told["data"]["cost_basis"] == "strong_calls"
    assert told["router"]["arena"] is None
    assert told["router"]["policies"] == {}
    assert 0.3 < told["router"]["cost"] < 0.7  # operated where half of the calls are strong


def test_folds_do_not_make_a_constant_router_worse_than_chance():
    told = cross_validate(table(200, costs=False).columns(("weak", "strong")), "random", (), QUICK)
    assert as_record(told)["baselines"]["single_models"]["apgr"] == pytest.approx(0.5)


def test_where_the_best_model_is_the_cheapest_the_next_cheapest_is_the_weak_one():
    made = table(100)
    cost = made.cost[:, [2, 1, 0]]
    told = cross_validate(dataclasses.replace(made, cost=cost), "random", (), QUICK)
    assert told.pair == ("strong", "weak")


def test_three_models_without_costs_have_no_curve():
    told = as_record(cross_validate(table(100, costs=False), "random", (), QUICK))
    router = told["router"]
    assert (router["aiq"], router["apgr"], router["curve"]) == (None, None, None)
    assert router["quality_best"] > 0.5
    assert "no unit" in report(cross_validate(table(50, costs=False), "random", (), QUICK))


# -- bad labels -------------------------------------------------------------------------------


def test_ten_rows_are_measured_with_a_warning():
    told = cross_validate(table(10), "random", (), QUICK)
    assert "only 10 rows: look at the intervals, not at the figures" in told.notes
    low, high = as_record(told)["router"]["intervals"]["aiq"]
    assert high - low > 0.1


def test_constant_scores_leave_nothing_to_route():
    made = dataclasses.replace(table(150), quality=np.ones((150, 3)))
    told = cross_validate(made, "random", (), QUICK)
    assert "all models do equally well on every row: there is nothing to route" in told.notes
    record = as_record(told)
    assert record["router"]["apgr"] is None
    assert record["router"]["aiq"] == 1
    json.dumps(record, allow_nan=False)
    report(told)


def test_rows_and_models_with_missing_labels_are_left_out_and_noted():
    made = table(150)
    quality = made.quality.copy()
    quality[:100, 2] = NAN
    quality[:20, 0] = NAN
    told = cross_validate(dataclasses.replace(made, quality=quality), "random", (), QUICK)
    assert told.table.models == ("strong", "weak")
    assert len(told.table) == 130
    assert "labelled in fewer than half of the rows, so left out: tiny" in told.notes
    assert "20 rows without a label of every model are left out" in told.notes


def test_rows_to_learn_from_may_lack_labels():
    made = table(100)
    quality = made.quality.copy()
    quality[::2, 1] = NAN
    told = hold_out(dataclasses.replace(made, quality=quality), table(60, seed=1), (), QUICK)
    assert told.labels == 100
    quality[:, 1] = NAN
    with pytest.raises(DatasetError, match="no row has a quality of 'weak'"):
        hold_out(dataclasses.replace(made, quality=quality), table(60, seed=1), (), QUICK)


def test_models_that_only_one_file_has_are_left_out_and_noted():
    a = table(60, name="a.csv").columns(("strong", "tiny"))
    told = hold_out(a, table(60, seed=1, name="b.csv"), (), QUICK)
    assert told.table.models == ("strong", "tiny")
    assert "not in a.csv, so left out: weak" in told.notes
    b = dataclasses.replace(table(60), models=("x", "y", "z"))
    with pytest.raises(DatasetError, match="must share two models"):
        hold_out(a, b, (), QUICK)


def test_few_rows_to_learn_from_are_told():
    told = hold_out(table(10, name="a.csv"), table(100, seed=1), (), QUICK)
    assert "only 10 rows to learn from in a.csv" in told.notes


def test_costs_that_only_one_file_has_are_said_to_be_of_no_use():
    bare, dear = table(100, costs=False, name="a.csv"), table(100, seed=1, name="b.csv")
    says = "costs in dollars are not used: b.csv has them, a.csv has not"
    assert says in hold_out(bare, dear, (), QUICK).notes
    assert says in hold_out(dear, bare, (), QUICK).notes
    assert not any("costs" in note for note in hold_out(dear, dear, (), QUICK).notes)


def test_prompts_that_were_learned_from_are_told():
    made = table(40)
    told = hold_out(made, made, (), QUICK)
    assert "40 prompts of made.csv are also in made.csv" in told.notes


def test_nothing_to_measure_on_is_an_error_that_says_why():
    made = table(30)
    quality = np.full((30, 3), NAN)
    quality[:15, :2] = 1
    quality[15:, 1:] = 1
    with pytest.raises(DatasetError, match="0 rows have labels of all of"):
        cross_validate(dataclasses.replace(made, quality=quality), "random", (), QUICK)


@pytest.mark.parametrize(
    ("predicted", "says"),
    [
        (lambda n: np.full((n, 3), NAN), "a number for each of 3 models"),
        (lambda n: np.zeros((n, 2)), "a number for each of 3 models"),
    ],
)
def test_a_router_that_predicts_nonsense_is_an_error(predicted, says):
    class Broken:
        models = ("strong", "weak", "tiny")

        def predict(self, prompts, tasks=None):
            return predicted(len(prompts))

    broken = Contender("broken", "Broken", lambda _: Broken())
    with pytest.raises(DatasetError, match=says):
        cross_validate(table(30), "random", [broken], QUICK)
    Broken.models = ("tiny", "weak", "strong")
    with pytest.raises(DatasetError, match="predicts tiny, weak, strong, not strong"):
        cross_validate(table(30), "random", [broken], QUICK)


def test_two_routers_of_one_name_are_refused():
    with pytest.raises(DatasetError, match="two routers are called oracle"):
        cross_validate(table(30), "random", [BASELINES[-1]], QUICK)


# -- the page ---------------------------------------------------------------------------------


def test_the_page_needs_nothing_beside_itself(held_out):
    page = report(held_out)
    assert page.startswith("<!doctype html>")
    plots = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(plots) == 4  # curves, operating points, gap, reliability
    for plot in plots:
        minidom.parseString(plot)  # noqa: S318  (written on the line before)
    assert not re.search(r"(?:src|href|url)\s*[=(]|<script|@import", page)
    for baseline in BASELINES:
        assert baseline.title in page


def test_names_of_models_cannot_write_into_the_page():
    evil = "<script>alert(1)</script>&"
    made = dataclasses.replace(table(60), models=(evil, "weak", "tiny"), name=evil, notes=(evil,))
    page = report(cross_validate(made, "random", (), QUICK))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_progress_is_told_to_the_end():
    told = []
    cross_validate(table(40), "random", (), Options(5, progress=lambda *news: told.append(news)))
    for what in ("training and predicting", "measuring"):
        steps = [(done, total) for said, done, total in told if said == what]
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1]
