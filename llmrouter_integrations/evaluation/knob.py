"""Turning a router's knob: what each unit of cost must bring, from nothing to everything.

A router that predicts qualities takes, of each prompt, the model with the highest
``quality - knob * expected cost``. At a knob of 0 cost is nothing; at an infinite one it is all.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["choices", "middle", "settings"]

SETTINGS = 41
_TRIED = np.geomspace(1e-5, 1e4, 300)
_ROWS_TO_JUDGE_BY = 4000
_TIE = 1e-9


def choices(
    quality: NDArray[np.float64],
    cost: NDArray[np.float64] | None,
    knob: float | NDArray[np.float64],
) -> NDArray[np.int64]:
    """Choose a model for each prompt.

    Args:
        quality: Expected quality, prompts by models.
        cost: Expected cost, likewise; None: nobody knows, and the knob does nothing.
        knob: Quality that a unit of cost must bring, of all prompts or of each; infinite: the
            cheapest is taken.

    Returns:
        Each prompt's model, by number. Ties go to the cheaper, and of the cheapest to the best.
    """
    if cost is None:
        chosen = quality.argmax(axis=1)
    elif isinstance(knob, np.ndarray):
        chosen = np.empty(len(quality), np.int64)
        for setting in np.unique(knob):
            mine = knob == setting
            chosen[mine] = choices(quality[mine], cost[mine], float(setting))
    elif math.isinf(knob):
        least = cost.min(axis=1, keepdims=True)
        chosen = np.where(cost <= least, quality, -np.inf).argmax(axis=1)
    else:
        worth = quality - knob * cost
        best = worth.max(axis=1, keepdims=True)
        chosen = np.where(worth >= best - _TIE, cost, np.inf).argmin(axis=1)
    return np.asarray(chosen, np.int64)


def settings(quality: NDArray[np.float64], cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Choose settings of the knob, rising, at which the expected costs lie evenly apart.

    No labels are looked at.
    """
    knobs, spent = _spending(quality, cost)
    wanted = np.linspace(spent[0], spent[-1], SETTINGS)
    nearest = np.abs(spent[:, None] - wanted).argmin(axis=0)
    return np.unique(knobs[nearest])


def middle(quality: NDArray[np.float64], cost: NDArray[np.float64]) -> float:
    """Give the setting at which about half of what the router could spend is spent.

    For a strong and a weak model it is the one that sends half of the prompts to each, as far as
    the router would. No labels are looked at.
    """
    knobs, spent = _spending(quality, cost)
    half = (spent[0] + spent[-1]) / 2
    return float(knobs[np.abs(spent - half).argmin()])


def _spending(
    quality: NDArray[np.float64], cost: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Try many settings; give them, rising from 0 to infinity, and the mean cost expected at each.

    Judged on evenly chosen rows where there are many.
    """
    some = np.linspace(0, len(quality) - 1, min(len(quality), _ROWS_TO_JUDGE_BY)).astype(np.int64)
    quality, cost = quality[some], cost[some]
    means = cost.mean(axis=0)
    unit = float(means.max() - means.min()) or 1.0
    knobs = np.concatenate(([0.0], _TRIED / unit, [math.inf]))
    rows = np.arange(len(cost))
    spent = [cost[rows, choices(quality, cost, knob)].mean() for knob in knobs]
    return knobs, np.array(spent)
