"""Errors on their way out: ours, and LangChain's own kind of model error at once.

LangChain's middleware (retry, fallback, summarization) asks ``isinstance(error, ModelError)`` and
``error.is_retryable``. :func:`as_model_error` makes an error of our tree answer both, without
losing its class, its attributes or its traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langchain_core import exceptions as theirs

from llmrouter_integrations import errors as ours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmrouter_integrations.messages import Attempt

__all__ = ["as_model_error"]

_KINDS: Final[tuple[tuple[type[ours.RouterError], type[theirs.ModelError]], ...]] = (
    # the most derived class of ours first
    (ours.MissingKeyError, theirs.ModelAuthenticationError),
    (ours.UnknownModelError, theirs.ModelNotFoundError),
    (ours.ConfigurationError, theirs.ModelInvalidRequestError),
    (ours.NoCandidateError, theirs.ModelInvalidRequestError),
    (ours.ContextOverflowError, theirs.ContextOverflowError),
    (ours.RequestError, theirs.ModelInvalidRequestError),
    (ours.AuthenticationError, theirs.ModelAuthenticationError),
    (ours.MisconfiguredTargetError, theirs.ModelInvalidRequestError),
    (ours.PermissionDeniedError, theirs.ModelPermissionDeniedError),
    (ours.ModelNotFoundError, theirs.ModelNotFoundError),
    (ours.RateLimitedError, theirs.ModelRateLimitError),
    (ours.TargetTimeoutError, theirs.ModelTimeoutError),
    (ours.TargetConnectionError, theirs.ModelConnectionError),
    (ours.TargetError, theirs.ModelAPIError),
    (ours.DeadlineExceeded, theirs.ModelTimeoutError),
    (ours.RouterError, theirs.ModelError),
)


def as_model_error(error: ours.RouterError) -> ours.RouterError:
    """Make ``error`` an instance of the matching ``langchain_core`` class too, in place.

    :class:`~llmrouter_integrations.errors.AllTargetsFailed` and
    :class:`~llmrouter_integrations.errors.StreamInterrupted` match by the fault behind them: the
    last one that may pass if the caller tries again, else the last.
    """
    if isinstance(error, theirs.ModelError):
        return error
    kind, is_retryable = _kind(error)
    error.__class__ = _both(type(error), kind, is_retryable)
    return error


def _kind(error: ours.RouterError) -> tuple[type[theirs.ModelError], bool]:
    if isinstance(error, ours.StreamInterrupted):
        return _kind_of(type(error.cause))
    if isinstance(error, ours.AllTargetsFailed) and error.attempts:
        return _most_telling(error.attempts)
    return _kind_of(type(error))


def _kind_of(cls: type[ours.RouterError]) -> tuple[type[theirs.ModelError], bool]:
    kind = next(kind for own, kind in _KINDS if issubclass(cls, own))
    return kind, kind.is_retryable and not issubclass(cls, ours.QuotaExhaustedError)


def _most_telling(attempts: Sequence[Attempt]) -> tuple[type[theirs.ModelError], bool]:
    told = [
        _kind_of(cls)
        for attempt in attempts
        if isinstance(cls := getattr(ours, attempt.error_type or "", None), type)
    ]
    if not told:
        return _kind_of(ours.AllTargetsFailed)
    return next((kind for kind in reversed(told) if kind[1]), told[-1])


_MADE: Final[dict[tuple[Any, ...], type[ours.RouterError]]] = {}


def _both(
    own: type[ours.RouterError], kind: type[theirs.ModelError], is_retryable: bool
) -> type[ours.RouterError]:
    made = _MADE.get((own, kind, is_retryable))
    if made is None:
        made = _MADE[own, kind, is_retryable] = _make(own, kind, is_retryable)
    return made


def _make(
    own: type[ours.RouterError], kind: type[theirs.ModelError], is_retryable: bool
) -> type[ours.RouterError]:
    def reduce(self: ours.RouterError) -> tuple[Any, ...]:
        return _revive, (own, kind, is_retryable, self.args, self.__dict__)

    return type(
        own.__name__,
        (own, kind),
        {
            "__module__": own.__module__,
            "__doc__": own.__doc__,
            "__reduce__": reduce,
            "is_retryable": is_retryable,
        },
    )


def _revive(
    own: type[ours.RouterError],
    kind: type[theirs.ModelError],
    is_retryable: bool,
    args: tuple[Any, ...],
    state: dict[str, Any],
) -> ours.RouterError:
    cls = _both(own, kind, is_retryable)
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error
