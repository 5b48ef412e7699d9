"""A model's own retries switched off, so that they do not multiply with its router's.

The model itself is left as it is: a copy is made, which shares its connections.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["with_one_try"]

_Model = TypeVar("_Model", bound="BaseModel")


def with_one_try(model: _Model) -> _Model:
    """Give a copy that asks its provider once.

    Integrations retry in three ways: by a ``max_retries`` field that is read at each call (Google
    and Mistral in LangChain, OpenAI in LlamaIndex), by one that is read when a client is first
    needed (Anthropic in LangChain), and in an SDK's client that was made with the model (OpenAI
    and all that resemble it, Groq; Anthropic in LlamaIndex). The first two obey the field; in the
    third the client is replaced. botocore's clients (Bedrock) are out of reach: give them
    ``Config(retries={"total_max_attempts": 1})``.
    """
    single: dict[int, Any] = {}
    update = _changed(vars(model), single)
    if "max_retries" in type(model).model_fields:
        update["max_retries"] = 0
    private = _changed(model.__pydantic_private__ or {}, single)
    if not (update or private):
        return model
    copy = model.model_copy(update=update)
    if copy.__pydantic_private__ is not None:
        copy.__pydantic_private__.update(private)
    for name in [name for name in vars(copy) if _is_cached(copy, name)]:
        del vars(copy)[name]  # it was made of the old setting
    return copy


def _changed(attributes: dict[str, Any], single: dict[int, Any]) -> dict[str, Any]:
    return {
        name: changed
        for name, value in attributes.items()
        if (changed := _with_one_try(value, single)) is not None
    }


def _with_one_try(value: Any, single: dict[int, Any]) -> Any:
    """Give an SDK's client, or a resource of it, without retries; None for anything else."""
    if _retries(value):
        if id(value) not in single:
            single[id(value)] = value.with_options(max_retries=0)
        return single[id(value)]
    client = getattr(value, "_client", None)
    if _retries(client):
        return type(value)(_with_one_try(client, single))
    return None


def _retries(value: Any) -> bool:
    return type(getattr(value, "max_retries", None)) is int and hasattr(value, "with_options")


def _is_cached(model: BaseModel, name: str) -> bool:
    return isinstance(getattr(type(model), name, None), cached_property)
