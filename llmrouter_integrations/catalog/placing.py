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

All is fitted at once (:meth:`Placing.of`) by expectation maximisation over the catalogue's models:
abilities by the lines, the lines by the abilities, until they stay. A place is then the mean of
what is told, each weighted by the inverse of its variance.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from llmrouter_integrations.catalog.lines import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["LIVEBENCH", "Known", "Link", "Placed", "Placing", "ability", "overall"]

LIVEBENCH = "LiveBench"
"""What the scale itself is called among the benchmarks."""

_LEAST_MODELS = 4
"""Of a benchmark with fewer models nothing is learned."""

_USUAL_SLOPE, _SLOPE_WEIGHT = 1.0, 4.0
"""A benchmark's slope is believed to be 1 with a standard deviation of a half before any score is
seen: few of them have models in common with LiveBench."""

_USUAL_VARIANCE, _VARIANCE_WEIGHT = 0.3**2, 3.0
"""Scatter about a line, as if so many models had already been seen to have it."""

_MOST_ROUNDS = 500
_STAYS = 1e-6
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
    def of(cls, measured: Mapping[str, float], models: Mapping[str, Known]) -> Placing:
        """Fit the lines.

        Args:
            measured: ``vendor/model`` to the overall LiveBench score, 0..1.
            models: ``vendor/model`` to what else is known.
        """
        fitted = _Fit(measured, models).placing()
        nothing = Known(None, None, {})
        off = []
        for model in measured:
            rest = {name: score for name, score in measured.items() if name != model}
            placed = _Fit(rest, models).placing().place(model, models.get(model, nothing))
            if placed is not None:
                off.append((ability(measured[model]) - placed.ability) ** 2 / placed.variance)
        return replace(fitted, widening=max(1.0, math.fsum(off) / len(off)) if off else 1.0)

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
            (years(released), _doublings(usd_per_mtok)),
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
        found = _line(model)
        members = [m for m in self.lines.get(found[0], ()) if m[1] != model] if found else []
        if found is None or not members:
            return None
        version = _number(found[1])
        _, name, over = min(members, key=lambda m: (abs(_number(m[0]) - version), m[0]))
        return name, over


class _Fit:
    """Expectation maximisation over the catalogue's models."""

    def __init__(self, measured: Mapping[str, float], models: Mapping[str, Known]) -> None:
        self._measured = {model: ability(score) for model, score in measured.items()}
        told = {
            model: {name: ability(score / 100) for name, score in known.benchmarks.items()}
            for model, known in models.items()
        }
        seen: dict[str, list[str]] = {}
        for model in sorted(told):
            for name in told[model]:
                seen.setdefault(name, []).append(model)
        self._seen = {name: ms for name, ms in sorted(seen.items()) if len(ms) >= _LEAST_MODELS}
        self._scores = told
        used = {model for of_name in self._seen.values() for model in of_name}
        self._names = sorted({*measured, *used})
        rows = [models.get(name, Known(None, None, {})) for name in self._names]
        dates, prices = (
            [years(r.released) for r in rows],
            [_doublings(r.usd_per_mtok) for r in rows],
        )
        self._usual = _mean(dates), _mean(prices)
        self._spread = _variance(dates), _variance(prices)
        # what is not known is taken to be as usual
        self._x = [
            (
                d - self._usual[0] if d is not None else 0.0,
                p - self._usual[1] if p is not None else 0.0,
            )
            for d, p in zip(dates, prices, strict=True)
        ]

    def placing(self) -> Placing:
        usual = _mean(list(self._measured.values()))
        able = {name: (self._measured.get(name, usual), 0.0) for name in self._names}
        links = {name: Link(0.0, _USUAL_SLOPE, _USUAL_VARIANCE) for name in self._seen}
        line = self._trend(able)
        for _ in range(_MOST_ROUNDS):
            links = {name: self._link(name, able, links[name].variance) for name in links}
            able = {
                name: (self._measured[name], 0.0)
                if name in self._measured
                else self._ability(name, x, line, links)
                for name, x in zip(self._names, self._x, strict=True)
            }
            before, line = line, self._trend(able)
            if all(abs(a - b) < _STAYS for a, b in zip(before[0], line[0], strict=True)):
                break
        (mean, per_year, per_doubling), variance = line
        over = {
            name: able[name][0] - (mean + per_year * x[0] + per_doubling * x[1])
            for name, x in zip(self._names, self._x, strict=True)
            if name in self._measured
        }
        lines = _lines(over)
        return Placing(
            mean=mean,
            per_year=per_year,
            per_doubling=per_doubling,
            usual=self._usual,
            spread=self._spread,
            variance=variance,
            kinship=_kinship(lines),
            links={**links, LIVEBENCH: Link(0.0, 1.0, 0.05**2)},
            lines=lines,
        )

    def _trend(self, able: Mapping[str, tuple[float, float]]) -> tuple[tuple[float, ...], float]:
        """Least squares of ability over date and price."""
        rows = [(1.0, *x) for x in self._x]
        values = [able[name][0] for name in self._names]
        found = _solve(
            [[math.fsum(r[i] * r[j] for r in rows) for j in range(3)] for i in range(3)],
            [math.fsum(r[i] * y for r, y in zip(rows, values, strict=True)) for i in range(3)],
        )
        left = [
            (y - sum(c * v for c, v in zip(found, r, strict=True))) ** 2 + able[name][1]
            for name, r, y in zip(self._names, rows, values, strict=True)
        ]
        freedom = max(0, len(left) - 3) + _VARIANCE_WEIGHT
        return tuple(found), (math.fsum(left) + _VARIANCE_WEIGHT * _USUAL_VARIANCE) / freedom

    def _link(self, name: str, able: Mapping[str, tuple[float, float]], variance: float) -> Link:
        """Least squares of a benchmark's scores over ability, the slope held to the usual."""
        models = self._seen[name]
        x, y = [able[m][0] for m in models], [self._scores[m][name] for m in models]
        mean_x, mean_y = _mean(x), _mean(y)
        hold = _SLOPE_WEIGHT * variance
        over = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
        of = math.fsum((a - mean_x) ** 2 + able[m][1] for a, m in zip(x, models, strict=True))
        slope = max(0.1, (over + hold * _USUAL_SLOPE) / (of + hold))
        intercept = mean_y - slope * mean_x
        left = math.fsum(
            (b - intercept - slope * a) ** 2 + slope**2 * able[m][1]
            for a, b, m in zip(x, y, models, strict=True)
        )
        seen = len(models) + _VARIANCE_WEIGHT
        return Link(intercept, slope, (left + _VARIANCE_WEIGHT * _USUAL_VARIANCE) / seen)

    def _ability(
        self,
        name: str,
        x: tuple[float, float],
        line: tuple[tuple[float, ...], float],
        links: Mapping[str, Link],
    ) -> tuple[float, float]:
        (mean, per_year, per_doubling), variance = line
        weight = 1 / variance
        total = weight * (mean + per_year * x[0] + per_doubling * x[1])
        for benchmark, score in self._scores.get(name, {}).items():
            if (link := links.get(benchmark)) is not None:
                total += link.slope * (score - link.intercept) / link.variance
                weight += link.slope**2 / link.variance
        return total / weight, 1 / weight


