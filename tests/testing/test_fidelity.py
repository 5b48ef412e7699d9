"""The simulator's bodies against recorded ones: no field that no real answer has.

The recordings stand beside the project (``../shared/wire``) or where ``LLMROUTER_WIRE`` points.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import httpx
import orjson
import pytest
import yaml
from botocore.eventstream import EventStreamBuffer
from botocore.loaders import Loader
from botocore.model import ServiceModel

from llmrouter_integrations.testing import Citation, Fault, ProviderSimulator, Reply, ToolCall
from llmrouter_integrations.testing.protocols.base import Problem

WIRE = Path(os.environ.get("LLMROUTER_WIRE") or Path(__file__).parents[3] / "shared" / "wire")

# -- what of a body is compared: the paths of its keys ---------------------------------------

FREE_TEXT = (
    "arguments args input parameters schema metadata tools document tool_output quotaDimensions "
    "content_filter_results"
)
FREE = frozenset(FREE_TEXT.split())
"""Below these keys stands what the user or the model wrote."""


def paths(value, at=""):
    """The paths of all keys of a JSON value; list indices are folded."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield f"{at}.{key}"
            if key not in FREE:
                yield from paths(part, f"{at}.{key}")
    elif isinstance(value, list):
        for part in value:
            yield from paths(part, f"{at}[]")


def sse_events(text):
    for line in text.splitlines():
        if line.startswith("data:") and line[5:].strip() not in ("", "[DONE]"):
            yield orjson.loads(line[5:])


def stream_paths(events):
    return {f"{event.get('type') or ''} {path}" for event in events for path in paths(event)}


# -- the recordings ---------------------------------------------------------------------------

HOSTS = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure",
    "services.ai.azure.com": "azure",
    "groq.com": "groq",
    "mistral.ai": "mistral",
    "deepseek.com": "deepseek",
    "x.ai": "xai",
    "cerebras.ai": "cerebras",
    "perplexity.ai": "perplexity",
    "openrouter.ai": "openrouter",
    "ollama.com": "ollama",
    "aiplatform.googleapis.com": "vertex",
    "generativelanguage.googleapis.com": "gemini",
}
ENDS = {
    "/chat/completions": "openai-chat",
    "/responses": "openai-responses",
    "/v1/messages": "anthropic",
    "enerateContent": "gemini",
    "/v2/chat": "cohere",
    "/converse": "bedrock",
}


@cache
def recorded():
    """(protocol, provider or "*", "whole" | "stream" | "error") -> paths."""
    if not WIRE.is_dir():
        pytest.skip(f"no recordings: {WIRE} is absent (set LLMROUTER_WIRE)")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = defaultdict(set)
    for file in sorted(WIRE.glob("*/*.yaml")):
        for interaction in yaml.load(file.read_bytes(), Loader=loader)["interactions"]:  # noqa: S506  (a safe loader)
            uri = interaction["request"]["uri"].partition("?")[0]
            protocol = next((name for end, name in ENDS.items() if uri.endswith(end)), None)
            response = interaction["response"]
            text = response["body"]["string"]
            text = text.decode() if isinstance(text, bytes) else text
            if protocol is None or not text:
                continue
            provider = next((name for host, name in HOSTS.items() if host in uri), protocol)
            if response["status"]["code"] >= 400:
                mode, seen = "error", set(paths(orjson.loads(text)))
            elif "data:" in text[:300]:
                mode, seen = "stream", stream_paths(sse_events(text))
            else:
                mode, seen = "whole", set(paths(orjson.loads(text)))
            found[protocol, provider, mode] |= seen
            found[protocol, "*", mode] |= seen
    return dict(found)


# -- what the simulator sends -------------------------------------------------------------------

