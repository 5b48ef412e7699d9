"""Server-sent events out of bytes that may be cut anywhere.

Follows the event stream grammar of the WHATWG HTML standard (section 9.2), and is lenient where
model servers are not strict: see :class:`SseParser`.
"""

from __future__ import annotations

from typing import Final

from llmrouter_integrations.errors import ProtocolViolationError

__all__ = ["SseParser"]

BOM: Final = b"\xef\xbb\xbf"
MAX_EVENT_BYTES: Final = 32 * 1024 * 1024
"""Room for several base64 images in one event; a server that never ends an event stops here."""


class SseParser:
    r"""Splits a stream into events. One instance per stream.

    Line ends may be ``\n``, ``\r\n`` or ``\r``; comments, ``id`` and ``retry`` are skipped, and
    so are events without data (the standard's rule). A block that is bare JSON rather than fields
    counts as an event's data: some servers answer a streaming request with a plain error body.

    Args:
        max_event_bytes: The most bytes an unfinished event may hold.
    """

    __slots__ = ("_begun", "_held", "_held_bytes", "_max", "_skip_lf")

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._max = max_event_bytes
        self._skip_lf = False
        self._begun = False

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        r"""Take the next bytes; give the events they complete as (name, data).

        The name is "" where the event has none; several ``data`` lines are joined by ``\n``.

        Raises:
            ProtocolViolationError: An event is larger than ``max_event_bytes``, or the stream is
                an HTML page.
        """
        if not self._begun:
            data = self._begin(data)
        if b"\r" in data or self._skip_lf:
            data = self._unix_lines(data)
        if not data:
            return []
        held = self._held
        if b"\n\n" not in data and not (held and data[0] == 10 and held[-1][-1] == 10):
            held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes > self._max:
                raise ProtocolViolationError(f"a stream event is larger than {self._max} bytes")
            return []
        if held:
            held.append(data)
            data = b"".join(held)
            held.clear()
        *blocks, rest = data.split(b"\n\n")
        self._held_bytes = len(rest)
        if rest:
            held.append(rest)
        events: list[tuple[str, bytes]] = []
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block:
                events.append(("", block[6:]))
            elif (event := _event(block)) is not None:
                events.append(event)
        return events

    def flush(self) -> list[tuple[str, bytes]]:
        """Take the end of the stream; give the last event if its blank line never came.

        Its data may be cut short: the caller must be able to tell.
        """
        event = _event(b"".join(self._held))
        self._held.clear()
        self._held_bytes = 0
        return [] if event is None else [event]

    def _begin(self, data: bytes) -> bytes:
        data = b"".join([*self._held, data])
        self._held.clear()
        if len(data) < len(BOM) and BOM.startswith(data):
            if data:
                self._held.append(data)
            return b""
        data = data.removeprefix(BOM)
        data = data.lstrip(b"\r\n")
        if data.lstrip()[:1] == b"<":  # no field of an event begins so: a proxy's page does
            raise ProtocolViolationError("the answer's body is HTML")
        self._begun = bool(data)
        return data

    def _unix_lines(self, data: bytes) -> bytes:
        if self._skip_lf and data:
            data = data.removeprefix(b"\n")
            self._skip_lf = False
        if data.endswith(b"\r"):
            # taken as a whole line end at once, so that an event is not held back for one byte
            self._skip_lf = True
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _event(block: bytes) -> tuple[str, bytes] | None:
    """Read one event's lines; None if there is no data in it."""
    if block.lstrip()[:1] in (b"{", b"["):
        return "", block
    name = ""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ").decode("utf-8", "replace")
    return (name, b"\n".join(data)) if data else None
