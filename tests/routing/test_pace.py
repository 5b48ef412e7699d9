"""The price of money, from what is left of it and of the time."""

from __future__ import annotations

import math
import random

import pytest

from llmrouter_integrations.routing.allowance import Allowance, Balance
from llmrouter_integrations.routing.pace import GAIN, KEPT_BACK, MOST, price_of_money


@pytest.mark.parametrize(
    ("money_left", "time_left", "price"),
    [
        (1.0, 1.0, 1.0),
        (0.5, 0.5, 1.0),
        (0.9, 0.5, 1.0),  # behind: never under 1
        (1.0, 0.0, 1.0),
        (0.45, 0.5, (0.5 / 0.45) ** GAIN),
        (0.9, 1.0, (1 / 0.9) ** GAIN),
        (0.1, 0.9, MOST),
        (0.6, 0.9, MOST),
        (0.0, 0.5, MOST),
        (-0.1, 0.5, MOST),  # overspent
        (1e-300, 1.0, MOST),
        (0.0, 0.0, 1.0),
    ],
)
def test_the_price_is_of_what_is_left(money_left, time_left, price):
    assert price_of_money(money_left, time_left) == pytest.approx(price)


def test_it_is_bounded_and_smooth():
    shares = [n / 500 for n in range(501)]
    for time_left in (0.01, 0.3, 1.0):
        prices = [price_of_money(left, time_left) for left in shares]
        assert prices == sorted(prices, reverse=True)
        assert 1.0 == min(prices) <= max(prices) == MOST
    # no step where it begins or ends
    assert price_of_money(0.5 - 1e-9, 0.5) == pytest.approx(1.0, abs=1e-6)
    edge = 0.5 / MOST ** (1 / GAIN)
    assert price_of_money(edge * (1 + 1e-9), 0.5) == pytest.approx(MOST, rel=1e-6)


@pytest.mark.parametrize("limit_usd", [100.0, 300.0, 600.0])
@pytest.mark.parametrize("bursts", [False, True])
def test_a_day_ends_within_its_limit_and_uses_it(limit_usd, bursts):
    """Traffic that would spend $1,000 where money is never dear, and $10 where it always is."""
    rng = random.Random(1)
    share = [3.0 if bursts and hour in (9, 15) else 1.0 for hour in range(24)]
    hours = sorted(rng.choices(range(24), share, k=1000))
    spent, refused = 0.0, 0
    for hour in hours:
        now = 3600 * (hour + rng.random())
        balance = Balance("day", limit_usd, spent, 0.0, 86400.0, pace=True)
        price = Allowance([balance], now).price_of_money
        worth = rng.lognormvariate(1.0, 1.0)  # of the dear answer, over the cheap one, in dollars
        cost = 1.0 if worth > price * 0.99 and spent + 1.0 <= limit_usd else 0.01
        refused += spent + cost > limit_usd
        spent += cost
    assert 0.75 * limit_usd < spent <= limit_usd
    assert not refused


def balance(**fields):
    return Balance(**{"budget": "b", "limit_usd": 1.0, "spent_usd": 0.0, **fields})


def test_of_several_budgets_the_dearest_money_counts():
    usual = 1 - KEPT_BACK
    slow = balance(budget="slow", spent_usd=0.5 * usual, resets_at=100.0, pace=True)
    fast = balance(budget="fast", spent_usd=0.6 * usual, resets_at=100.0, pace=True)
    plain = balance(budget="plain", spent_usd=0.9, resets_at=100.0)
    allowance = Allowance([slow, fast, plain], 50.0)
    assert allowance.pace.budget == "fast"
    assert allowance.price_of_money == pytest.approx((0.5 / 0.4) ** GAIN)
    assert str(allowance.pace) == (
        "a dollar counts 86.7 times: budget 'fast' has 40% of its money and 50% of its time left"
    )
    assert Allowance([plain], 50.0).price_of_money == 1.0
    assert Allowance([plain], 50.0).pace is None


def test_a_budget_without_an_end_has_no_pace():
    assert balance(pace=True).pace_at(5.0) is None
    assert math.isclose(balance(pace=True, resets_at=10.0).pace_at(5.0).time_left, 0.5)
