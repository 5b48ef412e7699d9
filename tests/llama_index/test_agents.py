"""Agents and workflows over the real router and simulated providers.

The first half asserts what LlamaIndex's own tests of single- and multi-agent workflows assert of
``MockFunctionCallingLLM``, with providers scripted to say what it says. One thing differs: an
answer with nothing in it is a provider's fault here, and is asked for again elsewhere.
"""

import pytest
from llama_index.core.agent.workflow import (
    AgentInput,
    AgentOutput,
    AgentStream,
    AgentWorkflow,
    FunctionAgent,
    ReActAgent,
    ToolCallResult,
)
from llama_index.core.llms import ChatMessage, MessageRole
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.workflow import Context, HumanResponseEvent, InputRequiredEvent
from llama_index.core.workflow.errors import WorkflowRuntimeError
from pydantic import BaseModel
from workflows.context import PickleSerializer

from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.testing import Fault, Reply, ToolCall

pytestmark = [  # LlamaIndex's own: its workflows look at every attribute of an agent
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step"),
]

MODEL = "gpt-6.1-terra"
ADD = 'Thought: I need to add these numbers\nAction: add\nAction Input: {"a": 5, "b": 3}\n'
BAD_ADD = 'Thought: I need to add these numbers\nAction: add\n{"a": 5 "b": 3}\n'
ADDED = "Thought: The result is 8\nAnswer: The sum is 8"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def calls(name, **arguments):
    return Reply(f"calling {name}", tool_calls=(ToolCall(name, arguments),))


@pytest.fixture
def says(simulator):
    """Makes an LLM whose one provider answers by a script."""
    made = []

    def make(*steps):
        model = f"scripted-{len(made)}"
        made.append(model)
        simulator.script(model, *[Reply(step) if isinstance(step, str) else step for step in steps])
        return RoutedLLM(models=[simulator.target("acme", model)], max_retries=0)

    return make


def memory():
    return ChatMemoryBuffer.from_defaults()  # not LlamaIndex's default, which leaves SQLite open


async def run(agent, said="Can you add 5 and 3?", **arguments):
    """Run it; give the answer, and every event on the way."""
    handler = agent.run(user_msg=said, memory=memory(), **arguments)
    events = [event async for event in handler.stream_events()]
    return await handler, events


def inputs(events):
    return [event.input[-1].content or "" for event in events if isinstance(event, AgentInput)]


def calculator(llm):
    return ReActAgent(
        name="calculator",
        description="Performs basic arithmetic operations",
        system_prompt="You are a calculator assistant.",
        tools=[add],
        llm=llm,
    )


def retriever(llm, **arguments):
    return FunctionAgent(
        name="retriever",
        description="Manages data retrieval",
        system_prompt="You are a retrieval assistant.",
        llm=llm,
        **arguments,
    )


# -- one agent -----------------------------------------------------------------------------------


async def test_single_function_agent(says):
    response, events = await run(retriever(says("Success with the FunctionAgent")))
    assert "Success with the FunctionAgent" in str(response.response)
    streamed = [event for event in events if isinstance(event, AgentStream)]
    assert "".join(event.delta for event in streamed) == "Success with the FunctionAgent"
    assert response.raw["llmrouter"]["target"] == "acme/scripted-0"


@pytest.mark.parametrize("streaming", [True, False])
async def test_function_agent_empty_tool_arguments(says, streaming):
    called = []

    def empty_tool() -> str:
        called.append(1)
        return "empty tool result"

    agent = retriever(
        says(calls("empty_tool"), "finished"), tools=[empty_tool], streaming=streaming
    )
    response, events = await run(agent)
    assert response.response.content == "finished"
    assert len(called) == 1
    (result,) = [event for event in events if type(event) is ToolCallResult]
    assert result.tool_output.content == "empty tool result"


async def test_single_react_agent(says):
    response, _ = await run(calculator(says(ADD, ADDED)))
    assert "8" in str(response.response)


async def test_single_react_agent_retry(says):
    response, events = await run(calculator(says(BAD_ADD, ADD, ADDED)))
    assert any("Error while parsing the output" in said for said in inputs(events))
    assert "8" in str(response.response)


def random_tool() -> str:
    """Do something."""
    return "random"


