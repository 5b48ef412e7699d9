"""Streams that may begin again (the hint ``on_interrupt="restart"``), as LangChain adds them up.

A chunk without content marks the place, by the key ``llmrouter_restarted`` of its metadata: what
came before it is void. Whoever shows chunks as they come must see to that; but LangChain, and any
chain or agent that adds chunks up, gets the answer that counts, since these chunks know it.

LangChain's protocol of events (``stream_events(version="v3")``) has no word for it. There the mark
is the start of a block of a type that is no standard's. Blocks that are begun before it are never
finished, and so are no part of the message that LangChain makes of the events.
"""

from __future__ import annotations

from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from llmrouter_integrations.account import RESTARTED
from llmrouter_integrations.langchain.from_response import to_chunks

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence

    from llmrouter_integrations.langchain.from_response import Form
    from llmrouter_integrations.messages import Chunk

__all__ = ["ato_events", "to_events", "to_restartable_chunks"]


class _RestartableChunk(AIMessageChunk):
    """A chunk that, added to others, drops what came before a restart.

    The sum is LangChain's own class, which can be made a message of; so is what is written down.
    """

    @classmethod
    def lc_id(cls) -> list[str]:
        """Name the class that ``langchain_core.load`` is to make of it."""
        return AIMessageChunk.lc_id()

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


def to_events(chunks: Generator[ChatGenerationChunk], message_id: str | None) -> Iterator[Any]:
    """Make LangChain's protocol events of a stream that may begin again.

    Args:
        chunks: What ``_stream`` yields.
        message_id: What the message is called, if it is.
    """
    # LangChain's bridge has no public name; only where this protocol is there is it asked for
    from langchain_core.language_models._compat_bridge import chunks_to_events

    retelling = _Retelling()
    with closing(chunks):
        while True:
            for event in chunks_to_events(retelling.part(chunks), message_id=message_id):
                if retelling.tells(event):
                    yield event
            if retelling.is_over:
                return
            yield retelling.mark()


async def ato_events(
    chunks: AsyncGenerator[ChatGenerationChunk], message_id: str | None
) -> AsyncIterator[Any]:
    """Make LangChain's protocol events of a stream; as :func:`to_events`."""
    from langchain_core.language_models._compat_bridge import achunks_to_events

    retelling = _Retelling()
    async with aclosing(chunks):
        while True:
            part = retelling.apart(chunks)
            async for event in achunks_to_events(part, message_id=message_id):
                if retelling.tells(event):
                    yield event
            if retelling.is_over:
                return
            yield retelling.mark()


class _Retelling:
    """Tells the parts of a stream, between its restarts, as the events of one message."""

    __slots__ = ("_began", "_begun", "_restart", "_started")

    def __init__(self) -> None:
        self._restart: ChatGenerationChunk | None = None
        self._started = False
        self._began = 0
        """The first index of this part's blocks."""
        self._begun = 0
        """The first that no block has."""

    @property
    def is_over(self) -> bool:
        """Whether no restart follows the part that was told."""
        return self._restart is None

    def part(self, chunks: Iterator[ChatGenerationChunk]) -> Iterator[ChatGenerationChunk]:
        """Give the chunks from one restart to the next."""
        if self._restart is not None:
            yield self._begin(self._restart)
        for chunk in chunks:
            if self._ends_at(chunk):
                return
            yield chunk

    async def apart(
        self, chunks: AsyncIterator[ChatGenerationChunk]
    ) -> AsyncIterator[ChatGenerationChunk]:
        """Give the chunks from one restart to the next."""
        if self._restart is not None:
            yield self._begin(self._restart)
        async for chunk in chunks:
            if self._ends_at(chunk):
                return
            yield chunk

    def tells(self, event: Any) -> bool:
        """Whether an event of the present part is one of the message; sees to its index."""
        if self._restart is not None:  # the bridge took the end of the part for that of the message
            return False
        if event["event"] == "message-start":
            first, self._started = not self._started, True
            return first
        if "index" in event:
            event["index"] += self._began
            self._begun = max(self._begun, event["index"] + 1)
        return True

    def mark(self) -> Any:
        """Make the event that says of the blocks so far that they are void."""
        restart = self._restart
        assert restart is not None  # noqa: S101  (else it is over)
        value = {RESTARTED: restart.message.response_metadata[RESTARTED]}
        event = {
            "event": "content-block-start",
            "index": self._begun,
            "content": {"type": "non_standard", "value": value},
        }
        self._begun += 1
        return event

    def _ends_at(self, chunk: ChatGenerationChunk) -> bool:
        if RESTARTED not in chunk.message.response_metadata:
            return False
        self._restart = chunk
        return True

    def _begin(self, restart: ChatGenerationChunk) -> ChatGenerationChunk:
        self._restart = None
        self._began = self._begun
        return restart
