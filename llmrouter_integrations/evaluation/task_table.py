"""What labels say of each task, and how well a row's task can be told from its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from llmrouter_integrations.routing.predictor import TaskTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MAX_TASKS", "TaskLabels"]

MAX_TASKS = 64
"""The most common are kept."""
_LEAST_ROWS = 5
"""A task of fewer says nothing."""
SHRINKAGE_ROWS = 10.0
"""A task's mean counts as if this many rows more had shown the model's overall level."""
DOUBTED_SHARES = (0.25, 0.35)
CLEAR_SCORES = (0.5, 0.6)
"""Below the first it is wholly doubted that a prompt belongs to any task learned from, and from the
second on not at all: quantiles of the scores of rows left out, and shares of the score of a row
that is wholly of its task; the lower ones count. Of the prompts of tasks left out of the LLMRouter
set, four of five score below the first."""
_SHARPNESS = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0)


@dataclass(frozen=True, slots=True, eq=False)
class TaskLabels:
    """The tasks of labelled rows.

    Attributes:
        names: Of the tasks; none where there are not two of them.
        membership: 1 where a row is of a task, rows by tasks.
        quality: Tasks by models, shrunk towards the models' levels.
        left_out: Each row's task by each model, by the other rows; NaN where its task is not known.
    """

    names: tuple[str, ...]
    membership: NDArray[np.float64]
    quality: NDArray[np.float64]
    left_out: NDArray[np.float64]
    level: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        groups: Sequence[str] | None,
        quality: NDArray[np.float64],
        level: NDArray[np.float64],
    ) -> TaskLabels:
        """Gather the labels by task.

        Args:
            groups: Each row's task, "" where it has none; None: no row has.
            quality: Rows by models, NaN where there is no label.
            level: Overall quality of each model.
        """
        counts: dict[str, int] = {}
        for group in groups or ():
            counts[group] = counts.get(group, 0) + 1
        often = [name for name, count in counts.items() if name and count >= _LEAST_ROWS]
        often = sorted(often, key=lambda name: (-counts[name], name))[:MAX_TASKS]
        if len(often) < 2:
            often = []
        names = tuple(sorted(often))
        rows = len(quality)
        place = {name: number for number, name in enumerate(names)}
        membership = np.zeros((rows, len(names)))
        for row, group in enumerate(groups or ()):
            if group in place:
                membership[row, place[group]] = 1.0
        known = ~np.isnan(quality)
        labels = np.where(known, quality, 0.0)
        sums = membership.T @ labels + SHRINKAGE_ROWS * level
        seen = membership.T @ known + SHRINKAGE_ROWS
        left_out = (membership @ sums - labels) / np.maximum(membership @ seen - known, 1.0)
        left_out[~membership.any(axis=1)] = np.nan
        return cls(names, membership, sums / seen, left_out, level)

    def read(self, scores: NDArray[np.float64]) -> tuple[TaskTable, NDArray[np.float64]]:
        """Choose how scores are to be read: how sharp a softmax gives the tasks' probabilities.

        Args:
            scores: Rows by tasks, each row's by the other rows.

        Returns:
            The table, and the probabilities.
        """
        told = self.membership.any(axis=1)
        found = []
        for sharpness in _SHARPNESS:
            raised = np.exp(sharpness * (scores - scores.max(axis=1, keepdims=True)))
            shares = raised / raised.sum(axis=1, keepdims=True)
            right = (shares[told] * self.membership[told]).sum(axis=1)
            found.append((float(np.log(right + 1e-9).mean()), sharpness, shares))
        _, sharpness, shares = max(found, key=lambda each: each[0])
        usual = np.quantile(scores[told].max(axis=1), DOUBTED_SHARES)
        # the scores are centred: that of a row wholly in its task is 1 less the task's share
        clear = np.array(CLEAR_SCORES) * (1.0 - self.membership.mean(axis=0).max())
        stranger, member = np.minimum(usual, clear)
        member = max(member, stranger + 1e-3)
        table = TaskTable(self.names, self.quality, sharpness, float(stranger), float(member))
        return table, shares

    def inferred(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give each model's quality by the tasks a row seems to be of, by the other rows."""
        if not self.names:
            return np.tile(self.level, (len(self.membership), 1))
        by_table = shares @ self.quality
        of_own = (shares * self.membership).sum(axis=1, keepdims=True)
        away = np.nan_to_num(self.left_out - self.membership @ self.quality)
        return np.asarray(by_table + of_own * away)

    def told(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give each model's quality at the row's task; where it has none, as :meth:`inferred`."""
        return np.where(np.isnan(self.left_out), self.inferred(shares), self.left_out)
