"""Streams that may begin again (the hint ``on_interrupt="restart"``), as LangChain adds them up.

A chunk without content marks the place, by the key ``llmrouter_restarted`` of its metadata: what
came before it is void. Whoever shows chunks as they come must see to that; but LangChain, and any
chain or agent that adds chunks up, gets the answer that counts, since these chunks know it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from llmrouter_integrations.account import RESTARTED
from llmrouter_integrations.langchain.from_response import to_chunks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmrouter_integrations.langchain.from_response import Form
    from llmrouter_integrations.messages import Chunk

__all__ = ["to_restartable_chunks"]


class _RestartableChunk(AIMessageChunk):
    """A chunk that, added to others, drops what came before a restart.

    The sum is LangChain's own class, which can be made a message of.
    """

    def __add__(self, other: Any) -> Any:
        if isinstance(other, AIMessageChunk):
            return _sum([self, other])
        if isinstance(other, list | tuple) and all(isinstance(o, AIMessageChunk) for o in other):
            return _sum([self, *other])
        return super().__add__(other)

    def __radd__(self, other: Any) -> Any:
        # Python asks a subclass on the right first
        return _sum([other, self]) if isinstance(other, AIMessageChunk) else NotImplemented


def _sum(chunks: Sequence[AIMessageChunk]) -> AIMessageChunk:
    marks = [at for at, chunk in enumerate(chunks) if RESTARTED in chunk.response_metadata]
    # a sum that has one already begins with it
    first, *rest = [_plain(chunk) for chunk in chunks[marks[-1] if marks else 0 :]]
    return first + rest if rest else first


def _plain(chunk: AIMessageChunk) -> AIMessageChunk:
    if type(chunk) is not _RestartableChunk:
        return chunk
    return AIMessageChunk.model_construct(**chunk.__dict__)


def to_restartable_chunks(chunk: Chunk, form: Form) -> list[ChatGenerationChunk]:
    """Make what ``_stream`` yields of a chunk; as :func:`.from_response.to_chunks`."""
    messages = [written.message for written in to_chunks(chunk, form)]
    if chunk.instead_of is not None:
        void = {RESTARTED: len(chunk.instead_of.text)}
        messages.append(
            AIMessageChunk(content="" if form == "text" else [], response_metadata=void)
        )
    return [
        ChatGenerationChunk(message=_RestartableChunk.model_construct(**message.__dict__))
        for message in messages
    ]
