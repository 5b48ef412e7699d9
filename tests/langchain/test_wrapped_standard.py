"""LangChain's own standard suites, offline, where the only target is another package's chat model.

Off is what ``test_standard.py`` switches off and why, and inputs and usage details that
``ChatOpenAI`` itself does not have on chat completions.
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
from llmrouter_integrations.testing import Reply

pytestmark = [
    # the suite tries stream_events v3 and load, which are beta features, and pydantic.v1
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),
    # the suite's own methods on ``tool`` schemas
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning"),
    # langchain-openai's own advice on the suite's PDF
    pytest.mark.filterwarnings("ignore:OpenAI may require a filename"),
]

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DOWNLOADS = {".pdf": b"%PDF-1.4 nothing much", ".wav": b"RIFF\x00\x00\x00\x00WAVEfmt "}


class Wrapped:
    asked = "gpt-4.1"
    responses = False

    @pytest.fixture(autouse=True)
    def _offline(self, simulator, chat_openai, monkeypatch):
        self.simulator = simulator
        self.chat_openai = chat_openai

        def download(url, **_):
            return SimpleNamespace(content=DOWNLOADS.get(os.path.splitext(url)[1], PNG))  # noqa: PTH122  (a URL)

        monkeypatch.setattr(suite.httpx, "get", download)
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "nobody is asked")

    @property
    def chat_model_class(self):
        return RoutedChatModel

    @property
    def chat_model_params(self):
        return {
            "models": [
                self.chat_openai(name, use_responses_api=self.responses, stream_usage=True)
                for name in (self.asked, f"{self.asked}-mini")
            ],
            "policy": "ordered",
        }

    supports_json_mode = True
    supports_image_inputs = True
    supports_image_urls = True
    supports_pdf_inputs = True
    supports_image_tool_message = False  # OpenAI's chat completions take none, nor does ChatOpenAI
    has_tool_choice = True

    @property
    def model_override_value(self):
        return f"{self.asked}-mini"


class Unit(Wrapped, ChatModelUnitTests):
    pass


class Integration(Wrapped, ChatModelIntegrationTests):
    @property
    def supported_usage_metadata_details(self):
        details = ["cache_read_input", "reasoning_output"]
        return {"invoke": details, "stream": details}

    def _usage(self, reply, *, stream):
        self.simulator.script(self.asked, reply)
        llm = RoutedChatModel(**self.chat_model_params, streaming=stream)
        return llm.invoke("hi")

    def invoke_with_cache_read_input(self, *, stream=False):
        return self._usage(Reply("hi", input_tokens=2000, cached_tokens=1500), stream=stream)

    def invoke_with_reasoning_output(self, *, stream=False):
        reply = Reply("hi", reasoning="hm", output_tokens=90, reasoning_tokens=80)
        return self._usage(reply, stream=stream)


class Responses:
    asked = "gpt-5.4"
    responses = True
    supports_image_tool_message = True


class TestChatUnit(Unit):
    pass


class TestChatIntegration(Integration):
    pass


class TestResponsesUnit(Responses, Unit):
    pass


class TestResponsesIntegration(Responses, Integration):
    pass
