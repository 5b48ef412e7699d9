"""How fast a target is, and for prompts of what size: moving averages, and quantiles that forget.

The quantiles come from DDSketch (Masson, Rim and Lee 2019): a histogram whose bins grow by a
constant factor, so that any quantile is right to within a relative error, in bounded space, and
the histograms of several processes merge by addition. Each call weighs a little more than the one
before (forward decay; Cormode, Shkapenyuk, Srivastava and Xu 2009), so that the recent ones count.

A call that was given up after t seconds is a censored observation: it would have taken t or more.
To leave it out would make a target look the faster the more often it is given up (hedging drops
just the slow calls), and to count it as t would do so where callers are impatient. So its weight
goes to what lies at t and beyond, in proportion to what was seen there (redistribution to the
right; Efron 1967). Where too little was seen to tell, it counts as t: then only quantiles beyond t,
in the last twentieth, come out too low.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from llmrouter_integrations.state.base import Outcome

__all__ = ["LEAST_COUNT", "Pace", "RecentLatency", "Sketch"]

LEAST_COUNT = 10
"""Fewer calls than this say nothing of a quantile."""

SIZES: Final = (1_000, 4_000, 16_000, 64_000)
"""Where one prompt size ends and the next begins, in tokens. Time to the first token grows with
the prompt, and by less than the factor of four within a size."""

RELATIVE_ERROR = 0.05
"""Quantiles are right to within this part of their value."""

SHORTEST_S = 0.001
LONGEST_S = 3_600.0
"""Times outside these count as these."""

_EWMA_WEIGHT = 0.2
"""Weight of the newest measurement in the averages: about the last ten calls matter."""

_FORGETTING = 0.98
"""What a call weighs against the next one: about the last hundred matter (n = (1+f)/(1-f)). A p95
follows three calls that are slow in a row, and a hundred and fifty that are fast again."""

_LEAST_TAIL = 0.05
"""What lies beyond a time is known where at least this part of all does. Less is a few outliers,
and to share the weight of many calls among them would make much of little."""

_HEAVIEST = 1e100
"""Weights grow without end; here all are scaled down, long before a float overflows."""

_GROWTH: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GROWTH: Final = math.log(_GROWTH)
_BINS: Final = 1 + math.ceil(math.log(LONGEST_S / SHORTEST_S) / _LOG_GROWTH)
_NEAREST: Final = tuple(
    tuple(sorted(range(len(SIZES) + 1), key=lambda other: (abs(other - size), -other)))
    for size in range(len(SIZES) + 1)
)
"""For each size, the sizes from the nearest on; of two as near, the larger, which is the slower."""


class Sketch:
    """The distribution of recent times, in seconds."""

    __slots__ = ("_bins", "_weight", "count")

    def __init__(self) -> None:
        self._bins = [0.0] * _BINS
        self._weight = 1.0
        self.count = 0

    def add(self, seconds: float) -> None:
        """One took so long."""
        self._bins[_bin(seconds)] += self._next_weight()

    def add_at_least(self, seconds: float) -> None:
        """One was given up after so long."""
        weight = self._next_weight()
        first, bins = _bin(seconds), self._bins
        beyond = sum(bins[first:])
        if beyond <= _LEAST_TAIL * sum(bins):
            bins[first] += weight
            return
        share = 1 + weight / beyond
        bins[first:] = [each * share for each in bins[first:]]

    def weights(self) -> list[float]:
        """A copy of the weights of the bins."""
        return self._bins[:]

    def _next_weight(self) -> float:
        self.count += 1
        if self._weight > _HEAVIEST:
            self._bins = [each / self._weight for each in self._bins]
            self._weight = 1.0
        weight = self._weight
        self._weight = weight / _FORGETTING
        return weight


class RecentLatency:
    """A :class:`~llmrouter_integrations.state.base.Latency` as of one moment.

    Args:
        first: Weights of the times to the first token, or None where too few are known.
        whole: Weights of the whole durations.
        count: How many calls ``whole`` rests on.
    """

    __slots__ = ("_first", "_whole", "count")

    def __init__(self, first: list[float] | None, whole: list[float], count: int) -> None:
        self._first = first
        self._whole = whole
        self.count = count

    def first_token_s(self, q: float) -> float | None:
        """Time to the first token that a share of ``q`` of the calls kept to, in seconds."""
        return None if self._first is None else _quantile(self._first, q)

    def duration_s(self, q: float) -> float | None:
        """Whole duration that a share of ``q`` of the calls kept to, in seconds."""
        return _quantile(self._whole, q)


class Pace:
    """How fast one target is.

    Attributes:
        first_token_s: Moving average of the time to the first token; None before any.
        output_tokens_per_s: Moving average of the output speed after it; None before any.
    """

    __slots__ = ("_first", "_whole", "first_token_s", "output_tokens_per_s")

    def __init__(self) -> None:
        self.first_token_s: float | None = None
        self.output_tokens_per_s: float | None = None
        self._first: list[Sketch | None] = [None] * (len(SIZES) + 1)
        self._whole: list[Sketch | None] = [None] * (len(SIZES) + 1)

    def measured(self, outcome: Outcome) -> None:
        """Learn from a call that was answered, or that was given up."""
        first_s = outcome.first_token_s
        if outcome.ok:
            if first_s is not None:
                self.first_token_s = _average(self.first_token_s, first_s)
            if outcome.output_tokens:
                writing_s = outcome.duration_s - (first_s or self.first_token_s or 0.0)
                if writing_s > 0:
                    speed = outcome.output_tokens / writing_s
                    self.output_tokens_per_s = _average(self.output_tokens_per_s, speed)
        if outcome.input_tokens is None:
            return
        size = bisect_right(SIZES, outcome.input_tokens)
        whole = _sketch(self._whole, size)
        if outcome.cut_off is None:
            whole.add(outcome.duration_s)
        else:
            whole.add_at_least(outcome.duration_s)
        if first_s is not None:
            _sketch(self._first, size).add(first_s)
        elif outcome.cut_off == "first_token":
            _sketch(self._first, size).add_at_least(outcome.duration_s)

    def latency(self, input_tokens: int) -> RecentLatency | None:
        """How long prompts of about this size take; None where too little is known."""
        size = bisect_right(SIZES, input_tokens)
        whole = _nearest(self._whole, size)
        if whole is None:
            return None
        first = _nearest(self._first, size)
        firsts = None if first is None else first.weights()
        return RecentLatency(firsts, whole.weights(), whole.count)


def _sketch(sketches: list[Sketch | None], size: int) -> Sketch:
    sketch = sketches[size]
    if sketch is None:
        sketch = sketches[size] = Sketch()
    return sketch


def _nearest(sketches: list[Sketch | None], size: int) -> Sketch | None:
    for other in _NEAREST[size]:
        sketch = sketches[other]
        if sketch is not None and sketch.count >= LEAST_COUNT:
            return sketch
    return None


def _bin(seconds: float) -> int:
    if seconds <= SHORTEST_S:
        return 0
    if seconds >= LONGEST_S:
        return _BINS - 1
    return math.ceil(math.log(seconds / SHORTEST_S) / _LOG_GROWTH)


def _quantile(weights: list[float], q: float) -> float:
    sums = list(accumulate(weights))
    found = bisect_left(sums, max(q, 1e-9) * sums[-1])
    # bin i holds what is over SHORTEST_S * growth^(i-1), up to SHORTEST_S * growth^i
    return SHORTEST_S * 2 * _GROWTH**found / (_GROWTH + 1)


def _average(sofar: float | None, newest: float) -> float:
    return newest if sofar is None else sofar + _EWMA_WEIGHT * (newest - sofar)
