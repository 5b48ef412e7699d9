"""Query engines, chat engines and selectors, with the first provider failing on the way."""

from __future__ import annotations

import pytest
from llama_index.core import (
    Document,
    MockEmbedding,
    SummaryIndex,
    VectorStoreIndex,
    get_response_synthesizer,
)
from llama_index.core.base.response.schema import PydanticResponse
from llama_index.core.chat_engine import (
    CondensePlusContextChatEngine,
    CondenseQuestionChatEngine,
    ContextChatEngine,
    SimpleChatEngine,
)
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.query_engine import RouterQueryEngine
from llama_index.core.selectors import (
    LLMMultiSelector,
    LLMSingleSelector,
    PydanticMultiSelector,
    PydanticSingleSelector,
)
from llama_index.core.tools import QueryEngineTool, ToolMetadata
from pydantic import BaseModel

from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.testing import Fault, Reply, ToolCall

FIRST, SECOND = "gpt-6.1-terra", "claude-haiku-4-5"
TEXTS = ["Cats purr.", "Dogs bark.", "Cows moo."]
CHOICES = [ToolMetadata("about cats", name="cats"), ToolMetadata("about dogs", name="dogs")]
SELECTION = '[{"choice": 2, "reason": "dogs bark"}]'


@pytest.fixture
def failing(simulator):
    """Makes an LLM whose first provider answers once, if at all, and then has no capacity."""

    def make(step, *, good_for=1):
        step = Reply(step) if isinstance(step, str) else step
        simulator.script(FIRST, *[step] * good_for, Fault.overloaded())
        simulator.script(SECOND, step)
        return RoutedLLM(
            models=[simulator.target("openai", FIRST), simulator.target("anthropic", SECOND)],
            policy="ordered",
            max_retries=1,
        )

    return make


def index():
    documents = [Document(text=text) for text in TEXTS]
    return VectorStoreIndex.from_documents(documents, embed_model=MockEmbedding(4))


def memory():
    return ChatMemoryBuffer.from_defaults()  # not LlamaIndex's default, which leaves SQLite open


@pytest.mark.parametrize(
    "mode", ["compact", "refine", "tree_summarize", "simple_summarize", "accumulate", "generation"]
)
@pytest.mark.parametrize("good_for", [0, 1])
async def test_query_engines(failing, simulator, mode, good_for):
    engine = index().as_query_engine(
        llm=failing("They bark.", good_for=good_for), response_mode=mode, similarity_top_k=3
    )
    for response in (engine.query("What do dogs do?"), await engine.aquery("What do dogs do?")):
        assert "They bark." in str(response)
    assert simulator.calls(FIRST) <= good_for + 1
    assert simulator.calls(SECOND) >= 1
    if mode in ("compact", "tree_summarize"):
        assert all(text in str(simulator.requests[0].body) for text in TEXTS)


@pytest.mark.parametrize("mode", ["compact", "refine", "tree_summarize"])
@pytest.mark.parametrize("good_for", [0, 1])
async def test_streaming_query_engines(failing, mode, good_for):
    engine = index().as_query_engine(
        llm=failing("They bark at night.", good_for=good_for),
        response_mode=mode,
        streaming=True,
        similarity_top_k=3,
    )
    pieces = list(engine.query("What do dogs do?").response_gen)
    assert "".join(pieces) == "They bark at night."
    response = await engine.aquery("What do dogs do?")
    assert "".join([piece async for piece in response.async_response_gen()]) == (
        "They bark at night."
    )


async def test_a_query_engine_that_answers_with_objects(failing, simulator):
    class Sound(BaseModel):
        animal: str
        sound: str

    llm = failing('{"animal": "dog", "sound": "bark"}')
    dog = Sound(animal="dog", sound="bark")
    engine = SummaryIndex.from_documents([Document(text=TEXTS[1])]).as_query_engine(
        llm=llm, output_cls=Sound, response_mode="tree_summarize"
    )
    for response in (engine.query("What do dogs do?"), await engine.aquery("What do dogs do?")):
        assert isinstance(response, PydanticResponse)
        assert response.response == dog
    compact = SummaryIndex.from_documents([Document(text=TEXTS[1])]).as_query_engine(
        llm=llm.as_structured_llm(Sound)
    )
    assert Sound.model_validate_json(str(compact.query("What do dogs do?"))) == dog
    assert simulator.requests[0].body["response_format"]["type"] == "json_schema"


