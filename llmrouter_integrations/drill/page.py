"""Writes docs/faults.md: ``python -m llmrouter_integrations.drill.page > docs/faults.md``."""

from __future__ import annotations

import sys
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

import orjson

from llmrouter_integrations.drill.rows import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmrouter_integrations.drill.catalogue import FaultRow, Meaning

__all__ = ["page"]

_HEAD = """# Faults

Everything that can go wrong with one call, what the router tells of it, and what it does about it.
This page is made of the fault catalogue (`llmrouter_integrations/drill/`) by `python -m
llmrouter_integrations.drill.page`; the tests bring every row about in every protocol, and
`llmrouter drill` (see [testing](testing.md#drills)) does so to a configuration of yours.

- **Told as** is the class in `llmrouter_integrations.errors` that the call ends in. It stands in
  the `attempts` of the answer or of the error that the caller gets.
- **Rests** is what is not asked for a while: the target, or all targets that share its quota
  group; after how many such faults in a row; and for how long at least, where it does not heal by
  itself. Otherwise the first rest is `cooldown_s`, doubled by each probe that fails; a longer rest
  that the provider asks for is kept.
- **The request** then goes to any other target ("elsewhere"), to one with another model, to one
  with a larger window, to nobody ("given up"), or the answer stands. Where a stream has handed on
  content before, it ends in `StreamInterrupted`, which holds that content, unless the hint
  `on_interrupt` asks for more.
"""

_KINDS = {
    "connection": "Connections",
    "time": "Time",
    "key": "Keys",
    "endpoint": "Models and addresses",
    "limit": "Limits",
    "server": "The provider's own failures",
    "body": "Bodies",
    "stream": "Streams",
    "request": "Requests",
    "answer": "Answers",
    "tools": "Tool calls",
}

_COLUMNS = """| fault | what happened | told as | rests | the request | seen as |
|---|---|---|---|---|---|"""


def page() -> str:
    """Give the page."""
    return "\n".join([_HEAD, *_sections(), *_spellings()])


def _sections() -> Iterator[str]:
    for kind, rows in groupby(FAULTS, attrgetter("kind")):
        yield f"## {_KINDS[kind]}\n\n{_COLUMNS}"
        yield from map(_line, rows)
        yield ""


def _line(row: FaultRow) -> str:
    meaning = row.meaning
    then: str = "the answer stands" if meaning.then == "answered" else meaning.then
    if meaning.better_than_none:
        then += "; where nobody does better, it stands"
    if row.after_content:
        then += "; of a stream: `StreamInterrupted`"
    if len(row.ways) > 1:
        seen = f"{_code(row.example)} ({row.source}), and {len(row.ways) - 1} more spellings"
    else:
        seen = f"{_code(row.example)} ({row.source})"
    told = f"`{meaning.error}`{_phases(row)}" if meaning.error else "an answer"
    cells = (f"`{row.name}`", row.happened, told, _rest(meaning), then, seen)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _phases(row: FaultRow) -> str:
    phases = dict.fromkeys(filter(None, (row.phase, row.whole_phase)))
    return f", phase {' or '.join(phases)}" if phases else ""


def _rest(meaning: Meaning) -> str:
    if meaning.rests == "nothing":
        return "nothing"
    who = meaning.rests.replace("_", " ")
    when = "at once" if meaning.after == 1 else f"after {meaning.after}"
    return f"the {who}, {when}" + (f", {meaning.rest_s:g} s" if meaning.rest_s else "")


def _spellings() -> Iterator[str]:
    row = next(row for row in FAULTS if row.name == "context-overflow")
    yield "## How vendors say that a prompt is too long\n"
    yield "| status | says | source |\n|---|---|---|"
    for line in row.spellings:
        body = line["body"]
        said = (body if isinstance(body, str) else orjson.dumps(body).decode()).replace("|", "\\|")
        yield f"| {line['status']} | {_code(said)} | {line['source']} |"
    yield ""


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


if __name__ == "__main__":
    sys.stdout.write(page())
