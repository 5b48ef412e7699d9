"""What is known of each model: prices, limits, abilities, scores, each with source and date.

Importing this package reads nothing; :meth:`Catalog.load` parses the table at first use, and
prices are imported when a model is first looked up.
"""

from llmrouter_integrations.catalog.billing import bill, bill_from_rates
from llmrouter_integrations.catalog.model import (
    UNKNOWN_ABILITIES,
    Abilities,
    Benchmark,
    Bill,
    Estimate,
    Measurement,
    ModelFacts,
    Rates,
    Sourced,
)
from llmrouter_integrations.catalog.names import PROVIDER_ALIASES, provider_id
from llmrouter_integrations.catalog.table import Catalog

__all__ = [
    "PROVIDER_ALIASES",
    "UNKNOWN_ABILITIES",
    "Abilities",
    "Benchmark",
    "Bill",
    "Catalog",
    "Estimate",
    "Measurement",
    "ModelFacts",
    "Rates",
    "Sourced",
    "bill",
    "bill_from_rates",
    "provider_id",
]
