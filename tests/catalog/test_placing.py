"""Places of models that LiveBench did not measure: known answers, and lines that are found again."""

from __future__ import annotations

import math
import random

import orjson
import pytest

from llmrouter_integrations.catalog import Catalog
from llmrouter_integrations.catalog.placing import (
    Known,
    Placing,
    ability,
    overall,
    scores_of,
    years,
)
from llmrouter_integrations.catalog.placing_fit import fit
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.hints import TASKS
from tests.catalog.made_tables import COMPONENTS, PLACING, QUALITY

MADE = Placing.from_row(PLACING)
NOTHING = Known(None, None, {})
USUAL = Known("2026-01-01", 4.0, {})


def put(model="other/x", known=USUAL, **more):
    return MADE.place(model, known._replace(**more))


# -- one place ----------------------------------------------------------------------------------


def test_who_is_as_usual_is_at_the_mean():
    assert put() == pytest.approx((0.5, 0.04, "price, release date"))


@pytest.mark.parametrize(
    ("known", "ability", "variance", "told_by"),
    [
        (Known("2027-01-01", 4.0, {}), 1.5, 0.04, "price, release date"),
        (Known("2026-01-01", 8.0, {}), 0.75, 0.04, "price, release date"),
        # what is not known is as usual, and the error is as wide as what is usual
        (
            Known(None, 8.0, {"Puzzles": 50.0}),
            (0.75 / 0.29 + 0.5 / 0.04) / (1 / 0.29 + 1 / 0.04),
            1 / (1 / 0.29 + 1 / 0.04),
            "Puzzles, price",
        ),
        (Known("2027-01", None, {}), 1.5, 0.04 + 0.25**2 * 4, "release date"),
        (Known("2027-01", 0.0, {}), 1.5, 0.04 + 0.25**2 * 4, "price, release date"),
        # a benchmark at 50%: ability (0 + 1) / 2, and a variance of .16 / 4
        (USUAL._replace(benchmarks={"Puzzles": 50.0}), 0.5, 0.02, "Puzzles, price, release date"),
        (
            USUAL._replace(benchmarks={"Puzzles": 100 * overall(3.0)}),
            (0.5 + 2.0) / 2,
            0.02,
            "Puzzles, price, release date",
        ),
        (USUAL._replace(benchmarks={"Unheard of": 99.0}), 0.5, 0.04, "price, release date"),
    ],
)
def test_each_thing_that_is_known_tells_its_part(known, ability, variance, told_by):
    found = MADE.place("other/x", known)
    assert found[:2] == pytest.approx((ability, variance))
    assert found.told_by == told_by


@pytest.mark.parametrize(
    ("model", "over", "kin"),
    [
        ("acme/small-2", 0.4, "acme/small-1"),  # of two as near, the older
        ("acme/small-2-5", -0.4, "acme/small-3"),
        ("acme/small-1", -0.4, "acme/small-3"),  # never itself
        ("other/small-2", 0.0, None),
    ],
)
def test_the_nearest_of_its_line_lends_half_of_what_it_has_over(model, over, kin):
    found = put(model)
    assert found.ability == pytest.approx(0.5 + 0.5 * over)
    assert found.variance == pytest.approx(0.04 * (0.75 if kin else 1.0))
    assert ("its line" in found.told_by) == bool(kin)
    assert kin is None or f"its line ({kin})" in found.told_by


def test_of_whom_nothing_is_known_nothing_is_said():
    assert MADE.place("other/x", NOTHING) is None
    assert MADE.place("other/x", Known(None, 60.0, {})) is None  # the dearest are old
    assert MADE.place("acme/small-2", NOTHING) is not None


def test_more_benchmarks_make_it_surer():
    several = put(benchmarks={"Puzzles": 60.0, "LiveBench": 60.0})
    assert several.variance < put(benchmarks={"Puzzles": 60.0}).variance < put().variance


@pytest.mark.parametrize("score", [0.0, 100.0])
def test_none_or_all_right_is_finite(score):
    assert math.isfinite(put(benchmarks={"Puzzles": score}).ability)


# -- the fit ------------------------------------------------------------------------------------


def made_world(count=400, seed=5):
    """Models by known lines: half measured, all with one benchmark, the others with a second."""
    rng = random.Random(seed)
    models, measured, truth = {}, {}, {}
    for n in range(count):
        year, price = rng.uniform(-1, 1), rng.uniform(0, 4)
        able = 0.3 + 0.8 * year + 0.2 * price + rng.gauss(0, 0.2)
        scores = {"Puzzles": 100 * overall(-0.5 + 1.5 * able + rng.gauss(0, 0.2))}
        if n % 2:
            scores["Riddles"] = 100 * overall(0.2 + 0.7 * able + rng.gauss(0, 0.2))
        else:
            measured[f"acme/m{n}"] = overall(able)
        month = 1 + int((year % 1) * 12)
        models[f"acme/m{n}"] = Known(f"{2026 + math.floor(year)}-{month:02}", 2**price, scores)
        truth[f"acme/m{n}"] = able
    return measured, models, truth


