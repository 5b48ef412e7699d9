"""Plays the other side of the dispatch machine in virtual time: calls beside one another too."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from llmrouter_integrations.dispatch.machine import dispatch
from llmrouter_integrations.dispatch.plan import DispatchSettings, Plan, Settlement
from llmrouter_integrations.dispatch.steps import (
    Answered,
    Await,
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
from llmrouter_integrations.errors import AttemptError, RouterError, TargetTimeoutError
from llmrouter_integrations.messages import Message, Response, TextPart, Usage
from llmrouter_integrations.state.memory import MemoryState

ANSWER = Response(Message("assistant", (TextPart("42"),)), usage=Usage(3, 5))


@dataclass
class Break:
    """A stream that commits, then breaks, with this of it handed on."""

    error: AttemptError
    partial: Response = ANSWER


@dataclass
class Flight:
    """A call under way: when it shows content, when it ends, and with what."""

    call: CallTarget
    shows_at: float
    ends_at: float
    result: Any


@dataclass
class Played:
    """How a machine went."""

    calls: list[CallTarget] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    relays: list[Relay] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    response: Response | None = None
    error: RouterError | None = None
    ended_at: float = 0.0

    @property
    def names(self) -> str:
        return "".join(call.target.name for call in self.calls)

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        ending: Any = self.error if self.response is None else self.response
        return [(a.target, a.outcome) for a in ending.attempts]


def as_told(asked: Any, response: Response) -> Settlement:
    return Settlement(response.usage, 0.25)


def perform(
    plan: Plan,
    script: Any,
    *,
    state: Any = None,
    using: DispatchSettings | None = None,
    streamed: bool = False,
    now: float = 1000.0,
    meanwhile: Any = None,
) -> Played:
    """Perform a request.

    Args:
        plan: The plan.
        script: Given a call, gives (seconds, ANSWER | an error | a Break); a dict by target name
            of lists of these, the last again and again.
        state: The store.
        using: Settings.
        streamed: A stream shows content after half of its time.
        now: When it begins.
        meanwhile: Called with each wait; may ring its bell, and gives how long it took.
    """
    played = Played()
    flights: dict[str, Flight] = {}
    turn = {name: iter(results) for name, results in script.items()} if type(script) is dict else {}
    last: dict[str, Any] = {}

    def scripted(call: CallTarget) -> Any:
        if not turn:
            return script(call)
        name = call.target.name
        last[name] = next(turn[name], last.get(name))
        return last[name]

    def take_off(call: CallTarget) -> None:
        played.calls.append(call)
        took_s, result = scripted(call)
        limits = call.limits
        shown_s = took_s / 2 if streamed else took_s
        if isinstance(result, AttemptError) or not streamed:
            shown_s = took_s
            if isinstance(result, Break):
                result = result.error
        if shown_s > (allowed := limits.first_token_s):
            shown_s = took_s = allowed
            result = TargetTimeoutError("slow", phase="first_token" if streamed else "total")
        elif took_s > limits.total_s:
            took_s = limits.total_s
            result = Break(TargetTimeoutError("slow"))
        assert call.target.name not in flights
        flights[call.target.name] = Flight(call, now + shown_s, now + took_s, result)

    def soonest(slow_after_s: float | None) -> Any:
        nonlocal now
        name, flight = min(flights.items(), key=lambda pair: pair[1].shows_at)
        if slow_after_s is not None and flight.shows_at > now + slow_after_s:
            now += slow_after_s
            return Slow(now)
        now = max(now, flight.shows_at)
        if isinstance(flight.result, AttemptError):
            del flights[name]
            return Failed(now, flight.result, (), name)
        if streamed:
            return Committed(now, name)
        del flights[name]
        return Answered(now, flight.result, (), name)

    machine = dispatch(
        plan,
        state=state if state is not None else MemoryState(),
        settings=using or DispatchSettings(),
        settle=as_told,
        rng=random.Random(0),
        now=now,
        streamed=streamed,
    )
    try:
        step: Any = next(machine)
        while not isinstance(step, Done):
            if isinstance(step, CallTarget):
                take_off(step)
                event = soonest(step.slow_after_s)
            elif isinstance(step, Await):
                event = soonest(None)
            elif isinstance(step, Relay):
                played.relays.append(step)
                mine = flights.pop(step.target.name)
                played.cancelled += sorted(flights)
                flights.clear()
                now = max(now, mine.ends_at)
                name = step.target.name
                if isinstance(mine.result, Break):
                    event = Broke(now, mine.result.error, mine.result.partial, (), name)
                else:
                    event = Answered(now, mine.result, (), name)
            else:
                assert isinstance(step, Wait)
                assert step.seconds >= 0
                played.waits.append(step)
                now += step.seconds if meanwhile is None else meanwhile(step, now)
                event = Woke(now)
            step = machine.send(event)
        played.response = step.response
        played.cancelled += sorted(flights)
    except RouterError as error:
        played.error = error
    finally:
        machine.close()
    played.ended_at = now
    return played
