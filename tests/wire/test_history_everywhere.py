"""Any conversation, begun and carried on anywhere, is taken everywhere, and nothing of it is lost.

The conversations drawn are the same each time, unless ``LLMROUTER_HISTORIES`` says how many to draw.
"""

from __future__ import annotations

import os

import orjson
from hypothesis import HealthCheck, given, settings

from llmrouter_integrations.errors import InvalidRequestError, UnsupportedParameterError
from llmrouter_integrations.messages import (
    AudioPart,
    CachePoint,
    FilePart,
    ImagePart,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolResultPart,
)
from tests.histories import History, histories
from tests.wire_requests import TARGETS, calls_and_results, conversation, encode, refused

ASKED = os.environ.get("LLMROUTER_HISTORIES")
EXAMPLES = int(ASKED or 300)

SPELLS_AS = {"azure": "openai", "vertex": "gemini"}
"""Providers that write ids of tool calls as another does."""
SIGNS = {
    ("openai-responses", "openai", "gpt-5.4"): "openai",
    ("anthropic", "anthropic", "claude-sonnet-5"): "anthropic",
    ("gemini", "gemini", "gemini-3.5-flash"): "gemini",
    ("bedrock", "bedrock", "global.anthropic.claude-opus-4-7"): "bedrock",
}
"""Targets that get all signatures of their issuer back."""
NO_TOOLS = ("perplexity",)


INSTRUCTIONS = ("system", "developer")


def says(part):
    if isinstance(part, TextPart):
        return bool(part.text.strip())
    return not isinstance(part, CachePoint | ReasoningPart | OpaquePart)


def spoken(messages):
    return [message for message in messages if any(map(says, message.parts))]


def asked(messages):
    """The turns since something was said in answer, but for an answer begun at the end."""
    turns = [message for message in spoken(messages) if message.role not in INSTRUCTIONS]
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
    pending = list(asked(history.messages))
    if all(message.role in INSTRUCTIONS for message in spoken(history.messages)):
        pending = history.messages  # which by themselves are the question
    shown = [p for m in pending if m.role != "assistant" for p in m.parts]
    shown += [p for r in shown if isinstance(r, ToolResultPart) for p in r.content]
    said = [message.text for message in history.messages if message.role != "assistant"]
    if not any(text.strip() for text in said):
        return True
    if isinstance(error, UnsupportedParameterError):
        return any(isinstance(p, ImagePart | FilePart | AudioPart | OpaquePart) for p in shown)
    return not history.messages[-1].text.strip()


@settings(
    max_examples=EXAMPLES,
    derandomize=not ASKED,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(histories())
def test_any_history_is_taken_everywhere(history: History):
    for target in TARGETS:
        try:
            encoded = encode(history.messages, target, **history.settings)
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
        issuer, its_own = history.ids[mark]
        if issuer == SPELLS_AS.get(target[1], target[1]):
            assert call_id == its_own, (target, mark, body)
    if issuer := SIGNS.get(target):
        forgotten = [seal for seal in history.sealed(issuer) if seal not in said]
        assert not forgotten, (target, forgotten, body)