CALLS = (ToolCall("weather", {"city": "Paris"}), ToolCall("time", {"zone": "CET"}))
REPLIES = {
    "text": Reply("Hello there, world."),
    "tools": Reply(tool_calls=CALLS),
    "tools with text": Reply("I look it up.", tool_calls=CALLS),
    "reasoning": Reply("8", reasoning="Five and three.", reasoning_tokens=4),
    "hidden reasoning": Reply("8", reasoning_tokens=4),
    "length": Reply("Once upon", finish="length"),
    "filtered": Reply(finish="content_filter"),
    "cached": Reply("OK", input_tokens=2000, cached_tokens=1000, cache_write_tokens=500),
    "stopped": Reply("One, ", stop_sequence="two"),
    "refused": Reply(refusal="I cannot help with that."),
    "cited": Reply("Ruby.", citations=(Citation("https://ruby-lang.org", "Ruby", "Facts"),)),
}
MESSAGES = [{"role": "user", "content": "Hi"}]
REQUESTS = {
    "openai-chat": (
        "/chat/completions",
        "/chat/completions",
        {"model": "m", "messages": MESSAGES},
        {"stream": True, "stream_options": {"include_usage": True}},
    ),
    "openai-responses": (
        "/responses",
        "/responses",
        {"model": "m", "input": "Hi", "include": ["reasoning.encrypted_content"]},
        {"stream": True},
    ),
    "anthropic": (
        "/v1/messages",
        "/v1/messages",
        {"model": "m", "messages": MESSAGES, "max_tokens": 100},
        {"stream": True},
    ),
    "gemini": (
        "/models/gemini-3-m:generateContent",
        "/models/gemini-3-m:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
        {},
    ),
    "cohere": ("/v2/chat", "/v2/chat", {"model": "m", "messages": MESSAGES}, {"stream": True}),
    "bedrock": (
        "/model/m/converse",
        "/model/m/converse-stream",
        {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]},
        {},
    ),
}
VERTEX = "/projects/p/locations/l/publishers/google"
GOOGLE = ("gemini", "vertex")
SPEAKERS = [
    *(("openai-chat", name) for name in dict.fromkeys(HOSTS.values()) if name not in GOOGLE),
    ("openai-responses", "openai"),
    ("anthropic", "anthropic"),
    ("gemini", "gemini"),
    ("gemini", "vertex"),
    ("cohere", "cohere"),
    ("bedrock", "bedrock"),
]
KINDS = (
    *("bad_request", "context_overflow", "unsupported_parameter", "content_filter", "bad_key"),
    *("forbidden", "model_gone", "timeout", "conflict", "too_large", "unprocessable"),
    *("rate_requests", "rate_tokens", "daily_quota", "billing"),
    *("server_error", "unavailable", "overloaded"),
)

# -- fields that no recording has, each with where it is known from -------------------------------

SDK = "not recorded; the vendor's SDK declares it"
UNION = "not recorded for this provider; as others recorded write it"
EXCEPTIONS = [
    ("openai-chat", "openai", "stream", r".*cache_write_tokens", "recorded unstreamed only"),
    ("openai-chat", "*", "*", r".*tool_calls.*", UNION),
    ("openai-chat", "cerebras", "whole", r".*message\.reasoning", UNION),
    ("openai-chat", "mistral", "stream", r".*delta\.content\[\].*", "as recorded unstreamed"),
    (
        "openai-chat",
        "mistral",
        "error",
        r"\.(object|message|type|param|code)",
        "only 401 is recorded; the others are documented in this form",
    ),
    ("openai-chat", "xai", "error", r"\.code", "recorded on its responses endpoint"),
    ("openai-responses", "*", "*", r".*refusal.*", SDK),
    ("openai-responses", "*", "*", r".*incomplete_details\.reason", "recorded streamed only"),
    ("openai-responses", "*", "stream", r"response\.incomplete .*verbosity", "an older recording"),
    ("anthropic", "*", "whole", r".*\.(thinking|signature)", "recorded streamed only"),
    ("gemini", "*", "*", r".*cachedContentTokenCount", SDK),
    ("gemini", "*", "error", r"\.(promptFeedback|usageMetadata|modelVersion|responseId).*", SDK),
    ("gemini", "gemini", "stream", r".*\.thought", "recorded on Vertex and unstreamed"),
    ("gemini", "vertex", "stream", r".*(functionCall\.id|finishMessage)", "recorded unstreamed"),
    ("cohere", "*", "stream", r"tool-(call|plan).*", SDK),
    ("cohere", "*", "whole", r".*sources\[\]\.document", "recorded streamed only"),
    ("bedrock", "*", "whole", r".*reasoningContent.*", "declared by botocore"),
]
"""(protocol, provider, mode, pattern of the path, where it is known from)"""

# -- fields without which an answer cannot be understood: both must have them ---------------------

