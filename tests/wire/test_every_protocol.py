"""What holds of every protocol alike: nothing said is lost without a word, nothing is sent to fail."""

from dataclasses import replace

import orjson
import pytest

from llmrouter_integrations.catalog.model import Abilities
from llmrouter_integrations.errors import (
    AttemptError,
    InvalidRequestError,
    UnsupportedParameterError,
)
from llmrouter_integrations.messages import (
    AudioPart,
    CachePoint,
    FilePart,
    ImagePart,
    Message,
    OutputFormat,
    ReasoningPart,
    Request,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.wire.base import Endpoint
from llmrouter_integrations.wire.inbound import request_from
from llmrouter_integrations.wire.registry import codec

TARGETS = {
    "openai-chat": ("openai", "gpt-4.1"),
    "openai-responses": ("openai", "gpt-5.4"),
    "anthropic": ("anthropic", "claude-sonnet-5"),
    "gemini": ("google", "gemini-3.5-flash"),
    "cohere": ("cohere", "command-a-03-2025"),
    "bedrock": ("bedrock", "amazon.nova-2-lite-v1:0"),
}
OTHERS = ("anthropic", "gemini", "cohere", "bedrock")


def said(role, text):
    return Message(role, (TextPart(text),))


HI = said("user", "hi")
TOOL_CALL = Message("assistant", (ToolCallPart("call_1", "weather", "{}"),))
RESULT = Message("tool", (ToolResultPart("call_1", (TextPart("sunny"),), "weather"),))


def endpoint(protocol, provider=None, model=None):
    usual = TARGETS[protocol]
    return Endpoint("t", provider or usual[0], model or usual[1], "http://127.0.0.1:9", "k")


def encode(request, protocol, provider=None, model=None):
    encoded = codec(protocol).encode(request, endpoint(protocol, provider, model), stream=False)
    told = {f"{a.action} {a.parameter}" for a in encoded.adjustments}
    return orjson.loads(encoded.http.body), told


@pytest.mark.parametrize(
    ("protocol", "provider", "fields", "told"),
    [
        ("openai-chat", "openai", {"verbosity": "low", "logit_bias": {"1": 2}}, set()),
        ("openai-chat", "azure", {"verbosity": "low", "logit_bias": {"1": 2}}, set()),
        ("openai-chat", "groq", {}, {"dropped verbosity", "dropped logit_bias"}),
        ("openai-responses", "openai", {"text": {"verbosity": "low"}}, {"dropped logit_bias"}),
        ("openai-responses", "azure", {"text": {"verbosity": "low"}}, {"dropped logit_bias"}),
        ("openai-responses", "xai", {}, {"dropped verbosity", "dropped logit_bias"}),
        *[(other, None, {}, {"dropped verbosity", "dropped logit_bias"}) for other in OTHERS],
    ],
)
def test_what_only_openai_has_goes_to_openai_in_the_form_of_the_protocol(
    protocol, provider, fields, told
):
    model = "gpt-5.4" if protocol == "openai-chat" else None
    plain, _ = encode(Request((HI,)), protocol, provider, model)
    asked = request_from("hi", {"verbosity": "low", "logit_bias": {"1": 2}})
    assert encode(asked, protocol, provider, model) == (plain | fields, told)


@pytest.mark.parametrize("protocol", ["openai-chat", "openai-responses"])
@pytest.mark.parametrize(
    ("model", "taken"),
    [
        *[(name, False) for name in ("gpt-4o", "gpt-3.5-turbo", "gpt-4.1-mini", "o4-mini")],
        *[(name, False) for name in ("gpt-5-chat-latest", "gpt-5-codex", "gpt-5.1-codex-max")],
        *[(name, True) for name in ("gpt-5", "gpt-5-mini", "gpt-5.1-chat-latest", "gpt-5.3-codex")],
        *[(name, True) for name in ("gpt-5.6-luna", "gpt-6", "my-own")],
    ],
)
def test_verbosity_goes_to_models_that_can_change_it(protocol, model, taken):
    asked = request_from("hi", {"verbosity": "low"})
    body, told = encode(asked, protocol, "openai", model)
    assert ("verbosity" in str(body), told) == (taken, set() if taken else {"dropped verbosity"})


def test_responses_takes_verbosity_beside_the_form_of_the_answer():
    asked = request_from("json", {"verbosity": "low", "response_format": {"type": "json_object"}})
    body, _ = encode(asked, "openai-responses")
    assert body["text"] == {"format": {"type": "json_object"}, "verbosity": "low"}


@pytest.mark.parametrize("name", ["audio", "modalities", "prediction", "web_search_options"])
def test_responses_is_not_sent_what_only_chat_completions_knows(name):
    body, told = encode(request_from("hi", {name: {"a": 1}}), "openai-responses")
    assert name not in body
    assert told == {f"dropped {name}"}


@pytest.mark.parametrize("name", ["metadata", "store", "prompt_cache_retention"])
def test_what_both_protocols_of_openai_know_goes_to_both(name):
    for protocol in ("openai-chat", "openai-responses"):
        body, told = encode(request_from("hi", {name: "x"}), protocol)
        assert (body[name], told) == ("x", set())


@pytest.mark.parametrize(
    ("protocol", "provider"),
    [
        ("openai-chat", "openai"),
        ("openai-chat", "mistral"),
        ("openai-responses", "openai"),
        ("openai-responses", "vllm"),
    ],
)
def test_a_flat_extra_body_goes_to_whatever_speaks_an_openai_protocol(protocol, provider):
    body, told = encode(request_from("hi", {"extra_body": {"min_p": 0.1}}), protocol, provider)
    assert (body["min_p"], told) == (0.1, set())


@pytest.mark.parametrize("protocol", OTHERS)
def test_elsewhere_a_flat_extra_body_is_dropped_with_a_word(protocol):
    body, told = encode(request_from("hi", {"extra_body": {"min_p": 0.1}}), protocol)
    assert "min_p" not in body
    assert told == {"dropped min_p"}


def test_what_is_said_for_another_vendor_by_name_is_not_missed():
    asked = request_from("hi", {"extra_body": {"mistral": {"safe_prompt": True}}})
    for protocol in TARGETS:
        assert encode(asked, protocol) == encode(Request((HI,)), protocol)


@pytest.mark.parametrize("protocol", OTHERS)
def test_a_prompt_cache_key_is_dropped_with_a_word(protocol):
    assert encode(Request((HI,), prompt_cache_key="k"), protocol)[1] == {"dropped prompt_cache_key"}


@pytest.mark.parametrize(
    ("protocol", "provider", "model", "place"),
    [
        ("bedrock", "bedrock", "amazon.nova-lite-v1:0", "inferenceConfig"),
        ("bedrock", "bedrock", "meta.llama3-3-70b-instruct-v1:0", "inferenceConfig"),
        ("bedrock", "bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", "inferenceConfig"),
        ("anthropic", "anthropic", "claude-haiku-4-5", None),
        ("cohere", "cohere", "command-a-03-2025", None),
    ],
)
def test_no_temperature_is_hotter_than_the_vendor_takes(protocol, provider, model, place):
    body, told = encode(Request((HI,), temperature=1.7), protocol, provider, model)
    assert (body[place] if place else body)["temperature"] == 1
    assert told == {"translated temperature"}


SHOWN = [
    AudioPart(data="AAAA", media_type="audio/wav"),
    FilePart(data="AAAA", media_type="video/mp4"),
    FilePart(data="AAAA", media_type="application/zip"),
    ImagePart(data="AAAA", media_type="image/tiff"),
    ImagePart(file_id="file-abc", issuer="somebody"),
]


@pytest.mark.parametrize("protocol", TARGETS)
@pytest.mark.parametrize("part", SHOWN)
@pytest.mark.parametrize(
    "behind",
    [
        (),
        (HI,),
        (TOOL_CALL, RESULT),
        (TOOL_CALL, RESULT, said("system", "Be brief."), HI),
        (said("assistant", "It is"),),
    ],
)
def test_what_is_asked_about_is_sent_or_refused_but_never_left_out(protocol, part, behind):
    shown = Message("user", (TextPart("What is it?"), part))
    try:
        body, _ = encode(Request((shown, *behind)), protocol)
    except UnsupportedParameterError as error:
        assert error.sent is False  # noqa: PT017  (either way is right)
    else:
        assert "AAAA" in str(body)
        assert "left out" not in str(body)


@pytest.mark.parametrize("protocol", TARGETS)
@pytest.mark.parametrize("part", SHOWN)
def test_what_was_answered_is_sent_or_left_out_with_a_word(protocol, part):
    shown = Message("user", (TextPart("What is it?"), part))
    body, told = encode(Request((shown, said("assistant", "A cat."), HI)), protocol)
    assert ("AAAA" in str(body)) is ("left out: it cannot be read here" not in str(body))
    assert ("AAAA" in str(body)) is not any(one.startswith("dropped") for one in told)


BLIND = Abilities(input=frozenset({"text"}))
PICTURE = ImagePart(data="iVBORw0KGgo=", media_type="image/png")
PAGE = FilePart(data="JVBERi0=", media_type="application/pdf")


@pytest.mark.parametrize("protocol", TARGETS)
@pytest.mark.parametrize(("part", "kind"), [(PICTURE, "image"), (PAGE, "file")])
def test_what_a_model_is_known_not_to_read_is_filtered_before_it_is_sent(protocol, part, kind):
    blind = replace(endpoint(protocol), abilities=BLIND)
    shown = Message("user", (TextPart("What is it?"), part))
    with pytest.raises(UnsupportedParameterError) as raised:
        codec(protocol).encode(Request((shown,)), blind, stream=False)
    assert raised.value.sent is False
    seen = Message("tool", (ToolResultPart("call_1", (TextPart("here"), part), "weather"),))
    for history in ((shown, said("assistant", "A cat."), HI), (HI, TOOL_CALL, seen)):
        encoded = codec(protocol).encode(Request(history), blind, stream=False)
        assert "left out: it cannot be read here" in encoded.http.body.decode()
        assert part.data not in encoded.http.body.decode()
        assert [a.action for a in encoded.adjustments] == ["dropped"]
        assert kind in encoded.adjustments[0].parameter or "pdf" in encoded.adjustments[0].parameter


@pytest.mark.parametrize("protocol", TARGETS)
def test_an_image_that_a_model_drew_is_sent_where_an_answer_may_hold_one(protocol):
    drawn = Message("assistant", (TextPart("Here:"), PICTURE))
    body, told = encode(Request((HI, drawn, said("user", "Nice."))), protocol)
    assert (PICTURE.data in str(body)) is (protocol == "gemini")
    assert told == (set() if protocol == "gemini" else {"dropped image"})
    assert "Here:" in str(body)


@pytest.mark.parametrize("protocol", ["anthropic", "bedrock"])
@pytest.mark.parametrize(
    ("part", "parameter"),
    [
        (AudioPart(data="AAAA", media_type="audio/wav"), "audio"),
        (FilePart(data="AAAA", media_type="application/zip"), "file"),
        (ImagePart(data="AAAA", media_type="image/tiff"), "image"),
    ],
)
def test_what_the_user_shows_and_cannot_be_sent_is_named(protocol, part, parameter):
    with pytest.raises(UnsupportedParameterError) as raised:
        encode(Request((Message("user", (part,)),)), protocol)
    assert (raised.value.parameter, raised.value.sent) == (parameter, False)


@pytest.mark.parametrize("protocol", [name for name in TARGETS if name != "bedrock"])
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<!DOCTYPE html>\n<html><title>Sign in</title>\n\n</html>", "the answer's body is HTML"),
        (b'{"error": {"message": "no credit is left", "type": "x"}}', "no credit is left"),
    ],
)
def test_a_stream_that_is_none_says_what_it_is_instead(protocol, body, says):
    decoder = codec(protocol).decoder(endpoint(protocol))
    with pytest.raises(AttemptError, match=says) as raised:
        [*decoder.feed(body), *decoder.finish()]
    assert raised.value.target == "t"


