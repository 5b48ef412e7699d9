"""What LlamaIndex may count on of a router, whichever target answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.constants import DEFAULT_CONTEXT_WINDOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmrouter_integrations.routing.target import Target

__all__ = ["common_metadata"]


def common_metadata(targets: Sequence[Target], max_tokens: int | None) -> LLMMetadata:
    """Give the metadata of a router's targets.

    The window is the smallest of those that are known (LlamaIndex packs prompts to it). Functions
    can be called if any target can: a request with tools goes to those that can.

    Args:
        targets: The targets.
        max_tokens: Most tokens of an answer, if the caller has said.
    """
    windows = [target.context_window for target in targets if target.context_window is not None]
    others = f" (+{len(targets) - 1})" if len(targets) > 1 else ""
    return LLMMetadata(
        context_window=min(windows, default=DEFAULT_CONTEXT_WINDOW),
        num_output=max_tokens or -1,  # -1: as LlamaIndex thinks fit
        is_chat_model=True,
        is_function_calling_model=any(target.abilities.tools is not False for target in targets),
        model_name=f"{targets[0].name}{others}",
    )
