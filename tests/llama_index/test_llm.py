from __future__ import annotations

import asyncio
import copy
import os
import pickle
import threading
from unittest import mock

import pytest
from llama_index.core import Settings
from llama_index.core.base.llms.types import MessageRole
from llama_index.core.llms import LLM, ChatMessage
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.utils import resolve_llm

from llmrouter_integrations import Router, RouterConfig, TargetConfig
from llmrouter_integrations.catalog.model import Abilities
from llmrouter_integrations.errors import (
    ConfigurationError,
    InvalidRequestError,
    MissingKeyError,
    NoCandidateError,
    UnknownHintError,
    UnknownModelError,
)
from llmrouter_integrations.hints import RoutingHints
from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.messages import TextPart
from llmrouter_integrations.testing import Fault, Reply
from tests.scripted import ScriptedRouter, answer, make_target

TERRA = {"model": "openai/gpt-6.1-terra", "api_key": "sk-secret-1"}
HAIKU = {"model": "anthropic/claude-haiku-4-5", "api_key": "sk-secret-2"}
HI = [ChatMessage("hi")]


def names(llm):
    return [target.name for target in llm.router.targets]


# -- making one ------------------------------------------------------------------------------


def test_models_are_written_in_many_ways(tmp_path):
    llm = RoutedLLM(models=[TERRA, TargetConfig(**HAIKU), "ollama/llama3.2"])
    assert names(llm) == ["openai/gpt-6.1-terra", "anthropic/claude-haiku-4-5", "ollama/llama3.2"]
    assert names(RoutedLLM(models="ollama/llama3.2")) == ["ollama/llama3.2"]
    assert names(RoutedLLM(config=RouterConfig(models=[TERRA]))) == ["openai/gpt-6.1-terra"]
    assert names(RoutedLLM(config={"models": [TERRA]})) == ["openai/gpt-6.1-terra"]
    path = tmp_path / "llmrouter.yaml"
    path.write_text("models: [ollama/llama3.2]\npolicy: ordered\n")
    llm = RoutedLLM(config=str(path), max_retries=3)
    assert names(llm) == ["ollama/llama3.2"]
    assert (llm.router.config.policy, llm.router.config.max_retries) == ("ordered", 3)


def test_one_key_for_the_targets_of_one_provider():
    llm = RoutedLLM(models=["openai/a", HAIKU], api_key="sk-mine")
    assert llm.router.config.models[0].api_key.get_secret_value() == "sk-mine"
    assert llm.router.config.models[1].api_key.get_secret_value() == "sk-secret-2"


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"api_key": "k"}, ConfigurationError, "any provider"),
        ({"models": [TERRA], "temprature": 0}, ConfigurationError, "'temperature'"),
        ({"models": [TERRA], "policy": "best"}, ConfigurationError, "policy.*'utility'"),
        ({"models": ["openai/gpt-6.1-terra"]}, MissingKeyError, "OPENAI_API_KEY"),
        ({}, MissingKeyError, "OPENAI_API_KEY"),
        ({"models": ["opnai/gpt-6.1-terra"]}, UnknownModelError, "openai"),
        ({"models": [TERRA], "max_retries": -1}, ConfigurationError, "max_retries"),
        ({"config": "/no/such/file.yaml"}, ConfigurationError, "file.yaml"),
        ({"models": [TERRA], "hints": {"taks": "code"}}, UnknownHintError, "'task'"),
        ({"router": ScriptedRouter(), "models": [TERRA]}, ConfigurationError, "either a router"),
        ({"router": 5}, ConfigurationError, "router must be a Router, not int"),
        ({"models": [TERRA], "timeout": -5}, ConfigurationError, "timeout: .*greater than 0"),
        ({"models": [TERRA], "max_tokens": -5}, ConfigurationError, "max_tokens is -5"),
        ({"models": 5}, ConfigurationError, "models must be a list"),
    ],
)
def test_bad_arguments_are_told_at_once(arguments, error, said):
    with pytest.raises(error, match=said):
        RoutedLLM(**arguments)


# -- one call --------------------------------------------------------------------------------


