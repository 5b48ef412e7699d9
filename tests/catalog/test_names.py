import pytest

from llmrouter_integrations.catalog import Catalog
from llmrouter_integrations.catalog.names import (
    PROVIDER_ALIASES,
    PROVIDERS,
    as_trained,
    has_variant,
    is_chat,
    normal,
    provider_id,
    undated,
)


@pytest.mark.parametrize(
    ("spelled", "folded"),
    [
        ("gpt-5.5", "gpt-5-5"),
        ("GPT-5.5 ", "gpt-5-5"),
        ("claude-haiku-4.5", "claude-haiku-4-5"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5-20251001"),
        ("claude-opus-4-8@default", "claude-opus-4-8"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5-20251001"),
        ("apac.anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        ("amazon.nova-lite-v1:0:300k", "nova-lite"),
        ("meta.llama3-1-8b-instruct-v1:0", "llama3-1-8b-instruct"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-opus-4-7",
            "claude-opus-4-7",
        ),
        ("anthropic/claude-opus-4.7:online", "claude-opus-4-7"),
        ("~anthropic/claude-opus-latest", "claude-opus"),
        ("openai/gpt-oss-120b:free", "gpt-oss-120b"),
        ("accounts/fireworks/models/glm-5p2", "glm-5-2"),
        ("moonshotai/Kimi-K2.6", "kimi-k2-6"),
        ("models/gemini-2.5-pro", "gemini-2-5-pro"),
        ("publishers/google/models/gemini-2.5-pro", "gemini-2-5-pro"),
        ("deepseek-ai/deepseek-v3.2-maas", "deepseek-v3-2"),
        ("ft:gpt-4o-mini-2024-07-18:acme::abc", "gpt-4o-mini-2024-07-18"),
        ("gpt-oss:20b", "gpt-oss-20b"),
        # a name may hold what looks like a mark of a host
        ("mistral-large-2512", "mistral-large-2512"),
        ("qwen3-vl-8b-thinking", "qwen3-vl-8b-thinking"),
    ],
)
def test_normal_folds_the_spellings_of_one_model(spelled, folded):
    assert normal(spelled) == folded
    assert normal(folded) == folded


@pytest.mark.parametrize(
    ("dated", "bare"),
    [
        ("gpt-5-2-2025-12-11", "gpt-5-2"),
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("command-r-08-2024", "command-r"),
        ("mistral-large-2512", "mistral-large-2512"),
        ("kimi-k2-0905", "kimi-k2-0905"),
        ("gemma-3-27b", "gemma-3-27b"),
    ],
)
def test_undated_drops_dates_but_not_versions(dated, bare):
    assert undated(dated) == bare


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("openai", "openai"),
        ("Gemini", "google"),
        ("google_vertexai", "vertex"),
        ("amazon-bedrock", "bedrock"),
        ("azure_openai", "azure"),
        ("togetherai", "together"),
        ("x-ai", "xai"),
        ("My-Server", "my-server"),
    ],
)
def test_provider_aliases(name, known_as):
    assert provider_id(name) == known_as


def test_no_alias_leads_to_an_alias():
    assert not set(PROVIDER_ALIASES) & set(PROVIDER_ALIASES.values())


def test_hosts_names_of_the_same_weights():
    assert as_trained(normal("llama-3.3-70b-versatile")) == as_trained(
        normal("meta.llama3-3-70b-instruct-v1:0")
    )
    assert as_trained("gpt-5-5") == "gpt-5-5"


@pytest.mark.parametrize(
    ("model", "variant"),
    [("ft:gpt-4.1:acme::x", True), ("z-ai/glm-5.2:free", True), ("qwen3.6:27b", False)],
)
def test_variants_that_cost_otherwise(model, variant):
    assert has_variant(model) is variant


@pytest.mark.parametrize(
    ("said", "known", "unknown"),
    [
        ("gpt-5.5 gpt", True, True),
        ("text-embedding-3-small", False, False),
        ("whisper-large-v3", False, False),
        ("gemini-2.5-flash-image", True, False),
        ("anthropic/claude-opus-5:batch", True, False),
    ],
)
def test_is_chat(said, known, unknown):
    assert is_chat(said, modalities_known=True) is known
    assert is_chat(said, modalities_known=False) is unknown


def test_every_provider_with_models_or_an_alias_is_known_by_name():
    assert set(Catalog.load().providers()) <= PROVIDERS
    assert set(PROVIDER_ALIASES.values()) <= PROVIDERS
    assert PROVIDERS.isdisjoint(PROVIDER_ALIASES)
