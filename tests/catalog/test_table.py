import datetime as dt
import re

import orjson
import pytest

from llmrouter_integrations.catalog import Catalog
from llmrouter_integrations.catalog.quality import TASK_CATEGORIES
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.hints import TASKS
from tests.catalog.made_tables import QUALITY

SOURCES = {
    "models.dev": {"url": "https://models.dev", "date": "2026-07-02"},
    "livebench": {"url": "https://livebench.ai", "date": "2026-08-22", "release": "2026-06-25"},
}
RUN = {
    "name": "small-1-high",
    "effort": "high",
    "scores": {"Coding": 0.5, "Agentic Coding": 0.2, "IF": 0.8, "Language": 0.6},
    "tokens": {"Coding": 100, "Agentic Coding": 90_000, "IF": 300, "Language": 200},
    "usd": {"Coding": 0.01, "Agentic Coding": 3.0, "IF": 0.03, "Language": 0.02},
}


def table(models=None, offers=None, **over):
    data = {
        "format": 2,
        "sources": SOURCES,
        "quality": QUALITY,
        "models": models or {},
        "offers": offers or {},
    }
    return Catalog(orjson.dumps(data | over))


@pytest.fixture(scope="module")
def catalog():
    return Catalog.load()


def test_it_is_read_once_per_process():
    assert Catalog.load() is Catalog.load()


# -- look-up ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "model", "vendor_model"),
    [
        ("openai", "gpt-5.5", "openai/gpt-5.5"),
        ("openai", "gpt-5.5-2026-04-23", "openai/gpt-5.5"),
        ("openai", "ft:gpt-4.1-2025-04-14:acme::x", "openai/gpt-4.1"),
        ("azure", "gpt-5.5", "openai/gpt-5.5"),
        ("azure_openai", "gpt-5.5", "openai/gpt-5.5"),
        ("anthropic", "claude-opus-4-7", "anthropic/claude-opus-4-7"),
        ("anthropic", "claude-opus-4.7", "anthropic/claude-opus-4-7"),
        ("anthropic", "claude-opus-4-7-latest", "anthropic/claude-opus-4-7"),
        ("anthropic", "claude-opus-4-7-20260416", "anthropic/claude-opus-4-7"),
        ("vertex", "claude-opus-4-8", "anthropic/claude-opus-4-8"),
        ("google-vertex", "claude-opus-4-8@default", "anthropic/claude-opus-4-8"),
        ("bedrock", "anthropic.claude-opus-4-7", "anthropic/claude-opus-4-7"),
        ("bedrock", "apac.anthropic.claude-opus-4-7", "anthropic/claude-opus-4-7"),
        (
            "amazon-bedrock",
            "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-opus-4-7",
            "anthropic/claude-opus-4-7",
        ),
        ("openrouter", "anthropic/claude-opus-4.7", "anthropic/claude-opus-4-7"),
        ("openrouter", "claude-opus-4.7", "anthropic/claude-opus-4-7"),
        ("gemini", "models/gemini-3.5-flash", "google/gemini-3.5-flash"),
        ("groq", "openai/gpt-oss-120b", "openai/gpt-oss-120b"),
        ("groq", "gpt-oss-120b", "openai/gpt-oss-120b"),
        ("together", "zai-org/GLM-5.2", "zhipuai/glm-5.2"),
        ("together", "glm-5.2", "zhipuai/glm-5.2"),
        ("fireworks", "accounts/fireworks/models/glm-5p2", "zhipuai/glm-5.2"),
        ("fireworks", "glm-5p2", "zhipuai/glm-5.2"),
        # newer than the models.dev snapshot: known by price list and LiveBench
        ("openai", "gpt-5.6-sol", "openai/gpt-5.6-sol"),
        ("openrouter", "moonshotai/kimi-k3", "moonshotai/kimi-k3"),
        ("meta", "muse-spark-1.2", "meta/muse-spark-1.2"),
        # an own server: scores only
        ("ollama", "qwen3.6:27b", "alibaba/qwen3.6-27b"),
    ],
)
def test_one_model_is_found_under_its_spellings(catalog, provider, model, vendor_model):
    facts = catalog.find(provider, model)
    assert facts is not None
    assert facts.vendor_model == vendor_model
    assert facts.model == model


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "nothing-of-the-kind"),
        ("azure", "my-deployment"),
        ("ollama", "my-own-model"),
        ("nowhere", "whatever"),
        ("anthropic", "gpt-5.5"),
        ("openai", ""),
        # names that begin like a known model's are other models, or typing errors
        ("anthropic", "claude-opus-4-8-nano"),
        ("google", "gemini-3.7-flash-lite"),
        ("bedrock", "us.anthropic.claude-opus-4-8-nano-v1:0"),
    ],
)
def test_what_nobody_knows_is_none(catalog, provider, model):
    assert catalog.find(provider, model) is None


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openrouter", "moonshotai/kimi-k3"), ("meta", "muse-spark-1.2")],
)
def test_a_model_only_the_price_list_has_comes_with_window_and_price(catalog, provider, model):
    facts = catalog.find(provider, model)
    assert facts is not None
    assert facts.context_window == pytest.approx(1_000_000, rel=0.1)
    assert facts.rates is not None
    assert facts.abilities.tools is None
    assert facts.source.startswith("genai-prices")


