"""What holds of every protocol alike: nothing said is lost without a word, nothing is sent to fail."""

import orjson
import pytest

from llmrouter_integrations.messages import Message, Request, TextPart
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
HI = Message("user", (TextPart("hi"),))


def encode(request, protocol, provider=None, model=None):
    usual = TARGETS[protocol]
    target = Endpoint("t", provider or usual[0], model or usual[1], "http://127.0.0.1:9", "k")
    encoded = codec(protocol).encode(request, target, stream=False)
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
    plain, _ = encode(Request((HI,)), protocol, provider)
    asked = request_from("hi", {"verbosity": "low", "logit_bias": {"1": 2}})
    assert encode(asked, protocol, provider) == (plain | fields, told)


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
