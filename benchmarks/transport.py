"""CPU microseconds per HTTP call, for each way of carrying it, interleaved in one run.

    python benchmarks/transport.py                   # a few minutes: the table of docs/transport.md
    python benchmarks/transport.py --smoke           # everything, tiny, in seconds
    python benchmarks/transport.py --json out.json

The server is a raw asyncio stub in a process of its own, so ``time.process_time`` counts the
client alone (threads and native runtimes included). Every round runs every case once, in a new
order, so drift of the machine falls on all alike. Given are the median over the rounds and the
interquartile range. Packages that are not installed are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import random
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.transport import Limits, Transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

CONCURRENCY = (1, 50, 200)
CHUNKS = 50
GAP_S = 0.001  # so that each chunk is a read of its own, as tokens are
PROMPT = b'{"model":"stub","messages":[{"role":"user","content":"' + b"x" * 1000 + b'"}]}'
KEY = {"authorization": "Bearer sk-stub", "content-type": "application/json"}
LIMITS = Limits(total_s=60, first_token_s=30, idle_s=30, connect_s=30, pool_s=30)
POOL = httpx.Limits(max_connections=1000, max_keepalive_connections=1000)
PACKAGES = ("httpx", "httpcore", "aiohttp", "httpx-aiohttp", "pyreqwest", "urllib3")


# --- the stub server -------------------------------------------------------------------------


def answer(body: bytes, kind: bytes) -> bytes:
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\nx-request-id: stub\r\ncontent-length: %d\r\n\r\n"
    )
    return head % (kind, len(body)) + body


WHOLE = answer(
    json.dumps(
        {
            "id": "chatcmpl-stub",
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "y" * 400},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 250, "completion_tokens": 100, "total_tokens": 350},
        }
    ).encode(),
    b"application/json",
)
EVENT = b'data: {"id":"chatcmpl-stub","choices":[{"index":0,"delta":{"content":"hello "}}]}\n\n'
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


class Stub(asyncio.Protocol):
    """Answers ``/whole`` with one JSON body and ``/stream`` with events in chunks of their own."""

    def connection_made(self, transport: Any) -> None:
        """Keep the connection."""
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            if b"/stream" in head.split(b"\r\n", 1)[0]:
                self.streaming = asyncio.ensure_future(self.stream())
            else:
                self.transport.write(WHOLE)

    async def stream(self) -> None:
        """Send the events, each in a write of its own."""
        self.transport.write(STREAM_HEAD)
        for _ in range(CHUNKS):
            self.transport.write(b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
            await asyncio.sleep(GAP_S)
        self.transport.write(b"0\r\n\r\n")


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def stub_process() -> Iterator[str]:
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  (this very file)
        assert process.stdout is not None  # noqa: S101  (it was asked for)
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


# --- what is measured ------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One way of making a call; ``call(path)`` reads the answer to its end."""

    name: str
    call: Callable[[str], Any]


