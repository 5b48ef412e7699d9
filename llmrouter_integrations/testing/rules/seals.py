"""Whose seal is on a piece of reasoning, and whether the reasoning is still what was sealed."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from typing import Any

from llmrouter_integrations.testing.answer import digest

__all__ = ["is_altered", "is_foreign"]


def is_foreign(signature: Any, whose: str) -> bool:
    """Say whether a signature is a simulator's of another; real ones are let through."""
    marks = _marks(signature)
    return marks is not None and marks[1] != whose


def is_altered(signature: Any, reasoning: str) -> bool:
    """Say whether a simulator's signature seals other reasoning than this."""
    marks = _marks(signature)
    return marks is not None and marks[2] != digest(reasoning)


def _marks(signature: Any) -> list[str] | None:
    """Give what a simulator's seal says: "sim", whose it is, the digest, an id of its own."""
    if not isinstance(signature, str):
        return None
    try:
        plain = b64decode(signature, validate=True)
    except NotBase64:
        return None
    marks = plain.decode(errors="replace").split("/")
    return marks if marks[0] == "sim" and len(marks) == 4 else None
