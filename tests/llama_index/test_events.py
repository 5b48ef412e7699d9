"""Every call is reported once: to LlamaIndex's dispatcher, its callbacks and its token counters."""

from __future__ import annotations

from collections import Counter

import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, TokenCountingHandler
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span import SimpleSpan
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel, PrivateAttr

from llmrouter_integrations.errors import NoCandidateError
from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.messages import TextPart
from tests.scripted import answer

HI = [ChatMessage("hi")]
PROMPT = PromptTemplate("Say {x}")


class Said(BaseModel):
    x: str


class Events(BaseEventHandler):
    _seen: list = PrivateAttr(default_factory=list)

    @classmethod
    def class_name(cls):
        return "Events"

    def handle(self, event, **kwargs):
        self._seen.append(event)

    def counts(self):
        return Counter(type(event).__name__ for event in self._seen)


class Callbacks(BaseCallbackHandler):
    def __init__(self):
        super().__init__([], [])
        self.seen = []

    def on_event_start(self, event_type, payload=None, event_id="", parent_id="", **kwargs):
        self.seen.append(("start", event_type))

    def on_event_end(self, event_type, payload=None, event_id="", **kwargs):
        self.seen.append(("end", event_type))

    def start_trace(self, trace_id=None):
        pass

    def end_trace(self, trace_id=None, trace_map=None):
        pass


@pytest.fixture
def watched(scripted):
    """An LLM, and what is told of it."""
    events, spans = Events(), SimpleSpanHandler()
    dispatcher = get_dispatcher()
    dispatcher.add_event_handler(events)
    dispatcher.add_span_handler(spans)
    callbacks, counter = Callbacks(), TokenCountingHandler(tokenizer=lambda _: [1] * 1000)
    llm = RoutedLLM(
        router=scripted(answer(TextPart('{"x": "a"}'))),
        callback_manager=CallbackManager([callbacks, counter]),
    )
    yield llm, events, spans, callbacks, counter
    dispatcher.event_handlers.remove(events)
    dispatcher.span_handlers.remove(spans)


async def drain(stream):
    return [one async for one in stream]


async def _astream_chat(llm):
    await drain(await llm.astream_chat(HI))


async def _astream_complete(llm):
    await drain(await llm.astream_complete("hi"))


async def _astream(llm):
    await drain(await llm.astream(PROMPT, x="a"))


async def _astream_structured(llm):
    await drain(await llm.astream_structured_predict(Said, PROMPT, x="a"))


CHAT, COMPLETION = ("LLMChat",), ("LLMCompletion",)
PREDICT = ("LLMPredict", "LLMChat")
STRUCTURED = ("LLMStructuredPredict", "LLMChat")
WAYS = {
    "chat": (lambda llm: llm.chat(HI), CHAT),
    "stream_chat": (lambda llm: list(llm.stream_chat(HI)), CHAT),
    "achat": (lambda llm: llm.achat(HI), CHAT),
    "astream_chat": (_astream_chat, CHAT),
    "complete": (lambda llm: llm.complete("hi"), COMPLETION),
    "stream_complete": (lambda llm: list(llm.stream_complete("hi")), COMPLETION),
    "acomplete": (lambda llm: llm.acomplete("hi"), COMPLETION),
    "astream_complete": (_astream_complete, COMPLETION),
    "predict": (lambda llm: llm.predict(PROMPT, x="a"), PREDICT),
    "apredict": (lambda llm: llm.apredict(PROMPT, x="a"), PREDICT),
    "astream": (_astream, CHAT),
    "structured_predict": (lambda llm: llm.structured_predict(Said, PROMPT, x="a"), STRUCTURED),
    "astructured_predict": (lambda llm: llm.astructured_predict(Said, PROMPT, x="a"), STRUCTURED),
    "stream_structured_predict": (
        lambda llm: list(llm.stream_structured_predict(Said, PROMPT, x="a")),
        STRUCTURED,
    ),
    "astream_structured_predict": (_astream_structured, STRUCTURED),
    "chat_with_tools": (lambda llm: llm.chat_with_tools([], "hi"), CHAT),
}


@pytest.mark.parametrize("way", WAYS)
async def test_every_call_is_reported_once(watched, way):
    llm, events, spans, callbacks, counter = watched
    call, kinds = WAYS[way]
    done = call(llm)
    if hasattr(done, "__await__"):
        await done
    counts = events.counts()
    for kind in kinds:
        assert (counts[f"{kind}StartEvent"], counts[f"{kind}EndEvent"]) == (1, 1), counts
    assert not {k for k in counts if "Chat" in k or "Completion" in k} - {
        f"{kind}{when}Event" for kind in kinds for when in ("Start", "InProgress", "End")
    }
    told = [event for event in callbacks.seen if event[1] == CBEventType.LLM]
    assert told == [("start", CBEventType.LLM), ("end", CBEventType.LLM)]
    assert counter.total_llm_token_count == 8, "as billed, once; not by the tokenizer"
    names = Counter(span.id_.partition("-")[0] for span in spans.completed_spans)
    assert set(names.values()) == {1}, names


async def test_a_stream_is_reported_piece_by_piece(watched):
    llm, events, *_ = watched
    pieces = list(llm.stream_chat(HI))
    assert events.counts()["LLMChatInProgressEvent"] == len(pieces)
    (end,) = [e for e in events._seen if type(e).__name__ == "LLMChatEndEvent"]
    assert end.response.raw["llmrouter"]["target"] == "acme/tiny-1"


def test_what_is_told_of_the_llm(watched):
    llm, events, *_ = watched
    llm.temperature = 0.5
    llm.chat(HI)
    said = events._seen[0].model_dict
    assert (said["class_name"], said["models"]) == ("RoutedLLM", ["acme/tiny-1"])
    assert (said["temperature"], said["is_function_calling_model"]) == (0.5, True)
    assert "hints" not in said
    assert llm.with_hints(task="code").to_payload()["hints"] == {"task": "code"}


async def test_a_failure_is_reported_too(watched):
    llm, events, _, callbacks, _ = watched
    llm.router.answers[:] = [NoCandidateError({})]
    with pytest.raises(NoCandidateError):
        llm.chat(HI)
    with pytest.raises(NoCandidateError):
        await llm.achat(HI)
    with pytest.raises(NoCandidateError):
        list(llm.stream_chat(HI))
    told = [event[0] for event in callbacks.seen if event[1] == CBEventType.LLM]
    assert told == ["start", "end"] * 3
    assert events.counts()["LLMChatEndEvent"] == 0


def test_spans_are_simple(watched):
    llm, _, spans, *_ = watched
    llm.complete("hi")
    (span,) = spans.completed_spans
    assert isinstance(span, SimpleSpan)
    assert span.id_.startswith("RoutedLLM.complete-")