def endless_schema():
    schema = {"type": "object", "properties": {}, "required": ["next"]}
    schema["properties"]["next"] = schema
    return schema


def deep_schema():
    schema = {"type": "object", "properties": {}}
    for _ in range(5000):
        schema = {"type": "object", "properties": {"next": schema}, "required": ["next"]}
    return schema


@pytest.mark.parametrize("protocol", TARGETS)
@pytest.mark.parametrize("schema", [endless_schema, deep_schema])
@pytest.mark.parametrize("place", ["tools", "output"])
def test_a_schema_without_end_is_refused_in_words(protocol, schema, place):
    asked = (
        Request((HI,), (Tool("f", parameters=schema(), strict=True),))
        if place == "tools"
        else Request((HI,), output=OutputFormat(schema=schema(), strict=True))
    )
    # dispatch tells the one of JSON in words
    with pytest.raises((InvalidRequestError, orjson.JSONEncodeError)) as raised:
        encode(asked, protocol)
    assert getattr(raised.value, "sent", False) is False


NAMES_KNOWN = ("openai-chat",)
MARKS_KNOWN = ("anthropic", "bedrock")
SYSTEM_APART = ("anthropic", "gemini", "bedrock")


@pytest.mark.parametrize("protocol", TARGETS)
@pytest.mark.parametrize(
    "history", [(), (said("user", ""),), (HI, said("assistant", "a"), said("user", ""))]
)
def test_nothing_to_answer_is_refused_before_it_is_sent(protocol, history):
    with pytest.raises(InvalidRequestError) as raised:
        encode(Request(history), protocol)
    assert raised.value.sent is False


