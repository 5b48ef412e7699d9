"""The contract of a state store: what must be remembered between requests, and by whom.

Times are seconds of one clock that the caller passes in; a store never reads a clock of its own.
Keys are target names and quota group names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HEALTHY", "Health", "Outcome", "Snapshot", "StateStore"]


@dataclass(frozen=True, slots=True)
class Health:
    """How one target, or one quota group, is doing.

    Attributes:
        cooling_until: It rests until then; 0 when it does not.
        failures: Failures in a row.
        probing: It has cooled down, and one probe is out to see whether it is back.
        reason: The error class that sent it to rest.
        in_flight: Calls under way.
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt taught about its target.

    Attributes:
        target: The target's name.
        group: Its quota group's name.
        ok: Whether it answered.
        cools: What must rest: "nothing", "target" or "quota_group".
        cooldown_s: Least time it must rest, where the provider said so; else None.
        reason: Error class name, for people.
        duration_s: How long the attempt took.
        first_token_s: Time to the first content, where it is known.
        output_tokens: Length of the answer, where it is known.
    """

    target: str
    group: str
    ok: bool
    cools: str = "nothing"
    cooldown_s: float | None = None
    reason: str = ""
    duration_s: float = 0.0
    first_token_s: float | None = None
    output_tokens: int | None = None


class StateStore(Protocol):
    """Shared by all requests of a router, and by all routers that are given it. Thread-safe."""

    def snapshot(self) -> Snapshot:
        """Everything known now. Cheap: read once per request."""
        ...

    def admit(self, target: str, group: str, now: float) -> bool:
        """Ask to call a target: False while it rests, or while another probe is out.

        A True must be followed by exactly one :meth:`record` or :meth:`release`.
        """
        ...

    def record(self, outcome: Outcome, now: float) -> None:
        """Learn what an admitted call came to. A longer cooldown is never cut by a shorter."""
        ...

    def release(self, target: str, group: str) -> None:
        """An admitted call ended without teaching anything (cancelled)."""
        ...
