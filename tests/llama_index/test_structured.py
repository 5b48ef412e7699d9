from __future__ import annotations

import json
from typing import Literal

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, Field

from llmrouter_integrations.llama_index import RoutedLLM
from llmrouter_integrations.messages import RefusalPart, TextPart
from llmrouter_integrations.testing import Fault, Reply, ToolCall
from tests.scripted import answer


class Line(BaseModel):
    """A line of an invoice."""

    item: str
    count: int = Field(ge=1)


class Invoice(BaseModel):
    """An invoice."""

    seller: str
    kind: Literal["goods", "services"]
    lines: list[Line] = []


PROMPT = PromptTemplate("Read the invoice: {text}")
SAID = '{"seller": "Fjord AS", "kind": "goods", "lines": [{"item": "boat", "count": 2}]}'
INVOICE = Invoice(seller="Fjord AS", kind="goods", lines=[Line(item="boat", count=2)])
ARGS = {"text": "2 boats, Fjord AS"}


async def every_way(llm, **arguments):
    """The object by all four methods, and how it grew by the two that stream."""
    grown = list(llm.stream_structured_predict(Invoice, PROMPT, **arguments, **ARGS))
    stream = await llm.astream_structured_predict(Invoice, PROMPT, **arguments, **ARGS)
    agrown = [one async for one in stream]
    whole = llm.structured_predict(Invoice, PROMPT, **arguments, **ARGS)
    awhole = await llm.astructured_predict(Invoice, PROMPT, **arguments, **ARGS)
    return [whole, awhole, grown[-1], agrown[-1]], [grown, agrown]


async def test_the_target_is_asked_to_hold_to_the_schema(scripted):
    router = scripted(answer(TextPart(SAID)))
    llm = RoutedLLM(router=router, system_prompt="You read invoices.")
    objects, streams = await every_way(llm, llm_kwargs={"temperature": 0, "tool_choice": "x"})
    assert objects == [INVOICE] * 4
    for request, _ in router.calls:
        assert (request.output.kind, request.output.name) == ("json_schema", "Invoice")
        assert request.output.schema == Invoice.model_json_schema()
        assert request.output.description == "An invoice."
        assert (request.tools, request.temperature) == ((), 0)
        assert [(m.role, m.text) for m in request.messages] == [
            ("system", "You read invoices."),
            ("user", "Read the invoice: 2 boats, Fjord AS"),
        ]
    for grown in streams:
        assert len(grown) > 3
        assert all(set(type(one).model_fields) == set(Invoice.model_fields) for one in grown)
        sellers = [one.seller or "" for one in grown]
        assert all("Fjord AS".startswith(seller) for seller in sellers)
        assert not isinstance(grown[0], Invoice)  # half of it


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-6.1-terra"),
        ("anthropic", "claude-haiku-4-5"),
        ("google", "gemini-3.7-flash"),
        ("mistral", "mistral-large-latest"),
        ("bedrock", "anthropic.claude-haiku-4-5-20251001-v1:0"),
    ],
)
async def test_each_vendor_in_its_own_way(simulator, provider, model):
    fields = {"options": {"region": "us-east-1"}} if provider == "bedrock" else {}
    simulator.script(model, Reply(SAID))
    llm = RoutedLLM(models=[simulator.target(provider, model, **fields)])
    objects, _ = await every_way(llm)
    assert objects == [INVOICE] * 4


async def test_a_failing_provider_is_not_noticed(simulator):
    simulator.script("gpt-6.1-terra", Fault.overloaded())
    simulator.script("claude-haiku-4-5", Reply(SAID))
    llm = RoutedLLM(
        models=[
            simulator.target("openai", "gpt-6.1-terra"),
            simulator.target("anthropic", "claude-haiku-4-5"),
        ],
        policy="ordered",
    )
    objects, _ = await every_way(llm)
    assert objects == [INVOICE] * 4


@pytest.mark.parametrize("text", [SAID, f"```json\n{SAID}\n```", f"```\n{SAID}\n```\n"])
def test_fences_are_taken_off(scripted, text):
    llm = RoutedLLM(router=scripted(answer(TextPart(text))))
    assert llm.structured_predict(Invoice, PROMPT, **ARGS) == INVOICE
    assert list(llm.stream_structured_predict(Invoice, PROMPT, **ARGS))[-1] == INVOICE