class OverUrllib3(httpx.BaseTransport):
    """The well-kept sync alternative, as an httpx transport of the least code."""

    def __init__(self) -> None:
        import urllib3

        self.pool = urllib3.PoolManager(maxsize=1000)
        self.timeout = urllib3.Timeout(connect=30, read=30)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send through urllib3 and hand its body over unread."""
        answer = self.pool.urlopen(
            request.method,
            str(request.url),
            body=request.content,
            headers=dict(request.headers),
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
            timeout=self.timeout,
        )

        class Body(httpx.SyncByteStream):
            def __iter__(self) -> Iterator[bytes]:
                yield from answer.stream(65536, decode_content=False)

            def close(self) -> None:
                answer.release_conn()

        return httpx.Response(answer.status, headers=list(answer.headers.items()), stream=Body())

    def close(self) -> None:
        """Close the pool."""
        self.pool.clear()


def sync_cases(url: str, stack: ExitStack) -> list[Case]:
    carriers: dict[str, Callable[[], httpx.BaseTransport]] = {
        "httpx": lambda: httpx.HTTPTransport(limits=POOL)
    }
    if find_spec("pyreqwest"):
        from pyreqwest.compatibility.httpx import SyncHttpxTransport

        carriers["pyreqwest"] = SyncHttpxTransport
    if find_spec("urllib3"):
        carriers["urllib3"] = OverUrllib3

    def through_client(transport: httpx.BaseTransport) -> Callable[[str], None]:
        client = stack.enter_context(
            httpx.Client(transport=transport, timeout=30, trust_env=False, base_url=url)
        )

        def call(path: str) -> None:
            with client.stream("POST", path, content=PROMPT, headers=KEY) as response:
                for _ in response.iter_bytes():
                    pass

        return call

    def through_ours(transport: httpx.BaseTransport | None) -> Callable[[str], None]:
        ours = stack.enter_context(Transport(trust_env=False, sync_transport=transport))
        request = requests_to(url)

        def call(path: str) -> None:
            if path == "/whole":
                ours.send(request[path], LIMITS)
                return
            with ours.stream(request[path], LIMITS) as stream:
                for _ in stream.iter_bytes():
                    pass

        return call

    cases = []
    for name, carrier in carriers.items():
        cases.append(Case(f"httpx.Client over {name}", through_client(carrier())))
        given = None if name == "httpx" else stack.enter_context(carrier())
        cases.append(Case(f"Transport over {name}", through_ours(given)))
    return cases


async def async_cases(url: str, stack: AsyncExitStack) -> list[Case]:
    carriers: dict[str, Callable[[], httpx.AsyncBaseTransport]] = {
        "httpx": lambda: httpx.AsyncHTTPTransport(limits=POOL)
    }
    ours: dict[str, Transport] = {"httpx": Transport(http="httpx", trust_env=False)}
    if find_spec("httpx_aiohttp"):
        from httpx_aiohttp import AiohttpTransport

        carriers["httpx-aiohttp"] = lambda: AiohttpTransport(limits=POOL)
    if find_spec("aiohttp"):
        ours["aiohttp"] = Transport(http="aiohttp", trust_env=False)
    if find_spec("pyreqwest"):
        from pyreqwest.compatibility.httpx import HttpxTransport

        carriers["pyreqwest"] = HttpxTransport
        given = await stack.enter_async_context(HttpxTransport())
        ours["pyreqwest"] = Transport(async_transport=given, trust_env=False)

    def through_client(client: httpx.AsyncClient) -> Callable[[str], Awaitable[None]]:
        async def call(path: str) -> None:
            async with client.stream("POST", path, content=PROMPT, headers=KEY) as response:
                async for _ in response.aiter_bytes():
                    pass

        return call

    def through_ours(transport: Transport) -> Callable[[str], Awaitable[None]]:
        request = requests_to(url)

        async def call(path: str) -> None:
            if path == "/whole":
                await transport.asend(request[path], LIMITS)
                return
            async with transport.astream(request[path], LIMITS) as stream:
                async for _ in stream.aiter_bytes():
                    pass

        return call

    cases = []
    for name, carrier in carriers.items():
        client = httpx.AsyncClient(transport=carrier(), timeout=30, trust_env=False, base_url=url)
        await stack.enter_async_context(client)
        cases.append(Case(f"httpx.AsyncClient over {name}", through_client(client)))
    for name, transport in ours.items():
        await stack.enter_async_context(transport)
        cases.append(Case(f"Transport over {name}", through_ours(transport)))
    return cases


def requests_to(url: str) -> dict[str, HttpRequest]:
    return {
        path: HttpRequest("POST", url + path, tuple(KEY.items()), PROMPT)
        for path in ("/whole", "/stream")
    }


# --- measuring -------------------------------------------------------------------------------


def time_sync(case: Case, path: str, calls: int, threads: ThreadPoolExecutor | None) -> float:
    begun = time.process_time()
    if threads is None:
        for _ in range(calls):
            case.call(path)
    else:
        for _ in threads.map(case.call, [path] * calls):
            pass
    return (time.process_time() - begun) / calls * 1e6


async def time_async(case: Case, path: str, calls: int, concurrency: int) -> float:
    async def work() -> None:
        for _ in range(calls // concurrency):
            await case.call(path)

    begun = time.process_time()
    await asyncio.gather(*[work() for _ in range(concurrency)])
    return (time.process_time() - begun) / calls * 1e6


@dataclass(frozen=True)
class Plan:
    """How much to run: rounds, and calls per case and round."""

    rounds: int
    calls: int
    concurrency: tuple[int, ...]

    def scenarios(self) -> Iterator[tuple[str, int, int]]:
        """Path, concurrency and number of calls of each scenario."""
        for path, share in (("/whole", 1), ("/stream", 10)):
            for concurrency in self.concurrency:
                per_worker = max(1, self.calls // share // concurrency)
                yield path, concurrency, per_worker * concurrency


Samples = dict[str, list[float]]


def measure_sync(url: str, plan: Plan) -> dict[str, Samples]:
    found: dict[str, Samples] = {}
    with ExitStack() as stack:
        cases = sync_cases(url, stack)
        for path, concurrency, calls in plan.scenarios():
            samples: Samples = {case.name: [] for case in cases}
            with ExitStack() as workers:
                threads = (
                    workers.enter_context(ThreadPoolExecutor(concurrency))
                    if concurrency > 1
                    else None
                )
                for case in cases:  # opens the connections
                    time_sync(case, path, calls, threads)
                for _ in range(plan.rounds):
                    for case in random.sample(cases, len(cases)):
                        samples[case.name].append(time_sync(case, path, calls, threads))
            found[f"sync {path[1:]} c{concurrency}"] = samples
    return found


async def measure_async(url: str, plan: Plan) -> dict[str, Samples]:
    found: dict[str, Samples] = {}
    async with AsyncExitStack() as stack:
        cases = await async_cases(url, stack)
        for path, concurrency, calls in plan.scenarios():
            samples: Samples = {case.name: [] for case in cases}
            for case in cases:  # opens the connections
                await time_async(case, path, calls, concurrency)
            for _ in range(plan.rounds):
                for case in random.sample(cases, len(cases)):
                    samples[case.name].append(await time_async(case, path, calls, concurrency))
            found[f"async {path[1:]} c{concurrency}"] = samples
    return found


def summary(samples: list[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(samples, n=4)
    return {"median_us": round(middle, 1), "q1_us": round(low, 1), "q3_us": round(high, 1)}


def print_table(results: dict[str, dict[str, dict[str, float]]], mode: str) -> None:
    scenarios = [name for name in results if name.startswith(f"{mode} ")]
    width = max(len(case) for case in results[scenarios[0]])
    print(f"\nCPU us per call, median [quartiles]: {mode}")
    print(" " * width + "".join(f"{name.removeprefix(mode):>20}" for name in scenarios))
    for case in results[scenarios[0]]:
        cells = []
        for name in scenarios:
            figure = results[name][case]
            spread = f"[{figure['q1_us']:.0f}-{figure['q3_us']:.0f}]"
            cells.append(f"{figure['median_us']:>8.0f} {spread:<11}")
        print(f"{case:<{width}}" + "".join(cells))


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--smoke", action="store_true", help="everything once, tiny")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures here")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        with suppress(KeyboardInterrupt):
            asyncio.run(serve())
        return
    plan = Plan(2, 10, (1, 5)) if arguments.smoke else Plan(arguments.rounds, 200, CONCURRENCY)
    with stub_process() as url:
        samples = measure_sync(url, plan) | asyncio.run(measure_async(url, plan))
    results = {
        scenario: {case: summary(values) for case, values in cases.items()}
        for scenario, cases in samples.items()
    }
    print(", ".join(f"{name} {number}" for name, number in versions().items()))
    for mode in ("sync", "async"):
        print_table(results, mode)
    if arguments.json:
        arguments.json.write_text(json.dumps({"versions": versions(), "cpu_us": results}, indent=1))


if __name__ == "__main__":
    main()
