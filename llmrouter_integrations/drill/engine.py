"""The drill: each fault, in each mode, while there is an alternative and while there is none."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from llmrouter_integrations.drill.answers import tokens_of
from llmrouter_integrations.drill.calling import MODES, Asked, Caller
from llmrouter_integrations.drill.results import (
    MOST_ADDED_P99_S,
    MOST_CALLS,
    MOST_CALLS_TO_FAULTY,
    NEVER,
    Result,
    Spread,
)
from llmrouter_integrations.errors import ConfigurationError, NoCandidateError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from llmrouter_integrations.drill.answers import Ask
    from llmrouter_integrations.drill.calling import Heard, Mode
    from llmrouter_integrations.drill.catalogue import FaultRow
    from llmrouter_integrations.drill.judging import Outcome
    from llmrouter_integrations.drill.scene import Scene
    from llmrouter_integrations.routing.target import Target

__all__ = ["Drill"]

_TOLD_AT_MOST = 300
"""Characters of a request that came to something else."""

_COMMON: tuple[Outcome, ...] = ("whole", "told", "interrupted", "failed")


class Drill:
    """Drills a scene.

    Args:
        scene: Where it takes place.
        requests: Requests for each fault and mode, while there is an alternative.
        concurrency: Most of them under way at once.
        most_added_p99_s: What a fault that shows at once may add to the slowest hundredth of the
            requests, in seconds; None: anything, as on a machine too busy to tell.
        hopeless_s: The deadline of requests that nobody can answer, in seconds.
        restarts: Whether the hint ``on_interrupt="restart"`` goes with every request: then a stream
            that breaks is answered by whoever can, too.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        requests: int = 200,
        concurrency: int = 20,
        most_added_p99_s: float | None = MOST_ADDED_P99_S,
        hopeless_s: float = 1.0,
        restarts: bool = False,
    ) -> None:
        self._scene = scene
        self._requests = requests
        self._concurrency = concurrency
        self._most_added_p99_s = most_added_p99_s
        self._hopeless_s = hopeless_s
        self._restarts = restarts
        self._healthy: dict[tuple[Mode, Ask], Spread] = {}

    def run(self, rows: Iterable[FaultRow], modes: Sequence[Mode] = MODES) -> Iterator[Result]:
        """Drill each fault in each mode; gives each result as it is found."""
        for row in rows:
            for mode in modes:
                yield self._drilled(row, mode)

    def _drilled(self, row: FaultRow, mode: Mode) -> Result:
        try:
            faulty = self._faulty(row)
        except NoCandidateError as error:
            return Result(row.name, mode.name, skipped=str(error))
        names = tuple(target.name for target in faulty)
        if why := self._scene.refuses(row, names, streamed=mode.streamed):
            return Result(row.name, mode.name, names, skipped=why)
        healthy = self._healthy_spread(mode, row)
        result = self._with_an_alternative(row, mode, faulty, healthy)
        everyone = [target.name for target in self._scene.targets]
        if not self._scene.refuses(row, everyone, streamed=mode.streamed):
            result = self._with_none(row, mode, everyone, result)
        return result

    # -- while there is an alternative -----------------------------------------------------

    def _with_an_alternative(
        self, row: FaultRow, mode: Mode, faulty: Sequence[Target], healthy: Spread
    ) -> Result:
        names = frozenset(target.name for target in faulty)
        with Caller(self._scene.router(row, names), mode, self._concurrency) as caller:
            # all at once, so that what rests goes to rest, however many failures that takes
            opening = caller.ask(self._asked(row, 0, max(self._concurrency, row.meaning.after)))
            until_then = Counter(self._scene.calls())
            main = caller.ask(self._asked(row, len(opening), self._requests))
            received = Counter(self._scene.calls())
        heard = opening + main
        judged = [(self._scene.judged(h, row), h) for h in heard]
        told = _told(heard)
        # what never arrived only the router can tell of; what it does not tell, whom it asked
        after = _told(main) | (received - until_then)
        spread = Spread.of([h.duration_s for h in heard])
        tokens = [
            tokens_of(h.text)
            for outcome, h in judged
            if h.response is not None and h.asked.ask == "text" and outcome != "told"
        ]
        rests = row.meaning.rests != "nothing"
        result = Result(
            row.name,
            mode.name,
            tuple(sorted(names)),
            requests=len(heard),
            outcomes=Counter(outcome for outcome, _ in judged),
            calls=(told | received).total(),
            calls_after=after.total() / len(main) if rests else None,
            faulty_calls_after=sum(after[name] for name in names) / len(main) if rests else None,
            added_p50_s=spread.p50_s - healthy.p50_s,
            added_p99_s=spread.p99_s - healthy.p99_s,
            duplicated=sum(t.duplicated for t in tokens),
            lost=sum(t.lost for t in tokens),
            unreported=(received - told).total(),
        )
        complaints = self._complaints(
            result,
            row,
            expected=self._expected(row, mode, faulty),
            after=len(main),
            judged=judged,
        )
        return replace(result, complaints=tuple(complaints))

    def _complaints(
        self,
        result: Result,
        row: FaultRow,
        *,
        expected: tuple[Outcome, ...],
        after: int,
        judged: Sequence[tuple[Outcome, Heard]],
    ) -> Iterator[str]:
        counted = result.outcomes
        for outcome in NEVER:
            if counted[outcome]:
                yield f"{counted[outcome]} {outcome}{_example(judged, (outcome,))}"
        if result.unreported:
            yield f"{result.unreported} calls that no answer or error tells of"
        for outcome in _COMMON:
            if counted[outcome] and outcome not in expected:
                told = f"{counted[outcome]} {outcome}, not {' or '.join(expected)}"
                yield told + _example(judged, (outcome,))
        if expected == ("failed",):
            if row.meaning.then == "given up" and result.calls > result.requests:
                yield "others were asked what nobody could have answered"
            return
        probe = 1 / after  # is always due: on few requests it is more than the share allowed
        if (result.calls_after or 0) > max(MOST_CALLS, 1 + probe):
            yield f"{result.calls_after:.2f} calls a request after the breaker opened"
        if (result.faulty_calls_after or 0) > max(MOST_CALLS_TO_FAULTY, probe):
            yield f"{result.faulty_calls_after:.2f} of them to what had failed"
        most_s = self._most_added_p99_s
        if most_s is not None and row.kind != "time" and result.added_p99_s > most_s:
            yield f"{result.added_p99_s * 1000:.0f} ms added to the slowest hundredth"

    def _expected(self, row: FaultRow, mode: Mode, faulty: Sequence[Target]) -> tuple[Outcome, ...]:
        """Give what requests may come to, with some targets failing."""
        then = row.meaning.then
        if then == "answered":
            return ("whole", "told")
        if then == "given up":
            return ("failed",)
        names = {target.name for target in faulty}
        models = {(target.provider, target.model) for target in faulty}
        window = max(target.context_window or 0 for target in faulty)
        able = [
            target
            for target in self._scene.targets
            if target.name not in names
            and (then != "another model" or (target.provider, target.model) not in models)
            and (then != "a larger window" or (target.context_window or window + 1) > window)
        ]
        # where the request's whole time is over, there is none to begin again
        restarts = self._restarts and able and row.phase != "total"
        if row.interrupts(streamed=mode.streamed) and not restarts:
            return ("interrupted", "whole") if able else ("interrupted", "failed")
        return ("whole",) if able else ("failed",)

    # -- while there is none ---------------------------------------------------------------

    def _with_none(
        self, row: FaultRow, mode: Mode, everyone: Sequence[str], result: Result
    ) -> Result:
        if row.meaning.then == "answered":
            return result
        router = self._scene.router(row, everyone)
        with Caller(router, mode, self._concurrency) as caller:
            asked = self._asked(row, 0, self._concurrency, timeout_s=self._hopeless_s)
            heard = caller.ask(asked)
            received = Counter(self._scene.calls())
        most = max(len(h.attempts) for h in heard)
        allowed = len(everyone) + router.config.max_retries
        untold = (received - _told(heard)).total()
        complaints = list(result.complaints)
        if row.meaning.better_than_none:
            heard = [h for h in heard if h.response is None]
        answered = sum(h.response is not None for h in heard)
        if answered:
            complaints.append(f"{answered} answers while all targets failed")
        judged = [(self._scene.judged(h, row), h) for h in heard]
        if any(outcome in NEVER for outcome, _ in judged):
            complaints.append(f"while all targets failed{_example(judged, NEVER)}")
        if most > allowed:
            complaints.append(f"{most} calls for one request while all targets failed")
        if untold:
            complaints.append(f"{untold} calls untold while all targets failed")
        return replace(result, calls_when_all_fail=most, complaints=tuple(complaints))

    # -- both ------------------------------------------------------------------------------

    def _faulty(self, row: FaultRow) -> list[Target]:
        """Give who fails: whom the router would ask first, and who shares what then rests."""
        router = self._scene.router(None, ())
        asked = self._asked(row, 0, 1)[0]
        first = router.explain(self._scene.prompt(0), **asked.given).plan[0]
        chosen = next(target for target in self._scene.targets if target.name == first)
        if row.meaning.rests != "quota_group":
            return [chosen]
        return [t for t in self._scene.targets if t.quota_group == chosen.quota_group]

    def _healthy_spread(self, mode: Mode, row: FaultRow) -> Spread:
        known = self._healthy.get((mode, row.ask))
        if known is None:
            with Caller(self._scene.router(None, ()), mode, self._concurrency) as caller:
                caller.ask(self._asked(row, 0, self._concurrency))
                heard = caller.ask(self._asked(row, self._concurrency, self._requests))
            if all(h.error is not None for h in heard):
                raise ConfigurationError(f"nobody answers where nothing is wrong: {heard[0].error}")
            known = Spread.of([h.duration_s for h in heard])
            self._healthy[mode, row.ask] = known
        return known

    def _asked(self, row: FaultRow, first: int, count: int, **hints: object) -> list[Asked]:
        if row.checked:
            hints["verify"] = row.checked
        if self._restarts:
            hints["on_interrupt"] = "restart"
        return [
            Asked(self._scene.prompt(number), number, row.ask, hints)
            for number in range(first, first + count)
        ]


def _told(heard: Iterable[Heard]) -> Counter[str]:
    """Count the calls to each target that the answers and errors tell of."""
    return Counter(attempt.target for h in heard for attempt in h.attempts)


def _example(judged: Iterable[tuple[Outcome, Heard]], outcomes: Container[Outcome]) -> str:
    """Quote the first request that came to one of these."""
    heard = next(h for outcome, h in judged if outcome in outcomes)
    if heard.error is not None:
        said = f"{type(heard.error).__name__}: {heard.error}"
    else:
        calls = heard.response.tool_calls if heard.response is not None else ()
        said = repr(calls or heard.text)
    return f": request {heard.asked.number}, {said[:_TOLD_AT_MOST]}"
