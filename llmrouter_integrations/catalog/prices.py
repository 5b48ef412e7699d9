"""Prices from ``genai-prices``: rates for scoring, charges for the bill.

The library is imported at first use (0.15-0.3 s), not when this package is. Its snapshot is asked
anew each time, so :class:`genai_prices.UpdatePrices` and ``pip install -U genai-prices`` are
honoured. Its own calculation costs 65-135 us a call; ours does the same sums on the same data in
a few, and a test holds the two equal for every model it knows.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from llmrouter_integrations.catalog.model import Rates
from llmrouter_integrations.catalog.names import (
    GENAI_PROVIDERS,
    HOST_PATHS,
    as_trained,
    has_variant,
    normal,
    undated,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import MatchLogic, ModelInfo, TieredPrices

    from llmrouter_integrations.messages import Usage

__all__ = ["charge", "edition", "priced", "priced_models", "rates"]

_TOKENS = (
    (
        "input_tokens",
        "input_mtok",
        (
            ("cache_read_tokens", "cache_read_mtok"),
            ("cache_write_tokens", "cache_write_mtok"),
            ("audio_input_tokens", "input_audio_mtok"),
        ),
    ),
    (
        "output_tokens",
        "output_mtok",
        (
            ("reasoning_tokens", "output_reasoning_mtok"),
            ("audio_output_tokens", "output_audio_mtok"),
        ),
    ),
)
"""A count of :class:`~llmrouter_integrations.messages.Usage` and its price in the list, then its
parts: tokens that have a price of their own there are charged by it, and only by it."""

_MILLION = Decimal(1_000_000)
_THOUSAND = Decimal(1_000)


def priced(provider: str, model: str) -> ModelInfo | None:
    """The price list's entry for a model at a provider (ids as ours), or None.

    The list also takes any name that begins like one it knows (``claude-opus-4-8-nano`` for Claude
    Opus 4.8). Here an entry is found by the names that it spells out, and their dated snapshots.
    """
    from genai_prices.data_snapshot import get_snapshot

    return _find(_Snapshot(get_snapshot()), provider, model)


def priced_models(provider: str) -> list[ModelInfo]:
    """Every entry of the price list for a provider."""
    from genai_prices.data_snapshot import get_snapshot

    wanted = GENAI_PROVIDERS.get(provider, provider)
    return [m for p in get_snapshot().providers if p.id == wanted for m in p.models]


def edition() -> tuple[str, str]:
    """The price list's name and version, and its date.

    The list carries no date of its own: for a bundled one it is that of the newest price change
    in it that has taken effect, for one fetched by ``UpdatePrices`` the day it was fetched.
    """
    from genai_prices.data_snapshot import get_snapshot

    return _edition(_Snapshot(get_snapshot()))


def rates(provider: str, model: str, at: dt.datetime | None = None) -> Rates | None:
    """Rates of a model at a moment (default: now), or None where the price list has none."""
    info = priced(provider, model)
    if info is None:
        return None
    listed = vars(info.get_prices(at or dt.datetime.now(dt.UTC)))
    if listed.get("input_mtok") is None and not _is_free(info):
        return None
    source, date = edition()
    steps = {
        tier.start
        for key in ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
        for tier in getattr(listed.get(key), "tiers", ())
    }

    def above(tokens: int, more: tuple[tuple[int, Rates], ...] = ()) -> Rates:
        charged = _price(listed.get("input_mtok"), tokens) or 0
        read = _price(listed.get("cache_read_mtok"), tokens)
        write = _price(listed.get("cache_write_mtok"), tokens)
        return Rates.per_mtok(
            float(charged),
            float(_price(listed.get("output_mtok"), tokens) or 0),
            cache_read_usd=None if read is None else float(read),
            cache_write_usd=None if write is None else float(write),
            source=source,
            date=date,
            above=more,
        )

    return above(0, tuple([(start, above(start + 1)) for start in sorted(steps)]))


def charge(
    info: ModelInfo, usage: Usage, at: dt.datetime, service_tier: str | None = None
) -> Decimal | None:
    """What the tokens cost in dollars: cached, written, spoken and reasoned ones once each.

    None where the list has the model but no price for its tokens.

    Counts that contradict each other (more cached tokens than the prompt has) are cut to what the
    totals allow, so that a provider's slip never makes a negative or double charge.
    """
    context = {"service_tier": service_tier} if service_tier else None
    listed = vars(info.get_prices(at, context))
    if listed.get("input_mtok") is None and not _is_free(info):
        return None
    total = Decimal(0)
    for whole, whole_price, parts in _TOKENS:
        rest = getattr(usage, whole)
        for part, part_price in parts:
            count = getattr(usage, part)
            if count and (price := _price(listed.get(part_price), usage.input_tokens)) is not None:
                total += price * min(count, rest)
                rest -= min(count, rest)
        if rest and (price := _price(listed.get(whole_price), usage.input_tokens)) is not None:
            total += price * rest
    total /= _MILLION
    if (per_thousand := _price(listed.get("requests_kcount"), usage.input_tokens)) is not None:
        total += per_thousand / _THOUSAND
    return total


def _is_free(info: ModelInfo) -> bool:
    # the list gives OpenRouter's free variants no prices rather than prices of 0
    return info.id.endswith(":free")


def _price(listed: Decimal | TieredPrices | None, input_tokens: int) -> Decimal | None:
    if listed is None or isinstance(listed, Decimal):
        return listed
    price: Decimal = listed.base
    for tier in listed.tiers:
        if input_tokens > tier.start:
            price = tier.price
    return price


class _Snapshot:
    """A price list as a cache key: equal only to itself, kept alive while cached."""

    __slots__ = ("data",)

    def __init__(self, data: DataSnapshot) -> None:
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Snapshot) and other.data is self.data

    def __hash__(self) -> int:
        return id(self.data)


@lru_cache(maxsize=4096)
def _find(snapshot: _Snapshot, provider: str, model: str) -> ModelInfo | None:
    wanted = GENAI_PROVIDERS.get(provider, provider)
    for served in snapshot.data.providers:
        # by id alone: the library's own search takes "my-openai-proxy" for OpenAI
        if served.id == wanted:
            for name in _spellings(provider, model):
                found = served.find_model(name, all_providers=snapshot.data.providers)
                if found is not None and _is_meant(found, name):
                    return found
    return None


def _is_meant(info: ModelInfo, model: str) -> bool:
    """Whether a matching entry is of this very model, not of one whose name begins alike."""
    wanted = _plain(model)
    return wanted == _plain(info.id) or any(
        # a pattern of the whole name spells it out too: mostly its dated snapshots
        clause.is_match(model.lower()) if text.endswith("$") else _plain(text) == wanted
        for clause, text in _spelled(info.match)
    )


def _plain(model: str) -> tuple[str, bool]:
    return as_trained(undated(normal(model))), has_variant(model)


def _spelled(match: MatchLogic) -> Iterator[tuple[MatchLogic, str]]:
    for said in vars(match).values():
        if isinstance(said, str):
            yield match, said
        else:
            for part in said:
                yield from _spelled(part)


def _spellings(provider: str, model: str) -> Iterator[str]:
    yield model
    bare = model.rpartition("/")[2]
    if bare != model:
        yield bare
    for path in HOST_PATHS.get(provider, ()):
        yield path + bare
    if not has_variant(model):
        yield normal(model)


@lru_cache(maxsize=8)
def _edition(snapshot: _Snapshot) -> tuple[str, str]:
    import genai_prices

    name = f"genai-prices {genai_prices.__version__}"
    if snapshot.data.from_auto_update:
        return name, snapshot.data.timestamp.date().isoformat()
    today = dt.datetime.now(dt.UTC).date()
    changes = (
        day
        for provider in snapshot.data.providers
        for model in provider.models
        if isinstance(model.prices, list)
        for price in model.prices
        if (day := getattr(price.constraint, "start_date", None)) is not None and day <= today
    )
    return name, max(changes, default=today).isoformat()
