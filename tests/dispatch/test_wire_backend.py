"""A codec and a transport as one backend: what it sends, reads, and makes of what goes wrong."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from llmrouter_integrations.dispatch.backend import Call
from llmrouter_integrations.dispatch.wire_backend import WireBackend
from llmrouter_integrations.errors import (
    AttemptError,
    ConfigurationError,
    InvalidRequestError,
    MisconfiguredTargetError,
    MissingExtraError,
    ProtocolViolationError,
    RateLimitedError,
    ServerError,
    TargetConnectionError,
    TargetTimeoutError,
    TruncatedAnswerError,
)
from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.messages import (
    Adjustment,
    Chunk,
    Message,
    Request,
    Response,
    TextDelta,
    TextPart,
)
from llmrouter_integrations.transport import Limits, Transport
from llmrouter_integrations.wire import registry
from llmrouter_integrations.wire.base import Encoded, Endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    Get = Callable[["Bench"], str]

LIMITS = Limits(10.0, 5.0, 2.0)
ASKED = Request((Message("user", (TextPart("?"),)),), extra={})
ENDPOINT = Endpoint("mine", "openai", "gpt-6.1-terra", "http://127.0.0.1:9/v1", api_key="k")

WHOLE = orjson.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "model": "gpt-6.1-terra",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "42"},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
)


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}
    return b"data: " + orjson.dumps(body) + b"\n\n"


ROLE = event({"role": "assistant", "content": ""})
FOUR, TWO, STOP = event({"content": "4"}), event({"content": "2"}), event({}, "stop")
DONE = b"data: [DONE]\n\n"
PING = b": keep-alive\n\n"


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in pieces; an error among them is raised, a number lets the clock go on."""

    def __init__(self, pieces: list[Any], clock: Clock) -> None:
        self.pieces = pieces
        self.clock = clock
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, float):
                self.clock.now += piece
            else:
                yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A backend whose provider answers with the given pieces."""

    def __init__(
        self,
        pieces: list[Any],
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        codec: Any = None,
    ) -> None:
        self.clock = Clock()
        self.body = Body(pieces, self.clock)
        self.sent: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            self.sent.append(request)
            return httpx.Response(status, headers=headers, stream=self.body)

        carrier = httpx.MockTransport(answer)
        self.call = Call(ASKED, LIMITS)
        self.backend = WireBackend(
            codec or registry.codec("openai-chat"),
            ENDPOINT,
            Transport(
                sync_transport=carrier, async_transport=carrier, trust_env=False, clock=self.clock
            ),
            clock=self.clock,
        )

    def pass_s(self, seconds: float) -> None:
        self.clock.now += seconds


def complete(bench: Bench) -> str:
    return bench.backend.complete(bench.call).text


def acomplete(bench: Bench) -> str:
    return asyncio.run(bench.backend.acomplete(bench.call)).text


def stream(bench: Bench) -> str:
    return "".join([chunk.text for chunk in bench.backend.stream(bench.call)])


def astream(bench: Bench) -> str:
    async def collect() -> str:
        return "".join([chunk.text async for chunk in bench.backend.astream(bench.call)])

    return asyncio.run(collect())


WHOLES = pytest.mark.parametrize("get", [complete, acomplete])
STREAMS = pytest.mark.parametrize("get", [stream, astream])
ALL = pytest.mark.parametrize("get", [complete, acomplete, stream, astream])


@WHOLES
def test_a_whole_answer(get: Get) -> None:
    bench = Bench([WHOLE])
    assert get(bench) == "42"
    (request,) = bench.sent
    assert str(request.url) == "http://127.0.0.1:9/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer k"
    assert bench.body.closed


@STREAMS
@pytest.mark.parametrize("pieces", [[ROLE, FOUR, TWO, STOP, DONE], [ROLE + FOUR + TWO + STOP]])
def test_a_streamed_answer(get: Get, pieces: list[bytes]) -> None:
    bench = Bench(pieces)
    assert get(bench) == "42"
    assert orjson.loads(bench.sent[0].content)["stream"] is True
    assert bench.body.closed


@ALL
@pytest.mark.parametrize(
    ("status", "headers", "kind", "after_s"),
    [
        (429, {"retry-after": "7"}, RateLimitedError, 7.0),
        (500, {}, ServerError, None),
    ],
)
def test_a_refusal_is_read_and_classified(
    get: Get,
    status: int,
    headers: dict[str, str],
    kind: type[AttemptError],
    after_s: float | None,
) -> None:
    said = orjson.dumps({"error": {"message": "not now", "type": "x"}})
    bench = Bench([said[:9], said[9:]], status=status, headers=headers)
    with pytest.raises(kind) as raised:
        get(bench)
    assert "not now" in raised.value.message
    assert (raised.value.status, raised.value.retry_after_s) == (status, after_s)
    assert bench.body.closed


@ALL
def test_what_was_adjusted_is_told_also_of_a_failure(get: Get) -> None:
    bench = Bench([b"{}"], status=500, codec=Careless(fails_in="nothing"))
    with pytest.raises(ServerError):
        get(bench)
    assert bench.call.adjustments == (Adjustment("seed", "dropped"),)


@ALL
def test_a_request_that_is_no_json_is_the_requests_fault(get: Get) -> None:
    bench = Bench([WHOLE])
    bench.call.request = Request(ASKED.messages, extra={"openai": {"x": object()}})
    with pytest.raises(InvalidRequestError, match="cannot be written as JSON") as raised:
        get(bench)
    assert raised.value.sent is False
    assert bench.sent == []


@ALL
@pytest.mark.parametrize(
    "wrong", [ConfigurationError("no region"), MissingExtraError("AWS", "bedrock", "botocore")]
)
def test_a_wrong_set_up_is_the_targets_fault(get: Get, wrong: ConfigurationError) -> None:
    bench = Bench([WHOLE], codec=Preparing(wrong))
    with pytest.raises(MisconfiguredTargetError) as raised:
        get(bench)
    assert raised.value.message == str(wrong)
    assert raised.value.__cause__ is wrong
    assert raised.value.sent is False


# -- what takes time before it is sent ---------------------------------------------------------------


@ALL
def test_what_encoding_took_is_not_there_for_sending(get: Get) -> None:
    bench = Bench([FOUR, STOP], codec=Preparing(lambda: bench.pass_s(4.0)))
    bench.call.limits = Limits(3.0, 3.0, 2.0)
    with pytest.raises(TargetTimeoutError) as raised:
        get(bench)
    assert raised.value.sent is False
    assert bench.sent == []


@pytest.mark.parametrize("get", [acomplete, astream])
def test_an_encoder_that_may_block_does_not_block_the_loop(get: Get) -> None:
    threads: list[int] = []
    bench = Bench(
        [b"{}"], status=500, codec=Preparing(lambda: threads.append(threading.get_ident()))
    )
    with pytest.raises(ServerError):
        get(bench)
    assert len(bench.sent) == 1
    assert threads != [threading.get_ident()]
    assert bench.call.adjustments == (Adjustment("seed", "dropped"),)


@pytest.mark.parametrize(("get", "phase"), [(acomplete, "total"), (astream, "first_token")])
def test_an_encoder_that_blocks_for_too_long_is_left(get: Get, phase: str) -> None:
    free = threading.Event()
    bench = Bench([b"{}"], codec=Preparing(lambda: free.wait(5)))
    bench.call.limits = Limits(0.05, 0.05, 2.0)

    async def ask() -> None:
        try:
            if get is acomplete:
                await bench.backend.acomplete(bench.call)
            else:
                await anext(bench.backend.astream(bench.call))
        finally:
            free.set()

    with pytest.raises(TargetTimeoutError) as raised:
        asyncio.run(ask())
    assert (raised.value.phase, raised.value.sent) == (phase, False)
    assert bench.sent == []


def test_bedrock_may_block_only_where_it_must_look_for_credentials() -> None:
    codec = registry.codec("bedrock")
    own = {"access_key_id": "a", "secret_access_key": "b"}
    found = [
        WireBackend(codec, endpoint, Transport(trust_env=False))._encode_may_block
        for endpoint in (
            ENDPOINT,
            replace(ENDPOINT, api_key=None),
            replace(ENDPOINT, api_key=None, options=own),
        )
    ]
    assert found == [False, True, False]


# -- where a connection breaks ----------------------------------------------------------------------


@STREAMS
@pytest.mark.parametrize("end", [[], [httpx.ReadError("reset")], [httpx.ReadTimeout("idle")]])
def test_what_breaks_after_the_finish_takes_nothing_away(get: Get, end: list[Any]) -> None:
    assert get(Bench([ROLE, FOUR, TWO, STOP, *end])) == "42"


@STREAMS
@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ([], TruncatedAnswerError),
        ([httpx.ReadError("reset")], AttemptError),
        ([httpx.ReadTimeout("idle")], TargetTimeoutError),
    ],
)
def test_what_breaks_before_the_finish_is_told(
    get: Get, end: list[Any], kind: type[AttemptError]
) -> None:
    bench = Bench([ROLE, FOUR, *end])
    with pytest.raises(kind):
        get(bench)
    assert bench.body.closed


@WHOLES
def test_a_broken_connection_is_a_target_error(get: Get) -> None:
    with pytest.raises((TargetConnectionError, TruncatedAnswerError)):
        get(Bench([WHOLE[:10], httpx.ReadError("reset")]))


# -- bytes that say nothing -------------------------------------------------------------------------


@STREAMS
@pytest.mark.parametrize(
    ("pieces", "phase"),
    [
        ([PING, 3.0, PING, 3.0, PING, ROLE, FOUR, STOP], "first_token"),
        ([ROLE, 6.0, PING, FOUR, STOP], "first_token"),
        ([ROLE, 6.0, ROLE, FOUR, STOP], "first_token"),
        ([ROLE, 4.0, ROLE, 4.0, ROLE, FOUR, STOP], "first_token"),
        ([ROLE, FOUR, 1.0, PING, 1.5, PING, TWO, STOP], "idle"),
    ],
)
def test_keep_alives_are_not_an_answer(get: Get, pieces: list[Any], phase: str) -> None:
    with pytest.raises(TargetTimeoutError) as raised:
        get(Bench(pieces))
    assert raised.value.phase == phase


@STREAMS
def test_slow_but_steady_is_fine(get: Get) -> None:
    pieces = [ROLE, 4.0, PING, FOUR, 1.5, PING, 0.4, TWO, 1.9, TWO, 1.9, STOP]
    assert get(Bench(pieces)) == "422"


@STREAMS
def test_a_chunk_without_content_is_a_sign_of_life(get: Get) -> None:
    pieces = [b"4", 1.5, b".", 1.5, b".", 1.5, b"2"]
    assert get(Bench(pieces, codec=Plain())) == "42"
    with pytest.raises(TargetTimeoutError):
        get(Bench([b"4", 1.5, b" ", 1.5, b" ", 1.5, b"2"], codec=Plain()))


THINKS_S = 0.15


@pytest.mark.parametrize("carrier", ["httpx", "aiohttp"])
@STREAMS
def test_thinking_in_silence_is_not_idling(get: Get, carrier: str) -> None:
    """Over a real connection: silence before the first content has the first-token limit."""
    if carrier == "aiohttp":
        pytest.importorskip("aiohttp", reason="the extra 'fast' is not installed")
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"

    def answer(listener: socket.socket, rest: bytes) -> None:
        peer, _ = listener.accept()
        with peer:
            asked = b""
            while not asked.endswith(b"}"):
                asked += peer.recv(65536)
            peer.sendall(head + ROLE)
            time.sleep(THINKS_S)
            peer.sendall(FOUR + rest)
            if not rest:
                peer.settimeout(2)
                peer.recv(1)

    for rest, ending in ((TWO + STOP, None), (b"", "idle")):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = threading.Thread(target=answer, args=(listener, rest))
            server.start()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
            bench = Bench([])
            bench.call.limits = Limits(5.0, 5.0, THINKS_S / 2)
            bench.backend = WireBackend(
                registry.codec("openai-chat"),
                replace(ENDPOINT, base_url=url),
                Transport(http=carrier, trust_env=False),
            )
            if ending is None:
                assert get(bench) == "42"
            else:
                with pytest.raises(TargetTimeoutError) as raised:
                    get(bench)
                assert raised.value.phase == ending
            server.join()


def test_a_slow_reader_is_not_the_providers_fault() -> None:
    bench = Bench([ROLE, FOUR, PING, TWO, PING, STOP])
    bench.call.limits = Limits(1000.0, 5.0, 2.0)
    said = ""
    for chunk in bench.backend.stream(bench.call):
        said += chunk.text
        bench.clock.now += 100.0 if said else 0.0
    assert said == "42"


# -- leaving early ----------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [1, 2])
def test_leaving_early_closes_the_connection(read: int) -> None:
    bench = Bench([ROLE, FOUR, TWO, STOP])
    chunks = bench.backend.stream(bench.call)
    for _ in range(read):
        next(chunks)
    assert not bench.body.closed
    chunks.close()  # type: ignore[attr-defined]  # an iterator to its reader, a generator in fact
    assert bench.body.closed


@pytest.mark.parametrize("read", [1, 2])
async def test_leaving_early_closes_the_async_connection(read: int) -> None:
    bench = Bench([ROLE, FOUR, TWO, STOP])
    chunks = bench.backend.astream(bench.call)
    for _ in range(read):
        await anext(chunks)
    assert not bench.body.closed
    await chunks.aclose()  # type: ignore[attr-defined]  # as above
    assert bench.body.closed


# -- codecs that trip -------------------------------------------------------------------------------


class Careless:
    """A codec, and its decoder, that trips over what it did not expect."""

    protocol = "careless"

    def __init__(self, fails_in: str) -> None:
        self.fails_in = fails_in

    def _trip(self, where: str) -> None:
        if self.fails_in == where:
            raise KeyError("choices")

    def encode(self, request: Request, endpoint: Endpoint, *, stream: bool) -> Encoded:
        return Encoded(HttpRequest("POST", "http://127.0.0.1:9/"), (Adjustment("seed", "dropped"),))

    def decode(self, http: Any, endpoint: Endpoint) -> Response:
        self._trip("decode")
        raise ServerError("x", status=500)

    def error(self, http: Any, endpoint: Endpoint) -> AttemptError:
        self._trip("error")
        return ServerError("x", status=500)

    def decoder(self, endpoint: Endpoint) -> Careless:
        return self

    def feed(self, data: bytes) -> list[Chunk]:
        self._trip("feed")
        return []

    def finish(self) -> list[Chunk]:
        self._trip("finish")
        return []


class Plain(Careless):
    """Reads text; a point is progress without content, a blank a keep-alive."""

    def __init__(self) -> None:
        super().__init__("nothing")

    def feed(self, data: bytes) -> list[Chunk]:
        said = data.decode()
        if said == " ":
            return []
        return [Chunk() if said == "." else Chunk((TextDelta(said),))]


class Preparing(Careless):
    """A codec that has to do something, or fails, before it can write a request."""

    def __init__(self, prepare: Callable[[], object] | Exception) -> None:
        super().__init__("nothing")
        self.prepare = prepare

    def encode_may_block(self, endpoint: Endpoint) -> bool:
        return True

    def encode(self, request: Request, endpoint: Endpoint, *, stream: bool) -> Encoded:
        if isinstance(self.prepare, Exception):
            raise self.prepare
        self.prepare()
        return super().encode(request, endpoint, stream=stream)


@pytest.mark.parametrize(
    ("get", "fails_in", "status"),
    [
        (complete, "decode", 200),
        (acomplete, "decode", 200),
        (stream, "error", 500),
        (astream, "error", 500),
        (stream, "feed", 200),
        (astream, "feed", 200),
        (stream, "finish", 200),
        (astream, "finish", 200),
    ],
)
def test_a_codec_that_trips_does_not_cost_the_request(get: Get, fails_in: str, status: int) -> None:
    bench = Bench([b"{}"], status=status, codec=Careless(fails_in))
    with pytest.raises(ProtocolViolationError, match="careless promises") as raised:
        get(bench)
    assert isinstance(raised.value.__cause__, KeyError)
    assert bench.body.closed
