"""What holds of every walk over a JSON schema: it ends."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from llmrouter_integrations.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ends"]

_Given = ParamSpec("_Given")
_Written = TypeVar("_Written")


def ends(write: Callable[_Given, _Written]) -> Callable[_Given, _Written]:
    """Make a writer of schemas refuse what it cannot walk to its end.

    Raises:
        InvalidRequestError: By the writer: the schema is nested too deep or holds itself.
    """

    @wraps(write)
    def guarded(*args: Any, **kwargs: Any) -> _Written:
        try:
            return write(*args, **kwargs)
        except RecursionError:
            raise InvalidRequestError(
                "the schema is nested too deep or refers to itself as an object", sent=False
            ) from None

    return guarded
