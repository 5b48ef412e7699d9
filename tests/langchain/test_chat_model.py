from __future__ import annotations

import asyncio
import copy
import os
import pickle
from unittest import mock

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.globals import set_llm_cache
from langchain_core.load import dumpd, dumps, load
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import ConfigurableField

from llmrouter_integrations import Router, RouterConfig, TargetConfig
from llmrouter_integrations.errors import (
    ConfigurationError,
    MissingKeyError,
    NoCandidateError,
    UnknownModelError,
)
from llmrouter_integrations.hints import RoutingHints
from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.langchain.profile import common_profile
from llmrouter_integrations.messages import (
    NO_USAGE,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    Usage,
)
from tests.scripted import ScriptedRouter, answer, chunks_of, make_target

TERRA = {"model": "openai/gpt-6.1-terra", "api_key": "sk-secret-1"}
HAIKU = {"model": "anthropic/claude-haiku-4-5", "api_key": "sk-secret-2"}


def names(llm):
    return [target.name for target in llm.router.targets]


# -- making one ------------------------------------------------------------------------------


def test_models_are_written_in_many_ways():
    llm = RoutedChatModel(models=[TERRA, TargetConfig(**HAIKU), "ollama/llama3.2"])
    assert names(llm) == ["openai/gpt-6.1-terra", "anthropic/claude-haiku-4-5", "ollama/llama3.2"]
    assert names(RoutedChatModel(models="ollama/llama3.2")) == ["ollama/llama3.2"]
    assert names(RoutedChatModel(config=RouterConfig(models=[TERRA]))) == ["openai/gpt-6.1-terra"]
    assert names(RoutedChatModel(config={"models": [TERRA]})) == ["openai/gpt-6.1-terra"]


def test_a_config_may_be_a_file(tmp_path):
    path = tmp_path / "llmrouter.yaml"
    path.write_text("models: [ollama/llama3.2]\npolicy: ordered\n")
    llm = RoutedChatModel(config=str(path), max_retries=3)
    assert names(llm) == ["ollama/llama3.2"]
    assert (llm.router.config.policy, llm.router.config.max_retries) == ("ordered", 3)


def test_settings_reach_the_router():
    llm = RoutedChatModel(models=[TERRA], policy="ordered", max_retries=4)
    assert (llm.router.config.policy, llm.router.config.max_retries) == ("ordered", 4)


def test_one_key_for_the_targets_of_one_provider():
    llm = RoutedChatModel(models=["openai/a", HAIKU], api_key="sk-mine")
    assert llm.router.config.models[0].api_key.get_secret_value() == "sk-mine"
    assert llm.router.config.models[1].api_key.get_secret_value() == "sk-secret-2"


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (
            {"models": ["openai/a", "anthropic/b"], "api_key": "k"},
            ConfigurationError,
            "anthropic, openai",
        ),
        ({"api_key": "k"}, ConfigurationError, "any provider"),
        ({"models": [TERRA], "temprature": 0}, ConfigurationError, "'temperature'"),
        ({"models": [TERRA], "temperature": "hot"}, ConfigurationError, "temperature: .* number"),
        ({"models": [TERRA], "prefer": "cheap"}, ConfigurationError, "prefer: .*'cost'"),
        ({"models": ["openai/gpt-6.1-terra"]}, MissingKeyError, "OPENAI_API_KEY"),
        ({}, MissingKeyError, "OPENAI_API_KEY"),
        ({"models": ["opnai/gpt-6.1-terra"]}, UnknownModelError, "openai"),
        ({"models": ["gpt-6.1-terra"]}, UnknownModelError, "provider/model"),
        ({"models": [{"model": "openai/a", "api_kee": "k"}]}, ConfigurationError, "api_key"),
        ({"models": [TERRA], "max_retries": -1}, ConfigurationError, "max_retries"),
        ({"models": []}, ConfigurationError, "no models"),
        ({"models": 5}, ConfigurationError, "models"),
        ({"config": 5}, ConfigurationError, "a configuration is .* not int"),
        ({"router": 5}, ConfigurationError, "router must be a Router, not int"),
        ({"models": [TERRA], "policy": "x"}, ConfigurationError, "policy: .*'ordered'"),
        ({"models": [TERRA], "timeout": (1, 2)}, ConfigurationError, "timeout: .*number"),
        ({"models": [TERRA], "timeout": -5}, ConfigurationError, "timeout: .*greater than 0"),
        ({"models": [TERRA], "max_tokens": -5}, ConfigurationError, "max_tokens is -5"),
        ({"models": [TERRA], "reasoning_effort": "hi"}, ConfigurationError, "'high'"),
        ({"models": [TERRA], "metadata": {"llmrouter_tsk": 1}}, ConfigurationError, "'task'"),
        ({"config": "/no/such/file.yaml"}, ConfigurationError, "file.yaml"),
        ({"config": {"polcy": "ordered"}}, ConfigurationError, "'policy'"),
        ({"router": ScriptedRouter(), "models": [TERRA]}, ConfigurationError, "either a router"),
        (
            {"router": RoutedChatModel(models=[TERRA]).router, "policy": "ordered"},
            ConfigurationError,
            "either a router",
        ),
    ],
)
def test_bad_arguments_are_told_at_once(arguments, error, said):
    with pytest.raises(error, match=said):
        RoutedChatModel(**arguments)


