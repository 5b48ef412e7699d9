"""Filters with their reasons, and the choice among what is left."""

from __future__ import annotations

import random

import pytest

from llmrouter_integrations.catalog.model import ModelFacts, Rates
from llmrouter_integrations.config import TargetConfig
from llmrouter_integrations.errors import (
    ConfigurationError,
    ContextOverflowError,
    NoCandidateError,
    UnknownHintError,
)
from llmrouter_integrations.hints import EMPTY, RoutingHints
from llmrouter_integrations.messages import (
    ImagePart,
    Message,
    NativeTool,
    Request,
    TextPart,
    Tool,
)
from llmrouter_integrations.routing.outlook import PRIOR_QUALITY
from llmrouter_integrations.routing.policy import decide
from llmrouter_integrations.routing.target import Target
from llmrouter_integrations.state.base import Health, Snapshot

HEALTHY = Snapshot()


def target(model="openai/small", *, facts=None, issuers=(), **fields):
    fields.setdefault("quality", 0.8)
    fields.setdefault("input_usd_per_mtok", 1.0)
    fields.setdefault("output_usd_per_mtok", 4.0)
    config = TargetConfig(model=model, **fields)
    return Target.build(
        config,
        facts,
        provider=config.provider,
        quota_group=fields.get("quota_group", "g"),
        issuers=frozenset(issuers),
    )


def ask(text="Tell me about Rome", **fields):
    return Request((Message("user", (TextPart(text),)),), **fields)


def choose(targets, request=None, hints=EMPTY, snapshot=HEALTHY, **settings):
    settings = {"policy": "utility", "prefer": "balanced", "value_usd": None, **settings}
    return decide(
        request or ask(),
        RoutingHints.of(hints),
        targets,
        snapshot,
        now=100.0,
        rng=random.Random(7),
        **settings,
    )


CHEAP = target("openai/cheap", quality=0.6, input_usd_per_mtok=0.1, output_usd_per_mtok=0.4)
DEAR = target("anthropic/dear", quality=0.9, input_usd_per_mtok=5.0, output_usd_per_mtok=25.0)
PAIR = (CHEAP, DEAR)
IMAGE = Request((Message("user", (ImagePart(url="https://example.com/a.png"),)),))

REASONS = [
    ({"abilities": {"tools": False}}, ask(tools=(Tool("f"),)), {}, "cannot take tools"),
    ({"abilities": {"input": ["text"]}}, IMAGE, {}, "cannot take image"),
    ({"context_window": 100}, ask("word " * 1000), {}, "does not fit"),
    ({"context_window": 1000}, ask(max_tokens=1000), {}, "max_tokens 1000 in a window of 1000"),
    ({}, ask(), {"pin": "other"}, "another target is pinned"),
    ({}, ask(), {"models": ["gpt-9"]}, "not among the models asked for"),
    ({}, ask(), {"exclude": ["openai/small"]}, "excluded by the caller"),
    ({}, ask(), {"exclude": ["openai/*"]}, "excluded by the caller"),
    ({}, ask(), {"providers": ["groq"]}, "not among the providers"),
    ({}, ask(), {"exclude_providers": ["openai"]}, "provider openai is excluded"),
    ({"region": "us"}, ask(), {"regions": ["eu"]}, "region us is not eu"),
    ({}, ask(), {"regions": ["eu"]}, "region not stated is not eu"),
    ({}, ask(), {"data_policy": "no_training"}, "data policy not stated"),
    (
        {"data_policy": "no_training"},
        ask(),
        {"data_policy": "zero_retention"},
        "data policy no_training is not zero_retention",
    ),
    ({}, ask(), {"max_cost_usd": 0.00001}, "expected to cost"),
    ({}, ask(), {"min_quality": 0.99}, "is under 0.99"),
]


