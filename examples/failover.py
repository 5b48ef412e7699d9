"""A provider breaks down and the chain does not notice; the record of the answer shows both calls.

python examples/failover.py
"""

from __future__ import annotations

from llmrouter_integrations.errors import AllTargetsFailed
from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.testing import Fault, ProviderSimulator, Reply


def main() -> None:
    with ProviderSimulator() as simulator:
        simulator.script("gpt-5.6-luna", Fault.rate_limited(retry_after_s=20))
        simulator.script("claude-opus-5", Reply("Still here."))
        llm = RoutedChatModel(
            models=[
                simulator.target("openai", "gpt-5.6-luna", name="primary"),
                simulator.target("anthropic", "claude-opus-5", name="backup"),
            ],
            timeout=2,  # with more time it would wait for the primary to be back
        )
        for _ in range(2):
            answer = llm.invoke("Are you there?")
            record = answer.response_metadata["llmrouter"]
            tried = " -> ".join(f"{a['target']} ({a['outcome']})" for a in record["attempts"])
            print(f"{answer.text} {tried}")

        simulator.script("claude-opus-5", Fault.status(500))
        try:
            llm.invoke("And now?")
        except AllTargetsFailed as error:
            print(f"nobody: {error}")


if __name__ == "__main__":
    main()
