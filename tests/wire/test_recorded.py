"""Every recorded provider answer, decoded and held against a plain reading of the same bytes.

The plain reading is in ``plain_reading.py``, which no codec shares. ``LLMROUTER_WIRE`` names
another folder of vcrpy YAML files to try instead of ``../shared/wire``.
"""

import gzip
import json
import os
import random
import re
import runpy
from dataclasses import dataclass
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
# the folder is no package: a module beside this one is run, not imported
PLAIN = runpy.run_path(str(Path(__file__).with_name("plain_reading.py")))
read, parse = PLAIN["read"], PLAIN["parse"]
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
    (r"400|422", r"invalid_request|invalid_argument|validation", "InvalidRequestError ModelNotFoundError ContextOverflowError ContentFilteredError PermissionDeniedError ProtocolViolationError"),
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
    """Give the codec, or None where the optional package it needs is not installed."""
    try:
        return registry.codec(protocol)
    except MissingExtraError:
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
        check_refused(plain, error, exchange.text)
    else:
        check_answer(plain, response)


BROKEN_OFF = {
    # the vendor's word for a finish that is no answer: what it is told as
    r'"finishReason":\s*"MALFORMED_FUNCTION_CALL"': errors.MalformedToolCallError,
    r'"finish_reason":\s*"(ERROR|TIMEOUT)"': errors.ServerError,
}


def check_refused(plain: Any, error: AttemptError, text: str) -> None:
    """No answer was given, so there must have been none."""
    for word, kind in BROKEN_OFF.items():
        if re.search(word, text):
            assert isinstance(error, kind)
            return
    if plain.malformed:
        assert isinstance(error, errors.MalformedToolCallError)
        return
    if plain.error:
        return
    assert plain.nothing, error
    assert "length" not in plain.finish
    blocked = plain.finish == {"content_filter"}
    assert isinstance(error, errors.ContentFilteredError if blocked else errors.EmptyAnswerError)


def check_answer(plain: Any, response: Response) -> None:
    assert response.text in (plain.text, plain.answer)
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
        check_refused(plain, error, exchange.text)
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
    found = [re.split(rb"(?<=\n\n)", body)]
    for _ in range(2):
        at = sorted(chance.sample(range(len(body)), min(40, len(body))))
        found.append([body[a:b] for a, b in zip([0, *at], [*at, len(body)], strict=True)])
    if len(body) < 20_000:
        found.append([body[i : i + 1] for i in range(len(body))])
    return found
