from __future__ import annotations

import pytest
from langchain_core.caches import InMemoryCache

from llmrouter_integrations.langchain import RoutedChatModel
from llmrouter_integrations.messages import TextPart
from tests.scripted import answer

BESIDE = {
    "session": "s-1",
    "tenant": "acme",
    "tags": ("nightly",),
    "timeout_s": 9.0,
    "first_token_timeout_s": 3.0,
    "hedge": True,
}


@pytest.fixture
def llm(scripted):
    router = scripted(lambda request, hints: answer(TextPart(f"{len(router.calls)}")))
    return RoutedChatModel(router=router, cache=InMemoryCache())


@pytest.mark.parametrize("hint", BESIDE)
@pytest.mark.parametrize("beside", [{}, {"llmrouter_task": "code"}])
def test_who_asks_and_how_long_they_wait_does_not_keep_answers_apart(llm, hint, beside):
    plain = llm.invoke("hi", {"metadata": beside}).text
    said = {**beside, f"llmrouter_{hint}": BESIDE[hint]}
    assert llm.invoke("hi", {"metadata": said}).text == plain
    assert llm.invoke("other", {"metadata": said}).text != plain
    assert getattr(llm.router.hints, hint) == BESIDE[hint]  # where it is asked, it is told


@pytest.mark.parametrize(
    "kwargs",
    [
        {"hints": {"task": "code"}},
        {"hints": {"models": ["tiny-1"]}},
        {"hints": {"max_cost_usd": 0.1}},
        {"hints": {"data_policy": "no_training"}},
        {"model": "tiny-1"},
        {"temperature": 0.3},
        {"stop": ["x"]},
    ],
)
def test_what_is_asked_for_keeps_answers_apart(llm, kwargs):
    assert llm.invoke("hi", **kwargs).text != llm.invoke("hi").text
    assert llm.invoke("hi", **kwargs).text == "1"


async def test_a_time_limit_is_no_part_of_the_question(llm):
    first = await llm.ainvoke("hi", timeout=5)
    assert first.text == (await llm.ainvoke("hi", timeout=6)).text == (await llm.ainvoke("hi")).text
    assert llm.router.hints.timeout_s == 5
