"""What holds of an answer and what does not: tool calls, the form, and callers' own checks."""

from __future__ import annotations

import asyncio
import timeit

import orjson
import pytest
from pydantic import BaseModel

from llmrouter_integrations.dispatch.verify import (
    NOT_ACCEPTED,
    check_schema,
    check_tool_names,
    check_tools,
    json_text,
    settle_verdict,
    verifier,
)
from llmrouter_integrations.dispatch.verify_explain import MOST_CHARACTERS
from llmrouter_integrations.errors import (
    AllTargetsFailed,
    ConfigurationError,
    InvalidRequestError,
)
from llmrouter_integrations.messages import (
    Message,
    NativeTool,
    OpaquePart,
    OutputFormat,
    ReasoningPart,
    RefusalPart,
    Request,
    Response,
    TextPart,
    Tool,
    ToolCallPart,
)

WEATHER = Tool(
    "weather",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["city"],
    },
)
TIME = Tool("time")
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}


def request(*tools, **fields):
    return Request((Message("user", (TextPart("?"),)),), tools=tools, **fields)


def calls(*named, finish="tool_calls"):
    parts = [ToolCallPart(f"c{n}", name, args) for n, (name, args) in enumerate(named)]
    return Response(Message("assistant", tuple(parts)), finish)


def says(text, finish="stop"):
    return Response(Message("assistant", (TextPart(text),) if text else ()), finish)


PARIS = ("weather", '{"city":"Paris"}')

# -- tool calls ------------------------------------------------------------------------------

# request, response, the verdict of check_tool_names, that of check_tools (None: no verdict)
NAMES = [
    pytest.param(request(WEATHER), calls(PARIS), None, id="a good call"),
    pytest.param(request(WEATHER, TIME), calls(PARIS, ("time", "")), None, id="no arguments"),
    pytest.param(request(TIME), calls(("time", '{"any": [1, null]}')), None, id="no schema"),
    pytest.param(request(WEATHER), says("It rains."), None, id="no call"),
    pytest.param(
        request(WEATHER, TIME),
        calls(("wether", "{}")),
        "there is no tool 'wether': the tools are 'weather', 'time'",
        id="a made-up name",
    ),
    pytest.param(
        request(), calls(PARIS), "there is no tool 'weather': no tools are on offer", id="no tools"
    ),
    pytest.param(request(TIME), calls(("", "{}")), "there is no tool ''", id="no name"),
    pytest.param(
        request(TIME),
        calls(("time", '{"zone": }')),
        "the arguments of the call of 'time' are not JSON (",
        id="broken JSON",
    ),
    pytest.param(
        request(TIME, WEATHER),
        calls(PARIS, ("time", "{} {}")),
        "the arguments of the call of 'time' are not JSON (",
        id="two objects",
    ),
    pytest.param(
        request(TIME),
        calls(("time", "[1, 2]")),
        "the arguments of the call of 'time' must be one JSON object, got an array of 2",
        id="an array",
    ),
    pytest.param(
        request(TIME),
        calls(("time", "null")),
        "the arguments of the call of 'time' must be one JSON object, got null",
        id="null",
    ),
    pytest.param(
        request(WEATHER),
        calls(("weather", '{"city": "Par'), finish="length"),
        "the call of 'weather' was cut off by max_tokens",
        id="cut off",
    ),
]


@pytest.mark.parametrize(("asked", "answer", "problem"), NAMES)
@pytest.mark.parametrize("check", [check_tool_names, check_tools])
def test_calls_name_what_is_on_offer_with_one_object(check, asked, answer, problem):
    verdict = check(asked, answer)
    assert (verdict is None) if problem is None else verdict.startswith(problem)


SEARCH = NativeTool("openai", {"type": "web_search"})
BASH = NativeTool("anthropic", {"type": "bash_20250124", "name": "bash"})


