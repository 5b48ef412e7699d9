"""The cassettes replay, offline, to what was seen when they were recorded."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import yaml

from llmrouter_integrations import Router

CASSETTES = Path(__file__).parent.parent / "cassettes"


def _load_recorder():
    spec = importlib.util.spec_from_file_location("cassette_recorder", CASSETTES / "record.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


recording = _load_recorder()
ROWS = [(p, name) for p in recording.RECORDED for name in recording.SCENARIOS]


@pytest.mark.parametrize(("provider", "name"), ROWS, ids=lambda v: getattr(v, "protocol", v))
def test_a_cassette_replays_to_what_was_seen(provider, name):
    path = recording.path_of(provider, name)
    kept = yaml.safe_load(path.read_text(encoding="utf-8"))
    target = recording.target_for_replay(provider, simulated=kept["source"] == "simulated")
    with (
        recording.recorder(path, "none") as cassette,
        Router([target], http="httpx", max_retries=0) as router,
    ):
        seen = recording._plain(recording.SCENARIOS[name](router))
    assert seen == kept["seen"]
    assert cassette.all_played


def test_the_readme_says_of_every_cassette_what_it_is():
    assert (CASSETTES / "README.md").read_text(encoding="utf-8") == recording.readme()
    stored = {p.relative_to(CASSETTES).as_posix() for p in CASSETTES.glob("*/*.yaml")}
    assert stored == {f"{p.protocol}/{name}.yaml" for p, name in ROWS}


def test_no_cassette_holds_a_key():
    for path in CASSETTES.glob("*/*.yaml"):
        text = path.read_text(encoding="utf-8").lower()
        for header in recording.KEY_HEADERS:
            assert f"{header}:" not in text, path
