"""What scores say of a target beyond what was known of it: shrunk, by task and overall.

A score y of an answer of which p was expected is taken to be p + d_t + noise, where d_t is how much
better the target is at task t than expected. The d_t of a target lie about one d, and that about 0:

    d ~ N(0, v),  d_t ~ N(d, w),  noise ~ N(0, s)

With S_t the sum of the y - p of n_t scores, k = s / w and K = s / v scores that the priors are
worth, the posterior has a closed form (Gelman et al., Bayesian Data Analysis, 3rd ed., 5.4):

    E[d]   = sum_t(k / (n_t + k) S_t) / (K + sum_t(k n_t / (n_t + k)))
    E[d_t] = (S_t + k E[d]) / (n_t + k)

Where p is the same for all n scores of one task and nothing else is known, p + E[d_t] is the mean
of p, counted 1 / (1/k + 1/K) times, and of the scores. In this form p may differ from request to
request, as it does with difficulty and with a fitted predictor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.state.base import Tally

__all__ = ["Belief", "beliefs", "prior_error"]

SCORE_VARIANCE = 0.2
"""s: of a yes or no with a probability of 0.28 or 0.72. Scores in between vary less; then this
learns a little too slowly."""

LEVEL_VARIANCE = 0.1**2
"""Of v, what is added to the catalogue's own uncertainty: how far what users call a good answer is
from what benchmarks do. Judgement."""

TASK_VARIANCE = 0.07**2
"""w. The catalogue's models lie about their own level by 0.03 to 0.1 from task to task."""

OVERALL = "overall"


class Belief(NamedTuple):
    """What is believed of one target at one task.

    Attributes:
        shift: By how much its P(good answer) is above what was expected without feedback.
        error: Standard error of that.
        scores: How many scores of this task it rests on, of which the older count less.
    """

    shift: float
    error: float
    scores: float


def prior_error(quality_error: float) -> float:
    """Give the standard error of P(good answer) where there is no feedback.

    Args:
        quality_error: The catalogue's own.
    """
    return float((quality_error**2 + LEVEL_VARIANCE + TASK_VARIANCE) ** 0.5)


def beliefs(
    tallies: Mapping[str, Tally], weights: Mapping[str, float], quality_error: float
) -> dict[str, Belief]:
    """Work out what is believed of a target, by task.

    Args:
        tallies: Task to what scores said.
        weights: Task to how much its tally still counts, 0..1.
        quality_error: The catalogue's standard error of the target's quality.

    Returns:
        One for each task with scores, and "overall" for all others.
    """
    k = SCORE_VARIANCE / TASK_VARIANCE
    precision = SCORE_VARIANCE / (quality_error**2 + LEVEL_VARIANCE)
    pull = 0.0
    counts: dict[str, float] = {}
    for task, tally in tallies.items():
        n = counts[task] = tally.weight * weights[task]
        pull += k / (n + k) * tally.excess * weights[task]
        precision += k * n / (n + k)
    level, level_variance = pull / precision, SCORE_VARIANCE / precision
    found = {OVERALL: Belief(level, (TASK_VARIANCE + level_variance) ** 0.5, 0.0)}
    for task, n in counts.items():
        shift = (tallies[task].excess * weights[task] + k * level) / (n + k)
        variance = SCORE_VARIANCE / (n + k) + (k / (n + k)) ** 2 * level_variance
        found[task] = Belief(shift, variance**0.5, n)
    return found