CORE = {
    ("openai-chat", "whole"): """
        .id .model .object .created .choices[].index .choices[].finish_reason
        .choices[].message.role .choices[].message.content
        .choices[].message.tool_calls[].id .choices[].message.tool_calls[].type
        .choices[].message.tool_calls[].function.name
        .choices[].message.tool_calls[].function.arguments
        .usage.prompt_tokens .usage.completion_tokens .usage.total_tokens""",
    ("openai-chat", "stream"): """
        .id .model .object .created .choices[].index .choices[].finish_reason
        .choices[].delta.role .choices[].delta.content
        .choices[].delta.tool_calls[].index .choices[].delta.tool_calls[].id
        .choices[].delta.tool_calls[].function.name
        .choices[].delta.tool_calls[].function.arguments
        .usage.prompt_tokens .usage.completion_tokens .usage.total_tokens""",
    ("openai-responses", "whole"): """
        .id .object .model .status .error .incomplete_details .output[].type .output[].id
        .output[].role .output[].content[].type .output[].content[].text .output[].summary[].text
        .output[].encrypted_content .output[].call_id .output[].name .output[].arguments
        .usage.input_tokens .usage.input_tokens_details.cached_tokens .usage.output_tokens
        .usage.output_tokens_details.reasoning_tokens .usage.total_tokens""",
    ("openai-responses", "stream"): """
        .type .sequence_number .response.id .response.model .response.status .response.usage
        .response.usage.input_tokens .response.usage.output_tokens .response.incomplete_details
        .item.type .item.id .item.call_id .item.name .item.arguments .item.encrypted_content
        .output_index .item_id .delta .arguments .summary_index .text""",
    ("anthropic", "whole"): """
        .id .type .role .model .stop_reason .stop_sequence .content[].type .content[].text
        .content[].id .content[].name .content[].input .usage.input_tokens .usage.output_tokens
        .usage.cache_read_input_tokens .usage.cache_creation_input_tokens""",
    ("anthropic", "stream"): """
        .type .index .message.id .message.model .message.usage.input_tokens
        .message.usage.cache_read_input_tokens .message.usage.cache_creation_input_tokens
        .content_block.type .content_block.id .content_block.name .content_block.signature
        .delta.type .delta.text .delta.thinking .delta.signature .delta.partial_json
        .delta.stop_reason .delta.stop_sequence .usage.output_tokens""",
    ("gemini", "whole"): """
        .modelVersion .responseId .candidates[].finishReason .candidates[].content.role
        .candidates[].content.parts[].text .candidates[].content.parts[].thought
        .candidates[].content.parts[].thoughtSignature
        .candidates[].content.parts[].functionCall.name
        .candidates[].content.parts[].functionCall.args
        .usageMetadata.promptTokenCount .usageMetadata.candidatesTokenCount
        .usageMetadata.thoughtsTokenCount .usageMetadata.totalTokenCount""",
    ("cohere", "whole"): """
        .id .finish_reason .message.role .message.content[].type .message.content[].text
        .message.content[].thinking .message.tool_plan .message.tool_calls[].id
        .message.tool_calls[].function.name .message.tool_calls[].function.arguments
        .message.citations[].start .message.citations[].end .message.citations[].text
        .message.citations[].sources[].id .usage.cached_tokens .usage.tokens.input_tokens
        .usage.tokens.output_tokens .usage.tokens.reasoning_tokens""",
    ("cohere", "stream"): """
        .type .id .index .delta.message.role .delta.message.content.type
        .delta.message.content.text .delta.message.content.thinking .delta.finish_reason
        .delta.usage.tokens.input_tokens .delta.usage.tokens.output_tokens
        .delta.usage.cached_tokens .delta.message.citations.text""",
    ("bedrock", "whole"): """
        .output.message.role .output.message.content[].text
        .output.message.content[].toolUse.toolUseId .output.message.content[].toolUse.name
        .output.message.content[].toolUse.input .stopReason .usage.inputTokens
        .usage.outputTokens .usage.totalTokens .usage.cacheReadInputTokens
        .usage.cacheWriteInputTokens""",
}
CORE["gemini", "stream"] = CORE["gemini", "whole"]


@pytest.fixture(scope="module")
def sim():
    with ProviderSimulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def ask(sim):
    headers = {"authorization": "Bearer sim-key", "anthropic-version": "2023-06-01"}
    with httpx.Client(trust_env=False, headers=headers, timeout=5) as client:

        def send(protocol, provider, step, *, stream=False):
            whole_path, stream_path, body, streaming = REQUESTS[protocol]
            sim.default(step)
            base = sim.url(provider) + (VERTEX if provider == "vertex" else "")
            path = stream_path if stream else whole_path
            return client.post(base + path, json={**body, **streaming} if stream else body)

        yield send


