"""Chat models of other packages as targets: what they are called, written down, and taken for."""

from __future__ import annotations

import copy
import json
import pickle
from functools import cached_property
from typing import Any

import pytest
from langchain_core.load import dumps, load
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from pydantic import Field, SecretStr

from llmrouter_integrations import BoundTarget, Router, RouterConfig, errors
from llmrouter_integrations.langchain import RoutedChatModel, as_target
from llmrouter_integrations.settings import plain_target
from llmrouter_integrations.wrapping.one_try import with_one_try
from tests.langchain_models import Plain, Settable
from tests.scripted import ScriptedRouter

KEY = "a-secret-key-of-mine"


def told(name, provider, model, **fields):
    """A model of a class that tells LangSmith this of itself."""

    def _get_ls_params(self, stop=None, **kwargs):
        return {"ls_provider": provider, "ls_model_name": model}

    kind = type(name, (Plain,), {"_get_ls_params": _get_ls_params, "__module__": __name__})
    return kind(**fields)


IDENTITIES = [
    (ChatOpenAI(model="gpt-4.1", api_key=KEY), "openai/gpt-4.1"),
    (
        ChatOpenAI(model="x/y", api_key=KEY, base_url="https://openrouter.ai/api/v1"),
        "openrouter/x/y",
    ),
    (ChatOpenAI(model="mine", api_key=KEY, base_url="http://127.0.0.1:8000/v1"), "openai/mine"),
    (
        AzureChatOpenAI(
            azure_deployment="mine",
            model="gpt-4.1",
            api_key=KEY,
            api_version="2025-01-01",
            azure_endpoint="https://x.openai.azure.com",
        ),
        "azure/gpt-4.1",
    ),
    (told("ChatAnthropic", "anthropic", "claude-haiku-4-5"), "anthropic/claude-haiku-4-5"),
    (told("ChatOllama", "ollama", "llama3.2"), "ollama/llama3.2"),
    (
        told("ChatGoogleGenerativeAI", "google_genai", "models/gemini-2.5-pro"),
        "google/gemini-2.5-pro",
    ),
    (told("ChatVertexAI", "google_vertexai", "gemini-2.5-pro"), "vertex/gemini-2.5-pro"),
    (told("ChatBedrockConverse", "amazon_bedrock", "us.anthropic.x"), "bedrock/us.anthropic.x"),
    (told("ChatMistralAI", "mistral", "mistral-large-latest"), "mistral/mistral-large-latest"),
    (told("ChatSomething", "something", "s-1"), "something/s-1"),
    (Plain(model="p-1"), "plain/p-1"),
    (told("ChatNameless", "", None), "chatnameless/ChatNameless"),
]


@pytest.mark.parametrize(("model", "name"), IDENTITIES, ids=[name for _, name in IDENTITIES])
def test_what_a_model_is_called(model, name):
    target = as_target(model)
    assert (target.model, target.name) == (name, name)


def test_a_user_states_what_nobody_can_look_up():
    target = as_target(
        Plain(), name="mine", quality={"code": 0.9}, input_usd_per_mtok=1.0, output_usd_per_mtok=2.0
    )
    router = Router(models=[target])
    (found,) = router.targets
    assert (found.name, found.outlooks["code"].quality) == ("mine", 0.9)
    assert router.complete("hi").cost_usd > 0


def test_price_and_abilities_are_looked_up_by_name():
    (found,) = Router(models=[as_target(ChatOpenAI(model="gpt-4.1", api_key=KEY))]).targets
    (wire,) = Router(models=["openai/gpt-4.1"], keys_required=False).targets
    assert found.rates == wire.rates is not None
    assert (found.abilities, found.context_window) == (wire.abilities, wire.context_window)
    (local,) = Router(models=[as_target(told("ChatOllama", "ollama", "l"))]).targets
    assert local.rates.output_usd == 0


def target_of(model, **said):
    (target,) = RoutedChatModel(models=[{"model": model, **said}]).router.targets
    return target


