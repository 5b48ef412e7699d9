"""A model's own retries switched off, so that they do not multiply with its router's.

The model itself is left as it is: a copy is made, which shares its connections.
"""

from __future__ import annotations

import copy
import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["with_one_try"]

_LOG: Final = logging.getLogger(__name__)
_Model = TypeVar("_Model", bound="BaseModel")

_ASKS_ONCE: Final = {"ChatGoogleGenerativeAI": 1}
"""Integrations whose ``max_retries`` counts the first try too: at 0 some versions of Google's SDK
retry five times. At the others it is 0 that means none."""

_BOTOCORE: Final = ("botocore.", "aiobotocore.")

_LITELLM: Final = {"ChatLiteLLM": "model_kwargs", "LiteLLM": "additional_kwargs"}
"""LiteLLM's integrations, and their field for what is handed on to it: it retries by itself."""
_LITELLMS_RETRIES: Final = {"max_retries": 0, "num_retries": 0}


def with_one_try(model: _Model) -> _Model:
    """Give a copy that asks its provider once.

    Integrations retry in several ways: by a ``max_retries`` field that is read at each call (Google
    and Mistral in LangChain, OpenAI in LlamaIndex), by one that is read when a client is first
    needed (Anthropic in LangChain), in an SDK's client that was made with the model (OpenAI and all
    that resemble it, Groq; Anthropic in LlamaIndex; Bedrock in both), and in what they ask in their
    turn (LiteLLM). The first two obey the field, clients are replaced, LiteLLM is told.
    """
    single: dict[int, Any] = {}
    update = _changed(vars(model), single)
    names = [kind.__name__ for kind in type(model).__mro__]
    if "max_retries" in type(model).model_fields:
        update["max_retries"] = next((_ASKS_ONCE[n] for n in names if n in _ASKS_ONCE), 0)
    if handed_on := next((_LITELLM[n] for n in names if n in _LITELLM), None):
        update[handed_on] = {**(getattr(model, handed_on, None) or {}), **_LITELLMS_RETRIES}
    private = _changed(model.__pydantic_private__ or {}, single)
    if not (update or private):
        return model
    made = model.model_copy(update=update)
    if made.__pydantic_private__ is not None:
        made.__pydantic_private__.update(private)
    for name in [name for name in vars(made) if _is_cached(made, name)]:
        del vars(made)[name]  # it was made of the old setting
    return made


def _changed(attributes: dict[str, Any], single: dict[int, Any]) -> dict[str, Any]:
    return {
        name: changed
        for name, value in attributes.items()
        if (changed := _with_one_try(value, single)) is not None
    }


def _with_one_try(value: Any, single: dict[int, Any]) -> Any:
    """Give an SDK's client, a resource or setting of it, without retries; None for all else."""
    if _retries(value):
        if id(value) not in single:
            single[id(value)] = value.with_options(max_retries=0)
        return single[id(value)]
    if type(value).__module__.startswith(_BOTOCORE):
        return _without_botocores(value)
    client = getattr(value, "_client", None)
    if _retries(client):
        return type(value)(_with_one_try(client, single))
    return None


def _retries(value: Any) -> bool:
    return type(getattr(value, "max_retries", None)) is int and hasattr(value, "with_options")


def _without_botocores(value: Any) -> Any:
    """Give a client or a configuration of botocore's without its retries.

    A client is copied with its connections and credentials, and without the handler that decides
    on retries. botocore has no public way to do that: where it is built otherwise than expected,
    the client stays as it is, and that is told.
    """
    kind = type(value)
    if kind.__name__ == "Config":
        return value.merge(kind(retries={"total_max_attempts": 1}))
    if not hasattr(value, "_make_api_call"):
        return None
    try:
        service = value.meta.service_model.service_id.hyphenize()
        events = copy.copy(value._endpoint._event_emitter)  # noqa: SLF001  (see above)
        events.unregister(f"needs-retry.{service}", unique_id=f"retry-config-{service}")
        endpoint, client = _bare_copy(value._endpoint), _bare_copy(value)  # noqa: SLF001  (see above)
        endpoint._event_emitter = events  # noqa: SLF001  (see above)
        client._endpoint = endpoint  # noqa: SLF001  (see above)
    except AttributeError:
        _LOG.warning(
            "the retries of a %s cannot be switched off and multiply with the router's: "
            'give it Config(retries={"total_max_attempts": 1})',
            kind.__name__,
        )
        return None
    return client


def _bare_copy(value: Any) -> Any:
    """Copy an object whose class looks attributes up in its own way."""
    made = object.__new__(type(value))
    vars(made).update(vars(value))
    return made


def _is_cached(model: BaseModel, name: str) -> bool:
    return isinstance(getattr(type(model), name, None), cached_property)
