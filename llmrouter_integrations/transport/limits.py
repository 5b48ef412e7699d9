"""The time one attempt may take, and how much of it is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from llmrouter_integrations.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmrouter_integrations.errors import TimeoutPhase

__all__ = ["Countdown", "Limits", "WaitLimit"]


_ENDLESS = 1e9
"""Seconds. A socket's timeout overflows at nine times as many."""

_LOWEST = {"total_s": -_ENDLESS, "first_token_s": -_ENDLESS}
"""What is left of a deadline may already be less than nothing; all else is a setting."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one attempt may take. Everything is bounded; nothing here may be None.

    ``total_s`` and ``first_token_s`` both run from the moment the request is handed over, so they
    include waiting for a connection; where they are zero or less, time is up before it began.

    Args:
        total_s: Seconds for the whole attempt, to the last byte.
        first_token_s: Seconds until the first byte of the body has been read; of a stream, until
            its reader says that content has come, for a provider that has told its name may
            think in silence for as long as one that has not.
        idle_s: Seconds between two reads after that, and for each write.
        connect_s: Seconds to open a connection: DNS, TCP, TLS, and a proxy's part of it.
        pool_s: Seconds to wait for a free place among the client's connections.
        max_body_bytes: Bytes a whole answer, or one line of a streamed one, may have once its
            content-encoding is undone.

    Raises:
        ConfigurationError: A limit is not a finite number, or a setting not a positive one.
    """

    total_s: float
    first_token_s: float
    idle_s: float
    connect_s: float = 5.0
    pool_s: float = 5.0
    max_body_bytes: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        wrong = [
            f"{name}={value}"
            for name in self.__slots__
            if not _LOWEST.get(name, 0) < (value := getattr(self, name)) < _ENDLESS
        ]
        if wrong:
            raise ConfigurationError(f"limits must be positive and finite: {', '.join(wrong)}")


class Countdown:
    """One attempt's running clock.

    Args:
        limits: What the attempt may take.
        clock: Monotonic seconds.
    """

    __slots__ = ("_clock", "_ends_at", "_first_by", "_idle_s", "phase", "started_at")

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        now = clock()
        self._clock = clock
        self._ends_at = now + limits.total_s
        self._first_by: float | None = now + limits.first_token_s
        self._idle_s = limits.idle_s
        self.started_at = now
        self.phase: TimeoutPhase = "first_token"
        """The limit that :meth:`left` last counted against."""

    def left(self) -> float:
        """Seconds the next wait may take; zero or less when a limit has run out."""
        now = self._clock()
        if self._first_by is None:
            wait, self.phase = self._idle_s, "idle"
        else:
            wait, self.phase = self._first_by - now, "first_token"
        left = self._ends_at - now
        if left <= wait:
            self.phase = "total"
            return left
        return wait

    def begun(self) -> None:
        """From here on the idle limit counts, and the first-token limit no more."""
        self._first_by = None

    def elapsed_s(self) -> float:
        """Seconds since the attempt began."""
        return self._clock() - self.started_at

    def is_over(self) -> bool:
        """Whether the whole attempt's time has run out."""
        return self._clock() >= self._ends_at


class WaitLimit(float):
    """A timeout in seconds that still knows, when it is used late, what is left of the attempt.

    httpx fixes its timeouts when a request starts. To any transport this is a float; ours asks
    :meth:`now` before each wait.
    """

    _countdown: Countdown
    _at_most_s: float

    def __new__(cls, countdown: Countdown, at_most_s: float = float("inf")) -> Self:
        """Bound one kind of wait by ``at_most_s``, and all of them by the countdown."""
        limit = super().__new__(cls, min(at_most_s, countdown.left()))
        limit._countdown = countdown
        limit._at_most_s = at_most_s
        return limit

    def now(self) -> float:
        """Seconds this wait may take if it starts now; zero or less when time is up."""
        return min(self._at_most_s, self._countdown.left())
