"""The profile of a router: what LangChain may count on, whichever target answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langchain_core.language_models.model_profile import ModelProfile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmrouter_integrations.routing.target import Target

__all__ = ["common_profile"]


def common_profile(targets: Sequence[Target]) -> ModelProfile:
    """Give the intersection of what the targets can do.

    True where all can, False where one cannot, left out where it is not known of one; windows are
    the smallest, where all are known.
    """
    abilities = [target.abilities for target in targets]
    takes = {
        kind: _all(a.takes(kind) for a in abilities) for kind in ("image", "audio", "pdf", "video")
    }
    gives = {
        kind: _all(None if a.output is None else kind in a.output for a in abilities)
        for kind in ("text", "image", "audio", "video")
    }
    tools = _all(a.tools for a in abilities)
    efforts = set.intersection(*[set(a.reasoning_efforts) for a in abilities]) if abilities else ()
    said: dict[str, Any] = {
        "max_input_tokens": _least(target.max_input or target.context_window for target in targets),
        "max_output_tokens": _least(target.max_output for target in targets),
        "text_inputs": True,
        "image_inputs": takes["image"],
        "image_url_inputs": takes["image"],
        "image_tool_message": takes["image"],
        "pdf_inputs": takes["pdf"],
        "pdf_tool_message": takes["pdf"],
        "audio_inputs": takes["audio"],
        "video_inputs": takes["video"],
        **{f"{kind}_outputs": can for kind, can in gives.items()},
        "reasoning_output": _all(a.reasoning for a in abilities),
        # the weakest target's order: they are listed weakest first everywhere
        "reasoning_effort_levels": [
            e for e in (abilities[0].reasoning_efforts if abilities else ()) if e in efforts
        ]
        or None,
        "tool_calling": tools,
        "tool_choice": tools,
        "tool_call_streaming": tools,
        "structured_output": _all(a.structured_output for a in abilities),
        "attachment": takes["pdf"],
        "temperature": _all(a.temperature for a in abilities),
    }
    known = ModelProfile.__annotations__  # fewer in older versions of langchain-core
    return cast("ModelProfile", {k: v for k, v in said.items() if v is not None and k in known})


def _all(each: Iterable[bool | None]) -> bool | None:
    answers = set(each)
    if False in answers:
        return False
    return None if None in answers or not answers else True


def _least(each: Iterable[int | None]) -> int | None:
    figures = list(each)
    known = [figure for figure in figures if figure is not None]
    return min(known) if known and len(known) == len(figures) else None
