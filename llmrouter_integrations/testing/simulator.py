"""A server on loopback that answers as the model providers do, from scripts."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import orjson

from llmrouter_integrations.testing.answer import make_answer
from llmrouter_integrations.testing.brain import Brain
from llmrouter_integrations.testing.exchange import Exchange, answered, failed, faulted
from llmrouter_integrations.testing.faults import Fault, Step
from llmrouter_integrations.testing.protocols import listing, protocol_of
from llmrouter_integrations.testing.protocols.base import Failure, HttpCall, Problem
from llmrouter_integrations.testing.rules import refusal
from llmrouter_integrations.testing.script import Reply, SimRequest, ToolCall
from llmrouter_integrations.testing.server import LoopbackServer

if TYPE_CHECKING:
    from llmrouter_integrations.testing.protocols.base import SimProtocol

__all__ = ["ProviderSimulator"]

_BASE_PATH = {
    "anthropic": "",
    "azure": "/openai/v1",
    "bedrock": "",
    "cohere": "",
    "deepseek": "",
    "fireworks": "/inference/v1",
    "gemini": "/v1beta",
    "google": "/v1beta",
    "groq": "/openai/v1",
    "openrouter": "/api/v1",
    "perplexity": "",
    "vertex": "/v1",
}
"""What a base URL of the provider ends with; every other one's ends with /v1."""


