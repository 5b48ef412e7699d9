"""Cohere's chat, version 2: https://docs.cohere.com/reference/chat, read in November 2026."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations import __version__
from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.messages import (
    NO_USAGE,
    Message,
    Response,
    ToolCallPart,
)
from llmrouter_integrations.wire.base import Encoded
from llmrouter_integrations.wire.checks import read_answer
from llmrouter_integrations.wire.classify import classify, classify_payload
from llmrouter_integrations.wire.cohere_answer import (
    extra_of,
    finish_reason_of,
    logprobs_of,
    read_parts,
    usage_of,
)
from llmrouter_integrations.wire.cohere_messages import ISSUER, MessageWriter
from llmrouter_integrations.wire.cohere_parameters import write_parameters
from llmrouter_integrations.wire.cohere_stream import CohereStream
from llmrouter_integrations.wire.extra import extra_fields
from llmrouter_integrations.wire.history import Reader, nothing_in, portable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.errors import AttemptError
    from llmrouter_integrations.http_messages import HttpResponse
    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["CohereCodec"]

READER: Final = Reader(ISSUER, names=False, cache_points=False, answer_blocks=False)
USER_AGENT: Final = f"llmrouter-integrations/{__version__}"


class CohereCodec:
    """Speaks ``POST /v2/chat``, whole and streamed."""

    protocol = "cohere"

    def encode(self, request: Request, endpoint: Endpoint, *, stream: bool) -> Encoded:
        """Write the request; see :class:`~llmrouter_integrations.wire.base.Codec`."""
        history, changes = portable(request.messages, READER)
        adjustments = list(changes)
        body: dict[str, Any] = {"model": endpoint.model, "messages": []}
        instructions = write_parameters(body, request, endpoint, adjustments)
        writer = MessageWriter(
            adjustments, cites="response_format" not in body, abilities=endpoint.abilities
        )
        body["messages"] = writer.write(history, instructions)
        if not body["messages"]:
            raise nothing_in(request.messages, READER)
        if writer.documents:
            body["documents"] = writer.documents
        if stream:
            body["stream"] = True
        if request.extra:
            body |= extra_fields(request.extra, (ISSUER, endpoint.provider), adjustments)
        url = f"{endpoint.base_url.removesuffix('/v2')}/v2/chat"
        return Encoded(
            HttpRequest("POST", url, _headers(endpoint), orjson.dumps(body)),
            tuple(dict.fromkeys(adjustments)) if adjustments else (),
        )

    def decode(self, http: HttpResponse, endpoint: Endpoint) -> Response:
        """Read a whole answer; see :class:`~llmrouter_integrations.wire.base.Codec`."""
        return read_answer(http, endpoint, _response)

    def decoder(self, endpoint: Endpoint) -> CohereStream:
        """Begin to read a streamed answer."""
        return CohereStream(endpoint)

    def error(self, http: HttpResponse, endpoint: Endpoint) -> AttemptError:
        """Classify an answer whose status is not 2xx."""
        return classify(http, endpoint)


def _response(body: Mapping[str, Any], endpoint: Endpoint) -> Response:
    message = body.get("message")
    if not isinstance(message, dict):
        raise classify_payload(body, endpoint)  # a message that is a string is an error's
    parts = read_parts(message)
    usage = body.get("usage")
    raw = body.get("finish_reason")
    called = any(type(part) is ToolCallPart for part in parts)
    logprobs = body.get("logprobs")
    return Response(
        message=Message("assistant", parts, id=body.get("id")),
        finish_reason=finish_reason_of(raw, endpoint, called=called),
        usage=usage_of(usage) or NO_USAGE,
        model=endpoint.model,
        provider=endpoint.provider,
        target=endpoint.name,
        id=body.get("id"),
        raw_finish_reason=raw,
        logprobs=logprobs_of(logprobs) if logprobs else None,
        extra=extra_of(usage),
    )


def _headers(endpoint: Endpoint) -> tuple[tuple[str, str], ...]:
    headers = [("content-type", "application/json")]
    if endpoint.api_key is not None:
        headers.append(("authorization", f"Bearer {endpoint.api_key}"))
    headers.append(("user-agent", USER_AGENT))
    return (*headers, *endpoint.headers)
