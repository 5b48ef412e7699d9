"""From a decision to what dispatch is to do: :class:`Planner`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmrouter_integrations.dispatch.plan import (
    Expect,
    Hedge,
    Plan,
    PlanTarget,
    Settlement,
    Verify,
)
from llmrouter_integrations.dispatch.purse import Purse
from llmrouter_integrations.dispatch.verify import verifier
from llmrouter_integrations.errors import InvalidRequestError
from llmrouter_integrations.messages import NativeTool, Tool, Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmrouter_integrations.config import RouterConfig
    from llmrouter_integrations.dispatch.holds import Holds
    from llmrouter_integrations.fleet import Fleet
    from llmrouter_integrations.hints import RoutingHints
    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.routing.decision import Decision
    from llmrouter_integrations.state.base import StateStore

__all__ = ["Planner"]

_FREE_CHOICES = frozenset((None, "auto", "none", "required"))

MOST_TIMES_USUAL = 3.0
"""A call counts as slow after as many medians at the latest: where calls hang often enough, a high
quantile is the time limit itself."""

UNMEASURED_IS_SLOW = 2.0
"""A target that was hardly ever asked counts as slow after as many times what was expected."""


class Planner:
    """Makes plans of decisions.

    Args:
        config: The router's.
        fleet: Its targets.
        state: Remembers how long calls took.
    """

    def __init__(self, config: RouterConfig, fleet: Fleet, state: StateStore) -> None:
        self._config = config
        self._state = state
        self._purse = Purse(config.hedge_share)
        self._targets = {
            t.name: PlanTarget(
                name=t.name,
                provider=t.provider,
                model=t.model,
                quota_group=t.quota_group,
                context_window=t.context_window,
                max_concurrency=t.max_concurrency,
                prefills=t.name in fleet.prefilling,
                endpoint=t.endpoint,
            )
            for t in fleet.targets
        }

    def plan(
        self,
        request: Request,
        decision: Decision,
        *,
        streamed: bool,
        holds: Holds | None,
        handed_on: Callable[[str], None],
    ) -> Plan:
        """Say how a request is to be answered.

        Args:
            request: What is asked.
            decision: Who may be asked.
            streamed: Whether the answer is streamed.
            holds: Who sets its money aside, where there are budgets.
            handed_on: Told whose answer is handed on for want of a better one.
        """
        config, hints = self._config, decision.hints
        alone = hints.fallback is False
        known = self._targets
        names = decision.plan[:1] if alone else decision.plan
        hedged = hints.hedge and len(names) > 1
        asks = hedged or hints.max_cost_usd is not None
        return Plan(
            targets=tuple([known[name] for name in names]),
            timeout_s=config.timeout_s if hints.timeout_s is None else hints.timeout_s,
            first_token_timeout_s=(
                config.first_token_timeout_s
                if hints.first_token_timeout_s is None
                else hints.first_token_timeout_s
            ),
            idle_timeout_s=config.idle_timeout_s,
            expected_s=max([scored.latency_s for scored in decision.ranked[: len(names)]]),
            input_tokens=decision.features.input_tokens,
            priority=hints.priority or 0,
            flow=hints.tenant or "",
            expect=_expecter(decision) if asks else None,
            max_cost_usd=hints.max_cost_usd,
            tool_names=_tools_on_offer(request) if request.tools else None,
            verify=_check(request, hints, streamed=streamed),
            strict=bool(hints.verify),
            check_may_block=any(map(callable, hints.verify or ())),
            on_interrupt=hints.on_interrupt or "raise",
            hedge=self._hedge(decision, streamed=streamed) if hedged else None,
            holds=holds,
            handed_on=handed_on,
        )

    def _hedge(self, decision: Decision, *, streamed: bool) -> Hedge:
        after, input_tokens = self._config.hedge_after, decision.features.input_tokens
        self._purse.earn(decision.ranked[0].cost_usd)

        def after_s(target: PlanTarget) -> float | None:
            if not isinstance(after, str):
                return after
            seen = self._state.latency(target.name, input_tokens)
            if seen is not None:
                took_s = seen.first_token_s if streamed else seen.duration_s
                often_s, mostly_s = took_s(0.5), took_s(int(after[1:]) / 100)
                if often_s is not None and mostly_s is not None:
                    return min(mostly_s, MOST_TIMES_USUAL * often_s)
            return UNMEASURED_IS_SLOW * decision.scored(target.name).latency_s

        return Hedge(after_s, self._purse.pays)


def _expecter(decision: Decision) -> Expect:
    def expect(target: PlanTarget) -> Settlement:
        features = decision.features
        scored = decision.scored(target.name)
        usage = Usage(features.input_tokens, features.output_tokens, reported=False)
        return Settlement(usage, scored.cost_usd, decision)

    return expect


def _check(request: Request, hints: RoutingHints, *, streamed: bool) -> Verify | None:
    """Make what an answer must pass: what the caller asked for, else the form they asked for.

    Of a stream only the former, since it must be held for it.
    """
    if hints.verify is not None:
        return verifier(hints.verify, request)  # of (), which asks for none: None
    if streamed or (request.output is None and request.tool_choice in _FREE_CHOICES):
        return None
    try:
        return verifier("schema", request)
    except InvalidRequestError:  # a schema that only its provider may understand
        return None


def _tools_on_offer(request: Request) -> frozenset[str] | None:
    """Name the tools a request offers; None where a vendor's own are among them."""
    if request.extra or any(isinstance(tool, NativeTool) for tool in request.tools):
        return None
    return frozenset([tool.name for tool in request.tools if isinstance(tool, Tool)])
