"""What LlamaIndex asserts of workflows of several agents over its mock LLM, bare and routed."""

import pytest
from llama_index.core.agent.workflow import (
    AgentInput,
    AgentStreamStructuredOutput,
    AgentWorkflow,
    FunctionAgent,
    ReActAgent,
)
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.workflow import Context, HumanResponseEvent, InputRequiredEvent
from llama_index.core.workflow.errors import WorkflowRuntimeError
from pydantic import BaseModel
from workflows.context import PickleSerializer

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


def calls(name, **arguments):
    call = ToolSelection(tool_id="one", tool_name=name, tool_kwargs=arguments)
    beside = {"tool_calls": [call]}
    return ChatMessage(role=MessageRole.ASSISTANT, content="calling", additional_kwargs=beside)


def llm(*answers):
    """An LLM that gives prepared answers, round and round; without any, empty ones."""
    asked = 0

    def answer(messages, **_):
        nonlocal asked
        asked += 1
        return answers[(asked - 1) % len(answers)] if answers else says(None)

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
        tools=[add],
        llm=llm(*answers),
    )


def desk(*answers, **said):
    return FunctionAgent(name="desk", description="Takes requests", llm=llm(*answers), **said)


HAND_OVER = calls("handoff", to_agent="calculator", reason="sums")


def office(*agents, **said):
    return AgentWorkflow(agents=[*agents], root_agent="desk", **said)


async def run(workflow, said="Add 5 and 3.", **options):
    """Run it; give the answer, and every event on the way."""
    memory = ChatMemoryBuffer.from_defaults()  # not the default one, which leaves SQLite open
    handler = workflow.run(user_msg=said, **{"memory": memory} | options)
    events = [event async for event in handler.stream_events()]
    return await handler, events


def told(events):
    return [event.input[-1].content or "" for event in events if isinstance(event, AgentInput)]


# -- who is asked --------------------------------------------------------------------------------


async def test_one_agent_must_be_the_first():
    others = [desk(says("x")), calculator(says("x"))]
    with pytest.raises(ValueError, match="Exactly one root agent"):
        AgentWorkflow(agents=others)
    assert office(*others).root_agent == "desk"


async def test_a_request_is_handed_over():
    response, events = await run(office(calculator(says(ADD), says(ADDED)), desk(HAND_OVER)))
    names = {getattr(event, "current_agent_name", None) for event in events}
    assert {"desk", "calculator"} <= names
    assert "8" in str(response.response)


async def test_nobody_is_not_handed_over_to():
    nobody = calls("handoff", to_agent="nobody", reason="x")
    response, events = await run(office(desk(nobody, says("I am stuck.")), calculator(says("x"))))
    assert "Agent nobody not found" in str(events)
    assert "stuck" in str(response.response)


async def test_an_agent_is_copied_without_its_llm():
    first = desk(says("first"))
    second = FunctionAgent(**first.model_dump(exclude={"llm"}), llm=llm(says("second")))
    second.name = "other"
    response, _ = await run(AgentWorkflow(agents=[first, second], root_agent="other"))
    assert "second" in str(response.response)


# -- answers with nothing in them ----------------------------------------------------------------


async def test_an_empty_answer_of_the_first_agent_ends_the_run():
    response, _ = await run(office(calculator(says(ADD), says(ADDED)), desk()))
    assert not response.response.content


async def test_an_empty_answer_is_told_to_the_model_until_all_steps_are_taken():
    workflow = office(calculator(), desk(HAND_OVER))
    memory = ChatMemoryBuffer.from_defaults()
    handler = workflow.run(user_msg="Add 5 and 3.", memory=memory)
    events = [event async for event in handler.stream_events()]
    with pytest.raises(WorkflowRuntimeError, match="Max iterations"):
        await handler
    assert any("Your previous response was empty" in said for said in told(events))


async def test_what_could_not_be_read_is_told_to_the_model():
    workflow = AgentWorkflow(agents=[calculator(says(BROKEN), says(ADD), says(ADDED))])
    response, events = await run(workflow)
    assert any("Error while parsing the output" in said for said in told(events))
    assert "8" in str(response.response)


# -- state, people, steps ------------------------------------------------------------------------


async def test_state():
    async def count(said: str, ctx: Context) -> str:
        """Count one more."""
        async with ctx.store.edit_state() as state:
            state["state"]["counter"] += 1
        return "counted"

    agent = desk(calls("count", said="x"), says("done"), tools=[count])
    prompt = "Current state: {state}. User message: {msg}"
    workflow = AgentWorkflow(agents=[agent], initial_state={"counter": 0}, state_prompt=prompt)
    handler = workflow.run(user_msg="x", memory=ChatMemoryBuffer.from_defaults())
    events = [event async for event in handler.stream_events()]
    await handler
    for event in events:
        if isinstance(event, AgentInput):
            asked = [m.content for m in event.input if m.role == MessageRole.USER]
            assert [text.count("Current state:") for text in asked] == [1]
    assert (await handler.ctx.store.get("state"))["counter"] == 1


async def test_a_person_is_asked():
    async def ask(ctx: Context) -> str:
        """Ask for the name."""
        question = InputRequiredEvent(prefix="Who are you?")
        said = await ctx.wait_for_event(HumanResponseEvent, waiter_event=question)
        return f"It is {said.response}"

    workflow = AgentWorkflow(agents=[desk(calls("ask"), says("Welcome!"), tools=[ask])])
    serializer = PickleSerializer()
    handler = workflow.run(user_msg="x", memory=ChatMemoryBuffer.from_defaults())
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            written = handler.ctx.to_dict(serializer)
            await handler.cancel_run()
            break
    context = Context.from_dict(workflow, written, serializer)
    handler = workflow.run(user_msg="x", ctx=context)
    handler.ctx.send_event(HumanResponseEvent(response="Ann"))
    assert "Welcome!" in str(await handler)


async def test_a_last_answer_is_asked_for():
    agent = desk(*[calls("idle")] * 5, says("This much is known."), tools=[idle])
    workflow = AgentWorkflow(agents=[agent], early_stopping_method="generate")
    response, _ = await run(workflow, max_iterations=5)
    assert "This much is known." in str(response.response)


async def test_a_run_bears_the_name_it_was_given():
    memory = ChatMemoryBuffer.from_defaults()
    handler = office(desk(says("ok"))).run(user_msg="x", run_id="run-7", memory=memory)
    assert handler.run_id == "run-7"
    await handler


# -- answers as objects --------------------------------------------------------------------------


class Greeting(BaseModel):
    hello: str
    world: int


@pytest.mark.parametrize("as_agent", [True, False])
async def test_an_answer_as_an_object(as_agent):
    answers = [says("Done."), calls("Greeting", hello="hi", world=1)]
    agent = desk(*answers, output_cls=Greeting)
    response, events = await run(agent if as_agent else AgentWorkflow(agents=[agent]))
    assert any(isinstance(event, AgentStreamStructuredOutput) for event in events)
    assert response.get_pydantic_model(Greeting) == Greeting(hello="hi", world=1)
