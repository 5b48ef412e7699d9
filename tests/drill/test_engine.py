"""The drill in small: each fault, in each mode; and that it fails what it should."""

from __future__ import annotations

from collections import Counter

import pytest

from llmrouter_integrations import Chunk, Message, Response
from llmrouter_integrations.drill.calling import MODES, Mode
from llmrouter_integrations.drill.engine import Drill
from llmrouter_integrations.drill.results import Result, Spread, summaries
from llmrouter_integrations.drill.rows import FAULTS, chosen
from llmrouter_integrations.drill.scene import SimulatedScene, built_in
from llmrouter_integrations.errors import AllTargetsFailed, ConfigurationError, InvalidRequestError
from llmrouter_integrations.messages import Attempt, TextDelta, TextPart

SYNC = (Mode(streamed=False, asynchronous=False), Mode(streamed=True, asynchronous=False))


def small(scene, **settings):
    return Drill(
        scene, requests=4, concurrency=2, most_added_p99_s=None, hopeless_s=0.15, **settings
    )


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: row.name)
def test_the_router_passes_the_drill(row, scene_of):
    # silence takes its time; the sync modes are timed by the guarantees
    modes = MODES[1::2] if row.kind == "time" else MODES
    for result in small(scene_of(kind=row.kind)).run([row], modes):
        assert result.passed, (result.mode, result.complaints)
        assert not result.skipped
        assert result.requests == sum(result.outcomes.values())


@pytest.mark.parametrize("name", ["cut", "error-event", "tool-call-malformed"])
def test_with_restarts_a_stream_that_breaks_is_answered_too(name, scene_of):
    for restarts, outcomes in ((False, {"interrupted", "whole"}), (True, {"whole"})):
        drill = small(scene_of(), restarts=restarts)
        for result in drill.run(chosen([name]), MODES[2:]):
            assert result.passed, (result.mode, result.complaints)
            assert set(result.outcomes) == outcomes


def test_where_the_time_is_over_nothing_begins_again(scene_of):
    drill = small(scene_of(kind="time"), restarts=True)
    for result in drill.run(chosen(["total-timeout"]), MODES[3:]):
        assert result.passed, (result.mode, result.complaints)
        assert "interrupted" in result.outcomes


def test_what_a_result_counts(scene_of):
    (row,) = chosen(["overloaded"])
    (result,) = small(scene_of()).run([row], MODES[:1])
    assert result.faulty == ("first",)
    assert result.outcomes == {"whole": 6}
    assert result.calls_after == 1
    assert result.faulty_calls_after == 0
    assert result.calls_when_all_fail in (2, 3)
    assert 0 < result.wasted_calls <= 0.5
    assert (result.duplicated, result.lost, result.unreported) == (0, 0, 0)
    assert result.success_rate == 1


def test_who_shares_what_rests_fails_together(stage):
    config = {
        "models": [
            {"model": "openai/a", "quota_group": "one", "name": "a"},
            {"model": "openai/b", "quota_group": "one", "name": "b"},
            {"model": "anthropic/c", "name": "c"},
        ],
        "policy": "ordered",
    }
    scene = SimulatedScene(built_in().of(**config), stage, patience_s=1.0)
    quota, target = small(scene).run(chosen(["billing", "server-error"]), MODES[:1])
    assert (quota.faulty, target.faulty) == (("a", "b"), ("a",))
    assert quota.passed
    assert target.passed
    scene.close()


def test_a_fault_that_a_protocol_cannot_show_is_skipped_with_the_reason(scene_of):
    (result,) = small(scene_of("bedrock")).run(chosen(["billing"]), MODES[:1])
    assert result.skipped == "bedrock cannot show it"
    assert result.passed


def test_what_no_target_takes_is_skipped_with_the_reason(stage):
    unable = {"model": "openai/a", "abilities": {"tools": False}}
    scene = SimulatedScene(built_in().of([unable]), stage, patience_s=1.0)
    (result,) = small(scene).run(chosen(["tool-call-malformed"]), MODES[:1])
    assert result.skipped.startswith("no target can serve this request (openai/a: ")
    scene.close()


