"""What a target is worth for one request: its expected utility in dollars.

utility = P(good answer) x value - expected cost - latency x price of waiting

P(good answer) is the target's score at the task, to the power of twice the difficulty: a request
of middling difficulty (0.5) is answered as well as the benchmark's, an easy one better.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from llmrouter_integrations.routing.decision import Scored
from llmrouter_integrations.routing.target import FREE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmrouter_integrations.catalog.model import Rates
    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.routing.decision import Features
    from llmrouter_integrations.routing.judge import Judge
    from llmrouter_integrations.routing.stickiness import SessionCache
    from llmrouter_integrations.routing.target import Target
    from llmrouter_integrations.state.base import Snapshot

__all__ = ["ASSUMED_TOKENS_PER_S", "Scorer", "SessionScorer"]

ASSUMED_FIRST_TOKEN_S = 0.8
ASSUMED_TOKENS_PER_S = 80.0
"""Speed of a target not yet measured: the middle of what hosted models of 2026 show. The same for
all, so that it never decides between two unmeasured targets but for the length of the answer."""

HARDEST = 0.9
"""Difficulty at which a model reasons as long as on LiveBench's questions; see :class:`Scorer`."""

_BY_OUTPUT_PRICE = attrgetter("output_usd")
_new = tuple.__new__
"""Makes a :class:`Scored` in half the time that its own constructor takes."""


class Scorer:
    """Scores targets for one request; what all targets share is worked out once."""

    __slots__ = (
        "_assumed",
        "_effort",
        "_features",
        "_hard",
        "_health",
        "_judge",
        "_odds",
        "_reasons",
        "_targets",
    )

    def __init__(
        self,
        request: Request,
        features: Features,
        targets: Sequence[Target],
        snapshot: Snapshot,
        *,
        judge: Judge | None = None,
    ) -> None:
        self._judge = judge
        self._features = features
        self._health = snapshot.targets
        self._targets = targets
        # P(good) = quality ** (2 x difficulty)
        self._hard = 2.0 * features.difficulty
        self._reasons = _reasons(features.difficulty)
        self._odds = [
            (task, probability, 2.0 * difficulty, _reasons(difficulty))
            for task, probability, difficulty in features.odds
        ]
        self._effort = request.reasoning_effort
        self._assumed: Rates | None = None

    def __call__(self, target: Target, value: float, waiting: float) -> Scored:
        """Score a target.

        Args:
            target: Whom.
            value: What a good answer is worth, in dollars.
            waiting: What a second of waiting costs, in dollars.
        """
        features = self._features
        outlooks = target.outlooks
        if self._effort is not None:
            outlooks = target.at_efforts.get(self._effort, outlooks)
        if self._odds:
            quality, output = 0.0, float(features.output_tokens)
            for task, probability, hard, reasons in self._odds:
                best, reasoning, _, _ = outlooks[task]
                quality += probability * best**hard
                output += probability * reasons * reasoning
        else:
            best, reasoning, _, _ = outlooks[features.task]
            quality = best**self._hard
            output = features.output_tokens + reasoning * self._reasons
        if features.max_tokens is not None and output > features.max_tokens:
            output = features.max_tokens
        if self._judge is not None:
            quality = self._judge(target, quality)
        rates = target.rates or self._dearest()
        if rates.above:
            rates = rates.at(features.input_tokens)
        cost = features.input_tokens * rates.input_usd + output * rates.output_usd
        health = self._health.get(target.name) if self._health else None
        if health is None or health.first_token_s is None:
            latency = ASSUMED_FIRST_TOKEN_S + output / ASSUMED_TOKENS_PER_S
        else:
            speed = health.output_tokens_per_s or ASSUMED_TOKENS_PER_S
            latency = health.first_token_s + output / speed
        utility = quality * value - cost - latency * waiting
        return _new(Scored, (utility, target, quality, cost, latency, None))

    def _dearest(self) -> Rates:
        """Prices to assume where none is known: the dearest, so that ignorance never wins."""
        if self._assumed is None:
            known = [t.rates for t in self._targets if t.rates is not None]
            self._assumed = max(known, key=_BY_OUTPUT_PRICE, default=FREE)
        return self._assumed


def _reasons(difficulty: float) -> float:
    """What share of the longest a model reasons about a request.

    Reasoning grows faster than difficulty: models think for seconds about small talk and for
    minutes about an olympiad's problem. Cubic is judgement.
    """
    return min(1.0, difficulty / HARDEST) ** 3


class SessionScorer(Scorer):
    """Scores targets for a request whose session has a prompt cached at one of them."""

    __slots__ = ("_cache",)

    def __init__(
        self,
        request: Request,
        features: Features,
        targets: Sequence[Target],
        snapshot: Snapshot,
        cache: SessionCache,
        *,
        judge: Judge | None = None,
    ) -> None:
        super().__init__(request, features, targets, snapshot, judge=judge)
        self._cache = cache

    def __call__(self, target: Target, value: float, waiting: float) -> Scored:
        """Score a target, its costs as the cache leaves them; as :meth:`Scorer.__call__`."""
        scored = Scorer.__call__(self, target, value, waiting)
        cache = self._cache
        if target.name != cache.target and not target.charges_cache_writes:
            return scored
        extra = cache.extra_usd(target)
        if not extra:
            return scored
        utility, _, quality, cost, latency, _ = scored
        return _new(Scored, (utility - extra, target, quality, cost + extra, latency, None))
