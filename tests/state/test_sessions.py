"""Where sessions stay: what is found, what is forgotten and when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from llmrouter_integrations.state.base import Stay
from llmrouter_integrations.state.memory import MemoryState
from llmrouter_integrations.state.sessions import Sessions


def until(end: float) -> Stay:
    return Stay("a", 1000, end)


def test_a_session_is_found_until_the_provider_forgets_it() -> None:
    state = MemoryState()
    assert state.session("s", 1.0) is None
    stay = Stay("openai/gpt", 12_000, 301.0)
    state.stay("s", stay)
    assert state.session("s", 300.9) is stay
    assert state.session("other", 1.0) is None
    assert state.session("s", 301.0) is None


def test_a_session_that_moved_is_where_it_was_last() -> None:
    state = MemoryState()
    state.stay("s", Stay("a", 10, 100.0))
    state.stay("s", Stay("b", 20, 200.0))
    assert state.session("s", 150.0) == Stay("b", 20, 200.0)


def test_the_session_not_used_for_longest_makes_room() -> None:
    sessions = Sessions(3)
    for key in "abc":
        sessions.put(key, until(100.0))
    assert sessions.find("a", 1.0) is not None
    sessions.put("b", until(100.0))
    sessions.put("d", until(100.0))
    found = [key for key in "abcd" if sessions.find(key, 1.0)]
    assert found == ["a", "b", "d"]


def test_expired_sessions_are_cleared_away_though_nobody_asks_for_them() -> None:
    sessions = Sessions()
    for n in range(100):
        sessions.put(f"old{n}", until(10.0))
    for n in range(100):
        assert sessions.find(f"new{n}", 20.0) is None
        sessions.put(f"new{n}", until(100.0))
    assert len(sessions) == 100


def test_threads_share_sessions() -> None:
    sessions = Sessions(50)

    def use(seed: int) -> None:
        for n in range(1000):
            key = str((n * 7 + seed) % 120)
            sessions.put(key, until(float(n % 20)))
            sessions.find(key, n % 20 - 0.5)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    assert len(sessions) <= 50
