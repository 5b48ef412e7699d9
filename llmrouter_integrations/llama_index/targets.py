"""What LlamaIndex may count on of a router, whichever target answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.constants import DEFAULT_CONTEXT_WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmrouter_integrations.config import TargetConfig
    from llmrouter_integrations.routing.target import Target

__all__ = ["common_metadata"]


def common_metadata(
    targets: Sequence[Target], configs: Iterable[TargetConfig], max_tokens: int | None
) -> LLMMetadata:
    """Give the metadata of a router's targets.

    The window is the smallest of those that are known, and the room for the answer the largest
    that a target is set to take (LlamaIndex packs prompts into what is left). Functions can be
    called if any target can: a request with tools goes to those that can. It is a chat model
    unless all targets are LLMs that complete texts.

    Args:
        targets: The targets.
        configs: The same as configured, LLMs of other packages among them.
        max_tokens: Most tokens of an answer, if the caller has said.
    """
    windows = [target.context_window for target in targets if target.context_window is not None]
    others = f" (+{len(targets) - 1})" if len(targets) > 1 else ""
    own = [_own_metadata(config) for config in configs]
    outputs = [said.num_output for said in own if said is not None]
    return LLMMetadata(
        context_window=min(windows, default=DEFAULT_CONTEXT_WINDOW),
        num_output=max_tokens or max(outputs, default=-1),  # -1: as LlamaIndex thinks fit
        is_chat_model=not own or any(said is None or said.is_chat_model for said in own),
        is_function_calling_model=any(target.abilities.tools is not False for target in targets),
        model_name=f"{targets[0].name}{others}",
    )


def _own_metadata(config: TargetConfig) -> LLMMetadata | None:
    told = getattr(getattr(config, "backend", None), "metadata", None)
    return told if isinstance(told, LLMMetadata) else None
