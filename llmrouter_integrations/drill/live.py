"""A configuration's real endpoints, with faults injected on the way to them: :class:`LiveScene`."""

from __future__ import annotations

import secrets
from collections import Counter
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from llmrouter_integrations.config import BoundTarget
from llmrouter_integrations.drill.judging import judged_echo
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.router import Router
from llmrouter_integrations.testing import Fault, FaultTransport, TransportFault
from llmrouter_integrations.testing.exchange import faulted
from llmrouter_integrations.testing.protocols import protocol_of
from llmrouter_integrations.testing.protocols.base import HttpCall
from llmrouter_integrations.transport import Transport
from llmrouter_integrations.transport.carriers import Carriers, LoopConnections
from llmrouter_integrations.transport.environment import Proxies, async_backend
from llmrouter_integrations.transport.lifetimes import PerLoop

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from llmrouter_integrations.config import RouterConfig
    from llmrouter_integrations.drill.calling import Heard
    from llmrouter_integrations.drill.catalogue import FaultRow, Way
    from llmrouter_integrations.drill.judging import Outcome
    from llmrouter_integrations.routing.target import Target
    from llmrouter_integrations.testing.exchange import Exchange

__all__ = ["LiveScene", "injected"]

_MARK = "x-llmrouter-drill"
"""Which target a request is for. It goes along: a header that no vendor minds, and that may be
signed."""

_CUT_AFTER_BYTES = 700
"""Where a live answer is cut: mostly past the head of a stream, and before its end."""

_AT_PLACES: Mapping[str, Any] = {
    "dead port": "connect_error",
    "unknown host": "connect_error",
    "plain port": "connect_error",
    "silent port": "connect_timeout",
}
_OF_CONNECTIONS: Mapping[str, Any] = {"refuse": "read_error", "stall": "read_timeout"}
_ANSWERS = ("problem", "raw", "html", "empty_body", "error_in_200")
"""Faults that are a whole answer, whatever the provider would have said."""


class LiveScene:
    """A configuration as it is, whose requests meet faults on their way; see :class:`.Scene`.

    Only what a transport can bring about can happen here. A fault that is an answer is written in
    the words of the protocol that the request is in. What goes through unharmed is billed.

    Args:
        config: What is drilled, with its endpoints and keys.

    Raises:
        ConfigurationError: It names no targets, or one that is a model object of the caller's own.
    """

    def __init__(self, config: RouterConfig) -> None:
        bound = [t.name for t in config.models or () if isinstance(t, BoundTarget)]
        if not config.models or bound:
            raise ConfigurationError(
                f"a model object of one's own sends its requests itself: {', '.join(bound)}"
                if bound
                else "a live drill needs a configuration that names its targets under `models`"
            )
        marked = tuple(
            target.model_copy(
                # what fails does so at every effort alike
                update={"headers": {**target.headers, _MARK: str(number)}, "efforts": None}
            )
            for number, target in enumerate(config.models)
        )
        self._names = [target.name for target in config.models]
        self._config = config.model_copy(update={"models": marked})
        self._onward = _Onward(config)
        on_the_way = FaultTransport(self._onward, self._fault)
        self._transport = Transport(sync_transport=on_the_way, async_transport=on_the_way)
        self._nonce = secrets.token_hex(4)
        self._ways: tuple[Way, ...] = ()
        self._faulty: frozenset[str] = frozenset()
        self._calls: Counter[str] = Counter()
        self.targets: tuple[Target, ...] = self.router(None, ()).targets

    def close(self) -> None:
        """Close the connections."""
        self._onward.close()

    def refuses(self, row: FaultRow, faulty: Collection[str], *, streamed: bool) -> str:  # noqa: ARG002  (one of two kinds of scene)
        """Say why this fault cannot happen here; empty where it can."""
        return "" if _can_inject(row.way) else "no transport can bring it about"

    def router(
        self, row: FaultRow | None, faulty: Collection[str], *, way: int | None = None
    ) -> Router:
        """Give a router that knows of nothing yet, over targets to which this happens."""
        ways = row.ways if row is not None else ()
        self._ways = ways if way is None else ways[way : way + 1]
        self._faulty = frozenset(faulty)
        self._calls.clear()
        return Router(config=self._config, transport=self._transport)

    def calls(self) -> Mapping[str, int]:
        """Count the calls to each target since the last router was given."""
        return dict(self._calls)

    def prompt(self, number: int) -> str:
        """Give the words of a request: a model that obeys repeats what only it was told."""
        return f"Reply with exactly this and nothing else: {self._echo(number)}"

    def judged(self, heard: Heard, row: FaultRow) -> Outcome:  # noqa: ARG002  (one of two kinds)
        """Say what came of a request."""
        return judged_echo(heard, self._echo(heard.asked.number))

    def _echo(self, number: int) -> str:
        return f"DRILL-{number}-{self._nonce}"

    def _fault(self, request: httpx.Request) -> TransportFault | None:
        name = self._names[int(request.headers[_MARK])]
        self._calls[name] += 1
        if name not in self._faulty or not self._ways:
            return None
        return injected(self._ways[self._calls[name] % len(self._ways)], request)


