"""``llmrouter explain``: who would answer, why, and why not the others."""

from __future__ import annotations

import os
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from llmrouter_integrations.catalog import Catalog
from llmrouter_integrations.cli.options import (
    NARROW,
    AsJson,
    Config,
    Hint,
    Model,
    Prefer,
    Task,
    console,
    hints_from,
    router_from,
)
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.fleet import discover
from llmrouter_integrations.router import Router
from llmrouter_integrations.routing.decision import Candidate, Decision


def explain(
    question: Annotated[str, typer.Argument(help="What would be asked.")],
    *,
    config: Config = None,
    model: Model = None,
    every: Annotated[
        bool, typer.Option("--all", help="As if the key of every provider were set.")
    ] = False,
    max_tokens: Annotated[int | None, typer.Option(help="Most tokens of the answer.")] = None,
    task: Task = None,
    prefer: Prefer = None,
    hint: Hint = None,
    as_json: AsJson = False,
) -> None:
    """Show how a request would be routed, calling nobody. No keys are needed."""
    hints = hints_from(task, prefer, hint)
    if every and (config is not None or model):
        raise ConfigurationError("give either --all, or --config or --model")
    if every:
        found = discover(Catalog.load(), os.environ, keys_required=False)
        router = Router(found, keys_required=False)
    else:
        router = router_from(config, model, keys_required=False)
    decision = router.explain(question, hints=hints, max_tokens=max_tokens)
    if as_json:
        typer.echo(orjson.dumps(decision.as_dict()).decode())
        return
    _show(decision, console())


def _show(decision: Decision, out: Console) -> None:
    seen = decision.features
    out.print(
        f"task [b]{seen.task}[/b] (told by {seen.task_source}), difficulty {seen.difficulty:.2f}, "
        f"about {seen.input_tokens} tokens in and {seen.output_tokens} out; "
        f"a good answer is worth ${decision.value_usd:g}, "
        f"a second of waiting costs ${decision.price_of_waiting_usd_per_s:g}",
        highlight=False,
    )
    if out.width < NARROW:
        for place, candidate in enumerate(decision.candidates):
            _tell(place, candidate, out)
    else:
        out.print(_table(decision))
    if decision.pace is not None:
        out.print(str(decision.pace), highlight=False)
    if decision.flip_value_usd is not None:
        out.print(
            f"the choice flips to {decision.flip_to} "
            f"where a good answer is worth ${decision.flip_value_usd:.4g}",
            highlight=False,
        )


def _table(decision: Decision) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("target", overflow="fold")
    for name in ("P(good)", "cost $", "time s", "utility $"):
        table.add_column(name, justify="right")
    table.add_column("why", overflow="fold")
    for place, candidate in enumerate(decision.candidates):
        table.add_row(*_row(place, candidate))
    return table


def _tell(place: int, candidate: Candidate, out: Console) -> None:
    target, quality, cost, time, utility, why = _row(place, candidate)
    out.print(f"[b]{target}[/]: {why}", highlight=False)
    if quality:
        figures = f"P(good) {quality}, ${cost}, {time} s, utility ${utility}"
        out.print(f"  {figures}", style="dim", highlight=False)


def _row(place: int, c: Candidate) -> tuple[str, ...]:
    if c.rejected is not None:
        return (c.target, "", "", "", "", f"left out: {c.rejected}")
    if c.deferred is not None:
        why = f"tried last: {c.deferred}"
    elif place == 0:
        why = f"chosen; quality: {c.quality_source}; price: {c.cost_source}"
    else:
        why = f"lost by ${c.lost_by_usd:.4g}"
    if c.note is not None:
        why = c.note if c.lost_by_usd < 0 else f"{why}; {c.note}"
    figures = (f"{c.quality:.3f} ±{c.quality_error:.2f}", f"{c.cost_usd:.6f}", f"{c.latency_s:.1f}")
    return (c.target, *figures, f"{c.utility_usd:.5f}", why)
