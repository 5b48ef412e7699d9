"""The contract of a state store: what must be remembered between requests, and by whom.

Times are seconds of one clock that the caller passes in; a store never reads a clock of its own.
Keys are target names and quota group names.

A store keeps a circuit breaker for each target and each quota group. Enough failures open it:
nothing is sent until its cooldown is over. Then it is half open: exactly one call, the probe,
finds out. If that succeeds the breaker closes, if it fails the next cooldown is longer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.errors import Cools

__all__ = ["HEALTHY", "Health", "Outcome", "Permit", "Snapshot", "StateStore"]


@dataclass(frozen=True, slots=True)
class Health:
    """How one target, or one quota group, is doing.

    Attributes:
        cooling_until: It rests until then; 0 when it does not.
        failures: Failures in a row.
        probing: It has cooled down, and one probe is out to see whether it is back.
        reason: The error class that sent it to rest; empty when it is not resting.
        in_flight: Calls under way (of a target; not counted for a group).
        first_token_s: Recent time to the first token (moving average), or None before any.
        output_tokens_per_s: Recent output speed after it, or None before any.
    """

    cooling_until: float = 0.0
    failures: int = 0
    probing: bool = False
    reason: str = ""
    in_flight: int = 0
    first_token_s: float | None = None
    output_tokens_per_s: float | None = None


HEALTHY = Health()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The health of everything at one moment. What is missing is healthy."""

    targets: Mapping[str, Health] = field(default_factory=lambda: MappingProxyType({}))
    groups: Mapping[str, Health] = field(default_factory=lambda: MappingProxyType({}))

    def cooling_until(self, target: str, group: str) -> float:
        """When both the target and its quota group are rested; 0 if they are now."""
        return max(
            self.targets.get(target, HEALTHY).cooling_until,
            self.groups.get(group, HEALTHY).cooling_until,
        )

    def is_probed(self, target: str, group: str) -> bool:
        """Whether a probe is out to see if a target, or its quota group, is back."""
        return self.targets.get(target, HEALTHY).probing or self.groups.get(group, HEALTHY).probing

    def reason(self, target: str, group: str) -> str:
        """The error class that keeps a target at rest longest; empty when nothing does."""
        mine = self.targets.get(target, HEALTHY)
        shared = self.groups.get(group, HEALTHY)
        return (shared if shared.cooling_until > mine.cooling_until else mine).reason


class Permit(NamedTuple):
    """Leave to make one call, and what the store must know to learn from its outcome.

    The epochs count how often each breaker had opened when leave was given, so that a call begun
    before an opening is not taken for the probe after it.
    """

    target: str
    group: str
    target_epoch: int = 0
    group_epoch: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call taught about its target.

    Attributes:
        ok: Whether it answered.
        cools: What the failure sends to rest; "nothing" when the request was at fault.
        trips_after: How many such failures in a row it takes.
        retry_after_s: Least rest the provider asked for, in seconds; it takes no second failure.
        least_cooldown_s: Least rest after this kind of failure, in seconds, also where the
            provider asked for less.
        reason: Error class name, for people.
        duration_s: How long the call took, in seconds.
        first_token_s: From sending to the first content, in seconds, where it streamed.
        output_tokens: Length of the answer, where it is known.
    """

    ok: bool
    cools: Cools = "nothing"
    trips_after: int = 1
    retry_after_s: float | None = None
    least_cooldown_s: float = 0.0
    reason: str = ""
    duration_s: float = 0.0
    first_token_s: float | None = None
    output_tokens: int | None = None


class StateStore(Protocol):
    """Shared by all requests of a router, and by all routers that are given it. Thread-safe.

    Every method is on the path of every request, sync and async alike: it takes microseconds and
    never waits for a network. A store shared between processes keeps a copy at hand.
    """

    def snapshot(self) -> Snapshot:
        """Everything known now."""
        ...

    def admit(self, target: str, group: str, now: float, limit: int | None = None) -> Permit | None:
        """Ask to call a target: None while it rests, is full, or another probe is out.

        A permit must be handed back by exactly one :meth:`record` or :meth:`release`.

        Args:
            target: The target's name.
            group: Its quota group.
            now: Present time, in seconds.
            limit: Most calls to the target under way at once, this one included; None: any number.
        """
        ...

    def alive(self, permit: Permit, now: float) -> None:
        """An admitted call, still under way, gave its first content: its breakers close.

        So that a long stream, let through as a probe, does not keep its target half open.
        """
        ...

    def record(self, permit: Permit, outcome: Outcome, now: float) -> None:
        """Learn what an admitted call came to. A longer cooldown is never cut by a shorter."""
        ...

    def release(self, permit: Permit) -> None:
        """An admitted call ended without teaching anything (cancelled)."""
        ...
