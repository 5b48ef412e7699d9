"""Configuration: ``llmrouter.yaml`` and constructor arguments become a :class:`RouterConfig`."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from llmrouter_integrations.budgets import BudgetConfig
from llmrouter_integrations.config_file import WrittenConfig, dotted
from llmrouter_integrations.errors import ConfigurationError, UnknownHintError, UnknownModelError
from llmrouter_integrations.exploring import ExploreConfig
from llmrouter_integrations.hints import DataPolicy, Prefer, RoutingHints

__all__ = ["Balance", "BoundTarget", "Effort", "Protocol", "RouterConfig", "TargetConfig"]

Balance = Literal["weighted", "least_busy", "fastest"]
Protocol = Literal["openai-chat", "openai-responses", "anthropic", "gemini", "cohere", "bedrock"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

_WRITTEN_OPTIONS = frozenset({"api_version", "location", "profile", "project", "region"})
"""Options that stand in dumps and pickles; any other may be a secret."""

_DAY_S = 86_400
_YES_OR_NO = ("tools", "structured_output", "temperature", "reasoning", "reasoning_toggle")


class _Settings(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_flag_for_a_figure(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name not in ("verify", "keep_prompts"):
            raise ValueError("must not be true or false")
        return value


class TargetConfig(_Settings):
    """One target: a model at a provider, with a key and settings.

    Attributes:
        model: ``provider/model`` (``provider:model`` is read too), in the provider's spelling.
        name: What decisions, attempts and metadata call it; the ``model`` unless given.
        base_url: Where it is reached, if not at the provider's usual place.
        api_key: Its key; found in the provider's environment variable unless given.
        api_key_env: Another environment variable to find the key in.
        protocol: The wire protocol; the provider's usual one unless given.
        quota_group: Targets that share one rate limit; one per provider and key unless given.
        weight: Share of the traffic among targets that rank the same.
        region: Where the data is processed, as the user names it ("eu").
        data_policy: What the provider promises: "no_training", or the stronger "zero_retention".
        input_usd_per_mtok: Price of a million input tokens, in dollars; overrides the known one.
            Where none is known, input and output must both be stated.
        output_usd_per_mtok: Likewise for output.
        cache_read_usd_per_mtok: Likewise for input read from the provider's cache.
        cache_write_usd_per_mtok: Likewise for input written to it.
        context_window: Most tokens of prompt and answer together, and of a prompt; overrides what
            is known.
        max_output: Most tokens of an answer; overrides what is known.
        quality: P(good answer), 0..1: one figure, or one per task; overrides what is known. It
            holds at the model's default effort.
        benchmarks: Published scores in percent, such as ``{"SWE-Bench Pro": 59.1}``, by which a
            model is placed among those known; see docs/quality.md.
        efforts: Reasoning efforts among which the router may choose, each a candidate of its own
            that is named ``name@effort``. None: requests are sent at the effort they ask for.
        abilities: Overrides of what it can do, such as ``{"tools": true, "input": ["text"]}``.
        max_concurrency: Most calls under way at once.
        headers: Further HTTP headers to send. Any may be a secret: dumps and pickles hold none.
        options: Settings of the protocol, such as Azure's ``api_version`` or Bedrock's ``region``.
            Of these, dumps and pickles hold what is known to be no secret.
    """

    model: str = Field(min_length=1)
    name: str = ""
    base_url: str | None = None
    api_key: SecretStr | None = None
    api_key_env: str | None = None
    protocol: Protocol | None = None
    quota_group: str | None = None
    weight: float = Field(default=1.0, gt=0)
    region: str | None = None
    data_policy: DataPolicy | None = None
    input_usd_per_mtok: float | None = Field(default=None, ge=0)
    output_usd_per_mtok: float | None = Field(default=None, ge=0)
    cache_read_usd_per_mtok: float | None = Field(default=None, ge=0)
    cache_write_usd_per_mtok: float | None = Field(default=None, ge=0)
    context_window: int | None = Field(default=None, gt=0)
    max_output: int | None = Field(default=None, gt=0)
    quality: float | dict[str, float] | None = None
    benchmarks: dict[str, Annotated[float, Field(ge=0, le=100)]] | None = None
    efforts: tuple[Effort, ...] | None = Field(default=None, min_length=1)
    abilities: dict[str, Any] = Field(default_factory=dict)
    max_concurrency: int | None = Field(default=None, gt=0)
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    options: dict[str, Any] = Field(default_factory=dict, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"model": value}
        model = value.get("model") if isinstance(value, dict) else value
        if model is None or isinstance(model, str | TargetConfig):
            return value
        raise ValueError(
            f"a {type(model).__name__} is no target: write 'provider/model', or wrap the object "
            "in its framework's as_target(...), such as llmrouter_integrations.langchain's"
        )

    @field_validator("model")
    @classmethod
    def _has_provider(cls, value: str) -> str:
        provider, model = split_model(value)
        if not provider or not model:
            raise ValueError(
                f"{value!r} must be written provider/model, such as 'openai/gpt-5.4-mini'"
            )
        return value

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if " " in value or not value.isprintable():
            raise ValueError("must hold no blanks or control characters")
        parts = urlsplit(value)
        if parts.port == 0 or parts.fragment:  # a port that is none raises ValueError
            raise ValueError("must hold no fragment, and a port between 1 and 65535 if any")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an absolute http or https URL")
        if parts.username or parts.password or parts.query:
            raise ValueError("must hold no credentials or query; use api_key, headers or options")
        return value.rstrip("/")

    @field_validator("quality")
    @classmethod
    def _probability(cls, value: float | dict[str, float] | None) -> Any:
        figures = value.values() if isinstance(value, dict) else [value]
        if any(f is not None and not 0 <= f <= 1 for f in figures):
            raise ValueError("must be between 0 and 1")
        return value

    @field_validator("efforts")
    @classmethod
    def _once(cls, value: tuple[Effort, ...] | None) -> Any:
        if value is not None and len(set(value)) < len(value):
            raise ValueError("names an effort twice")
        return value

    @field_validator("abilities")
    @classmethod
    def _able(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, said in value.items():
            if name in ("input", "output") and not isinstance(said, list | tuple | set | frozenset):
                raise ValueError(f"{name!r} must be a list such as ['text', 'image']")
            if name in _YES_OR_NO and not isinstance(said, bool | None):
                raise ValueError(f"{name!r} must be true or false")
        return value

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not self.name:
            object.__setattr__(self, "name", self.model)
        return self

    @property
    def candidates(self) -> tuple[str, ...]:
        """What its candidates are named: its name, or one with each effort."""
        if self.efforts is None:
            return (self.name,)
        return tuple([f"{self.name}@{effort}" for effort in self.efforts])

    @property
    def provider(self) -> str:
        """The provider's name, as written."""
        return split_model(self.model)[0]

    @property
    def model_id(self) -> str:
        """The model's name in the provider's own spelling."""
        return split_model(self.model)[1]

    @field_serializer("headers")
    def _no_headers(self, _: dict[str, str]) -> dict[str, str]:
        return {}

    @field_serializer("options")
    def _written_options(self, value: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in value.items() if k in _WRITTEN_OPTIONS}

    def __getstate__(self) -> dict[Any, Any]:
        # A pickle may travel to a disk or a queue: what it leaves out is found again in the
        # environment where it is loaded.
        state = super().__getstate__()
        own = dict(state["__dict__"])
        own["api_key"] = None
        own["headers"] = {}
        own["options"] = self._written_options(self.options)
        return {**state, "__dict__": own}


