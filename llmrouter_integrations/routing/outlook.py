"""What a target may be expected to do at each task, at each reasoning effort: worked out once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llmrouter_integrations.catalog.efforts import (
    EFFORT_SHARE,
    UNMEASURED_REASONING_TOKENS,
    Spending,
    moved,
)
from llmrouter_integrations.catalog.quality import aged
from llmrouter_integrations.hints import TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from llmrouter_integrations.catalog.model import Estimate, Measurement, ModelFacts
    from llmrouter_integrations.config import TargetConfig

__all__ = ["PRIOR_QUALITY", "STATED", "Outlook", "Outlooks"]

PRIOR_QUALITY = 0.5
"""P(good answer) of a model that nothing is known of: below every model LiveBench lists, so that
an unknown model is chosen for its price or because the user said what it is good for."""

PRIOR_ERROR = 0.2
"""Its standard error: two of them span all that the catalogue's models do."""

STATED_ERROR = 0.05
"""Standard error of what a user states of a task. Judgement: a figure of one digit."""
STATED_OVERALL_ERROR = 0.07
"""The same of one figure for all tasks. A model's strengths and weaknesses lie about its level by
0.03 (the catalogue's ``categories``, on average), and users' tasks are more varied than those."""

STATED = "stated in the configuration"
_TASKS = ("overall", *TASKS)
UNKNOWN = "unknown model: prior"


class Outlook(NamedTuple):
    """What a target may be expected to do at one task.

    Attributes:
        quality: P(good answer), 0..1, to a question as hard as LiveBench's.
        reasoning_tokens: What it spends on reasoning there, in tokens.
        quality_source: Where the quality is from.
        quality_error: Its standard error.
    """

    quality: float
    reasoning_tokens: float
    quality_source: str
    quality_error: float


class _Known(NamedTuple):
    """What is known of a target at one task, and at which effort that holds."""

    quality: float
    error: float
    source: str
    effort: str | None
    spending: Spending

    def at(self, effort: str | None) -> Outlook:
        quality, error, source = self.quality, self.error, self.source
        doublings = self.spending.doublings(self.effort, effort)
        if doublings:
            quality, error = moved(quality, error, doublings)
            source += f", reckoned for {f'effort {effort}' if effort else 'its default effort'}"
        return Outlook(quality, self.spending.at(effort), source, error)


class Outlooks:
    """What one target may be expected to do, by effort.

    Args:
        config: What the user states; it goes first.
        facts: What the catalogue knows; None: nothing.
        reasons: Whether the model reasons before it answers.
        estimates: What is believed of its quality in place of what ``facts`` say.
        today: The date by which figures are old; None: as old as the catalogue.
    """

    def __init__(
        self,
        config: TargetConfig,
        facts: ModelFacts | None,
        *,
        reasons: bool,
        estimates: Mapping[str, Estimate] | None = None,
        today: date | None = None,
    ) -> None:
        self._config = config
        self._measured = facts.measurements[0] if facts and facts.measurements else None
        self._estimates = estimates or (facts.estimates if facts else {})
        # what was placed, or stated, is taken to hold where nobody asks for an effort
        self._effort = self._measured.effort if self._measured and not estimates else None
        self._unmeasured = Spending(UNMEASURED_REASONING_TOKENS if reasons else 0.0)
        self._today = today
        self._known = {task: self._look_up(task) for task in _TASKS}

    def at(self, effort: str | None) -> dict[str, Outlook]:
        """Task, and "overall", to what may be expected at an effort; None: the model's default."""
        return {task: known.at(effort) for task, known in self._known.items()}

    def at_each(self) -> dict[str, dict[str, Outlook]]:
        """The same for every effort; empty where it makes no difference."""
        if not any(known.spending.most for known in self._known.values()):
            return {}
        return {effort: self.at(effort) for effort in EFFORT_SHARE}

    def _look_up(self, task: str) -> _Known:
        spending, stated = self._spending(task), self._config.quality
        if isinstance(stated, dict):
            if task in stated:
                return _Known(stated[task], STATED_ERROR, STATED, None, spending)
            stated = stated.get("overall")
        if stated is not None:
            return _Known(stated, STATED_OVERALL_ERROR, STATED, None, spending)
        found = self._estimates.get(task)
        if found is None:
            return _Known(PRIOR_QUALITY, PRIOR_ERROR, UNKNOWN, None, spending)
        error = found.error if self._today is None else aged(found.error, found.date, self._today)
        source = f"{found.source}, {found.date}"
        return _Known(found.value, error, source, self._effort, spending)

    def _spending(self, task: str) -> Spending:
        measured = self._measured
        tokens = None if measured is None else _output_tokens(measured, task)
        if measured is None or tokens is None:
            return self._unmeasured
        return Spending.measured(tokens, measured.effort)


def _output_tokens(measured: Measurement, task: str) -> float | None:
    # LiveBench has no like of some tasks, and its tool_use is a session of many calls: there the
    # model's overall figure stands in
    spent = None if task == "tool_use" else measured.output_tokens.get(task)
    spent = spent or measured.output_tokens.get("overall")
    return None if spent is None else spent.value
