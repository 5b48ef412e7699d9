"""What was said of answers, in this process's memory: :class:`Feedback`."""

from __future__ import annotations

from collections import OrderedDict
from threading import RLock
from typing import TYPE_CHECKING

from llmrouter_integrations.state.base import Answered, Tally

if TYPE_CHECKING:
    from llmrouter_integrations.state.base import Evidence

__all__ = ["HALF_LIFE_S", "MOST_DECISIONS", "MOST_SCORES", "Feedback", "weight_at"]

HALF_LIFE_S = 30 * 86_400.0
"""A score counts half after a month. Judgement: vendors change what stands behind a model's name
every few months."""

MOST_SCORES = 200
"""Of many scores about as many of the latest count: each new one takes 1/200 of what the earlier
ones count. So a model that changed is learned anew from a few hundred answers, be it in a day."""

MOST_DECISIONS = 10_000
"""How many answers are remembered until they are judged: about 4 MB, and the prompts where they are
kept."""

_KEPT = 1.0 - 1.0 / MOST_SCORES


class _Answer:
    """An answer, and what was said of it last."""

    __slots__ = ("answered", "at", "place", "score")

    def __init__(self, answered: Answered) -> None:
        self.answered = answered
        self.score: float | None = None
        self.at = 0.0
        self.place = 0


class Feedback:
    """Answers of late, and what scores of them taught. Thread-safe.

    The lock may be taken twice by one thread: what the garbage collector closes may settle.

    Args:
        most: How many decisions are remembered; the oldest make room.
    """

    def __init__(self, most: int = MOST_DECISIONS) -> None:
        self._most = most
        self._lock = RLock()
        self._decisions: OrderedDict[str, dict[str, _Answer]] = OrderedDict()
        self._evidence: Evidence = {}

    def answered(self, decision: str, answered: Answered) -> None:
        """Remember an answer to a decision."""
        answer = _Answer(answered)
        with self._lock:
            answers = self._decisions.get(decision)
            if answers is None:
                self._decisions[decision] = {answered.target: answer}
                if len(self._decisions) > self._most:
                    self._decisions.popitem(last=False)
            else:
                answers.pop(answered.target, None)  # the last to answer stands last
                answers[answered.target] = answer

    def answers(self, decision: str) -> tuple[Answered, ...]:
        """Who answered a decision, the last one last; empty where nothing is remembered of it."""
        with self._lock:
            return tuple([a.answered for a in self._decisions.get(decision, {}).values()])

    def judge(self, decision: str, target: str, score: float, now: float) -> bool:
        """Learn from a score; a later score of the same answer replaces the earlier."""
        with self._lock:
            answer = self._decisions.get(decision, {}).get(target)
            if answer is None:
                return False
            answered = answer.answered
            tallies = dict(self._evidence.get(answered.target, {}))
            tally = faded(tallies.get(answered.task), now)
            if answer.score is None:
                weight = tally.weight * _KEPT + 1.0
                excess = tally.excess * _KEPT + score - answered.expected
                tally = Tally(weight, excess, tally.at, tally.scores + 1)
                answer.at, answer.place = tally.at, tally.scores
            else:
                weight = weight_at(now - answer.at) * _KEPT ** (tally.scores - answer.place)
                excess = tally.excess + weight * (score - answer.score)
                tally = tally._replace(excess=excess)
            answer.score = score
            tallies[answered.task] = tally
            # readers hold what was there before
            self._evidence = {**self._evidence, answered.target: tallies}
            return True

    def evidence(self) -> Evidence:
        """What was learned; it does not change any more."""
        return self._evidence

    def load(self, evidence: Evidence) -> None:
        """Put what was learned elsewhere in the place of what was learned here."""
        loaded = {target: dict(tallies) for target, tallies in evidence.items()}
        with self._lock:
            self._evidence = loaded
            for answers in self._decisions.values():
                for answer in answers.values():
                    answer.score = None  # it is not in what was loaded, to be taken back

    def judged(self) -> list[tuple[Answered, float]]:
        """Give the answers remembered that have a score, the oldest first."""
        with self._lock:
            return [
                (answer.answered, answer.score)
                for answers in self._decisions.values()
                for answer in answers.values()
                if answer.score is not None
            ]


def faded(tally: Tally | None, now: float) -> Tally:
    """Give what a tally counts at a later time."""
    if tally is None:
        return Tally(0.0, 0.0, now)
    weight = weight_at(now - tally.at)
    return Tally(tally.weight * weight, tally.excess * weight, max(now, tally.at), tally.scores)


def weight_at(age_s: float) -> float:
    """Give how much a score counts at an age, in seconds."""
    # a clock that was put back makes nothing count more
    return float(0.5 ** (max(0.0, age_s) / HALF_LIFE_S))
