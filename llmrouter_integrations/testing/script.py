"""What a simulator is asked and what it is told to answer: requests, replies and their parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Citation", "Finish", "Reply", "SimRequest", "ToolCall"]

Finish = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call that the simulated model makes.

    Args:
        name: The tool's name.
        arguments: Its arguments. A string is sent as it stands, so that malformed JSON can be
            sent too: as a string where an object belongs (Anthropic and Bedrock, unstreamed), as
            the finish reason MALFORMED_FUNCTION_CALL by Gemini.
        id: The call's id; None: one is made, in the vendor's style.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that the simulated answer cites, over its whole text."""

    url: str
    title: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the simulated model, in the terms all protocols share.

    Args:
        text: The text of the answer.
        tool_calls: Tool calls, in order. With any, ``finish`` "stop" becomes "tool_calls".
        reasoning: Reasoning shown beside the answer, where the protocol shows any.
        refusal: A refusal instead of the text; protocols without refusals send it as text.
        finish: Why the answer ended.
        input_tokens: Tokens of the prompt, cached ones included; None: estimated.
        output_tokens: Tokens of the answer, reasoning included; None: estimated.
        cached_tokens: Of ``input_tokens``, those read from the prompt cache.
        cache_write_tokens: Of ``input_tokens``, those written to the prompt cache.
        reasoning_tokens: Of ``output_tokens``, those of reasoning; None: estimated.
        chunks: In how many pieces the text is streamed; None: word by word.
        delay_s: Seconds before the response's first byte.
        chunk_delay_s: Seconds before each streamed event.
        citations: Sources, where the protocol has been recorded with any (OpenAI chat, Cohere).
        logprobs: Whether to send log probabilities, where the protocol has them.
        stop_sequence: The stop sequence that ended the text, where the protocol names it.
        headers: Further response headers; a name the vendor sends too is replaced.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    refusal: str = ""
    finish: Finish = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int | None = None
    chunks: int | None = None
    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    citations: tuple[Citation, ...] = ()
    logprobs: bool = False
    stop_sequence: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SimRequest:
    """One request as the simulator understood it, the same for every protocol.

    Attributes:
        provider: The first segment of the path.
        protocol: ``openai-chat``, ``openai-responses``, ``anthropic``, ``gemini``, ``cohere`` or
            ``bedrock``.
        model: The model asked for.
        stream: Whether a streamed answer is asked for.
        messages: ``(role, text)`` pairs; roles are system, user, assistant and tool.
        body: The parsed JSON body.
        headers: Names in lower case.
        path: The path with its query.
        at_s: When it had arrived, on the clock of :func:`time.monotonic`.
        tools: Names of the tools offered.
        tool_choice: ``auto``, ``none``, ``required``, or the one tool that must be called.
        schema: The JSON schema that the output must follow, if one was given.
        tool_schemas: The JSON schema of each tool's parameters, by the tool's name.
        tool_descriptions: What each tool says it does, by its name.
        called: Names of the tools called since the last user message.
        parallel: Whether several tool calls may come at once.
        json_mode: Whether the output must be a JSON object.
        reasoning: Whether reasoning was asked for.
        logprobs: Whether log probabilities were asked for.
        max_tokens: The most output tokens, if a limit was given.
        stop: Stop sequences.
        media: ``image``, ``audio`` or ``document`` for each such part of the last user message.
        cache_points: How many cache points the request marks (Anthropic, Bedrock).
    """

    provider: str
    protocol: str
    model: str
    stream: bool
    messages: tuple[tuple[str, str], ...]
    body: dict[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    path: str
    at_s: float
    tools: tuple[str, ...] = ()
    tool_choice: str = "auto"
    schema: dict[str, Any] | None = None
    tool_schemas: Mapping[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    tool_descriptions: Mapping[str, str] = field(default_factory=dict, repr=False)
    called: tuple[str, ...] = ()
    parallel: bool = True
    json_mode: bool = False
    reasoning: bool = False
    logprobs: bool = False
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    cache_points: int = 0

    @property
    def last_text(self) -> str:
        """The text of the last user message."""
        return next((text for role, text in reversed(self.messages) if role == "user"), "")

    @property
    def tool_results(self) -> tuple[str, ...]:
        """The texts of the tool results that came after the last user message, in order."""
        results: list[str] = []
        for role, text in reversed(self.messages):
            if role == "user":
                break
            if role == "tool":
                results.append(text)
        return tuple(reversed(results))
