"""What each provider of OpenAI-style chat completions takes, as differences from one form.

A :class:`Dialect` is the form; ``_DIALECTS`` has one row for each provider that differs from it,
``_MODELS`` one for each family of models that differs from its provider's row. Where a source is
not the provider's own API reference (read in November 2026) it stands beside the row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from llmrouter_integrations.messages import EMPTY_MAP
from llmrouter_integrations.wire.effort import EFFORTS
from llmrouter_integrations.wire.history import Reader, tool_ids
from llmrouter_integrations.wire.registry import provider
from llmrouter_integrations.wire.tool_names import ToolNames

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Dialect", "dialect_of"]

NONE: Final[frozenset[str]] = frozenset()
_NOBODY: Final = Reader("")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one provider's (or one model's) chat completions differ from OpenAI's.

    Attributes:
        issuer: Who can read back reasoning and signatures in its answers.
        key_header: Where the key goes.
        max_tokens: What it calls the limit on the answer.
        drops: Fields of a request that it does not take.
        reasoning_drops: Fields that it does not take while the model reasons.
        renames: Fields of a request to its own names for them.
        max_temperature: The highest it takes; hotter is cut to it.
        max_stops: Most stop sequences it takes.
        count_logprobs: Whether ``logprobs`` is the number of alternatives rather than a flag.
        stream_usage: Whether ``stream_options.include_usage`` is understood; where it is not,
            usage comes unasked.
        developer: Whether the developer role is known; else its turns are system turns.
        names: Whether messages may bear a name.
        text_parts: Whether several text parts in one message are taken; else they are joined.
        system_first: Whether instructions must all stand before the conversation, and not by
            themselves.
        alternate: Whether user and assistant must then take turns, the user first and last.
        bridges_results: Whether an answer must stand between tools' results and the user's turn.
        prefill: A field that tells an assistant's turn at the end to be continued.
        media: Of "image", "audio", "file", "video": what a user's message may hold.
        tool_id: Spells a tool-call id as it demands.
        tool_names: The names of tools that it takes, where it is known to refuse others.
        native_tools: Whether tools of its own may stand among the functions.
        strict: Whether ``strict`` may be set on tools and schemas.
        required: Its word for "some tool must be called".
        forced_call: Whether a tool call can be forced; "unless_reasoning": not while it reasons.
        output: The strongest promise of form: held to a schema, JSON at least, or asked in words.
        json_object: Whether JSON without a schema can be promised.
        output_with_tools: Whether that goes together with tools.
        efforts: Reasoning efforts it takes, of a model of which no more is known.
        default_effort: The effort at which it works when none is said, where that is known.
        effort_form: How effort is told: ``reasoning_effort``, OpenRouter's ``reasoning``,
            ``thinking`` (DeepSeek's switch beside the effort), ``enabled`` (Together's switch).
        effort_with_tools: Whether it may reason when tools are on offer.
        reasoning_back: How an assistant's reasoning is given back, if it is.
        reasoning_demanded: Whether a turn with tool calls must have reasoning, if only empty.
        cache_control: Whether Anthropic's cache marks on parts are understood.
        think_tags: Whether some of its models put their reasoning in ``<think>`` tags before the
            text.
        sends: Fields that are always sent.
        reader: The same, as far as it concerns the history.
    """

    issuer: str = ""
    key_header: Literal["authorization", "api-key"] = "authorization"
    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    drops: frozenset[str] = NONE
    reasoning_drops: frozenset[str] = NONE
    renames: Mapping[str, str] = EMPTY_MAP
    max_temperature: float | None = None
    max_stops: int | None = None
    count_logprobs: bool = False
    stream_usage: bool = True
    developer: bool = False
    names: bool = True
    text_parts: bool = True
    system_first: bool = False
    alternate: bool = False
    bridges_results: bool = False
    prefill: str | None = None
    media: frozenset[str] = frozenset({"image", "audio", "file", "video"})
    tool_id: Callable[[str], str] | None = None
    tool_names: ToolNames | None = None
    native_tools: bool = True
    strict: bool = True
    required: Literal["required", "any"] = "required"
    forced_call: Literal["yes", "unless_reasoning"] = "yes"
    output: Literal["json_schema", "json_object", "words"] = "json_schema"
    json_object: bool = True
    output_with_tools: bool = True
    efforts: tuple[str, ...] = EFFORTS
    default_effort: str | None = None
    effort_form: Literal["reasoning_effort", "reasoning", "thinking", "enabled"] = (
        "reasoning_effort"
    )
    effort_with_tools: bool = True
    reasoning_back: (
        Literal["reasoning_content", "reasoning", "reasoning_details", "thinking"] | None
    ) = None
    reasoning_demanded: bool = False
    cache_control: bool = False
    think_tags: bool = True
    sends: Mapping[str, Any] = EMPTY_MAP
    reader: Reader = _NOBODY


