"""The core, end to end over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import copy
import math
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmrouter_integrations import Router, RouterConfig, TargetConfig
from llmrouter_integrations.catalog import Catalog
from llmrouter_integrations.errors import (
    AllTargetsFailed,
    ConfigurationError,
    ContextOverflowError,
    DeadlineExceeded,
    InvalidRequestError,
    MissingKeyError,
    NoCandidateError,
    StreamInterrupted,
    UnknownHintError,
    UnknownModelError,
)
from llmrouter_integrations.messages import Message, Response, Usage
from llmrouter_integrations.testing import Fault, Reply

GOOD, BAD = "good", "bad"


@pytest.fixture
def router(simulator):
    """A router whose first target can be broken and whose second answers."""
    targets = [
        simulator.target("openai", BAD, name="first"),
        simulator.target("anthropic", GOOD, name="second"),
    ]
    simulator.script(GOOD, Reply("from the second"))
    simulator.script(BAD, Reply("from the first"))
    with Router(targets, policy="ordered") as router:
        yield router


def ask(router, how, **arguments):
    """Ask the same in each of the four ways; gives the whole answer."""

    async def drain():
        chunks = [c async for c in router.astream("Hello", **arguments)]
        assert "".join(c.text for c in chunks) == chunks[-1].response.text
        return chunks[-1].response

    async def whole():
        return await router.acomplete("Hello", **arguments)

    if how == "complete":
        return router.complete("Hello", **arguments)
    if how == "acomplete":
        return asyncio.run(whole())
    if how == "astream":
        return asyncio.run(drain())
    chunks = list(router.stream("Hello", **arguments))
    assert "".join(c.text for c in chunks) == chunks[-1].response.text
    return chunks[-1].response


ways = pytest.mark.parametrize("how", ["complete", "acomplete", "stream", "astream"])


@ways
def test_an_answer_tells_who_gave_it_and_what_it_cost(router, how):
    answer = ask(router, how)
    assert (answer.text, answer.target, answer.provider) == ("from the first", "first", "openai")
    assert [(a.target, a.outcome) for a in answer.attempts] == [("first", "ok")]
    assert answer.decision.plan == ("first", "second")
    assert answer.usage.input_tokens > 0
    assert answer.cost_usd is None  # nobody knows a price of these models


@ways
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.status(500), "ServerError"),
        (Fault.rate_limited(20), "RateLimitedError"),
        (Fault.bad_key(), "AuthenticationError"),
        (Fault.model_gone(), "ModelNotFoundError"),
        (Fault.reset(), "TargetConnectionError"),
    ],
)
def test_a_failing_target_is_failed_over_without_the_caller_noticing(
    router, simulator, how, fault, error
):
    simulator.script(BAD, fault)
    answer = ask(router, how)
    assert answer.text == "from the second"
    assert [(a.target, a.outcome, a.error_type) for a in answer.attempts] == [
        ("first", "error", error),
        ("second", "ok", None),
    ]


def test_a_target_found_dead_is_left_alone(router, simulator):
    simulator.script(BAD, Fault.rate_limited(20))
    for _ in range(5):
        assert router.complete("Hello").text == "from the second"
    assert simulator.calls(BAD) == 1


@pytest.mark.parametrize("how", ["stream", "astream"])
def test_a_stream_cut_after_content_is_never_spliced(router, simulator, how):
    simulator.script(BAD, Fault.cut(after_chunks=3, reply=Reply("one two three four five six")))
    with pytest.raises(StreamInterrupted) as caught:
        ask(router, how)
    assert caught.value.partial.text.startswith("one")
    assert "six" not in caught.value.partial.text
    assert simulator.calls(GOOD) == 0
    assert [a.outcome for a in caught.value.attempts] == ["interrupted"]


@pytest.mark.parametrize("how", ["stream", "astream"])
def test_what_came_of_a_broken_stream_is_settled(simulator, how):
    own = simulator.target("openai", "own", input_usd_per_mtok=1000.0, output_usd_per_mtok=10_000.0)
    simulator.script("own", Fault.cut(after_chunks=3, reply=Reply("one two three four five six")))
    with Router([own]) as router, pytest.raises(StreamInterrupted) as caught:
        ask(router, how)
    partial, (attempt,) = caught.value.partial, caught.value.attempts
    assert not partial.usage.reported
    assert partial.usage.input_tokens > 0
    assert partial.usage.output_tokens > 0
    assert partial.cost_usd > 0.01
    assert partial.decision.plan == ("openai/own",)
    assert caught.value.usage == attempt.usage == partial.usage
    assert attempt.cost_usd == partial.cost_usd


@ways
def test_a_misconfigured_target_is_failed_over_and_told(simulator, monkeypatch, how):
    pytest.importorskip("botocore", reason="the extra 'bedrock' is not installed")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    nowhere = {
        "model": "bedrock/amazon.nova-pro",
        "base_url": "http://127.0.0.1:9",
        "options": {"access_key_id": "a", "secret_access_key": "b"},
    }
    simulator.script(GOOD, Reply("ok"))
    targets = [nowhere, simulator.target("openai", GOOD)]
    with Router(targets, policy="ordered", env={}) as router:
        answer = ask(router, how)
    assert answer.text == "ok"
    assert answer.attempts[0].error_type == "MisconfiguredTargetError"
    assert "needs an AWS region" in answer.attempts[0].error


@ways
def test_an_impatient_caller_leaves_the_target_to_the_patient(simulator, how):
    slow = simulator.target("openai", "slow")
    simulator.script("slow", Fault.stall(0.1, reply=Reply("worth the wait")))
    with Router([slow], policy="ordered") as router:
        for _ in range(3):
            with pytest.raises((AllTargetsFailed, DeadlineExceeded)):
                ask(router, how, hints={"timeout_s": 0.03, "first_token_timeout_s": 0.02})
        (health,) = router.state.snapshot().targets.values()
        assert (health.failures, health.cooling_until) == (0, 0)
        assert ask(router, how).text == "worth the wait"


@pytest.mark.parametrize("how", ["complete", "stream"])
def test_no_more_calls_at_once_than_a_target_may_have(simulator, how):
    narrow = simulator.target("openai", "narrow", max_concurrency=2)
    simulator.script("narrow", Fault.stall(0.03, reply=Reply("ok")))
    with Router([narrow]) as router, ThreadPoolExecutor(8) as threads:
        peaks = [0]
        admit = router.state.admit

        def watched(*asked):
            permit = admit(*asked)
            peaks.append(router.state.snapshot().targets[narrow_name].in_flight)
            return permit

        narrow_name = router.targets[0].name
        router.state.admit = watched
        texts = list(threads.map(lambda _: ask(router, how).text, range(8)))
    assert texts == ["ok"] * 8
    assert max(peaks) == 2


def test_when_all_fail_the_error_names_every_attempt(router, simulator):
    simulator.script(GOOD, Fault.status(500))
    simulator.script(BAD, Fault.status(500))
    with pytest.raises(AllTargetsFailed) as caught:
        router.complete("Hello")
    assert {a.target for a in caught.value.attempts} == {"first", "second"}
    assert simulator.calls(BAD) + simulator.calls(GOOD) <= 3


def test_no_fallback_where_the_caller_will_have_none(router, simulator):
    simulator.script(BAD, Fault.bad_key())
    with pytest.raises(AllTargetsFailed):
        router.complete("Hello", hints={"fallback": False})
    assert simulator.calls(GOOD) == 0


def test_a_wrong_request_is_not_sent_around(router, simulator):
    simulator.script(BAD, Fault.status(400, message="messages: bad shape"))
    with pytest.raises(InvalidRequestError, match="first: "):
        router.complete("Hello")
    assert simulator.calls(GOOD) == 0


def test_hints_choose_and_wrong_ones_are_told(router):
    assert router.complete("Hi", hints={"pin": "second"}).target == "second"
    with pytest.raises(UnknownHintError, match="'task'"):
        router.complete("Hi", hints={"tsk": "code"})
    with pytest.raises(NoCandidateError, match="first: excluded by the caller"):
        router.complete("Hi", hints={"exclude": ["first", "second"]})


def test_hints_of_the_configuration_hold_where_the_caller_says_nothing(simulator):
    targets = [simulator.target("openai", "a"), simulator.target("openai", "b")]
    with Router(targets, hints={"exclude": "a"}) as router:
        assert router.explain("Hi").plan == ("openai/b",)
        assert router.explain("Hi", hints={"exclude": "b"}).plan == ("openai/a",)


def test_explain_calls_nobody(router, simulator):
    decision = router.explain([{"role": "user", "content": "Hello"}], max_tokens=5)
    assert decision.features.max_tokens == 5
    assert simulator.requests == []


def test_a_prompt_that_fits_no_window_is_told_before_it_is_sent(simulator):
    with (
        Router([simulator.target("openai", "a", context_window=100)]) as router,
        pytest.raises(ContextOverflowError, match="window of 100"),
    ):
        router.complete("word " * 1000)
    assert simulator.requests == []


def test_known_models_are_billed_by_their_prices_and_stated_prices_win(simulator):
    known = simulator.target("anthropic", "claude-opus-5")
    stated = simulator.target(
        "openai", "own", input_usd_per_mtok=1000.0, output_usd_per_mtok=10_000.0
    )
    for model in ("claude-opus-5", "own"):
        simulator.script(model, Reply("x", input_tokens=100, output_tokens=10))
    rates = Catalog.load().find("anthropic", "claude-opus-5").rates
    with Router([known]) as router:
        answer = router.complete("Hi")
        assert answer.cost_usd == pytest.approx(100 * rates.input_usd + 10 * rates.output_usd)
        assert answer.attempts[-1].cost_usd == answer.cost_usd
    with Router([stated]) as router:
        assert router.complete("Hi").cost_usd == pytest.approx(0.2)


@pytest.mark.parametrize("said", [-5.0, math.nan, math.inf])
def test_what_is_no_price_is_not_taken_from_the_provider(simulator, said):
    known = simulator.target("anthropic", "claude-opus-5")
    stated = simulator.target("openai", "own", input_usd_per_mtok=1e6, output_usd_per_mtok=0.0)
    rates = Catalog.load().find("anthropic", "claude-opus-5").rates
    usage = Usage(input_tokens=2, output_tokens=1, cost_usd=said)
    with Router([known, stated]) as router:
        costs = [
            router._settling._cost(target, Response(Message("assistant", ())), usage)
            for target in router.targets
        ]
    assert costs == [pytest.approx(2 * rates.input_usd + rates.output_usd), 2.0]


def test_no_key_anywhere_says_what_to_set():
    with pytest.raises(MissingKeyError, match=r"OPENAI_API_KEY.*ANTHROPIC_API_KEY"):
        Router(env={})
    with pytest.raises(MissingKeyError, match="no API key: set OPENAI_API_KEY"):
        Router(["openai/gpt-5.4-mini"], env={})
    with pytest.raises(MissingKeyError, match="set TEAM_KEY"):
        Router([{"model": "openai/x", "api_key_env": "TEAM_KEY"}], env={"OPENAI_API_KEY": "k"})


def test_without_models_those_of_the_keys_in_the_environment_serve():
    router = Router(env={"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"})
    assert {t.provider for t in router.targets} == {"anthropic", "openai"}
    assert all(t.rates is not None for t in router.targets)
    assert len(router.targets) == 6


def test_an_unknown_provider_is_told_with_the_nearest():
    with pytest.raises(UnknownModelError, match="did you mean 'anthropic/claude'"):
        Router(["antropic/claude"], env={})
    with pytest.raises(UnknownModelError, match="must be written provider/model"):
        Router(["claude"], env={})


def test_any_compatible_server_serves_by_its_url(simulator):
    simulator.script("llama", Reply("local"))
    target = {"model": "vllm/llama", "base_url": simulator.url("vllm")}
    with Router([target], env={}) as router:
        assert router.complete("Hi").text == "local"


@pytest.mark.parametrize(
    ("fields", "env", "protocol"),
    [
        ({"model": "openai/gpt-6.1-terra"}, {}, "openai-responses"),
        ({"model": "openai/gpt-5.4-mini"}, {}, "openai-responses"),
        ({"model": "openai/gpt-5-pro"}, {}, "openai-responses"),
        ({"model": "openai/gpt-5-mini"}, {}, "openai-chat"),
        ({"model": "openai/gpt-4o"}, {}, "openai-chat"),
        ({"model": "openai/gpt-6", "protocol": "openai-chat"}, {}, "openai-chat"),
        ({"model": "openai/gpt-6", "base_url": "http://127.0.0.1:9/v1"}, {}, "openai-chat"),
        ({"model": "openai/gpt-6"}, {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "openai-chat"),
        ({"model": "anthropic/claude-x"}, {}, "anthropic"),
    ],
)
def test_a_model_is_asked_over_the_protocol_it_is_best_at(fields, env, protocol):
    keys = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    router = Router([fields], env=keys | env)
    (backend,) = router._dispatcher._backends.values()
    assert backend._codec.protocol == protocol


def test_options_come_from_the_environment_and_stated_ones_win():
    env = {
        "GOOGLE_VERTEX_ACCESS_TOKEN": "t",
        "GOOGLE_CLOUD_PROJECT": "p",
        "GOOGLE_CLOUD_LOCATION": "europe-west4",
    }
    targets = ["vertex/gemini-x", {"model": "vertex/gemini-y", "options": {"project": "own"}}]
    router = Router(targets, env=env)
    found = [dict(b._endpoint.options) for b in router._dispatcher._backends.values()]
    assert found == [
        {"project": "p", "location": "europe-west4"},
        {"project": "own", "location": "europe-west4"},
    ]


def test_azure_without_endpoint_is_told():
    with pytest.raises(ConfigurationError, match="AZURE_OPENAI_ENDPOINT"):
        Router(["azure/my-deployment"], env={"AZURE_OPENAI_API_KEY": "k"})


def test_config_and_settings_are_not_mixed():
    with pytest.raises(ConfigurationError, match="not both"):
        Router(["openai/a"], config=RouterConfig())


def test_from_config_reads_a_file(tmp_path, simulator):
    target = simulator.target("openai", GOOD)
    path = tmp_path / "llmrouter.yaml"
    path.write_text(
        f"policy: ordered\nmodels:\n  - model: {target['model']}\n"
        f"    base_url: {target['base_url']}\n    api_key: ${{SIM_KEY}}\n"
    )
    with pytest.raises(ConfigurationError, match="SIM_KEY is not set"):
        Router.from_config(path)
    simulator.script(GOOD, Reply("yes"))
    config = RouterConfig.load(path, env={"SIM_KEY": "k"})
    with Router.from_config(config) as router:
        assert router.complete("Hi").text == "yes"


def test_targets_with_one_key_share_a_quota_group_and_others_do_not():
    router = Router(
        [
            TargetConfig(model="openai/a", api_key="one"),
            TargetConfig(model="openai/b", api_key="one"),
            TargetConfig(model="openai/c", api_key="two"),
            TargetConfig(model="openai/d", api_key="two", quota_group="own"),
        ]
    )
    a, b, c, d = (t.quota_group for t in router.targets)
    assert a == b != c
    assert d == "own"
    assert "one" not in a


def test_a_router_is_pickled_without_keys_and_shared_by_a_deep_copy(monkeypatch):
    router = Router([TargetConfig(model="openai/a", api_key="sk-secret")])
    assert "sk-secret" not in repr(router)
    data = pickle.dumps(router)
    assert b"sk-secret" not in data
    with pytest.raises(MissingKeyError):
        pickle.loads(data)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    assert [t.name for t in pickle.loads(data).targets] == ["openai/a"]
    assert copy.deepcopy(router) is router


def test_two_routers_may_share_what_they_know(simulator):
    simulator.script(BAD, Fault.rate_limited(30))
    simulator.script(GOOD, Reply("ok"))
    targets = [simulator.target("openai", BAD), simulator.target("anthropic", GOOD)]
    with (
        Router(targets, policy="ordered") as one,
        Router(targets, policy="ordered", state=one.state) as two,
    ):
        one.complete("Hi")
        two.complete("Hi")
    assert simulator.calls(BAD) == 1


def test_one_router_serves_threads_and_event_loops_alike(router, simulator):
    simulator.script(BAD, Reply("ok"))
    texts = []

    def work():
        texts.append(router.complete("Hi").text)
        texts.append(asyncio.run(router.acomplete("Hi")).text)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["ok"] * 8


@pytest.mark.parametrize(
    ("messages", "params", "complaint"),
    [
        ([], {}, "messages"),
        ([{"role": "wizard", "content": "x"}], {}, "role"),
        ("Hi", {"temprature": 0}, "temperature"),
    ],
)
def test_bad_input_is_told_before_anything_is_sent(router, simulator, messages, params, complaint):
    with pytest.raises(InvalidRequestError, match=complaint):
        router.complete(messages, **params)
    assert simulator.requests == []


@pytest.mark.parametrize(
    "model", ["openai/gpt-5", "openai/gpt-4o", "anthropic/claude-opus-4-8", "google/gemini-3-flash"]
)
def test_what_cannot_be_written_is_an_invalid_request(model):
    deep: dict = {}
    for _ in range(3000):
        deep = {"properties": {"a": deep}}
    router = Router([{"model": model, "api_key": "k", "base_url": "http://127.0.0.1:9"}], env={})
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": deep}}
    tool = {"type": "function", "function": {"name": "f", "parameters": deep}}
    for asked in (
        {"messages": "a\ud800b"},
        {"messages": "x", "tools": [tool]},
        {"messages": "x", "response_format": schema},
    ):
        with pytest.raises(InvalidRequestError):
            router.complete(**asked)
