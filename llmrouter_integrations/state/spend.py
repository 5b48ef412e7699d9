"""What was spent from each budget, and what calls under way may yet take: :class:`Spend`."""

from __future__ import annotations

import math
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING

from llmrouter_integrations.state.base import Reservation, Shortage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmrouter_integrations.state.base import Account

__all__ = ["Spend"]

ROUNDING_USD = 1e-12
"""So much over a limit is rounding: ten calls of a tenth of it each fit."""


class _Spent:
    """One account's figures."""

    __slots__ = ("calls", "expires_at", "held_usd", "spent_usd")

    def __init__(self, expires_at: float) -> None:
        self.expires_at = expires_at
        self.spent_usd = 0.0
        self.held_usd = 0.0
        self.calls = 0


class Spend:
    """The accounts of one process, in its memory. Thread-safe.

    Reservations may be booked by the garbage collector, which closes abandoned streams at any
    moment, also while this very thread holds the lock: so bookings are queued, and never wait.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._accounts: dict[str, _Spent] = {}
        self._sweep_at = math.inf
        self._booked: deque[tuple[Reservation, float]] = deque()

    def __len__(self) -> int:
        return len(self._accounts)

    def spent_usd(self, accounts: Sequence[Account]) -> list[float]:
        """What was spent of each account, in dollars; what is only held is not in it."""
        if self._booked:
            self._catch_up()
        known = self._accounts
        return [
            account.spent_usd if (account := known.get(asked.key)) is not None else 0.0
            for asked in accounts
        ]

    def reserve(
        self, accounts: Sequence[Account], usd: float, hold_usd: float, now: float
    ) -> Reservation | Shortage:
        """Set money aside in all of the accounts, or in none."""
        if self._booked:
            self._catch_up()
        with self._lock:
            found = [self._open(account, now) for account in accounts]
            short: Shortage | None = None
            for account, mine in zip(accounts, found, strict=True):
                free_usd = account.limit_usd - mine.spent_usd + ROUNDING_USD
                if usd > max(0.0, free_usd):
                    short = Shortage(account, mine.spent_usd, passing=False)
                    break
                if usd > 0 and mine.calls and hold_usd > free_usd - mine.held_usd and short is None:
                    short = Shortage(account, mine.spent_usd, passing=True)
            if short is None:
                for mine in found:
                    mine.held_usd += hold_usd
                    mine.calls += 1
        if self._booked:
            self._catch_up()
        return short or Reservation(tuple([account.key for account in accounts]), hold_usd)

    def book(self, reservation: Reservation, usd: float) -> None:
        """Take what a call cost from the accounts, and give back what was held for it."""
        self._booked.append((reservation, usd))
        self._catch_up()

    # -- inside -------------------------------------------------------------------------------

    def _open(self, account: Account, now: float) -> _Spent:
        mine = self._accounts.get(account.key)
        if mine is None:
            if now >= self._sweep_at:
                self._sweep(now)
            mine = self._accounts[account.key] = _Spent(account.expires_at)
            self._sweep_at = min(self._sweep_at, account.expires_at)
        return mine

    def _sweep(self, now: float) -> None:
        kept = {key: mine for key, mine in self._accounts.items() if mine.expires_at > now}
        self._accounts = kept
        self._sweep_at = min([mine.expires_at for mine in kept.values()], default=math.inf)

    def _catch_up(self) -> None:
        while self._booked:
            if not self._lock.acquire(blocking=False):
                return  # who holds it comes here next
            try:
                while self._booked:
                    self._take(*self._booked.popleft())
            finally:
                self._lock.release()

    def _take(self, reservation: Reservation, usd: float) -> None:
        for key in reservation.keys:
            mine = self._accounts.get(key)
            if mine is None:
                continue  # its period is over
            mine.spent_usd += usd
            mine.calls = max(0, mine.calls - 1)
            mine.held_usd = mine.held_usd - reservation.held_usd if mine.calls else 0.0
