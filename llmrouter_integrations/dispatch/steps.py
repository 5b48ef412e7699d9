"""What the dispatch machine asks for, and what it is told: its vocabulary.

The machine yields a step; whoever drives it performs the step and sends back the event that came
of it. Every event carries the time it happened at, so the machine needs no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmrouter_integrations.dispatch.plan import PlanTarget
    from llmrouter_integrations.errors import AttemptError
    from llmrouter_integrations.messages import Adjustment, Response
    from llmrouter_integrations.transport import Limits

__all__ = [
    "Answered",
    "Await",
    "Bell",
    "Broke",
    "CallTarget",
    "Committed",
    "Continue",
    "Done",
    "Ending",
    "Event",
    "Failed",
    "Relay",
    "Repair",
    "Slow",
    "Step",
    "Unjudged",
    "Wait",
    "Woke",
]


@dataclass(frozen=True, slots=True)
class Repair:
    """Ask again, showing the model its answer and what is wrong with it."""

    answer: Response
    problem: str


@dataclass(frozen=True, slots=True)
class Continue:
    """Ask for the rest of a text that broke off; its beginning has been handed on."""

    partial: Response


@dataclass(frozen=True, slots=True)
class CallTarget:
    """Step: call this target. Answer with what it comes to; of a stream first with Committed.

    Other calls under way go on beside it.

    Attributes:
        target: Whom to call.
        limits: How long it may take.
        deadline: When the whole request must be over, a check of the answer included; by the clock
            of the events.
        amend: What is asked in place of the request itself.
        slow_after_s: Answer with Slow where nothing has come of any call by then, in seconds.
    """

    target: PlanTarget
    limits: Limits
    deadline: float
    amend: Repair | Continue | None = None
    slow_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Await:
    """Step: see what comes of the calls under way. Answer as to CallTarget, but never Slow."""


@dataclass(frozen=True, slots=True)
class Relay:
    """Step: hand the committed stream on to the caller. Answer with Answered or Broke.

    Whatever other call is under way is cancelled first.

    Attributes:
        target: Whose stream.
        instead_of: What had been handed on of an answer that broke off and that this one replaces:
            tell the caller so, before anything of it.
    """

    target: PlanTarget
    instead_of: Response | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Step: let time pass. Answer with Woke.

    Attributes:
        seconds: How long, at most.
        why: For people.
        bell: Rings if there is no need to wait any longer.
    """

    seconds: float
    why: str
    bell: Bell | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The last step: here is the answer. Whatever call is still under way is cancelled."""

    response: Response


Step = CallTarget | Await | Relay | Wait | Done


@dataclass(slots=True)
class Answered:
    """Event: the whole answer has come."""

    now: float
    response: Response
    adjustments: tuple[Adjustment, ...] = ()
    target: str = ""
    """Whose; may be left out where only one call is under way. The same below."""
    beside: tuple[Ending, ...] = ()
    """What other calls had come to by then. Those of which nothing stands here were cancelled."""


@dataclass(slots=True)
class Committed:
    """Event: a stream's first real content has come; ``so_far`` gives what has, at any time."""

    now: float
    target: str = ""
    so_far: Callable[[], Response] | None = None
    beside: tuple[Ending, ...] = ()
    """As of :class:`Answered`."""


@dataclass(slots=True)
class Failed:
    """Event: the call failed before anything of an answer was handed on."""

    now: float
    error: AttemptError
    adjustments: tuple[Adjustment, ...] = ()
    target: str = ""


@dataclass(slots=True)
class Broke:
    """Event: a committed stream broke; ``partial`` is what had been handed on."""

    now: float
    error: AttemptError
    partial: Response
    adjustments: tuple[Adjustment, ...] = ()
    target: str = ""


@dataclass(slots=True)
class Unjudged:
    """Event: the whole answer has come, and its check raised what is no verdict: its own fault.

    Or it was cancelled. The answer is billed all the same.
    """

    now: float
    fault: BaseException
    response: Response
    adjustments: tuple[Adjustment, ...] = ()
    target: str = ""


@dataclass(slots=True)
class Slow:
    """Event: the time that a call said is long has passed, and nothing has come."""

    now: float


@dataclass(slots=True)
class Woke:
    """Event: the wait is over."""

    now: float


Ending = Answered | Committed | Failed | Broke | Unjudged
"""What a call may come to."""

Event = Ending | Slow | Woke


class Bell:
    """Ends a wait early, from whatever thread. It rings once; who listens too late hears it too."""

    __slots__ = ("_heard_by", "_lock", "_rung")

    def __init__(self) -> None:
        self._lock = Lock()
        self._rung = False
        self._heard_by: Callable[[], object] | None = None

    @property
    def has_rung(self) -> bool:
        """Whether it has."""
        return self._rung

    def ring(self) -> None:
        """Wake who waits."""
        with self._lock:
            self._rung = True
            heard_by = self._heard_by
        if heard_by is not None:
            heard_by()

    def listen(self, wake: Callable[[], object]) -> None:
        """Have ``wake`` called, from the thread that rings, or at once where it has rung."""
        with self._lock:
            self._heard_by = wake
            rung = self._rung
        if rung:
            wake()
