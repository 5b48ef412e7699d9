"""What ``prefer`` means, in dollars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.hints import Prefer

__all__ = ["PRESETS", "Prices"]


@dataclass(frozen=True, slots=True)
class Prices:
    """What the caller is taken to pay for a good answer, and for not having to wait.

    Attributes:
        value_usd: Dollars that a good answer is worth.
        waiting_usd_per_s: Dollars that a second of waiting costs.
    """

    value_usd: float
    waiting_usd_per_s: float


PRESETS: Mapping[Prefer, Prices] = {
    # An answer worth a dollar: quality decides, unless the difference is under a percent.
    "quality": Prices(value_usd=1.0, waiting_usd_per_s=0.0005),
    # Five cents: ten points of quality are worth half a cent, the price of a short answer of a
    # large model.
    "balanced": Prices(value_usd=0.05, waiting_usd_per_s=0.0001),
    # A fifth of a cent: only what costs next to nothing pays.
    "cost": Prices(value_usd=0.002, waiting_usd_per_s=0.00001),
    # A person waiting at $36 an hour.
    "latency": Prices(value_usd=0.05, waiting_usd_per_s=0.01),
}
"""Judgement, not measurement: set ``value_usd`` to what an answer is worth to you."""
