"""Learning a predictor from labels: everything is chosen from the labels themselves.

No row decides about its own prediction: tasks, penalties, the weight of each opinion and what
counts as familiar are chosen by predictions that leave the row out.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from llmrouter_integrations.errors import DatasetError
from llmrouter_integrations.evaluation.following import follow
from llmrouter_integrations.evaluation.prompt_rows import read_rows
from llmrouter_integrations.evaluation.ridge import Ridge, nonnegative_weights
from llmrouter_integrations.evaluation.task_table import TaskLabels
from llmrouter_integrations.routing.predictor import (
    FittedPredictor,
    TaskTable,
    Text,
    Weights,
    doubted,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.datasets import LabelledTable
    from llmrouter_integrations.evaluation.prompt_rows import PromptRows
    from llmrouter_integrations.evaluation.ridge import RidgeFit

    Tell = Callable[[str, int, int | None], None]

__all__ = ["FEW_LABELS", "MAX_ROWS", "Fit", "fit", "learn"]

MAX_ROWS = 16_384
"""Of more, a sample is learned from: time and memory stay bounded, and little is left to gain."""
FEW_LABELS = 200
"""A model with fewer, and with fewer than half of what another has, is described by the others."""
_FEW_ROWS = 50
DOUBT_ROWS = 30.0
"""Rows of nothing against which each opinion must prove its worth."""
_FILLINGS = 12
"""Most times that gaps in the labels are filled by what is predicted, and all is learned again."""
_SETTLED = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What was learned, and how well it does on rows it had not seen.

    Attributes:
        predictor: What was learned.
        table: The rows it was learned from, each prompt once.
        left_out: Quality of each answer as predicted by the other rows, the task not being told;
            rows by models.
        told: The same, the task being told where it is known.
        by_task: The same by the table of tasks alone.
        penalties: What was chosen, by what it was chosen for.
    """

    predictor: FittedPredictor
    table: LabelledTable
    left_out: NDArray[np.float64]
    told: NDArray[np.float64]
    by_task: NDArray[np.float64]
    penalties: dict[str, float]


def fit(table: LabelledTable, *, seed: int = 0) -> FittedPredictor:
    """Learn to predict the quality of each model's answer; see :func:`learn`."""
    return learn(table, seed=seed).predictor


def learn(table: LabelledTable, *, seed: int = 0, tell: Tell | None = None) -> Fit:
    """Learn to predict the quality of each model's answer from labelled prompts.

    Args:
        table: Labels; a quality of NaN is an answer that was not judged. Equal prompts count as
            one, with the mean of their labels. Of more than :data:`MAX_ROWS`, a sample is learned
            from.
        seed: Of every random choice: with the same labels and seed comes the same predictor.
        tell: Told what is being done, how much of it is done, and how much there is.

    Raises:
        DatasetError: There is no label at all.
    """
    rng = np.random.default_rng(seed)
    table, notes = _prepared(table, rng)
    known = ~np.isnan(table.quality)
    labels = known.sum(axis=0)
    # a model without labels counts as one of the others
    level = np.full(len(labels), float(table.quality[known].mean()))
    some = labels > 0
    level[some] = np.nanmean(table.quality[:, some], axis=0)
    few = (labels < FEW_LABELS) & (2 * labels < labels.max())
    learned = np.flatnonzero(~few)
    if few.any():
        names = [f"{table.models[place]} ({labels[place]})" for place in np.flatnonzero(few)]
        notes.append(f"few labels, so described by the other models: {', '.join(names)}")
    rows = read_rows(table.prompts, tell and partial(tell, "reading prompts"))
    ridge = Ridge(rows.words, rows.figures, rng, tell and partial(tell, "solving"))
    tasks = TaskLabels.of(table.groups, table.quality[:, learned], level[learned])
    own = _learn(ridge, tasks, table.quality[:, learned], level[learned])
    predictor = FittedPredictor(
        models=table.models,
        level=level,
        learned=learned,
        follow=np.eye(len(level))[learned],
        text=_text(rows, own.parts),
        table=own.table,
        structure=rows.structure,
        inferred=own.inferred,
        told=own.told,
        notes=(*table.notes, *notes),
    )
    for place in np.flatnonzero(few):
        described = follow(own.moves, level[learned], table.quality[:, place])
        predictor.level[place], predictor.follow[:, place] = described
    return Fit(
        predictor,
        table,
        left_out=np.clip(level + own.moves @ predictor.follow, 0.0, 1.0),
        told=np.clip(level + own.moves_told @ predictor.follow, 0.0, 1.0),
        by_task=level + (own.by_task - level[learned]) @ predictor.follow,
        penalties={name: part.penalty for name, part in own.parts.items()},
    )


class _Learned(NamedTuple):
    """What was learned of the models with enough labels.

    Attributes:
        parts: The text's columns.
        table: Of the tasks.
        inferred: Weights where the task is not told.
        told: Weights where it is.
        moves: How far from its level each model is predicted to be by the other rows.
        moves_told: The same where the task is told.
        by_task: Its level at the row's task, by the other rows.
    """

    parts: dict[str, RidgeFit]
    table: TaskTable
    inferred: Weights
    told: Weights
    moves: NDArray[np.float64]
    moves_told: NDArray[np.float64]
    by_task: NDArray[np.float64]


