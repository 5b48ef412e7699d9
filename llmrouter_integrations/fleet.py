"""From a configuration to the targets routing chooses among and the backends that reach them."""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from llmrouter_integrations.config import BoundTarget, TargetConfig
from llmrouter_integrations.dispatch.at_effort import AtEffort
from llmrouter_integrations.dispatch.wire_backend import WireBackend
from llmrouter_integrations.errors import (
    ConfigurationError,
    MissingKeyError,
    UnknownModelError,
)
from llmrouter_integrations.messages import EMPTY_MAP
from llmrouter_integrations.routing.balance import with_replica_groups
from llmrouter_integrations.routing.target import Target
from llmrouter_integrations.wire import registry
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.dialects import dialect_of
from llmrouter_integrations.wire.effort import EFFORTS, nearest_effort
from llmrouter_integrations.wire.prefill import prefills

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llmrouter_integrations.catalog import Catalog
    from llmrouter_integrations.catalog.model import Estimate, ModelFacts
    from llmrouter_integrations.dispatch.backend import Backend
    from llmrouter_integrations.transport import Transport
    from llmrouter_integrations.wire.registry import ProviderInfo

__all__ = ["Fleet", "discover", "protocol_of", "quota_group"]

_log = logging.getLogger("llmrouter_integrations")

NEARLY_KNOWN = 0.9
"""How alike (difflib's ratio) a name must be to a known one to be taken for its misspelling."""

MODELS_PER_PROVIDER = 3
"""How many models of each provider :func:`discover` takes: a large, a middle and a small one."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The configured targets.

    Attributes:
        targets: What routing knows of each, in the order configured.
        backends: Target name to who reaches it.
        prefilling: The names of those that go on with an answer whose beginning they are given.
    """

    targets: tuple[Target, ...]
    backends: Mapping[str, Backend]
    prefilling: frozenset[str] = frozenset()

    @classmethod
    def assemble(
        cls,
        configs: Iterable[TargetConfig],
        transport: Transport,
        *,
        catalog: Catalog,
        env: Mapping[str, str],
        keys_required: bool = True,
    ) -> Fleet:
        """Look up what each target needs.

        Args:
            configs: The targets as configured.
            transport: Who carries the bytes.
            catalog: What is known of models.
            env: Where keys and endpoints are looked up.
            keys_required: False: targets without a key stay, to be explained and not called.

        Raises:
            UnknownModelError: A provider that is not known by name and has no ``base_url``.
            MissingKeyError: Names every target without a key, and what to set.
            ConfigurationError: Anything else that is missing, such as Azure's endpoint.
        """
        targets: list[Target] = []
        backends: dict[str, Backend] = {}
        prefilling: set[str] = set()
        keyless: dict[str, str] = {}
        for config in configs:
            if isinstance(config, BoundTarget):
                bound = _bound(config, catalog)
                targets += _by_effort(bound, config)
                backends.update(_backends(config.backend, config))
                continue
            info = _provider(config)
            provider = info.id if info else config.provider
            key = _key(config, info, env)
            if keys_required and key is None and not _may_go_without(config, info):
                keyless[config.name] = _what_to_set(config, info)
                continue
            facts = catalog.find(provider, config.model_id)
            if facts is None and info is not None:
                _warn_of_misspelling(config, provider, catalog)
            protocol = config.protocol or protocol_of(config, info, env)
            target = Target.build(
                config,
                facts,
                provider=provider,
                quota_group=config.quota_group or quota_group(provider, config.base_url, key),
                issuers=_issuers(protocol, provider, config.model_id),
                free=bool(info and info.local),
                estimates=_placed(config, provider, catalog),
                today=_today(),
            )
            targets += _by_effort(target, config)
            if prefills(protocol, provider, config.model_id):
                prefilling.update(config.candidates)
            backend = WireBackend(
                registry.codec(protocol),
                _endpoint(config, info, target, key=key, known=facts is not None, env=env),
                transport,
            )
            backends.update(_backends(backend, config))
        if keyless:
            raise MissingKeyError(
                "; ".join(f"{name}: no API key: {what}" for name, what in keyless.items())
            )
        return cls(with_replica_groups(targets), backends, frozenset(prefilling))


