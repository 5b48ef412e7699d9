"""Converse's ``inferenceConfig``, and what only ``additionalModelRequestFields`` can say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from llmrouter_integrations.messages import Adjustment
from llmrouter_integrations.wire.claude import BINDING_BETA, sampling, thinking
from llmrouter_integrations.wire.effort import nearest_effort

if TYPE_CHECKING:
    from llmrouter_integrations.messages import Request
    from llmrouter_integrations.wire.base import Endpoint
    from llmrouter_integrations.wire.bedrock_models import BedrockRules
    from llmrouter_integrations.wire.claude import ClaudeRules

__all__ = ["ConverseSettings", "converse_settings"]

UNKNOWN_PARAMETERS: Final = (
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "logprobs",
    "top_logprobs",
    "user",
    "prompt_cache_key",
)
MAX_TEMPERATURE: Final = 1
"""Of ``InferenceConfiguration``, whatever the model (botocore's model of the service)."""
NOT_AT_HIGHEST: Final = (
    ("maxTokens", "max_tokens"),
    ("temperature", "temperature"),
    ("topP", "top_p"),
)
"""What Nova 2 takes none of at its highest effort."""


@dataclass(slots=True)
class ConverseSettings:
    """Settings as sent.

    Attributes:
        inference: ``inferenceConfig``.
        more: ``additionalModelRequestFields``.
        forgets: Whether the thinking of earlier turns must be left out.
    """

    inference: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    forgets: bool = False

    def think(
        self,
        request: Request,
        endpoint: Endpoint,
        claude: ClaudeRules,
        adjustments: list[Adjustment],
        *,
        blocked: str,
        replays: bool,
    ) -> None:
        """Write a Claude's thinking and sampling, in its own form where Converse has none.

        Args:
            request: What is asked.
            endpoint: Where.
            claude: The model's terms.
            adjustments: Gets what could not be done as asked.
            blocked: Why thinking by budget cannot go with the rest; "" if it can.
            replays: Whether the history holds thinking.
        """
        most = self.inference.get("maxTokens") or endpoint.max_output or claude.max_output
        thought = thinking(
            request,
            claude,
            most,
            endpoint.abilities,
            adjustments,
            blocked=blocked,
            replays=replays,
        )
        said = sampling(request, claude, endpoint.abilities, adjustments, thinks=thought.on)
        for name, place, key in (
            ("temperature", self.inference, "temperature"),
            ("top_p", self.inference, "topP"),
            ("top_k", self.more, "top_k"),
        ):
            if name in said:
                place[key] = said[name]
        if thought.effort is not None:
            self.more["output_config"] = {"effort": thought.effort}
        if thought.config is None:
            return
        self.more["thinking"] = thought.config
        self.forgets = claude.binds and not thought.on
        if thought.config["type"] == "enabled":
            self.inference["maxTokens"] = most  # the budget must stay under it: so it is said
        if "block_binding" in thought.config:
            self.more["anthropic_beta"] = [BINDING_BETA]


def converse_settings(
    request: Request, endpoint: Endpoint, rules: BedrockRules, adjustments: list[Adjustment]
) -> ConverseSettings:
    """Write all settings but a Claude's sampling and thinking.

    ``maxTokens`` is left out unless asked for: Bedrock takes it off the account's quota of tokens
    when a request begins.
    """
    made = ConverseSettings()
    if request.max_tokens is not None:
        made.inference["maxTokens"] = _max_tokens(request.max_tokens, endpoint, rules, adjustments)
    stops = [stop for stop in request.stop if stop.strip()]
    if len(stops) < len(request.stop):
        adjustments.append(Adjustment("stop", "dropped", "those of blanks only"))
    if stops:
        made.inference["stopSequences"] = stops
    adjustments.extend(
        Adjustment(name, "dropped", "the protocol has no such parameter")
        for name in UNKNOWN_PARAMETERS
        if (value := getattr(request, name)) is not None and value is not False
    )
    if rules.claude is None:
        _sample(made, request, endpoint, rules, adjustments)
        _think(made, request.reasoning_effort, rules, adjustments)
    return made


def _max_tokens(
    asked: int, endpoint: Endpoint, rules: BedrockRules, adjustments: list[Adjustment]
) -> int:
    known = endpoint.max_output or (rules.claude.max_output if rules.claude else None)
    if known is None or asked <= known:
        return asked
    adjustments.append(
        Adjustment("max_tokens", "translated", f"{asked} to {known}, the most it gives")
    )
    return known


def _sample(
    made: ConverseSettings,
    request: Request,
    endpoint: Endpoint,
    rules: BedrockRules,
    adjustments: list[Adjustment],
) -> None:
    fixed = endpoint.abilities is not None and endpoint.abilities.temperature is False
    for name, key in (("temperature", "temperature"), ("top_p", "topP")):
        value = getattr(request, name)
        if value is not None and fixed:
            adjustments.append(Adjustment(name, "dropped", "the model takes no such parameter"))
        elif value is not None:
            made.inference[key] = value
    if made.inference.get("temperature", 0) > MAX_TEMPERATURE:
        made.inference["temperature"] = MAX_TEMPERATURE
        adjustments.append(Adjustment("temperature", "translated", "to 1, the most it takes"))
    if request.top_k is None:
        return
    if not rules.top_k:
        adjustments.append(Adjustment("top_k", "dropped", "the model takes no such parameter"))
        return
    *path, key = rules.top_k
    place = made.more
    for step in path:
        place = place.setdefault(step, {})
    place[key] = request.top_k


def _think(
    made: ConverseSettings,
    effort: str | None,
    rules: BedrockRules,
    adjustments: list[Adjustment],
) -> None:
    """Write the effort in the form of Nova 2, gpt-oss or Qwen 3."""
    if effort is None:
        return
    level = nearest_effort(effort, rules.efforts)
    if level is None:
        if effort != "none":
            adjustments.append(
                Adjustment("reasoning_effort", "dropped", "the model has no such setting")
            )
        return
    if level != effort:
        adjustments.append(Adjustment("reasoning_effort", "translated", f"{effort} to {level}"))
    if rules.reasoning == "gpt-oss":
        made.more["reasoning_effort"] = level
    elif rules.reasoning == "qwen":
        made.more["reasoning_config"] = level
    elif level == "none":
        made.more["reasoningConfig"] = {"type": "disabled"}
    else:
        made.more["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": level}
        if level == rules.efforts[-1]:
            for key, name in NOT_AT_HIGHEST:
                if made.inference.pop(key, None) is not None:
                    adjustments.append(Adjustment(name, "dropped", "not with the highest effort"))
