"""From a configuration to targets: what is looked up of each."""

from __future__ import annotations

import pytest

from llmrouter_integrations import Router
from llmrouter_integrations.catalog.names import PROVIDERS, provider_id
from llmrouter_integrations.errors import ConfigurationError, MissingKeyError
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
