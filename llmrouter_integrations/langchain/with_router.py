"""How a chat model comes by its router, and what is written down of it: never a key."""

# ruff: noqa: TC002  (pydantic and LangChain resolve the annotations at run time)

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, Self
from weakref import WeakKeyDictionary

from langchain_core.language_models.model_profile import ModelProfile
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from llmrouter_integrations.config import RouterConfig, TargetConfig
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.langchain.given import (
    identifying,
    plain_model,
    with_models_bound,
)
from llmrouter_integrations.langchain.hints import HintedChatModel
from llmrouter_integrations.langchain.profile import common_profile
from llmrouter_integrations.router import Router
from llmrouter_integrations.settings import (
    check_arguments,
    config_from,
    explain_arguments,
    models_from,
    plain_config,
    plain_target,
    read_router,
)

__all__ = ["ModelWithRouter"]

_MADE: WeakKeyDictionary[Router, tuple[Any, ...]] = WeakKeyDictionary()
"""Routers made here, and of what: the copies LangChain makes of a model (``configurable_fields``
makes one for each call) share its router, its knowledge of who is healthy and its connections."""


_ENGINE: Final = "_engine_made"


class _Engine(NamedTuple):
    """A model's router, what it was made of, and what may be told of it."""

    router: Router
    parts: tuple[Any, ...]
    label: str
    written: dict[str, Any]


class ModelWithRouter(HintedChatModel):
    """A chat model that has a router: given, or made of models and settings.

    Copies share it, unless what it was made of differs. Pickles and ``dumps`` carry the
    configuration without keys; where they are loaded, the keys of that environment are used.
    """

    models: tuple[TargetConfig, ...] | None = None
    config: RouterConfig | None = None
    router: Any = Field(default=None, exclude=True, repr=False)
    api_key: SecretStr | None = Field(default=None, exclude=True, repr=False)
    policy: Literal["utility", "ordered"] | None = None
    max_retries: int | None = None

    def __init__(self, *positional: Any, **arguments: Any) -> None:
        known = type(self).model_fields
        elsewhere = "the call kwarg extra_body"
        check_arguments("RoutedChatModel", positional, arguments, known, elsewhere)
        try:
            super().__init__(**arguments)
        except ValidationError as error:
            raise explain_arguments("RoutedChatModel", error) from None

    @field_validator("models", mode="before")
    @classmethod
    def _read_models(cls, value: Any) -> Any:
        return None if value is None else models_from(with_models_bound(value))

    @field_validator("config", mode="before")
    @classmethod
    def _read_config(cls, value: Any) -> Any:
        if isinstance(value, dict) and "models" in value:
            value = {**value, "models": with_models_bound(value["models"])}
        return None if value is None else RouterConfig.read(value)

    @field_validator("router")
    @classmethod
    def _read_router(cls, value: Any) -> Any:
        return None if value is None else read_router("RoutedChatModel", value)

    @model_validator(mode="after")
    def _have_router(self) -> Self:
        self._engine()
        return self

    def _engine(self) -> _Engine:
        """Give the router, made anew where what it was made of has changed since."""
        engine = self._made()
        parts = (self.models, self.config, self.api_key, self.policy, self.max_retries)
        if engine is None or engine.parts != parts or engine.router is not self.router:
            router = self.router
            if router is None or not self._is_meant(router, parts):
                settings = {"policy": self.policy, "max_retries": self.max_retries}
                router = Router(
                    config=config_from(self.models, self.config, self.api_key, **settings)
                )
                _MADE[router] = parts
                self.router = router
            names = [target.name for target in router.targets]
            label = f"{names[0]} (+{len(names) - 1})" if len(names) > 1 else names[0]
            written = plain_config(router.config, identifying)
            engine = _Engine(router, parts, label, written)
            self.__dict__[_ENGINE] = engine
        return engine

    def _made(self) -> _Engine | None:
        # in no private attribute of pydantic's: reading one takes 1.5 us, three times a call
        engine: _Engine | None = self.__dict__.get(_ENGINE)
        return engine

    def _is_meant(self, router: Router, parts: tuple[Any, ...]) -> bool:
        """Whether the router at hand is the one to use, or parts of it have changed since."""
        made_of = _MADE.get(router)
        # without max_retries: LangChain's standard tests give it to every model they make
        if all(part is None for part in parts[:4]):
            return made_of is None or made_of == parts or any(p is not None for p in made_of[:4])
        if made_of == parts:
            return True
        names_models = any(part is not None for part in parts[:2])
        if made_of is not None and (names_models or all(part is None for part in made_of[:2])):
            return False  # this model's own, or that of the one it is a copy of
        if self._made() is None or not names_models:
            raise ConfigurationError(
                "give either a router, or what to make one of (models, config, api_key, policy)"
            )
        return False

    def _resolve_model_profile(self) -> ModelProfile:
        return common_profile(self._engine().router.targets)

    def to_json(self) -> Any:
        """Write it for LangChain's ``dumps``.

        ``load`` reads it back where it is told to trust this class (``allowed_objects``): by
        itself it trusts LangChain's own packages only, so ``is_lc_serializable`` stays False.
        """
        fields = type(self).model_fields
        said = {k: getattr(self, k) for k in self.model_fields_set if not fields[k].exclude}
        if self.models is not None:
            said["models"] = [plain_target(target, plain_model) for target in self.models]
        config = self.config or self._config_of_given_router()
        if config is not None:
            said["config"] = plain_config(config, plain_model)
        return {
            "lc": 1,
            "type": "constructor",
            "id": self.lc_id(),
            "kwargs": {k: v for k, v in said.items() if v is not None},
            "name": self.get_name(),
        }

    def _config_of_given_router(self) -> RouterConfig | None:
        given = self.router is not None and self.router not in _MADE
        return self.router.config if given else None

    def __getstate__(self) -> dict[Any, Any]:
        # the router is made anew where this is loaded, with the keys of the environment there
        state = super().__getstate__()
        own = {**state["__dict__"], "router": None, "api_key": None}
        own["config"] = self.config or self._config_of_given_router()
        own.pop(_ENGINE, None)
        return {**state, "__dict__": own}
