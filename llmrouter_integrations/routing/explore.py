"""Exploration, bounded: now and then a request goes to a target that may be better than it looks.

Which one is Thompson's choice (1933; Russo et al., "A Tutorial on Thompson Sampling", 2018): from
what is believed of each arm's quality one figure is drawn, and the arm with the highest utility is
taken. So what nobody doubts is not tried, and what is uncertain is tried as often as it may be
best.

The propensity, the chance that a request went where it went, is exact, so that logs of it allow an
unbiased estimate of what another policy would have done (Horvitz and Thompson, 1952):

    P(arm) = share x P(arm's draw is the highest) + (1 - share where it is the best one)

where P(draw is the highest) of normal draws is one integral, worked out when somebody asks.
Replicas, and targets that tie, count as one arm: it is not said which key was used.
"""

from __future__ import annotations

import math
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from llmrouter_integrations.routing.balance import TIE_USD

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from llmrouter_integrations.exploring import ExploreConfig
    from llmrouter_integrations.hints import RoutingHints
    from llmrouter_integrations.routing.decision import Scored
    from llmrouter_integrations.routing.target import Target

__all__ = ["Arm", "Exploration", "Explorer"]

MOST_ARMS = 6
"""The best one and the five after it: those further down are seldom tried anyway."""

_STEPS, _REACH = 160, 5.0


class Arm(NamedTuple):
    """A target that may be tried.

    Attributes:
        target: Its name.
        utility_usd: What it is expected to be worth, in dollars.
        error_usd: Standard error of that.
        extra_usd: What it is expected to cost more than the best one, in dollars.
    """

    target: str
    utility_usd: float
    error_usd: float
    extra_usd: float


class Exploration(NamedTuple):
    """What a request could have tried, and what it did.

    Attributes:
        arms: All it could have gone to; the best one is first.
        chosen: Place of the one it went to.
        share: How likely a request is to be one that may try another.
    """

    arms: tuple[Arm, ...]
    chosen: int
    share: float

    @property
    def explored(self) -> bool:
        """Whether it went elsewhere than to the best one."""
        return self.chosen > 0

    @property
    def propensity(self) -> float:
        """How likely the choice was to be the one it was."""
        return self.propensities(self.chosen)

    def propensities(self, place: int) -> float:
        """Give how likely an arm was to be chosen."""
        drawn = self.share * _highest(self.arms, place)
        return drawn if place else drawn + 1.0 - self.share


class Explorer:
    """Decides which requests try another target. Thread-safe.

    Never do more than ``share`` of the requests, nor add more than ``extra_cost`` of what the best
    targets would have cost: each request earns its part of both, and one that tries spends it.

    Args:
        config: The bounds.
        rng: Draws.
    """

    def __init__(self, config: ExploreConfig, rng: random.Random) -> None:
        self._config = config
        self._rng = rng
        self._lock = Lock()
        self._requests = 0.0
        self._usd = 0.0

    def explore(
        self,
        ready: list[Scored],
        task: str,
        hints: RoutingHints,
        value_usd: float,
        error_of: Callable[[Target], float],
    ) -> Exploration | None:
        """Choose whom to try, and put it first.

        Args:
            ready: The targets, best first; changed in place.
            task: What kind of work it is.
            hints: What the caller said: who pins a target, or has answers checked, is let be.
            value_usd: What a good answer is worth, in the dollars of their utilities.
            error_of: Gives the standard error of a target's quality.

        Returns:
            None where there is nothing to choose from.
        """
        config = self._config
        if (
            hints.pin is not None
            or hints.verify
            or (config.tasks is not None and task not in config.tasks)
        ):
            return None
        found = self._arms(ready, value_usd, error_of)
        if len(found) < 2:
            return None
        share, draw = config.share, self._rng.gauss
        with self._lock:
            self._requests += share
            self._usd += config.extra_cost * ready[0].cost_usd
            if self._requests < 1.0:
                return None
            found = [one for one in found if one[1].extra_usd <= self._usd]
            arms = tuple([arm for _, arm in found])
            if len(arms) < 2:
                return None
            chosen = 0
            if self._rng.random() < share:
                drawn = [draw(arm.utility_usd, arm.error_usd) for arm in arms]
                chosen = drawn.index(max(drawn))
            if chosen:
                self._requests -= 1.0
                self._usd -= max(0.0, arms[chosen].extra_usd)
        if chosen:
            ready.insert(0, ready.pop(found[chosen][0]))
        return Exploration(arms, chosen, share)

    def _arms(
        self, ready: Sequence[Scored], value_usd: float, error_of: Callable[[Target], float]
    ) -> list[tuple[int, Arm]]:
        """Give the targets that may be tried, with their places; the first is the best."""
        best = ready[0]
        least = max(s.utility_usd for s in ready[:2]) - self._config.max_regret * value_usd
        most_usd = self._config.max_cost_usd
        found: list[tuple[int, Arm]] = []
        replicas: set[str] = set()
        for place, (utility, target, _, cost, _, _) in enumerate(ready):
            if place and utility < least:
                break
            group = target.replica_group or target.name
            if group in replicas or (place and most_usd is not None and cost > most_usd):
                continue
            # who ties is given a share of the traffic afterwards, whichever of them is chosen
            if any(abs(utility - arm.utility_usd) < TIE_USD for _, arm in found):
                continue
            replicas.add(group)
            error_usd = max(error_of(target) * value_usd, 1e-12)
            found.append((place, Arm(target.name, utility, error_usd, cost - best.cost_usd)))
            if len(found) == MOST_ARMS:
                break
        return found


def highest(arms: Sequence[Arm], place: int) -> float:
    """Give the probability that one of several normal draws is the highest.

    Args:
        arms: What is drawn from.
        place: Which of them.
    """
    one = arms[place]
    if len(arms) == 2:
        other = arms[1 - place]
        gap = one.utility_usd - other.utility_usd
        return _below(gap / math.hypot(one.error_usd, other.error_usd))
    others = [arm for at, arm in enumerate(arms) if at != place]
    total = 0.0
    step = 2 * _REACH / _STEPS
    for number in range(_STEPS):
        z = -_REACH + (number + 0.5) * step
        x = one.utility_usd + z * one.error_usd
        density = math.exp(-0.5 * z * z)
        for other in others:
            density *= _below((x - other.utility_usd) / other.error_usd)
        total += density
    return min(1.0, total * step / math.sqrt(2 * math.pi))


def _below(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


_highest = lru_cache(maxsize=256)(highest)
"""An answer's account, its metadata and its audit ask for the same one."""