# -- that it fails what it should ------------------------------------------------------------


class Odd:
    """A router that makes one mistake: stands where a real one would, on the same scene."""

    def __init__(self, router, mistake):
        self._router = router
        self._mistake = mistake
        self.config = router.config

    def explain(self, *args, **kwargs):
        return self._router.explain(*args, **kwargs)

    def complete(self, prompt, **kwargs):
        return self._mistake(self._router, prompt, **kwargs)

    def stream(self, prompt, **kwargs):
        response = self._mistake(self._router, prompt, **kwargs)
        yield Chunk(deltas=(TextDelta(response.text),))
        yield Chunk(response=response)


def answer(text, *attempts, target="second"):
    tried = tuple(Attempt(name, "p", "m", "ok") for name in (*attempts, target))
    return Response(message=Message("assistant", (TextPart(text),)), target=target, attempts=tried)


def changed(change):
    def mistake(router, prompt, **kwargs):
        response = router.complete(prompt, **kwargs)
        text = change(response.text)
        return answer(text, *[a.target for a in response.attempts[:-1]], target=response.target)

    return mistake


def crashing_when_asked_on(router, prompt, **kwargs):
    response = router.complete(prompt, **kwargs)
    if response.target == "second":
        raise KeyError("choices")
    return response


def giving_up(router, prompt, **kwargs):
    raise AllTargetsFailed(())


def giving_up_when_asked_on(router, prompt, **kwargs):
    response = router.complete(prompt, **kwargs)
    if response.target == "second":
        raise AllTargetsFailed(response.attempts)
    return response


def forgetful(router, prompt, **kwargs):
    response = router.complete(prompt, **kwargs)
    return answer(response.text, target=response.target)


def stubborn(router, prompt, **kwargs):
    """Asks whom it knows to be broken each time, and tells so."""
    response = router.complete(prompt, **kwargs)
    return answer(response.text, "first", "first", target=response.target)


MISTAKES = [
    ("spliced", changed(lambda text: text.replace("t1.", "t0.", 3)), "spliced"),
    ("doubled", changed(lambda text: f"{text} {text}"), "spliced"),
    ("cut", changed(lambda text: text[:100]), "truncated"),
    ("another's", changed(str.upper), "wrong"),
    ("crash", crashing_when_asked_on, "crashed: request 0, KeyError: 'choices'"),
    ("gives up", giving_up_when_asked_on, "failed, not whole"),
    ("untold calls", forgetful, "calls that no answer or error tells of"),
    ("stubborn", stubborn, "calls a request after the breaker opened"),
    ("stubborn", stubborn, "of them to what had failed"),
]


@pytest.mark.parametrize(("name", "mistake", "told"), MISTAKES, ids=[m[0] for m in MISTAKES])
@pytest.mark.parametrize("mode", SYNC, ids=lambda mode: mode.name)
def test_a_router_that_errs_fails_and_is_told_how(name, mistake, told, *, mode, stage, monkeypatch):
    scene = SimulatedScene(built_in(), stage, patience_s=1.0)
    real = scene.router
    monkeypatch.setattr(scene, "router", lambda *args, **kw: Odd(real(*args, **kw), mistake))
    (result,) = small(scene).run(chosen(["overloaded"]), [mode])
    assert not result.passed
    assert any(told in complaint for complaint in result.complaints), result.complaints
    scene.close()


def asking_all(router, prompt, **kwargs):
    with pytest.raises(InvalidRequestError):
        router.complete(prompt, **kwargs)
    router.complete(prompt, hints={"models": ["second"]})
    attempts = [Attempt(name, "p", "m", "error") for name in ("first", "second")]
    raise AllTargetsFailed(attempts)