class BoundTarget(TargetConfig):
    """A target that is reached through a backend of the caller's own, such as a model object.

    It needs no key. Price and abilities are looked up by ``model``, where they are not stated.
    For LangChain's models, :func:`llmrouter_integrations.langchain.as_target` makes one.

    Attributes:
        backend: Who performs its calls, as
            :class:`~llmrouter_integrations.dispatch.backend.Backend` has it.
        account: Whose rate limit its calls count against, where that is known and no
            ``quota_group`` is given; otherwise it is taken to have a limit of its own.
    """

    backend: Any = Field(exclude=True, repr=False)
    account: str | None = Field(default=None, exclude=True, repr=False)

    @model_validator(mode="after")
    def _reached_by_its_backend(self) -> Self:
        for name in ("base_url", "api_key", "api_key_env", "protocol", "headers", "options"):
            if getattr(self, name):
                raise ValueError(f"{name} is its backend's own matter: set it there")
        return self


HedgeAfter = Literal["p50", "p75", "p90", "p95", "p99"]


class RouterConfig(_Settings):
    """Everything a :class:`~llmrouter_integrations.Router` can be told; the keys of the YAML file.

    Attributes:
        models: The targets; None: those whose keys are in the environment.
        policy: "utility" (most expected value for the money) or "ordered" (as listed: failover).
        balance: How replicas (one model at one provider, with several keys or in regions) share the
            traffic: "weighted", "least_busy" or "fastest"; see docs/routing.md. None: weighted,
            and under the policy "ordered" not at all.
        prefer: A preset of the prices of quality and of waiting.
        value_usd: What a good answer is worth, in dollars; overrides the preset's.
        timeout_s: Total time of a request, retries and fallbacks included, in seconds.
        first_token_timeout_s: Longest wait for the first token of one attempt, in seconds.
        idle_timeout_s: Longest silence within an answer, in seconds.
        max_retries: Calls a request may make beyond the first one to each target of its plan.
        hedge_after: When a request that asks for it (the hint ``hedge``) races a second target: a
            quantile of what calls of its size lately took ("p95"), or seconds. Of a stream, until
            its first content.
        hedge_share: What hedges may add to the cost of all requests that ask for them, 0..1.
        budgets: What may be spent in an hour, a day, a month or in all; see docs/budgets.md.
        predictor: Path of what ``llmrouter fit`` learned from your labels; see docs/feedback.md.
        explore: Within which bounds requests try targets that may be better than they look; None:
            not at all.
        hysteresis: By how much more another target must be worth than the one chosen last for such
            requests, as a share of a good answer's value. 0: by nothing.
        keep_prompts: Whether the prompts of recent answers are remembered, for ``Router.labels``.
        cooldown_s: First rest of a failing target, in seconds; doubles with each failed probe.
        max_cooldown_s: Longest such rest, in seconds.
        http: Which HTTP engine: "auto", "httpx" or "aiohttp"; see docs/transport.md.
        proxy: Proxy URL for all providers; the usual environment variables unless given.
        verify: TLS verification: true, or the path of a CA bundle.
        hints: Hints for requests that bring none of their own.
    """

    models: tuple[TargetConfig, ...] | None = None
    policy: Literal["utility", "ordered"] = "utility"
    balance: Balance | None = None
    prefer: Prefer = "balanced"
    value_usd: float | None = Field(default=None, ge=0)
    timeout_s: float = Field(default=300.0, gt=0, le=_DAY_S)
    first_token_timeout_s: float = Field(default=90.0, gt=0, le=_DAY_S)
    idle_timeout_s: float = Field(default=60.0, gt=0, le=_DAY_S)
    max_retries: int = Field(default=1, ge=0)
    hedge_after: HedgeAfter | Annotated[float, Field(ge=0, le=_DAY_S)] = "p95"
    hedge_share: float = Field(default=0.1, ge=0, le=1)
    budgets: tuple[BudgetConfig, ...] = ()
    predictor: str | None = Field(default=None, min_length=1)
    explore: ExploreConfig | None = None
    hysteresis: float = Field(default=0.01, ge=0, le=1)
    keep_prompts: bool = False
    cooldown_s: float = Field(default=1.0, gt=0, le=_DAY_S)
    max_cooldown_s: float = Field(default=60.0, gt=0, le=_DAY_S)
    http: Literal["auto", "httpx", "aiohttp"] | None = None
    proxy: str | None = Field(default=None, repr=False)
    verify: bool | str = True
    hints: dict[str, Any] = Field(default_factory=dict)

    @field_validator("hints")
    @classmethod
    def _known_hints(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            RoutingHints.of(value)
        except UnknownHintError as error:
            raise ValueError(str(error)) from None
        return value

    @field_serializer("hints", when_used="json")
    def _write_hints(self, value: dict[str, Any]) -> dict[str, Any]:
        return RoutingHints.of(value).as_plain()

    @field_validator("budgets", mode="before")
    @classmethod
    def _lone_budget(cls, value: Any) -> Any:
        return (value,) if isinstance(value, Mapping | BudgetConfig) else value

    @field_validator("models")
    @classmethod
    def _not_none(cls, value: tuple[TargetConfig, ...] | None) -> Any:
        if value is not None and not value:
            raise ValueError(
                "no models: name at least one, or leave `models` out for those whose keys are in "
                "the environment"
            )
        return value

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        seen: set[str] = set()
        for target in self.models or ():
            for name in {target.name, *target.candidates}:
                if name in seen:
                    raise ValueError(
                        f"two targets are named {name!r}; give one of them another `name`"
                    )
                seen.add(name)
        if self.explore is not None and self.policy == "ordered":
            raise ValueError("explore needs the policy 'utility': an order given is kept to")
        names = [budget.name for budget in self.budgets]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two budgets are named {twice!r}; give one of them another `name`")
        return self

    @field_serializer("proxy")
    def _without_password(self, value: str | None) -> str | None:
        return None if value and "@" in value else value

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        own = {**state["__dict__"], "proxy": self._without_password(self.proxy)}
        return {**state, "__dict__": own}

    @classmethod
    def of(cls, models: Any = None, **settings: Any) -> RouterConfig:
        """Build from constructor arguments; a lone target needs no list.

        Raises:
            ConfigurationError: Names the argument, what was wrong with it, and the nearest name.
        """
        try:
            if isinstance(models, str | Mapping | TargetConfig):
                models = (models,)
            return cls(models=None if models is None else tuple(models), **settings)
        except ValidationError as error:
            raise _explain(error) from None
        except TypeError as error:
            raise ConfigurationError(f"models must be a list of targets: {error}") from None

    @classmethod
    def read(cls, source: RouterConfig | Mapping[str, Any] | str | Path) -> RouterConfig:
        """Read a configuration: an object, a mapping of its fields, or the path of a YAML file.

        Raises:
            ConfigurationError: It is none of these, or not valid; says where.
        """
        if isinstance(source, RouterConfig):
            return source
        if isinstance(source, Mapping):
            return cls.of(**{str(name): value for name, value in source.items()})
        if isinstance(source, str | Path):
            return cls.load(source)
        raise ConfigurationError(
            "a configuration is a RouterConfig, a mapping of its fields, or the path of a YAML "
            f"file, not {type(source).__name__}"
        )

    @classmethod
    def load(cls, path: str | Path, env: Mapping[str, str] | None = None) -> RouterConfig:
        """Read a YAML file. ``${NAME}`` in a value is replaced from the environment.

        Raises:
            ConfigurationError: Unreadable, not YAML, or not a valid configuration; the message
                names the file, the line and the field.
        """
        env = os.environ if env is None else env
        written = WrittenConfig.read(Path(path), env)
        data = written.data
        if "models" in data and data["models"] is None:
            data["models"] = []  # a list with nothing left in it is not "no list"
        try:
            return cls(**data)
        except ValidationError as error:
            told = _explain(error, written)
            raise type(told)(written.unfilled(str(told), env)) from None
        except TypeError as error:  # a key that is no string
            raise ConfigurationError(f"{path}: {error}") from None


def split_model(written: str) -> tuple[str, str]:
    """Split ``provider/model`` or ``provider:model`` at whichever separator comes first."""
    for at, char in enumerate(written):
        if char in "/:":
            return written[:at].strip().lower(), written[at + 1 :].strip()
    return "", written.strip()


_OWNERS: Mapping[str, type[BaseModel]] = {
    "models": TargetConfig,
    "budgets": BudgetConfig,
    "explore": ExploreConfig,
}


def _explain(error: ValidationError, written: WrittenConfig | None = None) -> ConfigurationError:
    """Say in our words what is wrong, and where it stands."""
    told: list[str] = []
    kind: type[ConfigurationError] = ConfigurationError
    for fault in error.errors(include_input=False, include_url=False):
        at = tuple(fault["loc"])
        message = fault["msg"].removeprefix("Value error, ").replace("valid tuple", "list")
        owner = _OWNERS.get(str(at[0]), RouterConfig) if len(at) > 1 else RouterConfig
        if fault["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(at[-1]), owner.model_fields, n=1)
            message = "no such setting" + (f"; did you mean {near[0]!r}?" if near else "")
        if at[-1:] == ("model",):
            kind = UnknownModelError
        where = "" if written is None else f"line {written.line_of(at)}: "
        told.append(f"{where}field {dotted(at)}: {message}" if at else f"{where}{message}")
    prefix = "" if written is None else f"{written.path}: "
    return kind(prefix + "; ".join(told))
