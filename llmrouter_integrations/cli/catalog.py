"""``llmrouter catalog``: make the table of models anew."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from llmrouter_integrations.catalog.build import build

app = typer.Typer(help="The table of models that comes with the package.", no_args_is_help=True)

_TODAY = dt.datetime.now(dt.UTC).date().isoformat()


@app.callback()
def _commands() -> None:
    """Hold the commands below ``catalog``: typer makes a lone command the whole otherwise."""


@app.command("build")
def build_table(
    *,
    models: Annotated[Path, typer.Option(help="models.dev's models: a folder or .tar.gz.")],
    providers: Annotated[Path, typer.Option(help="models.dev's providers, likewise.")],
    livebench: Annotated[Path, typer.Option(help="A folder of LiveBench's tables.")],
    out: Annotated[Path, typer.Option(help="Where the table goes.")],
    modelsdev_date: Annotated[str, typer.Option(help="When models.dev was read.")] = _TODAY,
    livebench_date: Annotated[str, typer.Option(help="When LiveBench was read.")] = _TODAY,
    modelsdev_commit: Annotated[str, typer.Option(help="Commit of the snapshot.")] = "",
    livebench_commit: Annotated[str, typer.Option(help="Commit of the snapshot.")] = "",
) -> None:
    """Make the table from models.dev's files and LiveBench's, and say what was not mapped."""
    report = build(
        models,
        providers,
        livebench,
        modelsdev_date=modelsdev_date,
        livebench_date=livebench_date,
        modelsdev_commit=modelsdev_commit,
        livebench_commit=livebench_commit,
    )
    report.write(out)
    for line in report.summary():
        typer.echo(line)
