"""wire/gemini.py, writing: (Request, model) -> URL, headers, body, adjustments."""

from __future__ import annotations

import orjson
import pytest

from llmrouter_integrations.catalog.model import Abilities
from llmrouter_integrations.errors import UnsupportedParameterError
from llmrouter_integrations.messages import (
    Adjustment,
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    NativeTool,
    OpaquePart,
    OutputFormat,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.gemini import GeminiCodec
from llmrouter_integrations.wire.gemini_contents import UNSIGNED
from llmrouter_integrations.wire.structured import CONTINUE, JSON_TOOL, OPENING

CODEC = GeminiCodec()
GOOGLE = "https://generativelanguage.googleapis.com/v1beta"
VERTEX = "https://europe-west4-aiplatform.googleapis.com/v1"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("weather", "Tells the weather.", SCHEMA)
OUTPUT = OutputFormat(schema=SCHEMA)
SEARCH = NativeTool("gemini", {"googleSearch": {}})
PNG = "iVBORw0KGgoAAA"
PDF = "JVBERi0xAA"


def endpoint(model="gemini-2.5-flash", **more):
    fields = {"name": "t", "provider": "google", "base_url": GOOGLE, "api_key": "AIza-1"}
    return Endpoint(model=model, **(fields | more))


def turn(role, *parts):
    return Message(role, tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def user(*parts):
    return turn("user", *parts)


def assistant(*parts):
    return turn("assistant", *parts)


def results(*parts):
    return Message("tool", parts)


def encode(request, *, stream=False, **where):
    encoded = CODEC.encode(request, endpoint(**where), stream=stream)
    return orjson.loads(encoded.http.body), encoded


def contents(*messages, **where):
    body, encoded = encode(Request(messages), **where)
    return body["contents"], encoded.adjustments


def config(model="gemini-2.5-flash", provider="google", abilities=None, max_output=None, **asked):
    request = Request((user("q"),), **asked)
    body, encoded = encode(
        request, model=model, provider=provider, abilities=abilities, max_output=max_output
    )
    return body.get("generationConfig", {}), encoded.adjustments


def test_the_smallest_request():
    body, encoded = encode(Request((user("hi"),)))
    assert body == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    assert encoded.http.method == "POST"
    assert encoded.http.url == f"{GOOGLE}/models/gemini-2.5-flash:generateContent"
    headers = dict(encoded.http.headers)
    assert headers.pop("user-agent").startswith("llmrouter-integrations/")
    assert headers == {"content-type": "application/json", "x-goog-api-key": "AIza-1"}
    assert encoded.adjustments == ()


def test_a_stream_is_asked_for_as_events():
    _, encoded = encode(Request((user("hi"),)), stream=True)
    assert encoded.http.url.endswith(":streamGenerateContent?alt=sse")


PUBLISHED = "publishers/google/models/m"


@pytest.mark.parametrize(
    ("base_url", "model", "options", "url"),
    [
        (VERTEX, "m", {"project": "p"}, f"{VERTEX}/projects/p/locations/europe-west4/{PUBLISHED}"),
        (
            "https://aiplatform.googleapis.com/v1",
            "m",
            {"project": "p"},
            f"https://aiplatform.googleapis.com/v1/projects/p/locations/global/{PUBLISHED}",
        ),
        (
            "https://proxy/v1",
            "m",
            {"project": "p", "location": "eu"},
            f"https://proxy/v1/projects/p/locations/eu/{PUBLISHED}",
        ),
        (
            "https://proxy",
            "m",
            {"project": "p", "region": "us"},
            f"https://proxy/v1/projects/p/locations/us/{PUBLISHED}",
        ),
        # express mode
        (
            "https://aiplatform.googleapis.com/v1",
            "m",
            {},
            f"https://aiplatform.googleapis.com/v1/{PUBLISHED}",
        ),
        (
            f"{VERTEX}/projects/p/locations/l",
            "m",
            {},
            f"{VERTEX}/projects/p/locations/l/{PUBLISHED}",
        ),
        (f"{VERTEX}/publishers/google", "m", {}, f"{VERTEX}/{PUBLISHED}"),
        (
            VERTEX,
            "publishers/meta/models/m",
            {"project": "p"},
            f"{VERTEX}/projects/p/locations/europe-west4/publishers/meta/models/m",
        ),
        (
            VERTEX,
            "projects/1/locations/l/endpoints/2",
            {"project": "p"},
            f"{VERTEX}/projects/1/locations/l/endpoints/2",
        ),
    ],
)
def test_where_vertex_is_reached(base_url, model, options, url):
    _, encoded = encode(
        Request((user("hi"),)),
        provider="vertex",
        base_url=base_url,
        model=model,
        options=options,
    )
    assert encoded.http.url == f"{url}:generateContent"


@pytest.mark.parametrize(
    ("base_url", "model", "url"),
    [
        ("https://generativelanguage.googleapis.com", "m", f"{GOOGLE}/models/m"),
        ("https://proxy:4000/gemini", "m", "https://proxy:4000/gemini/v1beta/models/m"),
        ("https://proxy/v1alpha", "m", "https://proxy/v1alpha/models/m"),
        (GOOGLE, "models/m", f"{GOOGLE}/models/m"),
        (GOOGLE, "tunedModels/m", f"{GOOGLE}/tunedModels/m"),
    ],
)
def test_where_google_is_reached(base_url, model, url):
    _, encoded = encode(Request((user("hi"),)), base_url=base_url, model=model)
    assert encoded.http.url == f"{url}:generateContent"


@pytest.mark.parametrize(
    ("key", "options", "header"),
    [
        ("ya29.token", {"project": "p"}, ("authorization", "Bearer ya29.token")),
        ("any-token", {"project": "p"}, ("authorization", "Bearer any-token")),
        ("ya29.token", {}, ("authorization", "Bearer ya29.token")),
        ("any-key", {}, ("x-goog-api-key", "any-key")),
        ("AIza-2", {"project": "p"}, ("x-goog-api-key", "AIza-2")),
        ("AQ.Ab8", {"project": "p"}, ("x-goog-api-key", "AQ.Ab8")),
    ],
)
def test_how_vertex_is_told_who_asks(key, options, header):
    _, encoded = encode(
        Request((user("hi"),)), provider="vertex", base_url=VERTEX, options=options, api_key=key
    )
    assert header in encoded.http.headers
    assert len(encoded.http.headers) == 3


def test_no_key_and_headers_of_the_users_own():
    _, encoded = encode(Request((user("hi"),)), api_key=None, headers=(("x-team", "red"),))
    assert [name for name, _ in encoded.http.headers] == ["content-type", "user-agent", "x-team"]


def test_a_conversation_in_full():
    body, encoded = encode(
        Request(
            (
                turn("system", "Be brief."),
                user("weather in Rome?"),
                assistant(
                    ReasoningPart("Hm.", "gemini"),
                    "Let me look.",
                    ToolCallPart("c1", "weather", '{"city":"Rome"}', "sig", issuer="gemini"),
                    ToolCallPart("c2", "weather", '{"city":"Bari"}'),
                ),
                results(
                    ToolResultPart("c1", (TextPart("sunny"),)),
                    ToolResultPart("c2", (TextPart("no such city"),), is_error=True),
                ),
                turn("developer", "In English."),
                user("and tomorrow?"),
            ),
            tools=(WEATHER,),
        ),
        model="gemini-3-flash-preview",
    )
    call = {"id": "c1", "name": "weather", "args": {"city": "Rome"}}
    other = {"id": "c2", "name": "weather", "args": {"city": "Bari"}}
    told = {"id": "c1", "name": "weather", "response": {"output": "sunny"}}
    failed = {"id": "c2", "name": "weather", "response": {"error": "no such city"}}
    assert body == {
        "contents": [
            {"role": "user", "parts": [{"text": "weather in Rome?"}]},
            {
                "role": "model",
                "parts": [
                    {"text": "Hm.", "thought": True},
                    {"text": "Let me look."},
                    {"functionCall": call, "thoughtSignature": "sig"},
                    {"functionCall": other},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": told},
                    {"functionResponse": failed},
                    {"text": "and tomorrow?"},
                ],
            },
        ],
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "In English."}]},
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "weather",
                        "description": "Tells the weather.",
                        "parametersJsonSchema": SCHEMA,
                    }
                ]
            }
        ],
    }
    assert [(a.parameter, a.action) for a in encoded.adjustments] == [("system", "translated")]


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (ImagePart(PNG), {"inlineData": {"mimeType": "image/png", "data": PNG}}),
        (
            ImagePart(url=f"data:image/webp;base64,{PNG}"),
            {"inlineData": {"mimeType": "image/webp", "data": PNG}},
        ),
        (
            ImagePart(url="https://x/a.jpg"),
            {"fileData": {"fileUri": "https://x/a.jpg", "mimeType": "image/jpeg"}},
        ),
        (
            ImagePart(url="https://x/a"),
            {"fileData": {"fileUri": "https://x/a", "mimeType": "image/png"}},
        ),
        (
            ImagePart(file_id="files/1", media_type="image/gif", issuer="gemini"),
            {"fileData": {"fileUri": "files/1", "mimeType": "image/gif"}},
        ),
        (AudioPart("AA"), {"inlineData": {"mimeType": "audio/wav", "data": "AA"}}),
        (FilePart(PDF), {"inlineData": {"mimeType": "application/pdf", "data": PDF}}),
        (
            FilePart("AA", media_type="video/mp4"),
            {"inlineData": {"mimeType": "video/mp4", "data": "AA"}},
        ),
        (FilePart(url="https://youtu.be/x"), {"fileData": {"fileUri": "https://youtu.be/x"}}),
        (FilePart(text="words", name="a.txt"), {"text": "[a.txt]\nwords"}),
        (FilePart("e30=", media_type="application/json"), {"text": "{}"}),
        (RefusalPart("No."), {"text": "No."}),
        (OpaquePart("gemini", {"executableCode": {}}), {"executableCode": {}}),
    ],
)
def test_how_a_part_is_written(part, written):
    (content,), adjustments = contents(user("q", part))
    assert content["parts"] == [{"text": "q"}, written]
    assert adjustments == ()


