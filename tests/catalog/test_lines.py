import orjson
import pytest

from llmrouter_integrations.catalog import Catalog
from llmrouter_integrations.catalog.lines import Lines, place
from llmrouter_integrations.catalog.placing import Placing, overall
from tests.catalog.made_tables import PLACING, QUALITY

RUN = {"name": "run", "effort": None, "scores": {"Coding": 0.5}}
ABLE = {
    "tools": True,
    "structured": True,
    "temperature": False,
    "in": ["image", "text"],
    "out": ["text"],
}
OLD = ABLE | {
    "name": "Old",
    "family": "gpt",
    "released": "2026-04-23",
    "context": 77,
    "max_input": 66,
    "max_output": 55,
    "reasoning": True,
    "efforts": ["low"],
    "price": {"input": 1, "output": 2},
    "benchmarks": [{"name": "B", "score": 1, "metric": "%", "source": "s", "date": "2026-01-01"}],
    "livebench": [RUN],
}
SOURCES = {
    "models.dev": {"url": "https://models.dev", "date": "2026-07-02"},
    "livebench": {"url": "https://livebench.ai", "date": "2026-08-22", "release": "2026-06-25"},
}


def table(models):
    data = {"format": 2, "sources": SOURCES, "quality": QUALITY, "models": models, "offers": {}}
    return Catalog(orjson.dumps(data))


@pytest.mark.parametrize(
    ("model", "where"),
    [
        ("anthropic/claude-opus-4-8", ("claude-opus", (4, 8))),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", ("claude-haiku", (4, 5))),
        ("claude-opus-5", ("claude-opus", (5, 0))),
        ("claude-opus-4", ("claude-opus", (4, 0))),
        ("claude-3-7-sonnet-20250219", ("claude-sonnet", (3, 7))),
        ("gemini-3.7-flash", ("gemini-flash", (3, 7))),
        ("gemini-3.1-flash-lite-preview", ("gemini-flash-lite", (3, 1))),
        ("gpt-5.5-2026-04-23", ("gpt", (5, 5))),
        ("gpt-5.6-sol", ("gpt", (5, 6))),
        ("gpt-5.4-mini", ("gpt-mini", (5, 4))),
        ("gpt-5.6-sol-pro", ("gpt-sol-pro", (5, 6))),
        ("gpt-4o", None),
        ("gpt-oss-120b", None),
        ("o3-mini", None),
        ("gemini-flash-latest", None),
    ],
)
def test_a_name_tells_line_and_version(model, where):
    assert place(model) == where


@pytest.mark.parametrize(
    ("known", "model", "older"),
    [
        ("claude-opus-4-7 claude-opus-4-8 claude-opus-4-1", "claude-opus-5", "claude-opus-4-8"),
        ("gpt-5.9 gpt-5.10", "gpt-6-luna", "gpt-5.10"),
        ("gpt-5.5 gpt-5.5-2026-04-23", "gpt-5.6-terra", "gpt-5.5"),
        ("gemini-3.1-pro-preview gemini-2.5-pro", "gemini-3.6-pro", "gemini-3.1-pro-preview"),
        ("gpt-5.5", "openai/gpt-6.1-sol", "gpt-5.5"),
        # strictly older: neither the same version nor a newer one
        ("claude-opus-5", "claude-opus-5", None),
        ("claude-opus-5-0", "claude-opus-5", None),
        ("claude-opus-5-5", "claude-opus-5", None),
        # another line
        ("gemini-3.5-flash", "gemini-3.6-flash-lite", None),
        ("gemini-3.5-flash-lite", "gemini-3.6-flash", None),
        ("claude-sonnet-4-6", "claude-opus-5", None),
        ("gpt-5.4-mini gpt-5.5-pro", "gpt-5.6-luna", None),
        ("gpt-5.5", "gpt-5.6-sol-pro", None),
        ("gpt-5.5", "claude-opus-5", None),
        ("gpt-5.5", "gpt-luna-latest", None),
    ],
)
def test_the_newest_strictly_older_model_of_the_line(known, model, older):
    found = Lines({f"openai/{name}": ABLE for name in known.split()}).before(model)
    assert found == (older and f"openai/{older}")


def test_only_described_models_of_vendors_with_regular_names_are_inferred_from():
    models = {"openai/gpt-5.5": {"livebench": [RUN]}, "acme/gpt-5.4": ABLE, "openai/gpt-5.3": ABLE}
    assert Lines(models).before("gpt-5.6-sol") == "openai/gpt-5.3"


