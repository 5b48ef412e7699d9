"""A wrapped LLM's calls are reported, counted and throttled once, however it is written."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.instrumentation.events.llm import LLMChatStartEvent
from llama_index.core.llms import MockLLM, callbacks
from llama_index.core.llms.mock import MockFunctionCallingLLM

from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.llama_index.silence import unheard
from tests.llama_index_llms import Answering, OpenAILike, Plain

HI = [ChatMessage("hi")]


async def astreamed(answers):
    return [answer async for answer in await answers]


CALLS = {
    "chat": lambda llm: llm.chat(HI),
    "achat": lambda llm: asyncio.run(_awaited(llm.achat(HI))),
    "stream_chat": lambda llm: list(llm.stream_chat(HI)),
    "astream_chat": lambda llm: asyncio.run(astreamed(llm.astream_chat(HI))),
    "complete": lambda llm: llm.complete("hi"),
    "acomplete": lambda llm: asyncio.run(_awaited(llm.acomplete("hi"))),
    "astream_complete": lambda llm: asyncio.run(astreamed(llm.astream_complete("hi"))),
}


async def _awaited(call):
    return await call


class GoesOn(MockFunctionCallingLLM):
    """One whose methods go on to those of the class above, as people write them."""

    def chat(self, messages, **kwargs):
        return super().chat(messages, **kwargs)

    async def achat(self, messages, **kwargs):
        return await super().achat(messages, **kwargs)


LLMS = {
    "completes texts": lambda **said: MockLLM(max_tokens=3, **said),
    "of one's own": Plain,
    "async in terms of sync": MockFunctionCallingLLM,
    "goes on to its base": GoesOn,
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("llm", LLMS)
def test_every_call_is_heard_and_counted_once(events, llm, call):
    counter = TokenCountingHandler(tokenizer=str.split)
    manager = CallbackManager([counter])
    routed = RoutedLLM(models=[LLMS[llm](callback_manager=manager)], callback_manager=manager)
    CALLS[call](routed)
    heard = Counter(name for name in events if name.endswith(("StartEvent", "EndEvent")))
    assert sorted(heard.values()) == [1, 1]
    assert len(counter.llm_token_counts) == 1


@pytest.mark.parametrize("call", ["chat", "achat", "stream_chat", "astream_chat"])
def test_what_resembles_openai_is_heard_once(events, llm_at, call):
    CALLS[call](RoutedLLM(models=[llm_at(kind=OpenAILike)]))
    heard = Counter(name for name in events if "InProgress" not in name)
    assert heard == {"LLMChatStartEvent": 1, "LLMChatEndEvent": 1}


class Limiter:
    acquired = 0

    def acquire(self):
        self.acquired += 1

    async def async_acquire(self):
        self.acquired += 1


@pytest.mark.parametrize("call", ["chat", "achat", "stream_chat", "astream_chat"])
def test_the_rate_limiter_is_obeyed_once(llm_at, call):
    llm = llm_at(kind=OpenAILike)
    object.__setattr__(llm, "rate_limiter", limiter := Limiter())
    CALLS[call](RoutedLLM(models=[llm]))
    assert limiter.acquired == 1


def test_others_are_heard_as_ever(events):
    with unheard():
        asyncio.run(asyncio.sleep(0))
    MockLLM(max_tokens=3).complete("hi")
    assert events == ["LLMCompletionStartEvent", "LLMCompletionEndEvent"]


def test_between_the_pieces_of_a_stream_others_are_heard(events):
    for _ in RoutedLLM(models=[Plain(answers=["a ", "b"])]).stream_chat(HI):
        MockLLM(max_tokens=1).complete("hi")
    assert events.count("LLMCompletionStartEvent") >= 2


def test_nothing_of_the_dispatcher_is_hidden(events):
    assert callbacks.dispatcher.name
    callbacks.dispatcher.event(LLMChatStartEvent(messages=HI, additional_kwargs={}, model_dict={}))
    assert events == ["LLMChatStartEvent"]


def test_an_llm_without_listeners_is_asked_itself():
    """Those who look at an LLM of their own after a call find what it has noted."""

    class Counting(Answering):
        calls: int = 0

        def chat(self, messages, **kwargs):
            self.calls += 1
            return Answering.chat(self, messages, **kwargs)

    llm = Counting(callback_manager=CallbackManager([]))
    llm.callback_manager.handlers = []
    RoutedLLM(models=[llm]).chat(HI)
    assert llm.calls == 1