@pytest.mark.parametrize(
    ("asked", "name", "holds"),
    [
        (request(WEATHER, BASH), "bash", True),
        (request(WEATHER, BASH), "bush", False),
        (request(WEATHER, SEARCH), "click_at", True),
        (request(extra={"anthropic": {"tools": [{"name": "x"}]}}), "x", True),
        (request(extra={"bedrock": {"toolConfig": {}}}), "x", True),
        (request(extra={"anthropic": {"thinking": {}}}), "x", False),
    ],
)
def test_tools_of_a_vendors_own_are_not_judged(asked, name, holds):
    assert (check_tool_names(asked, calls((name, "{}"))) is None) is holds
    assert (check_tools(asked, calls((name, "{}"))) is None) is holds


# request, response, how check_tools begins; check_tool_names finds nothing in any of them
BEYOND_NAMES = [
    pytest.param(
        request(WEATHER),
        calls(("weather", '{"days": 2}')),
        "in the call of 'weather', the argument object lacks the field 'city'",
        id="a field is missing",
    ),
    pytest.param(
        request(WEATHER),
        calls(("weather", "")),
        "in the call of 'weather', the argument object lacks the field 'city'",
        id="no arguments where some are required",
    ),
    pytest.param(
        request(TIME, WEATHER),
        calls(
            ("time", "{}"), ("weather", '{"city": "x", "days": "two"}'), ("weather", '{"city": 1}')
        ),
        "in the call of 'weather', the field 'days' must be an integer, got 'two'; "
        "in the call of 'weather', the field 'city' must be a string, got 1",
        id="every call is told",
    ),
    pytest.param(
        request(WEATHER, parallel_tool_calls=False),
        calls(PARIS, PARIS),
        "one tool may be called at a time, got 2 calls",
        id="one at a time",
    ),
    pytest.param(
        request(WEATHER, tool_choice="none"), calls(PARIS), "no tool may be called now", id="none"
    ),
    pytest.param(
        request(WEATHER, tool_choice="required"), says("no"), "a tool must be called", id="required"
    ),
    pytest.param(
        request(WEATHER, TIME, tool_choice="time"),
        calls(PARIS),
        "the tool 'time' must be called",
        id="another than the named one",
    ),
    pytest.param(
        request(WEATHER, tool_choice="weather"),
        says("Let me think", finish="length"),
        "the tool 'weather' must be called; the answer was cut off by max_tokens before it was",
        id="cut off before the call",
    ),
]


@pytest.mark.parametrize(("asked", "answer", "problem"), BEYOND_NAMES)
def test_what_only_check_tools_sees(asked, answer, problem):
    assert check_tool_names(asked, answer) is None
    assert check_tools(asked, answer) == problem


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (request(WEATHER, tool_choice="required"), calls(PARIS)),
        (request(WEATHER, TIME, tool_choice="time"), calls(("time", "{}"), PARIS)),
        (request(WEATHER, parallel_tool_calls=False), calls(PARIS)),
        (request(WEATHER, parallel_tool_calls=True), calls(PARIS, PARIS)),
        (request(WEATHER, tool_choice="auto"), says("no")),
        (request(WEATHER, tool_choice="none"), says("no")),
        (request(WEATHER, tool_choice="required"), says("", finish="content_filter")),
        (
            request(WEATHER, tool_choice="weather"),
            Response(Message("assistant", (RefusalPart("I won't."),))),
        ),
        (
            request(WEATHER, SEARCH, tool_choice="required"),
            Response(Message("assistant", (OpaquePart("openai", {}), TextPart("Found.")))),
        ),
        # a tool whose schema is none is offered all the same
        (request(Tool("odd", parameters={"type": "strnig"})), calls(("odd", '{"a": 1}'))),
        (request(Tool("odd", parameters={"$ref": "http://127.0.0.1:9/x"})), calls(("odd", "{}"))),
    ],
)
def test_calls_that_hold(asked, answer):
    assert check_tools(asked, answer) is None


def test_the_cheap_check_is_cheap():
    tools = tuple(Tool(f"tool_{n}") for n in range(8))
    asked, answer = request(*tools), calls(("tool_7", '{"city":"Paris","days":3}'))
    taken_s = min(timeit.repeat(lambda: check_tool_names(asked, answer), number=200, repeat=20))
    assert taken_s / 200 < 9e-6  # 0.8 us on the machine it was written on; 3 us is the promise


# -- the form of the answer ------------------------------------------------------------------

