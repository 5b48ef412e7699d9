"""The command line, as typed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from llmrouter_integrations.catalog import Catalog
from llmrouter_integrations.cli import main
from llmrouter_integrations.testing import Fault, Reply

SHARED = Path(__file__).parent.parent.parent / "shared" / "catalog"


@pytest.fixture
def run(monkeypatch, capsys):
    """Type a command; gives exit status, what it printed, and what it said aside."""

    def type_in(*words):
        monkeypatch.setattr(sys, "argv", ["llmrouter", *words])
        with pytest.raises(SystemExit) as left:
            main()
        told = capsys.readouterr()
        return left.value.code or 0, told.out, told.err

    return type_in


@pytest.fixture
def config(tmp_path, simulator):
    """A configuration of two simulated targets."""
    lines = ["policy: ordered", "models:"]
    for provider, model in (("openai", "first"), ("anthropic", "second")):
        target = simulator.target(provider, model)
        lines += [
            f"  - model: {target['model']}",
            f"    base_url: {target['base_url']}",
            "    api_key: sim-key",
            "    input_usd_per_mtok: 1",
            "    output_usd_per_mtok: 2",
        ]
    path = tmp_path / "llmrouter.yaml"
    path.write_text("\n".join(lines))
    return str(path)


def test_ask_streams_an_answer_and_says_aside_who_gave_it(run, config, simulator):
    simulator.script("first", Fault.status(500))
    simulator.script("second", Reply("Oslo, of course."))
    status, out, aside = run("ask", "Capital of Norway?", "--config", config)
    assert (status, out.strip()) == (0, "Oslo, of course.")
    assert "openai/first failed (ServerError)" in aside
    assert "anthropic/second answered" in aside
    assert "$0.0000" in aside


def test_ask_answers_in_json(run, config, simulator):
    simulator.script("first", Reply("Oslo"))
    _, out, _ = run("ask", "Capital of Norway?", "--config", config, "--json")
    answer = json.loads(out)
    assert (answer["text"], answer["target"]) == ("Oslo", "openai/first")
    assert answer["attempts"][0]["outcome"] == "ok"


def test_ask_without_any_key_says_what_to_set(run, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    status, _, aside = run("ask", "Hello?")
    assert status == 1
    assert "set one of OPENAI_API_KEY" in aside
    assert "nor does an Ollama run here" in aside


def test_ask_finds_a_local_ollama(run, monkeypatch, simulator):
    monkeypatch.setenv("OLLAMA_HOST", simulator.url("ollama").removesuffix("/v1"))
    simulator.default(Reply("from the llama"))
    status, out, aside = run("ask", "Hello?")
    assert (status, out.strip()) == (0, "from the llama")
    assert "local Ollama" in aside


def test_explain_shows_every_candidate_and_needs_no_key(run):
    status, out, _ = run(
        "explain",
        "Write a Python function",
        "-m",
        "openai/gpt-5.4-nano",
        "-m",
        "anthropic/claude-opus-5",
    )
    assert status == 0
    assert "task code (told by classifier)" in out
    assert "chosen; quality: LiveBench" in out
    assert "lost by $" in out
    assert "the choice flips to" in out


def test_explain_in_json_and_with_hints(run, config):
    _, out, _ = run("explain", "Hi", "--config", config, "--hint", "exclude=first", "--json")
    decision = json.loads(out)
    assert decision["plan"] == ["anthropic/second"]
    assert decision["candidates"][1]["rejected"] == "excluded by the caller"


def test_explain_tells_which_keys_share_the_traffic(run, tmp_path):
    path = tmp_path / "llmrouter.yaml"
    lines = ["balance: fastest", "models:"]
    lines += [f"  - {{model: openai/gpt-5.4-nano, name: {key}}}" for key in ("one", "two")]
    path.write_text("\n".join(lines))
    _, out, _ = run("explain", "Hi", "--config", str(path))
    assert "shares the traffic with" in " ".join(out.split())


def test_explain_over_all_providers(run):
    status, out, _ = run(
        "explain", "Prove that 2 is prime", "--all", "--prefer", "quality", "--json"
    )
    assert status == 0
    assert len({c["provider"] for c in json.loads(out)["candidates"]}) > 5


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("explain", "Hi", "-m", "openai/x", "--hint", "tsk=code"), "did you mean 'task'"),
        (("explain", "Hi", "-m", "openai/x", "--hint", "task"), "must be written field=value"),
        (("explain", "Hi", "--all", "-m", "openai/x"), "give either --all"),
        (("explain", "Hi", "-m", "gpt"), "must be written provider/model"),
        (("explain", "Hi", "--config", "absent.yaml"), "cannot be read"),
        (("explain", "Hi", "--config", "a.yaml", "-m", "openai/x"), "not both"),
        (("models", "--provider", "opnai"), "did you mean 'openai'"),
        (("models", "--sort", "qualty"), "did you mean 'quality'"),
        (("models", "--ability", "flying"), "no such ability"),
    ],
)
def test_a_mistake_is_told_in_one_line(run, words, complaint):
    status, out, aside = run(*words)
    assert (status, out) == (1, "")
    assert complaint in aside
    assert "Traceback" not in aside


def test_models_lists_with_numbered_sources(run):
    status, out, _ = run("models", "claude-opus-5", "--provider", "anthropic")
    assert status == 0
    assert "anthropic/claude-opus-5" in out
    assert "1: price: genai-prices" in out
    assert "LiveBench" in out


def test_models_of_a_configuration_with_what_is_stated_of_them(run, config):
    status, out, _ = run("models", "--config", config, "--sort", "input_price")
    assert status == 0
    assert "openai/first" in out
    assert "price: stated in the configuration" in out
    assert "2 models" in out


@pytest.mark.parametrize("words", [("demo",), ("models", "opus-5"), ("explain", "Hi", "--all")])
def test_a_narrow_terminal_cuts_no_name(run, monkeypatch, words):
    monkeypatch.setenv("COLUMNS", "70")
    status, out, _ = run(*words)
    assert status == 0
    assert "anthropic/claude-" in out
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= 70


def test_the_version(run):
    status, out, _ = run("--version")
    assert (status, out.strip()) == (0, "llmrouter 0.1.0")


def test_the_demo_plays_the_models_of_a_configuration(run, config):
    status, out, _ = run("demo", "--config", config, "--json")
    assert status == 0
    told = json.loads(out)
    assert {a["target"] for t in told["tasks"] for a in t["attempts"]} == {
        "openai/first",
        "anthropic/second",
    }


def test_models_and_explain_say_how_sure_they_are_and_why(run, tmp_path):
    path = tmp_path / "llmrouter.yaml"
    path.write_text(
        "models:\n"
        "  - {model: openai/gpt-5.5, efforts: [low, high]}\n"
        "  - {model: own/mine, base_url: 'http://127.0.0.1:9', benchmarks: {SWE-Bench Pro: 40}}\n"
    )
    _, out, _ = run("models", "--config", path, "--json")
    told = {m["name"]: m["estimates"]["overall"] for m in json.loads(out)}
    assert set(told) == {"openai/gpt-5.5@low", "openai/gpt-5.5@high", "own/mine"}
    assert told["openai/gpt-5.5@high"]["error"] < told["own/mine"]["error"]
    assert "by SWE-Bench Pro" in told["own/mine"]["source"]
    _, out, _ = run("models", "--config", path)
    assert "gpt-5.5@low" in out
    assert f"{told['own/mine']['value']:.2f} ±{told['own/mine']['error']:.2f}" in out
    _, out, _ = run("explain", "Hi", "--config", path)
    assert re.search(r"0\.\d{3} ±0\.\d\d", out)


def test_models_filters_sorts_and_speaks_json(run):
    _, out, _ = run("models", "--scored", "--sort", "code", "--max-input-usd", "1", "--json")
    found = json.loads(out)
    scores = [m["estimates"]["code"]["value"] for m in found]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) > 5
    assert all(m["rates"]["input_usd"] <= 1e-6 * 1.000001 for m in found)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/catalog, which is not here")
def test_catalog_build_makes_the_committed_table(run, tmp_path):
    out = tmp_path / "models.json"
    sources = Catalog.load().sources
    status, told, _ = run(
        "catalog",
        "build",
        f"--models={SHARED / 'modelsdev-models.tar.gz'}",
        f"--providers={SHARED / 'modelsdev-providers.tar.gz'}",
        f"--livebench={SHARED}",
        f"--out={out}",
        f"--modelsdev-date={sources['models.dev']['date']}",
        f"--modelsdev-commit={sources['models.dev']['commit']}",
        f"--livebench-date={sources['livebench']['date']}",
        f"--livebench-commit={sources['livebench']['commit']}",
    )
    assert status == 0
    assert "LiveBench runs without a vendor's model" in told
    assert Catalog(out.read_bytes()).models() == Catalog.load().models()


def test_the_demo_finishes_four_tasks_while_a_provider_breaks_down(run):
    status, out, _ = run("demo", "--json")
    assert status == 0
    told = json.loads(out)
    tasks = told["tasks"]
    assert [t["task"] for t in tasks] == ["code", "math", "summarization", "creative"]
    assert "751.5" in tasks[1]["answer"]
    assert "$4.1M" in tasks[2]["answer"]
    failed = [a for t in tasks for a in t["attempts"] if a["outcome"] == "error"]
    assert {a["target"] for a in failed} == {"google/gemini-3.7-flash"}
    assert tasks[2]["attempts"][0]["outcome"] == "ok"
    assert tasks[3]["attempts"][-1]["outcome"] == "ok"
    assert len({a["target"] for t in tasks for a in t["attempts"]}) == 3
    assert 0 < told["cost_usd"] < told["best_single_model"]["cost_usd"]
    status, out, _ = run("demo")
    assert "would have cost" in out
