"""Every figure of one router, each with its replicates over draws of the rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from llmrouter_integrations.evaluation import curve, knob
from llmrouter_integrations.evaluation.bootstrap import draws
from llmrouter_integrations.evaluation.calibration import Calibration, Reliability
from llmrouter_integrations.evaluation.pair import PairRanking, apgr, cpt, rank_within
from llmrouter_integrations.routing.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.baselines import Contender
    from llmrouter_integrations.hints import Prefer

    Replicates = dict[str, NDArray[np.float64]]

__all__ = ["POLICIES", "Measured", "Truth", "measure"]

POLICIES: tuple[Prefer, ...] = ("quality", "balanced", "cost")
"""Presets of ``prefer`` compared side by side. "latency" differs from "balanced" only by what
waiting costs, and no label says how long anybody waited."""
_OPERATING: Prefer = "balanced"
_NEAR_BEST = 0.98


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What really came of every answer to the rows judged on.

    Attributes:
        quality: Rows by models, no NaN.
        cost: Rows by models.
        in_dollars: Whether the costs are dollars.
        pair: Numbers of the strong and the weak model.
        parts: Each row's part: all rows of one were judged by what was learned from the same rows.
            What predictions are compared for, they are compared within their part.
    """

    quality: NDArray[np.float64]
    cost: NDArray[np.float64]
    in_dollars: bool
    pair: tuple[int, int]
    parts: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a router came to.

    Attributes:
        figures: Name to the figure on the rows as they are, NaN where it is not defined, and its
            replicates. Of a preset: ``quality@<preset>`` and so on.
        pgr: Performance gap recovered at each share of strong calls; None: not measured.
        points: Costs and qualities over the knob; None: not measured.
        hull: Their hull, with the cheapest model.
        reliability: Of its predictions, where they claim to be qualities.
        knob: The setting it is operated at, of each row.
    """

    figures: dict[str, tuple[float, NDArray[np.float64]]]
    knob: NDArray[np.float64]
    pgr: NDArray[np.float64] | None = None
    points: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    hull: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    reliability: Reliability | None = None


def measure(
    truth: Truth,
    quality: NDArray[np.float64],
    cost: NDArray[np.float64],
    *,
    who: Contender,
    resamples: int,
    seed: int,
) -> Measured:
    """Measure a router's predictions against the truth.

    Args:
        truth: What really came of every answer.
        quality: What the router expected of each, rows by models.
        cost: What it expected each to cost.
        who: The router.
        resamples: Draws of the bootstrap.
        seed: Of the draws: the same for routers that are to be compared.
    """
    rows = np.arange(len(quality))
    given = None if who.fixed else cost
    operating, settings = _settings(truth, quality, given)
    plain = {"quality_best": truth.quality[rows, knob.choices(quality, given, 0.0)]}
    for place, setting in settings.items():
        chosen = knob.choices(quality, given, setting)
        plain[f"quality{place}"] = truth.quality[rows, chosen]
        plain[f"cost{place}"] = truth.cost[rows, chosen]

    def over_rows(block: NDArray[np.float64]) -> Replicates:
        told = {name: block @ each / len(rows) for name, each in plain.items()}
        for place in settings if truth.in_dollars else ():
            each = zip(told[f"quality{place}"], told[f"cost{place}"], strict=True)
            told[f"arena{place}"] = np.array([curve.arena_score(q, 1000 * usd) for q, usd in each])
        return told

    ranking = _ranking(truth, quality, who)
    turned = _Turned(truth, quality, given)
    meters: list[Callable[[NDArray[np.float64]], Replicates]] = [
        over_rows,
        partial(_over_pair, ranking),
        turned.over,
    ]
    calibration = None
    if who.probabilities:
        calibration = Calibration(np.clip(quality, 0.0, 1.0), truth.quality)
        meters.append(lambda block: {"ece": calibration.error(block)})

    values = {name: v for meter in meters for name, v in meter(np.ones((1, len(rows)))).items()}
    replicates: dict[str, list[NDArray[np.float64]]] = {name: [] for name in values}
    for block in draws(len(rows), resamples, seed):
        for meter in meters:
            for name, figures in meter(block).items():
                replicates[name].append(figures)
    return Measured(
        figures={
            name: (float(value[0]), np.concatenate([np.empty(0), *replicates[name]]))
            for name, value in values.items()
        },
        knob=operating,
        pgr=ranking.pgr(),
        points=turned.points(),
        hull=turned.hull(),
        reliability=None if calibration is None else calibration.reliability(),
    )


def _settings(
    truth: Truth, quality: NDArray[np.float64], cost: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Give the settings to operate at, and all that are looked at, by what their figures end in.

    No label is looked at.
    """
    everywhere = np.ones(len(quality))
    if cost is None:
        return 0.0 * everywhere, {"": 0.0 * everywhere}
    if not truth.in_dollars:
        setting = np.empty(len(quality))
        for part in np.unique(truth.parts):
            mine = truth.parts == part
            setting[mine] = knob.middle(quality[mine], cost[mine])
        return setting, {"": setting}
    # a preset's price of quality is the knob, turned over
    presets = {f"@{name}": everywhere / PRESETS[name].value_usd for name in POLICIES}
    operating = presets[f"@{_OPERATING}"]
    return operating, {"": operating, **presets}


