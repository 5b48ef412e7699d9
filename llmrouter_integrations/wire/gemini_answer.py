"""What stands in an answer of Gemini's protocol, whole or streamed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from llmrouter_integrations.errors import ContentFilteredError, MalformedToolCallError
from llmrouter_integrations.messages import (
    EMPTY_MAP,
    AudioPart,
    Citation,
    FilePart,
    ImagePart,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    Usage,
)
from llmrouter_integrations.wire.structured import JSON_TOOL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmrouter_integrations.messages import FinishReason, Part
    from llmrouter_integrations.wire.base import Endpoint

__all__ = [
    "ISSUER",
    "call_of",
    "citations_of",
    "extra_of",
    "finish_reason_of",
    "logprobs_of",
    "other_part",
    "read_parts",
    "refuse_blocked",
    "usage_of",
]

ISSUER: Final = "gemini"

FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",  # the most of one request, below maxOutputTokens
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
"""The others (LANGUAGE, OTHER, NO_IMAGE, TOO_MANY_TOOL_CALLS ...) read as "unknown", and so does
UNEXPECTED_TOOL_CALL: the model called a function that is not on offer, which an agent can tell it
itself, so that the call is given as it came."""

CANDIDATE_BESIDES: Final = (
    "finishMessage",
    "safetyRatings",
    "groundingMetadata",
    "urlContextMetadata",
    "avgLogprobs",
)
USAGE_BESIDES: Final = ("serviceTier", "trafficType")


def finish_reason_of(
    candidate: Mapping[str, Any], endpoint: Endpoint, *, called: bool
) -> FinishReason:
    """Translate a candidate's finish reason.

    Raises:
        MalformedToolCallError: The model began a function call that could not be read.
    """
    raw = candidate.get("finishReason")
    if raw == "MALFORMED_FUNCTION_CALL":
        raise MalformedToolCallError(
            candidate.get("finishMessage") or "the model wrote a malformed function call",
            code=raw,
            target=endpoint.name,
        )
    reason = FINISH_REASONS.get(raw or "", "unknown")
    return "tool_calls" if reason == "stop" and called else reason


def refuse_blocked(body: Mapping[str, Any], endpoint: Endpoint) -> None:
    """Raise for a prompt that a safety system refused.

    Raises:
        ContentFilteredError: It did.
    """
    feedback = body.get("promptFeedback") or EMPTY_MAP
    if blocked := feedback.get("blockReason"):
        raise ContentFilteredError(
            feedback.get("blockReasonMessage") or "a safety system refused the prompt",
            code=blocked,
            target=endpoint.name,
        )


def usage_of(said: Mapping[str, Any] | None) -> Usage | None:
    """Read ``usageMetadata``, where thoughts and tools' results are counted apart.

    None where it counts nothing, as in all chunks of a stream but the last on Vertex.
    """
    if not said or "promptTokenCount" not in said:
        return None
    thoughts = said.get("thoughtsTokenCount", 0)
    return Usage(
        input_tokens=said["promptTokenCount"] + said.get("toolUsePromptTokenCount", 0),
        output_tokens=said.get("candidatesTokenCount", 0) + thoughts,
        cache_read_tokens=said.get("cachedContentTokenCount", 0),
        reasoning_tokens=thoughts,
        audio_input_tokens=_audio(said.get("promptTokensDetails")),
        audio_output_tokens=_audio(said.get("candidatesTokensDetails")),
    )


def _audio(details: Sequence[Mapping[str, Any]] | None) -> int:
    if not details:
        return 0
    return sum([d.get("tokenCount", 0) for d in details if d.get("modality") == "AUDIO"])


def extra_of(candidate: Mapping[str, Any], usage: Mapping[str, Any] | None) -> dict[str, Any]:
    """Keep what else was said and has no place of its own."""
    extra = {key: candidate[key] for key in CANDIDATE_BESIDES if candidate.get(key)}
    if usage:
        for key in USAGE_BESIDES:
            if usage.get(key):
                extra[key] = usage[key]
    return extra


def read_parts(candidate: Mapping[str, Any], response_id: str) -> tuple[Part, ...]:
    """Read a whole answer's parts.

    Text after text is one part, up to its signature: as a stream would be read, in which pieces
    and parts cannot be told apart.
    """
    read: list[Part] = []
    last: str | None = None  # the kind of text that goes on
    calls = 0
    for part in (candidate.get("content") or EMPTY_MAP).get("parts") or ():
        signature = part.get("thoughtSignature") or None
        if "text" in part:
            text = part["text"]
            if not (text or signature):
                continue
            kind = "thought" if part.get("thought") else "text"
            if kind == last and isinstance(before := read.pop(), ReasoningPart | TextPart):
                text = before.text + text
            if kind == "thought":
                read.append(ReasoningPart(text, ISSUER, signature))
            else:
                issuer = ISSUER if signature else None
                read.append(TextPart(text, signature=signature, issuer=issuer))
            last = None if signature else kind
            continue
        last = None
        if "functionCall" in part:
            call_id, name, arguments = call_of(part["functionCall"], response_id, calls)
            if name == JSON_TOOL:
                read.append(TextPart(arguments))
            else:
                calls += 1
                issuer = ISSUER if signature else None
                read.append(ToolCallPart(call_id, name, arguments, signature, issuer=issuer))
        elif (other := other_part(part)) is not None:
            read.append(other)
            if signature and not isinstance(other, OpaquePart):
                read.append(TextPart("", signature=signature, issuer=ISSUER))
    if cited := citations_of(candidate, [p.text for p in read if isinstance(p, TextPart)]):
        _cite(read, cited)
    return tuple(read)


def _cite(read: list[Part], cited: tuple[Citation, ...]) -> None:
    """Give the last text its citations."""
    for place in range(len(read) - 1, -1, -1):
        part = read[place]
        if isinstance(part, TextPart):
            read[place] = replace(part, citations=cited, issuer=ISSUER)
            return


def call_of(call: Mapping[str, Any], response_id: str, place: int) -> tuple[str, str, str]:
    """Give id, name and arguments of a function call.

    Many models give their calls no id: it is then made of the answer's id and the call's place,
    the same whenever the same answer is read.
    """
    arguments = call.get("args")
    return (
        call.get("id") or f"call_{response_id}_{place}",
        call.get("name") or "",
        orjson.dumps(arguments).decode() if arguments else "{}",
    )


def other_part(part: Mapping[str, Any]) -> Part | None:
    """Read a part that is neither text, thought nor function call; None for an empty one."""
    if "inlineData" in part and not part.get("thought"):
        blob = part["inlineData"]
        kind = blob.get("mimeType") or ""
        data = blob.get("data") or ""
        if kind.startswith("image/"):
            return ImagePart(data, media_type=kind)
        if kind.startswith("audio/"):
            return AudioPart(data, media_type=kind)
        return FilePart(data, media_type=kind or None)
    return OpaquePart(ISSUER, part) if part else None


def citations_of(candidate: Mapping[str, Any], texts: Sequence[str]) -> tuple[Citation, ...]:
    """Read what an answer's text rests on: Google's searches, and what it recites.

    Args:
        candidate: As Google sent it.
        texts: The answer's text parts; in more than one, the stretches cannot be told.
    """
    if not ("groundingMetadata" in candidate or "citationMetadata" in candidate):
        return ()
    text = texts[0] if len(texts) == 1 else None
    found: list[Citation] = []
    grounding = candidate.get("groundingMetadata") or EMPTY_MAP
    chunks = grounding.get("groundingChunks") or ()
    supports = grounding.get("groundingSupports") or ()
    for support in supports:
        span = support.get("segment") or EMPTY_MAP
        found += [
            _grounded(chunks[index], _span(span, text))
            for index in support.get("groundingChunkIndices") or ()
            if 0 <= index < len(chunks)
        ]
    if not supports:
        found += [_grounded(chunk, (None, None)) for chunk in chunks]
    recited = candidate.get("citationMetadata") or EMPTY_MAP
    for source in recited.get("citationSources") or recited.get("citations") or ():
        start, end = _span(source, text)
        found.append(
            Citation(source.get("uri"), source.get("title"), start=start, end=end, raw=source)
        )
    return tuple(found)


def _grounded(chunk: Mapping[str, Any], span: tuple[int | None, int | None]) -> Citation:
    source: Mapping[str, Any] = next(iter(chunk.values()), EMPTY_MAP)  # web, maps ...
    return Citation(
        source.get("uri"), source.get("title"), source.get("text"), span[0], span[1], raw=chunk
    )


def _span(said: Mapping[str, Any], text: str | None) -> tuple[int | None, int | None]:
    """Turn offsets in bytes of UTF-8 into offsets in characters; a start of 0 is left unsaid."""
    end = said.get("endIndex")
    if end is None or text is None:
        return None, None
    start = said.get("startIndex", 0)
    if text.isascii():
        return start, end
    encoded = text.encode()
    return (
        len(encoded[:start].decode(errors="ignore")),
        len(encoded[:end].decode(errors="ignore")),
    )


def logprobs_of(candidate: Mapping[str, Any]) -> Any:
    """Give the log probabilities in OpenAI's form, which chunks can be joined in; or None."""
    result = candidate.get("logprobsResult")
    if not result:
        return None
    tops = result.get("topCandidates") or ()
    content = []
    for place, chosen in enumerate(result.get("chosenCandidates") or ()):
        top = tops[place].get("candidates") or () if place < len(tops) else ()
        content.append({**_token(chosen), "top_logprobs": [_token(other) for other in top]})
    return {"content": content} if content else None


def _token(said: Mapping[str, Any]) -> dict[str, Any]:
    return {"token": said.get("token", ""), "logprob": said.get("logProbability", 0.0)}
