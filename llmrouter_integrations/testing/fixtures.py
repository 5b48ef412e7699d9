"""Fixtures for pytest.

Enable them in the ``conftest.py`` beside your ``pyproject.toml`` or ``pytest.ini``::

    pytest_plugins = ["llmrouter_integrations.testing.fixtures"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from llmrouter_integrations.drill.rows import FAULTS
from llmrouter_integrations.testing.simulator import ProviderSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from llmrouter_integrations.config import RouterConfig
    from llmrouter_integrations.drill.results import Result
    from llmrouter_integrations.drill.stage import Stage

__all__ = ["RunDrill", "drill", "drill_fault", "faulty_config", "provider_simulator"]

PATIENCE_S = 0.25


@pytest.fixture
def provider_simulator() -> Iterator[ProviderSimulator]:
    """A started simulator with nothing scripted, stopped after the test."""
    with ProviderSimulator() as simulator:
        yield simulator


@pytest.fixture(params=[row.name for row in FAULTS])
def drill_fault(request: pytest.FixtureRequest) -> str:
    """The name of each fault of the catalogue, one after the other: a test for each."""
    name: str = request.param
    return name


class RunDrill(Protocol):
    """What the fixture :func:`drill` gives."""

    def __call__(
        self,
        config: RouterConfig | Mapping[str, Any] | str | Path | None = None,
        *faults: str,
        requests: int = 10,
        concurrency: int = 5,
    ) -> list[Result]:
        """Drill a configuration, its providers simulated.

        Args:
            config: What is drilled: a configuration, a mapping of its fields, or the path of a
                YAML file; None: a pair of targets of our own.
            faults: Faults of the catalogue, or kinds of them; all where none is named.
            requests: Requests for each fault and mode.
            concurrency: Most of them at once.

        Raises:
            AssertionError: Something is not good enough; says what.
        """
        ...


@pytest.fixture(scope="session")
def _drill_stage() -> Iterator[Stage]:
    from llmrouter_integrations.drill.stage import Stage

    with Stage() as stage:
        yield stage


@pytest.fixture
def drill(_drill_stage: Stage) -> RunDrill:
    """Runs the drills of ``llmrouter drill``, in all four modes, and asserts that they pass."""
    from llmrouter_integrations.config import RouterConfig
    from llmrouter_integrations.drill.engine import Drill
    from llmrouter_integrations.drill.rows import chosen
    from llmrouter_integrations.drill.scene import SimulatedScene, built_in

    def run(
        config: RouterConfig | Mapping[str, Any] | str | Path | None = None,
        *faults: str,
        requests: int = 10,
        concurrency: int = 5,
    ) -> list[Result]:
        drilled = RouterConfig.read(config) if config is not None else built_in()
        scene = SimulatedScene(drilled, _drill_stage, patience_s=PATIENCE_S)
        try:
            # the providers run beside the tests here: how long an answer took says nothing
            runs = Drill(
                scene,
                requests=requests,
                concurrency=concurrency,
                most_added_p99_s=None,
                hopeless_s=PATIENCE_S,
            )
            results = list(runs.run(chosen(faults)))
        finally:
            scene.close()
        told = [f"{r.fault}, {r.mode}: {said}" for r in results for said in r.complaints]
        assert not told, "\n".join(told)  # noqa: S101  (it is a test that asks)
        return results

    return run


@pytest.fixture
def faulty_config(drill_fault: str, _drill_stage: Stage) -> Iterator[RouterConfig]:
    """Two targets, in order; to the first of them each fault of the catalogue happens in turn.

    A healthy target answers in words that say who it is and which request it answers, where the
    prompt says "Drill 7" (or another number), and calls of tools and objects likewise.
    """
    from llmrouter_integrations.drill.rows import chosen
    from llmrouter_integrations.drill.scene import SimulatedScene, built_in

    scene = SimulatedScene(built_in(), _drill_stage, patience_s=PATIENCE_S)
    try:
        yield scene.router(chosen([drill_fault])[0], [scene.targets[0].name]).config
    finally:
        scene.close()