def _line(model: str) -> tuple[str, tuple[int, int]] | None:
    at = place(model)
    if at is None:
        return None
    return f"{model.partition('/')[0]}/{at.line}", at.version


def _lines(over: Mapping[str, float]) -> dict[str, list[tuple[tuple[int, int], str, float]]]:
    lines: dict[str, list[tuple[tuple[int, int], str, float]]] = {}
    for model, by in over.items():
        if (found := _line(model)) is not None:
            lines.setdefault(found[0], []).append((found[1], model, by))
    return {line: sorted(lines[line]) for line in sorted(lines)}


def _kinship(lines: Mapping[str, Sequence[tuple[tuple[int, int], str, float]]]) -> float:
    """How models next to each other in a line go together in what date and price do not tell."""
    pairs = [
        (first[2], second[2]) for members in lines.values() for first, second in pairwise(members)
    ]
    together = math.fsum(a * b for a, b in pairs)
    apart = math.fsum(a * a + b * b for a, b in pairs) / 2
    return max(0.0, together / apart) if apart else 0.0


def _number(version: tuple[int, int]) -> float:
    return version[0] + version[1] / 10


def years(day: str | None) -> float | None:
    """A date, ISO or its beginning, in years since the year 2026 began."""
    if day is None:
        return None
    year, month, of_month = (int(part) for part in f"{day}-01-01".split("-")[:3])
    return year - 2026 + (month - 1) / 12 + (of_month - 1) / 365.25


def _doublings(usd_per_mtok: float | None) -> float | None:
    # what is free tells as little as what has no price
    return math.log2(usd_per_mtok) if usd_per_mtok else None


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else 0.0


def _variance(values: Sequence[float | None]) -> float:
    known, mean = [value for value in values if value is not None], _mean(values)
    return math.fsum((value - mean) ** 2 for value in known) / max(1, len(known) - 1)


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Gauss and Jordan, for a symmetric matrix that has an inverse but for columns of zeros."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i, row in enumerate(rows):
        pivot = row[i] or 1.0  # nothing varies there: its figure comes out as 0
        row[:] = [value / pivot for value in row]
        for j, other in enumerate(rows):
            if j != i and other[i]:
                times = other[i]
                other[:] = [a - times * b for a, b in zip(other, row, strict=True)]
    return [row[-1] for row in rows]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
