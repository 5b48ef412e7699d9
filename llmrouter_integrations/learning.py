"""What a router learns while it is used: scores of its answers, kept, told on and read again."""

from __future__ import annotations

import difflib
import hashlib
import math
import time
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.errors import (
    ConfigurationError,
    FeedbackError,
    MissingExtraError,
    UnknownDecisionError,
)
from llmrouter_integrations.routing.judge import Expectations, asked_text
from llmrouter_integrations.state.base import Answered, Tally
from llmrouter_integrations.state.feedback import weight_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llmrouter_integrations.config import RouterConfig
    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.routing.decision import Decision
    from llmrouter_integrations.routing.judge import Predictor
    from llmrouter_integrations.routing.target import Target
    from llmrouter_integrations.state.base import Evidence, FeedbackStore

__all__ = ["Learning"]

LONGEST_KEPT = 16_000
"""Characters of a prompt up to which it is kept for :meth:`Learning.labels`: what a fit reads of
one. So the prompts of 10,000 answers stay within 160 MB."""

VERSION = 1
_FIELDS = frozenset(Tally._fields)


class Learning:
    """Scores of one router's answers, and what follows from them.

    Args:
        config: Where a fitted predictor is, and whether prompts are kept.
        targets: The router's.
        store: Where scores are kept.
        predictor: A predictor to use in place of the configured one.
        clock: Unix time, in seconds.

    Raises:
        ConfigurationError: The predictor cannot be read, or knows none of the targets.
    """

    def __init__(
        self,
        config: RouterConfig,
        targets: Sequence[Target],
        store: FeedbackStore,
        *,
        predictor: Predictor | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._store = store
        self._keeps_prompts = config.keep_prompts
        self._models = {target.name: target.model for target in targets}
        self._basis = "catalogue"
        if predictor is not None:
            self._basis = f"a {type(predictor).__name__}"
        elif config.predictor is not None:
            predictor, self._basis = _read(config.predictor)
        self.expectations = Expectations(
            targets, store.evidence, fade=weight_at, clock=clock, predictor=predictor
        )
        if predictor is not None and not self.expectations.foretold:
            raise ConfigurationError(
                f"the predictor knows none of the targets: it knows {', '.join(predictor.models)}; "
                f"the targets are {', '.join(self._models)}"
            )

    def answered(
        self, request: Request, decision: Decision, target: str, cost_usd: float | None
    ) -> None:
        """Remember an answer, so that it can be judged."""
        answered = Answered(
            target,
            decision.features.task,
            decision.without_feedback(target),
            cost_usd,
            self._kept(request),
        )
        self._store.answered(decision.id, answered)

    def handed_on(self, decision_id: str, target: str) -> None:
        """Remember whose answer was handed on, where others answered after it."""
        for answered in self._store.answers(decision_id):
            if answered.target == target:
                self._store.answered(decision_id, answered)  # the last one stands last

    def _kept(self, request: Request) -> str | None:
        prompt = asked_text(request) if self._keeps_prompts else None
        return None if prompt is None or len(prompt) > LONGEST_KEPT else prompt

    def judge(self, decision_id: str, score: float, target: str | None) -> None:
        """Learn from a score; as :meth:`Router.feedback`."""
        value = _score(score)
        answers = self._store.answers(decision_id)
        if not answers:
            raise _forgotten(decision_id)
        names = [answered.target for answered in answers]
        if target is not None and target not in names:
            near = difflib.get_close_matches(target, names, n=1, cutoff=0.0)
            raise FeedbackError(
                f"{target!r} gave no answer to decision {decision_id!r}; did you mean {near[0]!r}?"
            )
        if not self._store.judge(decision_id, target or names[-1], value, self._clock()):
            raise _forgotten(decision_id)  # it has had to make room just now

    def evidence(self) -> dict[str, Any]:
        """Write what scores taught in plain JSON types; as :meth:`Router.evidence`."""
        return {
            "version": VERSION,
            "basis": self._basis,
            "targets": {
                target: {task: tally._asdict() for task, tally in tallies.items()}
                for target, tallies in self._store.evidence().items()
            },
        }

    def load(self, written: Mapping[str, Any]) -> int:
        """Read what scores taught; as :meth:`Router.load_evidence`."""
        evidence = _evidence(written, self._clock())
        if written.get("basis") != self._basis:
            known = self.expectations.foretold
            evidence = {name: found for name, found in evidence.items() if name not in known}
        self._store.load(evidence)
        return len(evidence)

    def labels(self) -> list[dict[str, Any]]:
        """Give the judged answers whose prompt was kept; as :meth:`Router.labels`."""
        judged: dict[tuple[str, str], list[tuple[Answered, float]]] = {}
        for answered, score in self._store.judged():
            if answered.prompt is not None:
                judged.setdefault((answered.prompt, answered.target), []).append((answered, score))
        return [
            {
                "prompt": prompt,
                "task": answers[-1][0].task,
                "model": target,
                "quality": _mean([score for _, score in answers]),
                "cost_usd": _mean([a.cost_usd for a, _ in answers if a.cost_usd is not None]),
            }
            for (prompt, target), answers in judged.items()
        ]


def _mean(figures: Sequence[float]) -> float | None:
    return sum(figures) / len(figures) if figures else None


def _forgotten(decision_id: str) -> UnknownDecisionError:
    return UnknownDecisionError(
        f"no answer to decision {decision_id!r} is remembered: it is too old, was made by "
        "another router or another process, or got no answer"
    )


def _score(score: Any) -> float:
    # numpy's booleans are not Real
    is_figure = isinstance(score, Real) or hasattr(score, "__float__")
    try:
        value = float(score) if is_figure else math.nan
    except (TypeError, ValueError, OverflowError):  # an array of several, or beyond any float
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise FeedbackError(f"a score is true or false, or a number from 0 to 1, not {score!r}")
    return value


def _read(path: str) -> tuple[Predictor, str]:
    """Read a fitted predictor, and name what it was read from."""
    try:
        from llmrouter_integrations.routing import fitted_file
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        raise MissingExtraError("A fitted predictor", "eval", "numpy") from None
    predictor = fitted_file.load(path)
    digest = hashlib.blake2b(Path(path).read_bytes(), digest_size=8).hexdigest()
    return predictor, f"fitted {digest}"


def _evidence(written: Any, now: float) -> Evidence:
    """Read evidence as :meth:`Learning.evidence` writes it."""
    try:
        if written["version"] != VERSION:
            raise ConfigurationError(
                f"evidence of version {written['version']!r} cannot be read, only {VERSION}"
            )
        found = {
            str(target): {str(task): _tally(tally, now) for task, tally in tallies.items()}
            for target, tallies in written["targets"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ConfigurationError(f"this is no evidence as a router wrote it: {error!r}") from None
    return found


def _tally(written: Mapping[str, Any], now: float) -> Tally:
    if written.keys() != _FIELDS:
        raise ValueError(f"a tally has {', '.join(sorted(_FIELDS))}")
    weight, excess, at = (float(written[name]) for name in ("weight", "excess", "at"))
    scores = int(written["scores"])
    possible = 0.0 <= weight < math.inf and abs(excess) <= weight + 1e-6 and scores >= 0
    if not (possible and math.isfinite(at)):
        raise ValueError(f"no scores add up to {dict(written)}")
    # what a clock that ran ahead wrote would never fade
    return Tally(weight, excess, min(at, now), scores)
