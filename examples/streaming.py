"""Tokens as they come, sync and async; the last chunk says who answered and what it cost.

python examples/streaming.py
"""

from __future__ import annotations

import asyncio

from _providers import providers

from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.testing import Reply

MODELS = ["anthropic/claude-opus-5", "openai/gpt-5.6-luna"]
POEM = Reply("Rivers carry the light of the hills down to the patient sea.")


async def again(llm: RoutedChatModel) -> None:
    async for chunk in llm.astream("One line about rivers, please."):
        print(chunk.text, end="", flush=True)
    print()


def main() -> None:
    with providers(MODELS, anthropic=[POEM], openai=[POEM]) as models:
        llm = RoutedChatModel(models=models, prefer="quality")
        record = {}
        for chunk in llm.stream("One line about rivers, please."):
            print(chunk.text, end="", flush=True)
            record = chunk.response_metadata.get("llmrouter", record)
        print()
        asyncio.run(again(llm))
    print(f"{record['target']} answered for ${record['cost_usd']:.6f}")


if __name__ == "__main__":
    main()
