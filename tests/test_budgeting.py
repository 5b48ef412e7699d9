"""Budgets end to end, over real HTTP on loopback: nothing is overspent, and nothing goes unbooked."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmrouter_integrations import Router, RouterConfig
from llmrouter_integrations.budgeting import SURPRISE
from llmrouter_integrations.errors import (
    AllTargetsFailed,
    BudgetExceeded,
    ConfigurationError,
    RouterError,
    StreamInterrupted,
)
from llmrouter_integrations.state.memory import MemoryState
from llmrouter_integrations.testing import Fault, Reply

DAY_S = 86_400.0
NOON = 20_000.5 * DAY_S


def priced(simulator, model="m", *, output=1000.0, provider="openai", **fields):
    """A target whose answers cost what is said for a million tokens, and whose prompts nothing."""
    given = {"name": model, "quality": 0.8, "input_usd_per_mtok": 0.0, **fields}
    return simulator.target(provider, model, output_usd_per_mtok=output, **given)


def budgeted(targets, *budgets, now=NOON, **settings):
    """A router whose day is at noon, and stands still."""
    router = Router(targets, budgets=budgets, **settings)
    router._budgets._clock = lambda: now
    return router


def spent(router, **hints):
    return [balance.spent_usd for balance in router.balances(hints)]


def no_calls(router):
    """Whether nothing is held for anybody."""
    return all(a.calls == 0 and a.held_usd == 0 for a in router.state._spend._accounts.values())


WAYS = ("complete", "acomplete", "stream", "astream")


def ask(router, how, text="Hello", **arguments):
    async def drain():
        return [chunk async for chunk in router.astream(text, **arguments)][-1].response

    if how == "complete":
        return router.complete(text, **arguments)
    if how == "acomplete":
        return asyncio.run(router.acomplete(text, **arguments))
    if how == "astream":
        return asyncio.run(drain())
    return list(router.stream(text, **arguments))[-1].response


@pytest.mark.parametrize("how", WAYS)
def test_answers_are_booked_until_nothing_is_left_and_then_nothing_is_sent(simulator, how):
    simulator.script("m", Reply("yes", output_tokens=300))
    with budgeted(priced(simulator), {"limit_usd": 1.0, "period": "day"}) as router:
        for _ in range(3):
            assert ask(router, how).cost_usd == pytest.approx(0.3)
        assert spent(router) == [pytest.approx(0.9)]
        sent = len(simulator.requests)
        with pytest.raises(BudgetExceeded) as told:
            ask(router, how)
        assert len(simulator.requests) == sent == 3
        error = told.value
        assert (error.budget, error.remaining_usd) == ("$1 a day", pytest.approx(0.1))
        assert error.resets_at == 20_001 * DAY_S
        with pytest.raises(BudgetExceeded):
            router.explain("Hello")
        # the next day begins anew
        router._budgets._clock = lambda: error.resets_at
        assert spent(router) == [0.0]
        assert ask(router, how).text == "yes"
        assert no_calls(router)


def test_the_configuration_of_the_design_works(simulator):
    config = RouterConfig(
        models=[priced(simulator)], policy="utility", budgets=[{"limit_usd": 1.0, "period": "day"}]
    )
    with Router(config=config) as router:
        router.complete("Hello")
        (balance,) = router.balances()
        assert 0 < balance.spent_usd < 1
        assert balance.remaining_usd == 1 - balance.spent_usd
    assert not Router(priced(simulator)).balances()


def test_a_cheaper_model_serves_when_little_is_left(simulator):
    targets = [priced(simulator, "dear", quality=1.0), priced(simulator, "cheap", output=10.0)]
    simulator.script("dear", Reply("dear", output_tokens=300))
    simulator.script("cheap", Reply("cheap", output_tokens=300))
    with budgeted(targets, {"limit_usd": 0.4, "period": "day"}, value_usd=10) as router:
        first, second = router.complete("Hello"), router.complete("Hello")
    assert (first.text, second.text) == ("dear", "cheap")
    assert "budget '$0.4 a day' has $0.100000 left" in second.decision.rejected["dear"]


COUNT = 200
"""Requests at a time."""


@pytest.mark.parametrize("tokens", [30, 300, 900])
@pytest.mark.parametrize("how", ["threads", "tasks"])
def test_many_at_a_time_never_overspend(simulator, how, tokens):
    """Whether the answers are as long as expected, shorter or three times as long."""
    simulator.script("m", Reply("yes", output_tokens=tokens, delay_s=0.01))
    limit = 10 * tokens / 1000
    with budgeted(priced(simulator), {"limit_usd": limit, "period": "day"}) as router:

        def one(_):
            try:
                return router.complete("Hello")
            except BudgetExceeded:
                return None

        async def tasks():
            asked = [router.acomplete("Hello") for _ in range(COUNT)]
            return await asyncio.gather(*asked, return_exceptions=True)

        if how == "threads":
            with ThreadPoolExecutor(16) as pool:
                answers = [a for a in pool.map(one, range(COUNT)) if a is not None]
        else:
            got = asyncio.run(tasks())
            answers = [a for a in got if not isinstance(a, RouterError)]
            assert {type(a) for a in got} - {type(answers[0])} == {BudgetExceeded}
        cost = sum(a.cost_usd for a in answers)
        assert spent(router) == [pytest.approx(cost)]
        # the last one alone may be longer than expected
        assert cost <= limit + max(0, tokens - 300) / 1000
        assert cost > limit - 0.3
        assert no_calls(router)


def test_a_stated_length_bounds_what_is_held(simulator):
    simulator.script("m", Reply("yes", output_tokens=300, delay_s=0.05))

    async def burst(**params):
        with budgeted(priced(simulator), {"limit_usd": 1.3, "period": "day"}) as router:
            began = asyncio.get_running_loop().time()
            asked = [router.acomplete("Hello", **params) for _ in range(4)]
            got = await asyncio.gather(*asked)
            return asyncio.get_running_loop().time() - began, sum(a.cost_usd for a in got)

    # four times $0.3 fit at once where no answer can be longer; else they wait for one another
    at_once, cost = asyncio.run(burst(max_tokens=300))
    assert cost == pytest.approx(1.2)
    in_turn, cost = asyncio.run(burst())
    assert cost == pytest.approx(1.2)
    assert in_turn > at_once
    assert SURPRISE * 0.3 * 2 > 1.3


def test_what_waits_for_money_goes_elsewhere_if_somebody_else_can_answer(simulator):
    simulator.script("dear", Reply("dear", output_tokens=300, delay_s=0.3))
    simulator.script("free", Reply("free"))
    targets = [priced(simulator, "dear", quality=1.0), priced(simulator, "free", output=0.0)]

    async def both():
        with budgeted(targets, {"limit_usd": 0.5}, policy="ordered") as router:
            return await asyncio.gather(router.acomplete("a"), router.acomplete("b"))

    assert sorted(a.text for a in asyncio.run(both())) == ["dear", "free"]


def test_nothing_stays_held_where_an_answer_cannot_be_settled(simulator, monkeypatch):
    def down(*_):
        raise OSError("the store is down")

    with budgeted([priced(simulator)], {"limit_usd": 1.0, "period": "day"}) as router:
        monkeypatch.setattr(router.state.feedback, "answered", down)
        with pytest.raises(OSError, match="store"):
            router.complete("Hi", max_tokens=10)
        assert no_calls(router)
        assert spent(router) == [pytest.approx(0.01)]


def test_what_failed_costs_nothing_and_failover_does(simulator):
    simulator.script("m", Fault.status(500))
    simulator.script("n", Reply("n", output_tokens=100))
    targets = [priced(simulator), priced(simulator, "n", provider="anthropic")]
    with budgeted(targets, {"limit_usd": 1}, policy="ordered") as router:
        answer = router.complete("Hello")
        assert [a.outcome for a in answer.attempts] == ["error", "ok"]
        assert spent(router) == [pytest.approx(0.1)]
        assert no_calls(router)


def test_an_answer_that_did_not_hold_is_booked(simulator):
    simulator.script("m", Reply("no", output_tokens=100), Reply("yes", output_tokens=200))
    hints = {"verify": lambda answer: answer.text == "yes"}
    with budgeted(priced(simulator), {"limit_usd": 2}) as router:
        answer = router.complete("Hello", hints=hints)
        assert answer.spent_usd == pytest.approx(0.3)
        assert spent(router) == [pytest.approx(0.3)]


def test_what_is_too_dear_after_a_failure_ends_the_request_with_the_reason(simulator):
    simulator.script("m", Reply("no", output_tokens=300))
    hints = {"verify": lambda answer: answer.text == "yes"}
    with (
        budgeted(priced(simulator), {"limit_usd": 0.5}) as router,
        pytest.raises(AllTargetsFailed, match=r"budget '\$0.5 in all' has \$0.2000 left") as told,
    ):
        router.complete("Hello", hints=hints)
    assert len(told.value.attempts) == 1


@pytest.mark.parametrize("how", ["stream", "astream"])
def test_a_stream_that_broke_is_booked_with_what_had_come(simulator, how):
    simulator.script("m", Fault.cut(50, reply=Reply("word " * 400)))
    with budgeted(priced(simulator), {"limit_usd": 10}) as router:
        with pytest.raises(StreamInterrupted) as told:
            ask(router, how)
        assert 0 < told.value.attempts[0].cost_usd < 0.4
        assert spent(router) == [told.value.attempts[0].cost_usd]
        assert no_calls(router)


def leave_by_close(router):
    chunks = router.stream("Hello")
    next(c for c in chunks if c.text)
    chunks.close()


def leave_to_the_collector(router):
    chunks = router.stream("Hello")
    next(c for c in chunks if c.text)
    del chunks
    gc.collect()


def leave_async(router):
    async def go():
        chunks = router.astream("Hello")
        async for chunk in chunks:
            if chunk.text:
                break
        await chunks.aclose()

    asyncio.run(go())


def leave_cancelled(router):
    async def read():
        async for _ in router.astream("Hello"):
            pass

    async def go():
        task = asyncio.create_task(read())
        await asyncio.sleep(0.15)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(go())


@pytest.mark.parametrize(
    "leave", [leave_by_close, leave_to_the_collector, leave_async, leave_cancelled]
)
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_stream_that_was_left_is_booked_with_what_had_come(simulator, leave, provider):
    simulator.script("m", Reply("word " * 400, chunks=10, chunk_delay_s=0.04))
    target = priced(simulator, provider=provider, input_usd_per_mtok=1000.0)
    with budgeted(target, {"limit_usd": 10}) as router:
        leave(router)
        (booked,) = spent(router)
        # the prompt and a piece or some; not nothing, and not the answer nobody waited for
        assert 0.03 < booked < 0.4
        assert no_calls(router)


def test_a_call_cancelled_before_anything_came_is_booked_as_expected(simulator):
    simulator.script("m", Reply("late", delay_s=5))

    async def go(router):
        task = asyncio.create_task(router.acomplete("Hello"))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with budgeted(priced(simulator), {"limit_usd": 10}) as router:
        expected = router.explain("Hello").chosen.cost_usd
        asyncio.run(go(router))
        assert spent(router) == [expected]
        assert no_calls(router)


@pytest.mark.parametrize("how", WAYS)
def test_the_loser_of_a_race_is_booked(simulator, how):
    simulator.script("slow", Reply("slow", delay_s=5))
    simulator.script("m", Reply("quick", output_tokens=100))
    targets = [priced(simulator, "slow", provider="anthropic", quality=0.9), priced(simulator)]
    settings = {"policy": "ordered", "hedge_after": 0.02, "hedge_share": 1.0}
    with budgeted(targets, {"limit_usd": 10}, **settings) as router:
        answer = ask(router, how, hints={"hedge": True})
        assert answer.text == "quick"
        assert answer.spent_usd > answer.cost_usd
        assert spent(router) == [pytest.approx(answer.spent_usd)]
        assert no_calls(router)


def test_nobody_races_on_money_that_is_not_there(simulator):
    simulator.script("slow", Reply("slow", output_tokens=300, delay_s=0.1))
    targets = [priced(simulator, "slow", provider="anthropic"), priced(simulator)]
    settings = {"policy": "ordered", "hedge_after": 0.02, "hedge_share": 1.0}
    with budgeted(targets, {"limit_usd": 0.5}, **settings) as router:
        answer = router.complete("Hello", hints={"hedge": True})
        assert [a.outcome for a in answer.attempts] == ["ok"]
        assert spent(router) == [pytest.approx(0.3)]


def test_tenants_and_tags_have_budgets_of_their_own(simulator):
    simulator.script("m", Reply("yes", output_tokens=300))
    budgets = (
        {"limit_usd": 0.4, "per": "tenant", "name": "each"},
        {"limit_usd": 0.7, "tenant": "acme", "name": "acme's"},
        {"limit_usd": 0.35, "tag": "batch", "name": "batch"},
        {"limit_usd": 5, "name": "all"},
    )
    with budgeted(priced(simulator), *budgets) as router:

        def serves(**hints):
            try:
                return router.complete("Hello", hints=hints).text
            except BudgetExceeded as error:
                return error.budget

        asked = [
            ({"tenant": "acme"}, "yes"),
            ({"tenant": "acme"}, "each"),
            ({"tenant": "other"}, "yes"),
            ({"tenant": "other"}, "each"),
            ({}, "yes"),
            ({}, "each"),  # those without a tenant have one together
            ({"tenant": "third", "tags": ["batch", "x"]}, "yes"),
            ({"tenant": "fourth", "tags": ["batch"]}, "batch"),
            ({"tenant": "fourth", "tags": ["batches"]}, "yes"),
        ]
        assert [serves(**hints) for hints, _ in asked] == [told for _, told in asked]
        assert spent(router, tenant="acme") == [
            pytest.approx(0.3),
            pytest.approx(0.3),
            pytest.approx(1.5),
        ]
        names = [b.budget for b in router.balances({"tags": ["batch"]})]
        assert names == ["each", "batch", "all"]


def test_a_budget_of_some_models_is_spent_by_them_alone(simulator):
    simulator.script("m", Reply("m", output_tokens=300))
    simulator.script("n", Reply("n", output_tokens=300))
    targets = [priced(simulator, quality=0.9), priced(simulator, "n", provider="anthropic")]
    with budgeted(targets, {"limit_usd": 0.4, "models": ["M"]}, prefer="quality") as router:
        assert [router.complete("Hello").text for _ in range(3)] == ["m", "n", "n"]
        assert spent(router) == [pytest.approx(0.3)]


def test_beyond_a_limit_that_does_not_refuse_the_cheapest_serves(simulator):
    targets = [priced(simulator, "dear", quality=1.0), priced(simulator, "cheap", output=900.0)]
    for name in ("dear", "cheap"):
        simulator.script(name, Reply(name, output_tokens=300))
    budget = {"limit_usd": 0.35, "on_exceeded": "cheapest"}
    with budgeted(targets, budget, prefer="quality") as router:
        assert [router.complete("Hello").text for _ in range(3)] == ["dear", "cheap", "cheap"]
        assert spent(router) == [pytest.approx(0.3 + 2 * 0.27)]
        assert router.balances()[0].remaining_usd == 0


def test_a_call_counts_in_the_period_it_was_sent_in(simulator):
    simulator.script("m", Reply("late", output_tokens=300, delay_s=0.15))
    with budgeted(priced(simulator), {"limit_usd": 1, "period": "day"}) as router:
        asked = threading.Thread(target=router.complete, args=("Hello",))
        asked.start()
        while not simulator.requests:
            pass
        router._budgets._clock = lambda: NOON + DAY_S
        assert spent(router) == [0.0]
        asked.join()
        assert spent(router) == [0.0]
        router._budgets._clock = lambda: NOON
        assert spent(router) == [pytest.approx(0.3)]


def test_routers_that_share_a_state_share_budgets_of_one_name(simulator):
    state = MemoryState()
    simulator.script("m", Reply("yes", output_tokens=300))
    first, second = (
        budgeted(priced(simulator), {"limit_usd": 1, "period": "day"}, state=state) for _ in "ab"
    )
    with first, second:
        first.complete("Hello")
        assert spent(second) == [pytest.approx(0.3)]


def test_paced_money_is_dearer_while_spend_is_ahead_of_time(simulator):
    targets = [
        priced(simulator, "dear", quality=1.0, output=100.0),
        priced(simulator, "cheap", output=1.0, quality=0.6),
    ]
    for name in ("dear", "cheap"):
        simulator.script(name, Reply(name, output_tokens=300))
    budget = {"limit_usd": 1.0, "period": "day", "pace": True}
    with budgeted(targets, budget, value_usd=0.5) as router:
        texts = [router.complete("Hello").text for _ in range(30)]
        # half of the day is over: half of the money goes to the dear one, and no more
        assert texts[:16] == ["dear"] * 16
        assert "cheap" in texts[16:20]
        decision = router.explain("Hello")
        assert decision.price_of_money > 1
        assert spent(router)[0] < 0.65
        # in the evening there is something to spend again
        router._budgets._clock = lambda: NOON + 0.4 * DAY_S
        assert router.explain("Hello").price_of_money == 1.0
        assert router.complete("Hello").text == "dear"


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        ({"limit_usd": 1, "models": ["nobody"]}, "models nobody name no target"),
        ({"limit_usd": 1, "models": ["unpriced"]}, "no price is known of unpriced"),
    ],
)
def test_a_budget_that_could_guard_nothing_is_a_mistake(simulator, budget, told):
    targets = [priced(simulator), simulator.target("anthropic", "none", name="unpriced")]
    with pytest.raises(ConfigurationError, match=told):
        Router(targets, budgets=[budget])


def test_who_has_no_price_is_booked_at_the_dearest(simulator):
    unpriced = simulator.target("anthropic", "none", name="unpriced", quality=1.0)
    simulator.script("none", Reply("yes", output_tokens=100))
    with budgeted([priced(simulator), unpriced], {"limit_usd": 1}, policy="utility") as router:
        answer = router.complete("Hello", hints={"models": ["unpriced"]})
        assert answer.cost_usd is None
        assert spent(router) == [answer.decision.chosen.cost_usd]
