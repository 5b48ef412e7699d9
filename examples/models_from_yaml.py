"""A list of models of one's own, kept in YAML: prices, limits and quality of a house model stated.

python examples/models_from_yaml.py
"""

from __future__ import annotations

import os
from pathlib import Path

from llmrouter_integrations import Router
from llmrouter_integrations.testing import ProviderSimulator, Reply

CONFIG = Path(__file__).with_name("llmrouter.yaml")


def main() -> None:
    with ProviderSimulator() as simulator:
        simulator.script("llama-4-70b", Reply("Sales rose; costs did not."))
        os.environ["HOUSE_URL"] = simulator.url("house")
        for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
            os.environ.setdefault(key, "never used here")
        with Router.from_config(CONFIG) as router:
            question = "Summarize: sales rose by a tenth and costs stayed level."
            confidential = {"data_policy": "zero_retention"}
            decision = router.explain(question, hints=confidential)
            for candidate in decision.candidates:
                print(f"{candidate.target}: {candidate.rejected or 'may serve'}")
            answer = router.complete(question, hints=confidential)
    print(f"{answer.target}: {answer.text} (${answer.cost_usd:.8f})")


if __name__ == "__main__":
    main()
