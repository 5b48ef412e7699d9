"""The dispatch machine: whom to call next, for how long, when to wait and when to give up.

:func:`dispatch` is a generator without I/O, clock or randomness of its own. It yields steps, is
sent the events that came of them (see :mod:`~llmrouter_integrations.dispatch.steps`), and either
yields Done or raises. Closing it at any point hands back what it holds of the state store.

The rules, in the order they are applied:

1. A request error that no other target can mend is raised as it is.
2. An answer that did not pass the check its caller asked for is shown to its model once, with what
   is wrong with it, within the retry budget.
3. Targets not yet asked come first, in the plan's order, if the state admits them (they are
   rested, and have a place free) and the errors so far leave them a chance (a larger window,
   another model or provider).
4. Then targets that failed in a way that may pass are asked again, once their backoff or their
   ``Retry-After`` is over, within the retry budget.
5. Only when nobody can be asked now is there a wait: for whoever is ready first, and only if
   that leaves time for a call. Otherwise the request ends at once: with an answer that lacks in
   something, where there is one and the caller asked for no better; else with an error.

Beside a call that is slow, another target may be asked if the plan has a hedge: the first answer,
or the first content of a stream, wins, and the other call is cancelled.

After a committed stream broke, rules 3 to 5 hold for whoever may go on with it, if the plan asks
for that; else the request ends there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmrouter_integrations.dispatch.course import Course
from llmrouter_integrations.dispatch.steps import (
    Answered,
    Await,
    Broke,
    Committed,
    Done,
    Failed,
    Slow,
    Unjudged,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Generator

    from llmrouter_integrations.dispatch.plan import DispatchSettings, Plan, Settle
    from llmrouter_integrations.dispatch.steps import Event, Step
    from llmrouter_integrations.state.base import StateStore

__all__ = ["dispatch"]

_AWAIT = Await()


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
        settle: Called with each answer that is billed: the one given, one that did not hold, or
            what had come of one when it broke off.
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
        BaseException: Whatever the check of an answer raised.
    """
    course = Course(
        plan, state=state, settings=settings, settle=settle, rng=rng, now=now, streamed=streamed
    )
    try:
        while True:
            call = course.next_call(now)
            if call is None:
                step = course.wait(now)
                event = yield step
                if type(step) is Done:
                    return
                now = event.now
                continue
            event = yield call
            while True:
                now = event.now
                if type(event) is Answered:
                    yield Done(course.answered(event))
                    return
                if type(event) is Committed:
                    event = yield course.committed(event)
                elif type(event) is Slow:
                    event = yield course.hedge(now) or _AWAIT
                elif isinstance(event, (Failed, Broke)):
                    course.failed(event)
                    if not course.in_flight:
                        break
                    event = yield _AWAIT
                elif type(event) is Unjudged:
                    course.unjudged(event)
                    raise event.fault
                else:
                    raise TypeError(f"{event} is no answer to a call")
    finally:
        course.close()
