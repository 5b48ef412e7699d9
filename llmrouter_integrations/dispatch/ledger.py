"""The record of one request's attempts: what each came to, and what it cost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llmrouter_integrations.messages import Attempt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmrouter_integrations.dispatch.plan import Plan, PlanTarget, Settle, Settlement
    from llmrouter_integrations.dispatch.steps import Answered, Broke, Failed, Unjudged
    from llmrouter_integrations.messages import Response

__all__ = ["Ledger"]


class Ledger:
    """Writes down the attempts of one request, in the order in which they ended.

    Attributes:
        attempts: So far.
        spent_usd: What they cost together, in dollars, as far as known.
    """

    __slots__ = ("_plan", "_settle", "attempts", "spent_usd")

    def __init__(self, plan: Plan, settle: Settle) -> None:
        self._plan = plan
        self._settle = settle
        self.attempts: list[Attempt] = []
        self.spent_usd = 0.0

    def answered(
        self, target: PlanTarget, event: Answered, duration_s: float, first_token_s: float | None
    ) -> Response:
        """Write an answer down, and in it who gave it."""
        settlement = self._settled(target, event.response)
        self._add(
            Attempt(
                target.name,
                target.provider,
                target.model,
                "ok",
                duration_s=duration_s,
                first_token_s=first_token_s,
                adjustments=event.adjustments,
                usage=settlement.usage,
                cost_usd=settlement.cost_usd,
            )
        )
        return self.signed(event.response, target, settlement)

    def failed(
        self,
        target: PlanTarget,
        event: Failed | Broke,
        partial: Response | None,
        duration_s: float,
        first_token_s: float | None,
    ) -> Settlement | None:
        """Write a failure down.

        Args:
            target: Whose.
            event: What happened.
            partial: What had been handed on of the answer, if anything was.
            duration_s: How long the call took, in seconds.
            first_token_s: How long its first content took, in seconds.

        Returns:
            What is billed for what had come of an answer, if anything had.
        """
        error = event.error
        written = partial if partial is not None else error.answer
        settlement = None if written is None else self._settled(target, written)
        said = " ".join(str(part) for part in (error.status, error.code) if part)
        self._add(
            Attempt(
                target.name,
                target.provider,
                target.model,
                "error" if partial is None else "interrupted",
                f"{type(error).__name__}: {error.message}" + (f" [{said}]" if said else ""),
                type(error).__name__,
                duration_s,
                first_token_s,
                event.adjustments,
                settlement and settlement.usage,
                settlement and settlement.cost_usd,
            )
        )
        return settlement

    def lost(
        self, target: PlanTarget, duration_s: float, came: Answered | Unjudged | None = None
    ) -> None:
        """Write down a call that was cancelled because another was faster.

        What a provider bills for it nobody tells, so it is billed as if it had been answered.

        Args:
            target: Whose.
            duration_s: How long it took, in seconds.
            came: Its answer, if that had come all the same.
        """
        expect = self._plan.expect
        if came is not None:
            settlement: Settlement | None = self._settled(target, came.response)
        else:
            settlement = expect(target) if expect is not None else None
        self._add(
            Attempt(
                target.name,
                target.provider,
                target.model,
                "cancelled",
                duration_s=duration_s,
                adjustments=() if came is None else came.adjustments,
                usage=settlement and settlement.usage,
                cost_usd=settlement and settlement.cost_usd,
            )
        )

    def affords(self, target: PlanTarget, in_flight: Sequence[PlanTarget] = ()) -> bool:
        """Whether another call keeps to what the request may cost in all.

        Args:
            target: Whom it would ask.
            in_flight: Whom calls under way ask.
        """
        most_usd, expect = self._plan.max_cost_usd, self._plan.expect
        if most_usd is None or expect is None or not (self.attempts or in_flight):
            return True
        expected_usd = sum([expect(t).cost_usd or 0.0 for t in (target, *in_flight)])
        return self.spent_usd + expected_usd <= most_usd

    def signed(self, response: Response, target: PlanTarget, settlement: Settlement) -> Response:
        """Say in an answer who gave it and what it took."""
        return replace(
            response,
            target=target.name,
            provider=target.provider,
            model=response.model or target.model,
            usage=settlement.usage,
            cost_usd=settlement.cost_usd,
            decision=settlement.decision,
            attempts=tuple(self.attempts),
        )

    def _settled(self, target: PlanTarget, response: Response) -> Settlement:
        try:
            return self._settle(target, response)
        except BaseException:
            # the call is over, and nobody else will give back what is held for it
            if self._plan.holds is not None:
                self._plan.holds.leave(target, None)
            raise

    def _add(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        if attempt.cost_usd is not None:
            self.spent_usd += attempt.cost_usd
        if self._plan.holds is not None:
            self._plan.holds.book(attempt)
