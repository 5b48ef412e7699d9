"""What each generation of Claude takes, on Anthropic's own API and on Bedrock alike.

From Anthropic's pages on thinking, effort, structured outputs and its migration guides, read in
November 2026. A rule holds from the version it is given for until the next one of its line, so
that a model newer than this table is spoken to like the newest one known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from llmrouter_integrations.messages import Adjustment
from llmrouter_integrations.wire.effort import nearest_effort

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmrouter_integrations.catalog.model import Abilities
    from llmrouter_integrations.messages import Request

__all__ = [
    "BINDING_BETA",
    "OTHER",
    "WINDOW_BETA",
    "ClaudeRules",
    "Thinking",
    "claude_rules",
    "sampling",
    "thinking",
]

BINDING_BETA: Final = "thinking-binding-controls-2026-08-01"
"""The beta feature that ``thinking.block_binding`` belongs to."""
WINDOW_BETA: Final = "model-context-window-exceeded-2025-08-26"
"""The beta feature by which an answer ends where the window does; see ``ClaudeRules``."""


@dataclass(frozen=True, slots=True)
class ClaudeRules:
    """The terms of one generation.

    Attributes:
        max_output: Most output tokens.
        thinking: How thinking is asked for: not at all, by a budget of tokens, or by effort.
        off: How thinking is switched off: by saying nothing, by the ``type`` to say, or never.
        efforts: The levels of ``output_config.effort``.
        hides_thinking: Whether thinking comes back empty unless a summary is asked for.
        sampling: Whether temperature, top_p and top_k are taken.
        both_samplers: Whether temperature and top_p may come together.
        forced_tools: Whether ``tool_choice`` may force a call.
        prefill: Whether the answer may be begun for it by a last assistant turn.
        schema: Whether it is held to a JSON schema, in answers and in strict tools.
        binds: Whether a thinking block replayed after another prefix is an error unless it is
            asked to be dropped ("preserved thinking").
        ends_at_window: Whether an answer may end where the window does. Those from 3.7 on and
            before 4.5 refuse a prompt that does not fit it together with ``max_tokens``, unless
            :data:`WINDOW_BETA` is asked for
            (https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons).
    """

    max_output: int
    thinking: Literal["none", "budget", "adaptive"] = "adaptive"
    off: Literal["unsaid", "disabled", "between_tools", "never"] = "unsaid"
    efforts: tuple[str, ...] = ("low", "medium", "high", "xhigh", "max")
    hides_thinking: bool = True
    sampling: bool = False
    both_samplers: bool = False
    forced_tools: bool = True
    prefill: bool = False
    schema: bool = True
    binds: bool = False
    ends_at_window: bool = True


_CLAUDE_3 = ClaudeRules(
    4_096,
    thinking="none",
    efforts=(),
    hides_thinking=False,
    sampling=True,
    both_samplers=True,
    prefill=True,
    schema=False,
)
_CLAUDE_35 = replace(_CLAUDE_3, max_output=8_192)
_CLAUDE_37 = replace(_CLAUDE_3, max_output=64_000, thinking="budget", ends_at_window=False)
_SONNET_4 = replace(_CLAUDE_37, both_samplers=False)
_OPUS_4 = replace(_SONNET_4, max_output=32_000)
_CLAUDE_45 = replace(_SONNET_4, schema=True, ends_at_window=True)
_OPUS_46 = ClaudeRules(
    128_000, efforts=("low", "medium", "high", "max"), hides_thinking=False, sampling=True
)
_OPUS_47 = ClaudeRules(128_000)
_CLAUDE_5 = replace(_OPUS_47, off="disabled")
_FABLE_5 = replace(_OPUS_47, off="never")
_MYTHOS_51 = replace(_FABLE_5, forced_tools=False)
_OPUS_55 = replace(_MYTHOS_51, binds=True)

OTHER: Final = replace(_CLAUDE_37, max_output=8_192, ends_at_window=True)
"""Of other vendors' models behind this protocol: they took after the Claude of early 2025."""

