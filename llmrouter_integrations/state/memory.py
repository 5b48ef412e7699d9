"""The state of one process, in its memory: :class:`MemoryState`."""

from __future__ import annotations

import math
from collections import deque
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING

from llmrouter_integrations.state.base import Health, Permit, Snapshot, Ticket
from llmrouter_integrations.state.breaker import Breaker
from llmrouter_integrations.state.feedback import Feedback
from llmrouter_integrations.state.latency import Pace
from llmrouter_integrations.state.places import Places
from llmrouter_integrations.state.sessions import Sessions
from llmrouter_integrations.state.spend import Spend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmrouter_integrations.state.base import (
        Account,
        FeedbackStore,
        Latency,
        Outcome,
        Reservation,
        Shortage,
        Stay,
    )
    from llmrouter_integrations.state.places import Line

__all__ = ["MemoryState"]


class _Target:
    """What is known of one target."""

    __slots__ = ("breaker", "group", "line", "name", "pace")

    def __init__(self, name: str, group: Breaker, line: Line) -> None:
        self.name = name
        self.breaker = Breaker(name)
        self.group = group
        self.line = line
        self.pace = Pace()

    def health(self) -> Health:
        breaker, pace = self.breaker, self.pace
        return Health(
            breaker.cooling_until,
            breaker.failures,
            breaker.probing,
            breaker.reason,
            self.line.taken,
            pace.first_token_s,
            pace.output_tokens_per_s,
        )


