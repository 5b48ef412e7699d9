"""The package as users meet it: names, imports, fixtures, documentation."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from llmrouter_integrations import testing

ROOT = Path(__file__).parents[2]


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_importing_it_needs_neither_pytest_nor_the_routers_own_protocols():
    done = run(
        "import sys\n"
        "from llmrouter_integrations.testing import *\n"
        "ours = [name for name in sys.modules if name.startswith('llmrouter_integrations.')]\n"
        "assert 'pytest' not in sys.modules\n"
        "assert all(name.startswith('llmrouter_integrations.testing') for name in ours), ours\n"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", testing.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert name in dir(testing)
    assert getattr(testing, name).__doc__ or name == "Step"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = testing.Nothing


def test_the_fixture_is_enabled_as_documented(tmp_path):
    (tmp_path / "conftest.py").write_text(
        'pytest_plugins = ["llmrouter_integrations.testing.fixtures"]\n'
    )
    (tmp_path / "test_it.py").write_text(
        "import httpx\n"
        "def test_it(provider_simulator):\n"
        "    url = provider_simulator.url('ollama') + '/models'\n"
        "    assert httpx.get(url, trust_env=False).status_code == 200\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def documented():
    text = (ROOT / "docs" / "testing.md").read_text()
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("number", range(len(documented())))
def test_the_examples_of_the_documentation_run(number):
    done = run(documented()[number])
    assert done.returncode == 0, done.stderr
