"""The account of an answer in a framework's metadata: who gave it, what it cost, who failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from llmrouter_integrations.messages import Response

__all__ = ["RESTARTED", "account_of"]

RESTARTED: Final = "llmrouter_restarted"
"""The key that marks, in a stream, that what came before is void; with its length in characters."""


def _propensity(response: Response) -> float | None:
    decision = response.decision
    if decision is None or decision.plan[0] != response.target:
        return None
    return decision.propensity


def account_of(response: Response) -> dict[str, Any]:
    """Write the account of an answer, in plain JSON.

    Returns:
        ``decision_id``, ``propensity`` (how likely the choice was to be this one; None where
        another target answered than was chosen), ``target``, ``model``, ``provider``, ``cost_usd``
        (dollars; None without a price), ``attempts`` (``target``, ``outcome``, ``error`` and
        ``duration_s`` of each, in order); where the provider told no usage, ``usage_estimated``;
        where the target could not take all parameters as asked, ``adjustments``. Where the answer's
        session left the target that has its prompt cached: ``session`` (``moved_from``, ``why``).
    """
    decision = response.decision
    attempts = response.attempts
    answered = attempts[-1] if attempts else None
    account: dict[str, Any] = {
        "decision_id": decision.id if decision is not None else None,
        "propensity": _propensity(response),
        "target": response.target,
        "model": response.model,
        "provider": response.provider,
        "cost_usd": response.cost_usd,
        "attempts": [
            {
                "target": attempt.target,
                "outcome": attempt.outcome,
                "error": attempt.error,
                "duration_s": attempt.duration_s,
            }
            for attempt in attempts
        ],
    }
    if not response.usage.reported:
        account["usage_estimated"] = True
    if answered is not None and answered.adjustments:
        account["adjustments"] = [
            {"parameter": a.parameter, "action": a.action, "detail": a.detail}
            for a in answered.adjustments
        ]
    move = decision.session_move(response.target, attempts) if decision is not None else None
    if move is not None:
        account["session"] = {"moved_from": move.origin, "why": move.why}
    return account
