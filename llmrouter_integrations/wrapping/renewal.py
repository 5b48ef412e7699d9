"""Connections that have outlived their event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from llmrouter_integrations.wire.sdk_errors import is_of_dead_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["renewed"]

_T = TypeVar("_T")

_MOST_KEPT: Final = 100
"""Most connections that an SDK's client keeps open for later: OpenAI's and Anthropic's keep 100."""


async def renewed(ask: Callable[[], Awaitable[_T]], *, ignoring: BaseException | None) -> _T:
    """Ask; and again, at once, for each connection that turns out to be of a closed event loop.

    SDKs keep their async connections from one ``asyncio.run`` to the next. Nothing can be sent over
    such a one, and whoever meets it drops it: the provider is as healthy as before.

    Args:
        ask: Asks.
        ignoring: What is being handled while it is asked, and no part of its faults.
    """
    for _ in range(_MOST_KEPT):
        try:
            return await ask()
        except Exception as error:
            if not is_of_dead_loop(error, ignoring=ignoring):
                raise
    return await ask()
