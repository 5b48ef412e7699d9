"""How replicas of one model share the traffic."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from llmrouter_integrations.catalog.model import ModelFacts, Rates
from llmrouter_integrations.config import TargetConfig
from llmrouter_integrations.hints import EMPTY
from llmrouter_integrations.messages import Message, Request, TextPart
from llmrouter_integrations.routing.balance import LOOKED_AT_AGAIN, with_replica_groups
from llmrouter_integrations.routing.policy import decide
from llmrouter_integrations.routing.target import Target
from llmrouter_integrations.state.base import Health, Snapshot

REQUEST = Request((Message("user", (TextPart("Tell me about Rome"),)),))
HEALTHY = Snapshot()
CHI_SQUARE_999 = {1: 10.83, 2: 13.82}
"""What a sum of that many squares exceeds once in a thousand samples."""


def target(name, model="openai/m", **fields):
    fields = {
        "quality": 0.8,
        "input_usd_per_mtok": 1.0,
        "output_usd_per_mtok": 4.0,
        "quota_group": name,
        **fields,
    }
    facts = fields.pop("facts", None)
    config = TargetConfig(model=model, name=name, **fields)
    return Target.build(config, facts, provider=config.provider, quota_group=fields["quota_group"])


def replicas(**weights):
    return with_replica_groups([target(name, weight=weight) for name, weight in weights.items()])


def chooser(targets, seed=5, **settings):
    rng = random.Random(seed)
    settings = {"policy": "utility", "prefer": "balanced", **settings}

    def choose(snapshot=HEALTHY):
        return decide(
            REQUEST, EMPTY, targets, snapshot, now=100.0, value_usd=None, rng=rng, **settings
        )

    return choose


def measured(**first_token_s):
    health = {name: Health(first_token_s=s) for name, s in first_token_s.items()}
    return Snapshot(targets=health)


LISTED = Rates.per_mtok(1.0, 4.0, source="a list", date="2026-01-01")


@pytest.mark.parametrize(
    ("other", "are_replicas"),
    [
        ({}, True),
        ({"region": "eu", "weight": 3.0, "max_concurrency": 2, "quota_group": "x"}, True),
        ({"model": "azure/m"}, False),
        ({"model": "openai/n"}, False),
        ({"input_usd_per_mtok": 1.1}, False),
        ({"cache_read_usd_per_mtok": 0.1}, False),
        ({"quality": 0.81}, False),
        ({"quality": {"code": 0.9, "overall": 0.8}}, False),
        ({"input_usd_per_mtok": None, "output_usd_per_mtok": None}, False),
        # the same prices, read elsewhere
        (
            {
                "input_usd_per_mtok": None,
                "output_usd_per_mtok": None,
                "facts": ModelFacts("openai", "m", "m", rates=LISTED),
            },
            True,
        ),
    ],
)
def test_replicas_have_model_provider_prices_and_quality_in_common(other, are_replicas):
    third = target("third", "groq/q")
    found = with_replica_groups([target("a"), third, target("b", **other)])
    assert [t.name for t in found] == ["a", "third", "b"]
    groups = [t.replica_group for t in found]
    assert groups == (["a", None, "a"] if are_replicas else [None, None, None])


@pytest.mark.parametrize("weights", [{"a": 1, "b": 1}, {"a": 3, "b": 1}, {"a": 5, "b": 2, "c": 1}])
@pytest.mark.parametrize("prefer", ["balanced", "latency"])
def test_by_weight_whatever_latency_was_measured(weights, prefer):
    choose = chooser(replicas(**weights), prefer=prefer)
    snapshot = measured(a=0.2, b=9.0)  # c: not measured
    calls = 2000
    firsts = Counter(choose(snapshot).plan[0] for _ in range(calls))
    whole = sum(weights.values())
    chi_square = sum(
        (firsts[name] - calls * w / whole) ** 2 / (calls * w / whole) for name, w in weights.items()
    )
    assert chi_square < CHI_SQUARE_999[len(weights) - 1]


def test_the_fewest_calls_under_way_for_the_weight():
    choose = chooser(replicas(a=3, b=1, c=1), balance="least_busy")
    under_way = Counter()
    for _ in range(100):
        snapshot = Snapshot({n: Health(in_flight=k) for n, k in under_way.items()})
        under_way[choose(snapshot).plan[0]] += 1
    assert under_way == {"a": 60, "b": 20, "c": 20}


def test_the_least_busy_are_drawn_by_weight_where_they_tie():
    choose = chooser(replicas(a=3, b=1), balance="least_busy")
    firsts = Counter(choose().plan[0] for _ in range(1000))
    assert 700 < firsts["a"] < 800


def test_one_call_after_another_goes_to_the_fastest_but_for_a_look_at_the_other():
    choose = chooser(replicas(a=1, b=1), balance="fastest")
    firsts = Counter(choose(measured(a=0.5, b=0.6)).plan[0] for _ in range(2000))
    looked_at = 2000 * LOOKED_AT_AGAIN / 2
    assert looked_at * 0.5 < firsts["b"] < looked_at * 1.5


@pytest.mark.parametrize(
    ("slow_s", "least", "most"),
    [(0.5, 45, 55), (1.0, 28, 38), (5.0, 5, 14)],
)
def test_many_calls_at_once_do_not_herd_on_the_fastest(slow_s, least, most):
    choose = chooser(replicas(a=1, b=1), balance="fastest")
    under_way = Counter(a=0, b=0)
    for _ in range(100):
        speeds = {"a": 0.5, "b": slow_s}
        # no wait for tokens: what is compared is the time to the first
        health = {
            n: Health(first_token_s=speeds[n], output_tokens_per_s=1e9, in_flight=k)
            for n, k in under_way.items()
        }
        under_way[choose(Snapshot(health)).plan[0]] += 1
    assert least <= under_way["b"] <= most


def test_only_two_are_compared_so_that_the_third_fastest_is_asked_too():
    choose = chooser(replicas(a=1, b=1, c=1), balance="fastest")
    firsts = Counter(choose(measured(a=0.5, b=0.6, c=0.7)).plan[0] for _ in range(1500))
    # of the three pairs, a is in two and b is faster in one
    assert 900 < firsts["a"] < 1050
    assert 420 < firsts["b"] < 560


@pytest.mark.parametrize("known", [Health(first_token_s=0.1), Health(output_tokens_per_s=900.0)])
@pytest.mark.parametrize(("under_way", "tried"), [(0, "new"), (1, "old")])
def test_one_that_was_never_measured_is_tried_by_one_call_at_a_time(known, under_way, tried):
    choose = chooser(replicas(old=1, new=1), balance="fastest")
    snapshot = Snapshot({"old": known, "new": Health(in_flight=under_way)})
    firsts = Counter(choose(snapshot).plan[0] for _ in range(200))
    assert firsts[tried] > 180


@pytest.mark.parametrize(
    ("other", "fastest"),
    [
        (Health(output_tokens_per_s=90.0), "b"),
        # 250 tokens take 12.5 s in all where only whole answers were measured
        (Health(first_token_s=15.0), "a"),
        (Health(first_token_s=5.0), "b"),
    ],
)
def test_where_only_whole_answers_were_measured_their_speed_is_compared(other, fastest):
    choose = chooser(replicas(a=1, b=1), balance="fastest")
    snapshot = Snapshot({"a": Health(output_tokens_per_s=20.0), "b": other})
    assert Counter(choose(snapshot).plan[0] for _ in range(200))[fastest] > 180


@pytest.mark.parametrize("balance", ["weighted", "least_busy", "fastest"])
@pytest.mark.parametrize(
    "snapshot",
    [
        Snapshot({"a": Health(cooling_until=130.0)}),
        Snapshot(groups={"a": Health(cooling_until=130.0)}),
        Snapshot({"a": Health(in_flight=2)}),
    ],
)
def test_who_rests_or_is_full_gets_no_share(balance, snapshot):
    targets = [replace(t, max_concurrency=2) for t in replicas(a=9, b=1, c=1)]
    choose = chooser(targets, balance=balance)
    plans = [choose(snapshot).plan for _ in range(100)]
    assert {plan[0] for plan in plans} == {"b", "c"}
    assert {plan[-1] for plan in plans} == {"a"}


def test_replicas_keep_their_places_among_other_models():
    rival = target("rival", "groq/r", quality=0.79)
    targets = with_replica_groups([*replicas(a=1, b=1, c=1), rival])
    # with waiting this dear, b and c are worth less than the rival by their latency
    choose = chooser(targets, prefer="latency")
    plans = {choose(measured(a=0.2, b=3.0, c=3.0)).plan for _ in range(100)}
    assert {plan[1] for plan in plans} == {"rival"}
    assert {plan[0] for plan in plans} == {plan[2] for plan in plans} == {"a", "b", "c"}


def test_who_is_no_replica_of_the_best_is_ranked_by_worth():
    best = target("best", "groq/r", quality=0.9)
    choose = chooser(with_replica_groups([*replicas(a=1, b=1), best]))
    plans = {choose(measured(a=0.5, b=0.2)).plan for _ in range(50)}
    assert plans == {("best", "b", "a")}


@pytest.mark.parametrize("balance", [None, "weighted", "least_busy", "fastest"])
def test_in_order_means_in_order_unless_the_user_says_how_to_share(balance):
    a, b, rival, c = with_replica_groups(
        [target("a"), target("b"), target("rival", "groq/r"), target("c")]
    )
    choose = chooser([a, b, rival, c], policy="ordered", balance=balance)
    plans = {choose().plan for _ in range(50)}
    listed, swapped = ("a", "b", "rival", "c"), ("b", "a", "rival", "c")
    assert plans == ({listed} if balance is None else {listed, swapped})


def test_the_explanation_says_who_shares_the_traffic():
    rival = target("rival", "groq/r", quality=0.1)
    targets = with_replica_groups([*replicas(a=1, b=1), rival])
    first, second, third = chooser(targets, balance="least_busy")().candidates
    assert (first.note, third.note) == (None, None)
    assert second.note == f"shares the traffic with {first.target} (least busy)"
    *_, last = chooser(targets, policy="ordered")().candidates[:2]
    assert last.note is None
