"""The commands, gathered."""

from __future__ import annotations

from typing import Annotated

import typer

from llmrouter_integrations import __version__
from llmrouter_integrations.cli import (
    ask,
    catalog,
    classify,
    demo,
    drill,
    evaluate,
    explain,
    fit,
    models,
)

app = typer.Typer(
    name="llmrouter",
    help="The best model for each request, with failover.",
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _whole(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True)
    ] = False,
) -> None:
    if version:
        typer.echo(f"llmrouter {__version__}")
        raise typer.Exit


app.command("demo")(demo.demo)
app.command("ask")(ask.ask)
app.command("explain")(explain.explain)
app.command("models")(models.models)
app.command("drill")(drill.drill)
app.command("eval")(evaluate.evaluate)
app.command("classify")(classify.classify)
app.command("fit")(fit.fit)
app.add_typer(catalog.app, name="catalog")
