"""What every router is shown beside: routers that know nothing, or one thing, or everything."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.datasets import LabelledTable
    from llmrouter_integrations.evaluation.predictors import Predictor, Trainer

__all__ = ["BASELINES", "Contender", "train_on_length"]

SHRINKAGE_ROWS = 10.0
"""A task's mean counts as if this many rows more had shown the model's overall mean."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A router to be measured.

    Attributes:
        name: Its key in the JSON.
        title: What reports call it.
        train: Makes its predictor; None: it sees the labels of the rows it is judged on.
        probabilities: Whether its predictions claim to be qualities, so that calibration means
            something.
        fixed: Whether it always takes its highest prediction, whatever the costs.
        knows_tasks: Whether it is told each row's task.
        at_random: Whether its order of the prompts is chance: what depends on the order alone is
            then given as expected over all orders.
        by_price: Whether it looks at nothing but prices: without any it cannot be measured.
    """

    name: str
    title: str
    train: Trainer | None
    probabilities: bool = True
    fixed: bool = False
    knows_tasks: bool = False
    at_random: bool = False
    by_price: bool = False


@dataclass(frozen=True, slots=True)
class _Constant:
    """Expects the same of every prompt."""

    models: tuple[str, ...]
    quality: NDArray[np.float64]

    def predict(
        self, prompts: Sequence[str], tasks: Sequence[str | None] | None = None
    ) -> NDArray[np.float64]:
        del tasks
        return np.tile(self.quality, (len(prompts), 1))


@dataclass(frozen=True, slots=True)
class _Length:
    """Expects of each model a straight line of quality over the logarithm of the length."""

    models: tuple[str, ...]
    at_zero: NDArray[np.float64]
    slope: NDArray[np.float64]

    def predict(
        self, prompts: Sequence[str], tasks: Sequence[str | None] | None = None
    ) -> NDArray[np.float64]:
        del tasks
        line = self.at_zero + np.outer(_log_lengths(prompts), self.slope)
        return np.clip(line, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class _TaskTable:
    """Expects of each model its mean at the task; of an unknown task, its overall mean."""

    models: tuple[str, ...]
    overall: NDArray[np.float64]
    by_task: dict[str, NDArray[np.float64]]

    def predict(
        self, prompts: Sequence[str], tasks: Sequence[str | None] | None = None
    ) -> NDArray[np.float64]:
        if tasks is None:
            return np.tile(self.overall, (len(prompts), 1))
        return np.array([self.by_task.get(task or "", self.overall) for task in tasks])


@dataclass(frozen=True, slots=True)
class _Noise:
    """Expects anything of any prompts; of the same prompts, the same again."""

    models: tuple[str, ...]

    def predict(
        self, prompts: Sequence[str], tasks: Sequence[str | None] | None = None
    ) -> NDArray[np.float64]:
        del tasks
        seed = 0
        for prompt in prompts:
            seed = zlib.crc32(prompt.encode(errors="surrogatepass"), seed)
        return np.random.default_rng(seed).random((len(prompts), len(self.models)))


def _means(table: LabelledTable) -> NDArray[np.float64]:
    """Give each model's mean quality; of one without any label, the mean of all."""
    known = ~np.isnan(table.quality)
    counts = known.sum(axis=0)
    sums = np.where(known, table.quality, 0.0).sum(axis=0)
    overall = sums.sum() / max(counts.sum(), 1)
    means: NDArray[np.float64] = np.where(counts > 0, sums / np.maximum(counts, 1), overall)
    return means


def _mean_costs(table: LabelledTable) -> NDArray[np.float64]:
    costs: NDArray[np.float64] = np.nanmean(table.known_cost, axis=0)
    return costs


def _log_lengths(prompts: Sequence[str]) -> NDArray[np.float64]:
    return np.log1p(np.fromiter(map(len, prompts), np.float64, len(prompts)))


def _choose(table: LabelledTable, place: int) -> _Constant:
    return _Constant(table.models, np.eye(len(table.models))[place])


def _train_task_table(table: LabelledTable) -> _TaskTable:
    overall = _means(table)
    by_task = {}
    if table.groups is not None:
        groups = np.array(table.groups, dtype=object)
        for task in sorted(set(table.groups)):
            labels = table.quality[groups == task]
            known = ~np.isnan(labels)
            sums = np.where(known, labels, 0.0).sum(axis=0) + SHRINKAGE_ROWS * overall
            by_task[task] = sums / (known.sum(axis=0) + SHRINKAGE_ROWS)
    return _TaskTable(table.models, overall, by_task)


def train_on_length(table: LabelledTable) -> Predictor:
    """Train a router that looks at nothing but the length of the prompt."""
    x = _log_lengths(table.prompts)
    at_zero = _means(table)
    slope = np.zeros(len(table.models))
    for place, labels in enumerate(table.quality.T):
        known = ~np.isnan(labels)
        if known.sum() > 1 and (spread := float(np.var(x[known]))):
            away = x[known] - x[known].mean()
            slope[place] = float(np.mean(away * labels[known])) / spread
            at_zero[place] -= slope[place] * x[known].mean()
    return _Length(table.models, at_zero, slope)


BASELINES: tuple[Contender, ...] = (
    Contender(
        "random",
        "Random",
        lambda table: _Noise(table.models),
        probabilities=False,
        at_random=True,
    ),
    Contender("prompt_length", "Prompt length", train_on_length),
    Contender(
        "cheapest",
        "Cheapest model",
        lambda table: _choose(table, int(np.argmin(_mean_costs(table)))),
        probabilities=False,
        fixed=True,
        by_price=True,
    ),
    Contender(
        "best_single",
        "Best single model",
        lambda table: _choose(table, int(np.argmax(_means(table)))),
        probabilities=False,
        fixed=True,
    ),
    Contender(
        "single_models",
        "Hull of single models",
        lambda table: _Constant(table.models, _means(table)),
    ),
    Contender("task_table", "Known-task table", _train_task_table, knows_tasks=True),
    Contender("oracle", "Oracle", None, probabilities=False),
)
