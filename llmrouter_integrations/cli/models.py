"""``llmrouter models``: what the catalogue knows."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.table import Table

from llmrouter_integrations.catalog import Catalog, Estimate, ModelFacts
from llmrouter_integrations.catalog.listing import (
    ABILITIES,
    MODALITIES,
    SORT_KEYS,
    Filter,
    in_order,
)
from llmrouter_integrations.cli.options import NARROW, AsJson, Config, console, router_from
from llmrouter_integrations.hints import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from llmrouter_integrations.routing.target import Target


def models(
    search: Annotated[str, typer.Argument(help="Words that stand in the model's name.")] = "",
    *,
    config: Config = None,
    provider: Annotated[str | None, typer.Option(help="Only this provider.")] = None,
    ability: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(ABILITIES)}; may be repeated.")
    ] = None,
    takes: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(MODALITIES)}; may be repeated.")
    ] = None,
    min_context: Annotated[int | None, typer.Option(min=0, help="Least window, in tokens.")] = None,
    max_input_usd: Annotated[
        float | None, typer.Option(min=0, help="Most dollars per million input tokens.")
    ] = None,
    max_output_usd: Annotated[
        float | None, typer.Option(min=0, help="Most dollars per million output tokens.")
    ] = None,
    scored: Annotated[bool, typer.Option("--scored", help="Only models with scores.")] = False,
    deprecated: Annotated[
        bool, typer.Option("--deprecated", help="Deprecated models too.")
    ] = False,
    sort: Annotated[str, typer.Option(help=f"One of {', '.join(SORT_KEYS)}.")] = "id",
    reverse: Annotated[bool, typer.Option("--reverse", help="The other way round.")] = False,
    as_json: AsJson = False,
) -> None:
    """List, filter and sort the models of the catalogue, each figure with its source.

    With --config: the targets configured there, with what is stated of them.
    """
    catalog = Catalog.load()
    wanted: dict[str, Any] = {
        "search": search,
        "abilities": tuple(ability or ()),
        "inputs": tuple(takes or ()),
        "context_at_least": min_context,
        "input_usd_per_mtok_at_most": max_input_usd,
        "output_usd_per_mtok_at_most": max_output_usd,
        "measured": scored,
        "deprecated": deprecated,
    }
    if config is None:
        found = catalog.models(provider=provider, sort=sort, reverse=reverse, **wanted)
    else:
        router = router_from(config, None, keys_required=False)
        configured = [_as_configured(target, catalog) for target in router.targets]
        passes = Filter(**wanted).passes
        found = in_order(
            [f for f in configured if passes(f) and provider in (None, f.provider)],
            sort,
            reverse=reverse,
        )
    if as_json:
        typer.echo(orjson.dumps([_plain(facts) for facts in found], default=_sorted).decode())
        return
    label = attrgetter("id" if config is None else "name")
    _show(found, sort if sort in TASKS else "overall", label, console())


def _as_configured(target: Target, catalog: Catalog) -> ModelFacts:
    known = catalog.find(target.provider, target.model)
    known = known or ModelFacts(target.provider, target.model, target.name)
    return replace(
        known,
        name=target.name,
        estimates={
            task: Estimate(outlook.quality, outlook.quality_error, outlook.quality_source, "")
            for task, outlook in target.outlooks.items()
        },
        context_window=target.context_window,
        max_output=target.max_output,
        abilities=target.abilities,
        rates=target.rates,
    )


def _sorted(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    return dict(value)


def _plain(facts: ModelFacts) -> dict[str, Any]:
    plain: dict[str, Any] = orjson.loads(orjson.dumps(facts, default=_sorted))
    return {"id": facts.id, **plain}


def _show(
    found: list[ModelFacts], task: str, label: Callable[[ModelFacts], str], out: Console
) -> None:
    columns = ["window", "answer", "$/M in", "$/M out", task, "sources"]
    if out.width < NARROW:
        columns = ["$/M in", "$/M out", task, "sources"]
    table = Table(box=None, header_style="bold")
    table.add_column("model", overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    if out.width >= NARROW:
        table.add_column("can do", overflow="fold")
    notes: dict[str, int] = {}
    for facts in found:
        rates, score = facts.rates, facts.estimates.get(task)
        sources = [", ".join(filter(None, (f"price: {rates.source}", rates.date)))] if rates else []
        if score is not None:
            sources.append(", ".join(filter(None, (f"score: {score.source}", score.date))))
        if facts.source:
            sources.append(f"limits and abilities: {facts.source}, {facts.date}")
        cells = {
            "model": label(facts),
            "window": _tokens(facts.context_window),
            "answer": _tokens(facts.max_output),
            "$/M in": f"{rates.input_usd * 1e6:.2f}" if rates else "",
            "$/M out": f"{rates.output_usd * 1e6:.2f}" if rates else "",
            task: f"{score.value:.2f} ±{score.error:.2f}" if score else "",
            "sources": ",".join(str(notes.setdefault(s, len(notes) + 1)) for s in sources),
            "can do": _can_do(facts),
        }
        table.add_row(*[cells[str(column.header)] for column in table.columns])
    out.print(table)
    for source, number in notes.items():
        out.print(f"{number}: {source}", style="dim", highlight=False)
    out.print(f"{len(found)} models", style="dim", highlight=False)


def _tokens(count: int | None) -> str:
    return f"{count:,}" if count is not None else ""


def _can_do(facts: ModelFacts) -> str:
    abilities = facts.abilities
    able = [
        name for name in ("tools", "structured_output", "reasoning") if getattr(abilities, name)
    ]
    return " ".join([*able, *sorted((abilities.input or frozenset()) - {"text"})])
