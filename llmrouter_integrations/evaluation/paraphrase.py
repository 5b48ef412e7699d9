"""Other ways to ask the same, by rule: what a router should not be moved by.

The rules are deliberately mild. Paraphrases made by people or models may be given instead.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llmrouter_integrations.errors import MissingColumnError
from llmrouter_integrations.evaluation.reading import open_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["PARAPHRASES", "read_paraphrases"]

_SYNONYMS = {
    "how many": "what number of",
    "how much": "what amount of",
    "calculate": "compute",
    "compute": "calculate",
    "find": "determine",
    "determine": "find",
    "write": "compose",
    "create": "make",
    "explain": "describe",
    "describe": "explain",
    "which of the following": "which one of these",
    "what is": "what's",
    "choose": "pick",
    "select": "choose",
    "total": "overall",
    "each": "every",
    "begin": "start",
    "buy": "purchase",
    "buys": "purchases",
    "big": "large",
    "also": "additionally",
    "so": "therefore",
    "but": "however",
}
_SYNONYM = re.compile(rf"\b(?:{'|'.join(_SYNONYMS)})\b", re.IGNORECASE)
_TYPOGRAPHY = str.maketrans({"'": "\u2019", "-": "\u2013", '"': "\u201d"})


def _reword(text: str) -> str:
    def swap(found: re.Match[str]) -> str:
        old = found[0]
        new = _SYNONYMS[old.lower()]
        return new.capitalize() if old[0].isupper() else new

    return _SYNONYM.sub(swap, text)


PARAPHRASES: Mapping[str, Callable[[str], str]] = {
    "layout": lambda text: "  " + text.replace("\n", "\n\n").replace(". ", ".  ") + " \n",
    "typography": lambda text: text.translate(_TYPOGRAPHY),
    "case": str.lower,
    "courtesy": lambda text: f"Hello! Could you please help me with this?\n\n{text}\n\nThank you!",
    "frame": lambda text: f"Question: {text}\nAnswer:",
    "wording": _reword,
}
"""Kind of paraphrase to what makes it."""


def read_paraphrases(path: Path) -> dict[str, list[str]]:
    """Read paraphrases, one a row.

    Args:
        path: .csv, .jsonl or .parquet with the columns "prompt" and "paraphrase".

    Returns:
        Prompt to its paraphrases.

    Raises:
        DatasetError: The file is not as it should be.
    """
    rows = open_rows(path)
    for name in ("prompt", "paraphrase"):
        if name not in rows.header:
            raise MissingColumnError(
                f"{path}: line 1: no column {name!r}; the columns are {', '.join(rows.header)}"
            )
    prompt, paraphrase = rows.header.index("prompt"), rows.header.index("paraphrase")
    found: dict[str, list[str]] = {}
    for _, cells in rows.read():
        if cells[prompt] and cells[paraphrase]:
            found.setdefault(str(cells[prompt]), []).append(str(cells[paraphrase]))
    return found
