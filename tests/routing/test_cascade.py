"""Cascades: where a checked cheap answer first is worth more than the best one at once."""

from __future__ import annotations

import random

import pytest

from llmrouter_integrations.errors import UnknownHintError
from llmrouter_integrations.hints import RoutingHints
from llmrouter_integrations.messages import OutputFormat, Tool
from llmrouter_integrations.routing.allowance import Allowance, Balance
from llmrouter_integrations.routing.cascade import SHARED_FAILURES, power_of, put_first
from llmrouter_integrations.routing.decision import Scored
from tests.routing.test_policy import ask, choose, target

VALUE = 1.0


def scored(name, quality, cost_usd, *, model=None, latency_s=0.0, waiting=0.0):
    of = target(f"openai/{model or name}", name=name)
    utility = quality * VALUE - cost_usd - latency_s * waiting
    return Scored(utility, of, quality, cost_usd, latency_s)


def order(*candidates, power=1.0, waiting=0.0, most_usd=None):
    ranked = sorted(candidates, key=lambda s: -s.utility_usd)
    cascade = put_first(ranked, power, VALUE, waiting, most_usd)
    return cascade, "".join(s.target.name for s in ranked)


def play(first, then, power, rounds=200_000):
    """What two targets in a row come to on average, by drawing from what is assumed of them."""
    rng = random.Random(3)
    total = 0.0
    for _ in range(rounds):
        luck = rng.random()
        total -= first.cost_usd
        if luck < first.quality:
            total += VALUE
            continue
        if rng.random() >= power:
            continue
        total -= first.cost_usd  # asked again, in vain
        total -= then.cost_usd
        if rng.random() >= SHARED_FAILURES:
            luck = rng.random()
        total += VALUE * (luck < then.quality)
    return total / rounds


DEAR = scored("d", 0.9, 0.1)


@pytest.mark.parametrize(
    ("cheap", "power", "names"),
    [
        # cheap, often right, and the check can tell
        (scored("c", 0.75, 0.001), 1.0, "cd"),
        (scored("c", 0.75, 0.001), 0.9, "cd"),
        # the check cannot tell
        (scored("c", 0.75, 0.001), 0.2, "dc"),
        (scored("c", 0.75, 0.001), 0.0, "dc"),
        # seldom right: mostly both are paid, and the hard requests are left
        (scored("c", 0.2, 0.03), 1.0, "dc"),
        # hardly cheaper
        (scored("c", 0.75, 0.09), 1.0, "dc"),
    ],
)
def test_a_cheap_target_goes_first_where_it_pays(cheap, power, names):
    cascade, found = order(cheap, DEAR, power=power)
    assert found == names
    assert (cascade is None) == (names == "dc")
    if cascade is not None:
        assert (cascade.first, cascade.then) == ("c", "d")
        assert cascade.gain_usd > 0
        assert cascade.passes == pytest.approx(1 - 0.25 * power)
        assert play(cheap, DEAR, power) == pytest.approx(cascade.worth_usd, abs=0.004)
        other_way = play(DEAR, cheap, power)
        assert cascade.worth_usd - cascade.gain_usd == pytest.approx(other_way, abs=0.004)


def test_time_counts_as_money_does():
    price = 0.01  # dollars a second
    dear = scored("d", 0.9, 0.1, latency_s=1.0, waiting=price)
    for latency_s, names in ((0.1, "cd"), (9.0, "dc")):
        cheap = scored("c", 0.75, 0.001, latency_s=latency_s, waiting=price)
        assert order(cheap, dear, waiting=price)[1] == names
    as_money = scored("c", 0.75, 0.091), scored("d", 0.9, 0.11)
    assert order(*as_money)[1] == "dc"


def test_another_key_of_one_model_is_no_second_opinion():
    cheap, twin = (scored(name, 0.75, 0.001, model="m") for name in "ct")
    cascade, names = order(cheap, twin, DEAR)
    assert (cascade.first, cascade.then) == ("c", "d")
    assert names == "cdt"
    assert order(cheap, twin)[0] is None


def test_the_price_cap_is_that_of_both():
    cheap = scored("c", 0.75, 0.001)
    assert order(cheap, DEAR, most_usd=0.103)[1] == "cd"
    assert order(cheap, DEAR, most_usd=0.1)[1] == "dc"