@pytest.mark.parametrize(
    "part", [FilePart("AA"), FilePart("AA", media_type="application/zip"), ImagePart(None)]
)
def test_what_gemini_does_not_read_is_not_sent(part):
    with pytest.raises(UnsupportedParameterError) as raised:
        contents(user(part))
    assert raised.value.sent is False


def test_sound_that_is_only_words():
    (content,), adjustments = contents(user(AudioPart(transcript="Hello")))
    assert content["parts"] == [{"text": "Hello"}]
    assert [a.parameter for a in adjustments] == ["audio"]


def test_a_conversation_that_the_model_opens():
    turns, _ = contents(assistant("Hi!"), user("q"))
    assert turns[0] == {"role": "user", "parts": [{"text": OPENING}]}
    assert [content["role"] for content in turns] == ["user", "model", "user"]


def test_instructions_alone_are_the_question():
    body, encoded = encode(Request((turn("system", "Say hi."),)))
    assert body == {"contents": [{"role": "user", "parts": [{"text": "Say hi."}]}]}
    assert encoded.adjustments == ()


def test_an_image_in_the_instructions():
    body, encoded = encode(Request((turn("system", "Be brief.", ImagePart(PNG)), user("q"))))
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert [a.parameter for a in encoded.adjustments] == ["system"]