def test_asking_on_what_nobody_can_answer_is_a_complaint(stage, monkeypatch):
    scene = SimulatedScene(built_in(), stage, patience_s=1.0)
    drill = small(scene)
    drill._healthy_spread(MODES[0], chosen(["invalid-request"])[0])
    real = scene.router
    monkeypatch.setattr(scene, "router", lambda *args, **kw: Odd(real(*args, **kw), asking_all))
    (result,) = drill.run(chosen(["invalid-request"]), MODES[:1])
    assert "others were asked what nobody could have answered" in result.complaints
    scene.close()


def test_what_does_not_work_cannot_be_drilled(stage, monkeypatch):
    scene = SimulatedScene(built_in(), stage, patience_s=1.0)
    real = scene.router
    monkeypatch.setattr(scene, "router", lambda *args, **kw: Odd(real(*args, **kw), giving_up))
    with pytest.raises(ConfigurationError, match="nobody answers where nothing is wrong"):
        next(small(scene).run(chosen(["overloaded"])))
    scene.close()


def test_answers_and_untold_calls_while_all_fail_are_complaints(stage, monkeypatch):
    scene = SimulatedScene(built_in(), stage, patience_s=1.0)
    real = scene.router

    def mistake(router, prompt, **kwargs):
        try:
            return router.complete(prompt, **kwargs)
        except AllTargetsFailed:
            return answer("made up")

    monkeypatch.setattr(scene, "router", lambda *args, **kw: Odd(real(*args, **kw), mistake))
    (result,) = small(scene).run(chosen(["overloaded"]), MODES[:1])
    told = "\n".join(result.complaints)
    assert "2 answers while all targets failed" in told
    assert "calls untold while all targets failed" in told
    scene.close()


def test_too_many_calls_while_all_fail_are_a_complaint(stage, monkeypatch):
    scene = SimulatedScene(built_in(), stage, patience_s=1.0)
    real = scene.router

    def mistake(router, prompt, **kwargs):
        try:
            return router.complete(prompt, **kwargs)
        except AllTargetsFailed as error:
            raise AllTargetsFailed(error.attempts * 2) from None

    monkeypatch.setattr(scene, "router", lambda *args, **kw: Odd(real(*args, **kw), mistake))
    (result,) = small(scene).run(chosen(["overloaded"]), MODES[:1])
    assert result.complaints == ("4 calls for one request while all targets failed",)
    scene.close()


def test_slowness_of_a_fault_that_shows_at_once_is_a_complaint(stage, monkeypatch):
    scene = SimulatedScene(built_in(), stage, patience_s=1.0)
    drill = Drill(scene, requests=4, concurrency=2, most_added_p99_s=-10.0, hopeless_s=0.15)
    quick, slow = drill.run(chosen(["overloaded", "idle-timeout"]), MODES[:1])
    assert "ms added to the slowest hundredth" in quick.complaints[0]
    assert slow.passed  # that a silent target costs its limit is no fault of the router's
    scene.close()


# -- figures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("durations", "p50", "p99"),
    [
        ([], 0, 0),
        ([3.0], 3, 3),
        ([1.0, 2.0, 3.0], 2, 3),
        ([float(n) for n in range(1, 201)], 100, 198),
    ],
)
def test_a_spread_is_of_durations_that_were_seen(durations, p50, p99):
    assert Spread.of(durations) == Spread(p50, p99)


def test_a_summary_gives_the_worst_mode():
    results = [
        Result("f", "complete", requests=4, outcomes=Counter(whole=4), calls=4, calls_after=1.0),
        Result("f", "stream", requests=4, outcomes=Counter(interrupted=1, whole=3), calls=8),
        Result("f", "astream", skipped="cannot"),
        Result("g", "complete", requests=1, complaints=("bad",)),
    ]
    first, second = summaries(results)
    assert (first.fault, first.passed, second.passed) == ("f", True, False)
    assert first.worst("wasted_calls") == 1
    assert first.worst("calls_after") == 1
    assert first.worst("calls_when_all_fail") is None
    assert first.rate("whole") == 7 / 8
    assert results[0].plain()["outcomes"] == {"whole": 4}
