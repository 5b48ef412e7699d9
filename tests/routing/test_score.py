"""What a target is worth for a request whose task is not certain."""

from __future__ import annotations

import pytest

from llmrouter_integrations.config import TargetConfig
from llmrouter_integrations.messages import Message, Request, TextPart
from llmrouter_integrations.routing.decision import Features, TaskOdds
from llmrouter_integrations.routing.prospects import Prospects
from llmrouter_integrations.routing.score import Scorer
from llmrouter_integrations.routing.target import Target
from llmrouter_integrations.state.base import Snapshot

REQUEST = Request((Message("user", (TextPart("?"),)),))


def target(**quality):
    config = TargetConfig(
        model="openai/m", quality=quality, input_usd_per_mtok=1.0, output_usd_per_mtok=10.0
    )
    return Target.build(config, None, provider="openai", quota_group="g")


def features(task, difficulty, odds=()):
    return Features(task, "classifier", difficulty, frozenset(), 100, 200, odds=odds)


def score(seen, of):
    (scored,) = Scorer(REQUEST, seen, Prospects([of]), Snapshot()).score(1.0, 0.0)
    return scored


def test_what_is_expected_is_averaged_over_what_may_be_meant():
    able = target(code=0.9, chat=0.4, overall=0.5)
    odds = (
        TaskOdds("code", 0.5, 0.55),
        TaskOdds("chat", 0.3, 0.3),
        TaskOdds("overall", 0.2, 0.4),
    )
    each = [score(features(o.task, o.difficulty), able) for o in odds]
    torn = score(features("code", 0.4, odds), able)
    for part in ("quality", "cost_usd", "latency_s", "utility_usd"):
        mean = sum(o.probability * getattr(s, part) for o, s in zip(odds, each, strict=True))
        assert getattr(torn, part) == pytest.approx(mean), part


def test_a_certain_task_is_the_only_one_that_counts():
    seen = features("code", 0.5)
    assert score(seen, target(code=0.9, chat=0.1)).quality == pytest.approx(0.9)
