"""``llmrouter catalog``: make the table of models anew."""

from __future__ import annotations

import typer

app = typer.Typer(help="The committed table of models.", no_args_is_help=True)


@app.callback()
def _catalog() -> None:
    """Hold the commands below ``catalog``."""
