"""Two agents of one workflow: the one that looks things up is cheap, the one that writes is good.

python examples/llama_agent_workflow.py       # needs the `llama-index` extra; offline without keys
"""

from __future__ import annotations

import asyncio

from _providers import providers
from llama_index.core.agent.workflow import AgentOutput, AgentWorkflow, FunctionAgent
from llama_index.core.memory import ChatMemoryBuffer

from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.testing import Reply, ToolCall

MODELS = ["openai/gpt-5.6-luna", "anthropic/claude-opus-5"]
LOOKS_UP = [
    Reply(tool_calls=(ToolCall("departures", {"place": "the island"}),)),
    Reply(tool_calls=(ToolCall("handoff", {"to_agent": "writer", "reason": "It is found."}),)),
]
WRITES = [Reply("Come along: the ferry leaves at nine, the sea is calm, and coffee is on us.")]


def departures(place: str) -> str:
    """Tell when the ferry to a place leaves."""
    return f"to {place}: 9:00, 17:00"


async def ask(llm: RoutedLLM) -> None:
    researcher = FunctionAgent(
        name="researcher",
        description="Looks up departures.",
        tools=[departures],
        can_handoff_to=["writer"],
        llm=llm.with_hints(prefer="cost", task="tool_use"),
    )
    writer = FunctionAgent(
        name="writer",
        description="Writes invitations.",
        llm=llm.with_hints(prefer="quality", task="creative"),
    )
    workflow = AgentWorkflow(agents=[researcher, writer], root_agent="researcher")
    handler = workflow.run(
        user_msg="Invite my friends to the morning ferry to the island.",
        memory=ChatMemoryBuffer.from_defaults(),
    )
    async for event in handler.stream_events():
        if type(event) is AgentOutput:
            print(f"{event.current_agent_name}: {event.raw['llmrouter']['target']}")
    print(await handler)


def main() -> None:
    with providers(MODELS, openai=LOOKS_UP, anthropic=WRITES) as models:
        asyncio.run(ask(RoutedLLM(models=models)))


if __name__ == "__main__":
    main()