def _prepared(table: LabelledTable, rng: np.random.Generator) -> tuple[LabelledTable, list[str]]:
    """Give each prompt once, and no more of them than can be learned from."""
    notes = []
    labelled = ~np.isnan(table.quality).all(axis=1)
    if not labelled.any():
        raise DatasetError(f"{table.name}: no answer has a label")
    if not labelled.all():
        table = table.rows(labelled)
    if len(table) > MAX_ROWS:
        notes.append(f"learned from a sample of {MAX_ROWS:,} of {len(table):,} rows")
        table = table.rows(np.sort(rng.choice(len(table), MAX_ROWS, replace=False)))
    first: dict[str, int] = {}
    place = np.array([first.setdefault(prompt, len(first)) for prompt in table.prompts])
    if len(first) < len(table):
        notes.append(f"{len(table) - len(first)} prompts are there more than once: averaged")
        known = ~np.isnan(table.quality)
        sums, counts = np.zeros((2, len(first), len(table.models)))
        np.add.at(sums, place, np.where(known, table.quality, 0.0))
        np.add.at(counts, place, known)
        mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        kept = table.rows(np.unique(place, return_index=True)[1])
        table = dataclasses.replace(kept, quality=mean, cost=None)
    if len(table) < _FEW_ROWS:
        notes.append(f"prompts: only {len(table)}; little more than each model's level is learned")
    if np.nanmax(table.quality) == np.nanmin(table.quality):
        notes.append("every answer is as good as every other: there is nothing to learn")
    return table, notes


def _learn(
    ridge: Ridge, tasks: TaskLabels, quality: NDArray[np.float64], level: NDArray[np.float64]
) -> _Learned:
    known = ~np.isnan(quality)
    parts: dict[str, RidgeFit] = {}
    table, shares = TaskTable((), tasks.quality, 1.0, 0.0, 1.0), np.zeros((len(quality), 0))
    if tasks.names:
        parts["tasks"] = ridge.fit(tasks.membership - tasks.membership.mean(axis=0))
        table, shares = tasks.read(parts["tasks"].left_out)
    inferred, told = tasks.inferred(shares) - level, tasks.told(shares) - level
    filled = np.where(known, quality - level, told)
    settled = bool(known.all())
    chosen: tuple[float | None, float | None] = None, None
    for _ in range(_FILLINGS):
        common, apart = _halves(filled)
        parts["common"] = ridge.fit(common, chosen[0])
        parts["apart"] = ridge.fit(apart, chosen[1])
        # chosen before any gap is filled by a prediction, which would speak for itself
        chosen = parts["common"].penalty, parts["apart"].penalty
        text = parts["common"].left_out, parts["apart"].left_out
        by_inferred = _weights(_halves(inferred), text, (common, apart), known)
        by_told = _weights(_halves(told), text, (common, apart), known)
        moves = _combined(by_inferred, inferred, text)
        moves_told = _combined(by_told, told, text)
        if settled:
            break
        before, filled = filled, np.where(known, filled, moves_told)
        settled = float(np.abs(filled - before).mean()) < _SETTLED
    if tasks.names:
        highest = parts["tasks"].left_out.max(axis=1)
        moves = doubted(level + moves, int(level.argmax()), table, highest) - level
    return _Learned(parts, table, by_inferred, by_told, moves, moves_told, told + level)


def _halves(moves: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Split moves into what is common to all models, and how each stands apart from it."""
    common = moves.mean(axis=1, keepdims=True)
    return common, moves - common


def _weights(
    table: tuple[NDArray[np.float64], ...],
    text: tuple[NDArray[np.float64], ...],
    wanted: tuple[NDArray[np.float64], ...],
    known: NDArray[np.bool_],
) -> Weights:
    """Weigh two opinions, each given in its halves, by how well they do on what was labelled."""
    mask = known.any(axis=1, keepdims=True), known
    found = []
    for half in range(2):
        kept = mask[half]
        both = np.stack([table[half][kept], text[half][kept]], axis=1)
        doubt = DOUBT_ROWS * kept.shape[1]
        found.append(nonnegative_weights(both, wanted[half][kept], doubt).tolist())
    return Weights(found[0][0], found[0][1], found[1][0], found[1][1])


def _combined(
    weights: Weights,
    table: NDArray[np.float64],
    text: tuple[NDArray[np.float64], ...],
) -> NDArray[np.float64]:
    common, apart = _halves(table)
    return np.asarray(
        weights.table_common * common
        + weights.text_common * text[0]
        + weights.table_apart * apart
        + weights.text_apart * text[1]
    )


def _text(rows: PromptRows, parts: dict[str, RidgeFit]) -> Text:
    by_word = np.concatenate([part.by_word for part in parts.values()], axis=1)
    by_structure = np.concatenate([part.by_figure for part in parts.values()], axis=1)
    joint = np.concatenate(
        [
            by_word * rows.weight[:, None],
            (rows.weight**2)[:, None],
            rows.rarity[:, None],
        ],
        axis=1,
    )
    # kept, and written, in half precision: a thousandth of a weight is far below what is known
    return Text(
        rows.shared_lines,
        joint.astype(np.float16).astype(np.float32),
        by_structure * rows.scale,
    )
