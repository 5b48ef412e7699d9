"""What wrapped chat models say of their limits, and what is no target."""

from __future__ import annotations

import logging

import pytest
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from llmrouter_integrations import Request, Router, errors
from llmrouter_integrations.dispatch.backend import Call
from llmrouter_integrations.langchain import RoutedChatModel, as_target
from llmrouter_integrations.messages import Message, TextPart
from llmrouter_integrations.testing import Reply
from llmrouter_integrations.transport import Limits
from tests.langchain_models import Plain

KEY = "a-secret-key-of-mine"


@pytest.mark.parametrize(
    ("profile", "said", "limits"),
    [
        ({"max_input_tokens": 4096, "max_output_tokens": 512}, {}, (4096, 512)),
        ({"max_input_tokens": 4096}, {"context_window": 2048}, (2048, None)),
        (None, {}, (None, None)),  # LangChain's own list: the catalogue knows more
    ],
)
def test_the_limits_of_a_users_own_profile_are_the_targets(simulator, profile, said, limits):
    model = ChatOpenAI(model="gpt-4.1", api_key=KEY, **({"profile": profile} if profile else {}))
    target = as_target(model, **said)
    assert (target.context_window, target.max_output) == limits
    wire = simulator.target("anthropic", "claude-opus-5")
    routed = RoutedChatModel(models=[as_target(model, **said), wire]).profile
    assert routed["max_input_tokens"] == (limits[0] or 1_000_000)


def test_a_profile_that_langchain_cannot_make_is_none():
    class Broken(Plain):
        def _resolve_model_profile(self):
            raise RuntimeError("no data")

    assert as_target(Broken()).context_window is None
    own = Broken(profile={"max_input_tokens": 4096})
    assert as_target(own).context_window == 4096


async def test_the_model_asks_over_connections_of_the_running_loop_only():
    """What that comes to is told by ``tests/wrapping/test_dead_loops.py``."""

    class Noting:
        entered = []  # noqa: RUF012  (of this test alone)

        def enter(self, model):
            self.entered.append(model)

    model = Plain()
    backend = as_target(model).backend
    backend._loops = Noting()
    call = Call(Request((Message("user", (TextPart("hi"),)),)), Limits(5.0, 5.0, 5.0))
    await backend.acomplete(call)
    [chunk async for chunk in backend.astream(call)]
    assert Noting.entered == [model, model]


@pytest.mark.parametrize(
    ("give", "said"),
    [
        (lambda: RoutedChatModel(["openai/gpt-5.4"]), r"write RoutedChatModel\(models=\[\.\.\.\]"),
        (lambda: RoutedChatModel(models=[ChatOpenAI]), "ChatOpenAI is a class: give an object"),
        (lambda: RoutedChatModel(models=[{"model": Plain}]), "Plain is a class"),
        (
            lambda: RoutedChatModel(models=[{"model": Plain(), "qualty": 1}]),
            "qualty: no such setting; did you mean 'quality'",
        ),
        (
            lambda: RoutedChatModel(models=[RoutedChatModel(models=[Plain()])]),
            "its tries would multiply",
        ),
    ],
)
def test_what_is_given_wrongly_is_told(give, said):
    with pytest.raises(errors.ConfigurationError, match=said):
        give()


def test_a_key_that_is_nobodys_is_told(caplog):
    with caplog.at_level(logging.WARNING):
        RoutedChatModel(models=[Plain()], api_key="k")
    assert "api_key is not used" in caplog.text


def test_no_time_at_all_is_an_error():
    with pytest.raises(errors.UnknownHintError, match="timeout is 0"):
        RoutedChatModel(models=[Plain()]).invoke("hi", timeout=0)


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def test_a_call_streamed_by_llama_indexs_llm_is_named_once():
    """LangChain joins the names that chunks bear."""
    mock = pytest.importorskip("llama_index.core.llms.mock")
    types = pytest.importorskip("llama_index.core.base.llms.types")
    llama_index = pytest.importorskip("llmrouter_integrations.llama_index")
    block = types.ToolCallBlock(tool_call_id="c1", tool_name="add", tool_kwargs={"a": 1, "b": 2})
    message = types.ChatMessage(role="assistant", blocks=[block])
    llm = mock.MockFunctionCallingLLM(response_generator=lambda *_, **__: message)
    router = Router(models=[llama_index.as_target(llm, name="li")])
    chunks = list(RoutedChatModel(router=router).bind_tools([add]).stream("hi"))
    merged = chunks[0]
    for chunk in chunks[1:]:
        merged += chunk
    (call,) = merged.tool_calls
    assert (call["name"], call["args"], call["id"]) == ("add", {"a": 1, "b": 2}, "c1")


def test_an_estimated_usage_is_marked(simulator, chat_openai):
    simulator.script("gpt-4.1", Reply("hello", input_tokens=110, output_tokens=70))
    model = RoutedChatModel(models=[chat_openai()])
    assert "usage_estimated" not in model.invoke("hi").response_metadata["llmrouter"]
    *_, told = [
        piece.response_metadata["llmrouter"]
        for piece in RoutedChatModel(models=[chat_openai(stream_usage=False)]).stream("hi")
        if "llmrouter" in piece.response_metadata
    ]
    assert told["usage_estimated"] is True
