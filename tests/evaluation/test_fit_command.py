"""``llmrouter fit``, as typed."""

from __future__ import annotations

import json
import sys

import pytest

from llmrouter_integrations.cli import main
from llmrouter_integrations.routing.fitted_file import load

WORDS = (["ruby", "opal", "pearl"], ["hammer", "chisel", "lathe"])


@pytest.fixture
def run(monkeypatch, capsys):
    def type_in(*words):
        monkeypatch.setattr(sys, "argv", ["llmrouter", "fit", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        told = capsys.readouterr()
        return left.value.code or 0, told.out, told.err

    return type_in


def written(path, models, rows=90):
    """Labels in which the first model knows the one kind of thing, the second the other."""
    lines = [",".join(["prompt", "task", *models])]
    for n in range(rows):
        kind = n % 2
        words = f"what is a {WORDS[kind][n % 3]} number {'x' * (n % 7 + 1)} worth in shop {n}"
        labels = [str(int(kind == place % 2)) for place in range(len(models))]
        lines.append(",".join([words, f"kind {kind}", *labels]))
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def labels(tmp_path):
    return written(tmp_path / "labels.csv", ("one", "two"))


def test_labels_become_a_file_and_a_report(run, tmp_path, labels):
    out = tmp_path / "fitted.npz"
    status, told, _ = run(labels, "--out", out)
    assert status == 0
    for said in ("labels.csv: 90 prompts, 2 models, 2 tasks; penalties: tasks", "its labels",
                 "fitted, task told", "each model's mean", "oracle", f"written to {out}"):  # fmt: skip
        assert said in told
    quality = load(out).predict_one("what is a ruby number xx worth in shop 9").quality
    assert quality["one"] > quality["two"]


def test_json_is_for_machines(run, labels):
    status, told, _ = run(labels, "--json")
    record = json.loads(told)
    assert status == 0
    assert record["format"] == 1
    assert record["left_out"]["fitted"]["best_quality"] > 0.9
    assert record["models"]["one"]["labels"] == 90


def test_a_new_model_is_added_to_what_was_learned(run, tmp_path, labels):
    run(labels, "--out", tmp_path / "old.npz")
    new = written(tmp_path / "new.csv", ("three",), rows=30)
    out = tmp_path / "all.npz"
    status, told, _ = run(new, "--onto", tmp_path / "old.npz", "--out", out)
    assert status == 0
    assert "three: level 0.5" in told
    assert load(out).models == ("one", "two", "three")
    status, told, _ = run(new, "--onto", tmp_path / "old.npz", "--out", out, "--json")
    assert json.loads(told)["added"] == {"three": pytest.approx(0.5, abs=0.05)}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.csv"], "DatasetError"),
        (["labels.csv", "--onto", "none.npz"], "--onto needs --out"),
        (["labels.csv", "--onto", "none.npz", "--out", "o.npz"], "there is no such file"),
        (["labels.csv", "--out", "nowhere/o.npz"], "cannot be written"),
        (["empty.csv"], "no row has both a prompt and a quality"),
    ],
)
@pytest.mark.usefixtures("labels")
def test_what_cannot_be_done_is_said_in_a_line(run, tmp_path, monkeypatch, words, said):
    (tmp_path / "empty.csv").write_text("prompt,a,b\nhello,,\n,1,0\n")
    monkeypatch.chdir(tmp_path)
    status, _, told = run(*words)
    assert status == 1
    assert said in told
    assert "Traceback" not in told
