"""LangChain's own standard suites, offline, for a router whose first target speaks each protocol.

Off are these switches, and why:

* ``supports_audio_inputs`` for Responses and Anthropic: their protocols take no sound;
* ``supports_video_inputs``: LangChain has no test for it;
* ``enable_vcr_tests``: it times a cassette, which buffers streams; ``benchmarks/`` times real ones;
* usage details ``audio_input`` and ``audio_output``: the simulator counts no sound apart;
* ``test_serdes``: LangChain's ``load`` trusts other packages' classes by name only (which
  ``test_chat_model.py`` tries), the suite by the word "all";
* ``cache_creation_input`` but for Anthropic: the others do not say what they wrote to the cache.
"""

from __future__ import annotations

import base64
import os
from types import SimpleNamespace

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.integration_tests import chat_models as suite
from langchain_tests.unit_tests import ChatModelUnitTests

from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.testing import Brain, Reply

pytestmark = [
    # the suite tries stream_events v3 and load, which are beta features, and pydantic.v1
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),
    # the suite's own methods on ``tool`` schemas
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning"),
]

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DOWNLOADS = {".pdf": b"%PDF-1.4 nothing much", ".wav": b"RIFF\x00\x00\x00\x00WAVEfmt "}


class OneFirst:
    """A router that asks one target first, and has two more to turn to."""

    provider = ""
    protocol = ""
    first = ""
    second = ""
    takes_sound = False
    tells_cache_writes = False
    abilities: dict = {}  # noqa: RUF012  (never changed)

    @pytest.fixture(autouse=True)
    def _offline(self, simulator, monkeypatch):
        self.simulator = simulator

        def download(url, **_):
            return SimpleNamespace(content=DOWNLOADS.get(os.path.splitext(url)[1], PNG))  # noqa: PTH122  (a URL)

        monkeypatch.setattr(suite.httpx, "get", download)
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "nobody is asked")

    @property
    def chat_model_class(self):
        return RoutedChatModel

    @property
    def chat_model_params(self):
        said = {"protocol": self.protocol, "abilities": self.abilities}
        return {
            "models": [
                self.simulator.target(self.provider, self.first, **said),
                self.simulator.target(self.provider, self.second, **said),
                self.simulator.target("groq", "llama-3.3-70b-versatile"),
            ],
            "policy": "ordered",
        }

    supports_json_mode = True
    supports_image_inputs = True
    supports_image_urls = True
    supports_pdf_inputs = True
    supports_anthropic_inputs = True
    supports_image_tool_message = True
    supports_pdf_tool_message = True

    @property
    def supports_audio_inputs(self):
        return self.takes_sound

    @property
    def model_override_value(self):
        return self.second


class Unit(OneFirst, ChatModelUnitTests):
    @property
    def init_from_env_params(self):
        return (
            {"OPENAI_API_KEY": "from-the-environment"},
            {"models": ["openai/gpt-5.4-mini"], "temperature": 0.5},
            {"temperature": 0.5},
        )


class Integration(OneFirst, ChatModelIntegrationTests):
    @property
    def supported_usage_metadata_details(self):
        details = ["cache_read_input", "reasoning_output"]
        if self.tells_cache_writes:
            details = ["cache_read_input", "cache_creation_input"]
        return {"invoke": details, "stream": details}

    def _usage(self, reply, *, stream):
        self.simulator.script(self.first, reply)
        llm = RoutedChatModel(**self.chat_model_params, streaming=stream)
        return llm.invoke("hi")

    def invoke_with_cache_read_input(self, *, stream=False):
        return self._usage(Reply("hi", input_tokens=2000, cached_tokens=1500), stream=stream)

    def invoke_with_cache_creation_input(self, *, stream=False):
        return self._usage(Reply("hi", input_tokens=2000, cache_write_tokens=1500), stream=stream)

    def invoke_with_reasoning_output(self, *, stream=False):
        reply = Reply("hi", reasoning="hm", output_tokens=90, reasoning_tokens=80)
        return self._usage(reply, stream=stream)


class OpenAIChat:
    provider, protocol = "openai", "openai-chat"
    first, second = "gpt-4.1", "gpt-4.1-mini"
    takes_sound = True
    abilities = {"input": ["text", "image", "pdf", "audio"]}  # noqa: RUF012  (never changed)


class OpenAIResponses:
    provider, protocol = "openai", "openai-responses"
    first, second = "gpt-5.4", "gpt-5.4-mini"


def heeds_words(request):
    """Anthropic has no JSON mode: JSON is asked for in words, which the Brain does not read."""
    if any("one JSON object" in text for role, text in request.messages if role == "system"):
        return Reply('{"setup": "Why?", "punchline": "Because."}')
    return Brain()


class Anthropic:
    provider, protocol = "anthropic", "anthropic"
    first, second = "claude-sonnet-4-5", "claude-haiku-4-5"
    tells_cache_writes = True

    @pytest.fixture(autouse=True)
    def _words(self, simulator):
        simulator.default(heeds_words)


class Gemini:
    provider, protocol = "google", "gemini"
    first, second = "gemini-2.5-pro", "gemini-2.5-flash"
    takes_sound = True


class TestOpenAIChatUnit(OpenAIChat, Unit):
    pass


class TestOpenAIResponsesUnit(OpenAIResponses, Unit):
    pass


class TestAnthropicUnit(Anthropic, Unit):
    pass


class TestGeminiUnit(Gemini, Unit):
    pass


class TestOpenAIChatIntegration(OpenAIChat, Integration):
    pass


class TestOpenAIResponsesIntegration(OpenAIResponses, Integration):
    pass


class TestAnthropicIntegration(Anthropic, Integration):
    pass


class TestGeminiIntegration(Gemini, Integration):
    pass
