"""What a request makes of the expected quality: :class:`Expectations`.

The table's figure is what the scorer took. On it work, one after the other:

1. a fitted predictor, for the models it knows, as far as the prompt is like those it learned from;
2. evidence: what the user's own scores of earlier answers were above or below what was expected.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from llmrouter_integrations.routing.evidence import OVERALL, Belief, beliefs, prior_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.routing.decision import Features, Scored
    from llmrouter_integrations.routing.target import Target
    from llmrouter_integrations.state.base import Evidence, Tally

__all__ = ["Expectations", "Judge", "Prediction", "Predictor", "asked_text", "spread"]

_log = logging.getLogger("llmrouter_integrations")

LOOKED_AT_AGAIN_S = 3_600.0
"""Evidence fades by 0.1% in an hour; it is not worked out again before."""

_TASK_KNOWN = 0.5


class Prediction(Protocol):
    """What is expected of one prompt."""

    @property
    def quality(self) -> Mapping[str, float]:
        """Model to the expected quality of its answer, 0..1."""
        ...

    @property
    def familiar(self) -> float:
        """How like the prompts learned from it is, 0..1."""
        ...


class Predictor(Protocol):
    """Knows how well some models answer a prompt; ``llmrouter fit`` makes one."""

    @property
    def models(self) -> Sequence[str]:
        """Whose: names of targets, ``provider/model``, or bare model names."""
        ...

    def predict_one(self, prompt: str, task: str | None = None) -> Prediction:
        """Predict the quality of each model's answer to a prompt."""
        ...


