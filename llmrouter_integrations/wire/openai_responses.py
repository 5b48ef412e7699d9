"""OpenAI's Responses protocol, and others' endpoints that speak it.

https://platform.openai.com/docs/api-reference/responses, read in November 2026. What each
provider and model takes stands in ``openai_responses_dialects.py``. Nothing is stored at the
provider (``store: false``): a conversation is sent whole, its reasoning in encrypted form.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations import __version__
from llmrouter_integrations.errors import ProtocolViolationError
from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.messages import (
    Adjustment,
    Message,
    NativeTool,
    RefusalPart,
    Response,
    ToolCallPart,
)
from llmrouter_integrations.wire.base import Encoded
from llmrouter_integrations.wire.checks import finished, json_body, malformed
from llmrouter_integrations.wire.classify import classify, classify_payload
from llmrouter_integrations.wire.effort import nearest_effort
from llmrouter_integrations.wire.extra import extra_fields
from llmrouter_integrations.wire.history import portable, tool_ids
from llmrouter_integrations.wire.openai_responses_dialects import dialect_of, terms_of
from llmrouter_integrations.wire.openai_responses_input import InputWriter
from llmrouter_integrations.wire.openai_responses_output import (
    extra_of,
    finish_of,
    logprobs_of,
    read_item,
    usage_of,
)
from llmrouter_integrations.wire.openai_responses_stream import ResponsesStream
from llmrouter_integrations.wire.openai_schema import strict_schema
from llmrouter_integrations.wire.structured import call_instruction, fits_tool, json_instruction

if TYPE_CHECKING:
    from llmrouter_integrations.errors import AttemptError
    from llmrouter_integrations.http_messages import HttpResponse
    from llmrouter_integrations.messages import Request, Tool
    from llmrouter_integrations.wire.base import Endpoint
    from llmrouter_integrations.wire.openai_responses_dialects import Dialect, ModelTerms

__all__ = ["OpenAIResponsesCodec"]

USER_AGENT: Final = f"llmrouter-integrations/{__version__}"
TOOL_ID: Final = tool_ids(r".{1,64}", prefix="call_")
UNKNOWN_PARAMETERS: Final = ("top_k", "frequency_penalty", "presence_penalty", "seed")
CHAT_ONLY: Final = frozenset(
    {"audio", "logit_bias", "modalities", "prediction", "web_search_options"}
)
"""Parameters of chat completions that Responses answers with 400."""
NO_PARAMETERS: Final = {"type": "object", "properties": {}}
_NOT_IN_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")


class OpenAIResponsesCodec:
    """Speaks ``POST /responses``, whole and streamed."""

    protocol = "openai-responses"

    def encode(self, request: Request, endpoint: Endpoint, *, stream: bool) -> Encoded:
        """Write the request; see :class:`~llmrouter_integrations.wire.base.Codec`."""
        dialect = dialect_of(endpoint.provider)
        terms = terms_of(endpoint)
        history, changes = portable(request.messages, issuer=dialect.issuer, tool_id=TOOL_ID)
        adjustments = list(changes)
        body: dict[str, Any] = {"model": endpoint.model, "input": [], "store": False}
        effort, reasons = _effort(request, terms, adjustments)
        told: list[str] = []  # instructions that stand for what cannot be said otherwise

        _output(body, request, terms, told, adjustments)
        _tools(body, request, endpoint, dialect, adjustments)
        if body.get("tools"):
            _tool_choice(body, request, dialect, told, adjustments, reasons=reasons)
            _parallel(body, request, terms, adjustments)

        writer = InputWriter(dialect, terms, adjustments)
        if _asks_for_any_json(body):
            # the word must stand in the input, and instructions are no part of that
            body["input"] = writer.write(history)
            if request.output is not None and (
                request.output.kind == "json_schema" or not _says_json(writer.items)
            ):
                told.append(json_instruction(request.output))
            writer.items[:0] = [{"role": "system", "content": text} for text in told]
        else:
            instructions, turns = writer.instructions(history)
            instructions = "\n\n".join([text for text in (instructions, *told) if text])
            if instructions:
                body["instructions"] = instructions
            body["input"] = writer.write(turns)

        include: list[str] = []
        if dialect.reasoning == "encrypted" and terms.encrypts:
            include.append("reasoning.encrypted_content")
        if effort is not None:
            body["reasoning"] = {"effort": effort}
        _sampling(body, request, terms, include, adjustments, reasons=reasons)
        _parameters(body, request, endpoint, dialect, adjustments)
        if include:
            body["include"] = include
        if stream:
            body["stream"] = True
        if request.extra:
            readers = (self.protocol, dialect.issuer, endpoint.provider)
            _add_extra(body, extra_fields(request.extra, readers, adjustments), adjustments)
        url = _url(endpoint.base_url, dialect.path, str(endpoint.options.get("api_version") or ""))
        return Encoded(
            HttpRequest("POST", url, _headers(endpoint, dialect), orjson.dumps(body)),
            tuple(dict.fromkeys(adjustments)),
        )

    def decode(self, http: HttpResponse, endpoint: Endpoint) -> Response:
        """Read a whole answer; see :class:`~llmrouter_integrations.wire.base.Codec`."""
        if not 200 <= http.status < 300:
            raise self.error(http, endpoint)
        body = json_body(http, endpoint)
        try:
            return finished(_response(body, endpoint), endpoint)
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise malformed(error, endpoint) from error

    def decoder(self, endpoint: Endpoint) -> ResponsesStream:
        """Begin to read a streamed answer."""
        return ResponsesStream(endpoint)

    def error(self, http: HttpResponse, endpoint: Endpoint) -> AttemptError:
        """Classify an answer whose status is not 2xx."""
        return classify(http, endpoint)


def _response(body: Any, endpoint: Endpoint) -> Response:
    if isinstance(body, dict) and (body.get("error") or body.get("status") == "failed"):
        raise classify_payload(body.get("error") or "the response failed", endpoint)
    if not isinstance(body, dict) or not isinstance(body.get("output"), list):
        raise ProtocolViolationError("the answer has no output", target=endpoint.name)
    if body.get("status") in ("queued", "in_progress", "cancelled"):
        raise ProtocolViolationError(f"the answer is {body['status']}", target=endpoint.name)
    issuer = dialect_of(endpoint.provider).issuer
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


def _effort(
    request: Request, terms: ModelTerms, adjustments: list[Adjustment]
) -> tuple[str | None, bool]:
    """Give the effort to ask for, if any, and whether the model will reason."""
    asked = request.reasoning_effort
    by_itself = terms.reasons and terms.unsaid
    if asked is None or (asked == "none" and not terms.reasons):
        return None, by_itself
    level = nearest_effort(asked, terms.efforts) if terms.reasons else None
    if level is None:
        why = "the model takes no word on it" if terms.reasons else "the model does not reason"
        adjustments.append(Adjustment("reasoning_effort", "dropped", why))
        return None, by_itself
    if level != asked:
        adjustments.append(Adjustment("reasoning_effort", "translated", f"{asked} to {level}"))
    return level, level != "none"


def _output(
    body: dict[str, Any],
    request: Request,
    terms: ModelTerms,
    told: list[str],
    adjustments: list[Adjustment],
) -> None:
    """Ask for the form of the answer: by schema, as any JSON, or in words."""
    output = request.output
    if output is None:
        return
    if output.kind == "json_schema" and terms.schema == "json_schema" and fits_tool(output):
        strict = strict_schema(dict(output.schema)) if output.strict is not False else None
        if strict is None and output.strict:
            adjustments.append(
                Adjustment("output.strict", "dropped", "the schema has no strict form")
            )
        form: dict[str, Any] = {
            "type": "json_schema",
            "name": _NOT_IN_A_NAME.sub("_", output.name)[:64] or "output",
            "schema": strict or {"type": "object", **output.schema},
            "strict": strict is not None,
        }
        if output.description:
            form["description"] = output.description
        body["text"] = {"format": form}
        return
    if terms.schema != "words" and (output.kind == "json_object" or fits_tool(output)):
        body["text"] = {"format": {"type": "json_object"}}
    else:
        told.append(json_instruction(output))
    if output.kind == "json_schema" or terms.schema == "words":
        adjustments.append(Adjustment("output", "translated", "the form is asked for in words"))


def _asks_for_any_json(body: dict[str, Any]) -> bool:
    return bool("text" in body and body["text"]["format"]["type"] == "json_object")


def _says_json(items: list[dict[str, Any]]) -> bool:
    return b"json" in orjson.dumps(items).lower()


def _tools(
    body: dict[str, Any],
    request: Request,
    endpoint: Endpoint,
    dialect: Dialect,
    adjustments: list[Adjustment],
) -> None:
    tools: list[dict[str, Any]] = []
    for tool in request.tools:
        if not isinstance(tool, NativeTool):
            tools.append(_function(tool, adjustments))
        elif tool.issuer in (dialect.issuer, endpoint.provider, "openai-responses"):
            tools.append(dict(tool.payload))
        else:
            adjustments.append(Adjustment("tools", "dropped", f"{tool.issuer}'s own tool"))
    if tools:
        body["tools"] = tools


def _function(tool: Tool, adjustments: list[Adjustment]) -> dict[str, Any]:
    schema = dict(tool.parameters) or NO_PARAMETERS
    strict = strict_schema(schema) if tool.strict else None
    if tool.strict and strict is None:
        adjustments.append(
            Adjustment("tools.strict", "dropped", f"{tool.name}'s schema has no strict form")
        )
    function: dict[str, Any] = {
        "type": "function",
        "name": tool.name,
        "parameters": strict or schema,
        # left unsaid it is true here, unlike in chat completions
        "strict": strict is not None,
    }
    if tool.description:
        function["description"] = tool.description
    return function


def _tool_choice(
    body: dict[str, Any],
    request: Request,
    dialect: Dialect,
    told: list[str],
    adjustments: list[Adjustment],
    *,
    reasons: bool,
) -> None:
    choice = request.tool_choice
    if choice is None:
        return
    forced = choice not in ("auto", "none")
    if forced and reasons and dialect.forced_call == "unless_reasoning":
        body["tool_choice"] = "auto"
        told.append(call_instruction(choice))
        adjustments.append(
            Adjustment("tool_choice", "translated", "a call is asked for in words: it reasons")
        )
    elif not forced or choice == "required":
        body["tool_choice"] = choice
    elif any(tool["type"] == choice for tool in body["tools"]):
        body["tool_choice"] = {"type": choice}
    else:
        body["tool_choice"] = {"type": "function", "name": choice}


def _parallel(
    body: dict[str, Any], request: Request, terms: ModelTerms, adjustments: list[Adjustment]
) -> None:
    if request.parallel_tool_calls is None:
        return
    if terms.parallel:
        body["parallel_tool_calls"] = request.parallel_tool_calls
    else:
        adjustments.append(
            Adjustment("parallel_tool_calls", "dropped", "the model has no such switch")
        )


def _sampling(
    body: dict[str, Any],
    request: Request,
    terms: ModelTerms,
    include: list[str],
    adjustments: list[Adjustment],
    *,
    reasons: bool,
) -> None:
    taken = terms.sampling == "always" or not reasons
    for name in ("temperature", "top_p"):
        value = getattr(request, name)
        if value is None or (value == 1 and not taken):
            continue  # 1 is what it does anyway
        if taken:
            body[name] = value
        else:
            adjustments.append(Adjustment(name, "dropped", "not while the model reasons"))
    if request.logprobs or request.top_logprobs:
        if not taken:
            adjustments.append(Adjustment("logprobs", "dropped", "not while the model reasons"))
            return
        include.append("message.output_text.logprobs")
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs


def _parameters(
    body: dict[str, Any],
    request: Request,
    endpoint: Endpoint,
    dialect: Dialect,
    adjustments: list[Adjustment],
) -> None:
    asked = request.max_tokens
    if asked is not None:
        most = endpoint.max_output or asked
        tokens = max(dialect.min_output, min(asked, most))
        if tokens != asked:
            adjustments.append(Adjustment("max_tokens", "translated", f"{asked} to {tokens}"))
        body["max_output_tokens"] = tokens
    if request.user:
        body[dialect.user] = request.user
    if request.prompt_cache_key:
        body["prompt_cache_key"] = request.prompt_cache_key
    if request.service_tier is not None:
        if dialect.service_tier:
            body["service_tier"] = request.service_tier
        else:
            adjustments.append(Adjustment("service_tier", "dropped", "no such tier"))
    dropped = [name for name in UNKNOWN_PARAMETERS if getattr(request, name) is not None]
    if request.stop:
        dropped.append("stop")
    adjustments.extend(
        [Adjustment(name, "dropped", "the protocol has no such parameter") for name in dropped]
    )


def _add_extra(body: dict[str, Any], fields: dict[str, Any], adjustments: list[Adjustment]) -> None:
    """Merge fields as they are, but for those that go by the names of chat completions."""
    for name in sorted(CHAT_ONLY & fields.keys()):
        del fields[name]
        adjustments.append(Adjustment(name, "dropped", "chat completions alone has it"))
    verbosity = fields.pop("verbosity", None)
    body |= fields
    if verbosity is not None:
        body["text"] = {**body.get("text", {}), "verbosity": verbosity}


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