OBJECT = request(output=OutputFormat("json_object"))
FORM = request(output=OutputFormat(schema=PERSON))
ADA = '{"name": "Ada", "age": 36}'

FORMS = [
    pytest.param(FORM, says(ADA), None, id="an object"),
    pytest.param(FORM, says(f"\n {ADA} \n"), None, id="blanks around it"),
    pytest.param(FORM, says(f"```json\n{ADA}\n```"), None, id="fenced"),
    pytest.param(FORM, says(f" \n```\n{ADA}\n```\n"), None, id="fenced without a word"),
    pytest.param(FORM, says(ADA, finish="length"), None, id="whole at the limit"),
    pytest.param(request(), says("anything"), None, id="no form asked for"),
    pytest.param(FORM, calls(PARIS), None, id="a turn that calls tools"),
    pytest.param(FORM, says("I can't help with that.", finish="refusal"), None, id="a refusal"),
    pytest.param(FORM, says('{"name": "A', finish="content_filter"), None, id="filtered"),
    pytest.param(
        FORM, Response(Message("assistant", (RefusalPart("No."),))), None, id="a refusal in words"
    ),
    pytest.param(OBJECT, says("{}"), None, id="any object"),
    pytest.param(request(output=OutputFormat(schema={})), says("[1]"), None, id="an empty schema"),
    pytest.param(
        FORM,
        says('{"name": "Ada", "age": "twelve"}'),
        "the field 'age' must be an integer, got 'twelve'",
        id="a wrong type",
    ),
    pytest.param(FORM, says("[]"), "the answer must be an object, got an array of 0", id="array"),
    pytest.param(OBJECT, says("[]"), "the answer must be a JSON object, got an array of 0", id="no object"),
    pytest.param(
        FORM,
        says(f"Here you are:\n```json\n{ADA}\n```"),
        "the answer must be JSON and nothing else, but begins 'Here you are:\\n```json\\n{\"name\": \"Ada\", \"age\": 36}\\n```'",
        id="words around a fence",
    ),
    pytest.param(FORM, says("```json\n{\n```"), "the answer is not valid JSON (unexpected end", id="fenced nonsense"),
    pytest.param(FORM, says(ADA + ADA), "the answer is not valid JSON (unexpected", id="two"),
    pytest.param(FORM, says(ADA[:-1] + ', "x": NaN}'), "the answer is not valid JSON", id="NaN"),
    pytest.param(FORM, says(""), "the answer is empty, and must be JSON", id="empty"),
    pytest.param(FORM, says(" \n"), "the answer is empty, and must be JSON", id="blank"),
    pytest.param(
        FORM,
        says('{"name": "Ad', finish="length"),
        "the answer was cut off by max_tokens before its JSON was whole",
        id="cut off",
    ),
    pytest.param(
        FORM,
        says('{"name": "Ada"}', finish="length"),
        "the answer lacks the field 'age'",
        id="whole at the limit, and wrong",
    ),
    pytest.param(FORM, says("[" * 2000 + "]" * 2000), "the answer is not valid JSON", id="too deep"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "answer", "problem"), FORMS)
def test_the_form_of_an_answer(asked, answer, problem):
    verdict = check_schema(asked, answer)
    assert (verdict is None) if problem is None else verdict.startswith(problem)


@pytest.mark.parametrize(
    ("text", "json"),
    [
        ("```json\n{}\n```", "{}"),
        (" ```\n\n {} \n ``` ", "{}"),
        ("```json\r\n{}\r\n```", "{}"),
        ('{"a": "```"}', None),
        ('```json\n{"a": "```"}\n```', '{"a": "```"}'),
        ("```json\n```", ""),
        ("```json\n\n```", ""),
        ("```json {} ```", None),
        ("```json\n{}```", None),
        ("```JSON\n{}\n```", None),
        ("```jsonjson\n{}\n```", None),
        ("```\n{}\n``` !", None),
        ("``````", None),
        ("````", None),
        ("```", None),
        ("`", None),
    ],
)
def test_one_fence_around_all_is_taken_off(text, json):
    assert json_text(text) == (text if json is None else json)


def test_endless_blank_lines_cost_nothing():
    text = "```json\n" + "\n" * 200_000 + "x"
    assert timeit.timeit(lambda: json_text(text), number=1) < 0.1
    assert json_text(text) is text


