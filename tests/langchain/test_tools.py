from __future__ import annotations

import typing

import pytest
from langchain_core.runnables import Runnable, RunnableBinding
from langchain_core.tools import tool
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from llmrouter_integrations.errors import InvalidRequestError
from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.langchain.hints import HintedChatModel
from llmrouter_integrations.messages import NativeTool, Tool

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def double(a: int) -> int:
    """Double a number."""
    return 2 * a


@tool
def triple(a: int) -> int:
    """Triple a number."""
    return 3 * a


class Quadruple(BaseModel):
    """Quadruple a number."""

    a: int = Field(description="the number")


class Quintuple(TypedDict):
    """Quintuple a number."""

    a: int


@pytest.fixture
def router(scripted):
    return scripted()


@pytest.fixture
def llm(router):
    return RoutedChatModel(router=router)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (double, "double"),
        (triple, "triple"),
        (Quadruple, "Quadruple"),
        (Quintuple, "Quintuple"),
        ({"type": "function", "function": {"name": "f", "parameters": SCHEMA}}, "f"),
        ({"type": "function", "name": "f", "parameters": SCHEMA}, "f"),
        ({"name": "f", "description": "d", "parameters": SCHEMA}, "f"),
        ({"name": "f", "input_schema": SCHEMA}, "f"),
        ({"type": "custom", "name": "f", "input_schema": SCHEMA}, "f"),
        ({"toolSpec": {"name": "f", "inputSchema": {"json": SCHEMA}}}, "f"),
        ({"title": "f", **SCHEMA}, "f"),
        (Tool("f", "d", SCHEMA), "f"),
    ],
    ids=lambda value: None,
)
def test_functions_in_every_form(router, llm, given, name):
    llm.bind_tools([given]).invoke("hi")
    (offered,) = router.request.tools
    assert offered.name == name
    assert offered.parameters["properties"].keys() == {"a"}


@pytest.mark.parametrize(
    ("payload", "issuer"),
    [
        ({"type": "web_search_20250305", "name": "web_search", "max_uses": 3}, "anthropic"),
        ({"type": "bash_20250124", "name": "bash"}, "anthropic"),
        ({"type": "web_search"}, "openai"),
        ({"type": "web_search_preview"}, "openai"),
        ({"type": "code_interpreter", "container": {"type": "auto"}}, "openai"),
        ({"type": "custom", "name": "sql", "format": {"type": "text"}}, "openai"),
        ({"google_search": {}}, "gemini"),
        ({"url_context": {}}, "gemini"),
    ],
)
def test_vendors_own_tools_stay_as_they_are(router, llm, payload, issuer):
    llm.bind_tools([payload, double]).invoke("hi")
    native, function = router.request.tools
    assert native == NativeTool(issuer, payload)
    assert function.name == "double"


def test_a_vendors_own_tool_whose_form_does_not_tell(router, llm):
    with pytest.raises(InvalidRequestError, match="NativeTool"):
        llm.bind_tools([{"magic": {}}])
    llm.bind_tools([NativeTool("cohere", {"magic": {}})]).invoke("hi")
    assert router.request.tools == (NativeTool("cohere", {"magic": {}}),)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        (False, None),
        ("auto", "auto"),
        ("none", "none"),
        ("any", "required"),
        ("required", "required"),
        (True, "required"),
        ("double", "double"),
        ({"type": "function", "function": {"name": "double"}}, "double"),
        ({"type": "function", "name": "double"}, "double"),
        ({"type": "tool", "name": "double"}, "double"),
        ({"type": "any"}, "required"),
        ({"type": "auto", "disable_parallel_tool_use": True}, "auto"),
        ({"tool": {"name": "double"}}, "double"),
    ],
)
def test_tool_choice(router, llm, choice, expected):
    llm.bind_tools([double, triple], tool_choice=choice).invoke("hi")
    assert router.request.tool_choice == expected


@pytest.mark.parametrize("choice", ["doubel", {"type": "function", "function": {"name": "x"}}])
def test_a_choice_that_is_no_tool_is_an_error_at_once(llm, choice):
    with pytest.raises(InvalidRequestError, match="which is no tool"):
        llm.bind_tools([double], tool_choice=choice)


@pytest.mark.parametrize("strict", [None, False, True])
def test_strict(router, llm, strict):
    llm.bind_tools([double], strict=strict, parallel_tool_calls=False).invoke("hi")
    assert router.request.tools[0].strict is strict
    assert router.request.parallel_tool_calls is False


def test_cache_control_of_a_tool_is_kept(router, llm):
    marked = {"name": "f", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}}

    @tool(extras={"cache_control": {"type": "ephemeral"}})
    def kept(a: int) -> int:
        """Keep."""
        return a

    llm.bind_tools([marked, kept, double]).invoke("hi")
    assert [t.cache for t in router.request.tools] == [True, True, False]


def test_no_tools_at_all(router, llm):
    llm.bind_tools([], temperature=0.5).invoke("hi")
    assert router.request.tools == ()
    assert router.request.temperature == 0.5


def test_what_langchain_asks_of_bind_tools(llm):
    assert isinstance(llm.bind_tools([double]), RunnableBinding)
    for method in (RoutedChatModel.bind_tools, RoutedChatModel.with_structured_output):
        returned = typing.get_type_hints(method)["return"]
        assert issubclass(typing.get_origin(returned), Runnable)


@pytest.mark.parametrize(
    "name", [n for n in vars(RoutedChatModel) | vars(HintedChatModel) if not n.startswith("_")]
)
def test_annotations_resolve(name):
    # a model with fallbacks asks this of every method that it passes on
    method = getattr(RoutedChatModel, name, None)
    if callable(method):
        assert isinstance(typing.get_type_hints(method), dict)
