"""Where the examples' answers come from: your own keys, or a simulator where there are none."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from llmrouter_integrations.testing import ProviderSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmrouter_integrations.testing import Fault, Reply

KEYS = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "google": "GOOGLE_API_KEY",
}


@contextmanager
def providers(models: list[str], **scripts: list[Reply | Fault]) -> Iterator[list[Any]]:
    """Give targets for the models: as they are where all keys are set, else simulated ones.

    Args:
        models: ``provider/model`` names.
        **scripts: Provider to what its simulated models answer, in order.
    """
    if all(os.environ.get(KEYS[model.partition("/")[0]]) for model in models):
        yield models
        return
    with ProviderSimulator() as simulator:
        for name in models:
            provider, _, model = name.partition("/")
            if provider in scripts:
                simulator.script(f"{provider}/{model}", *scripts[provider])
        yield [simulator.target(*name.split("/", 1)) for name in models]
