"""Anthropic's Messages protocol, and others' endpoints that speak it.

https://platform.claude.com/docs/en/api/messages and the pages beside it, read in November 2026.
What each model takes stands in ``claude.py``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations import __version__
from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.messages import (
    Adjustment,
    Message,
    Response,
    ToolCallPart,
    asked_from,
)
from llmrouter_integrations.wire.anthropic_answer import (
    extra_of,
    finish_reason_of,
    issuer_of,
    read_block,
    usage_of,
)
from llmrouter_integrations.wire.anthropic_blocks import BlockWriter
from llmrouter_integrations.wire.anthropic_stream import AnthropicStream
from llmrouter_integrations.wire.anthropic_tools import Offer, offer
from llmrouter_integrations.wire.base import Encoded
from llmrouter_integrations.wire.checks import read_answer
from llmrouter_integrations.wire.classify import classify, classify_payload
from llmrouter_integrations.wire.claude import (
    BINDING_BETA,
    OTHER,
    WINDOW_BETA,
    ClaudeRules,
    claude_rules,
    sampling,
    thinking,
)
from llmrouter_integrations.wire.extra import extra_fields
from llmrouter_integrations.wire.history import (
    Reader,
    nothing_in,
    portable,
    split_system,
    tool_ids,
)
from llmrouter_integrations.wire.structured import CONTINUE, OPENING
from llmrouter_integrations.wire.tool_names import ToolNames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.errors import AttemptError
    from llmrouter_integrations.http_messages import HttpResponse
    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["AnthropicCodec"]

VERSION: Final = "2023-06-01"
TOOL_ID: Final = tool_ids(r"[a-zA-Z0-9_-]{1,64}", prefix="toolu_")
TOOL_NAMES: Final = ToolNames(r"[a-zA-Z0-9_-]{1,128}")
USER_AGENT: Final = f"llmrouter-integrations/{__version__}"

THINKING: Final = ("thinking", "redacted_thinking")
UNKNOWN_PARAMETERS: Final = (
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "logprobs",
    "top_logprobs",
    "prompt_cache_key",
)
SERVICE_TIERS: Final[Mapping[str, str]] = {
    "auto": "auto",
    "priority": "auto",
    "default": "standard_only",
    "standard": "standard_only",
    "standard_only": "standard_only",
}


class AnthropicCodec:
    """Speaks ``POST /v1/messages``, whole and streamed."""

    protocol = "anthropic"

    def encode(self, request: Request, endpoint: Endpoint, *, stream: bool) -> Encoded:
        """Write the request; see :class:`~llmrouter_integrations.wire.base.Codec`."""
        rules = claude_rules(endpoint.model)
        issuer = issuer_of(endpoint)
        reader = _reader(issuer)
        history, changes = portable(request.messages, reader)
        adjustments = list(changes)
        writer = BlockWriter(
            issuer, adjustments, thinks=rules.thinking != "none", abilities=endpoint.abilities
        )
        TOOL_NAMES.require(request.tools)
        offered = offer(request, endpoint, rules, writer)
        system_parts, turns = split_system(history, adjustments)
        system = _system(writer, system_parts)
        messages = _messages(writer, turns)
        if writer.replays_thinking and rules.thinking == "budget":
            misplaced = [m for m in messages if m["content"][0]["type"] not in THINKING]
            _forget_thinking(misplaced, adjustments, "the answer does not begin with it")
        if not messages and system:
            messages, system = [{"role": "user", "content": system}], []
        if not messages:
            raise nothing_in(request.messages, reader)
        max_tokens = _max_tokens(request, endpoint, rules, adjustments)
        thought = thinking(
            request,
            rules,
            max_tokens,
            endpoint.abilities,
            adjustments,
            blocked=_blocks_thinking(offered, messages),
            replays=writer.replays_thinking,
        )
        if rules.binds and thought.config is not None and not thought.on:
            _forget_thinking(messages, adjustments, "the model shall not think")
        _end_with_user(
            messages, adjustments, may_prefill=rules.prefill and not offered.native_schema
        )
        if messages[-1]["role"] == "assistant" and not thought.on:
            _forget_thinking(messages[-1:], adjustments, "the model was not asked to think")
        offered.instruct(system)
        offered.add_history_tools(writer.called)
        writer.place_cache_points()

        body: dict[str, Any] = {
            "model": endpoint.model,
            "max_tokens": max_tokens,
            "messages": messages,
        }
        if system:
            body["system"] = system
        if offered.tools:
            body["tools"] = offered.tools
            if offered.choice is not None:
                body["tool_choice"] = offered.choice
        if thought.config is not None:
            body["thinking"] = thought.config
        output_config: dict[str, Any] = {}
        if thought.effort is not None:
            output_config["effort"] = thought.effort
        if offered.native_schema is not None:
            output_config["format"] = {"type": "json_schema", "schema": offered.native_schema}
            for document in writer.cited_documents:
                del document["citations"]
                adjustments.append(
                    Adjustment("citations", "dropped", "not together with a JSON schema")
                )
        if output_config:
            body["output_config"] = output_config
        body |= sampling(request, rules, endpoint.abilities, adjustments, thinks=thought.on)
        _plain_parameters(body, request, adjustments)
        if stream:
            body["stream"] = True
        betas = list(offered.betas)
        if thought.config is not None and "block_binding" in thought.config:
            betas.append(BINDING_BETA)
        if request.max_tokens is None and not rules.ends_at_window:
            betas.append(WINDOW_BETA)  # its most, said for the caller, must not refuse the prompt
        if request.extra:
            more = extra_fields(request.extra, ("anthropic", endpoint.provider), adjustments)
            betas.extend(more.pop("betas", ()))
            body |= more
        url = f"{endpoint.base_url.removesuffix('/v1')}/v1/messages"
        return Encoded(
            HttpRequest("POST", url, _headers(endpoint, betas), orjson.dumps(body)),
            tuple(dict.fromkeys(adjustments)),
        )

    def decode(self, http: HttpResponse, endpoint: Endpoint) -> Response:
        """Read a whole answer; see :class:`~llmrouter_integrations.wire.base.Codec`."""
        return read_answer(http, endpoint, _response)

    def decoder(self, endpoint: Endpoint) -> AnthropicStream:
        """Begin to read a streamed answer."""
        return AnthropicStream(endpoint)

    def error(self, http: HttpResponse, endpoint: Endpoint) -> AttemptError:
        """Classify an answer whose status is not 2xx."""
        return classify(http, endpoint)


@cache
def _reader(issuer: str) -> Reader:
    return Reader(issuer, TOOL_ID, TOOL_NAMES.respell, names=False, blanks=False)


def _response(body: Any, endpoint: Endpoint) -> Response:
    if "content" not in body and "error" in body:
        raise classify_payload(body, endpoint)
    issuer = issuer_of(endpoint)
    parts = tuple(
        [part for block in body["content"] if (part := read_block(block, issuer)) is not None]
    )
    stop_reason = body.get("stop_reason")
    called = any(type(part) is ToolCallPart for part in parts)
    message_id = body.get("id")
    return Response(
        message=Message("assistant", parts, id=message_id),
        finish_reason=finish_reason_of(stop_reason, called=called),
        usage=usage_of(body.get("usage")),
        model=body.get("model") or endpoint.model,
        provider=endpoint.provider,
        target=endpoint.name,
        id=message_id,
        raw_finish_reason=stop_reason,
        extra=extra_of(body, body.get("usage")),
    )


def _system(writer: BlockWriter, parts: tuple[Any, ...]) -> list[dict[str, Any]]:
    if not parts:
        return []
    blocks = writer.write(parts)
    texts = [block for block in blocks if block["type"] == "text"]
    if len(texts) < len(blocks):
        writer.adjustments.append(
            Adjustment("system", "dropped", "what is no text: instructions are text only")
        )
    return texts


def _messages(writer: BlockWriter, turns: list[Message]) -> list[dict[str, Any]]:
    """Write the turns as user and assistant messages that alternate, a user's first."""
    messages: list[dict[str, Any]] = []
    asked = asked_from(turns)
    for place, turn in enumerate(turns):
        answered = turn.role == "assistant"
        pending = place >= asked and turn.role == "user"
        blocks = writer.write(turn.parts, asked=pending, answered=answered)
        if not blocks:
            continue
        role = "assistant" if answered else "user"
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
        elif not messages and role == "assistant":
            opening = {"type": "text", "text": OPENING}
            messages.append({"role": "user", "content": [opening]})
            messages.append({"role": role, "content": blocks})
        else:
            messages.append({"role": role, "content": blocks})
    return messages


