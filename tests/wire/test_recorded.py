"""Every recorded provider answer, decoded and held against a plain reading of the same bytes.

The plain readings below share nothing with the codecs: they look for text, tool calls, finish
reason and usage in the raw JSON, and cut streams with one regular expression. ``LLMROUTER_WIRE``
names another folder of vcrpy YAML files to try instead of ``../shared/wire``.
"""

import gzip
import json
import os
import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from llmrouter_integrations import errors
from llmrouter_integrations.accumulate import ResponseBuilder
from llmrouter_integrations.errors import AttemptError, MissingExtraError
from llmrouter_integrations.http_messages import HttpResponse
from llmrouter_integrations.messages import Chunk, Response
from llmrouter_integrations.wire import registry
from llmrouter_integrations.wire.base import Codec, Endpoint

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("LLMROUTER_WIRE") or ROOT.parent / "shared" / "wire")
FILES = sorted(path for end in ("*.yaml", "*.yml") for path in FOLDER.rglob(end))
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
if os.environ.get("LLMROUTER_WIRE") and not FILES:
    raise pytest.UsageError(f"LLMROUTER_WIRE={FOLDER} holds no recorded traffic")

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason=f"no recorded traffic: {FOLDER} does not exist and LLMROUTER_WIRE is not set",
)


# --- which protocol, which provider ---------------------------------------------------------

PATHS = (
    (r"/chat/completions$", "openai-chat"),
    (r"/responses$", "openai-responses"),
    (r"/messages$", "anthropic"),
    (r"/(google/)?models/[^/]+:(generateContent|streamGenerateContent)$", "gemini"),
    (r"/v2/chat$", "cohere"),
    (r"/converse$", "bedrock"),
    (r"/converse-stream$", "bedrock"),
)
BODIES = (
    # for recordings whose address was taken out
    (r'"object": ?"chat\.completion', "openai-chat"),
    (r'"object": ?"response"', "openai-responses"),
    (r'^event: message_start|"type": ?"message", ?"role": ?"assistant"', "anthropic"),
    (r'"candidates": ?\[|"promptFeedback"', "gemini"),
    (r'"stopReason"', "bedrock"),
    (r'"finish_reason": ?"(COMPLETE|MAX_TOKENS|TOOL_CALL)".*"billed_units"', "cohere"),
)
HOSTS = (
    ("openrouter.ai", "openrouter"),
    (".azure.com", "azure"),
    ("api.openai.com", "openai"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "google"),
    ("aiplatform.googleapis.com", "vertex"),
    (".amazonaws.com", "bedrock"),
    ("cohere", "cohere"),
    ("mistral", "mistral"),
    ("groq", "groq"),
    ("deepseek", "deepseek"),
    ("x.ai", "xai"),
    ("together", "together"),
    ("fireworks", "fireworks"),
    ("cerebras", "cerebras"),
    ("perplexity", "perplexity"),
    ("ollama", "ollama"),
    (":11434", "ollama"),
)


@dataclass
class Interaction:
    """One recorded exchange."""

    method: str
    uri: str
    request: Any
    http: HttpResponse

    @property
    def protocol(self) -> str | None:
        path = urlsplit(self.uri).path
        for pattern, protocol in PATHS:
            if self.method == "POST" and re.search(pattern, path):
                return protocol
        if "/" in path:
            return None
        body = self.text
        return next((p for pattern, p in BODIES if re.search(pattern, body, re.DOTALL)), None)

    @property
    def what(self) -> str:
        """A name for what no codec speaks."""
        where = urlsplit(self.uri)
        path = re.sub(r"/model/[^/]+/", "/model/{id}/", where.path)
        return f"{self.method} {where.netloc} {path}"

    @property
    def endpoint(self) -> Endpoint:
        where = urlsplit(self.uri)
        provider = next((p for host, p in HOSTS if host in where.netloc), where.netloc)
        model = self.request.get("model") if isinstance(self.request, dict) else None
        return Endpoint("recorded", provider, str(model), f"{where.scheme}://{where.netloc}")

    @property
    def text(self) -> str:
        return self.http.body.decode("utf-8", "replace")

    @property
    def streamed(self) -> bool:
        kind = self.http.headers.get("content-type", "")
        return "event-stream" in kind or self.text.lstrip().startswith(("data:", "event:", ":"))


