"""The commands, gathered."""

from __future__ import annotations

import typer

from llmrouter_integrations.cli import ask, catalog, demo, explain, models

app = typer.Typer(
    name="llmrouter",
    help="The best model for each request, with failover.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("ask")(ask.ask)
app.command("explain")(explain.explain)
app.command("models")(models.models)
app.add_typer(catalog.app, name="catalog")
