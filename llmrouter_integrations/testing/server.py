"""An HTTP/1.1 server on loopback that can break its own connections, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

import h11

if TYPE_CHECKING:
    from llmrouter_integrations.testing.exchange import Exchange

__all__ = ["LoopbackServer", "Responder"]

Responder: TypeAlias = Callable[[str, str, dict[str, str], bytes], "Exchange"]
"""Gives the response to a method, target, headers (lower-case names) and body."""

_MAX_BODY = 64 * 2**20
_MAX_HEAD = 64 * 2**10
_START_S = 5.0
_STOP_S = 5.0
_BACKLOG = 1024
_RST = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time at all: closing then sends RST instead of FIN."""


class LoopbackServer:
    """Serves a :data:`Responder` on 127.0.0.1 from a background thread.

    The responder runs on that thread: it must not block.
    """

    def __init__(self, respond: Responder) -> None:
        self._respond = respond
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()
        self._connections: set[_Connection] = set()
        self.port = 0

    def start(self) -> None:
        """Listen on a port the operating system chooses; does nothing if already started."""
        if self._thread is not None:
            return
        listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self.port = listener.getsockname()[1]
        self._ready.clear()
        name = f"provider-simulator-{self.port}"
        self._thread = threading.Thread(target=self._run, args=(listener,), name=name, daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise RuntimeError(f"the simulator did not start in {_START_S:g} s")

    def stop(self) -> None:
        """Close the listener and every connection, and end the thread."""
        if self._thread is None or self._loop is None or self._stopping is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_STOP_S)
        if self._thread.is_alive():
            raise RuntimeError("the simulator did not stop: a scripted step blocks its thread")
        self._thread = self._loop = self._stopping = None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def _run(self, listener: socket.socket) -> None:
        asyncio.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = await loop.create_server(
            lambda: _Connection(self._respond, self._connections), sock=listener
        )
        self._ready.set()
        await self._stopping.wait()
        server.close()
        performances = [connection.abort() for connection in list(self._connections)]
        await asyncio.gather(*filter(None, performances), return_exceptions=True)
        await asyncio.sleep(0)  # the aborted transports close their sockets in the next turn


class _Connection(asyncio.Protocol):
    """One client's connection: requests one after the other, each answered as planned."""

    def __init__(self, respond: Responder, register: set[_Connection]) -> None:
        self._respond = respond
        self._register = register
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._performance: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport

    # -- asyncio.Protocol ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a TCP server's is a Transport
        self._register.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        self._register.discard(self)
        if self._performance is not None:
            self._performance.cancel()

    def data_received(self, data: bytes) -> None:
        self._h11.receive_data(data)
        self._advance()

    def eof_received(self) -> None:
        self._h11.receive_data(b"")

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # -- requests --------------------------------------------------------------------------

    def abort(self) -> asyncio.Task[None] | None:
        """Drop the connection; gives the task that was answering on it, if any."""
        if self._performance is not None:
            self._performance.cancel()
        self._transport.abort()
        return self._performance

    def _advance(self) -> None:
        while self._performance is None and not self._transport.is_closing():
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError:
                self._transport.close()
                return
            match event:
                case h11.Request():
                    self._request = event
                    if self._h11.they_are_waiting_for_100_continue:
                        go_on = h11.InformationalResponse(status_code=100, headers=[])
                        self._transport.write(self._h11.send(go_on))
                case h11.Data():
                    self._body += event.data
                    if len(self._body) > _MAX_BODY:
                        self._transport.abort()
                case h11.EndOfMessage():
                    self._answer()
                case h11.ConnectionClosed():
                    self._transport.close()
                    return
                case _:  # NEED_DATA or PAUSED
                    return

    def _answer(self) -> None:
        request = self._request
        if request is None:
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
        body, self._body = bytes(self._body), bytearray()
        plan = self._respond(
            request.method.decode(), request.target.decode("latin-1"), headers, body
        )
        if plan.delay_s or plan.gap_s or plan.pause or plan.end != "clean":
            self._performance = asyncio.get_running_loop().create_task(self._perform(plan))
            self._performance.add_done_callback(self._performed)
        else:
            body = b"".join(frame.data for frame in plan.frames)
            out = self._head(plan)
            if body:
                out += self._h11.send(h11.Data(data=body)) or b""
            self._transport.write(out + self._finish())

    def _performed(self, performance: asyncio.Task[None]) -> None:
        if performance.cancelled():
            return
        self._performance = None
        if error := performance.exception():
            self._transport.abort()
            raise error  # to the loop's exception handler, which logs it
        self._advance()

    async def _perform(self, plan: Exchange) -> None:
        """Carry out a plan that takes time or ends badly."""
        if plan.delay_s:
            await asyncio.sleep(plan.delay_s)
        if plan.end == "reset":
            self._reset(plan)
            return
        await self._write(self._head(plan))
        for index, frame in enumerate(plan.frames):
            if plan.gap_s and (plan.gap_pieces is None or index < plan.gap_pieces):
                await asyncio.sleep(plan.gap_s)
            if plan.pause is not None and plan.pause[0] == index:
                await asyncio.sleep(plan.pause[1])
            if frame.data:
                await self._write(self._h11.send(h11.Data(data=frame.data)) or b"")
        if plan.end == "close":
            self._transport.close()
        else:
            await self._write(self._finish())

    def _reset(self, plan: Exchange) -> None:
        if plan.reset_after:
            raw = self._head(plan)
            for frame in plan.frames:
                raw += self._h11.send(h11.Data(data=frame.data)) or b""
            self._transport.write(raw[: plan.reset_after])
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
        self._transport.abort()

    async def _write(self, data: bytes) -> None:
        await self._writable.wait()
        self._transport.write(data)

    def _head(self, plan: Exchange) -> bytes:
        headers = list(plan.headers.items())
        if plan.streamed:
            headers.append(("transfer-encoding", "chunked"))
        else:
            length = sum(len(frame.data) for frame in plan.frames)
            headers.append(("content-length", str(plan.length or length)))
        return self._h11.send(h11.Response(status_code=plan.status, headers=headers)) or b""

    def _finish(self) -> bytes:
        end = self._h11.send(h11.EndOfMessage()) or b""
        self._request = None
        if self._h11.our_state is h11.MUST_CLOSE:
            asyncio.get_running_loop().call_soon(self._transport.close)
        else:
            with suppress(h11.LocalProtocolError):
                self._h11.start_next_cycle()
        return end
