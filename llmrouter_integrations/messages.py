"""What is asked and what is answered, free of any vendor's form and losing nothing of it.

A :class:`Message` is a role and a tuple of parts. An *issuer* is whoever can read back a
signature or an opaque part: the name of a wire family ("anthropic", "openai", "gemini", ...).
Parts that only their issuer understands are kept for it and left out for all others.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmrouter_integrations.routing.decision import Decision

__all__ = [
    "Adjustment",
    "Attempt",
    "AudioPart",
    "CachePoint",
    "Chunk",
    "Citation",
    "Delta",
    "FilePart",
    "FinishReason",
    "ImagePart",
    "Message",
    "NativeTool",
    "OpaquePart",
    "OutputFormat",
    "Part",
    "PartDelta",
    "ReasoningDelta",
    "ReasoningPart",
    "RefusalDelta",
    "RefusalPart",
    "Request",
    "Response",
    "Role",
    "TextDelta",
    "TextPart",
    "Tool",
    "ToolCallDelta",
    "ToolCallPart",
    "ToolResultPart",
    "Usage",
    "asked_from",
]

Role = Literal["system", "developer", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "unknown"]
"""Why an answer ended. ``length``: max_tokens or the window; ``content_filter``: a safety system
cut it; ``refusal``: the model declined; ``unknown``: a reason this package has no word for (the
vendor's own stands in ``Response.raw_finish_reason``)."""


class _EmptyMap(dict[str, Any]):
    """No entries, ever. Hashable (a dataclass default must be), picklable, and JSON to orjson."""

    __slots__ = ()

    def __hash__(self) -> int:  # type: ignore[override]  # nothing in it can change
        return 0

    def __reduce__(self) -> str:
        return "EMPTY_MAP"

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("EMPTY_MAP is shared and takes no entries")

    __setitem__ = update = setdefault = __ior__ = _refuse


EMPTY_MAP: Mapping[str, Any] = _EmptyMap()


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a stretch of an answer comes from.

    ``start`` and ``end`` are character offsets into the text part, where the vendor gave them.
    ``raw`` is the vendor's own record, for its issuer.
    """

    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    start: int | None = None
    end: int | None = None
    raw: Mapping[str, Any] = EMPTY_MAP


@dataclass(frozen=True, slots=True)
class TextPart:
    """Plain text. ``signature`` and ``item_id`` are for ``issuer`` only."""

    text: str
    citations: tuple[Citation, ...] = ()
    signature: str | None = None
    item_id: str | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image: exactly one of ``data`` (base64), ``url`` or ``file_id`` (its issuer's)."""

    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    media_type: str | None = None
    detail: Literal["low", "high", "auto"] | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class AudioPart:
    """Sound: exactly one of ``data`` (base64), ``url`` or ``file_id``; with its words if known."""

    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    media_type: str | None = None
    transcript: str | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class FilePart:
    """A document or a video: one of ``data`` (base64), ``url``, ``file_id`` or ``text``."""

    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    text: str | None = None
    media_type: str | None = None
    name: str | None = None
    citations: bool = False
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class ReasoningPart:
    """A model's reasoning, or a summary of it.

    ``signature`` is what its issuer verifies or decrypts; ``redacted`` reasoning has only that.
    """

    text: str = ""
    issuer: str | None = None
    signature: str | None = None
    redacted: bool = False
    item_id: str | None = None
    raw: Mapping[str, Any] = EMPTY_MAP


@dataclass(frozen=True, slots=True)
class RefusalPart:
    """The model's own words for declining."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A call the model asks for. ``arguments`` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str = "{}"
    signature: str | None = None
    item_id: str | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """What a tool call came to: text, images or files; ``is_error`` when the tool failed."""

    tool_call_id: str
    content: tuple[Part, ...] = ()
    name: str | None = None
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class CachePoint:
    """Everything before this point is worth caching, for ``ttl`` ("5m", "1h") where it can be."""

    ttl: str | None = None


@dataclass(frozen=True, slots=True)
class OpaquePart:
    """A vendor's own block (a server-side search, say), replayed to its issuer untouched."""

    issuer: str
    payload: Mapping[str, Any]


Part = (
    TextPart
    | ImagePart
    | AudioPart
    | FilePart
    | ReasoningPart
    | RefusalPart
    | ToolCallPart
    | ToolResultPart
    | CachePoint
    | OpaquePart
)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. Tool results are ``role="tool"`` messages of :class:`ToolResultPart`."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    id: str | None = None

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join([p.text for p in self.parts if type(p) is TextPart])

    @property
    def reasoning(self) -> str:
        """The reasoning parts' text, joined."""
        return "".join([p.text for p in self.parts if type(p) is ReasoningPart])

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The tool calls, in order."""
        return tuple([p for p in self.parts if type(p) is ToolCallPart])

    @property
    def refusal(self) -> str | None:
        """The refusal's words, or None."""
        said = [p.text for p in self.parts if type(p) is RefusalPart]
        return "".join(said) if said else None


def asked_from(messages: Sequence[Message]) -> int:
    """Give the place of the first turn that is still to be answered.

    That is the one behind the last answer that called no tool; an answer begun for the model, at
    the end, is none. What the user showed before may be left out with a word where it cannot be
    read; what is shown from here on is what the question is about.
    """
    place = len(messages)
    while place and messages[place - 1].role in ("system", "developer"):
        place -= 1  # which many vendors read before the conversation
    if place and messages[place - 1].role == "assistant":
        place -= 1
    while place:
        message = messages[place - 1]
        if message.role == "assistant" and not message.tool_calls:
            break
        place -= 1
    return place


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call; ``parameters`` is its JSON schema."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = EMPTY_MAP
    strict: bool | None = None
    cache: bool = False


@dataclass(frozen=True, slots=True)
class NativeTool:
    """A vendor's own tool (web search, code execution), sent as it is to ``issuer`` only."""

    issuer: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """The form asked of the answer: any JSON object, or one that fits ``schema``."""

    kind: Literal["json_object", "json_schema"] = "json_schema"
    schema: Mapping[str, Any] = EMPTY_MAP
    name: str = "output"
    description: str = ""
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A chat request in no vendor's form. None means: the target's own default.

    Attributes:
        messages: The conversation, oldest first.
        tools: Functions, and vendors' own tools, on offer.
        tool_choice: "auto", "none", "required", or the name of the one to call.
        parallel_tool_calls: Whether several calls may be asked for at once.
        output: The form asked of the answer.
        max_tokens: Most tokens of the answer, reasoning included.
        reasoning_effort: none | minimal | low | medium | high | xhigh | max.
        logprobs: Whether the tokens' log probabilities are wanted.
        top_logprobs: How many alternatives for each token.
        user: The end user's id, for the provider's abuse monitoring.
        prompt_cache_key: Groups requests that share a prefix, where a provider uses it.
        extra: Wire family or provider name to body fields merged as they are for that one only.
        native: A framework's name to the conversation as that framework's caller wrote it, for
            targets of the same framework, which need no translation.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool | NativeTool, ...] = ()
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning_effort: str | None = None
    service_tier: str | None = None
    user: str | None = None
    prompt_cache_key: str | None = None
    extra: Mapping[str, Mapping[str, Any]] = EMPTY_MAP
    native: Mapping[str, Any] = field(default=EMPTY_MAP, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as billed.

    Attributes:
        input_tokens: All of the prompt, cached tokens included.
        output_tokens: All of the answer, reasoning included.
        cache_read_tokens: Of the input, read from the provider's cache.
        cache_write_tokens: Of the input, written to it.
        reasoning_tokens: Of the output, spent on reasoning.
        audio_input_tokens: Of the input, sound.
        audio_output_tokens: Of the output, sound.
        reported: False where we estimated, because the provider did not say.
        cost_usd: What the provider itself says it charged, in dollars, where it does.
        billed_input_tokens: Of the input, what is charged for, where that is not all of it.
        billed_output_tokens: Of the output, likewise.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    reported: bool = True
    cost_usd: float | None = None
    billed_input_tokens: int | None = None
    billed_output_tokens: int | None = None

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def as_billed(self) -> Usage:
        """Give the counts to charge for: a provider may count more than it bills."""
        if self.billed_input_tokens is None and self.billed_output_tokens is None:
            return self
        billed_in, billed_out = self.billed_input_tokens, self.billed_output_tokens
        return replace(
            self,
            input_tokens=self.input_tokens if billed_in is None else billed_in,
            output_tokens=self.output_tokens if billed_out is None else billed_out,
        )


NO_USAGE = Usage(reported=False)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A parameter a target could not honour as asked, and what was done about it.

    ``action`` is "dropped" (left out) or "translated" (sent in another form).
    """

    parameter: str
    action: Literal["dropped", "translated"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to one target and what came of it.

    Attributes:
        target: The target's name.
        provider: Who serves it.
        model: What was asked for there.
        outcome: "ok", "error", "interrupted" (a stream, after content) or "cancelled".
        error: Error class and message, or None.
        error_type: The error's class name, or None.
        duration_s: From sending to the end, in seconds.
        first_token_s: From sending to the first content, in seconds, where it streamed.
        adjustments: What was changed of the request for this target.
        usage: Tokens billed, as far as known.
        cost_usd: What the attempt cost, in dollars, as far as known.
    """

    target: str
    provider: str
    model: str
    outcome: Literal["ok", "error", "interrupted", "cancelled"]
    error: str | None = None
    error_type: str | None = None
    duration_s: float = 0.0
    first_token_s: float | None = None
    adjustments: tuple[Adjustment, ...] = ()
    usage: Usage | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A finished answer.

    Attributes:
        message: The assistant's turn.
        finish_reason: Why it ended.
        usage: Tokens as billed.
        model: The model the provider says answered.
        provider: Who served it.
        target: Name of the target.
        id: The provider's id of the answer.
        raw_finish_reason: The vendor's own word for the finish reason.
        logprobs: The vendor's record of log probabilities, where asked for.
        cost_usd: Dollars for this answer, by the provider's own figure or dated prices; None
            without a price. What other attempts cost stands there, and in :attr:`spent_usd`.
        attempts: Every call made for this request, in order.
        decision: Why this target; None where no router was involved.
        extra: What else the vendor said (system fingerprint, service tier, ...).
    """

    message: Message
    finish_reason: FinishReason = "stop"
    usage: Usage = NO_USAGE
    model: str = ""
    provider: str = ""
    target: str = ""
    id: str | None = None
    raw_finish_reason: str | None = None
    logprobs: Any = None
    cost_usd: float | None = None
    attempts: tuple[Attempt, ...] = ()
    decision: Decision | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = EMPTY_MAP

    @property
    def text(self) -> str:
        """The answer's text."""
        return self.message.text

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The tool calls asked for."""
        return self.message.tool_calls

    @property
    def spent_usd(self) -> float:
        """Dollars for all attempts, also those that failed or lost a race, as far as known."""
        return sum(attempt.cost_usd or 0.0 for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text for the part at ``index``."""

    text: str
    index: int = 0
    citations: tuple[Citation, ...] = ()
    signature: str | None = None
    item_id: str | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More reasoning for the part at ``index``; the signature comes whole, mostly last."""

    text: str = ""
    index: int = 0
    issuer: str | None = None
    signature: str | None = None
    redacted: bool = False
    item_id: str | None = None
    raw: Mapping[str, Any] = EMPTY_MAP


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """More of a refusal."""

    text: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of the tool call at ``index``: id and name come once, arguments in pieces."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    signature: str | None = None
    item_id: str | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class PartDelta:
    """A part that comes whole."""

    part: Part
    index: int = 0


Delta = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | PartDelta


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed answer.

    Deltas carry the index of the part they belong to; indices are unique over all kinds of part
    in one answer and grow in order of first appearance, so parts keep their order.

    Attributes:
        deltas: What came, in order; may be empty (an id, the usage, the end).
        finish_reason: Set on exactly one chunk of an answer.
        usage: Set on at most one chunk; the whole answer's.
        response: On the router's last chunk: the whole answer, with cost, decision, attempts.
        instead_of: On a chunk without content: the answer so far broke off, and what follows is
            another from its beginning; this is what had been handed on, and is to be discarded.
        extra: As :attr:`Response.extra`.
    """

    deltas: tuple[Delta, ...] = ()
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    model: str | None = None
    id: str | None = None
    raw_finish_reason: str | None = None
    logprobs: Any = None
    extra: Mapping[str, Any] = EMPTY_MAP
    response: Response | None = field(default=None, repr=False)
    instead_of: Response | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """The text this chunk adds."""
        return "".join([d.text for d in self.deltas if type(d) is TextDelta])

    @property
    def has_content(self) -> bool:
        """Whether anything a reader would miss is in it: the point of no return of a stream."""
        return any(
            (type(d) is not ReasoningDelta and type(d) is not TextDelta) or bool(d.text)
            for d in self.deltas
        )
