"""How good each model's answer will be, as learned from the user's own labels.

What is learned, by :mod:`llmrouter_integrations.evaluation.fit`, are two opinions on a prompt:

- the table: each model's mean at the prompt's task, the task being told or read from the prompt;
- the text: linear in hashed words and word pairs and in the prompt's structure.

Each opinion is split into what is common to all models (how hard the prompt is) and where each
stands apart from that, and weighed by how well it did on rows it had not seen. A prompt unlike
those learned from gets less of all this, down to the safe default: each model's overall level (at
a told task, its level there), and the assumption that longer is harder, for weak models most. And
of a prompt that seems to belong to no task learned from, no model is expected to do better than the
one that is best overall: it may be spared, not beaten.

Needs numpy. A prediction is a few small products: about 0.1 ms for 1 KB, reading included.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from llmrouter_integrations.routing.text_features import read_prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from llmrouter_integrations.routing.text_features import Reading

__all__ = [
    "FittedPredictor",
    "Prediction",
    "Structure",
    "TaskTable",
    "Text",
    "Weights",
    "bent",
    "doubted",
]

_CLOSE = 4.0
"""Spreads beyond which a structural feature is no further away."""
LONGER_IS_HARDER = 0.3
"""With every e-fold of length beyond what was learned from, the assumed growth of a model's
distance to the mean of all models. Judgement: RouteLLM's MMLU and GSM8K pairs show 0.1 to 1.3."""
_FARTHEST = 2.0
"""E-folds of length beyond which no more growth is assumed, so that ranks never turn over."""
_HAIR = 1e-3
"""By which a doubted model is expected to stay behind the best: equals go to the cheaper."""


class Prediction(NamedTuple):
    """What is expected of one prompt.

    Attributes:
        quality: Model to the expected quality of its answer, 0..1.
        familiar: How like the prompts learned from it is, 0..1; at 0 the quality is the safe
            default.
    """

    quality: dict[str, float]
    familiar: float


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """How the structure of a prompt becomes figures, and how far it is from those learned from.

    Attributes:
        centre: Mean of each feature.
        spread: Standard deviation of each; infinite where it never varied.
        bends: Where each is bent, in spreads from the centre: bends by features.
        measure: What makes a feature vector, less the centre, one whose length is its distance
            (Mahalanobis).
        ordinary: Distance, and mean rarity of words, that prompts like those learned from stay
            below.
        strange: Distance, and mean rarity of words, from which on a prompt is none of them.
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    bends: NDArray[np.float64]
    measure: NDArray[np.float64]
    ordinary: NDArray[np.float64]
    strange: NDArray[np.float64]

    def familiarity(self, away: NDArray[np.float64], rarity: float) -> float:
        """Give how like those learned from a prompt is, 0..1.

        Args:
            away: Its features, less the centre.
            rarity: Mean of its words.
        """
        there = away @ self.measure
        left = 1.0
        for found, near, far in zip(
            (float(there @ there) ** 0.5, rarity),
            self.ordinary.tolist(),
            self.strange.tolist(),
            strict=True,
        ):
            left = min(left, (far - found) / (far - near))
        return max(left, 0.0)


def bent(
    away: NDArray[np.float64], spread: NDArray[np.float64], bends: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give each feature in spreads, and how far it is beyond each bend.

    Args:
        away: Features less their centre, of one prompt or of several.
        spread: Of each.
        bends: Bends by features.
    """
    scaled = np.minimum(np.maximum(away / spread, -_CLOSE), _CLOSE)
    beyond = np.maximum(scaled[..., None, :] - bends, 0.0)
    return np.concatenate((scaled, beyond.reshape(*scaled.shape[:-1], -1)), axis=-1)


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """What words and structure say.

    Its columns: a score for each task of the table; what is common to all models; how each model
    stands apart from it.

    Attributes:
        shared_lines: Hashes of lines that count as one feature.
        by_word: Buckets by columns, and two columns more: the square of the bucket's weight, and
            its rarity, minus the logarithm of the share of prompts with it.
        by_structure: Bent features by columns.
    """

    shared_lines: frozenset[int]
    by_word: NDArray[np.float32]
    by_structure: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TaskTable:
    """Each model's quality at each task.

    Attributes:
        tasks: Their names, as the labels call them; it may be empty.
        quality: Tasks by models.
        sharpness: Of the tasks' scores in the text, before the softmax.
        stranger: Highest of a prompt's scores below which it belongs to no task.
        member: The same from which on it does.
    """

    tasks: tuple[str, ...]
    quality: NDArray[np.float64]
    sharpness: float
    stranger: float
    member: float

    def place(self, task: str | None) -> int | None:
        """Give the row of a task; None where it is not known."""
        return self.tasks.index(task) if task in self.tasks else None


