"""No key in a message, a repr, a log, a pickle or a traceback's local variables."""

from __future__ import annotations

import logging
import pickle
import traceback
from pathlib import Path

import pytest

import llmrouter_integrations
from llmrouter_integrations.errors import RouterError
from llmrouter_integrations.http_messages import HttpRequest, url_without_secrets
from llmrouter_integrations.transport import Transport

PACKAGE = str(Path(llmrouter_integrations.__file__).parent)
KEY = "sk-secret-0123456789abcdef"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"
FAULTS = {
    "silent": lambda connection: (connection.request(), connection.await_client_closing()),
    "closes": lambda connection: connection.request(),
    "cut": lambda connection: (connection.request(), connection.send(ANSWER, b"half")),
    "garbage": lambda connection: (connection.request(), connection.send(b"nonsense\r\n\r\n")),
}


def assert_tells_no_key(error: BaseException) -> None:
    told = f"{error} {error!r} {pickle.dumps(error)!r}"
    assert "secret" not in told
    assert error.__cause__ is None
    assert error.__context__ is None
    frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    ours = [frame for frame in frames if frame.filename.startswith(PACKAGE)]
    assert ours
    for frame in ours:
        assert "secret" not in str(frame.locals), frame


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_tells_no_key(way, serve, post, limits, caplog, fault):  # noqa: PLR0917  (fixtures)
    caplog.set_level(logging.DEBUG)
    request = post(f"{serve(FAULTS[fault]).url}/v1?key={KEY}", **{"x-api-key": KEY})
    with pytest.raises(RouterError) as caught:
        way.send(request, limits(first_token_s=0.1))
    assert_tells_no_key(caught.value)
    assert KEY not in caplog.text


def test_a_refused_connection_tells_no_key(way, post, limits, dead_port, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(RouterError) as caught:
        way.send(post(f"http://127.0.0.1:{dead_port}/v1?key={KEY}"), limits())
    assert_tells_no_key(caught.value)
    assert KEY not in caplog.text


@pytest.mark.parametrize("header", ["x-api-key", "x-tenant"])
def test_a_malformed_key_is_not_shown(way, post, limits, header):
    with pytest.raises(RouterError) as caught:
        way.send(post("http://127.0.0.1:9/", **{header: f"{KEY}\n"}), limits())
    assert_tells_no_key(caught.value)


def test_an_answer_logs_no_key(way, serve, post, limits, caplog):
    def script(connection):
        connection.request()
        connection.answer(b"ok")

    caplog.set_level(logging.DEBUG)
    way.send(post(f"{serve(script).url}/v1?key={KEY}", **{"x-api-key": KEY}), limits())
    assert KEY not in caplog.text


def test_reprs_tell_no_key(post):
    request = post(f"https://user:{KEY}@api.example.com/v1?alt=sse&key={KEY}", KEY.encode())
    assert repr(request) == "HttpRequest(POST https://***@api.example.com/v1?alt=***&key=***)"
    with Transport(proxy=f"http://user:{KEY}@127.0.0.1:1") as transport:
        assert KEY not in repr(transport)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.example.com/v1", "https://api.example.com/v1"),
        ("https://u:p@h:1/a@b?x=1#k=2", "https://***@h:1/a@b?x=***#k=2"),
        ("https://h/?key=a%26b&flag&key=c", "https://h/?key=***&flag&key=***"),
        ("http://u:p@ss@h/", "http://***@h/"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url, shown):
    assert url_without_secrets(url) == shown


def test_requests_compare_by_value():
    assert HttpRequest("GET", "http://h/") == HttpRequest("GET", "http://h/")
