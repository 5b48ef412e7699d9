"""What a drill found, and whether that is good enough: :class:`Result`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmrouter_integrations.drill.judging import Outcome

__all__ = [
    "MOST_ADDED_P99_S",
    "MOST_CALLS",
    "MOST_CALLS_TO_FAULTY",
    "NEVER",
    "Guarantee",
    "Result",
    "Spread",
    "Summary",
    "summaries",
]

MOST_CALLS = 1.1
"""Calls a request may take once what fails is resting."""
MOST_CALLS_TO_FAULTY = 0.1
"""Of these, calls to what fails: a probe now and then."""
MOST_ADDED_P99_S = 0.25
"""What a fault that shows at once may add to the slowest hundredth of the requests, in seconds."""

NEVER: tuple[Outcome, ...] = ("spliced", "truncated", "malformed", "wrong", "crashed")


@dataclass(frozen=True, slots=True)
class Spread:
    """Half of the requests took no longer than ``p50_s`` seconds, 99 of 100 than ``p99_s``."""

    p50_s: float
    p99_s: float

    @classmethod
    def of(cls, durations_s: list[float]) -> Spread:
        """Measure some durations; nearest rank, so that every figure is one that was seen."""
        ranked = sorted(durations_s) or [0.0]
        return cls(ranked[-(-len(ranked) // 2) - 1], ranked[-(-len(ranked) * 99 // 100) - 1])


@dataclass(frozen=True, slots=True)
class Result:
    """What one fault did to one mode of calling the router.

    Attributes:
        fault: The fault's name.
        mode: The router's method.
        faulty: The targets it happened to.
        requests: How many requests were made while a healthy alternative was there.
        outcomes: How many of them came to what.
        calls: Calls made for them.
        calls_after: Calls a request, once what fails was resting; None where nothing rests.
        faulty_calls_after: Of these, calls to what fails.
        added_p50_s: What the median request took more than with no fault, in seconds.
        added_p99_s: Likewise, the slowest hundredth.
        duplicated: Words that were handed on twice.
        lost: Words missing from answers that were handed on as whole.
        unreported: Calls that a target received and no answer or error tells of.
        calls_when_all_fail: Calls a request where no target was healthy; the most any took.
        complaints: What is not good enough; none: the drill was passed.
        skipped: Why it was not made; empty where it was.
    """

    fault: str
    mode: str
    faulty: tuple[str, ...] = ()
    requests: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    calls: int = 0
    calls_after: float | None = None
    faulty_calls_after: float | None = None
    added_p50_s: float = 0.0
    added_p99_s: float = 0.0
    duplicated: int = 0
    lost: int = 0
    unreported: int = 0
    calls_when_all_fail: int | None = None
    complaints: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def passed(self) -> bool:
        """Whether all is good enough."""
        return not self.complaints

    @property
    def answered(self) -> int:
        """Requests that came to a correct answer, or to one that says what it lacks."""
        return self.outcomes["whole"] + self.outcomes["told"]

    @property
    def success_rate(self) -> float:
        """The share of requests answered correctly."""
        return self.answered / self.requests if self.requests else 0.0

    @property
    def wasted_calls(self) -> float:
        """Calls a request beyond the one that it takes."""
        return self.calls / self.requests - 1 if self.requests else 0.0

    def plain(self) -> dict[str, Any]:
        """Give everything as JSON has it."""
        own = {name: getattr(self, name) for name in self.__slots__}
        own["outcomes"] = dict(self.outcomes)
        figures = ("passed", "success_rate", "wasted_calls")
        return own | {name: getattr(self, name) for name in figures}


@dataclass(frozen=True, slots=True)
class Summary:
    """What one fault did in all modes drilled: of each figure, the worst.

    Attributes:
        fault: The fault's name.
        results: What it did in each mode.
    """

    fault: str
    results: tuple[Result, ...]

    @property
    def drilled(self) -> tuple[Result, ...]:
        """The results of the modes that were not skipped."""
        return tuple(result for result in self.results if not result.skipped)

    @property
    def passed(self) -> bool:
        """Whether all modes passed."""
        return all(result.passed for result in self.results)

    def worst(self, figure: str) -> float | None:
        """Give the largest value that a figure of the results has; None where none has any."""
        values = [getattr(result, figure) for result in self.drilled]
        return max((value for value in values if value is not None), default=None)

    def rate(self, *outcomes: Outcome) -> float:
        """Give the share of all requests that came to one of these."""
        requests = sum(result.requests for result in self.drilled)
        found = sum(result.outcomes[outcome] for result in self.drilled for outcome in outcomes)
        return found / requests if requests else 0.0


def summaries(results: Iterable[Result]) -> list[Summary]:
    """Gather results by fault, in the order they came."""
    by_fault: dict[str, list[Result]] = {}
    for result in results:
        by_fault.setdefault(result.fault, []).append(result)
    return [Summary(fault, tuple(of_it)) for fault, of_it in by_fault.items()]


@dataclass(frozen=True, slots=True)
class Guarantee:
    """Something that must hold whatever happens, and how far it does.

    Attributes:
        name: What must hold.
        case: When, or of what.
        value: What was measured.
        limit: The most it may be.
        unit: Of both.
        note: What else was seen; what is wrong, where the value alone would not tell.
    """

    name: str
    case: str
    value: float
    limit: float
    unit: str
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether it holds."""
        return self.value <= self.limit

    def plain(self) -> dict[str, Any]:
        """Give everything as JSON has it."""
        return {name: getattr(self, name) for name in (*self.__slots__, "passed")}
