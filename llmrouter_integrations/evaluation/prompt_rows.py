"""Prompts as the rows of a regression: hashed words, bent structure, and what is ordinary there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from llmrouter_integrations.evaluation.ridge import SparseRows
from llmrouter_integrations.routing.predictor import Structure, bent
from llmrouter_integrations.routing.text_features import (
    BUCKETS,
    STRUCTURE,
    line_hash,
    normalized_lines,
    read_prompt,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from llmrouter_integrations.routing.text_features import Reading

__all__ = ["PromptRows", "read_rows"]

SHARED_LINE_SHARE = 0.05
SHARED_LINE_ROWS = 20
"""A line that so large a share of the prompts, and so many, have in common is a template's."""
_SHORT_LINE = 3

STRUCTURE_NORM = 0.05**0.5
"""Norm of the structure beside that of the words, which is 1. Chosen by cross-validation on
RouteLLM's MMLU and GSM8K pairs; a quarter or four times as much changes little."""
BENDS = (0.25, 0.5, 0.75)
"""Quantiles at which structural features are bent."""

COMMON_RARITY = 0.3
"""Prompts a word that was never seen is taken to be in."""
_LEAST_SPREAD = 0.2
"""Of a structural feature, for distances: where one never varied, not all else is strange."""
_DISTANCE_RIDGE = 0.1
_ORDINARY = 0.99
"""Share of the prompts learned from that count as wholly familiar."""
_ROWS_BETWEEN_NEWS = 500


@dataclass(frozen=True, slots=True, eq=False)
class PromptRows:
    """Prompts, read.

    Attributes:
        shared_lines: Hashes of the lines that many share.
        weight: Of each bucket; 0 where no prompt has it.
        rarity: Of each bucket: minus the logarithm of the share of prompts with it.
        words: Weights of each prompt's buckets; every row has a norm of 1.
        structure: See there.
        figures: Bent structure of each prompt, scaled by ``scale``.
        scale: Of the figures.
    """

    shared_lines: frozenset[int]
    weight: NDArray[np.float64]
    rarity: NDArray[np.float64]
    words: SparseRows
    structure: Structure
    figures: NDArray[np.float64]
    scale: float


def read_rows(prompts: Sequence[str], tell: Callable[[int, int], None] | None = None) -> PromptRows:
    """Read the prompts to learn from.

    Args:
        prompts: At least one.
        tell: Told how many are read, and of how many.
    """
    shared = _shared_lines(prompts)
    readings = []
    for count, prompt in enumerate(prompts, 1):
        readings.append(read_prompt(prompt, shared))
        if tell is not None and (count % _ROWS_BETWEEN_NEWS == 0 or count == len(prompts)):
            tell(count, len(prompts))
    rows = len(readings)
    columns = np.concatenate([reading.buckets for reading in readings]).astype(np.int64)
    prompts_with = np.bincount(columns, minlength=BUCKETS)
    weight = np.where(prompts_with > 0, np.sqrt(np.log((rows + 1) / (prompts_with + 1))), 0.0)
    rarity = np.log((rows + 1) / (prompts_with + COMMON_RARITY))
    features = np.array([reading.structure for reading in readings])
    structure = _structure(features, _rarity_to_the_others(readings, prompts_with))
    scale = STRUCTURE_NORM / len(STRUCTURE) ** 0.5
    away = features - structure.centre
    return PromptRows(
        shared,
        weight,
        rarity,
        _words(readings, columns, weight),
        structure,
        bent(away, structure.spread, structure.bends) * scale,
        scale,
    )


def _shared_lines(prompts: Sequence[str]) -> frozenset[int]:
    counts: dict[int, int] = {}
    for prompt in prompts:
        lines = normalized_lines(prompt)
        for hashed in {line_hash(line) for line in lines if len(line) > _SHORT_LINE}:
            counts[hashed] = counts.get(hashed, 0) + 1
    least = max(SHARED_LINE_ROWS, SHARED_LINE_SHARE * len(prompts))
    return frozenset([hashed for hashed, count in counts.items() if count >= least])


def _words(
    readings: Sequence[Reading], columns: NDArray[np.int64], weight: NDArray[np.float64]
) -> SparseRows:
    lengths = np.array([len(reading.buckets) for reading in readings])
    starts = np.concatenate(([0], np.cumsum(lengths)))
    rows = np.repeat(np.arange(len(readings)), lengths)
    values = weight[columns]
    norm = np.sqrt(np.bincount(rows, values**2, len(readings)))
    norm[norm == 0] = 1.0
    return SparseRows(starts, columns, values / norm[rows], BUCKETS)


def _structure(features: NDArray[np.float64], rarity: NDArray[np.float64]) -> Structure:
    rows = len(features)
    centre, spread = features.mean(axis=0), features.std(axis=0)
    away = features - centre
    constant = spread < 1e-9
    scaled = away / np.where(constant, np.inf, spread)
    reach = np.maximum(spread, _LEAST_SPREAD)
    near = away / reach
    closeness = np.linalg.inv(near.T @ near / rows + _DISTANCE_RIDGE * np.eye(len(centre)))
    distance = np.sqrt(np.maximum(((near @ closeness) * near).sum(axis=1), 0.0))
    # what each is to the others: no row makes itself familiar
    leverage = np.minimum(distance**2 / rows, 1.0 - 1.0 / (rows + 1))
    distance = distance / np.sqrt(1.0 - leverage) * rows / max(rows - 1, 1)
    measures = np.stack((distance, rarity))
    ordinary = np.quantile(measures, _ORDINARY, axis=1)
    # twice as far from the middle as nearly all of those learned from
    strange = ordinary + np.maximum(ordinary - np.median(measures, axis=1), 1e-3)
    return Structure(
        centre=centre,
        spread=np.where(constant, np.inf, spread),
        bends=np.quantile(scaled, BENDS, axis=0),
        measure=np.linalg.cholesky(closeness) / reach[:, None],
        ordinary=ordinary,
        strange=strange,
    )


def _rarity_to_the_others(
    readings: Sequence[Reading], prompts_with: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Give the mean rarity of each prompt's words among the other prompts."""
    rows = len(readings)
    rarity = np.log((rows + 1) / (np.maximum(prompts_with - 1, 0) + COMMON_RARITY))
    found = [
        rarity[reading.buckets].mean() if len(reading.buckets) else 0.0 for reading in readings
    ]
    return np.array(found)
