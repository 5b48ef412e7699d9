"""Whether to ask a cheap target first, where a check says if its answer holds: :func:`put_first`.

An answer that fails the check its caller asked for is never handed on, and dispatch asks the next
target. So a plan is worth more than its first target alone:

    worth(a, then b) = worth(a) + P(a's answer fails) x (worth(b, where a was wrong) - another a)

The check lets good answers through and catches a share of the bad ones, its power: P(fails) =
(1 - P(good)) x power. A target that failed is shown its answer once and asked again (docs/
dispatch.md), which is counted as cost and not as a gain. And whoever comes second has the harder
requests: what one model gets wrong, another often does too.

A cheap target goes first where that pays: it is much cheaper, right often enough, and the check
has the power to tell. A check of form alone has little, so it hardly ever pays there.
(Cascades with a learned judge: Chen, Zaharia and Zou, "FrugalGPT", arXiv 2305.05176.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmrouter_integrations.hints import RoutingHints
    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.routing.decision import Scored

__all__ = ["POWERS", "Cascade", "power_of", "put_first"]

POWERS: Final = {"schema": 0.2, "tools": 0.2, "callable": 0.8}
"""Share of bad answers that a check is taken to catch where its caller says only that cascades are
wanted. Judgement: an answer in the right form is wrong in most of the ways it can be; whoever
writes a check of their own means it to tell right from wrong."""

SHARED_FAILURES: Final = 0.5
"""How far models fail at the same requests: 0, each by chance of its own; 1, the better one at
those alone where the lesser one fails too. Judgement: the middle."""

SHARED_AMONG_EFFORTS: Final = 1.0
"""The same of two reasoning efforts of one model: it knows no more for thinking longer."""

SECONDS: Final = 5
"""Among how many of those worth most the second is looked for."""


class Cascade(NamedTuple):
    """Why another target than the one worth most is asked first.

    Attributes:
        first: Who is asked first.
        then: Who is asked where its answer fails the check.
        power: Share of bad answers that the check is taken to catch.
        passes: P(the first answer passes), 0..1.
        worth_usd: What the whole is worth, in the dollars of :attr:`Scored.utility_usd`.
        gain_usd: How much more that is than with the target first that is worth most alone.
    """

    first: str
    then: str
    power: float
    passes: float
    worth_usd: float
    gain_usd: float


def power_of(hints: RoutingHints, request: Request) -> float:
    """Say what share of bad answers will be caught; 0 where no cascade is wanted or possible.

    Args:
        hints: What the caller said.
        request: What is asked.
    """
    if not hints.cascade or not hints.verify or hints.fallback is False or hints.pin is not None:
        return 0.0
    powers = [_power(check, request) for check in hints.verify]
    strongest = max(powers)
    return strongest if hints.cascade is True or not strongest else float(hints.cascade)


def _power(check: Any, request: Request) -> float:
    if check == "schema" and request.output is None and request.tool_choice is None:
        return 0.0
    if check == "tools" and not request.tools:
        return 0.0
    return POWERS[check if isinstance(check, str) else "callable"]


def put_first(
    ranked: list[Scored],
    power: float,
    value: float,
    waiting: float,
    most_usd: float | None = None,
) -> Cascade | None:
    """Put the target first with which the plan is worth most, and its second after it.

    Args:
        ranked: The candidates, the one worth most alone first. Reordered in place.
        power: Share of bad answers that the check catches.
        value: What a good answer is worth, in dollars.
        waiting: What a second of waiting costs, in dollars.
        most_usd: What all calls together may cost, in dollars; None: anything.

    Returns:
        None where the order is best as it is.
    """
    judge = _Judge(ranked[: SECONDS + 1], power, value, waiting, most_usd)
    top = ranked[0]
    found = judge.best_after(top)
    alone_usd = best_usd = top.utility_usd if found is None else found[0]
    chosen: tuple[Scored, Scored] | None = None
    for scored in ranked[1:]:
        # no second is worth more than the best target at any request
        if scored.utility_usd + judge.fails(scored) * top.utility_usd <= best_usd:
            continue
        found = judge.best_after(scored)
        if found is not None and found[0] > best_usd:
            best_usd, then = found
            chosen = scored, then
    if chosen is None:
        return None
    first, then = chosen
    ranked.remove(first)
    ranked.remove(then)
    ranked[:0] = first, then
    return Cascade(
        first.target.name,
        then.target.name,
        power,
        1.0 - judge.fails(first),
        best_usd,
        best_usd - alone_usd,
    )


class _Judge:
    """Works out what two targets in a row are worth."""

    __slots__ = ("_most_usd", "_power", "_seconds", "_value", "_waiting")

    def __init__(
        self,
        seconds: Sequence[Scored],
        power: float,
        value: float,
        waiting: float,
        most_usd: float | None,
    ) -> None:
        self._seconds = seconds
        self._power = power
        self._value = value
        self._waiting = waiting
        self._most_usd = most_usd

    def fails(self, scored: Scored) -> float:
        """Give P(an answer fails the check)."""
        return (1.0 - scored.quality) * self._power

    def best_after(self, first: Scored) -> tuple[float, Scored] | None:
        """Give what a target is worth with the best second, and that second, if there is one."""
        fails = self.fails(first)
        again_usd = first.cost_usd + first.latency_s * self._waiting
        best: tuple[float, Scored] | None = None
        for then in self._seconds:
            mine, other = first.target, then.target
            same = mine.model == other.model
            # another key of one model is no second opinion; another effort is one
            if then is first or (same and mine.effort == other.effort):
                continue
            if self._most_usd is not None and (2 * first.cost_usd + then.cost_usd > self._most_usd):
                continue
            shared = SHARED_AMONG_EFFORTS if same else SHARED_FAILURES
            lost = then.quality - _where_wrong(first.quality, then.quality, shared)
            worth = first.utility_usd + fails * (then.utility_usd - lost * self._value - again_usd)
            if best is None or worth > best[0]:
                best = worth, then
        return best


def _where_wrong(first: float, then: float, shared: float) -> float:
    """Give P(the second is right) where the first was wrong."""
    if first >= 1.0:
        return then
    nested = max(0.0, then - first) / (1.0 - first)
    return shared * nested + (1.0 - shared) * then
