from __future__ import annotations

from typing import Annotated

import pydantic.v1
import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.utils.function_calling import convert_to_json_schema
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from llmrouter_integrations.errors import InvalidRequestError
from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.messages import OutputFormat, RefusalPart, TextPart, ToolCallPart
from tests.scripted import answer


class Joke(BaseModel):
    """A joke."""

    setup: str = Field(description="the question")
    rating: int | None = None


class OldJoke(pydantic.v1.BaseModel):
    """A joke."""

    setup: str
    rating: int | None = None


class DictJoke(TypedDict):
    """A joke."""

    setup: Annotated[str, ..., "the question"]
    rating: Annotated[int | None, None, "1 to 10"]


class Tree(BaseModel):
    """A tree."""

    children: list[Tree] = []


SCHEMAS = {
    "pydantic": Joke,
    "pydantic.v1": OldJoke,
    "typeddict": DictJoke,
    "json": Joke.model_json_schema(),
    "json, no title": {k: v for k, v in Joke.model_json_schema().items() if k != "title"},
    "function": {
        "name": "Joke",
        "parameters": {k: v for k, v in Joke.model_json_schema().items() if k != "title"},
    },
}
CLASSES = {"pydantic": Joke, "pydantic.v1": OldJoke}
JSON = '{"setup":"Why?","rating":7}'


def asked(method, text=JSON, name="Joke"):
    """An answer in the form that the method asks for."""
    return answer(
        ToolCallPart("c1", name, text) if method == "function_calling" else TextPart(text)
    )


@pytest.mark.parametrize("strict", [None, False, True])
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_schema_by_every_method(scripted, kind, method, strict):
    named = {"json, no title": "output", "typeddict": "DictJoke", "pydantic.v1": "OldJoke"}
    router = scripted(asked(method, name=named.get(kind, "Joke")))
    llm = RoutedChatModel(router=router)
    chain = llm.with_structured_output(SCHEMAS[kind], method=method, strict=strict)
    expected = CLASSES.get(kind, dict)
    result = chain.invoke("a joke")
    assert isinstance(result, expected)
    assert (
        result
        if expected is dict
        else result.dict()
        if kind == "pydantic.v1"
        else result.model_dump()
    ) == {"setup": "Why?", "rating": 7}
    request = router.request
    if method == "json_schema":
        assert request.output.kind == "json_schema"
        assert request.output.schema["properties"].keys() == {"setup", "rating"}
        assert request.output.strict is strict
        assert not request.tools
    else:
        assert [t.name for t in request.tools] == [request.tool_choice]
        assert request.tools[0].strict is strict
        assert request.output is None


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_streams_grow_dicts_and_give_objects_whole(scripted, method):
    llm = RoutedChatModel(router=scripted(asked(method)))
    objects = list(llm.with_structured_output(Joke, method=method).stream("a joke"))
    assert objects == [Joke(setup="Why?", rating=7)]
    dicts = list(llm.with_structured_output(Joke.model_json_schema(), method=method).stream("x"))
    assert dicts[-1] == {"setup": "Why?", "rating": 7}
    assert len(dicts) > 1


async def test_async(scripted):
    llm = RoutedChatModel(router=scripted(asked("json_schema"))).with_structured_output(Joke)
    assert await llm.ainvoke("a joke") == Joke(setup="Why?", rating=7)
    assert [o async for o in llm.astream("a joke")] == [Joke(setup="Why?", rating=7)]


def test_json_mode(scripted):
    router = scripted(answer(TextPart(f"```json\n{JSON}\n```")))
    llm = RoutedChatModel(router=router)
    assert llm.with_structured_output(method="json_mode").invoke("x") == {
        "setup": "Why?",
        "rating": 7,
    }
    assert router.request.output == OutputFormat("json_object")
    assert llm.with_structured_output(Joke, method="json_mode").invoke("x").rating == 7