PROFILE = {
    "max_input_tokens": 8000,
    "max_output_tokens": 500,
    "tool_calling": False,
    "structured_output": True,
    "image_inputs": False,
    "audio_inputs": True,
}


@pytest.mark.parametrize("name", ["my-local", "gpt-4.1"])
def test_the_profile_that_a_user_gives_is_believed(name):
    model = ChatOpenAI(model=name, api_key=KEY, profile=PROFILE)
    target = target_of(model)
    assert (target.context_window, target.max_output, target.max_input) == (8000, 500, None)
    able = target.abilities
    assert (able.tools, able.structured_output) == (False, True)
    assert [able.takes(kind) for kind in ("text", "image", "audio", "video")] == [
        True,
        False,
        True,
        False,
    ]
    profile = RoutedChatModel(models=[model]).profile
    assert (profile["max_input_tokens"], profile["tool_calling"]) == (8000, False)


def test_what_is_said_of_the_target_goes_before_its_models_profile():
    model = ChatOpenAI(model="my-local", api_key=KEY, profile=PROFILE)
    target = target_of(model, context_window=4000, abilities={"tools": True})
    assert (target.context_window, target.max_output) == (4000, 500)
    assert (target.abilities.tools, target.abilities.structured_output) == (True, True)


def test_a_profile_that_comes_with_the_integration_fills_gaps_only():
    class Known(Settable):
        def _resolve_model_profile(self):
            return {**PROFILE, "temperature": False}

    catalogued = target_of(told("ChatAnthropic", "anthropic", "claude-haiku-4-5"))

    class Catalogued(Known):
        def _get_ls_params(self, stop=None, **kwargs):
            return {"ls_provider": "anthropic", "ls_model_name": "claude-haiku-4-5"}

    target = target_of(Catalogued())
    assert target.context_window == catalogued.context_window
    assert target.abilities.tools is True
    assert target.abilities.takes("image") is True
    unheard_of = target_of(Known(model="unheard-of"))
    assert (unheard_of.context_window, unheard_of.abilities.temperature) == (8000, False)
    assert unheard_of.abilities.tools is False


def test_a_long_request_passes_over_a_model_of_a_small_window(simulator):
    small = Plain(profile={"max_input_tokens": 100})
    wire = simulator.target("openai", "gpt-4.1")
    llm = RoutedChatModel(models=[small, wire], policy="ordered")
    assert llm.invoke("hi").text == "ok"
    assert llm.invoke("word " * 2000).response_metadata["llmrouter"]["target"] == "openai/gpt-4.1"


def test_one_account_is_one_quota_group():
    mine = as_target(ChatOpenAI(model="gpt-4.1", api_key=KEY))
    other = as_target(ChatOpenAI(model="gpt-4.1-mini", api_key="another"), name="other")
    wire = {"model": "openai/gpt-4.1-nano", "api_key": KEY}
    groups = [t.quota_group for t in Router(models=[mine, other, wire]).targets]
    assert groups[0] == groups[2] != groups[1]
    keyless = [as_target(Plain()), as_target(Plain(), name="second")]
    assert len({t.quota_group for t in Router(models=keyless).targets}) == 2
    assert as_target(Plain(), quota_group="team").quota_group == "team"


def test_a_model_without_tools_is_known_to_have_none():
    plain, settable = Router(models=[as_target(Plain()), as_target(Settable())]).targets
    assert "tools" in plain.lacks
    assert "tools" not in settable.lacks


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"api_key": "x"}, "api_key is its backend's own matter"),
        ({"base_url": "http://x"}, "base_url is its backend's own matter"),
        ({"colour": "red"}, "colour"),
        ({"quality": 7}, "quality"),
    ],
)
def test_a_field_that_is_wrong_is_named(given, says):
    with pytest.raises(errors.ConfigurationError, match=says):
        as_target(Plain(), **given)
    with pytest.raises(errors.ConfigurationError, match=says):
        RoutedChatModel(models=[{"model": Plain(), **given}])


