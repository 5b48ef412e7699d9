""":class:`~llmrouter_integrations.messages.Response` and chunks -> LangChain messages.

The plain forms are those of ``ChatOpenAI``: ``content`` is a string as long as all there is to
read is text, calls are in ``tool_calls``, reasoning in ``additional_kwargs["reasoning_content"]``.
What they leave out stands in the record (see :mod:`~llmrouter_integrations.part_record`), from
which :mod:`.standard_blocks` makes ``message.content_blocks``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from llmrouter_integrations.account import account_of
from llmrouter_integrations.langchain.standard_blocks import (
    PROVIDER,
    arguments_from,
    block_from,
    marked,
)
from llmrouter_integrations.messages import (
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
    from collections.abc import Iterable, Mapping

    from langchain_core.messages import InvalidToolCall, ToolCall

    from llmrouter_integrations.messages import Chunk, Delta, Response, Usage

__all__ = ["Form", "combined", "to_chunks", "to_result"]

Form = Literal["text", "blocks"]
"""How streamed content is written: as text, or in standard blocks (``output_version="v1"``)."""

_JSON_FAULT: Final = "the arguments are not a JSON object"
_BLOCKS: Final = {"output_version": "v1"}


def to_result(response: Response) -> ChatResult:
    """Make what ``_generate`` returns of a finished answer."""
    parts = response.message.parts
    content: str | list[str | dict[Any, Any]]
    beside: dict[str, Any] = {}
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    if len(parts) == 1 and type(parts[0]) is TextPart and not parts[0].citations:
        content = parts[0].text
    else:
        texts: list[str] = []
        blocks: list[str | dict[Any, Any]] = []
        plain = True
        for part in parts:
            if isinstance(part, TextPart):
                texts.append(part.text)
                blocks.append({"type": "text", "text": part.text})
            elif isinstance(part, ToolCallPart):
                _call(part, calls, invalid)
            elif isinstance(part, ReasoningPart):
                if part.text:
                    _add(beside, "reasoning_content", part.text)
            elif isinstance(part, RefusalPart):
                _add(beside, "refusal", part.text)
            elif (block := block_from(part)) is not None:
                plain = False
                blocks.append(block)
        content = "".join(texts) if plain else blocks
    entries = record(parts)
    if entries is not None:
        beside[KEY] = entries
    said = {"additional_kwargs": beside, "tool_calls": calls, "invalid_tool_calls": invalid}
    metadata = _metadata(response)
    message = AIMessage(
        content=content,
        response_metadata=metadata,
        usage_metadata=_usage(response.usage),
        # pydantic checks what it is given, also where there is nothing in it
        **{name: value for name, value in said.items() if value},
    )
    output = {name: metadata[name] for name in _OUTPUT if name in metadata}
    return ChatResult(generations=[ChatGeneration(message=message)], llm_output=output)


_OUTPUT: Final = ("token_usage", "model_name")


def combined(outputs: Iterable[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Make the ``llm_output`` of several answers of theirs; a cached answer has none."""
    total: dict[str, Any] = {}
    whole: dict[str, Any] = {}
    for output in outputs:
        if output:
            _sum_up(total, output.get("token_usage", {}))
            whole |= output
    return whole | {"token_usage": total} if total else whole


