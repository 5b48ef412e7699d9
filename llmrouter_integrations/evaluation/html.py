"""An evaluation as one HTML page that needs nothing beside itself."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from llmrouter_integrations.evaluation import curve
from llmrouter_integrations.evaluation.baselines import BASELINES
from llmrouter_integrations.evaluation.costs import DOLLARS
from llmrouter_integrations.evaluation.pair import SHARES
from llmrouter_integrations.evaluation.record import FIGURES, figures_of, policies_of
from llmrouter_integrations.evaluation.svg import COLOURS, Plot, Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llmrouter_integrations.evaluation.bootstrap import Figure
    from llmrouter_integrations.evaluation.costs import CostBasis
    from llmrouter_integrations.evaluation.evaluate import Evaluation, Result

__all__ = ["UNITS", "figure_text", "page", "report", "table"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #6b7280; --line: #d7dbe0; --bg: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #9aa3ad; --line: #3a4048; --bg: #16181c } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--bg);
  max-width: 1080px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
p.soft, td small { color: var(--soft) }
div.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap }
th:first-child, td:first-child { text-align: left }
tr.tested td { font-weight: 600 } td small { display: block; font-weight: 400; font-size: 11px }
svg { width: 100%; max-width: 860px; display: block }
svg text { font: 11px system-ui, sans-serif; fill: var(--ink) }
svg .grid { stroke: var(--line); stroke-width: 1 }
"""
UNITS: Mapping[CostBasis, str] = {
    "usd": "$ per prompt",
    "usd_expected": "expected $ per prompt",
    "usd_catalog": "$ per prompt by the catalogue",
    "parameters": "B params",
    "strong_calls": "share of strong calls",
}
"""What a cost is counted in, for people."""
_CURVES = (
    '<p class="soft">Lines are hulls over the knob: what mixing its settings can reach. Dots '
    "are the settings of the routers in question; grey dots are single models.</p>"
)
_PARETO = (
    '<p class="soft">Each router at the setting it is operated at, and every single model. '
    "Below the dashed line a coin between two fixed models does better.</p>"
)
_MOST_LABELS = 15
_WHAT = (
    ("apgr", "area under the curve of the gap recovered between the weak and the strong model"),
    ("cpt50, cpt80", "share of strong calls at which half, or 80%, of that gap is recovered"),
    ("aiq", "mean quality under the hull of cost and quality, cheapest to dearest model"),
    ("c98", "cost at which 98% of the best single model's quality is reached, relative to its"),
    ("arena score", "accuracy and log cost, 1.1 A C / (0.1 A + C)"),
    ("calibration error", "mean distance of predicted and actual quality over ten bins"),
    ("flip rate", "how often another wording of the same prompt changes the model chosen"),
)


def report(evaluation: Evaluation) -> str:
    """Write the page."""
    data = evaluation.table
    results = evaluation.results
    held = {
        "held-out": f"trained on {evaluation.learned_from}",
        "random": f"random split in {len(evaluation.folds)}",
        "leave-one-task-out": f"each of {len(evaluation.folds)} tasks judged unseen",
    }[evaluation.split]
    unit = UNITS[evaluation.cost_basis]
    lead = (
        f"{len(data):,} prompts, {len(data.models)} models; {held}, at most "
        f"{evaluation.labels:,} labels to learn from. In brackets: 95% intervals of a bootstrap "
        f"of {evaluation.options.resamples:,} draws of the rows."
    )
    body = [
        f'<p class="soft">{escape(lead)}</p>',
        *(f'<p class="soft">Note: {escape(note)}.</p>' for note in evaluation.notes),
        "<h2>Figures</h2>",
        _figures(results.values()),
        '<p class="soft">'
        + "; ".join(f"<b>{escape(name)}</b>: {escape(what)}" for name, what in _WHAT)
        + f". Costs are in {unit}.</p>",
        *_curves(evaluation),
        *_policies(results.values()),
        *_gap(evaluation),
        *_reliability(results.values()),
        *_flips(results.values()),
    ]
    return page(f"Routing on {data.name}", body)


def page(title: str, body: Iterable[str]) -> str:
    """Put the parts of a page together."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{escape(title)}</h1>{''.join(body)}</html>\n"
    )


def table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Write a table; each row is its CSS class and its cells, which are HTML."""
    heads = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join(
        f'<tr class="{css}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        for css, cells in rows
    )
    return f'<div class="wide"><table><tr>{heads}</tr>{lines}</table></div>'


def figure_text(figure: Figure) -> tuple[str, str]:
    """Write a figure and its interval for people; a dash and nothing where there is none."""
    if figure.value is None:
        return "-", ""
    if figure.low is None and figure.high is None:
        return f"{figure.value:.3g}", ""
    ends = ["never" if end is None else f"{end:.3g}" for end in (figure.low, figure.high)]
    return f"{figure.value:.3g}", f"[{ends[0]}, {ends[1]}]"


def _cell(figure: Figure) -> str:
    value, interval = figure_text(figure)
    return f"{value}<small>{interval}</small>"