@pytest.mark.parametrize("thing", [Plain().bind(x=1), Plain() | (lambda m: m), object()])
def test_what_is_no_chat_model(thing):
    with pytest.raises(errors.ConfigurationError, match="no chat model"):
        as_target(thing)
    with pytest.raises(errors.ConfigurationError, match="is no target"):
        RoutedChatModel(models=[thing])


def test_the_plain_router_says_how_to_wrap_one():
    with pytest.raises(errors.ConfigurationError, match="as_target"):
        Router(models=[Plain()])
    with pytest.raises(errors.ConfigurationError, match="as_target"):
        Router(models=[{"model": Plain()}])


def test_two_of_a_name_need_names():
    with pytest.raises(errors.ConfigurationError, match="two targets are named 'plain/plain-1'"):
        RoutedChatModel(models=[Plain(), Plain()])
    llm = RoutedChatModel(models=[Plain(), {"model": Plain(), "name": "second"}])
    assert [t.name for t in llm.models] == ["plain/plain-1", "second"]


@pytest.mark.parametrize(
    "give",
    [
        lambda m: {"models": [m]},
        lambda m: {"models": m},
        lambda m: {"models": {"model": m}},
        lambda m: {"models": (as_target(m),)},
        lambda m: {"config": {"models": [m], "policy": "ordered"}},
        lambda m: {"config": RouterConfig.of([as_target(m)])},
        lambda m: {"router": Router(models=[as_target(m)])},
    ],
)
def test_every_way_to_give_one(give):
    model = Plain()
    assert RoutedChatModel(**give(model)).invoke("hi").text == "ok"
    assert len(model.asked) == 1


def test_a_key_beside_it_is_for_the_others():
    llm = RoutedChatModel(models=[Plain(), "openai/gpt-4.1"], api_key=KEY)
    assert [t.name for t in llm.router.targets] == ["plain/plain-1", "openai/gpt-4.1"]


def test_copies_share_the_model():
    llm = RoutedChatModel(models=[Plain()])
    for copied in (llm.model_copy(), copy.copy(llm), copy.deepcopy(llm)):
        assert copied.models[0].backend is llm.models[0].backend
        assert copied.router is llm.router


# -- written down ------------------------------------------------------------------------------------


@pytest.fixture
def keyed(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "the-key-of-that-place")
    return RoutedChatModel(
        models=[
            {"model": ChatOpenAI(model="gpt-4.1", api_key=KEY, temperature=0.3), "name": "mine"},
            "anthropic/claude-haiku-4-5",
        ],
        config={"timeout_s": 9},
        api_key=SecretStr("another-key"),
    )


def test_no_key_is_written(keyed):
    everything = [
        pickle.dumps(keyed).decode("latin-1"),
        dumps(keyed),
        repr(keyed),
        str(keyed._identifying_params),
        keyed._get_llm_string(),
        str(keyed.router.config),
        keyed.router.config.model_dump_json(),
        repr(keyed.models[0].backend),
        str(plain_target(keyed.models[0])),
    ]
    assert not [text for text in everything if KEY in text or "another-key" in text]


SECRETIVE = [
    {"default_headers": {"Authorization": f"Bearer {KEY}"}},
    {"default_query": {"key": KEY}},
    {"model_kwargs": {"extra_headers": {"X-Tenant": KEY}}},
    {"openai_proxy": f"http://me:{KEY}@127.0.0.1:1"},
]


@pytest.mark.parametrize("said", SECRETIVE, ids=lambda said: next(iter(said)))
def test_nor_is_any_other_secret(said, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "the-key-of-that-place")
    model = ChatOpenAI(model="gpt-4.1", api_key="short", temperature=0.3, **said)
    llm = RoutedChatModel(models=[model])
    written = [pickle.dumps(llm).decode("latin-1"), dumps(llm), str(llm._identifying_params)]
    assert not [text for text in written if KEY in text]
    inner = pickle.loads(pickle.dumps(llm)).models[0].backend.model
    assert inner.temperature == 0.3
    assert KEY not in str(inner.model_kwargs)