def test_parameters_of_the_llm_and_of_the_call(scripted):
    router = scripted()
    llm = RoutedLLM(router=router, temperature=0.1, max_tokens=9, stop=["x"], seed=1, top_p=0.5)
    llm.chat(HI)
    asked = router.request
    assert (asked.temperature, asked.max_tokens, asked.stop) == (0.1, 9, ("x",))
    assert (asked.seed, asked.top_p) == (1, 0.5)
    llm.chat(HI, temperature=0.9, stop=["y"], max_completion_tokens=5, seed=None, top_k=3)
    asked = router.request
    assert (asked.temperature, asked.max_tokens, asked.stop) == (0.9, 5, ("y",))
    assert (asked.seed, asked.top_k) == (None, 3)
    llm = RoutedLLM(
        router=router,
        additional_kwargs={"extra_body": {"anthropic": {"metadata": {}}}, "top_k": 1},
    )
    llm.complete("hi", top_k=2)
    assert router.request.extra == {"anthropic": {"metadata": {}}}
    assert router.request.top_k == 2
    assert llm.additional_kwargs["top_k"] == 1


def test_defaults_of_the_llm_become_hints_under_the_calls_own(scripted):
    router = scripted()
    llm = RoutedLLM(router=router, prefer="cost", timeout=9)
    llm.chat(HI)
    assert router.hints == RoutingHints(prefer="cost", timeout_s=9)
    llm.chat(HI, hints={"prefer": "quality", "task": "code"}, timeout=2)
    assert router.hints == RoutingHints(prefer="quality", task="code", timeout_s=2)
    llm.prefer = "latency"
    llm.chat(HI)
    assert router.hints.prefer == "latency"


def test_model_restricts_a_call(scripted, simulator):
    router = scripted()
    RoutedLLM(router=router).chat(HI, model="tiny-1", hints={"models": ["other"]})
    assert router.hints.models == ("tiny-1",)
    llm = RoutedLLM(models=[simulator.target("anthropic", "claude-haiku-4-5")])
    with pytest.raises(NoCandidateError, match="claude-haiku-4-5"):
        llm.stream_chat(HI, model="gpt-6.1-terra")  # at the call, not at the first chunk


def test_an_unknown_parameter_is_named():
    llm = RoutedLLM(models=[TERRA])
    with pytest.raises(InvalidRequestError, match=r"'temprature' is unknown.*'temperature'"):
        llm.chat(HI, temprature=1)


async def every_way(llm):
    """Whole answers of all eight methods, and the text that the streams brought piecemeal."""
    chats = [llm.chat(HI), await llm.achat(HI)]
    pieces = [
        list(llm.stream_chat(HI)),
        [piece async for piece in await llm.astream_chat(HI)],
    ]
    completions = [llm.complete("hi"), await llm.acomplete("hi")]
    completed = [
        list(llm.stream_complete("hi")),
        [piece async for piece in await llm.astream_complete("hi")],
    ]
    chats += [stream[-1] for stream in pieces]
    completions += [stream[-1] for stream in completed]
    said = ["".join(p.delta for p in stream) for stream in (*pieces, *completed)]
    return chats, completions, said


async def test_every_way_of_calling_gives_the_same_answer(scripted):
    router = scripted(answer(TextPart("Hello, world!")))
    chats, completions, said = await every_way(RoutedLLM(router=router))
    for request, _ in router.calls:
        assert [(m.role, m.text) for m in request.messages] == [("user", "hi")]
    assert {chat.message.content for chat in chats} == {"Hello, world!"}
    assert {chat.message.role for chat in chats} == {MessageRole.ASSISTANT}
    assert {completion.text for completion in completions} == {"Hello, world!"}
    assert set(said) == {"Hello, world!"}
    for one in (*chats, *completions):
        assert one.raw["llmrouter"]["target"] == "acme/tiny-1"
        assert one.raw["usage"]["total_tokens"] == 8
        assert one.additional_kwargs["prompt_tokens"] == 5
        assert (one.raw["model"], one.raw["finish_reason"]) == ("tiny-1", "stop")


