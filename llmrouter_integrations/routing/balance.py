"""Share the traffic among replicas: one model at one provider, with several keys or in regions.

What one replica is worth differs from another only by how long it takes, and that is as much chance
as not. So once one of them is worth most, which of them is asked is a question of how the load is
to be shared:

- "weighted": by chance, in proportion to the weights.
- "least_busy": the one with the fewest calls under way for its weight; by weight where they tie.
- "fastest": two are drawn by weight, and of these the one is asked whose recent latency times its
  calls under way is lower, as in Finagle's and Linkerd's "peak EWMA". Two are drawn and not all
  (Mitzenmacher 2001), and the calls under way count, so that not all requests herd on the one
  that was fastest just now. One that was never measured is tried, by one call at a time. And one
  request in twenty goes by weight alone, so that who was slow once is looked at again.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from llmrouter_integrations.routing.score import ASSUMED_TOKENS_PER_S

if TYPE_CHECKING:
    import random
    from collections.abc import Hashable, Iterable, Mapping

    from llmrouter_integrations.catalog.model import Rates
    from llmrouter_integrations.config import Balance
    from llmrouter_integrations.routing.decision import Scored
    from llmrouter_integrations.routing.target import Target
    from llmrouter_integrations.state.base import Health

__all__ = ["TIE_USD", "Balancer", "with_replica_groups"]

TIE_USD = 1e-12
"""Utilities that differ by less are the same but for rounding."""

_BY_KEY = itemgetter(0)

LOOKED_AT_AGAIN = 0.05
"""Share of the requests that "fastest" sends by weight alone."""


def with_replica_groups(targets: Iterable[Target]) -> tuple[Target, ...]:
    """Mark the targets that are replicas of one another, in the order given.

    They have provider, model, prices and expected quality in common. Key, region, weight, limits
    and what is promised about the data may differ.
    """
    groups: dict[Hashable, list[Target]] = {}
    for target in targets:
        groups.setdefault(_identity(target), []).append(target)
    first = {t.name: group[0].name for group in groups.values() if len(group) > 1 for t in group}
    return tuple(
        [replace(t, replica_group=first[t.name]) if t.name in first else t for t in targets]
    )


def _identity(target: Target) -> Hashable:
    expected = [(task, *outlook[:2]) for task, outlook in target.outlooks.items()]
    return target.provider, target.model, target.effort, _prices(target.rates), frozenset(expected)


def _prices(rates: Rates | None) -> Hashable:
    if rates is None:
        return None
    above = tuple([(tokens, _prices(dearer)) for tokens, dearer in rates.above])
    read, written = rates.cache_read_usd, rates.cache_write_usd
    return rates.input_usd, rates.output_usd, read, written, above


class Balancer:
    """Puts replicas in the order in which one request tries them.

    Args:
        how: How the load is shared.
        health: What is known of the targets, by name.
        output_tokens: Expected length of the answer.
        rng: Spreads the traffic.
        holder: Name of the target that has the session's prompt cached, if any. Of replicas it goes
            first, unless another is so much faster that it is worth more all the same.
    """

    __slots__ = ("_health", "_holder", "_how", "_output_tokens", "_rng")

    def __init__(
        self,
        how: Balance,
        health: Mapping[str, Health],
        *,
        output_tokens: int,
        rng: random.Random,
        holder: str | None,
    ) -> None:
        self._how = how
        self._health = health
        self._output_tokens = output_tokens
        self._rng = rng
        self._holder = holder

    def share_lead(self, ranked: list[Scored]) -> None:
        """Reorder those that tie with the first or are replicas of it, within their own places.

        Args:
            ranked: The targets that are ready, best first.
        """
        best, group = ranked[0].utility_usd, ranked[0].target.replica_group
        places = [
            place
            for place, scored in enumerate(ranked)
            if -TIE_USD < best - scored[0] < TIE_USD
            or (group is not None and scored[1].replica_group == group)
        ]
        if len(places) > 1:
            ordered = self._order([ranked[place] for place in places])
            for place, scored in zip(places, ordered, strict=True):
                ranked[place] = scored

    def share_runs(self, listed: list[Scored]) -> None:
        """Reorder replicas that stand next to one another.

        Args:
            listed: The targets that are ready, in the order given.
        """
        ordered: list[Scored] = []
        for group, standing in groupby(listed, key=lambda s: s.target.replica_group):
            run = list(standing)
            ordered += run if group is None else self._order(run)
        listed[:] = ordered

    def _order(self, replicas: list[Scored]) -> list[Scored]:
        draw = self._rng.random
        # Efraimidis and Spirakis (2006): keys u^(1/w) give a weighted random order
        keyed = [(draw() ** (1.0 / s.target.weight), s) for s in replicas]
        keyed.sort(key=_BY_KEY, reverse=True)
        ordered = [s for _, s in keyed]
        if self._how == "least_busy":
            ordered.sort(key=self._business)
        elif self._how == "fastest" and len(ordered) > 1 and draw() >= LOOKED_AT_AGAIN:
            ordered[:2] = sorted(ordered[:2], key=self._load)
        for place, scored in enumerate(ordered):
            if scored.target.name == self._holder:
                if scored.utility_usd >= ordered[0].utility_usd:
                    ordered.insert(0, ordered.pop(place))
                break
        return ordered

    def _business(self, scored: Scored) -> float:
        health = self._health.get(scored.target.endpoint)
        return health.in_flight / scored.target.weight if health else 0.0

    def _load(self, scored: Scored) -> float:
        """Recent latency of an answer of this length, in seconds, times the calls under way."""
        busy = self._health.get(scored.target.endpoint)
        health = self._health.get(scored.target.name)
        if health is None or busy is None:
            return 0.0
        first_s, speed = health.first_token_s, health.output_tokens_per_s
        if first_s is None and speed is None:
            # somebody is finding out
            return math.inf if busy.in_flight else 0.0
        # where only whole answers were measured, their speed has the wait in it
        latency_s = (first_s or 0.0) + self._output_tokens / (speed or ASSUMED_TOKENS_PER_S)
        return latency_s * (busy.in_flight + 1)
