from __future__ import annotations

import httpx
import pytest
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler

from tests.llama_index_llms import OpenAI, unkept
from tests.scripted import ScriptedRouter


@pytest.fixture
def scripted():
    return ScriptedRouter


@pytest.fixture
def llm_at(simulator):
    """Make LLMs at the simulator, whose connections do not outlive the test."""
    clients = {"http_client": httpx.Client(), "http_async_client": unkept()}

    def make(model="gpt-4.1", kind=OpenAI, **said):
        return kind(model=model, api_base=simulator.url("openai"), **clients | said)

    with clients["http_client"]:
        yield make


class Events(BaseEventHandler):
    seen: list = []  # noqa: RUF012  (pydantic copies it)

    def handle(self, event, **_):
        self.seen.append(event.class_name())


@pytest.fixture
def events():
    """The names of the events that LlamaIndex's dispatcher has sent."""
    root = get_dispatcher()
    handler = Events()
    root.add_event_handler(handler)
    yield handler.seen
    root.event_handlers.remove(handler)
