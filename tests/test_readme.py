"""README holds: its code runs as it stands, its links lead somewhere, its commands are two."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / "README.md",
    ROOT / "cassettes" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def test_the_code_runs_as_it_stands(simulator, monkeypatch):
    for variable, provider in (
        ("OPENAI", "openai"),
        ("ANTHROPIC", "anthropic"),
        ("GOOGLE_GEMINI", "google"),
    ):
        monkeypatch.setenv(f"{variable}_BASE_URL", simulator.url(provider).removesuffix("/v1beta"))
        key = variable.removesuffix("_GEMINI")
        monkeypatch.setenv(f"{key}_API_KEY", "sim-key")
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert len(blocks) >= 6
    assert names["message"].response_metadata["llmrouter"]["attempts"]
    assert names["answer"].text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_there_are_exactly_two_set_up_commands():
    commands = re.findall(r"^python3 -m venv .*$", README, flags=re.MULTILINE)
    assert len(commands) == 2
    assert "llmrouter demo" in commands[0]
    assert "pytest" in commands[1]


def test_no_placeholder_is_left():
    for page in PAGES:
        assert not re.search(r"\b[A-Z]+_TABLE\b", page.read_text(encoding="utf-8")), page
