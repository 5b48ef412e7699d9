"""The training of the task classifier: its prompts, their dress, the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.evaluation import task_training
from llmrouter_integrations.evaluation.task_measuring import scored
from llmrouter_integrations.evaluation.task_prompts import generate, read_templates
from llmrouter_integrations.evaluation.task_sources import Prompt, read_sources
from llmrouter_integrations.evaluation.task_wrapping import Wrapper
from llmrouter_integrations.evaluation.train_tasks import TASKS, dressed, main
from llmrouter_integrations.routing.task_model import WEIGHTS, TaskModel, shipped

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "routing"
FROZEN = ROOT / "tests" / "routing" / "data"


def some_prompts(each=6):
    return [
        Prompt("templates", group, task, language.name, text)
        for language in read_templates()[:3]
        for task in ("code", "math", "chat")
        for group, text in generate(language, task, each, 1)
    ]


def trained(prompts):
    corpus = task_training.hashed(prompts, TASKS)
    return task_training.fit(corpus, 1)


def test_every_language_has_every_task():
    languages = read_templates()
    assert len(languages) == 11
    assert languages[0].name == "en"
    for language in languages:
        assert set(language.tasks) == set(TASKS), language.name


def test_templates_leave_nothing_unfilled():
    for language in read_templates():
        for task, templates in language.tasks.items():
            for name, text in generate(language, task, 2 * len(templates), 0):
                assert text, name
                for slot in language.slots:
                    assert f"{{{slot}}}" not in text, (name, text)
                assert not set("\ue000\ue001\ue002") & set(text), name


def test_no_training_prompt_is_a_frozen_test():
    frozen = set()
    for name in ("task_prompts.jsonl", "paraphrases.jsonl"):
        for line in (FROZEN / name).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            frozen |= {row[key].strip().lower() for key in ("prompt", "paraphrase") if key in row}
    for language in read_templates():
        for task, templates in language.tasks.items():
            made = {text.lower() for _, text in generate(language, task, 8 * len(templates), 5)}
            shared = {text for text in made & frozen if len(text.split()) > 4}
            assert not shared, (language.name, task)


def test_other_dress_keeps_the_task_but_for_a_question_that_gets_options():
    prompts = some_prompts(20)
    more = dressed(prompts, 1)
    assert more[: len(prompts)] == prompts
    assert len(more) == 2 * len(prompts)
    for plain, other in zip(prompts, more[len(prompts) :], strict=True):
        assert other.task == plain.task or (plain.task, other.task) == ("chat", "reasoning")
    assert (
        sum(
            plain.text != other.text
            for plain, other in zip(prompts, more[len(prompts) :], strict=True)
        )
        > len(prompts) // 2
    )


def test_frames_examples_and_options_hold_the_prompt():
    wrapper = Wrapper("1", ["Hi, "], [" Thanks!"], ["rain", "snow", "hail", "fog", "sun"])
    for _ in range(60):
        assert "What is {x}?" in wrapper.framed("What is {x}?")
        assert wrapper.with_examples("Last?", ["One", "Two", "Three"]).count("Last?") == 1
        assert "17?" in wrapper.with_options("Is it 17?", figures=True)


def test_a_model_tells_what_it_was_trained_on():
    prompts = some_prompts(30)
    model = task_training.model_of(trained(prompts), TASKS, 1.0)
    assert sum(model.opinion(p.text).task == p.task for p in prompts) / len(prompts) > 0.8


def test_whole_numbers_say_what_the_heads_say(tmp_path):
    prompts = some_prompts(30)
    heads = trained(prompts)
    path = tmp_path / "w.bin"
    assert task_training.write(heads, TASKS, 0.8, path) == path.stat().st_size
    model = TaskModel.load(path)
    logits = heads.logits(task_training.hashed(prompts, TASKS)) / 0.8
    for prompt, row in zip(prompts, logits, strict=True):
        assert model.opinion(prompt.text).logits == pytest.approx(list(row), abs=0.1)


_SCRIPT = """
import hashlib, sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1]) / "tests" / "evaluation"))
from test_train_tasks import some_prompts, trained
print(hashlib.sha256(trained(some_prompts()).weights.tobytes()).hexdigest())
"""


def test_training_is_the_same_whatever_the_order_of_sets():
    here = hashlib.sha256(trained(some_prompts()).weights.tobytes()).hexdigest()
    env = {**os.environ, "PYTHONHASHSEED": "271", "PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(ROOT)],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == here


def test_the_right_temperature_is_found():
    dice = np.random.default_rng(1)
    logits = dice.normal(0, 4, (4000, 5)).astype(np.float32)
    chances = task_training.probabilities(logits, 2.0)
    labels = np.array([dice.choice(5, p=row / row.sum()) for row in chances.astype(float)])
    found = task_training.temperature(logits, labels, np.ones(len(labels), np.float32))
    assert found == pytest.approx(2, rel=0.1)


def test_scores_count_code_math_and_the_rest():
    score = scored("x", [("code", "code"), ("chat", "creative"), ("math", "chat"), ("qa", "qa")])
    assert (score.prompts, score.right, score.coarse) == (4, 0.5, 0.75)
    assert score.mistakes == (("chat", "creative", 1), ("math", "chat", 1))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared prompts are not here")
def test_sources_that_only_measure_are_never_trained_on():
    prompts = list(read_sources(SHARED))
    never = {p.source for p in prompts if not p.trains}
    assert never == {
        *("gsm8k, dev", "mmlu, dev"),
        *("routerbench arc-challenge", "routerbench mbpp", "routerbench winogrande"),
    }
    assert not {"mmlu", "human_eval"} & {p.source for p in prompts if p.trains}
    assert {p.task for p in prompts} <= set(TASKS)


def test_without_the_shared_prompts_the_command_says_so(tmp_path):
    with pytest.raises(ConfigurationError, match="no public prompts"):
        main(["--shared", str(tmp_path)])


def test_what_is_shipped_tells_these_tasks():
    assert shipped().tasks == TASKS
    assert WEIGHTS.is_file()