async def test_a_failing_provider_is_not_noticed(simulator):
    models = [
        simulator.target("openai", "gpt-6.1-terra"),
        simulator.target("anthropic", "claude-haiku-4-5"),
    ]
    simulator.script("claude-haiku-4-5", Reply("Still here."))
    simulator.script("gpt-6.1-terra", Fault.status(500))
    llm = RoutedLLM(models=models, policy="ordered", max_retries=0)
    chats, completions, said = await every_way(llm)
    assert {chat.message.content for chat in chats} == {"Still here."}
    assert {completion.text for completion in completions} == {"Still here."}
    assert set(said) == {"Still here."}
    attempts = chats[0].raw["llmrouter"]["attempts"]
    assert [(a["target"], a["outcome"]) for a in attempts] == [
        ("openai/gpt-6.1-terra", "error"),
        ("anthropic/claude-haiku-4-5", "ok"),
    ]


def test_what_langchain_found_dead_is_not_tried_here(simulator):
    from llmrouter_integrations.langchain import RoutedChatModel

    simulator.script("gpt-6.1-terra", Fault.bad_key())
    simulator.script("claude-haiku-4-5", Reply("Still here."))
    router = Router(
        [
            simulator.target("openai", "gpt-6.1-terra"),
            simulator.target("anthropic", "claude-haiku-4-5"),
        ],
        policy="ordered",
    )
    theirs = RoutedChatModel(router=router).invoke("hi").response_metadata["llmrouter"]
    ours = RoutedLLM(router=router).chat(HI).raw["llmrouter"]
    assert [a["outcome"] for a in theirs["attempts"]] == ["error", "ok"]
    assert [a["outcome"] for a in ours["attempts"]] == ["ok"]
    assert theirs.keys() == ours.keys()
    assert simulator.calls("gpt-6.1-terra") == 1


async def test_a_stream_that_is_left_is_closed(scripted):
    router = scripted(answer(TextPart("one two three four")))
    llm = RoutedLLM(router=router)
    stream = llm.stream_chat(HI)
    next(stream)
    stream.close()
    astream = await llm.astream_chat(HI)
    await anext(astream)
    await astream.aclose()
    del stream, astream
    await asyncio.sleep(0.01)  # LlamaIndex leaves the closing to the garbage collector
    assert router.closed == 2


def test_it_outlives_event_loops(simulator):
    llm = RoutedLLM(models=[simulator.target("openai", "gpt-6.1-terra")])
    for _ in range(3):
        assert "hi" in asyncio.run(llm.achat(HI)).message.content


# -- what LlamaIndex asks of it --------------------------------------------------------------


def test_metadata_are_what_holds_for_every_target(scripted):
    router = scripted(
        targets=(
            make_target("a/b", context_window=8_000, abilities=Abilities(tools=False)),
            make_target("c/d", context_window=200_000, abilities=Abilities(tools=True)),
            make_target("e/f"),
        )
    )
    llm = RoutedLLM(router=router)
    told = llm.metadata
    assert (told.context_window, told.num_output) == (8_000, -1)
    assert (told.is_chat_model, told.is_function_calling_model) == (True, True)
    assert told.model_name == "a/b (+2)"
    assert llm.metadata is told
    llm.max_tokens = 99
    assert llm.metadata.num_output == 99
    alone = RoutedLLM(router=scripted(targets=router.targets[:1]))
    assert alone.metadata.model_name == "a/b"
    assert alone.metadata.is_function_calling_model is False
    assert RoutedLLM(router=scripted()).metadata.context_window > 0


def test_settings(scripted):
    llm = RoutedLLM(router=scripted())
    assert isinstance(llm, FunctionCallingLLM)
    assert isinstance(llm.with_hints(task="code"), LLM)
    before = Settings._llm
    try:
        Settings.llm = llm
        assert Settings.llm is llm
        assert resolve_llm(llm) is llm
    finally:
        Settings._llm = before


async def test_the_rate_limiter_is_asked_once_a_call(scripted):
    class Counting:
        asked = 0

        def acquire(self):
            type(self).asked += 1

        async def async_acquire(self):
            self.acquire()

    await every_way(RoutedLLM(router=scripted(), rate_limiter=Counting()))
    assert Counting.asked == 8


# -- copies, and what is written down ------------------------------------------------------------


