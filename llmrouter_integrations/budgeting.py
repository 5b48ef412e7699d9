"""The budgets of a router at work: :class:`Budgets`."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from llmrouter_integrations.dispatch.holds import Expected, Holds
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.hints import RoutingHints
from llmrouter_integrations.routing.allowance import Allowance, Balance
from llmrouter_integrations.routing.filters import ESTIMATE_MARGIN, Wishes
from llmrouter_integrations.state.base import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmrouter_integrations.budgets import BudgetConfig, Period
    from llmrouter_integrations.dispatch.holds import CostOf
    from llmrouter_integrations.routing.decision import Decision
    from llmrouter_integrations.routing.target import Target
    from llmrouter_integrations.state.base import StateStore

__all__ = ["Budgets"]

SURPRISE = 4.0
"""A call may come to as many times its expected cost, where no ``max_tokens`` bounds it. Judgement.
So much is held while others are under way; it refuses nothing that would fit alone."""


class Budgets:
    """Says what each request may spend, and books what it does.

    Args:
        configs: The budgets; at least one.
        targets: All that are configured.
        state: Who keeps the accounts.
        clock: Unix time, in seconds.

    Raises:
        ConfigurationError: A budget's ``models`` name no target, or nothing that it is for has a
            known price.
    """

    def __init__(
        self,
        configs: Sequence[BudgetConfig],
        targets: Sequence[Target],
        state: StateStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._budgets = [_Budget(config, targets) for config in configs]
        self._state = state
        self._clock = clock

    def allowance(self, hints: RoutingHints) -> Allowance | None:
        """Give what a request may spend now; None where no budget is for it."""
        now = self._clock()
        due = [budget for budget in self._budgets if budget.is_for(hints)]
        if not due:
            return None
        spent = self._state.spent_usd([budget.account(hints, now) for budget in due])
        balances = [
            budget.balance(spent_usd, now) for budget, spent_usd in zip(due, spent, strict=True)
        ]
        return Allowance(balances, now)

    def holds(self, decision: Decision, cost_of: CostOf) -> Holds:
        """Make what sets money aside for the calls of a request.

        Args:
            decision: What is expected of them.
            cost_of: Works out the dollars of an answer that was not finished.
        """
        hints, features = decision.hints, decision.features
        due = [budget for budget in self._budgets if budget.is_for(hints)]

        def accounts(name: str, now: float) -> list[Account]:
            return [
                budget.account(hints, now)
                for budget in due
                if budget.targets is None or name in budget.targets
            ]

        def expect(name: str) -> Expected:
            scored = decision.scored(name)
            rates, most = scored.target.rates, features.max_tokens
            most_usd = scored.cost_usd * SURPRISE
            if rates is not None and most is not None:
                rates = rates.at(features.input_tokens) if rates.above else rates
                prompt_usd = features.input_tokens / ESTIMATE_MARGIN * rates.input_usd
                most_usd = max(scored.cost_usd, prompt_usd + most * rates.output_usd)
            return Expected(scored.cost_usd, most_usd)

        return Holds(self._state, accounts, expect, cost_of, self._clock)


class _Budget:
    """One budget, and the period that it is in."""

    __slots__ = ("_config", "_now", "targets")

    def __init__(self, config: BudgetConfig, targets: Sequence[Target]) -> None:
        self._config = config
        self.targets = _named(config, targets)
        covered = [t for t in targets if self.targets is None or t.name in self.targets]
        if all(target.rates is None for target in covered):
            raise ConfigurationError(
                f"budget {config.name!r}: no price is known of "
                f"{', '.join([t.name for t in covered])}: state input_usd_per_mtok and "
                "output_usd_per_mtok of them"
            )
        self._now = self._begin(0.0)

    def is_for(self, hints: RoutingHints) -> bool:
        config = self._config
        return (config.tenant is None or config.tenant == hints.tenant) and (
            config.tag is None or (hints.tags is not None and config.tag in hints.tags)
        )

    def account(self, hints: RoutingHints, now: float) -> Account:
        """Give where a request's spend is counted; what does not refuse has no limit there."""
        account = self._at(now)[1]
        if self._config.per is None:
            return account
        return account._replace(key=account.key + (hints.tenant or ""))

    def balance(self, spent_usd: float, now: float) -> Balance:
        config, (period, _) = self._config, self._at(now)
        return Balance(
            config.name,
            config.limit_usd,
            spent_usd,
            period.begins_at,
            None if math.isinf(period.ends_at) else period.ends_at,
            self.targets,
            config.on_exceeded == "raise",
            config.pace,
        )

    def _at(self, now: float) -> tuple[Period, Account]:
        """Give the present period, and its account: of all, or with what all tenants' begin."""
        period, _ = current = self._now
        if not period.begins_at <= now < period.ends_at:
            current = self._now = self._begin(now)
        return current

    def _begin(self, now: float) -> tuple[Period, Account]:
        config = self._config
        period, name = config.period_at(now), config.name
        # a name may hold anything: what comes after it must not be taken for a part of it
        key = f"{len(name)}:{name}:{period.begins_at:.0f}:"
        limit_usd = config.limit_usd if config.on_exceeded == "raise" else math.inf
        return period, Account(key, name, limit_usd, period.ends_at)


def _named(config: BudgetConfig, targets: Sequence[Target]) -> frozenset[str] | None:
    if config.models is None:
        return None
    wishes = Wishes(RoutingHints(models=config.models), targets)
    names = frozenset([target.name for target in targets if wishes.refuse(target) is None])
    if not names:
        raise ConfigurationError(
            f"budget {config.name!r}: models {', '.join(config.models)} name no target"
        )
    return names
