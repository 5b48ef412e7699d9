"""``llmrouter models``: what the catalogue knows."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from llmrouter_integrations.catalog import Catalog, ModelFacts
from llmrouter_integrations.errors import ConfigurationError


def models(
    search: Annotated[str | None, typer.Argument(help="Part of a model's name.")] = None,
    *,
    provider: Annotated[str | None, typer.Option(help="Only this provider.")] = None,
    ability: Annotated[
        list[str] | None,
        typer.Option(help="tools, structured_output, reasoning, image, audio, pdf or video."),
    ] = None,
    min_context: Annotated[int | None, typer.Option(help="Least window, in tokens.")] = None,
    max_input_usd: Annotated[
        float | None, typer.Option(help="Most dollars per million input tokens.")
    ] = None,
    scored: Annotated[bool, typer.Option("--scored", help="Only models with scores.")] = False,
    sort: Annotated[str, typer.Option(help="name, price, quality, context or release.")] = "name",
    task: Annotated[str, typer.Option(help="Whose score to show and sort by.")] = "overall",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """List, filter and sort the models of the catalogue, each figure with its source."""
    catalog = Catalog.load()
    if provider is not None and not catalog.models(provider=provider):
        raise ConfigurationError(
            f"the catalogue has no provider {provider!r}; it has {', '.join(catalog.providers())}"
        )
    found = catalog.models(
        provider=provider,
        abilities=tuple(ability or ()),
        min_context=min_context,
        max_input_usd_per_mtok=max_input_usd,
        scored=scored,
        search=search,
        sort=sort,
        task=task,
    )
    if as_json:
        typer.echo(orjson.dumps([_plain(facts) for facts in found], default=_sorted).decode())
        return
    _show(found, task, Console())


def _sorted(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    return dict(value)


def _plain(facts: ModelFacts) -> dict[str, Any]:
    plain: dict[str, Any] = orjson.loads(orjson.dumps(facts, default=_sorted))
    return {"id": facts.id, **plain}


def _show(found: list[ModelFacts], task: str, out: Console) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column("model", overflow="fold")
    for name in ("window", "answer", "$/M in", "$/M out", task):
        table.add_column(name, justify="right")
    table.add_column("takes")
    table.add_column("sources", overflow="fold", style="dim")
    for facts in found:
        rates, score = facts.rates, facts.quality.get(task)
        sources = [f"price {rates.source} {rates.date}" if rates else "no price"]
        if score is not None:
            sources.append(f"score {score.source} {score.date}")
        table.add_row(
            facts.id,
            _tokens(facts.context_window),
            _tokens(facts.max_output),
            f"{rates.input_usd * 1e6:.2f}" if rates else "",
            f"{rates.output_usd * 1e6:.2f}" if rates else "",
            f"{score.value:.3f}" if score else "",
            _takes(facts),
            "; ".join(sources),
        )
    out.print(table)
    out.print(f"{len(found)} models", style="dim")


def _tokens(count: int | None) -> str:
    return f"{count:,}" if count is not None else ""


def _takes(facts: ModelFacts) -> str:
    abilities = facts.abilities
    able = [
        name for name in ("tools", "structured_output", "reasoning") if getattr(abilities, name)
    ]
    return " ".join([*able, *sorted((abilities.input or frozenset()) - {"text"})])