def _warn_of_misspelling(config: TargetConfig, provider: str, catalog: Catalog) -> None:
    """Tell of a model that nobody knows, of which nothing is stated, but which is nearly known."""
    stated = (
        config.base_url,
        config.quality,
        config.benchmarks,
        config.context_window,
        config.input_usd_per_mtok,
    )
    if any(value is not None for value in stated):
        return
    near = difflib.get_close_matches(
        f"{provider}/{config.model_id}", catalog.nearest(provider, config.model_id), 1, NEARLY_KNOWN
    )
    if near:
        _log.warning(
            "target %r is in no catalogue; did you mean %r? It is routed as an unknown model: "
            "state its prices and quality",
            config.name,
            near[0],
        )


def _provider(config: TargetConfig) -> ProviderInfo | None:
    info = registry.provider(config.provider)
    if info is None and config.base_url is None:
        names = sorted(registry.PROVIDERS)
        near = difflib.get_close_matches(config.provider, names, n=1)
        raise UnknownModelError(
            f"target {config.name!r}: no provider is named {config.provider!r}"
            + (f"; did you mean {near[0] + '/' + config.model_id!r}?" if near else "")
            + f" Known are: {', '.join(names)}; any other server needs a base_url"
        )
    return info


def _key(config: TargetConfig, info: ProviderInfo | None, env: Mapping[str, str]) -> str | None:
    if config.api_key is not None:
        return config.api_key.get_secret_value() or None
    names = (config.api_key_env,) if config.api_key_env else (info.key_env if info else ())
    return next((value for name in names if (value := env.get(name, "").strip())), None)


def _may_go_without(config: TargetConfig, info: ProviderInfo | None) -> bool:
    """Whether no key is needed: the user's own server, own headers, or a credential chain."""
    if config.api_key_env:
        return False
    # an AWS chain may find credentials in files that the environment does not show
    chained = info is not None and bool(info.credentials_env)
    return chained or info is None or info.local or bool(config.base_url or config.headers)


def protocol_of(config: TargetConfig, info: ProviderInfo | None, env: Mapping[str, str]) -> str:
    """Give the protocol that a target is asked over."""
    if info is None:
        return "openai-chat"
    elsewhere = config.base_url or any(env.get(name) for name in info.base_url_env)
    # a proxy or another server in the provider's name speaks what it always spoke
    return info.protocol if elsewhere else info.protocol_for(config.model_id)


def _issuers(protocol: str, provider: str, model: str) -> frozenset[str]:
    """Give those whose own tools are passed on, as the protocol's codec does."""
    if protocol == "openai-chat":
        dialect = dialect_of(provider, model)
        return frozenset((dialect.issuer, provider) if dialect.native_tools else ())
    info = registry.provider(provider)
    issuer = info.issuer if info and protocol == "openai-responses" else protocol
    return frozenset((protocol, issuer, provider))


def _what_to_set(config: TargetConfig, info: ProviderInfo | None) -> str:
    if config.api_key_env:
        return f"set {config.api_key_env} in the environment"
    names = " or ".join(info.key_env) if info else "api_key"
    return f"set {names} in the environment, or api_key in the target"


def _bound(config: BoundTarget, catalog: Catalog) -> Target:
    info = registry.provider(config.provider)
    provider = info.id if info else config.provider
    return Target.build(
        config,
        catalog.find(provider, config.model_id),
        provider=provider,
        quota_group=config.quota_group or config.account or f"{provider}#{config.name}",
        issuers=frozenset((provider, info.issuer) if info else (provider,)),
        free=bool(info and info.local),
        estimates=_placed(config, provider, catalog),
        today=_today(),
    )


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _placed(config: TargetConfig, provider: str, catalog: Catalog) -> Mapping[str, Estimate] | None:
    if not config.benchmarks:
        return None
    try:
        return catalog.placed(provider, config.model_id, config.benchmarks)
    except ConfigurationError as error:
        raise ConfigurationError(f"target {config.name!r}: {error}") from None


def _by_effort(target: Target, config: TargetConfig) -> list[Target]:
    """Give a target's candidates: itself, or one for each effort it may be asked at."""
    if config.efforts is None:
        return [target]
    able = target.abilities
    takes = able.reasoning_efforts or EFFORTS
    if able.reasoning is False or not set(config.efforts) <= set(takes):
        why = "it does not reason" if able.reasoning is False else f"it takes {', '.join(takes)}"
        raise ConfigurationError(
            f"target {config.name!r}: efforts {', '.join(config.efforts)}: {why}, as far as known; "
            "if that is wrong, state `reasoning` and `reasoning_efforts` in its abilities"
        )
    serves: dict[str | None, set[str]] = {}
    for asked in EFFORTS:
        serves.setdefault(nearest_effort(asked, config.efforts), set()).add(asked)
    return [
        replace(
            target,
            name=name,
            endpoint=target.name,
            effort=effort,
            serves_efforts=frozenset(serves[effort]),
            outlooks=target.at_efforts.get(effort, target.outlooks),
            at_efforts=EMPTY_MAP,
            spellings=target.spellings | {f"{said}@{effort}" for said in target.spellings},
        )
        for name, effort in zip(config.candidates, config.efforts, strict=True)
    ]