def _css(result: Result) -> str:
    return "" if result.contender in BASELINES else "tested"


def _figures(results: Iterable[Result]) -> str:
    every = [(result, figures_of(result)) for result in results]
    shown = [name for name in FIGURES if any(found[name].value is not None for _, found in every)]
    rows = [
        (
            _css(result),
            [escape(result.contender.title), *[_cell(figures[name]) for name in shown]],
        )
        for result, figures in every
    ]
    return table(["router", *[FIGURES[name] for name in shown]], rows)


def _colours(results: Iterable[Result]) -> list[tuple[Result, str]]:
    return [(r, COLOURS[place % len(COLOURS)]) for place, r in enumerate(results)]


def _curves(evaluation: Evaluation) -> list[str]:
    data, results = evaluation.table, evaluation.results.values()
    unit = UNITS[evaluation.cost_basis]
    plot = Plot(f"mean cost, {unit}", "mean quality", log_x=evaluation.cost_basis in DOLLARS)
    pareto = Plot(plot.x_name, plot.y_name, log_x=plot.log_x)
    costs, qualities = data.known_cost.mean(axis=0), data.quality.mean(axis=0)
    crowded = len(data.models) > _MOST_LABELS
    best = curve.undominated(costs, qualities)
    singles = Series(
        "",
        costs,
        qualities,
        "#999",
        line=False,
        dots=4,
        labels=[n if b or not crowded else "" for n, b in zip(data.models, best, strict=True)],
        tips=data.models,
    )
    for result, colour in _colours(results):
        points, hull = result.measured.points, result.measured.hull
        if points is None or hull is None:
            continue
        title, tested = result.contender.title, _css(result) == "tested"
        if not result.contender.fixed:
            plot.series.append(Series(title, *curve.along(*hull), colour, dashed=not tested))
        if tested:
            plot.series.insert(0, Series("", *points, colour, line=False, dots=3))
        measured = result.measured.figures
        if result.contender.name == "single_models":
            pareto.series.append(Series(title, *curve.along(*hull), colour, dashed=True))
            continue
        tip = f"{title}: {measured['cost'][0]:.4g}, {measured['quality'][0]:.4g}"
        pareto.series.append(
            Series(
                title, [measured["cost"][0]], [measured["quality"][0]], colour, dots=6, tips=[tip]
            )
        )
    plot.series.append(singles)
    pareto.series.append(singles)
    return [
        "<h2>Cost and quality</h2>",
        _CURVES,
        plot.svg(),
        "<h2>Where each stands</h2>",
        _PARETO,
        pareto.svg(),
    ]


def _policies(results: Iterable[Result]) -> list[str]:
    rows = [
        (_css(result), [escape(f"{result.contender.title}, {policy}"), *map(_cell, told.values())])
        for result in results
        if _css(result) == "tested"
        for policy, told in policies_of(result).items()
    ]
    if not rows:
        return []
    return ["<h2>Policies</h2>", table(["policy", "quality", "cost", "arena score"], rows)]


def _gap(evaluation: Evaluation) -> list[str]:
    strong, weak = evaluation.pair
    plot = Plot(f"share of calls to {strong}", f"share of its lead over {weak}")
    for result, colour in _colours(evaluation.results.values()):
        pgr = result.measured.pgr
        # a fixed choice has no order of the prompts; the oracle is off the scale
        dull = result.contender.fixed or result.contender.train is None
        if pgr is not None and not np.isnan(pgr).any() and not dull:
            dashed = _css(result) != "tested"
            plot.series.append(Series(result.contender.title, SHARES, pgr, colour, dashed=dashed))
    return ["<h2>Performance gap recovered</h2>", plot.svg()] if plot.series else []


def _reliability(results: Iterable[Result]) -> list[str]:
    plot = Plot("predicted quality", "actual quality", y_range=(0.0, 1.0))
    plot.series.append(Series("perfect", [0, 1], [0, 1], "#999", dashed=True))
    for result, colour in _colours(results):
        seen = result.measured.reliability
        if seen is not None and (_css(result) == "tested" or result.contender.knows_tasks):
            tips = [f"{n:,.0f} answers" for n in seen.answers]
            plot.series.append(
                Series(
                    result.contender.title,
                    seen.predicted,
                    seen.actual,
                    colour,
                    dots=4,
                    tips=tips,
                )
            )
    return ["<h2>Reliability of the predictions</h2>", plot.svg()]


def _flips(results: Iterable[Result]) -> list[str]:
    tested = [r for r in results if _css(r) == "tested" and r.flips is not None]
    kinds = list(dict.fromkeys(kind for r in tested if r.flips for kind in r.flips.by_kind))
    if not kinds:
        return []
    rows = [
        ("", [escape(r.contender.title), *[f"{r.flips.by_kind[kind]:.3g}" for kind in kinds]])
        for r in tested
        if r.flips
    ]
    return [
        "<h2>Choices that another wording changed</h2>",
        table(["router", *kinds], rows),
    ]