def test_another_name_in_the_price_lists_entry_has_its_price_but_no_scores():
    row = {"livebench": [RUN], "tools": True}
    facts = table(models={"openai/gpt-5.6-sol": row}).find("openai", "gpt-5.6")
    assert facts.rates.input_usd > 0
    assert facts.vendor_model is None
    assert not facts.quality


def test_an_own_server_gets_scores_but_no_limits_or_price(catalog):
    facts = catalog.find("ollama", "qwen3.6:27b")
    assert facts.quality["overall"].value > 0
    assert facts.context_window is facts.rates is facts.abilities.tools is None


def test_regions_of_bedrock_have_their_own_prices(catalog):
    eu = catalog.find("bedrock", "eu.anthropic.claude-opus-4-7").rates
    world = catalog.find("bedrock", "global.anthropic.claude-opus-4-7").rates
    assert eu.input_usd == pytest.approx(1.1 * world.input_usd)


@pytest.mark.parametrize("model", ["ft:gpt-4.1:acme::x", "gpt-4.1:free"])
def test_a_variant_without_a_price_does_not_get_its_bases(catalog, model):
    assert catalog.find("openai", model).rates is None


def test_models_devs_price_is_used_where_the_price_list_has_none(catalog):
    rates = catalog.find("alibaba", "qwen3.7-max").rates
    assert rates.source == "models.dev, https://models.dev"
    assert rates.date == "2026-07-02"


def test_the_newest_snapshot_answers_to_an_undated_name():
    offers = {
        f"openai/small-1-{day}": {"name": day, "in": ["text"]}
        for day in ("2025-01-01", "2026-03-04", "2025-09-09")
    }
    assert table(offers=offers).find("openai", "small-1-latest").name == "2026-03-04"


def test_look_ups_are_cached_in_bounded_memory(monkeypatch):
    monkeypatch.setattr("llmrouter_integrations.catalog.table._MOST_CACHED", 10)
    catalog = table()
    for i in range(50):
        assert catalog.find("nowhere", f"model-{i}") is None
    assert len(catalog._found) <= 10


def test_nearest_names(catalog):
    assert "openai/gpt-5.4" in catalog.nearest("openai", "gpt-54")
    assert catalog.nearest("opnai", "gpt-5.5")[0] == "openai/gpt-5.5"
    assert catalog.nearest("anthropic", "claude-opus-4-77")[0].startswith("anthropic/claude-opus-4")
    assert all("/" in name for name in catalog.nearest("my-very-own-server", "kimi-k3"))


# -- figures ------------------------------------------------------------------------------------


