"""What an evaluation is made of: costs, splits, the knob, baselines, paraphrases."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from llmrouter_integrations.catalog import Catalog
from llmrouter_integrations.errors import ConfigurationError, DatasetError, MissingColumnError
from llmrouter_integrations.evaluation import knob
from llmrouter_integrations.evaluation.baselines import BASELINES, train_on_length
from llmrouter_integrations.evaluation.costs import CostForecast, priced
from llmrouter_integrations.evaluation.datasets import LabelledTable
from llmrouter_integrations.evaluation.paraphrase import PARAPHRASES, read_paraphrases
from llmrouter_integrations.evaluation.splits import folds_of, split_named
from tests.evaluation.labels import table

NAN = float("nan")
BY_NAME = {baseline.name: baseline for baseline in BASELINES}


def bare(models, quality):
    quality = np.array(quality, float)
    return LabelledTable(tuple(f"p{n}" for n in range(len(quality))), models, quality)


# -- costs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("models", "quality", "basis", "each"),
    [
        (("s", "w"), [[1, 0]], "strong_calls", [1, 0]),
        (("a", "b"), [[0, 1], [NAN, 1]], "strong_calls", [0, 1]),
        (("llama-3.1-8b-it", "mixtral-8x7b", "q2.5-0.5b"), [[1, 1, 1]], "parameters", [8, 56, 0.5]),
        (("llama-3.1-8b-it", "gpt-5", "x-7b"), [[0, 1, 0]], "strong_calls", [0, 1, 0]),
    ],
)
def test_what_costs_stand_in_for_missing_ones(models, quality, basis, each):
    told = priced(bare(models, quality), bare(models, quality))
    assert told.basis == basis
    assert told.train.cost[0].tolist() == told.test.cost[0].tolist() == each
    assert "no arena score" in told.notes[-1]


def test_names_that_the_catalogue_knows_cost_what_it_says():
    models = ("gpt-4o", "openai/gpt-4o-mini", "claude-3-haiku")
    made = LabelledTable(("x" * 400, "x" * 8000), models, np.ones((2, 3)))
    told = priced(made, made)
    assert told.basis == "usd_catalog"
    assert "openai/gpt-4o, openai/gpt-4o-mini, anthropic/claude-3-haiku" in told.notes[0]
    rates = Catalog.load().find("openai", "gpt-4o-mini").rates
    assert told.test.cost[1, 1] - told.test.cost[0, 1] == pytest.approx(1900 * rates.input_usd)
    assert (told.test.cost[:, 0] > told.test.cost[:, 1]).all()


def test_dollars_of_one_table_alone_serve_both():
    made = table(20)
    assert priced(made, made).basis == "usd"
    bare_ = dataclasses.replace(made, cost=None)
    later = priced(made, bare_)
    assert later.basis == "usd_expected"
    np.testing.assert_array_equal(later.test.cost, CostForecast(made).predict(made.prompts))
    listed = priced(bare_, made)
    assert listed.basis == "usd"
    np.testing.assert_allclose(listed.train.cost[3], made.cost.mean(axis=0))


def test_costs_are_forecast_along_the_length_of_the_prompt():
    prompts = tuple("x" * n for n in (10, 20, 30))
    cost = np.array([[0.1, 5, 3], [0.2, 5, 2], [0.3, 5, 1]])
    made = LabelledTable(prompts, ("a", "b", "c"), np.ones((3, 3)), cost=cost)
    told = CostForecast(made).predict(["x" * 40, ""])
    # rising along; level; falling, which no price list does, as its mean
    np.testing.assert_allclose(told, [[0.4, 5, 2], [0.0, 5, 2]], atol=1e-12)


def test_prompts_of_a_length_whose_answers_are_dear_are_expected_to_be_dear():
    lengths = [10] * 90 + [20] * 90 + [30] * 90
    cost = np.array([[8.0 if n == 10 else n / 10] for n in lengths])
    made = LabelledTable(tuple("x" * n for n in lengths), ("a",), np.ones((270, 1)), cost=cost)
    short, middle, long = CostForecast(made).predict(["x" * 10, "x" * 20, "x" * 30])[:, 0]
    assert short == pytest.approx(8, abs=0.5)
    assert middle == pytest.approx(2, abs=0.5)
    assert long == pytest.approx(3, abs=0.5)


# -- splits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["random", "leave-one-task-out"])
def test_every_row_is_judged_once_by_what_was_learned_from_others(split):
    made = table(100)
    parts = folds_of(made, split, seed=1)
    assert sorted(np.concatenate([part.test for part in parts])) == list(range(100))
    for part in parts:
        assert not set(part.train) & set(part.test)
        if split == "random":
            assert 19 <= len(part.test) <= 21
        else:
            assert {made.tasks[row] for row in part.test} == {part.name}
            assert part.name not in {made.tasks[row] for row in part.train}


def test_rows_of_one_prompt_are_never_on_both_sides():
    made = table(60)
    twice = dataclasses.replace(made, prompts=tuple([made.prompts[int(n**0.5)] for n in range(60)]))
    for part in folds_of(twice, "random"):
        assert not {twice.prompts[r] for r in part.train} & {twice.prompts[r] for r in part.test}


def test_few_labels_are_drawn_from_the_rows_to_learn_from():
    parts = folds_of(table(100), "random", labels=30)
    assert [len(part.train) for part in parts] == [30] * 5
    again = folds_of(table(100), "random", labels=30)
    assert all((a.train == b.train).all() for a, b in zip(parts, again, strict=True))


def test_splits_that_cannot_be_made_are_refused():
    with pytest.raises(DatasetError, match="needs a column 'task'"):
        folds_of(table(10, tasks=False), "leave-one-task-out")
    one = dataclasses.replace(table(4), tasks=("t",) * 4)
    with pytest.raises(DatasetError, match="needs two tasks"):
        folds_of(one, "leave-one-task-out")
    with pytest.raises(DatasetError, match="needs two prompts"):
        folds_of(dataclasses.replace(one, prompts=("p",) * 4), "random")
    assert len(folds_of(table(3), "random")) == 3
    with pytest.raises(ConfigurationError, match="no split 'k-fold'; there are random"):
        split_named("k-fold")


# -- the knob ---------------------------------------------------------------------------------


def test_the_knob_by_hand():
    quality = np.array([[0.9, 0.5], [0.6, 0.5], [0.5, 0.5]])
    cost = np.array([[1.0, 0.0]] * 3)
    for setting, expected in (
        (0.0, [0, 0, 1]),  # ties go to the cheaper
        (0.2, [0, 1, 1]),
        (0.5, [1, 1, 1]),
        (math.inf, [1, 1, 1]),
    ):
        assert knob.choices(quality, cost, setting).tolist() == expected
    assert knob.choices(quality, None, 5.0).tolist() == [0, 0, 0]
    nearly = np.array([[0.5 + 1e-12, 0.5]])
    assert knob.choices(nearly, cost[:1], 0.0).tolist() == [1]


def test_settings_go_from_all_to_nothing_evenly():
    made = table(300)
    quality, cost = made.quality, made.cost
    tried = knob.settings(quality, cost)
    assert tried[0] == 0
    assert (knob.choices(quality, cost, tried[-1]) == 2).all()  # the cheapest, always
    rows = np.arange(300)
    spent = np.array([cost[rows, knob.choices(quality, cost, one)].mean() for one in tried])
    assert (np.diff(spent) <= 1e-12).all()
    middle = knob.choices(quality, cost, knob.middle(quality, cost))
    half = (spent[0] + spent[-1]) / 2
    assert abs(cost[rows, middle].mean() - half) < 0.25 * (spent[0] - spent[-1])


# -- baselines --------------------------------------------------------------------------------


def test_baselines_by_hand():
    made = LabelledTable(
        ("ab", "abcd", "abcdef", "abcdefgh"),
        ("a", "b"),
        np.array([[1, 0], [1, 0], [0, 1], [0, 0.0]]),
        cost=np.array([[2, 1]] * 4, float),
        tasks=("x", "x", "y", "y"),
    )
    asked, tasks = ["?", "??"], ["x", "new"]

    def told(name):
        return BY_NAME[name].train(made).predict(asked, tasks)

    assert told("cheapest").tolist() == [[0, 1]] * 2
    assert told("best_single").tolist() == [[1, 0]] * 2
    assert told("single_models").tolist() == [[0.5, 0.25]] * 2
    # two rows of task x, and ten more of the mean: (2 + 5) / 12; a new task: the mean
    np.testing.assert_allclose(told("task_table"), [[7 / 12, 2.5 / 12], [0.5, 0.25]])
    assert BY_NAME["task_table"].train(made).predict(asked).tolist() == [[0.5, 0.25]] * 2
    noise = told("random")
    assert noise.shape == (2, 2)
    assert noise.tolist() == told("random").tolist()
    assert BY_NAME["oracle"].train is None


def test_a_model_without_labels_is_expected_to_be_like_the_others():
    made = bare(("a", "b"), [[1, NAN], [0, NAN]])
    assert BY_NAME["single_models"].train(made).predict(["?"]).tolist() == [[0.5, 0.5]]
    assert train_on_length(made).predict(["?"]).shape == (1, 2)


def test_length_is_learned_along_its_logarithm():
    prompts = tuple("x" * (2**n - 1) for n in range(1, 9))  # log(1 + length) is n log 2
    falling = np.array([[0.9 - n / 10, 0.5] for n in range(1, 9)])
    made = LabelledTable(prompts, ("a", "b"), falling)
    told = train_on_length(made).predict(prompts)
    np.testing.assert_allclose(told, falling, atol=1e-12)
    # beyond what was seen it stays a quality
    assert train_on_length(made).predict(["x" * 100_000])[0, 0] == 0


# -- paraphrases ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PARAPHRASES)
def test_paraphrases_by_rule_say_the_same_otherwise(kind):
    text = "Find the total. It's big - how many are there?"
    other = PARAPHRASES[kind](text)
    assert other != text
    if kind != "wording":
        plain = "".join(c for c in text.lower() if c.isalpha())
        assert plain in "".join(c for c in other.lower() if c.isalpha())


def test_wording_keeps_capitals():
    assert PARAPHRASES["wording"]("Find how many.") == "Determine what number of."


def test_given_paraphrases_are_read(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("prompt,paraphrase\np,q\np,r\nx,\n")
    assert read_paraphrases(path) == {"p": ["q", "r"]}
    path.write_text("prompt,other\np,q\n")
    with pytest.raises(MissingColumnError, match="no column 'paraphrase'; the columns are prompt"):
        read_paraphrases(path)
