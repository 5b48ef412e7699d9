"""The simulator as a server: scripts, records, many clients, a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from urllib.parse import urlsplit

import httpx
import pytest

from llmrouter_integrations.testing import Fault, ProviderSimulator, Reply

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hello there"}]}
KEY = {"authorization": "Bearer sim-key"}


@pytest.fixture
def sim():
    with ProviderSimulator() as simulator:
        yield simulator


@pytest.fixture
def client():
    with httpx.Client(trust_env=False, headers=KEY, timeout=5) as http:
        yield http


def url(sim, provider="openai"):
    return sim.url(provider) + "/chat/completions"


def text(response):
    return response.json()["choices"][0]["message"]["content"]


def test_it_answers_and_remembers_what_was_asked(sim, client):
    response = client.post(url(sim), json=CHAT)
    assert text(response) == "You said: Hello there"
    [request] = sim.requests
    assert (request.provider, request.protocol, request.model) == ("openai", "openai-chat", "m")
    assert request.messages == (("user", "Hello there"),)
    assert request.headers["authorization"] == "Bearer sim-key"
    assert sim.calls("m") == sim.calls("openai/m") == 1
    assert sim.calls("groq/m") == 0


def test_a_script_is_consumed_in_order_and_its_last_step_repeats(sim, client):
    sim.script("m", Reply("one"), Fault.status(500), Reply("three"))
    answers = [client.post(url(sim), json=CHAT) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 500, 200, 200]
    assert text(answers[0]) == "one"
    assert text(answers[2]) == text(answers[3]) == "three"


def test_a_script_without_repeat_ends_in_errors_that_say_so(sim, client):
    sim.script("m", Reply("one"), repeat=False)
    assert text(client.post(url(sim), json=CHAT)) == "one"
    ended = client.post(url(sim), json=CHAT)
    assert ended.status_code == 500
    assert "script exhausted" in ended.text


def test_two_providers_of_one_model_have_their_own_scripts(sim, client):
    sim.script("m", Reply("any"))
    sim.script("groq/m", Reply("groq"))
    assert text(client.post(url(sim), json=CHAT)) == "any"
    assert text(client.post(url(sim, "groq"), json=CHAT)) == "groq"


def test_a_step_may_be_a_function_of_the_request(sim, client):
    sim.script("m", lambda request: Reply(request.last_text.upper()))
    assert text(client.post(url(sim), json=CHAT)) == "HELLO THERE"


def test_a_step_that_raises_is_reported(sim, client):
    sim.script("m", lambda request: 1 / 0)
    response = client.post(url(sim), json=CHAT)
    assert response.status_code == 500
    assert "ZeroDivisionError" in response.text


def test_the_default_may_be_replaced_and_reset(sim, client):
    sim.default(Reply("quiet"))
    assert text(client.post(url(sim), json=CHAT)) == "quiet"
    sim.reset()
    assert sim.requests == []
    assert text(client.post(url(sim), json=CHAT)) == "You said: Hello there"


def test_a_script_needs_a_step(sim):
    with pytest.raises(ValueError, match="at least one step"):
        sim.script("m")


def test_the_same_seed_gives_the_same_bytes():
    bodies = []
    for seed in (1, 1, 2):
        with ProviderSimulator(seed=seed) as sim, httpx.Client(trust_env=False) as client:
            bodies.append(client.post(url(sim), json=CHAT, headers=KEY).content)
    assert bodies[0] == bodies[1] != bodies[2]


def test_latency_is_added_to_every_response():
    with ProviderSimulator(latency_s=0.05) as sim, httpx.Client(trust_env=False) as client:
        response = client.post(url(sim), json=CHAT, headers=KEY)
    assert response.elapsed.total_seconds() >= 0.05


def test_a_reply_has_its_own_pace(sim, client):
    sim.script("m", Reply("one two three", delay_s=0.05, chunk_delay_s=0.02))
    whole = client.post(url(sim), json=CHAT).elapsed.total_seconds()
    assert whole >= 0.05
    streamed = client.post(url(sim), json={**CHAT, "stream": True}).elapsed.total_seconds()
    assert streamed >= 0.05 + 3 * 0.02


def test_a_target_is_what_a_target_config_takes(sim):
    assert sim.target("openai", "m", name="primary") == {
        "model": "openai/m",
        "base_url": sim.url("openai"),
        "api_key": "sim-key",
        "name": "primary",
    }


def test_models_are_listed_as_openai_and_ollama_do(sim, client):
    sim.script("ollama/llama", Reply("x"))
    models = client.get(sim.url("ollama") + "/models").json()
    assert [model["id"] for model in models["data"]] == ["llama"]
    tags = client.get(sim.url("ollama").removesuffix("/v1") + "/api/tags").json()
    assert [model["name"] for model in tags["models"]] == ["llama"]


def test_an_unknown_path_and_a_body_that_is_no_request_are_errors(sim, client):
    assert client.get(sim.url("openai") + "/nothing").status_code == 404
    assert client.post(sim.url("openai") + "/nothing", json={}).status_code == 404
    for body in (b"{", b"[]", b'{"model": "m"}', b'{"model": "m", "messages": 3}'):
        response = client.post(url(sim), content=body)
        assert response.status_code == 400
        assert response.json()["error"]["type"] == "invalid_request_error"


def test_hosted_providers_want_a_key_and_local_ones_do_not(sim):
    with httpx.Client(trust_env=False) as client:
        assert client.post(url(sim), json=CHAT).status_code == 401
        assert client.post(url(sim, "ollama"), json=CHAT).status_code == 200


def test_a_connection_is_kept_and_reused(sim, client):
    ports = set()
    for _ in range(3):
        with client.stream("POST", url(sim), json=CHAT) as response:
            stream = response.extensions["network_stream"]
            ports.add(stream.get_extra_info("client_addr")[1])
            response.read()
    assert len(ports) == 1


def test_a_dead_url_refuses_connections(sim, client):
    with pytest.raises(httpx.ConnectError):
        client.post(sim.dead_url("openai") + "/chat/completions", json=CHAT)


def test_a_large_request_arrives_whole(sim, client):
    large = {**CHAT, "messages": [{"role": "user", "content": "x" * 2_000_000}]}
    assert text(client.post(url(sim), json=large)).endswith("x" * 1000)


async def test_two_hundred_streams_at_once(sim):
    sim.script("m", Reply("word " * 20, chunk_delay_s=0.002))
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(trust_env=False, headers=KEY, limits=limits, timeout=30) as client:
        body = {**CHAT, "stream": True}
        answers = await asyncio.gather(*(client.post(url(sim), json=body) for _ in range(200)))
    assert all(answer.text.count('"content":"word "') == 20 for answer in answers)
    assert all(answer.text.endswith("data: [DONE]\n\n") for answer in answers)
    assert sim.calls("m") == 200


def test_clients_that_leave_early_do_no_harm(sim, client):
    sim.script("m", Reply("word " * 200, chunk_delay_s=0.01))
    for _ in range(5):
        with client.stream("POST", url(sim), json={**CHAT, "stream": True}) as response:
            next(response.iter_raw())
    sim.script("m", Reply("still here"))
    assert text(client.post(url(sim), json=CHAT)) == "still here"


def test_rubbish_instead_of_http_closes_the_connection(sim, client):
    with socket.create_connection(("127.0.0.1", urlsplit(sim.url("x")).port)) as s:
        s.sendall(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        s.settimeout(2)
        assert s.recv(1000) == b""
    assert client.post(url(sim), json=CHAT).status_code == 200


def test_nothing_is_left_after_stop():
    before = set(threading.enumerate())
    sim = ProviderSimulator().start()
    sim.script("m", Fault.stall(60))
    port = urlsplit(sim.url("openai")).port
    waiting = socket.create_connection(("127.0.0.1", port))
    idle = socket.create_connection(("127.0.0.1", port))
    body = b'{"model": "m", "messages": [{"role": "user", "content": "x"}]}'
    waiting.sendall(
        b"POST /openai/v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: y\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
    while not sim.requests:
        pass
    sim.stop()
    assert set(threading.enumerate()) == before
    for client in (waiting, idle):
        client.settimeout(2)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
        client.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_it_can_be_started_again_and_stopped_twice():
    sim = ProviderSimulator()
    for _ in range(2):
        with sim, httpx.Client(trust_env=False) as client:
            assert client.post(url(sim, "ollama"), json=CHAT).status_code == 200
    sim.stop()


async def test_it_is_an_async_context_manager_too():
    async with ProviderSimulator() as sim, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.post(url(sim, "ollama"), json=CHAT)).status_code == 200
