"""``llmrouter fit``: learn from labelled prompts how well each model answers what."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.table import Table

from llmrouter_integrations.cli.options import AsJson, console
from llmrouter_integrations.cli.progress import progress
from llmrouter_integrations.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from llmrouter_integrations.cli.progress import Tell
    from llmrouter_integrations.evaluation.datasets import LabelledTable


def fit(
    labels: Annotated[Path, typer.Argument(help="Labelled prompts: .csv, .jsonl or .parquet.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Write what was learned there, fitted.npz say.")
    ] = None,
    onto: Annotated[
        Path | None,
        typer.Option(help="Add the new models in LABELS to what this file holds; 20 to 200 rows."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Learn from labelled prompts how well each model answers what; see docs/fit.md."""
    try:
        from llmrouter_integrations.evaluation.datasets import read_table
        from llmrouter_integrations.evaluation.fit import learn
        from llmrouter_integrations.evaluation.fit_report import fit_record
        from llmrouter_integrations.routing.fitted_file import save
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "numpy":
            raise
        raise MissingExtraError("llmrouter fit", "eval", error.name) from None
    with progress() as tell:
        table = read_table(labels, seed=seed, on_row=partial(_tell_rows, tell, labels.name))
        if onto is not None:
            _add(table, onto, out, as_json=as_json)
            return
        found = learn(table, seed=seed, tell=tell)
    if out is not None:
        save(found.predictor, out)
    record = fit_record(found)
    if as_json:
        typer.echo(orjson.dumps(record, option=orjson.OPT_INDENT_2).decode())
    else:
        _show(record, out)


def _tell_rows(tell: Tell, name: str, rows: int) -> None:
    tell(f"reading {name}", rows, None)


def _add(table: LabelledTable, onto: Path, out: Path | None, *, as_json: bool) -> None:
    from llmrouter_integrations.evaluation.following import add_models
    from llmrouter_integrations.routing.fitted_file import load, save

    if out is None:
        raise ConfigurationError("--onto needs --out: where to write all models, old and new")
    predictor, new = add_models(load(onto), table)
    save(predictor, out)
    levels = dict(zip(predictor.models, predictor.level.tolist(), strict=True))
    if as_json:
        typer.echo(orjson.dumps({"added": {name: levels[name] for name in new}}).decode())
        return
    for name in new:
        typer.echo(f"{name}: level {levels[name]:.3f}, described by the other models")
    typer.echo(f"{len(predictor.models)} models written to {out}")


def _show(record: dict[str, Any], out: Path | None) -> None:
    screen = console()
    data = record["data"]
    screen.print(
        f"[b]{data['name']}[/]: {data['rows']:,} prompts, {len(record['models'])} models, "
        f"{len(record['tasks'])} tasks; penalties: "
        + ", ".join(f"{name} {chosen:g}" for name, chosen in record["penalties"].items()),
        highlight=False,
    )
    for note in data["notes"]:
        screen.print(f"note: {note}", highlight=False, markup=False)
    models = Table("model", "labels", "level", "described by", box=None, header_style="bold")
    for name, model in record["models"].items():
        level = f"{model['level']:.3f}"
        models.add_row(name, f"{model['labels']:,}", level, model["described_by"])
    screen.print(models)
    heads = ("each row predicted by the others", "squared error", "calibration error")
    rows = Table(*heads, "quality of the best", box=None, header_style="bold")
    for name, score in record["left_out"].items():
        rows.add_row(name, *[f"{figure:.4f}" for figure in score.values()])
    screen.print(rows)
    if out is not None:
        screen.print(f"written to {out}", highlight=False, markup=False)
    screen.print("with costs and intervals, on rows held out: llmrouter eval", highlight=False)
