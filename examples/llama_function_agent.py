"""A FunctionAgent that does not notice that its provider fails in the middle of the task.

python examples/llama_function_agent.py       # needs the `llama-index` extra; always simulated
"""

from __future__ import annotations

import asyncio

from llama_index.core.agent.workflow import AgentOutput, FunctionAgent
from llama_index.core.memory import ChatMemoryBuffer

from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.testing import Fault, ProviderSimulator, Reply, ToolCall

STEP = Reply(tool_calls=(ToolCall("get_weather", {"city": "Oslo"}),))
ANSWER = Reply("It is 4 degrees and raining in Oslo: take a coat.")


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"{city}: 4 degrees, rain"


async def ask(llm: RoutedLLM) -> None:
    agent = FunctionAgent(tools=[get_weather], llm=llm)
    handler = agent.run(
        user_msg="Do I need a coat in Oslo?", memory=ChatMemoryBuffer.from_defaults()
    )
    async for event in handler.stream_events():
        if type(event) is AgentOutput:
            attempts = event.raw["llmrouter"]["attempts"]
            print(*[f"{a['target']}: {a['outcome']}" for a in attempts], sep=", ")
    print(await handler)


def main() -> None:
    with ProviderSimulator() as providers:
        providers.script("gpt-5.6-luna", STEP, Fault.overloaded())
        providers.script("claude-opus-5", ANSWER)
        llm = RoutedLLM(
            models=[
                providers.target("openai", "gpt-5.6-luna", name="primary"),
                providers.target("anthropic", "claude-opus-5", name="backup"),
            ],
            policy="ordered",
        )
        asyncio.run(ask(llm))


if __name__ == "__main__":
    main()
