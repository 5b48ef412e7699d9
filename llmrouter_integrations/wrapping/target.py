"""Targets of model objects: whose they are, whose account they use, and how they are stated."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from llmrouter_integrations.config import BoundTarget, TargetConfig
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.fleet import quota_group
from llmrouter_integrations.wire import registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

__all__ = ["account_of_key", "bound", "key_of", "limited_s", "named_in", "served_at"]


def bound(model: str, backend: Any, account: str | None, said: Mapping[str, Any]) -> BoundTarget:
    """Make a target, of what is known and what its user said.

    Raises:
        ConfigurationError: The user said something wrong.
    """
    try:
        return BoundTarget(model=model, backend=backend, account=account, **said)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        told = "; ".join([_told(fault) for fault in faults])
        raise ConfigurationError(f"target {said.get('name') or model}: {told}") from None


def _told(fault: ErrorDetails) -> str:
    field = ".".join(map(str, fault["loc"]))
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field, TargetConfig.model_fields, n=1)
        message = "no such setting" + (f"; did you mean {near[0]!r}?" if near else "")
    return f"{field}: {message}" if field else message


def key_of(model: BaseModel) -> str | None:
    """Give a model object's key, if it holds one."""
    for name, value in vars(model).items():
        if isinstance(value, SecretStr) and "key" in name:
            return value.get_secret_value() or None
        if name == "api_key" and isinstance(value, str) and value:
            return value
    return None


def served_at(url: str | None) -> str | None:
    """Give the id of the provider at a URL: many are reached by OpenAI's client."""
    host = urlsplit(url).netloc if url else None
    known = registry.PROVIDERS.values()
    return next(
        (p.id for p in known if host and p.base_url and urlsplit(p.base_url).netloc == host), None
    )


def account_of_key(provider: str, key: str | None, url: str | None) -> str | None:
    """Name the quota group of a key, as a target that is reached over HTTP would; None without."""
    info = registry.provider(provider)
    if key is None and not (info and info.local):
        return None
    said = url.rstrip("/") if url else None
    return quota_group(provider, None if info and said == info.base_url else said, key)


def named_in(model: object, names: frozenset[str]) -> bool:
    """Whether a model object is of one of these classes, by their names."""
    return any(kind.__name__ in names for kind in type(model).__mro__)


def limited_s(model: object, seconds: float) -> float:
    """Give the time a call may take: no longer than the model object itself was built to wait."""
    own = (
        getattr(model, name, None)
        for name in ("request_timeout", "default_request_timeout", "timeout")
    )
    return min([seconds, *(said for said in own if isinstance(said, int | float))])
