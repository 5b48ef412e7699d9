"""What the dispatch machine asks for, and what it is told: its vocabulary.

The machine yields a step; whoever drives it performs the step and sends back the event that came
of it. Every event carries the time it happened at, so the machine needs no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmrouter_integrations.dispatch.plan import PlanTarget
    from llmrouter_integrations.errors import AttemptError
    from llmrouter_integrations.messages import Adjustment, Response
    from llmrouter_integrations.transport import Limits

__all__ = [
    "Answered",
    "Broke",
    "CallTarget",
    "Committed",
    "Done",
    "Event",
    "Failed",
    "Relay",
    "Step",
    "Wait",
    "Woke",
]


@dataclass(frozen=True, slots=True)
class CallTarget:
    """Step: call this target. Answer with Answered or Failed; a stream's first with Committed.

    Attributes:
        target: Whom to call.
        limits: How long it may take.
    """

    target: PlanTarget
    limits: Limits


@dataclass(frozen=True, slots=True)
class Relay:
    """Step: hand the committed stream on to the caller. Answer with Answered or Broke."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Step: let time pass. Answer with Woke.

    Attributes:
        seconds: How long.
        why: For people.
    """

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Done:
    """The last step: here is the answer."""

    response: Response


Step = CallTarget | Relay | Wait | Done


@dataclass(slots=True)
class Answered:
    """Event: the whole answer has come."""

    now: float
    response: Response
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(slots=True)
class Committed:
    """Event: a stream's first real content has come; from here on nobody else can answer."""

    now: float


@dataclass(slots=True)
class Failed:
    """Event: the call failed before anything of an answer was handed on."""

    now: float
    error: AttemptError
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(slots=True)
class Broke:
    """Event: a committed stream broke; ``partial`` is what had arrived."""

    now: float
    error: AttemptError
    partial: Response
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(slots=True)
class Woke:
    """Event: the wait is over."""

    now: float


Event = Answered | Committed | Failed | Broke | Woke
