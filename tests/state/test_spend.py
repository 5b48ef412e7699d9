"""Accounts: what may be set aside, what is booked, and what happens when a period is over."""

from __future__ import annotations

import gc
import math
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmrouter_integrations.state.base import Account, Reservation, Shortage
from llmrouter_integrations.state.memory import MemoryState
from llmrouter_integrations.state.spend import Spend

DAY = Account("day", "$1 a day", 1.0, 100.0)
HOUR = Account("hour", "$0.5 an hour", 0.5, 10.0)


def take(spend, usd, hold_usd=None, accounts=(DAY,), now=0.0):
    return spend.reserve(accounts, usd, usd if hold_usd is None else hold_usd, now)


@pytest.mark.parametrize("store", [Spend, MemoryState])
def test_what_was_spent_is_what_calls_cost_not_what_was_held(store):
    spend = store()
    held = take(spend, 0.2, 0.8)
    assert spend.spent_usd([DAY]) == [0.0]
    spend.book(held, 0.3)
    assert spend.spent_usd([DAY, HOUR]) == [0.3, 0.0]


@pytest.mark.parametrize(
    ("spent", "held", "usd", "hold_usd", "got"),
    [
        # (booked before, held by another call, expected, most) -> None: it fits; else passing
        (0.0, None, 1.0, 1.0, None),
        (0.9, None, 0.1, 0.1, None),  # but for rounding
        (0.0, None, 1.01, 1.01, False),
        (0.9, None, 0.2, 0.2, False),
        # alone, what is expected must fit, and not what it may come to
        (0.9, None, 0.1, 0.4, None),
        # beside another, that must too
        (0.0, 0.5, 0.1, 0.5, None),
        (0.0, 0.5, 0.1, 0.51, True),
        (0.0, 1.2, 0.1, 0.1, True),
        # what is spent is not a passing matter
        (1.0, 0.5, 0.1, 0.1, False),
        # overspent: nothing fits but what is free
        (1.5, None, 1e-9, 1e-9, False),
        (1.5, None, 0.0, 0.0, None),
        (1.5, 0.5, 0.0, 0.0, None),
    ],
)
def test_what_may_be_set_aside(spent, held, usd, hold_usd, got):
    spend = Spend()
    spend.book(take(spend, 0.0), spent)
    if held is not None:
        assert isinstance(take(spend, 0.0, held), Reservation)
    found = take(spend, usd, hold_usd)
    if got is None:
        assert found == Reservation(("day",), hold_usd)
    else:
        assert found == Shortage(DAY, pytest.approx(spent), got)


def test_all_accounts_or_none():
    spend = Spend()
    assert take(spend, 0.6, accounts=(DAY, HOUR)) == Shortage(HOUR, 0.0, passing=False)
    # nothing of it is held in the other
    held = take(spend, 1.0)
    assert isinstance(held, Reservation)
    # of two that are short, the one that stays so is told
    spend.book(take(spend, 0.0, accounts=(HOUR,)), 0.5)
    short = take(spend, 0.1, accounts=(DAY, HOUR))
    assert (short.account, short.passing) == (HOUR, False)
    spend.book(held, 0.25)
    both = take(spend, 0.0, 0.1, accounts=(DAY, HOUR))
    spend.book(both, 0.125)
    assert spend.spent_usd([DAY, HOUR]) == [0.375, 0.625]


def test_held_money_comes_back_without_a_rest():
    spend = Spend()
    for _ in range(1000):
        first, second = take(spend, 0.1, 0.3), take(spend, 0.1, 0.1)
        spend.book(first, 0.0)
        spend.book(second, 0.0)
    assert isinstance(take(spend, 1.0), Reservation)
    assert spend.spent_usd([DAY]) == [0.0]


def test_accounts_of_periods_that_are_over_are_forgotten():
    spend = Spend()
    late = take(spend, 0.1, accounts=(HOUR,), now=9.0)
    for hour in range(1, 50):
        account = HOUR._replace(key=f"hour {hour}", expires_at=10.0 * (hour + 1))
        spend.book(take(spend, 0.1, accounts=(account,), now=10.0 * hour), 0.1)
        assert spend.spent_usd([account]) == [0.1]
        assert len(spend) <= 2
    spend.book(late, 0.1)  # its period is over: nobody asks any more
    assert spend.spent_usd([HOUR]) == [0.0]
    forever = Account("all", "all", 1.0, math.inf)
    spend.book(take(spend, 0.1, accounts=(forever,), now=1e9), 0.1)
    spend.book(take(spend, 0.1, accounts=(HOUR,), now=2e9), 0.1)
    assert spend.spent_usd([forever]) == [0.1]


def test_threads_never_overspend_together():
    spend = Spend()
    cents = 0.01

    def work(seed):
        rng, paid = random.Random(seed), 0
        for _ in range(200):
            got = take(spend, cents, cents)
            if isinstance(got, Reservation):
                used = rng.random() < 0.7
                spend.book(got, cents if used else 0.0)
                paid += used
        return paid

    with ThreadPoolExecutor(8) as pool:
        paid = sum(pool.map(work, range(8)))
    assert paid == 100
    assert spend.spent_usd([DAY]) == [pytest.approx(1.0)]


def test_the_garbage_collector_may_book_while_the_lock_is_held():
    spend = Spend()
    held = take(spend, 0.1)

    class Abandoned:
        def __del__(self):
            spend.book(held, 0.1)

    with spend._lock:
        ring = Abandoned()
        ring.self = ring
        del ring
        gc.collect()  # a lock that is waited for would never come
        assert spend._accounts["day"].spent_usd == 0.0
    # whoever asks next sees it
    assert spend.spent_usd([DAY]) == [0.1]