def _words(*names: str) -> frozenset[str]:
    return frozenset(" ".join(names).split())


# what an API that serves no accounts of its own has no use for
_HOUSEKEEPING: Final = "user service_tier prompt_cache_key"
_PENALTIES: Final = "presence_penalty frequency_penalty"
_LOGPROBS: Final = "logprobs top_logprobs"


_GENERIC: Final = Dialect(reasoning_back="reasoning_content")
"""Any server that calls itself OpenAI-compatible: takes what it does not know, and ignores it."""

_TOOL_NAMES: Final = ToolNames(r"[a-zA-Z0-9_-]{1,64}")
_SAMPLING: Final = _words("temperature top_p", _PENALTIES, _LOGPROBS)
_OPENAI: Final = Dialect(
    max_tokens="max_completion_tokens",
    drops=_words("top_k"),
    max_stops=4,
    developer=True,
    media=frozenset(["image", "audio", "file"]),
    # "string too long. Expected a string with maximum length 40" (newer models: 64)
    tool_id=tool_ids(r"(?s:.{1,40})", prefix="call_"),
    tool_names=_TOOL_NAMES,
    native_tools=False,
    efforts=(),
    think_tags=False,
)
_AZURE: Final = replace(
    _OPENAI, key_header="api-key", drops=_words("top_k service_tier prompt_cache_key")
)