@pytest.mark.parametrize("protocol", TARGETS)
def test_an_empty_turn_in_mid_history_is_dropped_with_a_word(protocol):
    found, told = encode(Request((HI, said("user", ""), said("user", "so?"))), protocol)
    plain, _ = encode(Request((HI, said("user", "so?"))), protocol)
    assert (found, told) == (plain, {"dropped messages"})


@pytest.mark.parametrize("protocol", ["anthropic", "bedrock"])
def test_a_turn_of_blanks_is_none_where_it_would_be_refused(protocol):
    with pytest.raises(InvalidRequestError, match="is empty"):
        encode(Request((said("user", " \n"),)), protocol)


@pytest.mark.parametrize("protocol", TARGETS)
def test_an_answer_of_which_nothing_can_be_sent_is_no_conversation(protocol):
    thought = Message("assistant", (ReasoningPart("hm"),))
    with pytest.raises(InvalidRequestError):
        encode(Request((thought,)), protocol)


@pytest.mark.parametrize("protocol", TARGETS)
def test_instructions_by_themselves_are_sent_as_the_users_where_they_must_be(protocol):
    body, told = encode(Request((said("system", "Be brief."),)), protocol)
    turns = body.get("messages") or body.get("contents") or body.get("input")
    role = "system" if protocol == "openai-chat" else "user"
    assert [turn["role"] for turn in turns] == [role]
    assert "Be brief." in str(turns)
    assert not body.keys() & {"system", "systemInstruction", "instructions"}
    assert told == set()


