"""Rank the targets for a request: filters, then expected utility in dollars, or the order given.

utility = P(good answer) x value - expected cost - latency x price of waiting

P(good answer) is the target's score at the task, to the power of twice the difficulty: a request
of middling difficulty (0.5) is answered as well as the benchmark's, an easy one better.
"""

from __future__ import annotations

import os
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from llmrouter_integrations.errors import ContextOverflowError, NoCandidateError
from llmrouter_integrations.routing.decision import Decision, Scored
from llmrouter_integrations.routing.features import read_features
from llmrouter_integrations.routing.filters import (
    CONTEXT_REASON,
    Demands,
    Wishes,
    is_choosy,
)
from llmrouter_integrations.routing.presets import PRESETS
from llmrouter_integrations.routing.target import DEFAULT_EFFORT, EFFORT_SHARE, FREE

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from llmrouter_integrations.catalog.model import Rates
    from llmrouter_integrations.hints import Prefer, RoutingHints
    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.routing.decision import Features
    from llmrouter_integrations.routing.target import Target
    from llmrouter_integrations.state.base import Snapshot

__all__ = ["decide"]

ASSUMED_FIRST_TOKEN_S = 0.8
ASSUMED_TOKENS_PER_S = 80.0
"""Speed of a target not yet measured: the middle of what hosted models of 2026 show. The same for
all, so that it never decides between two unmeasured targets but for the length of the answer."""

HARDEST = 0.9
"""Difficulty at which a model reasons as long as on LiveBench's questions; see :func:`_score`."""

_TIE_USD = 1e-12
_BY_UTILITY = itemgetter(0)
_BY_OUTPUT_PRICE = attrgetter("output_usd")


def decide(
    request: Request,
    hints: RoutingHints,
    targets: Sequence[Target],
    snapshot: Snapshot,
    *,
    now: float,
    policy: str,
    prefer: Prefer,
    value_usd: float | None,
    rng: random.Random,
) -> Decision:
    """Choose the targets for a request, best first.

    Args:
        request: What is asked.
        hints: What the caller said; ``prefer`` and ``value_usd`` there win over those here.
        targets: All that are configured, in the order given.
        snapshot: Their health.
        now: Present time on the clock of the snapshot, in seconds.
        policy: "utility" or "ordered".
        prefer: The preset of prices.
        value_usd: What a good answer is worth, in dollars; None: the preset's.
        rng: Spreads the traffic over targets that rank the same, by their weights.

    Raises:
        ContextOverflowError: The prompt fits no target that is otherwise fit.
        NoCandidateError: Nothing is left; ``.rejected`` says why, for each target.
        UnknownHintError: What is to be excluded is not configured; see :class:`Wishes`.
    """
    features = read_features(request, hints)
    prices = PRESETS[hints.prefer or prefer]
    value = hints.value_usd if hints.value_usd is not None else value_usd
    if value is None or (hints.prefer is not None and hints.value_usd is None):
        value = prices.value_usd
    waiting = prices.waiting_usd_per_s

    ready: list[Scored] = []
    lacking: list[Scored] = []
    resting: list[Scored] = []
    rejected: dict[str, str] = {}
    score = _Scorer(request, features, targets, snapshot)
    any_news = bool(snapshot.targets or snapshot.groups)
    demands = Demands(features)
    unmet, native = demands.unmet, features.native_tools
    wishes = Wishes(hints, targets) if is_choosy(hints) else None
    bounded = hints.max_cost_usd is not None or hints.min_quality is not None
    for target in targets:
        reason = unmet(target) or (wishes.refuse(target) if wishes else None)
        if reason is None:
            scored = score(target, value, waiting)
            reason = _too_poor(scored, hints) if bounded else None
            if reason is None:
                if any_news and (rest := _rests(target, snapshot, now)):
                    resting.append(scored._replace(deferred=rest))
                elif (native or features.earlier_needs) and (lack := demands.left_out(target)):
                    lacking.append(scored._replace(deferred=lack))
                else:
                    ready.append(scored)
                continue
        rejected[target.name] = reason
    if not ready and not lacking and not resting:
        raise _nothing_left(rejected, features)
    if policy == "utility":
        ready.sort(key=_BY_UTILITY, reverse=True)
        lacking.sort(key=_BY_UTILITY, reverse=True)
        if len(ready) > 1 and ready[0].utility_usd - ready[1].utility_usd < _TIE_USD:
            _spread(ready, rng)
    if len(resting) > 1:
        resting.sort(
            key=lambda s: (snapshot.cooling_until(s.target.name, s.target.quota_group), -s[0])
        )
    ranked = [*ready, *lacking, *resting]
    if hints.pin is not None and len(ranked) > 1:
        for scored in ranked[1:]:
            rejected[scored.target.name] = (
                f"another target is pinned ({hints.pin} names several: the first in rank)"
            )
        del ranked[1:]
    return Decision(
        id=os.urandom(12).hex(),
        policy=policy,
        features=features,
        hints=hints,
        ranked=ranked,
        rejected=rejected,
        targets=targets,
        value_usd=value,
        price_of_waiting_usd_per_s=waiting,
    )


