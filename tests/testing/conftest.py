"""A simulator, and one way to ask it in every protocol."""

from __future__ import annotations

import dataclasses

import httpx
import orjson
import pytest

from llmrouter_integrations.testing import ProviderSimulator

HEADERS = {"authorization": "Bearer sim-key", "anthropic-version": "2023-06-01"}
PROVIDER = {"openai-chat": "openai", "openai-responses": "openai"}
PATHS = {
    "openai-chat": "/chat/completions",
    "openai-responses": "/responses",
    "anthropic": "/v1/messages",
    "gemini": "/models/m:generateContent",
    "cohere": "/v2/chat",
    "bedrock": "/model/m/converse",
}
STREAM_PATHS = PATHS | {
    "gemini": "/models/m:streamGenerateContent?alt=sse",
    "bedrock": "/model/m/converse-stream",
}
MESSAGES = [{"role": "user", "content": "Hello there"}]
BODIES = {
    "openai-chat": {"model": "m", "messages": MESSAGES},
    "openai-responses": {"model": "m", "input": "Hello there"},
    "anthropic": {"model": "m", "messages": MESSAGES, "max_tokens": 500},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hello there"}]}]},
    "cohere": {"model": "m", "messages": MESSAGES},
    "bedrock": {"messages": [{"role": "user", "content": [{"text": "Hello there"}]}]},
}


@dataclasses.dataclass
class Asker:
    """Sends requests of any protocol to the simulator."""

    sim: ProviderSimulator
    client: httpx.Client

    def post(self, protocol, body=None, *, stream=False, provider=None, **fields):
        provider = provider or PROVIDER.get(protocol, protocol)
        body = {**(BODIES[protocol] if body is None else body), **fields}
        if stream and protocol not in ("gemini", "bedrock"):
            body["stream"] = True
        path = (STREAM_PATHS if stream else PATHS)[protocol]
        return self.client.post(self.sim.url(provider) + path, json=body)

    def read(self, protocol, body=None, **fields):
        """The request as the simulator understood it."""
        answer = self.post(protocol, body, **fields)
        assert answer.status_code == 200, answer.text
        return self.sim.requests[-1]


@pytest.fixture(scope="module")
def _sim():
    with ProviderSimulator() as simulator:
        yield simulator


@pytest.fixture
def sim(_sim):
    _sim.reset()
    return _sim


@pytest.fixture
def asker(sim):
    with httpx.Client(trust_env=False, headers=HEADERS, timeout=5) as client:
        yield Asker(sim, client)


@pytest.fixture
def events():
    """Reads the JSON of every server-sent event."""

    def read(text):
        lines = (line[5:].strip() for line in text.splitlines() if line.startswith("data:"))
        return [orjson.loads(line) for line in lines if line and line != "[DONE]"]

    return read
