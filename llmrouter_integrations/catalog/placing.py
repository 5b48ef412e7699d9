"""A place for a model that LiveBench did not measure, on the scale of those it did.

Each model has one ability: the logit of the overall LiveBench score it has, or would have. Three
things tell of it, and each says how far it may be off:

- other benchmarks. The logit of a model's score there is a line over its ability, with an intercept
  and a slope of the benchmark's own, as in A. Ho et al. 2025, "A Rosetta Stone for AI Benchmarks"
  (arXiv 2512.00193); models with several scores chain benchmarks together that share no model with
  LiveBench;
- release date and price: a line over both;
- its line of models: the nearest measured one of it is so much better than its own date and price
  foretell, and a part of that is believed of this one.

All is fitted at once when the table is built (:mod:`~.placing_fit`). A place is the mean of what is
told, each weighted by the inverse of its variance.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from llmrouter_integrations.catalog.lines import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["LIVEBENCH", "Known", "Link", "Placed", "Placing", "ability", "overall"]

LIVEBENCH = "LiveBench"
"""What the scale itself is called among the benchmarks."""

_ENOUGH = 0.005
_SAME = {"SWE Bench Pro": "SWE-Bench Pro", "Terminal Bench 2.1": "Terminal-Bench 2.1"}


class Known(NamedTuple):
    """What is known of a model, scores on LiveBench aside.

    Attributes:
        released: Release date, ISO; None: not known.
        usd_per_mtok: List price of a million output tokens; None: not known.
        benchmarks: Name to score, in percent.
    """

    released: str | None
    usd_per_mtok: float | None
    benchmarks: Mapping[str, float]


class Link(NamedTuple):
    """A benchmark as a line over ability: ``logit(score) = intercept + slope * ability``.

    Attributes:
        intercept: The logit of the score of a model that has half of LiveBench right.
        slope: How fast it grows with ability.
        variance: Of what is left over.
    """

    intercept: float
    slope: float
    variance: float


class Placed(NamedTuple):
    """A place: an ability, the variance of its error, and what told of it."""

    ability: float
    variance: float
    told_by: str


def ability(score: float) -> float:
    """The logit of a score, 0..1; of none or all right, that of half a percent from it."""
    score = min(1 - _ENOUGH, max(_ENOUGH, score))
    return math.log(score / (1 - score))


def overall(of: float) -> float:
    """The score, 0..1, of an ability."""
    return 1 / (1 + math.exp(-of))


def scores_of(figures: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Benchmark to score in percent; of several settings the mean, spellings taken together."""
    found: dict[str, list[float]] = {}
    for name, score in figures:
        found.setdefault(_SAME.get(name, name), []).append(score)
    return {name: math.fsum(scores) / len(scores) for name, scores in found.items()}


@dataclass(frozen=True, slots=True)
class Placing:
    """The fitted lines.

    Attributes:
        mean: Ability at the usual date and price.
        per_year: What a year adds to it.
        per_doubling: What twice the price adds.
        usual: Usual release date, in years, and price, as the logarithm to base 2.
        spread: Variances of both.
        variance: Of what is left over of ability, date and price known.
        kinship: What part of that a model has in common with the nearest of its line.
        links: Benchmarks, by name.
        lines: Line of models to the measured ones in it: version, ``vendor/model`` and how much
            abler it is than foretold.
        widening: What variances are multiplied by, so that measured models which were left out of
            the fit lie about their places as far as said.
    """

    mean: float
    per_year: float
    per_doubling: float
    usual: tuple[float, float]
    spread: tuple[float, float]
    variance: float
    kinship: float
    links: Mapping[str, Link]
    lines: Mapping[str, Sequence[tuple[tuple[int, int], str, float]]]
    widening: float = 1.0

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Placing:
        """Read what :meth:`as_row` wrote."""
        return cls(
            **{
                **row,
                "usual": tuple(row["usual"]),
                "spread": tuple(row["spread"]),
                "links": {name: Link(*link) for name, link in row["links"].items()},
                "lines": {
                    line: [(tuple(version), model, over) for version, model, over in members]
                    for line, members in row["lines"].items()
                },
            }
        )

    def as_row(self) -> dict[str, Any]:
        """As plain values for the table, to four digits."""
        plain: dict[str, Any] = _rounded(asdict(self))
        return plain

    def foretold(self, released: str | None, usd_per_mtok: float | None) -> tuple[float, float]:
        """Ability by date and price alone, and its variance; what is not known is as usual."""
        value, variance = self.mean, self.variance
        for said, usual, spread, slope in zip(
            (years(released), doublings(usd_per_mtok)),
            self.usual,
            self.spread,
            (self.per_year, self.per_doubling),
            strict=True,
        ):
            if said is None:
                variance += slope**2 * spread
            else:
                value += slope * (said - usual)
        return value, variance

    def place(self, model: str, known: Known) -> Placed | None:
        """Give a model's place; None where nothing tells of it, or its price alone.

        A price without a date tells little: the dearest models are old ones.

        Args:
            model: ``vendor/model``, in any spelling.
            known: What is known of it. Benchmarks that no line is fitted for tell nothing.
        """
        value, variance = self.foretold(known.released, known.usd_per_mtok)
        told = []
        if (over := self._kin(model)) is not None:
            value += self.kinship * over[1]
            variance *= 1 - self.kinship**2
            told.append(f"its line ({over[0]})")
        if known.usd_per_mtok is not None:
            told.append("price")
        if known.released is not None:
            told.append("release date")
        weight = 1 / variance
        total = value * weight
        named = []
        for name, score in known.benchmarks.items():
            link = self.links.get(_SAME.get(name, name))
            if link is not None:
                worth = link.slope**2 / link.variance
                total += worth * (ability(score / 100) - link.intercept) / link.slope
                weight += worth
                named.append(name)
        told = named + told
        if not told or told == ["price"]:
            return None
        return Placed(total / weight, self.widening / weight, ", ".join(told))

    def _kin(self, model: str) -> tuple[str, float] | None:
        """The measured model nearest in the same line, and how much abler it is than foretold."""
        found = line_of(model)
        members = [m for m in self.lines.get(found[0], ()) if m[1] != model] if found else []
        if found is None or not members:
            return None
        version = _number(found[1])
        _, name, over = min(members, key=lambda m: (abs(_number(m[0]) - version), m[0]))
        return name, over


def line_of(model: str) -> tuple[str, tuple[int, int]] | None:
    at = place(model)
    if at is None:
        return None
    return f"{model.partition('/')[0]}/{at.line}", at.version


def _number(version: tuple[int, int]) -> float:
    return version[0] + version[1] / 10


def years(day: str | None) -> float | None:
    """A date, ISO or its beginning, in years since the year 2026 began."""
    if day is None:
        return None
    year, month, of_month = (int(part) for part in f"{day}-01-01".split("-")[:3])
    return year - 2026 + (month - 1) / 12 + (of_month - 1) / 365.25


def doublings(usd_per_mtok: float | None) -> float | None:
    # what is free tells as little as what has no price
    return math.log2(usd_per_mtok) if usd_per_mtok else None


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
