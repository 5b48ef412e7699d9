"""Calls that nothing can interrupt are left when their time is up."""

from __future__ import annotations

import gc
import threading
import weakref
from contextvars import ContextVar

import pytest

from llmrouter_integrations import errors
from llmrouter_integrations.wrapping import worker as module
from llmrouter_integrations.wrapping.worker import OutOfTime, Workers

ASKED: ContextVar[str] = ContextVar("asked", default="nobody")


@pytest.fixture
def workers():
    return Workers("primary")


@pytest.fixture
def gate():
    """What jobs wait for; opened in the end, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()


def settled(workers):
    """Wait until all that were left have come back."""
    for thread in threading.enumerate():
        if thread.name == "llmrouter-call":
            thread.join(1)
    return workers._left


def test_a_job_gives_what_it_gives_in_the_callers_context(workers):
    token = ASKED.set("me")
    try:
        with workers.start() as worker:
            assert worker.run(ASKED.get, 1) == "me"
            assert worker.run(threading.current_thread, 1) is not threading.current_thread()
    finally:
        ASKED.reset(token)


def test_jobs_of_one_worker_share_a_thread(workers):
    with workers.start() as worker:
        first, second = (worker.run(threading.get_ident, 1) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("error", [ValueError("no"), StopIteration(), SystemExit(1)])
def test_what_a_job_raises_is_raised(workers, error):
    def fail():
        raise error

    with workers.start() as worker, pytest.raises(type(error)) as caught:
        worker.run(fail, 1)
    assert caught.value is error
    assert "fail" in [entry.name for entry in caught.traceback]
    assert settled(workers) == 0


def test_a_job_that_takes_too_long_is_left(workers, gate):
    with pytest.raises(OutOfTime), workers.start() as worker:
        worker.run(gate.wait, 0.02)
    assert workers._left == 1
    gate.set()
    assert settled(workers) == 0


def test_what_is_to_be_closed_is_closed_in_the_worker(workers):
    closed = []
    with workers.start() as worker:
        ident = worker.run(threading.get_ident, 1)
        worker.close_with(lambda: closed.append(threading.get_ident()))
        assert not closed
    assert closed == [ident]


def test_it_is_closed_when_a_job_that_was_left_has_come_back(workers, gate):
    def source():
        try:
            yield gate.wait()
        finally:
            closed.append(threading.get_ident())

    closed, stream = [], source()
    with workers.start() as worker:
        worker.close_with(stream.close)
        with pytest.raises(OutOfTime):
            worker.run(lambda: next(stream), 0.02)
    assert not closed
    gate.set()
    assert settled(workers) == 0
    assert len(closed) == 1


def test_a_close_that_fails_or_hangs_keeps_nobody(workers, gate, monkeypatch):
    monkeypatch.setattr(module, "_CLOSING_S", 0.02)
    with workers.start() as worker:
        worker.close_with(lambda: 1 / 0)
    with workers.start() as worker:
        worker.close_with(gate.wait)
    assert workers._left == 1
    gate.set()
    assert settled(workers) == 0


def test_no_more_hang_than_may(workers, gate, monkeypatch):
    monkeypatch.setattr(module, "MOST_LEFT", 2)
    for _ in range(2):
        with pytest.raises(OutOfTime), workers.start() as worker:
            worker.run(gate.wait, 0.01)
    with pytest.raises(errors.OverloadedError, match="2 earlier calls") as caught:
        workers.start()
    assert (caught.value.target, caught.value.sent) == ("primary", False)
    gate.set()
    assert settled(workers) == 0
    with workers.start() as worker:
        assert worker.run(lambda: "again", 1) == "again"


def test_an_answer_is_not_kept_by_its_worker(workers):
    class Answer:
        pass

    with workers.start() as worker:
        given = weakref.ref(worker.run(Answer, 1))
        worker.run(lambda: None, 1)
        gc.collect()
        assert given() is None
