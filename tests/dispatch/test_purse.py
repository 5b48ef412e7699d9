"""What hedges may cost: their share of what requests cost, and a request's own price cap."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from llmrouter_integrations import Router
from llmrouter_integrations.dispatch.purse import MOST_CREDIT, Purse
from llmrouter_integrations.testing import Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_first_average_is_the_first_cost() -> None:
    purse = Purse(1.0)
    purse.earn(0.01)
    assert purse.pays(0.01)


def test_the_purse_pays_a_share() -> None:
    purse, hedges = Purse(0.1), 0
    for _ in range(1000):
        purse.earn(0.01)
        hedges += purse.pays(0.01)
    assert 95 <= hedges <= 105


def test_a_dear_hedge_takes_more() -> None:
    purse, hedges = Purse(0.1), 0
    for _ in range(1000):
        purse.earn(0.01)
        hedges += purse.pays(0.05)
    assert 18 <= hedges <= 25


def test_models_without_a_price_are_capped_too() -> None:
    purse, hedges = Purse(0.1), 0
    for _ in range(1000):
        purse.earn(0.0)
        hedges += purse.pays(0.0)
    assert 95 <= hedges <= 105


def test_savings_have_an_end() -> None:
    purse = Purse(0.5)
    for _ in range(10_000):
        purse.earn(0.01)
    assert sum(purse.pays(0.01) for _ in range(100)) == MOST_CREDIT


def test_a_share_of_nothing_pays_nothing() -> None:
    purse = Purse(0.0)
    purse.earn(0.01)
    assert not purse.pays(0.0)


def test_many_threads_have_one_purse() -> None:
    purse = Purse(0.1)

    def use(_: int) -> bool:
        purse.earn(0.01)
        return purse.pays(0.01)

    with ThreadPoolExecutor(8) as pool:
        hedges = sum(pool.map(use, range(2000)))
    assert 195 <= hedges <= 201


# -- as requests meet it -----------------------------------------------------------------------


@pytest.fixture
def race(simulator: Any) -> Any:
    """Ask a slow model so many times, with another beside it; give the responses."""
    simulator.script("slow", Fault.stall(0.06, reply=Reply("slow")))
    simulator.script("other", Reply("fast"))
    targets = {name: simulator.target("openai", name, name=name) for name in ("slow", "other")}

    def race(times: int, *, price: float = 1.0, share: float = 1.0, **hints: Any) -> list[Any]:
        for name, factor in (("slow", 1.0), ("other", price)):
            targets[name]["input_usd_per_mtok"] = 1.0 * factor
            targets[name]["output_usd_per_mtok"] = 10.0 * factor
        with Router(
            list(targets.values()), policy="ordered", hedge_after=0.015, hedge_share=share
        ) as router:
            return [
                router.complete("?", hints={"hedge": True, **hints}, max_tokens=100)
                for _ in range(times)
            ]

    return race


def raced(responses: list[Any]) -> int:
    return sum(any(a.outcome == "cancelled" for a in r.attempts) for r in responses)


def expected_usd(response: Any, name: str) -> float:
    return float(response.decision.scored(name).cost_usd)


@pytest.mark.parametrize(("price", "most"), [(1.0, 3), (10.0, 0)])
def test_hedges_add_their_share_and_no_more(
    race: Callable[..., Any], price: float, most: int
) -> None:
    responses = race(10, price=price, share=0.2)
    assert raced(responses) == most
    lost = [a for r in responses for a in r.attempts if a.outcome == "cancelled"]
    expected = sum(expected_usd(r, "slow") for r in responses)
    # the first is on the house
    assert sum(a.cost_usd for a in lost) <= 0.2 * expected + expected_usd(responses[0], "slow")
    assert all(r.spent_usd > r.cost_usd for r in responses if len(r.attempts) > 1)


@pytest.mark.parametrize(("times_expected", "races"), [(1.5, 0), (2.5, 1)])
def test_a_requests_price_cap_holds_for_its_race(
    race: Callable[..., Any], times_expected: float, races: int
) -> None:
    (response,) = race(1)
    cap_usd = times_expected * expected_usd(response, "slow")
    (response,) = race(1, max_cost_usd=cap_usd)
    assert raced([response]) == races
    assert response.spent_usd <= cap_usd