def test_categories_are_told_as_tasks():
    catalog = table(
        models={"acme/small-1": {"livebench": [RUN]}},
        offers={"openai/small-1": {"of": "acme/small-1"}},
    )
    (run,) = catalog.find("openai", "small-1").measurements
    quality = {task: round(figure.value, 4) for task, figure in run.quality.items()}
    assert quality == {
        "overall": 0.525,
        "code": 0.5,
        "tool_use": 0.2,
        "summarization": 0.8,
        "creative": 0.7,
        "chat": 0.7,
        "translation": 0.6,
    }
    # an agent session's tokens are no answer's
    assert "tool_use" not in run.output_tokens
    assert run.output_tokens["overall"].value == pytest.approx(200)
    assert run.output_tokens["chat"].value == pytest.approx(250)
    assert run.usd_per_question["overall"].value == pytest.approx(0.02)
    assert run.usd_per_question["tool_use"].value == pytest.approx(3.0)
    assert run.quality["code"].source == "LiveBench 2026-06-25, https://livebench.ai"
    assert run.quality["code"].date == "2026-08-22"


def test_several_efforts_of_one_model_are_kept():
    low = RUN | {"name": "small-1-low", "effort": "low", "scores": {"Coding": 0.1}}
    catalog = table(
        models={"acme/small-1": {"livebench": [RUN, low]}},
        offers={"openai/small-1": {"of": "acme/small-1"}},
    )
    facts = catalog.find("openai", "small-1")
    assert facts.effort == "high"
    assert facts.quality is facts.measurements[0].quality
    assert facts.measured_at("low").quality["code"].value == pytest.approx(0.1)
    assert facts.measured_at("medium") is None


def test_every_task_is_mapped_or_has_the_overall_score_only():
    assert set(TASK_CATEGORIES) == set(TASKS)
    unlike = {task for task, categories in TASK_CATEGORIES.items() if not categories}
    assert unlike == {"vision", "long_context"}


def test_a_row_says_what_the_model_can_do():
    row = {
        "tools": True,
        "temperature": False,
        "reasoning": True,
        "toggle": False,
        "efforts": ["low", "high"],
        "budget": [1024, None],
        "in": ["image", "text"],
    }
    able = table(offers={"openai/small-1": row}).find("openai", "small-1").abilities
    assert able.tools is True
    assert able.structured_output is None
    assert able.temperature is False
    assert able.reasoning_efforts == ("low", "high")
    assert able.reasoning_budget == (1024, None)
    assert able.takes("image") is True
    assert able.takes("audio") is False
    assert able.output is None


def test_a_model_measured_at_an_effort_reasons():
    models = {
        "acme/small-1": {"livebench": [RUN]},
        "acme/b": {"livebench": [RUN | {"effort": None}]},
    }
    offers = {"openai/small-1": {"of": "acme/small-1"}, "openai/b": {"of": "acme/b"}}
    catalog = table(models, offers)
    assert catalog.find("openai", "small-1").abilities.reasoning is True
    assert catalog.find("openai", "b").abilities.reasoning is None


def test_tiers_of_a_row():
    tiers = [[1000, {"input": 4, "output": 16}]]
    price = {"input": 2, "output": 8, "cache_read": 0.5, "tiers": tiers}
    rates = table(offers={"alibaba/x": {"price": price}}).find("alibaba", "x").rates
    assert rates.at(1000) is rates
    assert rates.at(1001).input_usd == pytest.approx(4e-6)
    assert rates.cache_write_usd == rates.input_usd


# -- the committed table ------------------------------------------------------------------------


def test_every_figure_has_its_source_and_date(catalog):
    def dated(date):
        return dt.date.fromisoformat(date) is not None

    for facts in catalog.models(deprecated=True):
        assert facts.source, facts.id
        assert dated(facts.date), facts.id
        if facts.rates is not None:
            assert facts.rates.source, facts.id
            assert dated(facts.rates.date), facts.id
        for benchmark in facts.benchmarks:
            assert benchmark.source.startswith("https://"), facts.id
            assert dated(benchmark.date), facts.id
        for run in facts.measurements:
            for figures in (run.quality, run.output_tokens, run.usd_per_question):
                for figure in figures.values():
                    assert figure.source.startswith("LiveBench"), facts.id
                    assert dated(figure.date), facts.id