def load(path: Path) -> list[Interaction]:
    recorded = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506  (a safe loader)
    return [interaction(item) for item in recorded["interactions"]]


def interaction(item: dict[str, Any]) -> Interaction:
    request, response = item["request"], item["response"]
    body = (response.get("body") or {}).get("string") or b""
    if isinstance(body, str):
        body = body.encode("utf-8", "surrogateescape")
    if body.startswith(b"\x1f\x8b"):
        body = gzip.decompress(body)
    headers = {
        name.lower(): value if isinstance(value, str) else ", ".join(map(str, value))
        for name, value in (response.get("headers") or {}).items()
    }
    asked = request.get("body")
    try:
        asked = json.loads(asked)
    except (TypeError, ValueError):
        asked = None  # none, truncated when it was recorded, or not JSON
    return Interaction(
        request.get("method", "POST"),
        str(request["uri"]),
        asked,
        HttpResponse(int(response["status"]["code"]), headers, body),
    )


# --- a plain reading of each protocol -------------------------------------------------------


@dataclass
class Plain:
    """What the raw bytes say. A set holds every reading that is right."""

    text: str = ""
    calls: dict[Any, list[str]] = field(default_factory=dict)  # key -> [name, arguments]
    finish: set[str] = field(default_factory=set)
    input: int | None = None
    output: set[int] = field(default_factory=set)
    cached: int | None = None
    reasoning: int | None = None
    other: bool = False  # content that is neither text nor a call
    ended: bool = False
    error: Any = None
    streamed: bool = False

    @property
    def nothing(self) -> bool:
        return not (self.text or self.calls or self.other)

    @property
    def arguments(self) -> list[tuple[str, Any]]:
        return [(name, parse(said)) for name, said in self.calls.values()]

    @property
    def malformed(self) -> bool:
        return any(not isinstance(arguments, dict) for _, arguments in self.arguments)


