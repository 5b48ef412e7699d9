"""How exploration is configured."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from llmrouter_integrations.hints import Task

__all__ = ["ExploreConfig"]


class ExploreConfig(BaseModel):
    """Within which bounds requests try targets that may be better than they look.

    Attributes:
        share: Most of the requests that do, 0..0.5.
        max_regret: What such a request may be expected to give up at most, as a share of what a
            good answer is worth: 0.1 is ten points of quality.
        extra_cost: What all of them together may add to the expected cost of the requests, as a
            share of it.
        max_cost_usd: What the answer of such a request may be expected to cost at most, in dollars.
        tasks: At which tasks; None: at all.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )

    share: float = Field(default=0.02, gt=0, le=0.5)
    max_regret: float = Field(default=0.1, ge=0, le=1)
    extra_cost: float = Field(default=0.02, ge=0, le=1)
    max_cost_usd: float | None = Field(default=None, gt=0)
    tasks: tuple[Task, ...] | None = Field(default=None, min_length=1)
