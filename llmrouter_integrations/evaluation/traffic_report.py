"""What the LiveBench traffic came to, as JSON and as a page with a Pareto chart."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.evaluation import curve
from llmrouter_integrations.evaluation.html import figure_text, page, table
from llmrouter_integrations.evaluation.svg import COLOURS, Plot, Series

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.bootstrap import Figure
    from llmrouter_integrations.evaluation.traffic import TrafficResult

__all__ = ["traffic_record", "traffic_report"]


def traffic_record(result: TrafficResult) -> dict[str, Any]:
    """Give all that was found, as plain values for JSON; shares are of the best model's."""
    traffic = result.traffic
    return {
        "format": 1,
        "release": traffic.release,
        "runs": list(traffic.runs),
        "left_out": list(traffic.left_out),
        "tasks": len(traffic.tasks),
        "halvings": result.halvings,
        "aims": [
            {
                "aimed_cost": share,
                "router": {"quality": quality._asdict(), "cost": cost._asdict()},
                "fixed": {
                    "quality": result.fixed_aimed[share][0]._asdict(),
                    "cost": result.fixed_aimed[share][1]._asdict(),
                },
            }
            for share, (quality, cost) in result.aimed.items()
        ],
        "cost_for_97": result.cost_for_97,
        "above_hull": [
            {"cost": share, "lead": lead._asdict()} for share, lead in result.above_hull.items()
        ],
        "curve": _columns(result.router),
        "fixed_curve": _columns(result.fixed),
        "singles": {
            name: {"cost": float(cost), "quality": float(quality)}
            for name, cost, quality in zip(traffic.runs, *result.singles, strict=True)
        },
    }


def traffic_report(result: TrafficResult) -> str:
    """Write the page."""
    traffic = result.traffic
    costs, qualities = result.singles
    tips = [
        f"{name}: {100 * quality:.1f}% of the score at {100 * cost:.1f}% of the cost"
        for name, cost, quality in zip(traffic.runs, costs, qualities, strict=True)
    ]
    labels = [
        name if best else ""
        for name, best in zip(traffic.runs, curve.undominated(costs, qualities), strict=True)
    ]
    frontier = curve.along(*curve.hull(costs, qualities))
    plot = Plot("cost, share of the best fixed model's", "score, share of its score", log_x=True)
    plot.series = [
        Series("Router, over its knob", *result.router, COLOURS[0], dots=2),
        Series("One model, by the same knob", *result.fixed, COLOURS[1], dashed=True),
        Series("Hull of fixed models", *frontier, "#999", dashed=True),
        Series("", costs, qualities, "#999", line=False, dots=4, labels=labels, tips=tips),
    ]
    # nobody routes to the worst: they would only press the rest together
    plot.y_range = (max(0.5, float(qualities.min())), max(1.02, float(result.router[1].max())))
    lead = (
        f"{len(traffic.runs)} runs of LiveBench {traffic.release} (livebench.ai) over "
        f"{len(traffic.tasks)} tasks, equally many questions each. {result.halvings} times, the "
        "catalogue was built from half of the tasks of each category and judged on the other "
        "half; in brackets, where 95% of the halvings lie. Left out, having no price: "
        f"{', '.join(traffic.left_out) or 'none'}."
    )
    aims = [
        (
            "",
            [
                f"{share:.0%}",
                *map(_cell, result.aimed[share]),
                *map(_cell, result.fixed_aimed[share]),
            ],
        )
        for share in result.aimed
    ]
    leads = [("", [f"{share:.0%}", _cell(lead)]) for share, lead in result.above_hull.items()]
    return page(
        "LiveBench's table as traffic",
        [
            f'<p class="soft">{escape(lead)}</p>',
            "<h2>Cost and quality</h2>",
            (
                '<p class="soft">Grey dots are fixed models; those that no other beats at their '
                "cost are named, and all are when pointed at.</p>"
            ),
            plot.svg(),
            "<h2>Aiming at a cost</h2>",
            table(
                ["aimed at", "router: score", "cost", "one model: score", "cost"],
                aims,
            ),
            "<h2>Lead over the hull of fixed models</h2>",
            table(["share of the cost", "lead in score"], leads),
        ],
    )


def _cell(figure: Figure) -> str:
    value, interval = figure_text(figure)
    return f"{value}<small>{interval}</small>"


def _columns(points: tuple[NDArray[np.float64], NDArray[np.float64]]) -> dict[str, list[float]]:
    cost, quality = points
    return {"cost": cost.tolist(), "quality": quality.tolist()}
