"""One request and its answer under way, and what httpx raises told as this package's errors.

The errors made here carry no cause: httpx's and httpcore's frames hold the request's headers,
and whoever ships a traceback with its local variables would ship the key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from llmrouter_integrations.errors import (
    ProtocolViolationError,
    TargetConnectionError,
    TargetTimeoutError,
    TruncatedAnswerError,
)
from llmrouter_integrations.transport.limits import Countdown

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmrouter_integrations.errors import TargetError, TimeoutPhase
    from llmrouter_integrations.transport.limits import Limits

__all__ = ["EXPECTED", "Exchange"]

EXPECTED = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError)
"""What a transport may raise. TimeoutError is an OSError; anything else is a bug, and passes."""

_TIMEOUTS: tuple[tuple[type[Exception], TimeoutPhase, bool], ...] = (
    (httpx.ConnectTimeout, "connect", False),
    (httpx.PoolTimeout, "pool", False),
    (httpx.WriteTimeout, "write", True),
)
"""Error, the phase it means, and whether the provider may have begun by then."""

_NEVER_SENT = (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol)

_TOLD_AT_MOST = 200
"""Characters of a lower layer's words: it may quote what a stranger's server sent."""


class Exchange:
    """One request and its answer: its clock, its peer, and how far it has come.

    Args:
        limits: What it may take.
        clock: Monotonic seconds.
        peer: Origin, and proxy if there is one, as they may be shown.

    Attributes:
        status: HTTP status, once the answer's headers have arrived.
    """

    __slots__ = ("countdown", "max_body_bytes", "peer", "status")

    def __init__(self, limits: Limits, clock: Callable[[], float], peer: str) -> None:
        self.countdown = Countdown(limits, clock)
        self.max_body_bytes = limits.max_body_bytes
        self.peer = peer
        self.status: int | None = None

    def start(self) -> None:
        """Make sure that there is time for it at all.

        Raises:
            TargetTimeoutError: There was none to begin with; nothing was sent.
        """
        if self.countdown.left() <= 0:
            raise self.timed_out(sent=False)

    def timed_out(self, *, sent: bool = True) -> TargetTimeoutError:
        """The error for one of the attempt's own limits, run out while the peer was awaited."""
        countdown = self.countdown
        phase = "total" if countdown.is_over() else countdown.phase
        told = f"{phase.replace('_', ' ')} time limit ran out after {countdown.elapsed_s():.2f} s"
        return TargetTimeoutError(
            f"{self.peer}: {told}", phase=phase, status=self.status, sent=sent
        )

    def violated(self, how: str) -> ProtocolViolationError:
        """The error for an answer that is not what HTTP or our limits allow."""
        return ProtocolViolationError(f"{self.peer}: {how}", status=self.status)

    def fault(self, raised: Exception) -> TargetError:
        """The error to raise for one of :data:`EXPECTED`, which a transport raised."""
        for kind, phase, sent in _TIMEOUTS:
            if isinstance(raised, kind):
                told = f"{self.peer}: {phase} time limit ran out"
                return TargetTimeoutError(told, phase=phase, sent=sent)
        if isinstance(raised, (httpx.TimeoutException, TimeoutError)):
            return self.timed_out()
        if isinstance(raised, httpx.LocalProtocolError):
            # httpx's own text quotes the header's value.
            return TargetConnectionError(f"{self.peer}: the request cannot be sent", sent=False)
        text = " ".join(str(raised).split())[:_TOLD_AT_MOST] or type(raised).__name__
        if isinstance(raised, httpx.DecodingError):
            return self.violated(f"the body is not in its content-encoding: {text}")
        if isinstance(raised, httpx.RemoteProtocolError):
            return self._protocol_fault(text)
        if self.status is not None:
            return self._truncated(text)
        sent = not isinstance(raised, _NEVER_SENT)
        return TargetConnectionError(f"{self.peer}: {text}", sent=sent)

    def _protocol_fault(self, text: str) -> TargetError:
        if self.status is None and "disconnected" in text:
            return TargetConnectionError(f"{self.peer}: {text}")
        if "complete message body" in text:
            return self._truncated(text)
        return self.violated(text)

    def _truncated(self, text: str) -> TruncatedAnswerError:
        return TruncatedAnswerError(f"{self.peer}: cut mid-answer: {text}", status=self.status)
