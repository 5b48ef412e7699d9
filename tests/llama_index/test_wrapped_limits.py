"""What wrapped LLMs say of themselves, how long they may take, and what is no target."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage, CompletionResponse, LLMMetadata
from llama_index.core.llms import MockLLM
from pydantic import PrivateAttr

from llmrouter_integrations import Router, errors
from llmrouter_integrations.dispatch.backend import Call
from llmrouter_integrations.llama_index import RoutedLLM, as_target
from llmrouter_integrations.messages import Message, Request, TextPart
from llmrouter_integrations.testing import Fault, Reply
from llmrouter_integrations.transport import Limits
from tests.llama_index_llms import Answering, OpenAI, OpenAILike, Plain

HI = [ChatMessage("hi")]


# -- its window --------------------------------------------------------------------------------------


class Windowed(Answering):
    window: int = 0
    output: int = -1

    @property
    def metadata(self):
        return LLMMetadata(
            model_name="w",
            context_window=self.window,
            num_output=self.output,
            is_function_calling_model=True,
        )


@pytest.mark.parametrize(
    ("llm", "said", "window", "alone"),
    [
        (OpenAILike(context_window=4096, api_base="http://127.0.0.1:1"), {}, 4096, 4096),
        (OpenAILike(context_window=4096), {"context_window": 2048}, 2048, 2048),
        (OpenAILike(api_base="http://127.0.0.1:1"), {}, None, 3900),  # LlamaIndex's own guess
        (Windowed(window=8192), {}, 8192, 8192),
    ],
)
def test_its_window_is_the_targets(simulator, llm, said, window, alone):
    target = as_target(llm, **said)
    assert target.context_window == window
    assert RoutedLLM(models=[target]).metadata.context_window == alone
    wire = simulator.target("anthropic", "claude-opus-5")
    beside = RoutedLLM(models=[as_target(llm, **said), wire]).metadata.context_window
    assert beside == (window or 1_000_000)


@pytest.mark.parametrize(
    ("outputs", "max_tokens", "expected"),
    [((256,), None, 256), ((100, 2000), None, 2000), ((-1,), None, -1), ((2000,), 50, 50)],
)
def test_room_is_left_for_the_longest_answer(outputs, max_tokens, expected):
    models = [{"model": Windowed(output=n), "name": f"w{n}"} for n in outputs]
    llm = RoutedLLM(models=models, max_tokens=max_tokens)
    assert llm.metadata.num_output == expected


class Far(Answering):
    """As ``Ollama``, which asks its server for its window."""

    _reached: bool = PrivateAttr(default=False)

    @property
    def metadata(self):
        raise ConnectionError("nobody is there")


def test_a_server_that_is_down_is_found_so_when_it_is_asked(simulator):
    wire = simulator.target("anthropic", "claude-haiku-4-5", name="wire")
    down = {"model": Far(answers=[ConnectionError("nobody is there")]), "name": "down"}
    llm = RoutedLLM(models=[down, wire], policy="ordered", max_retries=0)
    told = llm.chat(HI).raw["llmrouter"]["attempts"]
    assert [(a["target"], a["outcome"]) for a in told] == [("down", "error"), ("wire", "ok")]
    assert as_target(Far()).name == "far/answering-1"


def test_a_model_its_integration_does_not_know_is_told_at_once():
    class Picky(Answering):
        @property
        def metadata(self):
            raise ValueError("Unknown model 'gpt-99'")

    with pytest.raises(errors.ConfigurationError, match="Picky: Unknown model 'gpt-99'"):
        as_target(Picky())


# -- its time ----------------------------------------------------------------------------------------


class Slow(Plain):
    """An LLM that cannot be interrupted, and whose async methods only call the others."""

    _gate: threading.Event = PrivateAttr(default_factory=threading.Event)

    def complete(self, prompt, formatted=False, **kwargs):
        self._gate.wait(5)
        return CompletionResponse(text="late")

    def stream_complete(self, prompt, formatted=False, **kwargs):
        def gen():
            yield CompletionResponse(text="a", delta="a")
            self._gate.wait(5)
            yield CompletionResponse(text="ab", delta="b")

        return gen()


@pytest.fixture
def slow():
    llm = Slow()
    yield llm
    llm._gate.set()


def limited(**said):
    limits = {"total_s": 5.0, "first_token_s": 5.0, "idle_s": 5.0} | said
    return Call(Request((Message("user", (TextPart("hi"),)),)), Limits(**limits))


def test_a_call_that_cannot_be_interrupted_is_left(slow):
    backend = as_target(slow).backend
    with pytest.raises(errors.TargetTimeoutError) as caught:
        backend.complete(limited(total_s=0.05))
    assert caught.value.phase == "total"
    with pytest.raises(errors.TargetTimeoutError) as caught:
        list(backend.stream(limited(idle_s=0.05)))
    assert caught.value.phase == "idle"


async def test_the_event_loop_goes_on_meanwhile(slow):
    backend = as_target(slow).backend
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.005)
            beats += 1

    heart = asyncio.create_task(beat())
    with pytest.raises(errors.TargetTimeoutError):
        await backend.acomplete(limited(total_s=0.1))
    with pytest.raises(errors.TargetTimeoutError):
        [chunk async for chunk in backend.astream(limited(idle_s=0.1))]
    heart.cancel()
    assert beats > 10


async def test_a_stream_that_is_cancelled_is_closed_once_it_comes_back(slow):
    closed = threading.Event()

    class Closing(Slow):
        def stream_complete(self, prompt, formatted=False, **kwargs):
            def gen():
                try:
                    yield CompletionResponse(text="a", delta="a")
                    self._gate.wait(5)
                    yield CompletionResponse(text="ab", delta="b")
                finally:
                    closed.set()

            return gen()

    llm = Closing()
    begun = asyncio.Event()

    async def read():
        async for _ in as_target(llm).backend.astream(limited()):
            begun.set()

    reading = asyncio.create_task(read())
    await begun.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    llm._gate.set()
    assert await asyncio.to_thread(closed.wait, 5)


def test_a_first_token_in_time_leaves_more_time_for_the_next(simulator, llm_at):
    """What is passed on as ``timeout`` bounds every silence of a stream, also the later ones."""
    simulator.script("gpt-4.1", Fault.stall_body(2, 0.19, reply=Reply("one two three")))
    llm = RoutedLLM(models=[llm_at()], max_retries=0)
    hints = {"first_token_timeout_s": 0.15}
    assert list(llm.stream_chat(HI, hints=hints))[-1].message.content == "one two three"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", ["achat", "astream_chat"])
def test_a_dead_event_loop_is_no_fault_of_the_provider(simulator, llm_at, way):
    """The SDK keeps its connections from one ``asyncio.run`` to the next: nobody is to ask over
    them, for what is asked arrives, and is billed."""
    wire = simulator.target("anthropic", "claude-haiku-4-5")
    client = httpx.AsyncClient()
    mine = {"model": llm_at(http_async_client=client), "name": "mine"}
    llm = RoutedLLM(models=[mine, wire], policy="ordered", max_retries=0)

    async def ask(last):
        async def one():
            if way == "achat":
                return await llm.achat(HI)
            return [answer async for answer in await llm.astream_chat(HI)][-1]

        answers = await asyncio.gather(*[one() for _ in range(5)])
        if last:
            await client.aclose()
        return [[a["outcome"] for a in answer.raw["llmrouter"]["attempts"]] for answer in answers]

    for turn in range(3):
        assert asyncio.run(ask(last=turn == 2)) == [["ok"]] * 5
    assert simulator.calls("gpt-4.1") == 15
    gc.collect()  # asyncio itself warns of the sockets left open


# -- what is no target -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("give", "said"),
    [
        (lambda: RoutedLLM(["openai/gpt-5.4"]), r"write RoutedLLM\(models=\[\.\.\.\]\)"),
        (lambda: RoutedLLM(models=[MockLLM]), r"MockLLM is a class: give an object of it"),
        (lambda: RoutedLLM(models=[{"model": MockLLM}]), "MockLLM is a class"),
        (
            lambda: RoutedLLM(models=[{"model": Plain(), "qualty": 1}]),
            "target plain/plain-1: qualty: no such setting; did you mean 'quality'",
        ),
        (
            lambda: RoutedLLM(models=[{"model": Plain(), "name": "n", "base_url": "http://x"}]),
            "target n: base_url is its backend's own matter",
        ),
        (
            lambda: RoutedLLM(models=[RoutedLLM(models=[Plain()])]),
            "its tries would multiply",
        ),
    ],
)
def test_what_is_given_wrongly_is_told(give, said):
    with pytest.raises(errors.ConfigurationError, match=said):
        give()


def test_a_routed_llms_router_is_shared_instead():
    first = RoutedLLM(models=[Plain()])
    assert RoutedLLM(router=first.router).chat(HI).message.content == "ok"
    assert isinstance(first.router, Router)


def test_a_key_that_is_nobodys_is_told(caplog):
    with caplog.at_level(logging.WARNING):
        RoutedLLM(models=[Plain()], api_key="k")
    assert "api_key is not used" in caplog.text


@pytest.mark.parametrize("messages", [[{"role": "user", "content": "hi"}], [HI[0], "hi"]])
def test_what_is_no_message_is_told(messages):
    llm = RoutedLLM(models=[OpenAI(api_base="http://127.0.0.1:1")])
    with pytest.raises(errors.InvalidRequestError, match="give ChatMessage objects"):
        llm._chat(messages, {})


def test_no_time_at_all_is_an_error():
    with pytest.raises(errors.UnknownHintError, match="timeout is 0"):
        RoutedLLM(models=[Plain()]).chat(HI, timeout=0)
