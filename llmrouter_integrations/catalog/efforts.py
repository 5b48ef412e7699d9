"""Reasoning effort: what each level spends, and what that does to the answer.

LiveBench measured each model at one effort. What it would do at another is told by two rules:

- it spends :data:`EFFORT_SHARE` of the reasoning that it spends at its highest;
- the logit of its score moves by :data:`LOGITS_PER_DOUBLING` with each doubling of the output.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEFAULT_EFFORT",
    "EFFORT_SHARE",
    "LOGITS_PER_DOUBLING",
    "UNMEASURED_REASONING_TOKENS",
    "VISIBLE_TOKENS",
    "Spending",
    "moved",
]

EFFORT_SHARE: Mapping[str, float] = {
    "none": 0.0,
    "minimal": 0.1,
    "low": 0.25,
    "medium": 0.5,
    "high": 0.8,
    "xhigh": 1.0,
    "max": 1.0,
}
"""Reasoning spent at an effort, as a share of what the highest spends. Vendors publish no figures;
OpenAI's and Anthropic's effort charts show roughly these proportions. Of what it wrote at high
effort, gpt-5 wrote 56% at medium and 30% at low on Aider's polyglot benchmark, o3 56% at medium."""

DEFAULT_EFFORT = "medium"
"""What a model is taken to run at where nobody says."""

VISIBLE_TOKENS = 300
"""Of the output tokens LiveBench counts for a question, about this many are the visible answer,
and what is above is reasoning: the median over tasks of grok-build-0.1, the one model of its
2026-06-25 table that hardly reasons."""

UNMEASURED_REASONING_TOKENS = 11_000
"""What a reasoning model is taken to spend on a LiveBench question where nobody measured it: the
lower quartile of the listed models (12,440 in Reasoning, 10,928 in Mathematics, 10,840 in IF)."""

LOGITS_PER_DOUBLING = 0.22
"""How far the logit of a score moves with each doubling of the output tokens. Least squares through
the origin over the models that Aider's polyglot leaderboard (github.com/Aider-AI/aider, read
2025-11) has at two efforts, score and output tokens each: gpt-5 at high and low (88.0%, 81.3%,
2.62M, 0.78M), o3 at high and medium (81.3, 76.9, 2.05M, 1.15M), o3-mini at high and medium (60.4,
53.8, cost in place of tokens: $18.16, $8.86), gemini-2.5-pro at 32k and default (83.1, 79.1, 4.65M,
4.14M), gemini-2.5-flash with and without thinking (55.1, 44.0, 2.70M, 0.51M), deepseek-v3.2 with
and without (74.2, 70.2, 1.65M, 0.57M)."""

LOGITS_ERROR = 0.07
"""Its standard error, each score being of 225 exercises."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What a model spends on reasoning.

    Attributes:
        most: Reasoning tokens of one answer, at the highest effort.
    """

    most: float

    @classmethod
    def measured(cls, output_tokens: float, effort: str | None) -> Spending:
        """Tell it from the output tokens of one answer at an effort; None: the default."""
        share = EFFORT_SHARE.get(effort or DEFAULT_EFFORT, 1.0) or 1.0
        return cls(max(0.0, output_tokens - VISIBLE_TOKENS) / share)

    def at(self, effort: str | None) -> float:
        """Give the reasoning tokens of one answer at an effort; None: the default."""
        return self.most * EFFORT_SHARE.get(effort or DEFAULT_EFFORT, 1.0)

    def doublings(self, before: str | None, after: str | None) -> float:
        """How many times the output doubles from one effort to another."""
        return math.log2((VISIBLE_TOKENS + self.at(after)) / (VISIBLE_TOKENS + self.at(before)))


def moved(score: float, error: float, doublings: float) -> tuple[float, float]:
    """Give a score and its standard error after the output has doubled so many times.

    Args:
        score: P(good answer), 0..1, before; of certain success or failure nothing moves.
        error: Its standard error.
        doublings: May be negative, or a fraction.
    """
    if not doublings or not 0 < score < 1:
        return score, error
    logit = math.log(score / (1 - score)) + LOGITS_PER_DOUBLING * doublings
    after = 1 / (1 + math.exp(-logit))
    return after, math.hypot(error, after * (1 - after) * doublings * LOGITS_ERROR)