class Expectations:
    """What is expected of the targets of one router, beside the catalogue.

    Args:
        targets: The router's.
        evidence: Gives what scores taught, as it is now.
        fade: Gives how much of a tally still counts at an age, in seconds.
        clock: Unix time, in seconds.
        predictor: A fitted predictor.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        evidence: Callable[[], Evidence],
        *,
        fade: Callable[[float], float],
        clock: Callable[[], float],
        predictor: Predictor | None = None,
    ) -> None:
        self._evidence = evidence
        self._fade = fade
        self._clock = clock
        self._predictor = predictor
        self._failed = False
        self.foretold = {} if predictor is None else _named(targets, predictor.models)
        self._worked_out: dict[str, tuple[Mapping[str, Tally], float, dict[str, Belief]]] = {}
        self._targets = targets
        self.places = {target.name: place for place, target in enumerate(targets)}
        self.foretold_at = [(self.places[name], model) for name, model in self.foretold.items()]
        self._shifts: dict[str, tuple[Evidence, float, list[tuple[int, float]]]] = {}

    def __getstate__(self) -> dict[str, Any]:
        # decisions hold this and are copied and pickled: the store and the predictor stay behind
        nothing: dict[str, Any] = {"_evidence": dict, "_predictor": None}
        return {**vars(self), **nothing, "_worked_out": {}, "_shifts": {}}

    def over(self, request: Request, features: Features) -> Judge | None:
        """Give what corrects the qualities of one request; None where nothing does."""
        evidence = self._evidence()
        if not evidence and not self.foretold:
            return None
        prediction = None
        if self._predictor is not None and self.foretold:
            task = features.task if features.task_probability >= _TASK_KNOWN else None
            try:
                prediction = self._predictor.predict_one(asked_text(request), task)
            except Exception:  # noqa: BLE001  (somebody else's code: the table serves without it)
                if not self._failed:
                    self._failed = True
                    _log.exception("the predictor fails; the table's figures are used (told once)")
        return Judge(self, features, prediction, evidence)

    def shifts(self, evidence: Evidence, task: str) -> list[tuple[int, float]]:
        """Give places of targets, and what scores add to their P(good answer) at a task."""
        known = self._shifts.get(task)
        # `is`: evidence that changed is another object
        if known is None or known[0] is not evidence or known[1] < self._clock():
            found = [
                (place, self.believed(target, evidence[target.name], task).shift)
                for place, target in enumerate(self._targets)
                if target.name in evidence
            ]
            known = self._shifts[task] = (evidence, self._clock() + LOOKED_AT_AGAIN_S, found)
        return known[2]

    def believed(self, target: Target, tallies: Mapping[str, Tally], task: str) -> Belief:
        """Give what is believed of a target at a task."""
        known = self._worked_out.get(target.name)
        if known is None or known[0] is not tallies or known[1] < self._clock():
            now = self._clock()
            fading = {name: self._fade(now - tally.at) for name, tally in tallies.items()}
            found = beliefs(tallies, fading, target.outlook(OVERALL).quality_error)
            known = self._worked_out[target.name] = (tallies, now + LOOKED_AT_AGAIN_S, found)
        found = known[2]
        return found.get(task) or found[OVERALL]


class Judge:
    """Corrects what is expected of targets, for one request."""

    __slots__ = (
        "_before",
        "_evidence",
        "_familiar",
        "_features",
        "_predicted",
        "_set",
        "_shifts",
    )

    def __init__(
        self,
        of: Expectations,
        features: Features,
        prediction: Prediction | None,
        evidence: Evidence,
    ) -> None:
        self._set = of
        self._features = features
        self._predicted = None if prediction is None else prediction.quality
        self._familiar = 0.0 if prediction is None else prediction.familiar
        self._evidence = evidence
        self._shifts = of.shifts(evidence, features.task) if evidence else []
        self._before: list[float] = []

    def correct(self, table: list[float]) -> list[float]:
        """Correct what is expected of the targets.

        Args:
            table: The P(good answer) of each by the table, 0..1, in the order of the targets.
        """
        quality = table
        if self._predicted is not None:
            quality, familiar, predicted = [*table], self._familiar, self._predicted
            for place, model in self._set.foretold_at:
                found = predicted.get(model)
                # of a predictor of the user's own, what is no probability says nothing
                if found is not None and 0.0 <= found <= 1.0:
                    quality[place] += familiar * (found - quality[place])
        self._before = quality
        if self._shifts:
            quality = [*quality]
            for place, shift in self._shifts:
                shifted = quality[place] + shift
                if not 0.0 <= shifted <= 1.0:
                    shifted = 1.0 if shifted > 1.0 else 0.0
                quality[place] = shifted
        return quality

    def without_feedback(self, scored: Scored) -> float:
        """Give what was expected of a target before any feedback."""
        return self._before[self._set.places[scored.target.name]]

    def error(self, target: Target) -> float | None:
        """Give the standard error of a target's quality where scores bear on it, else None."""
        tallies = self._evidence.get(target.name)
        if tallies is None:
            return None
        return self._set.believed(target, tallies, self._features.task).error

    def source(self, target: Target, table: str) -> str:
        """Say where the quality of a target comes from.

        Args:
            target: Which.
            table: Where the table's figure does.
        """
        told = [table]
        if target.name in self._set.foretold:
            told.append(f"a fitted predictor by {self._familiar:.0%}")
        tallies = self._evidence.get(target.name)
        if tallies is not None:
            belief = self._set.believed(target, tallies, self._features.task)
            told.append(
                f"{belief.shift:+.3f} by feedback ({belief.scores:.3g} scores of "
                f"{self._features.task}, {sum(t.scores for t in tallies.values())} of all tasks)"
            )
        return "; ".join(told)


def spread(judge: Judge | None, target: Target, features: Features) -> float:
    """Give the standard error of what is expected of a target's answer."""
    found = None if judge is None else judge.error(target)
    if found is None:
        found = prior_error(target.outlook(features.task, features.effort).quality_error)
    return found


def _named(targets: Iterable[Target], models: Sequence[str]) -> dict[str, str]:
    """Target name to what the predictor calls its model; an exact name goes first."""
    folded = {model.casefold(): model for model in models}
    found: dict[str, str] = {}
    for target in targets:
        for spelling in (target.name.casefold(), *sorted(target.spellings, key=len, reverse=True)):
            if spelling in folded:
                found[target.name] = folded[spelling]
                break
    return found


def asked_text(request: Request) -> str:
    """Give the text of the last user turn that has any."""
    for message in reversed(request.messages):
        if message.role == "user" and message.text:
            return message.text
    return ""
