"""How well the task classifier does: on sources left out of its training, and on frozen tests."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from llmrouter_integrations.evaluation.paraphrase import PARAPHRASES
from llmrouter_integrations.evaluation.task_training import Corpus, fit, probabilities, temperature
from llmrouter_integrations.routing.task import DEFAULT, SURE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.task_sources import Prompt
    from llmrouter_integrations.routing.task_model import TaskModel

__all__ = [
    "COARSE",
    "Held",
    "Score",
    "dress_flips",
    "frozen_scores",
    "left_out",
    "paraphrase_flips",
    "scored",
    "told",
]

COARSE = ("code", "math")
"""What is told apart in the coarse view; all other tasks are the rest."""
_TEMPLATES_LEFT_OUT = 4
"""One template of so many, to judge languages."""


@dataclass(frozen=True, slots=True)
class Score:
    """How many prompts of a set were told right.

    Attributes:
        name: The set.
        prompts: How many there are.
        right: Share told right, over all tasks; what was not sure counts as the default.
        coarse: Share told right, over code, math and the rest.
        mistakes: The most frequent, as (task, told, times).
    """

    name: str
    prompts: int
    right: float
    coarse: float
    mistakes: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What was found on prompts whose whole source was left out of the training.

    Attributes:
        scores: By family of sources.
        dressed: The same prompts in other dress.
        languages: By language, of templates that were left out.
        logits: Of all of them.
        labels: The places of their tasks.
        weights: Each source counts by the root of its size.
        heat: The temperature that fits them.
    """

    scores: list[Score]
    dressed: list[Score]
    languages: list[Score]
    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    weights: NDArray[np.float32]
    heat: float


def left_out(
    prompts: Sequence[Prompt],
    corpus: Corpus,
    originals: int,
    *,
    families: Mapping[str, tuple[str, ...]],
    seed: int,
    tell: Callable[[str], None],
) -> Held:
    """Train without each family of sources in turn, and judge on it.

    Args:
        prompts: All that is trained on, those in other dress last.
        corpus: Their features.
        originals: How many of them are as they came.
        families: Names of sources, by the name of the family.
        seed: Of the training.
        tell: Is told what is under way.
    """
    sources = np.array([prompt.source for prompt in prompts])
    original = np.arange(len(prompts)) < originals
    judged: list[tuple[str, Corpus, NDArray[np.float32], Corpus, NDArray[np.float32]]] = []
    for name, members in families.items():
        tell(f"without {name}")
        out = np.isin(sources, members)
        heads = fit(corpus.part(~out), seed)
        plain, other = corpus.part(out & original), corpus.part(out & ~original)
        judged.append((name, plain, heads.logits(plain), other, heads.logits(other)))
    tell("without a part of the templates")
    languages = np.array([prompt.language for prompt in prompts])
    out = np.array(
        [
            prompt.source == "templates"
            and int(prompt.group.rpartition("/")[2]) % _TEMPLATES_LEFT_OUT == 0
            for prompt in prompts
        ]
    )
    heads = fit(corpus.part(~out), seed)
    spoken = []
    for name in sorted(set(languages)):
        part = corpus.part(out & original & (languages == name))
        spoken.append((str(name), part, heads.logits(part)))
    parts = [(part, logits) for _, part, logits, *_ in judged]
    parts += [(part, logits) for _, part, logits in spoken]
    logits = np.concatenate([logits for _, logits in parts])
    labels = np.concatenate([part.labels for part, _ in parts])
    weights = np.concatenate(
        [np.full(len(part), len(part) ** -0.5, np.float32) for part, _ in parts]
    )
    heat = temperature(logits, labels, weights)
    return Held(
        [_score(name, part, found, heat) for name, part, found, *_ in judged],
        [_score(name, part, found, heat) for name, *_, part, found in judged],
        [_score(name, part, found, heat) for name, part, found in spoken],
        logits,
        labels,
        weights,
        heat,
    )


def _score(name: str, part: Corpus, logits: NDArray[np.float32], heat: float) -> Score:
    chances = probabilities(logits, heat)
    names = [
        part.tasks[place] if chance >= SURE else DEFAULT
        for place, chance in zip(chances.argmax(axis=1), chances.max(axis=1), strict=True)
    ]
    right = [part.tasks[label] for label in part.labels]
    return scored(name, zip(right, names, strict=True))


def scored(name: str, pairs: Iterable[tuple[str, str]]) -> Score:
    """Count what was told right.

    Args:
        name: Of the set.
        pairs: The right task and the one told, of each prompt.
    """
    counted = Counter(pairs)
    whole = sum(counted.values())
    right = sum(times for (task, said), times in counted.items() if task == said)
    coarse = sum(times for (task, said), times in counted.items() if _coarse(task) == _coarse(said))
    wrong = [(task, said, n) for (task, said), n in counted.items() if task != said]
    wrong.sort(key=lambda row: (-row[2], row[0], row[1]))
    return Score(name, whole, right / whole, coarse / whole, tuple(wrong[:3]))


def _coarse(task: str) -> str:
    return task if task in COARSE else "rest"


def told(model: TaskModel, text: str) -> str:
    """Tell the task of a text as the router would, by its words alone."""
    task, probability, _ = model.opinion(text)
    return task if probability >= SURE else DEFAULT


def frozen_scores(model: TaskModel, path: Path) -> list[Score]:
    """Judge on the frozen test prompts: all, in English, in each other language."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = [(row["language"], (row["task"], told(model, row["prompt"]))) for row in rows]
    languages = sorted({language for language, _ in pairs}, key=lambda name: (name != "en", name))
    return [
        scored("all", [pair for _, pair in pairs]),
        *[
            scored(name, [pair for language, pair in pairs if language == name])
            for name in languages
        ],
    ]


def paraphrase_flips(model: TaskModel, path: Path) -> tuple[int, int]:
    """Count pairs of paraphrases whose task is told differently; and all pairs."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    flips = sum(told(model, row["prompt"]) != told(model, row["paraphrase"]) for row in rows)
    return flips, len(rows)


def dress_flips(model: TaskModel, path: Path) -> dict[str, float]:
    """Give the share of frozen prompts told differently in each kind of other dress."""
    rows = path.read_text(encoding="utf-8").splitlines()
    prompts = [json.loads(line)["prompt"] for line in rows]
    plain = [told(model, prompt) for prompt in prompts]
    return {
        kind: sum(told(model, change(p)) != t for p, t in zip(prompts, plain, strict=True))
        / len(prompts)
        for kind, change in PARAPHRASES.items()
    }
