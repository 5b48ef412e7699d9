"""What an answer costs: the data's own figures, or a stand-in where it has none; and a forecast."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from llmrouter_integrations.catalog import Catalog
from llmrouter_integrations.catalog.efforts import VISIBLE_TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from llmrouter_integrations.catalog import ModelFacts
    from llmrouter_integrations.evaluation.datasets import LabelledTable

__all__ = ["DOLLARS", "CostBasis", "CostForecast", "Priced", "priced"]

CostBasis = Literal["usd", "usd_expected", "usd_catalog", "parameters", "strong_calls"]
"""What costs are counted in: dollars paid; dollars expected by what the rows to learn from cost;
dollars by the catalogue's prices; billions of parameters; calls to the strong model."""
DOLLARS: frozenset[CostBasis] = frozenset({"usd", "usd_expected", "usd_catalog"})

_PARAMETERS = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)b(?![a-z0-9])", re.IGNORECASE)
_CHARACTERS_PER_TOKEN = 4
_VENDORS = ("openai", "anthropic", "google", "mistral")
"""Where a model is looked for whose name alone no source knows."""


class Priced(NamedTuple):
    """Tables that both have costs.

    Attributes:
        train: The rows to learn from.
        test: The rows to judge on.
        basis: What the costs are counted in.
        notes: What the reader should know of them.
    """

    train: LabelledTable
    test: LabelledTable
    basis: CostBasis
    notes: tuple[str, ...] = ()


def priced(train: LabelledTable, test: LabelledTable) -> Priced:
    """Give both tables costs, where they have none.

    Where only the rows to learn from have them, those of the others are expected by them. Where
    only the rows to judge on have them, each model's mean is taken as its price, known beforehand.
    Without any, of two models the one that is better on the rows to learn from costs 1 and the
    other 0, as in RouteLLM. Of more, each costs its number of parameters, where every name tells
    it ("llama-3.1-8b-instruct", "mixtral-8x7b"); else what the catalogue's prices make of the
    prompt and a usual answer, where it knows every name; else the best again 1, and all others 0.

    Args:
        train: With a quality of every model.
        test: With the same models.
    """
    if train.cost is not None and test.cost is not None:
        return Priced(train, test, "usd")
    if train.cost is not None:
        test = dataclasses.replace(test, cost=CostForecast(train).predict(test.prompts))
        note = f"{test.name} has no costs: they are what those of {train.name} lead to expect"
        return Priced(train, test, "usd_expected", (note,))
    if test.cost is not None:
        note = f"{train.name} has no costs: each model's mean in {test.name} is taken as its price"
        return Priced(_each(train, np.nanmean(test.cost, axis=0)), test, "usd", (note,))
    if len(train.models) > 2:
        sizes = [_PARAMETERS.search(model) for model in train.models]
        each = np.array([int(size[1] or 1) * float(size[2]) for size in sizes if size])
        if len(each) == len(sizes):
            return _without_dollars(train, test, each, "parameters")
        listed = [_listed(model) for model in train.models]
        known = [facts for facts in listed if facts is not None]
        if len(known) == len(listed):
            note = f"no costs: by the catalogue's prices, {', '.join([f.id for f in known])}"
            return Priced(_by_list(train, known), _by_list(test, known), "usd_catalog", (note,))
    each = np.zeros(len(train.models))
    strong = int(np.argmax(np.nanmean(train.quality, axis=0)))
    each[strong] = 1.0
    told = _without_dollars(train, test, each, "strong_calls")
    if len(each) == 2:
        return told
    note = f"nothing tells what the models cost: a call to {train.models[strong]} costs 1, others 0"
    return told._replace(notes=(note, *told.notes))


def _without_dollars(
    train: LabelledTable, test: LabelledTable, each: NDArray[np.float64], basis: CostBasis
) -> Priced:
    unit = basis.replace("_", " ")
    note = f"no arena score and no presets: they need dollars, and costs are counted in {unit}"
    return Priced(_each(train, each), _each(test, each), basis, (note,))


def _each(table: LabelledTable, costs: NDArray[np.float64]) -> LabelledTable:
    """Let each model cost the same for every prompt."""
    return dataclasses.replace(table, cost=np.tile(costs, (len(table), 1)))


def _listed(model: str) -> ModelFacts | None:
    """Give what the catalogue knows of a model that it has a price of."""
    catalog = Catalog.load()
    names = [
        model,
        catalog.vendor_model(model) or "",
        *[f"{vendor}/{model}" for vendor in _VENDORS],
    ]
    for name in names:
        provider, slash, rest = name.partition("/")
        facts = catalog.find(provider, rest) if slash else None
        if facts is not None and facts.rates is not None:
            return facts
    return None


def _by_list(table: LabelledTable, known: Sequence[ModelFacts]) -> LabelledTable:
    prompt_tokens = _lengths(table.prompts) / _CHARACTERS_PER_TOKEN
    columns = []
    for facts in known:
        measured = facts.output_tokens.get("overall")
        answer_tokens = VISIBLE_TOKENS if measured is None else measured.value
        if facts.rates is not None:
            answer_usd = answer_tokens * facts.rates.output_usd
            columns.append(prompt_tokens * facts.rates.input_usd + answer_usd)
    return dataclasses.replace(table, cost=np.stack(columns, axis=1))


_BINS = 20
_LEAST_ROWS = 10
"""Fewer prompts of about one length say nothing of what they cost beyond the line; of more, what
they say counts as if so many more had been on it."""


class CostForecast:
    """Expects each model's cost to rise along a straight line with the length of the prompt.

    That is how providers charge, where answers are about equally long. Fitted by least squares;
    where a line would fall, the mean is used. Where prompts of about one length (a twentieth of
    all) cost more or less than that, as those of one template do whose answers are long, that is
    added.

    Args:
        table: With costs.
    """

    def __init__(self, table: LabelledTable) -> None:
        length = _lengths(table.prompts)
        self._fixed = np.zeros(len(table.models))
        self._per_character = np.zeros(len(table.models))
        self._bounds = np.unique(np.quantile(length, np.arange(1, _BINS) / _BINS))
        bins = np.searchsorted(self._bounds, length)
        self._beyond = np.zeros((len(self._bounds) + 1, len(table.models)))
        for place, paid in enumerate(table.known_cost.T):
            known = ~np.isnan(paid)
            x, y = length[known], paid[known]
            if not x.size:
                raise ValueError(f"{table.name} has no cost of {table.models[place]!r}")
            spread = float(np.var(x))
            slope = float(np.mean((x - x.mean()) * (y - y.mean()))) / spread if spread else 0.0
            self._per_character[place] = max(slope, 0.0)
            self._fixed[place] = y.mean() - self._per_character[place] * x.mean()
            missed = y - self._fixed[place] - self._per_character[place] * x
            count = np.bincount(bins[known], minlength=len(self._beyond))
            sums = np.bincount(bins[known], missed, len(self._beyond))
            enough = count >= _LEAST_ROWS
            self._beyond[enough, place] = sums[enough] / (count[enough] + _LEAST_ROWS)

    def predict(self, prompts: Sequence[str]) -> NDArray[np.float64]:
        """Expect the cost of each model's answer to each prompt, 0 or more."""
        length = _lengths(prompts)
        line = self._fixed + np.outer(length, self._per_character)
        return np.maximum(line + self._beyond[np.searchsorted(self._bounds, length)], 0.0)


def _lengths(prompts: Sequence[str]) -> NDArray[np.float64]:
    return np.fromiter(map(len, prompts), np.float64, len(prompts))
