"""Reads rows of the committed table into :mod:`.model`'s types."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.catalog.model import (
    EMPTY,
    Abilities,
    Benchmark,
    Estimate,
    Measurement,
    ModelFacts,
    Rates,
    Sourced,
)
from llmrouter_integrations.catalog.placing import LIVEBENCH, Known, Placing, overall, scores_of
from llmrouter_integrations.catalog.quality import AGENTIC, TASK_CATEGORIES, Components, Level

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FORMAT", "RowReader"]

FORMAT = 2
"""Version of the table's form."""


class RowReader:
    """Turns rows into facts, with the table's sources written into each figure.

    Args:
        sources: The table's ``sources``.
        quality: What is known of scores in general: the table's ``quality``.
    """

    def __init__(
        self, sources: Mapping[str, Mapping[str, str]], quality: Mapping[str, Any]
    ) -> None:
        limits, bench = sources["models.dev"], sources["livebench"]
        self.source, self.date = f"models.dev, {limits['url']}", limits["date"]
        self._bench = f"LiveBench {bench['release']}, {bench['url']}"
        self._bench_date = bench["date"]
        self._components = Components.from_row(quality["components"])
        self._placing = Placing.from_row(quality["placing"])

    def facts(
        self,
        provider: str,
        model: str,
        row: Mapping[str, Any],
        *,
        vendor_model: str | None,
        scores: Mapping[str, Any],
        rates: Rates | None = None,
        deprecated: bool = False,
        limits_from: tuple[str, str] | None = None,
    ) -> ModelFacts:
        """Facts from an entry's row, its vendor's model's row and what the price list adds.

        Args:
            provider: Provider id.
            model: The provider's name for the model.
            row: The entry's row: limits and abilities.
            vendor_model: What was trained.
            scores: The row of ``vendor_model``: measurements and benchmarks.
            rates: Its rates.
            deprecated: Whether the price list says so.
            limits_from: Source and date of the row, where it is not the table's.
        """
        source, date = limits_from or (self.source, self.date)
        measurements = tuple([self.measurement(run) for run in scores.get("livebench", ())])
        able = abilities(row)
        if able.reasoning is None and any(run.effort not in (None, "none") for run in measurements):
            # it was measured at a reasoning effort, so it has one
            able = replace(able, reasoning=True)
        benchmarks = tuple([Benchmark(**figure) for figure in scores.get("benchmarks", ())])
        if measurements:
            estimates = measurements[0].estimates
        else:
            estimates = self.placed(
                vendor_model or model,
                released=row.get("released") or row.get("about"),
                scores=scores,
                rates=rates,
            )
        return ModelFacts(
            provider=provider,
            model=model,
            name=row.get("name") or model,
            vendor_model=vendor_model,
            family=row.get("family", ""),
            release_date=row.get("released"),
            status=row.get("status") or ("deprecated" if deprecated else None),
            open_weights=row.get("open"),
            context_window=row.get("context"),
            max_input=row.get("max_input"),
            max_output=row.get("max_output"),
            abilities=able,
            rates=rates,
            measurements=measurements,
            estimates=estimates,
            benchmarks=benchmarks,
            source=source,
            date=date,
        )

    @property
    def benchmarks(self) -> list[str]:
        """Names of the benchmarks that tell of a model's place."""
        return list(self._placing.links)

    def placed(
        self,
        model: str,
        *,
        released: str | None,
        scores: Mapping[str, Any],
        rates: Rates | None,
        stated: Mapping[str, float] = EMPTY,
    ) -> Mapping[str, Estimate]:
        """What is believed of a model by all that tells of its place; empty: nothing does.

        Args:
            model: ``vendor/model``, in any spelling.
            released: Release date, ISO.
            scores: The vendor's model's row: measurements, benchmarks and list price.
            rates: Prices at its provider, which stand in where the row has none.
            stated: Benchmark to score in percent, by the user.
        """
        figures = [(figure["name"], figure["score"]) for figure in scores.get("benchmarks", ())]
        figures += [
            (LIVEBENCH, 100 * fmean(run["scores"].values()))
            for run in scores.get("livebench", ())[:1]
        ]
        usd = scores.get("usd") or (rates.output_usd * 1e6 if rates else None)
        known = Known(released, usd, {**scores_of(figures), **stated})
        placed = self._placing.place(model, known)
        if placed is None:
            return EMPTY
        score = overall(placed.ability)
        # an error in ability is one in score by the slope of the logistic there
        level = Level(score - self._components.mean, (score * (1 - score)) ** 2 * placed.variance)
        source = f"placed on {self._bench} by {placed.told_by}"
        return self._components.estimates(level, {}, source, self._bench_date)

    def rates(self, row: Mapping[str, Any]) -> Rates | None:
        """The row's own price (models.dev's), or None."""
        price = row.get("price")
        if price is None:
            return None
        above = tuple(
            [(size, self._rates({**price, **tier})) for size, tier in price.get("tiers", ())]
        )
        return self._rates(price, above)

    def _rates(self, price: Mapping[str, Any], above: tuple[tuple[int, Rates], ...] = ()) -> Rates:
        return Rates.per_mtok(
            price["input"],
            price["output"],
            cache_read_usd=price.get("cache_read"),
            cache_write_usd=price.get("cache_write"),
            source=self.source,
            date=self.date,
            above=above,
        )

    def measurement(self, run: Mapping[str, Any]) -> Measurement:
        """One LiveBench run, its categories told as router tasks."""
        scores = run["scores"]
        components = self._components
        at = f", at effort {run['effort']}" if run["effort"] else ""
        estimates = components.estimates(
            components.level(scores), scores, self._bench + at, self._bench_date
        )
        return Measurement(
            name=run["name"],
            effort=run["effort"],
            quality=self._by_task(scores, agentic=True, agentic_overall=True),
            estimates=estimates,
            output_tokens=self._by_task(run.get("tokens", {})),
            usd_per_question=self._by_task(run.get("usd", {}), agentic=True),
        )

    def _by_task(
        self,
        figures: Mapping[str, float],
        *,
        agentic: bool = False,
        agentic_overall: bool = False,
    ) -> Mapping[str, Sourced]:
        """Category figures as task figures, each the mean of its categories.

        An agent session's tokens and dollars are no single answer's, so they stay out of what is
        overall, and its tokens out of "tool_use" too.
        """

        def mean(categories: list[str]) -> Sourced:
            value = math.fsum(figures[c] for c in categories) / len(categories)
            return Sourced(value, self._bench, self._bench_date)

        told: dict[str, Sourced] = {}
        overall = [c for c in figures if agentic_overall or c != AGENTIC]
        if overall:
            told["overall"] = mean(overall)
        for task, categories in TASK_CATEGORIES.items():
            present = [c for c in categories if c in figures and (agentic or c != AGENTIC)]
            if categories and len(present) == len(categories):
                told[task] = mean(present)
        return told


def abilities(row: Mapping[str, Any]) -> Abilities:
    """What a row says the model can take and give."""
    budget = row.get("budget")
    return Abilities(
        tools=row.get("tools"),
        structured_output=row.get("structured"),
        temperature=row.get("temperature"),
        reasoning=row.get("reasoning"),
        reasoning_toggle=row.get("toggle"),
        reasoning_efforts=tuple(row.get("efforts", ())),
        reasoning_budget=None if budget is None else (budget[0], budget[1]),
        input=frozenset(row["in"]) if "in" in row else None,
        output=frozenset(row["out"]) if "out" in row else None,
    )
