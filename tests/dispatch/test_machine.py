"""The dispatch machine, without sockets, sleeps or clocks: events in, steps out."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tenacity.wait import wait_exception, wait_fixed

from llmrouter_integrations.dispatch.machine import dispatch
from llmrouter_integrations.dispatch.plan import (
    DispatchSettings,
    Hedge,
    Plan,
    PlanTarget,
    Settlement,
)
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
    AllTargetsFailed,
    AttemptError,
    AuthenticationError,
    ContentFilteredError,
    ContextOverflowError,
    DeadlineExceeded,
    EmptyAnswerError,
    InvalidRequestError,
    MalformedToolCallError,
    MisconfiguredTargetError,
    ModelNotFoundError,
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
    UnsupportedParameterError,
)
from llmrouter_integrations.messages import Adjustment, Message, Response, TextPart, Usage
from llmrouter_integrations.state.base import Outcome
from llmrouter_integrations.state.memory import MemoryState

ANSWER = Response(Message("assistant", (TextPart("42"),)), usage=Usage(3, 5))
DROPPED = (Adjustment("seed", "dropped"),)


def target(name: str, *, group: str = "", model: str = "", window: int | None = None) -> PlanTarget:
    return PlanTarget(name, f"p-{name}", model or f"m-{name}", group or f"g-{name}", window)


A, B, C = target("a"), target("b"), target("c")


def as_told(asked: PlanTarget, response: Response) -> Settlement:
    return Settlement(response.usage, 0.25)


@dataclass
class Break:
    """A stream that commits, then breaks."""

    error: AttemptError


@dataclass
class Played:
    """How a machine went: what it asked for, and how it ended."""

    calls: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    limits: list[Any] = field(default_factory=list)
    response: Response | None = None
    error: RouterError | None = None
    ended_at: float = 0.0

    @property
    def attempts(self) -> tuple[Any, ...]:
        ending = self.error if self.response is None else self.response
        return getattr(ending, "attempts", ())


def play(
    results: list[Any] | dict[str, Any],
    *targets: PlanTarget,
    timeout_s: float = 60.0,
    state: MemoryState | None = None,
    using: DispatchSettings | None = None,
    streamed: bool = False,
    call_s: float = 1.0,
    now: float = 1000.0,
    first_token_s: float = 60.0,
    expected_s: float = 0.0,
) -> Played:
    """Answer each call in turn: with ANSWER, an error, a Break, or (seconds, any of these).

    In a dict stands what each target always answers.

    A stream shows content after half of its time. Whoever takes longer than the limits allow is
    cut off, as a backend would.
    """
    played, to_come = Played(), iter(results)
    machine = dispatch(
        Plan(targets, timeout_s, first_token_s, expected_s=expected_s),
        state=state or MemoryState(),
        settings=using or DispatchSettings(),
        settle=as_told,
        rng=random.Random(0),
        now=now,
        streamed=streamed,
    )
    try:
        step = next(machine)
        while not isinstance(step, Done):
            if isinstance(step, Wait):
                played.waits.append(step.seconds)
                now += step.seconds
                step = machine.send(Woke(now))
                continue
            assert isinstance(step, CallTarget)
            played.calls.append(step.target.name)
            played.limits.append(step.limits)
            if isinstance(results, dict):
                result = results[step.target.name]
            else:
                result = next(to_come, ANSWER)
            took_s, result = result if isinstance(result, tuple) else (call_s, result)
            began, shown_s = now, took_s / 2 if streamed else took_s
            if not streamed and isinstance(result, Break):
                result = result.error
            if shown_s > step.limits.first_token_s:
                shown_s = step.limits.first_token_s
                result = TargetTimeoutError("slow", phase="first_token" if streamed else "total")
            if isinstance(result, AttemptError):
                now = began + shown_s
                step = machine.send(Failed(now, result, DROPPED))
                continue
            if streamed:
                step = machine.send(Committed(began + shown_s))
                assert isinstance(step, Relay)
                if took_s > total_limit_s(played):
                    result = Break(TargetTimeoutError("slow"))
            now = began + min(took_s, total_limit_s(played))
            if isinstance(result, Break):
                step = machine.send(Broke(now, result.error, ANSWER, DROPPED))
            else:
                step = machine.send(Answered(now, result, DROPPED))
        played.response = step.response
    except RouterError as error:
        played.error = error
    finally:
        machine.close()
    played.ended_at = now
    return played


def total_limit_s(played: Played) -> float:
    return played.limits[-1].total_s


def server() -> ServerError:
    return ServerError("broken", status=500)


def limited(after_s: float | None = None) -> RateLimitedError:
    return RateLimitedError("slow down", status=429, retry_after_s=after_s)


def test_an_answer_says_who_gave_it() -> None:
    played = play([ANSWER], A, B)
    response = played.response
    assert response is not None
    assert (response.target, response.provider, response.model) == ("a", "p-a", "m-a")
    (attempt,) = response.attempts
    assert (attempt.target, attempt.outcome, attempt.duration_s) == ("a", "ok", 1.0)
    assert attempt.adjustments == DROPPED
    assert attempt.usage == ANSWER.usage
    assert attempt.first_token_s is None


def test_the_model_that_answered_is_the_one_the_provider_names() -> None:
    played = play([Response(ANSWER.message, model="m-a-20261101")], A)
    assert played.response is not None
    assert played.response.model == "m-a-20261101"


MANY = [server() for _ in range(20)]
SMALL, LARGE, UNKNOWN = target("s", window=8), target("l", window=32), target("u")
ELSEWHERE = target("elsewhere", model="m-a")
TWIN = replace(target("twin", model="m-a"), provider="p-a")


@pytest.mark.parametrize(
    ("results", "targets", "calls", "ending"),
    [
        # an error that passes: the next target, without waiting
        ([server()], [A, B], "ab", None),
        ([limited(20.0)], [A, B], "ab", None),
        ([OverloadedError("full", retry_after_s=9.0)], [A, B], "ab", None),
        ([AuthenticationError("no")], [A, B], "ab", None),
        ([ModelNotFoundError("gone")], [A, B], "ab", None),
        ([TargetConnectionError("refused", sent=False)], [A, B], "ab", None),
        ([TargetTimeoutError("slow", phase="first_token")], [A, B], "ab", None),
        ([TruncatedAnswerError("cut")], [A, B], "ab", None),
        ([MalformedToolCallError("not JSON")], [A, B], "ab", None),
        ([server(), server()], [A, B, C], "abc", None),
        # a request that is at fault is nobody else's to answer
        ([InvalidRequestError("bad")], [A, B], "a", InvalidRequestError),
        ([server(), InvalidRequestError("bad")], [A, B, C], "ab", InvalidRequestError),
        # a window too small: only a larger one, or one that is not known
        ([ContextOverflowError("long")], [SMALL, A, LARGE], "sa", None),
        ([ContextOverflowError("long")], [LARGE, SMALL], "l", ContextOverflowError),
        ([ContextOverflowError("long")], [SMALL, LARGE], "sl", None),
        ([ContextOverflowError("long")], [UNKNOWN, SMALL], "us", None),
        ([ContextOverflowError("x"), ContextOverflowError("y")], [SMALL, LARGE], "sl",
         ContextOverflowError),
        # another model or another provider, not the same model by the same provider again
        ([ContentFilteredError("no")], [A, TWIN, B], "ab", None),
        ([ContentFilteredError("no")], [A, TWIN], "a", ContentFilteredError),
        ([ContentFilteredError("no")], [A, TWIN, ELSEWHERE], "ae", None),
        ([UnsupportedParameterError("seed")], [A, B], "ab", None),
        ([UnsupportedParameterError("seed")], [A, TWIN, ELSEWHERE], "ae", None),
        # ... unless it was refused before it was sent: that is this target's settings alone
        ([UnsupportedParameterError("seed", sent=False)], [A, TWIN], "at", None),
        ([MisconfiguredTargetError("no region", sent=False)], [A, B], "ab", None),
        ([MisconfiguredTargetError("no region", sent=False)], [A], "a", AllTargetsFailed),
        # ... and whoever failed otherwise may be asked again
        ([server(), ContentFilteredError("no")], [A, B], "aba", None),
        ([server(), ContentFilteredError("no"), server()], [A, B], "aba", AllTargetsFailed),
        # one target: again, once
        ([server()], [A], "aa", None),
        (MANY, [A], "aa", AllTargetsFailed),
        ([limited()], [A], "aa", None),
        ([limited(3.0)], [A], "aa", None),
        # ... but not where asking again cannot help
        ([AuthenticationError("no")], [A], "a", AllTargetsFailed),
        ([ModelNotFoundError("gone")], [A], "a", AllTargetsFailed),
        ([QuotaExhaustedError("broke", retry_after_s=1.0)], [A], "a", AllTargetsFailed),
        ([TargetTimeoutError("slow")], [A], "a", AllTargetsFailed),
        # everything fails: no more than three calls for two targets
        ([AuthenticationError("no")] * 20, [A, B], "ab", AllTargetsFailed),
        ([TargetTimeoutError("slow")] * 20, [A, B], "ab", AllTargetsFailed),
    ],
)  # fmt: skip
@pytest.mark.parametrize("streamed", [False, True])
def test_who_is_asked(
    results: list[Any],
    targets: list[PlanTarget],
    calls: str,
    ending: type[RouterError] | None,
    streamed: bool,
) -> None:
    played = play(results, *targets, streamed=streamed)
    assert "".join(name[0] for name in played.calls) == calls
    if ending is None:
        assert played.response is not None, played.error
        assert played.response.target == played.calls[-1]
    else:
        assert type(played.error) is ending
    assert [a.target for a in played.attempts] == played.calls
    if len(set(calls)) == len(calls):
        assert played.waits == [], "a healthy alternative beats sleeping"


@pytest.mark.parametrize("error", [server(), limited(), limited(0.5), OverloadedError("full")])
def test_two_dead_targets_cost_three_calls_and_each_is_told(error: AttemptError) -> None:
    played = play([error] * 20, A, B)
    assert len(played.calls) == 3
    assert set(played.calls) == {"a", "b"}
    assert isinstance(played.error, AllTargetsFailed)
    assert [a.target for a in played.error.attempts] == played.calls
    assert all(a.error_type == type(error).__name__ for a in played.error.attempts)
    assert played.error.__cause__ is error


def test_what_is_told_of_a_failed_attempt() -> None:
    error = ServerError("the pipes burst", status=502, code="bad_gateway")
    played = play([(2.5, error)], A, B)
    first = played.attempts[0]
    assert first.error == "ServerError: the pipes burst [502 bad_gateway]"
    assert (first.outcome, first.error_type, first.duration_s) == ("error", "ServerError", 2.5)
    assert first.adjustments == DROPPED
    assert error.target == "a"


def test_a_request_error_carries_the_attempts_before_it() -> None:
    played = play([server(), InvalidRequestError("bad")], A, B)
    assert isinstance(played.error, InvalidRequestError)
    assert [a.target for a in played.error.attempts] == ["a", "b"]
    assert played.error.target == "b"


# -- waiting --------------------------------------------------------------------------------------


def test_a_wait_honours_retry_after_and_no_more() -> None:
    played = play([limited(7.0)], A)
    assert played.waits == [7.0]
    assert played.calls == ["a", "a"]


def test_a_wait_is_for_whoever_is_ready_first() -> None:
    played = play([limited(20.0), limited(5.0)], A, B)
    assert played.calls == ["a", "b", "b"]
    assert played.waits == [5.0]


def test_time_that_passed_in_other_calls_is_not_waited_again() -> None:
    played = play([limited(5.0), (6.0, server())], A, B)
    assert played.calls == ["a", "b", "a"]
    assert played.waits == []


def test_backoff_follows_the_wait_strategy_with_jitter() -> None:
    using = DispatchSettings(max_retries=4, wait=wait_fixed(0.8))
    played = play([server(), server()], A, using=using)
    assert played.calls == ["a", "a", "a"]
    assert all(0.4 <= wait <= 0.8 for wait in played.waits)
    assert played.waits[0] != played.waits[1]


def test_a_wait_strategy_sees_the_error_and_the_count() -> None:
    seen: list[Any] = []

    def strategy(error: BaseException) -> float:
        seen.append(error)
        return 0.1

    error = server()
    play([error], A, using=DispatchSettings(wait=wait_exception(strategy)))
    assert seen == [error]


def test_no_wait_that_the_deadline_does_not_allow() -> None:
    played = play([limited(20.0)], A, timeout_s=10.0)
    assert played.calls == ["a"]
    assert played.waits == []
    assert isinstance(played.error, AllTargetsFailed)
    assert "a rests for 20.0 s (RateLimitedError)" in str(played.error)
    assert isinstance(played.error.__cause__, RateLimitedError)


def test_everything_cooling_waits_for_the_earliest() -> None:
    state = MemoryState()
    play([limited(30.0)], A, state=state, timeout_s=5.0)
    play([limited(8.0)], B, state=state, timeout_s=5.0)
    played = play([], A, B, state=state, now=1001.0)
    assert played.waits == [pytest.approx(8.0)]
    assert played.calls == ["b"]
    assert played.response is not None


def test_everything_cooling_too_long_fails_at_once_and_names_each() -> None:
    state = MemoryState()
    play([limited(30.0)], A, state=state, timeout_s=5.0)
    play([AuthenticationError("no")], B, state=state, timeout_s=5.0)
    played = play([], A, B, state=state, timeout_s=5.0, now=1001.0)
    assert played.calls == []
    assert played.ended_at == 1001.0
    assert isinstance(played.error, AllTargetsFailed)
    assert played.error.attempts == ()
    assert "a rests for 30.0 s (RateLimitedError)" in str(played.error)
    assert "b rests for 300.0 s (AuthenticationError)" in str(played.error)


def test_a_quota_group_rests_as_one() -> None:
    one, other, elsewhere = target("x", group="g"), target("y", group="g"), target("z", group="h")
    played = play([limited(20.0)], one, other, elsewhere)
    assert played.calls == ["x", "z"]


def test_a_probe_of_somebody_else_is_waited_for() -> None:
    state = MemoryState()
    play([limited(1.0)], A, state=state, timeout_s=1.0)
    probe = state.admit("a", "g-a", 1005.0)
    assert probe is not None
    played = play([], A, state=state, now=1005.0, timeout_s=1.0)
    assert isinstance(played.error, AllTargetsFailed)
    assert "a is being probed" in str(played.error)
    assert all(0.1 <= wait <= 0.2 for wait in played.waits)
    assert 1005.7 < played.ended_at <= 1006.0
    state.record(probe, Outcome(ok=True), 1006.0)
    assert play([], A, state=state, now=1006.0).response is not None


def test_a_healthy_target_is_asked_however_many_failed_before_it() -> None:
    plan = [target(f"t{n}") for n in range(30)]
    played = play([AuthenticationError("no")] * 29, *plan)
    assert played.response is not None
    assert played.calls == [each.name for each in plan]


def test_an_error_at_the_end_tells_when_somebody_has_rested() -> None:
    played = play([AuthenticationError("no"), limited(20.0)], A, B, timeout_s=15.0)
    assert isinstance(played.error, AllTargetsFailed)
    assert played.error.retry_after_s == pytest.approx(20.0)
    played = play([AuthenticationError("no"), (9.0, TargetTimeoutError("slow"))], A, B)
    assert isinstance(played.error, AllTargetsFailed)
    assert played.error.retry_after_s is None, "b may be asked at once"


# -- places ---------------------------------------------------------------------------------------


NARROW = replace(A, max_concurrency=1)


def test_a_full_target_is_passed_over() -> None:
    state = MemoryState()
    assert state.admit("a", "g-a", 1000.0) is not None
    played = play([], NARROW, B, state=state)
    assert (played.calls, played.waits) == (["b"], [])


def test_a_place_is_waited_for_where_nobody_else_has_one() -> None:
    state = MemoryState()
    held = state.admit("a", "g-a", 1000.0)
    assert held is not None
    machine = dispatch(
        Plan((NARROW,), 60.0),
        state=state,
        settings=DispatchSettings(),
        settle=as_told,
        rng=random.Random(0),
        now=1000.0,
        streamed=False,
    )
    step: Any = next(machine)
    assert isinstance(step, Wait)
    assert step.bell is not None
    assert not step.bell.has_rung
    again: Any = machine.send(Woke(1000.02))
    assert again.bell is step.bell  # the place in the line is kept
    state.record(held, Outcome(ok=True), 1000.03)
    assert step.bell.has_rung
    step = machine.send(Woke(1000.04))
    assert isinstance(step, CallTarget)
    machine.close()
    assert state.snapshot().targets["a"].in_flight == 0


def test_no_place_until_the_deadline() -> None:
    state = MemoryState()
    state.admit("a", "g-a", 1000.0)
    played = play([], NARROW, state=state, timeout_s=1.0)
    assert isinstance(played.error, AllTargetsFailed)
    assert "a has as many calls under way as it may" in str(played.error)
    assert played.error.retry_after_s is None
    assert 1000.9 < played.ended_at <= 1001.0


def test_no_retries_still_fails_over() -> None:
    using = DispatchSettings(max_retries=0)
    assert play([server()], A, B, using=using).calls == ["a", "b"]
    assert play([server()], A, using=using).calls == ["a"]


# -- time -----------------------------------------------------------------------------------------


def test_one_call_may_not_eat_the_time_of_the_others() -> None:
    played = play([(40.0, TargetTimeoutError("slow")), (99.0, TargetTimeoutError("slow"))], A, B)
    assert [limit.total_s for limit in played.limits] == [pytest.approx(40.0), pytest.approx(20.0)]
    assert all(limit.first_token_s == limit.total_s for limit in played.limits)
    assert isinstance(played.error, DeadlineExceeded)
    assert played.error.timeout_s == 60.0
    assert [a.target for a in played.error.attempts] == ["a", "b"]
    assert played.ended_at == 1060.0


def test_a_hung_call_is_left_long_before_a_long_deadline() -> None:
    hung = (999.0, TargetTimeoutError("slow"))
    played = play([hung, ANSWER], A, B, timeout_s=300.0, first_token_s=30.0, expected_s=5.0)
    assert [limit.total_s for limit in played.limits] == [45.0, pytest.approx(255.0)]
    assert played.response is not None
    alone = play([ANSWER], A, timeout_s=300.0, first_token_s=30.0, expected_s=5.0)
    assert alone.limits[0].total_s == 300.0


def test_it_takes_many_empty_answers_to_send_a_target_to_rest() -> None:
    state = MemoryState()
    for _ in range(3):
        play([EmptyAnswerError("nothing"), EmptyAnswerError("nothing")], A, state=state)
    assert state.snapshot().cooling_until("a", A.quota_group) == 0.0
    play([EmptyAnswerError("nothing"), EmptyAnswerError("nothing")], A, state=state)
    assert state.snapshot().cooling_until("a", A.quota_group) > 0.0


def test_no_time_is_kept_for_others_that_rest_too_long() -> None:
    state = MemoryState()
    play([limited(100.0)], B, state=state, timeout_s=5.0)
    assert play([], A, B, state=state, now=1001.0).limits[0].total_s == 60.0
    assert play([], A, B, state=state, now=1070.0).limits[0].total_s == pytest.approx(40.0)


def test_a_stream_must_show_content_in_its_share_but_may_then_take_all() -> None:
    played = play([server(), ANSWER], A, B, streamed=True, timeout_s=30.0, call_s=3.0)
    first, second = played.limits
    assert (first.total_s, first.first_token_s) == (30.0, pytest.approx(20.0))
    assert (second.total_s, second.first_token_s) == (28.5, 28.5)
    assert play([], A, B, streamed=True, timeout_s=600.0).limits[0].first_token_s == 60.0


def test_a_deadline_cut_teaches_the_state_nothing() -> None:
    state = MemoryState()
    for _ in range(5):
        played = play([(9.0, TargetTimeoutError("slow"))], A, timeout_s=0.5, state=state)
        assert isinstance(played.error, DeadlineExceeded)
    health = state.snapshot().targets["a"]
    assert (health.failures, health.in_flight) == (0, 0)


@pytest.mark.parametrize(
    ("hinted", "streamed"),
    [
        ({"first_token_s": 0.0}, True),
        ({"first_token_s": 2.0}, True),
        ({"timeout_s": 0.6}, False),
        ({"timeout_s": 0.6}, True),
    ],
)
def test_an_impatient_caller_sends_nobody_to_rest(hinted: dict[str, float], streamed: bool) -> None:
    state = MemoryState()
    slow = {"a": (9.0, ANSWER), "b": (0.1, ANSWER)}
    for _ in range(5):
        hasty = play(slow, A, B, state=state, streamed=streamed, **hinted)
        assert [a.error_type for a in hasty.attempts][:1] == ["TargetTimeoutError"]
    health = state.snapshot().targets["a"]
    assert (health.failures, health.in_flight) == (0, 0)
    assert play(slow, A, B, state=state, streamed=streamed).calls == ["a"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("configured_s", [0.3, 60.0])
def test_who_is_silent_for_as_long_as_configured_goes_to_rest(
    streamed: bool, configured_s: float
) -> None:
    state = MemoryState()
    using = DispatchSettings(timeout_s=configured_s, first_token_timeout_s=configured_s)
    silent = {"a": (1e6, ANSWER), "b": (0.001, ANSWER)}
    now, calls = 1000.0, []
    for _ in range(3):
        played = play(
            silent, A, B, state=state, streamed=streamed, timeout_s=configured_s, using=using,
            now=now,
        )  # fmt: skip
        now = played.ended_at
        calls.append(played.calls)
    assert calls == [["a", "b"], ["a", "b"], ["b"]]


@pytest.mark.parametrize(
    ("phase", "timeout_s", "failures"),
    [
        ("connect", 60.0, 1),
        ("connect", 2.0, 0),
        ("pool", 2.0, 0),
        ("write", 60.0, 1),
        ("write", 9.0, 0),
        ("idle", 9.0, 1),
        ("total", 40.0, 0),
        ("total", 60.0, 1),
    ],
)
def test_a_limit_counts_where_it_was_not_cut_short(
    phase: Any, timeout_s: float, failures: int
) -> None:
    state = MemoryState()
    played = play([TargetTimeoutError("slow", phase=phase)], A, B, state=state, timeout_s=timeout_s)
    assert played.calls == ["a", "b"]
    assert state.snapshot().targets["a"].failures == failures


def test_a_providers_own_timeout_counts_however_hasty_the_caller() -> None:
    state = MemoryState()
    play([TargetTimeoutError("gateway", status=504)], A, B, state=state, timeout_s=2.0)
    assert state.snapshot().targets["a"].failures == 1


def test_what_was_never_sent_is_no_sign_of_health() -> None:
    state = MemoryState()
    play([OverloadedError("full")], A, state=state, timeout_s=1.5)
    play([UnsupportedParameterError("seed", sent=False)], A, state=state, now=1010.0)
    health = state.snapshot().targets["a"]
    assert (health.reason, health.probing, health.in_flight) == ("OverloadedError", False, 0)


def test_no_time_at_all() -> None:
    played = play([], A, timeout_s=0.0)
    assert isinstance(played.error, DeadlineExceeded)
    assert played.calls == []


# -- streams --------------------------------------------------------------------------------------


def test_a_stream_measures_its_first_content() -> None:
    state = MemoryState()
    played = play([(4.0, ANSWER)], A, streamed=True, state=state)
    assert played.attempts[0].first_token_s == 2.0
    health = state.snapshot().targets["a"]
    assert (health.first_token_s, health.output_tokens_per_s) == (2.0, 2.5)


def test_a_committed_stream_that_breaks_is_nobody_elses_to_continue() -> None:
    state = MemoryState()
    error = TruncatedAnswerError("cut")
    played = play([server(), Break(error)], A, B, C, streamed=True, state=state)
    assert played.calls == ["a", "b"]
    interrupted = played.error
    assert isinstance(interrupted, StreamInterrupted)
    assert interrupted.cause is interrupted.__cause__ is error
    assert (interrupted.partial.text, interrupted.partial.target) == ("42", "b")
    assert interrupted.usage == ANSWER.usage
    assert [a.outcome for a in interrupted.attempts] == ["error", "interrupted"]
    assert interrupted.attempts[1].usage == ANSWER.usage
    assert interrupted.attempts[1].cost_usd == interrupted.partial.cost_usd == 0.25
    assert interrupted.partial.attempts == interrupted.attempts
    health = state.snapshot().targets["b"]
    assert (health.failures, health.in_flight) == (1, 0)


def test_a_stream_closes_its_breaker_with_its_first_content() -> None:
    state = MemoryState()
    play([OverloadedError("full")], A, state=state, timeout_s=1.5)
    machine = dispatch(
        Plan((A,), 60.0),
        state=state,
        settings=DispatchSettings(),
        settle=as_told,
        rng=random.Random(0),
        now=1010.0,
        streamed=True,
    )
    assert isinstance(next(machine), CallTarget)
    assert state.admit("a", "g-a", 1011.0) is None
    machine.send(Committed(1012.0))
    assert state.admit("a", "g-a", 1012.0) is not None
    machine.close()


# -- endings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [server(), TargetTimeoutError("slow"), limited(20.0), limited()])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_dead_primary_is_soon_left_alone(error: AttemptError, streamed: bool) -> None:
    state, now, calls = MemoryState(), 1000.0, []
    for _ in range(200):
        played = play(
            {"a": (0.05, error), "b": (0.05, ANSWER)}, A, B, state=state, now=now, streamed=streamed
        )
        assert played.response is not None
        assert played.waits == []
        calls.append(played.calls)
        now = played.ended_at
    opened = calls.index(["b"])
    assert opened <= 3
    assert sum("a" in each for each in calls[opened:]) <= 0.1 * len(calls[opened:])


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("ending", [None, KeyboardInterrupt()])
def test_closing_hands_back_what_is_held(steps: int, ending: BaseException | None) -> None:
    state = MemoryState()
    play([OverloadedError("full")], A, state=state, timeout_s=1.5)
    machine = dispatch(
        Plan((A,), 60.0),
        state=state,
        settings=DispatchSettings(),
        settle=as_told,
        rng=random.Random(0),
        now=1010.0,
        streamed=True,
    )
    next(machine)
    if steps == 2:
        machine.send(Committed(1011.0))
    if ending is None:
        machine.close()
    else:
        with pytest.raises(KeyboardInterrupt):
            machine.throw(ending)
    health = state.snapshot().targets["a"]
    assert (health.in_flight, health.probing) == (0, False)
    assert state.admit("a", "g-a", 1012.0) is not None


def test_an_event_that_answers_no_call_is_refused() -> None:
    state = MemoryState()
    machine = dispatch(
        Plan((A,), 60.0),
        state=state,
        settings=DispatchSettings(),
        settle=as_told,
        rng=random.Random(0),
        now=0.0,
        streamed=False,
    )
    next(machine)
    with pytest.raises(TypeError, match="no answer to a call"):
        machine.send(Woke(1.0))
    assert state.snapshot().targets["a"].in_flight == 0


@pytest.mark.parametrize(("timeout_s", "failures"), [(60.0, 1), (40.0, 1), (5.0, 0)])
def test_a_stream_that_trickles_past_the_configured_deadline_is_held_against_its_target(
    timeout_s: float, failures: int
) -> None:
    state = MemoryState()
    trickling = [(200.0, ANSWER)]
    played = play(
        trickling, A, streamed=True, state=state, timeout_s=timeout_s, first_token_s=100.0
    )
    assert isinstance(played.error, StreamInterrupted | DeadlineExceeded)
    assert state.snapshot().targets["a"].failures == failures


def test_a_repair_that_had_to_wait_keeps_to_the_retries_too() -> None:
    state, now = MemoryState(), 1000.0
    machine = dispatch(
        Plan((B, A), 60.0),
        state=state,
        settings=DispatchSettings(max_retries=1),
        settle=as_told,
        rng=random.Random(0),
        now=now,
        streamed=False,
    )
    asked, step = [], next(machine)
    beside = state.admit("b", "g-b", now)
    assert beside is not None
    # another request finds b to rest, so its answer cannot be mended at once
    state.record(beside, Outcome(ok=False, cools="target", retry_after_s=12.0), now)
    errors = {
        "b": RejectedAnswerError("no", answer=ANSWER),
        "a": EmptyAnswerError("nothing in it"),
    }
    while not isinstance(step, Done):
        if isinstance(step, Wait):
            now += step.seconds
            step = machine.send(Woke(now))
            continue
        assert isinstance(step, CallTarget)
        asked.append(step.target.name)
        now += 5.0
        step = machine.send(Failed(now, errors[step.target.name], DROPPED))
    assert asked[:2] == ["b", "a"]
    assert len(asked) == 3
    assert step.response is not None


def test_who_failed_beside_a_stream_is_not_asked_anew_when_that_breaks() -> None:
    machine = dispatch(
        Plan(
            (A, B),
            60.0,
            on_interrupt="restart",
            hedge=Hedge(lambda asked: 1.0, lambda usd: True),
        ),
        state=MemoryState(),
        settings=DispatchSettings(max_retries=0),
        settle=as_told,
        rng=random.Random(0),
        now=1000.0,
        streamed=True,
    )
    assert next(machine).target == A
    assert machine.send(Slow(1001.0)).target == B
    failed = Failed(1002.0, EmptyAnswerError("nothing in it"), (), "a")
    assert isinstance(machine.send(Committed(1002.0, "b", beside=(failed,))), Relay)
    with pytest.raises(StreamInterrupted) as raised:
        machine.send(Broke(1003.0, server(), ANSWER, (), "b"))
    assert [attempt.target for attempt in raised.value.attempts] == ["a", "b"]
