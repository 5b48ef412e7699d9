"""The dispatch machine: whom to call next, for how long, when to wait and when to give up.

:func:`dispatch` is a generator without I/O, clock or randomness of its own. It yields steps, is
sent the events that came of them (see :mod:`~llmrouter_integrations.dispatch.steps`), and either
yields Done or raises. Closing it at any point hands back what it holds of the state store.

The rules, in the order they are applied:

1. A request error that no other target can mend is raised as it is.
2. Targets not yet asked come first, in the plan's order, if the state admits them (they are
   rested, and have a place free) and the errors so far leave them a chance (a larger window,
   another model or provider).
3. Then targets that failed in a way that may pass are asked again, once their backoff or their
   ``Retry-After`` is over, within the retry budget.
4. Only when nobody can be asked now is there a wait: for whoever is ready first, and only if
   that leaves time for a call. Otherwise the request ends at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmrouter_integrations.dispatch.course import Course
from llmrouter_integrations.dispatch.steps import (
    Answered,
    Broke,
    CallTarget,
    Committed,
    Done,
    Failed,
    Relay,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Generator

    from llmrouter_integrations.dispatch.plan import DispatchSettings, Plan, Settle
    from llmrouter_integrations.dispatch.steps import Event, Step
    from llmrouter_integrations.state.base import StateStore

__all__ = ["dispatch"]

_RELAY = Relay()


def dispatch(
    plan: Plan,
    *,
    state: StateStore,
    settings: DispatchSettings,
    settle: Settle,
    rng: random.Random,
    now: float,
    streamed: bool,
) -> Generator[Step, Event, None]:
    """Get one request answered.

    Args:
        plan: Whom to ask, and how long it may take in all.
        state: The health of the targets.
        settings: Retries and waits.
        settle: Called once with the answer, or with what had come of it when it broke off.
        rng: Spreads waits.
        now: The time the request began, in seconds of the clock that events carry.
        streamed: Whether the answer is streamed.

    Yields:
        Steps to perform; the last one is Done.

    Raises:
        AttemptError: The request is at fault (its ``attempts`` are filled in).
        AllTargetsFailed: Nobody is left to ask, or nobody will be ready in time.
        DeadlineExceeded: The plan's time ran out.
        StreamInterrupted: A committed stream broke.
    """
    course = Course(plan, state=state, settings=settings, settle=settle, rng=rng, now=now)
    while True:
        admitted = course.admit(now)
        if admitted is None:
            now = (yield course.wait(now)).now
            continue
        target, permit = admitted
        began = now
        first_token_s: float | None = None
        try:
            call = CallTarget(target, course.limits(target, now, streamed=streamed))
            event = yield call
            if type(event) is Committed:
                first_token_s = event.now - began
                state.alive(permit, event.now)
                event = yield _RELAY
        except BaseException:
            state.release(permit)
            raise
        now = event.now
        if isinstance(event, Answered):
            yield Done(course.answered(target, permit, event, now - began, first_token_s))
            return
        if not isinstance(event, (Failed, Broke)):
            state.release(permit)
            raise TypeError(f"{event} is no answer to a call")
        course.failed(call, permit, event, now - began, first_token_s)
