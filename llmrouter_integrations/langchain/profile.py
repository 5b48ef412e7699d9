"""Profiles, LangChain's word for what a model can do: a router's, and those of wrapped models."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from langchain_core.language_models.model_profile import ModelProfile

from llmrouter_integrations.catalog.model import UNKNOWN_ABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from langchain_core.language_models import BaseChatModel

    from llmrouter_integrations.catalog import ModelFacts
    from llmrouter_integrations.routing.target import Target

__all__ = ["common_profile", "profiled"]

_ABILITIES: Final = {
    "tools": "tool_calling",
    "structured_output": "structured_output",
    "temperature": "temperature",
    "reasoning": "reasoning_output",
}
_LIMITS: Final = {"context_window": "max_input_tokens", "max_output": "max_output_tokens"}
_KINDS: Final = ("text", "image", "audio", "pdf", "video")


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


def profiled(model: BaseChatModel, facts: ModelFacts | None) -> dict[str, Any]:
    """Give what a model's profile says of it, as fields of a target.

    What its user wrote there is believed. The rest is of LangChain's list of models, and counts
    where the catalogue says nothing: that one knows more, such as a prompt's limit apart from the
    window's.

    Args:
        model: The model.
        facts: What the catalogue knows of it.
    """
    profile: Mapping[str, Any] = getattr(model, "profile", None) or {}
    usual = _usual_profile(model)
    known = facts.abilities if facts else UNKNOWN_ABILITIES

    def said(key: str, otherwise: Any) -> Any:
        value = profile.get(key)
        return value if otherwise is None or value != usual.get(key) else None

    limits = {field: said(key, getattr(facts, field, None)) for field, key in _LIMITS.items()}
    abilities: dict[str, Any] = {
        ability: said(key, getattr(known, ability)) for ability, key in _ABILITIES.items()
    }
    inputs = {kind: said(f"{kind}_inputs", known.takes(kind)) for kind in _KINDS}
    if False in inputs.values():
        # one kind denied, the others are taken only if somebody says so
        abilities["input"] = [
            kind
            for kind, takes in inputs.items()
            if (takes if takes is not None else kind == "text" or known.takes(kind))
        ]
    abilities = {ability: able for ability, able in abilities.items() if able is not None}
    stated = {field: limit for field, limit in limits.items() if limit}
    return stated | ({"abilities": abilities} if abilities else {})


def _usual_profile(model: BaseChatModel) -> Mapping[str, Any]:
    """Give the profile that the model's integration knows it by."""
    with suppress(Exception):  # as LangChain does: any integration's
        return model._resolve_model_profile() or {}  # noqa: SLF001  (what integrations override for this)
    return {}


def _all(each: Iterable[bool | None]) -> bool | None:
    answers = set(each)
    if False in answers:
        return False
    return None if None in answers or not answers else True


def _least(each: Iterable[int | None]) -> int | None:
    figures = list(each)
    known = [figure for figure in figures if figure is not None]
    return min(known) if known and len(known) == len(figures) else None
