"""What LlamaIndex asserts of single agents over its mock LLM, bare and routed."""

import pytest
from llama_index.core.agent.workflow import (
    AgentInput,
    AgentStream,
    CodeActAgent,
    FunctionAgent,
    ReActAgent,
    ToolCallResult,
)
from llama_index.core.base.llms.types import (
    ChatMessage,
    MessageRole,
    TextBlock,
    ThinkingBlock,
)
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context
from llama_index.core.workflow.errors import WorkflowRuntimeError

from llmrouter_integrations.llama_index import RoutedLLM

pytestmark = [  # LlamaIndex's own: its workflows look at every attribute of an agent
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step"),
    pytest.mark.filterwarnings("ignore:Skipping serialization of known unserializable key"),
]

ADD = 'Thought: these are to be added\nAction: add\nAction Input: {"a": 5, "b": 3}\n'
BROKEN = 'Thought: these are to be added\nAction: add\n{"a": 5 "b": 3}\n'
ADDED = "Thought: that is 8\nAnswer: The sum is 8"


def says(text):
    return ChatMessage(role=MessageRole.ASSISTANT, content=text)


def calls(name, call_id="one", **arguments):
    call = ToolSelection(tool_id=call_id, tool_name=name, tool_kwargs=arguments)
    beside = {"tool_calls": [call]}
    return ChatMessage(role=MessageRole.ASSISTANT, content="calling", additional_kwargs=beside)


def llm(*answers):
    """An LLM that gives prepared answers, round and round."""
    asked = 0

    def answer(messages, **_):
        nonlocal asked
        asked += 1
        return answers[(asked - 1) % len(answers)]

    return MockFunctionCallingLLM(response_generator=answer)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def idle() -> str:
    """Do nothing of use."""
    return "nothing"


def calculator(*answers):
    return ReActAgent(
        name="calculator",
        description="Does sums",
        system_prompt="You do sums.",
        tools=[FunctionTool.from_defaults(fn=add)],
        llm=llm(*answers),
    )


def worker(*answers, **said):
    return FunctionAgent(name="worker", description="Works", llm=llm(*answers), **said)


async def run(agent, said="Add 5 and 3.", **options):
    """Run it; give the answer, and every event on the way."""
    memory = ChatMemoryBuffer.from_defaults()  # not the default one, which leaves SQLite open
    handler = agent.run(user_msg=said, **{"memory": memory} | options)
    events = [event async for event in handler.stream_events()]
    return await handler, events


def told(events):
    return [event.input[-1].content or "" for event in events if isinstance(event, AgentInput)]


async def test_the_mode_is_what_it_says(mode):
    assert isinstance(llm(says("x")), RoutedLLM) == (mode == "routed")


# -- agents that call functions ------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [True, False])
async def test_an_answer(streaming):
    response, events = await run(worker(says("It is done."), streaming=streaming))
    assert "It is done." in str(response.response)
    streamed = [event.delta for event in events if isinstance(event, AgentStream)]
    assert "".join(streamed) == ("It is done." if streaming else "")


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_tool_without_arguments_is_called_once(streaming):
    called = []

    def look() -> str:
        """Look."""
        called.append(1)
        return "seen"

    agent = worker(calls("look"), says("finished"), tools=[look], streaming=streaming)
    response, events = await run(agent)
    assert (response.response.content, called) == ("finished", [1])
    (result,) = [event for event in events if type(event) is ToolCallResult]
    assert result.tool_output.content == "seen"


async def test_the_mocks_own_way_with_tools():
    def multiply(a: int = 1, b: int = 2) -> int:
        """Multiply."""
        return a * b

    agent = FunctionAgent(name="w", description="d", tools=[multiply], llm=MockFunctionCallingLLM())
    response, events = await run(agent)
    assert "Tool calls complete" in str(response)
    (result,) = [event for event in events if type(event) is ToolCallResult]
    assert result.tool_output.content == "2"


async def test_a_message_of_several_blocks_in_a_context_of_ones_own():
    agent = FunctionAgent(llm=MockFunctionCallingLLM(), system_prompt="You do sums.")
    blocks = [TextBlock(text="Help me with a sum."), TextBlock(text="One and one.")]
    asked = ChatMessage(role="user", blocks=blocks)
    memory = ChatMemoryBuffer.from_defaults()
    answer = str(await agent.run(user_msg=asked, ctx=Context(agent), memory=memory))
    assert "Help me with a sum." in answer
    assert "One and one." in answer


