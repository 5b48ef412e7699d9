from __future__ import annotations

import httpx
import pytest

from tests.scripted import ScriptedRouter


@pytest.fixture
def scripted():
    return ScriptedRouter


@pytest.fixture
def chat_openai(simulator):
    """Make ``ChatOpenAI``s at the simulator, whose connections do not outlive the test."""
    langchain_openai = pytest.importorskip("langchain_openai")
    # a connection that is kept would outlive its event loop
    unkept = httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0))
    with httpx.Client() as client:

        def make(model="gpt-4.1", **fields):
            given = {
                "base_url": simulator.url("openai"),
                "api_key": "sim-key",
                "http_client": client,
                "http_async_client": unkept,
            }
            return langchain_openai.ChatOpenAI(model=model, **given | fields)

        yield make
