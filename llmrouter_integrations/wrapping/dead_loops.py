"""Connections that have outlived their event loop.

SDKs keep their async connections from one ``asyncio.run`` to the next. Over such a one a request
still goes out, but no answer comes in: it is paid for, and fails.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Loops"]

_DEEPEST: Final = 4
"""How far within a model object its SDK's HTTP client stands: at most, that of Google's."""

_NO_HOLDERS: Final = (
    str,
    bytes,
    int,
    float,
    type,
    BuiltinFunctionType,
    FunctionType,
    MethodType,
    ModuleType,
)


class Loops:
    """Sees to it that a model object asks over connections of the running event loop only."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[ref[object], asyncio.AbstractEventLoop]] = {}

    def enter(self, model: object) -> None:
        """Drop a model object's idle connections where they may be of a loop that is closed.

        What is known of are the pools of httpx, on which nearly all SDKs stand.
        """
        loop, key = asyncio.get_running_loop(), id(model)
        _, last = self._last.get(key, (None, None))
        if last is loop:
            return
        # copies of a model come and go
        self._last[key] = (ref(model, lambda _: self._last.pop(key, None)), loop)
        if last is None or last.is_closed():
            for client in _clients(model):
                _drop_idle(client)


def _clients(model: object) -> Iterator[Any]:
    """Find the async HTTP clients within a model object."""
    seen: set[int] = set()
    queue: deque[tuple[Any, int]] = deque([(model, 0)])
    while queue:
        holder, depth = queue.popleft()
        if id(holder) in seen or isinstance(holder, _NO_HOLDERS):
            continue
        seen.add(id(holder))
        if any(kind.__name__ == "AsyncClient" for kind in type(holder).__mro__) and hasattr(
            holder, "_transport"
        ):
            yield holder
        elif depth < _DEEPEST:
            held = {**getattr(holder, "__dict__", {})}
            held |= getattr(holder, "__pydantic_private__", None) or {}
            queue.extend([(value, depth + 1) for value in held.values()])


def _drop_idle(client: Any) -> None:
    for transport in (client._transport, *getattr(client, "_mounts", {}).values()):  # noqa: SLF001  (httpx has no other way)
        kept = getattr(getattr(transport, "_pool", None), "_connections", None)
        if isinstance(kept, list):
            kept[:] = [connection for connection in kept if not connection.is_idle()]
