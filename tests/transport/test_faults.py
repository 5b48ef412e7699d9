"""What can go wrong on the wire, and which error of ours it becomes: sync and async alike."""

from __future__ import annotations

import gzip
import socket
import time

import pytest

from llmrouter_integrations.errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolViolationError,
    TargetConnectionError,
    TargetTimeoutError,
    TruncatedAnswerError,
)

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


def plays(*parts, then=None):
    """A script: read the request, send the parts, then do one more thing."""

    def script(connection):
        connection.request()
        connection.send(*parts)
        if then is not None:
            then(connection)

    return script


def stay(connection):
    connection.await_client_closing()


def reset(connection):
    time.sleep(0.15)  # what was sent must not be swept away by the reset
    connection.reset()


def break_framing(connection):
    time.sleep(0.15)  # so that it comes in a read of its own
    connection.send(b"zz\r\n")
    connection.await_client_closing()


def deaf(connection):
    connection.server.stopping.wait(5)


# Row: script, limits, error, its attributes.
FAULTS = {
    "silent": (
        plays(then=stay),
        {"first_token_s": 0.25},
        TargetTimeoutError,
        {"phase": "first_token", "sent": True, "status": None},
    ),
    "silent, and the total is shorter": (
        plays(then=stay),
        {"total_s": 0.25},
        TargetTimeoutError,
        {"phase": "total", "sent": True},
    ),
    "headers, then silent": (
        plays(CHUNKED, then=stay),
        {"first_token_s": 0.4, "idle_s": 0.01},
        TargetTimeoutError,
        {"phase": "first_token", "status": 200},
    ),
    "stalls in the body": (
        plays(CHUNKED, b"5\r\nhello\r\n", then=stay),
        {"idle_s": 0.1},
        TargetTimeoutError,
        {"phase": "idle", "status": 200},
    ),
    "stalls in the body, and the total is shorter": (
        plays(CHUNKED, b"5\r\nhello\r\n", then=stay),
        {"total_s": 0.4, "idle_s": 3},
        TargetTimeoutError,
        {"phase": "total", "status": 200},
    ),
    "drips its headers": (
        lambda connection: (connection.request(), connection.drip(OK * 9)),
        {"total_s": 0.25},
        TargetTimeoutError,
        {"phase": "total", "status": None},
    ),
    "drips its headers past the first-token limit": (
        lambda connection: (connection.request(), connection.drip(OK * 9)),
        {"first_token_s": 0.25},
        TargetTimeoutError,
        {"phase": "first_token", "status": None},
    ),
    "drips its body": (
        plays(OK + b"content-length: 500\r\n\r\n", then=lambda c: c.drip(b"x" * 500)),
        {"total_s": 0.4, "idle_s": 3},
        TargetTimeoutError,
        {"phase": "total", "status": 200},
    ),
    "closes without an answer": (
        plays(),
        {},
        TargetConnectionError,
        {"sent": True, "status": None},
    ),
    "resets without an answer": (
        plays(then=reset),
        {},
        TargetConnectionError,
        {"sent": True, "status": None},
    ),
    "resets in the body": (
        plays(CHUNKED, b"5\r\nhello\r\n", then=reset),
        {},
        TruncatedAnswerError,
        {"status": 200},
    ),
    "closes before its content-length": (
        plays(OK + b"content-length: 100\r\n\r\nhello"),
        {},
        TruncatedAnswerError,
        {"status": 200},
    ),
    "closes before its last chunk": (
        plays(CHUNKED, b"5\r\nhello\r\n"),
        {},
        TruncatedAnswerError,
        {"status": 200},
    ),
    "breaks its chunks": (
        plays(CHUNKED, b"5\r\nhello\r\n", then=break_framing),
        {},
        ProtocolViolationError,
        {"status": 200},
    ),
    "is no HTTP server": (
        plays(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", then=stay),
        {},
        ProtocolViolationError,
        {"status": None},
    ),
    "breaks its gzip": (
        plays(OK + b"content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello"),
        {},
        ProtocolViolationError,
        {"status": 200},
    ),
    "compresses as nobody asked": (
        plays(OK + b"content-encoding: zstd\r\ncontent-length: 5\r\n\r\nhello"),
        {},
        ProtocolViolationError,
        {"status": 200},
    ),
    "answers too much": (
        plays(OK + b"content-length: 5000\r\n\r\n", b"x" * 5000),
        {"max_body_bytes": 4999},
        ProtocolViolationError,
        {"status": 200},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_server_becomes_one_of_our_errors(way, serve, post, limits, fault):
    script, given, error, attributes = FAULTS[fault]
    server = serve(script)
    begun = time.monotonic()
    with pytest.raises(error) as caught:
        way.send(post(server.url), limits(**given))
    took = time.monotonic() - begun
    assert type(caught.value) is error
    assert {name: getattr(caught.value, name) for name in attributes} == attributes
    assert f"127.0.0.1:{server.port}" in str(caught.value)
    longest = min(given.get("total_s", 5), given.get("first_token_s", 5), given.get("idle_s", 5))
    if error is TargetTimeoutError:
        assert longest * 0.9 <= took or "idle_s" in given
        assert took < max(longest, given.get("first_token_s", 0)) + 1.5  # a busy machine


@pytest.mark.parametrize(
    "fault",
    [
        "headers, then silent",
        "stalls in the body",
        "drips its body",
        "closes before its last chunk",
    ],
)
def test_a_stream_meets_the_same_faults(way, serve, post, limits, fault):
    script, given, error, attributes = FAULTS[fault]
    server = serve(script)
    with pytest.raises(error) as caught:
        way.stream(post(server.url), limits(**given))
    assert {name: getattr(caught.value, name) for name in attributes} == attributes


@pytest.mark.parametrize(
    ("given", "phase"),
    [({"total_s": 0}, "total"), ({"total_s": -1}, "total"), ({"first_token_s": 0}, "first_token")],
)
def test_where_no_time_is_left_nothing_is_sent(way, serve, post, limits, given, phase):  # noqa: PLR0917  (fixtures)
    server = serve(plays(then=stay))
    with pytest.raises(TargetTimeoutError) as caught:
        way.send(post(server.url), limits(**given))
    assert (caught.value.phase, caught.value.sent) == (phase, False)
    assert server.connections == 0


def test_a_refused_connection_was_never_sent(way, post, limits, dead_port):
    with pytest.raises(TargetConnectionError, match=f"127.0.0.1:{dead_port}") as caught:
        way.send(post(f"http://127.0.0.1:{dead_port}/"), limits())
    assert not caught.value.sent


def test_an_unknown_host_was_never_sent(way, post, limits, monkeypatch):
    def nowhere(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(TargetConnectionError, match="not known") as caught:
        way.send(post("http://nowhere.invalid/"), limits())
    assert not caught.value.sent


def test_a_handshake_that_stalls_runs_into_the_connect_limit(way, serve, post, limits):
    server = serve(deaf)
    begun = time.monotonic()
    with pytest.raises(TargetTimeoutError) as caught:
        way.send(post(f"https://127.0.0.1:{server.port}/"), limits(connect_s=0.1))
    assert (caught.value.phase, caught.value.sent) == ("connect", False)
    assert time.monotonic() - begun < 2


def test_tls_to_a_server_without_it_was_never_sent(way, serve, post, limits):
    server = serve(lambda connection: connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    with pytest.raises(TargetConnectionError) as caught:
        way.send(post(f"https://127.0.0.1:{server.port}/"), limits())
    assert not caught.value.sent


def test_a_server_that_does_not_read_runs_into_the_write_limit(way, serve, post, limits):
    server = serve(deaf)
    # aiohttp writes beside the wait for an answer, so there the first-token limit is what holds.
    phase, limit = ("first_token",) * 2 if way.name == "aiohttp" else ("write", "idle")
    with pytest.raises(TargetTimeoutError) as caught:
        way.send(post(server.url, b"x" * 30_000_000), limits(**{f"{limit}_s": 0.3}))
    assert caught.value.phase == phase
    assert caught.value.sent


def test_a_server_that_reads_slowly_does_not_outlive_the_total(serve, post, limits):
    from llmrouter_integrations.transport import Transport

    def sip(connection):
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while not connection.server.stopping.wait(0.05):
            connection.sock.recv(300_000)

    server = serve(sip)
    begun = time.monotonic()
    with Transport(trust_env=False) as transport, pytest.raises(TargetTimeoutError):
        transport.send(post(server.url, b"x" * 50_000_000), limits(total_s=0.4, idle_s=0.3))
    assert time.monotonic() - begun < 3


def test_a_bomb_is_bounded(way, serve, post, limits):
    bomb = gzip.compress(b"\0" * 30_000_000)

    def script(connection):
        connection.request()
        connection.answer(bomb, "content-encoding: gzip")

    server = serve(script)
    with pytest.raises(ProtocolViolationError, match="over 1000000 bytes"):
        way.send(post(server.url), limits(max_body_bytes=1_000_000))


def test_a_streams_limit_is_per_line(way, serve, post, limits):
    line = b"x" * 600 + b"\n"

    def script(connection):
        while connection.request():
            connection.answer(line * 4, status="200 OK")

    server = serve(script)
    assert b"".join(way.stream(post(server.url), limits(max_body_bytes=1000))) == line * 4


def test_a_line_without_end_is_bounded(way, serve, post, limits):
    server = serve(plays(CHUNKED, *[b"400\r\n" + b"x" * 1024 + b"\r\n"] * 20, then=stay))
    with pytest.raises(ProtocolViolationError, match="in one line"):
        way.stream(post(server.url), limits(max_body_bytes=10_000, idle_s=1))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com/v1",
        "ftp://127.0.0.1/",
        "http://",
        "http://[::1/",
        "/v1/chat",
        "http://a b/v1",
        "http://a..b/v1",
        "http://h:abc/v1",
        "http://127.0.0.1:65536/",
        f"http://{'a' * 64}.invalid/",
    ],
)
def test_what_is_no_url_is_said_before_anything_is_sent(way, post, limits, url):
    with pytest.raises(ConfigurationError, match="not an absolute"):
        way.send(post(url), limits())


@pytest.mark.parametrize("value", ["line\nbreak", "ends with a space ", "dots…", "\x00"])
def test_a_header_that_cannot_be_written_is_named_but_not_shown(way, post, limits, value):
    with pytest.raises(AuthenticationError, match="'x-api-key'") as caught:
        way.send(post("http://127.0.0.1:9/", **{"x-api-key": value}), limits())
    assert not caught.value.sent
    assert value not in str(caught.value)
    with pytest.raises(ConfigurationError, match="'x-tenant'") as caught:
        way.send(post("http://127.0.0.1:9/", **{"x-tenant": value}), limits())
    assert value not in str(caught.value)


@pytest.mark.parametrize("name", ["x tenant", "x-tenant\n", "", "x-té"])
def test_a_header_name_that_is_none_is_refused(way, post, limits, name):
    with pytest.raises(ConfigurationError, match="cannot be sent"):
        way.send(post("http://127.0.0.1:9/", **{name: "1"}), limits())
