"""Tables of labels in which a router can learn something, for these tests."""

from __future__ import annotations

import numpy as np

from llmrouter_integrations.evaluation.datasets import LabelledTable


def table(rows=200, *, seed=0, costs=True, tasks=True, name="made.csv"):
    """Long prompts need the strong model, and tasks differ; answers are right or wrong."""
    rng = np.random.default_rng(seed)
    hard = rng.random(rows)
    task = rng.integers(0, 3, rows)
    chance = np.stack([0.95 - 0.1 * hard, 0.95 - 0.7 * hard, 0.3 + 0.3 * (task == 1)], axis=1)
    quality = (rng.random(chance.shape) < chance).astype(float)
    cost = np.stack([0.01 + 0.02 * hard, 0.001 + 0.002 * hard, np.full(rows, 0.0001)], axis=1)
    return LabelledTable(
        prompts=tuple(f"{seed}-{n} {'word ' * int(60 * h)}" for n, h in enumerate(hard)),
        models=("strong", "weak", "tiny"),
        quality=quality,
        cost=cost if costs else None,
        tasks=tuple(f"task {t}" for t in task) if tasks else None,
        name=name,
    )
