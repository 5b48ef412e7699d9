"""What a model's few scores tell of it: each shrunk towards its overall level, with an error.

A score is a handful of questions' and says less than it seems to. Taken apart as in a two-way
analysis of variance, the score of run r at LiveBench's task t of category c is

    score[r, t] = mean[t] + level[r] + category[r, c] + rest[r, t]

where the last three spread around 0 with variances that the table itself tells: of the levels, of
how much better a model is at this category than elsewhere, and of what only this task brings; the
last two of each category apart. Of a category with n tasks, in which a run is d better than the
mean, what is believed is the empirical Bayes estimate (Efron and Morris 1975, "Data analysis using
Stein's estimator and its generalizations"; Morris 1983, "Parametric empirical Bayes inference"):

    believed = mean + level + B (d - level),   B = var(category) / (var(category) + var(rest) / n)
    error^2  = (1 - B)^2 error(level)^2 + (1 - B) var(category)

and the level itself is shrunk in the same way towards what was believed of it before. Where
LiveBench's 2026-06-25 table is halved within its categories at random, this foretells the other
half to within 0.064 (root mean square), where the plain category means are 0.079 off; and squared
misses are 1.09 times as large as the errors say, the other half's own chance included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from llmrouter_integrations.catalog.model import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from llmrouter_integrations.catalog.livebench import Run

__all__ = ["DRIFT_PER_MONTH", "TASK_CATEGORIES", "Components", "Level", "aged"]

AGENTIC = "Agentic Coding"
"""LiveBench's category in which one question is a whole session of many calls in a repository: its
tokens and dollars say nothing of a single answer."""

TASK_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "code": ("Coding",),
    "tool_use": (AGENTIC,),  # the only category in which the model works through tools
    "math": ("Mathematics",),
    "reasoning": ("Reasoning",),
    "extraction": ("Data Analysis",),  # joins and reformats tables it is given
    "classification": ("Data Analysis", "Language"),
    "summarization": ("IF",),  # summarize, simplify and paraphrase a given article, as told
    "qa": ("IF", "Reasoning"),
    "creative": ("IF", "Language"),  # story generation, plots
    "chat": ("IF", "Language"),
    "translation": ("Language",),
    "vision": (),
    "long_context": (),
}
"""Router task to the LiveBench categories that are nearest to it. For "vision" and "long_context"
it has no like: of them only the overall level is told, with an error as of a category unseen."""

DRIFT_PER_MONTH = 0.01**2
"""Variance that a month adds to a figure: models are changed behind their names, and what is asked
of them changes. Judgement: after a year a figure is off by 3.5 points more."""

_POOLED = 0.25
"""How much of the variance of a category is the mean of all of theirs. What 45 runs tell of one
alone is rough, and would be 0 for some, as if nobody could be better at it than elsewhere."""

_DAYS_PER_MONTH = 365.25 / 12
_LEAST, _MOST = 0.01, 0.99
"""Nothing is believed to fail always, or never."""


class Level(NamedTuple):
    """How much better a model is than the mean of the measured ones, overall.

    Attributes:
        value: Of the score, 0..1; may be negative.
        variance: Of its error.
    """

    value: float
    variance: float


def aged(error: float, since: str, today: date) -> float:
    """The standard error of a figure that has aged.

    Args:
        error: When it was new.
        since: Its date, ISO; months and years alone are read as their first day.
        today: The present date.
    """
    year, month, day = (int(part) for part in f"{since}-01-01".split("-")[:3])
    months = max(0.0, (today - date(year, month, day)).days / _DAYS_PER_MONTH)
    return math.sqrt(error**2 + months * DRIFT_PER_MONTH)


@dataclass(frozen=True, slots=True)
class Components:
    """How scores spread, by which single ones are judged.

    Attributes:
        means: Category to the mean score over runs, 0..1.
        sizes: Category to how many tasks it has.
        levels: Variance of the runs' overall levels.
        categories: Category to the variance of how much better a run is there than it is overall.
        tasks: Category to the variance of how much better it is at a task than at the category.
    """

    means: Mapping[str, float]
    sizes: Mapping[str, int]
    levels: float
    categories: Mapping[str, float]
    tasks: Mapping[str, float]

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Components:
        """Work the variances out by the method of moments, every run and category alike.

        Of a category with one task nothing tells chance from ability; the others' mean stands in.
        """
        names = list(runs[0].by_task)
        freedom, count = max(1, len(runs) - 1), len(names)
        off: dict[str, list[float]] = {}
        tasks: dict[str, float] = {}
        means: dict[str, float] = {}
        sizes = {name: len(runs[0].by_task[name]) for name in names}
        for name in names:
            mean = [_mean(each) for each in zip(*[run.by_task[name] for run in runs], strict=True)]
            means[name] = _mean(mean)
            off[name] = [_mean(run.by_task[name]) - means[name] for run in runs]
            if sizes[name] > 1:
                within = math.fsum(
                    (score - expected - own) ** 2
                    for run, own in zip(runs, off[name], strict=True)
                    for score, expected in zip(run.by_task[name], mean, strict=True)
                )
                tasks[name] = within / (freedom * (sizes[name] - 1))
        usual = _mean(list(tasks.values())) if tasks else 0.0
        tasks = {name: tasks.get(name, usual) for name in names}
        noise = {name: tasks[name] / sizes[name] for name in names}
        level = [_mean(own) for own in zip(*off.values(), strict=True)]
        # a level has its share of each category in it
        scale = freedom * (count - 1) / count if count > 1 else math.inf
        spread = {
            name: math.fsum((d - own) ** 2 for d, own in zip(off[name], level, strict=True)) / scale
            for name in names
        }
        mean_spread = _mean(list(spread.values()))
        usual = max(0.0, mean_spread - _mean(list(noise.values())))
        apart = math.fsum(own**2 for own in level) / freedom
        return cls(
            means=means,
            sizes=sizes,
            levels=max(0.0, apart - mean_spread / count),
            categories={
                name: (1 - _POOLED) * max(0.0, spread[name] - noise[name]) + _POOLED * usual
                for name in names
            },
            tasks=tasks,
        )

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Components:
        """Read what :meth:`as_row` wrote."""
        return cls(**row)

    def as_row(self) -> dict[str, Any]:
        """As plain values for the table, to six digits."""
        return {
            "means": {c: round(mean, 4) for c, mean in self.means.items()},
            "sizes": dict(self.sizes),
            "levels": round(self.levels, 6),
            "categories": {c: round(variance, 6) for c, variance in self.categories.items()},
            "tasks": {c: round(variance, 6) for c, variance in self.tasks.items()},
        }

    @property
    def mean(self) -> float:
        """The mean score over runs and categories, 0..1."""
        return _mean(list(self.means.values()))

    def level(self, scores: Mapping[str, float], before: Level | None = None) -> Level:
        """What a run's scores tell of its level.

        Args:
            scores: Category to score, 0..1.
            before: What is believed without them; None: that it is one of those measured.
        """
        prior = before or Level(0.0, self.levels)
        known = [c for c in scores if c in self.means]
        if not known:
            return prior
        off = _mean([scores[c] - self.means[c] for c in known])
        noise = _mean([self.categories[c] + self.tasks[c] / self.sizes[c] for c in known])
        noise /= len(known)
        trust = prior.variance / (prior.variance + noise) if noise else 1.0
        return Level(prior.value + trust * (off - prior.value), trust * noise)

    def estimates(
        self, level: Level, scores: Mapping[str, float], source: str, day: str
    ) -> dict[str, Estimate]:
        """What is believed of a model at each task of the router, and overall.

        Args:
            level: Its overall level, by :meth:`level` or from elsewhere.
            scores: Category to its own score there, 0..1; empty where it was never measured.
            source: Where the figures are from.
            day: Their date, ISO.
        """
        overall = Level(self.mean + level.value, level.variance)
        told = {"overall": _estimate(overall, source, day)}
        for task, categories in TASK_CATEGORIES.items():
            known = [c for c in categories if c in self.means]
            if known:
                found = self._at(level, known, scores)
            else:
                unseen = _mean(list(self.categories.values()))
                found = Level(overall.value, overall.variance + unseen)
            told[task] = _estimate(found, source, day)
        return told

    def _at(self, level: Level, names: Sequence[str], scores: Mapping[str, float]) -> Level:
        """What is believed of a model on average over some categories."""
        value = trusted = rest = 0.0
        for name in names:
            trust = 0.0
            value += self.means[name] + level.value
            if name in scores:
                own, noise = self.categories[name], self.tasks[name] / self.sizes[name]
                trust = own / (own + noise) if noise else 1.0
                value += trust * (scores[name] - self.means[name] - level.value)
            trusted += trust
            rest += self.categories[name] * (1 - trust)
        count = len(names)
        variance = (1 - trusted / count) ** 2 * level.variance + rest / count**2
        return Level(value / count, variance)


def _estimate(found: Level, source: str, day: str) -> Estimate:
    value = min(_MOST, max(_LEAST, found.value))
    return Estimate(value, math.sqrt(found.variance), source, day)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
