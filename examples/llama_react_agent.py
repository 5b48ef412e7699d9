"""A ReActAgent, for models that cannot call functions; hints for all it asks, said around it.

python examples/llama_react_agent.py       # needs the `llama-index` extra; offline without keys
"""

from __future__ import annotations

import asyncio

from _answers import answers
from _providers import providers
from llama_index.core.agent.workflow import ReActAgent
from llama_index.core.memory import ChatMemoryBuffer

from llmrouter_integrations.llama_index import RoutedLLM, hints_for
from llmrouter_integrations.testing import Reply

MODELS = ["openai/gpt-5.6-luna", "anthropic/claude-opus-5"]
STEPS = [
    Reply('Thought: I must multiply.\nAction: multiply\nAction Input: {"a": 6, "b": 7}'),
    Reply("Thought: I can answer without using any more tools.\nAnswer: 6 times 7 is 42."),
]


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


async def ask(llm: RoutedLLM) -> None:
    agent = ReActAgent(tools=[multiply], llm=llm)
    with hints_for(prefer="cost", task="math"), answers() as accounts:
        print(await agent.run(user_msg="What is 6 x 7?", memory=ChatMemoryBuffer.from_defaults()))
    print(*[account["target"] for account in accounts], sep=", ")


def main() -> None:
    with providers(MODELS, openai=STEPS, anthropic=STEPS) as models:
        asyncio.run(ask(RoutedLLM(models=models)))


if __name__ == "__main__":
    main()
