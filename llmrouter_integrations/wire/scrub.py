"""Keys out of what vendors say: their error bodies echo them, whole or in part."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["holds_key", "scrub"]

REDACTED: Final = "[redacted]"
_MAX_CHARS: Final = 500
_KEY_LIKE: Final = re.compile(
    r"""
      \b(?:sk|pk|rk|gsk|xai|pplx|csk|fw|hf|nvapi|r8|tgp)[-_][A-Za-z0-9_*.-]{6,}
    | \bAIza[A-Za-z0-9_-]{10,} | \bya29\.[A-Za-z0-9_.-]+ | \bAQ\.[A-Za-z0-9_-]{10,}
    | \b(?:AKIA|ASIA|ABSK|ABIA)[A-Za-z0-9+/=]{12,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+
    | (?<=[Bb]earer\ )[A-Za-z0-9_.~+/=-]{8,}
    | (?<=key=)[A-Za-z0-9_.~-]{8,}
    | (?<=provided:\ )(?=\S*[*\d])[^\s,;]{3,}?(?=\.?(?:\s|$))
    | \S*[\w-]\*{3,}\S*
    """,
    re.VERBOSE,
)


def scrub(text: str, key: str | None = None) -> str:
    """Give ``text`` without what looks like a key, and at most 500 characters of it.

    Args:
        text: A provider's words.
        key: The key that was sent, taken out wherever it stands.
    """
    if key and len(key) >= 4:
        text = text.replace(key, REDACTED)
    text = _KEY_LIKE.sub(REDACTED, text[: 4 * _MAX_CHARS])
    return text if len(text) <= _MAX_CHARS else text[: _MAX_CHARS - 1] + "…"


def holds_key(text: str, key: str | None = None) -> bool:
    """Whether something in ``text`` looks like a key, or is the one that was sent."""
    return bool((key and len(key) >= 4 and key in text) or _KEY_LIKE.search(text))