def _sum_up(total: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, tokens in more.items():
        if isinstance(tokens, int):
            total[name] = total.get(name, 0) + tokens
        else:
            _sum_up(total.setdefault(name, {}), tokens)


def _call(part: ToolCallPart, calls: list[ToolCall], invalid: list[InvalidToolCall]) -> None:
    arguments = arguments_from(part)
    if arguments is not None:
        calls.append({"name": part.name, "args": arguments, "id": part.id, "type": "tool_call"})
        return
    invalid.append(
        {
            "name": part.name,
            "args": part.arguments,
            "id": part.id,
            "error": _JSON_FAULT,
            "type": "invalid_tool_call",
        }
    )


def to_chunks(chunk: Chunk, form: Form) -> list[ChatGenerationChunk]:
    """Make what ``_stream`` yields of a chunk; nothing where a reader would miss nothing.

    The metadata go on one chunk of their own, the last, since LangChain adds up what several say.
    """
    chunks: list[ChatGenerationChunk] = []
    if chunk.deltas:
        deltas = _joined(chunk.deltas) if len(chunk.deltas) > 1 else chunk.deltas
        message = _as_text(deltas) if form == "text" else _as_blocks(deltas)
        chunks.append(ChatGenerationChunk(message=message))
    response = chunk.response
    if response is not None:
        entries = record(response.message.parts)
        metadata = _metadata(response)
        last = AIMessageChunk(
            content="" if form == "text" else [],
            additional_kwargs={} if entries is None else {KEY: entries},
            response_metadata=metadata if form == "text" else metadata | _BLOCKS,
            usage_metadata=_usage(response.usage),
            chunk_position="last",
        )
        chunks.append(ChatGenerationChunk(message=last))
    return chunks


def _joined(deltas: tuple[Delta, ...]) -> tuple[Delta, ...]:
    """Join what one chunk says of the same part: LangChain adds up across messages only."""
    joined: dict[int, Delta] = {}
    for delta in deltas:
        before = joined.get(delta.index)
        joined[delta.index] = delta if before is None else _join(before, delta)
    return tuple(joined.values())


def _join(first: Delta, then: Delta) -> Delta:
    if isinstance(first, RefusalDelta) and isinstance(then, RefusalDelta):
        return RefusalDelta(first.text + then.text, first.index)
    if isinstance(first, PartDelta | RefusalDelta) or isinstance(then, PartDelta | RefusalDelta):
        return then
    marks = {name: getattr(then, name) or getattr(first, name) for name in _MARKS}
    if isinstance(first, ToolCallDelta) and isinstance(then, ToolCallDelta):
        arguments = first.arguments + then.arguments
        return ToolCallDelta(
            first.index, then.id or first.id, then.name or first.name, arguments, **marks
        )
    if isinstance(first, TextDelta) and isinstance(then, TextDelta):
        cited = first.citations + then.citations
        return TextDelta(first.text + then.text, first.index, cited, **marks)
    if isinstance(first, ReasoningDelta) and isinstance(then, ReasoningDelta):
        redacted = first.redacted or then.redacted
        return ReasoningDelta(first.text + then.text, first.index, redacted=redacted, **marks)
    return then


_MARKS: Final = ("signature", "item_id", "issuer")


def _as_text(deltas: tuple[Delta, ...]) -> AIMessageChunk:
    if len(deltas) == 1 and type(deltas[0]) is TextDelta:
        return AIMessageChunk(content=deltas[0].text)
    text = ""
    blocks: list[str | dict[Any, Any]] = []
    beside: dict[str, Any] = {}
    calls: list[dict[str, Any]] = []
    for delta in deltas:
        if isinstance(delta, TextDelta):
            text += delta.text
        elif isinstance(delta, ToolCallDelta):
            calls.append(_call_chunk(delta))
        elif isinstance(delta, ReasoningDelta):
            if delta.text:
                _add(beside, "reasoning_content", delta.text)
        elif isinstance(delta, RefusalDelta):
            _add(beside, "refusal", delta.text)
        elif (block := block_from(delta.part)) is not None:
            blocks.append(block)
    return AIMessageChunk(
        content=[text, *blocks] if text and blocks else blocks or text,
        additional_kwargs=beside,
        tool_call_chunks=calls,
    )


def _as_blocks(deltas: tuple[Delta, ...]) -> AIMessageChunk:
    blocks: list[str | dict[Any, Any]] = []
    beside: dict[str, Any] = {}
    calls: list[dict[str, Any]] = []
    for delta in deltas:
        block: dict[Any, Any] | None
        if isinstance(delta, TextDelta):
            block = block_from(
                TextPart(delta.text, delta.citations, delta.signature, delta.item_id, delta.issuer)
            )
        elif isinstance(delta, ToolCallDelta):
            calls.append(_call_chunk(delta))
            block = marked(_call_chunk(delta), delta)
        elif isinstance(delta, ReasoningDelta):
            if delta.text:
                _add(beside, "reasoning_content", delta.text)
            block = block_from(
                ReasoningPart(
                    delta.text, delta.issuer, delta.signature, delta.redacted, delta.item_id
                )
            )
        elif isinstance(delta, RefusalDelta):
            _add(beside, "refusal", delta.text)
            block = block_from(RefusalPart(delta.text))
        else:
            block = block_from(delta.part)
        if block is not None:
            blocks.append({**block, "index": delta.index})
    return AIMessageChunk(
        content=blocks,
        additional_kwargs=beside,
        tool_call_chunks=calls,
        response_metadata=_BLOCKS,
    )


def _call_chunk(delta: ToolCallDelta) -> dict[str, Any]:
    return {
        "name": delta.name,
        "args": delta.arguments,
        "id": delta.id,
        "index": delta.index,
        "type": "tool_call_chunk",
    }


def _add(beside: dict[str, Any], key: str, text: str) -> None:
    beside[key] = beside.get(key, "") + text


def _is_told(usage: Usage) -> bool:
    return usage.reported or bool(usage.input_tokens or usage.output_tokens)


def _usage(usage: Usage) -> UsageMetadata | None:
    if not _is_told(usage):
        return None
    total = usage.input_tokens + usage.output_tokens
    metadata = UsageMetadata(
        input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, total_tokens=total
    )
    read = InputTokenDetails()
    if usage.cache_read_tokens:
        read["cache_read"] = usage.cache_read_tokens
    if usage.cache_write_tokens:
        read["cache_creation"] = usage.cache_write_tokens
    if usage.audio_input_tokens:
        read["audio"] = usage.audio_input_tokens
    if read:
        metadata["input_token_details"] = read
    written = OutputTokenDetails()
    if usage.reasoning_tokens:
        written["reasoning"] = usage.reasoning_tokens
    if usage.audio_output_tokens:
        written["audio"] = usage.audio_output_tokens
    if written:
        metadata["output_token_details"] = written
    return metadata


def _token_usage(usage: Usage) -> dict[str, Any]:
    """Write the tokens by OpenAI's names, for callbacks that look for these."""
    written: dict[str, Any] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if usage.cache_read_tokens:
        written["prompt_tokens_details"] = {"cached_tokens": usage.cache_read_tokens}
    if usage.reasoning_tokens:
        written["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return written


def _metadata(response: Response) -> dict[str, Any]:
    """Make ``response_metadata``; of a stream it goes on the last chunk only, as merging adds."""
    metadata: dict[str, Any] = {
        **response.extra,
        "model_name": response.model,
        "model_provider": PROVIDER,
        "finish_reason": response.finish_reason,
        "id": response.id,
        "llmrouter": account_of(response),
    }
    if _is_told(response.usage):
        metadata["token_usage"] = _token_usage(response.usage)
    if response.logprobs is not None:
        metadata["logprobs"] = response.logprobs
    return metadata
