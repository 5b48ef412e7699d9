"""Reasoning effort as part of the choice: candidates, hints, what is sent, and what they share."""

from __future__ import annotations

import asyncio
import copy
import pickle

import pytest

from llmrouter_integrations import Router
from llmrouter_integrations.errors import AllTargetsFailed, ConfigurationError, NoCandidateError
from llmrouter_integrations.testing import Fault, Reply

EFFORTS = ["low", "high"]
ABLE = {"reasoning": True, "reasoning_efforts": ["low", "medium", "high"]}
HARD = "Prove rigorously, step by step, that there are infinitely many primes of the form 4k + 3."


def may_serve(router, **params):
    """Each candidate's name and whether it may serve the request."""
    decision = router.explain(HARD, **params)
    return {c.target: c.rejected is None for c in decision.candidates}


@pytest.fixture
def router(simulator):
    simulator.script("able", Reply("done"))
    target = simulator.target(
        "openai", "able", name="able", quality=0.7, efforts=EFFORTS, abilities=ABLE
    )
    with Router([target], policy="ordered") as router:
        yield router


# -- candidates ---------------------------------------------------------------------------------


def test_a_target_stands_once_for_each_effort():
    router = Router([{"model": "openai/gpt-5.5", "efforts": EFFORTS}], keys_required=False)
    low, high = router.targets
    assert (low.name, high.name) == ("openai/gpt-5.5@low", "openai/gpt-5.5@high")
    assert low.endpoint == high.endpoint == "openai/gpt-5.5"
    assert low.quota_group == high.quota_group
    assert low.replica_group is high.replica_group is None
    for task, outlook in low.outlooks.items():
        assert outlook.quality < high.outlooks[task].quality
        assert outlook.reasoning_tokens < high.outlooks[task].reasoning_tokens
        assert "effort low" in outlook.quality_source


def test_without_efforts_nothing_changes():
    router = Router(["openai/gpt-5.5"], keys_required=False)
    (target,) = router.targets
    assert (target.name, target.endpoint, target.effort) == ("openai/gpt-5.5",) * 2 + (None,)
    assert may_serve(router, reasoning_effort="high") == {"openai/gpt-5.5": True}


def test_the_effort_is_worth_its_cost_where_the_answer_is():
    router = Router([{"model": "openai/gpt-5.5", "efforts": EFFORTS}], keys_required=False)
    chosen = [
        router.explain(HARD, hints={"value_usd": value}).chosen.target for value in (0.05, 50.0)
    ]
    assert chosen == ["openai/gpt-5.5@low", "openai/gpt-5.5@high"]


@pytest.mark.parametrize(
    ("asked", "able"),
    [
        (None, {"low", "medium"}),
        ("none", {"low"}),
        ("low", {"low"}),
        ("medium", {"medium"}),
        ("high", {"medium"}),
        ("max", {"medium"}),
    ],
)
def test_who_asks_for_an_effort_gets_the_nearest(asked, able):
    config = {"model": "openai/gpt-5.5", "name": "x", "efforts": ["medium", "low"]}
    router = Router([config], keys_required=False)
    assert may_serve(router, reasoning_effort=asked) == {
        f"x@{effort}": effort in able for effort in ("low", "medium")
    }


@pytest.mark.parametrize(
    ("hints", "able"),
    [
        ({"models": ["x"]}, {"low", "high"}),
        ({"models": ["openai/gpt-5.5"]}, {"low", "high"}),
        ({"models": ["gpt-5.5@high"]}, {"high"}),
        ({"models": ["x@low"]}, {"low"}),
        ({"models": ["*@low"]}, {"low"}),
        ({"exclude": ["x@high"]}, {"low"}),
        ({"pin": "x@high"}, {"high"}),
        ({"providers": ["openai"]}, {"low", "high"}),
    ],
)
def test_hints_name_the_target_or_one_of_its_efforts(hints, able):
    config = {"model": "openai/gpt-5.5", "name": "x", "efforts": EFFORTS}
    router = Router([config, "anthropic/claude-opus-4-8"], keys_required=False)
    serving = {name for name, may in may_serve(router, hints=hints).items() if may}
    if "exclude" in hints:
        serving.remove("anthropic/claude-opus-4-8")
    assert serving == {f"x@{effort}" for effort in able}


