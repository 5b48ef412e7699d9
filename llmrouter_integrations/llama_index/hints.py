"""Hints on their way to a call: said in it, with its prompt, with the LLM object, or around it.

What a prompt's metadata say comes with the messages made of it (:class:`.prompts.PromptMessages`).

What is said around a call (:func:`hints_for`) lives in a context variable. LlamaIndex copies the
context into the tasks and threads it starts. But an object that asks its LLM only when it is read
(a streaming query engine's response, a ``StructuredLLM``'s stream) may be read after the ``with``
block has ended, and a thread of the caller's own has no context. There, bind the hints:
``llm.with_hints(...)``.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.hints import EMPTY, RoutingHints
from llmrouter_integrations.llama_index.prompts import PromptMessages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llama_index.core.base.llms.types import ChatMessage

__all__ = ["hints_for", "hints_of", "settle_hints"]

_AMBIENT: ContextVar[RoutingHints] = ContextVar("llmrouter_hints", default=EMPTY)


def hints_of(said: RoutingHints | Mapping[str, Any] | None, fields: dict[str, Any]) -> RoutingHints:
    """Read hints given as one object, as keyword arguments, or as both (these win)."""
    return RoutingHints.of(fields or None).over(RoutingHints.of(said))


@contextmanager
def hints_for(
    hints: RoutingHints | Mapping[str, Any] | None = None, /, **fields: Any
) -> Iterator[None]:
    """Say something of every request that is made inside the ``with`` block.

    Inner blocks add to outer ones, and win where both speak. Any other hint wins over these.

    Args:
        hints: The hints, as an object or a mapping.
        **fields: Fields of :class:`~llmrouter_integrations.RoutingHints`.

    Raises:
        UnknownHintError: A hint that does not exist, or a value it cannot take.
    """
    token = _AMBIENT.set(hints_of(hints, fields).over(_AMBIENT.get()))
    try:
        yield
    finally:
        _AMBIENT.reset(token)


def settle_hints(
    call: RoutingHints,
    messages: Sequence[ChatMessage],
    bound: RoutingHints,
    default: RoutingHints,
) -> RoutingHints:
    """Put together what is said of one call: call, prompt, LLM object, around it, default.

    Args:
        call: What the call itself says.
        messages: The call's messages; they may come from a prompt.
        bound: What the LLM object was bound to say.
        default: What its constructor says.
    """
    prompt = messages if isinstance(messages, PromptMessages) else None
    if prompt is not None:
        call = call.over(prompt.hints)
    hints = call.over(bound).over(_AMBIENT.get()).over(default)
    if prompt is not None and prompt.task is not None and hints.task is None:
        return replace(hints, task=prompt.task)
    return hints
