"""Train the task classifier, measure it on sources it has not seen, and write it and its report.

    python -m llmrouter_integrations.evaluation.train_tasks --shared ../shared

It reads the templates of this repository and the public prompts in the shared folder, and writes
``routing/task_weights.bin`` and ``docs/tasks.md``: the same bytes each time it is run on them.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.evaluation import task_training
from llmrouter_integrations.evaluation.task_measuring import (
    dress_flips,
    frozen_scores,
    left_out,
    paraphrase_flips,
    scored,
    told,
)
from llmrouter_integrations.evaluation.task_prompts import generate, read_templates
from llmrouter_integrations.evaluation.task_report import page
from llmrouter_integrations.evaluation.task_sources import Prompt, read_sources
from llmrouter_integrations.evaluation.task_wrapping import Wrapper
from llmrouter_integrations.routing.task_model import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FAMILIES", "SEED", "TASKS", "corpus_prompts", "dressed", "main"]

TASKS = (
    *("code", "math", "reasoning", "extraction", "summarization", "qa", "translation", "creative"),
    *("chat", "classification", "tool_use", "vision"),
)
"""What text alone may tell; how long a context is stands in the request's size."""
_ENGLISH = 1200
_OTHER = 140
"""Prompts of each task made from the templates of a language."""
SEED = 5
_ROOT = Path(__file__).resolve().parents[2]
_FROZEN = _ROOT / "tests" / "routing" / "data"
FAMILIES = {
    "word problems (GSM8K)": ("gsm8k",),
    "competition mathematics": ("math",),
    "code (HumanEval, MBPP)": ("humaneval", "mbpp"),
    "BIG-Bench Hard": ("bbh",),
    "T0's prompts": ("t0",),
    "seed tasks (self-instruct)": ("seed tasks",),
    "chat questions (Vicuna)": ("vicuna",),
    "graduate science (GPQA)": ("gpqa",),
    "logic grids": ("agentverse-logicgrid",),
    "trivia, open questions": ("trivia_qa", "natural_qa", "commonsense_qa", "arc_challenge"),
}
"""Sources that are left out together, being alike."""


def corpus_prompts(shared: Path) -> tuple[list[Prompt], list[Prompt]]:
    """Gather what is trained on, in order, and what is only measured on."""
    made = []
    for language in read_templates():
        count = _ENGLISH if language.name == "en" else _OTHER
        for task in TASKS:
            share = count if task not in ("tool_use", "vision") else count // 4
            made += [
                Prompt("templates", group, task, language.name, text)
                for group, text in generate(language, task, share, SEED)
            ]
    public = list(read_sources(shared / "routing"))
    training = made + [prompt for prompt in public if prompt.trains]
    return training, [prompt for prompt in public if not prompt.trains]


def dressed(prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
    """Add to each prompt one in other dress, with the same task."""
    languages = {language.name: language for language in read_templates()}
    wrappers = {
        name: Wrapper(
            f"{seed}/{name}",
            language.slots["opener"],
            language.slots["closer"],
            [*language.slots["topic"], *language.slots["labels"]],
        )
        for name, language in languages.items()
    }
    alike: dict[tuple[str, str, str], list[str]] = {}
    for prompt in prompts:
        alike.setdefault((prompt.source, prompt.task, prompt.language), []).append(prompt.text)
    dice = random.Random(seed)  # noqa: S311 - no secret
    more = []
    for prompt in prompts:
        wrapper = wrappers[prompt.language]
        text, task = prompt.text, prompt.task
        others = alike[prompt.source, task, prompt.language]
        way = dice.random()
        if prompt.language != "en" or way < 0.35:
            text = wrapper.courteous(text)
        elif way < 0.65:
            text = wrapper.framed(wrapper.typed(text))
        elif way < 0.8 and task in ("math", "reasoning", "chat") and text.endswith("?"):
            text = wrapper.with_options(text, figures=task == "math")
            task = "math" if task == "math" else "reasoning"
        elif way < 0.9 and len(others) > 3:
            text = wrapper.with_examples(text, others)
        else:
            text = wrapper.typed(text)
        more.append(prompt._replace(text=text, task=task))
    return [*prompts, *more]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure and write, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shared", type=Path, default=_ROOT.parent / "shared")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--report", type=Path, default=_ROOT / "docs" / "tasks.md")
    given = parser.parse_args(arguments)
    if not (given.shared / "routing" / "prompts").is_dir():
        raise ConfigurationError(f"there are no public prompts in {given.shared}; see --shared")
    training, measured = corpus_prompts(given.shared)
    prompts = dressed(training, SEED)
    _tell(f"reading {len(prompts)} prompts")
    corpus = task_training.hashed(prompts, TASKS)
    held = left_out(prompts, corpus, len(training), families=FAMILIES, seed=SEED, tell=_tell)
    _tell("with everything")
    heads = task_training.fit(corpus, SEED)
    written = task_training.write(heads, TASKS, held.heat, given.weights)
    model = task_training.model_of(heads, TASKS, held.heat)
    sources = sorted({prompt.source for prompt in measured})
    given.report.write_text(
        page(
            held,
            [
                scored(name, [(p.task, told(model, p.text)) for p in measured if p.source == name])
                for name in sources
            ],
            frozen_scores(model, _FROZEN / "task_prompts.jsonl"),
            flips=paraphrase_flips(model, _FROZEN / "paraphrases.jsonl"),
            dress_flips=dress_flips(model, _FROZEN / "task_prompts.jsonl"),
            tasks=TASKS,
            training=len(prompts),
            weight_bytes=written,
        ),
        encoding="utf-8",
    )


def _tell(what: str) -> None:
    print(what, file=sys.stderr)  # noqa: T201 - a command of the repository, a minute long


if __name__ == "__main__":
    main()