def test_a_pinned_target_is_asked_at_its_best_effort():
    config = {"model": "openai/gpt-5.5", "name": "x", "efforts": EFFORTS}
    other = {"model": "openai/gpt-5.5", "name": "y", "quality": 1.0}
    router = Router([config, other], keys_required=False)
    assert router.explain(HARD, hints={"pin": "x"}).plan == ("x@low",)
    with pytest.raises(NoCandidateError):
        router.explain(HARD, hints={"pin": "x", "exclude": ["x"]})


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"abilities": {"reasoning": False}}, "it does not reason"),
        ({"abilities": {"reasoning_efforts": ["high"]}}, "it takes high"),
    ],
)
def test_efforts_that_a_model_does_not_take_are_refused(fields, why):
    with pytest.raises(ConfigurationError, match=f"'x': efforts low, high: {why}"):
        Router(
            [
                {
                    "model": "own/x",
                    "name": "x",
                    "base_url": "http://127.0.0.1:9",
                    **fields,
                    "efforts": EFFORTS,
                }
            ]
        )


# -- what is sent -------------------------------------------------------------------------------


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize(
    ("model", "fields", "said"),
    [
        ("openai/able", {}, lambda body: body["reasoning_effort"]),
        (
            "openai/able",
            {"protocol": "openai-responses"},
            lambda body: body["reasoning"]["effort"],
        ),
        (
            "anthropic/claude-opus-4-8",
            {},
            lambda body: body["output_config"]["effort"],
        ),
        (
            "google/gemini-3.5-flash",
            {},
            lambda body: body["generationConfig"]["thinkingConfig"]["thinkingLevel"].lower(),
        ),
        (
            "cohere/command-a-reasoning-08-2025",
            {},
            lambda body: "low" if "token_budget" in body["thinking"] else "high",
        ),
        (
            "bedrock/amazon.nova-2-lite-v1:0",
            {},
            lambda body: body["additionalModelRequestFields"]["reasoningConfig"][
                "maxReasoningEffort"
            ],
        ),
    ],
)
def test_each_protocol_is_sent_the_effort(simulator, model, fields, said, effort):
    simulator.script(model, Reply("done"))
    able = {"abilities": ABLE} if model == "openai/able" else {}
    target = simulator.target(*model.split("/"), name="x", efforts=EFFORTS, **able, **fields)
    with Router([target]) as router:
        answer = router.complete("Hi", hints={"models": [f"x@{effort}"]})
    assert answer.target == f"x@{effort}"
    (request,) = simulator.requests
    assert said(request.body) == effort


@pytest.mark.parametrize("how", ["complete", "acomplete", "stream", "astream"])
@pytest.mark.parametrize("asked", ["medium", "low", None])
def test_another_effort_than_asked_for_is_told(router, simulator, how, asked):
    # medium is as near to low as to high, and the weaker is taken
    params = {"reasoning_effort": asked, "hints": {"models": ["able@low"]}}

    async def awaited():
        if how == "acomplete":
            return await router.acomplete("Hi", **params)
        return [chunk async for chunk in router.astream("Hi", **params)][-1].response

    if how == "complete":
        answer = router.complete("Hi", **params)
    elif how == "stream":
        answer = list(router.stream("Hi", **params))[-1].response
    else:
        answer = asyncio.run(awaited())
    (request,) = simulator.requests
    assert request.body["reasoning_effort"] == "low"
    told = [a.detail for a in answer.attempts[0].adjustments if a.parameter == "reasoning_effort"]
    assert told == (
        ["medium to low, the nearest this target is configured for"] if asked == "medium" else []
    )


