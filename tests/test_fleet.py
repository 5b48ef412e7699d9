"""From a configuration to targets: what is looked up of each."""

from __future__ import annotations

import pytest

from llmrouter_integrations import Router
from llmrouter_integrations.catalog.names import PROVIDERS, provider_id
from llmrouter_integrations.errors import ConfigurationError, MissingKeyError
from llmrouter_integrations.messages import Message, NativeTool, Request, TextPart
from llmrouter_integrations.wire import registry


@pytest.mark.parametrize("info", registry.PROVIDERS.values(), ids=lambda info: info.id)
def test_hints_and_targets_know_a_provider_by_the_same_names(info):
    assert info.id in PROVIDERS
    assert {provider_id(name) for name in (info.id, *info.aliases)} == {info.id}


def test_without_keys_models_of_every_provider_may_still_be_explained():
    with pytest.raises(MissingKeyError):
        Router(env={})
    router = Router(env={}, keys_required=False)
    assert len({target.provider for target in router.targets}) > 5
    assert router.explain("Hello").plan


def test_an_empty_list_of_models_is_not_the_environment():
    with pytest.raises(ConfigurationError, match="no models: name at least one"):
        Router([], env={"OPENAI_API_KEY": "k"})


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "openai/gpt-6.1-terra"},
        {"model": "openai/gpt-4o"},
        {"model": "anthropic/claude-opus-5"},
        {"model": "google/gemini-3.7-flash"},
        {"model": "groq/openai/gpt-oss-120b"},
        {"model": "openrouter/moonshotai/kimi-k3"},
        {"model": "cohere/command-a"},
        {"model": "vllm/llama", "base_url": "http://127.0.0.1:9/v1"},
        {"model": "own/x", "base_url": "http://127.0.0.1:9/v1", "protocol": "openai-responses"},
        {"model": "own/x", "base_url": "http://127.0.0.1:9", "protocol": "anthropic"},
    ],
    ids=str,
)
def test_whose_own_tools_a_target_can_use_is_what_its_codec_passes_on(fields):
    router = Router([{**fields, "api_key": "k"}], env={})
    (target,), (backend,) = router.targets, router._dispatcher._backends.values()
    passed = set()
    issuers = {"openai", "anthropic", "gemini", "cohere", "bedrock", "groq", "own", target.provider}
    for issuer in issuers:
        tools = (NativeTool(issuer, {"type": "search_20250101", "name": "search"}),)
        request = Request((Message("user", (TextPart("hi"),)),), tools=tools)
        made = backend._codec.encode(request, backend._endpoint, stream=False)
        if not any(a.parameter == "tools" and a.action == "dropped" for a in made.adjustments):
            passed.add(issuer)
    assert passed == issuers & target.issuers


def test_the_most_a_prompt_may_have_is_known():
    (target,) = Router([{"model": "openai/gpt-5", "api_key": "k"}]).targets
    assert (target.context_window, target.max_input) == (400_000, 272_000)
