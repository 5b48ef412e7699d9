"""A live drill, where a simulator stands in for the real endpoints."""

from __future__ import annotations

import httpx
import pytest

from llmrouter_integrations import RouterConfig
from llmrouter_integrations.drill.engine import Drill
from llmrouter_integrations.drill.live import LiveScene, injected
from llmrouter_integrations.drill.rows import FAULTS, chosen
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.testing import Fault, Reply

CANNOT = {"tools", "answer"}


def echo(request):
    return Reply(request.last_text.rpartition(": ")[2])


@pytest.fixture
def config(simulator):
    simulator.default(echo)
    models = (
        simulator.target("openai", "a", name="a", headers={"x-mine": "kept"}),
        simulator.target("anthropic", "b", name="b"),
    )
    return RouterConfig(models=models, policy="ordered", cooldown_s=0.1)


@pytest.fixture
def scene(config):
    made = LiveScene(config)
    yield made
    made.close()


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: row.name)
def test_the_router_passes_or_the_fault_is_skipped(row, scene):
    drill = Drill(scene, requests=2, concurrency=2, most_added_p99_s=None, hopeless_s=0.15)
    for result in drill.run([row]):
        assert result.passed, (result.mode, result.complaints)
        assert not (result.skipped and row.kind in ("connection", "key", "limit", "server"))
        assert not (row.kind in CANNOT and not result.skipped)


def test_what_goes_through_reaches_the_endpoint_as_configured(scene, simulator):
    (row,) = chosen(["overloaded"])
    router = scene.router(row, ["a"])
    assert router.complete(scene.prompt(3)).target == "b"
    assert scene.calls() == {"a": 1, "b": 1}
    assert simulator.calls("a") == 0
    assert "x-llmrouter-drill" in simulator.requests[-1].headers
    scene.router(None, ()).complete(scene.prompt(4))
    assert simulator.requests[-1].headers["x-mine"] == "kept"


def test_a_fault_is_written_in_the_words_of_the_protocol_asked_in():
    written = {}
    for path, body in {
        "/v1/chat/completions": {"model": "m", "messages": []},
        "/v1/messages": {"model": "m", "messages": [], "max_tokens": 1},
    }.items():
        request = httpx.Request("POST", f"http://provider{path}", json=body)
        fault = injected(Fault.rate_limited(20), request)
        assert (fault.kind, fault.status) == ("status", 429)
        assert dict(fault.headers)["retry-after"] == "20"
        written[path] = fault.body
    assert b"rate_limit_exceeded" in written["/v1/chat/completions"]
    assert b"rate_limit_error" in written["/v1/messages"]


def test_where_no_protocol_is_known_it_is_told():
    request = httpx.Request("POST", "http://provider/v1/embeddings", json={})
    with pytest.raises(ConfigurationError, match="/v1/embeddings"):
        injected(Fault.status(500), request)
