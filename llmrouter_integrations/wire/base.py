"""The contract of a wire protocol: a :class:`Codec` turns requests into bytes and back, sans-IO."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from llmrouter_integrations.messages import EMPTY_MAP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.catalog.model import Abilities
    from llmrouter_integrations.errors import AttemptError
    from llmrouter_integrations.http_messages import HttpRequest, HttpResponse
    from llmrouter_integrations.messages import Adjustment, Chunk, Request, Response

__all__ = ["Codec", "Encoded", "Endpoint", "StreamDecoder"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how one target is reached; all that a codec may know of it.

    Attributes:
        name: The target's name, for errors.
        provider: Provider id ("openai", "azure", "groq", ...), which selects a dialect.
        model: The model's name in the provider's own spelling.
        base_url: Without a trailing slash, as the vendor's own SDK would take it.
        api_key: Secret; the codec puts it into the right header. None: no authentication.
        headers: Further headers the user wants sent.
        abilities: What the model can do, where known: decides what is dropped or translated.
        max_output: Most output tokens the model can give, where known.
        options: Dialect settings (``api_version``, ``project``, ``region``, ...).
    """

    name: str
    provider: str
    model: str
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    abilities: Abilities | None = None
    max_output: int | None = None
    options: Mapping[str, Any] = field(default=EMPTY_MAP, repr=False)  # may hold AWS secrets


@dataclass(frozen=True, slots=True)
class Encoded:
    """A request ready to send, and what had to be changed for this target."""

    http: HttpRequest
    adjustments: tuple[Adjustment, ...] = ()


class StreamDecoder(Protocol):
    """Turns the bytes of one streamed answer into chunks. One instance per answer."""

    def feed(self, data: bytes) -> list[Chunk]:
        """Take the next bytes, cut anywhere; give the chunks they complete.

        Raises:
            AttemptError: The stream carried an error event, or is not what it should be.
        """
        ...

    def finish(self) -> list[Chunk]:
        """Take the end of the bytes; give what was held back.

        Raises:
            TruncatedAnswerError: The answer's finish marker had not come.
            EmptyAnswerError: It had come, but nothing before it.
        """
        ...


class Codec(Protocol):
    """One wire protocol. Stateless: one instance serves all targets and threads."""

    protocol: str

    def encode(self, request: Request, endpoint: Endpoint, *, stream: bool) -> Encoded:
        """Write the request in this protocol; never asks for what the target cannot do."""
        ...

    def decode(self, http: HttpResponse, endpoint: Endpoint) -> Response:
        """Read a whole answer.

        Raises:
            AttemptError: Any status but 2xx, and a 2xx that is no answer.
        """
        ...

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """Begin to read a streamed answer (of status 2xx)."""
        ...

    def error(self, http: HttpResponse, endpoint: Endpoint) -> AttemptError:
        """Classify an answer whose status is not 2xx, by code and body."""
        ...
