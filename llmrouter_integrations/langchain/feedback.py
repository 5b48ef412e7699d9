"""LangSmith-style evaluators as feedback: :func:`feeding`."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmrouter_integrations.verdicts import Judged

__all__ = ["feeding"]

_JUDGED = ("run", "outputs")


def feeding(
    evaluator: Any,
    router: Judged,
    *,
    key: str | None = None,
    scale: tuple[float, float] = (0.0, 1.0),
) -> Callable[..., Any]:
    """Make an evaluator tell a router, too, what it thinks of its answers.

    It is used in the evaluator's place, as in ``langsmith.evaluate(..., evaluators=[...])``, takes
    what that takes and gives what that gives. LangSmith itself is not needed. The decision is
    found in the run or in its outputs: where a chain gives plain text on, evaluate the run, which
    has the model's message in it.

    Args:
        evaluator: A function (sync or async) that gives a score, ``{"key", "score"}``, an
            ``EvaluationResult``, or several of them; or an object with ``evaluate_run``.
        router: Whose answers are judged.
        key: Which of several results counts; None: the first with a score.
        scale: The worst score it gives and the best.

    Raises:
        ConfigurationError: It is no evaluator, or the scale has no two ends.
    """
    verdicts = Verdicts(router, key, scale)
    if hasattr(evaluator, "evaluate_run"):

        def evaluate(run: Any, example: Any = None) -> Any:
            result = evaluator.evaluate_run(run, example)
            verdicts.tell(result, run)
            return result

        return evaluate
    if not callable(evaluator):
        raise ConfigurationError(
            f"a {type(evaluator).__name__} is no evaluator: it is not callable"
        )
    signature = inspect.signature(evaluator)

    def judged(args: Any, kwargs: Any) -> list[Any]:
        given = signature.bind(*args, **kwargs).arguments
        named = [given[name] for name in _JUDGED if name in given]
        return named or list(given.values())[:1]  # evaluators of old name them as they like

    called = getattr(type(evaluator), "__call__", None)  # noqa: B004  (to look at, not for a test)
    if inspect.iscoroutinefunction(evaluator) or inspect.iscoroutinefunction(called):

        @functools.wraps(evaluator)
        async def afeeds(*args: Any, **kwargs: Any) -> Any:
            result = await evaluator(*args, **kwargs)
            verdicts.tell(result, *judged(args, kwargs))
            return result

        return afeeds

    @functools.wraps(evaluator)
    def feeds(*args: Any, **kwargs: Any) -> Any:
        result = evaluator(*args, **kwargs)
        verdicts.tell(result, *judged(args, kwargs))
        return result

    return feeds