async def astepwise():
    """Work in steps."""
    yield {"status": "loading", "is_preliminary": True}
    yield {"status": "done", "is_preliminary": False}


def stepwise():
    """Work in steps."""
    yield {"status": "loading", "is_preliminary": True}
    yield {"status": "done", "is_preliminary": False}


@pytest.mark.parametrize("tool", [{"async_fn": astepwise}, {"fn": stepwise}])
async def test_a_tool_that_works_in_steps(tool):
    made = FunctionTool.from_defaults(**tool)
    response, events = await run(worker(calls(made.metadata.name), says("All done."), tools=[made]))
    assert "All done." in str(response)
    assert any(isinstance(event, ToolCallResult) for event in events)


# -- answers with little in them -----------------------------------------------------------------


@pytest.mark.parametrize("streaming", [True, False])
async def test_text_outweighs_thinking(streaming):
    blocks = [ThinkingBlock(content="hm"), TextBlock(text="Paris")]
    message = ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks)
    response, _ = await run(worker(message, streaming=streaming))
    assert response.response.content == "Paris"


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize(
    "message",
    [says(""), ChatMessage(role=MessageRole.ASSISTANT, blocks=[ThinkingBlock(content="hm")])],
    ids=["nothing", "thinking alone"],
)
async def test_an_answer_with_no_text_ends_the_run(message, streaming):
    response, _ = await run(worker(message, streaming=streaming))
    assert (response.response.content or "") in ("", "hm")


async def test_a_react_agent_tells_an_empty_answer_to_the_model():
    response, events = await run(calculator(says(""), says(ADD), says(ADDED)))
    assert any("Your previous response was empty" in said for said in told(events))
    assert "8" in str(response.response)


# -- agents that act in words --------------------------------------------------------------------


async def test_a_react_agent():
    response, events = await run(calculator(says(ADD), says(ADDED)))
    assert "8" in str(response.response)
    (result,) = [event for event in events if type(event) is ToolCallResult]
    assert result.tool_output.content == "8"


async def test_a_react_agent_tells_the_model_what_it_could_not_read():
    response, events = await run(calculator(says(BROKEN), says(ADD), says(ADDED)))
    assert any("Error while parsing the output" in said for said in told(events))
    assert "8" in str(response.response)


async def test_an_agent_that_acts_in_code():
    code = "Let me see.\n<execute>\nprint(2 + 2)\n</execute>"
    agent = CodeActAgent(code_execute_fn=lambda code: "4", llm=llm(says(code), says("It is 4.")))
    response, events = await run(agent)
    assert "It is 4." in str(response)
    (result,) = [event for event in events if type(event) is ToolCallResult]
    assert result.tool_output.content == "4"


# -- where it ends -------------------------------------------------------------------------------


async def test_runs_end():
    agent = worker(calls("idle"), tools=[idle])
    with pytest.raises(WorkflowRuntimeError, match="Either something went wrong"):
        await run(agent)


@pytest.mark.parametrize("chosen", ["for the agent", "for the run"])
async def test_a_last_answer_is_asked_for(chosen):
    answers = [*[calls("idle")] * 5, says("This much is known.")]
    method = {"early_stopping_method": "generate"}
    agent = worker(*answers, tools=[idle], **method if chosen == "for the agent" else {})
    options = method if chosen == "for the run" else {}
    response, _ = await run(agent, max_iterations=5, **options)
    assert "This much is known." in str(response.response)


async def test_no_last_answer_is_asked_for():
    agent = worker(calls("idle"), tools=[idle], early_stopping_method="force")
    with pytest.raises(WorkflowRuntimeError, match="early_stopping_method='generate'"):
        await run(agent, max_iterations=5)


async def test_who_gives_the_last_answer_is_told_why():
    asked = []

    def answer(messages, **_):
        asked.append(list(messages))
        return calls("idle", f"call_{len(asked)}")

    agent = FunctionAgent(
        name="w",
        description="d",
        tools=[idle],
        llm=MockFunctionCallingLLM(response_generator=answer),
        early_stopping_method="generate",
    )
    await run(agent, max_iterations=2)
    system = [m.content or "" for m in asked[-1] if m.role == MessageRole.SYSTEM]
    assert any("maximum number of iterations" in said for said in system)
    results = [m for m in asked[1] if m.role == MessageRole.TOOL]
    assert [m.additional_kwargs["tool_call_id"] for m in results] == ["call_1"]
