"""Two chains share one model object; each says what it is about, and goes where that is done best.

python examples/hints_per_chain.py
"""

from __future__ import annotations

from _providers import providers
from langchain_core.prompts import ChatPromptTemplate

from llmrouter_integrations.langchain import RoutedChatModel

MODELS = ["openai/gpt-5.6-luna", "google/gemini-3.7-flash"]


def main() -> None:
    with providers(MODELS) as models:
        llm = RoutedChatModel(models=models)
        code = ChatPromptTemplate.from_template("Write a function: {wish}") | llm
        digest = ChatPromptTemplate.from_template("In one sentence: {text}") | llm
        chains = {
            "code": code.with_config(metadata={"llmrouter_task": "code"}),
            "summarization": digest.with_config(metadata={"llmrouter_task": "summarization"}),
        }
        answers = {
            "code": chains["code"].invoke({"wish": "sort by length"}),
            "summarization": chains["summarization"].invoke({"text": "It rained all week."}),
        }
    for task, answer in answers.items():
        print(f"{task}: {answer.response_metadata['llmrouter']['target']}")


if __name__ == "__main__":
    main()
