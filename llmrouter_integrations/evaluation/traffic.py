"""The catalogue judged on LiveBench's own questions: half of the tasks to learn, half to judge.

Every task asks equally many questions. The catalogue is built from a random half of the tasks of
each category; a question of another task is then known only by its category, and is sent to the
run (a model at a reasoning effort) that is worth most by that catalogue. Beside it stands every
run used for everything, and the one that the same knob would choose for everything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from llmrouter_integrations.catalog import livebench
from llmrouter_integrations.catalog.quality import TASK_CATEGORIES, Components
from llmrouter_integrations.errors import DatasetError
from llmrouter_integrations.evaluation import curve, knob
from llmrouter_integrations.evaluation.bootstrap import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Expect = Callable[[livebench.LiveBench, tuple[str, ...], tuple[str, ...]], "Expectation"]

__all__ = [
    "AIMED_SHARES",
    "COST_SHARES",
    "Expectation",
    "Traffic",
    "TrafficResult",
    "from_catalogue",
    "run",
]

COST_SHARES = (0.03, 0.05, 0.10, 0.15, 0.20, 0.30)
"""Shares of the best fixed model's cost at which the router is held against the fixed models."""
AIMED_SHARES = (0.04, 0.06, 0.08, 0.10, 0.15)
"""Shares of the best model's cost that are aimed at, by what the catalogue expects."""
_WANTED = 0.97
_SLACK = 1e-9
_KNOBS = np.concatenate(([0.0], np.geomspace(1e-3, 1e4, 150), [math.inf]))


class Expectation(NamedTuple):
    """What is expected of each run, by category.

    Attributes:
        quality: Runs by categories, 0..1.
        usd: Dollars a question, likewise.
    """

    quality: NDArray[np.float64]
    usd: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """LiveBench's table as questions that were answered by everybody.

    Attributes:
        directory: Of the tables.
        release: Date of the release.
        runs: Names of the runs that have a price.
        left_out: Names of those that have none.
        tasks: Names of the tasks.
        categories: Names of the categories.
        category_of: Each task's category, by number.
        score: Runs by tasks, 0..1.
        usd: Dollars a question, likewise.
    """

    directory: Path
    release: str
    runs: tuple[str, ...]
    left_out: tuple[str, ...]
    tasks: tuple[str, ...]
    categories: tuple[str, ...]
    category_of: NDArray[np.int64]
    score: NDArray[np.float64]
    usd: NDArray[np.float64]

    @classmethod
    def read(cls, directory: Path) -> Traffic:
        """Read the newest release in a directory; see :func:`.livebench.read`.

        Raises:
            ConfigurationError: A table is missing, or not as it should be.
        """
        whole = livebench.read(directory)
        able = tuple(run.name for run in whole.runs if run.usd)
        tasks = livebench.read_categories(directory)
        categories = tuple(tasks)
        named = [(place, task) for place, name in enumerate(categories) for task in tasks[name]]
        score = np.empty((len(able), len(named)))
        usd = np.empty_like(score)
        for column, (place, task) in enumerate(named):
            of_task = {run.name: run for run in livebench.read(directory, tasks={task}).runs}
            for row, name in enumerate(able):
                score[row, column] = of_task[name].scores[categories[place]]
                usd[row, column] = of_task[name].usd.get(categories[place], 0.0)
        return cls(
            directory=directory,
            release=whole.release,
            runs=able,
            left_out=tuple(run.name for run in whole.runs if not run.usd),
            tasks=tuple(task for _, task in named),
            categories=categories,
            category_of=np.array([place for place, _ in named]),
            score=score,
            usd=usd,
        )


@dataclass(frozen=True, slots=True, eq=False)
class TrafficResult:
    """What came of it, on average over the halvings; quality and cost relative to the best model's.

    Attributes:
        traffic: The traffic.
        halvings: How often it was halved.
        aimed: Share of the cost aimed at, by what the catalogue expects, to the quality and the
            cost that came of it; each with the 2.5th and 97.5th percentile over the halvings.
        fixed_aimed: The same of the one model that the same knob chooses.
        cost_for_97: Least share of the cost at which the router's mean curve reaches 97%; None:
            never.
        router: Mean cost and quality over the knob.
        fixed: The same of the one model that the knob chooses.
        singles: Mean relative cost and quality of every run.
        above_hull: Share of the cost to the mean lead in quality over the hull of the fixed models,
            which is drawn knowing the judged half.
    """

    traffic: Traffic
    halvings: int
    aimed: dict[float, tuple[Figure, Figure]]
    fixed_aimed: dict[float, tuple[Figure, Figure]]
    cost_for_97: float | None
    router: tuple[NDArray[np.float64], NDArray[np.float64]]
    fixed: tuple[NDArray[np.float64], NDArray[np.float64]]
    singles: tuple[NDArray[np.float64], NDArray[np.float64]]
    above_hull: dict[float, Figure]


def from_catalogue(
    bench: livebench.LiveBench, runs: tuple[str, ...], categories: tuple[str, ...]
) -> Expectation:
    """Expect what the catalogue would list, built from these tables."""
    alone = {names[0]: task for task, names in TASK_CATEGORIES.items() if len(names) == 1}
    if missing := [name for name in categories if name not in alone]:
        raise DatasetError(f"no router task stands for LiveBench's {', '.join(missing)} alone")
    components = Components.of(bench.runs)
    by_name = {run.name: run for run in bench.runs}
    quality, usd = [], []
    for name in runs:
        scores = by_name[name].scores
        believed = components.estimates(components.level(scores), scores, "", "")
        quality.append([believed[alone[category]].value for category in categories])
        usd.append([by_name[name].usd[category] for category in categories])
    return Expectation(np.array(quality), np.array(usd))


