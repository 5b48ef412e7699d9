"""Where the prompt caches of sessions are: :class:`Sessions`."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmrouter_integrations.state.base import Stay

__all__ = ["Sessions"]

MAX_SESSIONS = 100_000
"""As many as a busy process sees within a prompt cache's lifetime (minutes to an hour); about 30 MB
at most."""

_SWEPT_PER_LOOKUP = 2
"""Expired sessions that one look-up clears away: more than the one that follows it can add."""


class Sessions:
    """The stays of the sessions used last, in this process's memory. Thread-safe.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int = MAX_SESSIONS) -> None:
        self._most = most
        self._lock = Lock()
        self._stays: OrderedDict[str, Stay] = OrderedDict()

    def __len__(self) -> int:
        return len(self._stays)

    def find(self, key: str, now: float) -> Stay | None:
        """Where a session stays; None where it does not, or no longer."""
        stays = self._stays
        with self._lock:
            stay = stays.get(key)
            if stay is not None and stay.until > now:
                stays.move_to_end(key)
            else:
                stay = None
            for _ in range(_SWEPT_PER_LOOKUP):
                oldest = next(iter(stays), None)
                if oldest is None or stays[oldest].until > now:
                    break
                del stays[oldest]
        return stay

    def put(self, key: str, stay: Stay) -> None:
        """Remember where a session stays; the one that was not used for longest makes room."""
        with self._lock:
            self._stays[key] = stay
            self._stays.move_to_end(key)
            if len(self._stays) > self._most:
                self._stays.popitem(last=False)
