"""docs/own_models.md holds: its code runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "own_models.md").read_text(encoding="utf-8")


def test_the_code_runs_as_it_stands(simulator, monkeypatch):
    langchain_openai = pytest.importorskip("langchain_openai")
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.setenv(name, simulator.url("openai"))
    monkeypatch.setenv("ANTHROPIC_BASE_URL", simulator.url("anthropic"))
    for provider in ("OPENAI", "ANTHROPIC"):
        monkeypatch.setenv(f"{provider}_API_KEY", "sim-key")
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    with httpx.Client() as client:

        class ChatOpenAI(langchain_openai.ChatOpenAI):
            def __init__(self, **said):
                super().__init__(http_client=client, **said)

        monkeypatch.setattr(langchain_openai, "ChatOpenAI", ChatOpenAI)
        names = {}
        for block in blocks:
            exec(compile(block, "own_models.md", "exec"), names)
    assert len(blocks) == 2
