"""Scores of answers: what they add up to, what replaces what, and what is forgotten."""

from __future__ import annotations

import threading

import pytest

from llmrouter_integrations.state.base import Answered
from llmrouter_integrations.state.feedback import HALF_LIFE_S, MOST_SCORES, Feedback

KEPT = 1 - 1 / MOST_SCORES


def scored(*scores, expected=0.5, at=0.0, feedback=None):
    """A store in which answers of target "a" at "chat" got these scores, all at one time."""
    feedback = feedback or Feedback()
    for score in scores:
        decision = f"d{len(feedback.judged())}"
        feedback.answered(decision, Answered("a", "chat", expected))
        assert feedback.judge(decision, "a", score, at)
    return feedback


def tally(feedback):
    return feedback.evidence()["a"]["chat"]


@pytest.mark.parametrize(
    ("scores", "weight", "excess"),
    [
        ([1.0], 1.0, 0.5),
        ([0.0], 1.0, -0.5),
        ([0.5], 1.0, 0.0),
        ([1.0, 1.0], 1 + KEPT, 0.5 + 0.5 * KEPT),
        ([1.0, 0.0], 1 + KEPT, -0.5 + 0.5 * KEPT),
    ],
)
def test_scores_add_up_to_what_is_above_the_expected(scores, weight, excess):
    found = tally(scored(*scores))
    assert (found.weight, found.excess) == (pytest.approx(weight), pytest.approx(excess))
    assert found.scores == len(scores)


def test_a_score_counts_half_after_its_half_life():
    feedback = scored(1.0, at=0.0)
    scored(0.5, at=HALF_LIFE_S, feedback=feedback)
    assert tally(feedback).excess == pytest.approx(0.5 * 0.5 * KEPT)
    assert tally(feedback).weight == pytest.approx(1 + 0.5 * KEPT)


def test_of_many_scores_the_latest_count():
    feedback = scored(*[1.0] * 2000, expected=0.5)
    assert tally(feedback).weight == pytest.approx(MOST_SCORES, rel=1e-3)
    scored(*[0.0] * 1000, feedback=feedback)  # the model changed
    assert tally(feedback).excess / tally(feedback).weight == pytest.approx(-0.5, abs=0.01)


@pytest.mark.parametrize("between", [0, 3])
@pytest.mark.parametrize("later_s", [0.0, HALF_LIFE_S])
def test_a_second_score_replaces_the_first(between, later_s):
    corrected, straight = Feedback(), Feedback()
    for feedback, first in ((corrected, 1.0), (straight, 0.0)):
        feedback.answered("x", Answered("a", "chat", 0.5))
        feedback.judge("x", "a", first, 0.0)
        scored(*[0.8] * between, at=later_s, feedback=feedback)
    corrected.judge("x", "a", 0.0, later_s)
    assert tally(corrected).excess * 2.0 ** (
        (tally(corrected).at - tally(straight).at) / HALF_LIFE_S
    ) == pytest.approx(tally(straight).excess)
    assert tally(corrected).scores == tally(straight).scores


def test_only_so_many_decisions_are_remembered():
    feedback = Feedback(most=3)
    for number in range(5):
        feedback.answered(f"d{number}", Answered("a", "chat", 0.5))
    assert [bool(feedback.answers(f"d{n}")) for n in range(5)] == [False, False, True, True, True]
    assert not feedback.judge("d0", "a", 1.0, 0.0)
    assert not feedback.judge("d4", "b", 1.0, 0.0)
    assert not feedback.evidence()


def test_who_answered_last_stands_last():
    feedback = Feedback()
    for target in ("a", "b", "a"):
        feedback.answered("d", Answered(target, "chat", 0.5))
    assert [answered.target for answered in feedback.answers("d")] == ["b", "a"]


def test_evidence_once_read_does_not_change():
    feedback = scored(1.0)
    before = feedback.evidence()
    scored(0.0, feedback=feedback)
    assert before["a"]["chat"].scores == 1
    assert feedback.evidence() is not before


def test_a_clock_that_is_put_back_makes_nothing_count_more():
    feedback = scored(1.0, at=HALF_LIFE_S)
    scored(1.0, at=0.0, feedback=feedback)
    assert tally(feedback).weight == pytest.approx(1 + KEPT)
    assert tally(feedback).at == HALF_LIFE_S


def test_what_is_loaded_replaces_what_was_learned():
    feedback, other = scored(1.0), scored(0.0, 0.0)
    feedback.load(other.evidence())
    assert tally(feedback) == tally(other)
    feedback.judge("d0", "a", 1.0, 0.0)  # it is new to what was loaded
    assert tally(feedback).scores == 3
    assert tally(other).scores == 2


def test_threads_lose_no_score():
    feedback = Feedback()

    def work(name):
        for number in range(200):
            decision = f"{name}-{number}"
            feedback.answered(decision, Answered("a", "chat", 0.5))
            feedback.judge(decision, "a", 1.0, 0.0)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally(feedback).scores == 1600
    weight = sum(KEPT**n for n in range(1600))
    assert tally(feedback).weight == pytest.approx(weight)
    assert tally(feedback).excess == pytest.approx(weight / 2)
