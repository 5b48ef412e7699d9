"""Raw servers on loopback, each connection played by a script, and the three ways to call them."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.transport import Limits, Transport

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from llmrouter_integrations.http_messages import HttpResponse

KEY = "sk-secret-0123456789abcdef"


class Connection:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, server: Server) -> None:
        self.sock = sock
        self.server = server
        self.unread = b""

    def request(self) -> bytes:
        """Read one request; empty when the client has gone."""
        while b"\r\n\r\n" not in self.unread:
            data = self.sock.recv(65536)
            if not data:
                return b""
            self.unread += data
        head, _, rest = self.unread.partition(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(rest) < length:
            data = self.sock.recv(65536)
            if not data:
                return b""
            rest += data
        self.unread = rest[length:]
        request = head + b"\r\n\r\n" + rest[:length]
        self.server.requests.append(request)
        return request

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.sock.sendall(part)

    def answer(self, body: bytes, *headers: str, status: str = "200 OK") -> None:
        lines = [f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}"]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def drip(self, data: bytes, every_s: float = 0.05) -> None:
        """One byte at a time, until the client has gone."""
        for i in range(len(data)):
            if self.server.stopping.wait(every_s):
                return
            self.send(data[i : i + 1])

    def await_client_closing(self) -> None:
        """Stay silent until the client closes the connection."""
        with suppress(OSError):
            while self.sock.recv(65536):
                pass
        self.server.closed_by_client.set()

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Server:
    """Plays ``script`` on each connection, in a thread of its own."""

    def __init__(self, script: Callable[[Connection], None], tls: ssl.SSLContext | None) -> None:
        self.script = script
        self.tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self.closed_by_client = threading.Event()
        self.stopping = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.open: list[socket.socket] = []
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                self.connections += 1
                self.open.append(sock)
                thread = threading.Thread(target=self.play, args=(sock,))
                self.threads.append(thread)
                thread.start()

    def play(self, sock: socket.socket) -> None:
        with suppress(OSError):  # the client, or the test's end, may cut at any time
            if self.tls is not None:
                sock.settimeout(2)
                sock = self.tls.wrap_socket(sock, server_side=True)
                self.open.append(sock)
            with sock:
                self.script(Connection(sock, self))
        sock.close()

    def stop(self) -> None:
        self.stopping.set()
        for sock in [self.listener, *self.open]:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self.threads:
            thread.join(5)
            assert not thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(script: Callable[[Connection], None], tls: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(script, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def dead_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def limits() -> Callable[..., Limits]:
    def make(**given: float) -> Limits:
        return Limits(**{"total_s": 5, "first_token_s": 5, "idle_s": 5} | given)  # type: ignore[arg-type]

    return make


@pytest.fixture
def post() -> Callable[..., HttpRequest]:
    def make(url: str, body: bytes = b"{}", **headers: str) -> HttpRequest:
        return HttpRequest(
            "POST", url, (("authorization", f"Bearer {KEY}"), *headers.items()), body
        )

    return make


class Way:
    """One way to call, with the same face for all: sync, or async in an event loop of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_async = name != "sync"
        self.settings = {"http": name if self.is_async else None, "trust_env": False}

    def send(self, request: HttpRequest, limits: Limits, **settings: object) -> HttpResponse:
        return self.send_all([request], limits, **settings)[0]

    def send_all(
        self, requests: list[HttpRequest], limits: Limits, **settings: object
    ) -> list[HttpResponse]:
        """Send one after the other through one transport."""

        async def all_async() -> list[HttpResponse]:
            async with Transport(**self.settings | settings) as transport:
                return [await transport.asend(request, limits) for request in requests]

        if self.is_async:
            return asyncio.run(all_async())
        with Transport(**self.settings | settings) as transport:
            return [transport.send(request, limits) for request in requests]

    def stream(
        self, request: HttpRequest, limits: Limits, take: int = 1000, **settings: object
    ) -> list[bytes]:
        """The first ``take`` chunks of a stream; then it is left."""

        async def take_async() -> list[bytes]:
            chunks: list[bytes] = []
            async with (
                Transport(**self.settings | settings) as transport,
                transport.astream(request, limits) as stream,
            ):
                async for chunk in stream.aiter_bytes():
                    stream.content_seen()
                    chunks.append(chunk)
                    if len(chunks) == take:
                        break
            return chunks

        if self.is_async:
            return asyncio.run(take_async())
        chunks: list[bytes] = []
        with (
            Transport(**self.settings | settings) as transport,
            transport.stream(request, limits) as stream,
        ):
            for chunk in stream.iter_bytes():
                stream.content_seen()
                chunks.append(chunk)
                if len(chunks) == take:
                    break
        return chunks


@pytest.fixture(params=["sync", "httpx", "aiohttp"])
def way(request: pytest.FixtureRequest) -> Way:
    if request.param == "aiohttp":
        pytest.importorskip("aiohttp", reason="the extra 'fast' is not installed")
    return Way(request.param)
