"""A pytest plugin: every mock LLM that a test of this folder makes is tried bare, and routed.

Parity is what is asserted: whatever LlamaIndex's own agents and workflows do over a mock LLM, they
do over a ``RoutedLLM`` whose only target it is. A test need not know: the classes that its module
has imported or defined make the wrapped LLM where the mode asks for that. So LlamaIndex's own test
files, put here, run in both modes as they stand.
"""

from __future__ import annotations

import inspect
from functools import partial

import pytest
from llama_index.core.llms import MockLLM
from llama_index.core.llms.mock import MockFunctionCallingLLM

from llmrouter_integrations.llama_index import RoutedLLM

RESTLESS = {"cooldown_s": 0.001, "max_cooldown_s": 0.001}
"""A mock that only ever gives empty answers is no target that must rest."""


def routed(kind, *args, **said):
    # without retries: a mock that answers by a script must be asked once for each answer
    return RoutedLLM(models=[kind(*args, **said)], config=RESTLESS, max_retries=0)


@pytest.fixture(params=["bare", "routed"], autouse=True)
def mode(request, monkeypatch):
    """How the LLMs of this test are made."""
    if request.param == "routed":
        for name, kind in inspect.getmembers(request.module, inspect.isclass):
            if issubclass(kind, MockLLM | MockFunctionCallingLLM):
                monkeypatch.setattr(request.module, name, partial(routed, kind))
    return request.param
