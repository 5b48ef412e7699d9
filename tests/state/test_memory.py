"""The breakers of MemoryState: when they open, for how long, and who gets through."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter_integrations.state.base import Outcome, Permit
from llmrouter_integrations.state.breaker import LONGEST_RETRY_AFTER_S
from llmrouter_integrations.state.memory import MemoryState

OK = Outcome(ok=True, duration_s=1.0)
SERVER = Outcome(ok=False, cools="target", trips_after=3, reason="ServerError")
OVERLOADED = Outcome(ok=False, cools="target", trips_after=1, reason="OverloadedError")
RATE = Outcome(ok=False, cools="quota_group", trips_after=1, reason="RateLimitedError")
RATE_20 = replace(RATE, retry_after_s=20.0)
KEY = replace(RATE, least_cooldown_s=300.0, reason="AuthenticationError")
BAD_REQUEST = Outcome(ok=False, cools="nothing", reason="InvalidRequestError")


def call(state: MemoryState, outcome: Outcome, now: float, target: str = "a") -> None:
    permit = state.admit(target, "g", now)
    assert permit is not None, f"{target} was not let through at {now}"
    state.record(permit, outcome, now)


def rests_until(state: MemoryState, target: str = "a") -> float:
    return state.snapshot().cooling_until(target, "g")


@pytest.mark.parametrize(
    ("outcomes", "until"),
    [
        ([OK], 0),
        ([SERVER, SERVER], 0),
        ([SERVER, SERVER, SERVER], 101),
        ([SERVER, SERVER, OK, SERVER, SERVER], 0),
        ([SERVER, SERVER, BAD_REQUEST, SERVER, SERVER], 0),  # the target did answer
        ([OVERLOADED], 101),
        ([replace(SERVER, retry_after_s=7.0)], 107),  # the provider's word takes no second failure
        ([replace(SERVER, retry_after_s=0.2)], 100.2),
        ([replace(SERVER, retry_after_s=-3.0)], 100),
        ([replace(SERVER, retry_after_s=1e9)], 100 + LONGEST_RETRY_AFTER_S),
        ([RATE], 101),
        ([RATE_20], 120),
        ([KEY], 400),
        ([replace(KEY, retry_after_s=5.0)], 400),  # what does not heal in seconds
        ([replace(KEY, retry_after_s=500.0)], 600),
        ([BAD_REQUEST] * 5, 0),
    ],
)
def test_when_a_breaker_opens(outcomes: list[Outcome], until: float) -> None:
    state = MemoryState()
    for outcome in outcomes:
        call(state, outcome, 100.0)
    assert rests_until(state) == pytest.approx(until)


def test_a_rested_target_is_not_called_and_says_why() -> None:
    state = MemoryState()
    call(state, OVERLOADED, 100.0)
    assert state.admit("a", "g", 100.9) is None
    assert state.admit("b", "g", 100.9) is not None  # its neighbour is not to blame
    assert state.snapshot().reason("a", "g") == "OverloadedError"
    assert state.snapshot().reason("b", "g") == ""


def test_a_rate_limit_rests_the_whole_quota_group() -> None:
    state = MemoryState()
    call(state, RATE_20, 100.0, "a")
    assert state.admit("b", "g", 119.9) is None
    assert state.admit("c", "other", 119.9) is not None
    assert rests_until(state, "b") == 120.0
    assert state.snapshot().reason("b", "g") == "RateLimitedError"


def test_cooldowns_double_to_their_limit_and_start_over_after_a_success() -> None:
    state = MemoryState(cooldown_s=1.0, max_cooldown_s=10.0)
    now, rests = 0.0, []
    for _ in range(6):
        call(state, OVERLOADED, now)
        rests.append(rests_until(state) - now)
        now = rests_until(state)
    assert rests == [1, 2, 4, 8, 10, 10]
    call(state, OK, now)
    assert rests_until(state) == 0
    call(state, OVERLOADED, now)
    assert rests_until(state) == now + 1


def test_many_failed_probes_do_not_overflow() -> None:
    state = MemoryState()
    for _ in range(2000):
        call(state, OVERLOADED, max(rests_until(state), 1.0))
    assert math.isfinite(rests_until(state))


@pytest.mark.parametrize("outcome", [OK, OVERLOADED, BAD_REQUEST, None])
def test_exactly_one_probe_after_a_cooldown(outcome: Outcome | None) -> None:
    state = MemoryState()
    call(state, OVERLOADED, 100.0)
    probe = state.admit("a", "g", 101.0)
    assert probe is not None
    assert state.snapshot().targets["a"].probing
    assert state.admit("a", "g", 101.0) is None
    if outcome is None:
        state.release(probe)
    else:
        state.record(probe, outcome, 101.5)
    again = state.admit("a", "g", 101.5)
    if outcome is OVERLOADED:
        assert again is None
        assert rests_until(state) == 103.5
    elif outcome is None:  # nothing was learnt: the next call is the probe
        assert again is not None
        assert state.admit("a", "g", 101.5) is None
    else:
        assert again is not None
        assert state.admit("a", "g", 101.5) is not None


@pytest.mark.parametrize("cools", ["target", "quota_group"])
def test_exactly_one_probe_among_threads(cools: str) -> None:
    state = MemoryState()
    call(state, replace(OVERLOADED, cools=cools), 100.0)
    threads = 8
    together = threading.Barrier(threads)

    def knock(_: int) -> list[Permit]:
        together.wait()
        return [p for _ in range(50) if (p := state.admit("a", "g", 101.0)) is not None]

    with ThreadPoolExecutor(threads) as pool:
        let_through = [p for permits in pool.map(knock, range(threads)) for p in permits]
    assert len(let_through) == 1
    state.record(let_through[0], OK, 101.1)
    assert state.admit("a", "g", 101.1) is not None
    assert state.admit("a", "g", 101.1) is not None


@pytest.mark.parametrize(
    ("second", "until"),
    [
        (replace(RATE, retry_after_s=5.0), 120),
        (RATE, 120),
        (replace(RATE, retry_after_s=40.0), 141),
    ],
)
def test_a_longer_cooldown_survives_a_shorter(second: Outcome, until: float) -> None:
    state = MemoryState()
    first_call, second_call = state.admit("a", "g", 99.0), state.admit("a", "g", 99.0)
    assert first_call is not None
    assert second_call is not None
    state.record(first_call, RATE_20, 100.0)
    state.record(second_call, second, 101.0)
    assert rests_until(state) == until


def test_a_success_begun_before_the_breaker_opened_does_not_close_it() -> None:
    state = MemoryState()
    early = state.admit("a", "g", 99.0)
    assert early is not None
    call(state, RATE_20, 100.0)
    state.record(early, OK, 101.0)
    assert rests_until(state) == 120


def test_a_burst_of_failures_opens_once_and_does_not_escalate() -> None:
    state = MemoryState()
    permits = [state.admit("a", "g", 99.0) for _ in range(20)]
    for permit in permits:
        assert permit is not None
        state.record(permit, OVERLOADED, 100.0)
    assert rests_until(state) == 101.0
    assert state.snapshot().targets["a"].in_flight == 0


def test_a_late_failure_is_not_taken_for_the_probe() -> None:
    state = MemoryState()
    early = state.admit("a", "g", 99.0)
    assert early is not None
    call(state, OVERLOADED, 100.0)
    probe = state.admit("a", "g", 101.0)
    assert probe is not None
    state.record(early, OVERLOADED, 101.1)
    assert state.admit("a", "g", 101.2) is None, "the probe is still out"
    state.record(probe, OK, 101.3)
    assert state.admit("a", "g", 101.4) is not None


def test_no_more_calls_at_once_than_the_limit() -> None:
    state = MemoryState()
    first, second = state.admit("a", "g", 1.0, 2), state.admit("a", "g", 1.0, 2)
    assert first is not None
    assert second is not None
    assert state.admit("a", "g", 1.0, 2) is None
    assert state.admit("b", "g", 1.0, 2) is not None  # it is the target's, not the group's
    assert state.snapshot().targets["a"].in_flight == 2
    state.record(first, OK, 2.0)
    assert state.admit("a", "g", 2.0, 2) is not None
    assert state.admit("a", "g", 2.0, 2) is None
    state.release(second)
    assert state.admit("a", "g", 2.0, 2) is not None


def test_a_full_target_sends_no_probe() -> None:
    state = MemoryState()
    early = state.admit("a", "g", 99.0, 1)
    assert early is not None
    blocker = state.admit("a", "g", 99.0)
    assert blocker is not None
    state.record(early, OVERLOADED, 100.0)
    assert state.admit("a", "g", 101.0, 1) is None
    assert not state.snapshot().targets["a"].probing
    state.release(blocker)
    assert state.admit("a", "g", 101.0, 1) is not None


def test_a_late_retry_after_counts_even_when_the_breaker_has_closed_again() -> None:
    state = MemoryState()
    early = state.admit("a", "g", 99.0)
    assert early is not None
    call(state, RATE, 100.0)
    call(state, OK, 101.0)
    state.record(early, RATE_20, 102.0)
    assert rests_until(state) == 122.0
    assert state.admit("a", "g", 103.0) is None


def test_a_probe_that_fails_otherwise_teaches_the_group_nothing() -> None:
    state = MemoryState()
    call(state, RATE, 100.0, "a")
    call(state, SERVER, 101.0, "a")
    probe = state.admit("b", "g", 101.0)
    assert probe is not None
    assert state.admit("c", "g", 101.0) is None


def test_a_stream_that_shows_life_lets_others_through_before_it_ends() -> None:
    state = MemoryState()
    call(state, OVERLOADED, 100.0)
    probe = state.admit("a", "g", 101.0)
    assert probe is not None
    state.alive(probe, 101.5)
    assert state.admit("a", "g", 101.5) is not None
    assert rests_until(state) == 0


def test_streams_that_always_break_after_content_open_the_breaker_and_escalate() -> None:
    state = MemoryState()
    now, rests = 100.0, []
    for _ in range(5):
        permit = state.admit("a", "g", now)
        assert permit is not None
        state.alive(permit, now)
        state.record(permit, SERVER, now)
        rests.append(max(rests_until(state) - now, 0))
        now = max(now, rests_until(state))
    assert rests == [0, 0, 1, 2, 4]


def test_life_does_not_cut_a_longer_cooldown() -> None:
    state = MemoryState()
    early = state.admit("a", "g", 99.0)
    assert early is not None
    call(state, RATE, 100.0)
    probe = state.admit("a", "g", 101.0)
    assert probe is not None
    state.record(early, RATE_20, 101.5)
    state.alive(probe, 102.0)
    state.record(probe, OK, 103.0)
    assert rests_until(state) == 121.5
    assert state.admit("a", "g", 121.0) is None
    assert state.admit("a", "g", 121.5) is not None


def test_what_is_measured() -> None:
    state = MemoryState()
    call(state, Outcome(ok=True, duration_s=3.0, first_token_s=1.0, output_tokens=100), 1.0)
    health = state.snapshot().targets["a"]
    assert (health.first_token_s, health.output_tokens_per_s) == (1.0, 50.0)
    call(state, Outcome(ok=True, duration_s=4.0, first_token_s=2.0, output_tokens=200), 2.0)
    health = state.snapshot().targets["a"]
    assert health.first_token_s == pytest.approx(1.2)
    assert health.output_tokens_per_s == pytest.approx(60.0)
    call(state, Outcome(ok=True, duration_s=0.0, output_tokens=5), 3.0)  # no time, no speed
    assert state.snapshot().targets["a"].output_tokens_per_s == pytest.approx(60.0)
    call(state, replace(SERVER, duration_s=9.0, first_token_s=9.0), 4.0)
    assert state.snapshot().targets["a"].first_token_s == pytest.approx(1.2)


def test_a_snapshot_does_not_move_on_and_costs_nothing_while_nothing_happens() -> None:
    state = MemoryState()
    permit = state.admit("a", "g", 1.0)
    assert permit is not None
    before = state.snapshot()
    assert state.snapshot() is before
    state.record(permit, OVERLOADED, 1.0)
    assert before.targets["a"].in_flight == 1
    assert before.targets["a"].cooling_until == 0
    assert state.snapshot().targets["a"].in_flight == 0
    with pytest.raises(TypeError):
        before.targets["b"] = before.targets["a"]  # type: ignore[index]  # it is read-only


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from([OK, SERVER, OVERLOADED, RATE, RATE_20, BAD_REQUEST, None, "alive"]),
            st.floats(0, 30),
            st.booleans(),
        ),
        max_size=60,
    )
)
@settings(max_examples=200, deadline=None)
def test_never_admits_while_cooling_and_never_two_probes(steps: list) -> None:
    state = MemoryState()
    now = 0.0
    out: list[Permit] = []
    for target, outcome, passed_s, answer_newest in steps:
        now += passed_s
        before = state.snapshot()
        permit = state.admit(target, "g", now)
        if permit is not None:
            assert before.cooling_until(target, "g") <= now
            for health in (before.targets.get(target), before.groups.get("g")):
                assert health is None or not health.probing
            out.append(permit)
        if out:
            permit = out[-1 if answer_newest else 0]
            if outcome == "alive":
                state.alive(permit, now)
                continue
            out.remove(permit)
            if outcome is None:
                state.release(permit)
            else:
                until = state.snapshot().cooling_until(permit.target, "g")
                state.record(permit, outcome, now)
                if not outcome.ok and until > now:
                    assert state.snapshot().cooling_until(permit.target, "g") >= until
    for permit in out:
        state.release(permit)
    snapshot = state.snapshot()
    assert all(h.in_flight == 0 for h in snapshot.targets.values())
    for target in ("a", "b"):  # and nothing is locked out for good
        later = max(now, snapshot.cooling_until(target, "g"))
        permit = state.admit(target, "g", later)
        assert permit is not None
        state.record(permit, OK, later)


def broke_off(first_token_s):
    return Outcome(
        ok=False, cools="target", trips_after=1, duration_s=1.0, first_token_s=first_token_s
    )


@pytest.mark.parametrize(("first_token_s", "others_follow"), [(None, True), (0.1, False)])
def test_where_answers_broke_off_a_probe_must_end_well(first_token_s, others_follow):
    state = MemoryState(cooldown_s=1.0)
    state.record(state.admit("a", "g", 0.0), broke_off(first_token_s), 0.0)
    probe = state.admit("a", "g", 2.0)
    assert state.admit("a", "g", 2.0) is None
    state.alive(probe, 2.1)
    assert (state.admit("a", "g", 2.2) is not None) is others_follow
    state.record(probe, Outcome(ok=True), 2.5)
    assert state.admit("a", "g", 2.6) is not None
