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

from dataclasses import dataclass
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
            (float(there @ there) ** 0.5, rarity), self.ordinary, self.strange, strict=True
        ):
            left = min(left, (far - found) / (far - near))
        return max(float(left), 0.0)


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
    beyond = [np.maximum(scaled - bend, 0.0) for bend in bends]
    return np.concatenate((scaled, *beyond), axis=-1)


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
    beyond = quality - quality[..., best, None]
    return np.asarray(quality - doubt * np.where(beyond > 0, beyond + _HAIR, 0.0))


class Weights(NamedTuple):
    """How much the table and the text count, on what is common and on how models stand apart."""

    table_common: float
    text_common: float
    table_apart: float
    text_apart: float


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
        level = self.level[self.learned]
        place = self.table.place(task)
        # the first structural feature is the logarithm of the length
        longer = min(max(float(away[0]), -_FARTHEST), _FARTHEST)
        far = (LONGER_IS_HARDER * longer) * (level - level.sum() / len(level))
        if place is None:
            near = self._inferred(said, level)
        else:
            by_table = self.table.quality[place] - level
            near = self._weighed(self.told, by_table, said)
            far += by_table
        return far + familiar * (near - far), familiar

    def _inferred(
        self, said: NDArray[np.float64], level: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Give the models' moves where nobody tells the task."""
        scores = said[: len(self.table.tasks)]
        if not len(scores):
            return self._weighed(self.inferred, np.zeros(len(level)), said)
        highest = scores.max()
        share = np.exp(self.table.sharpness * (scores - highest))
        by_table = share @ self.table.quality / share.sum() - level
        quality = level + self._weighed(self.inferred, by_table, said)
        return doubted(quality, int(level.argmax()), self.table, highest) - level

    def _weighed(
        self, weights: Weights, by_table: NDArray[np.float64], said: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        tasks = len(self.table.tasks)
        common = float(by_table.sum()) / len(by_table)
        return np.asarray(
            (weights.table_common - weights.table_apart) * common
            + weights.text_common * said[tasks]
            + weights.table_apart * by_table
            + weights.text_apart * said[tasks + 1 :]
        )

    def _read(
        self, reading: Reading, away: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float]:
        """Give what the text says, by column, and the mean rarity of its words."""
        structure, text = self.structure, self.text
        sums = np.add.reduce(text.by_word[reading.buckets], axis=0).astype(np.float64)
        said = bent(away, structure.spread, structure.bends) @ text.by_structure
        said += sums[:-2] / (float(sums[-2]) ** 0.5 or 1.0)
        return said, float(sums[-1]) / (len(reading.buckets) or 1)
