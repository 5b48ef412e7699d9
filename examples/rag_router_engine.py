"""A RouterQueryEngine whose selector runs on a cheap model, and whose answers on a good one.

python examples/rag_router_engine.py       # needs the `llama-index` extra; offline without keys
"""

from __future__ import annotations

from _answers import answers
from _providers import providers
from llama_index.core import Document, SummaryIndex
from llama_index.core.query_engine import RouterQueryEngine
from llama_index.core.selectors import LLMSingleSelector
from llama_index.core.tools import QueryEngineTool

from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.testing import Reply

MODELS = ["openai/gpt-5.6-luna", "anthropic/claude-opus-5"]
SOURCES = {"timetables": "The ferry leaves at 9 and at 17.", "prices": "A ticket costs 12 euros."}
SELECTION = Reply('[{"choice": 2, "reason": "The question is about what something costs."}]')


def main() -> None:
    with (
        providers(MODELS, openai=[SELECTION], anthropic=[Reply("12 euros.")]) as models,
        answers() as accounts,
    ):
        llm = RoutedLLM(models=models)
        good, cheap = llm.with_hints(prefer="quality"), llm.with_hints(prefer="cost")
        engine = RouterQueryEngine(
            selector=LLMSingleSelector.from_defaults(llm=cheap),
            query_engine_tools=[
                QueryEngineTool.from_defaults(
                    SummaryIndex.from_documents([Document(text=text)]).as_query_engine(llm=good),
                    name=name,
                    description=f"Answers questions about {name}.",
                )
                for name, text in SOURCES.items()
            ],
            llm=good,
        )
        print(engine.query("What does a ticket cost?"))
    print(*[account["target"] for account in accounts], sep=", ")


if __name__ == "__main__":
    main()