def _max_tokens(
    request: Request, endpoint: Endpoint, rules: ClaudeRules, adjustments: list[Adjustment]
) -> int:
    """Give ``max_tokens``, which Anthropic demands: as asked, or all that the model can give."""
    known = endpoint.max_output or (None if rules is OTHER else rules.max_output)
    asked = request.max_tokens
    if asked is None:
        return known or rules.max_output
    if known is not None and asked > known:
        adjustments.append(
            Adjustment("max_tokens", "translated", f"{asked} to {known}, the most it gives")
        )
        return known
    return asked


def _blocks_thinking(offered: Offer, messages: list[dict[str, Any]]) -> str:
    """Say why thinking by budget would make this request fail, or "".

    Anthropic: no thinking with a forced call; no prefill of an answer that begins with thinking;
    and an assistant turn whose tool results come now must itself begin with a thinking block,
    which the turn of another vendor's model does not.
    """
    if offered.forced:
        return "not together with a forced tool call"
    if messages and messages[-1]["role"] == "assistant":
        return "not together with an answer begun for the model"
    if len(messages) > 1 and any(b["type"] == "tool_result" for b in messages[-1]["content"]):
        begins = messages[-2]["content"][0]["type"]
        if begins not in THINKING:
            return "the tool calls being answered were made without thinking"
    return ""


