"""``llmrouter classify``: tasks of a file of prompts."""

from __future__ import annotations

import io
import json
import sys

import pytest

from llmrouter_integrations.cli import main
from llmrouter_integrations.hints import TASKS
from llmrouter_integrations.routing import task
from llmrouter_integrations.routing.task_model import shipped

LINES = [
    {"id": "a", "prompt": "Write a Python function that reverses a list"},
    {
        "messages": [
            {"role": "system", "content": "Translate everything the user writes into French."},
            {"role": "user", "content": "good evening, how are you?"},
        ]
    },
    {"prompt": ""},
    {
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "search", "parameters": {}}}],
    },
    {"prompt": "Was ist 15% von 80?"},
]
TOLD = ["code", "translation", "chat", "tool_use", "math"]


@pytest.fixture
def classify(monkeypatch, capsys, tmp_path):
    """Classify lines; gives exit status, what was printed, and what was said aside."""

    def run(lines, *options, stdin=False):
        written = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        path = tmp_path / "prompts.jsonl"
        path.write_text(written, encoding="utf-8")
        if stdin:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(written.encode())))
        monkeypatch.setattr(
            sys, "argv", ["llmrouter", "classify", *options, "-" if stdin else str(path)]
        )
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return left.value.code or 0, said.out, said.err

    return run


@pytest.mark.parametrize("stdin", [False, True])
def test_each_line_gets_its_task_and_every_probability(classify, stdin):
    status, out, aside = classify(LINES, "--json", stdin=stdin)
    told = [json.loads(line) for line in out.splitlines()]
    assert (status, aside) == (0, "")
    assert [row["task"] for row in told] == TOLD
    assert [row["line"] for row in told] == [1, 2, 3, 4, 5]
    assert told[0]["id"] == "a"
    assert told[3]["task_source"] == "structure"
    for row in told:
        assert set(row["probabilities"]) == set(TASKS)
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=0.001)
        assert row["probabilities"][row["task"]] == pytest.approx(row["probability"], abs=0.001)


def test_people_are_told_in_lines(classify):
    status, out, _ = classify(LINES)
    assert status == 0
    assert [line.split()[1] for line in out.splitlines()] == TOLD
    assert "reverses a list" in out


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("nonsense", "this is not JSON"),
        ("[1]", 'either "prompt" or "messages"'),
        ({"promt": "x"}, 'either "prompt" or "messages"'),
        ({"prompt": "x", "messages": []}, 'either "prompt" or "messages"'),
        ({"prompt": 3}, "must be a text, not int"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages"),
        ({"messages": [{"role": "usr", "content": "x"}]}, "usr"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_told(classify, line, complaint):
    status, out, aside = classify([LINES[0], line, LINES[4]], "--json")
    assert status == 1
    assert [json.loads(row)["line"] for row in out.splitlines()] == [1, 3]
    assert "line 2: " in aside
    assert complaint in aside
    assert "1 of 3 lines could not be read" in aside
    assert "Traceback" not in aside


@pytest.mark.parametrize("lines", [[], ["", "  "]])
def test_an_empty_file_is_told(classify, lines):
    status, out, aside = classify(lines, "--json")
    assert (status, out) == (1, "")
    assert "there is nothing to read" in aside


def test_a_file_that_is_not_there_is_told(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["llmrouter", "classify", "absent.jsonl"])
    with pytest.raises(SystemExit):
        main()
    assert "cannot read absent.jsonl" in capsys.readouterr().err


def test_an_empty_prompt_is_chat_with_little_probability(classify):
    _, out, _ = classify([{"prompt": ""}], "--json")
    told = json.loads(out)
    assert (told["task"], told["task_source"]) == ("chat", "default")
    assert told["probability"] == max(told["probabilities"].values()) == 0.25
    assert sum(told["probabilities"].values()) == pytest.approx(1, abs=0.001)


def test_where_nothing_is_sure_chat_is_as_likely_as_the_likeliest(classify, monkeypatch):
    tasks = shipped().tasks
    logits = tuple({"chat": -9.0, "math": 0.1}.get(name, 0.0) for name in tasks)
    monkeypatch.setattr(task, "opinion_of", lambda _text: shipped().weigh(logits))
    _, out, _ = classify([{"prompt": "mmh"}], "--json")
    told = json.loads(out)
    chances = told["probabilities"]
    assert (told["task"], told["task_source"]) == ("chat", "default")
    assert next(iter(chances)) == "chat"
    assert told["probability"] == chances["chat"] == chances["math"] == max(chances.values())
    assert sum(chances.values()) == pytest.approx(1, abs=0.001)
    _, line, _ = classify([{"prompt": "mmh"}])
    assert f"(default; chat {told['probability']:.2f}," in line


def test_a_file_that_is_no_json_is_told_in_a_few_lines(classify):
    status, out, aside = classify(["prompt,task", *["a sentence, code"] * 500])
    assert (status, out) == (1, "")
    assert "line 3: this is not JSON" in aside
    assert "line 4: " not in aside
    assert "498 more lines could not be read" in aside
    assert "501 of 501 lines could not be read" in aside
    assert aside.count("\n") <= 6
