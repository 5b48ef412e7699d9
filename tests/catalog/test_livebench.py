import json

import pytest

from llmrouter_integrations.catalog import livebench
from llmrouter_integrations.errors import ConfigurationError

TABLE = "model,sums,proofs,repo\nsmall-1-high,50,100,10\nsmall-2,0,50,0\n"
COST = (
    "model,sums,proofs,repo,nq_sums,nq_proofs,nq_repo,out_sums,out_proofs,out_repo\n"
    "small-1-high,1.0,4.0,30,10,20,10,100,301,9000\n"
    "free-preview,0,0,0,10,20,10,1,2,3\n"
)
CATEGORIES = {"Mathematics": ["sums", "proofs"], "Agentic Coding": ["repo"]}


def release(path, date="2026_06_25", *, table=TABLE, cost=COST, categories=None):
    path.mkdir(exist_ok=True)
    said = json.dumps(CATEGORIES if categories is None else categories)
    for name, text in (
        (f"livebench_table_{date}.csv", table),
        (f"cost_{date}.csv", cost),
        (f"categories_{date}.json", said),
    ):
        if text is not None:
            (path / name).write_text(text)
    return path


def test_each_task_of_a_category_counts_alike(tmp_path):
    bench = livebench.read(release(tmp_path / "x"))
    run = bench.runs[0]
    assert bench.release == "2026-06-25"
    assert run.name == "small-1-high"
    assert run.scores == {"Mathematics": 0.75, "Agentic Coding": 0.1}
    assert run.tokens == {"Mathematics": 200, "Agentic Coding": 9000}
    assert run.usd == {"Mathematics": 0.15, "Agentic Coding": 3.0}


def test_what_only_one_of_the_tables_has_is_reported(tmp_path):
    bench = livebench.read(release(tmp_path / "x"))
    assert bench.without_cost == ("small-2",)
    assert bench.without_scores == ("free-preview",)
    assert bench.runs[1].tokens == bench.runs[1].usd == {}


def test_a_price_of_nothing_is_no_price(tmp_path):
    table = TABLE + "free-preview,1,1,1\n"
    run = livebench.read(release(tmp_path / "x", table=table)).runs[2]
    assert run.usd == {}
    assert run.tokens["Agentic Coding"] == 3


def test_tasks_can_be_held_out(tmp_path):
    run = livebench.read(release(tmp_path / "x"), tasks={"sums"}).runs[0]
    assert run.scores == {"Mathematics": 0.5}


def test_the_newest_release_is_read(tmp_path):
    release(tmp_path / "x", "2025_12_01", table="model,sums\nold,1\n")
    assert livebench.read(release(tmp_path / "x")).release == "2026-06-25"


@pytest.mark.parametrize(
    ("name", "model", "effort"),
    [
        ("gpt-5.6-sol-max", "gpt-5.6-sol", "max"),
        ("qwen3.8-max", "qwen3.8-max", None),
        ("claude-opus-5-max-effort", "claude-opus-5", "max"),
        ("claude-opus-4-5-20251101-thinking-64k-high-effort", "claude-opus-4-5-20251101", "high"),
        ("claude-sonnet-4-6-thinking-auto-medium-effort", "claude-sonnet-4-6", "medium"),
        ("gpt-5.4-mini-xhigh", "gpt-5.4-mini", "xhigh"),
        ("kimi-k2.6-thinking", "kimi-k2.6-thinking", None),
        ("deepseek-v4-pro", "deepseek-v4-pro", None),
        ("brand-new-3-low", "brand-new-3", "low"),
    ],
)
def test_efforts_are_split_from_names(name, model, effort):
    assert livebench.split_effort(name) == (model, effort)


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"table": None}, r"holds no LiveBench \*table"),
        ({"cost": None}, r"holds no \*cost_2026_06_25.csv"),
        ({"table": "name,sums\nx,1\n"}, r"table_2026_06_25.csv: has no column 'model'"),
        ({"table": ""}, "has no column 'model'"),
        ({"table": "model,sums,repo\nx,1,1\n"}, "table.*has no column 'proofs'"),
        ({"table": TABLE + "small-2,1,1,1\n"}, "line 4: names 'small-2' a second time"),
        ({"table": TABLE + ",1,1,1\n"}, "line 4: names no model"),
        ({"table": "model,sums,proofs,repo\nx,1,n/a,1\n"}, "row 'x', column 'proofs': 'n/a'"),
        ({"table": "model,sums,proofs,repo\nx,1,101,1\n"}, "'101' is not 0 to 100"),
        ({"table": "model,sums,proofs,repo\nx,1,nan,1\n"}, "'nan' is not"),
        ({"table": "model,sums,proofs,repo\nx,1\n"}, "row 'x', column 'proofs': None"),
        ({"cost": COST.replace("30,10,20", "30,0,20")}, "column 'nq_sums': '0' is not at least 1"),
        ({"cost": COST.replace("4.0", "-4")}, "column 'proofs': '-4'"),
        ({"cost": COST.replace("4.0", "inf")}, "column 'proofs': 'inf'"),
        ({"cost": COST.replace("out_repo", "out_x")}, "cost_.*has no column 'out_repo'"),
        ({"table": 'model,sums\n"x,1\n'}, "is no readable CSV"),
        ({"categories": []}, "must map each category"),
        ({"categories": {"Coding": "repo"}}, "must map each category"),
        ({"categories": {}}, "must map each category"),
    ],
)
def test_a_malformed_table_is_named_with_row_and_column(tmp_path, files, what):
    with pytest.raises(ConfigurationError, match=what):
        livebench.read(release(tmp_path / "x", **files))


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match="is no directory"):
        livebench.read(tmp_path / "nowhere")
    place = release(tmp_path / "x")
    (place / "categories_2026_06_25.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"categories.*is not JSON"):
        livebench.read(place)
    place = release(tmp_path / "x")
    (place / "livebench_table_2026_06_25.csv").write_bytes(b"model,\xff\n")
    with pytest.raises(ConfigurationError, match=r"table.*is no readable CSV"):
        livebench.read(place)