@pytest.mark.parametrize(("fields", "request_", "hints", "reason"), REASONS)
def test_a_target_is_left_out_with_its_reason(fields, request_, hints, reason):
    fit = target("google/fit", quality=1.0, region="eu", data_policy="zero_retention")
    left_out = target(**fields)
    with pytest.raises((NoCandidateError, ContextOverflowError), match="openai/small"):
        choose([left_out], request_, hints)
    if "pin" in hints or "models" in hints or "providers" in hints or "max_cost_usd" in hints:
        return
    decision = choose([left_out, fit], request_, hints)
    assert decision.plan == ("google/fit",)
    assert reason in decision.rejected["openai/small"]
    assert decision.candidates[-1].rejected == decision.rejected["openai/small"]


@pytest.mark.parametrize(
    "hints",
    [
        {"pin": "openai/cheap"},
        {"pin": "cheap"},
        {"models": ["openai:cheap"]},
        {"models": "openai/*"},
        {"providers": "openai"},
        {"exclude": "dear"},
        {"pin": "CHEAP"},
        {"models": "OpenAI/Cheap"},
        {"models": "OPENAI:*"},
        {"exclude": "Anthropic/Dear"},
        {"providers": "OpenAI"},
        {"exclude_providers": "Anthropic"},
    ],
)
def test_a_hint_may_name_a_target_in_any_usual_spelling(hints):
    assert choose(PAIR, hints=hints).plan == ("openai/cheap",)


@pytest.mark.parametrize(
    "hints",
    [
        {"exclude_providers": "gemini"},
        {"exclude_providers": "Google_GenAI"},
        {"exclude": "gemini/Pro"},
        {"exclude": "GEMINI:*"},
        {"exclude": "google/pro"},
        {"providers": "openai"},
        {"regions": "EU"},
    ],
)
@pytest.mark.parametrize("written", ["google/pro", "gemini/Pro", "google-genai:pro"])
def test_an_alias_and_another_case_mean_the_same(hints, written):
    google = Target.build(
        TargetConfig(model=written, quality=1.0, region="us"),
        None,
        provider="google",
        quota_group="g",
    )
    eu = target("openai/cheap", region="eu", quality=0.1)
    assert choose([google, eu], hints=hints).plan == ("openai/cheap",)


@pytest.mark.parametrize(
    ("hints", "complaint"),
    [
        ({"exclude": "openai/cheep"}, "exclude='openai/cheep' names no target; .*'openai/cheap'"),
        ({"exclude": ["dear", "gpt-4o"]}, "exclude='gpt-4o' names no target"),
        ({"exclude": "opnai/gpt-4o"}, "names no target"),
        ({"exclude_providers": "opnai"}, "names no provider; did you mean 'openai'"),
        ({"exclude_providers": "vllm"}, "exclude_providers='vllm' names no provider"),
    ],
)
def test_an_exclusion_that_would_guard_nothing_is_an_error(hints, complaint):
    with pytest.raises(UnknownHintError, match=complaint):
        choose(PAIR, hints=hints)


@pytest.mark.parametrize(
    "hints",
    [
        {"exclude_providers": "groq"},
        {"exclude_providers": "x_ai"},
        {"exclude": "gemini/gemini-3.7-flash"},
        {"exclude": "*mini*"},
        {"exclude": "openai/gpt-*"},
    ],
)
def test_what_is_excluded_need_not_be_configured_where_it_is_known(hints):
    assert len(choose(PAIR, hints=hints).plan) == 2


def test_a_pin_is_of_one_target_alone():
    shared = [target("openai/m", name=name, quality=q) for name, q in (("a", 0.5), ("b", 0.9))]
    decision = choose(shared, hints={"pin": "openai/m"})
    assert decision.plan == ("b",)
    assert decision.rejected["a"].startswith("another target is pinned")
    named = [*shared, target("groq/m", name="openai/m", quality=0.1)]
    assert choose(named, hints={"pin": "openai/m"}).plan == ("openai/m",)


def test_nothing_left_names_every_candidate_with_its_reason():
    with pytest.raises(NoCandidateError) as caught:
        choose(PAIR, hints={"providers": ["openai"], "exclude": ["openai/cheap"]})
    assert caught.value.rejected == {
        "openai/cheap": "excluded by the caller",
        "anthropic/dear": "not among the providers asked for (openai)",
    }