def parse(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def finishes(table: dict[str, str], raw: Any, *, calls: bool) -> set[str]:
    if raw is None or raw == "":
        return {"unknown", "stop", "tool_calls"}
    found = {table.get(raw, "unknown")}
    if calls and found == {"stop"}:
        found.add("tool_calls")
    return found


def chat(events: list[Any], plain: Plain) -> None:
    raw = None
    for event in events:
        if event.get("error"):
            plain.error = event
            return
        usage = event.get("usage") or (event.get("x_groq") or {}).get("usage")
        if usage:
            prompt, completion = usage["prompt_tokens"], usage.get("completion_tokens", 0)
            plain.input = prompt
            # some leave reasoning out of the completion and only count it in the total
            plain.output = {completion, max(completion, usage.get("total_tokens", 0) - prompt)}
            plain.cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
            plain.reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
        for choice in (event.get("choices") or [])[:1]:
            if choice.get("index", 0) != 0:
                continue
            raw = choice.get("finish_reason") or raw
            # perplexity sends both: what is new, and all so far
            said = choice.get("delta" if plain.streamed else "message") or {}
            content = said.get("content")
            for piece in content if isinstance(content, list) else [{"text": content or ""}]:
                plain.text += piece.get("text") or ""
            if said.get("refusal"):
                plain.other = True
            sound = (said.get("audio") or {}).get("data")
            plain.other = plain.other or bool(said.get("images") or sound)
            for place, call in enumerate(said.get("tool_calls") or []):
                key = call.get("index", place) if plain.streamed else place
                function = call.get("function") or {}
                known = plain.calls.setdefault(key, ["", ""])
                known[0] += function.get("name") or ""
                arguments = function.get("arguments") or ""
                known[1] += arguments if isinstance(arguments, str) else json.dumps(arguments)
    table = {
        "stop": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "function_call": "tool_calls",
        "content_filter": "content_filter",
    }
    plain.ended = bool(raw) or events[-1] == DONE
    plain.finish = finishes(table, raw, calls=bool(plain.calls))
    if plain.other:
        plain.finish.add("refusal")


def responses(events: list[Any], plain: Plain) -> None:
    whole = None
    for event in events:
        kind = event.get("type", "")
        if kind in {"error", "response.failed"} or event.get("status") == "failed":
            plain.error = event.get("response") or event
            return
        if event.get("object") == "response":
            whole = event
        elif kind in {"response.completed", "response.incomplete"}:
            whole = event["response"]
        elif kind == "response.output_text.delta":
            plain.text += event["delta"]
    if whole is None:
        return
    plain.ended = True
    plain.text = ""
    refused = False
    for place, item in enumerate(whole["output"]):
        if item["type"] == "function_call":
            plain.calls[place] = [item["name"], item["arguments"]]
        elif item["type"] == "message":
            for piece in item["content"]:
                plain.text += piece.get("text", "")
                refused = refused or piece["type"] == "refusal"
        elif item["type"] != "reasoning":
            plain.other = True
    plain.other = plain.other or refused
    why = (whole.get("incomplete_details") or {}).get("reason")
    if whole["status"] == "incomplete":
        plain.finish = {"content_filter" if why == "content_filter" else "length"}
    else:
        plain.finish = {"tool_calls"} if plain.calls else {"refusal" if refused else "stop"}
    if usage := whole.get("usage"):
        plain.input, plain.output = usage["input_tokens"], {usage["output_tokens"]}
        plain.cached = (usage.get("input_tokens_details") or {}).get("cached_tokens")
        plain.reasoning = (usage.get("output_tokens_details") or {}).get("reasoning_tokens")


def anthropic(events: list[Any], plain: Plain) -> None:
    usage: dict[str, Any] = {}
    raw = None
    for event in events:
        kind = event.get("type")
        if kind == "error":
            plain.error = event
            return
        message = event if kind == "message" else event.get("message") or {}
        usage |= {k: v for k, v in (message.get("usage") or {}).items() if v is not None}
        usage |= {k: v for k, v in (event.get("usage") or {}).items() if v is not None}
        raw = message.get("stop_reason") or (event.get("delta") or {}).get("stop_reason") or raw
        blocks = list(enumerate(message.get("content") or []))
        if kind == "content_block_start":
            blocks.append((event["index"], event["content_block"]))
        for place, block in blocks:
            if block["type"] == "text":
                plain.text += block["text"]
            elif block["type"] == "tool_use":
                said = json.dumps(block["input"]) if block["input"] else ""
                plain.calls[place] = [block["name"], said]
            elif block["type"] not in ("thinking", "redacted_thinking"):
                plain.other = True
        delta = event.get("delta") or {}
        if delta.get("type") == "text_delta":
            plain.text += delta["text"]
        elif delta.get("type") == "input_json_delta" and event["index"] in plain.calls:
            plain.calls[event["index"]][1] += delta["partial_json"]
    table = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "pause_turn": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "refusal",
    }
    plain.ended = raw is not None
    plain.finish = finishes(table, raw, calls=bool(plain.calls))
    if raw == "pause_turn":
        plain.finish.add("unknown")
    if usage:
        plain.cached = usage.get("cache_read_input_tokens", 0)
        written = usage.get("cache_creation_input_tokens", 0)
        plain.input = usage["input_tokens"] + plain.cached + written
        plain.output = {usage["output_tokens"]}


