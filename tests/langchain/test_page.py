"""docs/langchain.md holds: its code runs as it stands, and what it claims is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from langchain_core.caches import InMemoryCache

from llmrouter_integrations import errors as ours
from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.langchain.errors import _KINDS
from llmrouter_integrations.testing import Reply

PAGE = (Path(__file__).parents[2] / "docs" / "langchain.md").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")  # of ``load``
def test_the_code_runs_as_it_stands(simulator, monkeypatch):
    for provider in ("openai", "anthropic"):
        monkeypatch.setenv(f"{provider.upper()}_BASE_URL", simulator.url(provider))
        monkeypatch.setenv(f"{provider.upper()}_API_KEY", "sim-key")
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    for block in blocks:
        exec(compile(block, "langchain.md", "exec"), names)
    assert len(blocks) == 7


def test_the_table_of_errors_is_the_one_that_is_used():
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (yes|no)", PAGE, flags=re.MULTILINE)
    assert rows == [
        (own.__name__, kind.__name__, "yes" if kind.is_retryable else "no") for own, kind in _KINDS
    ]
    assert issubclass(ours.QuotaExhaustedError, ours.RateLimitedError)


def asking(simulator, provider="openai", model="gpt-6.1-terra", **settings):
    return RoutedChatModel(models=[simulator.target(provider, model)], **settings)


def test_unlike_chat_openai(simulator):
    llm = asking(simulator, "anthropic", "claude-haiku-4-5")
    message = llm.invoke("hi")
    assert message.response_metadata["model_provider"] == "llmrouter"
    assert message.response_metadata["llmrouter"]["provider"] == "anthropic"
    used = message.response_metadata["token_usage"]["total_tokens"]
    assert used == message.usage_metadata["total_tokens"]
    assert message.additional_kwargs == {}
    assert llm.get_num_tokens("some words") > 0
    with pytest.raises(NotImplementedError, match="custom_get_token_ids"):
        llm.get_token_ids("some words")


def test_parameters_of_chat_completions_pass(simulator):
    llm = asking(simulator)
    told = {"verbosity": "low", "service_tier": "flex"}
    llm.invoke("hi", **told)
    llm.bind(**told).batch(["hi"])
    list(llm.stream("hi", **told))
    assert len(simulator.requests) == 3
    for request in simulator.requests:
        assert str(request.body).count("'low'") == str(request.body).count("'flex'") == 1


def test_what_a_provider_takes_of_its_own(simulator):
    llm = asking(simulator, "anthropic", "claude-haiku-4-5")
    llm.invoke("hi", extra_body={"anthropic": {"metadata": {"user_id": "u1"}}, "openai": {"x": 1}})
    assert simulator.requests[-1].body["metadata"] == {"user_id": "u1"}
    assert "x" not in simulator.requests[-1].body


def test_a_cached_answers_metadata_are_those_of_the_call_that_was_made(simulator):
    simulator.script("gpt-6.1-terra", Reply("Hello"))
    llm = asking(simulator, cache=InMemoryCache())
    first, second = llm.invoke("hi"), llm.invoke("hi")
    assert len(simulator.requests) == 1
    assert second.response_metadata == first.response_metadata
