"""A wrapped model works unheard: its router reports the call, once.

``config={"callbacks": []}`` keeps the caller's handlers away from it. Handlers that LangChain adds
by itself, from context variables and for tracing, would still count each token twice.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from langchain_core.tracers import context
from langsmith.run_helpers import tracing_context
from langsmith.utils import tracing_is_enabled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextvars import ContextVar

    from langchain_core.runnables import RunnableConfig

__all__ = ["NO_CALLBACKS", "unheard"]

NO_CALLBACKS: Final[RunnableConfig] = {"callbacks": []}


@contextmanager
def unheard() -> Iterator[None]:
    """Hide the handlers that context variables and tracing bring, while a call begins.

    The model's own handlers stay. LangChain looks for handlers only when a call begins; a stream
    needs this no longer than for its first chunk, and must not leave it open between chunks.
    """
    hooks = context._configure_hooks  # noqa: SLF001  (there is no public list of them)
    bringers: list[ContextVar[Any]] = [
        context.tracing_v2_callback_var,
        *(hook[0] for hook in hooks),
    ]
    hidden = [(var, var.set(None)) for var in bringers if var.get() is not None]
    try:
        if tracing_is_enabled():
            with tracing_context(enabled=False):
                yield
        else:
            yield
    finally:
        for var, token in hidden:
            var.reset(token)
