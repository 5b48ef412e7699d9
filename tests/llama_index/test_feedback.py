"""LlamaIndex's evaluators tell the router what they think."""

from __future__ import annotations

import pytest
from llama_index.core import Document, SummaryIndex
from llama_index.core.evaluation import BaseEvaluator, EvaluationResult
from llama_index.core.llms import ChatMessage

from llmrouter_integrations import Router
from llmrouter_integrations.llama_index import FeedingEvaluator, RoutedLLM
from llmrouter_integrations.testing import Reply


class Fixed(BaseEvaluator):
    """Gives what it was told to."""

    def __init__(self, **result):
        self.result = EvaluationResult(**result)
        self.seen = []

    def _get_prompts(self):
        return {}

    def _update_prompts(self, prompts_dict):
        pass

    async def aevaluate(self, query=None, response=None, contexts=None, **kwargs):
        self.seen.append((query, response, contexts, kwargs))
        return self.result


@pytest.fixture
def router(simulator):
    simulator.script("m", Reply("Cats purr."), Reply("Dogs bark."))
    with Router(simulator.target("openai", "m", name="a", quality=0.8)) as router:
        yield router


@pytest.fixture
def feed(router):
    made = []

    def make(inner, **settings):
        made.append(FeedingEvaluator(inner, router, **settings))
        return made[-1]

    yield make
    for evaluator in made:
        evaluator.close()


def excess(router):
    tallies = [*router.evidence()["targets"].get("a", {}).values()]
    return [(tally["scores"], tally["excess"] > 0) for tally in tallies]


@pytest.mark.parametrize("streaming", [False, True])
def test_a_query_engines_answer_is_known_again(router, feed, streaming):
    evaluator = feed(Fixed(score=5.0), scale=(1, 5))
    index = SummaryIndex.from_documents([Document(text="Cats purr.")])
    engine = index.as_query_engine(llm=RoutedLLM(router=router), streaming=streaming)
    response = engine.query("What do cats do?")
    if streaming:
        response = response.get_response()
    assert evaluator.evaluate_response("What do cats do?", response).score == 5.0
    assert excess(router) == [(1, True)]


async def test_a_models_answer_can_be_given(router, feed):
    inner = Fixed(passing=False)
    evaluator = feed(inner)
    answer = RoutedLLM(router=router).chat([ChatMessage("Hello")])
    await evaluator.aevaluate_response("Hello", answer)
    assert inner.seen == [("Hello", "Cats purr.", None, {})]
    assert excess(router) == [(1, False)]


def test_the_decision_can_be_named(router, feed):
    answer = router.complete("Hello")
    feed(Fixed(score=1.0)).evaluate("Hello", "edited", decision_id=answer.decision.id, other=1)
    assert excess(router) == [(1, True)]


@pytest.mark.parametrize("result", [{"score": None}, {"score": 1.0, "invalid_result": True}])
def test_no_verdict_is_no_feedback(router, feed, result):
    answer = RoutedLLM(router=router).complete("Hello")
    feed(Fixed(**result)).evaluate_response("Hello", answer)
    assert excess(router) == []


def test_who_is_closed_hears_no_more(router, feed, caplog):
    evaluator = feed(Fixed(score=1.0))
    evaluator.close()
    evaluator.close()
    answer = RoutedLLM(router=router).complete("Hello")
    evaluator.evaluate("Hello", answer.text)
    assert excess(router) == []
    assert "reached no router" in caplog.text