def gemini(events: list[Any], plain: Plain) -> None:
    raw = None
    for event in events:
        if event.get("error"):
            plain.error = event
            return
        if (usage := event.get("usageMetadata")) and "promptTokenCount" in usage:
            thoughts = usage.get("thoughtsTokenCount", 0)
            plain.input = usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0)
            plain.output = {usage.get("candidatesTokenCount", 0) + thoughts}
            plain.cached = usage.get("cachedContentTokenCount", 0)
            plain.reasoning = thoughts
        if (event.get("promptFeedback") or {}).get("blockReason"):
            raw = "SAFETY"
        for candidate in (event.get("candidates") or [])[:1]:
            raw = candidate.get("finishReason") or raw
            for part in (candidate.get("content") or {}).get("parts") or []:
                if "functionCall" in part:
                    call = part["functionCall"]
                    said = json.dumps(call.get("args") or {})
                    plain.calls[len(plain.calls)] = [call["name"], said]
                elif "text" in part and not part.get("thought"):
                    plain.text += part["text"]
                elif "text" not in part and "thoughtSignature" not in part:
                    plain.other = True
    table = {"STOP": "stop", "MAX_TOKENS": "length"}
    blocked = "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY MODEL_ARMOR"
    table |= dict.fromkeys(blocked.split(), "content_filter")
    plain.ended = raw is not None
    plain.finish = finishes(table, raw, calls=bool(plain.calls))


def cohere(events: list[Any], plain: Plain) -> None:
    raw, usage = None, None
    for event in events:
        kind = event.get("type")
        delta = event.get("delta") or {}
        message = event.get("message") or delta.get("message") or {}
        if not isinstance(message, dict):
            message = {}
        raw = event.get("finish_reason") or delta.get("finish_reason") or raw
        usage = event.get("usage") or delta.get("usage") or usage
        content = message.get("content") or []
        for block in content if isinstance(content, list) else [content]:
            plain.text += block.get("text") or ""
        calls = message.get("tool_calls") or []
        for place, call in enumerate(calls if isinstance(calls, list) else [calls]):
            known = plain.calls.setdefault(event.get("index", place), ["", ""])
            known[0] += call["function"].get("name") or ""
            known[1] += call["function"].get("arguments") or ""
        if kind == "message-end" and delta.get("error"):
            plain.error = delta
            return
    table = {
        "COMPLETE": "stop",
        "STOP_SEQUENCE": "stop",
        "MAX_TOKENS": "length",
        "TOOL_CALL": "tool_calls",
    }
    plain.ended = raw is not None
    plain.finish = finishes(table, raw, calls=bool(plain.calls))
    if usage:
        counted, billed = usage.get("tokens") or {}, usage.get("billed_units") or {}
        plain.input = int(counted.get("input_tokens") or billed.get("input_tokens") or 0)
        plain.output = {int(counted.get("output_tokens") or billed.get("output_tokens") or 0)}


def bedrock(events: list[Any], plain: Plain) -> None:
    (whole,) = events
    for place, block in enumerate(whole["output"]["message"]["content"]):
        if "text" in block:
            plain.text += block["text"]
        elif "toolUse" in block:
            call = block["toolUse"]
            plain.calls[place] = [call["name"], json.dumps(call["input"])]
        elif "reasoningContent" not in block:
            plain.other = True
    table = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "guardrail_intervened": "content_filter",
        "content_filtered": "content_filter",
    }
    plain.ended = True
    plain.finish = finishes(table, whole["stopReason"], calls=bool(plain.calls))
    usage = whole["usage"]
    plain.cached = usage.get("cacheReadInputTokens", 0)
    plain.input = usage["inputTokens"] + plain.cached + usage.get("cacheWriteInputTokens", 0)
    plain.output = {usage["outputTokens"]}


DONE = {"done": True}
READINGS = {
    "openai-chat": chat,
    "openai-responses": responses,
    "anthropic": anthropic,
    "gemini": gemini,
    "cohere": cohere,
    "bedrock": bedrock,
}


def read(protocol: str, body: str, *, streamed: bool) -> Plain:
    plain = Plain(streamed=streamed)
    if streamed:
        found = re.findall(r"^data: ?(.*?)\r?$", body, re.MULTILINE)
        events = [DONE if said == "[DONE]" else json.loads(said) for said in found if said.strip()]
    else:
        events = [json.loads(body)]
    READINGS[protocol](events, plain)
    return plain


