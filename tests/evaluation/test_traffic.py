"""LiveBench's table as traffic: on made tables, and on the real ones where they are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from llmrouter_integrations.catalog import Catalog, livebench
from llmrouter_integrations.errors import ConfigurationError, DatasetError
from llmrouter_integrations.evaluation import traffic as traffic_module
from llmrouter_integrations.evaluation.traffic import COST_SHARES, Traffic, from_catalogue, run
from llmrouter_integrations.evaluation.traffic_report import traffic_record, traffic_report

SHARED = Path(__file__).parents[3] / "shared" / "catalog"
TASKS = {"Coding": ["c1", "c2"], "Mathematics": ["m1", "m2", "m3"]}
ALL = [task for tasks in TASKS.values() for task in tasks]
RUNS = {
    # a good coder, a good reckoner, one that is good at all and dear, a free preview
    "coder-high": ({"c": 90, "m": 20}, 0.1),
    "reckoner": ({"c": 10, "m": 90}, 0.1),
    "giant": ({"c": 92, "m": 92}, 2.0),
    "preview": ({"c": 99, "m": 99}, 0.0),
}


def release(path, categories=TASKS):
    path.mkdir()
    table, cost = ["model," + ",".join(ALL)], []
    cost.append(",".join(["model", *ALL, *[f"nq_{t}" for t in ALL], *[f"out_{t}" for t in ALL]]))
    for name, (scores, usd) in RUNS.items():
        table.append(",".join([name, *[str(scores[t[0]]) for t in ALL]]))
        cost.append(",".join([name, *[str(usd * 10)] * 5, *["10"] * 5, *["100"] * 5]))
    (path / "table_2026_01_01.csv").write_text("\n".join(table))
    (path / "cost_2026_01_01.csv").write_text("\n".join(cost))
    (path / "categories_2026_01_01.json").write_text(json.dumps(categories))
    return path


@pytest.fixture
def traffic(tmp_path):
    return Traffic.read(release(tmp_path / "bench"))


def test_the_tables_are_read_by_task_and_free_runs_left_out(traffic):
    assert traffic.runs == ("coder-high", "reckoner", "giant")
    assert traffic.left_out == ("preview",)
    assert traffic.tasks == ("c1", "c2", "m1", "m2", "m3")
    np.testing.assert_allclose(traffic.score[0], [0.9, 0.9, 0.2, 0.2, 0.2])
    np.testing.assert_allclose(traffic.usd[:, 0], [0.1, 0.1, 2.0])


def test_two_specialists_stand_in_for_the_giant(traffic):
    told = run(traffic, halvings=10)
    quality, cost = told.aimed[0.06]
    assert quality.value == pytest.approx(0.9 / 0.92)
    assert cost.value == pytest.approx(0.05)
    # any one model at that cost is bad at one of them
    assert told.fixed_aimed[0.06][0].value < 0.75
    assert told.cost_for_97 == pytest.approx(0.05)
    assert told.above_hull[0.05].value > 0.2
    # nothing costs as little as 3% of the giant
    assert told.above_hull[0.03].value is None


def test_what_is_expected_comes_from_the_other_half_alone(tmp_path):
    path = release(tmp_path / "bench")
    table = path / "table_2026_01_01.csv"
    table.write_text(table.read_text().replace("coder-high,90,90,", "coder-high,80,100,"))
    seen = []

    def expect(bench, runs, categories):
        seen.append(bench.runs[0].scores["Coding"])
        return from_catalogue(bench, runs, categories)

    run(Traffic.read(path), expect, halvings=20)
    assert set(seen) == {0.8, 1.0}  # the one or the other, never the mean of both


def test_an_aim_that_nothing_keeps_to_gets_the_cheapest(traffic, monkeypatch):
    monkeypatch.setattr(traffic_module, "AIMED_SHARES", (0.01,))
    told = run(traffic, halvings=3)
    assert told.aimed[0.01][1].value == pytest.approx(0.05)
    assert told.fixed_aimed[0.01][1].value == pytest.approx(0.05)


def test_halvings_are_those_of_the_seed(traffic):
    def scores(seed):
        return run(traffic, halvings=5, seed=seed).singles[1].tolist()

    assert scores(0) == scores(0)
    assert scores(0) != scores(1)


def test_the_record_is_json_and_the_page_stands_alone(traffic):
    told = run(traffic, halvings=3)
    record = json.loads(json.dumps(traffic_record(told), allow_nan=False))
    assert record["left_out"] == ["preview"]
    assert set(record["singles"]) == {"coder-high", "reckoner", "giant"}
    assert [lead["cost"] for lead in record["above_hull"]] == list(COST_SHARES)
    page = traffic_report(told)
    assert page.count("<svg") == 1
    assert not re.search(r"(?:src|href|url)\s*[=(]|<script|@import", page)
    assert "coder-high" in page


def test_bad_tables_are_told(tmp_path):
    with pytest.raises(ConfigurationError, match="no directory of LiveBench tables"):
        Traffic.read(tmp_path / "none")
    strange = {"Poetry": ["c1", "c2"], "Mathematics": ["m1", "m2", "m3"]}
    with pytest.raises(DatasetError, match="no router task stands for LiveBench's Poetry"):
        run(Traffic.read(release(tmp_path / "strange", strange)), halvings=1)


@pytest.mark.skipif(not SHARED.is_dir(), reason="LiveBench's tables are not at ../shared/catalog")
def test_on_the_real_tables_routing_beats_every_mix_of_fixed_models():
    told = run(Traffic.read(SHARED), halvings=30)
    assert told.traffic.left_out == ("ox-alpha-max",)
    assert len(told.traffic.runs) == 45
    quality, cost = told.aimed[0.06]
    assert quality.value >= 0.97
    assert cost.value <= 0.15
    assert told.cost_for_97 <= 0.15
    assert told.fixed_aimed[0.15][0].value < 0.96
    for share in COST_SHARES:
        assert told.above_hull[share].value > 0


@pytest.mark.skipif(not SHARED.is_dir(), reason="LiveBench's tables are not at ../shared/catalog")
def test_what_is_measured_is_what_the_catalogue_ships():
    expected = from_catalogue(livebench.read(SHARED), ("gpt-5.5-xhigh",), ("Coding", "IF"))
    shipped = Catalog.load().find("openai", "gpt-5.5").estimates
    # the committed table's figures are rounded
    for value, task in zip(expected.quality[0], ("code", "summarization"), strict=True):
        assert value == pytest.approx(shipped[task].value, abs=1e-3)
