"""What a learned router is to the evaluation: something that predicts each model's quality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.datasets import LabelledTable

__all__ = ["Predictor", "Trainer", "default_trainer"]


class Predictor(Protocol):
    """Predicts how good each model's answer would be."""

    @property
    def models(self) -> tuple[str, ...]:
        """The order of the columns of what it predicts."""
        ...

    def predict(
        self, prompts: Sequence[str], tasks: Sequence[str | None] | None = None
    ) -> NDArray[np.float64]:
        """Predict the quality, 0..1, of each model's answer to each prompt.

        Args:
            prompts: What is asked.
            tasks: Each prompt's task where it is known; None: no task is.

        Returns:
            Prompts by ``models``, no NaN.
        """
        ...


class Trainer(Protocol):
    """Makes a predictor from labels."""

    def __call__(self, table: LabelledTable) -> Predictor:
        """Train on every row of the table; a quality of NaN is an unlabelled answer."""
        ...


def default_trainer() -> Trainer:
    """Give the trainer that is measured where no other is named."""
    from llmrouter_integrations.evaluation.fit import fit

    return fit
