"""``llmrouter eval``, as typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from llmrouter_integrations.cli import main
from tests.evaluation.labels import table

ROUTING = Path(__file__).parents[3] / "shared" / "routing"


@pytest.fixture
def run(monkeypatch, capsys):
    def type_in(*words):
        monkeypatch.setattr(sys, "argv", ["llmrouter", "eval", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        told = capsys.readouterr()
        return left.value.code or 0, told.out, told.err

    return type_in


def written(path, made, *, costs=True):
    heads = [f"quality:{model}" for model in made.models]
    rows = [made.quality]
    if costs:
        heads += [f"cost:{model}" for model in made.models]
        rows.append(made.cost)
    lines = [",".join(["prompt", "task", *heads])]
    for n, prompt in enumerate(made.prompts):
        figures = [f"{figure:g}" for part in rows for figure in part[n]]
        lines.append(",".join([prompt, made.tasks[n], *figures]))
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def labels(tmp_path):
    return written(tmp_path / "labels.csv", table(80))


def test_held_out_work_is_one_command(run, tmp_path, labels):
    other = written(tmp_path / "other.csv", table(90, seed=1))
    out = tmp_path / "out.json"
    status, told, _ = run(
        "--train", labels, "--test", other, "--json", out, "--resamples", 10, "--labels", 50
    )
    assert status == 0
    record = json.loads(out.read_bytes())
    assert (record["data"]["rows"], record["data"]["labels"]) == (90, 50)
    assert 0 < record["router"]["aiq"] < 1
    assert len(record["baselines"]) == 7
    assert "other.csv: 90 prompts, 3 models; held-out, at most 50 labels" in told
    for word in ("APGR", "CPT50", "AIQ", "C@98", "arena score", "flip rate", "Oracle"):
        assert word in told


def test_one_file_is_split_and_json_goes_to_standard_output_alone(run, labels):
    status, told, _ = run(labels, "--split", "leave-one-task-out", "--json", "-", "--resamples", 0)
    assert status == 0
    assert json.loads(told)["data"]["folds"] == ["task 0", "task 1", "task 2"]


def test_policies_routers_and_a_page_come_along(run, tmp_path, labels, monkeypatch):
    (tmp_path / "theirs.py").write_text("def tiny(prompt):\n    return 'tiny'\n")
    (tmp_path / "mine.yaml").write_text("models: [{model: openai/gpt-5.4, name: strong}]\n")
    (tmp_path / "other.csv").write_text("prompt,paraphrase\n" + f"{table(80).prompts[0]},again\n")
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.html"
    status, told, _ = run(
        labels, "--router", "theirs:tiny", "--policy", "quality", "--policy", "mine.yaml",
        "--html", page, "--resamples", 5, "--paraphrases", "other.csv",
    )  # fmt: skip
    assert status == 0
    assert "llmrouter, quality" in told
    assert "mine.yaml" in told
    assert "tiny" in told
    assert page.read_text().startswith("<!doctype html>")


def test_presets_without_dollars_are_said_to_mean_nothing(run, tmp_path):
    bare = written(tmp_path / "bare.csv", table(40), costs=False)
    status, told, _ = run(bare, "--policy", "cost", "--resamples", 0)
    assert status == 0
    assert "presets are prices in dollars, and these data have none" in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "give one of: a file of labels; --train and --test"),
        (["--train", "a.csv"], "give one of"),
        (["x.csv", "--train", "a.csv", "--test", "b.csv"], "give one of"),
        (["none.csv"], "DatasetError: none.csv: no such file"),
        (["none.csv", "--split", "half"], "there is no split 'half'"),
        (["--livebench", "none"], "is no directory of LiveBench tables"),
        (["."], "DatasetError: .: is no file"),
        (["none.csv", "--json", "no/o.json"], "no/o.json: cannot be written: it is in no folder"),
        (["none.csv", "--html", "."], ".: cannot be written: it is a folder"),
    ],
)
def test_what_is_typed_wrong_is_told_in_a_line(run, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    status, _, aside = run(*words)
    assert status == 1
    assert says in aside
    assert len(aside.strip().splitlines()) == 1


def test_livebench_is_judged_by_the_same_command(run, tmp_path):
    from tests.evaluation.test_traffic import release

    out, page = tmp_path / "out.json", tmp_path / "page.html"
    bench = release(tmp_path / "bench")
    status, told, _ = run("--livebench", bench, "--halvings", 4, "--json", out, "--html", page)
    assert status == 0
    assert json.loads(out.read_bytes())["halvings"] == 4
    assert "left out, having no price: preview" in told
    assert "lead over the hull" in told
    assert "<svg" in page.read_text()


def test_without_numpy_the_command_says_what_to_install(run, labels, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("llmrouter_integrations.eval")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numpy", None)
    status, _, aside = run(labels)
    assert status == 1
    assert "pip install 'llmrouter-integrations[eval]'" in aside


def test_the_router_and_the_other_commands_do_without_numpy():
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "import llmrouter_integrations.cli.app, llmrouter_integrations.router\n"
        "assert not [m for m in sys.modules if m.startswith('llmrouter_integrations.evaluation')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.skipif(not ROUTING.is_dir(), reason="the public labels are not at ../shared/routing")
def test_the_length_of_the_prompt_is_as_good_as_was_published(run):
    """Prompt length on RouteLLM's MMLU rows: APGR .583 (shared/routing/INDEX.md)."""
    status, told, _ = run(
        ROUTING / "routellm_mmlu_dev.csv", "--json", "-", "--resamples", 20, "--labels", 300
    )
    assert status == 0
    length = json.loads(told)["baselines"]["prompt_length"]
    assert length["apgr"] == pytest.approx(0.583, abs=0.01)
    assert length["cpt50"] == pytest.approx(0.367, abs=0.03)
