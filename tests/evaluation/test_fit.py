"""What is learned from labels in which the truth is known."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from llmrouter_integrations.errors import DatasetError
from llmrouter_integrations.evaluation import fit as fitting
from llmrouter_integrations.evaluation.datasets import LabelledTable, read_table
from llmrouter_integrations.evaluation.fit import fit, learn
from llmrouter_integrations.evaluation.fit_report import fit_record, scores
from llmrouter_integrations.evaluation.following import add_models, follow
from llmrouter_integrations.evaluation.task_table import TaskLabels
from llmrouter_integrations.routing.predictor import TaskTable, doubted
from tests.evaluation.labels import FILLING
from tests.evaluation.labels import trade_prompts as prompts
from tests.evaluation.labels import trades as labels

ROUTING = Path(__file__).parents[3] / "shared" / "routing"


def right(predictor, asked, gems, *, tasks=None):
    """Share of prompts for which the model that knows them is predicted to be best."""
    return float(np.mean(predictor.predict(asked, tasks).argmax(axis=1) == np.where(gems, 0, 1)))


@pytest.fixture(scope="module")
def learned():
    return fit(labels()[0])


def test_a_rule_is_learned_and_holds_on_other_prompts(learned):
    asked, gems = prompts(200, seed=7)
    assert right(learned, asked, gems) > 0.97
    expected = learned.predict(asked)
    of_gems = expected[gems].mean(axis=0)
    np.testing.assert_allclose(of_gems, [0.95, 0.1, 0.5], atol=0.12)


def test_one_prompt_is_expected_as_among_many(learned):
    asked, _ = prompts(5, seed=7)
    told = learned.predict_one(asked[3])
    assert list(told.quality) == ["jeweller", "smith", "clerk"]
    assert list(told.quality.values()) == learned.predict(asked)[3].tolist()
    assert told.familiar == 1.0


def test_noise_teaches_nothing_but_levels():
    made, _ = labels(300, noise=1.0)
    told = fit(made).predict(prompts(200, seed=7)[0])
    assert np.abs(told - np.nanmean(made.quality, axis=0)).mean() < 0.05


def test_what_is_promised_of_rows_left_out_holds_on_rows_held_back():
    made, _ = labels(600, noise=0.4)
    found = learn(made.rows(np.arange(300)))
    judged = made.rows(np.arange(300, 600))
    promised = scores(found)["fitted"].squared_error
    kept = float(((found.predictor.predict(judged.prompts) - judged.quality) ** 2).mean())
    assert promised == pytest.approx(kept, abs=0.02)
    assert promised < scores(found)["each model's mean"].squared_error - 0.02


def test_the_same_labels_and_seed_give_the_same_predictor():
    made, _ = labels(120)
    asked = prompts(20, seed=7)[0]
    assert (fit(made, seed=3).predict(asked) == fit(made, seed=3).predict(asked)).all()


def test_how_hard_a_prompt_is_for_all_is_learned():
    made, gems = labels(400)
    # whatever is asked of gems goes wrong
    hard = dataclasses.replace(made, quality=np.tile(np.where(gems, 0.0, 1.0)[:, None], (1, 3)))
    asked, gems = prompts(100, seed=7)
    told = fit(hard).predict(asked)
    assert told[gems].max() < 0.3
    assert told[~gems].min() > 0.7


def test_tasks_are_read_from_the_prompt_and_being_told_is_at_least_as_good():
    made, _ = labels(300, tasks=True)
    predictor = fit(made)
    assert predictor.table.tasks == ("gems", "tools")
    asked, gems = prompts(200, seed=7)
    assert right(predictor, asked, gems) > 0.97
    told = ["gems" if each else "tools" for each in gems]
    assert right(predictor, asked, gems, tasks=told) >= right(predictor, asked, gems)
    # a task nobody has heard of is read from the prompt, as if none were told
    unknown = predictor.predict(asked, ["pottery"] * len(asked))
    assert (unknown == predictor.predict(asked)).all()


def test_a_told_task_counts_where_the_words_say_nothing():
    predictor = fit(labels(300, tasks=True)[0])
    asked = "zzz " * 8
    assert predictor.predict_one(asked, "gems").quality["jeweller"] > 0.6
    assert predictor.predict_one(asked, "tools").quality["jeweller"] < 0.4


FAR = ("", "    ", "\x00", "?" * 500, "def f(x):\n    return x ** 2\n" * 400, "\ud83d\ude00" * 90)


@pytest.mark.parametrize("prompt", FAR)
def test_a_prompt_unlike_those_learned_from_is_left_to_the_safe_default(learned, prompt):
    told = learned.predict_one(prompt)
    assert told.familiar < 0.05
    safe = dict(zip(learned.models, learned.level, strict=True))
    assert sorted(told.quality, key=told.quality.get) == sorted(safe, key=safe.get)
    assert max(abs(told.quality[name] - safe[name]) for name in safe) < 0.3


def test_of_a_prompt_of_no_task_no_model_is_expected_to_beat_the_best():
    predictor = fit(labels(400, tasks=True)[0])
    best = int(predictor.level.argmax())
    asked = [" ".join(FILLING[n:] + FILLING[:n]) + "?" for n in range(10)]
    assert min(predictor.predict_one(each).familiar for each in asked) > 0.5
    assert (predictor.predict(asked).argmax(axis=1) == best).all()
    # of one that belongs, as before
    assert right(predictor, *prompts(100, seed=7)) > 0.97


@pytest.mark.parametrize(
    ("score", "expected"),
    [(0.1, [0.5, 0.499, 0.2]), (0.3, [0.5, 0.6995, 0.2]), (0.9, [0.5, 0.9, 0.2])],
)
def test_what_beats_the_best_is_doubted_by_degrees(score, expected):
    table = TaskTable(("a", "b"), np.zeros((2, 3)), 1.0, 0.2, 0.4)
    quality = np.array([0.5, 0.9, 0.2])
    np.testing.assert_allclose(doubted(quality, 0, table, np.array(score)), expected)
    several = doubted(np.stack([quality, quality]), 0, table, np.array([score, 0.9]))
    np.testing.assert_allclose(several, [expected, quality])


def test_of_a_far_prompt_longer_is_taken_to_be_harder_for_weak_models_most():
    made, _ = labels(300)
    made = dataclasses.replace(
        made, quality=np.stack([made.quality.max(axis=1), made.quality[:, 2]], 1), models=("a", "b")
    )
    predictor = fit(made)
    short, long = [
        predictor.predict_one(f"{text} \u00bf").quality for text in ("blah", "blah " * 900)
    ]
    assert long["a"] - long["b"] > short["a"] - short["b"] > 0


def test_another_wording_does_not_turn_the_choice(learned):
    asked, _ = prompts(50, seed=7)
    for other in (
        lambda text: f"Hello! Could you please help me with this?\n\n{text}\n\nThank you!",
        lambda text: f"Question: {text}\nAnswer:",
        str.upper,
    ):
        changed = learned.predict([other(text) for text in asked])
        assert (changed.argmax(axis=1) == learned.predict(asked).argmax(axis=1)).all()


# -- what labels may be like ----------------------------------------------------------------------


@pytest.mark.parametrize("missing", [0.3, 0.67])
def test_gaps_in_the_labels_are_borne(missing):
    made, _ = labels(600)
    gaps = np.random.default_rng(5).random(made.quality.shape) < missing
    made = dataclasses.replace(made, quality=np.where(gaps, np.nan, made.quality))
    asked, gems = prompts(200, seed=7)
    assert right(fit(made), asked, gems) > 0.95


def test_a_log_in_which_each_prompt_was_answered_once_is_enough():
    made, _ = labels(900)
    answered = np.random.default_rng(5).integers(0, 3, 900)[:, None] == np.arange(3)
    made = dataclasses.replace(made, quality=np.where(answered, made.quality, np.nan))
    asked, gems = prompts(200, seed=7)
    assert right(fit(made), asked, gems) > 0.95


@pytest.mark.parametrize("rows", [1, 2, 3, 10])
def test_few_rows_give_levels_and_a_note(rows):
    made, _ = labels(rows, tasks=True)
    predictor = fit(made)
    assert any(f"prompts: only {rows};" in note for note in predictor.notes)
    told = predictor.predict([*made.prompts, "", "something else"])
    assert ((told >= 0) & (told <= 1)).all()


@pytest.mark.parametrize("constant", [0.0, 0.5, 1.0])
def test_constant_labels_are_predicted_and_noted(constant):
    made, _ = labels(60)
    made = dataclasses.replace(made, quality=np.full(made.quality.shape, constant))
    predictor = fit(made)
    np.testing.assert_allclose(predictor.predict(made.prompts), constant)
    assert "nothing to learn" in predictor.notes[-1]


ODD = {
    "a model without labels": lambda made: {"quality": made.quality * [1, np.nan, 1]},
    "labels of one model alone": lambda made: {"quality": made.quality * [1, np.nan, np.nan]},
    "one prompt": lambda _: {"prompts": ("same",) * 120},
    "numbers": lambda _: {"prompts": tuple(map(str, range(120)))},
    "no words": lambda _: {"prompts": tuple("?" * n for n in range(1, 121))},
    "one task": lambda _: {"tasks": ("a",) * 120},
    "each row its task": lambda _: {"tasks": tuple(map(str, range(120)))},
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_labels_give_qualities_all_the_same(odd):
    made, _ = labels(120, tasks=True)
    found = learn(dataclasses.replace(made, **ODD[odd](made)))
    told = found.predictor.predict(["ruby opal", "", made.prompts[0]], ["gems", None, "what"])
    assert ((told >= 0) & (told <= 1)).all()
    assert fit_record(found)["data"]["rows"] == len(found.table)


def test_one_model_alone_can_be_learned():
    made, _ = labels(300)
    asked, gems = prompts(100, seed=7)
    told = fit(made.columns(["smith"])).predict(asked)[:, 0]
    assert told[~gems].mean() - told[gems].mean() > 0.5


def test_no_label_at_all_is_an_error_that_names_the_table():
    made, _ = labels(20)
    with pytest.raises(DatasetError, match=r"made\.csv: no answer has a label"):
        fit(dataclasses.replace(made, quality=np.full(made.quality.shape, np.nan)))


def test_a_prompt_that_comes_again_and_again_is_one_prompt():
    made, _ = labels(100)
    often = made.rows(np.tile(np.arange(100), 3))
    predictor = fit(often)
    assert "200 prompts are there more than once" in predictor.notes[-1]
    asked = prompts(20, seed=7)[0]
    np.testing.assert_allclose(predictor.predict(asked), fit(made).predict(asked))


def test_more_rows_than_can_be_learned_from_are_sampled_and_noted(monkeypatch):
    monkeypatch.setattr(fitting, "MAX_ROWS", 100)
    found = learn(labels(250)[0])
    assert len(found.table) == 100
    assert "a sample of 100 of 250 rows" in found.predictor.notes[0]


def test_rows_beyond_a_block_are_learned_from_too(monkeypatch):
    from llmrouter_integrations.evaluation import ridge

    monkeypatch.setattr(ridge, "BLOCK_ROWS", 100)
    asked, gems = prompts(200, seed=7)
    found = learn(labels(400)[0])
    assert right(found.predictor, asked, gems) > 0.97
    assert scores(found)["fitted"].squared_error < 0.16


def test_examples_that_all_prompts_share_count_once():
    example = (
        "Here is an example of what we want, with ruby and hammer and opal and chisel in it.\n"
    )
    made, _ = labels(400)
    made = dataclasses.replace(made, prompts=tuple(example + each for each in made.prompts))
    predictor = fit(made)
    assert len(predictor.text.shared_lines) == 1
    asked, gems = prompts(200, seed=7)
    assert right(predictor, [example + each for each in asked], gems) > 0.97


def test_rows_without_a_task_teach_what_their_words_say():
    made, gems = labels(300, tasks=True)
    tasks = tuple(task if n % 3 else "" for n, task in enumerate(made.tasks))
    found = learn(dataclasses.replace(made, tasks=tasks))
    assert found.predictor.table.tasks == ("gems", "tools")
    blank = np.array([not task for task in tasks])
    chosen = found.told[blank].argmax(axis=1)
    assert np.mean(chosen == np.where(gems[blank], 0, 1)) > 0.9


def test_the_table_of_tasks_leaves_each_row_out():
    quality = np.array([[1.0], [0.0], [1.0], [1.0], [np.nan], *[[0.0]] * 5, [1.0]])
    tasks = TaskLabels.of(["a"] * 5 + ["b"] * 5 + [""], quality, np.array([0.5]))
    # ten rows at the level of 0.5 are added to each task
    np.testing.assert_allclose(tasks.quality[:, 0], [8 / 14, 5 / 15])
    np.testing.assert_allclose(
        tasks.left_out[:6, 0], [7 / 13, 8 / 13, 7 / 13, 7 / 13, 8 / 14, 5 / 14]
    )
    assert np.isnan(tasks.left_out[10, 0])
    wholly = tasks.membership.copy()
    np.testing.assert_allclose(tasks.inferred(wholly)[:10], tasks.left_out[:10])
    wholly[10] = 0.5
    np.testing.assert_allclose(tasks.told(wholly)[10], tasks.quality.mean(axis=0))


def test_many_tasks_are_cut_to_the_common_ones():
    made, _ = labels(400)
    names = [f"task {n % 70}" if n < 350 else f"rare {n}" for n in range(400)]
    found = fit(dataclasses.replace(made, tasks=tuple(names)))
    assert len(found.table.tasks) == 64
    assert not any("rare" in name for name in found.table.tasks)


# -- models with few labels -----------------------------------------------------------------------


@pytest.mark.parametrize("count", [20, 50, 150])
def test_a_model_with_few_labels_is_placed_by_the_others(count):
    made, gems = labels(600)
    # the apprentice knows what the smith knows
    chance = np.where(gems, 0.1, 0.9)
    own = (np.random.default_rng(9).random(600) < chance).astype(float)
    own[count:] = np.nan
    made = dataclasses.replace(
        made,
        models=("apprentice", *made.models),
        quality=np.column_stack([own, made.quality]),
    )
    predictor = fit(made)
    assert f"apprentice ({count})" in predictor.notes[-1]
    asked, gems = prompts(200, seed=7)
    expected = predictor.predict(asked)[:, 0]
    assert expected[~gems].mean() - expected[gems].mean() > 0.3
    assert expected.mean() == pytest.approx(0.5, abs=0.2)


def test_models_are_added_to_what_was_learned_before(learned):
    asked, gems = prompts(60, seed=21)
    own = np.where(gems, 1.0, 0.0)[:, None]
    new = LabelledTable(asked, ("goldsmith",), own, name="new.csv")
    added, names = add_models(learned, new)
    assert names == ("goldsmith",)
    assert added.models == ("jeweller", "smith", "clerk", "goldsmith")
    more, gems = prompts(100, seed=22)
    told = added.predict(more)
    assert told[gems, 3].mean() - told[~gems, 3].mean() > 0.5
    assert (told[:, :3] == learned.predict(more)).all()


def test_adding_nothing_new_or_next_to_no_labels_is_an_error(learned):
    made, _ = labels(30)
    with pytest.raises(DatasetError, match="every model in it is known already"):
        add_models(learned, made)
    few = np.full((30, 1), np.nan)
    few[:4] = 1.0
    few = dataclasses.replace(made, models=("novice",), quality=few)
    with pytest.raises(DatasetError, match="'novice' has 4 labels; at least 5"):
        add_models(learned, few)


def test_a_model_without_labels_moves_as_the_others_do():
    moves = np.array([[0.2, -0.1], [-0.2, 0.1], [0.1, 0.0]])
    level, followed = follow(moves, np.array([0.4, 0.8]), np.full(3, np.nan))
    assert level == pytest.approx(0.6)
    assert followed.tolist() == [0.5, 0.5]


# -- the report and public labels -----------------------------------------------------------------


def test_the_report_tells_what_was_chosen_beside_what_needs_no_learning():
    told = fit_record(learn(labels(200, tasks=True)[0]))
    assert told["models"]["clerk"] == {
        "labels": 200,
        "level": told["models"]["clerk"]["level"],
        "described_by": "its labels",
    }
    assert set(told["penalties"]) == {"tasks", "common", "apart"}
    assert told["left_out"]["oracle"]["squared_error"] == 0
    fitted, mean = told["left_out"]["fitted"], told["left_out"]["each model's mean"]
    assert fitted["squared_error"] < mean["squared_error"]
    assert fitted["best_quality"] > mean["best_quality"] + 0.2
    assert sum(told["reliability"]["answers"]) == 600


def test_a_mean_is_judged_on_rows_left_out_too():
    made, _ = labels(4)
    quality = np.array([[1.0, 1, 1], [0, 1, 1], [1, 1, 1], [np.nan, 1, 1]])
    found = scores(learn(dataclasses.replace(made, quality=quality)))["each model's mean"]
    # the first model's: 1/2, 1 and 1/2, where 1, 0 and 1 came
    assert found.squared_error == pytest.approx((0.25 + 1 + 0.25) / 11)


def test_public_labels_are_learned_from_better_than_by_length():
    path = ROUTING / "routellm_gsm8k_dev.csv"
    if not path.is_file():
        pytest.skip("the shared routing data are not here")
    found = scores(learn(read_table(path)))
    assert found["fitted"].squared_error < found["each model's mean"].squared_error - 0.003
    assert found["fitted"].calibration_error < 0.04
