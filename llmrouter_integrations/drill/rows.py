"""The rows of the fault catalogue: :data:`FAULTS`."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from llmrouter_integrations.drill.answer_faults import ANSWER_FAULTS
from llmrouter_integrations.drill.call_faults import CALL_FAULTS
from llmrouter_integrations.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmrouter_integrations.drill.catalogue import FaultRow

__all__ = ["FAULTS", "chosen"]

FAULTS: tuple[FaultRow, ...] = (*CALL_FAULTS, *ANSWER_FAULTS)
"""Every fault, in the order of the page."""


def chosen(names: Iterable[str] | None) -> tuple[FaultRow, ...]:
    """Choose rows by name, or by their kind; all where no names are given.

    Raises:
        ConfigurationError: A name is none of the catalogue's; says which is nearest.
    """
    if not names:
        return FAULTS
    found: list[FaultRow] = []
    for name in names:
        named = [row for row in FAULTS if name in (row.name, row.kind)]
        if not named:
            known = [said for row in FAULTS for said in (row.name, row.kind)]
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigurationError(
                f"no fault is named {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
        found.extend(row for row in named if row not in found)
    return tuple(found)
