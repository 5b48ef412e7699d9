"""The ``llmrouter`` command."""

from __future__ import annotations

import io
import sys

from llmrouter_integrations.errors import MissingExtraError, RouterError

__all__ = ["main"]


def main() -> None:
    """Run the command line. Our own errors are told in one line, with exit status 1."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal that cannot show a character shows a mark instead, not a traceback
            stream.reconfigure(errors="replace")
    try:
        try:
            from llmrouter_integrations.cli.app import app
        except ModuleNotFoundError as error:
            if error.name not in ("typer", "rich"):
                raise
            raise MissingExtraError("The llmrouter command", "cli", error.name) from None
        app()
    except RouterError as error:
        print(f"llmrouter: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201  (a CLI)
        sys.exit(1)
