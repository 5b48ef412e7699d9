"""A wrapped LLM works unheard: its router reports the call, once.

LlamaIndex's events come from decorators around an LLM's methods, and there is no switch for them.
So the method itself is called, from within its decorators (:func:`undecorated`). What that in turn
calls may be decorated too: an ``achat`` is written in terms of ``chat``, a ``chat`` goes on to that
of the class above it. While :func:`unheard` holds, these send no events either; and they tell no
callback manager and obey no rate limiter, having none (:func:`without_listeners`).
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar

from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms import callbacks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llama_index.core.llms import LLM
    from llama_index_instrumentation.dispatcher import Dispatcher

__all__ = ["undecorated", "unheard", "without_listeners"]

_LLM = TypeVar("_LLM", bound="LLM")
_UNHEARD: Final[ContextVar[bool]] = ContextVar("llmrouter_unheard", default=False)


def undecorated(llm: LLM, name: str) -> Callable[..., Any]:
    """Give an LLM's method without what reports its calls.

    The rate limiter, which the same decorators obey, is the caller's to obey. A method that is
    decorated in another way, or not at all, is given as it is.

    Args:
        llm: The LLM.
        name: The method: ``chat``, ``achat``, ``complete``, ...
    """
    method = getattr(type(llm), name)
    while callable(around := getattr(method, "__wrapped__", None)):  # the tracer's spans
        method = around
    code = getattr(method, "__code__", None)
    cells = getattr(method, "__closure__", None) or ()
    for variable, cell in zip(code.co_freevars if code else (), cells, strict=False):
        if variable == "f" and getattr(cell.cell_contents, "__wrapped__", None) is True:
            method = cell.cell_contents
            break
    found: Callable[..., Any] = method.__get__(llm)
    return found


@contextmanager
def unheard() -> Iterator[None]:
    """Keep LLMs' events from the dispatcher's handlers while a wrapped LLM is at work.

    A stream needs it anew for each piece, and must not leave it on between pieces.
    """
    token = _UNHEARD.set(True)
    try:
        yield
    finally:
        _UNHEARD.reset(token)


def without_listeners(llm: _LLM) -> _LLM:
    """Give a copy without callbacks and rate limiter; the LLM itself where it has none."""
    update: dict[str, Any] = {}
    if llm.callback_manager is not None and llm.callback_manager.handlers:
        update["callback_manager"] = manager = CallbackManager()
        manager.handlers = []  # it begins with the global ones
    if llm.rate_limiter is not None:
        update["rate_limiter"] = None
    return llm.model_copy(update=update) if update else llm


class _Switched:
    """A dispatcher that says nothing while a wrapped LLM is at work."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def event(self, event: Any, **kwargs: Any) -> None:
        if not _UNHEARD.get():
            self._dispatcher.event(event, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dispatcher, name)


# where the decorators look for their dispatcher at each call
callbacks.dispatcher = _Switched(callbacks.dispatcher)  # type: ignore[assignment]  # it has all that is used there
