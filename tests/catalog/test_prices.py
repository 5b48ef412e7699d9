import datetime as dt
import itertools

import pytest
from genai_prices import Usage as ListedUsage
from genai_prices import data_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter_integrations.catalog import prices
from llmrouter_integrations.catalog.names import GENAI_PROVIDERS
from llmrouter_integrations.messages import Usage

MOMENTS = [
    dt.datetime(2026, 1, 1, 2, tzinfo=dt.UTC),
    dt.datetime(2026, 11, 23, 2, 30, tzinfo=dt.UTC),  # in DeepSeek's dear hours
    dt.datetime(2026, 11, 23, 12, 30, tzinfo=dt.UTC),
    dt.datetime(2027, 2, 1, 7, tzinfo=dt.UTC),  # after price changes announced for 2027
]
USAGES = [
    Usage(input_tokens=1234, output_tokens=567),
    Usage(
        input_tokens=300_001,
        output_tokens=999,
        cache_read_tokens=200_001,
        cache_write_tokens=5_003,
        reasoning_tokens=333,
    ),
    Usage(
        input_tokens=7000,
        output_tokens=900,
        audio_input_tokens=1001,
        audio_output_tokens=77,
        cache_read_tokens=300,
    ),
    Usage(),
]


def theirs(usage):
    return ListedUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_reasoning_tokens=usage.reasoning_tokens,
        input_audio_tokens=usage.audio_input_tokens,
        output_audio_tokens=usage.audio_output_tokens,
        # overlaps that our usage does not split out; the list wants them said
        cache_audio_read_tokens=0,
        cache_audio_write_tokens=0,
        output_audio_reasoning_tokens=0,
    )


def everything():
    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models:
            yield provider, model


def test_the_charge_is_the_price_lists_own_for_every_model():
    compared = 0
    # each usage at one moment, turning, so that every model meets all of them somewhere
    turns = itertools.cycle(itertools.product(MOMENTS, (None, "flex", "priority")))
    for provider, model in everything():
        for usage in USAGES:
            at, tier = next(turns)
            charged = prices.charge(model, usage, at, tier)
            said = model.calc_price(
                theirs(usage),
                provider,
                genai_request_timestamp=at,
                price_context={"service_tier": tier} if tier else None,
            ).total_price
            if charged is None:
                assert model.get_prices(at).input_mtok is None
            else:
                compared += 1
                assert charged == said, (provider.id, model.id, usage, at, tier)
    assert compared > 8000


COUNTS = st.integers(min_value=0, max_value=2_000_000)


@settings(max_examples=60)
@given(
    model=st.sampled_from(
        [("openai", "gpt-5.5"), ("anthropic", "claude-haiku-5-5"), ("google", "gemini-2.5-flash")]
    ),
    counts=st.tuples(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS),
)
def test_counts_that_contradict_each_other_never_charge_twice(model, counts):
    sent, given_, read, written, reasoned, heard, spoken = counts
    usage = Usage(sent, given_, read, written, reasoned, heard, spoken)
    info = prices.priced(*model)
    charged = prices.charge(info, usage, MOMENTS[2])
    listed = vars(info.get_prices(MOMENTS[2])).items()
    known = [prices._price(price, sent) for key, price in listed if key.endswith("_mtok") and price]
    assert 0 <= charged <= (sent + given_) * max(known) / 1_000_000


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-5.5"), ("anthropic", "claude-opus-4-7"), ("groq", "openai/gpt-oss-120b")],
)
@pytest.mark.parametrize("tokens", [1000, 400_000])
def test_rates_agree_with_the_charge(provider, model, tokens):
    rates = prices.rates(provider, model, MOMENTS[2]).at(tokens)
    usage = Usage(
        input_tokens=tokens, output_tokens=50, cache_read_tokens=300, cache_write_tokens=70
    )
    usd = (
        (tokens - 370) * rates.input_usd
        + 300 * rates.cache_read_usd
        + 70 * rates.cache_write_usd
        + 50 * rates.output_usd
    )
    charged = prices.charge(prices.priced(provider, model), usage, MOMENTS[2])
    assert usd == pytest.approx(float(charged), rel=1e-12)
    assert rates.source.startswith("genai-prices ")


def test_dearer_hours_are_dearer():
    dear = prices.rates("deepseek", "deepseek-v4-flash", MOMENTS[1])
    cheap = prices.rates("deepseek", "deepseek-v4-flash", MOMENTS[2])
    assert dear.input_usd > cheap.input_usd


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "nothing-of-the-kind"), ("nowhere", "gpt-5.5"), ("my-openai-proxy", "gpt-5.5")],
)
def test_what_is_not_listed_has_no_price(provider, model):
    assert prices.priced(provider, model) is None
    assert prices.rates(provider, model) is None


def test_a_free_variant_costs_nothing_and_an_unpriced_model_is_unknown():
    free = next(m for m in prices.priced_models("openrouter") if m.id.endswith(":free"))
    assert prices.rates("openrouter", free.id).output_usd == 0
    assert prices.charge(free, USAGES[0], MOMENTS[2]) == 0
    assert prices.rates("google", "gemma-4-31b-it") is None
    assert prices.charge(prices.priced("google", "gemma-4-31b-it"), USAGES[0], MOMENTS[2]) is None


def test_the_edition_is_dated_no_later_than_today():
    name, date = prices.edition()
    assert name.startswith("genai-prices ")
    assert dt.date(2026, 1, 1) < dt.date.fromisoformat(date) <= dt.datetime.now(dt.UTC).date()


def test_a_newer_list_is_used_at_once(monkeypatch):
    before = prices.rates("openai", "gpt-5.5")
    newer = data_snapshot.DataSnapshot(providers=[], from_auto_update=True)
    monkeypatch.setattr(data_snapshot, "_custom_snapshot", newer)
    assert prices.rates("openai", "gpt-5.5") is None
    assert prices.edition()[1] == newer.timestamp.date().isoformat()
    monkeypatch.undo()
    assert prices.rates("openai", "gpt-5.5") == before


@pytest.mark.parametrize(
    ("provider", "model", "entry"),
    [
        ("openai", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("openai", "gpt-6.1-terra-2026-10-10", "gpt-6.1-terra"),
        ("anthropic", "claude-haiku-5.5", "claude-haiku-5-5"),
        ("anthropic", "claude-haiku-5-5@20261010", "claude-haiku-5-5"),
        ("google", "gemini-2.0-flash-001", "gemini-2.0-flash"),
        ("openai", "ft:gpt-4o-2024-08-06:acme::x", "ft:gpt-4o"),
        ("openai", "gpt-5-chat-latest", "gpt-5"),
        ("anthropic", "claude-opus-4-8-nano", None),
        ("google", "gemini-2.5-flash-lite-nano", None),
        ("openrouter", "anthropic/claude-opus-4.7:free", None),
    ],
)
def test_an_entry_is_found_by_names_it_spells_out_and_their_snapshots(provider, model, entry):
    found = prices.priced(provider, model)
    assert (found and found.id) == entry


def test_every_listed_model_is_found_by_its_own_id():
    ours = {theirs: ours for ours, theirs in GENAI_PROVIDERS.items() if theirs != "google"}
    lost = {
        (provider.id, model.id)
        for provider, model in everything()
        if provider.find_model(model.id) is model
        and prices.priced(ours.get(provider.id, provider.id), model.id) is not model
    }
    assert lost == set()
