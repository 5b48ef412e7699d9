"""What the readers of streamed answers have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations.errors import (
    AttemptError,
    ProtocolViolationError,
    TruncatedAnswerError,
)
from llmrouter_integrations.messages import Chunk
from llmrouter_integrations.wire.checks import MISSHAPEN, malformed
from llmrouter_integrations.wire.sse import SseParser

if TYPE_CHECKING:
    from llmrouter_integrations.messages import Delta
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["AnswerStream", "EventStream"]

_DONE: Final = b"[DONE]"


class AnswerStream:
    """Turns bytes into chunks (a :class:`~.base.StreamDecoder`).

    What several events of one feed add goes into one chunk. A fault is raised at the next call if
    the same feed brought something before it, so that nothing that came is lost.

    A framing adds :meth:`_take`, a protocol :meth:`_last` if its end is the end of the bytes.
    """

    __slots__ = ("_deltas", "_done", "_endpoint", "_failure")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._deltas: list[Delta] = []  # what is not in a chunk yet
        self._done = False
        self._failure: AttemptError | None = None

    def feed(self, data: bytes) -> list[Chunk]:
        """Take the next bytes, cut anywhere; give the chunks they complete.

        Raises:
            AttemptError: The stream carried an error, or is not what it should be, or ended
                without an answer in it.
        """
        return self._read(data)

    def finish(self) -> list[Chunk]:
        """Take the end of the bytes; give what was held back.

        Raises:
            TruncatedAnswerError: The answer's end had not come.
            EmptyAnswerError: It had come, but nothing before it.
            MalformedToolCallError: It had come, in a call whose arguments are no JSON object.
        """
        chunks = self._read(None)
        if self._failure is not None:
            raise self._failure
        if not self._done:
            try:
                ending = self._last()
            except MISSHAPEN as error:
                raise malformed(error, self._endpoint) from error
            if ending is None:
                raise TruncatedAnswerError(
                    "the stream ended before the answer did", target=self._endpoint.name
                )
            chunks.append(ending)
        return chunks

    def _take(self, data: bytes | None, chunks: list[Chunk]) -> None:
        """Take bytes, or with None their end; chunks of its own come behind :meth:`_flush`'s."""
        raise NotImplementedError

    def _last(self) -> Chunk | None:
        """Give the last chunk if the end of the bytes may be the answer's."""
        return None

    def _flush(self, chunks: list[Chunk], logprobs: Any = None) -> None:
        """Make a chunk of the deltas so far."""
        if self._deltas or logprobs is not None:
            chunks.append(Chunk(tuple(self._deltas), logprobs=logprobs))
            self._deltas.clear()

    def _read(self, data: bytes | None) -> list[Chunk]:
        if self._failure is not None:
            raise self._failure
        chunks: list[Chunk] = []
        try:
            self._take(data, chunks)
        except AttemptError as error:
            error.target = self._endpoint.name
            self._failure = error
        except MISSHAPEN as error:
            self._failure = malformed(error, self._endpoint)
        self._flush(chunks)
        if self._failure is not None and not chunks:
            raise self._failure
        return chunks


class EventStream(AnswerStream):
    """The same of server-sent events that are JSON objects; a protocol adds :meth:`_event`."""

    __slots__ = ("_sse",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._sse = SseParser()

    def _event(self, event: Any, chunks: list[Chunk]) -> None:
        """Take one event, as :meth:`_take` does."""
        raise NotImplementedError

    def _take(self, data: bytes | None, chunks: list[Chunk]) -> None:
        for _, payload in self._sse.flush() if data is None else self._sse.feed(data):
            if self._done or payload == _DONE:
                break
            try:
                event = orjson.loads(payload)
            except orjson.JSONDecodeError:
                if data is None:
                    break  # cut off in the middle of an event
                raise ProtocolViolationError("a stream event is not JSON") from None
            self._event(event, chunks)