class ProviderSimulator:
    """Speaks the providers' protocols over HTTP on 127.0.0.1, with scripted answers and faults.

    ::

        with ProviderSimulator() as sim:
            sim.script("gpt-6.1-terra", Fault.rate_limited(20), Reply("Hello!"))
            router = Router(models=[sim.target("openai", "gpt-6.1-terra")])
            assert router.complete("Hi").text == "Hello!"
            assert sim.calls("gpt-6.1-terra") == 2

    A model without a script is answered by :class:`Brain`, which calls tools, follows schemas
    and otherwise echoes. The protocol is chosen by the path, the provider is its first segment.
    Requests that the real provider would reject (no key, a missing field, a tool call without its
    result) are rejected here too, in the vendor's words.

    Everything sent depends only on the requests, their order and ``seed``.

    Args:
        seed: Makes up ids; another seed, other ids.
        latency_s: Seconds before every response.
    """

    def __init__(self, *, seed: int = 0, latency_s: float = 0.0) -> None:
        self._seed = seed
        self._latency_s = latency_s
        self._server = LoopbackServer(self._respond)
        self._lock = threading.Lock()
        self._dead: socket.socket | None = None
        self._brain = Brain()
        self._default: Step = self._brain
        self._scripts: dict[str, list[Step]] = {}
        self._repeating: set[str] = set()
        self._requests: list[SimRequest] = []
        self._number = 0

    # -- life ------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start to listen, on a port the operating system chooses."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Drop every connection and stop."""
        self._server.stop()
        if self._dead is not None:
            self._dead.close()
            self._dead = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(self, *exc_info: object) -> None:
        self.stop()

    # -- addresses -------------------------------------------------------------------------

    def url(self, provider: str) -> str:
        """Give the base URL of a target at that provider; any name will do.

        Raises:
            RuntimeError: The simulator is not started.
        """
        if not self._server.port:
            raise RuntimeError("start the simulator first: it has no port yet")
        return self._url(self._server.port, provider)

    def dead_url(self, provider: str) -> str:
        """Give a base URL where every connection is refused for as long as the simulator runs."""
        if self._dead is None:
            self._dead = socket.socket()
            self._dead.bind(("127.0.0.1", 0))  # bound but not listening: the port stays taken
        return self._url(self._dead.getsockname()[1], provider)

    def target(self, provider: str, model: str, **fields: Any) -> dict[str, Any]:
        """Give the fields of a ``TargetConfig`` for a model at a simulated provider."""
        return {
            "model": f"{provider}/{model}",
            "base_url": self.url(provider),
            "api_key": "sim-key",
            **fields,
        }

    @staticmethod
    def _url(port: int, provider: str) -> str:
        return f"http://127.0.0.1:{port}/{provider}{_BASE_PATH.get(provider, '/v1')}"

    # -- scripts ---------------------------------------------------------------------------

    def script(self, model: str, *steps: Step, repeat: bool = True) -> None:
        """Say what a model answers, request by request; replaces its script.

        Args:
            model: The model's name, or ``provider/model`` where two providers serve it.
            steps: Replies, faults, or functions of the request that give one. Functions run on
                the simulator's thread and must not block.
            repeat: Whether the last step is repeated; else the script ends in errors of status
                500 that say so.

        Raises:
            ValueError: No steps were given.
        """
        if not steps:
            raise ValueError(f"a script for {model!r} needs at least one step")
        with self._lock:
            self._scripts[model] = list(steps)
            (self._repeating.add if repeat else self._repeating.discard)(model)

    def default(self, step: Step) -> None:
        """Say what models without a script answer."""
        with self._lock:
            self._default = step

    def reset(self) -> None:
        """Forget all requests and scripts, and answer by a new :class:`Brain` again."""
        with self._lock:
            self._scripts.clear()
            self._repeating.clear()
            self._requests.clear()
            self._default = self._brain = Brain()
            self._number = 0

    # -- records ---------------------------------------------------------------------------

    @property
    def requests(self) -> list[SimRequest]:
        """All requests received so far, in order."""
        with self._lock:
            return list(self._requests)

    def calls(self, model: str) -> int:
        """Count the requests for a model, named as in :meth:`script`."""
        return sum(
            model in (request.model, f"{request.provider}/{request.model}")
            for request in self.requests
        )

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return self._server.connections

    # -- answering (on the server's thread) ------------------------------------------------

    def _respond(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Exchange:
        plan = self._plan(method, target, headers, body)
        return replace(plan, delay_s=plan.delay_s + self._latency_s) if self._latency_s else plan

    def _plan(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Exchange:
        path = target.partition("?")[0]
        provider = path.lstrip("/").partition("/")[0]
        if method == "GET":
            with self._lock:
                known = [*self._scripts]
            if (models := listing(provider, path, known)) is not None:
                return failed(Failure(200, models, {}), {})
        found = protocol_of(path)
        if method != "POST" or found is None:
            return _error(404, f"no protocol is served at {method} {path}")
        protocol, route = found
        try:
            call = HttpCall(provider, target, route, headers, orjson.loads(body), time.monotonic())
            request = protocol.read(call)
            wrong = refusal(request)
        except Exception as error:  # noqa: BLE001  (whatever a body of the wrong shape raises)
            missing = f"{error.args[0]}: Field required" if type(error) is KeyError else str(error)
            problem = Problem("bad_request", message=f"Invalid request: {missing}")
            nobody = SimRequest(provider, protocol.name, "", False, (), {}, headers, target, 0.0)
            return failed(protocol.failure(nobody, problem), {})
        with self._lock:
            self._requests.append(request)
            self._number += 1
            number = self._number
        if wrong:
            return failed(protocol.failure(request, wrong), {})
        try:
            return self._play(self._next_step(request), protocol, request, number)
        except Exception as error:  # noqa: BLE001  (a scripted function may raise anything; say what)
            return _error(500, f"the scripted step raised {error!r}")

    def _next_step(self, request: SimRequest) -> Step:
        with self._lock:
            for key in (f"{request.provider}/{request.model}", request.model):
                steps = self._scripts.get(key)
                if steps is None:
                    continue
                if not steps:
                    return Fault.status(500, message=f"script exhausted for {key}")
                if len(steps) == 1 and key in self._repeating:
                    return steps[0]
                return steps.pop(0)
            return self._default

    def _play(
        self, step: Step, protocol: SimProtocol, request: SimRequest, number: int
    ) -> Exchange:
        while not isinstance(step, Reply | Fault):
            step = step(request)
        if isinstance(step, Reply):
            return self._answer(step, protocol, request, number)
        fault = step

        def good() -> Exchange:
            spoiled: Step = fault.reply or self._default
            while not isinstance(spoiled, Reply):
                chosen = self._brain if isinstance(spoiled, Fault) else spoiled
                spoiled = chosen(request)
            return self._answer(spoiled, protocol, request, number)

        return faulted(fault, protocol, request, good)

    def _answer(
        self, reply: Reply, protocol: SimProtocol, request: SimRequest, number: int
    ) -> Exchange:
        if any(not call.name for call in reply.tool_calls):
            offered = request.tools[0] if request.tools else "tool"
            calls = [
                call if call.name else ToolCall(offered, call.arguments, call.id)
                for call in reply.tool_calls
            ]
            reply = replace(reply, tool_calls=tuple(calls))
        style = protocol.id_style_of(request.provider)
        answer = make_answer(request, reply, seed=self._seed, number=number, id_style=style)
        return answered(protocol, answer)


def _error(status: int, message: str) -> Exchange:
    body = {"error": {"message": message, "type": "simulator_error", "param": None, "code": None}}
    return failed(Failure(status, body, {}), {})
