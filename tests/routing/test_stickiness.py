"""A session stays where its prompt is cached, as long as that is worth more than leaving."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from llmrouter_integrations.catalog.model import Rates
from llmrouter_integrations.config import TargetConfig
from llmrouter_integrations.hints import RoutingHints
from llmrouter_integrations.messages import (
    Attempt,
    CachePoint,
    Message,
    Request,
    TextPart,
    Tool,
    Usage,
)
from llmrouter_integrations.routing.balance import with_replica_groups
from llmrouter_integrations.routing.policy import decide
from llmrouter_integrations.routing.stickiness import (
    Cached,
    SessionCache,
    cached_by,
    session_key,
)
from llmrouter_integrations.routing.target import Target
from llmrouter_integrations.state.base import Health, Snapshot, Stay

HEALTHY = Snapshot()
TOKENS = 10_001 + 4
LONG = TextPart("x" * 40_000)


def target(name, provider="openai", **fields):
    prices = {"input": 2.0, "output": 8.0, "cache_read": 0.2, "cache_write": 2.0}
    stated = {f"{kind}_usd_per_mtok": fields.pop(kind, usd) for kind, usd in prices.items()}
    config = TargetConfig(
        model=fields.pop("model", f"{provider}/{name}"),
        name=name,
        quality=fields.pop("quality", 0.8),
        **(stated | fields),
    )
    return Target.build(config, None, provider=provider, quota_group=name)


def asking(*last, marked_first=False, **fields):
    first = (LONG, CachePoint()) if marked_first else (LONG,)
    messages = [Message("system", first)]
    if last:
        messages.append(Message("user", last))
    return Request(tuple(messages), **fields)


def choose(targets, stay, request=None, snapshot=HEALTHY, hints=None, **settings):
    settings = {"policy": "utility", "prefer": "balanced", "value_usd": 0.05, **settings}
    return decide(
        request or asking(),
        RoutingHints.of({"task": "chat", "session": "s", **(hints or {})}),
        targets,
        snapshot,
        now=100.0,
        rng=random.Random(3),
        stay=stay,
        **settings,
    )


def at(name, tokens=8000):
    return Stay(name, tokens, 400.0)


def by_name(decision):
    return {c.target: c for c in decision.candidates}


# -- the key -----------------------------------------------------------------------------------


def test_what_was_not_said_to_be_a_session_is_none():
    assert session_key(RoutingHints(tenant="t")) is None


def test_a_session_is_its_tenants_own():
    said = [(None, "s"), ("t", "s"), ("u", "s"), ("t", "2:us"), ("t:2", "us"), ("t2", "us")]
    said += [(None, "1:ts"), (None, "2:us")]
    keys = {session_key(RoutingHints(tenant=t, session=s)) for t, s in said}
    assert len(keys) == len(said)


# -- what it costs to leave --------------------------------------------------------------------


def test_the_holder_reads_what_it_holds_at_the_price_of_the_cache_and_all_others_pay_in_full():
    pair = [target("a"), target("b", "groq")]
    plain, held = by_name(choose(pair, None)), by_name(choose(pair, at("a")))
    worth = 8000 * (2.0 - 0.2) / 1e6
    assert plain["a"].cost_usd - held["a"].cost_usd == pytest.approx(worth)
    assert held["b"] == replace(plain["b"], lost_by_usd=held["b"].lost_by_usd)
    assert (held["a"].cached_tokens, held["a"].cache_worth_usd) == (8000, pytest.approx(worth))
    assert held["a"].note == "holds 8,000 cached tokens of this session, worth $0.0144"
    for candidate in held.values():
        parts = candidate.quality * 0.05 - candidate.cost_usd - candidate.latency_s * 0.0001
        assert candidate.utility_usd == pytest.approx(parts)


def test_no_more_is_held_than_the_prompt_has():
    candidate = choose([target("a")], at("a", 10**9)).chosen
    assert candidate.cached_tokens == TOKENS
    assert candidate.cost_usd == pytest.approx((TOKENS * 0.2 + 250 * 8.0) / 1e6)


@pytest.mark.parametrize(("share", "first"), [(0.98, "a"), (1.02, "b")])
def test_it_leaves_exactly_when_what_is_gained_is_worth_more_than_the_cache(share, first):
    # at this value a good answer's gain in quality is just what the cache is worth
    quality = {"a": 0.5, "b": 0.8}
    pair = [target(n, p, quality=quality[n]) for n, p in (("a", "openai"), ("b", "groq"))]
    decision = choose(pair, at("a"), value_usd=0.05)
    a, b = (by_name(decision)[n] for n in "ab")
    flip = a.cache_worth_usd / (b.quality - a.quality)
    assert choose(pair, None, value_usd=flip * share).plan[0] == "b"
    assert choose(pair, at("a"), value_usd=flip * share).plan[0] == first


def test_an_unknown_price_makes_no_cache_worth_anything():
    unpriced = target("a", input=None, output=None, cache_read=None, cache_write=None)
    candidate = choose([unpriced, target("b", "groq")], at("a"))
    assert by_name(candidate)["a"].cache_worth_usd == 0.0


def test_the_price_of_a_long_prompt_is_that_of_its_length():
    dear = Rates.per_mtok(4.0, 16.0, cache_read_usd=0.4, source="s", date="")
    plain = target("a")
    tiered = replace(plain, rates=replace(plain.rates, above=((9000, dear),)))
    worth = choose([tiered], at("a")).chosen.cache_worth_usd
    assert worth == pytest.approx(8000 * (4.0 - 0.4) / 1e6)


def test_a_price_cap_counts_what_is_cached():
    hints = {"max_cost_usd": 0.015}
    decision = choose([target("a"), target("b", "groq")], at("a"), hints=hints)
    assert decision.plan == ("a",)
    assert "expected to cost" in decision.rejected["b"]


WRITES = {"cache_write": 2.5}
MARKED = CachePoint()


@pytest.mark.parametrize(
    ("provider", "fields", "request_", "held_extra", "other_extra"),
    [
        # tokens written beyond the plain price, at the holder and at another
        ("openai", WRITES, asking(), TOKENS - 8000, TOKENS),
        ("openai", {}, asking(), 0, 0),
        ("anthropic", WRITES, asking(), 0, 0),
        ("anthropic", WRITES, asking(TextPart("hm"), MARKED), TOKENS + 5 - 8000, TOKENS + 5),
        # a beginning that stays the same is written once, and is all that was cached
        ("anthropic", WRITES, asking(TextPart("hm"), marked_first=True), 0, 8000),
        ("anthropic", WRITES, asking(tools=(Tool("f", cache=True),)), 0, 8000),
        # nothing is known of its cache
        ("together", WRITES, asking(MARKED), 0, 0),
    ],
)
def test_what_is_written_to_the_cache_is_paid_for_where_that_is_charged(
    provider, fields, request_, held_extra, other_extra
):
    pair = [target("a", provider, **fields), target("b", provider, quality=0.7, **fields)]
    plain = by_name(choose(pair, None, request_))
    held = by_name(choose(pair, at("a"), request_))
    saved = 8000 * 1.8 / 1e6
    changes = {n: held[n].cost_usd - plain[n].cost_usd for n in "ab"}
    assert changes["a"] == pytest.approx(held_extra * 0.5 / 1e6 - saved)
    assert changes["b"] == pytest.approx(other_extra * 0.5 / 1e6)
    assert held["a"].cache_worth_usd == pytest.approx(
        saved + (other_extra - held_extra) * 0.5 / 1e6
    )


def test_a_prompt_too_short_to_be_cached_is_not_written():
    short = Request((Message("user", (TextPart("x" * 400),)),))
    writer = target("b", **WRITES)
    costs = [choose([writer], stay, short).chosen.cost_usd for stay in (None, at("a"))]
    assert costs[0] == costs[1]


# -- replicas and order ------------------------------------------------------------------------


def keys(**fields):
    return with_replica_groups(
        [target(name, model="openai/m", **fields) for name in ("a", "b", "c")]
    )


@pytest.mark.parametrize("balance", [None, "weighted", "least_busy", "fastest"])
@pytest.mark.parametrize("policy", ["utility", "ordered"])
@pytest.mark.parametrize("holder", ["a", "c"])
def test_of_replicas_the_one_that_holds_the_cache_goes_first(balance, policy, holder):
    # ordered stays ordered, where nobody asked for the load to be shared
    first = "a" if policy == "ordered" and balance is None else holder
    busy = Snapshot({holder: Health(in_flight=3, first_token_s=1.0)})
    decision = choose(keys(), at(holder), snapshot=busy, balance=balance, policy=policy)
    assert decision.plan[0] == first
    assert set(decision.plan) == {"a", "b", "c"}


def test_among_replicas_too_a_cache_is_left_that_is_worth_less_than_the_wait():
    slow = Snapshot({"a": Health(first_token_s=30.0), "b": Health(first_token_s=0.1)})
    # 0.3 dollars of waiting against cents
    moved = choose(keys(), at("a"), snapshot=slow, balance="fastest", prefer="latency")
    assert moved.plan[0] != "a"
    stayed = choose(keys(), at("a"), snapshot=slow, balance="fastest", prefer="balanced")
    assert stayed.plan[0] == "a"


@pytest.mark.parametrize("tokens", [0, 8000])
def test_who_holds_nothing_has_no_precedence(tokens):
    firsts = set()
    for seed in range(30):
        decision = decide(
            asking(),
            RoutingHints(session="s"),
            keys(),
            HEALTHY,
            now=100.0,
            policy="utility",
            prefer="balanced",
            value_usd=None,
            rng=random.Random(seed),
            stay=at("b", tokens),
        )
        firsts.add(decision.plan[0])
    assert firsts == ({"b"} if tokens else {"a", "b", "c"})


# -- what is said of a move --------------------------------------------------------------------

GOOD = target("good", "groq", quality=0.99)
A, B = target("a"), target("b", "groq", quality=0.79)
C = target("c", "mistral", quality=0.5)
FAILED = Attempt("a", "openai", "a", "error", "RateLimitedError: slow down", "RateLimitedError")
ANSWERED = Attempt("b", "groq", "b", "ok")
OUTRUN = Attempt("a", "openai", "a", "cancelled")
BUSY = "it could not be asked at once"


@pytest.mark.parametrize(
    ("decision", "answered", "attempts", "why"),
    [
        (choose([A, B], at("a")), None, (), None),
        (choose([A, B], at("a")), "a", (), None),
        (choose([A, B], None), "b", (), None),
        (choose([A, B], at("b", 0)), "a", (), None),
        (choose([A, B], at("a")), "b", (FAILED, ANSWERED), "it failed: RateLimitedError"),
        (choose([A, B], at("a")), "b", (ANSWERED,), BUSY),
        (choose([A, B], at("a")), "b", (OUTRUN, ANSWERED), "b was faster"),
        (choose([A, B, C], at("a")), "b", (replace(OUTRUN, target="c"), ANSWERED), BUSY),
        (
            choose([A, B], at("a"), snapshot=Snapshot({"a": Health(cooling_until=112.0)})),
            "b",
            (ANSWERED,),
            "resting for 12.0 s more",
        ),
        (
            choose([A, B], at("a"), hints={"exclude": "a"}),
            "b",
            (ANSWERED,),
            "excluded by the caller",
        ),
        (choose([B], at("a")), "b", (ANSWERED,), "it is not configured any more"),
        (
            choose([B, A], at("a"), policy="ordered", balance="weighted"),
            "b",
            (ANSWERED,),
            "it comes later in the order given",
        ),
    ],
)
def test_a_move_says_why(decision, answered, attempts, why):
    move = decision.session_move(answered, attempts)
    assert (move and move.why) == why
    if move is not None:
        assert (move.origin, move.to) == ("a", "b")


def test_a_move_for_its_worth_says_how_much_more_that_is():
    decision = choose([A, GOOD], at("a"), value_usd=5.0)
    gain = by_name(decision)["good"].utility_usd - by_name(decision)["a"].utility_usd
    move = decision.session_move()
    assert (move.origin, move.to) == ("a", "good")
    assert move.why == f"good is worth ${gain:.4g} more, the cache that is lost counted"
    assert decision.as_dict()["session_move"] == move._asdict()
    assert choose([A, GOOD], at("good"), value_usd=5.0).as_dict()["session_move"] is None


# -- what is cached after an answer ------------------------------------------------------------


def usage(prompt=5000, read=0, write=0, **fields):
    return Usage(input_tokens=prompt, cache_read_tokens=read, cache_write_tokens=write, **fields)


@pytest.mark.parametrize(
    ("provider", "counted", "before", "tokens"),
    [
        # works by itself: all of a prompt that is long enough
        ("openai", usage(), None, 5000),
        ("openai", usage(1023), None, None),
        ("openai", usage(1024), None, 1024),
        ("google", usage(4000), None, None),
        ("openai", usage(read=3000), "a", 5000),
        ("openai", usage(reported=False), "a", 5000),
        # it was to be there and was not
        ("openai", usage(), "a", 0),
        ("openai", usage(500), "a", 0),
        # comes from elsewhere
        ("openai", usage(), "b", 5000),
        ("openai", usage(500), "b", None),
        # caches what is marked, and says so
        ("anthropic", usage(), None, None),
        ("anthropic", usage(write=4000), None, 4000),
        ("anthropic", usage(read=4000, write=600), "a", 4600),
        ("anthropic", usage(), "a", 0),
        ("anthropic", usage(reported=False), "a", None),
        ("openrouter", usage(read=2000), None, 2000),
        # nobody knows
        ("together", usage(read=4000), None, None),
    ],
)
def test_what_a_provider_holds_after_an_answer(provider, counted, before, tokens):
    session = before and SessionCache(at(before), asking(), TOKENS)
    held = cached_by(target("a", provider), asking(), counted, session)
    assert (held and held.tokens) == tokens


def test_it_is_held_for_the_providers_time():
    held = cached_by(target("a", "groq"), asking(), usage(), None)
    assert held == Cached(5000, 7200.0)