def test_nor_by_a_model_that_langchain_cannot_write():
    class ChatOllama(Plain):
        client_kwargs: dict[str, Any] = Field(default_factory=dict)

    model = ChatOllama(client_kwargs={"headers": {"Authorization": KEY}})
    assert KEY in repr(model)
    assert KEY not in dumps(RoutedChatModel(models=[model]))


def test_answers_of_models_that_differ_in_a_header_are_cached_apart():
    one, same, other = (
        RoutedChatModel(models=[ChatOpenAI(api_key=KEY, default_headers={"X-Tenant": tenant})])
        for tenant in ("a", "a", "b")
    )
    assert one._get_llm_string() == same._get_llm_string() != other._get_llm_string()


def test_a_pickle_makes_the_model_anew(keyed, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    made = pickle.loads(pickle.dumps(keyed))
    inner = made.models[0].backend.model
    assert (inner.model_name, inner.temperature) == ("gpt-4.1", 0.3)
    assert inner.openai_api_key.get_secret_value() == "the-key-of-that-place"
    assert [t.name for t in made._engine().router.targets] == ["mine", "anthropic/claude-haiku-4-5"]
    router = pickle.loads(pickle.dumps(keyed.router))
    assert router.targets[0].name == "mine"


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
def test_langchains_own_writing_reads_back(keyed, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    made = load(
        json.loads(dumps(keyed)),
        allowed_objects=[RoutedChatModel, ChatOpenAI],
        valid_namespaces=["llmrouter_integrations"],
        secrets_from_env=True,
    )
    inner = made.models[0].backend.model
    assert (made.models[0].name, inner.temperature) == ("mine", 0.3)
    assert inner.openai_api_key.get_secret_value() == "the-key-of-that-place"


def test_what_langchain_cannot_write_is_said():
    with pytest.raises(pickle.PicklingError, match="LangChain cannot write down a Plain"):
        pickle.dumps(RoutedChatModel(models=[Plain()]))
    assert "not_implemented" in dumps(RoutedChatModel(models=[Plain()]))


def test_a_foreign_backend_is_named_and_never_taken_for_a_model():
    target = BoundTarget(model="openai/gpt-4.1", backend=object())
    assert plain_target(target)["model"] == "object(openai/gpt-4.1)"
    with pytest.raises(errors.ConfigurationError):
        Router(models=[plain_target(target)])
    llm = RoutedChatModel(router=Router(models=[target]))
    assert "object(openai/gpt-4.1)" in dumps(llm)


def test_cached_answers_are_kept_apart_by_the_models_settings():
    one, two = (RoutedChatModel(models=[ChatOpenAI(api_key=KEY, temperature=t)]) for t in (0, 1))
    assert one._get_llm_string() != two._get_llm_string()


# -- its own retries -----------------------------------------------------------------------------------


def test_sdk_clients_are_replaced_and_connections_shared():
    model = ChatOpenAI(model="gpt-4.1", api_key=KEY, max_retries=4)
    single = with_one_try(model)
    assert (single.max_retries, model.max_retries) == (0, 4)
    for name in ("root_client", "root_async_client"):
        old, new = getattr(model, name), getattr(single, name)
        assert (old.max_retries, new.max_retries) == (4, 0)
        assert old._client is new._client
    assert single.client._client is single.root_client
    assert single.async_client._client is single.root_async_client


def test_a_client_made_when_needed_is_made_of_the_new_setting():
    class Lazy(Plain):
        max_retries: int = 3

        @cached_property
        def _client_params(self):
            return {"max_retries": self.max_retries}

    model = Lazy()
    assert model._client_params == {"max_retries": 3}
    single = with_one_try(model)
    assert single._client_params == {"max_retries": 0}
    assert model._client_params == {"max_retries": 3}


def test_a_model_without_retries_is_left_alone():
    model = Plain()
    assert with_one_try(model) is model


# -- the request carries LangChain's own messages at no price to others ---------------------------------


def test_a_request_carries_the_messages_themselves():
    router = ScriptedRouter()
    RoutedChatModel(router=router).invoke([("user", "hi")])
    (message,) = router.request.native["langchain"]
    assert message.content == "hi"
    assert "native" not in repr(router.request)
