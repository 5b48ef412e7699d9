"""The table of providers and the lookup of codecs."""

from importlib import import_module

import pytest

from llmrouter_integrations.errors import ConfigurationError, MissingExtraError
from llmrouter_integrations.wire import registry
from llmrouter_integrations.wire.registry import PROTOCOLS, PROVIDERS, codec, default_base_url


def test_every_provider_speaks_a_known_protocol_and_names_its_issuer():
    for name, info in PROVIDERS.items():
        assert info.id == name
        assert info.protocol in PROTOCOLS
        assert info.issuer
        assert info.key_env


def test_no_two_providers_share_a_name():
    names = [n for info in PROVIDERS.values() for n in (info.id, *info.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai", "openai"),
        ("gemini", "google"),
        ("google-vertex", "vertex"),
        ("Google_Vertex", "vertex"),
        ("amazon-bedrock", "bedrock"),
        ("azure-openai", "azure"),
    ],
)
def test_a_provider_is_found_by_id_or_alias(name, expected):
    info = registry.provider(name)
    assert info is not None
    assert info.id == expected


def test_an_unknown_provider_is_none():
    assert registry.provider("acme") is None


@pytest.mark.parametrize(
    ("name", "env", "expected"),
    [
        ("openai", {}, "https://api.openai.com/v1"),
        ("openai", {"OPENAI_BASE_URL": "http://proxy/v1/"}, "http://proxy/v1"),
        ("openai", {"OPENAI_BASE_URL": ""}, "https://api.openai.com/v1"),
        ("groq", {"GROQ_BASE_URL": "https://proxy"}, "https://proxy/openai/v1"),
        ("groq", {"GROQ_BASE_URL": "https://proxy/openai/v1"}, "https://proxy/openai/v1"),
        ("azure", {}, None),
        (
            "azure",
            {"AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com/"},
            "https://x.openai.azure.com",
        ),
        ("google", {}, "https://generativelanguage.googleapis.com/v1beta"),
        ("vertex", {}, "https://aiplatform.googleapis.com/v1"),
        (
            "vertex",
            {"GOOGLE_CLOUD_LOCATION": "europe-west4"},
            "https://europe-west4-aiplatform.googleapis.com/v1",
        ),
        ("vertex", {"GOOGLE_CLOUD_LOCATION": "global"}, "https://aiplatform.googleapis.com/v1"),
        ("bedrock", {}, None),
        (
            "bedrock",
            {"AWS_REGION": "eu-west-1"},
            "https://bedrock-runtime.eu-west-1.amazonaws.com",
        ),
        ("ollama", {}, "http://127.0.0.1:11434/v1"),
        ("ollama", {"OLLAMA_HOST": "0.0.0.0"}, "http://127.0.0.1:11434/v1"),  # noqa: S104  (read, not bound)
        ("ollama", {"OLLAMA_HOST": ":8000"}, "http://127.0.0.1:8000/v1"),
        ("ollama", {"OLLAMA_HOST": "box:8000"}, "http://box:8000/v1"),
        ("ollama", {"OLLAMA_HOST": "[::1]:8000"}, "http://[::1]:8000/v1"),
        ("ollama", {"OLLAMA_HOST": "https://ollama.com"}, "https://ollama.com/v1"),
        ("ollama", {"OLLAMA_HOST": "http://box:8000/v1"}, "http://box:8000/v1"),
    ],
)
def test_base_url_comes_from_the_environment_or_the_table(name, env, expected):
    assert default_base_url(PROVIDERS[name], env) == expected


def test_a_given_region_wins_over_the_environment():
    url = default_base_url(PROVIDERS["bedrock"], {"AWS_REGION": "eu-west-1"}, region="us-east-1")
    assert url == "https://bedrock-runtime.us-east-1.amazonaws.com"


def test_an_unknown_protocol_names_the_known_ones():
    with pytest.raises(ConfigurationError, match="openai-chat, openai-responses, anthropic"):
        codec("smtp")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_has_its_codec(protocol):
    module, _ = registry._CODECS[protocol]
    pytest.importorskip(f"llmrouter_integrations.wire.{module}", exc_type=ImportError)
    assert codec(protocol).protocol == protocol
    assert codec(protocol) is codec(protocol)


def test_bedrock_without_botocore_names_the_extra(monkeypatch):
    def absent(name):
        if name.endswith(".bedrock"):
            raise ModuleNotFoundError("No module named 'botocore'", name="botocore.auth")
        return import_module(name)

    monkeypatch.setattr(registry, "import_module", absent)
    codec.cache_clear()
    with pytest.raises(MissingExtraError, match=r"llmrouter-integrations\[bedrock\]"):
        codec("bedrock")
