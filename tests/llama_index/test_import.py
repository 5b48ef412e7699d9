from __future__ import annotations

import subprocess
import sys

import pytest


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("missing", ["llama_index", "llama_index.core"])
def test_without_llama_index_the_error_names_the_extra(missing):
    done = run(
        f"import sys; sys.modules[{missing!r}] = None\nimport llmrouter_integrations.llama_index"
    )
    assert "MissingExtraError: RoutedLLM needs an optional dependency" in done.stderr
    assert "pip install 'llmrouter-integrations[llama-index]'" in done.stderr


def test_a_fault_inside_llama_index_is_not_hidden():
    done = run(
        "import sys; sys.modules['llama_index.core.llms'] = None\nimport llmrouter_integrations.llama_index"
    )
    assert "MissingExtraError" not in done.stderr
    assert "llama_index.core.llms" in done.stderr


def test_only_what_is_asked_for_is_imported():
    done = run(
        "import sys, llmrouter_integrations.llama_index as ours\n"
        "assert 'llmrouter_integrations.llama_index.llm' not in sys.modules\n"
        "assert ours.RoutedLLM.class_name() == 'RoutedLLM'\n"
        "assert 'llmrouter_integrations.router' not in sys.modules, 'made with the first LLM'\n"
        "assert 'langchain_core' not in sys.modules\n"
        "assert ours.hints_for\n"
        "assert not hasattr(ours, 'nothing')\n"
    )
    assert done.returncode == 0, done.stderr


def test_llama_index_knows_its_name_whichever_is_imported_first():
    for order in ("ours, loading", "loading, ours"):
        lines = {
            "ours": "import llmrouter_integrations.llama_index",
            "loading": "import llama_index.core.llms.loading",
        }
        code = "\n".join(lines[each] for each in order.split(", "))
        done = run(
            f"{code}\nimport sys\n"
            "assert 'RoutedLLM' in llama_index.core.llms.loading.RECOGNIZED_LLMS\n"
            "assert 'llmrouter_integrations.llama_index.llm' not in sys.modules\n"
        )
        assert done.returncode == 0, done.stderr


def test_what_may_be_slow_is_not_imported_for_its_sake():
    done = run(
        "import sys, llmrouter_integrations.llama_index\n"
        "assert 'llama_index.core.llms.loading' not in sys.modules\n"
    )
    assert done.returncode == 0, done.stderr