class MemoryState:
    """A :class:`~llmrouter_integrations.state.base.StateStore` for one process.

    A breaker opens at once where the provider says how long to wait, for that long; else after as
    many failures in a row as the error's class says, for ``cooldown_s``. Each probe that fails
    doubles that. Its size is bounded by the number of targets and quota groups, and by what
    :mod:`~llmrouter_integrations.state.places` and :mod:`~llmrouter_integrations.state.sessions`
    allow.

    Args:
        cooldown_s: First cooldown, in seconds.
        max_cooldown_s: Where doubling ends, in seconds. What a provider asks for, or an error's
            ``least_cooldown_s``, may be longer.
    """

    def __init__(self, *, cooldown_s: float = 1.0, max_cooldown_s: float = 60.0) -> None:
        self._base_s = cooldown_s
        self._max_s = max_cooldown_s
        # Whoever held the lock sees afterwards whether there is something to catch up with
        self._lock = Lock()
        self._given_back: deque[Permit | Ticket] = deque()
        self._places = Places()
        self._woken = self._places.woken
        self._targets: dict[str, _Target] = {}
        self._groups: dict[str, Breaker] = {}
        self._target_health: dict[str, Health] = {}
        self._group_health: dict[str, Health] = {}
        self._changed_targets: set[_Target] = set()
        self._changed_groups: set[Breaker] = set()
        self._last = Snapshot()
        self._sessions = Sessions()
        self._spend = Spend()
        self.feedback: FeedbackStore = Feedback()

    # -- health -------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Everything known now. What did not change since the last one is not copied again."""
        with self._lock:
            if self._changed_targets or self._changed_groups:
                for target in self._changed_targets:
                    self._target_health[target.name] = target.health()
                for group in self._changed_groups:
                    self._group_health[group.name] = _health(group)
                self._changed_targets.clear()
                self._changed_groups.clear()
                self._last = Snapshot(
                    MappingProxyType(self._target_health.copy()),
                    MappingProxyType(self._group_health.copy()),
                )
            last = self._last
        if self._given_back or self._woken:
            self._catch_up()
        return last

    def admit(
        self,
        target: str,
        group: str,
        now: float,
        limit: int | None = None,
        ticket: Ticket | None = None,
    ) -> Permit | None:
        """Ask to call a target: None while it rests, is full, or another probe is out."""
        with self._lock:
            shared = self._groups.get(group)
            if shared is None:
                shared = self._groups[group] = Breaker(group)
            mine = self._targets.get(target)
            if mine is None:
                line = self._places.line(target)
                mine = self._targets[target] = _Target(target, shared, line)
            else:
                line = mine.line
                mine.group = shared
            kept = ticket is not None and ticket.kept_by is line
            if ticket is not None and kept:
                self._places.spend(ticket)
            permit = None
            if mine.breaker.refuses(now) or shared.refuses(now):
                if kept:
                    self._serve(line, now)
            elif kept or limit is None or line.has_free(limit):
                if mine.breaker.is_open:
                    mine.breaker.probing = True
                if shared.is_open:
                    shared.probing = True
                    self._changed_groups.add(shared)
                line.taken += 1
                self._changed_targets.add(mine)
                permit = Permit(target, group, mine.breaker.epoch, shared.epoch)
        if self._given_back or self._woken:
            self._catch_up()
        return permit

    def alive(self, permit: Permit, now: float) -> None:
        """An admitted call, still under way, gave its first content: its breakers close."""
        with self._lock:
            mine, shared = self._of(permit)
            mine.breaker.shows_life(permit.target_epoch, now)
            shared.shows_life(permit.group_epoch, now)
            self._serve_neighbours(mine, shared, now)
        if self._given_back or self._woken:
            self._catch_up()

    def record(self, permit: Permit, outcome: Outcome, now: float) -> None:
        """Learn what an admitted call came to. A longer cooldown is never cut by a shorter."""
        with self._lock:
            mine, shared = self._of(permit)
            mine.line.taken -= 1
            if outcome.ok or outcome.cut_off is not None:
                self._timed(outcome.timed_as, mine, shared).pace.measured(outcome)
            if outcome.ok or (outcome.cools == "nothing" and outcome.cut_off is None):
                mine.breaker.succeeded(permit.target_epoch, now)
                shared.succeeded(permit.group_epoch, now)
            elif outcome.cools == "target":
                mine.breaker.failed(permit.target_epoch, outcome, now, self._base_s, self._max_s)
                shared.let_go(permit.group_epoch)
            elif outcome.cools == "quota_group":
                shared.failed(permit.group_epoch, outcome, now, self._base_s, self._max_s)
                mine.breaker.let_go(permit.target_epoch)
            else:
                mine.breaker.let_go(permit.target_epoch)
                shared.let_go(permit.group_epoch)
            self._serve_neighbours(mine, shared, now)
        if self._given_back or self._woken:
            self._catch_up()

    def release(self, permit: Permit) -> None:
        """An admitted call ended without teaching anything (cancelled)."""
        self._given_back.append(permit)
        self._catch_up()

    def latency(self, target: str, input_tokens: int) -> Latency | None:
        """How long prompts of about this size take at a target; None before about ten calls."""
        with self._lock:
            known = self._targets.get(target)
            latency = None if known is None else known.pace.latency(input_tokens)
        if self._given_back or self._woken:
            self._catch_up()
        return latency

    # -- places -------------------------------------------------------------------------------

    def queue(
        self,
        targets: Sequence[tuple[str, int]],
        *,
        priority: int = 0,
        flow: str = "",
        wake: Callable[[], None],
    ) -> Ticket | None:
        """Wait in line for a place at any of several targets that are full."""
        ticket = Ticket(wake, priority, flow)
        with self._lock:
            joined = self._places.queue(ticket, targets)
            for line in ticket.lines:
                self._serve(line)
        if self._given_back or self._woken:
            self._catch_up()
        return ticket if joined else None

    def leave(self, ticket: Ticket) -> None:
        """Stop waiting, or give back the place that is kept."""
        self._given_back.append(ticket)
        self._catch_up()

    # -- sessions -----------------------------------------------------------------------------

    def session(self, key: str, now: float) -> Stay | None:
        """Where a session's prompt cache is; None where nobody has any, or it has expired."""
        return self._sessions.find(key, now)

    def stay(self, key: str, stay: Stay) -> None:
        """Remember where a session's prompt cache is from now on."""
        self._sessions.put(key, stay)

    # -- money --------------------------------------------------------------------------------

    def spent_usd(self, accounts: Sequence[Account]) -> Sequence[float]:
        """What was spent from each account, in dollars; what is only held is not in it."""
        return self._spend.spent_usd(accounts)

    def reserve(
        self, accounts: Sequence[Account], usd: float, hold_usd: float, now: float
    ) -> Reservation | Shortage:
        """Set money aside for a call in all of the accounts, or in none."""
        return self._spend.reserve(accounts, usd, hold_usd, now)

    def book(self, reservation: Reservation, usd: float) -> None:
        """Take what a call cost from the accounts, and hold no more for it."""
        self._spend.book(reservation, usd)

    # -- inside: under the lock ---------------------------------------------------------------

    def _of(self, permit: Permit) -> tuple[_Target, Breaker]:
        mine, shared = self._targets[permit.target], self._groups[permit.group]
        self._changed_targets.add(mine)
        self._changed_groups.add(shared)
        return mine, shared

    def _timed(self, name: str | None, mine: _Target, group: Breaker) -> _Target:
        """Where a call's times are kept."""
        if name is None or name == mine.name:
            return mine
        timed = self._targets.get(name)
        if timed is None:
            timed = self._targets[name] = _Target(name, group, self._places.line(name))
        self._changed_targets.add(timed)
        return timed

    def _serve_neighbours(self, mine: _Target, shared: Breaker, now: float = math.inf) -> None:
        """See to the lines for which a place, or one of these breakers, may have changed."""
        for line in tuple(self._places.contested):
            target = self._targets.get(line.name)
            if target is mine or (target is not None and target.group is shared):
                self._serve(line, now)

    def _serve(self, line: Line, now: float = math.inf) -> None:
        """Hand out what places are free, or send everybody away whose wait is in vain.

        Where the present time is not known, a target that rests is taken for half open: at worst
        one ticket is woken for nothing, and who asks with it says what time it is.
        """
        target, most = self._targets.get(line.name), line.waiting
        if target is not None and (target.breaker.is_open or target.group.is_open):
            for breaker in (target.breaker, target.group):
                if breaker.is_open and breaker.cooling_until > now:
                    self._places.send_away(line)
                    return
            if line.kept or target.breaker.probing or target.group.probing:
                return
            most = 1  # it will be the probe
        self._places.hand_out(line, most)

    def _take_back(self, given: Permit | Ticket) -> None:
        if isinstance(given, Permit):
            mine, shared = self._of(given)
            mine.line.taken -= 1
            mine.breaker.let_go(given.target_epoch)
            shared.let_go(given.group_epoch)
            self._serve_neighbours(mine, shared)
            return
        line = given.kept_by
        self._places.withdraw(given)
        if line is not None:
            self._places.spend(given)
            self._serve(line)

    # -- inside: without it -------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Take back what was given back while the lock was held, and wake who is to be woken.

        Permits and tickets may be given back by the garbage collector, which closes abandoned
        streams at any moment; also while this very thread holds the lock.
        """
        while self._given_back:
            if not self._lock.acquire(blocking=False):
                return  # who holds it comes here next
            try:
                while self._given_back:
                    self._take_back(self._given_back.popleft())
            finally:
                self._lock.release()
        while self._woken:
            try:
                ticket = self._woken.popleft()
            except IndexError:  # another thread was faster
                return
            try:
                ticket.wake()
            except Exception:  # noqa: BLE001  (no place may be kept for who cannot come)
                self.leave(ticket)


def _health(group: Breaker) -> Health:
    return Health(group.cooling_until, group.failures, group.probing, group.reason)