def _ranking(truth: Truth, quality: NDArray[np.float64], who: Contender) -> PairRanking:
    strong, weak = truth.pair
    score = quality[:, strong] - quality[:, weak]
    score = np.zeros(len(score)) if who.at_random else rank_within(score, truth.parts)
    return PairRanking(score, truth.quality[:, strong], truth.quality[:, weak])


def _over_pair(ranking: PairRanking, block: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    curves = [ranking.pgr(draw) for draw in block]
    return {
        "apgr": np.array([apgr(pgr) for pgr in curves]),
        "cpt50": np.array([cpt(pgr, 0.5) for pgr in curves]),
        "cpt80": np.array([cpt(pgr, 0.8) for pgr in curves]),
    }


class _Turned:
    """A router at every setting of its knob; without expected costs it has none."""

    def __init__(
        self, truth: Truth, quality: NDArray[np.float64], cost: NDArray[np.float64] | None
    ) -> None:
        true_quality, true_cost = truth.quality, truth.cost
        rows = np.arange(len(quality))
        knobs = [0.0] if cost is None else knob.settings(quality, cost)
        picked = [knob.choices(quality, cost, knob_) for knob_ in knobs]
        means, (_, weak) = true_cost.mean(axis=0), truth.pair
        # where several cost the least, as all but the strong one may, the weak one stands for them
        self._cheapest = weak if means[weak] == means.min() else int(means.argmin())
        self._dearest = int(means.argmax())
        self._best = int(true_quality.mean(axis=0).argmax())
        # whatever a router does, it may be left off: the cheapest model is on every curve
        picked.append(np.full(len(rows), self._cheapest))
        self._quality = np.array([true_quality[rows, choice] for choice in picked])
        self._cost = np.array([true_cost[rows, choice] for choice in picked])
        self._singles = np.array(
            [
                true_cost[:, self._cheapest],
                true_cost[:, self._dearest],
                true_cost[:, self._best if means[self._best] > 0 else self._dearest],
                true_quality[:, self._best],
            ]
        )

    def points(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give mean cost and quality at each setting, without the cheapest model."""
        return self._cost[:-1].mean(axis=1), self._quality[:-1].mean(axis=1)

    def hull(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return curve.hull(self._cost.mean(axis=1), self._quality.mean(axis=1))

    def over(self, block: NDArray[np.float64]) -> Replicates:
        each = zip(
            block @ self._cost.T / block.shape[1],
            block @ self._quality.T / block.shape[1],
            block @ self._singles.T / block.shape[1],
            strict=True,
        )
        figures = []
        for costs, qualities, (cheapest, dearest, best_cost, best_quality) in each:
            xs, ys = curve.hull(costs, qualities)
            needed = curve.cost_to_reach(xs, ys, _NEAR_BEST * best_quality)
            relative = needed / best_cost if best_cost > 0 else math.nan
            figures.append((curve.aiq(xs, ys, cheapest, dearest), relative))
        aiq, near_best = np.array(figures).T
        return {"aiq": aiq, "c98": near_best}
