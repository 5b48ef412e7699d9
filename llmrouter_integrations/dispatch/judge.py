"""Whether a whole answer passes the check of its request, within the time that is left.

A caller's own check may take its time (another model may be the judge) or never come back. So it
runs in a thread of its own, which is left when the time is up: nothing else could end it. In the
executor of an event loop it would keep others waiting, and the loop from ending.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextvars import copy_context
from inspect import isawaitable
from typing import TYPE_CHECKING

from llmrouter_integrations.dispatch.verify import settle_verdict
from llmrouter_integrations.errors import RejectedAnswerError

if TYPE_CHECKING:
    from llmrouter_integrations.dispatch.plan import Plan, Verdict, Verify
    from llmrouter_integrations.messages import Response

    _Judged = Future[tuple[Verdict, BaseException | None]]

__all__ = ["averify", "verify"]

GRACE_S = 0.01
"""How long after the deadline a check is left: then the deadline has passed by any clock."""


def verify(plan: Plan, response: Response, left_s: float) -> RejectedAnswerError | None:
    """Check an answer as its caller asked to.

    Args:
        plan: The request's plan.
        response: The answer.
        left_s: How long a check of the caller's own may take, in seconds.

    Returns:
        The error that it does not hold, not raised: what the check itself raises is its caller's,
        and of no target.

    Raises:
        ConfigurationError: The check is a coroutine function, and this is no async call.
    """
    if plan.verify is None:
        return None
    if not plan.check_may_block:
        return _rejected(settle_verdict(plan.verify(response)), response)
    judged = _in_thread(plan.verify, response)
    try:
        verdict, error = judged.result(max(left_s, 0.0) + GRACE_S)
    except TimeoutError:
        return _out_of_time(response)
    if error is not None:
        raise error
    return _rejected(settle_verdict(verdict), response)


async def averify(plan: Plan, response: Response, left_s: float) -> RejectedAnswerError | None:
    """Check an answer as its caller asked to; as :func:`verify`, and async checks too."""
    if plan.verify is None:
        return None
    try:
        async with asyncio.timeout(max(left_s, 0.0) + GRACE_S) as guard:
            if plan.check_may_block:
                verdict, error = await asyncio.wrap_future(_in_thread(plan.verify, response))
                if error is not None:
                    raise error
            else:
                verdict = plan.verify(response)
            if isawaitable(verdict):
                verdict = await verdict
    except TimeoutError:
        if not guard.expired():
            raise
        return _out_of_time(response)
    return _rejected(verdict, response)


def _rejected(problem: str | None, response: Response) -> RejectedAnswerError | None:
    return None if problem is None else RejectedAnswerError(problem, answer=response)


def _out_of_time(response: Response) -> RejectedAnswerError:
    return RejectedAnswerError("the check was not done when the time was up", answer=response)


def _in_thread(check: Verify, response: Response) -> _Judged:
    judged: _Judged = Future()
    judged.set_running_or_notify_cancel()  # it cannot be cancelled, only left

    def judge() -> None:
        try:
            done: tuple[Verdict, BaseException | None] = (check(response), None)
        except BaseException as error:  # noqa: BLE001  (raised where the verdict is waited for)
            done = (None, error)
        judged.set_result(done)

    context = copy_context()
    threading.Thread(
        target=context.run, args=(judge,), name="llmrouter-verify", daemon=True
    ).start()
    return judged