def doubted(
    quality: NDArray[np.float64], best: int, table: TaskTable, score: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Expect no model to do better than the best one, where a prompt belongs to no task.

    Args:
        quality: What is expected of each model, of one prompt or of several.
        best: The model that is best overall.
        table: Of the tasks.
        score: Highest of each prompt's scores.
    """
    doubt = (table.member - score) / (table.member - table.stranger)
    doubt = np.minimum(np.maximum(doubt, 0.0), 1.0)[..., None]
    return quality - doubt * _beyond(quality - quality[..., best, None])


def _beyond(lead: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give what a doubted model is to lose: its lead over the best one, and a hair."""
    return np.asarray(np.where(lead > 0, lead + _HAIR, 0.0))


class Weights(NamedTuple):
    """How much the table and the text count, on what is common and on how models stand apart."""

    table_common: float
    text_common: float
    table_apart: float
    text_apart: float

    def of_table(self, moves: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weigh how far the table has each model, in columns, from its level."""
        common = moves.mean(axis=1, keepdims=True)
        return np.asarray(
            (self.table_common - self.table_apart) * common + self.table_apart * moves
        )

    def of_text(self, common: float, apart: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weigh what the text says of all models, and of each."""
        return np.asarray(self.text_common * common + self.text_apart * apart)


class _Once(NamedTuple):
    """What all predictions share.

    Attributes:
        level: Of the models learned.
        best: Which of them is best overall.
        apart: How far each is assumed to move with every e-fold of length.
        table: Tasks to how far each is from its level there.
        told: The same, weighed; where the task is told.
        inferred: Likewise where it is read from the prompt.
    """

    level: NDArray[np.float64]
    best: int
    apart: NDArray[np.float64]
    table: NDArray[np.float64]
    told: NDArray[np.float64]
    inferred: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FittedPredictor:
    """Predicts the quality of each model's answer to a prompt.

    Attributes:
        models: The order of the columns of what it predicts.
        level: Overall quality of each.
        learned: Which of the models have enough labels of their own: their numbers.
        follow: How far each model moves when each of those learned does: learned by models.
        text: See there; of the models learned.
        table: Likewise.
        structure: See there.
        inferred: Weights where the task is read from the prompt.
        told: Weights where the task is told.
        notes: What a reader should know of how it was learned.
    """

    models: tuple[str, ...]
    level: NDArray[np.float64]
    learned: NDArray[np.int64]
    follow: NDArray[np.float64]
    text: Text
    table: TaskTable
    structure: Structure
    inferred: Weights
    told: Weights
    notes: tuple[str, ...] = ()
    _once: _Once = field(init=False, repr=False)

    def __post_init__(self) -> None:
        level = self.level[self.learned]
        table = self.table.quality - level
        once = _Once(
            level,
            int(level.argmax()),
            LONGER_IS_HARDER * (level - level.mean()),
            table,
            self.told.of_table(table),
            self.inferred.of_table(table),
        )
        object.__setattr__(self, "_once", once)

    def predict(
        self, prompts: Sequence[str], tasks: Sequence[str | None] | None = None
    ) -> NDArray[np.float64]:
        """Predict the quality, 0..1, of each model's answer to each prompt.

        Args:
            prompts: What is asked.
            tasks: Each prompt's task, as the labels called it, where it is known.

        Returns:
            Prompts by ``models``.
        """
        found = np.empty((len(prompts), len(self.models)))
        for row, prompt in enumerate(prompts):
            found[row] = self._expect(prompt, None if tasks is None else tasks[row])[0]
        return found

    def predict_one(self, prompt: str, task: str | None = None) -> Prediction:
        """Predict the quality of each model's answer to one prompt.

        Args:
            prompt: What is asked.
            task: Its task, as the labels called it, where it is known.
        """
        quality, familiar = self._expect(prompt, task)
        return Prediction(dict(zip(self.models, quality.tolist(), strict=True)), familiar)

    def moves(self, prompts: Sequence[str], tasks: Sequence[str | None]) -> NDArray[np.float64]:
        """Give how far each model learned is expected to be from its level, prompts by models."""
        return np.array(
            [self._move(prompt, task)[0] for prompt, task in zip(prompts, tasks, strict=True)]
        ).reshape(len(prompts), len(self.learned))

    def _expect(self, prompt: str, task: str | None) -> tuple[NDArray[np.float64], float]:
        moved, familiar = self._move(prompt, task)
        quality = self.level + moved @ self.follow
        return np.minimum(np.maximum(quality, 0.0), 1.0), familiar

    def _move(self, prompt: str, task: str | None) -> tuple[NDArray[np.float64], float]:
        """Give how far each model learned is expected to be from its level, and familiarity."""
        reading = read_prompt(prompt, self.text.shared_lines)
        away = reading.structure - self.structure.centre
        said, rarity = self._read(reading, away)
        familiar = self.structure.familiarity(away, rarity)
        once, tasks = self._once, len(self.table.tasks)
        place = self.table.place(task)
        # the first structural feature is the logarithm of the length
        far = min(max(float(away[0]), -_FARTHEST), _FARTHEST) * once.apart
        common, apart = float(said[tasks]), said[tasks + 1 :]
        if place is not None:
            far += once.table[place]
            near = once.told[place] + self.told.of_text(common, apart)
        else:
            near = self.inferred.of_text(common, apart)
            if tasks:
                near = self._placed(near, said[:tasks])
        return far + familiar * (near - far), familiar

    def _placed(
        self, by_text: NDArray[np.float64], scores: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Add what the table says where nobody tells the task, by the scores of the tasks."""
        once, table = self._once, self.table
        highest = float(scores.max())
        share = np.exp(table.sharpness * (scores - highest))
        near: NDArray[np.float64] = by_text + share @ once.inferred / share.sum()
        if highest >= table.member:
            return near
        # as :func:`doubted` does, for a single prompt
        doubt = min((table.member - highest) / (table.member - table.stranger), 1.0)
        quality = once.level + near
        return np.asarray(near - doubt * _beyond(quality - float(quality[once.best])))

    def _read(
        self, reading: Reading, away: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float]:
        """Give what the text says, by column, and the mean rarity of its words."""
        structure, text = self.structure, self.text
        sums = np.add.reduce(text.by_word.take(reading.buckets, axis=0), axis=0).astype(np.float64)
        said = bent(away, structure.spread, structure.bends) @ text.by_structure
        said += sums[:-2] / (float(sums[-2]) ** 0.5 or 1.0)
        return said, float(sums[-1]) / (len(reading.buckets) or 1)
