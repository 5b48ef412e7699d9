"""The lines of those who wait for a place: order, wake-ups, and that no place is ever lost."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmrouter_integrations.state.base import Outcome, Permit, Ticket
from llmrouter_integrations.state.breaker import Breaker
from llmrouter_integrations.state.memory import MemoryState
from llmrouter_integrations.state.places import MAX_WAITING, Line, Places

OK = Outcome(ok=True, duration_s=1.0)
OVERLOADED = Outcome(ok=False, cools="target", reason="OverloadedError")
RATE = Outcome(ok=False, cools="quota_group", reason="RateLimitedError")


class Waiter:
    """Somebody in line."""

    def __init__(
        self, state: MemoryState, *names: str, limit: int = 1, priority: int = 0, flow: str = ""
    ) -> None:
        self.wakes = 0
        wanted = [(name, limit) for name in names]
        ticket = state.queue(wanted, priority=priority, flow=flow, wake=self.wake)
        assert ticket is not None
        self.ticket = ticket

    def wake(self) -> None:
        self.wakes += 1

    @property
    def told(self) -> str | None:
        """Nothing yet, or where a place is kept, or to look again."""
        assert self.wakes <= 1
        if not self.wakes:
            assert self.ticket.target is None
            return None
        return self.ticket.target or "look again"


def full(*names: str, group: str = "g") -> tuple[MemoryState, list[Permit]]:
    """A state in which each of these targets has one call under way."""
    state = MemoryState()
    permits = [state.admit(name, group, 1.0, 1) for name in names]
    return state, [permit for permit in permits if permit is not None]


def served(state: MemoryState, held: Permit, waiters: dict[str, Waiter]) -> list[str]:
    """The order in which all waiters get the one place there is."""
    order: list[str] = []
    while len(order) < len(waiters):
        state.release(held)
        (name,) = [n for n, w in waiters.items() if w.wakes and n not in order]
        order.append(name)
        permit = state.admit("a", "g", 1.0, 1, waiters[name].ticket)
        assert permit is not None
        held = permit
    return order


@pytest.mark.parametrize(
    ("queued", "order"),
    [
        # name: flow, priority
        ("x1 x2 x3", "x1 x2 x3"),
        ("x1 x2 x3 y1", "x1 y1 x2 x3"),
        ("x1 x2 x3 x4 y1 y2 z1", "x1 y1 z1 x2 y2 x3 x4"),
        ("x1 x2 x3+1 y1", "x3+1 x1 y1 x2"),
        ("x1-1 y1 x2+5 y2+5 x3+5 z1", "x2+5 y2+5 x3+5 y1 z1 x1-1"),
    ],
)
def test_order(queued: str, order: str) -> None:
    state, [held] = full("a")
    waiters = {
        name: Waiter(state, "a", flow=name[0], priority=int(name[2:] or 0))
        for name in queued.split()
    }
    assert served(state, held, waiters) == order.split()


def test_a_tenant_with_a_thousand_waiting_does_not_starve_one_with_one() -> None:
    state, [held] = full("a")
    crowd = [Waiter(state, "a", flow="big") for _ in range(1000)]
    small = Waiter(state, "a", flow="small")
    for waiter in (crowd[0], small, crowd[1]):
        state.release(held)
        assert waiter.told == "a"
        held = state.admit("a", "g", 1.0, 1, waiter.ticket) or held
    assert sum(w.wakes for w in crowd) == 2


def test_new_flows_do_not_hold_up_those_who_wait() -> None:
    state, [held] = full("a")
    waiters = {"x1": Waiter(state, "a", flow="x"), "x2": Waiter(state, "a", flow="x")}
    order = []
    for n in range(4):
        waiters[f"new{n}"] = Waiter(state, "a", flow=f"new{n}")
        state.release(held)
        (name,) = [name for name, w in waiters.items() if w.wakes and name not in order]
        order.append(name)
        held = state.admit("a", "g", 1.0, 1, waiters[name].ticket) or held
    assert order == ["x1", "new0", "x2", "new1"]


def test_a_flow_keeps_its_turn_when_its_first_leaves_and_loses_it_when_its_last_does() -> None:
    state, [held] = full("a")
    x1, y1, x2 = (Waiter(state, "a", flow=flow) for flow in "xyx")
    state.leave(x1.ticket)
    state.release(held)
    assert (x2.told, y1.told) == ("a", None)
    state.leave(x2.ticket)
    assert y1.told == "a"
    again_y, x3 = Waiter(state, "a", flow="y"), Waiter(state, "a", flow="x")
    state.leave(again_y.ticket)
    late_y = Waiter(state, "a", flow="y")
    state.leave(y1.ticket)
    assert (x3.told, late_y.told) == ("a", None)


def test_a_freed_place_is_kept_and_nobody_barges() -> None:
    state, [held] = full("a")
    first = Waiter(state, "a")
    state.record(held, OK, 1.0)
    assert first.told == "a"
    assert state.admit("a", "g", 1.0, 1) is None, "it is kept for another"
    assert state.snapshot().targets["a"].in_flight == 0
    permit = state.admit("a", "g", 1.0, 1, first.ticket)
    assert permit is not None
    assert state.admit("a", "g", 1.0, 1) is None
    assert state.admit("a", "g", 1.0, 1, first.ticket) is None, "a ticket is good for one call"
    state.release(permit)
    assert state.admit("a", "g", 1.0, 1) is not None


def test_calls_without_a_limit_wait_for_nobody_and_take_places_all_the_same() -> None:
    state, [held] = full("a")
    waiter = Waiter(state, "a")
    unlimited = state.admit("a", "g", 1.0)
    assert unlimited is not None
    state.release(held)
    assert waiter.told is None
    state.release(unlimited)
    assert waiter.told == "a"


def test_a_place_free_in_between_is_granted_at_once() -> None:
    state, [held] = full("a")
    state.release(held)
    assert Waiter(state, "a").told == "a"
    assert Waiter(MemoryState(), "never-seen").told == "never-seen"


def test_the_first_place_anywhere_ends_the_wait_everywhere() -> None:
    state, [at_a, at_b] = full("a", "b")
    first, second = Waiter(state, "a", "b"), Waiter(state, "a", "b")
    state.release(at_b)
    assert (first.told, second.told) == ("b", None)
    state.release(at_a)
    assert (first.told, second.told) == ("b", "a")
    assert state.admit("c", "g", 1.0, 1, first.ticket) is not None  # it counts for nothing there
    for place, waiter in (("b", first), ("a", second)):
        assert state.admit(place, "g", 1.0, 1) is None
        assert state.admit(place, "g", 1.0, 1, waiter.ticket) is not None


def test_turns_are_not_charged_where_a_place_was_found_elsewhere() -> None:
    state, [at_a, at_b] = full("a", "b")
    crowd = [Waiter(state, "a", "b", flow="x") for _ in range(5)]
    for waiter in crowd[:4]:
        state.release(at_b)
        at_b = state.admit("b", "g", 1.0, 1, waiter.ticket) or at_b
    late = Waiter(state, "a", flow="y")
    state.release(at_a)
    assert (crowd[4].told, late.told) == ("a", None)


def test_several_places_freed_by_a_higher_limit() -> None:
    state, _ = full("a")
    first, second, third = (Waiter(state, "a", limit=limit) for limit in (1, 1, 3))
    assert (first.told, second.told, third.told) == ("a", "a", None)


@pytest.mark.parametrize("granted", [False, True])
def test_leaving_loses_no_place_and_may_be_said_twice(granted: bool) -> None:
    state, [held] = full("a")
    first, second = Waiter(state, "a"), Waiter(state, "a")
    if granted:
        state.release(held)
        assert first.told == "a"
    state.leave(first.ticket)
    state.leave(first.ticket)
    if not granted:
        assert (first.told, second.told) == (None, None)
        state.release(held)
        assert first.told is None
    assert second.told == "a"
    permit = state.admit("a", "g", 1.0, 1, second.ticket)
    assert permit is not None
    state.leave(second.ticket)  # it is spent: the call goes on
    assert state.admit("a", "g", 1.0, 1) is None
    state.release(permit)
    assert state.admit("a", "g", 1.0, 1) is not None


@pytest.mark.parametrize("outcome", [OVERLOADED, RATE])
def test_whoever_waits_for_a_target_that_is_sent_to_rest_looks_again(outcome: Outcome) -> None:
    state = MemoryState()
    held, other = state.admit("a", "g", 1.0, 2), state.admit("a", "g", 1.0, 2)
    at_b, _ = (state.admit("b", "other", 1.0, 2) for _ in range(2))
    assert held is not None
    assert other is not None
    assert at_b is not None
    both = Waiter(state, "a", "b", limit=2)
    elsewhere = Waiter(state, "b", limit=2)
    state.record(held, outcome, 1.0)
    assert (both.told, elsewhere.told) == ("look again", None)
    state.release(other)
    state.release(at_b)
    assert (both.told, elsewhere.told) == ("look again", "b")
    assert state.admit("a", "g", 1.5, 2, both.ticket) is None
    assert state.admit("a", "g", 9.0, 2, both.ticket) is not None


def test_a_rate_limit_sends_away_the_lines_of_the_whole_group() -> None:
    state, [_, at_b] = full("a", "b")
    waiter = Waiter(state, "a")
    state.record(at_b, RATE, 1.0)
    assert waiter.told == "look again"


def test_a_target_may_change_its_group() -> None:
    state = MemoryState()
    held, at_a = state.admit("a", "old", 1.0, 2), state.admit("a", "g", 1.0, 2)
    at_b = state.admit("b", "g", 1.0)
    assert held is not None
    assert at_a is not None
    assert at_b is not None
    first, second = Waiter(state, "a", limit=2), Waiter(state, "a", limit=2)
    state.release(held)
    assert first.told == "a"
    state.record(at_b, RATE, 1.0)
    assert second.told == "look again"


def test_a_kept_place_at_a_target_that_was_sent_to_rest_is_spent_and_not_passed_on() -> None:
    state = MemoryState()
    held, other = state.admit("a", "g", 1.0, 2), state.admit("a", "g", 1.0, 2)
    assert held is not None
    assert other is not None
    first, second = Waiter(state, "a", limit=2), Waiter(state, "a", limit=2)
    state.release(held)
    state.record(other, OVERLOADED, 1.0)
    assert (first.told, second.told) == ("a", "look again")
    late = Waiter(state, "a", limit=2)  # it did not know
    assert late.told is None
    assert state.admit("a", "g", 1.5, 2, first.ticket) is None
    assert late.told == "look again"
    assert state.admit("a", "g", 2.0, 1) is not None, "no place is lost"


def test_a_place_refused_by_the_breaker_goes_on_to_the_next_once_it_closes() -> None:
    state, [at_a, at_b] = full("a", "b")
    state.record(at_b, RATE, 1.0)  # the group rests until 2.0; a is full
    first, second = Waiter(state, "a"), Waiter(state, "a")
    probe = state.admit("b", "g", 2.0, 1)
    assert probe is not None
    state.release(at_a)
    assert (first.told, second.told) == (None, None), "the probe is out"
    state.record(probe, OK, 2.5)
    assert (first.told, second.told) == ("a", None)
    state.leave(first.ticket)
    assert second.told == "a"


@pytest.mark.parametrize("outcome", [OVERLOADED, RATE])
@pytest.mark.parametrize("end", ["alive", "release", "record"])
def test_half_open_targets_hand_out_one_place_until_the_probe_is_back(
    end: str, outcome: Outcome
) -> None:
    state = MemoryState()
    held, other, failing = (state.admit("a", "g", 1.0) for _ in range(3))
    assert held is not None
    assert other is not None
    assert failing is not None
    state.record(failing, outcome, 1.0)
    first, second, third = (Waiter(state, "a", limit=2) for _ in range(3))
    state.release(held)
    assert (first.told, second.told) == ("a", None), "one probe"
    assert state.admit("a", "g", 2.0, 2) is None, "others wait"
    probe = state.admit("a", "g", 2.0, 2, first.ticket)
    assert probe is not None
    state.release(other)
    assert second.told is None
    if end == "alive":
        state.alive(probe, 2.1)
        assert (second.told, third.told) == ("a", None)
    elif end == "record":
        state.record(probe, OK, 2.1)
        assert (second.told, third.told) == ("a", "a")
    else:
        state.release(probe)
        assert (second.told, third.told) == ("a", None), "another probe"


def test_a_wake_that_raises_loses_no_place() -> None:
    state, [held] = full("a")

    def gone() -> None:
        raise RuntimeError("Event loop is closed")

    assert state.queue([("a", 1)], wake=gone) is not None
    waiter = Waiter(state, "a")
    state.release(held)
    assert waiter.told == "a"


def test_a_wake_may_use_the_state() -> None:
    state, [held] = full("a")
    permits: list[Permit | None] = []
    ticket = state.queue(
        [("a", 1)], wake=lambda: permits.append(state.admit("a", "g", 1.0, 1, ticket))
    )
    state.release(held)
    assert permits != [None]
    assert state.snapshot().targets["a"].in_flight == 1


def test_a_line_is_bounded_and_no_flow_shuts_the_others_out() -> None:
    state, [held] = full("a")

    def join(flow: str, priority: int = 0) -> Ticket | None:
        return state.queue([("a", 1)], flow=flow, priority=priority, wake=lambda: None)

    crowd = [join("big") for _ in range(MAX_WAITING)]
    assert None not in crowd
    assert join("big") is None
    assert join("small") is not None
    assert join("big", priority=1) is not None
    share = MAX_WAITING // 3
    assert sum(join("small") is not None for _ in range(share)) == share - 1
    assert state.queue([("a", 1), ("b", 1)], flow="big", wake=lambda: None) is not None  # b is free
    assert state.queue([], wake=lambda: None) is None
    for ticket in crowd[:5000]:
        assert ticket is not None
        state.leave(ticket)
    assert join("big") is not None
    state.release(held)


def test_ever_new_flows_do_not_make_a_line_longer_than_it_may_be() -> None:
    state, _ = full("a")

    def join(flow: int) -> Ticket | None:
        return state.queue([("a", 1)], flow=str(flow), wake=lambda: None)

    assert None not in [join(flow) for flow in range(MAX_WAITING)]
    assert join(MAX_WAITING) is None


def test_a_target_named_twice_has_one_line() -> None:
    state, [held] = full("a")
    ticket = state.queue([("a", 1), ("a", 1)], wake=lambda: None)
    assert ticket is not None
    waiter = Waiter(state, "a")
    state.leave(ticket)
    state.release(held)
    permit = state.admit("a", "g", 1.0, 1, waiter.ticket)
    assert permit is not None
    state.release(permit)
    assert state.admit("a", "g", 1.0, 1) is not None


def test_lines_in_which_nobody_waits_are_not_looked_at() -> None:
    places = Places()
    ticket = Ticket(lambda: None)
    places.queue(ticket, [("a", 0), ("b", 0)])
    assert [line.name for line in places.contested] == ["a", "b"]
    places.withdraw(ticket)
    assert not places.contested


def test_nobody_is_woken_under_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    state, [at_a, at_b] = full("a", "b")
    waiter = Waiter(state, "a")
    hand_out = Places.hand_out

    def collecting(self: Places, line: Line, most: int) -> None:
        hand_out(self, line, most)
        monkeypatch.undo()
        state.release(at_b)
        assert waiter.wakes == 0

    monkeypatch.setattr(Places, "hand_out", collecting)
    state.record(at_a, OK, 1.0)
    assert waiter.told == "a"
    assert state.admit("b", "g", 1.0, 1) is not None


def test_what_the_garbage_collector_gives_back_in_the_middle_of_a_call_is_no_deadlock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state, [held] = full("a")
    first, second = Waiter(state, "a"), Waiter(state, "a")
    asked = Breaker.refuses

    def collecting(self: Breaker, now: float) -> bool:
        state.leave(first.ticket)
        state.release(held)
        monkeypatch.undo()
        assert second.told is None, "woken under the lock"
        return asked(self, now)

    monkeypatch.setattr(Breaker, "refuses", collecting)
    thread = threading.Thread(target=state.admit, args=("b", "g", 1.0), daemon=True)
    thread.start()
    thread.join(5.0)
    assert not thread.is_alive()
    assert (first.told, second.told) == (None, "a")


def test_threads_share_places() -> None:
    state = MemoryState()
    limits = {"a": 2, "b": 1}
    under_way: Counter[str] = Counter()
    crowded: list[str] = []
    count = threading.Lock()

    def one(n: int, rng: random.Random) -> bool:
        ticket, wanted = None, [("a", "b"), ("b", "a"), ("a",)][n % 3]
        for _ in range(100):
            for name in wanted:
                permit = state.admit(name, name, 1.0, limits[name], ticket)
                if permit is not None:
                    break
            if ticket is not None:
                state.leave(ticket)
            if permit is not None:
                break
            if rng.random() < 0.1:  # its caller went away
                brief = state.queue([(w, limits[w]) for w in wanted], wake=lambda: None)
                assert brief is not None
                state.leave(brief)
            woken = threading.Event()
            ticket = state.queue([(w, limits[w]) for w in wanted], flow=str(n % 5), wake=woken.set)
            assert ticket is not None
            if not woken.wait(5.0):
                return False
        assert permit is not None
        with count:
            under_way[name] += 1
            if under_way[name] > limits[name]:
                crowded.append(name)
        time.sleep(0.0002)
        with count:
            under_way[name] -= 1
        if rng.random() < 0.5:
            state.release(permit)
        else:
            state.record(permit, OK, 1.0)
        return True

    def many(seed: int) -> list[bool]:
        rng = random.Random(seed)
        return [one(n, rng) for n in range(150)]

    with ThreadPoolExecutor(8) as pool:
        done = [ended for each in pool.map(many, range(8)) for ended in each]
    assert all(done)
    assert len(done) == 8 * 150
    assert crowded == []
    assert all(health.in_flight == 0 for health in state.snapshot().targets.values())
    for name, limit in limits.items():
        places = [state.admit(name, name, 1.0, limit) for _ in range(limit + 1)]
        assert [p is None for p in places] == [False] * limit + [True]
