"""The catalogue: the committed table, joined with prices when a model is looked up."""

from __future__ import annotations

import difflib
from dataclasses import fields
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import orjson

from llmrouter_integrations.catalog import prices
from llmrouter_integrations.catalog.lines import INFERRED, Lines
from llmrouter_integrations.catalog.listing import Filter, in_order
from llmrouter_integrations.catalog.names import (
    HOST_PATHS,
    PRICED_ONLY,
    as_trained,
    has_variant,
    is_chat,
    normal,
    provider_id,
    undated,
)
from llmrouter_integrations.catalog.rows import FORMAT, RowReader
from llmrouter_integrations.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genai_prices.types import ModelInfo

    from llmrouter_integrations.catalog.model import Estimate, ModelFacts

    Row = Mapping[str, Any]

__all__ = ["Catalog"]

_MOST_CACHED = 4096

_NOT_SERVED = {"google": "claude", "bedrock": "regional."}
"""What genai-prices lists under a provider's name but its API does not take: Claude is Vertex's,
and "regional." is its own word for every region."""


class Catalog:
    """What is known of models: limits, abilities and scores, with prices joined on look-up.

    Args:
        table: The JSON that :func:`~.build.build` makes.

    Raises:
        ConfigurationError: It is not such a table, or of another version.
    """

    def __init__(self, table: bytes) -> None:
        try:
            data = orjson.loads(table)
            version = data["format"]
        except (orjson.JSONDecodeError, TypeError, KeyError) as error:
            raise ConfigurationError(f"the catalogue's table is damaged: {error!r}") from error
        if version != FORMAT:
            raise ConfigurationError(
                f"the catalogue's table has format {version}, not {FORMAT}: build it again"
            )
        self.sources: Mapping[str, Mapping[str, str]] = data["sources"]
        self._reader = RowReader(self.sources, data["quality"])
        self._models: dict[str, Row] = data["models"]
        self._offers: dict[str, dict[str, Row]] = {}
        for key, row in data["offers"].items():
            provider, _, model = key.partition("/")
            self._offers.setdefault(provider, {})[model] = row
        self._named: dict[str, dict[str, str]] = {}
        self._found: dict[tuple[str, str], tuple[ModelFacts | None, str]] = {}

    @classmethod
    def load(cls) -> Catalog:
        """The catalogue that comes with the package; read once per process, at first use."""
        return _load()

    def find(self, provider: str, model: str) -> ModelFacts | None:
        """What is known of a model at a provider; None where no source knows it.

        The name is looked up as it is spelled, then without the marks of its host and region
        (:func:`~.names.normal`), then without its date, then as the newest dated snapshot of that
        name. What only the price list knows comes with its price and window, and with the limits
        and abilities of the same model at its vendor, or, where those are not known either, with
        abilities inferred from the older model of its line (its source then says so). At a
        provider that neither knows, an own server say, a known model comes with its scores alone.

        Args:
            provider: Id or alias.
            model: Any spelling.
        """
        return self._cached(provider, model)[0]

    def priced_as(self, provider: str, model: str) -> str:
        """The spelling under which the price list knows a model, or ``model`` as it is."""
        return self._cached(provider, model)[1]

    def placed(
        self, provider: str, model: str, benchmarks: Mapping[str, float]
    ) -> Mapping[str, Estimate]:
        """What is believed of a model's quality where scores of it are stated.

        Args:
            provider: Id or alias.
            model: Any spelling; it need not be known.
            benchmarks: Name to score in percent; they go before what the table has of them.

        Raises:
            ConfigurationError: No such benchmark; the nearest is named.
        """
        known = self._reader.benchmarks
        for name in benchmarks:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                raise ConfigurationError(
                    f"no model is placed by a benchmark {name!r}"
                    + (f"; did you mean {near[0]!r}?" if near else "")
                    + f" Known are: {', '.join(known)}"
                )
        facts = self.find(provider, model)
        vendor_model = facts.vendor_model if facts else self.vendor_model(model)
        return self._reader.placed(
            vendor_model or model,
            released=facts.release_date if facts else None,
            scores=self._scores(vendor_model),
            rates=facts.rates if facts else None,
            stated=benchmarks,
        )

    def providers(self) -> list[str]:
        """Ids of the providers whose models are known, sorted."""
        return sorted({*self._offers, *PRICED_ONLY})

    def models(
        self, *, provider: str | None = None, sort: str = "id", reverse: bool = False, **wanted: Any
    ) -> list[ModelFacts]:
        """List models: the table's, and those that only the price list has.

        Of the latter only those with a known window or scores.

        Args:
            provider: Id or alias; None: all.
            sort: One of :data:`~.listing.SORT_KEYS`.
            reverse: The other way round.
            **wanted: The fields of :class:`~.listing.Filter`.

        Raises:
            ConfigurationError: An unknown provider, filter or sort key; the nearest is named.
        """
        try:
            passes = Filter(**wanted).passes
        except TypeError:
            raise ConfigurationError(
                f"filters are {', '.join(f.name for f in fields(Filter))}, not {', '.join(wanted)}"
            ) from None
        if provider is None:
            served = [facts for each in self.providers() for facts in self._served(each)]
        else:
            served = self._served(self._known_provider(provider))
        return in_order(filter(passes, served), sort, reverse=reverse)

    def _known_provider(self, name: str) -> str:
        provider, known = provider_id(name), self.providers()
        if provider not in known:
            near = difflib.get_close_matches(provider, known, n=1)
            raise ConfigurationError(
                f"the catalogue has no provider {name!r}"
                + (f"; did you mean {near[0]!r}?" if near else "")
                + f" It has: {', '.join(known)}"
            )
        return provider

    def _served(self, provider: str) -> list[ModelFacts]:
        models = list(self._offers.get(provider, ()))
        known = {form for model in models for form in (normal(model), undated(normal(model)))}
        for info in prices.priced_models(provider):
            name = normal(info.id)
            if known.isdisjoint((name, undated(name))) and self._is_listed(provider, info):
                # the price list's own id need not be a name that the provider's API takes
                spellings = (path + info.id for path in HOST_PATHS.get(provider, ("",)))
                models += [s for s in spellings if prices.priced(provider, s) is info][:1]
        found = (self.find(provider, model) for model in models)
        return [facts for facts in found if facts is not None]

    def _is_listed(self, provider: str, info: ModelInfo) -> bool:
        return (
            is_chat(info.id, modalities_known=False)
            and not info.id.startswith(_NOT_SERVED.get(provider, "\0"))
            # those without window or scores are embeddings, speech, or long gone
            and bool(info.context_window or "livebench" in self._scores(self.vendor_model(info.id)))
        )

    def nearest(self, provider: str, model: str, count: int = 3) -> list[str]:
        """The ``provider/model`` names nearest to one that is not known, nearest first."""
        provider = provider_id(provider)
        known = self.providers()
        if provider not in known:
            provider = next(iter(difflib.get_close_matches(provider, known, n=1)), provider)
        served = self._served(provider)
        names = [f"{provider}/{facts.model}" for facts in served] or list(self._models)
        by_name = {normal(name): name for name in names}
        close = difflib.get_close_matches(normal(model), by_name, n=count, cutoff=0.5)
        return [by_name[name] for name in close]

    def vendor_model(self, model: str) -> str | None:
        """The ``vendor/model`` that a name in any spelling stands for, if it is known."""
        if model in self._models:
            return model
        index = self._index("", self._models)
        name = normal(model)
        return index.get(as_trained(name)) or index.get(as_trained(undated(name)))

    def _cached(self, provider: str, model: str) -> tuple[ModelFacts | None, str]:
        key = (provider, model)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _MOST_CACHED:
                self._found.clear()
            found = self._found[key] = self._look_up(provider_id(provider), model)
        return found

    def _look_up(self, provider: str, model: str) -> tuple[ModelFacts | None, str]:
        spelled, row = self._offer(provider, model)
        # a fine-tune, or a ":free" the table has no row for, does not cost what its base does
        same_price = spelled == model or not has_variant(model)
        priced_as = model
        info = prices.priced(provider, model)
        if info is None and spelled is not None and same_price:
            priced_as, info = spelled, prices.priced(provider, spelled)
        vendor_model = row.get("of") or self.vendor_model(model)
        rates = prices.rates(provider, priced_as)
        limits_from = None
        if spelled is not None:
            if rates is None and same_price:
                rates = self._reader.rates(row)
        elif info is not None:
            row, limits_from = self._as_priced(provider, model, info, vendor_model)
        elif vendor_model is not None and provider not in self._offers:
            row = {"name": self._models[vendor_model].get("name", model)}
        else:
            return None, priced_as
        facts = self._reader.facts(
            provider,
            model,
            row,
            vendor_model=vendor_model,
            scores=self._scores(vendor_model),
            rates=rates,
            deprecated=bool(info and info.deprecated),
            limits_from=limits_from,
        )
        return facts, priced_as

    def _as_priced(
        self, provider: str, model: str, info: ModelInfo, vendor_model: str | None
    ) -> tuple[Row, tuple[str, str] | None]:
        """A row for what only the price list has: its window, and the rest as at the vendor."""
        said = {"name": info.name, "context": info.context_window}
        known: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
        at_vendor = self._models.get(vendor_model or "", {})
        if "in" in at_vendor:
            # whether answers are held to a schema is the host's doing, not the model's
            return {k: v for k, v in at_vendor.items() if k != "structured"} | known, None
        source, date = prices.edition()
        older = self._lines.before(vendor_model or model)
        if older is None:
            return {**at_vendor, **known}, (source, date)
        near = self._lines.about(vendor_model or model)
        # what is newer than its line came after models.dev was read
        known["about"] = self._models[near].get("released") if near else self._reader.date
        at_host = provider != older.partition("/")[0]
        inferred = {
            key: value
            for key, value in self._models[older].items()
            if key in INFERRED and not (at_host and key == "structured")
        }
        source += f"; abilities inferred from {older} (models.dev, {self._reader.date})"
        return {**inferred, **at_vendor, **known}, (source, date)

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self._models)

    def _scores(self, vendor_model: str | None) -> Row:
        """The scored row of a model: its own, or that of the model it is a dated snapshot of."""
        row = self._models.get(vendor_model or "", {})
        if "livebench" in row or vendor_model is None:
            return row
        name = self._index("", self._models).get(undated(normal(vendor_model)), "")
        plain = self._models.get(name, {})
        return plain if plain and ("livebench" in plain or "benchmarks" not in row) else row

    def _offer(self, provider: str, model: str) -> tuple[str | None, Row]:
        """The table's own spelling of a model at a provider, and its row."""
        rows = self._offers.get(provider, {})
        if model in rows:
            return model, rows[model]
        index = self._index(provider, rows)
        name = normal(model)
        found = index.get(name) or index.get(undated(name))
        return (None, {}) if found is None else (found, rows[found])

    def _index(self, provider: str, rows: Mapping[str, Row]) -> dict[str, str]:
        """Normal names to names as the table spells them; made once per provider."""
        if not rows:
            return {}
        if provider not in self._named:
            index: dict[str, str] = {}
            # the shortest spelling is the plainest: no region, no ":free"
            for spelled in sorted(rows, key=lambda name: (len(name), name)):
                index.setdefault(normal(spelled), spelled)
            # the newest snapshot answers to the undated name that nothing else has
            for name in sorted(index, reverse=True):
                index.setdefault(undated(name), index[name])
            self._named[provider] = index
        return self._named[provider]


@cache
def _load() -> Catalog:
    from importlib import resources

    return Catalog(resources.files(__package__).joinpath("models.json").read_bytes())