def test_abilities_are_inferred_but_no_limit_price_or_score():
    models = {"openai/gpt-5.5": OLD, "openai/gpt-5.6-sol": {"livebench": [RUN | {"name": "own"}]}}
    facts = table(models).find("openai", "gpt-5.6-sol")
    able = facts.abilities
    assert (able.tools, able.structured_output, able.temperature) == (True, True, False)
    assert able.input == {"image", "text"}
    assert able.output == {"text"}
    assert able.reasoning is None
    assert able.reasoning_efforts == ()
    assert facts.context_window not in (None, 77)
    assert facts.max_input is facts.max_output is facts.release_date is None
    assert facts.name != "Old"
    assert facts.family == ""
    assert facts.rates.source.startswith("genai-prices")
    assert [run.name for run in facts.measurements] == ["own"]
    assert facts.benchmarks == ()


def test_what_a_models_own_row_says_is_not_inferred():
    models = {"openai/gpt-5.5": OLD, "openai/gpt-5.6-sol": {"tools": False, "livebench": [RUN]}}
    able = table(models).find("openai", "gpt-5.6-sol").abilities
    assert able.tools is False
    assert able.takes("image") is True


@pytest.mark.parametrize("provider", ["openrouter", "bedrock"])
def test_a_hosts_way_with_schemas_is_not_the_vendors(provider):
    models = {"openai/gpt-5.5": OLD, "openai/gpt-5.6-sol": {"livebench": [RUN]}}
    name = {"openrouter": "openai/gpt-5.6-sol", "bedrock": "global.openai.gpt-5.6-sol"}[provider]
    able = table(models).find(provider, name).abilities
    assert able.tools is True
    assert able.structured_output is None


@pytest.mark.parametrize(
    ("name", "older"),
    [
        ("anthropic/claude-opus-5", "anthropic/claude-opus-4-8"),
        ("vertex/claude-opus-5", "anthropic/claude-opus-4-8"),
        ("google/gemini-3.5-flash-lite", "google/gemini-3.1-flash-lite"),
        ("google/gemini-3.6-flash", "google/gemini-3.5-flash"),
        ("google/gemini-3.7-flash", "google/gemini-3.5-flash"),
        ("openai/gpt-5.6-luna", "openai/gpt-5.5"),
        ("openai/gpt-5.6-sol", "openai/gpt-5.5"),
        ("openai/gpt-5.6-terra", "openai/gpt-5.5"),
        # in the price list alone
        ("openai/gpt-6.1-terra", "openai/gpt-5.5"),
        ("anthropic/claude-haiku-5.5", "anthropic/claude-haiku-4-5"),
    ],
)
def test_the_newest_models_say_whom_their_abilities_are_inferred_from(name, older):
    catalog = Catalog.load()
    facts, of_older = (catalog.find(*each.split("/")) for each in (name, older))
    own, _, inferred = facts.source.partition("; ")
    assert own.startswith("genai-prices")
    assert inferred == f"abilities inferred from {older} (models.dev, {of_older.date})"
    assert facts.abilities.tools is of_older.abilities.tools is True
    assert facts.abilities.temperature is of_older.abilities.temperature
    assert facts.abilities.input == of_older.abilities.input
    assert facts.abilities.output == of_older.abilities.output


def test_an_older_model_says_nothing_of_whom_it_is_inferred_from():
    catalog = Catalog.load()
    known = (catalog.find("openai", "gpt-5.5"), catalog.find("anthropic", "claude-opus-4-8"))
    assert not [facts.id for facts in known if "inferred" in facts.source]


def test_filters_by_ability_find_the_newest_models():
    found = Catalog.load().models(abilities=["tools"], inputs=["image"], measured=True)
    assert {
        "anthropic/claude-opus-5",
        "google/gemini-3.7-flash",
        "openai/gpt-5.6-sol",
    } <= {facts.id for facts in found}


@pytest.mark.parametrize(
    ("model", "near"),
    [
        ("openai/gpt-5.3", "openai/gpt-5.2"),
        ("gpt-5-4-2026-03-05", "openai/gpt-5.5"),
        ("gpt-4.5", "openai/gpt-4.1"),
        ("gpt-5.6", None),
        ("claude-opus-4", None),
        ("nameless", None),
    ],
)
def test_when_a_model_came_is_told_by_the_nearest_of_its_line(model, near):
    lines = Lines({f"openai/gpt-{version}": ABLE for version in ("4.1", "5", "5.2", "5.5")})
    assert lines.about(model) == near


@pytest.mark.parametrize(
    ("model", "released"), [("gpt-5.4", "2026-04-23"), ("gpt-5.6-sol", "2026-07-02")]
)
def test_what_has_no_date_is_placed_by_its_lines(model, released):
    rows = {"openai/gpt-5.2": ABLE, "openai/gpt-5.5": OLD | {"livebench": []}}
    facts = table(rows).find("openai", model)
    assert facts.release_date is None
    usd = facts.rates.output_usd * 1e6
    expected = overall(Placing.from_row(PLACING).foretold(released, usd)[0])
    assert facts.estimates["overall"].value == pytest.approx(expected)