# --- which error ----------------------------------------------------------------------------

KNOWN = {
    # file, interaction: the class, read by eye
    ("anthropic_completion_error", 0): "InvalidRequestError",
    ("bedrock_cassettes__meta_invoke_error", 0): "AuthenticationError",
    ("llama_index_chat_error", 0): "AuthenticationError",
    ("v1__chat_completion_error", 0): "AuthenticationError",
    ("v1__response_error", 0): "AuthenticationError",
    ("test_custom_llm_within_crew", 0): "InvalidRequestError",
    ("test_llm_call_when_stop_is_unsupported", 0): "UnsupportedParameterError",
    ("openai__test_openai_is_default_provider_without", 0): "ModelNotFoundError",
    ("error_handling_with_anthropic", 0): "AuthenticationError",
    ("error_handling_with_bedrock", 0): "AuthenticationError",
    ("error_handling_with_cohere", 0): "AuthenticationError",
    ("error_handling_with_gemini", 0): "AuthenticationError",
    ("error_handling_with_mistral", 0): "AuthenticationError",
    ("error_handling_with_xai", 0): "AuthenticationError",
    ("scenarios_anthropic_claude-haiku-4-5_handles_context", 0): "ContextOverflowError",
    ("scenarios_azure_grok-4-1-fast-non-reasoning_handles_con", 0): "RateLimitedError",
    ("scenarios_deepseek_deepseek-chat_handles_context", 0): "ContextOverflowError",
    ("scenarios_gemini_gemini-2_5-flash_handles_context", 0): "RateLimitedError",
    ("scenarios_ollama_cloud_gpt-oss_120b_handles_context", 0): "ContextOverflowError",
    ("scenarios_openai_gpt-5-nano_handles_context", 0): "ContextOverflowError",
    ("scenarios_openrouter_claude-haiku-4-5_handles_context", 0): "ContextOverflowError",
    ("context_context_chat_operations_uses_context-specific", 0): "AuthenticationError",
    ("test_generate_content_invalid_role", 0): "InvalidRequestError",
    ("test_generate_content_invalid_temperature", 0): "InvalidRequestError",
    ("test_generate_content_missing_model", 0): "ModelNotFoundError",
    ("explicit_effort_xhigh_unsupported_model_errors", 0): "UnsupportedParameterError",
    ("rejects_interleaved_function_calls", 0): "InvalidRequestError",
    ("test_tool_use_failed_error_streaming.yaml", 0): "MalformedToolCallError",
    ("test_tool_use_failed_error_streaming_with_text", 0): "MalformedToolCallError",
    ("test_tool_use_failed_error_with_text", 0): "MalformedToolCallError",
    ("test_inferred_model_name_suggestion", 0): "ModelNotFoundError",
    ("test_model_name_suggestion_anthropic_", 0): "ModelNotFoundError",
    ("test_model_name_suggestion_bedrock_", 0): "ModelNotFoundError",
    ("test_model_name_suggestion_openai-chat_", 0): "ModelNotFoundError",
    ("test_model_sees_multiple_images_google_vertex_", 1): "InvalidRequestError",
    ("direct-binary-video-bedrock_claude_", 1): "UnsupportedParameterError",
    ("direct-url-audio-openai_responses_", 1): "UnsupportedParameterError",
    ("direct-url_force_download-audio-openai_responses_", 2): "UnsupportedParameterError",
    ("test_openai_web_search_tool_model_not_supported", 0): "UnsupportedParameterError",
    ("test_openai_responses_model_http_error", 0): "InvalidRequestError",
    ("TestAmazonNova", 0): "PermissionDeniedError",
    ("TestOpenRouterStreaming", 1): "RateLimitedError",
    ("test_azure__test_chat_reasoning", 1): "ModelNotFoundError",
    ("test_vision__test_vision", 2): "InvalidRequestError",
    ("test_input_value_hides_regular_url_images", 0): "InvalidRequestError",
    ("test_async_pipeline_with_chat_prompt_builder", 5): "AuthenticationError",
}
WORDS = (
    # for files not seen before: (status, words of the body) -> the class or a parent of it
    (r"4\d\d", r"incorrect api key|api[_ ]key[_ ]not[_ ]valid|invalid[_ ]x?-?api[_ -]key", "AuthenticationError"),
    (r"40[013]", r"security token|expired token|invalid authentication", "AuthenticationError"),
    (r"4\d\d", r"context_length_exceeded|maximum context length|prompt (is )?too long|context window", "ContextOverflowError"),
    (r"4\d\d", r"input token count.*exceeds|input is too long", "ContextOverflowError"),
    (r"4\d\d", r"insufficient_quota|insufficient balance|credit balance is too low", "QuotaExhaustedError"),
    (r"400", r"tool_use_failed", "MalformedToolCallError"),
    (r"400", r"unsupported[_ ](parameter|value)|(is )?not supported with this model", "UnsupportedParameterError"),
    (r"400", r"content_filter|responsibleaipolicy|content_policy", "ContentFilteredError"),
    (r"400|404", r"model_not_found|model.{0,80}(does not exist|identifier is invalid)", "ModelNotFoundError"),
    (r"400|422", r"invalid_request|invalid_argument|validation", "InvalidRequestError ModelNotFoundError ContextOverflowError"),
    (r"400|422", r"", "RequestError TargetError"),
    (r"401", r"", "AuthenticationError PermissionDeniedError QuotaExhaustedError"),
    (r"402", r"", "QuotaExhaustedError"),
    (r"403", r"", "PermissionDeniedError AuthenticationError QuotaExhaustedError ContentFilteredError"),
    (r"404", r"", "ModelNotFoundError InvalidRequestError"),
    (r"413", r"", "ContextOverflowError RateLimitedError InvalidRequestError"),
    (r"429", r"", "RateLimitedError OverloadedError"),
    (r"503|529", r"", "OverloadedError ServerError"),
    (r"5\d\d", r"", "ServerError OverloadedError MalformedToolCallError"),
    (r"", r"", "AttemptError"),
)  # fmt: skip


