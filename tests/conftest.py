"""Fixtures of the whole suite: a simulator per test session's module, and a clean environment."""

from __future__ import annotations

import pytest

from llmrouter_integrations.testing import ProviderSimulator
from llmrouter_integrations.wire.registry import PROVIDERS


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    """Hide the developer's own keys and endpoints: no test may depend on, or spend, them."""
    for info in PROVIDERS.values():
        for name in (*info.key_env, *info.base_url_env, *info.credentials_env, *info.region_env):
            monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def _simulator():
    with ProviderSimulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(_simulator):
    """Providers on loopback, with nothing scripted and nothing yet received."""
    _simulator.reset()
    return _simulator
