from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.llms.function_calling import _supports_tool_required
from llama_index.core.tools import FunctionTool

from llmrouter_integrations.errors import InvalidRequestError
from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.llama_index.tools import arguments_from
from llmrouter_integrations.messages import TextPart, ToolCallPart
from llmrouter_integrations.testing import Reply, ToolCall
from tests.scripted import answer


def add(a: int, b: int = 0) -> int:
    """Add two numbers."""
    return a + b


def fail() -> str:
    """Fail."""
    raise RuntimeError("broken")


ADD, FAIL = FunctionTool.from_defaults(add), FunctionTool.from_defaults(fail)
ONE = ToolCallPart("c1", "add", '{"a": 1, "b": 2}')
TWO = ToolCallPart("c2", "add", '{"a": 3}')


@pytest.mark.parametrize(
    ("arguments", "choice", "parallel"),
    [
        ({}, "auto", False),
        ({"tool_required": True}, "required", False),
        ({"tool_required": True, "allow_parallel_tool_calls": True}, "required", True),
        ({"tool_choice": "add"}, "add", False),
        ({"tool_choice": "none", "tool_required": True}, "none", False),
        ({"tool_choice": {"type": "function", "function": {"name": "add"}}}, "add", False),
    ],
)
def test_what_is_asked(scripted, arguments, choice, parallel):
    router = scripted(answer(ONE))
    RoutedLLM(router=router).chat_with_tools([ADD], "1 + 2?", **arguments)
    request = router.request
    assert (request.tool_choice, request.parallel_tool_calls) == (choice, parallel)
    (tool,) = request.tools
    assert (tool.name, tool.description.splitlines()[-1]) == ("add", "Add two numbers.")
    assert tool.parameters["required"] == ["a"]
    assert [(m.role, m.text) for m in request.messages] == [("user", "1 + 2?")]
    assert _supports_tool_required(RoutedLLM, True)


def test_history_comes_before_the_user_and_no_tools_are_no_tools(scripted):
    router = scripted()
    llm = RoutedLLM(router=router)
    llm.chat_with_tools([], ChatMessage("now"), [ChatMessage("before")], tool_required=True)
    request = router.request
    assert [m.text for m in request.messages] == ["before", "now"]
    assert (request.tools, request.tool_choice, request.parallel_tool_calls) == ((), None, None)


def test_a_choice_that_is_no_tool_is_named(scripted):
    llm = RoutedLLM(router=scripted())
    with pytest.raises(InvalidRequestError, match="did you mean 'add'"):
        llm.chat_with_tools([ADD], "x", tool_choice="ad")


def test_tools_may_be_given_to_chat_in_either_form(scripted):
    router = scripted(answer(ONE))
    llm = RoutedLLM(router=router)
    for tools in ([ADD], [ADD.metadata.to_openai_tool()]):
        llm.chat([ChatMessage("x")], tools=tools)
        assert [tool.name for tool in router.request.tools] == ["add"]


async def test_every_way_of_calling_with_tools(scripted):
    llm = RoutedLLM(router=scripted(answer(TextPart("Well"), ONE, TWO)))
    whole = [llm.chat_with_tools([ADD], "x"), await llm.achat_with_tools([ADD], "x")]
    for response in whole:  # one at a time was asked for
        selections = llm.get_tool_calls_from_response(response)
        assert [s.tool_id for s in selections] == ["c1"]
        assert [c["id"] for c in response.message.additional_kwargs["tool_calls"]] == ["c1"]
        assert response.message.content == "Well"
    both = {"allow_parallel_tool_calls": True}
    for response in (
        llm.chat_with_tools([ADD], "x", **both),
        await llm.achat_with_tools([ADD], "x", **both),
        list(llm.stream_chat_with_tools([ADD], "x", **both))[-1],
        [piece async for piece in await llm.astream_chat_with_tools([ADD], "x", **both)][-1],
    ):
        selections = llm.get_tool_calls_from_response(response)
        assert [(s.tool_id, s.tool_name, s.tool_kwargs) for s in selections] == [
            ("c1", "add", {"a": 1, "b": 2}),
            ("c2", "add", {"a": 3}),
        ]


def test_calls_can_be_read_while_they_are_streamed(scripted):
    llm = RoutedLLM(router=scripted(answer(ONE)))
    seen = [
        llm.get_tool_calls_from_response(piece, error_on_no_tool_call=False)
        for piece in llm.stream_chat_with_tools([ADD], "x")
    ]
    assert {s.tool_id for selections in seen for s in selections} == {"c1"}
    assert seen[0][0].tool_kwargs == {}
    grown = [len(selections[0].tool_kwargs) for selections in seen]
    assert grown == sorted(grown)
    assert seen[-1][0].tool_kwargs == {"a": 1, "b": 2}


def test_no_call():
    llm = RoutedLLM(models=["ollama/llama3.2"])
    said = ChatResponse(message=ChatMessage("no", role="assistant"))
    assert llm.get_tool_calls_from_response(said, error_on_no_tool_call=False) == []
    with pytest.raises(ValueError, match="at least one tool call"):
        llm.get_tool_calls_from_response(said)


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ({"a": 1}, {"a": 1}),
        ("", {}),
        ('{"a": 1}', {"a": 1}),
        ('{"a": 1, "b": "half a str', {"a": 1, "b": "half a str"}),
        ('{"a', {}),
        ("[1, 2]", {}),
        ("not JSON", {}),
        (None, {}),
    ],
)
def test_arguments(said, read):
    assert arguments_from(said) == read


def test_calls_of_other_llms(scripted):
    llm = RoutedLLM(router=scripted())
    call = {"id": "c1", "function": {"name": "add", "arguments": '{"a": 1}'}}
    block = ToolCallBlock(tool_call_id="c1", tool_name="add", tool_kwargs={"a": 1})
    for message in (
        ChatMessage(role="assistant", additional_kwargs={"tool_calls": [call]}),
        ChatMessage(role="assistant", blocks=[block]),
    ):
        (selection,) = llm.get_tool_calls_from_response(ChatResponse(message=message))
        assert (selection.tool_id, selection.tool_name, selection.tool_kwargs) == (
            "c1",
            "add",
            {"a": 1},
        )


async def test_predict_and_call(simulator):
    simulator.script("gpt-6.1-terra", Reply(tool_calls=(ToolCall("add", {"a": 1, "b": 2}),)))
    llm = RoutedLLM(models=[simulator.target("openai", "gpt-6.1-terra")])
    for said in (
        llm.predict_and_call([ADD, FAIL], "1 + 2?"),
        await llm.apredict_and_call([ADD, FAIL], "1 + 2?", allow_parallel_tool_calls=True),
    ):
        assert said.response == "3"
        assert said.sources[0].raw_output == 3
    assert simulator.requests[0].body["parallel_tool_calls"] is False
    assert simulator.requests[1].body["parallel_tool_calls"] is True
