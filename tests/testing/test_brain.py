"""The Brain: obedient, none too bright, and always the same."""

from __future__ import annotations

import orjson
import pytest

from llmrouter_integrations.testing import Brain, SimRequest, ToolCall


def schema(required=None, **properties):
    required = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": required}


INT, STR = {"type": "integer"}, {"type": "string"}
TOOLS = {
    "magic_function": (schema(input=INT), "Apply a magic function to an input."),
    "magic_function_no_args": (schema(), "Calculate a magic function."),
    "get_weather": (schema(location=STR), "Get the weather at a location."),
    "my_adder_tool": (schema(a=INT, b=INT), "Takes two integers, a and b, and returns their sum."),
    "multiply": (schema(a=INT, b=INT), "Multiply two numbers."),
    "calculator": (schema(expression=STR), "Evaluates an arithmetic expression."),
    "unicode_customer": (
        schema(customer_name=STR, description=STR),
        "Tool for creating a customer with Unicode name.",
    ),
    "greeting_generator": (
        schema(answer_style=STR),
        "Generate a greeting in a particular style of speaking.",
    ),
    "search": (schema(["query"], query=STR, limit=INT), "Search the web."),
}


def ask(text, *tools, messages=None, **fields):
    return SimRequest(
        provider="openai",
        protocol=fields.pop("protocol", "openai-chat"),
        model="m",
        stream=False,
        messages=tuple(messages or (("user", text),)),
        body={},
        headers={},
        path="/",
        at_s=0.0,
        tools=tools,
        tool_schemas={name: TOOLS[name][0] for name in tools},
        tool_descriptions={name: TOOLS[name][1] for name in tools},
        **fields,
    )


def called(reply):
    return [(call.name, call.arguments) for call in reply.tool_calls]


PROMPTS = [
    ("What is the value of magic_function(3)? Use the tool.", ["magic_function"], [("magic_function", {"input": 3})]),
    ("What is the value of magic_function_no_args()? Use the tool.", ["magic_function_no_args"], [("magic_function_no_args", {})]),
    ("What is the weather in San Francisco, CA?", ["get_weather"], [("get_weather", {"location": "San Francisco, CA"})]),
    ("What's the weather in Paris and Tokyo?", ["get_weather"], [("get_weather", {"location": "Paris"}), ("get_weather", {"location": "Tokyo"})]),
    ("What is 1 + 2", ["my_adder_tool"], [("my_adder_tool", {"a": 1, "b": 2})]),
    ("What is 6 times 7?", ["my_adder_tool", "multiply"], [("multiply", {"a": 6, "b": 7})]),
    ("Work out (2 + 3) * 4.", ["calculator"], [("calculator", {"expression": "(2 + 3) * 4"})]),
    ("Using the tool, generate a Pirate greeting.", ["greeting_generator"], [("greeting_generator", {"answer_style": "Pirate"})]),
    ("Use get_weather for Oslo and magic_function(4).", ["magic_function", "get_weather"], [("get_weather", {"location": "Oslo"}), ("magic_function", {"input": 4})]),
    ("Use get_weather for Oslo, then magic_function(4).", ["magic_function", "get_weather"], [("get_weather", {"location": "Oslo"})]),
    ("Search for “llm routers”, please", ["search"], [("search", {"query": "llm routers"})]),
    ("Hello!", ["magic_function", "get_weather", "search"], []),
    ("Tell me a story.", ["multiply", "calculator"], []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tools", "calls"), PROMPTS)
def test_it_calls_the_tools_a_prompt_is_about(text, tools, calls):
    assert called(Brain()(ask(text, *tools))) == calls


def test_names_in_other_scripts_survive():
    prompt = "Create a customer named '你好啊集团' (Hello Group) - a Chinese technology company"
    [call] = Brain()(ask(prompt, "unicode_customer")).tool_calls
    assert call.arguments["customer_name"] == "你好啊集团"


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("auto", []),
        ("none", []),
        ("required", ["magic_function"]),
        ("get_weather", ["get_weather"]),
    ],
)
def test_it_obeys_the_tool_choice(choice, names):
    reply = Brain()(ask("Hello!", "magic_function", "get_weather", tool_choice=choice))
    assert [call.name for call in reply.tool_calls] == names
    assert bool(reply.text) == (not names)


def test_no_choice_forbids_even_a_tool_that_is_named():
    reply = Brain()(ask("Call magic_function(3)", "magic_function", tool_choice="none"))
    assert reply.tool_calls == ()


def test_without_parallel_calls_it_calls_one():
    text = "Use get_weather for Oslo and magic_function(4)."
    reply = Brain()(ask(text, "magic_function", "get_weather", parallel=False))
    assert [call.name for call in reply.tool_calls] == ["get_weather"]


def test_it_goes_on_with_the_next_tool_and_then_quotes_the_results():
    text = "Use get_weather for Oslo, then magic_function(4)."
    tools = ("magic_function", "get_weather")
    after_one = [("user", text), ("assistant", ""), ("tool", "It's sunny.")]
    reply = Brain()(ask(text, *tools, messages=after_one, called=("get_weather",)))
    assert called(reply) == [("magic_function", {"input": 4})]
    after_two = [*after_one, ("assistant", ""), ("tool", "6")]
    reply = Brain()(ask(text, *tools, messages=after_two, called=("get_weather", "magic_function")))
    assert reply.tool_calls == ()
    assert reply.text == "Based on the tool results: It's sunny.; 6"