_LINES: Final[Mapping[str, tuple[tuple[tuple[int, int], ClaudeRules], ...]]] = {
    "opus": (
        ((5, 5), _OPUS_55),
        ((5, 0), _CLAUDE_5),
        ((4, 7), _OPUS_47),
        ((4, 6), _OPUS_46),
        ((4, 5), _CLAUDE_45),
        ((4, 0), _OPUS_4),
        ((0, 0), _CLAUDE_3),
    ),
    "sonnet": (
        ((5, 5), replace(_OPUS_55, off="between_tools")),
        ((5, 0), _CLAUDE_5),
        ((4, 6), replace(_OPUS_46, max_output=64_000)),
        ((4, 5), _CLAUDE_45),
        ((4, 0), _SONNET_4),
        ((3, 7), _CLAUDE_37),
        ((3, 5), _CLAUDE_35),
        ((0, 0), _CLAUDE_3),
    ),
    "haiku": (
        ((5, 0), replace(_CLAUDE_5, binds=True)),
        ((4, 5), _CLAUDE_45),
        ((3, 5), _CLAUDE_35),
        ((0, 0), _CLAUDE_3),
    ),
    "fable": (((5, 1), _OPUS_55), ((0, 0), _FABLE_5)),
    "mythos": (((5, 1), _MYTHOS_51), ((0, 0), _FABLE_5)),
}

_NAME = re.compile(r"(opus|sonnet|haiku|fable|mythos)-(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?")
_OLD_NAME = re.compile(r"claude-(\d)(?:[-.](\d))?-(opus|sonnet|haiku)")


@lru_cache(maxsize=512)
def claude_rules(model: str) -> ClaudeRules:
    """Give the terms of a model by its name, in any provider's spelling.

    A Claude of no known line is spoken to in the narrowest way; what is no Claude is
    :data:`OTHER`.
    """
    name = model.lower()
    if found := _NAME.search(name):
        line, major, minor = found.groups()
    elif found := _OLD_NAME.search(name):
        major, minor, line = found.groups()
    else:
        return _OPUS_55 if "claude" in name else OTHER
    version = (int(major), int(minor or 0))
    return next(rules for since, rules in _LINES[line] if version >= since)


BUDGETS: Final[Mapping[str, int]] = {
    "minimal": 1_024,
    "low": 4_096,
    "medium": 10_000,
    "high": 20_000,
    "xhigh": 32_000,
    "max": 48_000,
}
"""Thinking tokens for an effort, where a budget is how it is told.

Our own figures: from the vendor's least (1,024) to somewhat above the 32,000 after which it
reports diminishing returns.
"""

