"""The simulated providers of a drill, of which some targets fail: :class:`Stage`.

A stage knows its targets by number: each is called with a key of its own, so targets at one
provider, or of one model, are told apart too. Run as a module, it serves as the other end of a
:class:`~.remote.RemoteStage`.
"""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from llmrouter_integrations.drill.answers import ask_of, form_of, number_of, whole_reply
from llmrouter_integrations.drill.rows import FAULTS
from llmrouter_integrations.testing import Fault, ProviderSimulator, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmrouter_integrations.drill.catalogue import Way
    from llmrouter_integrations.testing import SimRequest

__all__ = ["Stage", "key_of", "name_of"]

_KEY = "drill-key-"
_KEY_HEADERS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
_QUEUE = 4
"""Connections that fill the queue of a port which accepts none; a backlog of 0 holds one or two."""
_ROWS = {row.name: row for row in FAULTS}


def key_of(target: int, play: int = 0) -> str:
    """Give the API key by which a stage knows a target.

    Args:
        target: Its number.
        play: What :meth:`Stage.play` gave: calls of earlier plays that arrive late are not counted.
            0: whichever is on.
    """
    return f"{_KEY}{target}.{play}"


def name_of(target: int) -> str:
    """Give what a target calls itself in its answers."""
    return f"t{target}"


class Stage:
    """Simulated providers whose targets answer whole, but for those told to fail."""

    def __init__(self) -> None:
        self._simulator = ProviderSimulator()
        self._silent: list[socket.socket] = []
        self._ways: tuple[Way, ...] = ()
        self._faulty: frozenset[int] = frozenset()
        self._calls: Counter[int] = Counter()
        self._play = 0

    # -- life ------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start the providers."""
        self._simulator.start()
        self._simulator.default(self._step)
        return self

    def stop(self) -> None:
        """Stop them, and let go of every port."""
        self._simulator.stop()
        while self._silent:
            self._silent.pop().close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    # -- what a drill tells and asks -------------------------------------------------------

    def url(self, provider: str, place: str = "") -> str:
        """Give the base URL of a provider, or that of a place where it is not.

        Args:
            provider: The provider's id.
            place: One of :data:`~.catalogue.Place`; empty: where it really is.
        """
        if place == "dead port":
            return self._simulator.dead_url(provider)
        url = urlsplit(self._simulator.url(provider))
        if place == "plain port":
            url = url._replace(scheme="https")
        elif place == "unknown host":
            url = url._replace(netloc="provider.invalid")
        elif place == "silent port":
            url = url._replace(netloc=f"127.0.0.1:{self._silent_port()}")
        return url.geturl()

    def play(self, fault: str, faulty: Iterable[int], way: int | None = None) -> int:
        """Say what happens from now on, and count calls anew; gives the number of this play.

        Args:
            fault: A name of the catalogue; empty: nothing.
            faulty: The targets it happens to.
            way: Which of the fault's ways; None: one after the other, by the request's number.
        """
        ways = _ROWS[fault].ways if fault else ()
        self._ways = ways if way is None else ways[way : way + 1]
        self._faulty = frozenset(faulty)
        self._calls.clear()
        self._simulator.reset()
        self._simulator.default(self._step)
        self._play += 1
        return self._play

    def calls(self) -> dict[int, int]:
        """Count the calls that each target received."""
        return dict(self._calls)

    def connections(self) -> int:
        """Count the connections that are open."""
        return self._simulator.connections

    # -- answering (on the simulator's thread) ---------------------------------------------

    def _step(self, request: SimRequest) -> Reply | Fault:
        (target, play), number = _called(request), number_of(request)
        if play in (0, self._play):
            self._calls[target] += 1
        good = whole_reply(name_of(target), number, ask_of(request), form_of(request))
        if target not in self._faulty or not self._ways:
            return good
        way = self._ways[number % len(self._ways)]
        if isinstance(way, str):
            raise TypeError(f"a target at a {way} cannot be called")
        if not isinstance(way, Fault):
            return way(good)
        return way if way.reply is not None else replace(way, reply=good)

    def _silent_port(self) -> int:
        """Give a port that takes no connection, for its queue is full and nobody empties it."""
        if not self._silent:
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            self._silent.append(listener)
            for _ in range(_QUEUE):
                waiting = socket.socket()
                waiting.setblocking(False)
                with suppress(BlockingIOError):
                    waiting.connect(listener.getsockname())
                self._silent.append(waiting)
        port: int = self._silent[0].getsockname()[1]
        return port


def _called(request: SimRequest) -> tuple[int, int]:
    """Give the target that is called, and in which play."""
    for header in _KEY_HEADERS:
        _, found, said = request.headers.get(header, "").rpartition(_KEY)
        if found:
            target, _, play = said.partition(".")
            return int(target), int(play)
    raise LookupError("a request without a key of the drill's")
