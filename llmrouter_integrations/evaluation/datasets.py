"""Labelled prompts: how well each of several models answered each of many prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["LabelledTable"]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledTable:
    """Prompts with the quality (and cost) of each model's answer, one row per prompt.

    Attributes:
        prompts: What was asked.
        models: Names of the models, the order of the columns of ``quality`` and ``cost``.
        quality: Rows by models, 0..1; NaN where an answer was not judged.
        cost: Rows by models, in dollars; NaN where not known. None: no costs at all.
        tasks: Each row's task, as the data calls it ("" where it says none); None: it has none.
        domains: Each row's domain or subject, likewise.
        name: What to call it in reports.
        notes: What the reader should know: rows left out, samples taken.
    """

    prompts: tuple[str, ...]
    models: tuple[str, ...]
    quality: NDArray[np.float64]
    cost: NDArray[np.float64] | None = None
    tasks: tuple[str, ...] | None = None
    domains: tuple[str, ...] | None = None
    name: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = (len(self.prompts), len(self.models))
        for field in ("quality", "cost"):
            figures = getattr(self, field)
            if figures is not None and figures.shape != shape:
                raise ValueError(f"{field} is {figures.shape}, not {shape} (prompts, models)")
        for field in ("tasks", "domains"):
            words = getattr(self, field)
            if words is not None and len(words) != shape[0]:
                raise ValueError(f"{len(words)} {field} for {shape[0]} prompts")

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def groups(self) -> tuple[str, ...] | None:
        """What the rows are grouped by: their tasks, else their domains, else nothing."""
        return self.tasks if self.tasks is not None else self.domains

    def rows(self, index: NDArray[Any] | Sequence[int]) -> LabelledTable:
        """Give some of the rows, by number or by a mask of booleans, in the order asked."""
        chosen = np.arange(len(self))[np.asarray(index)]

        def pick(words: tuple[str, ...]) -> tuple[str, ...]:
            return tuple([words[row] for row in chosen])

        return LabelledTable(
            prompts=pick(self.prompts),
            models=self.models,
            quality=self.quality[chosen],
            cost=None if self.cost is None else self.cost[chosen],
            tasks=None if self.tasks is None else pick(self.tasks),
            domains=None if self.domains is None else pick(self.domains),
            name=self.name,
            notes=self.notes,
        )

    def columns(self, models: Sequence[str]) -> LabelledTable:
        """Give some of the models, in the order asked.

        Raises:
            ValueError: The table has no such model.
        """
        chosen = [self.models.index(model) for model in models]
        return LabelledTable(
            prompts=self.prompts,
            models=tuple(models),
            quality=self.quality[:, chosen],
            cost=None if self.cost is None else self.cost[:, chosen],
            tasks=self.tasks,
            domains=self.domains,
            name=self.name,
            notes=self.notes,
        )
