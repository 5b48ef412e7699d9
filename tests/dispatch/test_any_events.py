"""Whatever happens, in whatever order, to many requests at once: each ends in time, fully told.

A simulation in virtual time. Requests share one store; each of their calls comes to something drawn
by hypothesis: an answer, an error, a stream that breaks, or nothing within its limits.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter_integrations.dispatch.machine import dispatch
from llmrouter_integrations.dispatch.plan import DispatchSettings, Hedge, Plan, PlanTarget
from llmrouter_integrations.dispatch.steps import (
    Answered,
    Broke,
    CallTarget,
    Committed,
    Done,
    Failed,
    Relay,
    Slow,
    Wait,
    Woke,
)
from llmrouter_integrations.errors import (
    AttemptError,
    AuthenticationError,
    ContentFilteredError,
    ContextOverflowError,
    EmptyAnswerError,
    InvalidRequestError,
    OverloadedError,
    QuotaExhaustedError,
    RateLimitedError,
    RejectedAnswerError,
    RouterError,
    ServerError,
    StreamInterrupted,
    TargetConnectionError,
    TargetTimeoutError,
    TruncatedAnswerError,
)
from llmrouter_integrations.messages import Response  # noqa: TC001  (a dataclass field)
from llmrouter_integrations.state.base import HEALTHY
from llmrouter_integrations.state.memory import MemoryState
from tests.dispatch.theatre import ANSWER, Break, as_told

BEGAN = 1000.0


class Watchful(MemoryState):
    """Fails the test if a call is let through to what rests, or one too many; counts them."""

    held = 0

    def admit(
        self, target: str, group: str, now: float, limit: Any = None, ticket: Any = None
    ) -> Any:
        before = self.snapshot()
        permit = super().admit(target, group, now, limit, ticket)
        if permit is not None:
            assert before.cooling_until(target, group) <= now
            assert not before.is_probed(target, group)
            self.held += 1
            in_flight = self.snapshot().targets.get(target, HEALTHY).in_flight
            assert limit is None or in_flight <= limit
        return permit

    def record(self, permit: Any, outcome: Any, now: float) -> None:
        self.held -= 1
        super().record(permit, outcome, now)

    def release(self, permit: Any) -> None:
        self.held -= 1
        super().release(permit)


@dataclass
class Actor:
    """One request: its machine, what it waits for, and how it ended."""

    plan: Plan
    streamed: bool
    script: Any
    machine: Any
    began: float
    retries: int
    turn_s: float
    step: Any = None
    wakes_at: float = 0.0
    slow_at: float | None = None
    flights: dict[str, list[Any]] = field(default_factory=dict)
    relayed: str | None = None
    calls: list[str] = field(default_factory=list)
    response: Response | None = None
    error: RouterError | None = None
    ended_at: float | None = None

    def next_at(self) -> float:
        """When something will happen to it."""
        if isinstance(self.step, Wait):
            bell = self.step.bell
            return 0.0 if bell is not None and bell.has_rung else self.wakes_at
        if self.relayed is not None:
            return float(self.flights[self.relayed][1])
        soonest = min(flight[0] for flight in self.flights.values())
        return soonest if self.slow_at is None else min(soonest, self.slow_at)

    def act(self, now: float) -> None:
        """Let that happen."""
        event: Any
        if isinstance(self.step, Wait):
            event = Woke(now)
        elif self.relayed is not None:
            name, self.relayed = self.relayed, None
            result = self.flights.pop(name)[2]
            broken = isinstance(result, Break)
            event = (
                Broke(now, result.error, result.partial, (), name)
                if broken
                else Answered(now, result, (), name)
            )
        else:
            name, flight = min(self.flights.items(), key=lambda pair: pair[1][0])
            if self.slow_at is not None and self.slow_at < flight[0]:
                self.slow_at, event = None, Slow(now)
            else:
                event = self.came_to(name, now)
                if not isinstance(event, Failed):
                    others = [n for n, f in self.flights.items() if f[0] <= now + self.turn_s]
                    event.beside = tuple([self.came_to(n, now) for n in others if n != name])
        self.go_on(lambda: self.machine.send(event), now)

    def came_to(self, name: str, now: float) -> Any:
        """The first that is heard of a call: a stream goes on after it."""
        flight = self.flights[name]
        if isinstance(flight[2], AttemptError):
            del self.flights[name]
            return Failed(now, flight[2], (), name)
        if self.streamed:
            return Committed(now, name)
        del self.flights[name]
        return Answered(now, flight[2], (), name)

    def go_on(self, advance: Any, now: float) -> None:
        try:
            self.step = step = advance()
        except RouterError as error:
            self.error, self.ended_at = error, now
            return
        self.slow_at = None
        if isinstance(step, Done):
            self.response, self.ended_at = step.response, now
            self.machine.close()
        elif isinstance(step, Wait):
            assert step.seconds >= 0
            self.wakes_at = now + step.seconds
        elif isinstance(step, Relay):
            self.relayed = step.target.name
            self.flights = {step.target.name: self.flights[step.target.name]}
        elif isinstance(step, CallTarget):
            self.take_off(step, now)
            if step.slow_after_s is not None:
                self.slow_at = now + step.slow_after_s

    def take_off(self, call: CallTarget, now: float) -> None:
        self.calls.append(call.target.name)
        assert call.target.name not in self.flights
        took_s, result = next(self.script, (0.1, ANSWER))
        shown_s = took_s / 2 if self.streamed else took_s
        if not self.streamed and isinstance(result, Break):
            result = result.error
        if isinstance(result, AttemptError):
            shown_s = took_s
        if shown_s > call.limits.first_token_s:
            shown_s = took_s = call.limits.first_token_s
            phase: Any = "first_token" if self.streamed else "total"
            result = TargetTimeoutError("slow", phase=phase)
        elif took_s > call.limits.total_s:
            took_s = call.limits.total_s
            result = Break(TargetTimeoutError("slow"))
        self.flights[call.target.name] = [now + shown_s, now + took_s, result]


def with_answer(error: AttemptError) -> AttemptError:
    error.answer = ANSWER
    return error


errors = st.one_of(
    st.builds(
        lambda kind, after_s, status: kind("x", retry_after_s=after_s, status=status),
        st.sampled_from(
            [
                AuthenticationError,
                ContentFilteredError,
                ContextOverflowError,
                InvalidRequestError,
                OverloadedError,
                QuotaExhaustedError,
                RateLimitedError,
                ServerError,
                ServerError,
                TargetConnectionError,
                TargetTimeoutError,
                TruncatedAnswerError,
            ]
        ),
        st.none() | st.floats(-1, 100),
        st.sampled_from([None, 500]),
    ),
    st.builds(lambda: with_answer(EmptyAnswerError("nothing"))),
    st.builds(lambda: RejectedAnswerError("no", answer=ANSWER)),
)
results = st.tuples(st.floats(0, 30), st.one_of(st.just(ANSWER), errors, errors, errors.map(Break)))
targets = st.lists(
    st.builds(
        lambda name, group, model, window, limit, prefills: PlanTarget(
            name, "p", model, group, window, limit, prefills
        ),
        st.sampled_from("abcd"),
        st.sampled_from(["g", "h"]),
        st.sampled_from(["m", "n"]),
        st.sampled_from([None, 8, 32]),
        st.sampled_from([None, 1, 2]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda target: target.name,
)
requests = st.lists(
    st.fixed_dictionaries(
        {
            "at": st.floats(0, 20),
            "script": st.lists(results, max_size=12),
            "streamed": st.booleans(),
            "timeout_s": st.floats(0.01, 90),
            "slow_s": st.none() | st.floats(0, 10),
            "pays": st.booleans(),
            "on_interrupt": st.sampled_from(["raise", "raise", "continue", "restart"]),
            "priority": st.integers(-1, 1),
            "checked": st.booleans(),
            "turn_s": st.sampled_from([0.0, 0.0, 5.0]),
        }
    ),
    min_size=1,
    max_size=8,
)


def begin(request: Any, plan_targets: Any, retries: int, state: Watchful) -> Actor:
    slow_s, pays = request["slow_s"], request["pays"]
    plan = Plan(
        tuple(plan_targets),
        request["timeout_s"],
        on_interrupt=request["on_interrupt"],
        priority=request["priority"],
        flow=str(request["priority"]),
        hedge=None if slow_s is None else Hedge(lambda target: slow_s, lambda usd: pays),
        strict=request["checked"],
    )
    began = BEGAN + request["at"]
    machine = dispatch(
        plan,
        state=state,
        settings=DispatchSettings(max_retries=retries),
        settle=as_told,
        rng=random.Random(0),
        now=began,
        streamed=request["streamed"],
    )
    script, streamed = iter(request["script"]), request["streamed"]
    return Actor(plan, streamed, script, machine, began, retries, request["turn_s"])


@given(requests=requests, plan_targets=targets, retries=st.integers(0, 3))
@settings(max_examples=400, deadline=None)
def test_every_request_ends_in_time_with_an_answer_or_every_attempt_told(
    requests: Any, plan_targets: Any, retries: int
) -> None:
    state = Watchful()
    actors = [begin(request, plan_targets, retries, state) for request in requests]
    now, events = BEGAN, 0
    while waiting := [actor for actor in actors if actor.ended_at is None]:
        actor = min(waiting, key=lambda a: a.began if a.step is None else a.next_at())
        now = max(now, actor.began if actor.step is None else actor.next_at())
        if actor.step is None:
            actor.go_on(lambda machine=actor.machine: next(machine), now)
        else:
            actor.act(now)
        events += 1
        assert events < 5000, "it goes on for ever"
    assert state.held == 0
    assert not any(health.in_flight for health in state.snapshot().targets.values())
    for actor in actors:
        ending: Any = actor.error if actor.response is None else actor.response
        assert (actor.response is None) != (actor.error is None)
        assert actor.ended_at is not None
        assert actor.ended_at <= actor.began + actor.plan.timeout_s + 1e-6
        told = [attempt.target for attempt in ending.attempts]
        if isinstance(actor.error, RouterError) and len(told) < len(actor.calls):
            # an error of the request's own ends a race: the call beside it came to nothing
            assert len(actor.calls) - len(told) == 1
            assert actor.plan.hedge is not None
        else:
            assert sorted(told) == sorted(actor.calls)
        outcomes = [attempt.outcome for attempt in ending.attempts]
        # who lost a race did not fail, and may be asked again when the winner's stream broke
        lost = outcomes.count("cancelled")
        assert len(actor.calls) <= len(plan_targets) + retries + lost
        assert outcomes.count("ok") == (actor.response is not None and "ok" in outcomes)
        assert all(a.error for a in ending.attempts if a.outcome in ("error", "interrupted"))
        if "interrupted" in outcomes and actor.response is None:
            assert isinstance(actor.error, StreamInterrupted)
        if actor.plan.on_interrupt == "raise":
            assert outcomes.count("interrupted") <= 1
        if actor.response is not None and "ok" not in outcomes:
            assert not actor.plan.strict, "an answer at hand was given, against the check"