MIN_BUDGET: Final = 1_024
ANSWER_SHARE: Final = 0.25
"""Of max_tokens, what a budget must leave for the answer itself."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """The ``thinking`` field and ``output_config.effort`` for a request; None: leave it out."""

    config: dict[str, Any] | None = None
    effort: str | None = None

    @property
    def on(self) -> bool:
        """Whether thinking was asked for in so many words."""
        return self.config is not None and self.config["type"] in ("enabled", "adaptive")


_UNSAID = Thinking()


def thinking(
    request: Request,
    rules: ClaudeRules,
    max_tokens: int,
    abilities: Abilities | None,
    adjustments: list[Adjustment],
    *,
    blocked: str = "",
    replays: bool = False,
) -> Thinking:
    """Write ``reasoning_effort`` in the model's own form.

    Args:
        request: What is asked.
        rules: The model's terms.
        max_tokens: What will be sent as such; a budget must stay under it.
        abilities: What is known of the model beyond its terms.
        adjustments: Gets what could not be done as asked.
        blocked: Why thinking by budget cannot go with the rest of this request; "" if it can.
        replays: Whether the history holds thinking blocks.
    """
    effort = request.reasoning_effort
    binding = rules.binds and replays
    if effort is None:
        return Thinking(_adaptive(binding=True)) if binding else _UNSAID
    if effort == "none":
        return _off(rules, binding, adjustments)
    if rules.thinking == "none" or (abilities is not None and abilities.reasoning is False):
        adjustments.append(Adjustment("reasoning_effort", "dropped", "the model does not think"))
        return _UNSAID
    if rules.thinking == "budget":
        return _budget(effort, max_tokens, abilities, adjustments, blocked)
    level = nearest_effort(effort, rules.efforts)
    if level != effort:
        adjustments.append(
            Adjustment("reasoning_effort", "translated", f"{effort} to {level or 'the default'}")
        )
    return Thinking(_adaptive(binding=binding, summary=rules.hides_thinking), level)


def _adaptive(*, binding: bool, summary: bool = False) -> dict[str, Any]:
    config: dict[str, Any] = {"type": "adaptive"}
    if summary:
        config["display"] = "summarized"
    if binding:
        config["block_binding"] = {"prefix_mismatch_behavior": "drop_block"}
    return config


def _off(rules: ClaudeRules, binding: bool, adjustments: list[Adjustment]) -> Thinking:
    if rules.off == "unsaid":
        return _UNSAID
    if rules.off == "never":
        adjustments.append(
            Adjustment("reasoning_effort", "translated", "none to low: it always thinks")
        )
        return Thinking(_adaptive(binding=True) if binding else None, "low")
    return Thinking({"type": rules.off})


def _budget(
    effort: str,
    max_tokens: int,
    abilities: Abilities | None,
    adjustments: list[Adjustment],
    blocked: str,
) -> Thinking:
    if blocked:
        adjustments.append(Adjustment("reasoning_effort", "dropped", blocked))
        return _UNSAID
    budget = min(
        BUDGETS.get(effort, BUDGETS["medium"]), max_tokens - int(max_tokens * ANSWER_SHARE)
    )
    if abilities is not None and abilities.reasoning_budget is not None:
        _, most = abilities.reasoning_budget
        budget = budget if most is None else min(budget, most)
    if budget < MIN_BUDGET:
        adjustments.append(
            Adjustment("reasoning_effort", "dropped", "max_tokens leaves no room for thinking")
        )
        return _UNSAID
    adjustments.append(
        Adjustment("reasoning_effort", "translated", f"{effort} to {budget} thinking tokens")
    )
    return Thinking({"type": "enabled", "budget_tokens": budget})


def sampling(
    request: Request,
    rules: ClaudeRules,
    abilities: Abilities | None,
    adjustments: list[Adjustment],
    *,
    thinks: bool,
) -> dict[str, float | int]:
    """Give temperature, top_p and top_k as far as the model takes them."""
    said: dict[str, float | int] = {}
    if request.temperature is not None:
        said["temperature"] = request.temperature
    if request.top_p is not None:
        said["top_p"] = request.top_p
    if request.top_k is not None:
        said["top_k"] = request.top_k
    if not said:
        return said
    if not rules.sampling or (abilities is not None and abilities.temperature is False):
        _drop(said, tuple(said), "the model takes no sampling parameters", adjustments)
    elif thinks:
        kept = {"temperature": said.get("temperature") == 1, "top_p": said.get("top_p", 0) >= 0.95}
        gone = tuple(name for name in said if not kept.get(name))
        _drop(said, gone, "not together with thinking", adjustments)
    if not rules.both_samplers and "temperature" in said and "top_p" in said:
        _drop(said, ("top_p",), "not together with temperature", adjustments)
    if said.get("temperature", 0) > 1:
        said["temperature"] = 1
        adjustments.append(Adjustment("temperature", "translated", "to 1, the most it takes"))
    return said


def _drop(
    said: dict[str, float | int],
    names: tuple[str, ...],
    why: str,
    adjustments: list[Adjustment],
) -> None:
    for name in names:
        del said[name]
        adjustments.append(Adjustment(name, "dropped", why))