def _forget_thinking(
    messages: list[dict[str, Any]], adjustments: list[Adjustment], why: str
) -> None:
    """Leave out the thinking of some turns.

    With thinking off a model that binds thinking to its conversation cannot be asked to overlook
    a mismatch (``block_binding`` goes with adaptive thinking only); nor may the last turn hold any.
    """
    for message in messages:
        kept = [block for block in message["content"] if block["type"] not in THINKING]
        if len(kept) < len(message["content"]):
            message["content"] = kept or [{"type": "text", "text": "(thinking)"}]
            adjustments.append(Adjustment("reasoning", "dropped", why))


def _end_with_user(
    messages: list[dict[str, Any]], adjustments: list[Adjustment], *, may_prefill: bool
) -> None:
    """See to a last turn of the assistant: an answer begun for it, where it takes that.

    A turn that ends in a server-side tool's block is a paused one, sent back to be resumed.
    """
    if not messages or messages[-1]["role"] != "assistant":
        return
    last = messages[-1]["content"][-1]
    if last["type"] != "text":
        return
    if may_prefill:
        last["text"] = last["text"].rstrip()  # Anthropic rejects a prefill that ends in blanks
        return
    messages.append({"role": "user", "content": [{"type": "text", "text": CONTINUE}]})
    adjustments.append(Adjustment("prefill", "translated", "to a user turn that asks to continue"))


def _plain_parameters(
    body: dict[str, Any], request: Request, adjustments: list[Adjustment]
) -> None:
    if request.stop:
        stops = [stop for stop in request.stop if stop.strip()]
        if len(stops) < len(request.stop):
            adjustments.append(Adjustment("stop", "dropped", "those of blanks only"))
        if stops:
            body["stop_sequences"] = stops
    if request.user:
        body["metadata"] = {"user_id": request.user}
    if request.service_tier is not None:
        tier = SERVICE_TIERS.get(request.service_tier)
        if tier != request.service_tier:
            adjustments.append(
                Adjustment("service_tier", "translated", f"to {tier}")
                if tier
                else Adjustment("service_tier", "dropped", "no such tier")
            )
        if tier:
            body["service_tier"] = tier
    adjustments.extend(
        Adjustment(name, "dropped", "the protocol has no such parameter")
        for name in UNKNOWN_PARAMETERS
        if (value := getattr(request, name)) is not None and value is not False
    )


def _headers(endpoint: Endpoint, betas: list[str]) -> tuple[tuple[str, str], ...]:
    headers = [("content-type", "application/json"), ("anthropic-version", VERSION)]
    if endpoint.api_key is not None:
        headers.append(("x-api-key", endpoint.api_key))
    headers.append(("user-agent", USER_AGENT))
    for name, value in endpoint.headers:
        if name.lower() == "anthropic-beta":
            betas = [*betas, *[beta.strip() for beta in value.split(",")]]
        else:
            headers.append((name, value))
    if betas:
        headers.append(("anthropic-beta", ",".join(dict.fromkeys(betas))))
    return tuple(headers)
