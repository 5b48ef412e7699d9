"""FaultTransport: breaks any httpx client, sync and async, on schedule."""

from __future__ import annotations

import time
from collections import Counter

import httpx
import pytest

from llmrouter_integrations.testing import FaultTransport, TransportFault

BODY = b"0123456789" * 10
RAISING = {
    "connect_error": httpx.ConnectError,
    "connect_timeout": httpx.ConnectTimeout,
    "pool_timeout": httpx.PoolTimeout,
    "read_error": httpx.ReadError,
    "read_timeout": httpx.ReadTimeout,
    "write_error": httpx.WriteError,
    "write_timeout": httpx.WriteTimeout,
    "protocol_error": httpx.RemoteProtocolError,
}


class Inner(httpx.MockTransport):
    """Answers with a body in pieces, and knows whether it was closed."""

    def __init__(self):
        super().__init__(lambda request: httpx.Response(200, stream=httpx.ByteStream(BODY)))
        self.sent = 0
        self.closed = False

    def handle_request(self, request):
        self.sent += 1
        return super().handle_request(request)

    async def handle_async_request(self, request):
        self.sent += 1
        return await super().handle_async_request(request)

    def close(self):
        self.closed = True

    async def aclose(self):
        self.closed = True


def send(inner, schedule, times=1):
    transport = FaultTransport(inner, schedule)
    with httpx.Client(transport=transport) as client:
        return transport, [client.get("http://x/") for _ in range(times)]


@pytest.mark.parametrize(("kind", "error"), RAISING.items())
def test_it_raises_what_httpx_would_and_sends_nothing(kind, error):
    inner = Inner()
    transport = FaultTransport(inner, [TransportFault(kind)])
    with httpx.Client(transport=transport) as client:
        with pytest.raises(error) as caught:
            client.get("http://x/")
        assert caught.value.request.url == "http://x/"
        assert inner.sent == 0
        assert client.get("http://x/").content == BODY
    assert inner.closed
    assert transport.done == Counter({kind: 1, "passed": 1})


@pytest.mark.parametrize(("kind", "error"), RAISING.items())
async def test_the_same_async(kind, error):
    inner = Inner()
    transport = FaultTransport(inner, [TransportFault(kind)])
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(error):
            await client.get("http://x/")
        assert (await client.get("http://x/")).content == BODY
    assert inner.closed
    assert transport.done == Counter({kind: 1, "passed": 1})


def received(response):
    """What of the body arrived, and what it ended in."""
    got = b""
    try:
        for piece in response.iter_raw():
            got += piece
    except httpx.HTTPError as error:
        return got, error
    return got, None


@pytest.mark.parametrize("after", [0, 1, 37, 1000])
def test_a_cut_body_breaks_off_after_so_many_bytes(after):
    transport = FaultTransport(Inner(), [TransportFault("cut", after_bytes=after)])
    with (
        httpx.Client(transport=transport) as client,
        client.stream("GET", "http://x/") as response,
    ):
        got, error = received(response)
    assert got == BODY[:after]
    assert isinstance(error, httpx.RemoteProtocolError)
    assert "without sending complete message body" in str(error)


async def test_a_cut_body_async():
    transport = FaultTransport(Inner(), [TransportFault("cut", after_bytes=5)])
    async with (
        httpx.AsyncClient(transport=transport) as client,
        client.stream("GET", "http://x/") as response,
    ):
        pieces = response.aiter_raw()
        assert await anext(pieces) == BODY[:5]
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(pieces)


def test_a_status_is_answered_without_sending():
    inner = Inner()
    fault = TransportFault("status", status=429, headers=(("retry-after", "3"),), body=b"slow")
    _, [response] = send(inner, [fault])
    assert (response.status_code, response.headers["retry-after"], response.content) == (
        429,
        "3",
        b"slow",
    )
    assert inner.sent == 0


def test_a_delay_comes_before_the_answer():
    started = time.monotonic()
    transport, [response] = send(Inner(), [TransportFault("delay", delay_s=0.05)])
    assert time.monotonic() - started >= 0.05
    assert response.content == BODY
    assert transport.done == Counter(delay=1)


async def test_a_delay_async():
    transport = FaultTransport(Inner(), [TransportFault("delay", delay_s=0.05)])
    started = time.monotonic()
    async with httpx.AsyncClient(transport=transport) as client:
        assert (await client.get("http://x/")).content == BODY
    assert time.monotonic() - started >= 0.05


def test_a_schedule_may_be_a_function_of_the_request():
    def choose(request):
        return TransportFault("connect_error") if request.url.host == "down" else None

    transport = FaultTransport(Inner(), choose)
    with httpx.Client(transport=transport) as client:
        assert client.get("http://up/").status_code == 200
        with pytest.raises(httpx.ConnectError):
            client.get("http://down/")
    assert transport.done == Counter(passed=1, connect_error=1)


def test_none_in_a_schedule_lets_one_request_through():
    transport = FaultTransport(Inner(), [None, TransportFault("status", status=500)])
    with httpx.Client(transport=transport) as client:
        assert [client.get("http://x/").status_code for _ in range(3)] == [200, 500, 200]


async def test_a_transport_of_the_wrong_colour_is_named():
    with httpx.HTTPTransport() as sync_only, pytest.raises(TypeError, match="sync only"):
        await FaultTransport(sync_only, []).handle_async_request(httpx.Request("GET", "http://x/"))
    async with httpx.AsyncHTTPTransport() as async_only:
        with pytest.raises(TypeError, match="async only"):
            FaultTransport(async_only, []).handle_request(httpx.Request("GET", "http://x/"))
