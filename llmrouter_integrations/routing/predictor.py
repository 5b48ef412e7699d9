"""How good each model's answer will be, as learned from the user's own labels.

What is learned, by :mod:`llmrouter_integrations.evaluation.fit`, are three opinions on a prompt:

- the table: each model's mean at the prompt's task, the task being told or read from the words;
- the words: linear in hashed words and word pairs;
- the structure: linear in lengths, counts and forms, with bends.

Each opinion is split into what is common to all models (how hard the prompt is) and where each
stands apart from that, and weighed by how well it did on rows it had not seen. A prompt unlike
those learned from gets less of all this, down to the safe default: each model's overall level (at
a told task, its level there), and the assumption that longer is harder, for weak models most.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from llmrouter_integrations.routing.text_features import STRUCTURE, read_prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from llmrouter_integrations.routing.text_features import Reading

__all__ = ["Derived", "FittedPredictor", "Opinions", "Prediction", "Structure", "Words"]

_CLOSE = 4.0
"""Spreads beyond which a structural feature is no further away."""
LONGER_IS_HARDER = 0.3
"""With every e-fold of length beyond what was learned from, the assumed growth of a model's
distance to the mean of all models. Judgement: RouteLLM's MMLU and GSM8K pairs show 0.1 to 1.3."""


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
class Words:
    """How hashed words become figures.

    Attributes:
        shared_lines: Hashes of lines that count as one feature.
        weight: Of each bucket; 0: not among the prompts learned from.
        rarity: Of each bucket: minus the logarithm of the share of prompts with it.
    """

    shared_lines: frozenset[int]
    weight: NDArray[np.float32]
    rarity: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """How the structure of a prompt becomes figures.

    Attributes:
        centre: Mean of each feature.
        spread: Standard deviation of each.
        bends: Where each is bent, in spreads from the centre: bends by features.
        closeness: Inverse covariance of the centred features, in spreads.
        ordinary: Distance and rarity that prompts like those learned from stay below.
        strange: Distance and rarity from which on a prompt is none of them.
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    reach: NDArray[np.float64]
    bends: NDArray[np.float64]
    closeness: NDArray[np.float64]
    ordinary: NDArray[np.float64]
    strange: NDArray[np.float64]

    def scaled(self, structure: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give each feature in spreads from its centre."""
        return np.clip((structure - self.centre) / self.spread, -_CLOSE, _CLOSE)

    def bent(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give each feature, and how far it is beyond each bend."""
        beyond = [np.maximum(scaled - bend, 0.0) for bend in self.bends]
        return np.concatenate([scaled, *beyond], axis=1) / np.sqrt(scaled.shape[1])

    def distance(self, structure: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how far a prompt is from those learned from (Mahalanobis)."""
        away = (structure - self.centre) / self.reach
        return np.sqrt(np.maximum(((away @ self.closeness) * away).sum(axis=1), 0.0))

    def familiarity(self, distance: NDArray[np.float64], rarity: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how like those learned from a prompt is, 0..1."""
        measures = np.stack((distance, rarity), axis=1)
        left = (self.strange - measures) / (self.strange - self.ordinary)
        return np.clip(left, 0.0, 1.0).min(axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Opinions:
    """What the words and the structure say, and how much each opinion counts.

    Columns of the weights: a score for each task; what is common to all models; how each model
    stands apart from it.

    Attributes:
        by_word: Buckets by columns.
        by_structure: Bent features by columns, together with the words.
        sharpness: Of the tasks' scores, before the softmax.
        table: Quality by task and model.
        common: Weight of table, words and structure on what is common.
        apart: The same on how models stand apart.
    """

    by_word: NDArray[np.float32]
    by_structure: NDArray[np.float64]
    sharpness: float
    table: NDArray[np.float64]
    common: NDArray[np.float64]
    apart: NDArray[np.float64]


class Halves(NamedTuple):
    """An opinion on prompts: what is common to all models, and how each stands apart from it."""

    common: NDArray[np.float64]
    apart: NDArray[np.float64]

    @classmethod
    def of(cls, columns: NDArray[np.float64]) -> Halves:
        """Read columns of weights or of predictions, the common one first."""
        return cls(columns[:, :1], columns[:, 1:])


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """Models with too few labels of their own, described by how they follow the others.

    Attributes:
        models: Their names.
        level: Of each.
        follows: How far each moves when each of the others moves: others by these.
    """

    models: tuple[str, ...] = ()
    level: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    follows: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))


@dataclass(frozen=True, slots=True, eq=False)
class FittedPredictor:
    """Predicts the quality of each model's answer to a prompt.

    Attributes:
        names: Models with labels of their own.
        tasks: Rows of the table.
        level: Overall quality of each of ``names``.
        words: See there.
        structure: See there.
        opinions: See there.
        derived: Models described by the others.
        notes: What the reader of a report should know of how it was learned.
    """

    names: tuple[str, ...]
    tasks: tuple[str, ...]
    level: NDArray[np.float64]
    words: Words
    structure: Structure
    opinions: Opinions
    derived: Derived = field(default_factory=Derived)
    notes: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """The order of the columns of what it predicts."""
        return self.names + self.derived.models

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
        return self._expect([self._read(prompt) for prompt in prompts], tasks)[0]

    def predict_one(self, prompt: str, task: str | None = None) -> Prediction:
        """Predict the quality of each model's answer to one prompt.

        Args:
            prompt: What is asked.
            task: Its task, as the labels called it, where it is known.
        """
        quality, familiar = self._expect([self._read(prompt)], [task])
        return Prediction(
            dict(zip(self.models, quality[0].tolist(), strict=True)), float(familiar[0])
        )

    def _read(self, prompt: str) -> Reading:
        return read_prompt(prompt, self.words.shared_lines)

    def _expect(
        self, readings: Sequence[Reading], tasks: Sequence[str | None] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        words, structure, opinions, level = self.words, self.structure, self.opinions, self.level
        figures = np.array([reading.structure for reading in readings]).reshape(-1, len(STRUCTURE))
        bent = structure.bent(structure.scaled(figures))
        joint = bent @ opinions.by_structure
        rarity = np.empty(len(readings))
        for row, reading in enumerate(readings):
            buckets = reading.buckets
            weight = words.weight[buckets]
            length = float(np.sqrt(weight @ weight)) or 1.0
            joint[row] += weight @ opinions.by_word[buckets] / length
            rarity[row] = words.rarity[buckets].mean() if len(buckets) else 0.0
        count = len(self.tasks)
        by_table, safe, known = self._from_table(joint[:, :count], tasks)
        m = len(self.names) + 1
        words = [Halves.of(joint[:, s : s + m]) for s in range(count, joint.shape[1], m)]
        near = level + combined(opinions, known, split(by_table - level), *words)
        # the first structural feature is the logarithm of the length
        longer = figures[:, :1] - structure.centre[0]
        far = safe + LONGER_IS_HARDER * longer * (level - level.mean())
        familiar = structure.familiarity(structure.distance(figures), rarity)
        quality = far + familiar[:, None] * (near - far)
        if self.derived.models:
            moved = (quality - level) @ self.derived.follows
            quality = np.concatenate([quality, self.derived.level + moved], axis=1)
        return np.clip(quality, 0.0, 1.0), familiar

    def _from_table(
        self, scores: NDArray[np.float64], tasks: Sequence[str | None] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give what the table says, and what is safe to say: only what was told."""
        safe = np.tile(self.level, (len(scores), 1))
        if not self.tasks:
            return safe, safe, np.zeros(len(scores), int)
        by_table = softmax(self.opinions.sharpness * scores) @ self.opinions.table
        known = np.zeros(len(scores), int)
        for row, task in enumerate(tasks or ()):
            if task is not None and task in self.tasks:
                known[row] = 1
                by_table[row] = safe[row] = self.opinions.table[self.tasks.index(task)]
        return by_table, safe, known


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the probabilities that go with scores, row by row."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def split(quality: NDArray[np.float64]) -> Halves:
    """Split each row into its mean, and how its models stand apart from that."""
    common = quality.mean(axis=1, keepdims=True)
    return Halves(common, quality - common)


def combined(opinions: Opinions, known, *parts: Halves) -> NDArray[np.float64]:
    """Weigh the table's, the words' and the structure's opinion into one."""
    common = sum(weight[known][:, None] * part.common for weight, part in zip(opinions.common.T, parts, strict=True))
    apart = sum(weight[known][:, None] * part.apart for weight, part in zip(opinions.apart.T, parts, strict=True))
    return np.asarray(common + apart)
