"""The catalogue's second half: what is wrong with an answer, or with the request."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llmrouter_integrations.drill.catalogue import NOT_AWS, FaultRow
from llmrouter_integrations.drill.meanings import (
    EMPTY,
    FILTERED,
    INVALID,
    MALFORMED,
    NOT_OFFERED,
    OVERFLOW,
    OVERLOAD,
    REJECTED,
    SERVER,
    STANDS,
    TRUNCATED,
    UNSUPPORTED,
    VIOLATION,
)
from llmrouter_integrations.testing import Fault, Reply, ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ANSWER_FAULTS"]


def _with(**changes: object) -> Callable[[Reply], Reply]:
    return lambda good: replace(good, **changes)  # type: ignore[arg-type]  # fields of Reply


def _halved(good: Reply) -> Reply:
    return replace(good, text=good.text[: len(good.text) // 2], finish="length")


def _calling(name: str, **arguments: object) -> Callable[[Reply], Reply]:
    return _with(tool_calls=(ToolCall(name, arguments),))


ANSWER_FAULTS = (
    FaultRow(
        "html-page",
        "body",
        "A web page comes with status 200: a captive portal, a proxy's login.",
        VIOLATION,
        Fault.html(),
        "<!DOCTYPE html><html><body><h1>Please sign in to this network</h1>",
        "RFC 8910, 1 (what captive portals do)",
    ),
    FaultRow(
        "empty-body",
        "body",
        "Status 200, and not one byte.",
        VIOLATION,
        Fault.empty_body(),
        "content-length: 0",
        "recorded: the simulator's answer, without its body",
    ),
    FaultRow(
        "truncated-json",
        "body",
        "The body ends, cleanly, in the middle of its JSON.",
        TRUNCATED,
        Fault.truncated_json(0),
        '{"id": "chatcmpl-9", "object": "chat.comp',
        "recorded: the simulator's answer, cut in half",
    ),
    FaultRow(
        "wrong-content-type",
        "body",
        "A good answer is labelled text/plain.",
        STANDS,
        Fault.wrong_content_type(),
        "content-type: text/plain; charset=utf-8",
        "issue reports: EricLBuehler/mistral.rs#79",
    ),
    FaultRow(
        "error-in-200",
        "body",
        "The vendor's error comes with status 200.",
        SERVER,
        Fault.error_in_200(),
        '200 {"error": {"message": "Internal server error", "code": 500}}',
        "openrouter, errors page",
        protocols=NOT_AWS,
    ),
    FaultRow(
        "cut-before-content",
        "stream",
        "The connection is closed in the middle, before anything of the answer.",
        TRUNCATED,
        Fault.cut(0),
        "peer closed connection without sending complete message body (incomplete chunked read)",
        "recorded: h11, against a server that closes",
    ),
    FaultRow(
        "cut",
        "stream",
        "The connection is closed in the middle of the answer.",
        TRUNCATED,
        Fault.cut(5),
        "peer closed connection without sending complete message body (incomplete chunked read)",
        "recorded: h11, against a server that closes",
        after_content=True,
    ),
    FaultRow(
        "json-cut",
        "stream",
        "The stream ends, cleanly, in the middle of an event.",
        TRUNCATED,
        Fault.truncated_json(5),
        'data: {"choices": [{"del',
        "recorded: the simulator's stream, cut within an event",
        after_content=True,
    ),
    FaultRow(
        "unfinished",
        "stream",
        "The stream ends, cleanly, in the middle of the answer: no finish marker.",
        TRUNCATED,
        Fault.unfinished(5),
        "no finish_reason, no message_stop, no [DONE]",
        "issue reports: earendil-works/pi#8460, of a gateway",
        after_content=True,
    ),
    FaultRow(
        "unfinished-at-the-end",
        "stream",
        "All of the answer comes, but not its finish marker: nobody can know that it is all.",
        TRUNCATED,
        Fault.unfinished(10_000),
        "no finish_reason, no message_stop, no [DONE]",
        "issue reports: anomalyco/opencode#43379, of a gateway",
        after_content=True,
    ),
    FaultRow(
        "error-event-before-content",
        "stream",
        "An error comes as the stream's first event.",
        OVERLOAD,
        Fault.error_event(0),
        'event: error\\ndata: {"type": "error", "error": {"type": "overloaded_error"}}',
        "anthropic, streaming page",
        whole_protocols=NOT_AWS,
    ),
    FaultRow(
        "error-event",
        "stream",
        "An error comes as an event in the middle of the stream.",
        OVERLOAD,
        Fault.error_event(5),
        'event: error\\ndata: {"type": "error", "error": {"type": "overloaded_error"}}',
        "anthropic, streaming page",
        after_content=True,
        whole_protocols=NOT_AWS,
    ),
    FaultRow(
        "invalid-request",
        "request",
        "The request is malformed, and would be to everybody.",
        INVALID,
        Fault.status(400),
        "messages.0: Input does not match the expected shape. [400 invalid_request_error]",
        "anthropic, recorded",
    ),
    FaultRow(
        "context-overflow",
        "request",
        "The prompt does not fit this model's window; the vendors say it in dozens of ways.",
        OVERFLOW,
        Fault.context_overflow(),
        "prompt is too long: 3333404 tokens > 200000 maximum [400 invalid_request_error]",
        "anthropic, recorded",
        spelled=(400, 413, 422),
    ),
    FaultRow(
        "unsupported-parameter",
        "request",
        "This model does not take one of the parameters.",
        UNSUPPORTED,
        Fault.unsupported_parameter("temperature"),
        "Unsupported parameter: 'stop' is not supported with this model. [400]",
        "openai, recorded",
        spelled=(400, 404, 422),
    ),
    FaultRow(
        "prompt-filtered",
        "request",
        "A safety system refuses the prompt.",
        FILTERED,
        Fault.content_filter(),
        "Output blocked by content filtering policy [400 invalid_request_error]",
        "anthropic, issue reports",
        spelled=(400, 403, 498),
    ),
    FaultRow(
        "answer-filtered",
        "answer",
        "A safety system leaves nothing of the answer.",
        FILTERED,
        _with(text="", finish="content_filter"),
        '"finish_reason": "content_filter", "content": ""',
        "azure, content filter page",
        protocols=("openai-chat", "openai-responses", "anthropic", "gemini", "bedrock"),
    ),
    FaultRow(
        "empty-answer",
        "answer",
        "A finished answer has nothing in it.",
        EMPTY,
        Fault.empty_answer(),
        '"finish_reason": "stop", "content": ""',
        "issue reports: BerriAI/litellm#24442, of gemini",
    ),
    FaultRow(
        "refusal",
        "answer",
        "The model itself declines: that is its answer, and it says so.",
        STANDS,
        _with(text="", refusal="I'm sorry, I can't help with that."),
        '"refusal": "I\'m sorry, I can\'t help with that."',
        "openai, structured outputs guide",
    ),
    FaultRow(
        "max-tokens",
        "answer",
        "The answer ran into the limit on its length: it stands, with finish reason length.",
        STANDS,
        _halved,
        '"finish_reason": "length"',
        "openai, chat completions reference",
    ),
    FaultRow(
        "schema-mismatch",
        "answer",
        "The answer does not fit the schema that was asked for (checked for verify='schema').",
        REJECTED,
        _with(text='{"id": 7}'),
        '{"id": 7}',
        "openai, structured outputs guide: only strict mode promises the schema",
        ask="schema",
        checked="schema",
    ),
    FaultRow(
        "tool-call-malformed",
        "tools",
        "The arguments of a tool call are not JSON.",
        MALFORMED,
        Fault.malformed_tool_call(),
        '"arguments": "{\\"query\\": \\"unfinis"',
        "groq, recorded; gemini says MALFORMED_FUNCTION_CALL",
        ask="tool",
        after_content=True,
    ),
    FaultRow(
        "tool-call-not-offered",
        "tools",
        "The model calls a tool that nobody offered.",
        NOT_OFFERED,
        _calling("no_such_tool", id="1"),
        '"name": "no_such_tool"',
        "issue reports: OpenHands/OpenHands#5111, of anthropic",
        ask="tool",
    ),
    FaultRow(
        "tool-call-misfit",
        "tools",
        "The arguments of a tool call do not fit the tool (checked for verify='tools').",
        REJECTED,
        _calling("look_up", id=7),
        '"arguments": "{\\"id\\": 7}"',
        "openai, function calling guide: only strict mode promises the schema",
        ask="tool",
        checked="tools",
    ),
)
