"""Budgets as they are configured, and the calendar of their periods."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["BudgetConfig", "Period", "PeriodName"]

PeriodName = Literal["hour", "day", "week", "month", "total"]

_HOUR_S = 3600.0
_SPOKEN = {
    "hour": "an hour",
    "day": "a day",
    "week": "a week",
    "month": "a month",
    "total": "in all",
}


class Period(NamedTuple):
    """A stretch of time that a budget's money is for, in Unix seconds; the end is not in it."""

    begins_at: float
    ends_at: float


ALL_TIME = Period(0.0, math.inf)


class BudgetConfig(BaseModel):
    """What may be spent in a period; see docs/budgets.md.

    Without ``tenant``, ``tag`` and ``models`` it is for everything. With several of them it is for
    what all of them say.

    Attributes:
        limit_usd: Most that may be spent in a period, in dollars.
        period: "hour", "day", "week" (from Monday), "month", or "total": it never begins anew.
        name: What errors and decisions call it; made from the rest unless given. In a store that
            is shared, budgets of one name are one budget.
        tenant: Only requests of this tenant (the hint ``tenant``).
        tag: Only requests with this tag (among the hint ``tags``).
        models: Only calls to these: spelled as in the hint ``models``.
        per: "tenant": each tenant has such a budget of its own. Requests that name no tenant
            have one together.
        timezone: Whose clock says when a period begins, such as "Europe/Berlin".
        on_exceeded: What becomes of a request that nothing is left for: "raise"
            ``BudgetExceeded``, or have it answered by the "cheapest" target, beyond the limit.
        pace: Whether money gets dearer while spend is ahead of the clock, so that it lasts; see
            :mod:`llmrouter_integrations.routing.pace`.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )

    limit_usd: float = Field(gt=0)
    period: PeriodName = "total"
    name: str = ""
    tenant: str | None = Field(default=None, min_length=1)
    tag: str | None = Field(default=None, min_length=1)
    models: tuple[str, ...] | None = Field(default=None, min_length=1)
    per: Literal["tenant"] | None = None
    timezone: str = "UTC"
    on_exceeded: Literal["raise", "cheapest"] = "raise"
    pace: bool = False

    @field_validator("limit_usd", mode="before")
    @classmethod
    def _no_flag_for_a_figure(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("must not be true or false")  # noqa: TRY004  (pydantic's own)
        return value

    @field_validator("models", mode="before")
    @classmethod
    def _lone_name(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (OSError, ValueError, KeyError):  # unknown, a folder, or no path at all
            raise ValueError(
                f"{value!r} is not a time zone, such as 'UTC' or 'Europe/Berlin' "
                "(on a system without a time zone database, install tzdata)"
            ) from None
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.per is not None and self.tenant is not None:
            raise ValueError("give either tenant or per: tenant, not both")
        if self.pace and self.period == "total":
            raise ValueError("pace needs a period that ends: hour, day, week or month")
        if self.pace and self.models is not None:
            raise ValueError(
                "pace needs a budget for all models: what it changes is the price of all money"
            )
        if not self.name:
            object.__setattr__(self, "name", self._described())
        return self

    def _described(self) -> str:
        said = [f"${self.limit_usd:.15g} {_SPOKEN[self.period]}"]
        if self.per is not None:
            said.append("each tenant")
        if self.tenant is not None:
            said.append(f"tenant {self.tenant}")
        if self.tag is not None:
            said.append(f"tag {self.tag}")
        if self.models is not None:
            said.append(" or ".join(self.models))
        return ", ".join(said)

    def period_at(self, now: float) -> Period:
        """Give the period that a moment is in.

        A day, week or month lasts from midnight to midnight of the time zone: where its clocks
        change, 23 or 25 hours.

        Args:
            now: Unix time, in seconds.
        """
        if self.period == "total":
            return ALL_TIME
        local = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(self.timezone))
        if self.period == "hour":
            ahead_s = (local.utcoffset() or timedelta()).total_seconds()
            begins_at = (now + ahead_s) // _HOUR_S * _HOUR_S - ahead_s
            return Period(begins_at, begins_at + _HOUR_S)
        first = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if self.period == "week":
            first -= timedelta(days=first.weekday())
        if self.period == "month":
            first = first.replace(day=1)
            after = (first + timedelta(days=31)).replace(day=1)
        else:
            after = first + timedelta(days=7 if self.period == "week" else 1)
        # sums of datetimes are of the wall's clock, and become moments only here
        return Period(first.timestamp(), after.timestamp())
