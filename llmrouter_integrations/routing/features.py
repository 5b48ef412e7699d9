"""What can be seen in a request before anybody answers it: :func:`read_features`.

Token counts are estimates from characters: four characters of English a token (the rule of thumb
in OpenAI's and Anthropic's documentation), about one of Chinese or Japanese. They are for choosing;
what is billed is what the provider counted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from llmrouter_integrations.hints import TASKS
from llmrouter_integrations.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    NativeTool,
    ReasoningPart,
    RefusalPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
    asked_from,
)
from llmrouter_integrations.routing.decision import Features, TaskOdds
from llmrouter_integrations.routing.task import (
    TaskTold,
    difficulty_of,
    said_in,
    task_from_words,
    task_probabilities,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.hints import RoutingHints
    from llmrouter_integrations.messages import Part, Request

__all__ = ["TYPICAL_OUTPUT_TOKENS", "estimate_tokens", "read_features", "read_tasks"]

IMAGE_TOKENS = 1000
"""A full-size image: OpenAI and Anthropic bill 700 to 1,600 tokens for one of a megapixel."""
FILE_TOKENS_PER_BYTE = 0.02
"""A PDF: about 1,500-3,000 tokens a page (Anthropic's documentation) of 100 kB."""
AUDIO_TOKENS_PER_BYTE = 0.001
"""Sound: 32 tokens a second (Gemini's documentation) of 256 kbit/s."""
MESSAGE_TOKENS = 4
"""The framing of one message, as OpenAI's cookbook counts it."""
TYPICAL_SCHEMA = 300
"""Characters of a tool's schema with two or three parameters."""
LONG_CONTEXT_TOKENS = 32_000
"""A prompt longer than this is a long-context task, whatever else it is."""

_TEXT_FORMS = re.compile(
    r"(.+\+)?(json|xml|yaml)|(x-)?(ndjson|yaml|toml|javascript|typescript|python|sh|sql|csv)"
)
"""Of ``application/...``, what is plain text."""

TYPICAL_OUTPUT_TOKENS = {
    "code": 700,
    "math": 500,
    "reasoning": 500,
    "extraction": 150,
    "summarization": 250,
    "qa": 150,
    "translation": 0,  # as long as the prompt
    "creative": 800,
    "chat": 250,
    "classification": 10,
    "tool_use": 120,
    "vision": 250,
    "long_context": 400,
}
"""Visible answer length by task, in tokens, for expected cost. Rough by nature: the caller's own
``max_tokens`` bounds it."""


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text."""
    if text.isascii():
        return len(text) // 4 + 1
    # 1 for an accented letter, 2 for CJK; half a character is for the codec to refuse
    beyond_ascii = len(text.encode(errors="surrogatepass")) - len(text)
    return len(text) // 4 + beyond_ascii * 2 // 5 + 1


def _measure(parts: tuple[Part, ...], needs: set[str]) -> int:
    tokens = 0
    for part in parts:
        kind = type(part)
        if isinstance(part, TextPart | ReasoningPart | RefusalPart):
            tokens += estimate_tokens(part.text)
        elif isinstance(part, ToolCallPart):
            tokens += estimate_tokens(part.arguments) + MESSAGE_TOKENS
        elif isinstance(part, ToolResultPart):
            tokens += _measure(part.content, needs) + MESSAGE_TOKENS
        elif kind is ImagePart:
            needs.add("image")
            tokens += IMAGE_TOKENS
        elif isinstance(part, AudioPart):
            needs.add("audio")
            tokens += int(len(part.data or "") * 0.75 * AUDIO_TOKENS_PER_BYTE)
        elif isinstance(part, FilePart):
            if part.text is not None:
                tokens += estimate_tokens(part.text)
            else:
                tokens += _measure_file(part, needs)
    return tokens


def _written(schema: Mapping[str, Any]) -> int:
    """Give the characters of a schema; of one that cannot be written, a guess."""
    try:
        return len(orjson.dumps(schema))
    except orjson.JSONEncodeError:  # the codec says so, where it cannot write it either
        return TYPICAL_SCHEMA


def _measure_file(part: FilePart, needs: set[str]) -> int:
    size = len(part.data or "") * 0.75
    kind, _, form = (part.media_type or "").partition("/")
    if part.data is not None and (kind == "text" or _TEXT_FORMS.fullmatch(form)):
        return int(size / 4)  # is written into the prompt
    if kind == "image":
        needs.add("image")
        return IMAGE_TOKENS
    # whoever takes PDFs takes documents: office files, and what nobody says the form of
    needs.add(kind if kind in ("audio", "video") else "pdf")
    return int(size * (AUDIO_TOKENS_PER_BYTE if kind == "audio" else FILE_TOKENS_PER_BYTE))


def read_features(request: Request, hints: RoutingHints) -> Features:
    """Read task, difficulty, needs and size from a request, and the caller's word for them."""
    needs: set[str] = set()
    earlier: set[str] = set()
    tokens = 0
    pending = asked_from(request.messages)
    for place, message in enumerate(request.messages):
        tokens += _measure(message.parts, needs if place >= pending else earlier) + MESSAGE_TOKENS
    native: frozenset[str] = frozenset()
    native_required = False
    if request.tools:
        functions = [t for t in request.tools if isinstance(t, Tool)]
        if request.tool_choice != "none":
            if functions:
                needs.add("tools")
            # what a vendor's own tool needs is its issuer's business, not an ability
            native = frozenset([t.issuer for t in request.tools if isinstance(t, NativeTool)])
            native_required = request.tool_choice == "required" and not functions
        for tool in functions:
            tokens += (len(tool.description) + 7 * _written(tool.parameters) // 8) // 4 + 8
    said = said_in(request.messages)
    told = _task(hints, needs | earlier, tokens) or task_from_words(
        said, structured=request.output is not None
    )
    task = told.task
    (difficulty,) = difficulty_of(said.asked, tokens, task)
    typical: float = TYPICAL_OUTPUT_TOKENS[task] or tokens
    odds: tuple[TaskOdds, ...] = ()
    if told.odds:
        odds, difficulty, typical = _averaged(told.odds, said.asked, tokens)
    limit = request.max_tokens
    return Features(
        task=task,
        task_source=told.source,
        difficulty=difficulty,
        needs=frozenset(needs),
        input_tokens=tokens,
        output_tokens=min(round(typical), limit) if limit else round(typical),
        max_tokens=limit,
        native_tools=native,
        native_required=native_required,
        earlier_needs=frozenset(earlier - needs) if earlier else frozenset(),
        task_probability=told.probability,
        odds=odds,
        effort=request.reasoning_effort,
    )


def read_tasks(request: Request, seen: Features) -> dict[str, float]:
    """Give the probability of every task, the likeliest first.

    Args:
        request: What is asked.
        seen: Its features; where the caller or the form of the request told the task, that is
            certain.
    """
    if seen.task_source in ("hint", "structure"):
        told = {seen.task: 1.0}
    else:
        told = task_probabilities(said_in(request.messages))
    return told | {task: 0.0 for task in TASKS if task not in told}


def _averaged(
    odds: tuple[tuple[str, float], ...], asked: str, tokens: int
) -> tuple[tuple[TaskOdds, ...], float, float]:
    """Give what may be meant, and the difficulty and the output tokens to be expected of it."""
    known = sum([probability for _, probability in odds])
    found = []
    difficulty = typical = 0.0
    levels = difficulty_of(asked, tokens, *[task for task, _ in odds])
    for (task, probability), level in zip(odds, levels, strict=True):
        found.append(TaskOdds(task, probability, level))
        difficulty += probability / known * level
        typical += probability / known * (TYPICAL_OUTPUT_TOKENS[task] or tokens)
    found.append(TaskOdds("overall", 1.0 - known, difficulty))
    return tuple(found), difficulty, typical


def _task(hints: RoutingHints, needs: set[str], tokens: int) -> TaskTold | None:
    """Tell the task where the caller or the structure does."""
    if hints.task is not None:
        return TaskTold(hints.task, "hint")
    if "tools" in needs:
        return TaskTold("tool_use", "structure")
    if "image" in needs or "video" in needs:
        return TaskTold("vision", "structure")
    if tokens > LONG_CONTEXT_TOKENS:
        return TaskTold("long_context", "structure")
    return None
