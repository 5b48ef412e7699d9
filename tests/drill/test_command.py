"""``llmrouter drill``, as typed."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from llmrouter_integrations.cli import drill as command
from llmrouter_integrations.cli.app import app
from llmrouter_integrations.drill.results import Guarantee
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.testing import Reply

SMALL = ("--requests", "4", "--concurrency", "2")


def run(*words):
    return CliRunner().invoke(app, ["drill", *words])


def test_it_drills_what_is_named_in_the_modes_named_and_tells_machines():
    done = run(
        "--fault", "overloaded", "--fault", "billing", "--streamed", "--async", "--json", *SMALL
    )
    told = json.loads(done.stdout)
    assert done.exit_code == 0, done.output
    assert told["passed"] is True
    assert [(f["fault"], f["mode"]) for f in told["faults"]] == [
        ("overloaded", "astream"),
        ("billing", "astream"),
    ]
    assert told["faults"][0]["outcomes"] == {"whole": 6}
    assert told["guarantees"] == []


def test_it_tells_people_in_a_table_or_where_that_is_narrow_in_a_list(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    wide = run("--fault", "cut", "--fault", "invalid-request", "--sync", *SMALL)
    assert wide.exit_code == 0, wide.output
    assert "told to have broken off" in wide.stdout
    assert "100% told an error" in wide.stdout
    assert "passed: 2 of 2 faults" in wide.stdout
    monkeypatch.setenv("COLUMNS", "80")
    narrow = run("--fault", "error-in-200", "--protocol", "bedrock", "--plain", *SMALL)
    assert "skipped: bedrock cannot show it" in narrow.stdout


def test_a_verdict_that_fails_is_told_and_is_the_exit_status(monkeypatch):
    monkeypatch.setattr(command, "REQUESTS", 4)
    monkeypatch.setattr("llmrouter_integrations.drill.engine.NEVER", ("whole",))
    done = run("--fault", "overloaded", "--plain", "--sync", "--concurrency", "2")
    assert done.exit_code == 1
    assert "overloaded, complete: 6 whole: request 0," in done.stdout
    assert "passed: 0 of 1 faults" in done.stdout


def test_without_a_fault_named_the_guarantees_are_measured_too(monkeypatch):
    asked = []

    def measured(scene, **given):
        asked.append(given)
        return [Guarantee("ends at its deadline", "complete", 0.2, 0.1, "s over", "odd")]

    monkeypatch.setattr(command, "deadlines", measured)
    monkeypatch.setattr(command, "cancellations", lambda scene: [])
    monkeypatch.setattr(command, "chosen", lambda names: ())
    done = run("--streamed", "--sync")
    assert done.exit_code == 1
    assert "0.2 s over (odd)" in done.stdout
    assert [mode.name for mode in asked[0]["modes"]] == ["stream"]


def test_leaks_are_counted_instead(monkeypatch):
    monkeypatch.setattr(
        command,
        "leaks",
        lambda scene, **given: [Guarantee("after", "threads", given["requests"], 500, "more")],
    )
    done = run("--leaks", "400")
    assert done.exit_code == 0, done.output
    assert "400 more" in done.stdout


@pytest.fixture
def config(tmp_path, simulator):
    simulator.default(lambda request: Reply(request.last_text.rpartition(": ")[2]))
    lines = ["policy: ordered", "models:"]
    for provider in ("openai", "anthropic"):
        target = simulator.target(provider, "m", name=provider)
        lines += [f"- {{{', '.join(f'{key}: {value}' for key, value in target.items())}}}"]
    path = tmp_path / "llmrouter.yaml"
    path.write_text("\n".join(lines))
    return str(path)


def test_a_configuration_is_drilled_offline_and_live(config, simulator):
    words = ("--config", config, "--fault", "overloaded", "--plain", "--sync", "--json")
    offline = json.loads(run(*words, *SMALL).stdout)
    assert offline["faults"][0]["faulty"] == ["openai"]
    assert not simulator.requests
    live = json.loads(run(*words, "--live").stdout)
    assert live["passed"] is True
    assert live["faults"][0]["requests"] == 2 * command.LIVE_REQUESTS
    assert simulator.requests


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--live",), "takes --config"),
        (("--live", "--config", "x.yaml", "--leaks", "100"), "neither --protocol nor --leaks"),
        (("--protocol", "gopher"), "is none of openai-chat"),
        (("--protocol", "gemini", "--config", "x.yaml"), "give it or --config"),
        (("--fault", "overload"), "did you mean 'overloaded'"),
        (("--config", "x.yaml"), "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_told(words, told):
    done = run(*words)
    assert isinstance(done.exception, ConfigurationError)
    assert told in str(done.exception)