def test_a_cascade_may_climb_the_efforts_of_one_model(simulator):
    simulator.script("able", lambda request: Reply(request.body["reasoning_effort"]))
    target = simulator.target(
        "openai",
        "able",
        name="able",
        quality=0.7,
        efforts=EFFORTS,
        abilities=ABLE,
        input_usd_per_mtok=1,
        output_usd_per_mtok=50,
    )
    hints = {
        "verify": lambda answer: answer.text == "high",
        "cascade": 0.9,
        "value_usd": 5.0,
        "task": "math",
    }
    with Router([target]) as router:
        assert router.explain(HARD, hints={**hints, "cascade": False}).plan[0] == "able@high"
        answer = router.complete(HARD, hints=hints)
    assert answer.target == "able@high"
    assert answer.attempts[0].target == "able@low"


# -- what they share ----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.status(500), Fault.rate_limited(20), Fault.reset()])
def test_an_endpoint_that_fails_is_not_tried_again_at_another_effort(simulator, fault):
    simulator.script("able", fault)
    simulator.script("other", Reply("from the other"))
    able = simulator.target(
        "openai", "able", name="able", quality=0.9, efforts=EFFORTS, abilities=ABLE
    )
    other = simulator.target("openai", "other", name="other", quality=0.1, api_key="second")
    with Router([able, other], max_retries=0, policy="ordered") as router:
        answer = router.complete("Hi")
    assert [a.target for a in answer.attempts] == ["able@low", "other"]
    assert simulator.calls("able") == 1


def test_a_resting_endpoint_rests_at_every_effort(simulator, router):
    simulator.script("able", Fault.rate_limited(20))
    with pytest.raises(AllTargetsFailed):
        router.complete("Hi", hints={"timeout_s": 1})
    assert {c.deferred.split(" for ")[0] for c in router.explain("Hi").candidates} == {"resting"}


def test_an_answer_that_does_not_hold_may_be_tried_at_another_effort(simulator, router):
    simulator.script("able", lambda request: Reply(request.body["reasoning_effort"]))
    check = lambda response: None if response.text == "high" else "think harder"  # noqa: E731
    answer = router.complete("Hi", hints={"verify": check})
    assert answer.text == "high"
    assert {a.target for a in answer.attempts} == {"able@low", "able@high"}


def test_efforts_share_their_places(simulator):
    simulator.script("able", Fault.stall(0.1))
    target = simulator.target(
        "openai", "able", name="able", efforts=EFFORTS, abilities=ABLE, max_concurrency=1
    )

    async def ask():
        async with Router([target]) as router:
            first = asyncio.create_task(router.acomplete("Hi", hints={"models": ["able@high"]}))
            await asyncio.sleep(0.05)
            deferred = [c.deferred for c in router.explain("Hi").candidates]
            await first
            return deferred

    assert asyncio.run(ask()) == ["1 calls under way, its limit"] * 2


def test_each_effort_has_a_speed_of_its_own(simulator, router):
    def step(request):
        return Reply("done", delay_s=0.1 if request.body["reasoning_effort"] == "high" else 0.0)

    simulator.script("able", step)
    for name in ("able@low", "able@high"):
        list(router.stream("Hi", hints={"models": [name]}))
    health = router.state.snapshot().targets
    assert health["able@high"].first_token_s > 0.1 > health["able@low"].first_token_s
    assert health["able"].first_token_s is None
    latency = {c.target: c.latency_s for c in router.explain("Hi").candidates}
    assert latency["able@high"] > latency["able@low"]


def test_routers_with_efforts_travel(router):
    for other in (copy.deepcopy(router), pickle.loads(pickle.dumps(router.config))):
        assert other is not None
    again = Router(config=pickle.loads(pickle.dumps(router.config)), env={"OPENAI_API_KEY": "k"})
    assert [t.name for t in again.targets] == ["able@low", "able@high"]
    assert pickle.loads(pickle.dumps(router.targets)) == copy.deepcopy(router.targets)
