"""What an answer is worth knowing for: :class:`Settler`, once for each."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from llmrouter_integrations.catalog import bill, bill_from_rates
from llmrouter_integrations.dispatch.plan import Settlement
from llmrouter_integrations.messages import Usage
from llmrouter_integrations.routing.features import estimate_tokens
from llmrouter_integrations.routing.stickiness import cached_by
from llmrouter_integrations.state.base import Stay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llmrouter_integrations.dispatch.plan import PlanTarget, Settle
    from llmrouter_integrations.learning import Learning
    from llmrouter_integrations.messages import Request, Response
    from llmrouter_integrations.routing.decision import Decision
    from llmrouter_integrations.routing.target import Target
    from llmrouter_integrations.state.base import StateStore

__all__ = ["Settler"]


class Settler:
    """Works out what answers cost, and tells state and learning of them.

    Args:
        targets: The router's.
        state: Remembers where sessions are cached.
        learning: Remembers answers that may be judged.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        targets: Iterable[Target],
        state: StateStore,
        learning: Learning,
        clock: Callable[[], float],
    ) -> None:
        self._targets = {target.name: target for target in targets}
        self._state = state
        self._learning = learning
        self._clock = clock

    def of(self, request: Request, decision: Decision, session: str | None) -> Settle:
        """Give what settles the answers to a request.

        Args:
            request: What is asked.
            decision: Who may be asked.
            session: The key of its session, where sessions are kept together.
        """
        # a provider counts from when it was asked
        asked_at = 0.0 if session is None else self._clock()

        def settle(target: PlanTarget, response: Response) -> Settlement:
            usage = response.usage
            if not usage.reported and not usage.total_tokens:
                usage = _estimated(decision, response)
            known = self._targets[target.name]
            if session is not None:
                cached = cached_by(known, request, usage, decision.cache)
                if cached is not None:
                    until = asked_at + cached.lifetime_s
                    self._state.stay(session, Stay(target.name, cached.tokens, until))
            cost_usd = self._cost(known, response, usage)
            self._learning.answered(request, decision, target.name, cost_usd)
            return Settlement(usage, cost_usd, decision)

        return settle

    def cost_so_far(self, decision: Decision, name: str, response: Response) -> float | None:
        """Give the dollars of an answer that was left unfinished; None without a price.

        Args:
            decision: Of its request.
            name: Of the target that gave it.
            response: What had come.
        """
        return self._cost(self._targets[name], response, _so_far(decision, response))

    def _cost(self, target: Target, response: Response, usage: Usage) -> float | None:
        if usage.cost_usd is not None:
            if 0.0 <= usage.cost_usd < math.inf:
                return usage.cost_usd
            # what is no price must not be booked: a budget would never recover from it
            usage = replace(usage, cost_usd=None)
        if target.rates is not None and target.price_is_stated:
            return bill_from_rates(usage, target.rates).usd
        billed = bill(
            usage,
            provider=target.provider,
            model=target.model,
            service_tier=response.extra.get("service_tier"),
        )
        return billed.usd if billed is not None else None


def _so_far(decision: Decision, response: Response) -> Usage:
    """Count what had come of an answer that was left: what a provider says of it comes last."""
    usage, estimated = response.usage, _estimated(decision, response)
    return replace(
        usage if usage.input_tokens else estimated,
        output_tokens=max(usage.output_tokens, estimated.output_tokens),
        reported=False,
    )


def _estimated(decision: Decision, response: Response) -> Usage:
    message = response.message
    said = message.text + message.reasoning + "".join(c.arguments for c in message.tool_calls)
    return Usage(
        input_tokens=decision.features.input_tokens,
        output_tokens=estimate_tokens(said),
        reported=False,
    )
