"""OpenAI's Responses protocol, and others' endpoints that speak it.

https://platform.openai.com/docs/api-reference/responses, read in November 2026. What each
provider and model takes stands in ``openai_responses_dialects.py``. Nothing is stored at the
provider (``store: false``): a conversation is sent whole, its reasoning in encrypted form.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations import __version__
from llmrouter_integrations.errors import ProtocolViolationError
from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.messages import (
    Message,
    RefusalPart,
    Response,
    TextPart,
    ToolCallPart,
)
from llmrouter_integrations.wire.base import Encoded
from llmrouter_integrations.wire.checks import read_answer
from llmrouter_integrations.wire.classify import classify, classify_payload
from llmrouter_integrations.wire.extra import extra_fields, limit_verbosity
from llmrouter_integrations.wire.history import Reader, nothing_in, portable, tool_ids
from llmrouter_integrations.wire.openai_responses_dialects import (
    dialect_of,
    sealer_of,
    terms_of,
)
from llmrouter_integrations.wire.openai_responses_input import InputWriter
from llmrouter_integrations.wire.openai_responses_output import (
    extra_of,
    finish_of,
    logprobs_of,
    read_item,
    usage_of,
)
from llmrouter_integrations.wire.openai_responses_parameters import (
    TOOL_NAMES,
    add_extra,
    asks_for_any_json,
    says_json,
    write_parameters,
)
from llmrouter_integrations.wire.openai_responses_stream import ResponsesStream
from llmrouter_integrations.wire.structured import json_instruction

if TYPE_CHECKING:
    from llmrouter_integrations.errors import AttemptError
    from llmrouter_integrations.http_messages import HttpResponse
    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.wire.base import Endpoint
    from llmrouter_integrations.wire.openai_responses_dialects import Dialect

__all__ = ["OpenAIResponsesCodec"]

USER_AGENT: Final = f"llmrouter-integrations/{__version__}"
TOOL_ID: Final = tool_ids(r"(?s:.{1,64})", prefix="call_")


class OpenAIResponsesCodec:
    """Speaks ``POST /responses``, whole and streamed."""

    protocol = "openai-responses"

    def encode(self, request: Request, endpoint: Endpoint, *, stream: bool) -> Encoded:
        """Write the request; see :class:`~llmrouter_integrations.wire.base.Codec`."""
        dialect = dialect_of(endpoint.provider)
        terms = terms_of(endpoint)
        reader = _reader(
            sealer_of(endpoint),
            cache_points=terms.cache_points,
            reasoning=terms.reasons,
            answer_blocks=dialect.native_items,
            named=dialect.issuer == "openai",
        )
        history, changes = portable(request.messages, reader)
        adjustments = list(changes)
        body: dict[str, Any] = {"model": endpoint.model, "input": [], "store": False}
        told = write_parameters(body, request, endpoint, dialect, adjustments, terms=terms)
        writer = InputWriter(dialect, terms, adjustments, endpoint.abilities)
        if asks_for_any_json(body):
            # the word must stand in the input, and instructions are no part of that
            body["input"] = writer.write(history)
            if request.output is not None and (
                request.output.kind == "json_schema" or not says_json(writer.items)
            ):
                told.append(json_instruction(request.output))
            writer.items[:0] = [{"role": "system", "content": text} for text in told]
        else:
            instructions, turns = writer.instructions(history)
            if not turns:  # input must not be empty
                instructions, turns = "", [Message("user", (TextPart(instructions),))]
            instructions = "\n\n".join([text for text in (instructions, *told) if text])
            if instructions:
                body["instructions"] = instructions
            body["input"] = writer.write(turns)
        if not body["input"]:
            raise nothing_in(request.messages, reader)
        if stream:
            body["stream"] = True
        if request.extra:
            readers = (self.protocol, dialect.issuer, endpoint.provider)
            fields = extra_fields(request.extra, readers, adjustments)
            if dialect.issuer == "openai":
                limit_verbosity(fields, endpoint.model, adjustments)
            add_extra(body, fields, adjustments)
        url = _url(endpoint.base_url, dialect.path, str(endpoint.options.get("api_version") or ""))
        return Encoded(
            HttpRequest("POST", url, _headers(endpoint, dialect), orjson.dumps(body)),
            tuple(dict.fromkeys(adjustments)),
        )

    def decode(self, http: HttpResponse, endpoint: Endpoint) -> Response:
        """Read a whole answer; see :class:`~llmrouter_integrations.wire.base.Codec`."""
        return read_answer(http, endpoint, _response)

    def decoder(self, endpoint: Endpoint) -> ResponsesStream:
        """Begin to read a streamed answer."""
        return ResponsesStream(endpoint)

    def error(self, http: HttpResponse, endpoint: Endpoint) -> AttemptError:
        """Classify an answer whose status is not 2xx."""
        return classify(http, endpoint)


@lru_cache(maxsize=256)
def _reader(
    issuer: str, *, cache_points: bool, reasoning: bool, answer_blocks: bool, named: bool
) -> Reader:
    return Reader(
        issuer,
        TOOL_ID,
        TOOL_NAMES.respell if named else None,
        names=False,
        cache_points=cache_points,
        reasoning=reasoning,
        answer_blocks=answer_blocks,
    )


def _response(body: Any, endpoint: Endpoint) -> Response:
    if isinstance(body, dict) and (body.get("error") or body.get("status") == "failed"):
        raise classify_payload(body.get("error") or "the response failed", endpoint)
    if not isinstance(body, dict) or not isinstance(body.get("output"), list):
        raise ProtocolViolationError("the answer has no output", target=endpoint.name)
    if body.get("status") in ("queued", "in_progress", "cancelled"):
        raise ProtocolViolationError(f"the answer is {body['status']}", target=endpoint.name)
    issuer = sealer_of(endpoint)
    parts = tuple([part for item in body["output"] for part in read_item(item, issuer)])
    finish_reason, raw = finish_of(
        body,
        called=any(type(part) is ToolCallPart for part in parts),
        refused=any(type(part) is RefusalPart for part in parts),
    )
    return Response(
        message=Message("assistant", parts, id=body.get("id")),
        finish_reason=finish_reason,
        usage=usage_of(body.get("usage")),
        model=body.get("model") or endpoint.model,
        provider=endpoint.provider,
        target=endpoint.name,
        id=body.get("id"),
        raw_finish_reason=raw,
        logprobs=logprobs_of(body["output"]),
        extra=extra_of(body),
    )


@lru_cache(maxsize=256)
def _url(base: str, path: str, version: str) -> str:
    """Append what the base URL lacks; Azure's dated versions have an address of their own."""
    if path != "/responses" and version[:1].isdigit():
        path = "/openai/responses"
        base = base.removesuffix("/v1")
    shared = next((i for i in range(len(path), 0, -1) if base.endswith(path[:i])), 0)
    url = base + path[shared:]
    return f"{url}?api-version={version}" if version and path != "/responses" else url


def _headers(endpoint: Endpoint, dialect: Dialect) -> tuple[tuple[str, str], ...]:
    headers = [("content-type", "application/json"), ("user-agent", USER_AGENT)]
    if endpoint.api_key is not None:
        headers.append(
            ("api-key", endpoint.api_key)
            if dialect.key_header == "api-key"
            else ("authorization", f"Bearer {endpoint.api_key}")
        )
    return (*headers, *endpoint.headers)