class _Scorer:
    """Scores targets for one request; what all targets share is worked out once."""

    __slots__ = ("_assumed", "_features", "_hard", "_health", "_reasons", "_targets")

    def __init__(
        self,
        request: Request,
        features: Features,
        targets: Sequence[Target],
        snapshot: Snapshot,
    ) -> None:
        self._features = features
        self._health = snapshot.targets
        self._targets = targets
        # P(good) = quality ** (2 x difficulty)
        self._hard = 2.0 * features.difficulty
        # Reasoning grows faster than difficulty: models think for seconds about small talk and
        # for minutes about an olympiad's problem. Cubic is judgement.
        effort = EFFORT_SHARE.get(request.reasoning_effort or DEFAULT_EFFORT, 1.0)
        self._reasons = effort * min(1.0, features.difficulty / HARDEST) ** 3
        self._assumed: Rates | None = None

    def __call__(self, target: Target, value: float, waiting: float) -> Scored:
        features = self._features
        best, reasoning, _ = target.outlooks[features.task]
        output = features.output_tokens + reasoning * self._reasons
        if features.max_tokens is not None and output > features.max_tokens:
            output = features.max_tokens
        quality = best**self._hard
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
        return Scored(quality * value - cost - latency * waiting, target, quality, cost, latency)

    def _dearest(self) -> Rates:
        """Prices to assume where none is known: the dearest, so that ignorance never wins."""
        if self._assumed is None:
            known = [t.rates for t in self._targets if t.rates is not None]
            self._assumed = max(known, key=_BY_OUTPUT_PRICE, default=FREE)
        return self._assumed


def _too_poor(scored: Scored, hints: RoutingHints) -> str | None:
    """Say whether a target costs more or answers worse than the caller will have."""
    if hints.max_cost_usd is not None:
        if scored.target.rates is None:
            return f"no price is known, so ${hints.max_cost_usd:g} cannot be kept to"
        if scored.cost_usd > hints.max_cost_usd:
            return f"expected to cost ${scored.cost_usd:.6f}, over ${hints.max_cost_usd:g}"
    if hints.min_quality is not None and scored.quality < hints.min_quality:
        return f"expected quality {scored.quality:.2f} is under {hints.min_quality:g}"
    return None


def _rests(target: Target, snapshot: Snapshot, now: float) -> str | None:
    until = snapshot.cooling_until(target.name, target.quota_group)
    if until > now:
        return f"resting for {until - now:.1f} s more"
    if target.max_concurrency is not None:
        health = snapshot.targets.get(target.name)
        if health is not None and health.in_flight >= target.max_concurrency:
            return f"{health.in_flight} calls under way, its limit"
    return None


def _spread(ready: list[Scored], rng: random.Random) -> None:
    """Put the first of those that tie for the best place in random order, by weight."""
    best = ready[0].utility_usd
    tied = [s for s in ready if best - s.utility_usd < _TIE_USD]
    # Efraimidis and Spirakis (2006): keys u^(1/w) give a weighted random order
    keyed = [(rng.random() ** (1.0 / s.target.weight), s) for s in tied]
    keyed.sort(key=lambda pair: pair[0], reverse=True)
    ready[: len(tied)] = [s for _, s in keyed]


def _nothing_left(
    rejected: dict[str, str], features: Features
) -> NoCandidateError | ContextOverflowError:
    if rejected and all(reason.startswith(CONTEXT_REASON) for reason in rejected.values()):
        each = "; ".join(f"{name}: {reason}" for name, reason in rejected.items())
        return ContextOverflowError(
            f"about {features.input_tokens} tokens fit no target's window ({each}). "
            "Shorten the conversation, lower max_tokens, or configure a model with a larger window",
            sent=False,
        )
    return NoCandidateError(rejected)
