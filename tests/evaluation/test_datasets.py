"""Reading labels: every form of column, every kind of bad file, bounded memory."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from llmrouter_integrations.errors import DatasetError, MissingColumnError
from llmrouter_integrations.evaluation import columns, reading
from llmrouter_integrations.evaluation.datasets import LabelledTable, read_table

NAN = float("nan")


@pytest.fixture
def write(tmp_path):
    def to(text, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return to


FORMS = [
    # what the file holds, models, first row's quality, first row's cost
    ("prompt,a,b\nhi,1,0.5\n", ("a", "b"), [1, 0.5], None),
    ("prompt,quality:a,quality:b,other\nhi,1,0,x\n", ("a", "b"), [1, 0], None),
    ("prompt,quality:a,cost:a,quality:b,cost:b\nhi,1,.2,0,.1\n", ("a", "b"), [1, 0], [0.2, 0.1]),
    ("prompt,score:a,score:b\nhi,1,0\n", ("a", "b"), [1, 0], None),
    ("prompt,a,b,b|total_cost,a|total_cost\nhi,1,0,2,3\n", ("a", "b"), [1, 0], [3, 2]),
    ("prompt,a,b,cost:a,cost:b\nhi,1,0,2,3\n", ("a", "b"), [1, 0], [2, 3]),
    ("prompt,domain,s,w,extra\nhi,math,1.0,0.0,7\n", ("s", "w"), [1, 0], None),
    ("Prompt,a,b\nhi,True,false\n", ("a", "b"), [1, 0], None),
    ("sample_id,prompt,a,b,split,note\n9,hi,1,0,test,words\n", ("a", "b"), [1, 0], None),
    ("prompt,a,b\nhi,1,\nyo,nan,0\n", ("a", "b"), [1, NAN], None),
    ("query,model_name,performance\nhi,a,1\nhi,b,.5\nyo,b,0\n", ("a", "b"), [1, 0.5], None),
    ("prompt,model,score,cost\nhi,a,1,.1\nhi,b,0,.2\n", ("a", "b"), [1, 0], [0.1, 0.2]),
]


@pytest.mark.parametrize(("text", "models", "quality", "cost"), FORMS)
def test_every_form_of_columns_is_read(write, text, models, quality, cost):
    table = read_table(write(text))
    assert table.models == models
    assert table.prompts[0] == "hi"
    np.testing.assert_array_equal(table.quality[0], quality)
    if cost is None:
        assert table.cost is None
    else:
        np.testing.assert_array_equal(table.cost[0], cost)


WRONG = [
    # what the file holds, error, what the message says
    ("", DatasetError, "is empty"),
    ("a,b\n1,2\n", MissingColumnError, "line 1: no column 'prompt'; the columns are a, b"),
    ("prompt,words\nhi,x\n", MissingColumnError, "no column of numbers"),
    ("prompt,a\nhi,1\nyo,x\n", DatasetError, "line 3, column 'a': 'x' is not a quality of 0..1"),
    ("prompt,a\nhi,1\nyo,55\n", DatasetError, "line 3, column 'a': '55' is not a quality"),
    ("prompt,a\nhi,inf\n", DatasetError, "'inf' is not a quality"),
    ("prompt,quality:a,cost:a\nhi,1,-1\n", DatasetError, "'-1' is not a cost in dollars"),
    ("prompt,quality:a,cost:a\nhi,1,1e308\n", DatasetError, "'1e308' is not a cost in dollars"),
    ("prompt;a;b\nhi;1;0\n", MissingColumnError, "cells were separated by ';': write commas"),
    ("prompt,quality:a,cost:z\nhi,1,1\n", DatasetError, "cost of 'z', which has no quality"),
    ("prompt,a,a\nhi,1,0\n", DatasetError, "two columns are called 'a'"),
    ("prompt,a\nhi,1,0\n", DatasetError, "line 2: has 3 cells where the header has 2"),
    ('prompt,a\n"hi,1\n', DatasetError, "line 2: unexpected end of data"),
    (b"prompt,a\n\xff\xfe,1\n", DatasetError, "is not UTF-8"),
    ("prompt,a\n,1\n  ,0\n", DatasetError, "no row has both .*2 rows without a prompt"),
    ("prompt,model,score\nhi,a,1\nhi,a,0\n", DatasetError, "line 3: a second answer of 'a'"),
    ("prompt,model,score\nhi,,1\n", DatasetError, "line 2: names no model"),
]


@pytest.mark.parametrize(("text", "kind", "says"), WRONG)
def test_a_bad_file_is_told_by_line_and_column(write, text, kind, says):
    with pytest.raises(kind, match=says):
        read_table(write(text))


def test_lines_are_counted_through_cells_of_many_lines(write):
    text = 'prompt,a\n"one\ntwo\nthree",1\n"four\nfive",oops\n'
    with pytest.raises(DatasetError, match="line 5, column 'a'"):
        read_table(write(text))


def test_a_byte_order_mark_and_windows_lines_are_no_obstacle(write):
    table = read_table(write("\ufeffprompt,a,b\r\nhi,1,0\r\n"))
    assert (table.prompts, table.models) == (("hi",), ("a", "b"))


def test_rows_without_prompt_or_quality_are_left_out_and_noted(write):
    table = read_table(write("prompt,a,b\nhi,1,0\n,1,1\nyo,,\n"))
    assert table.prompts == ("hi",)
    assert "1 rows without a prompt are left out" in table.notes
    assert "1 rows without any quality are left out" in table.notes


def test_a_column_without_numbers_is_left_out_and_noted(write):
    table = read_table(write("prompt,a,b,answer\nhi,1,0,yes\n"))
    assert table.models == ("a", "b")
    assert table.notes == ("columns without numbers are left out: answer",)


def test_a_model_without_cost_is_left_out_where_others_have_one(write):
    table = read_table(write("prompt,a,b,cost:a\nhi,1,0,2\n"))
    assert table.models == ("a",)
    assert "model 'b' is left out" in table.notes[0]


def test_a_huge_cell_is_read_and_an_endless_one_is_an_error(write, monkeypatch):
    import csv

    usual = csv.field_size_limit()
    path = write(f'prompt,a\n"{"x" * 200_000}",1\n')
    assert len(read_table(path).prompts[0]) == 200_000
    monkeypatch.setattr(reading, "MAX_CELL_CHARACTERS", 1000)
    with pytest.raises(DatasetError, match="line 2: field larger than field limit"):
        read_table(path)
    assert csv.field_size_limit() == usual


def test_json_lines_may_nest_their_scores_and_name_models_late(write):
    rows = [
        {"prompt": "hi", "task": "t", "scores": {"a": 1}, "costs": {"a": 0.5}},
        {"prompt": "yo", "task": "u", "scores": {"a": 0, "b": True}, "costs": {"a": 1, "b": 2}},
    ]
    text = "\n".join(json.dumps(row) for row in rows) + "\n\n"
    table = read_table(write(text, "data.jsonl"))
    assert (table.models, table.tasks) == (("a", "b"), ("t", "u"))
    np.testing.assert_array_equal(table.quality, [[1, NAN], [0, 1]])
    np.testing.assert_array_equal(table.cost, [[0.5, NAN], [1, 2]])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"prompt": "hi", "a": 1}\n{"prompt', "line 2: is not JSON"),
        ('{"prompt": "hi", "a": NaN}\n', "line 1: is not JSON: NaN is no JSON number; write null"),
        ('{"prompt": "NaN", "a": -Infinity}\n', "-Infinity is no JSON number"),
        ("[1]\n", "line 1: is not a JSON object"),
        ('{"prompt": 5, "a": 1}\n', "line 1, column 'prompt': a prompt must be text, not int"),
        ("", "is empty"),
    ],
)
def test_bad_json_lines_are_told_by_line(write, text, says):
    with pytest.raises(DatasetError, match=says):
        read_table(write(text, "data.jsonl"))


def test_gzip_and_tabs_are_read(write):
    packed = gzip.compress(b"prompt\ta\tb\nhi\t1\t0\n")
    assert read_table(write(packed, "data.tsv.gz")).models == ("a", "b")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_table(write(packed[:-9], "cut.tsv.gz"))


def test_other_files_are_refused_by_name(write, tmp_path):
    with pytest.raises(DatasetError, match=r"must be \.csv"):
        read_table(write("x", "data.pkl"))
    with pytest.raises(DatasetError, match="no such file"):
        read_table(tmp_path / "none.csv")


def test_parquet_is_read_like_csv(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow reads parquet, and is not installed")
    from pyarrow import parquet

    path = tmp_path / "data.parquet"
    parquet.write_table(pyarrow.table({"prompt": ["hi", "yo"], "a": [1.0, None]}), path)
    table = read_table(path)
    assert table.models == ("a",)
    assert table.prompts == ("hi",)
    (tmp_path / "bad.parquet").write_bytes(b"no")
    with pytest.raises(DatasetError, match="no readable parquet"):
        read_table(tmp_path / "bad.parquet")


def test_parquet_without_pyarrow_says_what_to_install(write, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DatasetError, match="pip install pyarrow"):
        read_table(write("x", "data.parquet"))


def long_file(rows):
    return "prompt,task,a,b\n" + "".join(f"question {n},t,{n % 2},1\n" for n in range(rows))


def test_of_more_rows_than_fit_a_sample_is_kept_and_noted(write):
    path = write(long_file(3000))
    table = read_table(path, max_rows=300)
    assert len(table) == 300
    assert table.notes == ("a sample of 300 of 3000 labelled rows",)
    numbers = [int(prompt.split()[1]) for prompt in table.prompts]
    assert numbers == sorted(numbers)  # as they came
    assert abs(np.mean(numbers) - 1500) < 4 * 3000 / np.sqrt(12 * 300)  # from everywhere
    assert read_table(path, max_rows=300).prompts == table.prompts
    assert read_table(path, max_rows=300, seed=1).prompts != table.prompts


def test_characters_are_bounded_too(write):
    table = read_table(write(long_file(1000)), max_characters=2000)
    assert 1000 < sum(map(len, table.prompts)) <= 2000


def test_rows_of_one_prompt_are_sampled_together(write):
    text = "prompt,model,score\n" + "".join(
        f"question {n},{model},1\n" for model in "abc" for n in range(500)
    )
    table = read_table(write(text), max_rows=50)
    assert len(table) == 50
    assert not np.isnan(table.quality).any()


def test_progress_is_told(write):
    told = []
    read_table(write(long_file(2500)), on_row=told.append)
    assert told == [1000, 2000]


def test_a_table_checks_its_shape():
    with pytest.raises(ValueError, match=r"quality is \(1, 2\), not \(2, 2\)"):
        LabelledTable(("a", "b"), ("m", "n"), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="1 tasks for 2 prompts"):
        LabelledTable(("a", "b"), ("m",), np.zeros((2, 1)), tasks=("t",))


def test_rows_and_columns_are_taken_with_all_that_belongs_to_them():
    table = LabelledTable(
        ("p", "q"),
        ("m", "n"),
        np.array([[1, 0], [0, 1.0]]),
        cost=np.array([[1, 2], [3, 4.0]]),
        domains=("d", "e"),
    )
    part = table.rows([1]).columns(["n"])
    assert (part.prompts, part.models, part.groups) == (("q",), ("n",), ("e",))
    assert (part.quality.tolist(), part.cost.tolist()) == ([[1.0]], [[4.0]])
    assert table.rows(np.array([False, True])).prompts == ("q",)


@pytest.mark.parametrize(
    ("cell", "read"), [("1", 1), (" 0.5 ", 0.5), ("TRUE", 1), (False, 0), (1, 1), ("n/a", NAN)]
)
def test_numbers_are_read_in_all_their_spellings(cell, read):
    np.testing.assert_equal(columns.number(cell), read)