def expected_error(name: str, place: int, status: int, body: str) -> tuple[type[AttemptError], ...]:
    for (piece, at), known in KNOWN.items():
        if piece in name and at == place:
            return (getattr(errors, known),)
    for statuses, words, classes in WORDS:
        if re.match(statuses, str(status)) and re.search(words, body, re.IGNORECASE | re.DOTALL):
            return tuple(getattr(errors, known) for known in classes.split())
    raise AssertionError(status)


# --- the contract ---------------------------------------------------------------------------


def built(protocol: str) -> Codec | None:
    try:
        return registry.codec(protocol)
    except (ModuleNotFoundError, MissingExtraError):
        return None


@pytest.mark.parametrize(
    "path", FILES, ids=[str(path.relative_to(FOLDER).with_suffix("")) for path in FILES]
)
def test_recorded(path: Path, tally: Any) -> None:
    name = str(path.relative_to(FOLDER))
    tally.files.add(name)
    decoded = 0
    for place, exchange in enumerate(load(path)):
        protocol = exchange.protocol
        codec = protocol and built(protocol)
        if not codec:
            tally.not_built[protocol or exchange.what] += 1
            continue
        if exchange.http.status >= 300:
            kind = "errors"
            check_error(codec, exchange, name, place)
        elif exchange.streamed:
            kind = "streams"
            check_stream(codec, exchange, name, place)
        else:
            kind = "whole"
            check_whole(codec, exchange)
        tally.decoded[protocol, kind] += 1
        decoded += 1
    (tally.decoded_files if decoded else tally.not_built_only).add(name)


def check_error(codec: Codec, exchange: Interaction, name: str, place: int) -> None:
    error = codec.error(exchange.http, exchange.endpoint)
    assert isinstance(error, expected_error(name, place, exchange.http.status, exchange.text))
    assert error.status == exchange.http.status
    assert error.message
    with pytest.raises(AttemptError) as raised:
        codec.decode(exchange.http, exchange.endpoint)
    assert type(raised.value) is type(error)


