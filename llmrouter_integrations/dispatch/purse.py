"""What hedges may cost: :class:`Purse`."""

from __future__ import annotations

from threading import Lock

__all__ = ["Purse"]

MOST_CREDIT = 10.0
"""Hedges that may be saved up for a bad minute."""

_ROUNDING = 1e-6
_EWMA_WEIGHT = 0.05
"""Weight of the newest request in what a request costs on average."""


class Purse:
    """Pays for hedges out of a share of what requests cost. Thread-safe.

    Its money is the price of an average request. So it holds for models without a price too, and
    a hedge at a model ten times as dear takes ten times as much.

    Args:
        share: Of the expected cost of all requests, what hedges may add to it (0.1: a tenth).
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._lock = Lock()
        self._credit = min(1.0, MOST_CREDIT * share)
        self._average_usd = 0.0

    def earn(self, usd: float) -> None:
        """Take note of a request that may be hedged, and of its expected cost in dollars."""
        with self._lock:
            before_usd = self._average_usd or usd
            self._average_usd = before_usd + _EWMA_WEIGHT * (usd - before_usd)
            self._credit = min(MOST_CREDIT, self._credit + self._share)

    def pays(self, usd: float) -> bool:
        """Take as many dollars for a hedge, if there are so many."""
        with self._lock:
            average_usd = self._average_usd
            price = max(1.0, usd / average_usd) if average_usd > 0 else 1.0
            if price > self._credit + _ROUNDING:
                return False
            self._credit = max(0.0, self._credit - price)
            return True
