"""The selector as a LangChain decision model; under langchain-core<1.8, on a stand-in of its base."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from llmrouter_integrations import Router
from llmrouter_integrations.errors import ConfigurationError, InvalidRequestError
from tests.langchain import decisions_stand_in

REAL = importlib.util.find_spec("langchain_core.decisions") is not None
HOME = "llmrouter_integrations.langchain.decision_model"


@pytest.fixture
def decisions(monkeypatch):
    """``langchain_core.decisions``, or what stands for it."""
    if REAL:
        return importlib.import_module("langchain_core.decisions")
    monkeypatch.setitem(sys.modules, "langchain_core.decisions", decisions_stand_in)
    monkeypatch.delitem(sys.modules, HOME, raising=False)
    return decisions_stand_in


@pytest.fixture
def make(decisions):
    routers = []

    def make(**fields):
        price = {"output_usd_per_mtok": 1.0, "input_usd_per_mtok": 1.0}
        dear = {"output_usd_per_mtok": 60.0, "input_usd_per_mtok": 15.0}
        models = [
            {"model": "openai/small", "name": "little", "quality": {"overall": 0.6, "math": 0.2}},
            {"model": "openai/large", "quality": 0.9, **dear},
        ]
        models[0] |= price
        router = Router(models, keys_required=False)
        routers.append(router)
        home = importlib.import_module(HOME)
        return home.RouterDecisionModel(
            router=router, routes={"fast": "little", "powerful": "openai/large"}, **fields
        )

    yield make
    for router in routers:
        router.close()


def asks(decisions, state, *labels):
    question = decisions.Choice(
        instructions="Which?", criteria=dict.fromkeys(labels or ("fast", "powerful"), "...")
    )
    return {"state": state, "questions": {"route": question}}


@pytest.mark.parametrize(
    ("state", "choice"),
    [
        ("Say hello", "fast"),
        (HumanMessage("Say hello"), "fast"),
        ([HumanMessage("Prove the theorem by a rigorous proof")], "powerful"),
        ({"messages": [HumanMessage("a"), AIMessage("b"), HumanMessage("Say hello")]}, "fast"),
        ([("human", "Say hello")], "fast"),
    ],
)
async def test_it_chooses_as_the_router_does(decisions, make, state, choice):
    model = make(hints={"value_usd": 0.02})
    if choice == "powerful":
        model = make(hints={"value_usd": 0.2, "task": "math"})
    answer = model.invoke(asks(decisions, state)).choices["route"]
    assert answer.choice == choice
    assert sum(answer.probabilities.values()) == pytest.approx(1.0)
    assert answer.confidence == answer.probabilities[choice] > 0.5
    again = await model.ainvoke(asks(decisions, state))
    assert again.choices["route"] == answer


def test_labels_may_name_targets_themselves(decisions, make):
    found = make().invoke(asks(decisions, "Hi", "little", "large")).choices["route"]
    assert set(found.probabilities) == {"little", "large"}


def test_only_the_labels_are_chosen_among(decisions, make):
    found = make().invoke(asks(decisions, "Hi", "powerful")).choices["route"]
    assert (found.choice, found.confidence) == ("powerful", 1.0)


def test_what_it_cannot_answer_is_said(decisions, make):
    with pytest.raises(ConfigurationError, match="'other' stands for no target"):
        make().invoke(asks(decisions, "Hi", "other"))
    with pytest.raises(InvalidRequestError, match="ask a Choice"):
        make().invoke({"state": "Hi", "questions": {"q": decisions.Noul(instructions="?")}})
    for state in (3, [], {"text": "Hi"}):
        with pytest.raises(InvalidRequestError, match="text or messages"):
            make().invoke(asks(decisions, state))


@pytest.mark.skipif(REAL, reason="langchain-core has decision models")
def test_without_decision_models_the_error_says_what_is_needed():
    code = "from llmrouter_integrations.langchain import RouterDecisionModel"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingExtraError" in done.stderr
    assert "langchain-core>=1.8" in done.stderr


@pytest.mark.skipif(not REAL, reason="needs langchain-core>=1.8 and langchain>=1.5")
@pytest.mark.filterwarnings("ignore:.*is in beta")
def test_it_drives_the_model_router_middleware(make):
    middleware = pytest.importorskip("langchain.agents.middleware")
    fake = importlib.import_module("langchain_core.language_models").FakeListChatModel
    models = {name: fake(responses=[name]) for name in ("fast", "powerful")}
    router = middleware.ModelRouterMiddleware(
        choices={n: middleware.ModelChoice(model=m, criteria="") for n, m in models.items()},
        instructions="Which?",
        classifier=make(hints={"value_usd": 0.02}),
    )
    agents = importlib.import_module("langchain.agents")
    agent = agents.create_agent(models["powerful"], middleware=[router])
    state = agent.invoke({"messages": [HumanMessage("Say hello")]})
    assert state["messages"][-1].content == "fast"