@pytest.mark.parametrize(
    ("model", "prefills"), [("gemini-3.1-pro-preview", True), ("gemini-3.6-flash", False)]
)
def test_an_answer_begun_for_the_model(model, prefills):
    turns, adjustments = contents(user("q"), assistant("It is"), model=model)
    if prefills:
        assert turns[-1]["role"] == "model"
        assert adjustments == ()
    else:
        assert turns[-1] == {"role": "user", "parts": [{"text": CONTINUE}]}
        assert [a.parameter for a in adjustments] == ["prefill"]


def test_calls_that_another_vendor_made_are_signed_for_gemini_3():
    history = (
        user("q"),
        assistant(
            ToolCallPart("c1", "weather", signature="theirs", issuer="openai"),
            ToolCallPart("c2", "weather"),
        ),
        results(ToolResultPart("c1"), ToolResultPart("c2")),
    )
    turns, adjustments = contents(*history, model="gemini-3.7-flash")
    first, second = turns[1]["parts"]
    assert first["thoughtSignature"] == UNSIGNED
    assert "thoughtSignature" not in second
    assert [a.parameter for a in adjustments] == ["signature"]
    turns, _ = contents(*history, model="gemini-2.5-pro")
    assert "thoughtSignature" not in turns[1]["parts"][0]


