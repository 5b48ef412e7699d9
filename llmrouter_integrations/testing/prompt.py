"""What can be found in a prompt without understanding it: numbers, quotes, names, places, sums."""

from __future__ import annotations

import ast
import operator
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Prompt"]

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
_QUOTED = re.compile(
    r"\"([^\"\n]+)\"|“([^”\n]+)”|「([^」\n]+)」|`([^`\n]+)`|(?<!\w)'([^'\n]+)'(?!\w)|\u2018([^\u2019\n]+)\u2019"
)
_NAME = r"[A-Z][\w'\u2019-]*(?: [A-Z][\w'\u2019-]*)*"
_PROPER = re.compile(rf"\b{_NAME}")
_PLACE = re.compile(rf"\b(?:in|at|for|near|to|from|of|and|or)\s+({_NAME}(?:, [A-Z]{{2}}\b)?)")
_STARTERS_TEXT = (
    "A After An And Answer Are As Based Be Before But Calculate Call Can Classify Compute Convert "
    "Could Count Create Describe Did Do Does Explain Extract Fill Find First For From Generate "
    "Get Give Has Have Hello Hey Hi How I If In Is It JSON Let Make My Next No Now Of On Please "
    "Put Read Reply Respond Return Say Search Should Show Summarize Tell Thanks That The Then "
    "There These They This Those To Translate Use Using Was We Were What What's When Where Which "
    "Who Whose Why Will With Would Write Yes You Your"
)
_STARTERS = frozenset(_STARTERS_TEXT.split())
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]*\w")
_URL = re.compile(r"https?://[^\s\"'<>),;]+(?<![.!?])")
_OPERATORS = {
    "plus": "+",
    "minus": "-",
    "times": "*",
    "multiplied by": "*",
    "divided by": "/",
    "\xd7": "*",
    "x": "*",
    "÷": "/",
}
_SPELLED = re.compile(
    r"(?<=[\d\s)])(?:plus|minus|times|multiplied by|divided by|\xd7|x|÷)(?=[\s\d(])"
)
_SUM = re.compile(r"\(*\d+(?:\.\d+)?(?:\s*[-+*/]\s*\(*\s*\d+(?:\.\d+)?\s*\)*)+")
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True)
class Prompt:
    """One user message, searched for what arguments can be made of."""

    text: str

    @cached_property
    def quotes(self) -> list[str]:
        """Quoted passages, in order."""
        found = (next(filter(None, match.groups())) for match in _QUOTED.finditer(self.text))
        return [quote.strip() for quote in found]

    @cached_property
    def numbers(self) -> list[float]:
        """Numbers, in order, whole ones as int."""
        return [number(match.group()) for match in _NUMBER.finditer(self.text)]

    @cached_property
    def names(self) -> list[str]:
        """Runs of capitalised words that are not merely the start of a sentence."""
        names = []
        for match in _PROPER.finditer(self.text):
            words = match.group().split()
            while words and words[0] in _STARTERS:
                words.pop(0)
            if words:
                names.append(" ".join(words))
        return names

    @cached_property
    def places(self) -> list[str]:
        """Capitalised words after a preposition ("in Paris and Tokyo": two)."""
        found = [match.group(1) for match in _PLACE.finditer(self.text)]
        return [place for place in found if place.split()[0] not in _STARTERS]

    @cached_property
    def sum(self) -> tuple[str, float] | None:
        """The first sum in the text, as written in symbols, and its value."""
        symbols = _SPELLED.sub(lambda match: _OPERATORS[match.group()], self.text)
        match = _SUM.search(symbols)
        if match is None:
            return None
        written = match.group().strip()
        try:
            value = _evaluated(ast.parse(written.lstrip(), mode="eval").body)
        except (SyntaxError, ZeroDivisionError, KeyError):
            return None
        return written, value

    def dates(self) -> list[str]:
        """Dates written as in ISO 8601."""
        return _DATE.findall(self.text)

    def emails(self) -> list[str]:
        """Mail addresses."""
        return _EMAIL.findall(self.text)

    def urls(self) -> list[str]:
        """Web addresses."""
        return _URL.findall(self.text)

    def number_called(self, name: str) -> float | None:
        """Give the number said of a name: "age 30", "count: 5"."""
        pattern = rf"\b{re.escape(name)}\b[^\d\n]{{0,12}}?(-?\d+(?:\.\d+)?)"
        match = re.search(pattern, self.text, re.IGNORECASE)
        return number(match.group(1)) if match else None

    def arguments_of(self, function: str) -> str | None:
        """Give what stands in the parentheses after a function's name: "f(3)"."""
        match = re.search(rf"\b{re.escape(function)}\s*\(([^)\n]*)\)", self.text)
        return match.group(1) if match else None


def number(text: str) -> float:
    """Read a number, as int if it is written as one."""
    return float(text) if "." in text else int(text)


def _evaluated(node: ast.expr) -> float:
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            value: float = _ARITHMETIC[type(op)](_evaluated(left), _evaluated(right))
            return int(value) if value == int(value) else round(value, 6)
        case ast.Constant(value=int() | float() as constant):
            return constant
        case _:
            raise KeyError(type(node))
