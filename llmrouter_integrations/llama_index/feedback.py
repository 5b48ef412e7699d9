"""LlamaIndex's evaluators as feedback: :class:`FeedingEvaluator`."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any

from llama_index.core.evaluation import BaseEvaluator, EvaluationResult
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMCompletionEndEvent
from llama_index_instrumentation import get_dispatcher
from pydantic import PrivateAttr

from llmrouter_integrations.verdicts import Verdicts, decision_id_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llama_index.core.instrumentation.events import BaseEvent
    from llama_index.core.prompts.mixin import PromptDictType

    from llmrouter_integrations.verdicts import Judged

__all__ = ["FeedingEvaluator"]

MOST_HEARD = 10_000
"""As many answers as a router remembers."""


class FeedingEvaluator(BaseEvaluator):
    """Tells a router, too, what an evaluator thinks of its answers.

    A query engine hands on only the text of an answer. So from its making on it listens to what
    models say, in LlamaIndex's events, and knows an answer again by its text. Where the decision
    is known, say so: ``evaluate(..., decision_id=...)``, or give the ``ChatResponse`` to
    ``evaluate_response``.

    Args:
        evaluator: Whose verdict: its ``score``, or without one its ``passing``.
        router: Whose answers are judged.
        scale: The worst score it gives and the best: ``(1, 5)`` for ``CorrectnessEvaluator``.
    """

    def __init__(
        self, evaluator: BaseEvaluator, router: Judged, scale: tuple[float, float] = (0.0, 1.0)
    ) -> None:
        self._evaluator = evaluator
        self._verdicts = Verdicts(router, None, scale)
        self._heard = _Heard()
        get_dispatcher().add_event_handler(self._heard)

    def close(self) -> None:
        """Listen no more."""
        handlers = get_dispatcher().event_handlers
        if self._heard in handlers:
            handlers.remove(self._heard)

    async def aevaluate(
        self,
        query: str | None = None,
        response: str | None = None,
        contexts: Sequence[str] | None = None,
        *,
        decision_id: str | None = None,
        **kwargs: Any,
    ) -> EvaluationResult:
        """Evaluate, and tell the router.

        Args:
            query: What was asked.
            response: What was answered.
            contexts: What was given to answer it from.
            decision_id: Whose answer it is, where that is known.
            **kwargs: For the evaluator.
        """
        result = await self._evaluator.aevaluate(query, response, contexts, **kwargs)
        if not result.invalid_result:
            self._verdicts.tell(result, decision_id or self._heard.behind(response))
        return result

    def evaluate_response(
        self, query: str | None = None, response: Any = None, **kwargs: Any
    ) -> EvaluationResult:
        """Evaluate a response, which may be a model's too, and tell the router."""
        if (known := decision_id_in(getattr(response, "raw", None))) is not None:
            text = _text(response)
            return self.evaluate(query, text, decision_id=known, **kwargs)
        return super().evaluate_response(query, response, **kwargs)

    async def aevaluate_response(
        self, query: str | None = None, response: Any = None, **kwargs: Any
    ) -> EvaluationResult:
        """Evaluate a response; as :meth:`evaluate_response`."""
        if (known := decision_id_in(getattr(response, "raw", None))) is not None:
            return await self.aevaluate(query, _text(response), decision_id=known, **kwargs)
        return await super().aevaluate_response(query, response, **kwargs)

    def _get_prompts(self) -> PromptDictType:
        return self._evaluator.get_prompts()

    def _update_prompts(self, prompts_dict: PromptDictType) -> None:
        self._evaluator.update_prompts(prompts_dict)


class _Heard(BaseEventHandler):
    """What routed models said of late, and by which decision."""

    _said: OrderedDict[str, str] = PrivateAttr(default_factory=OrderedDict)
    _lock: Any = PrivateAttr(default_factory=Lock)

    @classmethod
    def class_name(cls) -> str:
        """Name it, as LlamaIndex asks of its handlers."""
        return "LLMRouterHeard"

    def handle(self, event: BaseEvent, **_: Any) -> None:
        """Remember the text of an answer."""
        if not isinstance(event, LLMChatEndEvent | LLMCompletionEndEvent):
            return
        found = decision_id_in(getattr(event.response, "raw", None))
        text = _text(event.response)
        if found is None or not text:
            return
        with self._lock:
            self._said[text] = found
            self._said.move_to_end(text)
            if len(self._said) > MOST_HEARD:
                self._said.popitem(last=False)

    def behind(self, text: str | None) -> str | None:
        """Give the decision behind an answer, by its text."""
        return self._said.get((text or "").strip())


def _text(response: Any) -> str:
    message = getattr(response, "message", None)
    return str((response.text if message is None else message.content) or "").strip()
