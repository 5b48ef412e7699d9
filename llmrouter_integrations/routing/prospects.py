"""What a router's targets promise at a task, in columns: powers and prices worked out once.

Tasks and difficulties take few values, targets are the same for every request: so a request reads
whole columns, a figure for each target in the order of the targets, and raises nothing to a power.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from llmrouter_integrations.routing.evidence import OVERALL
from llmrouter_integrations.routing.target import FREE

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from llmrouter_integrations.catalog.model import Rates
    from llmrouter_integrations.routing.target import Target

__all__ = ["Prospects"]

MOST_COLUMNS = 512
"""How many are remembered: about 2 MB with 100 targets."""

_BY_OUTPUT_PRICE = attrgetter("output_usd")


class Prospects:
    """Columns over targets. Thread-safe: what two threads work out at once is the same.

    Args:
        targets: Whose.

    Attributes:
        targets: Them.
        rates: The prices of each; where none is known, the dearest, so that ignorance never wins.
        lacks: What at least one of them lacks.
        least_window: Tokens that fit each of them, of a prompt alone and with its answer.
        any_limit: Whether one of them takes only so many calls at once.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = targets
        known = [target.rates for target in targets if target.rates is not None]
        dearest: Rates = max(known, key=_BY_OUTPUT_PRICE, default=FREE)
        self.rates = [target.rates or dearest for target in targets]
        self.lacks: frozenset[str] = frozenset().union(*[target.lacks for target in targets])
        limits = [limit for t in targets for limit in (t.context_window, t.max_input)]
        self.least_window = min([x for x in limits if x is not None], default=float("inf"))
        self.any_limit = any(target.max_concurrency is not None for target in targets)
        self._columns: dict[Hashable, list[float]] = {}

    def quality(self, task: str, effort: str | None, difficulty: float) -> list[float]:
        """Give each target's P(good answer).

        It is the score at the task, to the power of twice the difficulty: a request of middling
        difficulty (0.5) is answered as well as the benchmark's, an easy one better.
        """
        hard = 2.0 * difficulty
        if task == OVERALL:  # its difficulty is an average, which takes any value
            return [best**hard for best in self._at(task, effort, "quality")]
        key = task, effort, difficulty
        column = self._columns.get(key)
        if column is None:
            column = [best**hard for best in self._at(task, effort, "quality")]
            self._remember(key, column)
        return column

    def reasoning(self, task: str, effort: str | None) -> list[float]:
        """Give the tokens each target spends on reasoning about the hardest."""
        return self._at(task, effort, "reasoning_tokens")

    def _at(self, task: str, effort: str | None, figure: str) -> list[float]:
        """Give a figure of each target's outlook."""
        key = task, effort, figure
        column = self._columns.get(key)
        if column is None:
            outlooks = [t.at_efforts.get(effort or "", t.outlooks)[task] for t in self.targets]
            column = [*map(attrgetter(figure), outlooks)]
            self._remember(key, column)
        return column

    def _remember(self, key: Hashable, column: list[float]) -> None:
        if len(self._columns) >= MOST_COLUMNS:
            self._columns.clear()
        self._columns[key] = column
