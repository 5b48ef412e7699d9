"""A chat-completions server that costs nothing to the client's clock: a process of its own.

``stub_process()`` gives its base URL. It answers ``POST .../chat/completions`` with one JSON body,
or, where the request says ``"stream": true``, with ``CHUNKS`` events, each a write of its own.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNKS = 50
MODEL = "stub"
_BASE = {"id": "chatcmpl-stub", "created": 1, "model": MODEL}
_USAGE = {"prompt_tokens": 250, "completion_tokens": 100, "total_tokens": 350}


def _whole() -> bytes:
    message = {"role": "assistant", "content": "y" * 400, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = {**_BASE, "object": "chat.completion", "choices": [choice], "usage": _USAGE}
    data = json.dumps(body).encode()
    head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return (head % len(data)).encode() + data


def _event(delta: dict[str, Any] | None, finish: str | None = None) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {**_BASE, "object": "chat.completion.chunk", "choices": choices}
    if delta is None:
        body["usage"] = _USAGE
    return b"data: " + json.dumps(body).encode() + b"\n\n"


WHOLE = _whole()
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
EVENTS = [
    _event({"role": "assistant", "content": ""}),
    *[_event({"content": "hello "})] * CHUNKS,
    _event({}, "stop"),
    _event(None),
    b"data: [DONE]\n\n",
]


class Stub(asyncio.Protocol):
    """One connection, kept alive."""

    def connection_made(self, transport: Any) -> None:
        """Keep the connection."""
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length].replace(b" ", b"")
            self.buffer = self.buffer[end + 4 + length :]
            if b'"stream":true' in body:
                self.streaming = asyncio.ensure_future(self.stream())
            else:
                self.transport.write(WHOLE)

    async def stream(self) -> None:
        """Send the events."""
        self.transport.write(STREAM_HEAD)
        for event in EVENTS:
            self.transport.write(b"%x\r\n%b\r\n" % (len(event), event))
            await asyncio.sleep(0)
        self.transport.write(b"0\r\n\r\n")


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def stub_process() -> Iterator[str]:
    """Run the stub in a process of its own; gives its base URL."""
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  (this very file)
        assert process.stdout is not None  # noqa: S101  (it was asked for)
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.terminate()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve())
