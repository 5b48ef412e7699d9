"""Several keys of one model, end to end over real HTTP on loopback."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from llmrouter_integrations import Router
from llmrouter_integrations.testing import Fault, Reply


def keys(simulator, **weights):
    """Targets of one model, each with a key of its own by its name."""
    return [
        simulator.target("openai", "m", name=name, quality=0.8, api_key=name, weight=weight)
        for name, weight in weights.items()
    ]


@pytest.fixture
def by_key(simulator):
    """Say what the model answers to each key."""

    def script(**steps):
        def step(request):
            name = request.headers["authorization"].removeprefix("Bearer ")
            return steps.get(name, Reply("ok"))

        simulator.script("m", step)

    return script


def test_calls_at_the_same_time_are_spread(simulator, by_key):
    by_key(**dict.fromkeys("abc", Fault.stall(0.1)))

    async def ask_all():
        async with Router(keys(simulator, a=1, b=1, c=2), balance="least_busy") as router:
            return await asyncio.gather(*[router.acomplete(f"{i}") for i in range(12)])

    shares = Counter(answer.target for answer in asyncio.run(ask_all()))
    assert shares == {"a": 3, "b": 3, "c": 6}


@pytest.mark.parametrize("policy", ["utility", "ordered"])
def test_measured_latency_ends_no_share(simulator, by_key, policy):
    by_key(a=Reply("ok", delay_s=0.01))
    with Router(keys(simulator, a=1, b=1), policy=policy, balance="weighted") as router:
        router._rng.seed(1)
        firsts = Counter(list(router.stream("Hi"))[-1].response.target for _ in range(24))
        health = router.state.snapshot().targets
    assert health["a"].first_token_s > health["b"].first_token_s
    assert min(firsts.values()) > 8


@pytest.mark.parametrize("balance", [None, "least_busy", "fastest"])
def test_a_key_that_reached_its_limit_is_left_to_the_others(simulator, by_key, balance):
    by_key(a=Fault.rate_limited(20))
    with Router(keys(simulator, a=1000, b=1, c=1), balance=balance) as router:
        answers = [router.complete("Hi") for _ in range(20)]
    assert {a.text for a in answers} == {"ok"}
    assert sum(len(a.attempts) for a in answers) == 21
    assert {a.target for a in answers} == {"b", "c"}


def test_the_fastest_gets_most(simulator, by_key):
    by_key(slow=Reply("ok", delay_s=0.1))
    with Router(keys(simulator, slow=1, quick=1), balance="fastest") as router:
        router._rng.seed(1)
        firsts = Counter(list(router.stream("Hi"))[-1].response.target for _ in range(40))
    assert firsts["quick"] >= 34
