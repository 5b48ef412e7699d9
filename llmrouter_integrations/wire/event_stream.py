"""What the readers of streamed answers have in common, where events are JSON objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations.errors import AttemptError, TruncatedAnswerError
from llmrouter_integrations.messages import Chunk
from llmrouter_integrations.wire.checks import malformed
from llmrouter_integrations.wire.sse import SseParser

if TYPE_CHECKING:
    from llmrouter_integrations.messages import Delta
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["EventStream"]

_DONE: Final = b"[DONE]"


class EventStream:
    """Turns server-sent events into chunks (a :class:`~.base.StreamDecoder`).

    What several events of one feed add goes into one chunk. A fault is raised at the next call if
    the same feed brought something before it, so that nothing that came is lost.

    A protocol adds :meth:`_event`, and :meth:`_last` if its end is the end of the bytes.
    """

    __slots__ = ("_deltas", "_done", "_endpoint", "_failure", "_sse")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._sse = SseParser()
        self._deltas: list[Delta] = []  # what is not in a chunk yet
        self._done = False
        self._failure: AttemptError | None = None

    def feed(self, data: bytes) -> list[Chunk]:
        """Take the next bytes, cut anywhere; give the chunks they complete.

        Raises:
            AttemptError: The stream carried an error, or is not what it should be, or ended
                without an answer in it.
        """
        if self._failure is not None:
            raise self._failure
        return self._read(self._sse.feed(data))

    def finish(self) -> list[Chunk]:
        """Take the end of the bytes; give what was held back.

        Raises:
            TruncatedAnswerError: The answer's end had not come.
            EmptyAnswerError: It had come, but nothing before it.
            MalformedToolCallError: It had come, in a call whose arguments are no JSON object.
        """
        if self._failure is not None:
            raise self._failure
        chunks = self._read(self._sse.flush(), last=True)
        if self._failure is not None:
            raise self._failure
        if not self._done:
            ending = self._last()
            if ending is None:
                raise TruncatedAnswerError(
                    "the stream ended before the answer did", target=self._endpoint.name
                )
            chunks.append(ending)
        return chunks

    def _event(self, event: Any, chunks: list[Chunk]) -> None:
        """Take one event; chunks of its own come behind those of :meth:`_flush`."""
        raise NotImplementedError

    def _last(self) -> Chunk | None:
        """Give the last chunk if the end of the bytes may be the answer's."""
        return None

    def _flush(self, chunks: list[Chunk], logprobs: Any = None) -> None:
        """Make a chunk of the deltas so far."""
        if self._deltas or logprobs is not None:
            chunks.append(Chunk(tuple(self._deltas), logprobs=logprobs))
            self._deltas.clear()

    def _read(self, events: list[tuple[str, bytes]], *, last: bool = False) -> list[Chunk]:
        chunks: list[Chunk] = []
        try:
            for _, payload in events:
                if self._done or payload == _DONE:
                    break
                try:
                    event = orjson.loads(payload)
                except orjson.JSONDecodeError:
                    if last:
                        break  # cut off in the middle of an event
                    raise
                self._event(event, chunks)
        except AttemptError as error:
            self._failure = error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self._failure = malformed(error, self._endpoint)
        self._flush(chunks)
        if self._failure is not None and not chunks:
            raise self._failure
        return chunks
