"""Models with few labels: described by how they follow the models that have many.

Among many models, a few factors tell most of who does well on what. With the factors known, 20 to
200 labels place a new model among the others.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from llmrouter_integrations.errors import DatasetError
from llmrouter_integrations.evaluation.ridge import Solver

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.datasets import LabelledTable
    from llmrouter_integrations.routing.predictor import FittedPredictor

__all__ = ["FACTORS", "LEAST_LABELS", "add_models", "follow"]

FACTORS = 3
LEAST_LABELS = 5
"""With fewer, a new model's own level is hearsay."""
SHRINKAGE_ROWS = 5.0
"""A new model's level counts as if this many rows more had shown the mean of all models."""


def follow(
    moves: NDArray[np.float64], level: NDArray[np.float64], labels: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Describe one model by the others.

    It is taken to move as the mean of the others does, and a ridge regression on the strongest
    factors of their moves says how it differs from that.

    Args:
        moves: How far each of the others is expected to be from its level, rows by models, by a
            prediction that has not seen the row.
        level: Of each of the others.
        labels: Quality of the model's answers, NaN where there is none.

    Returns:
        Its level, and how far it moves when each of the others does.
    """
    known = ~np.isnan(labels)
    others = moves.shape[1]
    common = np.full(others, 1.0 / others)
    missed = labels[known] - moves[known] @ common
    count = int(known.sum())
    own = (missed.sum() + SHRINKAGE_ROWS * level.mean()) / (count + SHRINKAGE_ROWS)
    _, size, axes = np.linalg.svd(moves - moves.mean(axis=0), full_matrices=False)
    axes = axes[: min(FACTORS, int((size > 1e-9 * (size[:1].sum() or 1.0)).sum()))]
    if not count or not len(axes):
        return float(own), common
    # in units in which the strongest factor has a spread of 1
    axes = axes * (len(moves) ** 0.5 / size[0])
    factors = moves[known] @ axes.T
    solver = Solver(factors @ factors.T)
    targets = (missed - missed.mean())[:, None]
    duals, _ = solver.solve(targets, solver.best_penalty(targets))
    return float(own), common + (factors.T @ duals)[:, 0] @ axes


def add_models(
    predictor: FittedPredictor, table: LabelledTable
) -> tuple[FittedPredictor, tuple[str, ...]]:
    """Add models to a fitted predictor, from few labels.

    Args:
        predictor: What was learned of other models.
        table: Labels of the new models, best on prompts that it was not learned from. Columns of
            models that it knows already are passed over.

    Returns:
        A predictor of all of them, and the names of the new ones.

    Raises:
        DatasetError: There is no new model, or one has fewer than :data:`LEAST_LABELS` labels.
    """
    new = [model for model in table.models if model not in predictor.models]
    if not new:
        raise DatasetError(f"{table.name}: every model in it is known already; fit anew instead")
    quality = table.columns(new).quality
    for model, count in zip(new, (~np.isnan(quality)).sum(axis=0), strict=True):
        if count < LEAST_LABELS:
            raise DatasetError(
                f"{table.name}: {model!r} has {count} labels; at least {LEAST_LABELS} are needed"
            )
    moves = predictor.moves(table.prompts, table.groups or [None] * len(table))
    level = predictor.level[predictor.learned]
    found = [follow(moves, level, labels) for labels in quality.T]
    added = dataclasses.replace(
        predictor,
        models=(*predictor.models, *new),
        level=np.append(predictor.level, [own for own, _ in found]),
        follow=np.column_stack([predictor.follow, *[moved for _, moved in found]]),
        notes=(*predictor.notes, f"added from {table.name}: {', '.join(new)}"),
    )
    return added, tuple(new)
