"""Which rows are learned from and which are judged on. No row is ever both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from llmrouter_integrations.errors import ConfigurationError, DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.datasets import LabelledTable

__all__ = ["SPLITS", "Fold", "SplitName", "folds_of", "split_named"]

SplitName = Literal["random", "leave-one-task-out"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)


class Fold(NamedTuple):
    """Rows to learn from and rows to judge on.

    Attributes:
        name: What is held out: a task, or a number.
        train: Numbers of the rows.
        test: Numbers of other rows.
    """

    name: str
    train: NDArray[np.int64]
    test: NDArray[np.int64]


def split_named(name: str) -> SplitName:
    """Read the name of a split.

    Raises:
        ConfigurationError: There is no such split.
    """
    for split in SPLITS:
        if name == split:
            return split
    raise ConfigurationError(f"there is no split {name!r}; there are {', '.join(SPLITS)}")


def folds_of(
    table: LabelledTable,
    split: SplitName,
    *,
    folds: int = 5,
    labels: int | None = None,
    seed: int = 0,
) -> list[Fold]:
    """Split a table so that every row is judged on exactly once.

    Rows with the same prompt stay together, or the answer would be learned by heart.

    Args:
        table: What to split.
        split: "random", or "leave-one-task-out": every task is judged on by what was learned from
            the others.
        folds: How many, for "random"; fewer where there are not that many prompts.
        labels: Most rows to learn from; None: all that are not judged on.
        seed: Of the random choices.

    Raises:
        DatasetError: There are fewer than two prompts, or tasks.
    """
    rng = np.random.default_rng(seed)
    if split == "random":
        _, place = np.unique(np.array(table.prompts, dtype=object), return_inverse=True)
        count = int(place.max()) + 1
        if count < 2:
            raise DatasetError(f"{table.name}: a random split needs two prompts, here is {count}")
        parts = min(folds, count)
        held = (rng.permutation(count) % parts)[place]
        names = [str(part + 1) for part in range(parts)]
    else:
        if table.groups is None:
            raise DatasetError(f"{table.name}: leave-one-task-out needs a column 'task'")
        tasks, held = np.unique(np.array(table.groups, dtype=object), return_inverse=True)
        names = [str(task) for task in tasks]
        if len(names) < 2:
            raise DatasetError(f"{table.name}: leave-one-task-out needs two tasks, here is one")
    result = []
    for part, name in enumerate(names):
        train = np.flatnonzero(held != part)
        if labels is not None and labels < len(train):
            train = np.sort(rng.choice(train, labels, replace=False))
        result.append(Fold(name, train, np.flatnonzero(held == part)))
    return result