def test_copies_have_a_router_of_their_settings(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-1")
    for llm in (RoutedChatModel(max_retries=3), RoutedChatModel(models=[TERRA], max_retries=3)):
        copied = llm.model_copy(update={"max_retries": 5})
        assert copied._engine().router.config.max_retries == 5
        assert llm._engine().router.config.max_retries == 3
        other = llm.model_copy(update={"policy": "ordered"})
        assert other._engine().router.config.policy == "ordered"


def test_a_given_router_keeps_its_settings():
    router = RoutedChatModel(models=[TERRA], max_retries=1).router
    llm = RoutedChatModel(router=router, max_retries=5)
    assert llm._engine().router is router
    assert router.config.max_retries == 1
    llm.policy = "ordered"
    with pytest.raises(ConfigurationError, match="either a router"):
        llm.invoke("hi")


# -- one call --------------------------------------------------------------------------------


def test_parameters_of_the_model_and_of_the_call(scripted):
    router = scripted()
    llm = RoutedChatModel(
        router=router, temperature=0.1, max_tokens=9, stop=["x"], seed=1, top_p=0.5
    )
    llm.invoke("hi")
    asked = router.request
    assert (asked.temperature, asked.max_tokens, asked.stop) == (0.1, 9, ("x",))
    assert (asked.seed, asked.top_p) == (1, 0.5)
    llm.invoke("hi", temperature=0.9, stop=["y"], max_completion_tokens=5, seed=None, top_k=3)
    asked = router.request
    assert (asked.temperature, asked.max_tokens, asked.stop) == (0.9, 5, ("y",))
    assert (asked.seed, asked.top_k) == (None, 3)
    llm.bind(extra_body={"anthropic": {"metadata": {}}}, reasoning_effort="low").invoke("hi")
    assert router.request.extra == {"anthropic": {"metadata": {}}}
    assert router.request.reasoning_effort == "low"


def test_defaults_of_the_model_become_hints_under_the_calls_own(scripted):
    router = scripted()
    llm = RoutedChatModel(router=router, prefer="cost", timeout=9)
    llm.invoke("hi")
    assert router.hints == RoutingHints(prefer="cost", timeout_s=9)
    llm.invoke("hi", hints={"prefer": "quality", "task": "code"}, timeout=2)
    assert router.hints == RoutingHints(prefer="quality", task="code", timeout_s=2)
    llm.prefer = "latency"
    llm.invoke("hi")
    assert router.hints.prefer == "latency"


async def test_model_restricts_a_call(scripted):
    router = scripted()
    llm = RoutedChatModel(router=router)
    for call in (llm.invoke, llm.bind(model="tiny-1").invoke):
        call("hi", **({} if call != llm.invoke else {"model": "tiny-1"}))
        assert router.hints.models == ("tiny-1",)
    list(llm.stream("hi", model="tiny-1", hints={"models": ["other"]}))
    assert router.hints.models == ("tiny-1",)
    await llm.ainvoke("hi", model="tiny-1")
    assert router.hints.models == ("tiny-1",)


def test_a_model_that_is_none_of_the_targets(simulator):
    llm = RoutedChatModel(models=[simulator.target("anthropic", "claude-haiku-4-5")])
    with pytest.raises(NoCandidateError, match="claude-haiku-4-5"):
        llm.invoke("hi", model="gpt-6.1-terra")


async def test_every_way_of_calling_gives_the_same_answer(scripted):
    llm = RoutedChatModel(router=scripted(answer(TextPart("Hello, world!"))))
    messages = [
        llm.invoke("hi"),
        await llm.ainvoke("hi"),
        *llm.batch(["hi"]),
        *await llm.abatch(["hi"]),
        next(llm.batch_as_completed(["hi"]))[1],
        sum_up(llm.stream("hi")),
        sum_up([chunk async for chunk in llm.astream("hi")]),
        llm.generate([[HumanMessage("hi")]]).generations[0][0].message,
        RoutedChatModel(router=llm.router, streaming=True).invoke("hi"),
        await RoutedChatModel(router=llm.router, streaming=True).ainvoke("hi"),
        sum_up(RoutedChatModel(router=llm.router, disable_streaming=True).stream("hi")),
    ]
    for message in messages:
        assert message.text == "Hello, world!"
        assert message.usage_metadata["total_tokens"] == 8
        assert message.response_metadata["llmrouter"]["target"] == "acme/tiny-1"
        assert message.response_metadata["model_name"] == "tiny-1"
        assert message.response_metadata["finish_reason"] == "stop"
        assert message.id.startswith("lc_run-")


def sum_up(chunks):
    first, *rest = chunks
    return sum(rest, first) if rest else first


def test_streaming_decides_how_invoke_asks(scripted):
    seen = []

    class Watching(ScriptedRouter):
        def run_stream(self, *args):
            seen.append("stream")
            return super().run_stream(*args)

    router = Watching()
    RoutedChatModel(router=router).invoke("hi")
    assert seen == []
    RoutedChatModel(router=router, streaming=True).invoke("hi")
    assert seen == ["stream"]
    list(
        RoutedChatModel(router=router, disable_streaming="tool_calling").bind_tools([]).stream("x")
    )
    assert seen == ["stream"] * 2


async def test_an_abandoned_stream_is_closed(scripted):
    router = scripted(answer(TextPart("Hello, world!")))
    llm = RoutedChatModel(router=router)
    stream = llm.stream("hi")
    next(stream)
    stream.close()
    assert router.closed == 1
    astream = llm.astream("hi")
    await anext(astream)
    await astream.aclose()
    assert router.closed == 2


async def test_cancelling_reaches_the_router():
    class Slow(ScriptedRouter):
        async def arun(self, request, hints=None):
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                self.closed += 1
                raise

    router = Slow()
    task = asyncio.create_task(RoutedChatModel(router=router).ainvoke("hi"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert router.closed == 1


# -- what LangChain does around a call ---------------------------------------------------------


class Watcher(BaseCallbackHandler):
    def __init__(self):
        self.events = []

    def on_chat_model_start(self, serialized, messages, *, invocation_params=None, **kwargs):
        self.events.append(("start", invocation_params, kwargs))

    def on_llm_new_token(self, token, **kwargs):
        self.events.append(("token", token))

    def on_llm_end(self, response, **kwargs):
        self.events.append(("end", response))

    def on_llm_error(self, error, **kwargs):
        self.events.append(("error", error))

    def kinds(self):
        return [event[0] for event in self.events]


def test_callbacks(scripted):
    watcher = Watcher()
    llm = RoutedChatModel(router=scripted(answer(TextPart("Hello"))), temperature=0)
    llm.invoke("hi", {"callbacks": [watcher], "metadata": {"llmrouter_task": "code"}})
    assert watcher.kinds() == ["start", "end"]
    params = watcher.events[0][1]
    assert params["_type"] == "llmrouter"
    assert params["router"] == {}
    assert params["hints"] == {"task": "code"}
    assert watcher.events[0][2]["metadata"]["ls_provider"] == "llmrouter"
    watcher = Watcher()
    list(llm.stream("hi", {"callbacks": [watcher]}))
    assert watcher.kinds() == ["start", "token", "token", "token", "end"]
    assert [e[1] for e in watcher.events[1:4]] == ["Hell", "o", ""]
    watcher = Watcher()
    broken = RoutedChatModel(router=scripted(NoCandidateError({})))
    with pytest.raises(NoCandidateError):
        broken.invoke("hi", {"callbacks": [watcher]})
    assert watcher.kinds() == ["start", "error"]


def test_the_cache_keeps_hints_apart(scripted):
    router = scripted(lambda request, hints: answer(TextPart(str(hints.task))))
    for llm in (
        RoutedChatModel(router=router, cache=InMemoryCache()),
        RoutedChatModel(router=router),
    ):
        router.calls.clear()
        set_llm_cache(None if llm.cache else InMemoryCache())
        try:
            said = [
                llm.invoke("hi").text,
                llm.invoke("hi", {"metadata": {"llmrouter_task": "code"}}).text,
                llm.invoke("hi", {"metadata": {"llmrouter_task": "summarization"}}).text,
                llm.invoke("hi", {"metadata": {"llmrouter": {"task": "code"}}}).text,
                llm.invoke("hi", hints={"task": "code"}).text,
                llm.invoke("hi", {"metadata": {"other": 1}}).text,
            ]
        finally:
            set_llm_cache(None)
        assert said == ["None", "code", "summarization", "code", "code", "None"]
        assert len(router.calls) == 3


def test_the_cache_keeps_routers_apart():
    one = RoutedChatModel(router=Router(models=[TERRA]))
    other = RoutedChatModel(router=Router(models=[HAIKU]))
    assert one._get_llm_string() != other._get_llm_string()
    assert one._get_llm_string() == RoutedChatModel(router=Router(models=[TERRA]))._get_llm_string()


def test_an_answer_from_the_cache_is_whole(scripted):
    parts = (ReasoningPart("hm", "anthropic", "SIG"), TextPart("4"), ToolCallPart("c1", "f", "{}"))
    llm = RoutedChatModel(router=scripted(answer(*parts)), cache=InMemoryCache())
    first, second = llm.invoke("hi"), llm.invoke("hi")
    assert len(llm.router.calls) == 1
    assert (second.content, second.tool_calls) == (first.content, first.tool_calls)
    assert second.additional_kwargs == first.additional_kwargs


async def test_the_rate_limiter_is_asked(scripted):
    class Counting(BaseRateLimiter):
        asked = 0

        def acquire(self, *, blocking=True):
            self.asked += 1
            return True

        async def aacquire(self, *, blocking=True):
            return self.acquire()

    limiter = Counting()
    llm = RoutedChatModel(router=scripted(), rate_limiter=limiter)
    llm.invoke("hi")
    list(llm.stream("hi"))
    await llm.ainvoke("hi")
    assert limiter.asked == 3


def test_langsmith_params(scripted):
    llm = RoutedChatModel(router=scripted(), temperature=0, max_tokens=9, stop="x")
    assert llm._get_ls_params() == {
        "ls_provider": "llmrouter",
        "ls_model_name": "acme/tiny-1",
        "ls_model_type": "chat",
        "ls_temperature": 0,
        "ls_max_tokens": 9,
        "ls_stop": ["x"],
    }
    said = llm._get_ls_params(stop=["y"], model="other", temperature=1, max_tokens=2)
    assert (said["ls_model_name"], said["ls_stop"]) == ("other", ["y"])
    assert (said["ls_temperature"], said["ls_max_tokens"]) == (1, 2)
    several = scripted(targets=(make_target("a/b"), make_target("c/d")))
    assert RoutedChatModel(router=several)._get_ls_params()["ls_model_name"] == "a/b (+1)"


def test_tokens_are_estimated_without_a_tokenizer(scripted):
    llm = RoutedChatModel(router=scripted())
    assert 1 <= llm.get_num_tokens("four words of text") <= 8
    assert llm.get_num_tokens_from_messages([HumanMessage("four words of text")]) <= 12
    with_tools = llm.get_num_tokens_from_messages([HumanMessage("x")], tools=[{"title": "f"}])
    assert with_tools > llm.get_num_tokens_from_messages([HumanMessage("x")])
    own = RoutedChatModel(router=scripted(), custom_get_token_ids=lambda text: [1] * len(text))
    assert own.get_num_tokens("abc") == 3
    assert own.get_token_ids("abc") == [1, 1, 1]
    with pytest.raises(NotImplementedError, match="custom_get_token_ids"):
        llm.get_token_ids("abc")


def test_usage_is_counted_by_model(scripted):
    with get_usage_metadata_callback() as counted:
        RoutedChatModel(router=scripted()).invoke("hi")
        list(RoutedChatModel(router=scripted()).stream("hi"))
    assert counted.usage_metadata["tiny-1"]["total_tokens"] == 16


# -- content in standard blocks ----------------------------------------------------------------

THINKING = (ReasoningPart("hm", "anthropic", "SIG"), TextPart("4"), ToolCallPart("c1", "f", "{}"))


async def test_output_version_v1(scripted):
    llm = RoutedChatModel(router=scripted(answer(*THINKING)), output_version="v1")
    for message in (
        llm.invoke("hi"),
        sum_up(llm.stream("hi")),
        sum_up([chunk async for chunk in llm.astream("hi")]),
        RoutedChatModel(router=llm.router, output_version="v1", streaming=True).invoke("hi"),
    ):
        assert [block["type"] for block in message.content] == ["reasoning", "text", "tool_call"]
        assert message.content[0]["extras"]["signature"] == "SIG"
        assert message.content_blocks == message.content
        assert message.response_metadata["output_version"] == "v1"
        assert message.text == "4"
        llm.invoke([HumanMessage("hi"), message])
        assert llm.router.request.messages[1].parts == THINKING


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning")  # of v1
@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_events(scripted, version):
    llm = RoutedChatModel(router=scripted(answer(*THINKING)))
    events = [event async for event in llm.astream_events("hi", version=version)]
    assert [e["event"] for e in events][:2] == ["on_chat_model_start", "on_chat_model_stream"]
    assert events[-1]["event"] == "on_chat_model_end"


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
async def test_events_of_the_third_version(scripted):
    llm = RoutedChatModel(router=scripted(answer(*THINKING)))
    stream = llm.stream_events("hi", version="v3")
    kinds = [event["event"] for event in stream]
    assert (kinds[0], kinds[-1]) == ("message-start", "message-finish")
    astream = await llm.astream_events("hi", version="v3")
    for message in (stream.output, await astream.output):
        assert [b["type"] for b in message.content] == ["reasoning", "text", "tool_call"]
        assert message.response_metadata["llmrouter"]["target"] == "acme/tiny-1"
        assert message.usage_metadata["total_tokens"] == 8
        llm.invoke([HumanMessage("hi"), message])
        assert llm.router.request.messages[1].parts == THINKING


# -- copies, and what is written down ------------------------------------------------------------


def test_configurable_fields_share_the_router():
    llm = RoutedChatModel(models=[TERRA], temperature=0)
    configurable = llm.configurable_fields(
        temperature=ConfigurableField("t"), models=ConfigurableField("m")
    )
    made, _ = configurable._prepare({"configurable": {"t": 0.7}})
    assert made.temperature == 0.7
    assert made.router is llm.router
    made, _ = configurable._prepare({"configurable": {"m": [HAIKU]}})
    assert names(made) == ["anthropic/claude-haiku-4-5"]
    assert names(llm) == ["openai/gpt-6.1-terra"]


def test_configurable_alternatives(scripted):
    one = RoutedChatModel(router=scripted(answer(TextPart("one"))))
    two = RoutedChatModel(router=scripted(answer(TextPart("two"))))
    either = one.configurable_alternatives(ConfigurableField("which"), two=two)
    assert either.invoke("hi").text == "one"
    assert either.with_config(configurable={"which": "two"}).invoke("hi").text == "two"


def test_copies_share_the_router_until_they_differ_in_it():
    llm = RoutedChatModel(models=[TERRA], temperature=0)
    for made in (copy.copy(llm), copy.deepcopy(llm), llm.model_copy(update={"temperature": 1})):
        assert made._engine().router is llm.router
    other = llm.model_copy(update={"models": (TargetConfig(**HAIKU),)})
    other._engine()
    assert names(other) == ["anthropic/claude-haiku-4-5"]
    assert names(llm) == ["openai/gpt-6.1-terra"]
    shared = RoutedChatModel(router=llm.router, temperature=1)
    assert shared._engine().router is llm.router


def test_a_given_router_is_kept(scripted):
    router = scripted()
    llm = RoutedChatModel(router=router, max_retries=2)
    for made in (llm, copy.copy(llm), llm.model_copy(update={"max_retries": 5})):
        assert made._engine().router is router


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
@pytest.mark.parametrize(
    "make",
    [
        lambda: RoutedChatModel(models=[TERRA, HAIKU], api_key="sk-secret-3", temperature=0.3),
        lambda: RoutedChatModel(
            config=RouterConfig(
                models=[{**TERRA, "name": "t", "headers": {"X-Api-Key": "sk-secret-4"}}, HAIKU],
                policy="ordered",
                proxy="http://u:sk-secret-5@localhost:1",
            ),
            temperature=0.3,
        ),
        lambda: RoutedChatModel(router=Router(models=[TERRA, HAIKU]), temperature=0.3),
    ],
)
def test_no_key_is_ever_written_down(make):
    llm = make()
    written = pickle.dumps(llm)
    plain = dumps(llm)
    assert b"sk-secret" not in written
    for text in (plain, repr(llm), str(llm), str(llm.asdict()), str(llm._serialized)):
        assert "sk-secret" not in text
    env = {"OPENAI_API_KEY": "sk-env-1", "ANTHROPIC_API_KEY": "sk-env-2"}
    with mock.patch.dict(os.environ, env):
        for made in (
            pickle.loads(written),
            load(
                dumpd(llm),
                valid_namespaces=["llmrouter_integrations"],
                allowed_objects=[RoutedChatModel],
            ),
        ):
            assert made.asdict() == llm.asdict()
            assert made.temperature == 0.3
            made._engine()
            assert names(made) == names(llm)


def test_a_pickle_needs_no_keys_until_it_is_used():
    made = pickle.loads(pickle.dumps(RoutedChatModel(models=[TERRA])))
    assert "gpt-6.1-terra" in repr(made)
    with pytest.raises(MissingKeyError):
        made.invoke("hi")


def test_a_profile_holds_for_every_target():
    terra, haiku = RoutedChatModel(models=[TERRA]), RoutedChatModel(models=[HAIKU])
    both = RoutedChatModel(models=[TERRA, HAIKU]).profile
    assert both["max_input_tokens"] == min(
        terra.profile["max_input_tokens"], haiku.profile["max_input_tokens"]
    )
    limited = make_target("openai/gpt-5", context_window=400_000, max_input=272_000)
    assert common_profile([limited])["max_input_tokens"] == 272_000
    for key, value in both.items():
        if value is True:
            assert terra.profile[key] is haiku.profile[key] is True
    unknown = RoutedChatModel(models=[TERRA, "ollama/some-model-of-mine"]).profile
    assert "max_input_tokens" not in unknown
    assert unknown.get("image_inputs") is not True


def test_messages_are_langchains_own(scripted):
    llm = RoutedChatModel(router=scripted())
    assert type(llm.invoke("hi")) is AIMessage
    assert {type(chunk) for chunk in llm.stream("hi")} == {AIMessageChunk}
    assert list(chunks_of(answer()))  # the script itself streams


class _Ends(BaseCallbackHandler):
    def __init__(self):
        self.outputs = []

    def on_llm_end(self, response, **_):
        self.outputs.append(response.llm_output)


async def test_callbacks_find_the_tokens_where_openais_are(scripted):
    usage = Usage(input_tokens=5, output_tokens=3, cache_read_tokens=2, reasoning_tokens=1)
    llm = RoutedChatModel(router=scripted(answer(TextPart("Hello!"), usage=usage)))
    ends = _Ends()
    llm.invoke("hi", {"callbacks": [ends]})
    await llm.ainvoke("hi", {"callbacks": [ends]})
    used = {
        "prompt_tokens": 5,
        "completion_tokens": 3,
        "total_tokens": 8,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    assert ends.outputs == [{"token_usage": used, "model_name": "tiny-1"}] * 2
    together = llm.generate([[HumanMessage("a")], [HumanMessage("b")]]).llm_output
    assert together["model_name"] == "tiny-1"
    assert together["token_usage"]["total_tokens"] == 16
    assert together["token_usage"]["prompt_tokens_details"] == {"cached_tokens": 4}


def test_a_cached_answer_used_no_tokens(scripted):
    llm = RoutedChatModel(router=scripted(), cache=InMemoryCache())
    paid = llm.invoke("hi")
    assert llm.generate([[HumanMessage("hi")]]).llm_output == {}
    metadata = llm.invoke("hi").response_metadata
    assert metadata["llmrouter"]["cost_usd"] == paid.response_metadata["llmrouter"]["cost_usd"]


def test_an_answer_whose_tokens_nobody_told_says_none(scripted):
    llm = RoutedChatModel(router=scripted(answer(TextPart("Hello!"), usage=NO_USAGE)))
    assert llm.generate([[HumanMessage("hi")]]).llm_output == {"model_name": "tiny-1"}