@pytest.mark.parametrize(
    "text",
    [
        f"Here you are:\n```json\n{SAID}\n```\nHope it helps.",
        f"Sure! {SAID} Hope it helps.",
        f"```\n{SAID}```",
    ],
)
async def test_an_object_amid_prose_is_read(scripted, text):
    """As LlamaIndex reads it from models that have no setting for it."""
    objects, _ = await every_way(RoutedLLM(router=scripted(answer(TextPart(text)))))
    assert objects == [INVOICE] * 4


def test_an_object_grows_behind_a_preface(scripted):
    router = scripted(answer(TextPart(f"Here you are:\n{SAID}")))
    grown = list(RoutedLLM(router=router).stream_structured_predict(Invoice, PROMPT, **ARGS))
    assert len(grown) > 3


def test_what_is_wrong_with_an_object_amid_prose_is_told(scripted):
    llm = RoutedLLM(router=scripted(answer(TextPart('Sure! {"seller": "Fjord AS"}'))))
    with pytest.raises(ValueError, match="kind\n  Field required"):
        llm.structured_predict(Invoice, PROMPT, **ARGS)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (answer(TextPart('{"seller": 1}')), r"(?s)not what was asked for.*seller"),
        (answer(TextPart("Sorry!")), "not what was asked for"),
        (answer(RefusalPart("I may not.")), r"refused \(I may not.\)"),
        (answer(TextPart('{"seller": "Fj'), finish_reason="length"), "limit of tokens"),
    ],
)
async def test_an_answer_that_is_no_object(scripted, given, said):
    llm = RoutedLLM(router=scripted(given))
    with pytest.raises(ValueError, match=said):
        llm.structured_predict(Invoice, PROMPT, **ARGS)
    with pytest.raises(ValueError, match=said):
        await llm.astructured_predict(Invoice, PROMPT, **ARGS)
    with pytest.raises(ValueError, match=said):
        list(llm.stream_structured_predict(Invoice, PROMPT, **ARGS))
    stream = await llm.astream_structured_predict(Invoice, PROMPT, **ARGS)
    with pytest.raises(ValueError, match=said):
        [one async for one in stream]


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated")  # LlamaIndex's own
async def test_as_structured_llm(scripted):
    llm = RoutedLLM(router=scripted(answer(TextPart(SAID)))).as_structured_llm(Invoice)
    hi = [ChatMessage("2 boats, Fjord AS")]
    for said in (
        llm.chat(hi),
        await llm.achat(hi),
        list(llm.stream_chat(hi))[-1],
        [one async for one in await llm.astream_chat(hi)][-1],
        llm.complete("2 boats"),
        await llm.acomplete("2 boats"),
    ):
        assert said.raw == INVOICE
    assert json.loads(llm.chat(hi).message.content) == INVOICE.model_dump()
    assert llm.metadata == llm.llm.metadata


@pytest.mark.parametrize(
    ("mode", "reply"),
    [
        (
            PydanticProgramMode.FUNCTION,
            Reply(tool_calls=(ToolCall("Invoice", INVOICE.model_dump()),)),
        ),
        (PydanticProgramMode.LLM, Reply(SAID)),
    ],
)
async def test_llama_indexs_own_programs_on_demand(simulator, mode, reply):
    simulator.script("gpt-6.1-terra", reply)
    llm = RoutedLLM(
        models=[simulator.target("openai", "gpt-6.1-terra")], pydantic_program_mode=mode
    )
    if mode is PydanticProgramMode.FUNCTION:
        objects, _ = await every_way(llm)
    else:  # which LlamaIndex cannot stream
        objects = [
            llm.structured_predict(Invoice, PROMPT, **ARGS),
            await llm.astructured_predict(Invoice, PROMPT, **ARGS),
        ]
    assert set(map(repr, objects)) == {repr(INVOICE)}
    body = simulator.requests[0].body
    assert "response_format" not in body
    assert ("tools" in body) == (mode is PydanticProgramMode.FUNCTION)


def test_the_prompts_hints_reach_llama_indexs_own_programs(scripted):
    router = scripted(answer(TextPart(SAID)))
    llm = RoutedLLM(router=router, pydantic_program_mode=PydanticProgramMode.LLM)
    prompt = PromptTemplate("Read: {text}", metadata={"llmrouter": {"task": "extraction"}})
    llm.structured_predict(Invoice, prompt, {"hints": {"prefer": "cost"}}, **ARGS)
    assert (router.hints.task, router.hints.prefer) == ("extraction", "cost")
