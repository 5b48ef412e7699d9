import json
from importlib import resources

import orjson
import pytest

from llmrouter_integrations.catalog import Catalog
from llmrouter_integrations.catalog.build import build
from llmrouter_integrations.catalog.livebench import VENDOR_MODELS
from llmrouter_integrations.errors import ConfigurationError

MODEL = """
name = "Small 1"
family = "small"
release_date = "2026-05-01"
tool_call = true
reasoning = true
temperature = false
[limit]
context = 1_000
output = 10
[modalities]
input = ["text", "image"]
output = ["text"]
[[benchmarks]]
name = "Kept"
score = 50
source = "https://acme.example/card"
[[benchmarks]]
name = "Dated"
score = 51
metric = "pass@1"
source = "https://acme.example/card"
date = "2026-01-02"
harness = "Codex"
version = "2"
[[benchmarks]]
name = "Artificial Analysis Coding Index"
score = 1
source = "https://elsewhere.example"
[[benchmarks]]
name = "Terminal-Bench"
score = 2
source = "https://artificialanalysis.ai/x"
[[benchmarks]]
name = "SciCode"
score = 3
source = "https://openrouter.ai/acme/small-1/benchmarks"
"""
ENTRY = """
base_model = "acme/small-1"
reasoning_options = [
  { type = "toggle" },
  { type = "effort", values = ["max", "low", "own-word"] },
  { type = "budget_tokens", min = -1, max = 32_768 },
]
[cost]
input = 2
output = 8
cache_read = 0.5
[[cost.tiers]]
tier = { size = 200_000 }
input = 4
output = 16
"""
FILES = {
    "models/acme/small-1.toml": MODEL,
    "models/acme/embed-1.toml": 'name = "E"\nfamily = "embedding"',
    "host/provider.toml": 'name = "Host"',
    "host/models/small-1.toml": ENTRY,
    "host/models/vendor/Small.1.toml": '[limit]\ncontext = 500\n[modalities]\ninput = ["text"]',
    "host/models/unheard-of.toml": 'name = "U"',
    "host/models/embed-1.toml": 'base_model = "acme/embed-1"',
    "host/models/painter.toml": '[modalities]\ninput = ["text"]\noutput = ["image"]',
}
TABLE = "model,sums\nsmall-1-low,40\nsmall-1-high,60\nnobodys-model-max,1\n"
COST = (
    "model,sums,nq_sums,out_sums\n"
    "small-1-low,1,10,100\nsmall-1-high,5,10,900\nnobodys-model-max,1,1,1\n"
)


@pytest.fixture
def sources(tmp_path):
    for name, text in FILES.items():
        root = tmp_path if name.startswith("models/") else tmp_path / "providers"
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    bench = tmp_path / "bench"
    bench.mkdir()
    (bench / "table_2026_06_25.csv").write_text(TABLE)
    (bench / "cost_2026_06_25.csv").write_text(COST)
    (bench / "categories_2026_06_25.json").write_text(json.dumps({"Mathematics": ["sums"]}))
    return tmp_path


def made(sources, **over):
    dates = {"modelsdev_date": "2026-07-02", "livebench_date": "2026-08-22"} | over
    return build(sources / "models", sources / "providers", sources / "bench", **dates)


def test_a_model_goes_through_whole(sources):
    report = made(sources)
    facts = Catalog(report.table).find("host", "small-1")
    assert (facts.name, facts.family, facts.release_date) == ("Small 1", "small", "2026-05-01")
    assert (facts.context_window, facts.max_output) == (1000, 10)
    assert facts.abilities.tools is True
    assert facts.abilities.structured_output is None
    assert facts.abilities.temperature is False
    assert facts.abilities.reasoning_toggle is True
    assert facts.abilities.reasoning_efforts == ("low", "max", "own-word")
    assert facts.abilities.reasoning_budget == (None, 32_768)
    assert facts.abilities.input == {"text", "image"}
    assert facts.rates.input_usd == pytest.approx(2e-6)
    assert facts.rates.at(200_001).output_usd == pytest.approx(16e-6)
    assert facts.rates.date == facts.date == "2026-07-02"


def test_scores_reach_every_entry_of_the_model(sources):
    catalog = Catalog(made(sources).table)
    for model in ("small-1", "vendor/Small.1"):
        facts = catalog.find("host", model)
        assert [run.effort for run in facts.measurements] == ["high", "low"]
        assert facts.quality["math"].value == pytest.approx(0.6)
        assert facts.output_tokens["math"].value == 900
        assert facts.usd_per_question["math"].value == pytest.approx(0.5)
    assert catalog.find("host", "unheard-of").measurements == ()


