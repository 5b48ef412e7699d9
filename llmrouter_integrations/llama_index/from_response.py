"""Answers -> LlamaIndex's responses, whole or streamed.

What blocks cannot say (signatures of calls, item ids, citations' own records, the vendor's own
blocks) stands in the message's ``additional_kwargs``; see
:mod:`~llmrouter_integrations.part_record`. What an answer cost and who gave it stands in
``raw["llmrouter"]``.
"""

from __future__ import annotations

from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ChatResponse,
    CitationBlock,
    CompletionResponse,
    DocumentBlock,
    ImageBlock,
    LogProb,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from llmrouter_integrations.account import RESTARTED, account_of
from llmrouter_integrations.llama_index.to_request import AUDIO, OPAQUE
from llmrouter_integrations.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    OpaquePart,
    PartDelta,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
)
from llmrouter_integrations.part_record import KEY, record

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Callable,
        Generator,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from llama_index.core.base.llms.types import ContentBlock

    from llmrouter_integrations.messages import Chunk, Citation, Delta, Part, Response, Usage

__all__ = [
    "astream_responses",
    "stream_responses",
    "to_chat_response",
    "to_completion",
    "usage_from",
]


# -- whole answers ---------------------------------------------------------------------------


def to_chat_response(response: Response) -> ChatResponse:
    """Make what ``chat`` returns of a finished answer."""
    usage = usage_from(response.usage)
    raw: dict[str, Any] = {
        **response.extra,
        "id": response.id,
        "model": response.model,
        "provider": response.provider,
        "finish_reason": response.finish_reason,
        "usage": usage,
        "llmrouter": account_of(response),
    }
    logprobs = None
    if response.logprobs is not None:
        raw["logprobs"] = response.logprobs
        logprobs = _logprobs(response.logprobs)
    return ChatResponse(
        message=_message(response.message.parts),
        raw=raw,
        logprobs=logprobs,
        additional_kwargs={name: usage[name] for name in _COUNTS},
    )


def to_completion(answer: ChatResponse) -> CompletionResponse:
    """Make what ``complete`` returns of a chat's answer, or of a piece of it."""
    message = answer.message
    return CompletionResponse(
        text=message.content or "",
        additional_kwargs={**message.additional_kwargs, **answer.additional_kwargs},
        raw=answer.raw,
        logprobs=answer.logprobs,
        delta=answer.delta,
    )


_COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")


