"""The stage: whom it plays, where its targets are not, and the same in a process of its own."""

from __future__ import annotations

import socket
import ssl

import httpx
import pytest

from llmrouter_integrations.drill.remote import RemoteStage
from llmrouter_integrations.drill.stage import key_of

BODY = {"model": "m", "messages": [{"role": "user", "content": "Drill 7: say all of it."}]}


def ask(stage, target=0, play=0):
    headers = {"authorization": f"Bearer {key_of(target, play)}"}
    url = f"{stage.url('openai')}/chat/completions"
    return httpx.post(url, json=BODY, headers=headers, trust_env=False, timeout=5)


def text(answer):
    return answer.json()["choices"][0]["message"]["content"]


@pytest.fixture(scope="module")
def remote():
    with RemoteStage() as started:
        yield started


@pytest.fixture(params=["here", "in a process of its own"])
def either(request, stage, remote):
    return stage if request.param == "here" else remote


def test_a_target_says_who_it_is_and_what_it_answers(either):
    either.play("", [])
    assert text(ask(either, 0)).startswith("t0.7.0 t0.7.1 ")
    assert text(ask(either, 3)).startswith("t3.7.0 t3.7.1 ")
    assert either.calls() == {0: 1, 3: 1}


def test_only_the_faulty_fail_and_playing_counts_anew(either):
    either.play("overloaded", [0], way=0)
    assert ask(either, 0).status_code == 503
    assert ask(either, 1).status_code == 200
    assert either.calls() == {0: 1, 1: 1}
    either.play("", [])
    assert either.calls() == {}
    assert ask(either, 0).status_code == 200


def test_calls_of_an_earlier_play_that_arrive_late_are_not_counted(either):
    before = either.play("", [])
    now = either.play("", [])
    assert text(ask(either, 0, before)).startswith("t0.7.0 ")
    assert either.calls() == {}
    ask(either, 0, now)
    assert either.calls() == {0: 1}


def test_the_ways_of_a_fault_come_in_turn_by_the_requests_number(stage):
    stage.play("key-refused-with-400", [0])
    seventh = ask(stage).json()
    stage.play("key-refused-with-400", [0], way=0)
    assert ask(stage).json() != seventh
    stage.play("key-refused-with-400", [0], way=7 % 6)
    assert ask(stage).json() == seventh


def test_a_fault_that_spoils_an_answer_spoils_the_targets_own(stage):
    stage.play("wrong-content-type", [0])
    answer = ask(stage)
    assert answer.headers["content-type"].startswith("text/plain")
    assert text(answer).startswith("t0.7.0 ")


def test_nobody_is_at_the_places(either):
    dead = httpx.URL(either.url("openai", "dead port"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((dead.host, dead.port), timeout=1)
    silent = httpx.URL(either.url("openai", "silent port"))
    with pytest.raises(TimeoutError):
        socket.create_connection((silent.host, silent.port), timeout=0.1)
    plain = httpx.URL(either.url("openai", "plain port"))
    assert plain.scheme == "https"
    with pytest.raises(ssl.SSLError), socket.create_connection((plain.host, plain.port)) as sock:
        ssl.create_default_context().wrap_socket(sock, server_hostname="127.0.0.1")
    assert httpx.URL(either.url("openai", "unknown host")).host == "provider.invalid"


def test_open_connections_are_counted(either):
    before = either.connections()
    url = httpx.URL(either.url("openai"))
    with socket.create_connection((url.host, url.port)) as sock:
        sock.sendall(b"POST")
        while either.connections() == before:
            pass
        assert either.connections() == before + 1


def test_a_stage_that_is_not_started_says_so():
    with pytest.raises(RuntimeError, match="start the stage first"):
        RemoteStage().calls()
