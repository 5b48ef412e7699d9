"""Gemini's generateContent: Google's own API, and Vertex (Gemini Enterprise Agent Platform).

https://ai.google.dev/api/generate-content and the pages beside it, read in November 2026. What
each model takes stands in ``gemini_models.py``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations import __version__
from llmrouter_integrations.errors import EmptyAnswerError
from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.messages import (
    EMPTY_MAP,
    NO_USAGE,
    Adjustment,
    Message,
    Response,
    TextPart,
    ToolCallPart,
)
from llmrouter_integrations.wire.base import Encoded
from llmrouter_integrations.wire.checks import read_answer
from llmrouter_integrations.wire.classify import classify, classify_payload
from llmrouter_integrations.wire.extra import extra_fields
from llmrouter_integrations.wire.gemini_answer import (
    ISSUER,
    extra_of,
    finish_reason_of,
    logprobs_of,
    read_parts,
    refuse_blocked,
    usage_of,
)
from llmrouter_integrations.wire.gemini_contents import ContentWriter
from llmrouter_integrations.wire.gemini_models import GeminiRules, gemini_rules, thinking_config
from llmrouter_integrations.wire.gemini_stream import GeminiStream
from llmrouter_integrations.wire.gemini_tools import offer
from llmrouter_integrations.wire.history import Reader, nothing_in, portable, split_system
from llmrouter_integrations.wire.tool_names import ToolNames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.errors import AttemptError
    from llmrouter_integrations.http_messages import HttpResponse
    from llmrouter_integrations.messages import Part, Request
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["GeminiCodec"]

USER_AGENT: Final = f"llmrouter-integrations/{__version__}"
TOOL_NAMES: Final = ToolNames(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
READER: Final = Reader(ISSUER, tool_name=TOOL_NAMES.respell, names=False, cache_points=False)
MAX_STOPS: Final = 5
MAX_TEMPERATURE: Final = 2.0
MAX_SEED: Final = 2**31 - 1
SAMPLING: Final = (("temperature", "temperature"), ("top_p", "topP"), ("top_k", "topK"))
PENALTIES: Final = (
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
)
SERVICE_TIERS: Final[Mapping[str, str]] = {
    "default": "standard",
    "standard": "standard",
    "flex": "flex",
    "priority": "priority",
}
_VERSION = re.compile(r"/v\d+\w*(?:/|$)")
_REGION = re.compile(r"//([a-z0-9-]+)-aiplatform\.")


class GeminiCodec:
    """Speaks ``models/MODEL:generateContent`` and ``:streamGenerateContent``."""

    protocol = "gemini"

    def encode(self, request: Request, endpoint: Endpoint, *, stream: bool) -> Encoded:
        """Write the request; see :class:`~llmrouter_integrations.wire.base.Codec`."""
        rules = gemini_rules(endpoint.model)
        history, changes = portable(request.messages, READER)
        adjustments = list(changes)
        writer = ContentWriter(rules, adjustments, endpoint.abilities)
        system_parts, turns = split_system(history, adjustments)
        system = _system(system_parts, adjustments)
        contents = writer.write(turns)
        TOOL_NAMES.require(request.tools)
        offered = offer(request, endpoint, rules, adjustments)
        if offered.instruction:
            system.append({"text": offered.instruction})
        if not contents and system:
            contents, system = [{"role": "user", "parts": system}], []
        if not contents:
            raise nothing_in(request.messages, READER)

        body: dict[str, Any] = {"contents": contents}
        if system:
            body["systemInstruction"] = {"parts": system}
        if offered.tools:
            body["tools"] = offered.tools
        if offered.config:
            body["toolConfig"] = offered.config
        config = _generation_config(request, endpoint, rules, adjustments)
        config |= offered.output
        if config:
            body["generationConfig"] = config
        _plain_parameters(body, request, endpoint, adjustments)
        if request.extra:
            body |= extra_fields(request.extra, (ISSUER, endpoint.provider), adjustments)
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return Encoded(
            HttpRequest(
                "POST", f"{_model_url(endpoint)}:{method}", _headers(endpoint), orjson.dumps(body)
            ),
            tuple(dict.fromkeys(adjustments)) if adjustments else (),
        )

    def decode(self, http: HttpResponse, endpoint: Endpoint) -> Response:
        """Read a whole answer; see :class:`~llmrouter_integrations.wire.base.Codec`."""
        return read_answer(http, endpoint, _response)

    def decoder(self, endpoint: Endpoint) -> GeminiStream:
        """Begin to read a streamed answer."""
        return GeminiStream(endpoint)

    def error(self, http: HttpResponse, endpoint: Endpoint) -> AttemptError:
        """Classify an answer whose status is not 2xx."""
        return classify(http, endpoint)


def _response(body: Mapping[str, Any], endpoint: Endpoint) -> Response:
    if "error" in body:
        raise classify_payload(body, endpoint)
    candidates = body.get("candidates")
    if not candidates:
        refuse_blocked(body, endpoint)
        raise EmptyAnswerError("the answer has no candidates", target=endpoint.name)
    candidate = candidates[0]
    response_id = body.get("responseId")
    parts = read_parts(candidate, response_id or "")
    called = any(type(part) is ToolCallPart for part in parts)
    usage = body.get("usageMetadata")
    return Response(
        message=Message("assistant", parts, id=response_id),
        finish_reason=finish_reason_of(candidate, endpoint, called=called),
        usage=usage_of(usage) or NO_USAGE,
        model=body.get("modelVersion") or endpoint.model,
        provider=endpoint.provider,
        target=endpoint.name,
        id=response_id,
        raw_finish_reason=candidate.get("finishReason"),
        logprobs=logprobs_of(candidate),
        extra=extra_of(candidate, usage) or EMPTY_MAP,
    )


def _system(parts: tuple[Part, ...], adjustments: list[Adjustment]) -> list[dict[str, Any]]:
    texts = [{"text": p.text} for p in parts if isinstance(p, TextPart) and p.text]
    if any(not isinstance(part, TextPart) for part in parts):
        adjustments.append(
            Adjustment("system", "dropped", "what is no text: instructions are text only")
        )
    return texts


def _generation_config(
    request: Request, endpoint: Endpoint, rules: GeminiRules, adjustments: list[Adjustment]
) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if request.max_tokens is not None:
        config["maxOutputTokens"] = _max_tokens(request.max_tokens, endpoint, adjustments)
    tempered = endpoint.abilities is None or endpoint.abilities.temperature is not False
    sampled = rules.sampling and tempered
    for fields, taken, why in (
        (SAMPLING, sampled, "the model takes no sampling parameters"),
        (PENALTIES, rules.penalties, "the model takes no penalties"),
    ):
        for name, field in fields:
            value = getattr(request, name)
            if value is not None:
                if taken:
                    config[field] = value
                else:
                    adjustments.append(Adjustment(name, "dropped", why))
    if config.get("temperature", 0) > MAX_TEMPERATURE:
        config["temperature"] = MAX_TEMPERATURE
        adjustments.append(Adjustment("temperature", "translated", "to 2, the most it takes"))
    if request.stop:
        config["stopSequences"] = request.stop[:MAX_STOPS]
        if len(request.stop) > MAX_STOPS:
            adjustments.append(Adjustment("stop", "translated", f"to the first {MAX_STOPS}"))
    if request.seed is not None:
        config["seed"] = request.seed & MAX_SEED
        if config["seed"] != request.seed:
            adjustments.append(Adjustment("seed", "translated", "to its last 31 bits"))
    if request.logprobs or request.top_logprobs:
        if rules.logprobs or endpoint.provider == "vertex":
            config["responseLogprobs"] = True
            if request.top_logprobs:
                config["logprobs"] = request.top_logprobs
        else:
            adjustments.append(Adjustment("logprobs", "dropped", "the model gives none"))
    thinking = thinking_config(request, endpoint, rules, adjustments)
    if thinking is not None:
        config["thinkingConfig"] = thinking
    return config


def _max_tokens(asked: int, endpoint: Endpoint, adjustments: list[Adjustment]) -> int:
    most = endpoint.max_output
    if most is None or asked <= most:
        return asked
    adjustments.append(Adjustment("max_tokens", "translated", f"{asked} to {most}, its most"))
    return most


def _plain_parameters(
    body: dict[str, Any], request: Request, endpoint: Endpoint, adjustments: list[Adjustment]
) -> None:
    tier = request.service_tier
    if tier is not None and tier != "auto":
        known = SERVICE_TIERS.get(tier) if endpoint.provider != "vertex" else None
        if known is None:
            adjustments.append(Adjustment("service_tier", "dropped", "no such tier"))
        else:
            body["serviceTier"] = known
    adjustments.extend(
        Adjustment(name, "dropped", "the protocol has no such parameter")
        for name in ("user", "prompt_cache_key")
        if getattr(request, name)
    )


def _model_url(endpoint: Endpoint) -> str:
    """Give the URL of the model, without the method.

    Vertex's holds project and location, from the target's options; without a project it is that
    of express mode, which goes by API key alone.
    """
    base, model = endpoint.base_url, endpoint.model
    vertex = endpoint.provider == "vertex"
    if not _VERSION.search(base):
        base += "/v1" if vertex else "/v1beta"
    if not vertex:
        return (
            f"{base}/{model}"
            if model.startswith(("models/", "tunedModels/"))
            else f"{base}/models/{model}"
        )
    if "/publishers/" in base:
        return f"{base}/models/{model}"
    options = endpoint.options
    if (project := options.get("project")) and "/projects/" not in base:
        base = f"{base}/projects/{project}/locations/{_location(endpoint)}"
    if model.startswith("projects/"):
        return f"{base.partition('/projects/')[0]}/{model}"  # a tuned model's endpoint
    if model.startswith(("publishers/", "endpoints/")):
        return f"{base}/{model}"
    return f"{base}/publishers/google/models/{model}"


def _location(endpoint: Endpoint) -> str:
    said = endpoint.options.get("location") or endpoint.options.get("region")
    if said:
        return str(said)
    found = _REGION.search(endpoint.base_url)
    return found[1] if found else "global"


def _headers(endpoint: Endpoint) -> tuple[tuple[str, str], ...]:
    key = endpoint.api_key
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    if key is not None:
        if endpoint.provider == "vertex" and _is_token(key, endpoint):
            headers += (("authorization", f"Bearer {key}"),)
        else:
            headers += (("x-goog-api-key", key),)
    return (*headers, ("user-agent", USER_AGENT), *endpoint.headers)


def _is_token(key: str, endpoint: Endpoint) -> bool:
    """Whether a key is an access token: Google's API keys, and express mode, are no such thing."""
    if key.startswith(("AIza", "AQ.")):
        return False
    projected = bool(endpoint.options.get("project")) or "/projects/" in endpoint.base_url
    return projected or key.startswith("ya29.")