def usage_from(usage: Usage) -> dict[str, Any]:
    """Write the tokens billed by OpenAI's names, which LlamaIndex's token counters read."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": usage.audio_input_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.audio_output_tokens,
        },
    }


def _message(parts: Sequence[Part]) -> ChatMessage:
    blocks: list[ContentBlock] = []
    beside: dict[str, Any] = {}
    cited: list[Citation] = []
    texts: list[str] = []

    def end_of_text() -> None:
        # texts in a row are one block: LlamaIndex puts line breaks between blocks
        if texts:
            blocks.append(TextBlock(text="".join(texts)))
            blocks.extend([_citation(citation) for citation in cited])
            texts.clear()
            cited.clear()

    for part in parts:
        if isinstance(part, TextPart):
            texts.append(part.text)
            cited.extend(part.citations)
            continue
        end_of_text()
        if (block := _block(part, beside)) is not None:
            blocks.append(block)
    end_of_text()
    if (entries := record(parts)) is not None:
        beside[KEY] = entries
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=beside)


def _block(part: Part, beside: dict[str, Any]) -> ContentBlock | None:
    """Write a part as a block; what has no like goes into ``beside``, the additional kwargs."""
    write = _WRITERS.get(type(part))
    return write(part, beside) if write is not None else None


def _tool_call(part: ToolCallPart, beside: dict[str, Any]) -> ContentBlock:
    arguments: Any
    try:
        arguments = orjson.loads(part.arguments or "{}")
    except orjson.JSONDecodeError:  # an answer cut short by its limit of tokens
        arguments = part.arguments
    if not isinstance(arguments, dict):
        arguments = part.arguments
    beside.setdefault("tool_calls", []).append(_openai_call(part.id, part.name, part.arguments))
    return ToolCallBlock(tool_call_id=part.id, tool_name=part.name, tool_kwargs=arguments)


def _openai_call(call_id: str | None, name: str, arguments: str) -> dict[str, Any]:
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _thinking(part: ReasoningPart, _: dict[str, Any]) -> ContentBlock:
    said = {
        "issuer": part.issuer,
        "signature": part.signature,
        "redacted": part.redacted or None,
        "id": part.item_id,
        "raw": {**part.raw} or None,
    }
    return ThinkingBlock(
        content=part.text, additional_information={k: v for k, v in said.items() if v is not None}
    )


def _refusal(part: RefusalPart, beside: dict[str, Any]) -> None:
    beside["refusal"] = beside.get("refusal", "") + part.text


def _opaque(part: OpaquePart, beside: dict[str, Any]) -> None:
    beside.setdefault(OPAQUE, []).append({"issuer": part.issuer, "payload": {**part.payload}})


def _image(part: ImagePart, _: dict[str, Any]) -> ContentBlock:
    return ImageBlock(
        image=_bytes(part.data), url=part.url, image_mimetype=part.media_type, detail=part.detail
    )


def _audio(part: AudioPart, beside: dict[str, Any]) -> ContentBlock:
    if part.file_id is not None:
        beside[AUDIO] = part.file_id
    form = (part.media_type or "").rpartition("/")[2]
    said = {"audio": _bytes(part.data), "url": part.url, "format": {"mpeg": "mp3"}.get(form, form)}
    # what is not there is left out: older versions of the block take no None
    return AudioBlock(**{name: value for name, value in said.items() if value})


def _file(part: FilePart, _: dict[str, Any]) -> ContentBlock:
    data = part.text.encode() if part.text is not None else _bytes(part.data)
    return DocumentBlock(
        data=data, url=part.url, title=part.name, document_mimetype=part.media_type
    )


def _bytes(data: str | None) -> bytes | None:
    return None if data is None else data.encode()


_WRITERS: Final[dict[type, Callable[[Any, dict[str, Any]], ContentBlock | None]]] = {
    ToolCallPart: _tool_call,
    ReasoningPart: _thinking,
    RefusalPart: _refusal,
    OpaquePart: _opaque,
    ImagePart: _image,
    AudioPart: _audio,
    FilePart: _file,
}


def _citation(citation: Citation) -> CitationBlock:
    span = {"start": citation.start, "end": citation.end}
    return CitationBlock(
        cited_content=TextBlock(text=citation.cited_text or ""),
        source=citation.url or citation.title or "",
        title=citation.title or "",
        additional_location_info={k: v for k, v in span.items() if v is not None},
    )


def _logprobs(said: Any) -> list[list[LogProb]] | None:
    """Read OpenAI's record: for each token, its alternatives, or itself where none were asked."""
    tokens = said.get("content") if isinstance(said, dict) else None
    if not isinstance(tokens, list):
        return None
    return [[_logprob(one) for one in token.get("top_logprobs") or [token]] for token in tokens]


def _logprob(said: Mapping[str, Any]) -> LogProb:
    return LogProb(
        token=said.get("token", ""), logprob=said.get("logprob", 0.0), bytes=said.get("bytes") or []
    )


# -- streamed answers ------------------------------------------------------------------------


def stream_responses(chunks: Iterator[Chunk]) -> Generator[ChatResponse]:
    """Make what ``stream_chat`` yields: what has come so far, and what is new in it.

    The last one is the whole answer, with ``raw``; nothing is new in it.
    """
    growing = _GrowingMessage()
    with closing(cast("Generator[Chunk]", chunks)):
        for chunk in chunks:
            if chunk.instead_of is not None:
                growing = _GrowingMessage()
                yield _restarted(chunk.instead_of)
            yield from growing.add(chunk)


