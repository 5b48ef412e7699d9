"""The fixtures for users' own tests, used as the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from llmrouter_integrations.drill.rows import FAULTS

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
CONFIG = """
models: [openai/gpt-6.1-terra, anthropic/claude-haiku-5.5]
policy: ordered
"""
SOME = ["invalid-request", "refusal", "dns-failure", "idle-timeout", "tool-call-malformed"]
"""Enough of them to show that it works; all take their time."""

FAILING = """
def test_it(drill):
    config = {"models": ["openai/gpt-6.1-terra"], "max_retries": 0}
    results = drill(config, "overloaded", requests=2, concurrency=1)
    assert all(result.outcomes["failed"] for result in results)  # nobody else could answer
    drill("none.yaml")
"""


@pytest.fixture
def pytest_on(tmp_path):
    """Runs a test file in a project that has the fixtures enabled; gives what pytest printed."""
    (tmp_path / "conftest.py").write_text(
        'pytest_plugins = ["llmrouter_integrations.testing.fixtures"]\n'
    )
    (tmp_path / "llmrouter.yaml").write_text(CONFIG)

    def run(code, *words):
        (tmp_path / "test_it.py").write_text(code)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words, "."]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        return done.stdout + done.stderr

    return run


def test_the_pages_tests_run_as_they_stand_and_pass(pytest_on):
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    page = next(block for block in blocks if "def test_our_chain" in block)
    told = pytest_on(page, "-k", " or ".join(["our_targets", *SOME]))
    assert f"{len(SOME) + 1} passed" in told, told
    assert f"{len(FAULTS) - len(SOME)} deselected" in told, told


def test_what_fails_is_told(pytest_on):
    told = pytest_on(FAILING)
    assert "1 failed" in told, told
    assert "ConfigurationError: none.yaml: cannot be read" in told
