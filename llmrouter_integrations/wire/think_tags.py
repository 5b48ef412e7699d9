"""Reasoning that a model writes into its text, between ``<think>`` and ``</think>``."""

from __future__ import annotations

from typing import Final

__all__ = ["ThinkTags"]

OPEN: Final = "<think>"
CLOSE: Final = "</think>"


class ThinkTags:
    """Parts reasoning at the beginning of a text from the text itself, in pieces cut anywhere.

    Only what begins with the tag is parted; a tag further on is text like any other. Blanks on
    either side of a tag belong to neither.

    Attributes:
        settled: Whether all that comes is text; no more need be asked.
    """

    __slots__ = ("_held", "_thinking", "_trim", "settled")

    def __init__(self) -> None:
        self.settled = False
        self._held = ""
        self._thinking = False
        self._trim = False

    def feed(self, text: str) -> tuple[str, str]:
        """Take more text; give (reasoning, text) as far as they can be told apart."""
        if self.settled:
            return "", text
        text = self._held + text
        self._held = ""
        if not self._thinking and not self._trim:
            begins = text.lstrip()
            if begins.startswith(OPEN):
                self._thinking = self._trim = True
                text = begins[len(OPEN) :]
            elif OPEN.startswith(begins):
                self._held = text
                return "", ""
            else:
                self.settled = True
                return "", text
        if self._trim:
            text = text.lstrip()
            if not text:
                return "", ""
            self._trim = False
        if not self._thinking:
            self.settled = True
            return "", text
        reasoning, closed, rest = text.partition(CLOSE)
        if not closed:
            kept = _beginning_of_close(text)
            self._held = text[len(text) - kept :]
            return text[: len(text) - kept], ""
        self._thinking = False
        rest = rest.lstrip()
        self._trim = not rest
        self.settled = bool(rest)
        return reasoning.rstrip(), rest

    def flush(self) -> tuple[str, str]:
        """Take the end of the text; give what was held back."""
        held, self._held = self._held, ""
        return (held, "") if self._thinking else ("", held)


def _beginning_of_close(text: str) -> int:
    """Count the characters at the end that may be the beginning of blanks and a closing tag."""
    for length in range(min(len(CLOSE) - 1, len(text)), 0, -1):
        if CLOSE.startswith(text[-length:]):
            break
    else:
        length = 0
    before = text[: len(text) - length]
    return length + len(before) - len(before.rstrip())
