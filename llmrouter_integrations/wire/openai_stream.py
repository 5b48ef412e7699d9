"""Streamed answers of OpenAI-style chat completions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from llmrouter_integrations.errors import (
    AttemptError,
    ProtocolViolationError,
    TruncatedAnswerError,
)
from llmrouter_integrations.messages import EMPTY_MAP, Chunk, TextDelta
from llmrouter_integrations.wire.checks import MISSHAPEN, check_end, malformed
from llmrouter_integrations.wire.classify import classify_payload
from llmrouter_integrations.wire.openai_answer import AnswerReader
from llmrouter_integrations.wire.openai_outcome import (
    extra_of,
    finish_reason_of,
    logprobs_of,
    sources_of,
    usage_of,
)
from llmrouter_integrations.wire.sse import SseParser

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmrouter_integrations.messages import Citation, Delta, Usage
    from llmrouter_integrations.wire.base import Endpoint
    from llmrouter_integrations.wire.dialects import Dialect

__all__ = ["ChatStream"]

_DONE = b"[DONE]"


class ChatStream:
    """Decodes one stream (a :class:`~.base.StreamDecoder`).

    All text that one ``feed`` completes is one delta. The finish reason, the usage and what else
    was told come with the last chunk, since vendors spread and repeat them in many ways. A stream
    is finished by ``[DONE]``, or by its end after a finish reason; some vendors send only one of
    the two.
    """

    __slots__ = (
        "_begun",
        "_endpoint",
        "_error",
        "_extra",
        "_finish",
        "_finished",
        "_parser",
        "_reader",
        "_sources",
        "_usage",
    )

    def __init__(self, endpoint: Endpoint, dialect: Dialect) -> None:
        self._endpoint = endpoint
        self._parser = SseParser()
        self._reader = AnswerReader(dialect)
        self._begun = False
        self._finish: str | None = None
        self._finished = False
        self._usage: Usage | None = None
        self._extra: dict[str, Any] = {}
        self._sources: tuple[Citation, ...] = ()
        self._error: AttemptError | None = None

    def feed(self, data: bytes) -> list[Chunk]:
        """Take the next bytes; see :class:`~.base.StreamDecoder`."""
        if self._error is not None:
            raise self._error
        if self._finished:
            return []
        try:
            events = self._parser.feed(data)
        except ProtocolViolationError as error:
            error.target = self._endpoint.name
            self._error = error
            raise
        return self._events(events)

    def finish(self) -> list[Chunk]:
        """Take the end of the bytes; see :class:`~.base.StreamDecoder`."""
        if self._error is not None:
            raise self._error
        if self._finished:
            return []
        chunks = self._events(self._parser.flush(), last=True)
        if self._error is not None:
            raise self._error
        if self._finished:
            return chunks
        if not self._finish:
            raise TruncatedAnswerError(
                "the stream ended without a finish reason", target=self._endpoint.name
            )
        return [*chunks, self._end()]

    def _events(self, events: Iterable[tuple[str, bytes]], *, last: bool = False) -> list[Chunk]:
        chunks: list[Chunk] = []
        deltas: list[Delta] = []
        texts: list[str] = []
        reader = self._reader
        settled = reader.settled
        try:
            for name, payload in events:
                if payload == _DONE:
                    _flush(texts, deltas, reader)
                    if deltas:
                        chunks.append(Chunk(tuple(deltas)))
                        deltas = []
                    chunks.append(self._end())
                    break
                try:
                    event = orjson.loads(payload)
                    choices = event.get("choices")
                except (orjson.JSONDecodeError, AttributeError):
                    if last:
                        break  # cut short: the end of the bytes says the rest
                    raise self._unreadable(name, payload) from None
                choice = choices[0] if choices else EMPTY_MAP
                delta = choice.get("delta") or EMPTY_MAP
                if settled and _is_plain(event, choice, delta):
                    texts.append(delta["content"])
                    continue
                _flush(texts, deltas, reader)
                if name == "error" or not choices or "error" in event or "error" in choice:
                    self._raise_errors(name, event, choice)
                told = self._read(event, choice, delta, deltas)
                settled = reader.settled
                if told is not None:
                    chunks.append(told)
                    deltas = []
        except AttemptError as error:
            self._error = error
        except MISSHAPEN as error:
            self._error = malformed(error, self._endpoint)
        _flush(texts, deltas, reader)
        if self._error is not None and not (chunks or deltas):
            raise self._error
        # otherwise it is raised after what came before it, however the bytes were cut
        if deltas:
            chunks.append(Chunk(tuple(deltas)))
        return chunks

    def _read(
        self,
        event: Mapping[str, Any],
        choice: Mapping[str, Any],
        delta: Mapping[str, Any],
        deltas: list[Delta],
    ) -> Chunk | None:
        """Read an event into ``deltas``; give a chunk of them where more is to be said of them."""
        reader = self._reader
        if not self._begun:
            reader.seed = event.get("id") or ""
        if usage := usage_of(event):
            self._usage = usage
        if extra := extra_of(event, choice):
            self._extra.update(extra)
        if "citations" in event or "search_results" in event:
            self._sources = sources_of(event) or self._sources
        if finish := choice.get("finish_reason"):
            self._finish = finish
        if delta:
            deltas.extend(reader.read(delta))
        elif not self._begun and (message := choice.get("message")):
            deltas.extend(reader.read(message, whole=True))  # it was not streamed after all
        logprobs = logprobs_of(choice)
        if self._begun and logprobs is None:
            return None
        begins = not self._begun
        self._begun = True
        return Chunk(
            tuple(deltas),
            model=(event.get("model") or None) if begins else None,
            id=(event.get("id") or None) if begins else None,
            logprobs=logprobs,
        )

    def _end(self) -> Chunk:
        """Give the last chunk, once the answer is found to be one."""
        reader, endpoint = self._reader, self._endpoint
        self._finished = True
        held = (*reader.end(), *reader.cite(self._sources))
        reason = finish_reason_of(self._finish, called=bool(reader.calls), endpoint=endpoint)
        check_end(
            reason,
            content=reader.content,
            calls=[(call.name, "".join(call.arguments)) for call in reader.calls],
            endpoint=endpoint,
        )
        return Chunk(
            held,
            finish_reason=reason,
            usage=self._usage,
            raw_finish_reason=self._finish,
            extra=self._extra or EMPTY_MAP,
        )

    def _raise_errors(self, name: str, event: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
        if name == "error" or event.get("error") or event.get("object") == "error":
            raise classify_payload(event, self._endpoint)
        if error := choice.get("error"):
            raise classify_payload(error, self._endpoint)
        if not event.get("choices") and ("message" in event or "detail" in event):
            raise classify_payload(event, self._endpoint)

    def _unreadable(self, name: str, payload: bytes) -> AttemptError:
        text = payload.decode("utf-8", "replace")
        if name == "error":
            return classify_payload(text, self._endpoint)
        return ProtocolViolationError(
            f"an event of the stream is no JSON object: {text[:80]!r}", target=self._endpoint.name
        )


def _is_plain(
    event: Mapping[str, Any], choice: Mapping[str, Any], delta: Mapping[str, Any]
) -> bool:
    """Whether there is nothing but more text in an event, as in nearly all of them."""
    text = delta.get("content")
    if type(text) is not str or not text or choice.get("finish_reason"):
        return False
    if event.get("usage") or choice.get("logprobs") or "error" in event:
        return False
    if len(delta) == 1:
        return True
    return not any(value for key, value in delta.items() if key not in ("content", "role"))


def _flush(texts: list[str], deltas: list[Delta], reader: AnswerReader) -> None:
    """Make one delta of plain texts in a row."""
    if texts:
        deltas.append(TextDelta("".join(texts), reader.text_index or 0))
        texts.clear()
