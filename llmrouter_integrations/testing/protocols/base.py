"""What a simulated protocol is: it reads requests, and writes answers, streams and errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping

    from llmrouter_integrations.testing.answer import Answer
    from llmrouter_integrations.testing.script import SimRequest

__all__ = [
    "Failure",
    "Frame",
    "HttpCall",
    "Problem",
    "SimProtocol",
    "as_object",
    "data_frame",
    "event_frame",
    "joined_text",
    "whole_seconds",
]

JSON = "application/json"
EVENT_STREAM = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One HTTP request as it arrived, with its body parsed.

    Attributes:
        provider: The first segment of the path.
        path: The path with its query.
        route: The match that chose the protocol.
        headers: Names in lower case.
        body: The parsed JSON body.
        at_s: When it had arrived, on the monotonic clock.
    """

    provider: str
    path: str
    route: re.Match[str]
    headers: Mapping[str, str]
    body: dict[str, Any]
    at_s: float


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a streamed answer, as bytes.

    Attributes:
        data: The bytes.
        content: Whether it carries some of the answer's text, reasoning or tool arguments.
    """

    data: bytes
    content: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, in terms that every protocol has words for.

    Attributes:
        kind: A key of the protocol's table of errors.
        status: The HTTP status; None: the vendor's own for that kind.
        message: The message; None: the vendor's own.
        retry_after_s: Seconds after which to try again, in the vendor's header or body.
        parameter: The parameter complained of, where the kind is about one.
    """

    kind: str
    status: int | None = None
    message: str | None = None
    retry_after_s: float | None = None
    parameter: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as one vendor writes it."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]


class SimProtocol(ABC):
    """One provider protocol. Stateless: one instance serves all requests."""

    name: str
    id_style: tuple[str, int]
    stream_type: str = EVENT_STREAM

    def id_style_of(self, provider: str) -> tuple[str, int]:  # noqa: ARG002  (OpenAI's dialects)
        """Give the prefix of a provider's tool-call ids, and how many characters follow it."""
        return self.id_style

    @abstractmethod
    def read(self, call: HttpCall) -> SimRequest:
        """Understand a request. A body of the wrong shape may raise any exception."""

    @abstractmethod
    def whole(self, answer: Answer) -> dict[str, Any]:
        """Write an answer as one JSON object."""

    @abstractmethod
    def frames(self, answer: Answer) -> Iterator[Frame]:
        """Write an answer as a stream of events."""

    @abstractmethod
    def failure(self, request: SimRequest, problem: Problem) -> Failure:
        """Write an error as this vendor does; a few vendors report some kinds with status 200."""

    def error_frame(self, request: SimRequest, problem: Problem) -> bytes:
        """Write an error as an event inside a stream that has begun."""
        return data_frame(self.failure(request, problem).body)

    @abstractmethod
    def headers(self, answer: Answer) -> dict[str, str]:
        """Give the vendor's own headers of a good answer: request id, rate limits."""


def data_frame(body: Any) -> bytes:
    """Write one server-sent event without a name."""
    return b"data: " + orjson.dumps(body) + b"\n\n"


def event_frame(body: Mapping[str, Any]) -> bytes:
    """Write one server-sent event named by its body's ``type``."""
    kind: str = body["type"]
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(body) + b"\n\n"


def as_object(value: Any) -> dict[str, Any]:
    """Give a value that should be a JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def joined_text(content: Any) -> str:
    """Join the texts of a content that is a string or a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or part.get("refusal") or "" for part in content)


def whole_seconds(retry_after_s: float) -> str:
    """Write seconds as a Retry-After header does: whole, and never zero for some."""
    return str(-int(-retry_after_s // 1))