def test_a_prompt_that_fits_no_window_is_a_context_overflow():
    with pytest.raises(ContextOverflowError, match="Shorten the conversation"):
        choose([target(context_window=50)], ask("word " * 400))


def test_a_prompt_may_be_limited_apart_from_the_window():
    facts = ModelFacts("openai", "m", "m", context_window=400, max_input=272)
    limited, stated = (target(facts=facts, context_window=w) for w in (None, 400))
    request = ask("word " * 300)  # 375 tokens, of which 281 count
    with pytest.raises(ContextOverflowError, match="where a prompt may have 272"):
        choose([limited], request)
    assert choose([stated], request).plan == ("openai/small",)


SEARCH = NativeTool("anthropic", {"type": "web_search_20250305"})


def test_who_would_have_to_leave_out_a_vendors_own_tool_is_tried_after_who_can_use_it():
    other, own = target("openai/o", quality=1.0), target("x/a", quality=0.1, issuers=["anthropic"])
    decision = choose([other, own], ask(tools=(SEARCH,)))
    assert decision.plan == ("x/a", "openai/o")
    assert decision.candidates[1].deferred == "cannot use anthropic's own tools"
    assert choose([other, own], ask(tools=(SEARCH,)), policy="ordered").plan[0] == "x/a"
    assert choose([other, own], ask(tools=(SEARCH,), tool_choice="none")).plan[0] == "openai/o"
    resting = Snapshot(targets={"x/a": Health(cooling_until=130.0)})
    assert choose([other, own], ask(tools=(SEARCH,)), snapshot=resting).plan[0] == "openai/o"


def test_where_a_vendors_own_tool_must_be_called_nobody_else_will_do():
    other, own = target("openai/o"), target("x/a", issuers=["anthropic"])
    request = ask(tools=(SEARCH,), tool_choice="required")
    decision = choose([other, own], request)
    assert decision.plan == ("x/a",)
    assert "tool_choice demands one" in decision.rejected["openai/o"]
    with pytest.raises(NoCandidateError, match="cannot use anthropic's own tools"):
        choose([other], request)


KNOWN = Rates.per_mtok(
    2.0,
    8.0,
    cache_read_usd=0.5,
    source="list",
    date="2026-01-01",
    above=((1000, Rates.per_mtok(4.0, 16.0, source="list", date="2026-01-01")),),
)
UNPRICED = {"input_usd_per_mtok": None, "output_usd_per_mtok": None}


@pytest.mark.parametrize(
    ("stated", "rates", "above"),
    [
        ({"input_usd_per_mtok": 1.0}, (1.0, 8.0, 0.25, 1.0), (1.0, 16.0, 1.0, 1.0)),
        ({"output_usd_per_mtok": 6.0}, (2.0, 6.0, 0.5, 2.0), (4.0, 6.0, 4.0, 4.0)),
        ({"cache_read_usd_per_mtok": 0.1}, (2.0, 8.0, 0.1, 2.0), (4.0, 16.0, 0.1, 4.0)),
        ({}, (2.0, 8.0, 0.5, 2.0), (4.0, 16.0, 4.0, 4.0)),
    ],
)
def test_a_price_stated_in_part_is_laid_over_the_known_one(stated, rates, above):
    facts = ModelFacts("openai", "m", "m", rates=KNOWN)
    made = target(facts=facts, **{**UNPRICED, **stated})
    for found, wanted in ((made.rates.at(0), rates), (made.rates.at(1001), above)):
        usd = (found.input_usd, found.output_usd, found.cache_read_usd, found.cache_write_usd)
        assert [f * 1e6 for f in usd] == pytest.approx(wanted)
    assert made.price_is_stated == bool(stated)
    assert (made.rates.source == "list") == (not stated)


