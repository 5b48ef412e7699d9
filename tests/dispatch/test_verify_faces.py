"""What passes is parsed: the checks beside the parsers of the LangChain and LlamaIndex faces."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import HumanMessage
from llama_index.core.base.llms.types import ChatMessage
from pydantic import BaseModel, Field

from llmrouter_integrations.dispatch.verify import verifier
from llmrouter_integrations.langchain.from_response import to_result
from llmrouter_integrations.langchain.structured import structured_kwargs
from llmrouter_integrations.langchain.to_request import to_request as langchain_request
from llmrouter_integrations.llama_index.from_response import to_chat_response
from llmrouter_integrations.llama_index.structured import object_from, schema_kwargs
from llmrouter_integrations.llama_index.to_request import to_request as llama_index_request
from llmrouter_integrations.messages import Message, ReasoningPart, Response, TextPart, ToolCallPart


class Person(BaseModel):
    name: str
    age: int | None = Field(default=None, ge=0)


GOOD = {"name": "Ada", "age": 36}
values = st.sampled_from([GOOD, {"name": "```\n"}, {"name": "A", "age": -1}, {"age": 1}, [GOOD], 3])
wraps = st.sampled_from(
    [
        "{}",
        "  {}\n",
        "```json\n{}\n```",
        "```\n{}\n```",
        "\n ```json \n\n{}\n \n``` \n",
        "```json\r\n{}\r\n```",
        "```json {} ```",
        "```json\n{}```",
        "```json{}\n```",
        "```JSON\n{}\n```",
        "```yaml\n{}\n```",
        "``\n{}\n``",
        "Here:\n```json\n{}\n```",
        "```json\n{}\n```\nThere.",
        "```json\n{}\n```\n```json\n{}\n```",
        "{}{}",
        "{},",
        "`{}`",
        "\u00a0{}",
        "```json\n\u00a0{}\n```",
        "```\n```\n{}\n```\n```",
        "",
        "```\n\n```",
    ]
)


@st.composite
def texts(draw):
    written = orjson.dumps(draw(values)).decode()
    return draw(wraps).replace("{}", written)[: draw(st.sampled_from([None, -1, 10]))]


answers = st.builds(
    lambda text, at, thought: Response(
        Message("assistant", (*thought, TextPart(text[:at]), TextPart(text[at:])))
    ),
    texts(),
    st.integers(0, 20),
    st.sampled_from([(), (ReasoningPart("Hm."),)]),
)


def asked_by_langchain(method):
    kwargs, parser = structured_kwargs(Person, method, strict=None)
    del kwargs["ls_structured_output_format"]  # for LangSmith; the chat model takes it out
    return langchain_request([HumanMessage("?")], kwargs), parser


def langchain_parses(parser, response):
    try:
        parser.parse_result(to_result(response).generations)
    except OutputParserException:
        return False
    return True


def llama_index_parses(response):
    try:
        object_from(to_chat_response(response), Person)
    except ValueError:
        return False
    return True


@settings(max_examples=300)
@given(answers)
def test_what_passes_is_parsed_by_both_faces(answer):
    asked = llama_index_request([ChatMessage("?")], schema_kwargs(Person))
    passes = verifier("schema", asked)(answer) is None
    assert llama_index_parses(answer) or not passes  # it reads an object within prose, too
    for method in ("json_schema", "json_mode"):
        asked, parser = asked_by_langchain(method)
        holds = verifier("schema", asked)(answer) is None
        assert passes <= holds  # any object will do for json_mode
        if method == "json_schema":
            assert holds == passes
        if passes:
            assert langchain_parses(parser, answer)


@pytest.mark.parametrize(
    ("arguments", "holds"),
    [
        ('{"name": "Ada"}', True),
        ('{"name": "Ada", "age": null}', True),
        ('{"name": "Ada", "age": -1}', False),
        ("{}", False),
        ("", False),
        ("[]", False),
        ('{"name": "Ada"', False),
    ],
)
@pytest.mark.parametrize("name", ["Person", "Parson"])
def test_function_calling_passes_where_langchain_parses_it(arguments, holds, name):
    asked, parser = asked_by_langchain("function_calling")
    answer = Response(Message("assistant", (ToolCallPart("c", name, arguments),)), "tool_calls")
    passes = verifier("schema", asked)(answer) is None
    assert passes == langchain_parses(parser, answer) == (holds and name == "Person")
