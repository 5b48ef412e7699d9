"""Columns over targets say what each target says itself."""

from __future__ import annotations

import pytest

from llmrouter_integrations.catalog.model import Rates
from llmrouter_integrations.config import TargetConfig
from llmrouter_integrations.routing import prospects as module
from llmrouter_integrations.routing.prospects import Prospects
from llmrouter_integrations.routing.target import FREE, Target


def target(name="m", **stated):
    config = TargetConfig(model=f"acme/{name}", name=name, **stated)
    return Target.build(config, None, provider="acme", quota_group="g")


PRICE = {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 10.0}
PAIR = (target("a", quality={"code": 0.9, "overall": 0.4}), target("b", quality=0.6))


@pytest.mark.parametrize("task", ["code", "chat", "overall"])
@pytest.mark.parametrize("difficulty", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("effort", [None, "high"])
def test_quality_is_the_score_to_the_power_of_twice_the_difficulty(task, difficulty, effort):
    prospects = Prospects(PAIR)
    expected = [t.outlook(task, effort).quality ** (2.0 * difficulty) for t in PAIR]
    assert prospects.quality(task, effort, difficulty) == expected
    assert prospects.quality(task, effort, difficulty) == expected  # as remembered
    spent = [t.outlook(task, effort).reasoning_tokens for t in PAIR]
    assert prospects.reasoning(task, effort) == spent


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST_COLUMNS", 3)
    prospects = Prospects(PAIR)
    first = prospects.quality("code", None, 0.0)
    for step in range(10):
        prospects.quality("code", None, step / 10)
        assert len(prospects._columns) <= 3
    assert prospects.quality("code", None, 0.0) == first


def test_who_has_no_price_is_as_dear_as_the_dearest():
    cheap, dear = target("c", **PRICE), target("d", **{**PRICE, "output_usd_per_mtok": 20.0})
    assert Prospects([cheap, PAIR[0], dear]).rates == [cheap.rates, dear.rates, dear.rates]
    assert Prospects(PAIR).rates == [FREE, FREE]
    assert isinstance(cheap.rates, Rates)


def test_the_least_window_is_of_the_one_with_the_least():
    assert Prospects(PAIR).least_window == float("inf")
    windows = [target("e", context_window=9_000), target("f", context_window=8_000), *PAIR]
    assert Prospects(windows).least_window == 8_000
