"""Builds the catalogue's table from models.dev's trees and LiveBench's tables.

Prices are not in it where ``genai-prices`` knows them (it is asked at run time and is fresher);
models.dev's are kept as the fallback. What cannot be mapped, or is left out on purpose, is listed
in the :class:`BuildReport`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import orjson

from llmrouter_integrations.catalog import livebench as lb
from llmrouter_integrations.catalog import modelsdev
from llmrouter_integrations.catalog.names import as_trained, is_chat, normal, provider_id, undated
from llmrouter_integrations.catalog.placing import Known, scores_of
from llmrouter_integrations.catalog.placing_fit import fit
from llmrouter_integrations.catalog.quality import Components
from llmrouter_integrations.catalog.rows import FORMAT
from llmrouter_integrations.catalog.table import Catalog
from llmrouter_integrations.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from llmrouter_integrations.catalog.modelsdev import Entry

__all__ = ["BuildReport", "build"]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

_PRICES = ("input", "output", "cache_read", "cache_write", "input_audio", "output_audio")


@dataclass(frozen=True, slots=True)
class BuildReport:
    """The built table and what did not go into it.

    Attributes:
        table: The table's bytes: JSON, one model per line, in a stable order.
        models: How many vendors' models it holds.
        offers: How many entries (a model at a provider).
        runs: LiveBench's name of each run to the ``vendor/model`` it was mapped to.
        unmapped_runs: LiveBench names that no vendor's model is known for.
        runs_without_cost: LiveBench names with scores but no cost.
        costs_without_run: LiveBench names with costs but no scores.
        not_chat: Entries left out because they are no chat models (embeddings, speech, images).
        without_vendor_model: Entries that could not be mapped to a vendor's model, and so have
            no scores.
        ambiguous: Normal names that two vendors' models share, which map to neither.
        benchmarks: How many benchmark figures it holds.
        benchmarks_left_out: How many were left out: quoted from Artificial Analysis.
        fallback_price: Entries that the installed ``genai-prices`` has no price for, so that
            models.dev's is used.
        without_price: Entries that neither has a price for.
        only_priced: Models that only ``genai-prices`` has: their window and price are known, and
            their scores where LiveBench has them.
    """

    table: bytes
    models: int
    offers: int
    runs: Mapping[str, str]
    unmapped_runs: tuple[str, ...]
    runs_without_cost: tuple[str, ...]
    costs_without_run: tuple[str, ...]
    not_chat: tuple[str, ...]
    without_vendor_model: tuple[str, ...]
    ambiguous: tuple[str, ...]
    benchmarks: int
    benchmarks_left_out: int
    fallback_price: tuple[str, ...]
    without_price: tuple[str, ...]
    only_priced: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Write the table.

        Raises:
            ConfigurationError: The file cannot be written.
        """
        try:
            path.write_bytes(self.table)
        except OSError as error:
            raise ConfigurationError(f"{path}: cannot be written: {error}") from error

    def summary(self) -> list[str]:
        """The report in lines for people: counts, then each thing that was not mapped."""
        lists = {
            "LiveBench runs without a vendor's model": self.unmapped_runs,
            "LiveBench runs without a cost": self.runs_without_cost,
            "LiveBench costs without scores": self.costs_without_run,
            "names shared by two vendors' models": self.ambiguous,
            "entries without a vendor's model (no scores)": self.without_vendor_model,
            "entries left out, no chat models": self.not_chat,
            "entries without a price": self.without_price,
            "entries at models.dev's price": self.fallback_price,
            "models that only the price list has": self.only_priced,
        }
        counts = (
            f"{self.models} models, {self.offers} entries at providers, {len(self.runs)} LiveBench"
            f" runs, {self.benchmarks} other benchmark figures"
            f" ({self.benchmarks_left_out} left out), {len(self.table)} bytes"
        )
        told = (
            f"{what}: {len(names)}" + (f": {', '.join(names)}" if names else "")
            for what, names in lists.items()
        )
        return [counts, *told]


