"""Sessions end to end, over real HTTP on loopback: where they stay, what that saves, when they move."""

from __future__ import annotations

import pytest

from llmrouter_integrations import Router
from llmrouter_integrations.account import account_of
from llmrouter_integrations.testing import Fault

SYSTEM = "You are the ship's computer. " * 800  # about 5,800 tokens
TASKS = (
    "code",
    "math",
    "reasoning",
    "extraction",
    "summarization",
    "qa",
    "tool_use",
    "creative",
    "chat",
    "classification",
)


def priced(simulator, provider, model, **fields):
    prices = {"input": 2.0, "output": 8.0, "cache_read": 0.2}
    stated = {f"{kind}_usd_per_mtok": usd for kind, usd in prices.items()}
    return simulator.target(provider, model, name=fields.pop("name", model), **(stated | fields))


def rivals(simulator, count):
    """Models of one price, each a little better than the others at some tasks."""
    return [
        priced(
            simulator,
            "openai",
            f"m{i}",
            api_key=f"key {i}",
            quality={task: 0.75 + 0.1 * (k % count == i) for k, task in enumerate(TASKS)},
        )
        for i in range(count)
    ]


def converse(router, turns=10, *, system=SYSTEM, tasks=TASKS, stream=False, **hints):
    """Have a conversation whose every turn is another kind of work; give the answers."""
    history = [{"role": "system", "content": system}]
    answers = []
    for turn in range(turns):
        history.append({"role": "user", "content": f"Turn {turn}: {'and what then? ' * 40}"})
        said = {"task": tasks[turn % len(tasks)], **hints}
        if stream:
            *_, last = router.stream(history, hints=said)
            answer = last.response
        else:
            answer = router.complete(history, hints=said)
        history.append({"role": "assistant", "content": answer.text})
        answers.append(answer)
    return answers


def cached_share(answers):
    read = sum(a.usage.cache_read_tokens for a in answers)
    return read / sum(a.usage.input_tokens for a in answers)


