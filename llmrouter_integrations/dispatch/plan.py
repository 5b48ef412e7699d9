"""What dispatch is given: a request's :class:`Plan`, and the settings of all requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tenacity.wait import wait_exponential

from llmrouter_integrations.messages import Response, Usage

if TYPE_CHECKING:
    from tenacity.wait import WaitBaseT

    from llmrouter_integrations.routing.decision import Decision

__all__ = ["DispatchSettings", "Plan", "PlanTarget", "Settle", "Settlement"]


@dataclass(frozen=True, slots=True)
class PlanTarget:
    """A target as dispatch sees it.

    Attributes:
        name: The target's name; its backend and its health are found by it.
        provider: Who serves it.
        model: What is asked for there.
        quota_group: Whose rate limit it shares.
        context_window: Most tokens of prompt and answer together, where it is known.
        max_concurrency: Most calls to it under way at once; None: any number.
    """

    name: str
    provider: str
    model: str
    quota_group: str
    context_window: int | None = None
    max_concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom to ask, in which order, and how long the whole request may take.

    Attributes:
        targets: Best first. With one target there is no fallback.
        timeout_s: Total time, retries, fallbacks and waits included, in seconds.
        first_token_timeout_s: Longest wait for a stream's first content from one target, in
            seconds. A whole answer shows no first token: while another target could be asked, it
            may take this and three times as long as was expected.
        idle_timeout_s: Longest silence within an answer, in seconds.
        expected_s: How long a whole answer is expected to take at the slowest of the targets, in
            seconds.
    """

    targets: tuple[PlanTarget, ...]
    timeout_s: float
    first_token_timeout_s: float = 60.0
    idle_timeout_s: float = 30.0
    expected_s: float = 0.0


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    """What holds for every request.

    Attributes:
        max_retries: Calls a request may make beyond the first one to each target of its plan.
        timeout_s: Total time of a request whose caller asked for no other, in seconds. A limit that
            was much shorter and ran out tells of the caller's patience, not of the target.
        first_token_timeout_s: Likewise for a stream's first content.
        wait: A tenacity wait strategy: how long to let a target be before asking it again, where
            it did not say. Of that, a random half to whole is taken, so that requests that
            failed together do not come back together.
    """

    max_retries: int = 1
    timeout_s: float = 60.0
    first_token_timeout_s: float = 60.0
    wait: WaitBaseT = field(default_factory=lambda: wait_exponential(multiplier=0.5, max=10))


class Settlement(NamedTuple):
    """What is known of an answer beyond what its provider said.

    Attributes:
        usage: Tokens as billed; estimated where the provider did not say.
        cost_usd: Dollars, or None without a price.
        decision: Why this target was asked.
    """

    usage: Usage
    cost_usd: float | None = None
    decision: Decision | None = None


Settle = Callable[[PlanTarget, Response], Settlement]
"""Works out the settlement of an answer, or of what had come of one when it broke off."""
