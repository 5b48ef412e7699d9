"""What each family of models takes on Bedrock's Converse API.

From AWS's user guide (Converse, tool use, prompt caching, structured outputs, Nova 2), botocore's
model of the service (1.44), and what pydantic-ai's profiles say was verified against us-east-1 in
July 2026. Where nothing is known, the least is asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from llmrouter_integrations.wire.claude import ClaudeRules, claude_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BedrockRules", "bedrock_rules"]

Media = Literal["text", "image", "document", "video", "audio"]


@dataclass(frozen=True, slots=True)
class BedrockRules:
    """The terms of one family.

    Attributes:
        claude: The terms of the Claude that it is, if it is one.
        reasoning: In whose form an effort is told; None: it cannot be.
        efforts: The levels of it, where the form is not Claude's.
        top_k: Where top_k stands in ``additionalModelRequestFields``; empty: nowhere.
        forced_tools: Whether ``toolChoice`` may be ``any`` or one tool.
        schema: Whether it is held to a JSON schema, in answers and in strict tools.
        caches: Whether it takes cache points.
        caches_tools: Whether it takes them among the tools, and long-lived ones.
        in_results: Media it reads inside a tool result.
        beside_results: What may share a message with tool results.
        json_results: Whether tool results must be JSON objects.
        result_status: Whether a tool result may say that the tool failed.
    """

    claude: ClaudeRules | None = None
    reasoning: Literal["claude", "nova", "gpt-oss", "qwen"] | None = None
    efforts: tuple[str, ...] = ()
    top_k: tuple[str, ...] = ()
    forced_tools: bool = False
    schema: bool = False
    caches: bool = False
    caches_tools: bool = False
    in_results: frozenset[Media] = frozenset({"image"})
    beside_results: frozenset[Media] = frozenset({"text", "image", "document", "video", "audio"})
    json_results: bool = False
    result_status: bool = True


_ALONE: Final[frozenset[Media]] = frozenset()
_UNKNOWN: Final = BedrockRules()
_CLAUDE: Final = BedrockRules(
    reasoning="claude",
    top_k=("top_k",),
    forced_tools=True,
    caches=True,
    caches_tools=True,
    in_results=frozenset({"image", "document"}),
    beside_results=frozenset({"text", "image"}),
)
_NOVA: Final = BedrockRules(top_k=("inferenceConfig", "topK"), forced_tools=True, caches=True)
_MISTRAL: Final = BedrockRules(
    json_results=True, in_results=frozenset({"document"}), beside_results=_ALONE
)
_OPEN: Final = BedrockRules(forced_tools=True, schema=True)

_FAMILIES: Final[tuple[tuple[str, BedrockRules], ...]] = (
    (
        r"amazon\.nova-2",
        replace(_NOVA, reasoning="nova", efforts=("none", "low", "medium", "high")),
    ),
    (r"amazon\.nova", _NOVA),
    (r"openai\.gpt-oss", BedrockRules(reasoning="gpt-oss", efforts=("low", "medium", "high"))),
    (
        r"qwen\.qwen3",
        BedrockRules(reasoning="qwen", efforts=("low", "high"), schema=True, in_results=_ALONE),
    ),
    (
        r"mistral\.(magistral-small|ministral-3|mistral-large-3|voxtral)",
        replace(_MISTRAL, schema=True),
    ),
    (r"mistral\.", _MISTRAL),
    (
        r"meta\.",
        BedrockRules(in_results=frozenset({"image", "document"}), beside_results=_ALONE),
    ),
    (r"writer\.", BedrockRules(beside_results=_ALONE, result_status=False)),
    (r"zai\.", _OPEN),
    (r"moonshot(ai)?\.", replace(_OPEN, in_results=_ALONE)),
    (r"google\.gemma-3-(12b|27b)", BedrockRules(schema=True)),
    (r"minimax\.minimax-m2", BedrockRules(schema=True)),
    (r"nvidia\.nemotron-nano", BedrockRules(schema=True)),
)
"""By the model id behind its region prefix, or inside its ARN; the first that fits."""

_CLAUDE_WITH_SCHEMA: Final = re.compile(r"claude-(haiku-4-5|sonnet-4-[56]|opus-4-[56])(?!\d)")
"""The Claudes that AWS's page on structured outputs names; others get a forced tool."""


@lru_cache(maxsize=512)
def bedrock_rules(model: str) -> BedrockRules:
    """Give the terms of a model by its id, inference profile or ARN.

    An application inference profile hides its model; its terms are the least.
    """
    name = model.lower()
    if "anthropic." in name or "claude" in name:
        terms = claude_rules(name)
        schema = bool(_CLAUDE_WITH_SCHEMA.search(name))
        return replace(_CLAUDE, claude=terms, schema=schema, forced_tools=terms.forced_tools)
    for pattern, rules in _FAMILIES:
        if re.search(rf"(?:^|[./]){pattern}", name):
            return rules
    return _UNKNOWN


DOCUMENT_FORMATS: Final[Mapping[str, str]] = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
IMAGE_FORMATS: Final[Mapping[str, str]] = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
VIDEO_FORMATS: Final[Mapping[str, str]] = {
    "video/x-matroska": "mkv",
    "video/quicktime": "mov",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
}
AUDIO_FORMATS: Final[Mapping[str, str]] = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/opus": "opus",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/mp4": "m4a",
    "audio/webm": "webm",
}
