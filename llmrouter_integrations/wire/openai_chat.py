"""OpenAI's chat completions protocol, in the dialects of all who speak it.

https://platform.openai.com/docs/api-reference/chat, read in November 2026. What each provider and
model takes stands in :mod:`.dialects`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import orjson

from llmrouter_integrations import __version__
from llmrouter_integrations.accumulate import ResponseBuilder
from llmrouter_integrations.errors import ProtocolViolationError
from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.messages import (
    EMPTY_MAP,
    NO_USAGE,
    Adjustment,
    Chunk,
    Message,
    Response,
    TextPart,
)
from llmrouter_integrations.wire.base import Encoded
from llmrouter_integrations.wire.checks import read_answer
from llmrouter_integrations.wire.classify import classify, classify_payload
from llmrouter_integrations.wire.dialects import dialect_of
from llmrouter_integrations.wire.extra import extra_fields, limit_verbosity
from llmrouter_integrations.wire.openai_answer import AnswerReader
from llmrouter_integrations.wire.openai_messages import write_messages
from llmrouter_integrations.wire.openai_outcome import (
    extra_of,
    finish_reason_of,
    logprobs_of,
    sources_of,
    usage_of,
)
from llmrouter_integrations.wire.openai_parameters import write_parameters
from llmrouter_integrations.wire.openai_stream import ChatStream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.errors import AttemptError
    from llmrouter_integrations.http_messages import HttpResponse
    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.wire.base import Endpoint, StreamDecoder
    from llmrouter_integrations.wire.dialects import Dialect

__all__ = ["OpenAIChatCodec"]

_USER_AGENT: Final = f"llmrouter-integrations/{__version__}"
_USAGE_TOO: Final = {"include_usage": True}
_AZURE_MODELS_VERSION: Final = "2024-05-01-preview"
"""The one version of Azure's model inference API that is generally available."""
_AZURE_USAGE_SINCE: Final = "2024-09-01"
"""The version of Azure OpenAI's API from which streams tell usage and ``max_completion_tokens``
is known; the versions are dates."""


class OpenAIChatCodec:
    """Chat completions (a :class:`~.base.Codec`).

    Options of an endpoint: ``api_version`` (Azure: chooses the API by deployments and dates over
    the one at ``/openai/v1``).
    """

    protocol = "openai-chat"

    def encode(self, request: Request, endpoint: Endpoint, *, stream: bool) -> Encoded:
        """Write a request; see :class:`~.base.Codec`.

        Raises:
            UnsupportedParameterError: It holds an image, sound or file that the API has no form
                for.
        """
        dialect = _dialect(endpoint)
        adjustments: list[Adjustment] = []
        body: dict[str, Any] = {"model": endpoint.model, "messages": None}
        instructions = write_parameters(body, request, endpoint, dialect, adjustments)
        body["messages"] = write_messages(
            request.messages, dialect, adjustments, instructions, endpoint.abilities
        )
        if stream:
            body["stream"] = True
            if dialect.stream_usage and not _is_old_azure(endpoint):
                body["stream_options"] = _USAGE_TOO
        if request.extra:
            readers = (self.protocol, dialect.issuer, endpoint.provider)
            fields = extra_fields(request.extra, readers, adjustments)
            if dialect.issuer == "openai":
                limit_verbosity(fields, endpoint.model, adjustments)
            body |= fields
        http = HttpRequest(
            "POST", _url(endpoint), _headers(endpoint, dialect), orjson.dumps(body, default=dict)
        )
        return Encoded(http, tuple(dict.fromkeys(adjustments)) if adjustments else ())

    def decode(self, http: HttpResponse, endpoint: Endpoint) -> Response:
        """Read a whole answer; see :class:`~.base.Codec`."""
        return read_answer(http, endpoint, _response)

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """Begin to read a streamed answer; see :class:`~.base.Codec`."""
        return ChatStream(endpoint, _dialect(endpoint))

    def error(self, http: HttpResponse, endpoint: Endpoint) -> AttemptError:
        """Classify an answer whose status is not 2xx; see :class:`~.base.Codec`."""
        return classify(http, endpoint)


