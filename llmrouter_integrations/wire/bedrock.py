"""AWS Bedrock's Converse and ConverseStream.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, and botocore's
model of the service (1.44), both read in November 2026.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import orjson

from llmrouter_integrations import __version__
from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.messages import Adjustment, Message, Response, ToolCallPart
from llmrouter_integrations.wire.aws_auth import authorisation, region_of
from llmrouter_integrations.wire.base import Encoded
from llmrouter_integrations.wire.bedrock_answer import (
    ISSUER,
    extra_of,
    finish_reason_of,
    read_block,
    usage_of,
)
from llmrouter_integrations.wire.bedrock_blocks import ConverseWriter
from llmrouter_integrations.wire.bedrock_messages import (
    end_with_user,
    forget_thinking,
    why_no_thinking,
    write_messages,
    write_system,
)
from llmrouter_integrations.wire.bedrock_models import bedrock_rules
from llmrouter_integrations.wire.bedrock_settings import converse_settings
from llmrouter_integrations.wire.bedrock_stream import ConverseStream
from llmrouter_integrations.wire.bedrock_tools import tool_config
from llmrouter_integrations.wire.checks import read_answer
from llmrouter_integrations.wire.classify import classify, classify_payload
from llmrouter_integrations.wire.extra import extra_fields
from llmrouter_integrations.wire.history import (
    Reader,
    nothing_in,
    portable,
    split_system,
    tool_ids,
)
from llmrouter_integrations.wire.tool_names import ToolNames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.errors import AttemptError
    from llmrouter_integrations.http_messages import HttpResponse
    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["BedrockCodec"]

TOOL_ID: Final = tool_ids(r"[a-zA-Z0-9_.:-]{1,64}", prefix="tooluse_")
TOOL_NAMES: Final = ToolNames(r"[a-zA-Z0-9_-]{1,64}")
READER: Final = Reader(ISSUER, TOOL_ID, TOOL_NAMES.respell, names=False, blanks=False)
USER_AGENT: Final = f"llmrouter-integrations/{__version__}"

SERVICE_TIERS: Final[Mapping[str, str]] = {
    "default": "default",
    "standard": "default",
    "priority": "priority",
    "flex": "flex",
    "reserved": "reserved",
}


class BedrockCodec:
    """Speaks ``POST /model/MODEL/converse`` and ``converse-stream``."""

    protocol = "bedrock"

    def encode_may_block(self, endpoint: Endpoint) -> bool:
        """Whether AWS credentials must be looked up: in files, or over the network."""
        return not (endpoint.api_key or endpoint.options.get("access_key_id"))

    def encode(self, request: Request, endpoint: Endpoint, *, stream: bool) -> Encoded:
        """Write and sign the request; see :class:`~llmrouter_integrations.wire.base.Codec`.

        Raises:
            AuthenticationError: There are neither key nor AWS credentials.
            ConfigurationError: Nobody says which AWS region.
            MissingExtraError: A signature is needed and botocore is not installed.
        """
        rules = bedrock_rules(endpoint.model)
        history, changes = portable(request.messages, READER)
        adjustments = list(changes)
        writer = ConverseWriter(rules, adjustments, endpoint.abilities)
        system_parts, turns = split_system(history, adjustments)
        system = write_system(writer, system_parts)
        messages = write_messages(writer, turns, rules)
        if not messages and system:
            messages, system = [{"role": "user", "content": system}], []
        if not messages:
            raise nothing_in(request.messages, READER)
        TOOL_NAMES.require(request.tools)
        tools = tool_config(request, endpoint, rules, writer)
        settings = converse_settings(request, endpoint, rules, adjustments)
        if rules.claude is not None:
            if writer.replays_thinking and rules.claude.thinking == "budget":
                misplaced = [m for m in messages if "reasoningContent" not in m["content"][0]]
                forget_thinking(misplaced, adjustments, "the answer does not begin with it")
            settings.think(
                request,
                endpoint,
                rules.claude,
                adjustments,
                blocked=why_no_thinking(messages, forced=tools.forced),
                replays=writer.replays_thinking,
            )
            if settings.forgets:
                forget_thinking(messages, adjustments, "the model shall not think")
        end_with_user(
            messages,
            adjustments,
            may_prefill=rules.claude is not None
            and rules.claude.prefill
            and tools.text_format is None,
        )
        if messages[-1]["role"] == "assistant" and "thinking" not in settings.more:
            forget_thinking(messages[-1:], adjustments, "the model was not asked to think")
        writer.limit_documents()
        system += [{"text": said} for said in tools.instructions]
        writer.limit_cache_points([tools.tools, system, *[m["content"] for m in messages]])

        body: dict[str, Any] = {"messages": messages}
        if system:
            body["system"] = system
        if settings.inference:
            body["inferenceConfig"] = settings.inference
        if tools.tools:
            body["toolConfig"] = {"tools": tools.tools}
            if tools.claude_choice is not None:
                settings.more["tool_choice"] = tools.claude_choice
            elif tools.choice is not None:
                body["toolConfig"]["toolChoice"] = tools.choice
        if tools.text_format is not None:
            body["outputConfig"] = {"textFormat": tools.text_format}
        if settings.more:
            body["additionalModelRequestFields"] = settings.more
        _service_tier(body, request, adjustments)
        if request.extra:
            body |= extra_fields(request.extra, (ISSUER, endpoint.provider), adjustments)
        return Encoded(
            _post(endpoint, orjson.dumps(body), stream=stream), tuple(dict.fromkeys(adjustments))
        )

    def decode(self, http: HttpResponse, endpoint: Endpoint) -> Response:
        """Read a whole answer; see :class:`~llmrouter_integrations.wire.base.Codec`."""
        return read_answer(http, endpoint, lambda body, _: _response(http, body, endpoint))

    def decoder(self, endpoint: Endpoint) -> ConverseStream:
        """Begin to read a streamed answer."""
        return ConverseStream(endpoint)

    def error(self, http: HttpResponse, endpoint: Endpoint) -> AttemptError:
        """Classify an answer whose status is not 2xx."""
        return classify(http, endpoint)


def _response(http: HttpResponse, body: Any, endpoint: Endpoint) -> Response:
    if "output" not in body and ("message" in body or "error" in body):
        raise classify_payload(body, endpoint)
    content = body["output"]["message"]["content"]
    parts = tuple([part for block in content if (part := read_block(block)) is not None])
    stop = body.get("stopReason")
    called = any(type(part) is ToolCallPart for part in parts)
    return Response(
        message=Message("assistant", parts),
        finish_reason=finish_reason_of(stop, endpoint, called=called),
        usage=usage_of(body.get("usage")),
        model=endpoint.model,
        provider=endpoint.provider,
        target=endpoint.name,
        id=http.headers.get("x-amzn-requestid"),
        raw_finish_reason=stop,
        extra=extra_of(body),
    )


def _post(endpoint: Endpoint, body: bytes, *, stream: bool) -> HttpRequest:
    base = endpoint.base_url or f"https://bedrock-runtime.{region_of(endpoint)}.amazonaws.com"
    # ':' and the '/' of an ARN are escaped here; the signature escapes the path once more, as
    # AWS does on its side for every service but S3.
    model = quote(endpoint.model, safe="")
    url = f"{base}/model/{model}/{'converse-stream' if stream else 'converse'}"
    headers = [("content-type", "application/json"), ("user-agent", USER_AGENT)]
    headers += endpoint.headers
    headers += authorisation(endpoint, url, headers, body)
    return HttpRequest("POST", url, tuple(headers), body)


def _service_tier(body: dict[str, Any], request: Request, adjustments: list[Adjustment]) -> None:
    asked = request.service_tier
    if asked is None or asked == "auto":
        return
    tier = SERVICE_TIERS.get(asked)
    if tier is None:
        adjustments.append(Adjustment("service_tier", "dropped", "no such tier"))
        return
    body["serviceTier"] = {"type": tier}