async def test_max_iterations(says):
    agent = retriever(says(calls("random_tool")), tools=[random_tool])
    with pytest.raises(WorkflowRuntimeError, match="Either something went wrong"):
        await run(agent)
    with pytest.raises(WorkflowRuntimeError, match="early_stopping_method='generate'"):
        await run(agent, max_iterations=5)


async def test_early_stopping(says, simulator):
    steps = [calls("random_tool")] * 3
    agent = retriever(
        says(*steps, "Here is my final summary."),
        tools=[random_tool],
        early_stopping_method="generate",
    )
    response, _ = await run(agent, max_iterations=3)
    assert response.response.content == "Here is my final summary."
    sent = str(simulator.requests[-1].body)
    assert "maximum number of iterations" in sent


# -- several agents ------------------------------------------------------------------------------

HANDOFF = calls("handoff", to_agent="calculator", reason="This requires arithmetic operations.")


async def test_workflow_execution(says):
    agents = [calculator(says(ADD, ADDED)), retriever(says(HANDOFF))]
    response, events = await run(AgentWorkflow(agents=agents, root_agent="retriever"))
    assert {e.current_agent_name for e in events if hasattr(e, "current_agent_name")} == {
        "retriever",
        "calculator",
    }
    assert "8" in str(response.response)


async def test_invalid_handoff(says):
    llm = says(calls("handoff", to_agent="nobody", reason="x"), "guess I am stuck here")
    agents = [retriever(llm), calculator(says("unused"))]
    response, events = await run(AgentWorkflow(agents=agents, root_agent="retriever"))
    assert "Agent nobody not found" in str(events)
    assert "stuck here" in str(response.response)


async def test_workflow_with_state(says):
    async def modify_state(random_arg: str, ctx_val: Context) -> str:
        """Modify the state."""
        async with ctx_val.store.edit_state() as state:
            state["state"]["counter"] += 1
        return "State updated"

    agent = retriever(says(calls("modify_state", random_arg="x"), "done"), tools=[modify_state])
    workflow = AgentWorkflow(
        agents=[agent],
        initial_state={"counter": 0},
        state_prompt="Current state: {state}. User message: {msg}",
    )
    handler = workflow.run(user_msg="test", memory=memory())
    async for event in handler.stream_events():
        if isinstance(event, AgentInput):
            asked = [m.content for m in event.input if m.role == MessageRole.USER]
            assert [text.count("Current state:") for text in asked] == [1]
    await handler
    assert (await handler.ctx.store.get("state"))["counter"] == 1


async def test_a_human_in_the_loop(says):
    async def hitl(ctx: Context) -> str:
        """Ask the user's name."""
        said = await ctx.wait_for_event(
            HumanResponseEvent, waiter_event=InputRequiredEvent(prefix="What is your name?")
        )
        return f"Your name is {said.response}"

    agent = retriever(says(calls("hitl"), "HITL successful"), tools=[hitl])
    workflow = AgentWorkflow(agents=[agent], root_agent="retriever")
    serializer = PickleSerializer()
    handler = workflow.run(user_msg="test", memory=memory())
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            written = handler.ctx.to_dict(serializer)
            await handler.cancel_run()
            break
    context = Context.from_dict(workflow, written, serializer)
    handler = workflow.run(ctx=context)
    handler.ctx.send_event(HumanResponseEvent(response="John Doe"))
    assert "HITL successful" in str(await handler)


async def test_an_answer_as_an_object(says):
    class Sum(BaseModel):
        total: int

    agent = retriever(says("It is 8.", '{"total": 8}'), output_cls=Sum)
    response, _ = await run(agent)
    assert response.get_pydantic_model(Sum) == Sum(total=8)


async def test_reasoning_is_streamed_and_goes_back(says, simulator):
    steps = [Reply(reasoning="5 and 3", tool_calls=(ToolCall("add", {"a": 5, "b": 3}),)), "8"]
    simulator.script("claude-sonnet-4-5", steps[0], Reply(steps[1]))
    llm = RoutedLLM(
        models=[simulator.target("anthropic", "claude-sonnet-4-5")], reasoning_effort="low"
    )
    response, events = await run(retriever(llm, tools=[add]))
    thinking = [e.thinking_delta or "" for e in events if isinstance(e, AgentStream)]
    assert "".join(thinking) == "5 and 3"
    assert response.response.content == "8"
    sent = simulator.requests[-1].body["messages"][1]["content"]
    assert (sent[0]["type"], sent[0]["thinking"]) == ("thinking", "5 and 3")
    assert sent[0]["signature"]


