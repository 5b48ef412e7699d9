"""LLMs of other packages as targets among others: one answers when another fails, once."""

from __future__ import annotations

import asyncio
import pickle
import traceback

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from llmrouter_integrations import Request, Router, errors
from llmrouter_integrations.accumulate import ResponseBuilder
from llmrouter_integrations.dispatch.backend import Call
from llmrouter_integrations.llama_index import RoutedLLM, as_target
from llmrouter_integrations.llama_index.silence import undecorated
from llmrouter_integrations.llama_index.to_messages import is_readable, to_messages
from llmrouter_integrations.messages import (
    ImagePart,
    Message,
    NativeTool,
    OutputFormat,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from llmrouter_integrations.testing import Fault, Reply, ToolCall
from llmrouter_integrations.transport import Limits
from llmrouter_integrations.wire.history import Reader
from tests.llama_index_llms import Answering, OpenAI, Plain

pytestmark = [  # LlamaIndex's own: its workflows look at every attribute of an agent
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step"),
]

WRAPPED, WIRE = "gpt-4.1", "claude-haiku-4-5"
HI = [ChatMessage("hi")]
SAID = Message("user", (TextPart("hi"),))
WEATHER = Tool("weather", "Tell the weather.", {"type": "object", "properties": {"in": {}}})
FORM = OutputFormat("json_schema", {"type": "object", "properties": {}}, "Answer")


@pytest.fixture(params=["wrapped first", "wire first", "both wrapped"])
def pair(request, simulator, llm_at):
    """Two targets, and the names of their models in order."""
    wrapped = {"model": llm_at(), "name": "wrapped"}
    wire = simulator.target("anthropic", WIRE, name="wire")
    if request.param == "wrapped first":
        return [wrapped, wire], (WRAPPED, WIRE)
    if request.param == "wire first":
        return [wire, wrapped], (WIRE, WRAPPED)
    other = {"model": llm_at("gpt-4.1-mini", api_key="another-key"), "name": "other"}
    return [wrapped, other], (WRAPPED, "gpt-4.1-mini")


def routed(targets, **arguments):
    return RoutedLLM(models=targets, policy="ordered", **arguments)


async def astreamed(llm):
    return [answer async for answer in await llm.astream_chat(HI)]


WAYS = {
    "chat": lambda llm: llm.chat(HI).message.content,
    "stream_chat": lambda llm: "".join(a.delta for a in llm.stream_chat(HI)),
    "achat": lambda llm: asyncio.run(llm.achat(HI)).message.content,
    "astream_chat": lambda llm: "".join(a.delta for a in asyncio.run(astreamed(llm))),
    "complete": lambda llm: llm.complete("hi").text,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "fault",
    [Fault.overloaded(), Fault.rate_limited(20), Fault.bad_key(), Fault.refuse()],
    ids=lambda fault: fault.name,
)
def test_another_answers(simulator, pair, way, fault):
    targets, (first, second) = pair
    simulator.script(first, fault)
    simulator.script(second, Reply("It was the second."))
    assert WAYS[way](routed(targets, max_retries=0)) == "It was the second."
    assert (simulator.calls(first), simulator.calls(second)) == (1, 1)


@pytest.mark.parametrize("way", ["stream_chat", "astream_chat"])
def test_a_stream_that_breaks(simulator, pair, way):
    targets, (first, second) = pair
    simulator.script(first, Fault.unfinished(0))
    assert WAYS[way](routed(targets)) == "You said: hi"
    simulator.script(first, Fault.unfinished(3))
    simulator.script(second, Reply("never"))
    with pytest.raises(errors.StreamInterrupted):
        WAYS[way](routed(targets))


@pytest.mark.parametrize("way", WAYS)
def test_the_llms_own_retries_do_not_multiply(simulator, llm_at, way):
    simulator.script(WRAPPED, Fault.status(500))
    with pytest.raises(errors.AllTargetsFailed):
        WAYS[way](routed([llm_at(max_retries=5)], max_retries=1))
    assert simulator.calls(WRAPPED) == 2


def test_a_client_it_already_has_is_replaced_in_the_copy(simulator, llm_at):
    llm = llm_at(max_retries=5)
    llm.chat(HI)
    simulator.script(WRAPPED, Fault.status(500))
    with pytest.raises(errors.AllTargetsFailed):
        routed([llm], max_retries=0).chat(HI)
    assert simulator.calls(WRAPPED) == 2
    assert llm._client.max_retries == 5


@pytest.mark.parametrize("way", WAYS)
def test_an_llm_that_hangs_is_left(simulator, llm_at, way):
    simulator.script(WRAPPED, Fault.stall(5))
    simulator.script("gpt-4.1-mini", Reply("in time"))
    assert WAYS[way](routed([llm_at(), llm_at("gpt-4.1-mini")], timeout=0.6)) == "in time"


# -- heard once ------------------------------------------------------------------------------------


def test_events_and_tokens_come_once(llm_at, events):
    counter = TokenCountingHandler()
    manager = CallbackManager([counter])
    llm = routed([llm_at(callback_manager=manager)], callback_manager=manager)
    llm.chat(HI)
    answers = list(llm.stream_chat(HI))
    assert len(counter.llm_token_counts) == 2
    progress = ["LLMChatInProgressEvent"] * len(answers)
    one = ["LLMChatStartEvent", "LLMChatEndEvent"]
    assert events == [*one, one[0], *progress, one[1]]


async def test_events_come_once_async(llm_at, events):
    llm = routed([llm_at()])
    await llm.achat(HI)
    assert events == ["LLMChatStartEvent", "LLMChatEndEvent"]
    answers = await astreamed(llm)
    assert len(events) == 2 + 2 + len(answers)


def test_an_llm_that_completes_prompts_is_heard_once(events):
    routed([Plain()]).chat(HI)
    assert events == ["LLMChatStartEvent", "LLMChatEndEvent"]


def test_a_method_decorated_otherwise_is_called_as_it_is():
    class Odd(Answering):
        def chat(self, messages, **kwargs):
            return "as it is"

    assert undecorated(Odd(), "chat")(HI) == "as it is"


# -- tools, agents, structured output ----------------------------------------------------------------


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


TOOL = FunctionTool.from_defaults(multiply)


def solve(request):
    match request.tool_results:
        case ():
            return Reply(tool_calls=(ToolCall("multiply", {"a": 6, "b": 7}),))
        case (product,):
            return Reply(f"The answer is {product}.")


@pytest.mark.parametrize("streaming", [True, False])
async def test_an_agent_goes_on_when_its_provider_fails(simulator, pair, streaming):
    targets, (first, second) = pair
    simulator.script(first, solve, Fault.overloaded())
    simulator.script(second, solve)
    agent = FunctionAgent(tools=[TOOL], llm=routed(targets), streaming=streaming)
    answer = await agent.run("What is 6 times 7?")
    assert str(answer) == "The answer is 42."
    assert simulator.calls(second) == 1


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str


def test_structured_output_from_whoever_answers(simulator, pair):
    targets, (first, second) = pair
    simulator.script(first, Fault.overloaded())
    joke = routed(targets).structured_predict(Joke, PromptTemplate("Tell a joke."))
    assert isinstance(joke, Joke)
    assert simulator.calls(second) == 1


# -- what it is asked --------------------------------------------------------------------------------


def call(**fields):
    return Call(Request(fields.pop("messages", (SAID,)), **fields), Limits(5.0, 5.0, 5.0))


def ask(llm, **fields):
    made = call(**fields)
    as_target(llm).backend.complete(made)
    asked, messages, kwargs = llm.asked[-1]
    return asked, messages, kwargs, [a.parameter for a in made.adjustments]


def test_llama_indexs_own_messages_pass_untouched():
    llm = Answering()
    given = [ChatMessage("Be kind.", role="system"), ChatMessage("hi", additional_kwargs={"x": 1})]
    routed([llm]).chat(given)
    _, messages, _ = llm.asked[-1]
    assert all(a is b for a, b in zip(messages, given, strict=True))


def test_settings_go_where_they_belong(simulator, llm_at):
    llm = llm_at(temperature=0.9)
    router = Router(models=[as_target(llm)])
    router.complete("hi", temperature=0.2, max_tokens=7, top_p=0.5, seed=3, stop=["END"])
    body = simulator.requests[-1].body
    said = {k: body[k] for k in ("temperature", "max_tokens", "top_p", "seed", "stop")}
    assert said == {"temperature": 0.2, "max_tokens": 7, "top_p": 0.5, "seed": 3, "stop": ["END"]}
    assert llm.temperature == 0.9
    _, _, kwargs, adjusted = ask(Answering(), temperature=0.1)
    assert (kwargs, adjusted) == ({}, ["temperature"])


def test_google_takes_settings_by_call_only():
    class GoogleGenAI(Answering):
        temperature: float = 0.5

    asked, _, kwargs, _ = ask(GoogleGenAI(), temperature=0.1, max_tokens=9, stop=("END",))
    assert asked.temperature == 0.5
    assert kwargs == {
        "generation_config": {
            "temperature": 0.1,
            "max_output_tokens": 9,
            "stop_sequences": ["END"],
        }
    }


@pytest.mark.parametrize(
    ("choice", "names", "required"),
    [
        (None, ["weather", "time"], False),
        ("required", ["weather", "time"], True),
        ("time", ["time"], True),
    ],
)
def test_tools_are_bound_by_the_llm_itself(choice, names, required):
    tools = (WEATHER, Tool("time"))
    _, _, kwargs, _ = ask(Answering(), tools=tools, tool_choice=choice, parallel_tool_calls=False)
    assert [name for name, _ in kwargs["tools"]] == names
    assert (kwargs["required"], kwargs["parallel"]) == (required, False)
    if choice is None:
        assert kwargs["tools"][0][1] == {"type": "object", "properties": {"in": {}}}


def test_no_tool_is_to_be_called():
    _, _, kwargs, adjusted = ask(Answering(), tools=(WEATHER,), tool_choice="none")
    assert (kwargs, adjusted) == ({}, ["tool_choice"])


def test_a_vendors_own_tool_goes_to_that_vendor_only():
    own, other = NativeTool("answering", {"type": "s"}), NativeTool("anthropic", {"type": "w"})
    _, _, kwargs, adjusted = ask(Answering(), tools=(WEATHER, own, other))
    assert kwargs["tools"][1:] == [{"type": "s"}]
    assert adjusted == ["tools"]


def test_an_llm_without_tools_is_not_asked_for_calls(simulator):
    target = as_target(Plain())
    (found,) = Router(models=[target]).targets
    assert "tools" in found.lacks
    with pytest.raises(errors.UnsupportedParameterError):
        target.backend.complete(call(tools=(WEATHER,)))


def test_a_form_by_its_own_setting_a_tool_or_words(simulator, llm_at):
    class Formal(OpenAI):
        def _should_use_structure_outputs(self):
            return True

    formal = Formal(api_base=simulator.url("openai"), http_client=llm_at().http_client)
    as_target(formal).backend.complete(call(output=FORM))
    assert simulator.requests[-1].body["response_format"]["json_schema"]["name"] == "Answer"
    called = ChatMessage(
        role=MessageRole.ASSISTANT,
        blocks=[ToolCallBlock(tool_call_id="c1", tool_name="Answer", tool_kwargs={"a": 1})],
    )
    llm = Answering(answers=[ChatResponse(message=called, raw={})])
    answer = as_target(llm).backend.complete(call(output=FORM))
    assert (answer.text, answer.tool_calls) == ('{"a":1}', ())
    assert folded(llm, output=FORM).text == '{"a":1}'
    _, messages, kwargs, adjusted = ask(Answering(), output=FORM, tools=(WEATHER,))
    assert "JSON" in messages[0].content
    assert (len(kwargs["tools"]), adjusted) == (1, ["response_format"])


HISTORY = (
    Message("system", (TextPart("Be kind."),)),
    Message("user", (TextPart("look"), ImagePart(data="aGk=", media_type="image/png"))),
    Message(
        "assistant",
        (
            ReasoningPart("hm", "answering", "sig"),
            TextPart("wait"),
            ToolCallPart("c1", "weather", '{"in": "Rome"}'),
        ),
    ),
    Message("tool", (ToolResultPart("c1", (TextPart("sunny"),), "weather"),)),
)


def test_another_frameworks_conversation_is_written_in_llama_indexs_words():
    messages, _ = to_messages(HISTORY, Reader("answering"))
    system, user, step, result = messages
    assert (system.role, system.content) == (MessageRole.SYSTEM, "Be kind.")
    assert [type(block).__name__ for block in user.blocks] == ["TextBlock", "ImageBlock"]
    thought, text, called = step.blocks
    assert (thought.content, thought.additional_information["signature"]) == ("hm", "sig")
    assert (text.text, called.tool_kwargs) == ("wait", {"in": "Rome"})
    assert step.additional_kwargs == {}
    assert (result.role, result.content) == (MessageRole.TOOL, "sunny")
    assert result.additional_kwargs == {"tool_call_id": "c1", "name": "weather"}
    others, _ = to_messages(HISTORY, Reader("openai"))
    assert not [b for m in others for b in m.blocks if isinstance(b, ThinkingBlock)]


def test_what_somebody_else_thought_is_not_passed_as_it_is():
    thought = ThinkingBlock(content="hm", additional_information={"issuer": "anthropic"})
    message = ChatMessage(role="assistant", blocks=[thought, TextBlock(text="ok")])
    assert is_readable([message], Reader("anthropic"))
    assert not is_readable([message], Reader("openai"))


# -- what it answers ---------------------------------------------------------------------------------


def folded(llm, **fields):
    builder = ResponseBuilder()
    for chunk in as_target(llm).backend.stream(call(**fields)):
        builder.add(chunk)
    return builder.response()


def answered(content="", *, blocks=None, delta=None, raw=None, **beside):
    message = ChatMessage(role="assistant", blocks=blocks or [TextBlock(text=content)])
    return ChatResponse(message=message, delta=delta, raw=raw, additional_kwargs=beside)


REASONS = [
    ({"choices": [{"finish_reason": "length"}]}, "length"),
    ({"candidates": [{"finish_reason": "MAX_TOKENS"}]}, "length"),
    ({"stop_reason": "refusal"}, "refusal"),
    ({"delta": {"stop_reason": "end_turn"}}, "stop"),
    ({"done_reason": "stop"}, "stop"),
    (
        {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
        "content_filter",
    ),
    ({}, "stop"),
    (None, "stop"),
]


@pytest.mark.parametrize(("raw", "reason"), REASONS)
def test_why_it_ended(raw, reason):
    llm = Answering(answers=[answered("ok", raw=raw)])
    assert as_target(llm).backend.complete(call()).finish_reason == reason


USAGES = [
    (
        {
            "prompt_tokens": 9,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
        (9, 5, 4, 0, 2),
    ),
    (
        {
            "input_tokens": 9,
            "output_tokens": 5,
            "cache_read_input_tokens": 4,
            "cache_creation_input_tokens": 3,
        },
        (16, 5, 4, 3, 0),
    ),
    (
        {"prompt_token_count": 9, "candidates_token_count": 5, "thoughts_token_count": 2},
        (9, 7, 0, 0, 2),
    ),
]


@pytest.mark.parametrize(("usage", "counts"), USAGES)
def test_usage_in_each_vendors_names(usage, counts):
    llm = Answering(answers=[answered("ok", raw={"usage": usage})])
    said = as_target(llm).backend.complete(call()).usage
    assert counts == (
        said.input_tokens,
        said.output_tokens,
        said.cache_read_tokens,
        said.cache_write_tokens,
        said.reasoning_tokens,
    )


def test_a_stream_with_reasoning_signatures_and_calls():
    thought = ThinkingBlock(content="hm", additional_information={"signature": "sig"})
    begun = ToolCallBlock(tool_call_id="c1", tool_name="weather", tool_kwargs="")
    whole = ToolCallBlock(tool_call_id="c1", tool_name="weather", tool_kwargs={"in": "Rome"})
    answers = [
        answered("", thinking_delta="h", delta=""),
        answered("", thinking_delta="m", delta=""),
        answered("I see.", delta="I see."),
        answered(blocks=[TextBlock(text="I see."), begun], delta=""),
        answered(
            blocks=[thought, TextBlock(text="I see."), whole],
            delta="",
            raw={"stop_reason": "tool_use", "usage": {"input_tokens": 3, "output_tokens": 2}},
        ),
    ]
    answer = folded(Answering(answers=answers))
    reasoning, text, called = answer.message.parts
    assert (reasoning.text, reasoning.signature) == ("hm", "sig")
    assert text.text == "I see."
    assert (called.id, called.name, called.arguments) == ("c1", "weather", '{"in":"Rome"}')
    assert (answer.finish_reason, answer.usage.input_tokens) == ("tool_calls", 3)


def test_a_stream_that_says_only_what_there_is_so_far():
    answers = [answered("I "), answered("I see."), answered("I see.")]
    assert folded(Answering(answers=answers)).text == "I see."


async def test_an_llm_that_completes_prompts():
    llm = Plain(answers=["I ", "see."])
    backend = as_target(llm).backend
    assert backend.complete(call()).text == "I "
    assert (await backend.acomplete(call())).text == "I "
    assert folded(llm).text == "I see."
    chunks = [chunk async for chunk in backend.astream(call())]
    assert "".join(chunk.text for chunk in chunks) == "I see."
    assert "hi" in llm.asked[0][0]


async def test_a_silent_stream_is_cut_off():
    class Silent(Answering):
        async def astream_chat(self, messages, **kwargs):
            async def gen():
                yield answered("a", delta="a")
                await asyncio.sleep(5)

            return gen()

    backend = as_target(Silent()).backend
    with pytest.raises(errors.TargetTimeoutError) as caught:
        async for _ in backend.astream(Call(Request((SAID,)), Limits(5.0, 5.0, 0.1))):
            pass
    assert caught.value.phase == "idle"


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (RuntimeError("odd"), errors.ServerError),
        (TypeError("f() got an unexpected keyword argument 'x'"), TypeError),
    ],
)
async def test_an_unknown_fault_is_the_targets_a_misuse_is_seen(raised, kind):
    backend = as_target(Answering(answers=[raised])).backend
    with pytest.raises(kind):
        backend.complete(call())
    with pytest.raises(kind):
        await backend.acomplete(call())


def test_a_key_that_a_provider_repeats_is_not_in_the_traceback(simulator, llm_at):
    simulator.script(WRAPPED, Fault.status(401, message="Incorrect API key: sk-VERY-SECRET-KEY"))
    llm = RoutedLLM(models=[llm_at(api_key="sk-VERY-SECRET-KEY")], max_retries=0)
    with pytest.raises(errors.AllTargetsFailed) as caught:
        llm.chat(HI)
    assert "VERY-SECRET" not in "".join(traceback.format_exception(caught.value))


# -- what it is called, written down -------------------------------------------------------------------


def named(name, model):
    return type(name, (Answering,), {"__module__": __name__})(model=model)


@pytest.mark.parametrize(
    ("llm", "name"),
    [
        (OpenAI(), "openai/gpt-4.1"),
        (OpenAI(model="x/y", api_base="https://openrouter.ai/api/v1"), "openrouter/x/y"),
        (named("Anthropic", "claude-x"), "anthropic/claude-x"),
        (named("GoogleGenAI", "gemini-x"), "google/gemini-x"),
        (named("AzureOpenAI", "gpt-x"), "azure/gpt-x"),
        (named("MistralAI", "m"), "mistral/m"),
        (named("Ollama", "llama3.2"), "ollama/llama3.2"),
        (named("BedrockConverse", "b"), "bedrock/b"),
        (Answering(), "answering/answering-1"),
        (Plain(), "plain/plain-1"),
    ],
)
def test_what_an_llm_is_called(llm, name):
    assert as_target(llm).name == name


@pytest.mark.parametrize(
    "give",
    [
        lambda m: {"models": [m]},
        lambda m: {"models": m},
        lambda m: {"models": [{"model": m, "name": "mine"}]},
        lambda m: {"config": {"models": [m]}},
        lambda m: {"router": Router(models=[as_target(m)])},
    ],
)
def test_every_way_to_give_one(give):
    llm = Answering()
    assert RoutedLLM(**give(llm)).chat(HI).message.content == "ok"
    assert len(llm.asked) == 1


def test_what_is_no_llm():
    with pytest.raises(errors.ConfigurationError, match="no LLM"):
        as_target(object())
    with pytest.raises(errors.ConfigurationError, match="is no target"):
        RoutedLLM(models=[object()])


def test_no_key_is_written_and_nothing_is_lost_silently():
    llm = routed([OpenAI(api_key="a-secret-key")])
    assert "a-secret-key" not in str(llm.to_dict()) + repr(llm) + llm.to_json()
    assert llm.to_dict()["models"][0]["model"] == "LlamaIndexBackend(openai/gpt-4.1)"
    with pytest.raises(pickle.PicklingError, match="make the LLM anew"):
        pickle.dumps(llm)
    view = llm.with_hints(task="code")
    assert view.router is llm.router


# -- two frameworks, one router ------------------------------------------------------------------------


def test_what_langchain_found_dead_is_not_tried_by_llama_index(simulator, llm_at):
    langchain = pytest.importorskip("llmrouter_integrations.langchain")
    simulator.script(WRAPPED, Fault.overloaded(30))
    router = Router(
        models=[
            as_target(llm_at(), name="dead"),
            simulator.target("anthropic", WIRE, name="alive"),
        ],
        policy="ordered",
    )
    chat_model, llm = langchain.RoutedChatModel(router=router), RoutedLLM(router=router)
    told = chat_model.invoke("hi").response_metadata["llmrouter"]
    assert [a["target"] for a in told["attempts"]] == ["dead", "alive"]
    told = llm.chat(HI).raw["llmrouter"]
    assert [a["target"] for a in told["attempts"]] == ["alive"]
    assert simulator.calls(WRAPPED) == 1


def test_each_framework_asks_the_others_models(simulator, llm_at):
    langchain = pytest.importorskip("llmrouter_integrations.langchain")
    langchain_openai = pytest.importorskip("langchain_openai")
    theirs = langchain_openai.ChatOpenAI(
        model="gpt-4.1-mini",
        base_url=simulator.url("openai"),
        api_key="another-key",
        http_client=llm_at().http_client,
        http_async_client=llm_at().http_async_client,
    )
    simulator.script(WRAPPED, solve)
    simulator.script("gpt-4.1-mini", solve)
    router = Router(
        models=[as_target(llm_at(), name="llama"), langchain.as_target(theirs, name="lang")],
        policy="ordered",
    )
    bound = langchain.RoutedChatModel(router=router).bind_tools([multiply])
    (step,) = bound.invoke("What is 6 times 7?", model="llama").tool_calls
    assert step["args"] == {"a": 6, "b": 7}
    asked = "What is 6 times 7?"
    llm = RoutedLLM(router=router)
    first = llm.chat_with_tools([TOOL], user_msg=asked, model="lang")
    (selected,) = llm.get_tool_calls_from_response(first)
    result = ChatMessage(
        "42", role=MessageRole.TOOL, additional_kwargs={"tool_call_id": selected.tool_id}
    )
    history = [ChatMessage(asked), first.message, result]
    for model in ("lang", "llama"):
        answer = llm.chat_with_tools([TOOL], chat_history=history, model=model)
        assert answer.message.content == "The answer is 42."
        assert answer.raw["llmrouter"]["target"] == model
