"""What an answer cost: tokens as billed, times dated prices."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from llmrouter_integrations.catalog import prices
from llmrouter_integrations.catalog.model import Bill
from llmrouter_integrations.catalog.names import provider_id
from llmrouter_integrations.catalog.table import Catalog

if TYPE_CHECKING:
    from llmrouter_integrations.catalog.model import Rates
    from llmrouter_integrations.messages import Usage

__all__ = ["bill", "bill_from_rates"]


def bill(
    usage: Usage,
    *,
    provider: str,
    model: str,
    at: dt.datetime | None = None,
    service_tier: str | None = None,
) -> Bill | None:
    """The bill for an answer, or None where no source has a price for the model.

    In this order: what the provider itself says it charged; the price list's price at that
    moment, for that many prompt tokens and that service tier; models.dev's price. Cached tokens
    are part of the prompt and reasoning of the output (see :class:`~.messages.Usage`): each token
    is charged once.

    Args:
        usage: Tokens as billed.
        provider: Id or alias.
        model: As it was asked for.
        at: When; now by default. Prices may change with the date and the time of day.
        service_tier: The tier the provider says it served ("flex", "priority"), where it does;
            one without prices of its own is charged as standard.
    """
    at = at or dt.datetime.now(dt.UTC)
    usage = usage.as_billed()
    provider = provider_id(provider)
    if usage.cost_usd is not None:
        return Bill(usage.cost_usd, f"reported by {provider}", at.date().isoformat())
    catalog = Catalog.load()
    info = prices.priced(provider, catalog.priced_as(provider, model))
    charged = None if info is None else prices.charge(info, usage, at, service_tier)
    if charged is not None:
        return Bill(float(charged), *prices.edition(), estimated=not usage.reported)
    facts = catalog.find(provider, model)
    return bill_from_rates(usage, facts.rates) if facts is not None and facts.rates else None


def bill_from_rates(usage: Usage, rates: Rates) -> Bill:
    """The bill by given rates, such as the user's own."""
    usage = usage.as_billed()
    rates = rates.at(usage.input_tokens)
    read = min(usage.cache_read_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - read)
    usd = (
        (usage.input_tokens - read - written) * rates.input_usd
        + read * rates.cache_read_usd
        + written * rates.cache_write_usd
        + usage.output_tokens * rates.output_usd
    )
    return Bill(usd, rates.source, rates.date, estimated=not usage.reported)
