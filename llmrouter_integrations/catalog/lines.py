"""Lines of models: which older model a newer one's abilities can be inferred from.

The price list and LiveBench know models that came after the snapshot of models.dev. A vendor
rarely takes from a new model of a line what the one before it could do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from llmrouter_integrations.catalog.names import as_trained, normal, undated

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["INFERRED", "Lines", "Place", "place"]

INFERRED = ("tools", "structured", "temperature", "in", "out")
"""Keys of a row that are taken from an older model. Limits, prices and scores never are."""

_VENDORS = ("anthropic", "google", "openai")
"""Those whose names tell line and version, and whose lines' names nobody else uses."""

_VERSION = re.compile(r"-(\d{1,2})(?:-(\d{1,2}))?(?=-|$)")
_PREVIEW = re.compile(r"-preview(?=-|$)")

_CONTINUES = {"gpt-luna": "gpt", "gpt-sol": "gpt", "gpt-terra": "gpt"}
"""A line that took another's place, to that one: since 5.6, sizes of GPT have names."""


class Place(NamedTuple):
    """A model's line, and its version within."""

    line: str
    version: tuple[int, int]


def place(model: str) -> Place | None:
    """Where a model, in any spelling, stands; None where its name has no version."""
    name = as_trained(undated(normal(model)))
    found = _VERSION.search(name)
    if found is None:
        return None
    line = _PREVIEW.sub("", name[: found.start()] + name[found.end() :])
    return Place(_CONTINUES.get(line, line), (int(found[1]), int(found[2] or 0)))


class Lines:
    """The models whose abilities are known, by line.

    Args:
        models: ``vendor/model`` to row.
    """

    def __init__(self, models: Mapping[str, Mapping[str, Any]]) -> None:
        self._lines: dict[str, list[tuple[tuple[int, int], str]]] = {}
        # the longest spelling first, so that of one version the plainest is last
        for model in sorted(models, key=lambda name: (-len(name), name)):
            of_vendor = model.partition("/")[0] in _VENDORS
            if of_vendor and "in" in models[model] and (at := place(model)) is not None:
                self._lines.setdefault(at.line, []).append((at.version, model))
        for line in self._lines.values():
            line.sort(key=lambda entry: entry[0])

    def before(self, model: str) -> str | None:
        """The ``vendor/model`` of the newest strictly older one of a model's line, or None."""
        at = place(model)
        if at is None:
            return None
        older = [name for version, name in self._lines.get(at.line, ()) if version < at.version]
        return older[-1] if older else None

    def about(self, model: str) -> str | None:
        """The ``vendor/model`` of its line whose version is nearest, if a model is among them.

        None where it has no line, or is newer than all of it.
        """
        at = place(model)
        line = self._lines.get(at.line) if at is not None else None
        if at is None or line is None or at.version > line[-1][0]:
            return None
        major, minor = at.version
        return min(line, key=lambda entry: (abs(entry[0][0] - major), abs(entry[0][1] - minor)))[1]