def build(
    models: Path,
    providers: Path,
    livebench: Path,
    *,
    modelsdev_date: str,
    livebench_date: str,
    modelsdev_commit: str = "",
    livebench_commit: str = "",
) -> BuildReport:
    """Build the table.

    Args:
        models: models.dev's ``models`` tree: a directory or a ``.tar.gz``.
        providers: Its ``providers`` tree, likewise.
        livebench: A directory of LiveBench's tables.
        modelsdev_date: When models.dev was read, ISO.
        livebench_date: When LiveBench was read, ISO.
        modelsdev_commit: Commit of the snapshot, where known.
        livebench_commit: The same for LiveBench.

    Raises:
        ConfigurationError: A source is missing or malformed; the message names file and field.
    """
    for day in (modelsdev_date, livebench_date):
        try:
            dt.date.fromisoformat(day)
        except ValueError:
            raise ConfigurationError(f"{day!r} is no date of the form YYYY-MM-DD") from None
    trained = modelsdev.read_models(models)
    offered = modelsdev.read_providers(providers, trained)
    bench = lb.read(livebench)

    runs, unmapped_runs = _runs(bench, trained)
    known, ambiguous = _index([*trained, *runs])
    names = {
        name: vendor for vendor, rows in runs.items() for name in (row["name"] for row in rows)
    }

    rows: dict[str, dict[str, Any]] = {}
    kept = left_out = 0
    for vendor_model in sorted({*trained, *runs}):
        entry = trained.get(vendor_model)
        row: dict[str, Any] = {}
        if entry is not None and _is_chat(vendor_model, entry):
            row = _facts(entry)
            row["benchmarks"], dropped = _benchmarks(entry, modelsdev_date)
            kept, left_out = kept + len(row["benchmarks"]), left_out + dropped
        if vendor_model in runs:
            row["livebench"] = runs[vendor_model]
        if row:
            rows[vendor_model] = {k: v for k, v in row.items() if v != []}

    offers: dict[str, dict[str, Any]] = {}
    not_chat: list[str] = []
    for (provider, model), entry in offered.items():
        key = f"{provider_id(provider)}/{model}"
        if _is_chat(model, entry):
            of = entry.text("base_model") or _vendor_model(provider, model, trained, known)
            offers[key] = _facts(entry, of) | _price(entry)
        else:
            not_chat.append(key)

    for vendor_model, usd in _list_prices(offers).items():
        if vendor_model in rows:
            rows[vendor_model]["usd"] = usd

    sources = {
        "models.dev": {
            "url": "https://models.dev",
            "date": modelsdev_date,
            "commit": modelsdev_commit,
            "licence": "MIT",
        },
        "livebench": {
            "url": "https://livebench.ai",
            "date": livebench_date,
            "commit": livebench_commit,
            "release": bench.release,
        },
    }
    table = _table(sources, _quality(bench, rows, modelsdev_date), rows, offers)
    listed = Catalog(table).models(deprecated=True)
    by_price = {facts.id: facts.rates.source if facts.rates else "" for facts in listed}
    return BuildReport(
        table=table,
        models=len(rows),
        offers=len(offers),
        runs=names,
        unmapped_runs=tuple(unmapped_runs),
        runs_without_cost=bench.without_cost,
        costs_without_run=bench.without_scores,
        not_chat=tuple(sorted(not_chat)),
        without_vendor_model=tuple(sorted(key for key in offers if "of" not in offers[key])),
        ambiguous=tuple(sorted(ambiguous)),
        benchmarks=kept,
        benchmarks_left_out=left_out,
        fallback_price=tuple(key for key in by_price if by_price[key].startswith("models.dev")),
        without_price=tuple(key for key in by_price if not by_price[key]),
        only_priced=tuple(key for key in by_price if key not in offers),
    )


def _list_prices(offers: Mapping[str, dict[str, Any]]) -> dict[str, float]:
    """Give each vendor's model's price of a million output tokens: the median over providers."""
    prices: dict[str, list[float]] = defaultdict(list)
    for offer in offers.values():
        usd = offer.get("price", {}).get("output")
        if usd and "of" in offer:
            prices[offer["of"]].append(usd)
    return {model: round(median(each), 4) for model, each in prices.items()}


def _quality(
    bench: lb.LiveBench, rows: Mapping[str, dict[str, Any]], modelsdev_date: str
) -> dict[str, Any]:
    """Work out what is known of scores in general."""
    measured = {
        model: fmean(row["livebench"][0]["scores"].values())
        for model, row in rows.items()
        if "livebench" in row
    }
    known = {
        model: Known(
            # what was measured and is not in models.dev came after its snapshot
            row.get("released") or (modelsdev_date if model in measured else None),
            row.get("usd"),
            scores_of((figure["name"], figure["score"]) for figure in row.get("benchmarks", ())),
        )
        for model, row in rows.items()
    }
    return {
        "components": Components.of(bench.runs).as_row(),
        "placing": fit(measured, known).as_row(),
    }


def _table(
    sources: Mapping[str, Any],
    quality: Mapping[str, Any],
    models: Mapping[str, dict[str, Any]],
    offers: Mapping[str, dict[str, Any]],
) -> bytes:
    def lines(rows: Mapping[str, Any]) -> bytes:
        each = (orjson.dumps(key) + b":" + orjson.dumps(rows[key]) for key in sorted(rows))
        return b"{\n" + b",\n".join(each) + b"\n}"

    return (
        b'{"format":%d,\n"sources":' % FORMAT
        + lines(sources)
        + b',\n"quality":'
        + lines(quality)
        + b',\n"models":'
        + lines(models)
        + b',\n"offers":'
        + lines(offers)
        + b"\n}\n"
    )


def _runs(
    bench: lb.LiveBench, trained: Mapping[str, Entry]
) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    by_name, _ = _index(trained)
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    unmapped = []
    for run in bench.runs:
        base, effort = lb.split_effort(run.name, {*lb.VENDOR_MODELS, *by_name})
        vendor_model = lb.VENDOR_MODELS.get(base) or by_name.get(normal(base))
        if vendor_model is None:
            unmapped.append(run.name)
            continue
        figures = {"scores": run.scores, "tokens": run.tokens, "usd": run.usd}
        runs[vendor_model].append(
            {"name": run.name, "effort": effort, **{k: v for k, v in figures.items() if v}}
        )
    for rows in runs.values():
        rows.sort(key=lambda row: (-sum(row["scores"].values()), row["name"]))
    return dict(runs), unmapped


