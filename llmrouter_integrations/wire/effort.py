"""Reasoning effort: the ladder of levels, and the nearest rung a target has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["EFFORTS", "nearest_effort"]

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Every level of ``Request.reasoning_effort``, weakest first."""

_RANK: Final = {effort: rank for rank, effort in enumerate(EFFORTS)}


def nearest_effort(asked: str, allowed: Collection[str]) -> str | None:
    """Give the allowed level nearest to the one asked for; of two as near, the weaker.

    Returns:
        None where nothing is allowed, or a word is asked for that is no level at all.
    """
    if asked in allowed:
        return asked
    rank = _RANK.get(asked)
    if rank is None:
        return None
    known = [level for level in allowed if level in _RANK]
    return min(known, key=lambda level: (abs(_RANK[level] - rank), _RANK[level]), default=None)
