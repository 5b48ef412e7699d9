"""Chat models built like other packages' integrations, which are not installed here.

Fields, ``bind_tools`` and ``with_structured_output`` are as theirs are; they keep what they were
asked.
"""

from __future__ import annotations

from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import JsonOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

STOPPED = {"finish_reason": "stop"}


class Plain(BaseChatModel):
    """A model of which nothing is known; it keeps what it was asked."""

    model: str = "plain-1"
    answers: list[Any] = Field(default_factory=list)
    asked: list[Any] = Field(default_factory=list)

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        self.asked.append((self, messages, {"stop": stop, **kwargs}))
        answer = self.answers[0] if self.answers else AIMessage("ok", response_metadata=STOPPED)
        if isinstance(answer, Exception):
            raise answer
        return ChatResult(generations=[ChatGeneration(message=answer)])

    @property
    def _llm_type(self):
        return "plain"


class Settable(Plain):
    """Like most integrations: a field for each setting, and tools."""

    temperature: float | None = None
    max_output_tokens: int | None = None
    reasoning_effort: Literal["low", "high"] | None = None
    stop: list[str] | None = None

    def bind_tools(self, tools, *, tool_choice=None, **kwargs):
        said = {"tools": tools, **kwargs}
        return self.bind(**(said | {"tool_choice": tool_choice} if tool_choice else said))


class Formal(Settable):
    """Like integrations whose API holds an answer to a schema."""

    def with_structured_output(self, schema=None, *, method="json_schema", **kwargs):
        if kwargs:
            raise ValueError(f"Received unsupported arguments {kwargs}")
        if method == "json_mode":
            return self.bind(format="json") | JsonOutputParser()
        return self.bind(format=schema, ls_structured_output_format={}) | JsonOutputParser()


class Streaming(Plain):
    pieces: list[Any] = Field(default_factory=list)

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield ChatGenerationChunk(message=piece)