def _index(vendor_models: Mapping[str, Any] | list[str]) -> tuple[dict[str, str], set[str]]:
    index: dict[str, str] = {}
    ambiguous: set[str] = set()
    for vendor_model in vendor_models:
        name = normal(vendor_model)
        if index.setdefault(name, vendor_model) != vendor_model:
            ambiguous.add(name)
    return {name: vm for name, vm in index.items() if name not in ambiguous}, ambiguous


def _vendor_model(
    provider: str, model: str, trained: Mapping[str, Entry], known: Mapping[str, str]
) -> str | None:
    if f"{provider}/{model}" in trained:
        return f"{provider}/{model}"
    name = normal(model)
    return known.get(as_trained(name)) or known.get(as_trained(undated(name)))


def _is_chat(model: str, entry: Entry) -> bool:
    takes = entry.texts("modalities", "input")
    gives = entry.texts("modalities", "output")
    return (
        (takes is None or "text" in takes)
        and (gives is None or "text" in gives)
        and is_chat(f"{model} {entry.text('family') or ''}", modalities_known=True)
    )


def _facts(entry: Entry, vendor_model: str | None = None) -> dict[str, Any]:
    facts = {
        "name": entry.text("name"),
        "of": vendor_model,
        "family": entry.text("family"),
        "released": entry.text("release_date"),
        "status": entry.text("status"),
        "open": entry.flag("open_weights"),
        "context": entry.tokens("limit", "context"),
        "max_input": entry.tokens("limit", "input"),
        "max_output": entry.tokens("limit", "output"),
        "tools": entry.flag("tool_call"),
        "structured": entry.flag("structured_output"),
        "temperature": entry.flag("temperature"),
        "reasoning": entry.flag("reasoning"),
        **_reasoning(entry),
        "in": sorted(entry.texts("modalities", "input") or []),
        "out": sorted(entry.texts("modalities", "output") or []),
    }
    return {key: value for key, value in facts.items() if value not in (None, [])}


def _reasoning(entry: Entry) -> dict[str, Any]:
    options = entry.tables("reasoning_options")
    said: dict[str, Any] = {"toggle": None if not options else False}
    for option in options:
        match option.text("type"):
            case "toggle":
                said["toggle"] = True
            case "effort":
                rank = {effort: i for i, effort in enumerate(EFFORTS)}
                names = option.texts("values") or []
                said["efforts"] = sorted(names, key=lambda name: rank.get(name, len(rank)))
            case "budget_tokens":
                # -1 is Gemini's "as much as it likes", which is no least
                least = option.data.get("min")
                said["budget"] = [
                    None if least == -1 else option.tokens("min"),
                    option.tokens("max"),
                ]
            case other:
                raise option.fault(("type",), f"is {other!r}, which we do not know")
    return said


def _price(entry: Entry) -> dict[str, Any]:
    price = _rates(entry, "cost")
    if "input" not in price or "output" not in price:
        return {}
    tiers = []
    for tier in entry.tables("cost", "tiers"):
        size = tier.tokens("tier", "size")
        if size is None:
            raise tier.fault(("tier", "size"), "is missing")
        tiers.append([size, _rates(tier)])
    return {"price": price | ({"tiers": sorted(tiers)} if tiers else {})}


def _rates(entry: Entry, *at: str) -> dict[str, float]:
    prices = ((key, entry.number(*at, key)) for key in _PRICES)
    return {key: price for key, price in prices if price is not None}


def _benchmarks(entry: Entry, read_on: str) -> tuple[list[dict[str, Any]], int]:
    kept, left_out = [], 0
    for figure in entry.tables("benchmarks"):
        name, source, score = figure.text("name"), figure.text("source"), figure.number("score")
        if name is None or source is None or score is None:
            raise figure.fault(("name",), "must stand beside a score and its source")
        if _artificial_analysis(figure.data):
            left_out += 1
            continue
        setting = [figure.text(key) for key in ("harness", "variant", "version", "dataset")]
        row = {
            "name": name,
            "score": score,
            "metric": figure.text("metric") or "score",
            "source": source,
            # a source without a date of its own is as old as the day it was read
            "date": figure.text("date") or read_on,
            "setting": ", ".join(part for part in setting if part),
        }
        kept.append({key: value for key, value in row.items() if value})
    return kept, left_out


def _artificial_analysis(figure: Mapping[str, Any]) -> bool:
    """Whether a figure is Artificial Analysis's, whose terms do not let us carry it.

    OpenRouter's benchmark pages republish its Coding Index and that index's two components.
    """
    said = " ".join(str(value) for value in figure.values()).lower()
    return bool(
        re.search(r"artificial\s?analysis", said)
        or figure.get("dataset") == "hard-aa"
        or re.match(r"https://openrouter\.ai/.*/benchmarks", str(figure.get("source")))
    )
