"""Questions about documents: the cheap model condenses, the good one answers. One LLM object.

python examples/rag_stages.py       # needs the `llama-index` extra; offline without keys
"""

from __future__ import annotations

from _answers import answers
from _providers import providers
from llama_index.core import Document, PromptTemplate, Settings, SummaryIndex
from llama_index.core.chat_engine import CondenseQuestionChatEngine
from llama_index.core.memory import ChatMemoryBuffer

from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.testing import Reply

MODELS = ["openai/gpt-5.6-luna", "anthropic/claude-opus-5"]
DOCUMENTS = ["The ferry to the island leaves at 9 and at 17.", "A ticket costs 12 euros."]
CONDENSE = PromptTemplate(
    "{chat_history}\nRewrite as one question that stands alone: {question}",
    metadata={"llmrouter": {"prefer": "cost"}},
)
ANSWER = PromptTemplate(
    "{context_str}\nAnswer from this alone: {query_str}",
    metadata={"llmrouter": {"prefer": "quality", "task": "qa"}},
)
CHEAP = [Reply("What does a ticket for the ferry to the island cost?")]
GOOD = [Reply("At 9 and at 17."), Reply("A ticket costs 12 euros.")]


def main() -> None:
    with providers(MODELS, openai=CHEAP, anthropic=GOOD) as models, answers() as accounts:
        Settings.llm = RoutedLLM(models=models)
        index = SummaryIndex.from_documents([Document(text=text) for text in DOCUMENTS])
        chat = CondenseQuestionChatEngine.from_defaults(
            index.as_query_engine(text_qa_template=ANSWER),
            condense_question_prompt=CONDENSE,
            memory=ChatMemoryBuffer.from_defaults(),
        )
        print(chat.chat("When does the ferry leave?"))
        print(chat.chat("And what does it cost?"))
    print(*[account["target"] for account in accounts], sep=", ")


if __name__ == "__main__":
    main()