def run(
    traffic: Traffic, expect: Expect = from_catalogue, *, halvings: int = 30, seed: int = 0
) -> TrafficResult:
    """Halve the tasks again and again, and judge each half by the other.

    Args:
        traffic: The questions.
        expect: What is expected of each run in each category, from LiveBench's tables of the
            half that is not judged on.
        halvings: How often.
        seed: Of the halvings.
    """
    rng = np.random.default_rng(seed)
    told = [_judge(traffic, expect, _half(traffic, rng)) for _ in range(halvings)]
    router = _mean([each.router for each in told])
    reached = router[0][router[1] >= _WANTED]
    return TrafficResult(
        traffic=traffic,
        halvings=halvings,
        aimed=_aims(np.array([each.aimed for each in told])),
        fixed_aimed=_aims(np.array([each.fixed_aimed for each in told])),
        cost_for_97=float(reached.min()) if reached.size else None,
        router=router,
        fixed=_mean([each.fixed for each in told]),
        singles=_mean([each.singles for each in told]),
        above_hull={
            share: _figure(np.array([each.above_hull[place] for each in told]))
            for place, share in enumerate(COST_SHARES)
        },
    )


class _Judged(NamedTuple):
    """One halving: costs, then qualities, relative to the best model's on the judged half."""

    aimed: NDArray[np.float64]
    fixed_aimed: NDArray[np.float64]
    router: NDArray[np.float64]
    fixed: NDArray[np.float64]
    singles: NDArray[np.float64]
    above_hull: list[float]


def _half(traffic: Traffic, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Mark half of the tasks of each category; of an odd number, one more or less by coin."""
    mine = np.zeros(len(traffic.tasks), np.bool_)
    for place in range(len(traffic.categories)):
        tasks = rng.permutation(np.flatnonzero(traffic.category_of == place))
        mine[tasks[: (len(tasks) + int(rng.integers(2))) // 2]] = True
    return mine


def _judge(traffic: Traffic, expect: Expect, mine: NDArray[np.bool_]) -> _Judged:
    known = {task for task, is_mine in zip(traffic.tasks, mine, strict=True) if is_mine}
    bench = livebench.read(traffic.directory, tasks=known)
    expected = expect(bench, traffic.runs, traffic.categories)
    score, usd = traffic.score[:, ~mine], traffic.usd[:, ~mine]
    asked = traffic.category_of[~mine]
    columns = np.arange(len(asked))
    best = int(score.mean(axis=1).argmax())
    unit = np.array([usd[best].mean(), score[best].mean()])
    singles = np.array([usd.mean(axis=1), score.mean(axis=1)]) / unit[:, None]

    # what a question of each task is expected to bring and to cost, tasks by runs
    quality, cost = expected.quality[:, asked].T, expected.usd[:, asked].T
    mean_quality, mean_cost = quality.mean(axis=0)[None], cost.mean(axis=0)[None]
    aims = np.array(AIMED_SHARES)[:, None] * mean_cost[0, mean_quality[0].argmax()]

    def routed(chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        found = np.array([usd[chosen, columns].mean(), score[chosen, columns].mean()])
        return np.asarray(found / unit)

    choices = [knob.choices(quality, cost, setting) for setting in _KNOBS]
    ones = [int(knob.choices(mean_quality, mean_cost, setting)[0]) for setting in _KNOBS]
    router = np.array([routed(chosen) for chosen in choices]).T
    fixed = singles[:, ones]
    spent = np.array([cost[columns, chosen].mean() for chosen in choices])
    frontier, mine_hull = curve.hull(*singles), curve.hull(*router)
    return _Judged(
        aimed=router[:, _lowest(spent, aims)],
        fixed_aimed=fixed[:, _lowest(mean_cost[0, ones], aims)],
        router=router,
        fixed=fixed,
        singles=singles,
        above_hull=[
            float(np.interp(share, *mine_hull, left=np.nan) - np.interp(share, *frontier))
            for share in COST_SHARES
        ],
    )


def _lowest(spent: NDArray[np.float64], aims: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give the lowest setting of the knob that keeps to each aim; the highest where none does."""
    kept = spent <= aims * (1 + _SLACK)
    kept[:, -1] = True
    return np.asarray(kept.argmax(axis=1), np.int64)


def _mean(
    curves: Sequence[NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    cost, quality = np.mean(curves, axis=0)
    return cost, quality


def _figure(values: NDArray[np.float64]) -> Figure:
    known = values[~np.isnan(values)]  # NaN: in that halving nothing is as cheap
    if not known.size:
        return Figure(None, None, None)
    low, high = np.quantile(known, [0.025, 0.975])
    return Figure(float(known.mean()), float(low), float(high))


def _aims(told: NDArray[np.float64]) -> dict[float, tuple[Figure, Figure]]:
    """From halvings by (cost, quality) by aims."""
    return {
        share: (_figure(told[:, 1, place]), _figure(told[:, 0, place]))
        for place, share in enumerate(AIMED_SHARES)
    }