def test_lines_that_were_put_in_are_found():
    measured, models, truth = made_world(160)
    few = dict(list(measured.items())[:25])  # leaving each out in turn takes its time
    found = fit(few, models)
    assert found.per_year == pytest.approx(0.8, abs=0.15)
    assert found.per_doubling == pytest.approx(0.2, abs=0.06)
    assert math.sqrt(found.variance) == pytest.approx(0.2, abs=0.06)
    assert found.links["Puzzles"][:2] == pytest.approx((-0.5, 1.5), abs=0.2)
    # of these no model is measured: they are chained to the scale by the other benchmark
    assert found.links["Riddles"][:2] == pytest.approx((0.2, 0.7), abs=0.2)
    off = [
        (truth[name] - place.ability) ** 2 / place.variance
        for name in models
        if name not in few and (place := found.place(name, models[name])) is not None
    ]
    assert math.fsum(off) / len(off) == pytest.approx(1.0, abs=0.4)
    again = Placing.from_row(orjson.loads(orjson.dumps(found.as_row())))
    known = models["acme/m1"]
    assert again.place("acme/m1", known).ability == pytest.approx(
        found.place("acme/m1", known).ability, abs=0.01
    )


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_few_models_give_wide_places(count):
    measured, models, _ = made_world(8)
    found = fit(dict(list(measured.items())[:count]), models)
    place = found.place("acme/m1", models["acme/m1"])
    assert place.variance > 0.01
    assert math.isfinite(place.ability)


def test_spellings_and_settings_of_a_benchmark_are_one():
    figures = [("SWE Bench Pro", 40.0), ("SWE-Bench Pro", 50.0), ("Other", 1.0)]
    assert scores_of(figures) == {"SWE-Bench Pro": 45.0, "Other": 1.0}


def test_dates_are_years_since_2026():
    assert years("2026-01-01") == years("2026-01") == years("2026") == 0
    assert years("2025-07") == -0.5
    assert years(None) is None


# -- in the catalogue ---------------------------------------------------------------------------

SOURCES = {
    "models.dev": {"url": "https://models.dev", "date": "2026-07-02"},
    "livebench": {"url": "https://livebench.ai", "date": "2026-08-22", "release": "2026-06-25"},
}
FIGURE = {"name": "Puzzles", "score": 60.0, "metric": "%", "source": "s", "date": "2026-01-01"}
MODELS = {
    "acme/dated": {"released": "2026-01-01", "usd": 4.0},
    "acme/puzzler": {"released": "2026-01-01", "usd": 4.0, "benchmarks": [FIGURE]},
    "acme/measured": {
        "livebench": [{"name": "run", "effort": None, "scores": COMPONENTS["means"]}]
    },
}


@pytest.fixture(scope="module")
def catalog():
    offers = {
        f"openai/{name.partition('/')[2]}": {"of": name, **row} for name, row in MODELS.items()
    }
    data = {
        "format": 2,
        "sources": SOURCES,
        "quality": QUALITY,
        "models": MODELS,
        "offers": offers | {"openai/unknown": {}},
    }
    return Catalog(orjson.dumps(data))


def test_surer_in_the_order_measured_benchmarked_dated(catalog):
    names = ("measured", "puzzler", "dated")
    estimates = [catalog.find("openai", name).estimates["overall"] for name in names]
    errors = [estimate.error for estimate in estimates]
    assert errors == sorted(errors)
    assert estimates[2].value == pytest.approx(overall(0.5))
    assert estimates[2].error == pytest.approx(overall(0.5) * (1 - overall(0.5)) * 0.2)
    assert [e.source.partition(" by ")[2] for e in estimates] == [
        "",
        "Puzzles, price, release date",
        "price, release date",
    ]
    assert catalog.find("openai", "unknown").estimates == {}


def test_stated_benchmarks_place_even_who_is_not_known(catalog):
    mine = catalog.placed("own", "mine", {"Puzzles": 60.0})
    assert set(mine) == {"overall", *TASKS}
    better = catalog.placed("own", "mine", {"Puzzles": 80.0})
    assert all(better[task].value > mine[task].value for task in mine)
    # a stated score goes before the table's, and beside the measured one
    assert catalog.placed("openai", "puzzler", {"Puzzles": 20.0})["code"].value < mine["code"].value
    assert "LiveBench, " in catalog.placed("openai", "measured", {"Puzzles": 60.0})["code"].source


def test_a_benchmark_that_no_line_is_known_of_is_told(catalog):
    with pytest.raises(ConfigurationError, match=r"'Puzzle'; did you mean 'Puzzles'\? Known are"):
        catalog.placed("openai", "dated", {"Puzzle": 60.0})


def test_real_models_stand_where_the_field_would_put_them():
    catalog = Catalog.load()
    level = {
        name: catalog.find(*name.split("/", 1)).estimates["overall"]
        for name in (
            "openai/gpt-4o-mini",
            "openai/gpt-4.1",
            "openai/gpt-5",
            "openai/gpt-5.5",
            "anthropic/claude-haiku-4-5",
            "anthropic/claude-sonnet-4-5",
        )
    }
    values = {name.partition("/")[2]: estimate.value for name, estimate in level.items()}
    assert values["gpt-4o-mini"] < values["gpt-4.1"] < values["gpt-5"] < values["gpt-5.5"]
    assert values["claude-haiku-4-5"] < values["claude-sonnet-4-5"] < values["gpt-5.5"]
    assert level["openai/gpt-4.1"].error > 2 * level["openai/gpt-5.5"].error
    assert ability(overall(1.2)) == pytest.approx(1.2)