def test_copies_share_the_router_until_they_differ_in_it():
    llm = RoutedLLM(models=[TERRA], temperature=0)
    for made in (
        copy.copy(llm),
        copy.deepcopy(llm),
        llm.model_copy(update={"temperature": 1}),
        llm.with_hints(task="code"),
    ):
        assert made._engine() is llm.router
    other = llm.model_copy(update={"models": (TargetConfig(**HAIKU),)})
    other._engine()
    assert names(other) == ["anthropic/claude-haiku-4-5"]
    assert names(llm) == ["openai/gpt-6.1-terra"]


def test_a_given_router_is_kept(scripted):
    router = scripted()
    llm = RoutedLLM(router=router, max_retries=2)
    for made in (llm, copy.copy(llm), llm.model_copy(update={"max_retries": 5})):
        assert made._engine() is router


MAKERS = [
    lambda: RoutedLLM(models=[TERRA, HAIKU], api_key="sk-secret-3", temperature=0.3),
    lambda: RoutedLLM(
        config=RouterConfig(
            models=[{**TERRA, "name": "t", "headers": {"X-Api-Key": "sk-secret-4"}}, HAIKU],
            policy="ordered",
            proxy="http://u:sk-secret-5@localhost:1",
        ),
        temperature=0.3,
    ),
    lambda: RoutedLLM(router=Router(models=[TERRA, HAIKU]), temperature=0.3),
]
KEYS = {"OPENAI_API_KEY": "sk-env-1", "ANTHROPIC_API_KEY": "sk-env-2"}


@pytest.mark.parametrize("make", MAKERS)
def test_no_key_is_ever_written_down(make):
    llm = make().with_hints(task="code", models=["a", "b"])
    written = pickle.dumps(llm)
    assert b"sk-secret" not in written
    plain = [llm.to_json(), llm.model_dump_json()]
    for text in (*plain, repr(llm), str(llm), str(llm.model_dump()), str(llm.to_payload())):
        assert "sk-secret" not in text
    with pytest.raises(MissingKeyError, match="OPENAI_API_KEY"):
        pickle.loads(written).chat(HI)
    with mock.patch.dict(os.environ, KEYS):
        for made in (
            pickle.loads(written),
            RoutedLLM.from_dict(llm.to_dict()),
            RoutedLLM.from_json(plain[0]),
            RoutedLLM.model_validate_json(plain[1]),
            RoutedLLM(**llm.model_dump()),
        ):
            made._engine()
            assert names(made) == names(llm)
            assert made.temperature == 0.3
            assert made.hints == RoutingHints(task="code", models=["a", "b"])
            assert made.router.config.policy == llm.router.config.policy
            key = made.router.config.models[0].api_key
            assert key is None  # found in the environment, not in what was written down


def test_a_pickle_works_where_the_keys_are(simulator):
    llm = RoutedLLM(
        models=[simulator.target("openai", "gpt-6.1-terra")], messages_to_prompt=lambda _: ""
    )
    lock = threading.Lock()
    object.__setattr__(llm, "rate_limiter", lock)
    written = pickle.dumps(llm)
    assert llm.rate_limiter is lock  # what cannot travel stays, where it was
    made = pickle.loads(written)
    assert made.rate_limiter is None
    assert callable(made.messages_to_prompt)
    with mock.patch.dict(os.environ, {"OPENAI_API_KEY": "sk-env-1"}):
        assert "hi" in made.chat(HI).message.content
        assert "hi" in made.with_hints(task="code").chat(HI).message.content


def test_llama_index_loads_it_by_name(simulator, monkeypatch):
    from llama_index.core.extractors import KeywordExtractor
    from llama_index.core.llms.loading import load_llm

    monkeypatch.setenv("OPENAI_API_KEY", "sim-key")
    llm = RoutedLLM(models=[simulator.target("openai", "gpt-5.4")], temperature=0.2)
    loaded = load_llm(llm.to_dict())
    assert isinstance(loaded, RoutedLLM)
    assert loaded.temperature == 0.2
    written = KeywordExtractor(llm=llm).to_dict()
    assert isinstance(KeywordExtractor.from_dict(written).llm, RoutedLLM)
