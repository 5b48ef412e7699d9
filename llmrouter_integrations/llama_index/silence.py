"""A wrapped LLM works unheard: its router reports the call, once.

LlamaIndex's events come from decorators around an LLM's methods, and there is no switch for them.
So the method itself is called, from within its decorators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from llama_index.core.llms import LLM

__all__ = ["unheard"]


def unheard(llm: LLM, name: str) -> Callable[..., Any]:
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
