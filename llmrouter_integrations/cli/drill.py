"""``llmrouter drill``: every fault of the catalogue brought about, and what the router makes of it.

Offline, the targets are simulated on loopback; with ``--live``, faults are injected on the way to
the real ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from llmrouter_integrations.cli.options import NARROW, AsJson, Config, console
from llmrouter_integrations.config import RouterConfig
from llmrouter_integrations.drill.calling import MODES, Mode
from llmrouter_integrations.drill.catalogue import PROTOCOLS
from llmrouter_integrations.drill.engine import Drill
from llmrouter_integrations.drill.guarantees import cancellations, deadlines
from llmrouter_integrations.drill.leaks import leaks
from llmrouter_integrations.drill.live import LiveScene
from llmrouter_integrations.drill.results import Guarantee, Result, Summary, summaries
from llmrouter_integrations.drill.rows import chosen
from llmrouter_integrations.drill.scene import simulated
from llmrouter_integrations.errors import ConfigurationError

if TYPE_CHECKING:
    from llmrouter_integrations.drill.catalogue import FaultRow
    from llmrouter_integrations.drill.scene import SimulatedScene

REQUESTS = 200
CONCURRENCY = 20
LIVE_REQUESTS = 5
"""What is asked of real providers for each fault and mode, unless said: it is billed."""


def drill(
    *,
    config: Config = None,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", help="A fault, or a kind of fault, of docs/faults.md; repeatable."),
    ] = None,
    requests: Annotated[
        int | None,
        typer.Option(min=1, help=f"For each fault and mode; {REQUESTS}, live {LIVE_REQUESTS}."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help=f"At once; {CONCURRENCY}, live {LIVE_REQUESTS}."),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help=f"Of the built-in pair's first target: {', '.join(PROTOCOLS)}."),
    ] = None,
    streamed: Annotated[
        bool | None, typer.Option("--streamed/--plain", help="Only one of them.")
    ] = None,
    sync: Annotated[bool | None, typer.Option("--sync/--async", help="Only one of them.")] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help='With the hint on_interrupt="restart".')
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the configured endpoints; that is billed.")
    ] = False,
    leaked: Annotated[
        int | None,
        typer.Option("--leaks", min=100, help="Count what so many faulty requests leave behind."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring every fault about, and print what it cost and whether that is good enough.

    Without --config: to a built-in pair of targets. The exit status is 1 where it is not.
    """
    rows = chosen(fault)
    modes = [
        mode
        for mode in MODES
        if streamed in (None, mode.streamed) and sync in (None, not mode.asynchronous)
    ]
    aside = Console(stderr=True, quiet=as_json)
    results: list[Result] = []
    held: list[Guarantee] = []
    if live:
        if config is None or protocol is not None or leaked is not None:
            raise ConfigurationError("--live takes --config, and neither --protocol nor --leaks")
        endpoints = LiveScene(RouterConfig.load(config))
        run = Drill(
            endpoints,
            requests=requests or LIVE_REQUESTS,
            concurrency=concurrency or LIVE_REQUESTS,
            most_added_p99_s=None,  # how long a real provider takes is its own affair
            restarts=restart,
        )
        with closing(endpoints):
            results = _watched(run, rows, modes, aside)
    else:
        wide = concurrency or CONCURRENCY
        with simulated(_configured(config, protocol), protocol=protocol or PROTOCOLS[0]) as scene:
            if leaked is not None:
                held = _leaks(scene, leaked, wide, aside)
            else:
                many = requests or REQUESTS
                run = Drill(scene, requests=many, concurrency=wide, restarts=restart)
                results = _watched(run, rows, modes, aside)
                if not fault:
                    held = [*deadlines(scene, modes=modes), *cancellations(scene)]
    passed = all(r.passed for r in results) and all(g.passed for g in held)
    if as_json:
        typer.echo(orjson.dumps(_plain(results, held, passed=passed)).decode())
    else:
        _show(results, held, console())
    if not passed:
        raise typer.Exit(1)


def _configured(config: Path | None, protocol: str | None) -> RouterConfig | None:
    if protocol is not None:
        if config is not None:
            raise ConfigurationError("--protocol is the built-in pair's: give it or --config")
        if protocol not in PROTOCOLS:
            raise ConfigurationError(f"--protocol {protocol!r} is none of {', '.join(PROTOCOLS)}")
    return RouterConfig.load(config) if config is not None else None


def _watched(
    run: Drill, rows: Sequence[FaultRow], modes: Sequence[Mode], aside: Console
) -> list[Result]:
    results = []
    with Progress(console=aside, transient=True) as progress:
        task = progress.add_task("", total=len(rows) * len(modes))
        for result in run.run(rows, modes):
            results.append(result)
            progress.update(task, advance=1, description=result.fault)
    return results


