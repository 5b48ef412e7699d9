"""A target as routing sees it: figures looked up once, so that choosing is arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.catalog.model import UNKNOWN_ABILITIES, Abilities, Rates
from llmrouter_integrations.catalog.names import provider_id
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.messages import EMPTY_MAP
from llmrouter_integrations.routing.outlook import STATED, Outlook, Outlooks
from llmrouter_integrations.routing.prompt_caches import PROMPT_CACHES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from llmrouter_integrations.catalog.model import Estimate, ModelFacts
    from llmrouter_integrations.config import TargetConfig

__all__ = ["FREE", "Target"]

FREE = Rates.per_mtok(0.0, 0.0, source="local: no charge", date="")


@dataclass(frozen=True, slots=True)
class Target:
    """What routing knows of one target. Prices are dollars per token.

    Attributes:
        name: What decisions and attempts call it.
        provider: Provider id.
        model: The model in the provider's spelling.
        quota_group: Targets with the same one share a rate limit.
        weight: Share of the traffic among targets that rank the same.
        region: Where the data is processed.
        data_policy: What the provider promises about it.
        context_window: Most tokens of prompt and answer together; None: not known.
        max_input: Most tokens of a prompt, where they are limited apart; None: not known to be.
        max_output: Most tokens of an answer; None: not known.
        abilities: What it can do, as far as known.
        lacks: Abilities it is known not to have, in the words of :attr:`Features.needs`.
        rates: Prices; None: none is known.
        price_is_stated: Whether they are the user's own, which outweigh any list at the bill.
        outlooks: Task to what may be expected there, at its effort or else the model's default.
        at_efforts: Effort to the same, for requests that ask for one; empty where it makes no
            difference, or is not theirs to choose.
        effort: The reasoning effort it stands for; None: whatever the request says.
        serves_efforts: Which efforts a request may ask for to have this one; None: any.
        endpoint: The name of the configured target. Those that differ only in effort share it:
            where one is down or full, so are the others.
        reasons: Whether it reasons before it answers.
        max_concurrency: Most calls under way at once.
        charges_cache_writes: Whether its provider charges more for tokens it writes to its cache.
        replica_group: Targets with the same one serve one model at one provider for one price, so
            that traffic may be shared among them; None: there is no other such.
        spellings: The ways a hint may name it, case folded.
        provider_names: The ids of its provider that a hint's :func:`provider_id` is held against.
        issuers: Those whose own tools (:class:`~.messages.NativeTool`) it can use.
    """

    name: str
    provider: str
    model: str
    quota_group: str
    outlooks: Mapping[str, Outlook]
    spellings: frozenset[str]
    provider_names: frozenset[str]
    issuers: frozenset[str] = frozenset()
    weight: float = 1.0
    region: str | None = None
    data_policy: str | None = None
    context_window: int | None = None
    max_input: int | None = None
    max_output: int | None = None
    abilities: Abilities = UNKNOWN_ABILITIES
    lacks: frozenset[str] = frozenset()
    rates: Rates | None = None
    price_is_stated: bool = False
    reasons: bool = False
    max_concurrency: int | None = None
    charges_cache_writes: bool = False
    replica_group: str | None = None
    at_efforts: Mapping[str, Mapping[str, Outlook]] = EMPTY_MAP
    effort: str | None = None
    serves_efforts: frozenset[str] | None = None
    endpoint: str = ""

    def __post_init__(self) -> None:
        if not self.endpoint:
            object.__setattr__(self, "endpoint", self.name)

    @classmethod
    def build(
        cls,
        config: TargetConfig,
        facts: ModelFacts | None,
        *,
        provider: str,
        quota_group: str,
        issuers: frozenset[str] = frozenset(),
        free: bool = False,
        estimates: Mapping[str, Estimate] | None = None,
        today: date | None = None,
    ) -> Target:
        """Put together what the user stated and, for the rest, what the catalogue knows.

        Args:
            config: The target as configured.
            facts: What the catalogue knows of the model; None: nothing.
            provider: The provider's own id, aliases resolved.
            quota_group: Its quota group's name.
            issuers: Those whose own tools it can use.
            free: Whether calls cost nothing (a local server) unless the user states a price.
            estimates: What is believed of its quality, where that is not what ``facts`` say.
            today: The date by which the errors of old figures have grown; None: by nothing.

        Raises:
            ConfigurationError: An ability is overridden that does not exist, or a price is stated
                in part and the rest is not known.
        """
        abilities = _abilities(config, facts)
        known = (facts.rates if facts else None) or (FREE if free else None)
        stated = _stated_rates(config, known)
        rates = stated or known
        reasons = bool(abilities.reasoning)
        outlooks = Outlooks(config, facts, reasons=reasons, estimates=estimates, today=today)
        return cls(
            name=config.name,
            provider=provider,
            model=config.model_id,
            quota_group=quota_group,
            outlooks=outlooks.at(None),
            at_efforts=outlooks.at_each(),
            spellings=frozenset(
                spelling.casefold()
                for spelling in (
                    config.name,
                    config.model,
                    config.model_id,
                    f"{provider_id(provider)}/{config.model_id}",
                )
            ),
            provider_names=frozenset((provider_id(provider), provider_id(config.provider))),
            weight=config.weight,
            region=config.region,
            data_policy=config.data_policy,
            issuers=issuers,
            context_window=config.context_window or (facts.context_window if facts else None),
            # a stated window holds for the prompt too
            max_input=facts.max_input if facts and config.context_window is None else None,
            max_output=config.max_output or (facts.max_output if facts else None),
            abilities=abilities,
            lacks=_lacks(abilities),
            rates=rates,
            price_is_stated=stated is not None,
            reasons=reasons,
            max_concurrency=config.max_concurrency,
            charges_cache_writes=(
                rates is not None
                and rates.cache_write_usd > rates.input_usd
                and provider in PROMPT_CACHES
            ),
        )

    def outlook(self, task: str, effort: str | None = None) -> Outlook:
        """What may be expected at a task where a request asks for an effort."""
        return self.at_efforts.get(effort or "", self.outlooks)[task]


def _abilities(config: TargetConfig, facts: ModelFacts | None) -> Abilities:
    known = facts.abilities if facts else UNKNOWN_ABILITIES
    if not config.abilities:
        return known
    stated: dict[str, Any] = {
        key: frozenset(value) if key in ("input", "output") else value
        for key, value in config.abilities.items()
    }
    unknown = stated.keys() - set(Abilities.__slots__)
    if unknown:
        raise ConfigurationError(
            f"target {config.name!r}: no such ability: {', '.join(sorted(unknown))}; "
            f"abilities are {', '.join(Abilities.__slots__)}"
        )
    return replace(known, **stated)


def _lacks(abilities: Abilities) -> frozenset[str]:
    lacks = set()
    if abilities.tools is False:
        lacks.add("tools")
    for modality in ("image", "audio", "pdf", "video"):
        if abilities.takes(modality) is False:
            lacks.add(modality)
    return frozenset(lacks)


def _stated_rates(config: TargetConfig, known: Rates | None) -> Rates | None:
    """Lay what is stated over what is known; None where nothing is stated."""
    per_mtok = {
        "input_usd": config.input_usd_per_mtok,
        "output_usd": config.output_usd_per_mtok,
        "cache_read_usd": config.cache_read_usd_per_mtok,
        "cache_write_usd": config.cache_write_usd_per_mtok,
    }
    stated = {name: usd / 1e6 for name, usd in per_mtok.items() if usd is not None}
    if not stated:
        return None
    whole = "input_usd" in stated and "output_usd" in stated
    if known is None and not whole:
        raise ConfigurationError(
            f"target {config.name!r}: no price of it is known: state both input_usd_per_mtok and "
            "output_usd_per_mtok"
        )
    if known is None:
        known = FREE
    source, date = (STATED, "") if whole else (f"{STATED} in part, else {known.source}", known.date)
    return _overlaid(known, {**stated, "source": source, "date": date})


def _overlaid(known: Rates, stated: Mapping[str, Any]) -> Rates:
    input_usd = stated.get("input_usd", known.input_usd)
    # a discount on the prompt is taken to hold for its cached part
    share = input_usd / known.input_usd if known.input_usd else None
    cached = {
        name: input_usd if share is None else getattr(known, name) * share
        for name in ("cache_read_usd", "cache_write_usd")
    }
    above = tuple([(tokens, _overlaid(rates, stated)) for tokens, rates in known.above])
    return replace(known, **{**cached, **stated, "above": above})
