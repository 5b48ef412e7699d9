"""Fixtures for pytest.

Enable them in the ``conftest.py`` beside your ``pyproject.toml`` or ``pytest.ini``::

    pytest_plugins = ["llmrouter_integrations.testing.fixtures"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmrouter_integrations.testing.simulator import ProviderSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["provider_simulator"]


@pytest.fixture
def provider_simulator() -> Iterator[ProviderSimulator]:
    """A started simulator with nothing scripted, stopped after the test."""
    with ProviderSimulator() as simulator:
        yield simulator