def _leaks(
    scene: SimulatedScene, requests: int, concurrency: int, aside: Console
) -> list[Guarantee]:
    with Progress(console=aside, transient=True) as progress:
        task = progress.add_task("faulty requests", total=requests)

        def tell(made: int) -> None:
            progress.update(task, completed=made)

        return list(leaks(scene, requests=requests, concurrency=concurrency, tell=tell))


def _plain(results: Iterable[Result], held: Iterable[Guarantee], *, passed: bool) -> dict[str, Any]:
    return {
        "passed": passed,
        "faults": [result.plain() for result in results],
        "guarantees": [guarantee.plain() for guarantee in held],
    }


def _show(results: Sequence[Result], held: Sequence[Guarantee], out: Console) -> None:
    found = summaries(results)
    if found:
        _show_faults(found, out)
    for summary in found:
        for result in summary.drilled:
            for complaint in result.complaints:
                out.print(f"[red]{result.fault}, {result.mode}[/]: {complaint}", highlight=False)
    if held:
        out.print(_guarantees(held))
    drilled = [summary for summary in found if summary.drilled]
    told = [
        f"{sum(one.passed for one in all_of_them)} of {len(all_of_them)} {what}"
        for what, all_of_them in (("faults", drilled), ("guarantees", held))
        if all_of_them
    ]
    out.print(f"passed: {' and '.join(told)}", style="bold", highlight=False)


_FIGURES = (
    ("wasted calls", "wasted_calls", "{:.2f}", 1),
    ("calls after", "calls_after", "{:.2f}", 1),
    ("to what failed", "faulty_calls_after", "{:.2f}", 1),
    ("p50 +ms", "added_p50_s", "{:.0f}", 1000),
    ("p99 +ms", "added_p99_s", "{:.0f}", 1000),
    ("twice", "duplicated", "{}", 1),
    ("lost", "lost", "{}", 1),
    ("calls, all failing", "calls_when_all_fail", "{}", 1),
)
"""Heading, the figure it is of, and how it is written: its format, and the factor of its unit."""


def _show_faults(found: Sequence[Summary], out: Console) -> None:
    if out.width < NARROW:
        for summary in found:
            figures = ", ".join(
                f"{heading} {cell}"
                for (heading, *_), cell in zip(_FIGURES, _cells(summary), strict=True)
                if cell
            )
            out.print(f"[b]{summary.fault}[/]: {_verdict(summary)}", highlight=False)
            out.print(f"  {_answered(summary)}; {figures}", style="dim", highlight=False)
        return
    table = Table(box=None, header_style="bold")
    table.add_column("fault", no_wrap=True)
    table.add_column("answered")
    for heading, *_ in _FIGURES:
        table.add_column(heading, justify="right")
    table.add_column("verdict", no_wrap=True)
    for summary in found:
        cells = _cells(summary)
        table.add_row(summary.fault, _answered(summary), *cells, _verdict(summary))
    out.print(table)
    out.print(
        "Of each figure the worst mode's; calls after: for each request, once what fails was "
        "resting; +ms: more than with no fault.",
        style="dim",
        highlight=False,
    )


def _cells(summary: Summary) -> list[str]:
    values = [(summary.worst(name), written, factor) for _, name, written, factor in _FIGURES]
    return [written.format(v * factor) if v is not None else "" for v, written, factor in values]


def _answered(summary: Summary) -> str:
    if not summary.drilled:
        return ""
    told = [f"{summary.rate('whole', 'told'):.0%}"]
    if summary.rate("interrupted"):
        told.append(f"{summary.rate('interrupted'):.0%} told to have broken off")
    if summary.rate("failed"):
        told.append(f"{summary.rate('failed'):.0%} told an error")
    return ", ".join(told)


def _verdict(summary: Summary) -> str:
    if not summary.drilled:
        return f"[dim]skipped: {summary.results[0].skipped}[/]"
    return "[green]passed[/]" if summary.passed else "[red]failed[/]"


def _guarantees(held: Iterable[Guarantee]) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in ("guarantee", "of", "measured", "at most", "verdict"):
        table.add_column(heading, justify="right" if heading in ("measured", "at most") else "left")
    for one in held:
        verdict = "[green]passed[/]" if one.passed else "[red]failed[/]"
        measured = f"{one.value:.3g} {one.unit}" + (f" ({one.note})" if one.note else "")
        table.add_row(one.name, one.case, measured, f"{one.limit:.3g}", verdict)
    return table
