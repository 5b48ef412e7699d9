"""Every example runs, offline, as a user would run it, and prints what it promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"

PRINTS = {
    "agent.py": ["get_weather(...)", "take a coat"],
    "structured_output.py": ["Invoice(seller='Fjord AS', total_usd=129.5)"],
    "streaming.py": ["patient sea.\nRivers", "answered for $0.0"],
    "hints_per_chain.py": ["code: openai/gpt-5.6-luna", "summarization: google/gemini-3.7-flash"],
    "models_from_yaml.py": [
        "careful: data policy not stated is not zero_retention",
        "house: may serve",
        "house: Sales rose; costs did not. ($0.0000",
    ],
    "rag_stages.py": [
        "At 9 and at 17.\nA ticket costs 12 euros.\n",
        "anthropic/claude-opus-5, openai/gpt-5.6-luna, anthropic/claude-opus-5",
    ],
    "rag_router_engine.py": ["12 euros.\nopenai/gpt-5.6-luna, anthropic/claude-opus-5"],
    "llama_function_agent.py": ["primary: ok\nprimary: error, backup: ok\nIt is 4 degrees"],
    "llama_agent_workflow.py": [
        "researcher: openai/gpt-5.6-luna\nwriter: anthropic/claude-opus-5\nCome along",
    ],
    "llama_react_agent.py": [
        "6 times 7 is 42.\nopenai/gpt-5.6-luna, openai/gpt-5.6-luna",
    ],
    "own_models.py": [
        "Yes. (yours)\nThe house says: yes. (house)\n['house']",
    ],
    "failover.py": [
        "Still here. primary (error) -> backup (ok)\nStill here. backup (ok)",
        "nobody: no target is ready in time",
    ],
}


def test_every_example_is_tested():
    assert set(PRINTS) == {p.name for p in EXAMPLES.glob("[a-z]*.py")}


@pytest.mark.parametrize("name", PRINTS)
def test_an_example_runs_offline(name):
    env = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    result = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", str(EXAMPLES / name)],
        capture_output=True,
        text=True,
        timeout=60,
        env=env,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    for line in PRINTS[name]:
        assert line in result.stdout
    assert "Warning" not in result.stderr
