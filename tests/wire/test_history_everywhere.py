"""Any conversation, begun and carried on anywhere, is taken everywhere, and nothing of it is lost.

``LLMROUTER_HISTORIES`` says how many conversations are drawn.
"""

from __future__ import annotations

import os

import orjson
from hypothesis import HealthCheck, given, settings

from llmrouter_integrations.catalog.model import Abilities
from llmrouter_integrations.errors import InvalidRequestError, UnsupportedParameterError
from llmrouter_integrations.messages import (
    AudioPart,
    CachePoint,
    FilePart,
    ImagePart,
    OpaquePart,
    ReasoningPart,
    Request,
    TextPart,
    ToolResultPart,
)
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.registry import codec
from tests.histories import History, histories
from tests.request_bodies import calls_and_results, conversation, refused

EXAMPLES = int(os.environ.get("LLMROUTER_HISTORIES", "150"))

TARGETS = [
    ("openai-chat", "openai", "gpt-4.1"),
    ("openai-chat", "openai", "gpt-5.4"),
    ("openai-chat", "azure", "gpt-4o"),
    ("openai-chat", "mistral", "mistral-small-latest"),
    ("openai-chat", "groq", "openai/gpt-oss-120b"),
    ("openai-chat", "deepseek", "deepseek-reasoner"),
    ("openai-chat", "deepseek", "deepseek-chat"),
    ("openai-chat", "xai", "grok-4.3"),
    ("openai-chat", "cerebras", "gpt-oss-120b"),
    ("openai-chat", "perplexity", "sonar-pro"),
    ("openai-chat", "ollama", "qwen3:32b"),
    ("openai-chat", "openrouter", "anthropic/claude-haiku-4.5"),
    ("openai-chat", "openrouter", "mistralai/mistral-small"),
    ("openai-chat", "google", "gemini-3.5-flash"),
    ("openai-chat", "vllm", "my-own"),
    ("openai-responses", "openai", "gpt-5.4"),
    ("openai-responses", "openai", "gpt-4.1"),
    ("openai-responses", "azure", "gpt-5.6-luna"),
    ("openai-responses", "xai", "grok-4.3"),
    ("openai-responses", "deepseek", "deepseek-v4-flash"),
    ("openai-responses", "openrouter", "anthropic/claude-haiku-4.5"),
    ("openai-responses", "vllm", "my-own"),
    ("anthropic", "anthropic", "claude-sonnet-5"),
    ("anthropic", "anthropic", "claude-haiku-4-5"),
    ("anthropic", "anthropic", "claude-opus-5-5"),
    ("anthropic", "anthropic", "claude-3-5-haiku-latest"),
    ("anthropic", "kimi", "kimi-k2"),
    ("gemini", "gemini", "gemini-3.5-flash"),
    ("gemini", "gemini", "gemini-2.5-flash"),
    ("gemini", "vertex", "gemini-4-pro"),
    ("cohere", "cohere", "command-a-03-2025"),
    ("cohere", "cohere", "command-a-vision-07-2025"),
    ("bedrock", "bedrock", "amazon.nova-2-lite-v1:0"),
    ("bedrock", "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("bedrock", "bedrock", "global.anthropic.claude-opus-4-7"),
    ("bedrock", "bedrock", "us.meta.llama3-3-70b-instruct-v1:0"),
    ("bedrock", "bedrock", "mistral.mistral-large-2407-v1:0"),
    ("bedrock", "bedrock", "openai.gpt-oss-120b-1:0"),
]
NO_TOOLS = ("perplexity",)


TEXT_ONLY = {"command-a-03-2025": Abilities(input=frozenset({"text"}))}


def endpoint(protocol, provider, model):
    url = f"http://127.0.0.1:9/{provider}/v1"
    return Endpoint("t", provider, model, url, "k", abilities=TEXT_ONLY.get(model))


def encode(messages, target, **fields):
    request = Request(tuple(messages), **fields)
    return codec(target[0]).encode(request, endpoint(*target), stream=False)


def says(part):
    if isinstance(part, TextPart):
        return bool(part.text.strip())
    return not isinstance(part, CachePoint | ReasoningPart | OpaquePart)


def asked(messages):
    """The turns since something was said in answer, but for an answer begun at the end."""
    turns = [message for message in messages if any(map(says, message.parts))]
    if turns and turns[-1].role == "assistant":
        turns.pop()
    for message in reversed(turns):
        if message.role == "assistant" and not message.tool_calls:
            return
        yield message


def may_be_refused(history, error):
    """Whether there is nothing to answer, or what is asked about cannot be sent.

    A tool's result that has no call is told as the user's words, with what it shows.
    """
    shown = [p for m in asked(history.messages) if m.role != "assistant" for p in m.parts]
    shown += [p for r in shown if isinstance(r, ToolResultPart) for p in r.content]
    if isinstance(error, UnsupportedParameterError):
        return any(isinstance(p, ImagePart | FilePart | AudioPart | OpaquePart) for p in shown)
    said = [message.text for message in history.messages if message.role != "assistant"]
    return not history.messages or not history.messages[-1].text.strip() or not any(said)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories())
def test_any_history_is_taken_everywhere(history: History):
    for target in TARGETS:
        try:
            encoded = encode(history.messages, target)
        except InvalidRequestError as error:
            if error.sent is False and may_be_refused(history, error):
                continue
            raise
        body = orjson.loads(encoded.http.body)
        problem = refused(encoded, target[1])
        assert problem is None, (target, problem.message, body)
        check_nothing_is_lost(history, body, target)


def check_nothing_is_lost(history, body, target):
    said = conversation(body)
    lost = [mark for mark in history.said if mark not in said]
    assert not lost, (target, lost, body)
    turns = history.turns
    placed = sorted(turns, key=said.rindex)
    order = [turns[mark] for mark in placed]
    assert order == sorted(order), (target, placed, body)
    if target[1] in NO_TOOLS:
        return
    calls, results = calls_and_results(body)
    assert list(calls) == list(results), (target, body)
    for mark, result in history.calls.items():
        (call_id,) = [call_id for call_id, written in calls.items() if mark in written]
        if result is not None:
            assert result in results[call_id], (target, mark, body)