def _can_inject(way: Way) -> bool:
    if not isinstance(way, Fault):
        return isinstance(way, str)
    return way.action in _OF_CONNECTIONS or way.action in (*_ANSWERS, "cut")


def injected(way: Way, request: httpx.Request) -> TransportFault:
    """Give what a transport does to bring a fault about.

    Args:
        way: A place, or a fault for which :class:`LiveScene` has a way.
        request: The request it happens to.
    """
    if isinstance(way, str):
        return TransportFault(_AT_PLACES[way])
    if not isinstance(way, Fault):
        raise TypeError("a good answer cannot be changed on its way")
    if way.action in _OF_CONNECTIONS:
        return TransportFault(_OF_CONNECTIONS[way.action])
    if way.action == "cut":
        return TransportFault("cut", after_bytes=_CUT_AFTER_BYTES if way.after_chunks else 0)
    answer = _written(way, request)
    body = b"".join(frame.data for frame in answer.frames)
    headers = tuple(answer.headers.items())
    return TransportFault("status", status=answer.status, headers=headers, body=body)


def _written(fault: Fault, request: httpx.Request) -> Exchange:
    """Write a fault as the provider would that this request is for."""
    target = request.url.raw_path.decode("ascii")
    found = protocol_of(target.partition("?")[0])
    if found is None:
        raise ConfigurationError(f"no protocol is known that is spoken at {request.url.path}")
    protocol, route = found
    body = orjson.loads(request.read())
    call = HttpCall(request.url.host, target, route, dict(request.headers), body, 0.0)

    def nothing_good() -> Exchange:
        raise TypeError(f"{fault.name} happens to a good answer")

    return faulted(fault, protocol, protocol.read(call), nothing_good)


class _Onward(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """What really sends, on threads and on every event loop: the router's own carriers."""

    def __init__(self, config: RouterConfig) -> None:
        carriers = Carriers(async_backend(config.http), config.verify, True, 1000)
        self._proxies = Proxies(config.proxy, trust_env=True)
        self._sync = carriers.for_sync
        self._lock = Lock()
        self._by_proxy: dict[httpx.Proxy | None, httpx.BaseTransport] = {}
        self._per_loop = PerLoop(partial(LoopConnections, carriers))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        proxy = self._proxies.for_url(request.url)
        with self._lock:  # threads that come first together share one pool
            if proxy not in self._by_proxy:
                self._by_proxy[proxy] = self._sync(proxy)
        return self._by_proxy[proxy].handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        connections = await self._per_loop.current()
        onward = connections.through(self._proxies.for_url(request.url))
        return await onward.handle_async_request(request)

    def close(self) -> None:
        while self._by_proxy:
            self._by_proxy.popitem()[1].close()
