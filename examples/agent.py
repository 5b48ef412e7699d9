"""A LangChain agent whose model is chosen for each step, with tools, unchanged but for one line.

python examples/agent.py        # needs the `demo` extra; offline unless your keys are set
"""

from __future__ import annotations

from _providers import providers
from langchain.agents import create_agent

from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.testing import Reply, ToolCall

MODELS = ["openai/gpt-5.6-luna", "anthropic/claude-opus-5"]
STEPS = [
    Reply(tool_calls=(ToolCall("get_weather", {"city": "Oslo"}),)),
    Reply("It is 4 degrees and raining in Oslo: take a coat."),
]


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"{city}: 4 degrees, rain"


def main() -> None:
    with providers(MODELS, openai=STEPS, anthropic=STEPS) as models:
        llm = RoutedChatModel(models=models)  # was: ChatOpenAI(model="gpt-5.6")
        agent = create_agent(llm, tools=[get_weather])
        result = agent.invoke({"messages": [("user", "Do I need a coat in Oslo?")]})
    for message in result["messages"]:
        record = message.response_metadata.get("llmrouter")
        if record is not None:
            print(f"{record['target']}: {message.text or message.tool_calls[0]['name'] + '(...)'}")


if __name__ == "__main__":
    main()
