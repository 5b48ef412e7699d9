"""Frameworks' evaluators as feedback: which decision they judge, and what they say of it."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, Protocol

from llmrouter_integrations.errors import ConfigurationError, UnknownDecisionError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Judged", "Verdicts", "decision_id_in"]

_log = logging.getLogger("llmrouter_integrations")

_DEEPEST = 14
"""A run of LangChain holds its message eight levels down, an agent's state twelve."""
_LIKELY = ("child_runs", "outputs", "message", "raw", "response_metadata", "decision")


class Judged(Protocol):
    """Whoever takes feedback: a :class:`~llmrouter_integrations.Router`."""

    def feedback(self, decision_id: str, score: float) -> None:
        """Say how good an answer was."""
        ...


class Verdicts:
    """Passes the verdicts of one evaluator on to a router.

    Args:
        router: Whose answers are judged.
        key: Which of several results counts; None: the first with a score.
        scale: The worst score and the best.

    Raises:
        ConfigurationError: The scale has no two ends.
    """

    def __init__(
        self, router: Judged, key: str | None = None, scale: tuple[float, float] = (0.0, 1.0)
    ) -> None:
        self._router = router
        self._key = key
        self._worst, self._best = scale
        if not math.isfinite(self._best - self._worst) or self._best == self._worst:
            raise ConfigurationError(f"a scale is the worst score and the best, not {scale!r}")

    def tell(self, result: Any, *judged: Any) -> None:
        """Pass a verdict on, where there is one, and it is known of which decision.

        Args:
            result: What the evaluator gave.
            *judged: What it may have judged: runs, messages, answers, decision ids; the first
                that a decision is found in counts.
        """
        score = next(_scores(result, self._key), None)
        if score is None:
            return
        found = next((known for one in judged if (known := decision_id_in(one))), None)
        if found is None:
            _log.warning(
                "a score reached no router: no llmrouter decision_id in what was evaluated"
            )
            return
        try:
            self._router.feedback(found, (score - self._worst) / (self._best - self._worst))
        except UnknownDecisionError as error:  # the evaluation's own result is to be kept
            _log.warning("a score reached no router: %s", error)


def decision_id_in(value: Any) -> str | None:
    """Find the id of the decision behind an answer: the last one, where there are several.

    Args:
        value: A message, a response, a run, an agent's state, or anything that holds one; or the
            id itself.
    """
    if isinstance(value, str):
        return value or None
    return _found_in(value, _DEEPEST, set())


def _found_in(value: Any, depth: int, seen: set[tuple[int, int]]) -> str | None:
    # what holds itself, or is held by many, is looked at once from each depth
    if (id(value), depth) in seen:
        return None
    seen.add((id(value), depth))
    if value is None or depth < 0 or isinstance(value, str | bytes | int | float):
        return None
    children: Iterable[Any]
    if isinstance(value, Mapping):
        account = value.get("llmrouter")
        if isinstance(account, Mapping) and isinstance(account.get("decision_id"), str):
            return str(account["decision_id"])
        children = value.values()
    elif isinstance(value, list | tuple):
        children = value
    else:
        if hasattr(value, "without_feedback"):  # a Decision
            return str(value.id)
        children = [getattr(value, name, None) for name in _LIKELY]
    for child in reversed(list(children)):
        if not isinstance(child, str) and (found := _found_in(child, depth - 1, seen)):
            return found
    return None


def _scores(result: Any, key: str | None) -> Iterator[float]:
    """Give the scores in what an evaluator gave, as LangSmith or LlamaIndex reads it."""
    if isinstance(result, Mapping):
        if "results" in result:
            result = result["results"]
        elif key is None or result.get("key", key) == key:
            yield from _figure(result.get("score"))
            return
    if isinstance(result, list | tuple):
        for one in result:
            yield from _scores(one, key)
    elif hasattr(result, "score"):
        if key is None or getattr(result, "key", key) == key:
            figure = result.score
            yield from _figure(getattr(result, "passing", None) if figure is None else figure)
    elif key is None:
        yield from _figure(result)


def _figure(score: Any) -> Iterator[float]:
    # numpy's scalars too, but no arrays
    if isinstance(score, Real) or (hasattr(score, "__float__") and not hasattr(score, "__len__")):
        figure = float(score)
        if not math.isnan(figure):  # it is how evaluators say that they could not tell
            yield figure