@pytest.mark.parametrize("size", [10, 10_000])
def test_no_verdict_repeats_a_document(size):
    long = "x" * size
    schema = {"properties": {long: {"const": long}}, "additionalProperties": False}
    asked = request(Tool(long[:10], parameters=schema), output=OutputFormat(schema=schema))
    args = orjson.dumps({long: 1, long + "y": long, "z": [long]}).decode()
    verdicts = [
        check_schema(asked, says(args)),
        check_schema(asked, says(long)),
        check_tools(asked, calls((long[:10], args))),
        check_tools(asked, calls((long + "q", args))),
        check_tools(asked, calls((long[:10], long))),
        check_tools(asked, calls(*[(long[:10], args)] * 20)),
        verifier(lambda _: long + long, asked)(says("")),
    ]
    assert all(verdict and len(verdict) <= MOST_CHARACTERS for verdict in verdicts)


# -- what a caller asks for ------------------------------------------------------------------


class Person(BaseModel):
    name: str
    age: int


def raises(error):
    def check(response):
        raise error

    return check


def asserts(response):
    assert response.text == "x", "it is not x"


async def later(said):
    await asyncio.sleep(0)
    if isinstance(said, Exception):
        raise said
    return said


CALLABLES = [
    pytest.param(lambda r: None, None, id="None"),
    pytest.param(lambda r: True, None, id="True"),
    pytest.param(lambda r: "", None, id="no words"),
    pytest.param(lambda r: False, NOT_ACCEPTED, id="False"),
    pytest.param(lambda r: f"not {r.text}", "not answer", id="words"),
    pytest.param(raises(ValueError("too short")), "too short", id="ValueError"),
    pytest.param(raises(ValueError()), NOT_ACCEPTED, id="ValueError without words"),
    pytest.param(asserts, "it is not x", id="assert"),
    pytest.param(raises(AssertionError()), NOT_ACCEPTED, id="AssertionError without words"),
    pytest.param(lambda r: orjson.loads(r.text), "unexpected character", id="JSON"),
    pytest.param(
        lambda r: Person.model_validate({"name": "A", "age": "x"}) and None,
        "the field 'age': Input should be a valid integer",
        id="pydantic",
    ),
    pytest.param(lambda r: Person.model_validate_json(r.text) and None, "the answer: Invalid JSON", id="pydantic JSON"),
    pytest.param(lambda r: later(True), None, id="awaited True"),
    pytest.param(lambda r: later(False), NOT_ACCEPTED, id="awaited False"),
    pytest.param(lambda r: later("no"), "no", id="awaited words"),
    pytest.param(lambda r: later(ValueError("bad")), "bad", id="awaited ValueError"),
]  # fmt: skip


async def verdict_of(check, response):
    said = check(response)
    return said if said is None or isinstance(said, str) else await said


@pytest.mark.parametrize(("judge", "problem"), CALLABLES)
@pytest.mark.parametrize(
    "wrap", [lambda j: j, lambda j: (j,), lambda j: [lambda r: later(None), j]]
)
async def test_what_a_callable_says(judge, problem, wrap):
    verdict = await verdict_of(verifier(wrap(judge), request()), says("answer"))
    assert (verdict is None) if problem is None else verdict.startswith(problem)


class BugError(Exception):
    pass


@pytest.mark.parametrize("error", [BugError(), TypeError("bug"), AllTargetsFailed(())])
async def test_a_callables_own_faults_are_not_the_answers(error):
    with pytest.raises(type(error)):
        verifier(raises(error), request())(says(""))
    with pytest.raises(type(error)):
        await verifier(lambda r: later(error), request())(says(""))


async def test_an_error_of_the_routers_is_no_verdict_even_where_it_is_a_value_error():
    class OddError(InvalidRequestError, ValueError):
        pass

    with pytest.raises(OddError):
        verifier(raises(OddError("x")), request())(says(""))
    with pytest.raises(OddError):
        await verifier(lambda r: later(OddError("x")), request())(says(""))


