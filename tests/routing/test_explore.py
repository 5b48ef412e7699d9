"""Exploration: within its bounds, and with the propensities it says."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from llmrouter_integrations.exploring import ExploreConfig
from llmrouter_integrations.hints import EMPTY, RoutingHints
from llmrouter_integrations.messages import Message, Request, TextPart
from llmrouter_integrations.routing.decision import Scored
from llmrouter_integrations.routing.explore import Arm, Explorer, highest
from llmrouter_integrations.routing.outlook import Outlook
from llmrouter_integrations.routing.policy import decide
from llmrouter_integrations.state.base import Snapshot, Stay
from tests.scripted import make_target


def scored(name, utility, cost=0.001, **fields):
    return Scored(utility, make_target(f"acme/{name}", **fields), 0.5, cost, 1.0)


def fleet():
    return [scored("best", 0.030), scored("near", 0.029, 0.002), scored("far", 0.010)]


def explorer(seed=1, **bounds):
    return Explorer(ExploreConfig(**{"extra_cost": 1.0, **bounds}), random.Random(seed))


def run(explorer, times, *, ready=fleet, hints=EMPTY, error=0.1, task="chat", value=0.05):
    """What came of as many requests: the first in rank of each, and its exploration."""
    found = []
    for _ in range(times):
        listed = ready()
        told = explorer.explore(listed, task, hints, value, lambda _: error)
        found.append((listed[0], told))
    return found


def explored(found):
    return [told for _, told in found if told is not None and told.explored]


@pytest.mark.parametrize(
    ("means", "errors"),
    [
        ([1.0, 1.0], [1.0, 1.0]),
        ([1.0, 0.0], [1.0, 2.0]),
        ([1.0, 0.9, 0.5], [0.3, 0.3, 0.3]),
        ([1.0, 0.9, 0.5], [0.05, 0.4, 2.0]),
        ([3.0, 2.9, 2.8, 2.7, 2.6, 2.5], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
    ],
)
def test_the_chance_of_the_highest_draw_is_the_integral(means, errors):
    arms = [Arm(str(n), m, e, 0.0) for n, (m, e) in enumerate(zip(means, errors, strict=True))]
    chances = [highest(arms, place) for place in range(len(arms))]
    assert sum(chances) == pytest.approx(1.0, abs=2e-3)
    rng = random.Random(5)
    draws = 20_000
    wins = Counter()
    for _ in range(draws):
        drawn = [rng.gauss(arm.utility_usd, arm.error_usd) for arm in arms]
        wins[drawn.index(max(drawn))] += 1
    for place, chance in enumerate(chances):
        error = 4 * math.sqrt(chance * (1 - chance) / draws) + 1e-3
        assert wins[place] / draws == pytest.approx(chance, abs=error)


def test_share_and_spend_hold_over_ten_thousand_requests():
    bounds = explorer(share=0.05, extra_cost=0.02)
    spent = extra = number = 0.0
    for first, told in run(bounds, 10_000):
        number += told is not None and told.explored
        spent += 0.001
        extra += max(0.0, first.cost_usd - 0.001)
        assert extra <= 0.02 * spent + 1e-12
    assert 100 < number <= 0.05 * 10_000


class Eager:
    """Would explore at every request, and thinks most of who was drawn for last."""

    def __init__(self):
        self.draws = 0

    def random(self):
        return 0.0

    def gauss(self, mean, error):
        self.draws += 1
        return float(self.draws)


def test_the_share_holds_at_every_moment():
    number = 0
    eager = Explorer(ExploreConfig(share=0.1, extra_cost=1.0), Eager())
    for count, (_, told) in enumerate(run(eager, 300), 1):
        number += told is not None and told.explored
        assert number <= 0.1 * count + 1e-9
    assert number >= 29


@pytest.mark.parametrize(("cached", "tries"), [(0, True), (1000, False)])
def test_a_session_with_a_cached_prompt_is_let_be(cached, tries):
    eager = Explorer(ExploreConfig(share=0.5, extra_cost=1.0, max_regret=1.0), Eager())
    targets = [
        make_target(f"openai/{name}", outlooks=dict.fromkeys(("chat", "overall"), outlook))
        for name, outlook in (("a", Outlook(0.8, 0.0, "", 0.1)), ("b", Outlook(0.7, 0.0, "", 0.1)))
    ]
    decisions = [
        decide(
            Request((Message("user", (TextPart("x " * 4000),)),)),
            RoutingHints(session="s", task="chat"),
            targets,
            Snapshot(),
            now=0.0,
            policy="utility",
            prefer="balanced",
            value_usd=None,
            rng=random.Random(1),
            stay=Stay("openai/a", cached, 10.0),
            explorer=eager,
            sends=True,
        )
        for _ in range(10)
    ]
    explored = [d.exploration is not None and d.exploration.explored for d in decisions]
    assert any(explored) is tries


def test_propensities_are_how_often_it_happens():
    found = [told for _, told in run(explorer(share=0.5), 10_000) if told is not None]
    assert len(found) > 9_000
    told = found[0]
    assert [arm.target for arm in told.arms] == ["acme/best", "acme/near"]
    for place in (0, 1):
        expected = told.propensities(place)
        seen = sum(t.chosen == place for t in found) / len(found)
        assert seen == pytest.approx(expected, abs=4 * math.sqrt(0.25 / len(found)))
    assert sum(told.propensities(place) for place in (0, 1)) == pytest.approx(1.0)


def test_importance_weights_give_back_what_the_other_arm_is_worth():
    rng, total = random.Random(3), 0.0
    found = run(explorer(share=0.3), 10_000)
    for first, told in found:
        reward = rng.random() < (0.9 if first.target.name == "acme/near" else 0.2)
        if told is not None and told.chosen == 1:
            total += reward / told.propensity
    assert total / len(found) == pytest.approx(0.9, abs=0.06)


@pytest.mark.parametrize(
    "hints", [{"pin": "acme/best"}, {"verify": "schema"}, {"verify": lambda answer: None}]
)
def test_who_pins_or_checks_is_let_be(hints):
    assert not explored(run(explorer(share=0.5), 300, hints=RoutingHints.of(hints)))


@pytest.mark.parametrize(
    ("bounds", "names"),
    [
        ({}, {"best", "near"}),
        ({"max_regret": 1.0}, {"best", "near", "far"}),
        ({"max_regret": 0.0}, {"best"}),
        ({"max_regret": 1.0, "max_cost_usd": 0.0015}, {"best", "far"}),
        ({"tasks": ["code"]}, {"best"}),
        ({"tasks": ["chat"]}, {"best", "near"}),
        ({"extra_cost": 0.0}, {"best"}),
    ],
)
def test_only_what_is_within_the_bounds_is_tried(bounds, names):
    found = run(explorer(share=0.5, **bounds), 2000, error=1.0)
    assert {first.target.name.removeprefix("acme/") for first, _ in found} == names


def test_who_is_certain_explores_nothing():
    assert not explored(run(explorer(share=0.5), 2000, error=1e-6))


def test_replicas_are_one_arm():
    def ready():
        return [scored("a", 0.03, replica_group="g"), scored("b", 0.03, replica_group="g")]

    assert all(told is None for _, told in run(explorer(share=0.5), 100, ready=ready))


def test_the_others_keep_their_order():
    bounds = explorer(share=0.5)
    for _ in range(500):
        listed = fleet()
        told = bounds.explore(listed, "chat", EMPTY, 0.05, lambda _: 0.1)
        if told is not None and told.explored:
            break
    assert [s.target.model for s in listed] == ["near", "best", "far"]


def test_who_ties_is_one_arm():
    def ready():
        return [scored("a", 0.03), scored("b", 0.03), scored("c", 0.029), scored("d", 0.029)]

    found = [told for _, told in run(explorer(share=0.5), 500, ready=ready) if told is not None]
    assert {tuple([arm.target for arm in told.arms]) for told in found} == {("acme/a", "acme/c")}
