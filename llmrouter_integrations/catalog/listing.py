"""Filters and sorts lists of models."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.hints import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from llmrouter_integrations.catalog.model import ModelFacts

__all__ = ["ABILITIES", "MODALITIES", "SORT_KEYS", "Filter", "in_order"]

ABILITIES = ("tools", "structured_output", "temperature", "reasoning")
"""What a list may be filtered by, as :class:`~.model.Abilities` names it."""

MODALITIES = ("text", "image", "audio", "pdf", "video")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a model must be known to have; one of which it is not known does not pass.

    Attributes:
        search: Words that must all stand in its id, name or family.
        abilities: Of :data:`ABILITIES`.
        inputs: Of :data:`MODALITIES`: what the prompt may hold.
        context_at_least: Tokens of the window.
        input_usd_per_mtok_at_most: Dollars per million prompt tokens.
        output_usd_per_mtok_at_most: Dollars per million output tokens.
        measured: Only with LiveBench scores.
        deprecated: Deprecated ones too.
    """

    search: str = ""
    abilities: Collection[str] = ()
    inputs: Collection[str] = ()
    context_at_least: int | None = None
    input_usd_per_mtok_at_most: float | None = None
    output_usd_per_mtok_at_most: float | None = None
    measured: bool = False
    deprecated: bool = False

    def __post_init__(self) -> None:
        for ability in self.abilities:
            _one_of("ability", ability, ABILITIES)
        for modality in self.inputs:
            _one_of("modality", modality, MODALITIES)

    def passes(self, facts: ModelFacts) -> bool:
        """Whether a model has all of it."""
        said = f"{facts.id} {facts.name} {facts.family}".lower()
        return (
            (self.deprecated or facts.status != "deprecated")
            and all(word in said for word in self.search.lower().split())
            and all(getattr(facts.abilities, ability) for ability in self.abilities)
            and all(facts.abilities.takes(modality) for modality in self.inputs)
            and not (self.measured and not facts.measurements)
            and _at_least(facts.context_window, self.context_at_least)
            and _at_most(_input_price(facts), self.input_usd_per_mtok_at_most)
            and _at_most(_output_price(facts), self.output_usd_per_mtok_at_most)
        )


def _at_least(value: float | None, bound: float | None) -> bool:
    return bound is None or (value is not None and value >= bound)


def _at_most(usd_per_token: float | None, usd_per_mtok: float | None) -> bool:
    # a rate times a million is a rounding error off the price list's figure
    return usd_per_mtok is None or (
        usd_per_token is not None and usd_per_token * 1e6 <= usd_per_mtok * (1 + 1e-9)
    )


def _input_price(facts: ModelFacts) -> float | None:
    return None if facts.rates is None else facts.rates.input_usd


def _output_price(facts: ModelFacts) -> float | None:
    return None if facts.rates is None else facts.rates.output_usd


def _one_of(what: str, name: str, allowed: Collection[str]) -> None:
    if name not in allowed:
        near = difflib.get_close_matches(name, allowed, n=1)
        raise ConfigurationError(
            f"no such {what}: {name!r}"
            + (f"; did you mean {near[0]!r}?" if near else "")
            + f" Known are: {', '.join(allowed)}"
        )


_FIGURES: dict[str, tuple[bool, Callable[[ModelFacts], float | str | None]]] = {
    # key: (whether the largest comes first, the figure)
    "id": (False, lambda facts: facts.id),
    "released": (True, lambda facts: facts.release_date),
    "context": (True, lambda facts: facts.context_window),
    "max_output": (True, lambda facts: facts.max_output),
    "input_price": (False, _input_price),
    "output_price": (False, _output_price),
}

SORT_KEYS = (*_FIGURES, "quality", *TASKS)
"""What a list may be sorted by: figures, or what is believed of a model overall or at a task."""


def in_order(
    models: Iterable[ModelFacts], sort: str = "id", *, reverse: bool = False
) -> list[ModelFacts]:
    """The models sorted: newest, largest, best or cheapest first; where it is not known, last.

    Raises:
        ConfigurationError: No such sort key.
    """
    _one_of("sort key", sort, SORT_KEYS)
    if sort in _FIGURES:
        descending, figure = _FIGURES[sort]
    else:
        descending, figure = True, _score("overall" if sort == "quality" else sort)
    by_id = sorted(models, key=lambda facts: facts.id)
    known = [(value, facts) for facts in by_id if (value := figure(facts)) is not None]
    known.sort(key=lambda pair: pair[0], reverse=descending != reverse)
    unknown = [facts for facts in by_id if figure(facts) is None]
    return [facts for _, facts in known] + unknown


def _score(task: str) -> Callable[[ModelFacts], float | None]:
    def score(facts: ModelFacts) -> float | None:
        found = facts.estimates.get(task)
        return None if found is None else found.value

    return score