def test_the_best_of_many_goes_first_and_the_rest_keep_their_order():
    many = [scored(name, 0.5 + 0.03 * n, 0.02 + 0.002 * n) for n, name in enumerate("efghij")]
    cascade, names = order(scored("c", 0.8, 0.001), DEAR, *many)
    assert cascade.first == "c"
    rest = [s.target.name for s in sorted([DEAR, *many], key=lambda s: -s.utility_usd)]
    rest.remove(cascade.then)
    assert names == "c" + cascade.then + "".join(rest)


ANSWER = OutputFormat("json_schema", "a", {"type": "object"})
TOOL = Tool("f", "", {"type": "object"})


@pytest.mark.parametrize(
    ("hints", "fields", "power"),
    [
        ({"cascade": True, "verify": lambda _: None}, {}, 0.8),
        ({"cascade": 0.5, "verify": lambda _: None}, {}, 0.5),
        ({"cascade": "true", "verify": "schema"}, {"output": ANSWER}, 0.2),
        ({"cascade": 1, "verify": "schema"}, {"output": ANSWER}, 1.0),
        ({"cascade": True, "verify": "tools"}, {"tools": (TOOL,)}, 0.2),
        ({"cascade": True, "verify": ("tools", lambda _: None)}, {"tools": (TOOL,)}, 0.8),
        # nothing there that could be checked
        ({"cascade": 0.9, "verify": "schema"}, {}, 0.0),
        ({"cascade": 0.9, "verify": "tools"}, {}, 0.0),
        ({"cascade": True}, {}, 0.0),
        ({"cascade": True, "verify": ()}, {}, 0.0),
        # not wanted, or nobody to go on with
        ({"verify": lambda _: None}, {}, 0.0),
        ({"cascade": False, "verify": lambda _: None}, {}, 0.0),
        ({"cascade": 0, "verify": lambda _: None}, {}, 0.0),
        ({"cascade": True, "verify": lambda _: None, "fallback": False}, {}, 0.0),
        ({"cascade": True, "verify": lambda _: None, "pin": "d"}, {}, 0.0),
    ],
)
def test_the_power_of_a_check(hints, fields, power):
    assert power_of(RoutingHints.of(hints), ask(**fields)) == power


@pytest.mark.parametrize("said", [1.1, -0.1, "often", [], float("nan")])
def test_what_is_no_share_is_a_mistake(said):
    with pytest.raises(UnknownHintError, match="cascade"):
        RoutingHints(cascade=said)


CHEAP = target("openai/cheap", name="cheap", output_usd_per_mtok=1.0, quality=0.8)
BEST = target("openai/best", name="best", output_usd_per_mtok=100.0, quality=0.95)
CHECKED = {"cascade": 0.9, "verify": lambda _: None}


def test_the_decision_says_so_and_why():
    assert choose([CHEAP, BEST], value_usd=1.0).plan == ("best", "cheap")
    decision = choose([CHEAP, BEST], value_usd=1.0, hints=CHECKED)
    assert decision.plan == ("cheap", "best")
    first, second = decision.candidates
    cascade = decision.cascade
    assert first.note == (
        f"asked first, since its answer is checked: it passes with {cascade.passes:.0%}, else best "
        f"is asked; worth ${cascade.gain_usd:.4g} more than the other way round, if the check "
        "catches 90% of bad answers"
    )
    assert second.note == "asked where cheap fails the check"
    assert first.lost_by_usd == 0.0
    assert second.lost_by_usd == pytest.approx(cascade.worth_usd - second.utility_usd)
    assert decision.flip_value_usd is None
    assert decision.as_dict()["cascade"]["first"] == "cheap"


@pytest.mark.parametrize(
    ("hints", "settings"),
    [
        ({"cascade": 0.9}, {}),
        ({"verify": lambda _: None}, {}),
        (CHECKED, {"policy": "ordered"}),
    ],
)
def test_otherwise_the_order_is_what_it_was(hints, settings):
    decision = choose([BEST, CHEAP], value_usd=1.0, hints=hints, **settings)
    assert decision.cascade is None
    assert decision.plan == ("best", "cheap")


def test_dear_money_counts_in_cascades_too():
    day = Balance("day", 1.0, 0.5, 0.0, 100.0, pace=True)
    usual = choose([CHEAP, BEST], value_usd=1.0, hints=CHECKED)
    dear = choose([CHEAP, BEST], value_usd=1.0, hints=CHECKED, allowance=Allowance([day], 50.0))
    price = dear.price_of_money
    assert dear.cascade.gain_usd * price > usual.cascade.gain_usd