# -- with a provider that fails in the middle ----------------------------------------------------

LEADERS = {
    "openai-chat": ("openai", "gpt-5.4", {"protocol": "openai-chat"}),
    "openai-responses": ("openai", "gpt-5.4", {"protocol": "openai-responses"}),
    "anthropic": ("anthropic", "claude-sonnet-4-5", {}),
    "gemini": ("google", "gemini-2.5-pro", {}),
}
SECOND = "mistral-large-latest"
TASK = "What is 6 times 7, plus 8?"


@pytest.fixture(params=LEADERS)
def leader(request):
    return LEADERS[request.param]


def solve(request):
    """What a good model does, step by step."""
    match request.tool_results:
        case ():
            call = ToolCall("multiply", {"a": 6, "b": 7})
            return Reply(reasoning="first 6 * 7", tool_calls=(call,))
        case (product,):
            return Reply(tool_calls=(ToolCall("add", {"a": int(product), "b": 8}),))
        case _:
            return Reply(f"The answer is {request.tool_results[-1]}.")


def react(request):
    """The same in words."""
    said = str(request.body)
    if "Observation: 50" in said:
        return Reply("Thought: done\nAnswer: The answer is 50.")
    if "Observation: 42" in said:
        return Reply('Thought: add\nAction: add\nAction Input: {"a": 42, "b": 8}')
    return Reply('Thought: multiply\nAction: multiply\nAction Input: {"a": 6, "b": 7}')


def failing_after_one_step(simulator, leader, script=solve):
    """An LLM whose first provider answers once and then has no capacity."""
    provider, model, fields = leader
    simulator.script(model, script, Fault.overloaded())
    simulator.script(SECOND, script)
    return RoutedLLM(
        models=[
            simulator.target(provider, model, name="primary", **fields),
            simulator.target("mistral", SECOND, name="backup"),
        ],
        policy="ordered",
        max_retries=1,
    )


def check(response, events):
    """The answer is right, and it shows who gave which part of it."""
    assert "The answer is 50." in str(response.response)
    told = [e.raw["llmrouter"] for e in events if type(e) is AgentOutput]
    assert [t["target"] for t in told] == ["primary", "backup", "backup"]
    failed, answered = told[1]["attempts"][0], told[1]["attempts"][-1]
    assert (failed["target"], failed["outcome"]) == ("primary", "error")
    assert (answered["target"], answered["outcome"]) == ("backup", "ok")


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_function_agent_goes_on(simulator, leader, streaming):
    llm = failing_after_one_step(simulator, leader)
    agent = retriever(llm, tools=[add, multiply], streaming=streaming)
    check(*await run(agent, TASK))
    # and the conversation goes on with another provider's history
    history = memory()
    simulator.script(SECOND, solve)
    await agent.run(user_msg=TASK, memory=history)
    simulator.script(SECOND, Reply("You are welcome."))
    assert "You are welcome." in str(await agent.run(user_msg="Thanks!", memory=history))


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_react_agent_goes_on(simulator, leader, streaming):
    llm = failing_after_one_step(simulator, leader, react)
    agent = ReActAgent(tools=[add, multiply], llm=llm, streaming=streaming)
    check(*await run(agent, TASK))


async def test_a_workflow_of_agents_goes_on(simulator, leader):
    llm = failing_after_one_step(simulator, leader)
    agent = retriever(llm, tools=[add, multiply])
    check(*await run(AgentWorkflow(agents=[agent]), TASK))


async def test_a_history_begun_elsewhere_goes_on(simulator):
    """Reasoning goes back to who wrote it, and to nobody else."""
    simulator.script("claude-sonnet-4-5", Reply("4", reasoning="2 and 2 are 4"))
    claude = RoutedLLM(
        models=[simulator.target("anthropic", "claude-sonnet-4-5")], reasoning_effort="low"
    )
    first = claude.chat([ChatMessage("2 + 2?")]).message
    history = [ChatMessage("2 + 2?"), first, ChatMessage("and 3?")]
    claude.chat(history)
    sent = simulator.requests[-1].body["messages"][1]["content"]
    assert (sent[0]["type"], sent[0]["thinking"]) == ("thinking", "2 and 2 are 4")
    RoutedLLM(models=[simulator.target("mistral", SECOND)]).chat(history)
    assert "2 and 2 are 4" not in str(simulator.requests[-1].body)