def test_signatures_go_back_where_they_came_from():
    turns, _ = contents(
        user("q"),
        assistant(
            ReasoningPart("Hm.", "gemini", "s1"),
            TextPart("Look:", signature="s2", issuer="gemini"),
            ImagePart(PNG),
            TextPart("", signature="s3", issuer="gemini"),
            TextPart("", signature="s4", issuer="gemini"),
        ),
        user("z"),
    )
    assert turns[1]["parts"] == [
        {"text": "Hm.", "thought": True, "thoughtSignature": "s1"},
        {"text": "Look:", "thoughtSignature": "s2"},
        {"inlineData": {"mimeType": "image/png", "data": PNG}, "thoughtSignature": "s3"},
        {"text": "", "thoughtSignature": "s4"},
    ]


def test_arguments_that_are_no_object():
    turns, adjustments = contents(
        user("q"), assistant(ToolCallPart("c", "f", "[1")), results(ToolResultPart("c"))
    )
    assert turns[1]["parts"][0]["functionCall"]["args"] == {"arguments": "[1"}
    assert [a.parameter for a in adjustments] == ["tool call arguments"]


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3-flash-preview"])
def test_a_result_with_an_image(model):
    call = ToolCallPart("c", "show")
    shown = ToolResultPart("c", (TextPart("here"), ImagePart(PNG)))
    turns, adjustments = contents(user("q"), assistant(call), results(shown), model=model)
    first, *rest = turns[2]["parts"]
    image = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    if model == "gemini-2.5-flash":
        assert "parts" not in first["functionResponse"]
        assert rest[1] == image
        assert [a.parameter for a in adjustments] == ["tool result"]
    else:
        assert first["functionResponse"]["parts"] == [image]
        assert rest == []
        assert adjustments == ()


# --- tools and output ---


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (None, None),
        ("auto", None),
        ("required", {"mode": "ANY"}),
        ("none", {"mode": "NONE"}),
        ("weather", {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
    ],
)
def test_the_choice_of_tools(choice, calling):
    body, _ = encode(Request((user("q"),), tools=(WEATHER,), tool_choice=choice))
    assert body.get("toolConfig", {}).get("functionCallingConfig") == calling


def test_strict_tools_are_validated_where_that_is_known():
    strict = Request((user("q"),), tools=(Tool("weather", parameters=SCHEMA, strict=True),))
    body, _ = encode(strict)
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    body, _ = encode(strict, model="gemini-2.0-flash")
    assert "toolConfig" not in body


def test_a_tool_without_parameters():
    body, _ = encode(Request((user("q"),), tools=(Tool("now"),)))
    assert body["tools"] == [{"functionDeclarations": [{"name": "now", "description": ""}]}]


def test_a_choice_without_tools_and_calls_one_by_one():
    _, encoded = encode(Request((user("q"),), tool_choice="required"))
    assert [a.parameter for a in encoded.adjustments] == ["tool_choice"]
    _, encoded = encode(Request((user("q"),), tools=(WEATHER,), parallel_tool_calls=False))
    assert [a.parameter for a in encoded.adjustments] == ["parallel_tool_calls"]


