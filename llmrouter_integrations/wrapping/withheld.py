"""What is not written down of a model object: whatever may hold a secret, beside its key.

As with a target's own ``headers``, any header may be one, and nothing says which.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic_core import PydanticUndefined

from llmrouter_integrations.wrapping.target import key_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

__all__ = ["digest_of_withheld", "without_secrets"]

_Model = TypeVar("_Model", bound="BaseModel")

_SECRETIVE: Final = re.compile(
    r"""
      headers? | cookies? | proxies | (?:default|extra)_query | client_(?:kwargs|args)
    | (?:^|_)(?:secret|password|passwd|credentials?|authorization)(?:$|_)
    | ^(?:auth|token)$ | (?:access|api|auth|bearer|hub|refresh|session|ad)_token$
    | (?:access|api|private|subscription)_?key$
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Names of fields, and of entries in them, whose texts, mappings and lists are withheld."""

_USER_IN_URL: Final = re.compile(r"(?<=://)[^/?#@\s]*@")
_LEAST_CHARS: Final = 8
_NOTHING: Final = object()


def without_secrets(model: _Model) -> _Model:
    """Give a copy to be written down, not to be asked: without what may be a secret."""
    update = {
        name: _empty(type(model).model_fields.get(name), value) if left is _NOTHING else left
        for name, value, left in _withheld(model)
    }
    return model.model_copy(update=update) if update else model


def digest_of_withheld(model: BaseModel) -> str | None:
    """Tell models apart by what is withheld of them, without telling it; None where nothing is."""
    said = [(name, value) for name, value, _ in _withheld(model)]
    return hashlib.blake2b(repr(said).encode(), digest_size=8).hexdigest() if said else None


def _withheld(model: BaseModel) -> Iterator[tuple[str, Any, Any]]:
    """Give the fields that are not written as they are: name, value, and what is left of it."""
    key = _telling_key(model)
    for name, value in (*vars(model).items(), *(model.__pydantic_extra__ or {}).items()):
        if (left := _open(name, value, key)) is not value:
            yield name, value, left


def _telling_key(model: BaseModel) -> str | None:
    """Give a model's key, if it is long enough to be in no other text by chance."""
    key = key_of(model)
    return key if key is not None and len(key) >= _LEAST_CHARS else None


def _open(name: str, value: Any, key: str | None) -> Any:
    """Give what may be written of a value: itself where that is all of it."""
    if isinstance(value, str):
        if value and (_SECRETIVE.search(name) or (key is not None and key in value)):
            return _NOTHING
        return _USER_IN_URL.sub("", value) if _USER_IN_URL.search(value) else value
    if not isinstance(value, dict | list | tuple) or not value:
        return value
    if _SECRETIVE.search(name):
        return _NOTHING
    if isinstance(value, dict):
        read = {entry: _open(str(entry), each, key) for entry, each in value.items()}
        if all(read[entry] is each for entry, each in value.items()):
            return value
        return {entry: each for entry, each in read.items() if each is not _NOTHING}
    items = [_open("", each, key) for each in value]
    if all(left is each for left, each in zip(items, value, strict=True)):
        return value
    return type(value)(left for left in items if left is not _NOTHING)


def _empty(field: FieldInfo | None, value: Any) -> Any:
    if field is None or field.default is PydanticUndefined:
        return type(value)()
    return field.default
