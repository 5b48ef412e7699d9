"""Deadlines, cancellation and leaks: measured, and measured rightly."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from llmrouter_integrations.drill import leaks as leaks_module
from llmrouter_integrations.drill.calling import MODES
from llmrouter_integrations.drill.guarantees import cancellations, deadlines
from llmrouter_integrations.drill.leaks import leaks
from llmrouter_integrations.drill.results import Guarantee
from llmrouter_integrations.errors import ConfigurationError

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts in /proc")


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_requests_end_at_their_deadline(mode, scene_of):
    held = list(deadlines(scene_of(), concurrency=3, modes=[mode], deadline_s=0.2))
    assert len(held) == 6
    for guarantee in held:
        assert guarantee.passed, guarantee
        assert guarantee.value > -0.1  # a race may be lost sooner


def test_who_is_abandoned_leaves_no_connection(scene_of):
    held = list(cancellations(scene_of(), concurrency=3))
    assert [guarantee.case for guarantee in held] == [
        "acomplete, cancelled",
        "astream, cancelled before content",
        "astream, closed after content",
        "stream, closed after content",
    ]
    assert all(guarantee.passed for guarantee in held), held


@needs_proc
def test_faulty_requests_leave_nothing_behind(scene_of):
    told = []
    held = list(leaks(scene_of(), requests=200, concurrency=2, tell=told.append))
    assert told[-1] >= 200
    assert {guarantee.case for guarantee in held} == {
        "sockets and files",
        "threads",
        "tasks",
        "memory",
    }
    assert all(guarantee.passed for guarantee in held), held


@needs_proc
def test_what_is_left_behind_is_seen(scene_of):
    kept = []
    done = threading.Event()

    def leave(made):
        kept.append(socket.socket())
        kept.append(threading.Thread(target=done.wait))
        kept[-1].start()

    held = {g.case: g for g in leaks(scene_of(), requests=100, concurrency=1, tell=leave)}
    done.set()
    for thing in kept:
        thing.close() if isinstance(thing, socket.socket) else thing.join()
    assert not held["sockets and files"].passed
    assert not held["threads"].passed


def test_elsewhere_than_on_linux_leaks_are_not_measured(scene_of, monkeypatch, tmp_path):
    monkeypatch.setattr(leaks_module, "_FDS", tmp_path / "none")
    with pytest.raises(ConfigurationError, match="only Linux"):
        next(leaks(scene_of()))


def test_a_guarantee_holds_up_to_its_limit():
    assert Guarantee("a", "b", 0.1, 0.1, "s").passed
    assert not Guarantee("a", "b", 0.11, 0.1, "s").passed
    assert Guarantee("a", "b", 0.1, 0.1, "s").plain()["passed"] is True