def simulated(ask, protocol, provider, mode):
    if mode == "error":
        steps = [
            Fault("problem", Problem(kind, retry_after_s=2, parameter="seed")) for kind in KINDS
        ]
        return {path for step in steps for path in paths(ask(protocol, provider, step).json())}
    found = set()
    for reply in REPLIES.values():
        answer = ask(protocol, provider, reply, stream=mode == "stream")
        assert answer.status_code == 200, answer.text
        if mode == "whole":
            found |= set(paths(answer.json()))
        else:
            found |= stream_paths(sse_events(answer.text))
    return found


def extras(ask, protocol, provider, mode):
    """The simulator's paths that are in no recording of the provider (or, without, of any)."""
    real = recorded()
    known = real.get((protocol, provider, mode)) or real.get((protocol, "*", mode), set())
    return simulated(ask, protocol, provider, mode) - known


def excuse(protocol, provider, mode, path):
    for number, (*where, pattern, _) in enumerate(EXCEPTIONS):
        asked = (protocol, provider, mode)
        placed = all(w in ("*", a) for w, a in zip(where, asked, strict=True))
        if placed and re.fullmatch(pattern, path.strip()):
            return number
    return None


MODES = [
    (protocol, provider, mode)
    for protocol, provider in SPEAKERS
    for mode in ("whole", "stream", "error")
    if (protocol, mode) != ("bedrock", "stream")  # binary; see below
]


@pytest.mark.parametrize(("protocol", "provider", "mode"), MODES)
def test_no_field_that_the_real_ones_lack(ask, protocol, provider, mode):
    unexplained = {
        path
        for path in extras(ask, protocol, provider, mode)
        if excuse(protocol, provider, mode, path) is None
    }
    assert not unexplained


def test_every_exception_is_needed(ask):
    used = {
        excuse(protocol, provider, mode, path)
        for protocol, provider, mode in MODES
        for path in extras(ask, protocol, provider, mode)
    }
    assert [row for number, row in enumerate(EXCEPTIONS) if number not in used] == []


@pytest.mark.parametrize(("protocol", "mode"), CORE)
def test_no_field_missing_that_a_reader_needs(ask, protocol, mode):
    needed = set(CORE[protocol, mode].split())
    provider = next(provider for name, provider in SPEAKERS if name == protocol)
    sent = simulated(ask, protocol, provider, mode)
    real = recorded()[protocol, "*", mode]
    if mode == "stream":
        sent, real = ({path.partition(" ")[2] for path in found} for found in (sent, real))
    assert needed - sent == set()
    unrecorded = {path for path in needed - real if excuse(protocol, provider, mode, path) is None}
    assert unrecorded == set(), "the core asks for what was never recorded"


# -- Bedrock's binary streams, against the service's own description ------------------------------


@pytest.fixture(scope="module")
def stream_shape():
    model = Loader().load_service_model("bedrock-runtime", "service-2")
    return ServiceModel(model).shape_for("ConverseStreamOutput")


def declared(shape, value, at):
    """Assert that a value has members that the shape declares, and all that it requires."""
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        assert set(value) - set(shape.members) <= EXTRA_ON_THE_WIRE, at
        assert set(shape.required_members) <= set(value), at
        for name, part in value.items():
            if name in shape.members:
                declared(shape.members[name], part, f"{at}.{name}")
    elif shape.type_name == "list":
        for part in value:
            declared(shape.member, part, f"{at}[]")


EXTRA_ON_THE_WIRE = {
    "p",  # padding, which every event of a real stream has
    "serverToolUsage",  # recorded unstreamed
    "cacheReadInputTokenCount",  # recorded unstreamed
    "cacheWriteInputTokenCount",  # recorded unstreamed
}


@pytest.mark.parametrize("name", REPLIES)
def test_bedrock_streams_are_as_botocore_declares_them(ask, stream_shape, name):
    buffer = EventStreamBuffer()  # checks both checksums of every message
    buffer.add_data(ask("bedrock", "bedrock", REPLIES[name], stream=True).content)
    kinds = []
    for message in buffer:
        kind = message.headers[":event-type"]
        assert message.headers[":message-type"] == "event"
        declared(stream_shape.members[kind], orjson.loads(message.payload), kind)
        kinds.append(kind)
    assert kinds[0] == "messageStart"
    assert kinds[-2:] == ["messageStop", "metadata"]
