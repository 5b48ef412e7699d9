"""Which targets may serve a request at all, and why the others may not.

Price caps and least quality are the policy's to judge: it knows the figures.
"""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from llmrouter_integrations.catalog.names import PROVIDERS, provider_id
from llmrouter_integrations.config import split_model
from llmrouter_integrations.errors import UnknownHintError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmrouter_integrations.hints import RoutingHints
    from llmrouter_integrations.routing.decision import Features
    from llmrouter_integrations.routing.prospects import Prospects
    from llmrouter_integrations.routing.target import Target

__all__ = ["CONTEXT_REASON", "ESTIMATE_MARGIN", "Demands", "Wishes", "is_choosy"]

ESTIMATE_MARGIN = 0.75
"""A prompt is called too long only if so much of its estimated length is: estimates err, and a
provider's own refusal is handled (a larger window is tried next)."""

CONTEXT_REASON = "the prompt does not fit"
_POLICY_RANK = {None: 0, "no_training": 1, "zero_retention": 2}


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


class Demands:
    """What a request asks of its target, worked out once per request."""

    __slots__ = ("_features", "_needs", "_prompt", "_whole")

    def __init__(self, features: Features) -> None:
        self._features = features
        self._needs = features.needs
        self._prompt = int(features.input_tokens * ESTIMATE_MARGIN)
        self._whole = self._prompt + (features.max_tokens or 0)

    def unmet(self, target: Target) -> str | None:
        """Say why a target cannot serve the request, or None if it can."""
        if self._needs and not self._needs.isdisjoint(target.lacks):
            return f"cannot take {', '.join(sorted(self._needs & target.lacks))}"
        features = self._features
        window, longest = target.context_window, target.max_input
        if window is not None and self._whole > window:
            limit = f" and max_tokens {features.max_tokens}" if features.max_tokens else ""
            return (
                f"{CONTEXT_REASON}: about {features.input_tokens} tokens{limit} in a window of "
                f"{window}"
            )
        if longest is not None and self._prompt > longest:
            return (
                f"{CONTEXT_REASON}: about {features.input_tokens} tokens where a prompt may have "
                f"{longest}"
            )
        if features.native_required and features.native_tools.isdisjoint(target.issuers):
            return f"cannot use {_whose(features.native_tools)}, and tool_choice demands one"
        return None

    def are_met_by_all(self, prospects: Prospects) -> bool:
        """Whether no target need be asked, for all can serve the request."""
        return (
            self._whole <= prospects.least_window
            and self._needs.isdisjoint(prospects.lacks)
            and not self._features.native_required
        )

    def left_out(self, target: Target) -> str | None:
        """Say what a target would have to leave out of the request, or None if nothing."""
        foreign = self._features.native_tools - target.issuers
        if foreign:
            return f"cannot use {_whose(foreign)}"
        unseen = self._features.earlier_needs & target.lacks
        return f"cannot see the {', '.join(sorted(unseen))} of earlier turns" if unseen else None


def _whose(issuers: Iterable[str]) -> str:
    return " or ".join(f"{issuer}'s own tools" for issuer in sorted(issuers))


class _Names(NamedTuple):
    """Names of targets as a caller wrote them, folded as :attr:`Target.spellings` are."""

    exact: frozenset[str]
    patterns: tuple[str, ...]

    @classmethod
    def of(cls, said: Iterable[str]) -> _Names:
        spelled: set[str] = set()
        for name in said:
            folded = name.strip().casefold()
            provider, model = split_model(folded)
            spelled.add(folded)
            if provider:
                spelled.add(f"{provider_id(provider)}/{model}")
        return cls(frozenset(spelled), tuple([name for name in spelled if "*" in name]))

    def mean(self, target: Target) -> bool:
        return not self.exact.isdisjoint(target.spellings) or any(
            fnmatchcase(spelling, pattern)
            for pattern in self.patterns
            for spelling in target.spellings
        )


class Wishes:
    """What the caller will have and will not, the names looked up once per request.

    Case does not matter, and a provider's alias means the provider.

    Args:
        hints: What the caller said.
        targets: All that are configured.

    Raises:
        UnknownHintError: What is to be excluded is nowhere, so that the exclusion would guard
            nothing. A provider that is known by name need not be configured, and a pattern with
            ``*`` need not match.
    """

    __slots__ = (
        "_exclude",
        "_exclude_providers",
        "_hints",
        "_models",
        "_pin",
        "_pin_is_name",
        "_providers",
        "_regions",
    )

    def __init__(self, hints: RoutingHints, targets: Sequence[Target]) -> None:
        self._hints = hints
        self._pin = _Names.of((hints.pin,)) if hints.pin is not None else None
        # one target may bear the name of a model that others serve too
        self._pin_is_name = hints.pin is not None and any(
            hints.pin in (t.name, t.endpoint) for t in targets
        )
        self._models = _Names.of(hints.models or ())
        self._exclude = _Names.of(hints.exclude or ())
        self._providers = {provider_id(name) for name in hints.providers or ()}
        self._exclude_providers = {provider_id(name) for name in hints.exclude_providers or ()}
        self._regions = {region.strip().casefold() for region in hints.regions or ()}
        for name in hints.exclude or ():
            _must_guard(name, targets)
        for name in hints.exclude_providers or ():
            _must_guard_provider(name, targets)

    def refuse(self, target: Target) -> str | None:
        """Say why the caller will not have a target, or None if it will do."""
        hints = self._hints
        if self._pin is not None and not (
            hints.pin in (target.name, target.endpoint)
            if self._pin_is_name
            else self._pin.mean(target)
        ):
            return f"another target is pinned ({hints.pin})"
        if hints.models is not None and not self._models.mean(target):
            return f"not among the models asked for ({', '.join(hints.models)})"
        if hints.exclude is not None and self._exclude.mean(target):
            return "excluded by the caller"
        if hints.providers is not None and self._providers.isdisjoint(target.provider_names):
            return f"not among the providers asked for ({', '.join(hints.providers)})"
        if not self._exclude_providers.isdisjoint(target.provider_names):
            return f"provider {target.provider} is excluded by the caller"
        if hints.regions is not None and (target.region or "").casefold() not in self._regions:
            return f"region {target.region or 'not stated'} is not {' or '.join(hints.regions)}"
        if _POLICY_RANK[target.data_policy] < _POLICY_RANK[hints.data_policy]:
            return f"data policy {target.data_policy or 'not stated'} is not {hints.data_policy}"
        return None


def _must_guard(name: str, targets: Sequence[Target]) -> None:
    names = _Names.of((name,))
    if names.patterns or any(names.mean(target) for target in targets):
        return
    provider = provider_id(split_model(name)[0])
    if provider not in PROVIDERS or _is_configured(provider, targets):
        near = difflib.get_close_matches(name, [t.name for t in targets], n=1, cutoff=0.0)
        raise UnknownHintError(
            f"hint exclude={name!r} names no target"
            + (f"; did you mean {near[0]!r}?" if near else "")
            + " (a pattern, such as '*mini*', may be of models that are not configured)"
        )


def _must_guard_provider(name: str, targets: Sequence[Target]) -> None:
    provider = provider_id(name)
    if provider not in PROVIDERS and not _is_configured(provider, targets):
        known = sorted({*PROVIDERS, *[t.provider for t in targets]})
        near = difflib.get_close_matches(provider, known, n=1, cutoff=0.0)
        raise UnknownHintError(
            f"hint exclude_providers={name!r} names no provider; did you mean {near[0]!r}?"
        )


def _is_configured(provider: str, targets: Sequence[Target]) -> bool:
    return any(provider in target.provider_names for target in targets)
