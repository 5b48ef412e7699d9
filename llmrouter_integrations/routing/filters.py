"""Which targets may serve a request at all, and why the others may not.

Price caps and least quality are the policy's to judge: it knows the figures.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmrouter_integrations.hints import RoutingHints
    from llmrouter_integrations.routing.decision import Features
    from llmrouter_integrations.routing.target import Target

__all__ = ["CONTEXT_REASON", "ESTIMATE_MARGIN", "is_choosy", "unable", "unwanted"]

ESTIMATE_MARGIN = 0.75
"""A prompt is called too long only if so much of its estimated length is: estimates err, and a
provider's own refusal is handled (a larger window is tried next)."""

CONTEXT_REASON = "the prompt does not fit"
_POLICY_RANK = {None: 0, "no_training": 1, "zero_retention": 2}


def named(target: Target, names: Sequence[str]) -> bool:
    """Whether any of the names, which may hold ``*``, means this target."""
    for name in names:
        if name in target.spellings:
            return True
        if "*" in name and any(fnmatchcase(spelling, name) for spelling in target.spellings):
            return True
    return False


def is_choosy(hints: RoutingHints) -> bool:
    """Whether the hints rule any target out: asked once, so that most requests skip the rest."""
    return not (
        hints.pin is None
        and hints.models is None
        and hints.exclude is None
        and hints.providers is None
        and hints.exclude_providers is None
        and hints.regions is None
        and hints.data_policy is None
    )


def unable(target: Target, features: Features) -> str | None:
    """Say why a target cannot serve a request, or None if it can."""
    if features.needs and not features.needs.isdisjoint(target.lacks):
        missing = sorted(features.needs & target.lacks)
        return f"cannot take {', '.join(missing)}"
    limit = features.max_tokens or 0
    if target.context_window is not None:
        wanted = int(features.input_tokens * ESTIMATE_MARGIN) + limit
        if wanted > target.context_window:
            return (
                f"{CONTEXT_REASON}: about {features.input_tokens} tokens"
                f"{f' and max_tokens {limit}' if limit else ''} in a window of "
                f"{target.context_window}"
            )
    return None


def unwanted(target: Target, hints: RoutingHints) -> str | None:
    """Say why the caller will not have a target, or None if it will do."""
    if hints.pin is not None and not named(target, (hints.pin,)):
        return f"another target is pinned ({hints.pin})"
    if hints.models is not None and not named(target, hints.models):
        return f"not among the models asked for ({', '.join(hints.models)})"
    if hints.exclude is not None and named(target, hints.exclude):
        return "excluded by the caller"
    if hints.providers is not None and target.provider_names.isdisjoint(hints.providers):
        return f"not among the providers asked for ({', '.join(hints.providers)})"
    if hints.exclude_providers is not None and not target.provider_names.isdisjoint(
        hints.exclude_providers
    ):
        return f"provider {target.provider} is excluded by the caller"
    if hints.regions is not None and target.region not in hints.regions:
        return f"region {target.region or 'not stated'} is not {' or '.join(hints.regions)}"
    if _POLICY_RANK[target.data_policy] < _POLICY_RANK[hints.data_policy]:
        return f"data policy {target.data_policy or 'not stated'} is not {hints.data_policy}"
    return None
