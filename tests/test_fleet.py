"""From a configuration to targets: what is looked up of each."""

from __future__ import annotations

import pytest

from llmrouter_integrations.catalog.names import PROVIDERS, provider_id
from llmrouter_integrations.wire import registry


@pytest.mark.parametrize("info", registry.PROVIDERS.values(), ids=lambda info: info.id)
def test_hints_and_targets_know_a_provider_by_the_same_names(info):
    assert info.id in PROVIDERS
    assert {provider_id(name) for name in (info.id, *info.aliases)} == {info.id}