_DIALECTS: Final[dict[str, Dialect]] = {
    "openai": _OPENAI,
    "azure": _AZURE,
    # https://learn.microsoft.com/rest/api/microsoftfoundry/model-inference/get-chat-completions
    "azure-models": Dialect(
        key_header="api-key",
        drops=_words("top_k parallel_tool_calls", _LOGPROBS, _HOUSEKEEPING),
        stream_usage=False,
        media=frozenset(["image", "audio"]),
        native_tools=False,
        strict=False,
        output="json_object",
        efforts=(),
    ),
    # answers 422 (extra_forbidden) to a field it does not know, stream_options among them, and 400
    # (code 3230, "Unexpected role") to instructions behind an answer and to a user behind a tool
    "mistral": Dialect(
        drops=_words("top_k", _LOGPROBS, _HOUSEKEEPING),
        renames={"seed": "random_seed"},
        max_temperature=1.5,
        stream_usage=False,
        names=False,
        system_first=True,
        bridges_results=True,
        prefill="prefix",
        media=frozenset(["image", "audio", "file"]),
        tool_id=tool_ids(r"[a-zA-Z0-9]{9}", length=9),
        tool_names=_TOOL_NAMES,
        required="any",
        efforts=(),
        reasoning_back="thinking",
        think_tags=False,
    ),
    # https://console.groq.com/docs/openai, "Currently Unsupported OpenAI Features"
    "groq": Dialect(
        max_tokens="max_completion_tokens",
        drops=_words("top_k prompt_cache_key", _LOGPROBS, _PENALTIES),
        max_stops=4,
        names=False,
        media=frozenset(["image"]),
        strict=False,
        output="json_object",
        output_with_tools=False,
        efforts=(),
    ),
    "deepseek": Dialect(
        drops=_words("top_k seed parallel_tool_calls", _HOUSEKEEPING),
        max_stops=16,
        text_parts=False,
        media=NONE,
        tool_names=_TOOL_NAMES,
        strict=False,
        output="json_object",
        efforts=(),
        reasoning_back="reasoning_content",
        think_tags=False,
    ),
    "xai": Dialect(
        max_tokens="max_completion_tokens",
        drops=_words("top_k service_tier prompt_cache_key"),
        media=frozenset(["image"]),
        efforts=(),
        think_tags=False,
    ),
    "together": Dialect(
        drops=_words("parallel_tool_calls", _HOUSEKEEPING),
        count_logprobs=True,
        media=frozenset(["image", "video"]),
        strict=False,
        efforts=(),
        effort_form="enabled",
        reasoning_back="reasoning_content",
    ),
    "fireworks": Dialect(
        drops=_words("service_tier"),
        media=frozenset(["image"]),
        efforts=("none", "low", "medium", "high"),
        reasoning_back="reasoning_content",
    ),
    # https://inference-docs.cerebras.ai/resources/openai: these fields are answered with 400
    "cerebras": Dialect(
        max_tokens="max_completion_tokens",
        drops=_words("top_k service_tier prompt_cache_key parallel_tool_calls", _PENALTIES),
        max_temperature=1.5,
        max_stops=4,
        text_parts=False,
        media=NONE,
        efforts=(),
    ),
    # 400: "After the (optional) system message(s), user and assistant roles should be alternating."
    "perplexity": Dialect(
        drops=_words("seed tools parallel_tool_calls", _LOGPROBS, _HOUSEKEEPING),
        stream_usage=False,
        names=False,
        text_parts=False,
        system_first=True,
        alternate=True,
        media=frozenset(["image"]),
        strict=False,
        json_object=False,
        efforts=(),
    ),
    "openrouter": Dialect(
        developer=True,
        efforts=("none", "minimal", "low", "medium", "high", "xhigh"),
        effort_form="reasoning",
        reasoning_back="reasoning_details",
        cache_control=True,
        think_tags=False,
    ),
    # https://docs.ollama.com/api/openai-compatibility
    "ollama": Dialect(
        drops=_words("top_k parallel_tool_calls", _HOUSEKEEPING),
        text_parts=False,
        media=frozenset(["image"]),
        strict=False,
        efforts=(),
        reasoning_back="reasoning",
    ),
    # answers 400 ("Unknown name") to a field it does not know:
    # https://discuss.ai.google.dev/t/openai-compatibility-not-fully-implemented/95991
    "google": Dialect(
        drops=_words("top_k seed parallel_tool_calls", _LOGPROBS, _HOUSEKEEPING, _PENALTIES),
        media=frozenset(["image", "audio"]),
        strict=False,
        efforts=("low", "medium", "high"),
        think_tags=False,
    ),
    "snowflake": replace(_GENERIC, max_tokens="max_completion_tokens"),
}

_LOW_TO_HIGH: Final = ("low", "medium", "high")
_OPENAI_REASONS: Final = {
    "drops": _words("stop"),
    "reasoning_drops": _SAMPLING,
    "efforts": _LOW_TO_HIGH,
}
_OPENAI_NEWER: Final = {
    **_OPENAI_REASONS,
    "efforts": ("none", "low", "medium", "high", "xhigh"),
    # functions are taken only where nothing is reasoned, which from 5.5 on must be said:
    # https://github.com/openai/openai-openapi/issues/541
    "effort_with_tools": False,
}
_DEEPSEEK_REASONS: Final = {
    # while it reasons it takes neither a forced tool call nor log probabilities:
    # https://github.com/deepseek-ai/DeepSeek-V3/issues/1376
    "forced_call": "unless_reasoning",
    "reasoning_drops": _words(_LOGPROBS),
    "reasoning_demanded": True,
}
_XAI_REASONS: Final = {"reasoning_drops": _words("stop", _PENALTIES)}