@pytest.mark.parametrize(
    ("count", "careless_share", "saving"),
    [
        # a new model every turn: nothing is ever read twice
        (10, 0.0, 0.7),
        # back after three turns, to what is left of the cache
        (3, 0.66, 0.25),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_ten_turns_stay_where_their_prompt_is_cached(
    simulator, count, careless_share, saving, stream
):
    with Router(rivals(simulator, count)) as router:
        careless = converse(router, stream=stream)
    simulator.reset()
    with Router(rivals(simulator, count)) as router:
        sticky = converse(router, stream=stream, session="s")
    assert len({a.target for a in careless}) == count
    assert cached_share(careless) <= careless_share
    assert {a.target for a in sticky} == {"m0"}
    # all but the first turn's prompt, and what each turn added to it
    assert cached_share(sticky) > 0.85
    assert cached_share(sticky[1:]) > 0.95
    spent = [sum(a.cost_usd for a in answers) for answers in (careless, sticky)]
    assert spent[1] < spent[0] * (1 - saving)


def test_it_leaves_where_more_is_gained_than_the_cache_is_worth(simulator):
    strong = priced(simulator, "groq", "strong", quality={"math": 1.0, "overall": 0.1})
    targets = [priced(simulator, "openai", "small", quality=0.5), strong]
    with Router(targets, value_usd=0.5) as router:
        answers = converse(router, 3, tasks=["chat", "chat", "math"], session="s")
    assert [a.target for a in answers] == ["small", "small", "strong"]
    move = account_of(answers[-1])["session"]
    assert move["moved_from"] == "small"
    assert "strong is worth $" in move["why"]
    assert "session" not in account_of(answers[1])


def test_failover_moves_the_session_and_says_so(simulator):
    targets = rivals(simulator, 2)
    with Router(targets) as router:
        first, second = converse(router, 2, session="s")
        assert (first.target, second.target) == ("m0", "m0")
        history = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": "And now?"},
        ]
        told = router.explain(history, hints={"session": "s"})
        assert told.chosen.note.startswith("holds 5,8")
        assert told.session_move() is None
        simulator.script("m0", Fault.rate_limited(30))
        moved = router.complete(history, hints={"session": "s"})
        assert moved.target == "m1"
        assert account_of(moved)["session"] == {
            "moved_from": "m0",
            "why": "it failed: RateLimitedError",
        }
        # it stays where it went
        again = router.explain(history, hints={"session": "s"})
        assert (again.plan[0], again.candidates[0].cached_tokens > 5000) == ("m1", True)


def test_a_session_stays_with_one_of_several_keys(simulator):
    def keys():
        return [priced(simulator, "openai", "m", name=n, quality=0.8, api_key=n) for n in "abcd"]

    with Router(keys()) as router:
        # streamed, so that each key's latency is measured and differs
        alone = {a.target for a in converse(router, 40, stream=True)}
        one, two = ({a.target for a in converse(router, 8, session=s)} for s in ("s", "t"))
    assert alone == set("abcd")
    assert len(one) == len(two) == 1


def test_a_session_of_another_tenant_is_another(simulator):
    with Router(rivals(simulator, 2)) as router:
        converse(router, 1, session="s", tenant="t")
        asked = [{"role": "user", "content": SYSTEM}]
        for tenant, held in (("t", True), ("u", False)):
            chosen = router.explain(asked, hints={"session": "s", "tenant": tenant}).chosen
            assert (chosen.cached_tokens > 0) == held


def test_a_prompt_whose_beginning_changes_keeps_no_session(simulator):
    with Router(rivals(simulator, 2)) as router:
        held = []
        for turn in range(4):
            system = f"It is {turn} o'clock. {SYSTEM}"
            (answer,) = converse(router, 1, system=system, session="s")
            cache = answer.decision.cache
            held.append(cache is not None and cache.tokens > 0)
    # believed once, and not again
    assert held == [False, True, False, False]


def test_what_is_marked_and_reported_counts_where_caching_is_asked_for(simulator):
    def turn(router, marked, **hints):
        part = {"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}
        system = [part if marked else {"type": "text", "text": SYSTEM}]
        asked = [{"role": "system", "content": system}, {"role": "user", "content": "Well?"}]
        return router.complete(asked, hints=hints)

    targets = [priced(simulator, "anthropic", name, quality=0.8) for name in ("m0", "m1")]
    with Router(targets) as router:
        for marked in (True, False):
            session = f"marked {marked}"
            before = turn(router, marked, session=session)
            after = turn(router, marked, session=session)
            cache = after.decision.cache
            assert (cache is not None) == marked
            if marked:
                written = before.usage.cache_write_tokens
                assert cache.tokens == min(written, after.decision.features.input_tokens)
                assert after.usage.cache_read_tokens == written
                assert before.target == after.target


def test_it_is_forgotten_when_the_provider_forgets(simulator, monkeypatch):
    with Router(rivals(simulator, 2)) as router:
        now = router._clock()
        monkeypatch.setattr(router, "_clock", lambda: now)
        converse(router, 1, session="s")
        asked = [{"role": "user", "content": SYSTEM}]
        for later_s, known in ((1799.0, True), (1801.0, False)):
            monkeypatch.setattr(router, "_clock", lambda s=later_s: now + s)
            decision = router.explain(asked, hints={"session": "s"})
            assert (decision.cache is not None) == known


@pytest.mark.parametrize(("balance", "kept"), [(None, 0), ("weighted", 1)])
def test_in_order_means_in_order(simulator, balance, kept):
    stays = []
    with Router(rivals(simulator, 3), policy="ordered", balance=balance) as router:
        remember = router.state.stay
        router.state.stay = lambda *said: (stays.append(said), remember(*said))
        answers = converse(router, 2, session="s")
    assert {a.target for a in answers} == {"m0"}
    assert len(stays) == kept * len(answers)
