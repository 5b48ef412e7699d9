"""What a ``RoutedLLM`` is made of: its router, its hints, and how it is written down."""

# ruff: noqa: TC002, TC003  (pydantic resolves the annotations at run time)

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, Self, cast

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.llms.function_calling import FunctionCallingLLM
from pydantic import (
    BaseModel,
    Field,
    InstanceOf,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from llmrouter_integrations.config import RouterConfig, TargetConfig
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.hints import EMPTY, Prefer, RoutingHints
from llmrouter_integrations.llama_index.given import with_llms_bound
from llmrouter_integrations.llama_index.hints import hints_of
from llmrouter_integrations.llama_index.targets import common_metadata
from llmrouter_integrations.settings import (
    check_arguments,
    config_from,
    explain_arguments,
    models_from,
    plain_config,
    plain_target,
    read_param,
    read_router,
)

if TYPE_CHECKING:
    from llmrouter_integrations.router import Router

__all__ = ["PARAMS", "LLMWithRouter"]

_ALWAYS: Final = ("models", "hints")
"""What travels or is told that it cannot: without it, the LLM would not be the same."""

PARAMS: Final = ("temperature", "top_p", "max_tokens", "seed", "reasoning_effort", "stop")
"""The attributes that are parameters of every call."""


class LLMWithRouter(FunctionCallingLLM):
    """An LLM that holds a router, made of its arguments and written down without their keys."""

    models: tuple[TargetConfig, ...] | None = None
    config: RouterConfig | None = None
    router: Any = Field(default=None, exclude=True, repr=False)
    api_key: SecretStr | None = Field(default=None, exclude=True, repr=False)
    policy: Literal["utility", "ordered"] | None = None
    prefer: Prefer | None = None
    timeout: float | None = Field(default=None, gt=0, le=86_400)
    max_retries: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: list[str] | str | None = None
    seed: int | None = None
    reasoning_effort: str | None = None
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)
    hints: InstanceOf[RoutingHints] = EMPTY

    _made_of: tuple[Any, ...] | None = PrivateAttr(default=None)
    _default_hints: tuple[Any, RoutingHints] = PrivateAttr(default=(None, EMPTY))
    _known: tuple[Any, LLMMetadata, dict[str, Any]] | None = PrivateAttr(default=None)

    # -- making one ---------------------------------------------------------------------------

    def __init__(self, *positional: Any, **arguments: Any) -> None:
        arguments.pop("class_name", None)  # stands in what LlamaIndex has written down
        known = type(self).model_fields
        elsewhere = "additional_kwargs, as extra_body"
        check_arguments("RoutedLLM", positional, arguments, known, elsewhere)
        try:
            super().__init__(**arguments)
        except ValidationError as error:
            raise explain_arguments("RoutedLLM", error) from None

    @field_validator("models", mode="before")
    @classmethod
    def _read_models(cls, value: Any) -> Any:
        return None if value is None else models_from(with_llms_bound(value))

    @field_validator("config", mode="before")
    @classmethod
    def _read_config(cls, value: Any) -> Any:
        if isinstance(value, dict) and "models" in value:
            value = {**value, "models": with_llms_bound(value["models"])}
        return None if value is None else RouterConfig.read(value)

    @field_validator("router")
    @classmethod
    def _read_router(cls, value: Any) -> Any:
        return None if value is None else read_router("RoutedLLM", value)

    @field_validator(*PARAMS)
    @classmethod
    def _read_param(cls, value: Any, info: ValidationInfo) -> Any:
        return read_param("RoutedLLM", cast("str", info.field_name), value)

    @field_validator("hints", mode="before")
    @classmethod
    def _read_hints(cls, value: Any) -> RoutingHints:
        return RoutingHints.of(value)

    @model_validator(mode="after")
    def _have_router(self) -> Self:
        given = self.router is not None and self._made_of is None
        if given and any(part is not None for part in self._parts()[:4]):
            raise ConfigurationError(
                "give either a router, or what to make one of (models, config, api_key, policy)"
            )
        self._engine()
        return self

    def _parts(self) -> tuple[Any, ...]:
        return (self.models, self.config, self.api_key, self.policy, self.max_retries)

    def _engine(self) -> Router:
        """Give the router, made anew where what it was made of has changed since."""
        if self.router is None or self._made_of is not None:
            parts = self._parts()
            if self.router is None or self._made_of != parts:
                from llmrouter_integrations.router import Router  # with all its providers: late

                settings = {"policy": self.policy, "max_retries": self.max_retries}
                self.router = Router(
                    config=config_from(self.models, self.config, self.api_key, **settings)
                )
                self._made_of = parts
        return cast("Router", self.router)

    def with_hints(
        self, hints: RoutingHints | Mapping[str, Any] | None = None, /, **fields: Any
    ) -> Self:
        """Give a view of this LLM that says something of every request it makes.

        It shares the router: what one learns of a provider's health, the other knows. It can
        stand wherever an LLM can, so it reaches calls that no other hint reaches.

        Args:
            hints: The hints, as an object or a mapping.
            **fields: Fields of :class:`~llmrouter_integrations.RoutingHints`; they win over
                ``hints``, and both over what this LLM was already bound to say.

        Raises:
            UnknownHintError: A hint that does not exist, or a value it cannot take.
        """
        self._engine()  # a copy of an LLM without one would make its own
        return self.model_copy(update={"hints": hints_of(hints, fields).over(self.hints)})

    # -- what LlamaIndex asks of it -----------------------------------------------------------

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex writes it down."""
        return "RoutedLLM"

    @property
    def metadata(self) -> LLMMetadata:
        """What may be counted on, whichever target answers."""
        return self._told()[1]

    def to_payload(self) -> dict[str, Any]:
        """What traces and callbacks are told of this LLM: never a key."""
        said = {name: value for name in PARAMS if (value := getattr(self, name)) is not None}
        if self.hints:
            said["hints"] = self.hints.as_plain()
        return {**self._told()[2], **said}

    def _told(self) -> tuple[Any, LLMMetadata, dict[str, Any]]:
        """Give what LlamaIndex asks for many times a query, put together once."""
        router = self._engine()
        of = (router, self.max_tokens)
        told = self._known
        if told is None or told[0] != of:
            configs = router.config.models or ()
            metadata = common_metadata(router.targets, configs, self.max_tokens)
            payload = {
                "class_name": self.class_name(),
                **metadata.model_dump(),
                "models": [target.name for target in router.targets],
            }
            told = self._known = (of, metadata, payload)
        return told

    # -- what may be written down: never a key --------------------------------------------------

    @field_serializer("models")
    def _write_models(self, models: tuple[TargetConfig, ...] | None) -> list[Any] | None:
        return None if models is None else [plain_target(target) for target in models]

    @field_serializer("config")
    def _write_config(self, _: RouterConfig | None) -> dict[str, Any] | None:
        config = self._stated_config()
        return None if config is None else plain_config(config)

    @field_serializer("hints")
    def _write_hints(self, hints: RoutingHints) -> dict[str, Any]:
        return hints.as_plain()

    def _stated_config(self) -> RouterConfig | None:
        """Give the configuration, also that of a given router."""
        if self.config is None and self.router is not None and self._made_of is None:
            return cast("Router", self.router).config
        return self.config

    def __repr_args__(self) -> Any:
        said: dict[str, Any] = {"models": [target.name for target in self.models or ()]}
        if not self.models:
            said = {"router": self.router}
        for name in (*PARAMS, "policy", "prefer", "timeout", "max_retries"):
            said[name] = getattr(self, name)
        said["hints"] = self.hints.as_plain() or None
        return [(name, value) for name, value in said.items() if value is not None]

    def __getstate__(self) -> dict[Any, Any]:
        # The router is made anew where this is loaded, with the keys of the environment there.
        # Not as BaseComponent does it, which takes what cannot be pickled from this object too.
        state = BaseModel.__getstate__(self)
        own = {k: v for k, v in state["__dict__"].items() if k in _ALWAYS or _travels(v)}
        own |= {"router": None, "api_key": None, "config": self._stated_config()}
        nothing = {"_made_of": None, "_known": None, "_default_hints": (None, EMPTY)}
        return {**state, "__dict__": own, "__pydantic_private__": nothing}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        defaults = {
            name: field.get_default(call_default_factory=True)
            for name, field in type(self).model_fields.items()
        }
        BaseModel.__setstate__(self, {**state, "__dict__": defaults | state["__dict__"]})
        self.check_prompts()  # type: ignore[operator]  # a method, behind pydantic's decorator


def _travels(value: Any) -> bool:
    """Whether a value can be pickled: callbacks, locks and closures stay where they are."""
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001  (whatever it is, it cannot travel)
        return False
    return True
