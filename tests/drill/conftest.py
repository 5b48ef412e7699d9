"""A stage for a module of tests, and scenes on it."""

from __future__ import annotations

import pytest

from llmrouter_integrations.drill.scene import SimulatedScene, built_in
from llmrouter_integrations.drill.stage import Stage

PATIENCE_S = {"time": 0.5}
"""Seconds of patience where a row's fault is silence; elsewhere, enough for a busy machine."""


@pytest.fixture(scope="module")
def stage():
    with Stage() as started:
        yield started


@pytest.fixture(scope="module")
def scene_of(stage):
    """Gives the built-in scene of a protocol, or that of a configuration, for rows of a kind."""
    scenes = {}
    configs = []  # held, lest another takes the place, and the id, of one that is gone

    def make(config="openai-chat", kind=""):
        known = (config if isinstance(config, str) else id(config), kind == "time")
        if known not in scenes:
            config = built_in(config) if isinstance(config, str) else config
            configs.append(config)
            patience_s = PATIENCE_S.get(kind, 1.0)
            scene = scenes[known] = SimulatedScene(config, stage, patience_s=patience_s)
            # what a first call alone pays for (certificates, imports) is not to run into a limit
            scene.router(None, ()).complete("warm up", hints={"timeout_s": 10})
        return scenes[known]

    yield make
    for scene in scenes.values():
        scene.close()
