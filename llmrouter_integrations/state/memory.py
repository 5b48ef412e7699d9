"""Health in this process's memory: :class:`MemoryState`."""

from __future__ import annotations

from threading import Lock
from types import MappingProxyType

from llmrouter_integrations.state.base import Health, Outcome, Permit, Snapshot

__all__ = ["MemoryState"]

LONGEST_RETRY_AFTER_S = 86_400.0
"""A provider's ``Retry-After`` counts up to a day; beyond that it is taken for a mistake."""

_EWMA_WEIGHT = 0.2
"""Weight of the newest measurement: about the last ten calls matter."""


class _Breaker:
    """The circuit breaker of one target or quota group, and what else is known of it."""

    __slots__ = (
        "cooling_until",
        "epoch",
        "failures",
        "first_token_s",
        "in_flight",
        "is_open",
        "name",
        "openings",
        "output_tokens_per_s",
        "probing",
        "reason",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_open = False
        self.cooling_until = 0.0
        self.epoch = 0
        self.failures = 0
        self.openings = 0
        self.probing = False
        self.reason = ""
        self.in_flight = 0
        self.first_token_s: float | None = None
        self.output_tokens_per_s: float | None = None

    def refuses(self, now: float) -> bool:
        return self.is_open and (self.probing or now < self.cooling_until)

    def let_go(self, epoch: int) -> None:
        """A call ended that taught nothing of this: if it was the probe, another may go."""
        if epoch == self.epoch:
            self.probing = False

    def shows_life(self, epoch: int, now: float) -> None:
        """A call is being answered: others may go too. How it ends is still to be seen."""
        if epoch != self.epoch or not self.is_open:
            return
        self.probing = False
        if now >= self.cooling_until:  # else a call begun earlier was told to wait longer
            self.is_open = False
            self.cooling_until = 0.0
            self.reason = ""

    def succeeded(self, epoch: int, now: float) -> None:
        self.shows_life(epoch, now)
        if epoch == self.epoch and not self.is_open:
            self.failures = self.openings = 0

    def failed(self, epoch: int, outcome: Outcome, now: float, base_s: float, max_s: float) -> None:
        asked_s = outcome.retry_after_s
        rest_s = outcome.least_cooldown_s
        if asked_s is not None:
            rest_s = max(rest_s, min(asked_s, LONGEST_RETRY_AFTER_S))
        if epoch != self.epoch:  # begun before the breaker opened: only a longer rest is news
            if asked_s is not None:
                self.rest(rest_s, outcome.reason, now)
            return
        self.probing = False
        self.failures += 1
        if asked_s is None and not self.is_open and self.failures < outcome.trips_after:
            return
        if asked_s is None or self.openings:
            rest_s = max(rest_s, min(base_s * 2.0 ** min(self.openings, 60), max_s))
        self.openings += 1
        self.is_open = False
        self.rest(rest_s, outcome.reason, now)

    def rest(self, rest_s: float, reason: str, now: float) -> None:
        if not self.is_open:
            self.is_open = True
            self.epoch += 1
        if now + rest_s > self.cooling_until:
            self.cooling_until = now + rest_s
            self.reason = reason

    def measured(self, outcome: Outcome) -> None:
        before_s = outcome.first_token_s
        if before_s is not None:
            self.first_token_s = _average(self.first_token_s, before_s)
        if outcome.output_tokens:
            writing_s = outcome.duration_s - (before_s or self.first_token_s or 0.0)
            if writing_s > 0:
                speed = outcome.output_tokens / writing_s
                self.output_tokens_per_s = _average(self.output_tokens_per_s, speed)

    def health(self) -> Health:
        return Health(
            self.cooling_until,
            self.failures,
            self.probing,
            self.reason,
            self.in_flight,
            self.first_token_s,
            self.output_tokens_per_s,
        )


class MemoryState:
    """A :class:`~llmrouter_integrations.state.base.StateStore` for one process.

    A breaker opens at once where the provider says how long to wait, for that long; else after as
    many failures in a row as the error's class says, for ``cooldown_s``. Each probe that fails
    doubles that. Its size is bounded by the number of targets and quota groups.

    Args:
        cooldown_s: First cooldown, in seconds.
        max_cooldown_s: Where doubling ends, in seconds. What a provider asks for, or an error's
            ``least_cooldown_s``, may be longer.
    """

    def __init__(self, *, cooldown_s: float = 1.0, max_cooldown_s: float = 60.0) -> None:
        self._base_s = cooldown_s
        self._max_s = max_cooldown_s
        self._lock = Lock()
        self._targets: dict[str, _Breaker] = {}
        self._groups: dict[str, _Breaker] = {}
        self._target_health: dict[str, Health] = {}
        self._group_health: dict[str, Health] = {}
        self._changed_targets: set[_Breaker] = set()
        self._changed_groups: set[_Breaker] = set()
        self._last = Snapshot()

    def snapshot(self) -> Snapshot:
        """Everything known now. What did not change since the last one is not copied again."""
        with self._lock:
            if self._changed_targets or self._changed_groups:
                self._last = Snapshot(
                    _up_to_date(self._target_health, self._changed_targets),
                    _up_to_date(self._group_health, self._changed_groups),
                )
            return self._last

    def admit(self, target: str, group: str, now: float, limit: int | None = None) -> Permit | None:
        """Ask to call a target: None while it rests, is full, or another probe is out."""
        with self._lock:
            mine = self._targets.get(target)
            if mine is None:
                mine = self._targets[target] = _Breaker(target)
            shared = self._groups.get(group)
            if shared is None:
                shared = self._groups[group] = _Breaker(group)
            if mine.refuses(now) or shared.refuses(now):
                return None
            if limit is not None and mine.in_flight >= limit:
                return None
            if mine.is_open:
                mine.probing = True
            if shared.is_open:
                shared.probing = True
                self._changed_groups.add(shared)
            mine.in_flight += 1
            self._changed_targets.add(mine)
            return Permit(target, group, mine.epoch, shared.epoch)

    def alive(self, permit: Permit, now: float) -> None:
        """An admitted call, still under way, gave its first content: its breakers close."""
        with self._lock:
            mine, shared = self._of(permit)
            mine.shows_life(permit.target_epoch, now)
            shared.shows_life(permit.group_epoch, now)

    def record(self, permit: Permit, outcome: Outcome, now: float) -> None:
        """Learn what an admitted call came to. A longer cooldown is never cut by a shorter."""
        with self._lock:
            mine, shared = self._of(permit)
            mine.in_flight -= 1
            if outcome.ok or outcome.cools == "nothing":
                mine.succeeded(permit.target_epoch, now)
                shared.succeeded(permit.group_epoch, now)
                if outcome.ok:
                    mine.measured(outcome)
            elif outcome.cools == "target":
                mine.failed(permit.target_epoch, outcome, now, self._base_s, self._max_s)
                shared.let_go(permit.group_epoch)
            else:
                shared.failed(permit.group_epoch, outcome, now, self._base_s, self._max_s)
                mine.let_go(permit.target_epoch)

    def release(self, permit: Permit) -> None:
        """An admitted call ended without teaching anything (cancelled)."""
        with self._lock:
            mine, shared = self._of(permit)
            mine.in_flight -= 1
            mine.let_go(permit.target_epoch)
            shared.let_go(permit.group_epoch)

    def _of(self, permit: Permit) -> tuple[_Breaker, _Breaker]:
        mine, shared = self._targets[permit.target], self._groups[permit.group]
        self._changed_targets.add(mine)
        self._changed_groups.add(shared)
        return mine, shared


def _average(sofar: float | None, newest: float) -> float:
    return newest if sofar is None else sofar + _EWMA_WEIGHT * (newest - sofar)


def _up_to_date(known: dict[str, Health], changed: set[_Breaker]) -> MappingProxyType[str, Health]:
    for breaker in changed:
        known[breaker.name] = breaker.health()
    changed.clear()
    return MappingProxyType(known.copy())