@pytest.mark.parametrize("protocol", TARGETS)
def test_who_speaks_is_told_or_dropped_with_a_word(protocol):
    named = Message("user", (TextPart("hi"),), "John <the> Doe")
    body, told = encode(Request((named,)), protocol)
    if protocol in NAMES_KNOWN:
        assert body["messages"][0]["name"] == "John_the_Doe"
        assert told == {"translated name"}
    else:
        assert (body, told) == (encode(Request((HI,)), protocol)[0], {"dropped name"})


@pytest.mark.parametrize("protocol", TARGETS)
def test_the_name_of_a_tool_turn_is_not_missed(protocol):
    turn = replace(RESULT, name="weather")
    assert encode(Request((HI, TOOL_CALL, turn)), protocol)[1] == set()


@pytest.mark.parametrize("protocol", TARGETS)
def test_instructions_in_mid_conversation_stay_there_or_are_moved_with_a_word(protocol):
    late = Request((HI, said("assistant", "a"), said("system", "In English."), said("user", "b")))
    _, told = encode(late, protocol)
    assert told == ({"translated system"} if protocol in SYSTEM_APART else set())


@pytest.mark.parametrize("protocol", TARGETS)
def test_a_mark_for_the_cache_is_set_or_dropped_with_a_word(protocol):
    marked = Message("user", (TextPart("hi"), CachePoint()))
    system = Message("system", (TextPart("Be brief."), CachePoint()))
    tool = Tool("weather", cache=True)
    body, told = encode(Request((system, marked), (tool,)), protocol)
    assert told == (set() if protocol == "anthropic" else {"dropped cache point"})
    assert ("cache" in str(body).lower()) is (protocol in MARKS_KNOWN)


