"""Plots as inline SVG: lines and points over two axes, with a legend. No scripts, no assets."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["COLOURS", "Plot", "Series"]

COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#7f7f7f",
    "#8c564b",
    "#bcbd22",
)
"""Told apart by the colour blind too (Okabe and Ito, 2008), as far as they reach."""

_WIDTH, _HEIGHT = 720, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 12, 48
_LEGEND_ROW = 18
_LEGEND_COLUMN = 236
_TICKS = 5
_LOG_RANGE = 20.0
_CHARACTER, _LINE = 6.0, 12.0


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one thing.

    Attributes:
        name: Its name in the legend; "": it has no place there.
        x: Places on the one axis.
        y: On the other.
        colour: As CSS writes it.
        line: Whether the points are joined.
        dashed: Whether the line is dashed.
        dots: Radius of the points, in pixels; 0: none are drawn.
        labels: Of each point, shown beside it; "": that one has none.
        tips: Of each point, shown when it is pointed at; none: its figures.
    """

    name: str
    x: Sequence[float] | NDArray[np.float64]
    y: Sequence[float] | NDArray[np.float64]
    colour: str
    line: bool = True
    dashed: bool = False
    dots: float = 0.0
    labels: Sequence[str] = ()
    tips: Sequence[str] = ()


@dataclass(slots=True)
class Plot:
    """A plot; :meth:`svg` draws it.

    Attributes:
        x_name: What the one axis shows.
        y_name: What the other shows.
        log_x: Whether the x axis is logarithmic, where the data spread widely and above 0.
        series: What is drawn, the first on top.
        y_range: Ends of the y axis; None: the data's.
    """

    x_name: str
    y_name: str
    log_x: bool = False
    series: list[Series] = field(default_factory=list)
    y_range: tuple[float, float] | None = None

    def svg(self) -> str:
        """Draw it."""
        xs = [x for one in self.series for x in one.x]
        ys = [y for one in self.series for y in one.y]
        low = min((x for x in xs if x > 0), default=0.0)
        logarithmic = self.log_x and low > 0 and max(xs) > _LOG_RANGE * low
        across = _Axis(low if logarithmic else min(xs), max(xs), logarithmic=logarithmic)
        up = _Axis(*(self.y_range or (min(ys), max(ys))), logarithmic=False)
        named = [one for one in self.series if one.name]
        columns = (_WIDTH - _LEFT) // _LEGEND_COLUMN
        rows = -(-len(named) // columns)
        height = _HEIGHT + rows * _LEGEND_ROW
        label = escape(f"{self.y_name} over {self.x_name}")
        parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">']
        parts += [_grid_x(across, tick) for tick in across.ticks]
        parts += [_grid_y(up, tick) for tick in up.ticks]
        parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, self.x_name, "middle"))
        middle = (_TOP + _HEIGHT - _BOTTOM) / 2
        parts.append(
            f'<text transform="translate(14,{middle:.1f}) rotate(-90)" text-anchor="middle">'
            f"{escape(self.y_name)}</text>"
        )
        free = _Labels()
        for one in reversed(self.series):
            parts += _drawn(one, across, up, free)
        for place, one in enumerate(named):
            x = _LEFT + (place % columns) * _LEGEND_COLUMN
            y = _HEIGHT + (place // columns) * _LEGEND_ROW + 6
            dash = ' stroke-dasharray="5 4"' if one.dashed else ""
            parts.append(
                f'<line x1="{x}" x2="{x + 22}" y1="{y}" y2="{y}" stroke="{one.colour}" '
                f'stroke-width="2.5"{dash}/>{_text(x + 28, y + 4, one.name, "start")}'
            )
        return "".join([*parts, "</svg>"])


class _Axis:
    """From figures to a share of the axis, and where its ticks are."""

    def __init__(self, low: float, high: float, *, logarithmic: bool) -> None:
        self._log = logarithmic
        if logarithmic:
            low, high = math.log10(low), math.log10(high)
            self.ticks = [
                factor * 10.0**power
                for power in range(math.floor(low), math.ceil(high) + 1)
                for factor in (1, 2, 5)
            ]
        else:
            if high - low < 1e-12:
                low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
            rough = (high - low) / _TICKS
            power = 10.0 ** math.floor(math.log10(rough))
            step = next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= rough * 0.999)
            first = math.ceil(low / step - 1e-9)
            self.ticks = [step * n for n in range(first, math.floor(high / step + 1e-9) + 1)]
        margin = (high - low) * 0.03
        self._low, self._high = low - margin, high + margin
        self.ticks = [tick for tick in self.ticks if 0 <= self._place(tick) <= 1]

    def _place(self, value: float) -> float:
        figure = math.log10(max(value, 1e-300)) if self._log else value
        return (figure - self._low) / (self._high - self._low)

    def share(self, value: float) -> float:
        return min(max(self._place(value), 0.0), 1.0)


class _Labels:
    """Puts labels beside their points, a little up or down where others stand already."""

    def __init__(self) -> None:
        self._taken: list[tuple[float, float, float]] = []

    def put(self, x: float, y: float, words: str) -> str:
        width = len(words) * _CHARACTER
        left = x + width + 7 > _WIDTH - _RIGHT  # no room to the right of the point
        start = x - 7 - width if left else x + 7
        for step in (0, -1, 1, -2, 2, -3, 3):
            middle = y + step * _LINE
            if not any(
                abs(middle - other) < _LINE and start < end and begin < start + width
                for begin, end, other in self._taken
            ):
                break
        self._taken.append((start, start + width, middle))
        return _text(x + (-7 if left else 7), middle + 3, words, "end" if left else "start")


def _x(axis: _Axis, value: float) -> float:
    return _LEFT + axis.share(value) * (_WIDTH - _LEFT - _RIGHT)


def _y(axis: _Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - axis.share(value) * (_HEIGHT - _TOP - _BOTTOM)


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _grid_x(axis: _Axis, tick: float) -> str:
    x = _x(axis, tick)
    line = f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
    return line + _text(x, _HEIGHT - _BOTTOM + 16, f"{tick:.4g}", "middle")


def _grid_y(axis: _Axis, tick: float) -> str:
    y = _y(axis, tick)
    line = f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return line + _text(_LEFT - 6, y + 4, f"{tick:.4g}", "end")


def _drawn(one: Series, across: _Axis, up: _Axis, free: _Labels) -> list[str]:
    places = [(_x(across, x), _y(up, y)) for x, y in zip(one.x, one.y, strict=True)]
    parts = []
    if one.line and len(places) > 1:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        dash = ' stroke-dasharray="5 4"' if one.dashed else ""
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{one.colour}" stroke-width="2"{dash}/>'
        )
    for place, (x, y) in enumerate(places):
        if one.dots:
            tip = one.tips[place] if one.tips else f"{one.x[place]:.4g}, {one.y[place]:.4g}"
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{one.dots:g}" fill="{one.colour}">'
                f"<title>{escape(tip)}</title></circle>"
            )
        if one.labels and one.labels[place]:
            parts.append(free.put(x, y, one.labels[place]))
    return parts