async def astream_responses(chunks: AsyncIterator[Chunk]) -> AsyncGenerator[ChatResponse]:
    """Make what ``astream_chat`` yields; as :func:`stream_responses`."""
    growing = _GrowingMessage()
    async with aclosing(cast("AsyncGenerator[Chunk]", chunks)):
        async for chunk in chunks:
            if chunk.instead_of is not None:
                growing = _GrowingMessage()
                yield _restarted(chunk.instead_of)
            for answer in growing.add(chunk):
                yield answer


def _restarted(void: Response) -> ChatResponse:
    """Make the mark that what came so far is void: the answer begins again."""
    return ChatResponse(
        message=ChatMessage(role=MessageRole.ASSISTANT, blocks=[]),
        delta="",
        additional_kwargs={RESTARTED: len(void.text)},
    )


class _GrowingMessage:
    """An answer under way: its blocks so far, of which each chunk changes one or a few."""

    __slots__ = ("_at", "_beside", "_blocks", "_calls", "_texts")

    def __init__(self) -> None:
        self._blocks: list[Any] = []
        self._texts: list[str] = []  # of each block, the text or arguments so far
        self._at: dict[int, int] = {}  # a part's index -> its block's
        self._calls: dict[int, dict[str, Any]] = {}  # of each block that is a call, OpenAI's form
        self._beside: dict[str, Any] = {}

    def add(self, chunk: Chunk) -> Iterable[ChatResponse]:
        if chunk.deltas:
            thinking = ""
            for delta in chunk.deltas:
                self._add(delta)
                if isinstance(delta, ReasoningDelta):
                    thinking += delta.text
            beside = dict(self._beside)
            if self._calls:
                beside["tool_calls"] = list(self._calls.values())
            yield ChatResponse(
                message=ChatMessage(
                    role=MessageRole.ASSISTANT, blocks=self._blocks, additional_kwargs=beside
                ),
                delta=chunk.text,
                additional_kwargs={"thinking_delta": thinking} if thinking else {},
            )
        if chunk.response is not None:
            whole = to_chat_response(chunk.response)
            whole.delta = ""
            yield whole

    def _add(self, delta: Delta) -> None:
        if isinstance(delta, RefusalDelta):
            _refusal(RefusalPart(delta.text), self._beside)
            return
        if isinstance(delta, PartDelta):
            if (block := _block(delta.part, self._beside)) is not None:
                self._open(delta.index, block)
            return
        at = self._at.get(delta.index)
        if isinstance(delta, TextDelta):
            if at is None and self._blocks and isinstance(self._blocks[-1], TextBlock):
                at = self._at[delta.index] = len(self._blocks) - 1
            at = self._open(delta.index) if at is None else at
            self._texts[at] += delta.text
            self._blocks[at] = TextBlock(text=self._texts[at])
        elif isinstance(delta, ToolCallDelta):
            at = self._open(delta.index) if at is None else at
            self._texts[at] += delta.arguments
            function = self._calls.get(at, {}).get("function", {})
            call_id = delta.id or self._calls.get(at, {}).get("id")
            name = delta.name or function.get("name", "")
            self._calls[at] = _openai_call(call_id, name, self._texts[at])
            self._blocks[at] = ToolCallBlock(
                tool_call_id=call_id, tool_name=name, tool_kwargs=self._texts[at]
            )
        else:
            at = self._open(delta.index) if at is None else at
            self._texts[at] += delta.text
            self._blocks[at] = ThinkingBlock(content=self._texts[at])

    def _open(self, index: int, block: Any = None) -> int:
        self._blocks.append(block)
        self._texts.append("")
        self._at[index] = len(self._blocks) - 1
        return self._at[index]
