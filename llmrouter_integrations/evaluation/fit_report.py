"""What was learned, and how well it does on rows left out, beside what needs no learning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from llmrouter_integrations.evaluation.calibration import Calibration

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.fit import Fit

__all__ = ["FORMAT", "Score", "fit_record", "scores"]

FORMAT = 1
"""Raised when a key changes its meaning or goes."""


class Score(NamedTuple):
    """How good predictions of quality are, over every labelled answer.

    Attributes:
        squared_error: Mean squared distance of prediction and label.
        calibration_error: Mean distance of prediction and label over ten bins, weighed by their
            count.
        best_quality: Mean label where, of the models labelled at each row, the one predicted best
            is taken.
    """

    squared_error: float
    calibration_error: float
    best_quality: float


def scores(fit: Fit) -> dict[str, Score]:
    """Score what was learned, each row being left out, and what it should beat.

    Returns:
        By name: "fitted", "fitted, task told" and "task table" where there are tasks, "each
        model's mean", and "oracle", the labels themselves.
    """
    quality = fit.table.quality
    predicted = {"fitted": fit.left_out}
    if fit.predictor.table.tasks:
        predicted["fitted, task told"] = fit.told
        predicted["task table"] = fit.by_task
    predicted["each model's mean"] = _other_rows_means(quality, fit.predictor.level)
    predicted["oracle"] = quality
    return {name: _score(found, quality) for name, found in predicted.items()}


def fit_record(fit: Fit) -> dict[str, Any]:
    """Give all that a report should say, as plain values for JSON."""
    predictor, quality = fit.predictor, fit.table.quality
    labels = (~np.isnan(quality)).sum(axis=0)
    learned = set(predictor.learned.tolist())
    return {
        "format": FORMAT,
        "data": {"name": fit.table.name, "rows": len(fit.table), "notes": list(predictor.notes)},
        "models": {
            model: {
                "labels": int(labels[place]),
                "level": round(float(predictor.level[place]), 4),
                "described_by": "its labels" if place in learned else "the other models",
            }
            for place, model in enumerate(predictor.models)
        },
        "tasks": list(predictor.table.tasks),
        "penalties": fit.penalties,
        "weights": {
            "task_inferred": predictor.inferred._asdict(),
            "task_told": predictor.told._asdict(),
        },
        "left_out": {name: score._asdict() for name, score in scores(fit).items()},
        "reliability": _reliability(fit.left_out, quality),
    }


def _other_rows_means(
    quality: NDArray[np.float64], level: NDArray[np.float64]
) -> NDArray[np.float64]:
    known = ~np.isnan(quality)
    sums = np.where(known, quality, 0.0)
    others = known.sum(axis=0) - known
    means: NDArray[np.float64] = (sums.sum(axis=0) - sums) / np.maximum(others, 1)
    return np.where(others > 0, means, level)


def _score(predicted: NDArray[np.float64], quality: NDArray[np.float64]) -> Score:
    known = ~np.isnan(quality)
    rows = np.arange(len(quality))
    chosen = np.where(known, predicted, -np.inf).argmax(axis=1)
    expected, actual = np.clip(predicted[known], 0.0, 1.0)[:, None], quality[known][:, None]
    calibration = Calibration(expected, actual).error(np.ones((1, len(actual))))
    return Score(
        float(((expected - actual) ** 2).mean()),
        float(calibration[0]),
        float(quality[rows, chosen].mean()),
    )


def _reliability(
    predicted: NDArray[np.float64], quality: NDArray[np.float64]
) -> dict[str, list[float]]:
    known = ~np.isnan(quality)
    found = Calibration(predicted[known][:, None], quality[known][:, None]).reliability()
    return {name: column.tolist() for name, column in found._asdict().items()}
