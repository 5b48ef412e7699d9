from __future__ import annotations

import subprocess
import sys


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_without_langchain_the_error_names_the_extra():
    done = run(
        "import sys; sys.modules['langchain_core'] = None\nimport llmrouter_integrations.langchain"
    )
    assert "MissingExtraError: RoutedChatModel needs an optional dependency" in done.stderr
    assert "pip install 'llmrouter-integrations[langchain]'" in done.stderr


def test_a_fault_inside_langchain_is_not_hidden():
    done = run(
        "import sys; sys.modules['langchain_core.language_models'] = None\n"
        "from llmrouter_integrations.langchain import RoutedChatModel"
    )
    assert "MissingExtraError" not in done.stderr
    assert "langchain_core.language_models" in done.stderr


def test_the_core_imports_no_framework():
    done = run(
        "import sys, llmrouter_integrations\n"
        "from llmrouter_integrations import Router\n"
        "sys.exit('langchain_core' in sys.modules)"
    )
    assert done.returncode == 0, done.stderr