def _backends(backend: Backend, config: TargetConfig) -> dict[str, Backend]:
    if config.efforts is None:
        return {config.name: backend}
    return {
        name: AtEffort(backend, effort)
        for name, effort in zip(config.candidates, config.efforts, strict=True)
    }


def quota_group(provider: str, base_url: str | None, key: str | None) -> str:
    """Name the group of all targets with this key: a rate limit belongs to an account.

    The digest tells keys apart without telling what they are.
    """
    secret = f"{base_url or ''}\0{key or ''}".encode()
    return f"{provider}#{hashlib.blake2b(secret, digest_size=4).hexdigest()}"


def _endpoint(
    config: TargetConfig,
    info: ProviderInfo | None,
    target: Target,
    *,
    key: str | None,
    known: bool,
    env: Mapping[str, str],
) -> Endpoint:
    url = config.base_url
    if url is None and info is not None:
        url = registry.default_base_url(info, env, region=config.options.get("region"))
    if url is None:
        where = " or ".join((*info.base_url_env, *info.region_env)) if info else ""
        raise ConfigurationError(
            f"target {config.name!r}: where {target.provider} is reached is not known: "
            f"give base_url{f', or set {where} in the environment' if where else ''}"
        )
    return Endpoint(
        name=config.name,
        provider=target.provider,
        model=config.model_id,
        base_url=url,
        api_key=key,
        headers=tuple(config.headers.items()),
        abilities=target.abilities if known or config.abilities else None,
        max_output=target.max_output,
        options={**(info.options_from(env) if info else {}), **config.options},
    )


def discover(
    catalog: Catalog, env: Mapping[str, str], *, keys_required: bool = True
) -> list[TargetConfig]:
    """Choose targets from the keys in the environment.

    Of each provider whose key is set: its measured models on the frontier of quality and price,
    the best, the cheapest and one between; where none is measured, its newest.

    Args:
        catalog: What is known of models.
        env: Where keys are looked up.
        keys_required: False: as if the key of every provider with measured models were set.

    Raises:
        MissingKeyError: No key of any known provider is set; says which could be.
    """
    found: list[TargetConfig] = []
    looked: list[str] = []
    for info in registry.PROVIDERS.values():
        if info.local or registry.default_base_url(info, env) is None:
            continue  # Azure: its deployments have names that only the user knows
        looked.append(info.key_env[0])
        if any(env.get(name, "").strip() for name in (*info.key_env, *info.credentials_env)):
            chosen = _frontier(catalog.models(provider=info.id))
        elif not keys_required:
            chosen = [m for m in _frontier(catalog.models(provider=info.id)) if m.quality]
        else:
            continue
        found.extend(TargetConfig(model=facts.id) for facts in chosen)
    if not found:
        raise MissingKeyError(
            f"no API key was found in the environment: set one of {', '.join(looked)}, "
            'or name targets, as in Router(models=["ollama/llama3.2"])'
        )
    return found


def _frontier(models: Sequence[ModelFacts]) -> list[ModelFacts]:
    able = [
        m
        for m in models
        if m.status != "deprecated"
        and m.rates is not None
        and m.abilities.tools is not False
        and (m.abilities.output is None or "text" in m.abilities.output)
    ]
    measured = [m for m in able if "overall" in m.quality]
    if not measured:
        return sorted(able, key=lambda m: m.release_date or "", reverse=True)[:1]
    frontier: list[ModelFacts] = []
    best = -1.0
    for model in sorted(measured, key=_price_then_quality):
        score = model.quality["overall"].value
        if score > best:
            frontier.append(model)
            best = score
    if len(frontier) > MODELS_PER_PROVIDER:
        frontier = [frontier[0], frontier[len(frontier) // 2], frontier[-1]]
    return frontier[::-1]


def _price_then_quality(model: ModelFacts) -> tuple[float, float]:
    spent = model.output_tokens.get("overall")
    rates = model.rates
    price = rates.output_usd * (spent.value if spent else 1.0) if rates else 0.0
    return price, -model.quality["overall"].value
