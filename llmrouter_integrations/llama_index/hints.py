"""Hints on their way to a call: said in it, with its prompt, with the LLM object, or around it.

LlamaIndex formats a prompt into messages and hands only these to the LLM. So the messages carry
what the prompt's metadata say (:class:`PromptMessages`), from the one to the other.

What is said around a call (:func:`hints_for`) lives in a context variable. LlamaIndex copies the
context into the tasks and threads it starts. But an object that asks its LLM only when it is read
(a streaming query engine's response, a ``StructuredLLM``'s stream) may be read after the ``with``
block has ended, and a thread of the caller's own has no context. There, bind the hints:
``llm.with_hints(...)``.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts.prompt_type import PromptType

from llmrouter_integrations.hints import EMPTY, RoutingHints, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["TASK_OF_PROMPT", "PromptMessages", "hints_for", "hints_of", "settle_hints"]

TASK_OF_PROMPT: Final[dict[str, Task]] = {
    PromptType.SUMMARY.value: "summarization",
    PromptType.TREE_INSERT.value: "classification",
    PromptType.TREE_SELECT.value: "classification",
    PromptType.TREE_SELECT_MULTIPLE.value: "classification",
    PromptType.QUESTION_ANSWER.value: "qa",
    PromptType.REFINE.value: "qa",
    PromptType.KEYWORD_EXTRACT.value: "extraction",
    PromptType.QUERY_KEYWORD_EXTRACT.value: "extraction",
    PromptType.SCHEMA_EXTRACT.value: "extraction",
    PromptType.TEXT_TO_SQL.value: "code",
    PromptType.TEXT_TO_GRAPH_QUERY.value: "code",
    PromptType.TABLE_CONTEXT.value: "summarization",
    PromptType.KNOWLEDGE_TRIPLET_EXTRACT.value: "extraction",
    PromptType.PANDAS.value: "code",
    PromptType.JSON_PATH.value: "code",
    PromptType.SINGLE_SELECT.value: "classification",
    PromptType.MULTI_SELECT.value: "classification",
    PromptType.VECTOR_STORE_QUERY.value: "extraction",
    PromptType.SUB_QUESTION.value: "reasoning",
    PromptType.SQL_RESPONSE_SYNTHESIS.value: "qa",
    PromptType.SQL_RESPONSE_SYNTHESIS_V2.value: "qa",
    PromptType.CONVERSATION.value: "chat",
    PromptType.DECOMPOSE.value: "reasoning",
    PromptType.CHOICE_SELECT.value: "classification",
    PromptType.RANKGPT_RERANK.value: "classification",
}
"""What LlamaIndex's own types of prompt are about. ``simple_input`` and ``custom`` tell nothing."""

_AMBIENT: ContextVar[RoutingHints] = ContextVar("llmrouter_hints", default=EMPTY)


def hints_of(said: RoutingHints | Mapping[str, Any] | None, fields: dict[str, Any]) -> RoutingHints:
    """Read hints given as one object, as keyword arguments, or as both (these win)."""
    return RoutingHints.of(fields or None).over(RoutingHints.of(said))


@contextmanager
def hints_for(
    hints: RoutingHints | Mapping[str, Any] | None = None, /, **fields: Any
) -> Iterator[None]:
    """Say something of every request that is made inside the ``with`` block.

    Inner blocks add to outer ones, and win where both speak. Any other hint wins over these.

    Args:
        hints: The hints, as an object or a mapping.
        **fields: Fields of :class:`~llmrouter_integrations.RoutingHints`.

    Raises:
        UnknownHintError: A hint that does not exist, or a value it cannot take.
    """
    token = _AMBIENT.set(hints_of(hints, fields).over(_AMBIENT.get()))
    try:
        yield
    finally:
        _AMBIENT.reset(token)


class PromptMessages(list[ChatMessage]):
    """The messages a prompt was formatted into, and what its metadata say of routing.

    Attributes:
        hints: The prompt's hints: ``llmrouter_<field>`` keys, or one nested ``llmrouter`` mapping.
        task: What the prompt's ``prompt_type`` is about; yields to whatever anybody says.
    """

    __slots__ = ("hints", "task")

    def __init__(self, messages: Iterable[ChatMessage], metadata: Mapping[str, Any]) -> None:
        super().__init__(messages)
        self.hints = RoutingHints.from_metadata(metadata)
        kind = metadata.get("prompt_type")
        self.task = TASK_OF_PROMPT.get(kind) if isinstance(kind, str) else None


def settle_hints(
    call: RoutingHints,
    messages: Sequence[ChatMessage],
    bound: RoutingHints,
    default: RoutingHints,
) -> RoutingHints:
    """Put together what is said of one call: call, prompt, LLM object, around it, default.

    Args:
        call: What the call itself says.
        messages: The call's messages; they may come from a prompt.
        bound: What the LLM object was bound to say.
        default: What its constructor says.
    """
    prompt = messages if isinstance(messages, PromptMessages) else None
    if prompt is not None:
        call = call.over(prompt.hints)
    hints = call.over(bound).over(_AMBIENT.get()).over(default)
    if prompt is not None and prompt.task is not None and hints.task is None:
        return replace(hints, task=prompt.task)
    return hints
