"""``llmrouter classify``: what each prompt of a file asks for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.text import Text

from llmrouter_integrations.cli.options import AsJson, console
from llmrouter_integrations.errors import ConfigurationError, InvalidRequestError
from llmrouter_integrations.hints import EMPTY
from llmrouter_integrations.routing.features import read_features, read_tasks
from llmrouter_integrations.wire.inbound import request_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmrouter_integrations.messages import Request

_SHOWN = 3
"""Tasks told on a line for people."""
_EXCERPT = 60
_COMPLAINTS = 3
"""Lines that cannot be read and are told one by one: where the file is no JSON, all are alike."""
_PARAMS = ("tools", "tool_choice", "response_format")
"""What else of a request may stand beside its messages, as in OpenAI's chat completions."""


def classify(
    file: Annotated[
        Path,
        typer.Argument(
            help='Lines of JSON, each with "prompt" or "messages" (and "tools" ...); -: '
            "standard input."
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Tell the task of each prompt and how likely it is; see docs/tasks.md."""
    out = console()
    name = "standard input" if str(file) == "-" else str(file)
    wrong = read = 0
    for number, line in _lines(file):
        read += 1
        try:
            row, request = _read(line)
        except (ConfigurationError, InvalidRequestError) as error:
            wrong += 1
            if wrong <= _COMPLAINTS:
                typer.echo(f"{name}, line {number}: {error}", err=True)
            continue
        told = _told(request)
        if as_json:
            kept = {"id": row["id"]} if "id" in row else {}
            typer.echo(orjson.dumps({"line": number, **kept, **told}).decode())
        else:
            out.print(_for_people(number, told, request), no_wrap=True, overflow="ellipsis")
    if wrong > _COMPLAINTS:
        typer.echo(f"{name}: {wrong - _COMPLAINTS} more lines could not be read", err=True)
    if wrong or not read:
        what = f"{wrong} of {read} lines could not be read" if read else "there is nothing to read"
        raise ConfigurationError(f"{name}: {what}")


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    try:
        stream = sys.stdin.buffer if str(file) == "-" else file.open("rb")
        with stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror or error}") from error


def _read(line: bytes) -> tuple[dict[str, Any], Request]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ConfigurationError(f"this is not JSON: {error}") from error
    if not isinstance(row, dict) or ("prompt" in row) == ("messages" in row):
        raise ConfigurationError('give an object with either "prompt" or "messages"')
    if "prompt" in row and not isinstance(row["prompt"], str):
        raise ConfigurationError(f'"prompt" must be a text, not {type(row["prompt"]).__name__}')
    params = {name: row[name] for name in _PARAMS if name in row}
    said = row["messages"] if "messages" in row else [{"role": "user", "content": row["prompt"]}]
    return row, request_from(said, params)


def _told(request: Request) -> dict[str, Any]:
    seen = read_features(request, EMPTY)
    return {
        "task": seen.task,
        "probability": round(seen.task_probability, 4),
        "task_source": seen.task_source,
        "difficulty": round(seen.difficulty, 2),
        "probabilities": {
            task: round(chance, 4) for task, chance in read_tasks(request, seen).items()
        },
    }


def _for_people(number: int, told: dict[str, Any], request: Request) -> Text:
    likeliest = list(told["probabilities"].items())[:_SHOWN]
    text = " ".join(request.messages[-1].text.split()) if request.messages else ""
    return Text(
        f"{number:>5}  {told['task']:14} ({told['task_source']}; "
        f"{', '.join(f'{task} {chance:.2f}' for task, chance in likeliest)})  "
        f"{text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + '…'}"
    )