_MODELS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("openai", r"gpt-\d[\d.]*-chat|chatgpt", {}),
    ("openai", r"gpt-(3\.5|35)|gpt-4-(turbo|1106|0125)|4o-2024-05", {"output": "json_object"}),
    ("openai", r"gpt-4(-0613|-0314|-32k)?$", {"output": "words"}),
    ("openai", r"\bo\d", {**_OPENAI_REASONS, "drops": _words("stop parallel_tool_calls")}),
    ("openai", r"gpt-5(?!\.?\d)", {**_OPENAI_REASONS, "efforts": ("minimal", *_LOW_TO_HIGH)}),
    (
        "openai",
        r"gpt-5\.1(?!\d)",
        {**_OPENAI_REASONS, "efforts": ("none", *_LOW_TO_HIGH), "default_effort": "none"},
    ),
    ("openai", r"gpt-5\.[2-4](?!\d)", {**_OPENAI_NEWER, "default_effort": "none"}),
    ("openai", r"gpt-(5\.\d|[6-9]|\d\d)", _OPENAI_NEWER),
    ("mistral", r"mistral-(small|medium)", {"efforts": ("none", "high")}),
    # handed on to Mistral, whose order of turns holds: https://github.com/zed-industries/zed/issues/37021
    ("openrouter", r"^mistralai/", {"system_first": True, "bridges_results": True}),
    (
        "groq",
        r"gpt-oss-(20|120)b",
        {"efforts": _LOW_TO_HIGH, "output": "json_schema", "strict": True},
    ),
    ("groq", r"llama-4|kimi-k2", {"output": "json_schema"}),
    ("groq", r"qwen", {"efforts": ("none",), "sends": {"reasoning_format": "parsed"}}),
    (
        "deepseek",
        r"deepseek-v\d",
        {**_DEEPSEEK_REASONS, "efforts": ("none", "high", "max"), "effort_form": "thinking"},
    ),
    ("deepseek", r"reasoner", _DEEPSEEK_REASONS),
    ("xai", r"non-reasoning", {}),
    ("xai", r"grok-3-mini", {**_XAI_REASONS, "efforts": ("low", "high")}),
    ("xai", r"grok-4\.3", {**_XAI_REASONS, "efforts": ("none", *_LOW_TO_HIGH)}),
    ("xai", r"grok-(4|code)", _XAI_REASONS),
    ("together", r"gpt-oss", {"efforts": _LOW_TO_HIGH}),
    ("together", r"(?i)deepseek-v4", {"efforts": ("none", "high", "max")}),
    ("cerebras", r"gpt-oss", {"efforts": _LOW_TO_HIGH}),
    ("cerebras", r"glm", {"efforts": ("none",)}),
    ("perplexity", r"reasoning|deep-research", {"efforts": ("minimal", *_LOW_TO_HIGH)}),
    ("ollama", r"gpt-oss", {"efforts": _LOW_TO_HIGH}),
    ("ollama", r"qwen3|deepseek|glm|kimi|minimax|think", {"efforts": ("none", *_LOW_TO_HIGH)}),
)
"""Provider (Azure serves OpenAI's), what to search for in the model's name, and what then differs.

The first line that fits is the one that counts.
"""


@lru_cache(maxsize=4096)
def dialect_of(provider_id: str, model: str, form: str = "") -> Dialect:
    """Give what a model takes at a provider.

    Args:
        provider_id: A provider's id, or any other name for a server that is only compatible.
        model: The model's name in the provider's spelling.
        form: A second form that the provider speaks ("models", at Azure).
    """
    known = provider(provider_id)
    name = known.id if known else provider_id
    dialect = _DIALECTS.get(f"{name}-{form}" if form else name, _GENERIC)
    issuer = known.issuer if known else name
    tool_names = dialect.tool_names
    reader = Reader(
        issuer,
        dialect.tool_id,
        tool_names.respell if tool_names else None,
        names=dialect.names,
        cache_points=dialect.cache_control,
        reasoning=dialect.reasoning_back is not None,
        answer_blocks=False,
    )
    dialect = replace(dialect, issuer=issuer, reader=reader)
    family = "openai" if name == "azure" else name
    for of, pattern, changes in _MODELS:
        if of == family and not form and re.search(pattern, model):
            drops = dialect.drops | changes.get("drops", NONE)
            return replace(dialect, **{**changes, "drops": drops})
    return dialect
