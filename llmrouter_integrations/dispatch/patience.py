"""How long a call may take, and whether a limit that ran out says anything of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmrouter_integrations.transport import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.dispatch.plan import DispatchSettings, Plan
    from llmrouter_integrations.errors import AttemptError, TimeoutPhase

__all__ = ["SHARE_WHILE_OTHERS_REMAIN", "call_limits", "says_nothing"]

TIMES_EXPECTED = 3.0
"""How many times as long as expected a whole answer may take, beyond the wait for a first token,
while another target could still be asked."""

SHARE_WHILE_OTHERS_REMAIN = 2 / 3
"""While another target could take over in time, one call may take at most this part of the time
left (a stream: until its first content), so that a target that hangs leaves time for the next."""

PATIENT_FROM = 0.5
"""A limit that ran out is held against the target where it was at least this part of the configured
one: the share leaves a first call 2/3, and a caller in a hurry nothing like it."""

_BOUNDED_BY: Final[Mapping[TimeoutPhase, str]] = {
    "connect": "connect_s",
    "pool": "pool_s",
    "write": "idle_s",
}
"""Phases before the first token with a limit of their own, which the attempt's may shorten."""


def call_limits(plan: Plan, left_s: float, share_s: float, *, streamed: bool) -> Limits:
    """Say how long a call may take.

    Args:
        plan: The request's times.
        left_s: Time until the deadline, in seconds.
        share_s: Of that, what the call may use up: less where another target could take over.
        streamed: Whether the answer comes in chunks.
    """
    first_s = plan.first_token_timeout_s
    if streamed:
        # one that is held until its end leaves time for the next, as a whole answer does
        total_s = left_s if plan.verify is None else share_s
        return Limits(total_s, min(first_s, share_s), plan.idle_timeout_s)
    if share_s < left_s:
        share_s = min(share_s, first_s + TIMES_EXPECTED * plan.expected_s)
    return Limits(share_s, share_s, plan.idle_timeout_s)


def says_nothing(
    error: AttemptError, limits: Limits, plan: Plan, usual: DispatchSettings, *, too_late: bool
) -> bool:
    """Whether the target was not asked at all, or the caller had no patience with it.

    Args:
        error: What the call came to.
        limits: What the call was allowed.
        plan: The request's times.
        usual: The configured times.
        too_late: Whether the request's deadline had passed.
    """
    if error.cools == "nothing":
        return not error.sent
    if error.status is not None and error.status >= 300:
        return False
    if too_late and limits.total_s < PATIENT_FROM * usual.timeout_s:
        return True
    return error.phase is not None and _was_impatient(error.phase, limits, plan, usual)


def _was_impatient(
    phase: TimeoutPhase, limits: Limits, plan: Plan, usual: DispatchSettings
) -> bool:
    if phase == "idle":  # a silence has the configured limit, or the deadline
        return False
    if phase == "total":
        whole_s = usual.first_token_timeout_s + TIMES_EXPECTED * plan.expected_s
        return limits.total_s < PATIENT_FROM * min(usual.timeout_s, whole_s)
    usual_s = min(usual.first_token_timeout_s, usual.timeout_s)
    if bound := _BOUNDED_BY.get(phase):
        usual_s = min(usual_s, getattr(limits, bound))
    return limits.first_token_s < PATIENT_FROM * usual_s