@pytest.mark.parametrize("protocol", ["openai-chat", "openai-responses", "anthropic", "bedrock"])
@pytest.mark.parametrize("name", ["my.tool", "my tool", "x" * 129])
def test_a_tool_whose_name_is_not_taken_is_refused_before_it_is_sent(protocol, name):
    with pytest.raises(UnsupportedParameterError, match=r"it must match") as raised:
        encode(Request((HI,), (Tool(name),)), protocol)
    assert repr(name) in str(raised.value)
    assert (raised.value.parameter, raised.value.sent) == ("tools", False)


@pytest.mark.parametrize(
    ("protocol", "provider", "name"),
    [
        ("gemini", None, "my.tool:2"),
        ("openai-chat", "vllm", "my tool"),
        ("openai-responses", "vllm", "my tool"),
        ("anthropic", None, "x" * 128),
    ],
)
def test_where_a_tools_name_is_taken_it_is_sent(protocol, provider, name):
    body, told = encode(Request((HI,), (Tool(name),)), protocol, provider)
    assert name in str(body["tools"])
    assert told == set()


def test_a_name_that_a_model_made_up_is_respelled_in_the_history():
    call = Message("assistant", (ToolCallPart("call_1", "functions.weather", "{}"),))
    body, told = encode(Request((HI, call, RESULT)), "openai-chat")
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == "functions_weather"
    assert told == {"translated tool name"}


@pytest.mark.parametrize(("protocol", "most"), [("openai-chat", 40), ("openai-responses", 64)])
def test_openai_takes_tool_ids_of_a_certain_length(protocol, most):
    for length, changed in ((most, False), (most + 1, True)):
        call_id = "x" * length
        call = Message("assistant", (ToolCallPart(call_id, "f"),))
        result = Message("tool", (ToolResultPart(call_id, (TextPart("1"),)),))
        body, told = encode(Request((HI, call, result)), protocol)
        assert told == ({"translated tool_call_id"} if changed else set())
        assert (call_id in str(body)) is not changed


@pytest.mark.parametrize(
    ("protocol", "provider", "model"),
    [
        ("openai-chat", "groq", "openai/gpt-oss-120b"),
        ("openai-chat", "openai", "gpt-5.4"),
        ("openai-responses", "openai", "gpt-4.1"),
        ("anthropic", "anthropic", "claude-3-5-haiku-latest"),
        ("bedrock", "bedrock", "amazon.nova-2-lite-v1:0"),
    ],
)
def test_reasoning_that_is_not_taken_back_is_dropped_with_a_word(protocol, provider, model):
    thought = Message("assistant", (ReasoningPart("hm", provider, "seal"), TextPart("a")))
    body, told = encode(Request((HI, thought, HI)), protocol, provider, model)
    assert "hm" not in str(body)
    assert told == {"dropped reasoning"}