def test_forced_to_call_again_it_takes_the_tool_not_yet_called():
    after = [("user", "Weather in Oslo?"), ("assistant", ""), ("tool", "Sunny")]
    request = ask(
        "",
        "get_weather",
        "search",
        messages=after,
        called=("get_weather",),
        tool_choice="required",
    )
    assert [call.name for call in Brain()(request).tool_calls] == ["search"]


JOKE = schema(["setup"], setup=STR, punchline={"anyOf": [STR, {"type": "null"}]})


def test_an_output_schema_is_followed():
    reply = Brain()(ask("Tell me a joke about cats.", schema=JOKE))
    assert set(orjson.loads(reply.text)) == {"setup", "punchline"}


def test_an_output_schema_is_filled_from_the_prompt_and_the_tool_results():
    person = schema(name=STR, age=INT, city=STR)
    text = "John Smith is 30 years old and lives in Paris."
    reply = Brain()(ask(text, schema=person))
    assert orjson.loads(reply.text) == {"name": "John Smith", "age": 30, "city": "Paris"}
    after = [("user", "How old is he?"), ("assistant", ""), ("tool", "age: 42")]
    reply = Brain()(ask("", messages=after, schema=schema(age=INT)))
    assert orjson.loads(reply.text) == {"age": 42}


def test_json_mode_takes_the_keys_the_prompt_names():
    text = "Return a JSON with 'setup' and 'punchline' keys."
    assert set(orjson.loads(Brain()(ask(text, json_mode=True)).text)) == {"setup", "punchline"}
    assert orjson.loads(Brain()(ask("Hi", json_mode=True)).text) == {"answer": "Hi"}


@pytest.mark.parametrize("json_mode", [False, True])
def test_a_schema_quoted_in_the_prompt_is_followed_the_last_if_there_are_two(json_mode):
    example = '{"properties": {"foo": {"type": "array"}}, "required": ["foo"]}'
    meant = orjson.dumps(schema(color=STR)).decode()
    system = f"The output is JSON. For example {example} means ... Here is the schema:\n{meant}"
    request = ask("", messages=[("system", system), ("user", "Sky")], json_mode=json_mode)
    assert set(orjson.loads(Brain()(request).text)) == {"color"}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Hello", "You said: Hello"),
        ("", "Hello!"),
        ("What is 12 times 4?", "12 * 4 = 48"),
        ("(1 + 2) * 3 - 4 / 8", "(1 + 2) * 3 - 4 / 8 = 8.5"),
        ("What is 1 / 0?", "You said: What is 1 / 0?"),
    ],
)
def test_otherwise_it_works_out_a_sum_or_echoes(text, answer):
    assert Brain()(ask(text)).text == answer


def test_it_says_what_it_saw():
    reply = Brain()(ask("Look", media=("image", "image", "audio", "document")))
    assert reply.text == "I see 2 images and 1 audio clip and 1 document. You said: Look"


def test_stop_sequences_and_token_limits_are_kept():
    reply = Brain()(ask("one two three", stop=("three", "two")))
    assert (reply.text, reply.finish, reply.stop_sequence) == ("You said: one ", "stop", "two")
    reply = Brain()(ask("one two three", max_tokens=2))
    assert (reply.text, reply.finish) == ("You said", "length")
    reply = Brain()(ask("one two three", max_tokens=2, reasoning=True))
    assert (reply.text, reply.finish, len(reply.reasoning)) == ("", "length", 8)
    reply = Brain()(ask("Call magic_function(3)", "magic_function", max_tokens=1))
    assert reply.tool_calls == (ToolCall("magic_function", {"input": 3}),)


def test_reasoning_and_logprobs_are_given_when_asked_for():
    assert Brain()(ask("Hi")).reasoning == ""
    reply = Brain()(ask("Hi", reasoning=True, logprobs=True))
    assert "Hi" in reply.reasoning
    assert reply.logprobs


LONG = "word " * 2000


@pytest.mark.parametrize(
    ("fields", "first", "second"),
    [
        ({}, (0, 0), (2500, 0)),
        ({"protocol": "anthropic", "cache_points": 1}, (0, 2500), (2500, 0)),
        ({"protocol": "anthropic"}, (0, 0), (0, 0)),
    ],
)
def test_a_long_prompt_seen_before_is_billed_as_cached(fields, first, second):
    brain = Brain()
    for expected in (first, second):
        reply = brain(ask(LONG, **fields))
        assert (reply.cached_tokens, reply.cache_write_tokens) == expected


def test_the_longest_prefix_seen_counts_and_only_at_the_same_model():
    brain = Brain()
    brain(ask("", messages=[("system", LONG), ("user", "one")]))
    reply = brain(ask("", messages=[("system", LONG), ("user", "two")]))
    assert reply.cached_tokens == 2500
    other = brain(ask("", "search", messages=[("system", LONG), ("user", "two")]))
    assert other.cached_tokens == 0


def test_a_short_prompt_is_not_cached():
    brain = Brain()
    assert [brain(ask("Hi")).cached_tokens for _ in range(2)] == [0, 0]
