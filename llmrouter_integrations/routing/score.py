"""What a target is worth for one request: its expected utility in dollars.

utility = P(good answer) x value - expected cost - latency x price of waiting
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmrouter_integrations.routing.decision import Scored

if TYPE_CHECKING:
    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.routing.decision import Features
    from llmrouter_integrations.routing.judge import Judge
    from llmrouter_integrations.routing.prospects import Prospects
    from llmrouter_integrations.routing.stickiness import SessionCache
    from llmrouter_integrations.state.base import Snapshot

__all__ = ["ASSUMED_TOKENS_PER_S", "Scorer", "SessionScorer"]

ASSUMED_FIRST_TOKEN_S = 0.8
ASSUMED_TOKENS_PER_S = 80.0
"""Speed of a target not yet measured: the middle of what hosted models of 2026 show. The same for
all, so that it never decides between two unmeasured targets but for the length of the answer."""

HARDEST = 0.9
"""Difficulty at which a model reasons as long as on LiveBench's questions; see :func:`_reasons`."""

_new = tuple.__new__
"""Makes a :class:`Scored` in half the time that its own constructor takes."""


class Scorer:
    """Scores all targets for one request.

    Args:
        request: What is asked.
        features: What was seen in it.
        prospects: What is known of the targets.
        snapshot: Their health.
        judge: Corrects what is expected of them.
    """

    __slots__ = ("_features", "_health", "_output", "_prospects", "_quality")

    def __init__(
        self,
        request: Request,
        features: Features,
        prospects: Prospects,
        snapshot: Snapshot,
        *,
        judge: Judge | None = None,
    ) -> None:
        self._features = features
        self._health = snapshot.targets
        self._prospects = prospects
        effort = request.reasoning_effort
        visible = features.output_tokens
        if features.odds:
            quality = [0.0] * len(prospects.targets)
            output = [float(visible)] * len(prospects.targets)
            for task, likely, difficulty in features.odds:
                at_task = prospects.quality(task, effort, difficulty)
                quality = [
                    mean + likely * each for mean, each in zip(quality, at_task, strict=True)
                ]
                share = likely * _reasons(difficulty)
                reasoning = prospects.reasoning(task, effort)
                output = [mean + share * each for mean, each in zip(output, reasoning, strict=True)]
        else:
            quality = prospects.quality(features.task, effort, features.difficulty)
            share = _reasons(features.difficulty)
            output = [visible + each * share for each in prospects.reasoning(features.task, effort)]
        most = features.max_tokens
        if most is not None and max(output, default=0) > most:
            output = [min(tokens, most) for tokens in output]
        self._quality = quality if judge is None else judge.correct(quality)
        self._output = output

    def score(self, value: float, waiting: float) -> list[Scored]:
        """Score the targets, in their order.

        Args:
            value: What a good answer is worth, in dollars.
            waiting: What a second of waiting costs, in dollars.
        """
        prompt, health_of, prospects = self._features.input_tokens, self._health, self._prospects
        scored = []
        for target, rates, quality, output in zip(
            prospects.targets, prospects.rates, self._quality, self._output, strict=True
        ):
            priced = rates.at(prompt) if rates.above else rates
            cost = prompt * priced.input_usd + output * priced.output_usd
            health = health_of.get(target.name) if health_of else None
            if health is None or health.first_token_s is None:
                latency = ASSUMED_FIRST_TOKEN_S + output / ASSUMED_TOKENS_PER_S
            else:
                speed = health.output_tokens_per_s or ASSUMED_TOKENS_PER_S
                latency = health.first_token_s + output / speed
            utility = quality * value - cost - latency * waiting
            scored.append(_new(Scored, (utility, target, quality, cost, latency, None)))
        return scored


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
        prospects: Prospects,
        snapshot: Snapshot,
        cache: SessionCache,
        *,
        judge: Judge | None = None,
    ) -> None:
        super().__init__(request, features, prospects, snapshot, judge=judge)
        self._cache = cache

    def score(self, value: float, waiting: float) -> list[Scored]:
        """Score the targets, their costs as the cache leaves them; as :meth:`Scorer.score`."""
        scored = Scorer.score(self, value, waiting)
        cache = self._cache
        for place, target in enumerate(self._prospects.targets):
            if target.name != cache.target and not target.charges_cache_writes:
                continue
            extra = cache.extra_usd(target)
            if extra:
                utility, _, quality, cost, latency, _ = scored[place]
                scored[place] = _new(
                    Scored, (utility - extra, target, quality, cost + extra, latency, None)
                )
        return scored