def check_whole(codec: Codec, exchange: Interaction) -> None:
    plain = read(codec.protocol, exchange.text, streamed=False)
    try:
        response = codec.decode(exchange.http, exchange.endpoint)
    except AttemptError as error:
        check_refused(plain, error)
    else:
        check_answer(plain, response)


def check_refused(plain: Plain, error: AttemptError) -> None:
    """No answer was given, so there must have been none."""
    if plain.malformed:
        assert isinstance(error, errors.MalformedToolCallError)
        return
    if plain.error:
        return
    assert plain.nothing, error
    assert "length" not in plain.finish
    blocked = plain.finish == {"content_filter"}
    assert isinstance(error, errors.ContentFilteredError if blocked else errors.EmptyAnswerError)


def check_answer(plain: Plain, response: Response) -> None:
    assert response.text == plain.text
    assert not plain.nothing or "length" in plain.finish
    calls = [(call.name, parse(call.arguments)) for call in response.tool_calls]
    assert calls == plain.arguments
    assert all(call.id for call in response.tool_calls)
    assert response.finish_reason in plain.finish
    usage = response.usage
    if plain.input is None:
        return
    assert usage.reported
    assert usage.input_tokens == plain.input
    assert usage.output_tokens in plain.output
    if plain.cached is not None:
        assert usage.cache_read_tokens == plain.cached
    if plain.reasoning is not None:
        assert usage.reasoning_tokens == plain.reasoning


def check_stream(codec: Codec, exchange: Interaction, name: str, place: int) -> None:
    plain = read(codec.protocol, exchange.text, streamed=True)
    told = [stream(codec, exchange, cut) for cut in cuts(exchange.http.body, name)]
    chunks, error = told[0]
    response = fold(chunks)
    for more, its_error in told[1:]:
        assert fold(more) == response
        assert type(its_error) is type(error)
    if plain.error:
        status = re.search(r'"(?:status_code|code)": ?(\d{3})', json.dumps(plain.error))
        expected = expected_error(
            name, place, int(status[1]) if status else 0, json.dumps(plain.error)
        )
        assert isinstance(error, expected)
    elif not plain.ended:
        assert isinstance(error, errors.TruncatedAnswerError)
    elif error:
        check_refused(plain, error)
    if error:
        assert response.text == plain.text
        return
    check_answer(plain, response)
    assert [chunk.finish_reason for chunk in chunks].count(None) == len(chunks) - 1
    assert sum(chunk.usage is not None for chunk in chunks) <= 1
    seen: list[int] = []
    for delta in [delta for chunk in chunks for delta in chunk.deltas]:
        assert delta.index in seen or not seen or delta.index > max(seen)
        seen.append(delta.index)


def stream(
    codec: Codec, exchange: Interaction, pieces: list[bytes]
) -> tuple[list[Chunk], AttemptError | None]:
    decoder = codec.decoder(exchange.endpoint)
    chunks: list[Chunk] = []
    try:
        for piece in pieces:
            chunks += decoder.feed(piece)
        chunks += decoder.finish()
    except AttemptError as error:
        return chunks, error
    return chunks, None


def fold(chunks: list[Chunk]) -> Response:
    builder = ResponseBuilder()
    for chunk in chunks:
        builder.add(chunk)
    return builder.response()


def cuts(body: bytes, seed: str) -> list[list[bytes]]:
    """Several ways the network may cut the same bytes: event by event, anywhere, byte by byte."""
    chance = random.Random(seed)
    found = [[event + b"\n\n" for event in body.split(b"\n\n")]]
    for _ in range(2):
        at = sorted(chance.sample(range(len(body)), min(40, len(body))))
        found.append([body[a:b] for a, b in zip([0, *at], [*at, len(body)], strict=True)])
    if len(body) < 20_000:
        found.append([body[i : i + 1] for i in range(len(body))])
    return found
