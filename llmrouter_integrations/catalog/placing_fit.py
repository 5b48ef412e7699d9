"""Fits the lines by which models are placed; see :mod:`~.placing`.

Expectation maximisation: what is believed of the abilities of models that LiveBench did not measure
by the lines, the lines by the abilities, in turn until they stay.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from llmrouter_integrations.catalog.placing import (
    LIVEBENCH,
    Known,
    Link,
    Placing,
    ability,
    doublings,
    line_of,
    years,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["fit"]

_LEAST_MODELS = 4
"""Of a benchmark with fewer models nothing is learned."""

_USUAL_SLOPE, _SLOPE_WEIGHT = 1.0, 4.0
"""A benchmark's slope is believed to be 1 with a standard deviation of a half before any score is
seen: few of them have models in common with LiveBench."""

_USUAL_VARIANCE, _VARIANCE_WEIGHT = 0.3**2, 3.0
"""Scatter about a line, as if so many models had already been seen to have it."""

_MOST_ROUNDS = 500
_STAYS = 1e-6


def fit(measured: Mapping[str, float], models: Mapping[str, Known]) -> Placing:
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
            [doublings(r.usd_per_mtok) for r in rows],
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


def _lines(over: Mapping[str, float]) -> dict[str, list[tuple[tuple[int, int], str, float]]]:
    lines: dict[str, list[tuple[tuple[int, int], str, float]]] = {}
    for model, by in over.items():
        if (found := line_of(model)) is not None:
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
