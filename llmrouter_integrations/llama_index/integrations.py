"""What is known of LlamaIndex's integrations: a row for each class, found by its name.

None of them is imported to ask. What no row says of a class is as LlamaIndex's own interface
has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from llmrouter_integrations.messages import EMPTY_MAP
from llmrouter_integrations.wire import anthropic, bedrock, openai_responses
from llmrouter_integrations.wire.dialects import dialect_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llama_index.core.llms import LLM

    from llmrouter_integrations.messages import OutputFormat

__all__ = ["Integration", "integration_of"]


@dataclass(frozen=True, slots=True)
class Integration:
    """How the LLMs of one class want to be asked.

    Attributes:
        settings: A parameter, and the name by which it is taken where there is no field for it.
        settings_kwarg: The call kwarg that holds these settings; None: each is a call kwarg.
        settings_field: The field that holds them; None: a call does.
        reads_fields: Whether fields are read at each call, or only when the LLM is made.
        blocks: The blocks it takes; None: not known, so it is given what there is.
        tool_id: Spells a tool-call id as the vendor demands it.
        signs_blocks: Whether it takes Gemini's signatures in the messages' ``additional_kwargs``.
        takes_spelling: Whether it takes a call's arguments as text, too.
        form: Writes the call kwargs that hold an answer to a form.
        form_beside_tools: Whether it can be held to one while tools are on offer.
        thinking: The field that has it think by a budget.
        is_openai: Whether its call kwargs are the fields of OpenAI's chat completions.
        takes_timeout: Whether ``timeout``, in seconds, is a call kwarg.
        tells_reasons: Whether it says of every answer why it ended. Others are found to when they
            first do.
    """

    settings: Mapping[str, str] = EMPTY_MAP
    settings_kwarg: str | None = None
    settings_field: str | None = None
    reads_fields: bool = True
    blocks: tuple[type, ...] | None = None
    tool_id: Callable[[str], str] | None = None
    signs_blocks: bool = False
    takes_spelling: bool = False
    form: Callable[[OutputFormat], dict[str, Any]] | None = None
    form_beside_tools: bool = False
    thinking: str | None = None
    is_openai: bool = False
    takes_timeout: bool = False
    tells_reasons: bool = False


def integration_of(llm: LLM) -> Integration:
    """Give the row of an LLM's class, or of the nearest class it is made from."""
    names = [kind.__name__ for kind in type(llm).__mro__]
    return next((_INTEGRATIONS[name] for name in names if name in _INTEGRATIONS), _UNKNOWN)


def _json_schema(output: OutputFormat) -> dict[str, Any]:
    form = {
        "name": output.name,
        "schema": dict(output.schema),
        "description": output.description or None,
        "strict": output.strict,
    }
    return {name: value for name, value in form.items() if value is not None}


def _openai_form(output: OutputFormat) -> dict[str, Any]:
    if output.kind == "json_object":
        return {"response_format": {"type": "json_object"}}
    return {"response_format": {"type": "json_schema", "json_schema": _json_schema(output)}}


def _responses_form(output: OutputFormat) -> dict[str, Any]:
    if output.kind == "json_object":
        return {"text": {"format": {"type": "json_object"}}}
    return {"text": {"format": {"type": "json_schema", **_json_schema(output)}}}


def _gemini_form(output: OutputFormat) -> dict[str, Any]:
    form: dict[str, Any] = {"response_mime_type": "application/json"}
    if output.kind == "json_schema":
        form["response_json_schema"] = dict(output.schema)
    return {"generation_config": form}


def _ollama_form(output: OutputFormat) -> dict[str, Any]:
    return {"format": "json" if output.kind == "json_object" else dict(output.schema)}


_SPOKEN: Final = (TextBlock, ThinkingBlock, ToolCallBlock)

_UNKNOWN: Final = Integration()
_INTEGRATIONS: Final[Mapping[str, Integration]] = {
    # as of llama-index-llms-openai 0.8, -anthropic 0.12, -google-genai, -ollama, -mistralai 0.11
    "OpenAI": Integration(
        settings={
            name: name
            for name in (
                "top_p",
                "seed",
                "stop",
                "frequency_penalty",
                "presence_penalty",
                "logprobs",
                "top_logprobs",
                "reasoning_effort",
                "service_tier",
                "user",
                "prompt_cache_key",
            )
        },
        blocks=(*_SPOKEN, ImageBlock, AudioBlock, DocumentBlock),
        takes_spelling=True,
        form=_openai_form,
        form_beside_tools=True,
        is_openai=True,
        takes_timeout=True,
        tells_reasons=True,
    ),
    "OpenAIResponses": Integration(
        settings={
            name: name for name in ("top_logprobs", "service_tier", "user", "prompt_cache_key")
        },
        blocks=(*_SPOKEN, ImageBlock, DocumentBlock),
        tool_id=openai_responses.TOOL_ID,
        takes_spelling=True,
        form=_responses_form,
        form_beside_tools=True,
        takes_timeout=True,
        tells_reasons=True,
    ),
    "Anthropic": Integration(
        settings={"top_p": "top_p", "top_k": "top_k", "stop": "stop_sequences"},
        blocks=(*_SPOKEN, ImageBlock, DocumentBlock, CitableBlock, CitationBlock, CachePoint),
        tool_id=anthropic.TOOL_ID,
        thinking="thinking_dict",
        takes_timeout=True,
        tells_reasons=True,
    ),
    "GoogleGenAI": Integration(
        settings={
            "temperature": "temperature",
            "max_tokens": "max_output_tokens",
            "top_p": "top_p",
            "top_k": "top_k",
            "stop": "stop_sequences",
            "seed": "seed",
        },
        settings_kwarg="generation_config",
        reads_fields=False,
        blocks=(*_SPOKEN, ImageBlock, DocumentBlock, VideoBlock),
        signs_blocks=True,
        form=_gemini_form,
        tells_reasons=True,
    ),
    "BedrockConverse": Integration(
        settings={"top_p": "topP", "stop": "stopSequences"},
        settings_kwarg="inferenceConfig",
        blocks=(*_SPOKEN, ImageBlock, DocumentBlock, CachePoint),
        tool_id=bedrock.TOOL_ID,
        thinking="thinking",
        tells_reasons=True,
    ),
    "MistralAI": Integration(
        settings={
            name: name for name in ("top_p", "stop", "frequency_penalty", "presence_penalty")
        },
        blocks=(*_SPOKEN, ImageBlock),
        tool_id=dialect_of("mistral", "").tool_id,
        tells_reasons=True,
    ),
    "Ollama": Integration(
        settings={
            "max_tokens": "num_predict",
            "top_p": "top_p",
            "top_k": "top_k",
            "stop": "stop",
            "seed": "seed",
            "frequency_penalty": "frequency_penalty",
            "presence_penalty": "presence_penalty",
        },
        settings_field="additional_kwargs",
        blocks=(*_SPOKEN, ImageBlock),
        form=_ollama_form,
    ),
}
