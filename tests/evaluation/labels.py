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


GEMS = ["amber", "beryl", "coral", "garnet", "jade", "opal", "pearl", "quartz", "ruby", "topaz"]
TOOLS = [
    "anvil",
    "bellows",
    "chisel",
    "drill",
    "file",
    "gouge",
    "hammer",
    "lathe",
    "mallet",
    "pliers",
]
FILLING = [
    "the",
    "shop",
    "on",
    "our",
    "street",
    "sells",
    "many",
    "things",
    "to",
    "people",
    "who",
    "come",
    "by",
    "early",
]


def trade_prompts(rows, *, seed=0):
    """Prompts of gems or of tools, and whether each is of gems."""
    rng = np.random.default_rng(seed)
    of_gems = rng.random(rows) < 0.5
    made = []
    for gems in of_gems:
        words = [*rng.choice(GEMS if gems else TOOLS, 3), *rng.choice(FILLING, 12)]
        made.append(" ".join(rng.permutation(words)) + "?")
    return tuple(made), of_gems


def trades(rows=400, *, seed=0, tasks=False, noise=0.0):
    """One model knows gems, another tools, a third is so-so at both."""
    asked, gems = trade_prompts(rows, seed=seed)
    chance = np.stack([np.where(gems, 0.95, 0.1), np.where(gems, 0.1, 0.95), np.full(rows, 0.5)], 1)
    chance = (1 - noise) * chance + noise * 0.5
    quality = (np.random.default_rng(seed + 1).random(chance.shape) < chance).astype(float)
    return LabelledTable(
        prompts=asked,
        models=("jeweller", "smith", "clerk"),
        quality=quality,
        tasks=tuple("gems" if each else "tools" for each in gems) if tasks else None,
        name="made.csv",
    ), gems
