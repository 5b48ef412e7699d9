"""A uniform sample of a stream of unknown length, in bounded memory."""

from __future__ import annotations

import heapq
from hashlib import blake2b
from typing import Any, NamedTuple

__all__ = ["Record", "Sample"]


class Record(NamedTuple):
    """What is kept of a row."""

    prompt: str
    task: str
    domain: str
    figures: Any


class Sample:
    """Keeps the rows whose prompts hash lowest, as many as fit.

    Every prompt has the same chance of staying, wherever it stands in the stream, and rows of one
    prompt stay or go together. While everything fits, everything is kept. (Bottom-k sampling; the
    bar is lowered whenever the budget is passed, and no row above it is let in again.)

    Args:
        max_rows: Most rows kept.
        max_characters: Most characters of prompts kept.
        seed: Of the hash.
    """

    def __init__(self, max_rows: int, max_characters: int, seed: int) -> None:
        self._max_rows = max_rows
        self._max_characters = max_characters
        self._salt = seed.to_bytes(8, "little", signed=True)
        self._bar = 2**64
        self._characters = 0
        self._heap: list[tuple[int, int, Record]] = []
        self.seen = 0

    def has_room_for(self, prompt: str) -> int | None:
        """Give the key to :meth:`keep` a row of that prompt under, or None: it has no place."""
        self.seen += 1
        text = prompt.encode(errors="surrogatepass")
        key = int.from_bytes(blake2b(text, digest_size=8, key=self._salt).digest(), "little")
        return key if key < self._bar else None

    def keep(self, key: int, record: Record) -> None:
        """Keep a row, at the cost of others where there is no room."""
        heapq.heappush(self._heap, (-key, self.seen, record))
        self._characters += len(record.prompt)
        while len(self._heap) > self._max_rows or self._characters > self._max_characters:
            self._bar = -self._heap[0][0]
            while self._heap and -self._heap[0][0] == self._bar:
                self._characters -= len(heapq.heappop(self._heap)[2].prompt)

    @property
    def bar_was_lowered(self) -> bool:
        """Whether a row had to go."""
        return self._bar < 2**64

    def records(self) -> list[Record]:
        """Give the rows kept, in the order they came."""
        return [record for _, _, record in sorted(self._heap, key=lambda entry: entry[1])]
