"""``llmrouter models``: what the catalogue knows."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from llmrouter_integrations.catalog import Catalog, ModelFacts
from llmrouter_integrations.catalog.listing import ABILITIES, MODALITIES, SORT_KEYS
from llmrouter_integrations.cli.options import AsJson
from llmrouter_integrations.hints import TASKS


def models(
    search: Annotated[str, typer.Argument(help="Words that stand in the model's name.")] = "",
    *,
    provider: Annotated[str | None, typer.Option(help="Only this provider.")] = None,
    ability: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(ABILITIES)}; may be repeated.")
    ] = None,
    takes: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(MODALITIES)}; may be repeated.")
    ] = None,
    min_context: Annotated[int | None, typer.Option(help="Least window, in tokens.")] = None,
    max_input_usd: Annotated[
        float | None, typer.Option(help="Most dollars per million input tokens.")
    ] = None,
    max_output_usd: Annotated[
        float | None, typer.Option(help="Most dollars per million output tokens.")
    ] = None,
    scored: Annotated[bool, typer.Option("--scored", help="Only models with scores.")] = False,
    deprecated: Annotated[
        bool, typer.Option("--deprecated", help="Deprecated models too.")
    ] = False,
    sort: Annotated[str, typer.Option(help=f"One of {', '.join(SORT_KEYS)}.")] = "id",
    reverse: Annotated[bool, typer.Option("--reverse", help="The other way round.")] = False,
    as_json: AsJson = False,
) -> None:
    """List, filter and sort the models of the catalogue, each figure with its source."""
    found = Catalog.load().models(
        provider=provider,
        sort=sort,
        reverse=reverse,
        search=search,
        abilities=tuple(ability or ()),
        inputs=tuple(takes or ()),
        context_at_least=min_context,
        input_usd_per_mtok_at_most=max_input_usd,
        output_usd_per_mtok_at_most=max_output_usd,
        measured=scored,
        deprecated=deprecated,
    )
    if as_json:
        typer.echo(orjson.dumps([_plain(facts) for facts in found], default=_sorted).decode())
        return
    _show(found, sort if sort in TASKS else "overall", Console())


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
