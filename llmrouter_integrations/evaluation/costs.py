"""What an answer costs: the data's own figures, or a stand-in where it has none; and a forecast."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.datasets import LabelledTable

__all__ = ["CostBasis", "CostForecast", "priced"]

CostBasis = Literal["usd", "strong_calls", "parameters"]
"""What costs are counted in: dollars; calls to the strong model; billions of parameters."""

_PARAMETERS = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)b(?![a-z0-9])", re.IGNORECASE)


def priced(
    train: LabelledTable, test: LabelledTable
) -> tuple[LabelledTable, LabelledTable, CostBasis | None]:
    """Give both tables costs, where they have none, that are the same for every prompt.

    Of two models the one that is better on the training rows costs 1 and the other 0, as in
    RouteLLM. Of more, each costs its number of parameters, where every name tells it
    ("llama-3.1-8b-instruct", "mixtral-8x7b"). Otherwise there is no cost.

    Returns:
        The tables, and what their costs are counted in; None: they have none.
    """
    if train.cost is not None and test.cost is not None:
        return train, test, "usd"
    basis: CostBasis
    if len(train.models) == 2:
        each = np.zeros(2)
        each[np.argmax(np.nanmean(train.quality, axis=0))] = 1.0
        basis = "strong_calls"
    else:
        sizes = [_PARAMETERS.search(model) for model in train.models]
        if any(size is None for size in sizes):
            bare = [dataclasses.replace(table, cost=None) for table in (train, test)]
            return bare[0], bare[1], None
        each = np.array([int(size[1] or 1) * float(size[2]) for size in sizes if size])
        basis = "parameters"
    train, test = [
        dataclasses.replace(table, cost=np.tile(each, (len(table), 1))) for table in (train, test)
    ]
    return train, test, basis


_BINS = 20
_LEAST_ROWS = 10
"""Fewer prompts of about one length say nothing of what they cost beyond the line; of more, what
they say counts as if so many more had been on it."""


class CostForecast:
    """Expects each model's cost to rise along a straight line with the length of the prompt.

    That is how providers charge, where answers are about equally long. Fitted by least squares;
    where a line would fall, the mean is used. Where prompts of about one length (a twentieth of
    all) cost more or less than that, as those of one template do whose answers are long, that is
    added.

    Args:
        table: With costs.
    """

    def __init__(self, table: LabelledTable) -> None:
        if table.cost is None:
            raise ValueError(f"{table.name} has no costs to learn from")
        length = _lengths(table.prompts)
        self._fixed = np.zeros(len(table.models))
        self._per_character = np.zeros(len(table.models))
        self._bounds = np.unique(np.quantile(length, np.arange(1, _BINS) / _BINS))
        bins = np.searchsorted(self._bounds, length)
        self._beyond = np.zeros((len(self._bounds) + 1, len(table.models)))
        for place, paid in enumerate(table.cost.T):
            known = ~np.isnan(paid)
            x, y = length[known], paid[known]
            if not x.size:
                raise ValueError(f"{table.name} has no cost of {table.models[place]!r}")
            spread = float(np.var(x))
            slope = float(np.mean((x - x.mean()) * (y - y.mean()))) / spread if spread else 0.0
            self._per_character[place] = max(slope, 0.0)
            self._fixed[place] = y.mean() - self._per_character[place] * x.mean()
            missed = y - self._fixed[place] - self._per_character[place] * x
            count = np.bincount(bins[known], minlength=len(self._beyond))
            sums = np.bincount(bins[known], missed, len(self._beyond))
            enough = count >= _LEAST_ROWS
            self._beyond[enough, place] = sums[enough] / (count[enough] + _LEAST_ROWS)

    def predict(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """Expect the cost of each model's answer to each prompt, 0 or more."""
        length = _lengths(prompts)
        line = self._fixed + np.outer(length, self._per_character)
        return np.maximum(line + self._beyond[np.searchsorted(self._bounds, length)], 0.0)


def _lengths(prompts: Sequence[str]) -> NDArray[np.float64]:
    return np.fromiter(map(len, prompts), np.float64, len(prompts))