@pytest.mark.parametrize("said", [0, 1, [], {"problem": "x"}, Person(name="A", age=1)])
def test_any_other_word_of_a_callable_is_a_mistake_told_at_once(said):
    with pytest.raises(ConfigurationError, match=f"not {type(said).__name__}"):
        verifier(lambda _: said, request())(says(""))


def test_the_first_to_object_is_heard_and_nobody_after_it():
    heard = []

    def judge(name, said):
        return lambda _: heard.append(name) or said

    check = verifier((judge("a", None), "schema", judge("b", "b objects"), judge("c", "c")), FORM)
    assert check(says(ADA)) == "b objects"
    assert heard == ["a", "b"]
    heard.clear()
    assert (
        check(says("{}")) == "the answer lacks the field 'name'; the answer lacks the field 'age'"
    )
    assert heard == ["a"]


async def test_several_some_of_them_awaited():
    heard = []

    def judge(name, said):
        def check(_):
            heard.append(name)
            return later(said) if name.islower() else said

        return check

    for said, problem, who in [
        ((None, None, None), None, "aBc"),
        ((None, None, "c"), "c", "aBc"),
        ((None, "B", "c"), "B", "aB"),
        (("a", "B", "c"), "a", "a"),
    ]:
        heard.clear()
        check = verifier(tuple(map(judge, "aBc", said)), request())
        assert (await verdict_of(check, says(""))) == problem
        assert "".join(heard) == who


def test_an_awaitable_is_refused_where_nothing_can_be_awaited():
    check = verifier(lambda _: later(True), request())
    with pytest.raises(ConfigurationError, match="async"):
        settle_verdict(check(says("")))
    assert settle_verdict(None) is None
    assert settle_verdict("x") == "x"


@pytest.mark.parametrize("verify", ["shema", 3, None, ("schema", "tolls"), (("schema",),)])
def test_what_cannot_be_asked_for(verify):
    with pytest.raises(ConfigurationError, match="'schema', 'tools'"):
        verifier(verify, FORM)


BY_TOOL = request(WEATHER, tool_choice="weather", parallel_tool_calls=False)


@pytest.mark.parametrize(
    ("verify", "asked", "answer", "problem"),
    [
        ("schema", FORM, says("{}"), "the answer lacks the field 'name'"),
        ("schema", OBJECT, says("[]"), "the answer must be a JSON object"),
        ("schema", BY_TOOL, says("{}"), "the tool 'weather' must be called"),
        ("schema", request(WEATHER, tool_choice="required"), says("{}"), "a tool must be called"),
        ("schema", BY_TOOL, calls(("weather", "{}")), "in the call of 'weather'"),
        ("tools", request(WEATHER), calls(("weather", "{}")), "in the call of 'weather'"),
        (("tools", "schema"), request(WEATHER, output=FORM.output), says("{}"), "the answer lacks"),
    ],
)
def test_the_named_checks(verify, asked, answer, problem):
    assert verifier(verify, asked)(answer).startswith(problem)


@pytest.mark.parametrize(
    ("verify", "asked"),
    [
        ("schema", request()),
        ("schema", request(WEATHER)),
        ("schema", request(WEATHER, TIME, tool_choice="required")),
        ("schema", request(WEATHER, TIME, tool_choice="weather")),
        ("tools", request()),
        (("tools", "schema"), request()),
        ((), FORM),
    ],
)
def test_nothing_to_check(verify, asked):
    assert verifier(verify, asked) is None


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "strnig"}, "it is no valid schema"),
        ({"$ref": "https://example.com/x.json"}, "outside of itself"),
        ({"$ref": "#/$defs/X"}, "which is not there"),
        ({"const": object()}, "cannot be written as JSON"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused_before_anything_is_sent(schema, why):
    asked = request(output=OutputFormat(schema=schema, name="thing"))
    with pytest.raises(InvalidRequestError, match=why) as raised:
        verifier("schema", asked)
    assert not raised.value.sent
    assert "'thing'" in str(raised.value)
    assert check_schema(asked, says('{"a": 1}')) is None


def test_reasoning_is_not_part_of_the_answer():
    parts = (ReasoningPart("{not json"), TextPart(ADA))
    assert check_schema(FORM, Response(Message("assistant", parts))) is None
