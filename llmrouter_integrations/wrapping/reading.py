"""An answer as it is read: its time, whether it ended, whether it is one: :class:`Reading`."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from llmrouter_integrations.account import RESTARTED
from llmrouter_integrations.errors import TargetTimeoutError, TruncatedAnswerError
from llmrouter_integrations.messages import (
    Chunk,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from llmrouter_integrations.wire.checks import check_end, finished

if TYPE_CHECKING:
    from collections.abc import Container

    from llmrouter_integrations.messages import Delta, Response
    from llmrouter_integrations.transport import Limits
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["Ending", "Reading", "check_no_restart"]


def check_no_restart(metadata: Container[str]) -> None:
    """Check that a piece of a stream does not say that the answer begins again.

    A model of somebody's own may ask a routed one, whose mark of a restart then comes through it.
    Here that is a stream that broke: what becomes of it, the request at hand says.

    Args:
        metadata: The piece's.

    Raises:
        TruncatedAnswerError: It does.
    """
    if RESTARTED in metadata:
        raise TruncatedAnswerError("the answer broke off within the model, which began another")


class Ending:
    """Judges whether answers of a model ended.

    A model that has ever told why an answer ended must tell it of every answer: one that ends
    without is taken to be cut off. One that never has is taken at its word that the answer is over.
    Whole and streamed answers are judged apart: some integrations tell it of the one kind only.

    Args:
        endpoint: Whose answers they are.
        tells: Whether it is known to tell.
    """

    def __init__(self, endpoint: Endpoint, *, tells: bool) -> None:
        self._endpoint = endpoint
        self._tells = {"whole": tells, "streamed": tells}

    def whole(self, response: Response) -> Response:
        """Give a whole answer back, if it ended and is one.

        Raises:
            TruncatedAnswerError: It did not end.
            ProtocolViolationError: It is none; see :func:`~..wire.checks.finished`.
        """
        if self._told("whole", response.raw_finish_reason):
            return finished(response, self._endpoint)
        called = bool(response.message.tool_calls)
        response = replace(response, finish_reason="tool_calls" if called else "stop")
        return finished(response, self._endpoint)

    def streamed(self, reading: Reading, last: Chunk) -> Chunk:
        """Give a stream's last chunk back; as :meth:`whole`."""
        reading.note(last.deltas)
        if not self._told("streamed", last.raw_finish_reason):
            last = replace(last, finish_reason="tool_calls" if reading.calls else "stop")
        check_end(
            last.finish_reason or "unknown",
            content=reading.has_content,
            calls=[(name, "".join(pieces)) for name, pieces in reading.calls.values()],
            endpoint=self._endpoint,
        )
        return last

    def _told(self, kind: str, raw: str | None) -> bool:
        if raw is not None:
            self._tells[kind] = True
        elif self._tells[kind]:
            raise TruncatedAnswerError(
                "the answer ended without a finish reason", target=self._endpoint.name
            )
        return raw is not None


class Reading:
    """One stream as it is read: its time, and what has come of its answer.

    Args:
        limits: How long it may take.
    """

    def __init__(self, limits: Limits) -> None:
        self.calls: dict[int, tuple[str, list[str]]] = {}
        self.has_content = False
        self._limits = limits
        self._began = time.monotonic()
        self._started = False

    def chunk(self, deltas: tuple[Delta, ...], *, at_work: bool = False) -> Chunk | None:
        """Give the chunk that some deltas come to, if there are any.

        Args:
            deltas: The deltas.
            at_work: Whether the model is seen to write what cannot be given yet.
        """
        self._started = self._started or at_work
        if not deltas:
            return None
        self.note(deltas)
        chunk = Chunk(deltas)
        self._started = self._started or chunk.has_content
        return chunk

    def note(self, deltas: tuple[Delta, ...]) -> None:
        """Take note of what has come."""
        for delta in deltas:
            if isinstance(delta, ToolCallDelta):
                call = self.calls.setdefault(delta.index, (delta.name or "", []))
                call[1].append(delta.arguments)
            elif isinstance(delta, TextDelta):
                self.has_content = self.has_content or bool(delta.text)
            elif not isinstance(delta, ReasoningDelta):
                self.has_content = True

    @property
    def patience_s(self) -> float:
        """How long the next chunk may take."""
        spent_s = time.monotonic() - self._began
        limits = self._limits
        own_s = limits.idle_s if self._started else limits.first_token_s - spent_s
        return max(0.0, min(own_s, limits.total_s - spent_s))

    def check_time(self) -> None:
        """Say so where the time is up, in a thread that nothing could interrupt.

        Raises:
            TargetTimeoutError: It is.
        """
        spent_s = time.monotonic() - self._began
        limits = self._limits
        if spent_s > limits.total_s or (not self._started and spent_s > limits.first_token_s):
            raise self.too_late()

    def too_late(self) -> TargetTimeoutError:
        """Name the limit that ran out."""
        limits = self._limits
        if time.monotonic() - self._began >= limits.total_s:
            return TargetTimeoutError(f"no answer within {limits.total_s:.3g} s", phase="total")
        if self._started:
            return TargetTimeoutError(f"no content for {limits.idle_s:.3g} s", phase="idle")
        return TargetTimeoutError(
            f"no content within {limits.first_token_s:.3g} s", phase="first_token"
        )
