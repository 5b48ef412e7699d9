"""LangSmith's evaluators tell the router what they think."""

from __future__ import annotations

import inspect

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

from llmrouter_integrations import Router
from llmrouter_integrations.errors import ConfigurationError
from llmrouter_integrations.langchain import RoutedChatModel, feeding
from llmrouter_integrations.testing import Reply


@pytest.fixture
def router(simulator):
    simulator.script("m", Reply("yes"))
    with Router(simulator.target("openai", "m", name="a", quality=0.8)) as router:
        yield router


def scores(router):
    tallies = router.evidence()["targets"].get("a", {}).values()
    return sum(tally["scores"] for tally in tallies)


def traced(router, *, chained):
    """Run a model, alone or in a chain that gives plain text on; gives the run."""
    collector = RunCollectorCallbackHandler()
    model = RoutedChatModel(router=router)
    chain = model | StrOutputParser() if chained else model
    chain.invoke("Hello", config={"callbacks": [collector]})
    return collector.traced_runs[-1]


@pytest.mark.parametrize("chained", [False, True])
@pytest.mark.parametrize("name", ["run", "r"])
def test_runs_are_judged(router, chained, name):
    namespace = {}
    exec(f"def judge({name}, example=None): return {{'key': 'good', 'score': 1}}", namespace)
    judge = feeding(namespace["judge"], router)
    assert judge(traced(router, chained=chained)) == {"key": "good", "score": 1}
    assert scores(router) == 1


def test_outputs_are_judged(router):
    def judge(inputs, outputs, reference_outputs=None):
        return outputs["answer"].text == "yes"

    fed = feeding(judge, router)
    assert list(inspect.signature(fed).parameters) == ["inputs", "outputs", "reference_outputs"]
    assert fed({}, {"answer": RoutedChatModel(router=router).invoke("Hello")}) is True
    assert scores(router) == 1


async def test_an_object_that_is_called_async_is_awaited(router):
    class Judge:
        async def __call__(self, run, example=None):
            return {"score": 0.5}

    judge = feeding(Judge(), router)
    assert inspect.iscoroutinefunction(judge)
    assert await judge(traced(router, chained=False)) == {"score": 0.5}
    assert scores(router) == 1


async def test_async_evaluators_stay_so(router):
    async def judge(run, example):
        return {"score": 0.5}

    fed = feeding(judge, router)
    assert inspect.iscoroutinefunction(fed)
    assert await fed(traced(router, chained=False), None) == {"score": 0.5}
    assert scores(router) == 1


def test_evaluators_of_langsmith_itself(router):
    langsmith = pytest.importorskip("langsmith.evaluation")

    class Always(langsmith.RunEvaluator):
        def evaluate_run(self, run, example=None, evaluator_run_id=None):
            return langsmith.EvaluationResult(key="k", score=1)

    run = traced(router, chained=True)
    assert feeding(Always(), router)(run).score == 1
    assert scores(router) == 1
    # and LangSmith takes what was made of one
    known = langsmith.run_evaluator(feeding(lambda run, example: {"score": 0}, router))
    assert known is not None


def test_no_evaluator(router):
    with pytest.raises(ConfigurationError, match="a int is no evaluator"):
        feeding(3, router)