@pytest.mark.parametrize(
    ("model", "provider", "tools", "names", "dropped"),
    [
        ("gemini-2.5-flash", "google", (SEARCH,), ["googleSearch"], False),
        ("gemini-2.5-flash", "google", (WEATHER, SEARCH), ["functionDeclarations"], True),
        (
            "gemini-3.7-flash",
            "google",
            (WEATHER, SEARCH),
            ["functionDeclarations", "googleSearch"],
            False,
        ),
        ("gemini-3.7-flash", "vertex", (WEATHER, SEARCH), ["functionDeclarations"], True),
        (
            "gemini-3.7-flash",
            "google",
            (NativeTool("openai", {"type": "web_search"}),),
            [],
            True,
        ),
    ],
)
def test_googles_own_tools(model, provider, tools, names, dropped):
    body, encoded = encode(Request((user("q"),), tools=tools), model=model, provider=provider)
    assert [next(iter(tool)) for tool in body.get("tools", [])] == names
    assert [a.parameter for a in encoded.adjustments] == ["tools"] * dropped
    beside = body.get("toolConfig", {}).get("includeServerSideToolInvocations", False)
    assert beside == (len(names) == 2)


JSON = {"responseMimeType": "application/json"}


@pytest.mark.parametrize(
    ("model", "tools", "output", "expected"),
    [
        ("gemini-2.5-flash", (), OUTPUT, {**JSON, "responseJsonSchema": SCHEMA}),
        ("gemini-2.5-flash", (), OutputFormat("json_object"), JSON),
        ("gemini-3.7-flash", (WEATHER,), OUTPUT, {**JSON, "responseJsonSchema": SCHEMA}),
        ("gemini-2.5-flash", (WEATHER,), OUTPUT, {}),
        ("gemini-2.5-flash", (SEARCH,), OUTPUT, {}),
        ("gemini-2.5-flash", (WEATHER,), OutputFormat("json_object"), {}),
    ],
)
def test_the_form_of_the_answer(model, tools, output, expected):
    body, encoded = encode(Request((user("q"),), tools=tools, output=output), model=model)
    assert body.get("generationConfig", {}) == expected
    assert [a.parameter for a in encoded.adjustments] == ["output"] * (not expected)
    if not expected and tools == (WEATHER,) and output is OUTPUT:
        functions = body["tools"][0]["functionDeclarations"]
        assert functions[1]["name"] == JSON_TOOL
        assert functions[1]["parametersJsonSchema"] == SCHEMA
        assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}
    elif not expected:
        assert "JSON" in body["systemInstruction"]["parts"][-1]["text"]


def test_only_the_answers_tool_where_no_other_may_be_called():
    request = Request((user("q"),), tools=(WEATHER,), tool_choice="none", output=OUTPUT)
    body, _ = encode(request)
    calling = {"mode": "ANY", "allowedFunctionNames": [JSON_TOOL]}
    assert body["toolConfig"] == {"functionCallingConfig": calling}


# --- parameters ---


def test_parameters_of_the_same_meaning():
    found, adjustments = config(
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        top_k=4,
        stop=("a", "b"),
        seed=7,
    )
    assert found == {
        "maxOutputTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 4,
        "stopSequences": ["a", "b"],
        "seed": 7,
    }
    assert adjustments == ()


