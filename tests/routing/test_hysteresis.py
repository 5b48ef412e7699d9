"""Near-ties stay where they are."""

from __future__ import annotations

import pytest

from llmrouter_integrations.hints import EMPTY, RoutingHints
from llmrouter_integrations.routing import hysteresis
from llmrouter_integrations.routing.decision import Scored
from llmrouter_integrations.routing.hysteresis import Incumbents, traffic_of
from tests.scripted import make_target


def ready(**utilities):
    found = [Scored(u, make_target(f"acme/{n}"), 0.5, 0.0, 1.0) for n, u in utilities.items()]
    return sorted(found, reverse=True, key=lambda s: s.utility_usd)


def names(listed):
    return [s.target.model for s in listed]


@pytest.mark.parametrize(
    ("utilities", "order"),
    [
        ({"a": 0.90, "b": 0.91}, ["a", "b"]),
        ({"a": 0.90, "b": 0.95, "c": 0.93}, ["a", "b", "c"]),
        ({"a": 0.90, "b": 1.01}, ["b", "a"]),
        ({"a": 0.90, "b": 0.80}, ["a", "b"]),
        ({"b": 0.80, "c": 0.90}, ["c", "b"]),
    ],
)
def test_the_one_chosen_last_stays_within_the_margin(utilities, order):
    incumbents = Incumbents(0.1)
    incumbents.chose("traffic", make_target("acme/a"))
    listed = ready(**utilities)
    kept = incumbents.keep(listed, "traffic", 1.0)
    assert names(listed) == order
    best = max(utilities, key=utilities.get)
    assert (kept is not None) == (order[0] != best)
    if kept is not None:
        assert (kept.target, kept.over) == ("acme/a", f"acme/{best}")
        assert kept.gain_usd == pytest.approx(utilities[best] - utilities["a"])
        assert kept.margin_usd == pytest.approx(0.1)


def test_other_traffic_has_another_incumbent():
    incumbents = Incumbents(0.1)
    incumbents.chose("traffic", make_target("acme/a"))
    listed = ready(a=0.9, b=0.91)
    assert incumbents.keep(listed, "other", 1.0) is None
    assert names(listed) == ["b", "a"]


def test_a_drift_by_small_steps_is_followed():
    incumbents, lead = Incumbents(0.1), []
    for step in range(40):
        listed = ready(a=0.5, b=0.4 + step * 0.013)
        incumbents.keep(listed, "t", 1.0)
        incumbents.chose("t", listed[0].target)
        lead.append(listed[0].target.model)
    assert lead == ["a"] * 16 + ["b"] * 24


def test_replicas_are_one_incumbent():
    incumbents = Incumbents(0.1)
    incumbents.chose("t", make_target("acme/a1", replica_group="a"))
    listed = [
        Scored(0.91, make_target("acme/b"), 0.5, 0.0, 1.0),
        Scored(0.90, make_target("acme/a2", replica_group="a"), 0.5, 0.0, 1.0),
    ]
    assert incumbents.keep(listed, "t", 1.0).target == "acme/a2"


def test_traffic_is_the_session_or_the_task_at_its_price():
    def of(task="chat", value=1.0, **hints):
        return traffic_of(task, value, RoutingHints.of(hints) if hints else EMPTY)

    assert of() == of()
    assert len({of(), of("code"), of(value=2.0), of(tenant="x"), of(session="s")}) == 5
    assert of(session="s") == of("code", 3.0, session="s")
    assert of(session="s") != of(session="s", tenant="x")


def test_its_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(hysteresis, "MOST_KINDS", 3)
    incumbents = Incumbents(0.1)
    for number in range(10):
        incumbents.chose(number, make_target("acme/a"))
    listed = ready(a=0.9, b=0.91)
    assert incumbents.keep(listed, 6, 1.0) is None
    assert incumbents.keep(listed, 7, 1.0) is not None


def test_traffic_that_goes_on_is_not_forgotten(monkeypatch):
    monkeypatch.setattr(hysteresis, "MOST_KINDS", 3)
    incumbents = Incumbents(0.1)
    for number in range(10):
        incumbents.chose("busy", make_target("acme/a"))
        incumbents.chose(number, make_target("acme/a"))
    assert incumbents.keep(ready(a=0.9, b=0.91), "busy", 1.0) is not None