def _dialect(endpoint: Endpoint) -> Dialect:
    form = "models" if "azure.com/models" in endpoint.base_url else ""
    return dialect_of(endpoint.provider, endpoint.model, form)


# --- writing ---


def _url(endpoint: Endpoint) -> str:
    base = endpoint.base_url
    if base.endswith("/chat/completions"):
        return base
    if endpoint.provider == "azure" or ".azure.com" in base:
        return _azure_url(endpoint)
    return f"{base}/chat/completions"


def _azure_url(endpoint: Endpoint) -> str:
    """Give the address in one of Azure's three APIs.

    A bare resource is asked by deployments where an ``api_version`` is given, and at
    ``/openai/v1`` otherwise.
    """
    base = endpoint.base_url
    version = endpoint.options.get("api_version")
    path = urlsplit(base).path
    if path.endswith("/models"):
        version = version or _AZURE_MODELS_VERSION
    elif path in ("", "/openai"):
        base = base.removesuffix("/openai")
        if version:
            base = f"{base}/openai/deployments/{quote(endpoint.model, safe='')}"
        else:
            base = f"{base}/openai/v1"
    return f"{base}/chat/completions" + (f"?api-version={version}" if version else "")


def _is_old_azure(endpoint: Endpoint) -> bool:
    version = endpoint.options.get("api_version")
    return bool(version) and endpoint.provider == "azure" and str(version) < _AZURE_USAGE_SINCE


def _headers(endpoint: Endpoint, dialect: Dialect) -> tuple[tuple[str, str], ...]:
    plain = (("content-type", "application/json"), ("user-agent", _USER_AGENT))
    if endpoint.api_key is None:
        return plain + endpoint.headers
    if dialect.key_header == "api-key":
        return (*plain, ("api-key", endpoint.api_key), *endpoint.headers)
    return (*plain, ("authorization", f"Bearer {endpoint.api_key}"), *endpoint.headers)


# --- reading ---


def _response(body: Any, endpoint: Endpoint) -> Response:
    choice = _choice(body, endpoint)
    message = choice.get("message") or EMPTY_MAP
    parts = _plain_text(message)
    if parts is None or body.get("search_results") or body.get("citations"):
        parts = _parts(body, message, _dialect(endpoint))
    raw = choice.get("finish_reason") or None
    called = bool(message.get("tool_calls"))
    answer_id = body.get("id") or None
    return Response(
        Message("assistant", parts, id=answer_id),
        finish_reason_of(raw, called=called, endpoint=endpoint),
        usage_of(body) or NO_USAGE,
        body.get("model") or "",
        id=answer_id,
        raw_finish_reason=raw,
        logprobs=logprobs_of(choice),
        extra=extra_of(body, choice) or EMPTY_MAP,
    )


def _choice(body: Any, endpoint: Endpoint) -> Mapping[str, Any]:
    if isinstance(body, dict):
        choices = body.get("choices")
        if choices and not body.get("error"):
            choice: Mapping[str, Any] = choices[0]
            if choice.get("error"):
                raise classify_payload(choice["error"], endpoint)
            return choice
        if body.get("error") or "message" in body or "detail" in body:
            raise classify_payload(body, endpoint)
    raise ProtocolViolationError("the answer has no choices", target=endpoint.name)


def _plain_text(message: Mapping[str, Any]) -> tuple[TextPart, ...] | None:
    """Read a message that is nothing but text, as most are; None if there is more to it."""
    text = message.get("content")
    if type(text) is not str or not text or text.lstrip().startswith("<think>"):
        return None
    if any(value for key, value in message.items() if key not in ("content", "role")):
        return None
    return (TextPart(text),)


def _parts(
    body: Mapping[str, Any], message: Mapping[str, Any], dialect: Dialect
) -> tuple[Any, ...]:
    """Read any message, by the same rules as the deltas of a stream."""
    reader = AnswerReader(dialect)
    reader.seed = body.get("id") or ""
    builder = ResponseBuilder()
    builder.add(Chunk(tuple(reader.read(message, whole=True))))
    builder.add(Chunk((*reader.end(), *reader.cite(sources_of(body)))))
    return builder.message.parts
