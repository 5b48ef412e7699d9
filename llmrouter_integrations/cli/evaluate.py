"""``llmrouter eval``: how good routing is, measured on labels, beside the baselines."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.table import Table
from rich.text import Text

from llmrouter_integrations.cli.options import console
from llmrouter_integrations.cli.progress import progress
from llmrouter_integrations.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmrouter_integrations.cli.progress import Tell
    from llmrouter_integrations.evaluation.baselines import Contender
    from llmrouter_integrations.evaluation.bootstrap import Figure
    from llmrouter_integrations.evaluation.datasets import LabelledTable
    from llmrouter_integrations.evaluation.evaluate import Evaluation
    from llmrouter_integrations.evaluation.traffic import TrafficResult

_PRESETS = ("quality", "balanced", "cost")


def evaluate(
    data: Annotated[
        Path | None,
        typer.Argument(help="Labels to split and judge on: .csv, .jsonl or .parquet."),
    ] = None,
    *,
    train: Annotated[Path | None, typer.Option(help="Labels to learn from, with --test.")] = None,
    test: Annotated[Path | None, typer.Option(help="Labels to judge on, with --train.")] = None,
    split: Annotated[str, typer.Option(help="random, or leave-one-task-out.")] = "random",
    folds: Annotated[int, typer.Option(min=2, help="Parts of a random split.")] = 5,
    labels: Annotated[
        int | None, typer.Option(min=2, help="Most rows to learn from in each part.")
    ] = None,
    router: Annotated[
        list[str] | None,
        typer.Option(help="Another router to compare, module:callable; may be repeated."),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(help="quality, balanced, cost, or a llmrouter.yaml; may be repeated."),
    ] = None,
    paraphrases: Annotated[
        Path | None, typer.Option(help="Other wordings, with columns prompt and paraphrase.")
    ] = None,
    livebench: Annotated[
        Path | None,
        typer.Option(help="Instead of labels: a folder of LiveBench's tables, as traffic."),
    ] = None,
    halvings: Annotated[int, typer.Option(min=1, help="Of LiveBench's tasks.")] = 30,
    resamples: Annotated[int, typer.Option(min=0, help="Draws of the bootstrap.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    max_rows: Annotated[
        int | None, typer.Option(min=2, help="Most rows kept of a file; of more, a sample.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write all figures there; -: standard output.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a report with plots there.")] = None,
) -> None:
    """Measure a router on labelled prompts, beside baselines; see docs/evaluation.md."""
    try:
        from llmrouter_integrations.evaluation import traffic
        from llmrouter_integrations.evaluation.evaluate import Options, cross_validate, hold_out
        from llmrouter_integrations.evaluation.html import report
        from llmrouter_integrations.evaluation.record import as_record
        from llmrouter_integrations.evaluation.splits import split_named
        from llmrouter_integrations.evaluation.traffic_report import (
            traffic_record,
            traffic_report,
        )
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "numpy":
            raise
        raise MissingExtraError("llmrouter eval", "eval", error.name) from None
    sources = [data is not None, train is not None, livebench is not None]
    if sum(sources) != 1 or (train is None) != (test is None):
        raise ConfigurationError(
            "give one of: a file of labels; --train and --test; --livebench and a folder"
        )
    way = split_named(split)
    for path in (json, html):
        _require_writable(path)
    if livebench is not None:
        found = traffic.run(traffic.Traffic.read(livebench), halvings=halvings, seed=seed)
        _write(json, html, traffic_record(found), lambda: traffic_report(found))
        if not _is_stdout(json):
            _show_traffic(found)
        return
    with progress() as tell:
        read = partial(_read, tell=tell, max_rows=max_rows, seed=seed)
        options = Options(resamples, seed, _paraphrases(paraphrases), tell)
        if train is not None and test is not None:
            learn, judge = read(train), read(test)
            contenders = _contenders(router, policy, judge)
            result = hold_out(learn, judge, contenders, options, labels=labels)
        elif data is not None:
            table = read(data)
            contenders = _contenders(router, policy, table)
            result = cross_validate(table, way, contenders, options, folds=folds, labels=labels)
    _write(json, html, as_record(result), lambda: report(result))
    if not _is_stdout(json):
        _show(result, [name for name in policy or () if name in _PRESETS])


def _read(path: Path, *, tell: Tell, max_rows: int | None, seed: int) -> LabelledTable:
    from llmrouter_integrations.evaluation.datasets import MAX_ROWS, read_table

    return read_table(
        path,
        max_rows=max_rows or MAX_ROWS,
        seed=seed,
        on_row=lambda rows: tell(f"reading {path.name}", rows, None),
    )


def _paraphrases(path: Path | None) -> dict[str, list[str]] | None:
    from llmrouter_integrations.evaluation.paraphrase import read_paraphrases

    return None if path is None else read_paraphrases(path)


def _contenders(
    routers: list[str] | None, policies: list[str] | None, table: LabelledTable
) -> list[Contender]:
    from llmrouter_integrations.evaluation.evaluate import default_router
    from llmrouter_integrations.evaluation.plug_ins import load_router, policy

    return [
        default_router(),
        *[load_router(spec, table.prompts[0]) for spec in routers or ()],
        *[policy(Path(name)) for name in policies or () if name not in _PRESETS],
    ]


def _is_stdout(path: Path | None) -> bool:
    return path is not None and str(path) == "-"


def _require_writable(path: Path | None) -> None:
    """Tell now of a place that nothing can be written to, and not when the work is done."""
    if path is not None and not _is_stdout(path) and (path.is_dir() or not path.parent.is_dir()):
        raise ConfigurationError(
            f"{path}: cannot be written: it {'is a' if path.is_dir() else 'is in no'} folder"
        )


def _write(
    json: Path | None, html: Path | None, record: dict[str, Any], page: Callable[[], str]
) -> None:
    text = orjson.dumps(record, option=orjson.OPT_INDENT_2)
    if _is_stdout(json):
        typer.echo(text.decode())
    elif json is not None:
        json.write_bytes(text + b"\n")
    if html is not None:
        html.write_text(page(), encoding="utf-8")


def _show(result: Evaluation, presets: list[str]) -> None:
    from llmrouter_integrations.evaluation.baselines import BASELINES
    from llmrouter_integrations.evaluation.html import UNITS
    from llmrouter_integrations.evaluation.record import FIGURES, figures_of, policies_of

    out = console()
    data = result.table
    strong, weak = result.pair or (None, None)
    out.print(
        f"[b]{data.name}[/]: {len(data):,} prompts, {len(data.models)} models; "
        f"{result.split}, at most {result.labels:,} labels to learn from"
        + (f"; strong: {strong}, weak: {weak}" if strong else "")
        + f"; cost in {UNITS.get(result.cost_basis or '', 'nothing: the data have none')}",
        highlight=False,
    )
    for note in result.notes:
        out.print(f"note: {note}", highlight=False)
    figures = {found.contender.title: figures_of(found) for found in result.results.values()}
    shown = [
        (title, [found[name] for found in figures.values()])
        for name, title in FIGURES.items()
        if any(found[name].value is not None for found in figures.values())
    ]
    out.print(_table(["", *figures], shown))
    if not presets:
        return
    rows = [
        (f"{found.contender.title}, {preset}", list(policies_of(found)[preset].values()))
        for found in result.results.values()
        for preset in presets
        if found.contender not in BASELINES and preset in policies_of(found)
    ]
    if rows:
        out.print(_table(["policy", "quality", "cost", "arena score"], rows))
    else:
        out.print("note: presets are prices in dollars, and these data have none", highlight=False)


def _show_traffic(found: TrafficResult) -> None:
    out = console()
    traffic = found.traffic
    out.print(
        f"LiveBench {traffic.release}: {len(traffic.runs)} runs, {len(traffic.tasks)} tasks, "
        f"halved {found.halvings} times; all relative to the best fixed model on the judged half; "
        f"left out, having no price: {', '.join(traffic.left_out) or 'none'}",
        highlight=False,
    )
    heads = ["aimed at", "router: score", "its cost", "one model: score", "its cost"]
    aims = [
        (f"{share:.0%} of the cost", [*found.aimed[share], *found.fixed_aimed[share]])
        for share in found.aimed
    ]
    out.print(_table(heads, aims))
    out.print(
        _table(
            ["share of the cost", "lead over the hull of fixed models"],
            [(f"{share:.0%}", [lead]) for share, lead in found.above_hull.items()],
        )
    )


def _table(heads: list[str], rows: list[tuple[str, list[Figure]]]) -> Table:
    from llmrouter_integrations.evaluation.html import figure_text

    table = Table(box=None, header_style="bold")
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left")
    for title, figures in rows:
        told = [figure_text(figure) for figure in figures]
        # brackets would be read as markup
        cells = [Text(f"{value}\n{ends}" if ends else value) for value, ends in told]
        table.add_row(title, *cells)
    return table
