"""What a framework's model object is made of: its router's configuration, read and written down.

Written down it never holds a key.
"""

from __future__ import annotations

import difflib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.config import BoundTarget, RouterConfig, TargetConfig
from llmrouter_integrations.errors import ConfigurationError, InvalidRequestError, UnknownHintError
from llmrouter_integrations.wire.inbound import request_from

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from pydantic import SecretStr, ValidationError

    from llmrouter_integrations.hints import RoutingHints

__all__ = [
    "backend_name",
    "check_arguments",
    "check_instance",
    "config_from",
    "explain_arguments",
    "models_from",
    "plain_config",
    "plain_target",
    "read_param",
    "read_router",
    "with_stated",
]

_log = logging.getLogger("llmrouter_integrations")


def check_arguments(
    owner: str,
    positional: Sequence[Any],
    given: Iterable[str],
    known: Collection[str],
    elsewhere: str,
) -> None:
    """Refuse constructor arguments that do not exist.

    Args:
        owner: The class's name.
        positional: The arguments without a name; there are none.
        given: The arguments' names.
        known: Those that exist.
        elsewhere: Where a provider's own parameters go.

    Raises:
        ConfigurationError: One does not exist; names the nearest that does.
    """
    if positional:
        raise ConfigurationError(
            f"{owner} takes no positional arguments; write {owner}(models=[...])"
        )
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigurationError(
                f"{owner} has no argument {name!r}"
                + (f"; did you mean {near[0]!r}?" if near else "")
                + f" (a provider's own parameters go into {elsewhere})"
            )


def check_instance(given: Any, kind: type) -> None:
    """Refuse a class where an object of it is meant.

    Raises:
        ConfigurationError: It is one.
    """
    if isinstance(given, type) and issubclass(given, kind):
        name = given.__name__
        raise ConfigurationError(f"{name} is a class: give an object of it, as in {name}(...)")


def explain_arguments(owner: str, error: ValidationError) -> ConfigurationError:
    """Say of constructor arguments what pydantic found wrong with them, without their values."""
    faults = error.errors(include_url=False, include_input=False)
    told = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults]
    return ConfigurationError(f"{owner}: {'; '.join(told)}")


def config_from(
    models: Sequence[TargetConfig] | None,
    config: RouterConfig | None,
    api_key: SecretStr | None,
    **settings: Any,
) -> RouterConfig:
    """Put a router's configuration together.

    Args:
        models: The targets; None: the configuration's, or those whose keys are in the environment.
        config: What the arguments do not say.
        api_key: The key of targets that bring none.
        **settings: Fields of :class:`RouterConfig`; None means unsaid.

    Raises:
        ConfigurationError: ``api_key`` is given, and it is not clear whose key it is.
    """
    said = {name: value for name, value in settings.items() if value is not None}
    if models is not None:
        said["models"] = tuple(models)
    base = config or RouterConfig()
    if api_key is not None:
        said["models"] = _with_key(said.get("models", base.models) or (), api_key)
    return RouterConfig.of(**{**dict(base), **said}) if said else base


def models_from(value: Any) -> tuple[TargetConfig, ...]:
    """Read targets as users write them; a lone one needs no list.

    Raises:
        ConfigurationError: One is not written as a target is; says which and how.
    """
    return RouterConfig.of(value).models or ()


def read_router(owner: str, value: Any) -> Any:
    """Take a router that was given: a :class:`Router`, or whatever answers as one does.

    Raises:
        ConfigurationError: It is none.
    """
    if not hasattr(value, "run_stream"):
        raise ConfigurationError(
            f"{owner}: router must be a Router, not {type(value).__name__}; models go into `models`"
        )
    return value


def read_param(owner: str, name: str, value: Any) -> Any:
    """Take a parameter of every call, such as ``temperature``, as it was given.

    Raises:
        ConfigurationError: No call could take it.
    """
    try:
        request_from("", {name: value})
    except InvalidRequestError as error:
        raise ConfigurationError(f"{owner}: {error}") from None
    return value


def with_stated(hints: RoutingHints, model: Any, timeout: Any) -> RoutingHints:
    """Give a call's hints with what its kwargs say too.

    Args:
        hints: The hints.
        model: The only model that may answer; None: unsaid.
        timeout: The request's total time, in seconds; None: unsaid.

    Raises:
        UnknownHintError: They cannot be that.
    """
    said: dict[str, Any] = {}
    if model:
        said["models"] = (model,)
    if timeout is not None:
        if timeout == 0:
            raise UnknownHintError("timeout is 0: it must be greater, in seconds")
        said["timeout_s"] = timeout
    return replace(hints, **said) if said else hints


def _with_key(models: Sequence[TargetConfig], api_key: SecretStr) -> tuple[TargetConfig, ...]:
    if models and all(isinstance(m, BoundTarget) for m in models):
        # LangChain's standard tests give one to every model they make
        _log.warning("api_key is not used: the targets are model objects, which have their own")
        return tuple(models)
    keyless = [
        m
        for m in models
        if m.api_key is None and m.api_key_env is None and not isinstance(m, BoundTarget)
    ]
    providers = sorted({m.provider for m in keyless})
    if len(providers) > 1 or not models:
        raise ConfigurationError(
            "api_key would be sent to "
            + (f"several providers ({', '.join(providers)})" if providers else "any provider")
            + ": give each target its own, as in models=[{'model': ..., 'api_key': ...}]"
        )
    return tuple([m.model_copy(update={"api_key": api_key}) if m in keyless else m for m in models])


def backend_name(target: BoundTarget) -> str:
    """Name a target's backend, in a way that no constructor takes for a model it could reach."""
    return f"{type(target.backend).__name__}({target.model})"


def plain_target(
    target: TargetConfig, write: Callable[[BoundTarget], Any] = backend_name
) -> str | dict[str, Any]:
    """Write a target in plain JSON, without secrets, as the constructor reads it.

    Args:
        target: The target.
        write: Writes what stands for the ``model`` of a target with a backend of its own.
    """
    said = _plain(target)
    if isinstance(target, BoundTarget):
        return {**said, "model": write(target)}
    if said.get("name") == target.model:
        del said["name"]
    return target.model if said.keys() == {"model"} else said


def plain_config(
    config: RouterConfig, write: Callable[[BoundTarget], Any] = backend_name
) -> dict[str, Any]:
    """Write a configuration in plain JSON; as :func:`plain_target`."""
    said = _plain(config)
    if config.models:
        said["models"] = [plain_target(target, write) for target in config.models]
    return said


def _plain(settings: TargetConfig | RouterConfig) -> dict[str, Any]:
    kept = settings.__getstate__()["__dict__"]  # what pickles leave out is left out here too
    said = type(settings).model_construct(**kept).model_dump(mode="json", exclude_defaults=True)
    return {name: value for name, value in said.items() if value not in (None, {})}
