"""A request's parameters as the fields of a model object: :class:`OwnFields`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, get_args, get_origin

from llmrouter_integrations.messages import EMPTY_MAP, Adjustment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from llmrouter_integrations.messages import Request

__all__ = ["OwnFields"]

_Model = TypeVar("_Model", bound="BaseModel")

_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    # a parameter, and what integrations call the field that holds it
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "top_k": ("top_k",),
    "max_tokens": ("max_tokens", "max_output_tokens", "max_completion_tokens", "num_predict"),
    "seed": ("seed", "random_seed"),
    "stop": ("stop",),
    "frequency_penalty": ("frequency_penalty",),
    "presence_penalty": ("presence_penalty",),
    "logprobs": ("logprobs",),
    "top_logprobs": ("top_logprobs",),
    "reasoning_effort": ("reasoning_effort",),
    "service_tier": ("service_tier",),
    "user": (),
    "prompt_cache_key": (),
}

_MOST_COPIES: Final = 32


class OwnFields(Generic[_Model]):
    """Sets what a request says on a copy of a model, in the fields the model has for it.

    What it does not say is as the model has it. Copies are kept, and share the model's connections:
    those it has, and those that it or any copy opens when they are first needed.

    Args:
        model: The model.
        kwargs: Parameter to the call kwarg by which the model takes it where it has no field.
        sets_fields: False for a model that reads its fields only when it is made.
        held_in: The model's field that holds what it else takes as call kwargs.
    """

    def __init__(
        self,
        model: _Model,
        kwargs: Mapping[str, str],
        *,
        sets_fields: bool = True,
        held_in: str | None = None,
    ) -> None:
        self._model = model
        self._kwargs = kwargs
        self._held_in = held_in
        self._fields = type(model).model_fields if sets_fields else {}
        self._copies: dict[tuple[tuple[str, str], ...], _Model] = {}

    def set(
        self,
        request: Request,
        kwargs: dict[str, Any],
        adjustments: list[Adjustment],
        *,
        lacking: Mapping[str, str] = EMPTY_MAP,
    ) -> _Model:
        """Give the model as the request asks for it.

        Args:
            request: What is asked.
            kwargs: Gets what the model takes as a call kwarg.
            adjustments: Gets what it has no place for.
            lacking: Parameters it has a place for that this request cannot have, and why.
        """
        update: dict[str, Any] = {}
        beside: dict[str, Any] = kwargs if self._held_in is None else {}
        for name, fields in _FIELDS.items():
            value = getattr(request, name)
            if value is None or value == ():
                continue
            if name in lacking:
                adjustments.append(Adjustment(name, "dropped", lacking[name]))
                continue
            value = [*value] if name == "stop" else value
            field = next((field for field in fields if field in self._fields), None)
            if field is not None and _takes(self._fields[field].annotation, value):
                update[field] = value
            elif name in self._kwargs:
                beside[self._kwargs[name]] = value
            else:
                adjustments.append(self.dropped(name))
        if beside and self._held_in is not None:
            update[self._held_in] = {**getattr(self._model, self._held_in), **beside}
        return self._copy(update) if update else self._model

    def dropped(self, parameter: str) -> Adjustment:
        """Say that the model has no place for a parameter."""
        return Adjustment(parameter, "dropped", f"{type(self._model).__name__} has no such setting")

    def _copy(self, update: dict[str, Any]) -> _Model:
        key = tuple([(name, repr(value)) for name, value in update.items()])
        copy = self._copies.get(key)
        if copy is None:
            if len(self._copies) >= _MOST_COPIES:
                self._copies.clear()
            copy = self._copies[key] = self._model.model_copy(update=update)
            # not a copy of them: SDKs' clients are often made at the first call, and kept there
            object.__setattr__(copy, "__pydantic_private__", self._model.__pydantic_private__)
        return copy


def _takes(annotation: Any, value: Any) -> bool:
    """Whether a field that lists its values lists this one."""
    options = [
        option
        for part in (annotation, *get_args(annotation))
        if get_origin(part) is Literal
        for option in get_args(part)
    ]
    return not options or value in options
