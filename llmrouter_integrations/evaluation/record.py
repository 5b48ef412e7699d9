"""An evaluation as JSON; docs/evaluation.md describes its shape, which is kept stable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from llmrouter_integrations.evaluation.baselines import BASELINES
from llmrouter_integrations.evaluation.bootstrap import Figure, draws, figure
from llmrouter_integrations.evaluation.measure import POLICIES
from llmrouter_integrations.evaluation.pair import SHARES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.evaluate import Evaluation, Result

__all__ = ["FIGURES", "FORMAT", "as_record", "figures_of", "policies_of"]

FORMAT = 1
"""Raised when a key changes its meaning or goes."""

FIGURES: Mapping[str, str] = {
    "apgr": "APGR",
    "cpt50": "CPT50",
    "cpt80": "CPT80",
    "aiq": "AIQ",
    "c98": "C@98",
    "arena": "arena score",
    "quality_best": "best quality",
    "quality": "quality",
    "cost": "cost",
    "ece": "calibration error",
    "flip_rate": "flip rate",
    "decision_p50_us": "decision p50, us",
    "decision_p99_us": "decision p99, us",
}
"""Name of a figure in the JSON to its name in reports; every router has every one, or null."""
_COMPARED = ("apgr", "cpt50", "cpt80", "aiq", "c98", "arena", "quality_best", "quality", "cost")
_OF_A_POLICY = ("quality", "cost", "arena")
_NOWHERE = Figure(None, None, None)


def as_record(evaluation: Evaluation) -> dict[str, Any]:
    """Give all that was found, as plain values for JSON."""
    table, options = evaluation.table, evaluation.options
    names = [baseline.name for baseline in BASELINES]
    results = evaluation.results
    tested = [name for name in results if name not in names]
    told = {name: _router(result) for name, result in results.items()}
    for name in tested:
        told[name]["over"] = {base: _over(results[name], results[base]) for base in names}
    strong, weak = evaluation.pair
    return {
        "format": FORMAT,
        "data": {
            "train": evaluation.learned_from,
            "test": table.name,
            "rows": len(table),
            "labels": evaluation.labels,
            "split": evaluation.split,
            "folds": list(evaluation.folds),
            "models": list(table.models),
            "cost_basis": evaluation.cost_basis,
            "strong": strong,
            "weak": weak,
            "notes": list(evaluation.notes),
        },
        "bootstrap": {"resamples": options.resamples, "seed": options.seed, "level": 0.95},
        "router": told[tested[0]],
        "others": {name: told[name] for name in tested[1:]},
        "baselines": {name: told[name] for name in names},
        "models": _models(evaluation),
    }


def figures_of(result: Result) -> dict[str, Figure]:
    """Give each of :data:`FIGURES` of a router, with its interval."""
    found = {name: figure(*said) for name, said in result.measured.figures.items()}
    if result.flips is not None:
        found["flip_rate"] = figure(result.flips.rate, result.flips.replicates)
    if result.seconds.size:
        for name, at in (("decision_p50_us", 0.5), ("decision_p99_us", 0.99)):
            time_us = round(1e6 * float(np.quantile(result.seconds, at)), 1)
            found[name] = Figure(time_us, None, None)
    return {name: found.get(name, _NOWHERE) for name in FIGURES}


def policies_of(result: Result) -> dict[str, dict[str, Figure]]:
    """Give quality, cost and arena score of a router at each preset; none without dollars."""
    figures = result.measured.figures
    return {
        policy: {name: figure(*figures[f"{name}@{policy}"]) for name in _OF_A_POLICY}
        for policy in POLICIES
        if f"arena@{policy}" in figures
    }


def _router(result: Result) -> dict[str, Any]:
    measured = result.measured
    return {
        "title": result.contender.title,
        **_plain(figures_of(result)),
        "policies": {name: _plain(found) for name, found in policies_of(result).items()},
        "pgr": _curve(None if measured.pgr is None else (SHARES, measured.pgr), ("calls", "pgr")),
        "curve": _curve(measured.points, ("cost", "quality")),
        "hull": _curve(measured.hull, ("cost", "quality")),
        "reliability": _curve(measured.reliability, ("predicted", "actual", "answers")),
        "flips_by_kind": dict(result.flips.by_kind) if result.flips else {},
    }


def _plain(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Give figures as plain numbers, and beside them the intervals of those that have one."""
    intervals = {
        name: [found.low, found.high]
        for name, found in figures.items()
        if found.low is not None or found.high is not None
    }
    return {**{name: found.value for name, found in figures.items()}, "intervals": intervals}


def _curve(
    columns: tuple[NDArray[np.float64], ...] | None, names: tuple[str, ...]
) -> dict[str, list[float | None]] | None:
    if columns is None:
        return None
    return {
        name: [float(y) if np.isfinite(y) else None for y in column]
        for name, column in zip(names, columns, strict=True)
    }


def _over(one: Result, other: Result) -> dict[str, Any]:
    """Give how much more one router has than another, row by row the same draws."""
    found: dict[str, Figure] = {}
    for name in _COMPARED:
        here, there = one.measured.figures.get(name), other.measured.figures.get(name)
        if here is None or there is None:
            found[name] = _NOWHERE
            continue
        with np.errstate(invalid="ignore"):  # two that never reach a quality: not compared
            found[name] = figure(
                float(np.subtract(here[0], there[0])), np.subtract(here[1], there[1])
            )
    return _plain(found)


def _models(evaluation: Evaluation) -> dict[str, Any]:
    """Give mean quality and cost of each model by itself."""
    table, options = evaluation.table, evaluation.options
    columns = {"quality": table.quality, "cost": table.known_cost}
    drawn: dict[str, list[NDArray[np.float64]]] = {name: [] for name in columns}
    for block in draws(len(table), options.resamples, options.seed):
        for name, labels in columns.items():
            drawn[name].append(block @ labels / len(table))
    none = np.empty((0, len(table.models)))
    replicates = {name: np.concatenate([none, *blocks]) for name, blocks in drawn.items()}
    return {
        model: _plain(
            {
                name: figure(float(labels[:, place].mean()), replicates[name][:, place])
                for name, labels in columns.items()
            }
        )
        for place, model in enumerate(table.models)
    }
