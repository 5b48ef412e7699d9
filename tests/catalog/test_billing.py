import datetime as dt

import pytest
from genai_prices import Usage as ListedUsage
from genai_prices import calc_price

from llmrouter_integrations.catalog import Rates, bill, bill_from_rates
from llmrouter_integrations.messages import Usage

AT = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
CACHED = Usage(input_tokens=10_000, output_tokens=500, cache_read_tokens=8_000)


@pytest.mark.parametrize(
    ("provider", "model", "listed_as"),
    [
        ("openai", "gpt-5.5", ("openai", "gpt-5.5")),
        ("azure_openai", "gpt-5.5", ("azure", "gpt-5.5")),
        ("anthropic", "claude-haiku-5.5", ("anthropic", "claude-haiku-5-5")),
        ("gemini", "models/gemini-2.5-pro", ("google", "gemini-2.5-pro")),
        ("xai", "grok-4.5", ("x-ai", "grok-4.5")),
        ("bedrock", "eu.anthropic.claude-opus-4-7", ("aws", "eu.anthropic.claude-opus-4-7")),
        ("fireworks", "glm-5p2", ("fireworks", "accounts/fireworks/models/glm-5p2")),
        ("openrouter", "moonshotai/kimi-k3", ("openrouter", "moonshotai/kimi-k3")),
    ],
)
@pytest.mark.parametrize("tokens", [10_000, 500_000])
def test_the_bill_is_the_price_lists(provider, model, listed_as, tokens):
    usage = Usage(input_tokens=tokens, output_tokens=500, cache_read_tokens=8_000)
    said = calc_price(
        ListedUsage(input_tokens=tokens, output_tokens=500, cache_read_tokens=8_000),
        listed_as[1],
        provider_id=listed_as[0],
        genai_request_timestamp=AT,
    )
    billed = bill(usage, provider=provider, model=model, at=AT)
    assert billed.usd == float(said.total_price)
    assert billed.source.startswith("genai-prices ")
    assert billed.estimated is False


def test_cached_tokens_are_charged_once():
    rates = Rates.per_mtok(10, 50, cache_read_usd=1, source="s", date="2026-11-23")
    assert bill_from_rates(CACHED, rates).usd == pytest.approx(
        (2_000 * 10 + 8_000 * 1 + 500 * 50) / 1e6
    )
    plain = bill(Usage(10_000, 500), provider="openai", model="gpt-5.5", at=AT)
    assert bill(CACHED, provider="openai", model="gpt-5.5", at=AT).usd < plain.usd


def test_reasoning_is_charged_once_as_output():
    reasoned = Usage(input_tokens=10, output_tokens=500, reasoning_tokens=400)
    silent = Usage(input_tokens=10, output_tokens=500)
    asked = {"provider": "openai", "model": "gpt-5.5", "at": AT}
    assert bill(reasoned, **asked) == bill(silent, **asked)


def test_the_service_tier_is_charged():
    asked = {"provider": "openai", "model": "gpt-6.1-terra", "at": AT}
    standard = bill(CACHED, **asked).usd
    assert bill(CACHED, service_tier="flex", **asked).usd == pytest.approx(standard / 2)
    assert bill(CACHED, service_tier="unheard-of", **asked).usd == standard


def test_what_the_provider_says_it_charged_wins():
    usage = Usage(input_tokens=10, output_tokens=5, cost_usd=0.125)
    billed = bill(usage, provider="openrouter", model="nobody/knows", at=AT)
    assert (billed.usd, billed.source) == (0.125, "reported by openrouter")
    assert billed.date == "2026-11-23"


def test_models_devs_price_is_the_fallback():
    billed = bill(Usage(1_000_000, 0), provider="alibaba", model="qwen3.7-max", at=AT)
    assert billed.usd == pytest.approx(2.5)
    assert billed.source == "models.dev, https://models.dev"


def test_without_a_price_there_is_no_bill():
    assert bill(CACHED, provider="ollama", model="qwen3.6:27b") is None
    assert bill(CACHED, provider="google", model="gemma-4-31b-it") is None


def test_estimated_tokens_make_an_estimate():
    guessed = Usage(10, 5, reported=False)
    assert bill(guessed, provider="openai", model="gpt-5.5").estimated is True
    assert bill_from_rates(guessed, Rates.per_mtok(1, 1, source="s", date="d")).estimated is True


def test_given_rates_follow_their_tiers():
    long = Rates.per_mtok(4, 20, source="s", date="d")
    rates = Rates.per_mtok(2, 10, source="s", date="d", above=((1000, long),))
    assert bill_from_rates(Usage(1000, 10), rates).usd == pytest.approx(2.1e-3)
    assert bill_from_rates(Usage(1001, 10), rates).usd == pytest.approx(4.204e-3)


def test_more_cached_tokens_than_prompt_make_no_negative_charge():
    rates = Rates.per_mtok(10, 50, cache_read_usd=1, source="s", date="d")
    slip = Usage(input_tokens=100, output_tokens=0, cache_read_tokens=900, cache_write_tokens=50)
    assert bill_from_rates(slip, rates).usd == pytest.approx(100 * 1e-6)


def test_what_is_counted_but_not_charged_is_not_on_the_bill():
    rates = Rates.per_mtok(1.0, 2.0, source="s", date="d")
    counted = Usage(1508, 30, billed_input_tokens=98)
    assert counted.as_billed() == Usage(98, 30, billed_input_tokens=98)
    assert bill_from_rates(counted, rates).usd == pytest.approx((98 + 60) / 1e6)
    assert Usage(5, 1).as_billed() == Usage(5, 1)