def test_a_schema_that_refers_to_itself(scripted):
    router = scripted(answer(TextPart('{"children": [{"children": []}]}')))
    chain = RoutedChatModel(router=router).with_structured_output(Tree)
    assert chain.invoke("a tree") == Tree(children=[Tree()])
    assert "$defs" in router.request.output.schema


BAD = [
    ("json_schema", answer(TextPart("I would rather not.")), "not what was asked for"),
    ("json_schema", answer(TextPart('{"rating": 7}')), "setup"),
    ("json_schema", answer(TextPart('{"setup": "Wh'), finish_reason="length"), "limit of tokens"),
    ("json_schema", answer(RefusalPart("Not that."), finish_reason="refusal"), "refused .Not that"),
    ("json_schema", answer(TextPart("null")), "not what was asked for"),
    ("function_calling", answer(TextPart("Why?")), "did not call Joke"),
    ("function_calling", answer(ToolCallPart("c1", "Joke", '{"rating": 1}')), "setup"),
    (
        "function_calling",
        answer(ToolCallPart("c1", "Joke", '{"set'), finish_reason="length"),
        "limit of tokens",
    ),
    ("json_mode", answer(TextPart("[1, 2")), "not what was asked for"),
]


@pytest.mark.parametrize(("method", "response", "said"), BAD)
def test_an_answer_that_is_not_what_was_asked_for(scripted, method, response, said):
    chain = RoutedChatModel(router=scripted(response)).with_structured_output(Joke, method=method)
    with pytest.raises(OutputParserException, match=said):
        chain.invoke("a joke")
    with pytest.raises(OutputParserException, match=said):
        list(chain.stream("a joke"))


@pytest.mark.parametrize(("method", "response", "said"), BAD)
def test_include_raw_tells_instead_of_raising(scripted, method, response, said):
    llm = RoutedChatModel(router=scripted(response))
    result = llm.with_structured_output(Joke, method=method, include_raw=True).invoke("a joke")
    assert result["parsed"] is None
    assert isinstance(result["parsing_error"], OutputParserException)
    assert result["raw"].response_metadata["llmrouter"]["target"] == "acme/tiny-1"


def test_include_raw_of_a_good_answer(scripted):
    llm = RoutedChatModel(router=scripted(asked("json_schema")))
    chain = llm.with_structured_output(Joke, include_raw=True)
    result = chain.invoke("a joke")
    assert (result["parsed"], result["parsing_error"]) == (Joke(setup="Why?", rating=7), None)
    assert result["raw"].text == JSON
    streamed = {}
    for chunk in chain.stream("a joke"):
        streamed |= chunk
    assert streamed["parsed"] == Joke(setup="Why?", rating=7)


def test_traces_are_told_the_schema(scripted):
    llm = RoutedChatModel(router=scripted(asked("json_schema")))
    bound = llm.with_structured_output(Joke).first
    told = bound.kwargs["ls_structured_output_format"]
    assert convert_to_json_schema(told["schema"]) == convert_to_json_schema(Joke)


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"schema": Joke, "method": "telepathy"}, "telepathy"),
        ({"schema": None}, "needs a schema"),
        ({"schema": 5}, "schema must be .* not int"),
        ({"schema": 5, "method": "json_mode"}, "schema must be .* not int"),
        ({"schema": Joke, "method": "json_mode", "strict": True}, "strict"),
    ],
)
def test_what_makes_no_sense(scripted, kwargs, said):
    with pytest.raises(ValueError, match=said) as caught:
        RoutedChatModel(router=scripted()).with_structured_output(**kwargs)
    assert isinstance(caught.value, InvalidRequestError)


def test_further_kwargs_are_bound(scripted):
    router = scripted(asked("json_schema"))
    llm = RoutedChatModel(router=router)
    llm.with_structured_output(Joke, temperature=0.1, hints={"task": "creative"}).invoke("x")
    assert router.request.temperature == 0.1
    assert router.hints.task == "creative"
