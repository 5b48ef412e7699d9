"""What importing costs: processes of their own, one for each import, interleaved."""

from __future__ import annotations

import random
import resource
import statistics
import subprocess
import sys
from importlib.util import find_spec

BASE = "import llama_index.core"
CASES = {
    "import llmrouter_integrations.llama_index / llama_index.core (aim 1.1)": (
        "import llmrouter_integrations.llama_index"
    ),
    "from it import RoutedLLM / llama_index.core (aim 1.1)": (
        "from llmrouter_integrations.llama_index import RoutedLLM"
    ),
}


def import_ratios(rounds: int) -> dict[str, float]:
    """Give the CPU time of each import to that of ``llama_index.core``: medians over rounds.

    Empty where LlamaIndex is not installed.
    """
    if find_spec("llama_index") is None:
        return {}
    statements = [BASE, *CASES.values()]
    taken: dict[str, list[float]] = {statement: [] for statement in statements}
    for _ in range(rounds + 1):
        for statement in random.sample(statements, len(statements)):
            taken[statement].append(_cpu_s(statement))
    # the first round is the disk's and the compiler's
    medians = {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}
    return {told: round(medians[case] / medians[BASE], 3) for told, case in CASES.items()}


def _cpu_s(statement: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)  # noqa: S603  (our own words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
