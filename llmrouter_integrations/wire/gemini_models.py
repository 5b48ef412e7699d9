"""What each generation of Gemini takes, on Google's own API and on Vertex alike.

From Google's pages on thinking, function calling, structured output and its migration guides for
Gemini 3 to 4, read in November 2026. The first rule that fits a model's name holds, so that a
model newer than this table is spoken to like the newest one known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from llmrouter_integrations.messages import Adjustment
from llmrouter_integrations.wire.claude import ANSWER_SHARE
from llmrouter_integrations.wire.effort import nearest_effort

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["GeminiRules", "gemini_rules", "thinking_config"]


@dataclass(frozen=True, slots=True)
class GeminiRules:
    """The terms of one generation.

    Attributes:
        thinking: How thinking is asked for: not at all, by a budget of tokens, or by level.
        levels: The levels of ``thinkingLevel``.
        budget: Least and most tokens of ``thinkingBudget``.
        off: Whether thinking can be switched off, by a budget of none.
        sampling: Whether temperature, topP and topK have an effect.
        penalties: Whether presence and frequency penalties are taken.
        logprobs: Whether log probabilities are given on Google's own API; Vertex gives them.
        combines: Whether functions may stand beside a JSON answer and Google's own tools.
        media_results: Whether a function's result may hold images and files.
        signs: Whether every function call must come back with a thought signature.
        prefill: Whether the answer may be begun for it by a last model turn.
    """

    thinking: Literal["none", "budget", "level"] = "level"
    levels: tuple[str, ...] = ("low", "medium", "high")
    budget: tuple[int, int] = (0, 24_576)
    off: bool = False
    sampling: bool = False
    penalties: bool = False
    logprobs: bool = False
    combines: bool = True
    media_results: bool = True
    signs: bool = True
    prefill: bool = False


_NEWEST = GeminiRules()
_LEVELS = ("minimal", "low", "medium", "high")
_SINCE_36 = replace(_NEWEST, levels=_LEVELS)
_GEMINI_3 = replace(_SINCE_36, sampling=True, prefill=True)
_GEMINI_25 = GeminiRules(
    thinking="budget",
    levels=(),
    off=True,
    sampling=True,
    combines=False,
    media_results=False,
    signs=False,
    prefill=True,
)
_OLD = replace(_GEMINI_25, thinking="none")

_RULES: Final[tuple[tuple[tuple[int, int], str, GeminiRules], ...]] = (
    # (since this version, with this in the name, the rules)
    ((3, 7), "", _NEWEST),
    ((3, 6), "", _SINCE_36),
    ((3, 5), "flash-lite", _SINCE_36),
    ((3, 1), "pro", replace(_GEMINI_3, levels=("low", "medium", "high"))),
    ((3, 1), "image", replace(_GEMINI_3, levels=("minimal", "high"))),
    ((3, 0), "image", replace(_GEMINI_3, thinking="none")),
    ((3, 0), "pro", replace(_GEMINI_3, levels=("low", "high"))),
    ((3, 0), "", _GEMINI_3),
    ((2, 5), "image", _OLD),
    ((2, 5), "pro", replace(_GEMINI_25, budget=(128, 32_768), off=False)),
    ((2, 5), "flash-lite", replace(_GEMINI_25, budget=(512, 24_576))),
    ((2, 5), "", _GEMINI_25),
    ((2, 0), "", replace(_OLD, penalties=True, logprobs=True)),
    ((0, 0), "", _OLD),
)
_VERSION = re.compile(r"gemini-(?:(?:pro|flash)-)?(\d+)(?:[.-](\d)(?!\d))?")


@lru_cache(maxsize=512)
def gemini_rules(model: str) -> GeminiRules:
    """Give the terms of a model by its name; what is no Gemini (Gemma, say) has the oldest."""
    name = model.lower()
    if found := _VERSION.search(name):
        version = (int(found[1]), int(found[2] or 0))
    elif "gemini" in name and "latest" in name:
        return _NEWEST
    else:
        version = (0, 0)
    return next(rules for since, piece, rules in _RULES if version >= since and piece in name)


BUDGETS: Final[Mapping[str, int]] = {
    "minimal": 1_024,
    "low": 1_024,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 32_768,
}
"""Thinking tokens for an effort, as Google's OpenAI-compatible API translates it (its page on
OpenAI compatibility, November 2026); the last two are the most that any model takes."""


def thinking_config(
    request: Request, endpoint: Endpoint, rules: GeminiRules, adjustments: list[Adjustment]
) -> dict[str, Any] | None:
    """Write ``reasoning_effort`` as ``thinkingConfig``; None leaves it to the model."""
    effort = request.reasoning_effort
    abilities = endpoint.abilities
    if effort is None:
        return None
    if rules.thinking == "none" or (abilities is not None and abilities.reasoning is False):
        if effort != "none":
            adjustments.append(Adjustment("reasoning_effort", "dropped", "it does not think"))
        return None
    if rules.thinking == "level":
        levels = (abilities and abilities.reasoning_efforts) or rules.levels
        level = nearest_effort(effort, levels)
        if level != effort:
            adjustments.append(
                Adjustment("reasoning_effort", "translated", f"{effort} to {level or 'its own'}")
            )
        config = {} if level is None else {"thinkingLevel": level}
        return config if effort == "none" else {**config, "includeThoughts": True}
    least, most = rules.budget
    if effort == "none":
        if not rules.off:
            adjustments.append(
                Adjustment("reasoning_effort", "translated", f"none to {least} thinking tokens")
            )
        return {"thinkingBudget": 0 if rules.off else least}
    budget = min(BUDGETS.get(effort, BUDGETS["medium"]), most)
    if request.max_tokens is not None:
        # thinking counts against it
        budget = min(budget, request.max_tokens - int(request.max_tokens * ANSWER_SHARE))
    budget = max(budget, least)
    adjustments.append(
        Adjustment("reasoning_effort", "translated", f"{effort} to {budget} thinking tokens")
    )
    return {"thinkingBudget": budget, "includeThoughts": True}
