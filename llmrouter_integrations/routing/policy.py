"""Rank the targets for a request: filters, then expected utility in dollars, or the order given."""

from __future__ import annotations

import os
from operator import itemgetter
from typing import TYPE_CHECKING

from llmrouter_integrations.errors import ContextOverflowError, NoCandidateError
from llmrouter_integrations.routing.balance import TIE_USD, Balancer
from llmrouter_integrations.routing.cascade import power_of, put_first
from llmrouter_integrations.routing.decision import Decision
from llmrouter_integrations.routing.features import read_features
from llmrouter_integrations.routing.filters import (
    CONTEXT_REASON,
    Demands,
    Wishes,
    is_choosy,
)
from llmrouter_integrations.routing.hysteresis import traffic_of
from llmrouter_integrations.routing.judge import spread
from llmrouter_integrations.routing.presets import PRESETS
from llmrouter_integrations.routing.prospects import Prospects
from llmrouter_integrations.routing.score import Scorer, SessionScorer
from llmrouter_integrations.routing.stickiness import SessionCache

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from llmrouter_integrations.config import Balance
    from llmrouter_integrations.hints import Prefer, RoutingHints
    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.routing.allowance import Allowance
    from llmrouter_integrations.routing.decision import Features, Scored
    from llmrouter_integrations.routing.explore import Explorer
    from llmrouter_integrations.routing.hysteresis import Incumbents
    from llmrouter_integrations.routing.judge import Expectations
    from llmrouter_integrations.routing.target import Target
    from llmrouter_integrations.state.base import Snapshot, Stay

__all__ = ["decide"]

_BY_UTILITY = itemgetter(0)


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
    balance: Balance | None = None,
    stay: Stay | None = None,
    allowance: Allowance | None = None,
    expectations: Expectations | None = None,
    incumbents: Incumbents | None = None,
    explorer: Explorer | None = None,
    sends: bool = False,
    prospects: Prospects | None = None,
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
        balance: How replicas share the traffic; see :mod:`~.routing.balance`. None: by weight
            under "utility", not at all under "ordered".
        stay: Where the prompt of the request's session is cached, if anywhere.
        allowance: What may be spent, where there are budgets.
        expectations: What corrects the table's qualities.
        incumbents: Who was chosen last, and stays where another is worth hardly more.
        explorer: Lets some requests try another target than the best.
        sends: Whether the request will be sent: only then is the choice remembered, or explores.
        prospects: What is known of the targets; None: it is put together for this request alone.

    Raises:
        BudgetExceeded: Nothing is left that a budget has enough for.
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
    # in dollars as dear as they are now, all else is worth less: one score serves them all
    dear = 1.0 if allowance is None else allowance.price_of_money
    dear_value, dear_waiting = value / dear, waiting / dear

    ready: list[Scored] = []
    lacking: list[Scored] = []
    resting: list[Scored] = []
    rejected: dict[str, str] = {}
    cache = None if stay is None else SessionCache(stay, request, features.input_tokens)
    judge = None if expectations is None else expectations.over(request, features)
    if prospects is None:
        prospects = Prospects(targets)
    scorer = (
        Scorer(request, features, prospects, snapshot, judge=judge)
        if cache is None
        else SessionScorer(request, features, prospects, snapshot, cache, judge=judge)
    )
    any_rest = prospects.any_limit or any(
        health.cooling_until > now
        for known in (snapshot.targets, snapshot.groups)
        for health in known.values()
    )
    demands = Demands(features)
    unmet = None if demands.are_met_by_all(prospects) else demands.unmet
    native = features.native_tools
    wishes = Wishes(hints, targets) if is_choosy(hints) else None
    effort = features.effort
    bounded = hints.max_cost_usd is not None or hints.min_quality is not None
    for target, scored in zip(targets, scorer.score(dear_value, dear_waiting), strict=True):
        reason = unmet(target) if unmet else None
        if wishes and reason is None:
            reason = wishes.refuse(target)
        if effort is not None and reason is None:
            reason = _other_effort(target, effort)
        if reason is None:
            reason = _too_poor(scored, hints) if bounded else None
            if reason is None:
                if any_rest and (rest := _rests(target, snapshot, now)):
                    resting.append(scored._replace(deferred=rest))
                elif (native or features.earlier_needs) and (lack := demands.left_out(target)):
                    lacking.append(scored._replace(deferred=lack))
                else:
                    ready.append(scored)
                continue
        rejected[target.name] = reason
    if not ready and not lacking and not resting:
        raise _nothing_left(rejected, features)
    if allowance is not None:
        allowance.sift((ready, lacking, resting), rejected)
    share: Callable[[Balancer, list[Scored]], None] | None = None
    kept, exploration = None, None
    held = cache is not None and bool(cache.tokens)
    if policy == "utility":
        ready.sort(key=_BY_UTILITY, reverse=True)
        lacking.sort(key=_BY_UTILITY, reverse=True)
        if len(ready) > 1 and not held:
            if incumbents is not None:
                traffic = traffic_of(features.task, value, hints)
                kept = incumbents.keep(ready, traffic, dear_value)
                if sends:
                    incumbents.chose(traffic, ready[0].target)
            if explorer is not None and sends:
                exploration = explorer.explore(
                    ready,
                    features.task,
                    hints,
                    dear_value,
                    lambda target: spread(judge, target, features),
                )
        if len(ready) > 1 and (
            ready[0].target.replica_group is not None
            or abs(ready[0].utility_usd - ready[1].utility_usd) < TIE_USD
        ):
            share = Balancer.share_lead
    elif balance is not None:
        share = Balancer.share_runs
    if share is not None:
        balancer = Balancer(
            balance or "weighted",
            snapshot.targets,
            output_tokens=features.output_tokens,
            rng=rng,
            holder=cache.target if cache is not None and held else None,
        )
        share(balancer, ready)
    cascade = None
    if (
        hints.cascade
        and policy == "utility"
        and len(ready) > 1
        and (power := power_of(hints, request))
    ):
        cascade = put_first(ready, power, dear_value, dear_waiting, hints.max_cost_usd)
    if len(resting) > 1:
        resting.sort(
            key=lambda s: (snapshot.cooling_until(s.target.endpoint, s.target.quota_group), -s[0])
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
        balance=balance,
        cache=cache,
        pace=None if allowance is None else allowance.pace,
        cascade=cascade,
        judge=judge,
        kept=kept,
        exploration=exploration,
    )


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


def _other_effort(target: Target, asked: str) -> str | None:
    """Say whether the caller asks for an effort that another candidate stands for."""
    if target.serves_efforts is None or asked in target.serves_efforts:
        return None
    return f"another effort of {target.endpoint} is nearer to the {asked} asked for"


def _rests(target: Target, snapshot: Snapshot, now: float) -> str | None:
    until = snapshot.cooling_until(target.endpoint, target.quota_group)
    if until > now:
        return f"resting for {until - now:.1f} s more"
    if target.max_concurrency is not None:
        health = snapshot.targets.get(target.endpoint)
        if health is not None and health.in_flight >= target.max_concurrency:
            return f"{health.in_flight} calls under way, its limit"
    return None


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