@pytest.mark.parametrize(
    ("asked", "expected", "changed"),
    [
        ({"temperature": 3.0}, {"temperature": 2.0}, "temperature"),
        ({"stop": tuple("abcdef")}, {"stopSequences": list("abcde")}, "stop"),
        ({"seed": 2**31 + 5}, {"seed": 5}, "seed"),
        ({"frequency_penalty": 0.5}, {}, "frequency_penalty"),
        ({"presence_penalty": 0.5, "model": "gemini-3.5-flash"}, {}, "presence_penalty"),
        (
            {"presence_penalty": 0.5, "model": "gemini-2.0-flash"},
            {"presencePenalty": 0.5},
            None,
        ),
        ({"logprobs": True}, {}, "logprobs"),
        ({"logprobs": True, "provider": "vertex"}, {"responseLogprobs": True}, None),
        (
            {"top_logprobs": 3, "provider": "vertex"},
            {"responseLogprobs": True, "logprobs": 3},
            None,
        ),
        ({"max_tokens": 100, "max_output": 50}, {"maxOutputTokens": 50}, "max_tokens"),
        ({"temperature": 0.0, "model": "gemini-3.7-flash"}, {}, "temperature"),
        ({"top_p": 0.5, "model": "gemini-3.5-flash-lite"}, {}, "top_p"),
        ({"temperature": 0.0, "model": "gemini-3.5-flash"}, {"temperature": 0.0}, None),
        ({"top_k": 5, "abilities": Abilities(temperature=False)}, {}, "top_k"),
        ({"user": "u"}, {}, "user"),
    ],
)
def test_a_parameter_that_needs_a_change(asked, expected, changed):
    found, adjustments = config(**asked)
    assert found == expected
    assert [a.parameter for a in adjustments] == ([changed] if changed else [])


@pytest.mark.parametrize(
    ("model", "effort", "expected", "changed"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}, False),
        ("gemini-2.5-flash", "high", {"thinkingBudget": 24_576, "includeThoughts": True}, True),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}, True),
        ("gemini-2.5-pro", "max", {"thinkingBudget": 32_768, "includeThoughts": True}, True),
        ("gemini-3.7-flash", "low", {"thinkingLevel": "low", "includeThoughts": True}, False),
        ("gemini-3.7-flash", "none", {"thinkingLevel": "low"}, True),
        ("gemini-3.7-flash", "xhigh", {"thinkingLevel": "high", "includeThoughts": True}, True),
        ("gemini-3.6-flash", "none", {"thinkingLevel": "minimal"}, True),
        ("gemini-3-pro-preview", "medium", {"thinkingLevel": "low", "includeThoughts": True}, True),
        ("gemini-2.0-flash", "high", None, True),
        ("gemini-2.0-flash", "none", None, False),
    ],
)
def test_reasoning_effort(model, effort, expected, changed):
    found, adjustments = config(model, reasoning_effort=effort)
    assert found.get("thinkingConfig") == expected
    assert [a.parameter for a in adjustments] == ["reasoning_effort"] * changed


def test_reasoning_effort_and_what_else_is_known():
    found, _ = config(reasoning_effort="high", max_tokens=4000)
    assert found["thinkingConfig"]["thinkingBudget"] == 3000
    found, _ = config(
        "gemini-9-new", reasoning_effort="none", abilities=Abilities(reasoning_efforts=("minimal",))
    )
    assert found["thinkingConfig"] == {"thinkingLevel": "minimal"}
    found, adjustments = config(reasoning_effort="low", abilities=Abilities(reasoning=False))
    assert "thinkingConfig" not in found
    assert adjustments == (Adjustment("reasoning_effort", "dropped", "it does not think"),)


@pytest.mark.parametrize(
    ("tier", "provider", "sent"),
    [
        ("auto", "google", None),
        ("default", "google", "standard"),
        ("flex", "google", "flex"),
        ("scale", "google", "dropped"),
        ("flex", "vertex", "dropped"),
    ],
)
def test_the_service_tier(tier, provider, sent):
    body, encoded = encode(Request((user("q"),), service_tier=tier), provider=provider)
    if sent == "dropped":
        assert "serviceTier" not in body
        assert [a.parameter for a in encoded.adjustments] == ["service_tier"]
    else:
        assert body.get("serviceTier") == sent
        assert encoded.adjustments == ()


def test_fields_merged_as_they_are():
    extra = {"gemini": {"safetySettings": []}, "google": {"labels": {}}, "vertex": {"no": 1}}
    body, _ = encode(Request((user("q"),), extra=extra))
    assert body["safetySettings"] == []
    assert body["labels"] == {}
    assert "no" not in body