@pytest.mark.parametrize(
    "field", ["input_usd_per_mtok", "output_usd_per_mtok", "cache_read_usd_per_mtok"]
)
def test_half_a_price_of_an_unknown_model_is_an_error(field):
    with pytest.raises(ConfigurationError, match="state both input_usd_per_mtok and output"):
        target(**{**UNPRICED, field: 1.0})


def test_an_unpriced_target_cannot_be_held_to_a_price_cap():
    unpriced = target(input_usd_per_mtok=None, output_usd_per_mtok=None)
    with pytest.raises(NoCandidateError, match="no price is known"):
        choose([unpriced], hints={"max_cost_usd": 1.0})


def test_an_unpriced_target_is_taken_to_be_as_dear_as_the_dearest():
    unpriced = target("x/unpriced", quality=0.9, input_usd_per_mtok=None, output_usd_per_mtok=None)
    costs = {c.target: c.cost_usd for c in choose([*PAIR, unpriced]).candidates}
    assert costs["x/unpriced"] == costs["anthropic/dear"] > costs["openai/cheap"]


@pytest.mark.parametrize(
    ("prefer", "first"), [("cost", "openai/cheap"), ("quality", "anthropic/dear")]
)
def test_presets_choose_what_their_name_says(prefer, first):
    assert choose(PAIR, prefer=prefer).plan[0] == first
    assert choose(PAIR, hints={"prefer": prefer}).plan[0] == first


def test_a_hint_outweighs_the_setting_and_a_value_outweighs_the_preset():
    assert choose(PAIR, hints={"prefer": "cost"}, value_usd=10.0).value_usd == 0.002
    assert choose(PAIR, hints={"value_usd": 0.5, "prefer": "cost"}).value_usd == 0.5
    assert choose(PAIR, value_usd=0.25).value_usd == 0.25


def test_the_parts_add_up_to_the_utility():
    decision = choose(PAIR)
    for c in decision.candidates:
        parts = (
            c.quality * decision.value_usd
            - c.cost_usd
            - c.latency_s * decision.price_of_waiting_usd_per_s
        )
        assert c.utility_usd == pytest.approx(parts)
        assert c.lost_by_usd == pytest.approx(decision.chosen.utility_usd - c.utility_usd)


@pytest.mark.parametrize("value_usd", [0.0001, 0.003, 0.05, 1.0])
def test_the_choice_flips_exactly_at_the_flip_value(value_usd):
    decision = choose(PAIR, value_usd=value_usd)
    flip = decision.flip_value_usd
    assert flip is not None
    step = flip * 1e-6 if flip > value_usd else -flip * 1e-6
    assert choose(PAIR, value_usd=flip - step).plan[0] == decision.plan[0]
    assert choose(PAIR, value_usd=flip + step).plan[0] == decision.flip_to


def test_a_choice_that_is_better_and_cheaper_never_flips():
    worse = target("openai/worse", quality=0.5, input_usd_per_mtok=9.0, output_usd_per_mtok=90.0)
    best = target("openai/best", quality=0.9)
    assert choose([best, worse]).flip_value_usd is None


def test_ordered_serves_in_the_order_given():
    assert choose(PAIR, policy="ordered", prefer="quality").plan == (
        "openai/cheap",
        "anthropic/dear",
    )
    assert choose(PAIR[::-1], policy="ordered", prefer="cost").plan == (
        "anthropic/dear",
        "openai/cheap",
    )


@pytest.mark.parametrize("policy", ["utility", "ordered"])
def test_what_rests_comes_last_and_says_for_how_long(policy):
    snapshot = Snapshot(targets={"openai/cheap": Health(cooling_until=130.0)})
    decision = choose(PAIR, snapshot=snapshot, policy=policy, prefer="cost")
    assert decision.plan == ("anthropic/dear", "openai/cheap")
    assert decision.candidates[1].deferred == "resting for 30.0 s more"


def test_a_resting_quota_group_rests_all_its_targets():
    snapshot = Snapshot(groups={"g": Health(cooling_until=101.0)})
    other = target("groq/other", quota_group="h", quality=0.1)
    assert choose([CHEAP, DEAR, other], snapshot=snapshot).plan[0] == "groq/other"


