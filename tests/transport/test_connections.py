"""What goes over the wire, and what becomes of the connection afterwards."""

from __future__ import annotations

import asyncio
import gzip
import threading
import zlib

import httpx
import pytest

from llmrouter_integrations.errors import TargetTimeoutError
from llmrouter_integrations.http_messages import HttpRequest
from llmrouter_integrations.transport import Transport

STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def echo_ok(connection):
    while connection.request():
        connection.answer(b"ok")


def endless(connection):
    connection.request()
    connection.send(STREAM, b"5\r\nhello\r\n")
    connection.await_client_closing()


def test_the_request_arrives_as_written(way, serve, post, limits):
    server = serve(echo_ok)
    request = post(f"{server.url}/v1/models/a%3A0/x%2Fy?alt=sse", b'{"a":1}', **{"x-a": "1"})
    way.send(request, limits())
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert first == "POST /v1/models/a%3A0/x%2Fy?alt=sse HTTP/1.1"  # signed paths stay as signed
    assert body == b'{"a":1}'
    assert headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept": "*/*",
        "accept-encoding": "gzip, deflate",
        "authorization": "bearer sk-secret-0123456789abcdef",
        "connection": "keep-alive",
        "content-length": "7",
        "user-agent": "llmrouter-integrations",
        "x-a": "1",
    }


def test_the_requests_own_headers_win(way, serve, limits):
    server = serve(echo_ok)
    own = (("User-Agent", "mine"), ("Host", "virtual.example"), ("Accept-Encoding", "identity"))
    way.send(HttpRequest("GET", server.url, own), limits())
    head = server.requests[0].lower()
    assert b"user-agent: mine" in head
    assert b"host: virtual.example" in head
    assert b"accept-encoding: identity" in head
    assert head.count(b"host:") == head.count(b"user-agent:") == 1
    assert b"content-length" not in head


def test_user_and_password_of_a_url_become_a_header(way, serve, limits):
    server = serve(echo_ok)
    url = server.url.replace("//", "//user:p%40ss@")
    way.send(HttpRequest("GET", url), limits())
    assert b"authorization: basic dxnlcjpwqhnz" in server.requests[0].lower()


def test_the_answer_is_read_whole(way, serve, post, limits):
    def script(connection):
        connection.request()
        connection.answer(b"body", "X-Many: a", "x-many: b", "SET-COOKIE: c=1", status="418 Teapot")

    answer = way.send(post(serve(script).url), limits())
    assert (answer.status, answer.body) == (418, b"body")
    assert answer.headers == {"x-many": "a, b", "set-cookie": "c=1", "content-length": "4"}
    assert 0 < answer.elapsed_s < 2


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_content_encoding_is_undone(way, serve, post, limits, encoding):
    encode = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding]

    def script(connection):
        while connection.request():
            connection.answer(encode(b"hello" * 99), f"Content-Encoding: {encoding}")

    server = serve(script)
    assert way.send(post(server.url), limits()).body == b"hello" * 99
    assert b"".join(way.stream(post(server.url), limits())) == b"hello" * 99


def test_a_stream_asks_for_no_compression(way, serve, post, limits):
    server = serve(echo_ok)
    way.stream(post(server.url), limits())
    assert b"accept-encoding: identity" in server.requests[0].lower()


def test_redirects_are_answers_and_cookies_are_not_kept(way, serve, post, limits):
    def script(connection):
        while connection.request():
            headers = "location: /elsewhere", "set-cookie: c=1; Path=/"
            connection.answer(b"", *headers, status="307 Temporary Redirect")

    server = serve(script)
    request = post(server.url.replace("127.0.0.1", "localhost"))
    statuses = [answer.status for answer in way.send_all([request, request], limits())]
    assert statuses == [307, 307]
    assert b"cookie" not in server.requests[1].lower()


def test_a_connection_is_used_again(way, serve, post, limits):
    server = serve(echo_ok)
    way.send_all([post(server.url)] * 5, limits())
    assert (len(server.requests), server.connections) == (5, 1)


def test_a_connection_the_server_closed_is_not_used_again(way, serve, post, limits):
    def once(connection):
        connection.request()
        connection.answer(b"ok")

    server = serve(once)
    requests = [post(server.url)] * 2
    if way.is_async:

        async def spaced():
            async with Transport(**way.settings) as transport:
                for request in requests:
                    assert (await transport.asend(request, limits())).body == b"ok"
                    await asyncio.to_thread(server.threads[-1].join, 5)
                    await asyncio.sleep(0.05)  # for the loop to hear of it

        asyncio.run(spaced())
    else:
        with Transport(trust_env=False) as transport:
            for request in requests:
                assert transport.send(request, limits()).body == b"ok"
                server.threads[-1].join(5)
    assert server.connections == 2


def test_a_stream_left_early_closes_its_connection(way, serve, post, limits):
    server = serve(endless)
    assert way.stream(post(server.url), limits(), take=1) == [b"hello"]
    assert server.closed_by_client.wait(5)


def test_a_stream_left_by_an_error_closes_its_connection(way, serve, post, limits):
    server = serve(endless)
    request = post(server.url)

    async def fail_async():
        async with (
            Transport(**way.settings) as transport,
            transport.astream(request, limits()) as stream,
        ):
            async for _ in stream.aiter_bytes():
                raise ZeroDivisionError

    def fail():
        with (
            Transport(trust_env=False) as transport,
            transport.stream(request, limits()) as stream,
        ):
            for _ in stream.iter_bytes():
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fail_async()) if way.is_async else fail()
    assert server.closed_by_client.wait(5)


def test_a_stream_read_to_its_end_keeps_its_connection(way, serve, post, limits):
    def script(connection):
        while connection.request():
            connection.send(STREAM, b"5\r\nhello\r\n", b"0\r\n\r\n")

    server = serve(script)

    async def twice():
        async with Transport(**way.settings) as transport:
            for _ in range(2):
                async with transport.astream(post(server.url), limits()) as stream:
                    assert [chunk async for chunk in stream.aiter_bytes()] == [b"hello"]

    if way.is_async:
        asyncio.run(twice())
    else:
        with Transport(trust_env=False) as transport:
            for _ in range(2):
                with transport.stream(post(server.url), limits()) as stream:
                    assert list(stream.iter_bytes()) == [b"hello"]
    assert server.connections == 1


def test_an_error_answer_of_a_stream_is_read_whole(way, serve, post, limits):
    def script(connection):
        connection.request()
        connection.answer(b'{"error":"slow down"}', status="429 Too Many Requests")

    server = serve(script)

    async def read_async():
        async with (
            Transport(**way.settings) as transport,
            transport.astream(post(server.url), limits()) as stream,
        ):
            return stream.status, await stream.aread()

    if way.is_async:
        answer = asyncio.run(read_async())
    else:
        with (
            Transport(trust_env=False) as transport,
            transport.stream(post(server.url), limits()) as stream,
        ):
            answer = stream.status, stream.read()
    assert answer == (429, b'{"error":"slow down"}')


@pytest.mark.parametrize("what", ["headers", "body"])
@pytest.mark.parametrize("backend", ["httpx", "aiohttp"])
def test_cancelling_closes_the_connection_and_stays_a_cancellation(
    serve, post, limits, backend, what
):
    if backend == "aiohttp":
        pytest.importorskip("aiohttp", reason="the extra 'fast' is not installed")
    waiting = threading.Event()

    def script(connection):
        connection.request()
        if what == "body":
            connection.send(STREAM, b"5\r\nhello\r\n")
        waiting.set()
        connection.await_client_closing()

    server = serve(script)

    async def cancelled():
        async with Transport(http=backend, trust_env=False) as transport:
            task = asyncio.create_task(transport.asend(post(server.url), limits()))
            await asyncio.to_thread(waiting.wait, 5)
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(server.closed_by_client.wait, 5)

    asyncio.run(cancelled())


@pytest.mark.parametrize("backend", ["httpx", "aiohttp"])
def test_a_callers_own_timeout_is_not_taken_for_ours(serve, post, limits, backend):
    if backend == "aiohttp":
        pytest.importorskip("aiohttp", reason="the extra 'fast' is not installed")
    server = serve(endless)

    async def bounded_outside():
        async with Transport(http=backend, trust_env=False) as transport:
            async with asyncio.timeout(0.1):
                await transport.asend(post(server.url), limits())

    with pytest.raises(TimeoutError) as caught:
        asyncio.run(bounded_outside())
    assert type(caught.value) is TimeoutError


def test_waiting_for_a_free_connection_has_its_own_limit(way, serve, post, limits):
    request = post(serve(endless).url)

    async def crowded_async():
        async with (
            Transport(max_connections=1, **way.settings) as transport,
            transport.astream(request, limits()),
        ):
            await transport.asend(request, limits(pool_s=0.05))

    def crowded():
        with (
            Transport(max_connections=1, trust_env=False) as transport,
            transport.stream(request, limits()),
        ):
            transport.send(request, limits(pool_s=0.05))

    with pytest.raises(TargetTimeoutError) as caught:
        asyncio.run(crowded_async()) if way.is_async else crowded()
    assert (caught.value.phase, caught.value.sent) == ("pool", False)


def test_a_place_is_free_again_after_every_kind_of_end(way, serve, post, limits):
    """One connection at most: were a place lost, the last request would find none."""
    turns = iter(["cut", "stall", "leave", "ok"])

    def script(connection):
        connection.request()
        turn = next(turns)
        if turn == "ok":
            connection.answer(b"ok")
        elif turn != "cut":
            connection.send(STREAM, b"5\r\nhello\r\n")
            connection.await_client_closing()

    request = post(serve(script).url)

    async def all_async():
        async with Transport(max_connections=1, **way.settings) as transport:
            for _ in range(2):
                with pytest.raises(Exception, match=r"127\.0\.0\.1"):
                    await transport.asend(request, limits(idle_s=0.05))
            async with transport.astream(request, limits()):
                pass
            return await transport.asend(request, limits(pool_s=0.5))

    def all_sync():
        with Transport(max_connections=1, trust_env=False) as transport:
            for _ in range(2):
                with pytest.raises(Exception, match=r"127\.0\.0\.1"):
                    transport.send(request, limits(idle_s=0.05))
            with transport.stream(request, limits()):
                pass
            return transport.send(request, limits(pool_s=0.5))

    answer = asyncio.run(all_async()) if way.is_async else all_sync()
    assert answer.body == b"ok"


def test_a_users_own_httpx_transport_is_sent_through(post, limits):
    def handle(request: httpx.Request) -> httpx.Response:
        assert request.extensions["timeout"]["read"] > 0
        return httpx.Response(200, json={"said": request.content.decode()})

    own = httpx.MockTransport(handle)
    request = post("https://api.example.com/v1", b"hi")
    with Transport(sync_transport=own, async_transport=own) as transport:
        assert transport.send(request, limits()).body == b'{"said":"hi"}'
        assert asyncio.run(transport.asend(request, limits())).body == b'{"said":"hi"}'


@pytest.mark.parametrize(
    ("raised", "error", "sent"),
    [
        (httpx.ConnectError("x"), "TargetConnectionError", False),
        (httpx.ConnectTimeout("x"), "TargetTimeoutError", False),
        (httpx.ProxyError("x"), "TargetConnectionError", False),
        (httpx.ReadError("x"), "TargetConnectionError", True),
        (httpx.WriteError("x"), "TargetConnectionError", True),
        (httpx.ReadTimeout("x"), "TargetTimeoutError", True),
        (httpx.LocalProtocolError("sk-secret"), "TargetConnectionError", False),
        (httpx.RemoteProtocolError("x"), "ProtocolViolationError", True),
        (TimeoutError("x"), "TargetTimeoutError", True),
        (ConnectionResetError("x"), "TargetConnectionError", True),
    ],
)
def test_what_a_users_transport_raises_is_told_alike(post, limits, raised, error, sent):
    def handle(request: httpx.Request) -> httpx.Response:
        raise raised

    request = post("https://api.example.com/v1")
    own = httpx.MockTransport(handle)
    with Transport(sync_transport=own, async_transport=own) as transport:
        for call in (transport.send, lambda *a: asyncio.run(transport.asend(*a))):
            with pytest.raises(Exception, match=r"https://api\.example\.com") as caught:
                call(request, limits())
            assert (type(caught.value).__name__, caught.value.sent) == (error, sent)
            assert "secret" not in str(caught.value)


def test_a_bug_in_a_users_transport_is_not_hidden(post, limits):
    def handle(request: httpx.Request) -> httpx.Response:
        raise KeyError("bug")

    with (
        Transport(sync_transport=httpx.MockTransport(handle)) as transport,
        pytest.raises(KeyError, match="bug"),
    ):
        transport.send(post("https://api.example.com/"), limits())