def test_no_figure_is_artificial_analysiss(catalog):
    said = orjson.dumps([catalog._models, catalog._offers]).decode().lower()
    assert not re.search(r"artificial\s?analysis|hard-aa|openrouter\.ai/[^\"]*benchmarks", said)


def test_figures_are_in_their_ranges(catalog):
    for facts in catalog.models(deprecated=True):
        for figure in facts.quality.values():
            assert 0 <= figure.value <= 1
        if facts.rates is not None:
            rates = facts.rates
            for usd in (rates.input_usd, rates.output_usd, rates.cache_read_usd):
                assert 0 <= usd < 1e-3, facts.id
        assert facts.context_window is None or facts.context_window >= 1024, facts.id


def test_livebench_reaches_the_providers_that_serve_the_model(catalog):
    served = {facts.provider for facts in catalog.models(search="opus-4-7", measured=True)}
    assert {"anthropic", "bedrock", "vertex"} <= served


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"{", "damaged"),
        (b"[]", "damaged"),
        (b'{"models":{}}', "damaged"),
        (b'{"format":99}', "format 99"),
    ],
)
def test_another_table_is_refused(text, what):
    with pytest.raises(ConfigurationError, match=what):
        Catalog(text)


# -- lists --------------------------------------------------------------------------------------


def test_filters(catalog):
    found = catalog.models(
        provider="openai",
        abilities=["tools", "structured_output"],
        inputs=["image"],
        context_at_least=1_000_000,
        input_usd_per_mtok_at_most=2.5,
        measured=True,
    )
    # the latter two by abilities inferred from gpt-5.5
    assert {facts.model for facts in found} == {"gpt-5.4", "gpt-5.6-luna", "gpt-5.6-terra"}


def test_deprecated_models_are_listed_only_when_asked_for(catalog):
    usual = {facts.id for facts in catalog.models(provider="mistral")}
    everything = {facts.id: facts for facts in catalog.models(provider="mistral", deprecated=True)}
    assert usual < set(everything)
    assert {everything[name].status for name in set(everything) - usual} == {"deprecated"}


def test_prices_at_the_bound_pass(catalog):
    rates = catalog.find("openai", "gpt-5.5").rates
    bound = rates.output_usd * 1e6
    found = catalog.models(provider="openai", output_usd_per_mtok_at_most=round(bound, 6))
    assert "gpt-5.5" in {facts.model for facts in found}


@pytest.mark.parametrize(
    ("sort", "figure", "ascending"),
    [
        ("input_price", lambda f: f.rates and f.rates.input_usd, True),
        ("context", lambda f: f.context_window, False),
        ("released", lambda f: f.release_date, False),
        ("quality", lambda f: f.estimates["overall"].value if f.estimates else None, False),
        ("code", lambda f: f.estimates["code"].value if f.estimates else None, False),
    ],
)
def test_sorting_puts_the_unknown_last(catalog, sort, figure, ascending):
    values = [figure(facts) for facts in catalog.models(provider="openai", sort=sort)]
    known = [value for value in values if value is not None]
    assert len(known) >= 5
    assert values[: len(known)] == known
    assert known == sorted(known, reverse=not ascending)
    turned = [figure(f) for f in catalog.models(provider="openai", sort=sort, reverse=True)]
    assert [value for value in turned if value is not None] == sorted(known, reverse=ascending)
    assert turned[: len(known)].count(None) == 0


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        ({"provider": "opnai"}, "did you mean 'openai'"),
        ({"sort": "priec"}, "no such sort key"),
        ({"abilities": ["tool"]}, "did you mean 'tools'"),
        ({"inputs": ["images"]}, "did you mean 'image'"),
        ({"colour": "red"}, "filters are search"),
    ],
)
def test_an_unknown_filter_is_named_with_what_there_is(catalog, asked, what):
    with pytest.raises(ConfigurationError, match=what):
        catalog.models(**asked)
