"""What dispatch is given: a request's :class:`Plan`, and the settings of all requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tenacity.wait import wait_exponential

from llmrouter_integrations.messages import Response, Usage

if TYPE_CHECKING:
    from tenacity.wait import WaitBaseT

    from llmrouter_integrations.dispatch.holds import Holds
    from llmrouter_integrations.hints import OnInterrupt
    from llmrouter_integrations.routing.decision import Decision

__all__ = [
    "DispatchSettings",
    "Hedge",
    "Plan",
    "PlanTarget",
    "Settle",
    "Settlement",
    "Verdict",
    "Verify",
]


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
        prefills: Whether it goes on with an answer whose beginning it is given.
        endpoint: Whose health and places its calls count for: its own unless given. Targets that
            differ only in reasoning effort have one in common.
    """

    name: str
    provider: str
    model: str
    quota_group: str
    context_window: int | None = None
    max_concurrency: int | None = None
    prefills: bool = False
    endpoint: str = ""

    def __post_init__(self) -> None:
        if not self.endpoint:
            object.__setattr__(self, "endpoint", self.name)


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

Expect = Callable[[PlanTarget], Settlement]
"""Estimates the settlement of a target's answer that nobody has seen."""

Verdict = str | Awaitable[str | None] | None

Verify = Callable[[Response], Verdict]
"""Says what is wrong with an answer, in words for the model; None: it holds."""


@dataclass(frozen=True, slots=True)
class Hedge:
    """When to ask a second target beside a slow first one.

    Attributes:
        after_s: How long a target's answer, or a stream's first content, may take before it counts
            as slow, in seconds; None where nobody knows.
        pays: Whether as many dollars as given may be spent on it; takes them from the purse.
    """

    after_s: Callable[[PlanTarget], float | None]
    pays: Callable[[float], bool]


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
        input_tokens: How long the prompt is, about.
        priority: Who waits for a place at a busy target goes before those of lower priority.
        flow: Whose request it is: busy targets serve flows in turn.
        expect: Estimates an answer's cost.
        max_cost_usd: What all calls together may cost, in dollars; None: anything.
        tool_names: The tools on offer; a call of any other is malformed. None: not known.
        verify: What an answer must pass to be one. A stream is held until it has.
        strict: Whether the caller asked for that: then no other answer is handed on. Else one that
            did not pass is, where nobody gave a better one.
        check_may_block: Whether the check runs code of the caller's, which may take its time.
        on_interrupt: What to do when a stream breaks after content was handed on.
        hedge: Whether and when to race a second target.
        holds: Sets money aside for each call, where there are budgets.
        handed_on: Told whose answer is handed on for want of a better one, after others were
            settled.
    """

    targets: tuple[PlanTarget, ...]
    timeout_s: float
    first_token_timeout_s: float = 60.0
    idle_timeout_s: float = 30.0
    expected_s: float = 0.0
    input_tokens: int | None = None
    priority: int = 0
    flow: str = ""
    expect: Expect | None = None
    max_cost_usd: float | None = None
    tool_names: frozenset[str] | None = None
    verify: Verify | None = None
    strict: bool = False
    check_may_block: bool = False
    on_interrupt: OnInterrupt = "raise"
    hedge: Hedge | None = None
    holds: Holds | None = None
    handed_on: Callable[[str], None] | None = None


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
