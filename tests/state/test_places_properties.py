"""What holds of the lines whatever anybody does at any time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from llmrouter_integrations.state.base import Outcome, Permit
from llmrouter_integrations.state.memory import MemoryState

if TYPE_CHECKING:
    from collections.abc import Sequence

OK = Outcome(ok=True, duration_s=1.0)
OVERLOADED = Outcome(ok=False, cools="target", reason="OverloadedError")
BROKE_OFF = Outcome(ok=False, cools="target", reason="TruncatedAnswerError", first_token_s=0.1)
RATE = Outcome(ok=False, cools="quota_group", reason="RateLimitedError")

LIMITS = {"a": 1, "b": 2, "c": 1}
GROUPS = {"a": "g", "b": "g", "c": "h"}


class Waiting:
    """What the model knows of a ticket."""

    def __init__(self, names: Sequence[str], priority: int, flow: str, came: int) -> None:
        self.names = names
        self.priority = priority
        self.flow = flow
        self.came = came
        self.status = "waiting"
        self.wakes = 0
        self.ticket: Any = None

    def wake(self) -> None:
        self.wakes += 1


class PlacesMachine(RuleBasedStateMachine):
    """Everybody does anything at any time; the invariants are what the contract promises."""

    tickets = Bundle("tickets")
    permits = Bundle("permits")

    @initialize()
    def begin(self) -> None:
        self.state = MemoryState()
        self.now = 1.0
        self.taken: Counter[str] = Counter()
        self.all: list[Waiting] = []
        self.out: list[Permit] = []
        # (target, priority, flow) to how many turns each other flow had while its first waited
        self.passed: dict[tuple[str, int, str], Counter[str]] = {}
        for name, group in GROUPS.items():  # whoever queues has asked before
            permit = self.state.admit(name, group, self.now)
            assert permit is not None
            self.state.release(permit)

    def at(self, name: str, status: str = "waiting") -> list[Waiting]:
        if status == "kept":
            return [w for w in self.all if w.status == "kept" and w.ticket.target == name]
        return [w for w in self.all if w.status == status and name in w.names]

    def resting(self, name: str) -> bool:
        return self.state.snapshot().cooling_until(name, GROUPS[name]) > self.now

    def is_open(self, name: str) -> bool:
        return self.state.snapshot().cooling_until(name, GROUPS[name]) > 0

    def note_wakes(self) -> None:
        """Compare who was woken with whose turn it was."""
        woken = [w for w in self.all if w.status == "waiting" and w.wakes]
        for w in woken:
            w.status = "away" if w.ticket.target is None else "kept"
        # by turns: of a flow in the order they came
        for w in sorted(woken, key=lambda w: w.came):
            if w.status == "kept":
                self.note_turn(w, w.ticket.target)
        for target, priority, flow in list(self.passed):
            if not any((w.priority, w.flow) == (priority, flow) for w in self.at(target)):
                del self.passed[target, priority, flow]

    def note_turn(self, w: Waiting, name: str) -> None:
        assert name in w.names
        for other in self.at(name):
            assert other.priority <= w.priority
            if (other.priority, other.flow) == (w.priority, w.flow):
                assert other.came > w.came
            elif other.priority == w.priority:
                had = self.passed.setdefault((name, other.priority, other.flow), Counter())
                if other.came == min(
                    o.came
                    for o in self.at(name)
                    if (o.priority, o.flow) == (other.priority, other.flow)
                ):
                    had[w.flow] += 1
                    assert had[w.flow] <= 1, "a flow had two turns while another's first waited"
        self.passed.pop((name, w.priority, w.flow), None)

    @rule(
        target=tickets,
        names=st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True),
        priority=st.sampled_from([0, 0, 0, 1]),
        flow=st.sampled_from("xyz"),
    )
    def queue(self, names: list[str], priority: int, flow: str) -> Waiting:
        w = Waiting(names, priority, flow, len(self.all))
        w.ticket = self.state.queue(
            [(n, LIMITS[n]) for n in names], priority=priority, flow=flow, wake=w.wake
        )
        assert w.ticket is not None
        self.all.append(w)
        self.note_wakes()
        return w

    @rule(target=permits, name=st.sampled_from("abc"))
    def come(self, name: str) -> Any:
        free = self.taken[name] + len(self.at(name, "kept")) < LIMITS[name]
        free = free and not self.at(name)
        permit = self.state.admit(name, GROUPS[name], self.now, LIMITS[name])
        if permit is not None or not self.is_open(name):
            assert (permit is not None) == free
        self.note_wakes()
        return self.note_permit(permit)

    @rule(target=permits, w=tickets)
    def take_up(self, w: Waiting) -> Any:
        if w.status != "kept":
            return multiple()
        name = w.ticket.target
        was_open = self.is_open(name)
        permit = self.state.admit(name, GROUPS[name], self.now, LIMITS[name], w.ticket)
        assert permit is not None or was_open
        w.status = "spent"
        self.note_wakes()
        return self.note_permit(permit)

    def note_permit(self, permit: Permit | None) -> Any:
        if permit is None:
            return multiple()
        self.taken[permit.target] += 1
        self.out.append(permit)
        return permit

    @rule(w=tickets)
    def leave(self, w: Waiting) -> None:
        self.state.leave(w.ticket)
        w.status = "left" if w.status in {"waiting", "kept"} else w.status
        self.note_wakes()

    @rule(
        permit=consumes(permits),
        outcome=st.sampled_from([OK, OK, OVERLOADED, BROKE_OFF, RATE, None]),
    )
    def end(self, permit: Permit, outcome: Outcome | None) -> None:
        self.out.remove(permit)
        self.taken[permit.target] -= 1
        if outcome is None:
            self.state.release(permit)
        else:
            self.state.record(permit, outcome, self.now)
        self.note_wakes()
        if outcome is not None:
            same = [n for n in GROUPS if n == permit.target or GROUPS[n] == permit.group]
            for name in same:
                assert not (self.resting(name) and self.at(name)), "they wait in vain"

    @rule(permit=permits)
    def alive(self, permit: Permit) -> None:
        self.state.alive(permit, self.now)
        self.note_wakes()

    @rule(passed_s=st.sampled_from([0.1, 1.0, 10.0]))
    def time_passes(self, passed_s: float) -> None:
        self.now += passed_s

    @invariant()
    def nobody_is_woken_twice_or_after_leaving(self) -> None:
        for w in self.all:
            assert w.wakes <= 1
            assert w.status == "left" or w.wakes == (w.status != "waiting")

    @invariant()
    def never_more_than_there_are_places(self) -> None:
        for name, limit in LIMITS.items():
            assert self.taken[name] + len(self.at(name, "kept")) <= limit

    @invariant()
    def nobody_waits_while_a_place_is_free(self) -> None:
        for name, limit in LIMITS.items():
            if self.at(name) and not self.is_open(name):
                assert self.taken[name] + len(self.at(name, "kept")) >= limit

    def teardown(self) -> None:
        if not hasattr(self, "state"):
            return
        for w in self.all:
            self.state.leave(w.ticket)
        for permit in self.out:
            self.state.release(permit)
        self.now += 1000.0
        for name, limit in LIMITS.items():
            probe = self.state.admit(name, GROUPS[name], self.now, limit)
            assert probe is not None
            self.state.record(probe, OK, self.now)
            places = [
                self.state.admit(name, GROUPS[name], self.now, limit) for _ in range(limit + 1)
            ]
            assert [p is None for p in places] == [False] * limit + [True]


PlacesMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestPlaces = PlacesMachine.TestCase