def test_a_full_target_waits_behind_the_others():
    busy = target("openai/busy", quality=1.0, max_concurrency=2)
    snapshot = Snapshot(targets={"openai/busy": Health(in_flight=2)})
    decision = choose([busy, CHEAP], snapshot=snapshot)
    assert decision.plan == ("openai/cheap", "openai/busy")


def test_measured_latency_counts_where_waiting_is_dear():
    slow = Snapshot(targets={"openai/a": Health(first_token_s=9.0, output_tokens_per_s=10.0)})
    targets = [target("openai/a"), target("openai/b")]
    assert choose(targets, snapshot=slow, prefer="latency").plan[0] == "openai/b"


def test_targets_that_tie_share_the_traffic_by_weight():
    rng = random.Random(1)
    targets = [target("openai/m", name="a", weight=3.0), target("openai/m", name="b", weight=1.0)]
    firsts = [
        decide(
            ask(),
            EMPTY,
            targets,
            HEALTHY,
            now=0.0,
            policy="utility",
            prefer="balanced",
            value_usd=None,
            rng=rng,
        ).plan[0]
        for _ in range(2000)
    ]
    assert 0.70 < firsts.count("a") / 2000 < 0.80


def test_a_reasoning_model_is_expected_to_cost_more_the_harder_and_the_more_effort():
    thinker = target(abilities={"reasoning": True})
    plain = target(name="plain")

    def cost(which, request):
        return choose([which], request).chosen.cost_usd

    hard = ask("Prove the theorem rigorously. Derive it carefully.")
    assert cost(thinker, ask()) > cost(plain, ask())
    assert cost(thinker, hard) > 3 * cost(thinker, ask())
    low, high = (ask("Prove the theorem rigorously.", reasoning_effort=e) for e in ("low", "high"))
    assert cost(thinker, low) < cost(thinker, high)
    capped = ask("Prove the theorem rigorously.", max_tokens=10)
    assert cost(thinker, capped) < cost(thinker, low)


def test_an_unknown_model_has_the_prior_and_says_so():
    unknown = target(quality=None)
    chosen = choose([unknown]).chosen
    assert chosen.quality_source == "unknown model: prior"
    assert unknown.outlooks["chat"].quality == PRIOR_QUALITY


def test_quality_may_be_stated_per_task():
    coder = target("x/coder", quality={"code": 0.95, "overall": 0.3})
    writer = target("x/writer", quality={"creative": 0.95, "overall": 0.3})
    for task, first in (("code", "x/coder"), ("creative", "x/writer")):
        assert choose([coder, writer], hints={"task": task}).plan[0] == first


def test_a_decision_as_plain_json_types():
    import json

    plain = json.loads(json.dumps(choose(PAIR, hints={"tags": ["a"]}).as_dict()))
    assert plain["plan"] == list(choose(PAIR).plan)
    assert {c["target"] for c in plain["candidates"]} == {"openai/cheap", "anthropic/dear"}
    assert plain["hints"] == {"tags": ["a"]}


SHOWN = Message("user", (TextPart("What is it?"), ImagePart(data="aGk=")))
SEEN = Message("assistant", (TextPart("A cat."),))
SO = Message("user", (TextPart("Whose?"),))


def test_who_cannot_see_an_answered_image_is_asked_after_those_who_can():
    blind = target("openai/blind", quality=0.9, abilities={"input": ["text"]})
    sees = target("openai/sees", quality=0.5, abilities={"input": ["text", "image"]})
    follow_up = Request((SHOWN, SEEN, SO))
    for policy in ("utility", "ordered"):
        decision = choose([blind, sees], follow_up, policy=policy)
        assert decision.plan == ("openai/sees", "openai/blind")
        assert decision.candidates[1].deferred == "cannot see the image of earlier turns"
    assert choose([blind], follow_up).plan == ("openai/blind",)
    with pytest.raises(NoCandidateError, match="cannot take image"):
        choose([blind], Request((SHOWN, SO)))