async def test_structured_answer_filtering(failing):
    answered = {"query_satisfied": True, "answer": "They bark."}
    llm = failing(Reply(tool_calls=(ToolCall("StructuredRefineResponse", answered),)))
    for streaming in (False, True):
        engine = index().as_query_engine(
            llm=llm,
            response_synthesizer=get_response_synthesizer(
                llm=llm, structured_answer_filtering=True, streaming=streaming
            ),
        )
        assert str(engine.query("What do dogs do?")) == "They bark."
        assert str(await engine.aquery("What do dogs do?")) == "They bark."


CHAT_ENGINES = {
    "simple": lambda llm: SimpleChatEngine.from_defaults(llm=llm, memory=memory()),
    "context": lambda llm: ContextChatEngine.from_defaults(
        index().as_retriever(), llm=llm, memory=memory()
    ),
    "condense_plus_context": lambda llm: CondensePlusContextChatEngine.from_defaults(
        index().as_retriever(), llm=llm, memory=memory()
    ),
    "condense_question": lambda llm: CondenseQuestionChatEngine.from_defaults(
        index().as_query_engine(llm=llm), llm=llm, memory=memory()
    ),
}


@pytest.mark.parametrize("kind", CHAT_ENGINES)
async def test_chat_engines(failing, simulator, kind):
    engine = CHAT_ENGINES[kind](failing("They bark at night."))
    assert str(engine.chat("What do dogs do?")) == "They bark at night."
    assert str(engine.chat("And at night?")) == "They bark at night."
    assert str(await engine.achat("And by day?")) == "They bark at night."
    assert simulator.calls(SECOND) >= 2
    history = [message.content for message in engine.chat_history]
    assert history[::2] == ["What do dogs do?", "And at night?", "And by day?"]


@pytest.mark.parametrize("kind", ["simple", "context", "condense_plus_context"])
async def test_streaming_chat_engines(failing, kind):
    engine = CHAT_ENGINES[kind](failing("They bark at night."))
    for _ in range(2):
        streamed = engine.stream_chat("What do dogs do?")
        assert "".join(streamed.response_gen) == "They bark at night."
        astreamed = await engine.astream_chat("What do dogs do?")
        pieces = [piece async for piece in astreamed.async_response_gen()]
        assert "".join(pieces) == "They bark at night."


@pytest.mark.parametrize(
    ("selector", "step", "chosen"),
    [
        (LLMSingleSelector, SELECTION, [1]),
        (LLMMultiSelector, SELECTION, [1]),
        (
            PydanticSingleSelector,
            Reply(tool_calls=(ToolCall("SingleSelection", {"index": 2, "reason": "dogs"}),)),
            [1],
        ),
        (
            PydanticMultiSelector,
            Reply(
                tool_calls=(
                    ToolCall(
                        "MultiSelection",
                        {
                            "selections": [
                                {"index": 1, "reason": "cats"},
                                {"index": 2, "reason": "dogs"},
                            ]
                        },
                    ),
                )
            ),
            [0, 1],
        ),
    ],
)
@pytest.mark.parametrize("good_for", [0, 1])
async def test_selectors(failing, selector, step, chosen, good_for):
    made = selector.from_defaults(llm=failing(step, good_for=good_for))
    assert made.select(CHOICES, "What do dogs do?").inds == chosen
    assert (await made.aselect(CHOICES, "What do dogs do?")).inds == chosen


async def test_router_query_engine(failing, simulator):
    simulator.script("selector", Reply(SELECTION))
    selector = RoutedLLM(models=[simulator.target("acme", "selector")])
    llm = failing("They bark.")
    tools = [
        QueryEngineTool(
            query_engine=SummaryIndex.from_documents([Document(text=text)]).as_query_engine(
                llm=llm
            ),
            metadata=choice,
        )
        for text, choice in zip(TEXTS, CHOICES, strict=False)
    ]
    engine = RouterQueryEngine(
        LLMSingleSelector.from_defaults(llm=selector), query_engine_tools=tools, llm=llm
    )
    assert str(engine.query("What do dogs do?")) == "They bark."
    assert str(await engine.aquery("What do dogs do?")) == "They bark."
    assert "Dogs bark." in str(simulator.requests[-1].body)
