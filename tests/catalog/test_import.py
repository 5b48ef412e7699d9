import subprocess
import sys

PROBE = """
import sys
import llmrouter_integrations.catalog as catalog
assert "genai_prices" not in sys.modules, "prices are imported at first use"
assert not {"csv", "tarfile", "tomllib"} & set(sys.modules), "the builder's imports"
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
catalog.Catalog.load()
assert any(name.endswith("models.json") for name in opened)
assert "genai_prices" not in sys.modules
assert catalog.Catalog.load().find("openai", "gpt-5.5").rates is not None
assert "genai_prices" in sys.modules
"""


def test_nothing_is_read_before_it_is_needed():
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
