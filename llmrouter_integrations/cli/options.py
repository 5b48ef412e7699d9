"""Options that several commands share, and the router they describe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from llmrouter_integrations.config import RouterConfig
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.hints import RoutingHints
from llmrouter_integrations.router import Router

Config = Annotated[
    Path | None, typer.Option("--config", help="A llmrouter.yaml; see docs/configuration.md.")
]
Model = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", help="A target, provider/model; may be repeated."),
]
Prefer = Annotated[str | None, typer.Option("--prefer", help="quality, balanced, cost or latency.")]
Task = Annotated[str | None, typer.Option("--task", help="What kind of work it is.")]
Hint = Annotated[
    list[str] | None,
    typer.Option("--hint", help="Any other hint, as field=value; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


WIDE = 180
"""Columns to write for a file or a pipe, which have no width of their own."""
NARROW = 110
"""Columns below which a table's cells would be slivers, and a list is written instead."""


def console(*, stderr: bool = False) -> Console:
    """Give where tables are written: as wide as the terminal, or as COLUMNS says."""
    found = Console(stderr=stderr)
    if found.is_terminal or os.environ.get("COLUMNS"):
        return found
    return Console(stderr=stderr, width=WIDE)


def hints_from(task: str | None, prefer: str | None, others: list[str] | None) -> RoutingHints:
    """Read the hints given as options.

    Raises:
        UnknownHintError: There is no such hint, or it cannot take the value.
        ConfigurationError: A ``--hint`` is not of the form field=value.
    """
    said: dict[str, Any] = {}
    for item in others or ():
        name, sign, value = item.partition("=")
        if not sign:
            raise ConfigurationError(f"--hint {item!r} must be written field=value")
        said[name.strip()] = value.strip()
    if task is not None:
        said["task"] = task
    if prefer is not None:
        said["prefer"] = prefer
    return RoutingHints.of(said)


def router_from(config: Path | None, models: list[str] | None, **arguments: Any) -> Router:
    """Build the router that ``--config`` or ``--model`` describe, or the environment's keys.

    Raises:
        ConfigurationError: Both are given, or what they say is wrong.
    """
    if config is not None:
        if models:
            raise ConfigurationError("give either --config or --model, not both")
        return Router(config=RouterConfig.load(config), **arguments)
    return Router(models or None, **arguments)
