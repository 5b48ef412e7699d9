"""What a call's messages were made of: a prompt, or the text given to ``complete``.

LlamaIndex formats a prompt into messages, or into one text, and hands only these to the LLM. So
they carry along what is lost on the way: what the prompt's metadata say of routing, and how an LLM
that completes texts would have been asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.prompts.prompt_type import PromptType

from llmrouter_integrations.hints import EMPTY, RoutingHints, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["TASK_OF_PROMPT", "CompletionMessages", "PromptMessages", "PromptText"]

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


class PromptMessages(list[ChatMessage]):
    """The messages a prompt was formatted into, and what its metadata say of routing.

    Args:
        messages: The messages.
        *metadata: The prompt's metadata; of several, an earlier one outweighs a later one.

    Attributes:
        hints: The prompt's hints: ``llmrouter_<field>`` keys, or one nested ``llmrouter`` mapping.
        task: What the prompt's ``prompt_type`` is about; yields to whatever anybody says.
    """

    __slots__ = ("hints", "task")

    def __init__(self, messages: Iterable[ChatMessage], *metadata: Mapping[str, Any]) -> None:
        super().__init__(messages)
        self.hints = EMPTY
        self.task: Task | None = None
        for said in metadata:
            self.hints = self.hints.over(RoutingHints.from_metadata(said))
            kind = said.get("prompt_type")
            if self.task is None and isinstance(kind, str):
                self.task = TASK_OF_PROMPT.get(kind)


class PromptText(str):
    """The text a prompt was formatted into, for LLMs that complete texts.

    Attributes:
        messages: The same as messages: each of several targets makes its own text of them.
    """

    __slots__ = ("messages",)

    messages: PromptMessages

    def __new__(cls, text: str, messages: PromptMessages) -> Self:
        """Hold the text and the messages."""
        made = super().__new__(cls, text)
        made.messages = messages
        return made


class CompletionMessages(list[ChatMessage]):
    """The one message that a text given to ``complete`` is.

    Attributes:
        formatted: Whether the caller says that the text needs nothing around it.
    """

    __slots__ = ("formatted",)

    def __init__(self, text: str, *, formatted: bool) -> None:
        super().__init__([ChatMessage(role=MessageRole.USER, content=text)])
        self.formatted = formatted