def test_benchmarks_keep_their_source_and_date_and_leave_artificial_analysis_out(sources):
    report = made(sources)
    kept = {b.name: b for b in Catalog(report.table).find("host", "small-1").benchmarks}
    assert set(kept) == {"Kept", "Dated"}
    assert (report.benchmarks, report.benchmarks_left_out) == (2, 3)
    assert kept["Kept"].date == "2026-07-02"
    assert kept["Dated"].date == "2026-01-02"
    assert kept["Dated"].setting == "Codex, 2"


def test_what_is_not_mapped_is_reported(sources):
    report = made(sources)
    assert report.runs == {"small-1-high": "acme/small-1", "small-1-low": "acme/small-1"}
    assert report.unmapped_runs == ("nobodys-model-max",)
    assert report.without_vendor_model == ("host/unheard-of",)
    assert report.not_chat == ("host/embed-1", "host/painter")
    assert report.fallback_price == ("host/small-1",)
    assert "host/unheard-of" in report.without_price
    assert "meta/muse-spark-1.3" in report.only_priced
    said = "\n".join(report.summary())
    for name in ("nobodys-model-max", "host/unheard-of", "host/embed-1"):
        assert name in said


def test_a_name_that_two_vendors_share_maps_to_neither(sources):
    (sources / "models" / "other").mkdir()
    (sources / "models" / "other" / "small-1.toml").write_text('name = "Another"')
    report = made(sources)
    assert report.ambiguous == ("small-1",)
    assert "host/vendor/Small.1" in report.without_vendor_model


def test_the_table_has_one_model_per_line_in_a_stable_order(sources, tmp_path):
    report = made(sources)
    assert report.table == made(sources).table
    lines = report.table.decode().splitlines()
    assert sum(line.startswith('"host/') for line in lines) == report.offers
    report.write(tmp_path / "out.json")
    assert (tmp_path / "out.json").read_bytes() == report.table
    with pytest.raises(ConfigurationError, match="cannot be written"):
        report.write(tmp_path / "nowhere" / "out.json")


@pytest.mark.parametrize(
    ("file", "text", "what"),
    [
        ("providers/host/models/small-1.toml", "[cost]\ninput='x'\noutput=1", "field cost.input"),
        (
            "providers/host/models/small-1.toml",
            "[cost]\ninput=1\noutput=1\n[[cost.tiers]]\ninput=2",
            "field tier.size is missing",
        ),
        (
            "providers/host/models/small-1.toml",
            'reasoning_options = [{ type = "magic" }]',
            "'magic', which we do not know",
        ),
        ("models/acme/small-1.toml", '[[benchmarks]]\nname = "B"\nscore = 1', "and its source"),
    ],
)
def test_a_bad_field_is_named_with_its_file(sources, file, text, what):
    (sources / file).write_text(text)
    with pytest.raises(ConfigurationError, match=what) as caught:
        made(sources)
    assert "small-1.toml" in str(caught.value)


def test_dates_must_be_dates(sources):
    with pytest.raises(ConfigurationError, match="'yesterday' is no date"):
        made(sources, livebench_date="yesterday")


# -- the committed table ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def committed():
    return resources.files("llmrouter_integrations.catalog").joinpath("models.json").read_bytes()


@pytest.fixture(scope="module")
def rebuilt(snapshots, committed):
    said = orjson.loads(committed)["sources"]
    return build(
        snapshots / "modelsdev-models.tar.gz",
        snapshots / "modelsdev-providers.tar.gz",
        snapshots,
        modelsdev_date=said["models.dev"]["date"],
        modelsdev_commit=said["models.dev"]["commit"],
        livebench_date=said["livebench"]["date"],
        livebench_commit=said["livebench"]["commit"],
    )


def test_the_committed_table_is_what_its_sources_give(rebuilt, committed):
    assert rebuilt.table == committed


def test_only_known_runs_are_unmapped(rebuilt):
    assert rebuilt.unmapped_runs == ("smaug-agentic", "ox-alpha-max")
    assert rebuilt.runs_without_cost == rebuilt.costs_without_run == rebuilt.ambiguous == ()
    assert set(rebuilt.runs.values()) == set(VENDOR_MODELS.values())


def test_every_measured_model_is_offered_or_priced_somewhere(rebuilt):
    listed = Catalog(rebuilt.table).models(measured=True, deprecated=True)
    assert {facts.vendor_model for facts in listed} >= set(rebuilt.runs.values())


def test_the_table_stays_small(committed):
    assert len(committed) < 600_000
