"""What routing gives: a :class:`Decision`, the ranked plan with its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.hints import RoutingHints

__all__ = ["Candidate", "Decision", "Features"]


@dataclass(frozen=True, slots=True)
class Features:
    """What was seen in the request.

    Attributes:
        task: What kind of work it is.
        task_source: "hint", "structure", "rules" or "default": how the task was told.
        difficulty: 0 (trivial) to 1 (hard).
        needs: Abilities without which a target cannot serve it ("tools", "image", ...).
        input_tokens: Estimated length of the prompt, in tokens.
        output_tokens: Estimated length of the answer of a model that does not reason, in tokens.
        max_tokens: The caller's own limit on the answer, if any.
    """

    task: str
    task_source: str
    difficulty: float
    needs: frozenset[str]
    input_tokens: int
    output_tokens: int
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One target under consideration, with the parts of its utility, in dollars.

    ``utility_usd = quality * value_usd - cost_usd - latency_s * price_of_waiting_usd_per_s``.

    Attributes:
        target: The target's name.
        provider: Who serves it.
        model: What it serves.
        rejected: Why it may not serve this request; None if it may.
        quality: P(good answer), 0..1.
        quality_source: Where that figure comes from.
        cost_usd: Expected cost of this request there, in dollars; None without a price.
        cost_source: Where the price comes from.
        latency_s: Expected time to the whole answer, in seconds.
        latency_source: "measured" or "assumed".
        utility_usd: The sum; what the ranking is by.
    """

    target: str
    provider: str
    model: str
    rejected: str | None = None
    quality: float = 0.0
    quality_source: str = ""
    cost_usd: float | None = None
    cost_source: str = ""
    latency_s: float = 0.0
    latency_source: str = ""
    utility_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a request went where it went.

    Attributes:
        id: Unique; the audit's and the feedback's key.
        policy: The policy's name ("utility", "ordered").
        features: What was seen in the request.
        hints: What the caller said.
        plan: Names of the targets to try, best first.
        candidates: Every target, the plan's first, then those that may not serve it.
        value_usd: What a good answer was taken to be worth, in dollars.
        price_of_waiting_usd_per_s: What a second of waiting was taken to cost, in dollars.
        flip_value_usd: The value of a good answer at which the choice would change; None if none
            would change it.
        flip_to: The target it would change to.
    """

    id: str
    policy: str
    features: Features
    hints: RoutingHints
    plan: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    value_usd: float
    price_of_waiting_usd_per_s: float
    flip_value_usd: float | None = None
    flip_to: str | None = None

    @property
    def chosen(self) -> Candidate:
        """The candidate that is tried first."""
        return self.candidates[0]

    @property
    def rejected(self) -> Mapping[str, str]:
        """Target name to the reason it may not serve the request."""
        return {c.target: c.rejected for c in self.candidates if c.rejected is not None}

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types, for machines."""
        from dataclasses import asdict

        plain = asdict(self)
        plain["features"]["needs"] = sorted(self.features.needs)
        plain["hints"] = self.hints.as_dict()
        return plain
