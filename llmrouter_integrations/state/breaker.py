"""One circuit breaker: when it opens, for how long, and who finds out whether it may close."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmrouter_integrations.state.base import Outcome

__all__ = ["LONGEST_RETRY_AFTER_S", "Breaker"]

LONGEST_RETRY_AFTER_S = 86_400.0
"""A provider's ``Retry-After`` counts up to a day; beyond that it is taken for a mistake."""


class Breaker:
    """The circuit breaker of one target or quota group.

    Its epoch counts how often it opened; a call belongs to the epoch in which it was let through.
    """

    __slots__ = (
        "breaks_late",
        "cooling_until",
        "epoch",
        "failures",
        "is_open",
        "name",
        "openings",
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
        self.breaks_late = False
        self.probing = False
        self.reason = ""

    def refuses(self, now: float) -> bool:
        """Whether no call may go now: it rests, or the probe is out."""
        return self.is_open and (self.probing or now < self.cooling_until)

    def let_go(self, epoch: int) -> None:
        """A call ended that taught nothing of this: if it was the probe, another may go."""
        if epoch == self.epoch:
            self.probing = False

    def shows_life(self, epoch: int, now: float) -> None:
        """A call is being answered: others may go too. How it ends is still to be seen.

        Where answers broke off after they had begun, it must be seen first.
        """
        if not self.breaks_late:
            self._close(epoch, now)

    def _close(self, epoch: int, now: float) -> None:
        if epoch != self.epoch or not self.is_open:
            return
        self.probing = False
        if now >= self.cooling_until:  # else a call begun earlier was told to wait longer
            self.is_open = False
            self.cooling_until = 0.0
            self.reason = ""

    def succeeded(self, epoch: int, now: float) -> None:
        """A call was answered."""
        self._close(epoch, now)
        if epoch == self.epoch and not self.is_open:
            self.failures = self.openings = 0

    def failed(self, epoch: int, outcome: Outcome, now: float, base_s: float, max_s: float) -> None:
        """A call failed in a way that is held against this: it opens, or is nearer to it.

        Args:
            epoch: When the call was let through.
            outcome: What it came to.
            now: Present time, in seconds.
            base_s: First cooldown, in seconds.
            max_s: Where doubling it ends, in seconds.
        """
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
        self.breaks_late = outcome.first_token_s is not None
        self.is_open = False
        self.rest(rest_s, outcome.reason, now)

    def rest(self, rest_s: float, reason: str, now: float) -> None:
        """Open, or stay open, for so many seconds from now at least."""
        if not self.is_open:
            self.is_open = True
            self.epoch += 1
        if now + rest_s > self.cooling_until:
            self.cooling_until = now + rest_s
            self.reason = reason
